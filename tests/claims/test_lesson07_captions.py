"""Lesson 07's claims: what their trials measure, and what decides."""

import pandas as pd
import pytest
import torch

from course_lib import world
from course_lib.claims import lesson07_captions as lesson07
from course_lib.claims.trials import captions, prompts
from course_lib.joint import unseen_pairs
from course_lib.lab.claim import result_of
from course_lib.lab.looks import PIXELS, RANDOM
from tests.claims.tiny import run_tiny

# ---- C31, C34: pictures and words ----

SEEDS = (0, 1, 2)
TINY = {"seeds": (0, 1), "pictures": 60, "each": 1, "labels": (1, 2), "pool": 2}


@pytest.fixture(autouse=True)
def no_drawn_pictures_are_kept():
    yield
    for kept in (captions.captioned, captions.tested):
        kept.cache_clear()


@pytest.mark.parametrize(
    "claim",
    [lesson07.C31, lesson07.C31b, lesson07.C31c, lesson07.C34],
    ids=lambda claim: claim.tag,
)
def test_every_claim_about_captions_measures_judges_and_draws_on_a_tiny_world(claim, tiny_world):
    run_tiny(claim, **TINY)


def test_a_captioned_pair_scores_where_it_should_and_its_rivals_where_they_should():
    """With planted scores: a perfect one, and one that always says the first pair."""
    trial = {"seed": 3, "each": 2}
    unseen = unseen_pairs(3)
    columns = unseen[:, 0] * 16 + unseen[:, 1]
    right = torch.nn.functional.one_hot(columns.repeat_interleave(2), 384).float()
    assert captions.named_pairs(right, trial) == {"unseen": 1.0, "new": 1.0, "all": 1.0}
    first = torch.zeros(144, 384)
    first[:, columns[0]] = 1
    found = captions.named_pairs(first, trial)
    assert found["unseen"] == pytest.approx(1 / 72) and found["all"] == pytest.approx(1 / 72)
    assert found["new"] == pytest.approx(1 / 36)  # the first of equal scores wins there, too
    elsewhere = right.clone()
    open_pair = next(k for k in range(384) if k not in columns.tolist())
    elsewhere[:, open_pair] = 2  # a captioned pair wins as soon as it may
    assert captions.named_pairs(elsewhere, trial) == {"unseen": 1.0, "new": 1.0, "all": 0.0}


def test_every_colour_is_asked_for_with_every_pair():
    prompts_of = captions.colour_prompts()
    assert [len(group) for group in prompts_of] == [384] * 8
    assert prompts_of[0][0] == "a red plain circle" and "an orange" in prompts_of[1][0]
    scores = torch.eye(8)
    assert captions.named_colours(scores, torch.arange(8)) == {"colour": 1.0}
    assert captions.named_colours(scores, torch.zeros(8, dtype=torch.int64)) == {"colour": 0.125}


def test_a_left_out_word_leaves_its_pictures_and_nothing_else_out():
    everything, left = captions.captioned(4, 200), captions.captioned(4, 200, "crown")
    crown = world.SHAPES.index("crown")
    assert crown in everything.scenes.shape and crown not in left.scenes.shape
    keep = everything.scenes.shape != crown
    assert torch.equal(left.pictures, everything.pictures[keep])
    assert not any("crown" in caption for caption in left.captions)
    assert len(left.captions) == keep.sum()


def test_five_of_ten_words_are_new_to_worldnet_and_crown_is_the_first():
    words = [captions.word_of(seed) for seed in range(10)]
    assert words[0] == "crown" and len(set(words)) == 10
    assert sum(word in world.HELD_OUT_SHAPES for word in words) == 5


def test_late_features_are_the_last_of_those_with_the_stem(tiny_world):
    whole = captions.features_of(captions.STEM, 0, 20)
    late = captions.features_of(captions.LABELS, 0, 20)
    alone = captions.reader(captions.CAPTIONS, 0, 20)(captions.captioned(0, 20).pictures)
    assert whole.shape[1] == late.shape[1] + 16 * 4  # four channels in the small net's stem
    torch.testing.assert_close(late, alone)


def test_rivals_with_a_net_of_their_own_come_last_and_in_the_first_draws_only():
    trials = lesson07.C31.trials(lesson07.C31.full)
    names = [trial["tower"] for trial in trials]
    assert names.count(captions.CAPTIONS) == 10 and names.count(RANDOM) == 4
    assert names[-7:] == [RANDOM] * 4 + [captions.SCRATCH] * 3
    assert [trial["seed"] for trial in trials[-3:]] == [0, 1, 2]


def jitter(seed):
    return 0.004 * (seed - 1)


def rows(**columns):
    """One row per tower and draw; columns: measured -> {tower: value}."""
    towers = sorted({tower for table in columns.values() for tower in table})
    return pd.DataFrame(
        [
            {
                "tower": tower,
                "without": "",
                "seed": seed,
                "pictures": 4_000,
                **{name: table.get(tower, 0.3) + jitter(seed) for name, table in columns.items()},
            }
            for tower in towers
            for seed in SEEDS
            if tower != captions.SCRATCH or seed < 2  # as in the study, not in every draw
        ]
    )


TOWERS = {captions.LABELS: 0.8, captions.STEM: 0.8, RANDOM: 0.1, PIXELS: 0.1, captions.SCRATCH: 0.2}


@pytest.mark.parametrize(
    ("unseen", "new", "verdict"),
    [
        (0.8, 0.9, "holds"),
        (0.8, 0.3, "does not hold here"),  # only where WorldNet knew the pair
        (0.3, 0.9, "does not hold here"),
        (0.5, 0.9, "undecided"),
    ],
)
def test_c31_wants_both_kinds_of_pairs_named(unseen, new, verdict):
    table = rows(
        unseen={captions.CAPTIONS: unseen, **TOWERS}, new={captions.CAPTIONS: new, **TOWERS}
    )
    result = result_of(lesson07.C31, table, all_of_them=True)
    assert result.verdict == verdict
    by_name = {one.part.name: one for one in result.details}
    scratch = next(one for name, one in by_name.items() if "from scratch" in name)
    assert scratch.estimate.n == 2  # only draws that have both
    assert scratch.estimate.value == pytest.approx(unseen - 0.2, abs=0.01)


@pytest.mark.parametrize(
    ("late", "stem", "verdict"),
    [
        (0.13, 0.25, "holds"),
        (0.30, 0.40, "does not hold here"),  # the tower had not thrown it away
        (0.13, 0.14, "does not hold here"),  # the stem has no more of it
    ],
)
def test_c31b_wants_colour_gone_and_the_stem_to_bring_it_back(late, stem, verdict):
    table = rows(colour={**TOWERS, captions.CAPTIONS: late, captions.STEM: stem})
    assert result_of(lesson07.C31b, table, all_of_them=True).verdict == verdict


@pytest.mark.parametrize(
    ("never", "usual", "verdict"),
    [
        (0.02, 0.9, "holds"),
        (0.3, 0.9, "does not hold here"),
        (0.02, 0.2, "does not hold here"),  # then it was the pictures, not the word
    ],
)
def test_c31c_wants_the_word_named_with_captions_and_not_without(never, usual, verdict):
    table = pd.DataFrame(
        [
            {"tower": captions.CAPTIONS, "without": word, "seed": seed, "pictures": 4_000,
             "named": named + jitter(seed)}
            for word, named in (("crown", never), ("", usual))
            for seed in SEEDS
        ]
    )  # fmt: skip
    assert result_of(lesson07.C31c, table, all_of_them=True).verdict == verdict


def shots(prompt=0.9, probe=None, started=None):
    """Rows of C34; probe, started: accuracy by labels per class, over the usual ones."""
    usual = {k: 0.2 + 0.15 * n for n, k in enumerate(prompts.LABELLED)}
    curves = {method: dict(usual) for method in prompts.METHODS}
    curves[prompts.PROBE] |= {16: 0.95, **(probe or {})}
    curves[prompts.STARTED] = {**dict.fromkeys(prompts.LABELLED, 0.93), **(started or {})}
    curves[prompts.PROMPT] = {0: prompt}
    return pd.DataFrame(
        [
            {"method": method, "labels": k, "seed": seed, "pictures": 4_000,
             "test": score + jitter(seed)}
            for method, curve in curves.items()
            for k, score in curve.items()
            for seed in SEEDS
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "holds"),
        ({"probe": {1: 0.97}}, "does not hold here"),
        ({"probe": {16: 0.8}}, "does not hold here"),
        ({"started": {4: 0.85}}, "does not hold here"),  # behind the prompt at one number
        ({"started": {4: 0.895}}, "holds"),  # half a point, which the rule allows
    ],
)
def test_c34_wants_prompt_probe_and_started_head_in_their_order(changed, verdict):
    result = result_of(lesson07.C34, shots(**changed), all_of_them=True)
    assert result.verdict == verdict
    level = prompts.with_level(result.rows)
    assert level.loc[level["method"] == prompts.PROMPT, "labels"].isna().all()


def test_where_the_probe_overtakes_is_the_first_number_from_which_it_stays_ahead():
    assert prompts.overtakes(shots()) == 16
    assert prompts.overtakes(shots(probe={4: 0.92, 8: 0.7})) == 16
    assert prompts.overtakes(shots(probe={8: 0.92, 32: 0.97})) == 8
    assert prompts.overtakes(shots(prompt=0.99)) is None
