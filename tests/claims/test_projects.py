"""The table of projects on photographs says what the stored rows hold."""

from course_lib import review
from course_lib.claims import photographs


def test_every_stored_run_is_in_the_table_and_the_test_was_looked_at_once():
    rows = photographs.rows_of(photographs.PROJECTS_ROWS)
    table = photographs.projects_table()
    for row in rows:
        assert f"| {row['name']} | {row['validation']:.3f} |" in table
    assert review.tested(rows) == () and review.tried(rows, 79) == ()


def test_without_rows_it_says_how_to_get_them(tmp_path):
    assert "COURSE_FOLDER" in photographs.projects_table(tmp_path / "none.json")
