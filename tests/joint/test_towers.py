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
    scale = torch.tensor(14.0)
    ours = towers.contrastive_loss(a, b, scale, torch.eye(6, dtype=torch.bool))
    theirs = loss.ClipLoss()(a, b, scale)
    assert float(ours) == pytest.approx(float(theirs), abs=1e-6)


def test_with_equal_captions_the_loss_is_what_one_works_out_by_hand():
    # Two pictures, both "a heart"; cosines 1 and 0 with each of the two (equal) texts turned away.
    a = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    b = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    same = torch.ones(2, 2, dtype=torch.bool)
    found = towers.contrastive_loss(a, b, torch.tensor(2.0), same)
    # Picture to text: each row has equal logits, so every share is a half: log 2, whichever half
    # is wanted. Text to picture: logits (2, 0) in each row, half and half wanted.
    shares = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    assert float(found) == pytest.approx((math.log(2) + sum(shares) / 2) / 2, abs=1e-6)
    apart = towers.contrastive_loss(a, b, torch.tensor(2.0), torch.eye(2, dtype=torch.bool))
    assert float(apart) == pytest.approx(float(found), abs=1e-6)  # here the two agree


def test_equal_captions_that_point_the_same_way_are_no_mistake():
    one = unit(1).repeat(3, 1)
    scale = torch.tensor(50.0)
    apart = torch.cat([one[:2], -one[2:]])
    same = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    assert float(towers.contrastive_loss(apart, apart, scale, same)) == pytest.approx(
        (2 * math.log(2)) / 3, abs=1e-5
    )  # the entropy of "either of two" is all that remains


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
    assert not torch.equal(first.log_scale, other.log_scale)


def test_a_loss_of_ones_own_is_what_trains():
    features, said, *_ = toy()
    seen = []

    def loss(pictures, texts, scale, same):
        seen.append((len(pictures), same.dtype, bool(same.diagonal().all())))
        assert torch.allclose(pictures.norm(dim=1), torch.ones(len(pictures)), atol=1e-5)
        return ((pictures - texts) ** 2).sum() + 0 * scale

    towers.train_towers(features, said, epochs=1, loss=loss)
    assert seen == [(256, torch.bool, True), (224, torch.bool, True)]


def test_the_scale_begins_at_clips_and_stays_below_its_bound():
    both = towers.TwoTowers(towers.PictureTower(7), Vocabulary.of(["a heart"]))
    assert float(both.scale) == pytest.approx(1 / 0.07)
    both.log_scale.data.fill_(9.0)
    assert float(both.scale) == pytest.approx(100)


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
    stem = F.adaptive_avg_pool2d(maps["stem"], 2).flatten(1)
    torch.testing.assert_close(wide, torch.cat([stem, found], 1))
    assert not net.training and list(LATE) == ["layer2", "layer3", "layer4"]


def test_of_worldnet_there_are_832_numbers_and_the_towers_are_small():
    from course_lib import load_backbone

    net = load_backbone("worldnet", pretrained=False)
    numbers = tower_features(net, pictures(1).pictures).shape[1]
    both = towers.TwoTowers(towers.PictureTower(numbers), Vocabulary(str(k) for k in range(64)))
    assert numbers == 832
    assert sum(p.numel() for p in both.parameters()) < 90_000
