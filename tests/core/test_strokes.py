"""Brush shapes against their definition: which pixel centres a disc or a square covers on its way."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segstudio.core.geometry import Rect
from segstudio.core.strokes import BrushShape, capsules, footprint, snap

BOUNDS = Rect(0, 0, 60, 40)
positions = st.tuples(st.floats(-20, 80), st.floats(-20, 60))


def rasterise(
    start: tuple[float, float], end: tuple[float, float], size: int, shape: BrushShape = "round"
) -> np.ndarray:
    out = np.zeros((BOUNDS.y1, BOUNDS.x1), np.bool_)
    for rect, covered in capsules(start, end, size, BOUNDS, shape):
        assert rect.intersect(BOUNDS) == rect
        out[rect.slices] |= covered
    return out


def distance_to_line(x: float, y: float, a: tuple[float, float], b: tuple[float, float]) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    t = 0.0 if length == 0 else min(1.0, max(0.0, ((x - a[0]) * dx + (y - a[1]) * dy) / length))
    return math.hypot(x - a[0] - t * dx, y - a[1] - t * dy)


@given(start=positions, end=positions, size=st.integers(1, 30))
def test_capsule_covers_exactly_the_pixels_near_the_line(
    start: tuple[float, float], end: tuple[float, float], size: int
) -> None:
    covered = rasterise(start, end, size)
    a, b = snap(start, size), snap(end, size)
    for y in range(BOUNDS.y1):
        for x in range(BOUNDS.x1):
            distance = distance_to_line(x + 0.5, y + 0.5, a, b)
            if abs(distance - size / 2) > 1e-4:  # on the rim itself rounding decides
                assert covered[y, x] == (distance < size / 2), (x, y)


def square_distance(x: float, y: float, a: tuple[float, float], b: tuple[float, float]) -> float:
    """How far a point is from a straight line, by the larger of the ways across and down.

    The larger of two convex functions of the way along the line is convex: its least value is at an end, where one of
    them is 0, or where both are equal.
    """
    dx, dy = b[0] - a[0], b[1] - a[1]
    x, y = x - a[0], y - a[1]
    lengths = [(x - y, dx - dy), (x + y, dx + dy), (x, dx), (y, dy)]
    at = [0.0, 1.0] + [way / step for way, step in lengths if step]
    return min(max(abs(x - t * dx), abs(y - t * dy)) for t in at if 0 <= t <= 1)


@given(start=positions, end=positions, size=st.integers(1, 30))
def test_a_square_brush_covers_exactly_the_pixels_a_dragged_square_passes_over(
    start: tuple[float, float], end: tuple[float, float], size: int
) -> None:
    covered = rasterise(start, end, size, "square")
    a, b = snap(start, size), snap(end, size)
    for y in range(BOUNDS.y1):
        for x in range(BOUNDS.x1):
            distance = square_distance(x + 0.5, y + 0.5, a, b)
            if abs(distance - size / 2) > 1e-4:
                assert covered[y, x] == (distance < size / 2), (x, y)


@given(at=st.tuples(st.floats(20, 40), st.floats(15, 25)), size=st.integers(1, 25))
def test_a_square_dab_is_a_square_round_the_pointer(at: tuple[float, float], size: int) -> None:
    covered = rasterise(at, at, size, "square")
    rows, columns = np.nonzero(covered)
    assert covered.sum() == size * size
    assert (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) == (size, size)
    assert abs((columns.min() + columns.max() + 1) / 2 - at[0]) <= 0.5
    assert abs((rows.min() + rows.max() + 1) / 2 - at[1]) <= 0.5


@pytest.mark.parametrize("end", [(40.0, 20.0), (20.0, 35.0), (20.0, 20.0)])
def test_a_square_dragged_along_an_axis_is_a_rectangle(end: tuple[float, float]) -> None:
    covered = rasterise((20.0, 20.0), end, 6, "square")
    expected = np.zeros_like(covered)
    expected[17 : int(end[1]) + 3, 17 : int(end[0]) + 3] = True
    assert np.array_equal(covered, expected)


@pytest.mark.parametrize(("size", "pixels"), [(1, 1), (2, 4), (3, 9), (4, 12), (5, 21)])
def test_small_dabs_have_the_known_number_of_pixels(size: int, pixels: int) -> None:
    assert rasterise((20.3, 20.7), (20.3, 20.7), size).sum() == pixels


def test_one_pixel_brush_paints_the_pixel_under_the_pointer() -> None:
    covered = rasterise((7.99, 3.01), (7.99, 3.01), 1)
    assert covered[3, 7]
    assert covered.sum() == 1


@given(start=positions, end=positions, shape=st.sampled_from(["round", "square"]))
def test_a_fast_thin_stroke_has_no_gap(start: tuple[float, float], end: tuple[float, float], shape: BrushShape) -> None:
    bounds = Rect(-50, -50, 120, 120)
    pixels = set()
    for rect, covered in capsules(start, end, 1, bounds, shape):
        rows, columns = np.nonzero(covered)
        pixels |= {(int(x) + rect.x0, int(y) + rect.y0) for x, y in zip(columns, rows, strict=True)}
    todo = [next(iter(pixels))]
    reached = set(todo)
    while todo:
        x, y = todo.pop()
        for neighbour in [(x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]:
            if neighbour in pixels and neighbour not in reached:
                reached.add(neighbour)
                todo.append(neighbour)
    assert reached == pixels
    assert (math.floor(start[0]), math.floor(start[1])) in pixels
    assert (math.floor(end[0]), math.floor(end[1])) in pixels


def test_a_long_diagonal_is_cut_into_small_boxes() -> None:
    bounds = Rect(0, 0, 16384, 16384)
    boxes = [rect for rect, _ in capsules((0, 0), (16383, 16383), 9, bounds)]
    assert sum(box.width * box.height for box in boxes) < 16384 * 16384 / 50


def shoelace(polygon: list[tuple[float, float]]) -> float:
    turned = [*polygon[1:], polygon[0]]
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(polygon, turned, strict=True))) / 2


@given(
    at=st.tuples(st.floats(20, 40), st.floats(15, 25)),
    size=st.integers(1, 25),
    shape=st.sampled_from(["round", "square"]),
)
def test_the_cursor_outline_encloses_what_a_click_paints(at: tuple[float, float], size: int, shape: BrushShape) -> None:
    covered = rasterise(at, at, size, shape)
    polygon = footprint(at, size, shape)
    assert shoelace(polygon) == covered.sum()
    rows, columns = np.nonzero(covered)
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    assert (min(xs), max(xs)) == (columns.min(), columns.max() + 1)
    assert (min(ys), max(ys)) == (rows.min(), rows.max() + 1)
