"""When things happen in a run."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.learn.request import SCHEDULES, UNFREEZINGS, Schedule, Unfreezing
from segstudio.learn.training.schedule import Budget, Plateau, Rounds, rate, thawed

shares = st.floats(0, 1)
schedules = st.sampled_from(SCHEDULES)
unfreezings = st.sampled_from(UNFREEZINGS)


@given(st.floats(0, 100), st.integers(0, 100))
@settings(max_examples=50, deadline=None)
def test_the_tighter_limit_of_a_budget_counts(seconds: float, steps: int) -> None:
    used = Budget(50.0, 40).used(seconds, steps)
    assert used == pytest.approx(min(1.0, max(seconds / 50, steps / 40)))
    assert Budget(None, None).used(seconds, steps) is None
    assert Budget(None, 0).used(seconds, steps) == 1
    assert Budget(50.0, None).remaining(seconds) == max(0.0, 50 - seconds)


@given(st.integers(1, 10**7), shares | st.none(), schedules)
@settings(max_examples=50, deadline=None)
def test_a_rate_is_positive_and_never_above_the_full_one(step: int, used: float | None, schedule: Schedule) -> None:
    assert 0 < rate(step, used, schedule) <= 1


@given(shares, shares, schedules)
@settings(max_examples=50, deadline=None)
def test_rates_only_fall_after_the_warm_up(first: float, second: float, schedule: Schedule) -> None:
    early, late = sorted((first, second))
    assert rate(100, early, schedule) >= rate(100, late, schedule)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("used", [0.0, None])
def test_every_schedule_warms_up(schedule: Schedule, used: float | None) -> None:
    assert [rate(step, used, schedule) for step in (1, 5, 10, 11)] == pytest.approx([0.1, 0.5, 1, 1])


def test_the_shapes_of_the_schedules() -> None:
    assert rate(100, 0.5, "cosine") == rate(100, 0.5, "auto") == pytest.approx(0.51)
    assert rate(100, 1.0, "cosine") == rate(100, 1.0, "poly") == pytest.approx(0.02)
    assert rate(100, 0.5, "poly") == pytest.approx(0.02 + 0.98 * 0.5**0.9)
    assert rate(100, 0.9, "constant") == 1


@pytest.mark.parametrize("schedule", ["auto", "cosine", "poly"])
def test_an_open_end_keeps_the_rate_up_for_long_then_lets_it_fall_slowly(schedule: Schedule) -> None:
    assert rate(1000, None, schedule) == 1
    assert rate(4000, None, schedule) == pytest.approx(0.5)
    assert rate(100_000, None, "constant") == 1


@given(shares, shares, st.integers(1, 8), unfreezings)
@settings(max_examples=50, deadline=None)
def test_a_thawed_stage_goes_on_learning(first: float, second: float, stages: int, how: Unfreezing) -> None:
    early, late = sorted((first, second))
    for known in (True, False):
        before = thawed(early if known else None, early * 300, stages, how)
        after = thawed(late if known else None, late * 300, stages, how)
        assert 0 <= before <= after <= stages
    assert thawed(1.0, 300, stages, how) == thawed(None, 300, stages, how) == stages


def test_gradual_thawing_goes_stage_by_stage() -> None:
    counts = [thawed(share / 1000, 0, 5, "gradual") for share in range(1000)]
    assert sorted(set(counts)) == [0, 1, 2, 3, 4, 5]
    assert [thawed(None, seconds, 5, "gradual") for seconds in (0, 19, 20, 45, 119, 120)] == [0, 0, 1, 2, 4, 5]


def test_thawing_at_once_and_from_the_start() -> None:
    assert [thawed(used, 0, 5, "at once") for used in (0.0, 0.39, 0.4)] == [0, 0, 5]
    assert [thawed(None, seconds, 5, "at once") for seconds in (0, 59, 60)] == [0, 0, 5]
    assert thawed(0.0, 0, 5, "from the start") == 5


def test_rounds_come_early_then_more_rarely_and_sooner_after_new_labels() -> None:
    rounds = Rounds(Budget(None, None))
    assert not rounds.due(14.9)
    assert rounds.due(15)
    for _ in range(10):
        rounds.finished(1000, 1)
    assert not rounds.due(1299)
    assert rounds.due(1300)
    rounds.labels_changed = True
    assert rounds.due(1030)


def test_rounds_take_a_tenth_of_the_time_at_most() -> None:
    rounds = Rounds(Budget(None, None))
    rounds.finished(100, 60)
    assert not rounds.due(639)
    assert rounds.due(640)


def test_a_run_that_goes_on_is_not_scored_at_once() -> None:
    rounds = Rounds(Budget(None, None), 500.0)
    assert not rounds.due(510)
    assert rounds.due(515)


def test_a_plateau_is_said_once_after_some_rounds_and_minutes() -> None:
    plateau = Plateau()
    assert [plateau.seen(seconds, 0.5) for seconds in (60, 120, 180)] == ["", "", ""]
    assert plateau.seen(239, 0.502) == ""  # three rounds, but not yet three minutes
    line = plateau.seen(240, 0.5)
    assert line == "The score has not risen for 3 minutes: more labels will help more than more training."
    assert plateau.seen(900, 0.5) == ""


def test_few_rounds_are_no_plateau_however_long_they_take() -> None:
    plateau = Plateau()
    assert [plateau.seen(seconds, 0.5) for seconds in (600, 1200, 1800)] == ["", "", ""]
    assert plateau.seen(2400, 0.5)


def test_a_rise_ends_a_plateau_and_another_one_is_said_again() -> None:
    plateau = Plateau()
    heard = [plateau.seen(60 * minute, 0.5) for minute in range(1, 8)]
    assert sum(map(bool, heard)) == 1
    heard = [plateau.seen(480 + 60 * minute, 0.6) for minute in range(8)]
    assert sum(map(bool, heard)) == 1
    assert heard[0] == ""


def test_small_rises_add_up_to_a_rise() -> None:
    plateau = Plateau()
    assert not any(plateau.seen(60 * minute, 0.5 + 0.0015 * minute) for minute in range(60))
    assert any(plateau.seen(3600 + 60 * minute, 0.6, noise=0.05) for minute in range(60))


def test_new_labels_begin_anew() -> None:
    plateau = Plateau()
    for minute in range(1, 4):
        plateau.seen(60 * minute, 0.5)
    plateau.forget()
    assert [plateau.seen(seconds, 0.4) for seconds in (240, 300, 360)] == ["", "", ""]  # lower, yet a beginning
    assert plateau.seen(420, 0.4)


@pytest.mark.parametrize("score", [None, math.nan])
def test_rounds_without_a_score_tell_nothing(score: float | None) -> None:
    plateau = Plateau()
    assert not any(plateau.seen(60 * minute, score) for minute in range(60))
    plateau.seen(3600, 0.5)
    assert not any(plateau.seen(3600 + 60 * minute, score) for minute in range(1, 60))
    assert plateau.seen(7201, 0.6) == ""


def test_in_a_long_run_a_plateau_is_longer() -> None:
    plateau = Plateau()
    heard = [(seconds, plateau.seen(seconds, 0.5)) for seconds in range(3600, 5000, 100)]
    first = next(seconds for seconds, line in heard if line)
    assert first == 4500


def test_a_given_pause_stays_the_same() -> None:
    rounds = Rounds(Budget(120.0, None), pause=10.0)
    assert not rounds.due(9.9)
    for second in (10.0, 20.0, 30.0):
        assert rounds.due(second)
        rounds.finished(second, 0.1)
        assert not rounds.due(second + 9.9)
    rounds.finished(40.0, 5.0)
    assert not rounds.due(60.0)  # never more than a tenth of the time
