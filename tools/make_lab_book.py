"""Write the lab book's source from the claims: notebooks/source/90_lab_book.py.

    python tools/make_lab_book.py

Every claim has a section with its statement, its chart, verdict and rows. Run it when a claim is
added or reworded; a test says so when it is due.
"""

from pathlib import Path

from course_lib.claims import claims

SOURCE = Path(__file__).resolve().parents[1] / "notebooks" / "source" / "90_lab_book.py"
TITLES = {
    "01": "Feature hierarchies",
    "02": "Three strategies",
    "03": "Learning rates",
    "04": "Forgetting",
    "05": "Domain adaptation",
    "06": "Production",
    "07": "Transfer everywhere",
}
HEAD = """# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Lab book
#
# Every claim of the course on one page: what it says, what was found, and the rule by which it was
# judged, with a word on which was there first, rule or rows. Charts show stored full-size studies.
# Below each chart fold the rule with every part, its interval and its draws, and the numbers that
# were drawn.
#
# - *Holds*: the whole 95 % interval lies where the claim says.
# - *Does not hold here*: it lies wholly elsewhere. *No difference that matters*: that, and the
#   difference is too small to care about.
# - *Undecided*: the interval covers the threshold; the text says what this much data could have
#   told apart.
#
# With so many claims some are decided by chance. *After Holm* says what remains when all are asked
# together. Rows of the "first edition" were measured before the rules were sharpened: few draws,
# and test pictures that all draws share. To measure a claim anew: `course claims run C06`; to judge
# all stored rows and measure some again: `course claims check`.

# %%
from IPython.display import Markdown, display

from course_lib.claims import claims, show_claim, stored_result, stored_results
from course_lib.lab.ledger import ledger
from course_lib.measure.tables import markdown_table

table = ledger(claims(), stored_results(), stored_results(track="photos"))
shown = table[["claim", "statement", "image world", "after Holm", "photographs", "n", "date"]]
display(Markdown(markdown_table(shown)))

# %% [markdown]
# **The rows.** `stored_result("C06").rows` is a pandas DataFrame, one line per trial: write it with
# `.to_csv("C06.csv")`, judge it by a rule of your own, draw it your way.

# %%
stored_result("C06").rows.iloc[:3, :8]
"""
NETS = r"""# %% [markdown]
# ## Is it the net?
#
# Nearly all verdicts above rest on one pretrained net. Would another one, pretrained from another
# seed, have given the same?

# %%
from course_lib.claims import on_other_nets

display(Markdown(on_other_nets.about() + "\n\n" + markdown_table(on_other_nets.table())))
"""


def source() -> str:
    parts, lesson = [HEAD], ""
    for tag, claim in sorted(claims().items(), key=lambda item: (item[1].lesson, item[0])):
        if claim.lesson != lesson:
            lesson = claim.lesson
            parts.append(f"# %% [markdown]\n# ## Lesson {lesson}: {TITLES[lesson]}\n")
        parts.append(f"# %% [markdown]\n# ### {tag}\n")
        parts.append(f'# %%\nshow_claim("{tag}")\n')
    return "\n".join([*parts, NETS])


def main() -> None:
    SOURCE.write_text(source(), encoding="utf-8")


if __name__ == "__main__":
    main()
