"""Brush shapes against the definition: a pixel is covered when its centre is within half the size of the line."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segstudio.core.geometry import Rect
from segstudio.core.strokes import capsules, footprint, snap

BOUNDS = Rect(0, 0, 60, 40)
positions = st.tuples(st.floats(-20, 80), st.floats(-20, 60))


def rasterise(start: tuple[float, float], end: tuple[float, float], size: int) -> np.ndarray:
    out = np.zeros((BOUNDS.y1, BOUNDS.x1), np.bool_)
    for rect, covered in capsules(start, end, size, BOUNDS):
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


@pytest.mark.parametrize(("size", "pixels"), [(1, 1), (2, 4), (3, 9), (4, 12), (5, 21)])
def test_small_dabs_have_the_known_number_of_pixels(size: int, pixels: int) -> None:
    assert rasterise((20.3, 20.7), (20.3, 20.7), size).sum() == pixels


def test_one_pixel_brush_paints_the_pixel_under_the_pointer() -> None:
    covered = rasterise((7.99, 3.01), (7.99, 3.01), 1)
    assert covered[3, 7]
    assert covered.sum() == 1


@given(start=positions, end=positions)
def test_a_fast_thin_stroke_has_no_gap(start: tuple[float, float], end: tuple[float, float]) -> None:
    bounds = Rect(-50, -50, 120, 120)
    pixels = set()
    for rect, covered in capsules(start, end, 1, bounds):
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


@given(at=st.tuples(st.floats(20, 40), st.floats(15, 25)), size=st.integers(1, 25))
def test_the_cursor_outline_encloses_what_a_click_paints(at: tuple[float, float], size: int) -> None:
    covered = rasterise(at, at, size)
    polygon = footprint(at, size)
    assert shoelace(polygon) == covered.sum()
    rows, columns = np.nonzero(covered)
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    assert (min(xs), max(xs)) == (columns.min(), columns.max() + 1)
    assert (min(ys), max(ys)) == (rows.min(), rows.max() + 1)
