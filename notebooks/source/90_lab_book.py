# ---
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

# %% [markdown]
# ## Lesson 01: Feature hierarchies

# %% [markdown]
# ### C01

# %%
show_claim("C01")

# %% [markdown]
# ### C02

# %%
show_claim("C02")

# %% [markdown]
# ### C03

# %%
show_claim("C03")

# %% [markdown]
# ### C04

# %%
show_claim("C04")

# %% [markdown]
# ### C05

# %%
show_claim("C05")

# %% [markdown]
# ### C37

# %%
show_claim("C37")

# %% [markdown]
# ### C38

# %%
show_claim("C38")

# %% [markdown]
# ## Lesson 02: Three strategies

# %% [markdown]
# ### C06

# %%
show_claim("C06")

# %% [markdown]
# ### C07

# %%
show_claim("C07")

# %% [markdown]
# ### C08

# %%
show_claim("C08")

# %% [markdown]
# ### C09

# %%
show_claim("C09")

# %% [markdown]
# ### C10

# %%
show_claim("C10")

# %% [markdown]
# ### C11

# %%
show_claim("C11")

# %% [markdown]
# ### C12

# %%
show_claim("C12")

# %% [markdown]
# ### C13

# %%
show_claim("C13")

# %% [markdown]
# ### C35

# %%
show_claim("C35")

# %% [markdown]
# ### C36

# %%
show_claim("C36")

# %% [markdown]
# ## Lesson 03: Learning rates

# %% [markdown]
# ### C14

# %%
show_claim("C14")

# %% [markdown]
# ### C15

# %%
show_claim("C15")

# %% [markdown]
# ### C16

# %%
show_claim("C16")

# %% [markdown]
# ### C17

# %%
show_claim("C17")

# %% [markdown]
# ## Lesson 04: Forgetting

# %% [markdown]
# ### C18

# %%
show_claim("C18")

# %% [markdown]
# ### C19

# %%
show_claim("C19")

# %% [markdown]
# ### C20

# %%
show_claim("C20")

# %% [markdown]
# ### C21

# %%
show_claim("C21")

# %% [markdown]
# ## Lesson 05: Domain adaptation

# %% [markdown]
# ### C22

# %%
show_claim("C22")

# %% [markdown]
# ### C23

# %%
show_claim("C23")

# %% [markdown]
# ### C24

# %%
show_claim("C24")

# %% [markdown]
# ### C25

# %%
show_claim("C25")

# %% [markdown]
# ### C26

# %%
show_claim("C26")

# %% [markdown]
# ## Lesson 06: Production

# %% [markdown]
# ### C27

# %%
show_claim("C27")

# %% [markdown]
# ### C27b

# %%
show_claim("C27b")

# %% [markdown]
# ### C28

# %%
show_claim("C28")

# %% [markdown]
# ### C29

# %%
show_claim("C29")

# %% [markdown]
# ### C29b

# %%
show_claim("C29b")

# %% [markdown]
# ### C29c

# %%
show_claim("C29c")

# %% [markdown]
# ### C30

# %%
show_claim("C30")

# %% [markdown]
# ## Lesson 07: Transfer everywhere

# %% [markdown]
# ### C31

# %%
show_claim("C31")

# %% [markdown]
# ### C31b

# %%
show_claim("C31b")

# %% [markdown]
# ### C31c

# %%
show_claim("C31c")

# %% [markdown]
# ### C32

# %%
show_claim("C32")

# %% [markdown]
# ### C33

# %%
show_claim("C33")

# %% [markdown]
# ### C33b

# %%
show_claim("C33b")

# %% [markdown]
# ### C34

# %%
show_claim("C34")

# %% [markdown]
# ## Is it the net?
#
# Nearly all verdicts above rest on one pretrained net. Would another one, pretrained from another
# seed, have given the same?

# %%
from course_lib.claims import on_other_nets

display(Markdown(on_other_nets.about() + "\n\n" + markdown_table(on_other_nets.table())))
