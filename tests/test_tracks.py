"""The two tracks: what a lesson gets for a role, and where a claim is measured."""

import pytest

from course_lib import CourseError, available_backbones, available_tasks, tracks
from course_lib.adaptation import available_domains
from course_lib.claims import claims, run_claim
from course_lib.claims.trials import transfer
from course_lib.lab import cache
from course_lib.lab.tracks import TRACKS
from tests.fakes import small_backbone, small_task


@pytest.fixture(autouse=True)
def no_choice(monkeypatch):
    monkeypatch.delenv("COURSE_TRACK", raising=False)
    monkeypatch.setattr(tracks, "_chosen", [])


def test_the_world_is_the_track_unless_somebody_says_otherwise(monkeypatch):
    assert tracks.choose().name == "world"
    monkeypatch.setenv("COURSE_TRACK", "photos")
    assert tracks.choose().name == tracks.current().name == "photos"
    assert tracks.choose("world") is tracks.current()


def test_an_unknown_track_is_refused_with_the_choice():
    with pytest.raises(CourseError, match="No track 'video'. There are: world, photos"):
        tracks.choose("video")


@pytest.mark.parametrize("track", TRACKS.values(), ids=TRACKS)
def test_every_role_and_pair_of_domains_names_what_exists(track):
    assert track.backbone in available_backbones()
    downloaded = {task.name: task.download > 0 for task in available_tasks()}
    for name in track.tasks.values():
        assert downloaded[name] == (track.name == "photos")
    assert set(track.domains.values()) <= set(available_domains())


def test_both_tracks_play_the_roles_that_a_lesson_may_ask_for():
    shared = set(TRACKS["world"].tasks) & set(TRACKS["photos"].tasks)
    assert {"source", "similar", "different", "x-rays", "digits"} <= shared
    similarity = {task.name: task.similarity for task in available_tasks()}
    for track in TRACKS.values():
        assert similarity[track.tasks["similar"]] == "similar"
        assert similarity[track.tasks["different"]] == "different"


def test_a_role_that_a_track_lacks_is_named():
    with pytest.raises(CourseError, match="No task of the photos track 'night'"):
        TRACKS["photos"].load_task("night")
    with pytest.raises(CourseError, match="No domains of the photos track .*There are: digits"):
        TRACKS["photos"].load_domains("night")


def test_a_pair_of_domains_is_asked_for_by_the_tracks_own_name(monkeypatch):
    monkeypatch.setattr("course_lib.adaptation.load_domains", lambda *asked: asked, raising=False)
    assert TRACKS["world"].load_domains("x-rays", 20) == ("scanners", 20, 0)
    assert TRACKS["photos"].load_domains("digits", seed=3) == ("mnist to mnist-blended", None, 3)


def test_the_photos_track_says_beforehand_what_it_downloads(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    said = TRACKS["photos"].about("similar", "source")
    assert "Needs 938 MB from the internet" in said  # 47 + 792 + 99
    assert "resnet18's weights: 47 MB, BSD" in said
    assert "Oxford-IIIT Pets: 792 MB, CC BY-SA 4.0" in said
    assert "MNIST" not in said
    assert TRACKS["world"].about() == "Track world: worldnet"
    digits = TRACKS["photos"].downloads("digits", "digits over photographs")
    assert len(digits) == 1 + 4  # the weights, and MNIST only once


def test_claims_on_photographs_change_only_settings_that_the_claim_has():
    on_photographs = {tag: one for tag, one in claims().items() if one.photos is not None}
    assert "C06" in on_photographs
    for tag, one in on_photographs.items():
        for size in ("live", "quick", "full"):
            assert set(one.photos) <= set(getattr(one, size)), tag
        assert one.photos["task"] in TRACKS["photos"].tasks.values()
        assert not one.why_not


def test_a_lesson_of_the_photos_track_measures_a_claim_on_its_own_backbone(monkeypatch):
    """The whole way of run_claim, with a small net and small pictures in place of the large."""
    asked = []

    def load_task(name, train=None, seed=0, size=64):
        asked.append((name, train))
        return small_task()

    monkeypatch.setattr(transfer, "load_task", load_task)

    def load_backbone(self):
        asked.append(self.backbone)
        return small_backbone()

    monkeypatch.setattr(tracks.Track, "load_backbone", load_backbone)
    transfer._backbone.cache_clear()
    cache.forget()
    tracks.choose("photos")
    result = run_claim("C06", size="quick", progress=False)
    transfer._backbone.cache_clear()
    cache.forget()
    assert set(result.rows["task"]) == {"pets"} and result.track == "photos"
    assert set(asked) == {("pets", 48), "resnet18"}
