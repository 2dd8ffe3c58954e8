"""A curve stays short however long the run, and goes on where it was stopped."""

import itertools
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.learn.training.curve import Curve
from segstudio.learn.training.progress import Progress


@settings(max_examples=30, deadline=None)
@given(steps=st.integers(0, 3000), stop=st.integers(0, 3000))
def test_a_curve_that_goes_on_is_the_curve_that_never_stopped(steps: int, stop: int) -> None:
    whole, first, second = Curve(), Curve(), Curve()
    for step in range(1, steps + 1):
        whole.add_loss(step, 1 / step)
        first.add_loss(step, 1 / step) if step <= stop else None
    second.restore(json.loads(json.dumps(first.state())))
    for step in range(min(stop, steps) + 1, steps + 1):
        second.add_loss(step, 1 / step)
    assert second.data() == whole.data()
    points = whole.data()["losses"]
    assert len(points) < 400
    assert [point[0] for point in points] == sorted({point[0] for point in points})


def test_points_stand_for_equal_stretches() -> None:
    curve = Curve()
    for step in range(1, 1601):
        curve.add_loss(step, float(step))
    points = curve.data()["losses"]
    gaps = {second[0] - first[0] for first, second in itertools.pairwise(points)}
    assert len(gaps) == 1
    (gap,) = gaps
    assert points[0] == [gap, (1 + gap) / 2]


def test_rounds_without_a_score_leave_no_point() -> None:
    curve = Curve()
    curve.add_round(5, 1.0, None)
    curve.add_round(6, 2.0, math.nan)
    curve.add_round(7, 3.0, 0.5)
    assert curve.data()["rounds"] == [[7.0, 3.0, 0.5]]


@pytest.mark.parametrize(
    "change", [{"losses": 3}, {"losses": [[1]]}, {"rounds": [[1, 2]]}, {"open": None}, {"stretch": 0}, {"stretch": "1"}]
)
def test_something_else_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Curve().restore({**Curve().state(), **change})


def test_progress_counts_on_from_before() -> None:
    progress = Progress(steps=3, crops=12, seconds=100.0)
    assert progress.seconds == 100.0
    progress.begin()
    progress.step(4, 0.5)
    progress.end()
    seconds = progress.seconds
    assert seconds >= 100.0
    assert progress.seconds == seconds
    assert (progress.steps, progress.crops, progress.speed) == (4, 16, 8.0)
    assert progress.rate == pytest.approx(16 / seconds)
