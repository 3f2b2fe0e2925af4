"""The loss against another library and by hand, and what the towers learn."""

import math

import pytest
import torch
import torch.nn.functional as F

from course_lib.joint import towers
from course_lib.joint.features import LATE, WITH_STEM, tower_features
from course_lib.joint.words import Vocabulary
from tests.fakes import pictures, small_backbone


def unit(n, d=8, seed=0):
    return F.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_with_different_captions_the_loss_is_that_of_open_clip():
    loss = pytest.importorskip("open_clip.loss")
    a, b = unit(6), unit(6, seed=1)
    ours, theirs = (f(a, b, torch.tensor(14.0)) for f in (towers.contrastive_loss, loss.ClipLoss()))
    assert float(ours) == pytest.approx(float(theirs), abs=1e-6)


def test_the_loss_of_two_equal_captions_is_what_one_works_out_by_hand():
    # Two pictures with the same caption, whose cosines with it are 1 and 0; the scale is 2.
    a = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    b = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    # A picture finds both captions equally likely: log 2. Each caption has the logits 2 and 0; one
    # wants the first picture, the other the second.
    wanted = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(2))) / 2
    assert float(towers.contrastive_loss(a, b, 2.0)) == pytest.approx((math.log(2) + wanted) / 2)


def test_equal_captions_share_the_right_answer_in_equal_parts():
    def shared(a, b, scale, same):
        target, logits = same / same.sum(1, keepdim=True), scale * a @ b.T
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2

    words = torch.tensor([0, 1, 0, 2, 0, 1])
    pictures, vectors = unit(6).requires_grad_(), unit(3, seed=1).requires_grad_()
    same = words[:, None] == words
    losses = (
        towers.contrastive_loss(pictures, vectors[words], 9.0),
        shared(pictures, vectors[words], 9.0, same),
    )
    torch.testing.assert_close(*losses)
    for first, second in zip(
        *(torch.autograd.grad(loss, (pictures, vectors), retain_graph=True) for loss in losses),
        strict=True,
    ):
        torch.testing.assert_close(first, second)


def toy(seed=0):
    """Features that say two words each, with noise, and captions with these words."""
    generator = torch.Generator().manual_seed(seed)
    shapes, textures = ("heart", "crown", "key"), ("striped", "plain", "wavy", "dotted")
    kinds = torch.randint(0, 12, (480,), generator=generator)
    clear = torch.cat([F.one_hot(kinds // 4, 3), F.one_hot(kinds % 4, 4)], 1).float()
    noise = 0.1 * torch.randn(480, 7, generator=generator)
    said = [f"a {textures[k % 4]} {shapes[k // 4]}" for k in kinds.tolist()]
    return clear + noise, said, kinds, [f"{t} {s}" for s in shapes for t in textures]


def test_towers_learn_to_name_a_pair_that_no_caption_had():
    features, said, kinds, names = toy()
    known = kinds != 7  # "dotted crown" is never captioned
    captions = [caption for caption, keep in zip(said, known.tolist(), strict=True) if keep]
    trained = towers.train_towers(features[known], captions, epochs=40, rate=1e-2)
    guess = (trained.embed_pictures(features) @ trained.embed_texts(names).T).argmax(1)
    assert (guess == kinds)[~known].float().mean() > 0.8
    assert (guess == kinds).float().mean() > 0.9


def test_the_same_seed_gives_the_same_towers_and_leaves_other_random_numbers_alone():
    features, said, *_ = toy()
    torch.manual_seed(7)
    before = torch.rand(3)
    torch.manual_seed(7)
    first = towers.train_towers(features, said, epochs=1, seed=3)
    assert torch.equal(torch.rand(3), before)
    second = towers.train_towers(features, said, epochs=1, seed=3)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    other = towers.train_towers(features, said, epochs=1, seed=4)
    assert not torch.equal(first.picture[1].weight, other.picture[1].weight)


def test_a_loss_of_ones_own_is_what_trains():
    features, said, *_ = toy()
    seen = []

    def loss(pictures, texts, scale):
        seen.append(len(pictures))
        assert torch.allclose(pictures.norm(dim=1), torch.ones(len(pictures)), atol=1e-5)
        return ((pictures - texts) ** 2).sum() + 0 * scale

    towers.train_towers(features, said, epochs=1, loss=loss)
    assert seen == [256, 224]


@pytest.mark.parametrize("epochs", range(1, 13))
def test_training_of_any_length_runs_through_and_moves_what_it_trains(epochs):
    layer = torch.nn.Linear(2, 1)
    before = layer.weight.detach().clone()
    x = torch.randn(200, 2)
    steps = list(
        towers.optimise(layer, 200, lambda rows: layer(x[rows]).pow(2).mean(), epochs, 0.1)
    )
    assert len(steps) == epochs and not torch.equal(layer.weight, before)


def test_the_scale_begins_at_clips_and_stays_below_its_bound():
    both = towers.TwoTowers(towers.PictureTower(7), Vocabulary.of(["a heart"]))
    assert both.scale.item() == pytest.approx(1 / 0.07)
    both.log_scale.data.fill_(9.0)
    assert both.scale.item() == pytest.approx(100)


def test_captions_of_unknown_words_alone_are_all_one_and_the_same():
    features, said, *_ = toy()
    trained = towers.train_towers(features, said, epochs=1)
    first, second, known = trained.embed_texts(["umbrella", "golden gate", "crown"])
    assert torch.equal(first, second) and not torch.equal(first, known)
    assert trained.embed_texts([]).shape == (0, 128)


def test_features_are_means_over_the_fields_of_late_stages():
    net = small_backbone()
    shown = pictures(5).pictures
    maps = {}
    x = net.prepare(shown)
    for name, stage in net.stages.items():
        x = stage(x)
        maps[name] = x.detach().clone()
    found = tower_features(net, shown)
    parts = [maps["layer2"].mean((2, 3)), maps["layer3"].flatten(1), maps["layer4"].mean((2, 3))]
    assert maps["layer3"].shape[2:] == (2, 2)  # of pictures of 32 pixels: its fields are its places
    torch.testing.assert_close(found, torch.cat(parts, 1))
    wide = tower_features(net, shown, WITH_STEM)
    stem = F.adaptive_avg_pool2d(maps["stem"], 4).flatten(1)
    torch.testing.assert_close(wide, torch.cat([stem, found], 1))
    assert not net.training and list(LATE) == ["layer2", "layer3", "layer4"]


def test_of_worldnet_there_are_832_numbers_and_the_towers_are_small():
    from course_lib import load_backbone

    net = load_backbone("worldnet", pretrained=False)
    numbers = tower_features(net, pictures(1).pictures).shape[1]
    both = towers.TwoTowers(towers.PictureTower(numbers), Vocabulary(str(k) for k in range(64)))
    assert numbers == 832
    assert sum(p.numel() for p in both.parameters()) < 90_000
