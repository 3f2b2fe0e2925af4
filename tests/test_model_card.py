"""The card beside the weights: what is shipped is what it says."""

import hashlib

from course_lib.backbones.loading import WORLDNET_WEIGHTS, read_card
from course_lib.measure.hardware import machine
from course_lib.worldnet.card import transfer_table


def test_the_shipped_weights_are_small_half_precision_and_match_their_card():
    from safetensors.torch import load_file

    card = read_card(WORLDNET_WEIGHTS)
    data = WORLDNET_WEIGHTS.read_bytes()
    assert len(data) <= 8_000_000 and card["bytes"] == len(data)
    assert card["sha256"] == hashlib.sha256(data).hexdigest()
    floats = [t for t in load_file(WORLDNET_WEIGHTS).values() if t.is_floating_point()]
    assert {str(t.dtype) for t in floats} == {"torch.float16"}


def test_the_card_says_how_the_weights_were_made():
    card = read_card(WORLDNET_WEIGHTS)
    assert {"recipe", "steps", "seconds", "source_accuracy", "curve", "made_with"} <= set(card)
    assert {"seed", "pictures", "epochs", "batch", "rate"} <= set(card["recipe"])
    assert {"torch", "processor", "cores", "gpu"} <= set(card["made_with"])
    assert card["curve"][0]["loss"] > card["curve"][-1]["loss"]


def test_the_card_claims_no_more_than_a_fresh_sample_confirms():
    """400 fresh pictures of another seed; five standard errors of slack."""
    from course_lib import load_backbone
    from course_lib.worldnet.recipe import source_accuracy

    model = load_backbone()
    claimed = model.card["source_accuracy"]["class"]
    measured = source_accuracy(model.net, pictures=400, seed=4242)["class"]
    assert abs(measured - claimed) < 5 * (claimed * (1 - claimed) / 400) ** 0.5 + 0.01


def test_the_machine_is_described_in_plain_words():
    found = machine()
    assert found["cores"] >= 1 and found["torch"] and "/" not in str(found["processor"])


def test_the_transfer_table_marks_the_best_and_shows_gaps():
    scores = {"scratch": {"mean": 0.5, "sd": 0.02}, "fine-tuning": {"mean": 0.75, "sd": 0.01}}
    rows = [
        {"target": "a", "labels": 100, "metric": "accuracy", "draws": 5, "scores": scores},
        {"target": "b", "labels": 50, "metric": "auc", "draws": 5,
         "scores": {"scratch": {"mean": 0.6, "sd": 0.0}}},
    ]  # fmt: skip
    table = transfer_table({"transfer": rows})
    assert "| a | 100 | accuracy | 0.500 ± 0.020 | **0.750 ± 0.010** |" in table
    assert "| b | 50 | auc | **0.600 ± 0.000** | – |" in table and "5 draws" in table
    assert "no measured transfer" in transfer_table({})
