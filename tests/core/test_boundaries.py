"""Boundary counts against a pixel-by-pixel search, and void left out of them."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segstudio.core import boundaries
from segstudio.core.boundaries import boundary_counts, boundary_scores, tolerance_of
from segstudio.core.classes import VOID

masks = arrays(np.uint8, (7, 9), elements=st.sampled_from([0, 0, 1, 2, VOID]))


def edge_pixels(labels: np.ndarray, truth: np.ndarray, index: int) -> list[tuple[int, int]]:
    found = []
    for y, x in np.ndindex(labels.shape):
        around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        inside = [(v, u) for v, u in around if 0 <= v < labels.shape[0] and 0 <= u < labels.shape[1]]
        touched = any(truth[p] != VOID and labels[p] != labels[y, x] for p in inside)
        if labels[y, x] == index and truth[y, x] != VOID and touched:
            found.append((y, x))
    return found


def counted(truth: np.ndarray, prediction: np.ndarray, classes: int, reach: int) -> list[list[int]]:
    rows = []
    for index in range(classes):
        true, predicted = edge_pixels(truth, truth, index), edge_pixels(prediction, truth, index)

        def near(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> int:
            return sum(any((y - v) ** 2 + (x - u) ** 2 <= reach**2 for v, u in others) for y, x in some)

        rows.append([len(predicted), near(predicted, true), len(true), near(true, predicted)])
    return rows


@settings(max_examples=50, deadline=None)
@given(truth=masks, prediction=masks, reach=st.integers(1, 4))
def test_counts_are_those_of_a_plain_search(truth: np.ndarray, prediction: np.ndarray, reach: int) -> None:
    assert boundary_counts(truth, prediction, 3, tolerance=reach).tolist() == counted(truth, prediction, 3, reach)


@settings(max_examples=30, deadline=None)
@given(truth=masks, prediction=masks, reach=st.integers(1, 4))
def test_tiles_change_nothing(truth: np.ndarray, prediction: np.ndarray, reach: int) -> None:
    whole = boundary_counts(truth, prediction, 3, tolerance=reach)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boundaries, "_TILE", 3)
        assert np.array_equal(boundary_counts(truth, prediction, 3, tolerance=reach), whole)


@settings(max_examples=50, deadline=None)
@given(truth=masks, prediction=masks, other=masks)
def test_void_touches_nothing(truth: np.ndarray, prediction: np.ndarray, other: np.ndarray) -> None:
    changed = np.where(truth == VOID, other, prediction)
    assert np.array_equal(boundary_counts(truth, prediction, 3), boundary_counts(truth, changed, 3))


def test_a_label_beside_void_or_the_edge_has_no_boundary() -> None:
    truth = np.full((9, 9), VOID, np.uint8)
    truth[2:6, 2:6] = 1
    assert not boundary_counts(truth, truth, 2).any()
    assert not boundary_counts(np.ones((5, 5), np.uint8), np.ones((5, 5), np.uint8), 2).any()


def test_scores() -> None:
    truth = np.zeros((20, 20), np.uint8)
    truth[:, 10:] = 1
    shifted = np.roll(truth, 3, axis=1)
    shifted[:, :3] = 0
    assert boundary_scores(boundary_counts(truth, truth, 3)) == [1.0, 1.0, None]
    assert boundary_scores(boundary_counts(truth, shifted, 3, tolerance=3)) == [1.0, 1.0, None]
    assert boundary_scores(boundary_counts(truth, shifted, 3, tolerance=2)) == [0.0, 0.0, None]
    assert boundary_scores(boundary_counts(truth, np.zeros_like(truth), 3)) == [0.0, 0.0, None]
    half = np.array([[10, 5, 20, 20]], np.int64)
    assert boundary_scores(half) == [pytest.approx(2 * 0.5 / 1.5)]


def test_the_tolerance_grows_with_the_image() -> None:
    assert tolerance_of(10, 10) == 1
    assert tolerance_of(2336, 3504) == 32


def test_no_answer_ends_a_predicted_class() -> None:
    truth = np.zeros((6, 6), np.uint8)
    prediction = truth.copy()
    prediction[:, 3:] = VOID
    assert boundary_counts(truth, prediction, 1, tolerance=1).tolist() == [[6, 0, 0, 0]]


def test_a_large_image_takes_no_age() -> None:
    truth = np.zeros((2336, 3504), np.uint8)
    truth[::60] = 1
    start = time.perf_counter()
    boundary_counts(truth, truth, 2)
    assert time.perf_counter() - start < 20  # under a second where nothing else runs; this catches the hopeless
