"""The lab book: every claim has its section, and the source is what the claims say."""

import re

import make_lab_book

from course_lib.claims import claims

TO_A_CLAIM = re.compile(r"\[(C\d\w*)[^\]]*\]\(90_lab_book\.ipynb(?:#(\w+))?\)")


def test_the_lab_book_is_in_step_with_the_claims():
    text = make_lab_book.SOURCE.read_text(encoding="utf-8")
    assert text == make_lab_book.source()
    for tag in claims():
        assert f"# ### {tag}\n" in text and f'show_claim("{tag}")' in text


def test_a_link_that_names_a_claim_leads_to_that_claim():
    lessons = sorted(make_lab_book.SOURCE.parent.glob("*.py"))
    links = [
        (path.name, *found)
        for path in lessons
        for found in TO_A_CLAIM.findall(path.read_text(encoding="utf-8"))
    ]
    assert len(links) > 10
    for lesson, named, place in links:
        assert named == place and named in claims(), (lesson, named, place)
