"""Leaks between piles and how classes are spread: planted faults are found, clean piles pass."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from torch.utils.data import Subset, TensorDataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from course_lib import review
from course_lib.errors import CourseError
from course_lib.review import pictures, splits
from course_lib.world import phantoms


def photograph(seed: int, side: int = 96) -> Image.Image:
    """A picture with structure at every scale, like no other of another seed."""
    rng = np.random.default_rng(seed)
    values = sum(
        np.asarray(
            Image.fromarray(rng.integers(0, 256, (n, n, 3), dtype=np.uint8)).resize((side, side)),
            float,
        )
        * weight
        for n, weight in ((4, 0.4), (8, 0.35), (32, 0.25))
    )
    return Image.fromarray(values.astype(np.uint8))


def save(folder, seeds, classes=("cat", "dog")):
    for seed in seeds:
        place = folder / classes[seed % len(classes)]
        place.mkdir(parents=True, exist_ok=True)
        photograph(seed).save(place / f"{seed}.png")
    return folder


@pytest.fixture
def piles(tmp_path):
    return {
        "train": save(tmp_path / "train", range(24)),
        "validation": save(tmp_path / "validation", range(24, 36)),
        "test": save(tmp_path / "test", range(36, 48)),
    }


def checks(findings):
    return [one.check for one in findings]


def test_piles_that_share_nothing_pass(piles):
    assert review.leaks(piles) == ()


def test_clean_radiographs_pass_though_all_chests_look_alike():
    found = phantoms.radiographs(360, seed=3)
    whole = {"train": slice(0, 240), "test": slice(240, 360)}
    parts = {k: (found.pictures[s], found.labels[s]) for k, s in whole.items()}
    groups = {k: found.patient[s].tolist() for k, s in whole.items()}
    assert review.leaks(parts, groups) == ()


def test_a_radiograph_that_was_sent_through_a_jpeg_is_found_again_among_all_that_look_alike():
    found = phantoms.radiographs(240, seed=3)
    image = Image.fromarray(found.pictures[5].permute(1, 2, 0).numpy())
    copy = torch.from_numpy(np.array(jpeg(image))).permute(2, 0, 1)[None]
    test = (
        torch.cat([found.pictures[180:], copy]),
        torch.cat([found.labels[180:], found.labels[:1]]),
    )
    (finding,) = review.leaks({"train": (found.pictures[:180], found.labels[:180]), "test": test})
    assert finding.check == "near-duplicates" and finding.pairs == (("train[5]", "test[60]"),)


def test_the_same_file_in_two_piles_is_named(piles):
    (piles["test"] / "cat" / "again.png").write_bytes((piles["train"] / "cat/4.png").read_bytes())
    (finding,) = review.leaks(piles)
    assert finding.check == "leak" and finding.lesson == "06"
    assert "1 picture of test is in train as well" in finding.what
    assert "cat/4.png = cat/again.png" in finding.what


def jpeg(image):
    place = io.BytesIO()
    image.save(place, "JPEG", quality=40)
    return Image.open(place).convert("RGB")


@pytest.mark.parametrize(
    "changed",
    [
        jpeg,
        lambda image: image.resize((48, 48)),
        lambda image: image.resize((160, 120)),
        lambda image: ImageEnhance.Brightness(image).enhance(1.15),
        lambda image: ImageEnhance.Contrast(image).enhance(0.6),
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda image: image.crop((2, 2, 94, 94)),
        lambda image: image.crop((5, 5, 91, 91)),
        lambda image: image.convert("L"),
    ],
    ids=["jpeg", "small", "stretched", "bright", "flat", "mirrored", "crop 4%", "crop 10%", "grey"],
)
def test_a_near_duplicate_across_piles_is_found_and_no_other_pair(piles, changed):
    changed(photograph(7)).save(piles["validation"] / "dog" / "copy.png")
    (finding,) = review.leaks(piles)
    assert finding.check == "near-duplicates"
    ((one, other),) = finding.pairs
    assert one.endswith("dog/7.png") and other.endswith("dog/copy.png")


def test_a_copy_inside_one_pile_is_no_leak(piles):
    photograph(4).save(piles["train"] / "cat" / "again.png")
    assert review.leaks(piles) == ()


def test_one_picture_under_two_labels_is_found_even_inside_one_pile(piles):
    photograph(4).save(piles["train"] / "dog" / "again.png")
    (finding,) = review.leaks(piles)
    assert finding.check == "labels" and "under two labels" in finding.what


def test_a_group_in_two_piles_is_counted_with_its_pictures(piles):
    groups = {"train": ["a"] * 12 + ["b"] * 12, "validation": ["c"] * 12, "test": ["d"] * 12}
    assert review.leaks(piles, groups) == ()
    groups["test"] = ["b"] * 5 + ["d"] * 7
    (finding,) = review.leaks(piles, groups)
    assert finding.check == "group"
    assert "1 group of test, with 5 of its 12 pictures, is in train as well (b)" in finding.what


def test_data_sets_read_the_files_whatever_their_transform_and_only_the_rows_of_a_subset(piles):
    (piles["test"] / "cat" / "again.png").write_bytes((piles["train"] / "cat/4.png").read_bytes())
    noisy = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.GaussianNoise()])
    train, test = ImageFolder(piles["train"], noisy), ImageFolder(piles["test"])
    assert checks(review.leaks({"train": train, "test": test})) == ["leak"]
    at = [path.endswith("cat/4.png") for path, _ in train.samples].index(True)
    rest = [row for row in range(len(train)) if row != at]
    assert review.leaks({"train": Subset(train, rest), "test": test}) == ()
    inner = Subset(Subset(train, [at, *rest]), [0])
    assert checks(review.leaks({"train": inner, "test": test})) == ["leak"]


def test_normalised_tensors_of_a_data_set_are_compared_as_pictures():
    images = torch.stack([v2.functional.pil_to_tensor(photograph(k)) for k in range(20)]).float()
    data = TensorDataset(images / 255 * 4 - 2, torch.arange(20) % 2)
    parts = {"train": Subset(data, range(12)), "test": Subset(data, range(12, 20))}
    assert review.leaks(parts) == ()
    parts["test"] = Subset(data, [*range(12, 20), 3])
    (finding,) = review.leaks(parts)
    assert finding.check == "leak" and finding.pairs == (("train[3]", "test[8]"),)


def test_two_empty_pictures_are_not_called_alike_unless_they_are_the_same():
    black, white = torch.zeros(1, 3, 20, 20), torch.ones(1, 3, 20, 20)
    label = torch.zeros(1, dtype=torch.int64)
    assert review.leaks({"train": (black.byte(), label), "test": (white.byte(), label)}) == ()


@pytest.mark.parametrize("angle", [0.85 - 1e-3, 0.85 + 1e-3])
def test_two_pictures_are_near_from_the_threshold_on(angle):
    one = np.zeros((1, 1, 4), np.float32)
    one[..., 0] = 1
    other = np.zeros((1, 1, 4), np.float32)
    other[..., 0], other[..., 1] = angle, (1 - angle**2) ** 0.5
    held = [pictures.Pictures(("a",), None, (name,), edges)
            for name, edges in (("x", one), ("y", other))]  # fmt: skip
    assert bool(pictures.near(*held, alike=pictures.ALIKE)) == (angle > 0.85)


def test_what_is_unusual_lies_between_its_limits_and_rises_with_how_alike_pictures_are():
    rng = np.random.default_rng(0)

    def kind(common):
        edges = rng.normal(size=(200, 480)) + common * rng.normal(size=480)
        edges /= np.linalg.norm(edges, axis=1, keepdims=True)
        return pictures.Pictures(("x",) * 200, None, ("x",) * 200, edges[None].astype(np.float32))

    found = [pictures.unusual([kind(common)]) for common in (0, 2, 3, 100)]
    assert (
        found == sorted(found)
        and found[0] == pytest.approx(pictures.ALIKE)
        and found[-1] == pytest.approx(pictures.SURELY)
    )
    assert pictures.ALIKE < found[2] < pictures.SURELY, found


BALANCED = {"train": [0] * 60 + [1] * 60, "validation": [0] * 20 + [1] * 20}
CLASSES = ("cat", "dog")


def test_balanced_piles_pass():
    assert review.balance(BALANCED, CLASSES) == ()


def test_a_class_that_a_pile_lacks_is_named():
    found = review.balance({**BALANCED, "test": [0] * 20}, CLASSES)
    assert "test has no picture of dog." in [one.what for one in found]


@pytest.mark.parametrize(("few", "said"), [(splits.LEAST - 1, True), (splits.LEAST, False)])
def test_a_class_with_fewer_pictures_than_ten_has_no_score(few, said):
    labels = {"train": [0] * 60 + [1] * 60, "test": [0] * few + [1] * few}
    assert ("fewer than 10" in review.told(review.balance(labels, CLASSES))) == said


@pytest.mark.parametrize(("zeros", "said"), [(159, False), (160, True)])
def test_a_class_of_four_in_five_makes_accuracy_say_little(zeros, said):
    found = review.balance({"train": [0] * zeros + [1] * (200 - zeros)}, CLASSES)
    assert bool(found) == said
    assert not said or "80% of the pictures are cat" in found[0].what


@pytest.mark.parametrize(("zeros", "said"), [(590, False), (610, True)])
def test_a_share_that_differs_by_ten_points_between_large_piles_is_told(zeros, said):
    labels = {"train": [0] * 500 + [1] * 500, "test": [0] * zeros + [1] * (1000 - zeros)}
    assert bool(review.balance(labels, CLASSES)) == said


def test_a_share_that_differs_in_a_small_pile_may_be_luck():
    labels = {"train": [0] * 500 + [1] * 500, "test": [0] * 13 + [1] * 10}
    assert review.balance(labels, CLASSES) == ()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda p: review.leaks({"train": p["train"]}), "two piles or more"),
        (lambda p: review.leaks({"train": p["train"], "test": "/nowhere/at/all"}), "not a folder"),
        (lambda p: review.leaks({"train": p["train"], "test": 3}), "must be a folder"),
        (lambda p: review.leaks({"train": p["train"], "test": []}), "no pictures"),
        (lambda p: review.leaks(p, {"train": ["a"] * 24}), "needed for each pile"),
        (lambda p: review.leaks(p, {name: ["a"] for name in p}), "24 pictures and 1 groups"),
        (lambda p: review.leaks({"train": p["train"], "test": [("x", 0)]}), "cannot be compared"),
        (lambda p: review.balance({}, CLASSES), "labels of a pile"),
        (lambda p: review.balance({"train": [0, 2]}, CLASSES), "0 to 1"),
        (lambda p: review.balance({"train": [0.5]}, CLASSES), "whole numbers"),
        (lambda p: review.balance({"train": [0]}, "cat"), "twice|texts"),
    ],
)
def test_input_of_another_kind_is_refused_in_words(piles, call, said):
    with pytest.raises(CourseError, match=said):
        call(piles)


def test_a_damaged_file_is_named(piles):
    (piles["test"] / "cat" / "bad.png").write_bytes(b"no picture")
    with pytest.raises(CourseError, match=r"bad\.png cannot be read"):
        review.leaks(piles)
