"""``course quiz check``: a good bank passes, and each of the faults planted here is found."""

import shutil

import pytest
import quizlab
import yaml

from course_lib.grading import checking, cli

CHOICES = [("b", "a wrong one, {}"), ("c", "another of them, {}"), ("d", "no more than a guess")]


def mini() -> dict:
    return yaml.safe_load((quizlab.BANK / "mini.yaml").read_text())


@pytest.fixture
def bank(tmp_path):
    """A copy of the small bank, as data that a test may damage."""
    folder = tmp_path / "bank"
    shutil.copytree(quizlab.BANK / "checks", folder / "checks")
    return folder


def write(bank, quiz: dict) -> None:
    (bank / "mini.yaml").write_text(yaml.safe_dump(quiz, sort_keys=False))


def found(bank, capsys, *words) -> tuple[int, str]:
    """The exit code and what ``course quiz check`` says."""
    code = cli.main(["check", str(bank), *words])
    return code, capsys.readouterr().out


def named(quiz: dict, name: str) -> dict:
    return next(q for q in quiz["questions"] if q["id"] == name)


# --- faults of one question: the field that is changed, and what is said ------------------------

FIELDS = {
    "an unknown field": ("mini-choice", "ponts", 1, "ponts: unknown field"),
    "two right choices": (
        *("mini-choice", "choices"),
        [
            {"text": t, "why": "It is so indeed.", "correct": t != "one"}
            for t in ("two", "one", "4")
        ],
        "2 choices are marked correct",
    ),
    "the same id twice": ("mini-multiple", "id", "mini-choice", "'mini-choice' is used twice"),
    "parts that do not add up": ("mini-scale", "points", 5, "sum to 4, the question has 5"),
    "no check file": ("mini-scale", "check", "none-such", "no file checks/none-such.py"),
    "a program that is none": ("mini-scale", "examples", "print(", "is not Python"),
    "a reference that raises": (
        *("mini-scale", "reference", "def scale(x, f):\n    return xx * f\n"),
        "It raises NameError: name 'xx' is not defined",
    ),
    "a reference that differs from run to run": (
        *("mini-scale", "reference"),
        "import numpy as np\ndef scale(x, factor):\n    return x * np.random.random()\n"
        "def total(x):\n    return x.sum()\n",
        "its reference gets 1 points of 4",
    ),
    "a wrong number that is right": (
        *("mini-number", "wrong", [{"answer": 0.505, "score": 0}]),
        "the wrong answer 0.505 gets 2 points, not 0",
    ),
    "a wrong choice with another score": (
        *("mini-multiple", "wrong", [{"answer": ["a", "b"], "score": 1}]),
        "['a', 'b'] gets 0 points, not 1",
    ),
    "a wrong program with another score": (
        *("mini-scale", "wrong"),
        [{"answer": "def scale(x, factor):\n    return x * factor\n", "score": 1}],
        "its wrong answer 1 gets 3 points, not 1",
    ),
    "a starter that is the solution": (
        *("mini-scale", "starter", "def scale(x, factor):\n    return x * factor\n"),
        "the starter, as it is handed out, gets points",
    ),
    "examples that do not run": (
        *("mini-scale", "examples", "print(scael(1, 2))"),
        "its public examples do not run",
    ),
    "a tolerance that takes zero": ("mini-number", "tolerance", 0.6, "takes 0 as right"),
    "partial points within the right answer": (
        *("mini-number", "partial", [{"answer": 0.5, "tolerance": 0, "score": 1, "why": "So."}]),
        "lies within the right answer's tolerance",
    ),
    "a choice that stands twice": (
        *("mini-choice", "choices"),
        [
            {"text": "five", "why": "It is odd, that one."},
            {"text": "four", "correct": True, "why": "It is even, that one."},
            {"text": " Five", "why": "It is odd as well."},
        ],
        "two choices say the same: 'five'",
    ),
    "a picture that is not there": (
        *("mini-choice", "prompt", "![a plot](plot.png) What is it?"),
        "no picture plot.png",
    ),
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_fault_of_one_question_is_found(bank, capsys, bubblewrap, name):
    question, field, value, said = FIELDS[name]
    quiz = mini()
    named(quiz, question)[field] = value
    if name == "a tolerance that takes zero":
        named(quiz, question)["wrong"] = [{"answer": 50, "score": 1}]
    if name == "partial points within the right answer":
        named(quiz, question)["wrong"] = [{"answer": 50, "score": 0}]
    write(bank, quiz)
    code, text = found(bank, capsys)
    assert code == 1 and said in text, text


SEEDED = "import numpy\n\n\ndef inputs(rng):\n    rng = numpy.random.default_rng({})"
CHECKS = {
    "inputs that are always the same": (
        *("def inputs(rng):", SEEDED.format("7")),
        "its inputs are the same for every seed",
    ),
    "inputs that no seed brings back": (
        *("def inputs(rng):", SEEDED.format("")),
        "its inputs differ for one seed",
    ),
    "a check that looks at nothing": (
        *('answer.scale(case["x"], case["factor"])', 'answer.scale(case["x"], 1) is not None'),
        "an answer that does no work",
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_fault_of_a_check_is_found(bank, capsys, bubblewrap, name):
    old, new, said = CHECKS[name]
    path = bank / "checks" / "mini-scale.py"
    source = path.read_text()
    assert old in source, source
    path.write_text(source.replace(old, new))
    write(bank, mini())
    code, text = found(bank, capsys)
    assert said in text, text


# --- cues: hints about a whole bank -------------------------------------------------------------


def of_many(bank, kind, keys, texts, **fields) -> None:
    """A bank of questions with these right letters; ``texts(key, letter)`` writes a choice."""
    questions = []
    for number, key in enumerate(keys):
        choices = [
            {"text": texts(key, x), "why": f"So it is with {x} here, {number}."}
            | ({"correct": True} if x in key else {})
            for x in "abcd"
        ]
        wrong = next(x for x in "abcd" if x not in key)
        wrong = [wrong] if kind == "multiple" else wrong
        questions.append(
            {"id": f"cue-{number}", "kind": kind, "points": 1, "prompt": f"What of {number}?"}
            | {"choices": choices, "wrong": [{"answer": wrong, "score": 0}], **fields}
        )
    quiz = {"quiz": "cue", "title": "Cues", "lesson": "01", "questions": questions}
    (bank / "cue.yaml").write_text(yaml.safe_dump(quiz))


def alike(key, letter):
    return f"choice {letter} of these"


def told(key, letter):
    return f"choice {letter} of these" + (", with care" if letter in key else "")


CUES = {
    "the longest is right": ("choice", "abcd" * 4, told, "is the longest in 100%"),
    "one letter is right": ("choice", "b" * 14, alike, "b) is right in 100% of 14"),
    "option a is always right": (
        *("multiple", ["ab", "acd", "ad", "abc", "a", "ac"], alike),
        "a) is right in 100% of 6 multiple",
    ),
    "always two are right": (
        *("multiple", ["ab", "cd", "bd", "ac", "bc", "ad"], alike),
        "all 6 multiple questions have 2 right choices",
    ),
    "ticking everything pays": (
        *("multiple", ["abc", "bcd", "acd", "abd", "abc", "ab"], alike),
        "everything earns",
    ),
}


@pytest.mark.parametrize("name", CUES)
def test_a_cue_is_found(bank, capsys, name):
    kind, keys, texts, said = CUES[name]
    of_many(bank, kind, keys, texts)
    code, text = found(bank, capsys)
    assert code == 0 and "hint: " in text and said in text, text
    assert found(bank, capsys, "--strict")[0] == 1


def test_shuffled_choices_have_no_place_that_could_tell(bank, capsys):
    of_many(bank, "choice", "b" * 14, alike, shuffle=True)
    assert found(bank, capsys) == (0, "0 faults, 0 hints.\n")


def test_a_question_that_is_asked_twice_and_unequal_choices_are_hints(bank, capsys):
    of_many(bank, "choice", "abcd", alike)
    path = bank / "cue.yaml"
    path.write_text(path.read_text().replace("What of 2?", "What of 1?"))
    text = found(bank, capsys)[1]
    assert "cue-2 asks what cue-1 asks" in text
    path.write_text(path.read_text().replace("choice a of these", "all of these"))
    text = found(bank, capsys)[1]
    assert "speaks of the other choices" in text and "12 to 17 characters" in text


def test_at_least_twenty_different_faults_are_planted_here():
    assert len(FIELDS) + len(CHECKS) + len(CUES) + 2 >= 20


def test_a_good_bank_passes_and_build_refuses_one_whose_reference_raises(
    bank, capsys, bubblewrap, tmp_path
):
    write(bank, mini())
    code, text = found(bank, capsys)
    assert code == 0 and text.endswith("0 faults, 6 hints.\n"), text  # terse explanations
    assert all(not one.grave for one in checking.check(bank))
    quiz = mini()
    named(quiz, "mini-scale")["reference"] = "def scale(x, factor):\n    return xx\n"
    write(bank, quiz)
    course = tmp_path / "course"
    course.mkdir()
    command = ["build", "--course-dir", str(course), "--bank", str(bank)]
    assert cli.main(command) == 1
    assert "NameError" in capsys.readouterr().err and not (course / "release").exists()
    assert cli.main([*command, "--unchecked"]) == 0


def test_one_quiz_that_cannot_be_read_does_not_hide_the_faults_of_another(bank, capsys):
    of_many(bank, "choice", "ab", alike)
    (bank / "a.yaml").write_text("quiz: [")
    text = (bank / "cue.yaml").read_text()
    (bank / "cue.yaml").write_text(text.replace("score: 0", "score: 0.5", 1))
    code, said = found(bank, capsys)
    assert code == 1 and "a.yaml:" in said and "gets 0 points, not 0.5" in said
