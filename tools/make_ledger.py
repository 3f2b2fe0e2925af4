"""Write docs/ledger.md from the stored rows.

python tools/make_ledger.py
"""

from pathlib import Path

from course_lib.claims.ledger_page import page
from course_lib.files import write_atomically

PAGE = Path(__file__).parents[1] / "docs" / "ledger.md"

if __name__ == "__main__":
    write_atomically(PAGE, page())
    print(PAGE)
