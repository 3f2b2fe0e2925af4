"""The lab book: every claim has its section, and the source is what the claims say."""

import make_lab_book

from course_lib.claims import claims


def test_the_lab_book_is_in_step_with_the_claims():
    text = make_lab_book.SOURCE.read_text(encoding="utf-8")
    assert text == make_lab_book.source()
    for tag in claims():
        assert f"# ### {tag}\n" in text and f'show_claim("{tag}")' in text
