"""Tiles cover an image, overlap enough, and are blended without a seam in bounded memory."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.arrays import F32
from segstudio.learn.networks.network import STRIDE
from segstudio.learn.prediction import tiling
from segstudio.learn.prediction.tiling import Axis, blend, cut, overlap_of

LENGTHS = st.integers(1, 5000)
SIDES = st.integers(64, 600)


@settings(max_examples=50)
@given(LENGTHS, SIDES)
def test_tiles_of_one_size_start_on_the_grid_and_overlap(length: int, side: int) -> None:
    axis = Axis.of(length, side)
    assert axis.side <= side
    assert axis.starts[0] == 0
    assert axis.span(len(axis.starts) - 1).stop == length
    assert all(start % STRIDE == 0 for start in axis.starts)
    for before, start in pairwise(axis.starts):
        assert before + axis.side - start >= overlap_of(side)
    ramp = axis.ramp(10**6)
    seams = [axis.seam(place) for place in range(1, len(axis.starts))]
    assert all(second - first >= ramp for first, second in pairwise(seams))


@settings(max_examples=50)
@given(LENGTHS, LENGTHS, st.integers(256, 1024))
def test_an_image_is_cut_into_tiles_of_bounded_area(height: int, width: int, side: int) -> None:
    rows, columns = cut(height, width, side)
    assert rows.side * columns.side <= side * side
    assert (rows.length, columns.length) == (height, width)
    if height * width <= side * side:
        assert len(rows.starts) == len(columns.starts) == 1


def test_little_is_computed_twice() -> None:
    rows, columns = cut(1536, 2048, 1024)
    work = rows.side * columns.side * len(rows.starts) * len(columns.starts)
    assert work < 1.35 * 1536 * 2048


@settings(max_examples=25)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([64, 96, 160]))
def test_blending_gives_back_what_all_tiles_agree_on(height: int, width: int, side: int) -> None:
    truth = np.random.default_rng(height * 300 + width).random((2, height, width), np.float32)
    found = np.full_like(truth, np.nan)
    for piece in blend(Axis.of(height, side), Axis.of(width, side), lambda y, x: truth[:, y, x].copy()):
        assert np.isnan(found[:, piece.rows, piece.columns]).all()
        found[:, piece.rows, piece.columns] = piece.scores
    np.testing.assert_allclose(found, truth, atol=1e-6)


def test_tiles_that_disagree_fade_into_each_other() -> None:
    count = iter(range(100))
    axis = Axis.of(256, 160)
    assert len(axis.starts) == 2
    found = np.empty((256, 256), np.float32)
    for piece in blend(
        axis, axis, lambda y, x: np.full((1, y.stop - y.start, x.stop - x.start), next(count), np.float32)
    ):
        found[piece.rows, piece.columns] = piece.scores[0]
    assert [found[0, 0], found[0, -1], found[-1, 0], found[-1, -1]] == [0, 1, 2, 3]
    for line in (found[0], found[-1], found[:, 0], found[:, -1]):
        steps = np.diff(line)
        assert (steps >= 0).all()
        assert steps.max() <= 2.01 / axis.ramp(256)


def test_memory_does_not_grow_with_width_or_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A band of 250 classes across the image would be 600 MB."""
    monkeypatch.setattr(tiling, "_STRIP_BYTES", 30 << 20)
    classes, height, width = 250, 200, 6000

    def compute(down: slice, across: slice) -> F32:
        return np.full((classes, down.stop - down.start, across.stop - across.start), 0.5, np.float32)

    tracemalloc.start()
    try:
        for piece in blend(Axis.of(height, 96), Axis.of(width, 96), compute):
            assert abs(float(piece.scores[3].mean()) - 0.5) < 1e-6
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    tile = classes * 96 * 96 * 4
    assert peak < (30 << 20) + 3.5 * tile


def test_an_image_too_wide_for_any_fade_is_cut_hard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "_STRIP_BYTES", 0)
    truth = np.random.default_rng(0).random((3, 200, 150), np.float32)
    found = np.empty_like(truth)
    for piece in blend(Axis.of(200, 96), Axis.of(150, 96), lambda y, x: truth[:, y, x].copy()):
        found[:, piece.rows, piece.columns] = piece.scores
    np.testing.assert_allclose(found, truth, atol=1e-6)
