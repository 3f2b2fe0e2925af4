import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from course_lib.errors import CourseError
from course_lib.world import phantoms
from course_lib.world.phantoms import KINDS, beer_lambert, ellipsoid, lung_masks, radiographs


@pytest.fixture(scope="module")
def many():
    return radiographs(600, seed=4)


def test_a_uniform_slab_dims_the_beam_by_the_law():
    # 10 cm of water at 0.2 / cm lets e^-2 = 13.5 % through.
    assert beer_lambert(1000.0, [(0.2, 10.0)]).item() == pytest.approx(135.33528, rel=1e-6)


def test_slabs_behind_each_other_multiply():
    half = math.log(2)  # a layer that halves the beam
    thickness = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    seen = beer_lambert(8.0, [(half, thickness), (half, 1.0)])
    assert seen.tolist() == pytest.approx([4.0, 2.0, 1.0])


def test_an_ellipsoid_is_thickest_in_the_middle_and_has_its_volume():
    line = (torch.arange(400, dtype=torch.float64) + 0.5) / 200 - 1
    thickness = ellipsoid(line.expand(400, 400), line[:, None].expand(400, 400), 0.8, 0.5, 0.3)
    middle = ellipsoid(torch.tensor(0.0), torch.tensor(0.0), 0.8, 0.5, 0.3)
    assert middle.item() == pytest.approx(0.6)
    volume = thickness.sum().item() / 200**2
    assert volume == pytest.approx(4 / 3 * math.pi * 0.8 * 0.5 * 0.3, rel=1e-3)


def test_pictures_are_grey_bytes_with_two_labels(many):
    assert many.pictures.shape == (600, 3, 64, 64) and many.pictures.dtype == torch.uint8
    assert torch.equal(many.pictures[:, 0], many.pictures[:, 1])
    assert torch.equal(many.pictures[:, 0], many.pictures[:, 2])
    assert many.labels.dtype == many.patient.dtype == torch.int64
    assert set(many.labels.tolist()) == {0, 1}


def test_about_half_of_the_children_are_ill():
    # 4,000 children: a spread of 0.8 percentage points.
    share = phantoms._is_ill(0, torch.arange(4000)).double().mean().item()
    assert abs(share - 0.5) < 0.03


def test_a_child_has_two_to_four_pictures_and_one_label(many):
    for patient in many.patient.unique():
        rows = many.patient == patient
        assert 2 <= rows.sum() <= 4
        assert len(many.labels[rows].unique()) == 1
        assert len(many.kind[rows].unique()) == 1


def test_children_do_not_share_pictures_and_their_pictures_differ(many):
    assert len({picture.numpy().tobytes() for picture in many.pictures}) == 600


def test_all_pictures_of_a_child_show_one_anatomy():
    seen = phantoms._draw(0, phantoms._patient(torch.arange(12)), "anatomy", phantoms.ANATOMY)
    assert seen["lung_width"].unique().numel() == 4


@pytest.mark.parametrize("scanner", ["A", "B"])
def test_a_picture_does_not_depend_on_its_batch(scanner):
    whole = radiographs(64, seed=9, scanner=scanner)
    parts = [radiographs(16, seed=9, scanner=scanner, start=start) for start in range(0, 64, 16)]
    for field in fields(whole):
        if field.name == "scanner":
            continue
        joined = torch.cat([getattr(part, field.name) for part in parts])
        torch.testing.assert_close(
            getattr(whole, field.name), joined, rtol=0, atol=0, equal_nan=True
        )


def test_a_single_picture_far_on_is_the_same_as_in_a_batch():
    assert torch.equal(
        radiographs(3, seed=1, start=777).pictures[1:2], radiographs(1, seed=1, start=778).pictures
    )


def test_seeds_differ_and_repeat():
    one = radiographs(8, seed=1).pictures
    assert torch.equal(one, radiographs(8, seed=1).pictures)
    assert not torch.equal(one, radiographs(8, seed=2).pictures)


def test_both_scanners_see_the_same_children_and_show_them_differently():
    a, b = radiographs(60, seed=2, scanner="A"), radiographs(60, seed=2, scanner="B")
    assert torch.equal(a.labels, b.labels)
    torch.testing.assert_close(a.x, b.x, rtol=0, atol=0, equal_nan=True)
    assert (a.pictures.float() - b.pictures.float()).abs().mean() > 10


def test_the_opacity_lies_inside_the_lung():
    n = 480
    masks, found = lung_masks(n, seed=6), radiographs(n, seed=6)
    ill = found.labels == 1
    column, row = found.x[ill].round().long(), found.y[ill].round().long()
    assert column.min() >= 0 and column.max() < 64 and row.min() >= 0 and row.max() < 64
    assert masks[ill][torch.arange(int(ill.sum())), row, column].all()


def test_the_opacity_changes_the_attenuation_in_the_lung_only_and_where_it_says(monkeypatch):
    index = torch.arange(240)
    cpu = torch.device("cpu")
    monkeypatch.setattr(phantoms, "_is_ill", lambda seed, patient: torch.ones_like(patient) > 0)
    with_opacity, found = phantoms._project(0, index, cpu), radiographs(240)
    monkeypatch.setattr(phantoms, "_is_ill", lambda seed, patient: torch.ones_like(patient) < 0)
    without = phantoms._project(0, index, cpu)
    added = with_opacity.attenuation - without.attenuation
    assert added.min() >= -1e-4
    assert added[with_opacity.lung == 0].abs().max() < 1e-4
    focal = found.kind == KINDS.index("focal")
    grid = torch.arange(64, dtype=torch.float32)
    mass = added[focal].clamp(min=0)
    column = (mass.sum(1) * grid).sum(1) / mass.sum((1, 2))
    row = (mass.sum(2) * grid).sum(1) / mass.sum((1, 2))
    away = torch.hypot(column - found.x[focal], row - found.y[focal])
    assert (away < found.radius[focal]).all()


def test_factors_are_given_exactly_where_there_is_an_opacity(many):
    ill = many.labels == 1
    for factor in (many.x, many.y, many.radius):
        assert torch.equal(factor.isnan(), ~ill)
    assert torch.equal(many.contrast > 0, ill)
    assert torch.equal(many.kind >= 0, ill)
    assert set(many.kind[ill].tolist()) == set(range(len(KINDS)))


def test_the_mark_is_independent_of_the_label_unless_asked(many):
    together = np.corrcoef(many.mark.numpy(), many.labels.numpy())[0, 1]
    assert abs(together) < 0.15
    always, never = radiographs(60, marker=1), radiographs(60, marker=0)
    assert torch.equal(always.mark, always.labels == 1)
    assert torch.equal(never.mark, never.labels == 0)


@pytest.mark.parametrize(("scanner", "corner"), [("A", slice(0, 16)), ("B", slice(48, 64))])
def test_the_mark_changes_only_its_corner(scanner, corner):
    shown, hidden = (radiographs(60, scanner=scanner, marker=m) for m in (1.0, 0.0))
    changed = (shown.pictures != hidden.pictures)[:, 0]
    assert changed[:, 0:16, corner].flatten(1).any(1).all()
    elsewhere = changed.clone()
    elsewhere[:, 0:16, corner] = False
    assert not elsewhere.any()


def test_fewer_photons_give_more_noise(monkeypatch):
    def spread(photons):
        loud = replace(phantoms.SCANNERS["A"], photons=photons)
        quiet = replace(phantoms.SCANNERS["A"], photons=1e12)
        index, mark = torch.arange(24), torch.zeros(24, dtype=torch.bool)
        pair = [
            phantoms._photograph(0, index, scanner, mark, torch.device("cpu")).float()
            for scanner in (loud, quiet)
        ]
        return (pair[0] - pair[1]).std().item()

    # The noise goes with the root of the number of photons.
    assert spread(1000) == pytest.approx(2 * spread(4000), rel=0.2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n must be a whole number from 1"),
        ({"n": 4, "start": -1}, "start must be a whole number from 0"),
        ({"n": 4, "scanner": "C"}, "No scanner 'C'.*A, B"),
        ({"n": 4, "marker": 1.5}, "from 0 to 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_way_out(arguments, message):
    with pytest.raises(CourseError, match=message):
        radiographs(**arguments)


@pytest.mark.gpu
def test_a_gpu_draws_the_same_pictures_within_one_grey_value():
    here, there = radiographs(240), radiographs(240, device="cuda")
    difference = (here.pictures.short() - there.pictures.cpu().short()).abs()
    assert (difference <= 1).double().mean() >= 0.999
