"""CycleGAN's losses on maps with known inverses, and that training and storing work."""

import pytest
import torch

from course_lib.adaptation import Translator, load_translator
from course_lib.adaptation.translation import (
    Generator,
    as_bytes,
    as_input,
    cycle_loss,
    identity_loss,
    save_translator,
)
from course_lib.errors import CourseError
from tests.fakes import pictures


def test_the_cycle_loss_is_zero_for_exact_inverses_and_by_hand_otherwise():
    x = torch.linspace(-1, 1, 48).view(1, 3, 4, 4)
    assert cycle_loss(lambda v: 2 * v, lambda v: v / 2, x).item() == 0
    # back(there(x)) = x + 0.25 everywhere.
    assert cycle_loss(lambda v: v + 0.5, lambda v: v - 0.25, x).item() == pytest.approx(0.25)


def test_the_identity_loss_asks_nothing_of_pictures_that_are_there_already():
    y = torch.full((1, 3, 2, 2), 0.5)
    assert identity_loss(lambda v: v, y).item() == 0
    assert identity_loss(lambda v: v - 0.2, y).item() == pytest.approx(0.2)


def test_a_generator_keeps_the_size_and_sees_seven_pixels():
    torch.manual_seed(0)  # at this width some seeds leave every ReLU of the middle closed
    net = Generator(16)
    x = torch.rand(1, 3, 20, 24, requires_grad=True)
    out = net(x)
    assert out.shape == x.shape
    out[0, :, 10, 12].sum().backward()
    rows, columns = x.grad[0].abs().sum(0).nonzero().T
    assert rows.min() >= 7 and rows.max() <= 13 and columns.min() >= 9 and columns.max() <= 15


def test_bytes_go_there_and_back():
    shown = torch.arange(256, dtype=torch.uint8).repeat(3, 1).view(1, 3, 16, 16)
    assert torch.equal(as_bytes(as_input(shown)), shown)
    assert as_bytes(torch.tensor([-9.0, 9.0])).tolist() == [0, 255]


def test_a_translator_learns_that_the_other_domain_is_darker():
    bright = pictures(64, 3, 1).pictures
    dark = pictures(64, 3, 2).pictures // 3
    translator = Translator(seed=0, width=8)
    losses = [step.cycle for step in translator.train(bright, dark, 60, lr=3e-3)]
    assert losses[-1] < losses[0]
    shown = translator.translate(bright).float().mean()
    assert abs(shown - dark.float().mean()) < abs(bright.float().mean() - dark.float().mean()) / 2
    assert translator.translate(bright, back=True).shape == bright.shape


def test_a_stored_translator_comes_back_and_a_changed_one_is_refused(tmp_path):
    translator, path = Translator(seed=3, width=4), tmp_path / "t.safetensors"
    save_translator(translator, {"width": 4, "steps": 7}, path)
    shown = pictures(3, 3).pictures
    again = load_translator(path)
    assert torch.equal(again.translate(shown), translator.translate(shown))
    assert torch.equal(again.translate(shown, True), translator.translate(shown, True))
    assert again.steps_done == 7
    path.write_bytes(path.read_bytes()[:-1] + b"\x00\x01")
    with pytest.raises(CourseError, match="not the one"):
        load_translator(path)
    with pytest.raises(CourseError, match="missing"):
        load_translator(tmp_path / "none.safetensors")


def test_pictures_that_are_too_small_are_refused():
    small = pictures(4, 3, size=16).pictures
    with pytest.raises(CourseError, match="32 pixels"):
        next(Translator(width=4).train(small, small, 1))
