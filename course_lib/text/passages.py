"""The labelled extract: 45 words of a docstring, the library they describe, the section they stand
in.

    task = load_text_task("libraries", train=100, seed=0)
    task.train.texts[0], task.classes[task.train.labels[0]]

Names of libraries, other giveaways and whatever is written like code are masked. Training,
validation and test passages come from different files, and no ten words in a row of a held-out
passage stand in a file that may be read for training. The extract is frozen: updates of the
libraries change nothing. Its texts stay under the licences of their libraries; see
shipped/NOTICE.md.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.text.corpus import PARTS, TASK_LIBRARIES, Document

EXTRACT = Path(__file__).parent / "shipped" / "passages.json.gz"
WORDS = 45
SECTION_NAMES = ("description", "parameters", "notes")  # of others there is too little
TASKS = {
    "libraries": "which of 8 libraries a passage describes",
    "sections": "which section of a docstring a passage stands in",
}
MASKED = "[MASK]"
# Names and short names of the libraries, and what only one of them is known for.
GIVEAWAYS = frozenset(
    """numpy np ndarray ndarrays ufunc ufuncs scipy scikit sklearn estimator estimators pandas pd
    dataframe dataframes matplotlib mpl pyplot plt torch pytorch cuda tensor tensors autograd
    networkx nx digraph sqlalchemy sqla orm sql""".split()
)
# Written like code: a dot, an underscore or a capital inside, digits among letters, call brackets.
CODE = re.compile(r"\w+[._]\w|\w*[a-z][A-Z]|[A-Za-z]+\d|_\w|\w+\(|[\[\]=<>\\@#|~^]")
MOST_MASKED = 6  # of 45 words
SHINGLE = 10  # words in a row that no held-out passage shares with a training file
VALIDATION, TEST = 200, 400  # passages of a draw


@dataclass(frozen=True)
class Passages:
    """texts, and (texts,) int64 labels."""

    texts: tuple[str, ...]
    labels: Tensor


@dataclass(frozen=True)
class TextTask:
    """A draw of a task: passages to learn from, to choose by, to measure on."""

    name: str
    classes: tuple[str, ...]
    train: Passages
    validation: Passages
    test: Passages


def load_text_task(
    name: str = "libraries",
    train: int = 100,
    seed: int = 0,
    validation: int = VALIDATION,
    test: int = TEST,
) -> TextTask:
    """A fresh draw of passages, every class (about) equally often.

    name: "libraries" or "sections". train, validation, test: passages in all. seed: which draw.

    Raises CourseError for an unknown task and for more passages than the extract has.
    """
    checks.one_of(name, "task", TASKS)
    seed = checks.whole_number(seed, "seed")
    extract = _extract()
    key = 0 if name == "libraries" else 1
    classes = tuple(extract["libraries"] if key == 0 else extract["sections"])
    random = np.random.default_rng([seed, key])
    drawn = []
    for part, count in zip(PARTS, (train, validation, test), strict=True):
        count = checks.whole_number(count, part, least=len(classes))
        rows = [row for row in extract["passages"] if row[2] == part]
        drawn.append(_drawn(rows, key, count, len(classes), random, part))
    return TextTask(name, classes, *drawn)


def _drawn(rows: list, key: int, count: int, classes: int, random, part: str) -> Passages:
    chosen = []
    for label in range(classes):
        mine = [row for row in rows if row[key] == label]
        wanted = count // classes + (label < count % classes)
        if wanted > len(mine):
            raise CourseError(
                f"The extract has {len(mine)} {part} passages of a class, {wanted} are asked for: "
                f"{count} in all is too much."
            )
        chosen += [mine[k] for k in random.choice(len(mine), wanted, replace=False)]
    chosen = [chosen[k] for k in random.permutation(len(chosen))]
    return Passages(tuple(row[3] for row in chosen), torch.tensor([row[key] for row in chosen]))


@lru_cache(maxsize=1)
def _extract() -> dict:
    try:
        return json.loads(gzip.decompress(EXTRACT.read_bytes()))
    except (OSError, EOFError, ValueError) as error:
        raise CourseError(
            f"The labelled passages {EXTRACT} cannot be read ({error}). Install the course anew."
        ) from error


# ---- how the extract was made: tools/make_passages.py -------------------------------------------


def masked(words: Iterable[str]) -> str:
    """Words with giveaways and code replaced by [MASK]; what stands before and after stays."""
    found: list[str] = []
    for word in words:
        core = word.strip(".,;:()'\"!?*`")
        if GIVEAWAYS & set(re.findall(r"[a-z]+", core.lower())) or CODE.search(core):
            tail = word[len(word.rstrip(".,;:")) :] if word[-1] in ".,;:" else ""
            found.append(MASKED + tail)
        else:
            found.append(word)
    return " ".join(found)


def candidates(document: Document) -> Iterator[tuple[int, str]]:
    """(section, masked passage) for every 45 words of a file's sections; rests are left out."""
    for docstring in document.docstrings:
        for section in docstring:
            if section.kind not in SECTION_NAMES:
                continue
            words = " ".join(section.paragraphs).split()
            for begin in range(0, len(words) - WORDS + 1, WORDS):
                text = masked(words[begin : begin + WORDS])
                if text.count(MASKED) <= MOST_MASKED:
                    yield SECTION_NAMES.index(section.kind), text


def shingles(text: str) -> Iterator[str]:
    """Every ten words in a row, letters only."""
    words = re.sub(r"[^a-z ]+", "", text.lower()).split()
    for begin in range(len(words) - SHINGLE + 1):
        yield " ".join(words[begin : begin + SHINGLE])


def choose(
    documents: Iterable[Document], wanted: dict[str, int], per_file: int, seed: int = 0
) -> list[tuple[int, int, str, str, str]]:
    """(library, section, part, text, file) of the passages of the extract.

    wanted: part -> passages of each library; rare sections first, no more than `per_file` from a
    file. Held-out passages that share ten words with a training file are left out, and so are
    passages that stand in two files.
    """
    random = np.random.default_rng(seed)
    documents = list(documents)
    pool, seen = [], set()
    for document in documents:
        if document.library not in TASK_LIBRARIES:
            continue
        mine = []
        for section, text in candidates(document):
            first = " ".join(text.lower().split()[:SHINGLE])
            if first not in seen:
                seen.add(first)
                mine.append((section, text))
        order = random.permutation(len(mine))[: 3 * per_file]
        pool += [(document.library, mine[k][0], document.part, mine[k][1], document.path)
                 for k in order]  # fmt: skip
    shared = _shared(documents, pool)
    pool = [row for number, row in enumerate(pool) if number not in shared]
    chosen = []
    for label, library in enumerate(TASK_LIBRARIES):
        for part, count in wanted.items():
            rows = [row for row in pool if row[0] == library and row[2] == part]
            chosen += [(label, *row[1:]) for row in _balanced(rows, count, per_file, random)]
    return chosen


def _shared(documents: list[Document], pool: list) -> set[int]:
    """Which passages of the pool, held out, share ten words with a text that training may see."""
    owners: dict[str, set[int]] = {}
    for number, (_, _, part, text, _) in enumerate(pool):
        if part != "train":
            for shingle in shingles(text):
                owners.setdefault(shingle, set()).add(number)
    found: set[int] = set()
    for document in documents:
        if document.part != "train":
            continue
        for docstring in document.docstrings:
            for section in docstring:
                words = " ".join(section.paragraphs).split()
                for shingle in shingles(masked(words)):
                    found |= owners.get(shingle, set())
    return found


def _balanced(rows: list, count: int, per_file: int, random) -> list:
    """`count` rows, the sections as even as they come, at most per_file of a file."""
    left = {
        section: [row for row in rows if row[1] == section] for section in range(len(SECTION_NAMES))
    }
    for of_section in left.values():
        random.shuffle(of_section)
    chosen: list = []
    files: Counter[str] = Counter()
    while len(chosen) < count and any(left.values()):
        for of_section in left.values():
            while of_section:
                row = of_section.pop()
                if files[row[4]] < per_file:
                    files[row[4]] += 1
                    chosen.append(row)
                    break
    return chosen[:count]
