"""The shipped language model: what is shipped is what its card says."""

import hashlib

import torch
from safetensors.torch import load_file

from course_lib.text import load_language_model, load_text_task, tokens_of
from course_lib.text.card import WEIGHTS, read_card
from course_lib.text.corpus import TASK_LIBRARIES
from course_lib.text.masking import hide, masked_loss


def test_the_weights_are_small_half_precision_and_match_their_card():
    card, data = read_card(), WEIGHTS.read_bytes()
    assert len(data) == card["bytes"] <= 4_000_000
    vocabulary = WEIGHTS.with_name("vocabulary.json").read_bytes()
    assert hashlib.sha256(data + vocabulary).hexdigest() == card["sha256"]
    assert {str(t.dtype) for t in load_file(WEIGHTS).values()} == {"torch.float16"}


def test_the_card_says_how_it_was_made():
    card = read_card()
    assert set(TASK_LIBRARIES) <= set(card["corpus"]["libraries"])
    assert card["corpus"]["characters"] > 10_000_000 and card["parameters"] == 1_112_788
    assert card["curve"][0]["held_out"] > card["curve"][-1]["held_out"]
    assert {"torch", "processor"} <= set(card["made_with"]) and card["seconds"] > 0


def test_it_guesses_hidden_words_of_files_that_it_never_read():
    """Far better than one that knows nothing (8.3) or only frequencies (about 6)."""
    model = load_language_model()
    tokens = tokens_of(model, load_text_task(seed=5, train=8).test)[:128]
    read, hidden = hide(tokens, 4000, torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert masked_loss(model.body, read, tokens, hidden) < 4.5
