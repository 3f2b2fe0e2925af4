"""What trains in the page answers as Python does, from disk, without a network."""

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression

from course_lib import fit, load_backbone, load_task, predict
from course_lib import strategies as S
from course_lib.serving import load_head

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("site")]

TRAIN, TEST, EPOCHS = 100, 100, 10
# The page's own worker, asked by the test: what Python knows as bytes comes in as base64.
KERNEL = """() => {
  const source = document.getElementById("kernel").textContent;
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const waiting = {};
  let last = 0;
  worker.onmessage = ({ data }) => waiting[data.id](data);
  const unpack = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const plain = (value) => (ArrayBuffer.isView(value) ? [...value] : value);
  window.ask = (kind, message, bytes = {}, many = false) => new Promise((resolve) => {
    const all = [];
    waiting[++last] = (answer) => {
      all.push(Object.fromEntries(Object.entries(answer).map(([name, value]) => [name,
      plain(value)])));
      if (!many || answer.done || answer.error) resolve(many ? all : all[0]);
    };
    const data = JSON.parse(document.getElementById("data").textContent);
    if (kind === "start")
      message = { weights: unpack(document.getElementById("weights").textContent.trim()).buffer,
      card: data.card };
    if (kind === "race") {
      message.settings = { ...data.race, rates: data.race.rates[message.lane] };
      for (const part of ["train", "test"]) message.task[part].pictures = unpack(bytes[part]);
    } else for (const [name, text] of Object.entries(bytes)) message[name] = unpack(text);
    if (kind === "head") message.features = Float32Array.from(message.features);
    worker.postMessage({ id: last, kind, ...message });
  });
  return window.ask("start", {});
}"""


def packed(pictures) -> str:
    """uint8 (n, 3, side, side) as the protocol has them: rows of pixels, three bytes each."""
    return base64.b64encode(pictures.permute(0, 2, 3, 1).contiguous().numpy().tobytes()).decode()


@pytest.fixture(scope="module")
def task():
    return load_task("new-shapes", train=TRAIN, seed=0)


@pytest.fixture
def kernel(site, offline):
    page = offline(site / "index.html")
    assert page.evaluate(KERNEL)["backend"] == "wasm"
    call = "([kind, message, bytes, many]) => window.ask(kind, message, bytes, many)"
    return lambda kind, message, bytes_=None, many=False: page.evaluate(
        call, [kind, message, bytes_ or {}, many]
    )


def best_head(features, labels, classes: int, pull: float = 1e-3):
    """The head that the page's steps lead to, by scikit-learn: one weight for each class in all.

    features: float64 (n, width). Gives a function: features -> scores (n, classes).
    """
    mean, spread = features.mean(0), features.std(0)
    spread[spread < 1e-6] = 1

    def scaled(x):
        return np.hstack([(x - mean) / spread / np.sqrt(x.shape[1]), np.ones((len(x), 1))])

    model = LogisticRegression(
        C=1 / pull, fit_intercept=False, class_weight=None, max_iter=5000, tol=1e-8
    )
    each = 1 / (classes * np.bincount(labels, minlength=classes))[labels]
    model.fit(scaled(features), labels, sample_weight=each)
    return lambda x: model.predict_proba(scaled(x))


def test_the_pages_logits_and_features_are_those_of_python(kernel, task):
    noise = torch.randint(0, 256, (6, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator())
    flat = torch.stack([torch.full((3, 64, 64), v, dtype=torch.uint8) for v in (0, 255)])
    pictures = torch.cat([task.test.pictures[:24], noise, flat])
    model = load_backbone("worldnet").eval()
    said = kernel("look", {}, {"pictures": packed(pictures)})
    with torch.inference_mode():
        features = model.features(model.prepare(pictures))
    assert np.abs(np.reshape(said["features"], features.shape) - features.numpy()).max() < 1e-4
    logits = predict(model, pictures)
    assert np.abs(np.reshape(said["logits"], logits.shape) - logits.numpy()).max() < 1e-4


def test_a_head_trained_in_the_page_is_as_right_as_scikit_learns(kernel, task):
    model = load_backbone("worldnet").eval()
    with torch.inference_mode():
        train, test = (
            model.features(model.prepare(pictures)).numpy().astype(float)
            for pictures in (task.train.pictures, task.test.pictures[:TEST])
        )
    labels = task.train.labels.tolist()
    message = {"features": train.ravel().tolist(), "labels": labels, "classes": len(task.classes)}
    head = kernel("head", message)
    scores = test @ np.array(head["weight"]).T + head["bias"]
    reference = best_head(train, np.array(labels), len(task.classes))(test)
    right = task.test.labels[:TEST].numpy()
    page, python = ((said.argmax(1) == right).sum() for said in (scores, reference))
    assert abs(int(page) - int(python)) <= 1
    assert python > 0.8 * TEST


def test_the_head_of_the_pages_race_ends_where_fit_ends(kernel, task):
    parts = {"train": task.train, "test": task.test}
    message = {
        "lane": "head",
        "seed": 0,
        "task": {
            "classes": len(task.classes),
            **{name: {"labels": part.labels[:TEST].tolist()} for name, part in parts.items()},
        },
    }
    pictures = {name: packed(part.pictures[:TEST]) for name, part in parts.items()}
    answers = kernel("race", message, pictures, many=True)
    assert answers[-1].get("done"), answers[-1]
    page = [one["accuracy"] for one in answers if "accuracy" in one]
    assert len(page) == EPOCHS
    model = load_backbone("worldnet")
    ends = []
    for seed in range(2):
        run = fit(model, task, S.FEATURE_EXTRACTION, epochs=EPOCHS, seed=seed)
        said = predict(run.model, task.test.pictures[:TEST]).argmax(1)
        ends.append((said == task.test.labels[:TEST]).float().mean().item())
    assert min(ends) - 0.04 <= page[-1] <= max(ends) + 0.04


def files_of(pictures, stem: str) -> list[dict]:
    found = []
    for i, picture in enumerate(pictures):
        file = io.BytesIO()
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, "PNG")
        found.append({"name": f"{stem}{i}.png", "mimeType": "image/png", "buffer": file.getvalue()})
    return found


def test_a_head_of_ones_own_pictures_is_downloaded_and_works_in_python(
    site,
    offline,
    task,
    tmp_path,
    monkeypatch,
):
    kinds, each = (0, 2), 12
    page = offline(site / "index.html")
    own = page.locator("#own")
    chosen = [task.train.pictures[task.train.labels == kind][:each] for kind in kinds]
    for number, pictures in enumerate(chosen, 1):
        own.get_by_label(f"Pictures of class {number}", exact=True).set_input_files(
            files_of(pictures, "p")
        )
        own.get_by_text(f"{each} pictures", exact=True).nth(number - 1).wait_for()
    own.get_by_role("button", name="Train a head").click()
    own.locator(".result table").wait_for(timeout=60_000)
    told = own.get_by_role("status").first.text_content()
    assert told.startswith("Trained.") and f"of {2 * each}; a net with random weights" in told

    with page.expect_download() as coming:
        own.get_by_role("button", name="Download the head").click()
    coming.value.save_as(tmp_path / "head.json")
    model = load_head(tmp_path / "head.json")
    assert model.source_classes == ("class 1", "class 2")

    asked = torch.cat([task.test.pictures[task.test.labels == kind][:30] for kind in kinds])
    wanted = torch.tensor([0, 1]).repeat_interleave(len(asked) // 2)
    with torch.inference_mode():
        features = [
            model.features(model.prepare(some)).numpy().astype(float)
            for some in (torch.cat(chosen), asked)
        ]
    reference = best_head(features[0], np.repeat([0, 1], each), 2)(features[1]).argmax(1)
    said = predict(model, asked)
    right = (said.argmax(1) == wanted).sum().item()
    assert abs(right - (reference == wanted.numpy()).sum()) <= 1
    assert right > 0.8 * len(asked)

    # The code on the page, as it stands there, and what the page says of the same picture.
    code = own.locator("details pre").text_content()
    monkeypatch.chdir(tmp_path)
    names = {"pictures": asked}
    exec(code, names)
    assert torch.equal(names["chances"], said.softmax(1))
    own.get_by_label("A new picture").set_input_files(files_of(asked[:1], "new"))
    own.locator(".chances p").wait_for()
    shown = own.locator(".chances p").text_content()
    first = round(100 * names["chances"][0, 0].item())
    assert any(f"class 1 {percent} %" in shown for percent in (first - 1, first, first + 1))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"weight": [[0.0, 1.0], [1.0, 0.0]]}, "256"),
        ({"bias": [0.0, 0.0, 0.0]}, "biases"),
        ({"classes": ["one"]}, "classes"),
    ],
)
def test_a_head_that_does_not_fit_is_refused_with_what_is_wrong(tmp_path, change, word):
    from course_lib import CourseError

    good = {"classes": ["a", "b"], "weight": [[0.0] * 256] * 2, "bias": [0.5, -0.5]}
    path = tmp_path / "head.json"
    path.write_text(json.dumps(good))
    assert load_head(path).head.bias.tolist() == [0.5, -0.5]
    path.write_text(json.dumps(good | change))
    with pytest.raises(CourseError, match=word):
        load_head(path)
