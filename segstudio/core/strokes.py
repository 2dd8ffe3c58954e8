"""Which pixels a brush covers: dabs and capsules, to the pixel.

A pixel belongs to a stroke of a round brush when its centre lies within half the brush size of the stroke's line, and
to one of a square brush when a square of that size, dragged along the line, passes over it. Rows of a convex shape are
intervals, so the work is one interval a row, whatever the size.
"""

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import Bool
from segstudio.core.geometry import EMPTY, Rect

Point = tuple[float, float]  # x, y in image coordinates; the centre of the first pixel is (0.5, 0.5)
BrushShape = Literal["round", "square"]
MIN_SIZE, MAX_SIZE = 1, 2000
_SLACK = 1e-6  # keeps a pixel whose centre lies exactly on the rim, whatever the rounding
_MANY = 1 << 14  # pixels of a box
_CHUNK = 256  # pixels of line rasterised at a time: bounds the box of a long diagonal


def snap(point: Point, size: int) -> Point:
    """Where a brush of `size` pixels is centred when the pointer is at `point`.

    Odd sizes are centred on a pixel, even ones on a corner, so that the brush covers exactly `size` columns.
    """
    x, y = point
    if size % 2:
        return math.floor(x) + 0.5, math.floor(y) + 0.5
    return float(math.floor(x + 0.5)), float(math.floor(y + 0.5))


def capsules(
    start: Point, end: Point, size: int, bounds: Rect, shape: BrushShape = "round"
) -> Iterator[tuple[Rect, Bool]]:
    """Rasterise a brush of `size` pixels dragged straight from `start` to `end`.

    Args:
        start, end: pointer positions; snapped here.
        size: diameter, or side of the square, in pixels, 1 or more.
        bounds: nothing outside is yielded.
        shape: of the brush.

    Yields:
        Rectangles inside `bounds` with a ``bool (h, w)`` each, true where the brush passed; together they are the
        whole capsule, without gaps.
    """
    (ax, ay), (bx, by) = snap(start, size), snap(end, size)
    parts = max(1, math.ceil(math.hypot(bx - ax, by - ay) / _CHUNK))
    for part in range(parts):
        f, g = part / parts, (part + 1) / parts
        a = (ax + (bx - ax) * f, ay + (by - ay) * f)
        b = (ax + (bx - ax) * g, ay + (by - ay) * g)
        rect, covered = _capsule(a, b, size / 2, bounds, shape)
        if not rect.empty:
            yield rect, covered


def _capsule(a: Point, b: Point, radius: float, bounds: Rect, shape: BrushShape = "round") -> tuple[Rect, Bool]:
    reach = radius + _SLACK
    box = Rect(
        math.floor(min(a[0], b[0]) - reach),
        math.floor(min(a[1], b[1]) - reach),
        math.ceil(max(a[0], b[0]) + reach),
        math.ceil(max(a[1], b[1]) + reach),
    ).intersect(bounds)
    if box.empty:
        return EMPTY, np.zeros((0, 0), np.bool_)
    rows = np.arange(box.y0 + 0.5, box.y1)
    intervals = _row_intervals if shape == "round" else _square_intervals
    low, high = intervals(a, b, reach, rows)
    left = box.x0 + 0.5
    columns = np.arange(box.width, dtype=np.float64)
    low, high = low - left, high - left
    if low.size * columns.size > _MANY:
        # Whole columns within the box: for a large brush, small integers are compared several times faster.
        low = np.minimum(np.maximum(np.ceil(low), 0), box.width).astype(np.int16)
        high = np.minimum(np.maximum(np.floor(high), -1), box.width).astype(np.int16)
        columns = columns.astype(np.int16)
    covered: Bool = columns >= low[:, None]
    covered &= columns <= high[:, None]
    return box, covered


def _row_intervals(
    a: Point, b: Point, radius: float, rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest x of the capsule on each row; low > high where the row misses it."""
    # Both ends at once, a row of the arrays each.
    x, y = np.array((a, b)).T[:, :, None]
    under = radius * radius - (rows - y) ** 2
    hit = under >= 0
    half = np.sqrt(np.where(hit, under, 0))
    low = np.where(hit, x - half, np.inf).min(axis=0)
    high = np.where(hit, x + half, -np.inf).max(axis=0)
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = math.hypot(dx, dy)
    if length == 0:
        return low, high
    # The body: 0 <= along <= length and |across| <= radius, both linear in x on a row.
    along = _linear(dx / length, (rows - a[1]) * dy / length - a[0] * dx / length, 0.0, length)
    across = _linear(-dy / length, (rows - a[1]) * dx / length + a[0] * dy / length, -radius, radius)
    body_low, body_high = np.maximum(along[0], across[0]), np.minimum(along[1], across[1])
    hit = body_low <= body_high
    return np.where(hit, np.minimum(low, body_low), low), np.where(hit, np.maximum(high, body_high), high)


def _square_intervals(
    a: Point, b: Point, radius: float, rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest x on each row of an upright square dragged from a to b; low > high where it misses."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    # Parts of the way, 0..1, during which the square is on the row.
    first, last = _linear(dy, np.full(rows.shape, a[1]) - rows, -radius, radius)
    first, last = np.maximum(first, 0.0), np.minimum(last, 1.0)
    hit = first <= last
    ends = a[0] + dx * np.where(hit, first, 0.0), a[0] + dx * np.where(hit, last, 0.0)
    low = np.where(hit, np.minimum(*ends) - radius, np.inf)
    return low, np.where(hit, np.maximum(*ends) + radius, -np.inf)


def _linear(
    slope: float, offset: NDArray[np.float64], least: float, most: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval of x with ``least <= slope * x + offset <= most``, for each offset."""
    if abs(slope) < 1e-12:
        inside = (offset >= least) & (offset <= most)
        return np.where(inside, -np.inf, np.inf), np.where(inside, np.inf, -np.inf)
    first, second = (least - offset) / slope, (most - offset) / slope
    return np.minimum(first, second), np.maximum(first, second)


def footprint(point: Point, size: int, shape: BrushShape = "round") -> list[Point]:
    """Outline of the pixels a dab at `point` covers, as one closed polygon of pixel corners.

    The cursor draws this, so what it shows is what a click paints.
    """
    x, y = snap(point, size)
    reach = size / 2 + 1
    bounds = Rect(math.floor(x - reach), math.floor(y - reach), math.ceil(x + reach), math.ceil(y + reach))
    rect, covered = _capsule((x, y), (x, y), size / 2, bounds, shape)
    rows = [(rect.y0 + int(i), np.flatnonzero(covered[i])) for i in np.flatnonzero(covered.any(axis=1))]
    spans = [(row, rect.x0 + int(xs[0]), rect.x0 + int(xs[-1]) + 1) for row, xs in rows]
    right = [(float(end), float(row + step)) for row, _, end in spans for step in (0, 1)]
    left = [(float(start), float(row + step)) for row, start, _ in reversed(spans) for step in (1, 0)]
    return right + left
