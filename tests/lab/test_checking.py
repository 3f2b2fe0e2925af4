"""Stored trials measured again."""

from course_lib.lab import cache, checking, running, store
from tests.lab.toys import toy


def stored(folder, change=None, **machine):
    running.run_and_store(toy(), folder=folder, say=lambda _: None)
    study = store.open_study("C99", folder)
    for facts in study.machines.values():
        facts.update(machine)
    for row in study.rows:
        row["took"] = 1.0
        if change:
            row["measured"]["test"] += change
        row["sha256"] = cache.checksum(row)
    study.save(store.path_of("C99", folder))


def again(folder, **how):
    return checking.remeasure([toy()], folder=folder, seed=0, **how)


def test_on_the_same_machine_and_versions_the_numbers_are_the_same_to_the_last_digit(tmp_path):
    stored(tmp_path)
    found = again(tmp_path, count=3)
    assert len(found) == 3 and all(one.exact and one.agrees and one.worst == 0 for one in found)


def test_the_least_change_is_found_there(tmp_path):
    stored(tmp_path, change=1e-9)
    assert not any(one.agrees for one in again(tmp_path))


def test_another_processor_may_differ_by_as_much_as_draws_do_and_no_more(tmp_path):
    stored(tmp_path, change=0.02, processor="another")
    assert all(one.agrees and not one.exact for one in again(tmp_path))


def test_more_than_that_is_found(tmp_path):
    stored(tmp_path, change=0.05, processor="another")
    assert not any(one.agrees for one in again(tmp_path))


def test_long_trials_are_left_alone_and_seconds_are_not_compared(tmp_path):
    stored(tmp_path)
    assert again(tmp_path, seconds=0.5) == []
    assert "seconds" in checking.TIMES
