"""Connected regions against OpenCV's labelling of the whole image."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segstudio.core import regions
from segstudio.core.arrays import Bool
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.regions import component_at, pieces

shapes = st.tuples(st.integers(1, 30), st.integers(1, 30))
masks = shapes.flatmap(lambda shape: arrays(np.bool_, shape))


def labelled(mask: Bool, x: int, y: int) -> Bool:
    """The region at a pixel, by another algorithm."""
    _, numbered = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    region: Bool = (numbered == numbered[y, x]) & mask[y, x]
    return region


def spread_out(shape: tuple[int, ...], rect: Rect, where: Bool) -> Bool:
    out = np.zeros(shape, np.bool_)
    out[rect.slices] = where
    return out


def tight(mask: Bool) -> Rect:
    ys, xs = np.nonzero(mask)
    return Rect(int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)


@settings(max_examples=50, deadline=None)
@given(mask=masks, tile=st.integers(1, 9), data=st.data())
def test_a_region_is_the_one_that_labelling_finds_whatever_the_tiles(
    mask: Bool, tile: int, data: st.DataObject
) -> None:
    y, x = (data.draw(st.integers(0, size - 1)) for size in mask.shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regions, "_TILE", tile)
        box, where = component_at(lambda rect: mask[rect.slices], Rect.of_shape(mask.shape), x, y)
    expected = labelled(mask, x, y)
    assert np.array_equal(spread_out(mask.shape, box, where), expected)
    assert box == (tight(expected) if mask[y, x] else EMPTY)
    assert where.shape == (box.height, box.width)


def test_a_region_winds_through_many_tiles() -> None:
    snake = np.zeros((1100, 1100), np.bool_)
    snake[::4] = True
    for row in range(0, 1096, 4):  # joined to the next row at alternating ends
        snake[row : row + 5, -1 if row % 8 == 0 else 0] = True
    box, where = component_at(lambda rect: snake[rect.slices], Rect.of_shape(snake.shape), 0, 0)
    assert np.array_equal(spread_out(snake.shape, box, where), labelled(snake, 0, 0))
    assert where.sum() > 250_000


def test_pixels_that_touch_at_a_corner_are_apart() -> None:
    box, where = component_at(lambda rect: np.eye(3, dtype=np.bool_)[rect.slices], Rect(0, 0, 3, 3), 1, 1)
    assert box == Rect(1, 1, 2, 2)
    assert where.tolist() == [[True]]


def test_a_small_region_of_a_huge_image_is_found_without_looking_at_the_rest() -> None:
    asked: list[Rect] = []

    def member(rect: Rect) -> Bool:
        asked.append(rect)
        rows = np.arange(rect.y0, rect.y1)[:, None]
        columns = np.arange(rect.x0, rect.x1)[None]
        return (abs(rows - 5_000) < 20) & (abs(columns - 6_000) < 30)

    box, where = component_at(member, Rect(0, 0, 20_000, 20_000), 6_000, 5_000)
    assert box == Rect(5_971, 4_981, 6_030, 5_020)
    assert where.all()
    assert len(asked) <= 4


def test_bounds_may_lie_anywhere() -> None:
    image = np.ones((40, 50), np.bool_)
    bounds = Rect(13, 7, 31, 20)
    box, where = component_at(lambda rect: image[rect.slices], bounds, 14, 19)
    assert box == bounds
    assert where.all()


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (0, -1), (5, 0), (0, 4)])
def test_outside_of_the_bounds_there_is_no_region(x: int, y: int) -> None:
    box, where = component_at(lambda rect: np.ones((rect.height, rect.width), np.bool_), Rect(0, 0, 5, 4), x, y)
    assert box.empty
    assert not where.size


def test_the_members_given_are_not_written_to() -> None:
    mask = np.ones((20, 20), np.bool_)
    component_at(lambda rect: mask[rect.slices], Rect(0, 0, 20, 20), 3, 3)
    assert mask.view(np.uint8).max() == 1


@settings(max_examples=50, deadline=None)
@given(mask=masks, block=st.integers(1, 9), x=st.integers(0, 20), y=st.integers(0, 20))
def test_pieces_hold_every_pixel_once_and_respect_the_blocks(mask: Bool, block: int, x: int, y: int) -> None:
    box = Rect.of_shape(mask.shape).shift(x, y)
    counts = np.zeros((box.y1, box.x1), np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regions, "_BLOCK", block)
        for rect, where in pieces(box, mask):
            assert rect.intersect(box) == rect
            assert where.shape == (rect.height, rect.width)
            assert rect.y0 // block == (rect.y1 - 1) // block
            starts = {rect.x0, *range((rect.x0 // block + 1) * block, rect.x1, block)}
            ends = sorted({*starts, rect.x1})
            for left, right in pairwise(ends):
                assert where[:, left - rect.x0 : right - rect.x0].any()
            counts[rect.slices] += where
    assert np.array_equal(counts[box.slices], mask)


def test_an_empty_mask_has_no_pieces() -> None:
    assert list(pieces(EMPTY, np.zeros((0, 0), np.bool_))) == []
