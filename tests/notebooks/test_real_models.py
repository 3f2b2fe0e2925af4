"""Lesson 07's cells for real models: what a person would write, run on tiny random ones."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from course_lib.extras import real
from course_lib.questions import mine_or_ours

LESSON = Path(__file__).parents[2] / "notebooks" / "source" / "07_everywhere.py"
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "train", "late")


def cell(name: str) -> dict:
    """What the lesson's cell of this name defines."""
    text = LESSON.read_text(encoding="utf-8")
    source = text[text.index(f"# @real {name}\n") :].split("\n# %%")[0]
    space = {"torch": torch, "F": F, "zero_shot": mine_or_ours("07-zero-shot", {})}
    exec(source, space)
    return space


def folded(title: str) -> str:
    """The program that is folded into the lesson's text under this title."""
    text = LESSON.read_text(encoding="utf-8")
    part = text[text.index(f"<summary>{title}") :].split("```python\n")[1].split("# ```")[0]
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in part.splitlines())


def test_the_lesson_asks_for_no_real_model_until_the_learner_says_so():
    assert LESSON.read_text(encoding="utf-8").count("\nREAL = False ") == 1


def test_with_the_switch_off_nothing_is_loaded_and_the_cell_says_so(capsys):
    assert real("a net, 1 MB", lambda: 1 / 0, wanted=False, needs=("json",)) is None
    assert "With REAL = True" in capsys.readouterr().out


def test_a_missing_package_is_named_as_pip_calls_it(capsys, monkeypatch):
    monkeypatch.setattr("course_lib.extras.find_spec", lambda name: None)
    assert real("CLIP", lambda: 1 / 0, wanted=True, needs=("open_clip", "peft")) is None
    assert "pip install open_clip_torch peft" in capsys.readouterr().out


def failing():
    try:
        raise ConnectionError("no route")
    except ConnectionError as error:
        raise RuntimeError("Failed to download weights") from error


def test_a_failed_download_is_told_and_an_error_of_the_code_is_raised(capsys):
    assert real("a net", failing, wanted=True) is None
    assert "skipped, its files could not be had (RuntimeError" in capsys.readouterr().out
    with pytest.raises(ZeroDivisionError):
        real("a net", lambda: 1 / 0, wanted=True)


def test_what_was_loaded_is_given(capsys):
    assert real("a net", lambda: "net", wanted=True, needs=("json",)) == "net"
    assert capsys.readouterr().out == "a net: loaded.\n"


def test_the_switch_needs_none_of_the_packages_to_be_imported():
    code = (
        "import sys\nfrom course_lib.extras import real\n"
        "real('x', None, wanted=False, needs=('transformers', 'open_clip', 'peft'))\n"
        "print([m for m in ('transformers', 'open_clip', 'peft', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_detector_has_a_head_for_new_classes_and_learns_their_boxes():
    space = cell("detection")
    torch.manual_seed(0)
    net = space["detector"](3, weights=None, min_size=64, max_size=64)
    assert net.roi_heads.box_predictor.cls_score.out_features == 4  # and the background
    assert net.roi_heads.box_predictor.bbox_pred.out_features == 16
    pictures = [torch.rand(3, 64, 64) for _ in range(4)]
    box = torch.tensor([[10.0, 12.0, 40.0, 50.0]])
    targets = [{"boxes": box, "labels": torch.tensor([k])} for k in (1, 2, 3, 1)]
    before = net.roi_heads.box_predictor.cls_score.weight.clone()
    losses = space["train_detector"](net, pictures, targets, steps=2)
    assert set(losses) == {
        "loss_classifier", "loss_box_reg", "loss_objectness", "loss_rpn_box_reg"
    }  # fmt: skip
    assert not torch.equal(net.roi_heads.box_predictor.cls_score.weight, before)
    assert set(net.eval()(pictures[:1])[0]) == {"boxes", "labels", "scores"}


@pytest.fixture
def tiny_bert(tmp_path):
    """A folder with a random BERT of two layers and nine words, as a download would leave it."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = {word: number for number, word in enumerate(WORDS)}
    plain = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    plain.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, **{f"{k}_token": v for k, v in names.items()}
    ).save_pretrained(tmp_path)
    torch.manual_seed(0)
    transformers.BertModel(
        transformers.BertConfig(
            vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=32,
        )
    ).save_pretrained(tmp_path)  # fmt: skip
    return str(tmp_path)


def test_bert_learns_through_adapters_and_its_head_and_keeps_the_rest(tiny_bert):
    pytest.importorskip("peft")
    space = cell("text")
    tokenizer, net = space["load_bert"](2, tiny_bert, rank=2)
    learning = {name for name, p in net.named_parameters() if p.requires_grad}
    assert len(learning) == 2 * 2 * 2 + 2  # two layers, query and value, down and up; the head
    assert all("lora_" in name or "classifier" in name for name in learning)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    texts, labels = ["good train", "bad train late"] * 4, torch.tensor([1, 0] * 4)
    loss = space["train_text"](tokenizer, net, texts, labels, epochs=80, rate=1e-2)
    assert loss < 0.3  # it can tell two texts apart
    changed = {name for name, value in net.state_dict().items() if not before[name].equal(value)}
    assert changed == learning


def test_clip_names_pictures_by_the_nearest_of_the_classes_sentences():
    pytest.importorskip("open_clip")
    space = cell("zero-shot")
    torch.manual_seed(0)
    exec(folded("No network? A tiny random CLIP"), space)
    clip = space["clip"]
    pictures = [torch.rand(3, 64, 64) for _ in range(3)]
    sure = space["name_pictures"](clip, pictures, ("key", "heart"))
    assert sure.shape == (3, 2)
    torch.testing.assert_close(sure.sum(1), torch.ones(3))
    # The same by hand, for one picture, one template and open_clip's own, not normalised, vectors.
    sure = space["name_pictures"](clip, pictures, ("key", "heart"), ("a photo of a {}",))
    from torchvision.transforms.functional import to_pil_image

    net, transform, tokenizer = clip
    with torch.no_grad():
        seen = net.encode_image(transform(to_pil_image(pictures[0]))[None])[0]
        read = net.encode_text(tokenizer(["a photo of a key", "a photo of a heart"]))
    cosines = torch.stack([torch.dot(seen, t) / seen.norm() / t.norm() for t in read])
    torch.testing.assert_close(sure[0], (net.logit_scale.exp() * cosines).softmax(0))
