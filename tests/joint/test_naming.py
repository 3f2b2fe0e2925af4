"""Naming by prompts, finding by words, and heads that begin at the prompts."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.joint import naming
from course_lib.joint.few_shot import Head, Settings, fit_head
from course_lib.joint.towers import PictureTower, TwoTowers
from course_lib.joint.words import Vocabulary


def test_a_picture_gets_the_class_whose_prompts_point_its_way():
    pictures = torch.tensor([[3.0, 0.0], [0.0, 0.2]])
    texts = [torch.tensor([[0.0, 9.0]]), torch.tensor([[1.0, 0.0], [8.0, 6.0]])]
    found = naming.zero_shot(pictures, texts, scale=2.0)
    # Class 1: the mean of (1, 0) and (0.8, 0.6) is (0.9, 0.3), unit length (3, 1) / sqrt(10).
    cosines = torch.tensor([[0.0, 3 / 10**0.5], [1.0, 1 / 10**0.5]])
    torch.testing.assert_close(found, torch.softmax(2 * cosines, 1))
    assert found.argmax(1).tolist() == [1, 0]


def test_each_pair_has_a_prompt_of_every_template_with_its_two_words():
    (prompts,) = naming.prompts_for(torch.tensor([[0, 1]]))
    assert len(prompts) == 5 and prompts[0] == "a striped circle"
    assert all({"striped", "circle"} <= set(p.replace(",", "").split()) for p in prompts)


@pytest.fixture
def towers():
    torch.manual_seed(0)
    return TwoTowers(PictureTower(6), Vocabulary.of(["a striped heart", "a plain key"])).eval()


def test_class_vectors_are_unit_means_of_unit_vectors(towers):
    groups = [["a striped heart", "heart"], ["a plain key"]]
    found = naming.class_vectors(towers, groups)
    first = towers.embed_texts(groups[0]).mean(0)
    torch.testing.assert_close(found[0], first / first.norm())
    torch.testing.assert_close(found[1], towers.embed_texts(groups[1])[0])


def test_the_nearest_pictures_come_first(towers):
    text = towers.embed_texts(["a plain key"])[0]
    aside = F.normalize(torch.randn(128) - text, dim=0)
    pictures = F.normalize(torch.stack([aside, text, text + 0.1 * aside]), dim=1)
    places, cosines = naming.nearest(towers, pictures, "a plain key", most=2)
    assert places.tolist() == [1, 2] and float(cosines[0]) == pytest.approx(1)
    assert len(naming.nearest(towers, pictures, "a plain key", most=9)[0]) == 3


def test_a_head_at_the_prompts_says_what_the_prompts_say_before_it_learns(towers):
    prompts = naming.class_vectors(towers, [["a striped heart"], ["a plain key"]])
    features = torch.randn(9, 6)
    with torch.no_grad():
        said = Head(prompts, 20.0)(towers.picture(features))
    torch.testing.assert_close(said, 20 * towers.embed_pictures(features) @ prompts.T)


def test_a_head_learns_from_a_few_labels_and_what_is_given_stays(towers):
    labels = torch.arange(40) % 2
    features = torch.randn(40, 6) + 2 * (labels[:, None] - 0.5)
    before = {name: value.clone() for name, value in towers.state_dict().items()}
    head = Head(torch.zeros(2, 128), 20.0)
    for ratio in (None, 10.0):
        net = fit_head(towers.picture, head, features, labels, Settings(1e-2, 60), ratio)
        assert (net(features).argmax(1) == labels).float().mean() > 0.9
        moved = not torch.equal(net[0][1].weight, towers.picture[1].weight)
        assert moved == (ratio is not None)
        statistics = (net[0][0].running_mean, towers.picture[0].running_mean)
        assert torch.equal(*statistics) and not head.weight.any()
    assert all(torch.equal(before[name], value) for name, value in towers.state_dict().items())


def test_an_open_clip_model_is_asked_as_the_lesson_says_and_answers_as_in_open_clip():
    open_clip = pytest.importorskip("open_clip")
    vision = open_clip.CLIPVisionCfg(
        layers=1, width=32, head_width=16, patch_size=16, image_size=32
    )
    language = open_clip.CLIPTextCfg(width=32, heads=2, layers=1)
    torch.manual_seed(0)
    model = open_clip.CLIP(16, vision, language).eval()
    words = open_clip.get_tokenizer("ViT-B-32")
    names, templates = ["heart", "umbrella", "key"], ["a {}", "a photo of a small {}"]
    photos = torch.randn(7, 3, 32, 32)
    with torch.no_grad():
        seen = model.encode_image(photos)
        texts = [model.encode_text(words([t.format(name) for t in templates])) for name in names]
        scale = model.logit_scale.exp()
        ours = naming.zero_shot(seen, texts, scale)
        theirs = open_clip.build_zero_shot_classifier(
            model, words, names, [t.format for t in templates]
        )
        wanted = (scale * F.normalize(seen, dim=1) @ theirs).softmax(1)
    torch.testing.assert_close(ours, wanted)
