"""The shipped extract and the draws from it."""

import gzip
import json
import re
from collections import Counter

import pytest

from course_lib.errors import CourseError
from course_lib.text import corpus, passages
from course_lib.text.corpus import Document
from course_lib.text.passages import MASKED, load_text_task, masked
from course_lib.text.prose import Section


@pytest.fixture(scope="module")
def extract():
    return json.loads(gzip.decompress(passages.EXTRACT.read_bytes()))


def test_the_extract_is_small_and_every_passage_has_45_words(extract):
    assert passages.EXTRACT.stat().st_size <= 1_000_000
    assert {len(row[3].split()) for row in extract["passages"]} == {45}
    texts = [row[3] for row in extract["passages"]]
    assert len(set(texts)) == len(texts)


def test_no_file_serves_two_parts(extract):
    rows = zip(extract["passages"], extract["files"], strict=True)
    for (library, _, part, _), path in rows:
        assert part == corpus.part_of(extract["libraries"][library], path)


def test_no_name_and_nothing_like_code_is_left(extract):
    for *_, text in extract["passages"]:
        rest = text.replace(MASKED, "")
        assert not passages.GIVEAWAYS & set(re.findall(r"[a-z]+", rest.lower())), text
        assert not re.search(r"[a-z][A-Z]|\w_\w|\w\.[a-z]\w", rest), text


def test_held_out_passages_share_no_ten_words_with_training_passages(extract):
    train = {s for *_, part, text in extract["passages"] if part == "train"
             for s in passages.shingles(text)}  # fmt: skip
    held_out = [text for *_, part, text in extract["passages"] if part != "train"]
    assert not any(s in train for text in held_out for s in passages.shingles(text))


def test_the_notice_names_every_library_with_its_version_and_its_licence_is_there(extract):
    notice = passages.EXTRACT.with_name("NOTICE.md").read_text()
    licences = passages.EXTRACT.with_name("LICENCES.txt").read_text()
    counts = Counter(row[0] for row in extract["passages"])
    for label, name in enumerate(extract["libraries"]):
        line = next(line for line in notice.splitlines() if line.startswith(f"| {name} |"))
        assert extract["versions"][name] in line and line.endswith(f"| {counts[label]} |")
        assert f"==== {name} {extract['versions'][name]} ====" in licences
    assert licences.count("opyright") >= 8


@pytest.mark.parametrize("name", passages.TASKS)
def test_a_draw_is_balanced_and_the_same_for_the_same_seed(name):
    task = load_text_task(name, train=50, seed=3)
    counts = Counter(task.train.labels.tolist())
    assert len(counts) == len(task.classes) and max(counts.values()) - min(counts.values()) <= 1
    assert len(task.test.texts) == passages.TEST
    assert len(task.validation.labels) == passages.VALIDATION
    assert load_text_task(name, train=50, seed=3).test.texts == task.test.texts
    assert load_text_task(name, train=50, seed=4).train.texts != task.train.texts


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "letters"}, "task"),
        ({"train": 100_000}, "is too much"),
        ({"train": 3}, "train"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_drawn_is_said(given, words):
    with pytest.raises(CourseError, match=words):
        load_text_task(**given)


def test_a_missing_extract_is_said(monkeypatch, tmp_path):
    passages._extract.cache_clear()
    monkeypatch.setattr(passages, "EXTRACT", tmp_path / "none.json.gz")
    with pytest.raises(CourseError, match="Install the course anew"):
        load_text_task()
    passages._extract.cache_clear()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("A NumPy array, or several.", "A [MASK] array, or several."),
        ("Call torch.nn.Linear or fit_transform.", "Call [MASK] or [MASK]."),
        ("A DataFrame-like (pandas) object", "A [MASK] [MASK] object"),
        ("The graph is connected.", "The graph is connected."),
        ("Use scikit-learn's own", "Use [MASK] own"),
    ],
)
def test_names_and_code_are_masked_and_the_rest_stays(written, read):
    assert masked(written.split()) == read


def test_choosing_leaves_out_what_training_files_say_too():
    def of(path, part, text, library="numpy"):
        return Document(library, path, part, ((Section("notes", (text,)),),))

    def sentence(word, count=45):
        return " ".join(
            f"{word}{'abcdefghij'[k % 10]}{'klmnopqrst'[k // 10]}" for k in range(count)
        )

    shared = sentence("one")
    documents = [
        of("a.py", "train", sentence("two")),
        of("b.py", "test", shared),
        of("c.py", "test", sentence("three")),
        of("d.py", "train", "word " * 9 + shared, library="click"),
    ]
    chosen = passages.choose(documents, {"train": 5, "validation": 5, "test": 5}, per_file=5)
    assert {(row[2], row[4]) for row in chosen} == {("train", "a.py"), ("test", "c.py")}
