"""Advice of the advisor, keys of the quizzes and stored verdicts say the same.

A study that is measured anew may turn a verdict or move a number; then the keys and explanations
that were written under the old one have to be read again, and a test here says which.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from course_lib import claims
from course_lib.claims.real_x_rays import stored_real
from course_lib.claims.trials import advice, mistakes
from course_lib.claims.trials.transfer import FINE, FULL, HEAD_ONLY, SCRATCH
from course_lib.questions import practice
from course_lib.questions.format import load_bank
from course_lib.widgets import advisor
from course_lib.widgets.advisor import CLEAR, NAMED, PRESETS, advise

stored_result = lru_cache(claims.stored_result)
GRADED = load_bank(Path(__file__).parents[2] / "quizzes" / "bank")
PRACTICE = load_bank(Path(practice.__file__).parent / "bank")

HOLDS, REFUTED, UNDECIDED = "holds", "does not hold here", "undecided"
# The verdicts under which the keys were written.
WRITTEN_UNDER = {
    **dict.fromkeys(
        ("C01", "C02", "C03", "C05", "C06", "C07", "C08", "C10", "C11", "C14", "C35", "C36"), HOLDS
    ),
    **dict.fromkeys(("C04", "C09", "C17", "C37"), REFUTED),
    **dict.fromkeys(("C12", "C13", "C15", "C16", "C38"), UNDECIDED),
    "C18": HOLDS,
    "C19": REFUTED,
    "C20": REFUTED,
    "C21": UNDECIDED,
    "C22": UNDECIDED,
    "C23": HOLDS,
    "C24": REFUTED,
    "C25": UNDECIDED,
    "C26": UNDECIDED,
    "C27": REFUTED,
    "C28": UNDECIDED,
    "C29": UNDECIDED,
    "C30": HOLDS,
    **dict.fromkeys(("C31", "C32", "C33", "C34"), HOLDS),
}


def question(name):
    banks = (*GRADED.values(), *PRACTICE.values())
    return next(q for quiz in banks for q in quiz.questions if q.id == name)


def key_text(q):
    return next(c.text for c in q.choices if c.correct)


def whys(q):
    return " ".join(c.why for c in q.choices)


CLAIMED = sorted(
    {
        (tag, q.id)
        for bank in (GRADED, PRACTICE)
        for quiz in bank.values()
        for q in quiz.questions
        for tag in q.claims
    }
)


@pytest.mark.parametrize(("tag", "name"), CLAIMED)
def test_a_key_was_written_under_the_verdict_that_is_stored(tag, name):
    assert stored_result(tag).verdict == WRITTEN_UNDER[tag], f"read the key of {name} again"


# --- the five presets of the advisor --------------------------------------------------------------


def nearest(labels, similarity):
    """Mean score by strategy in the nearest cell of C09, from its rows."""
    rows = stored_result("C09").rows
    alike = "similar" if similarity >= 0.5 else "different"
    rows = rows[rows["task"].map(advice.SIMILARITY) == alike]
    sizes = np.unique(rows["train"])
    train = sizes[np.abs(np.log(sizes / labels)).argmin()]
    means = rows[rows["train"] == train].groupby("strategy")["test"].mean()
    return means[[HEAD_ONLY, FINE, FULL, SCRATCH]]


def test_the_advisor_and_the_claim_read_the_rule_of_thumb_alike():
    assert NAMED == advice.ADVICE


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_advised_against_the_rule_just_where_the_measured_cell_speaks_against_it(name):
    labels, similarity, _ = PRESETS[name]
    found, means = advise(labels, similarity), nearest(labels, similarity)
    named = NAMED[found["size"], found["similarity"]]
    lead = means.max() - means[list(named)].max()
    assert found["measured"]["best"] == means.idxmax()
    assert bool(found["caution"]) == (lead >= CLEAR)
    if found["caution"]:
        assert means.idxmax() in found["caution"] and means.idxmax() not in named


@pytest.mark.parametrize(
    "cell", advisor.measured_cells(), ids=lambda c: f"{c['task']} {c['train']}"
)
def test_the_advisor_warns_of_a_cell_that_refutes_the_rule_and_of_none_where_it_holds(cell):
    key = advice.size_word(cell["train"]), cell["similarity"]
    study = stored_result("C09")
    (part,) = (
        judged
        for judged in (*study.judged, *study.details)
        if judged.part.name.startswith(", ".join(key) + ":")
    )
    assert part.verdict == cell["verdict"]
    if part.verdict == REFUTED and part.estimate.value < -CLEAR:
        assert cell["best"] in advisor.caution(key, cell)
    if part.verdict == HOLDS:
        assert not advisor.caution(key, cell)


# A preset's question -> what each choice plans: strategies of which one must be near the best.
PLANS = {
    "l02-radiographs": ("X-rays", {"a": {HEAD_ONLY}, "b": {FULL}, "c": {FINE}}),
    "l02-satellite": ("Crop disease from satellites", {"a": {HEAD_ONLY}, "d": {FINE, FULL}}),
}


@pytest.mark.parametrize("name", PLANS)
def test_the_key_for_a_preset_plans_what_did_best_nearby_and_wrong_choices_do_not(name):
    preset, plans = PLANS[name]
    means = nearest(*PRESETS[preset][:2])
    (right,) = question(name).key
    for letter, planned in plans.items():
        near_the_best = means[list(planned)].max() > means.max() - CLEAR
        assert near_the_best == (letter == right), (letter, planned)


# --- numbers that questions quote -----------------------------------------------------------------


def percent(number):
    """As questions write a share: ".87"."""
    return f"{number:.2f}".lstrip("0")


def test_what_the_cells_of_the_rule_of_thumb_gave_is_what_the_questions_say():
    means = stored_result("C09").rows.groupby(["task", "train", "strategy"])["test"].mean()
    many, few = means["radiographs", 1_000], means["radiographs", 100]
    told = whys(question("l02-radiographs"))
    assert many.drop(["pixel logistic regression", "random frozen backbone"]).idxmin() == HEAD_ONLY
    assert f"AUC {percent(many[HEAD_ONLY])} against {percent(many[FULL])} for full" in told
    for text, name in (("had AUC", FULL), ("scratch", SCRATCH), ("late stages", FINE),
                       ("a frozen head", HEAD_ONLY)):  # fmt: skip
        assert f"{text} {many[name]:.3f}".replace(" 0.", " .") in told
    assert f"it lost {100 * (many[FULL] - many[FINE]):.0f} points at 1,000" in told
    ahead = f"{100 * (few[FULL] - few[FINE]):.0f} points above late ones"
    assert ahead in whys(question("l02-satellite"))
    shapes = means["new-shapes", 100]
    better = f"fine-tuning did {100 * (shapes[FINE] - shapes[HEAD_ONLY]):.0f} points better"
    assert better in whys(question("p02-small-similar"))


def test_what_foreign_stages_cost_is_what_the_question_says():
    first, every, _ = stored_result("C03").judged
    assert first.estimate.high < 0.01  # B's own minus A's
    told = whys(question("l01-transplant"))
    assert "cost nothing here" in told and f"cost {100 * every.estimate.value:.0f} points" in told


def test_what_unfreezing_gradually_cost_is_what_the_question_says():
    (_, cluttered) = stored_result("C17").judged
    worse = -100 * cluttered.estimate.value
    low, high = (-100 * end for end in (cluttered.estimate.high, cluttered.estimate.low))
    told = f"{worse:.1f} points worse here (95 % interval {low:.1f} to {high:.1f})"
    assert "cluttered" in cluttered.part.name and told in whys(question("l03-gradual"))


def test_what_is_learnt_by_heart_is_what_the_question_says():
    means = stored_result("C35").rows.groupby("strategy")[["train_accuracy", "test"]].mean()
    scratch, head = means.loc[SCRATCH], means.loc[HEAD_ONLY]
    told = question("l02-memorise").prompt
    assert f"{scratch['train_accuracy']:.0%}".replace("%", " %") in told
    assert f"{scratch['test']:.0%} test accuracy".replace("%", " %") in told
    assert f"{head['train_accuracy']:.0%} and {head['test']:.0%}".replace("%", " %") in told


def lost(mistake, task, strategy):
    rows = mistakes.with_losses(stored_result("C27").rows)
    where = (rows["mistake"] == mistake) & (rows["task"] == task) & (rows["strategy"] == strategy)
    return 100 * rows[where & (rows["when"] == mistakes.SERVING)]["lost"].mean()


def test_what_swapped_colours_cost_is_what_the_key_says():
    shapes = lost("BGR for RGB", mistakes.SHAPES, HEAD_ONLY)
    lights = lost("BGR for RGB", mistakes.LIGHT, mistakes.FIRST_STAGES.name)
    assert shapes < 1 and f"{lights:.0f} points" in whys(question("l06-bgr"))
    assert "little" in key_text(question("l06-bgr"))
    assert f"{lost('0 to 255 taken for 0 to 1', mistakes.SHAPES, HEAD_ONLY):.0f} points" in whys(
        question("l06-normalise")
    )


def test_what_x_rays_gave_is_what_the_question_says():
    q = question("l06-x-rays")
    phantoms = stored_result("C29").rows.groupby(["train", "strategy"])["auc"].mean()
    real = stored_real().rows.groupby(["train", "strategy"])["auc"].mean()
    most = real.index.get_level_values("train").max()
    few = 100 * (phantoms[100, FULL] - phantoms[100, SCRATCH])
    assert f"{few:.0f} points of AUC ahead of scratch at 100 labels" in q.prompt
    assert f"{100 * (real[most, FULL] - real[most, SCRATCH]):.0f} points" in q.prompt
    assert abs(most - 3_900) < 50
    last = {j.part.name: j for j in stored_result("C29").judged}
    assert last["fine-tuned minus scratch, AUC at the most labels"].verdict == UNDECIDED
    ahead = last["fine-tuned minus frozen, AUC at the most labels"]
    assert ahead.verdict == HOLDS and f"{100 * ahead.estimate.value:.0f} points behind" in whys(q)
    assert phantoms[5000].idxmin() in (
        HEAD_ONLY,
        "pixel logistic regression",
        "random frozen backbone",
    )


def test_the_backbones_of_the_key_are_those_that_ask_for_less():
    times = stored_result("C30").rows.set_index("backbone")["milliseconds"]
    assert times["mobilenet_v3_small"] < times["resnet50"] < times["vit_b_16"] / 3
    parameters = stored_result("C30").rows.set_index("backbone")["parameters"]
    assert f"{parameters['vgg19'] / 1e6:.0f} million" in whys(question("l06-backbones"))


def test_the_advice_of_the_x_ray_preset_is_the_plan_of_the_key():
    assert FULL in advise(*PRESETS["X-rays"][:2])["caution"]
    assert key_text(question("l02-radiographs")).lower().startswith(FULL)
    assert advisor.zone(*PRESETS["X-rays"][:2]) == ("small", "different")
