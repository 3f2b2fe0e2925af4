"""The race without a page: lanes equal `fit`, sliders start the right lanes anew."""

import pytest

import course_lib
from course_lib import fit
from course_lib import strategies as S
from course_lib.widgets import race as module
from course_lib.widgets.race import FOUR, Race, batch_size
from tests.fakes import small_backbone, small_task


@pytest.fixture(autouse=True)
def small_world(monkeypatch):
    """A small net, and tasks whose size is the number of labels asked for."""
    from course_lib.data import tasks
    from course_lib.train import baselines

    def pieces(name, train, seed):
        yield
        return small_task(train)

    monkeypatch.setattr(course_lib, "load_backbone", lambda name="worldnet": small_backbone())
    monkeypatch.setattr(tasks, "task_in_pieces", pieces)
    monkeypatch.setattr(baselines, "ITERATIONS", 20)


def drive(race, until=lambda messages: False):
    """Tick until the end, or until a message says so; gives all messages."""
    race.start()
    messages = []
    while race.running:
        messages += race.tick(budget=1e-9)  # one piece at a time
        assert not race.error, race.error
        if messages and until(messages[-1]):
            break
    return messages


def test_a_race_is_shown_before_anything_is_drawn_measured_or_trained(monkeypatch):
    from course_lib.data import tasks

    def too_early(*_):
        raise AssertionError("the constructor draws pictures")

    monkeypatch.setattr(tasks, "task_in_pieces", too_early)
    race = Race(train=14)
    assert [stage["name"] for stage in race.info["stages"]] and race.snapshot()["lanes"] == []
    data, _ = race._repr_mimebundle_()
    assert "press Train all" in data["text/html"] and "image/png" not in data
    race.start()
    race.tick()
    assert "the constructor draws" in race.error  # it is drawn by the first ticks


def test_every_lane_ends_where_fit_ends():
    race = Race(train=14, epochs=2, lanes=[*FOUR, "LP-FT", "gradual unfreezing"])
    race.start()
    while race.running:
        race.tick()
    found = {row["lane"]: row for row in race.results()}
    assert len(found) == 6
    for strategy in module.STRATEGIES:
        run = fit(
            small_backbone(),
            small_task(14),
            race._shaped(strategy),
            2,
            batch_size=batch_size(14),
            progress=False,
        )
        assert found[strategy.name]["test"] == run.test
        assert found[strategy.name]["validation"] == run.history[-1].validation
        assert found[strategy.name]["parameters"] == run.trainable_parameters


def test_the_first_points_come_before_any_training():
    race = Race(train=14, epochs=1)
    messages = drive(race, until=lambda m: m.get("lane") == "scratch" and "point" in m)
    points = [m["point"] for m in messages if "point" in m]
    assert len(points) == 4 and all(point[:2] == (0.0, 0) for point in points)


def test_lanes_take_turns_by_their_compute():
    race = Race(train=14, epochs=3)
    messages = drive(race)
    first_to_third = {m["lane"] for m in messages if m.get("point", (0, 0))[1] == 1}
    assert first_to_third == set(FOUR)
    ends = [m["lane"] for m in messages if m.get("end")]
    begun = [i for i, m in enumerate(messages) if m.get("point", (0, 0))[1] == 1]
    over = next(i for i, m in enumerate(messages) if m.get("end"))
    assert sorted(ends) == sorted(FOUR) and begun[0] < over


def test_the_frozen_slider_starts_only_fine_tuning_anew():
    race = Race(train=14, epochs=3)
    drive(race, until=lambda m: "point" in m and m["point"][1] == 1)
    before = {name: lane.run for name, lane in race._lanes.items()}
    race.frozen = 1
    news = [m["new"] for m in drive(race) if "new" in m]
    assert news == ["fine-tuning"]
    changed = [name for name, lane in race._lanes.items() if lane.run is not before[name]]
    assert changed == ["fine-tuning"]
    assert race._lanes["fine-tuning"].run.strategy.trainable == 4


def test_other_labels_start_all_lanes_anew_and_measure_the_baselines_again():
    race = Race(train=14, epochs=1)
    drive(race)
    assert race.finished
    race.train = 20
    assert not race.finished  # it can go on with the new setting
    messages = drive(race)
    assert [m["new"] for m in messages if "new" in m] == list(FOUR)
    assert messages and {} in [m["baselines"] for m in messages if "baselines" in m]
    assert set(race._baselines) == set(module.BASELINES)
    assert all(len(lane.run.task.train.labels) == 20 for lane in race._lanes.values())


def test_a_lane_can_leave_and_come_back():
    race = Race(train=14, epochs=2)
    drive(race, until=lambda m: "point" in m and m["point"][1] == 1)
    race.lanes = [name for name in FOUR if name != "scratch"]
    assert {"gone": "scratch"} in drive(race)
    race.lanes = FOUR
    assert [m["new"] for m in drive(race) if "new" in m] == ["scratch"]
    assert len(race.results()) == 4


def test_a_new_view_draws_what_has_happened():
    race = Race(train=14, epochs=2)
    drive(race)
    all_of_it = race.snapshot()
    assert set(all_of_it["baselines"]) == set(module.BASELINES)
    assert race.hint() == "" and "image/png" in race._repr_mimebundle_()[0]
    assert {lane["lane"]: len(lane["points"]) for lane in all_of_it["lanes"]} == dict.fromkeys(
        FOUR, 3
    )


def test_reset_forgets_the_lanes_and_run_draws_them_again():
    race = Race(train=14, epochs=1)
    race.run(60)
    assert race.finished
    race.reset()
    assert race.results() == [] and race.hint()
    race.run(60)
    assert all(row["test"] is not None for row in race.results())


def test_a_frozen_number_out_of_range_becomes_all_but_the_last():
    assert Race(train=14, frozen=99).frozen == 4
    assert Race(train=14).frozen == 4
    assert S.FINE_TUNING.trainable == 1


def test_an_interrupted_race_goes_on_with_the_lane_begun_anew(monkeypatch):
    race = Race(train=14, epochs=2)
    drive(race, until=lambda m: "point" in m and m["point"][1] == 1)

    def interrupted():
        raise KeyboardInterrupt
        yield

    lane = race._lanes["scratch"]
    lane.run._ticks = interrupted()
    race.start()
    with pytest.raises(KeyboardInterrupt):
        while race.running:
            race.tick()
    drive(race)
    assert race.finished and race._lanes["scratch"] is not lane
    assert all(row["test"] is not None for row in race.results())
