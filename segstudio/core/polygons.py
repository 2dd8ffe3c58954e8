"""Which pixels a polygon, an ellipse or a rectangle covers, to the pixel, and how long and large outlines are.

A pixel belongs to a shape when its centre lies inside. A centre that lies on an edge belongs to one side only, so two
polygons that share an edge neither overlap nor leave a gap. Shapes come in bands of rows, trimmed to what they cover,
so that a shape as large as a large image needs little memory at a time, and a thin one touches few pixels.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import I64, Bool
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.strokes import Point

Floats = NDArray[np.float64]
Points = NDArray[np.float64]  # (n, 2) of x, y in image coordinates
Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in image coordinates
Part = tuple[Rect, Bool]

_BAND = 256  # rows at a time; also the tile of the history, so that a band keeps no tile it does not touch
_CHUNK = 1 << 18  # crossings worked out at a time
_RIM = 1e-9  # keeps a pixel whose centre lies on the rim of an ellipse, whatever the rounding


def rasterise(points: Points, bounds: Rect) -> Iterator[Part]:
    """Fill a closed polygon by the even-odd rule; it may cross itself.

    Args:
        points: ``float64 (n, 2)`` of x, y; the last is joined to the first. Fewer than three cover nothing.
        bounds: nothing outside is yielded.

    Returns:
        Disjoint rectangles inside `bounds` with a ``bool (h, w)`` each; together they are the whole polygon.

    Raises:
        ValueError: when `points` has another shape or is not finite.

    Source: even-odd scan conversion (Foley et al., Computer Graphics, 3.6), with columns as the scan lines, so that
    one exclusive or a row carries the parity on.
    """
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"points are (n, 2), not {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("points must be finite")
    if len(points) < 3:
        return iter(())
    low, high = points.min(axis=0), points.max(axis=0)
    box = _centres_within((float(low[0]), float(low[1]), float(high[0]), float(high[1])), bounds)
    return _polygon_bands(_edges(points.astype(np.float64)), box)


def rectangle_parts(box: Box, bounds: Rect) -> Iterator[Part]:
    """Fill an upright rectangle: the pixels whose centres have ``x0 <= x < x1`` and ``y0 <= y < y1``.

    Args:
        box: x0, y0, x1, y1 in image coordinates, in order.
        bounds: nothing outside is yielded.

    Yields:
        Disjoint rectangles inside `bounds` with a ``bool (h, w)`` each.
    """
    for band in _bands(_centres_within(box, bounds)):
        yield band, np.ones((band.height, band.width), np.bool_)


def ellipse_parts(box: Box, bounds: Rect) -> Iterator[Part]:
    """Fill the ellipse that touches the four sides of an upright box.

    Args:
        box: x0, y0, x1, y1 in image coordinates, in order.
        bounds: nothing outside is yielded.

    Yields:
        Disjoint rectangles inside `bounds` with a ``bool (h, w)`` each.
    """
    x0, y0, x1, y1 = box
    across, down = (x1 - x0) / 2, (y1 - y0) / 2
    if not (across > 0 and down > 0):
        return
    for band in _bands(_centres_within(box, bounds)):
        rows = np.arange(band.y0, band.y1, dtype=np.float64) + 0.5
        columns = np.arange(band.x0, band.x1, dtype=np.float64) + 0.5
        with np.errstate(over="ignore"):  # of an ellipse flatter than numbers can tell
            off = ((rows - (y0 + y1) / 2) / down) ** 2
        half = across * np.sqrt(np.maximum(1 - off, 0)) + _RIM
        yield from _trimmed(band, np.abs(columns - (x0 + x1) / 2) <= half[:, None])


def simplify(points: Points, tolerance: float) -> Points:
    """Leave out the points of an open line that lie within `tolerance` pixels of the simpler line; keeps both ends.

    Source: Douglas and Peucker 1973, with distances to the piece, not to its endless line. OpenCV's version takes a
    line that ends where it began for a closed one, and moves its ends.
    """
    kept = np.zeros(len(points), np.bool_)
    kept[:1] = kept[-1:] = True
    stretches = [(0, len(points) - 1)]
    while stretches:
        first, last = stretches.pop()
        if last - first < 2:
            continue
        far = _distances(points[first], points[last], points[first + 1 : last])
        worst = int(far.argmax())
        if far[worst] > tolerance:
            middle = first + 1 + worst
            kept[middle] = True
            stretches += [(first, middle), (middle, last)]
    return points[kept]


def line_length(points: Points, spacing: tuple[float, float] = (1.0, 1.0)) -> float:
    """Length of an open line.

    Args:
        points: ``float64 (n, 2)`` of x, y.
        spacing: width and height of a pixel; the length has their unit.
    """
    steps = np.diff(points, axis=0) * np.asarray(spacing)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


def area(points: Points) -> float:
    """Area of a closed polygon in square pixels; parts it goes round the other way count as negative.

    Source: the shoelace formula.
    """
    if len(points) < 3:
        return 0.0
    x, y = (points - points[0]).T  # near the origin the products lose no digits
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def nearest_on_line(points: Points, at: Point) -> tuple[int, Point, float]:
    """Where an open line comes nearest to a point.

    Args:
        points: ``float64 (n, 2)`` of x, y; n is 2 or more.
        at: x, y.

    Returns:
        Index of the piece (0 joins points 0 and 1), the point on it, and its distance in pixels.
    """
    start, step = points[:-1], np.diff(points, axis=0)
    along = _share(((np.asarray(at) - start) * step).sum(axis=1), (step**2).sum(axis=1))
    near = start + along[:, None] * step
    distance = np.hypot(near[:, 0] - at[0], near[:, 1] - at[1])
    piece = int(distance.argmin())
    return piece, (float(near[piece, 0]), float(near[piece, 1])), float(distance[piece])


def _distances(start: Points, end: Points, points: Points) -> NDArray[np.float64]:
    """``(n,)``: how far each point is from the straight piece between two."""
    step = end - start
    along = _share((points - start) @ step, np.asarray(step @ step))
    off = points - start - along[:, None] * step
    return np.hypot(off[:, 0], off[:, 1])


def _share(along: Floats, square: Floats) -> Floats:
    """How far along a piece a point lies, 0 to 1, from its product with the piece and the piece's with itself."""
    with np.errstate(over="ignore"):  # of a piece shorter than numbers can tell: beyond its end
        return np.clip(along / np.where(square > 0, square, 1), 0, 1)


def _centres_within(box: Box, bounds: Rect) -> Rect:
    """The pixels of `bounds` whose centres lie in a box; the box may reach any distance outside."""
    x0, x1 = (min(max(math.ceil(x - 0.5), bounds.x0), bounds.x1) for x in (box[0], box[2]))
    y0, y1 = (min(max(math.ceil(y - 0.5), bounds.y0), bounds.y1) for y in (box[1], box[3]))
    rect = Rect(x0, y0, x1, y1)
    return EMPTY if rect.empty else rect


def _bands(box: Rect) -> Iterator[Rect]:
    for row in range(box.y0 // _BAND * _BAND, box.y1, _BAND):
        yield Rect(box.x0, max(row, box.y0), box.x1, min(row + _BAND, box.y1))


def _trimmed(band: Rect, where: Bool) -> Iterator[Part]:
    """What is set in a band, as one rectangle for each run of tiles that hold some of it."""
    columns = np.flatnonzero(where.any(axis=0))
    if not columns.size:
        return
    breaks = np.flatnonzero(np.diff((columns + band.x0) // _BAND) > 1) + 1
    for run in np.split(columns, breaks):
        left, right = int(run[0]), int(run[-1]) + 1
        rows = np.flatnonzero(where[:, left:right].any(axis=1))
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        yield Rect(left, top, right, bottom).shift(band.x0, band.y0), where[top:bottom, left:right]


def _edges(points: Points) -> Points:
    """``(4, m)`` of x0, y0, x1, y1 with x0 < x1.

    Always from left to right, so that an edge shared by two polygons is crossed at the same place in both.
    """
    ends = np.concatenate([points, np.roll(points, -1, axis=0)], axis=1).T
    ends = ends[:, ends[0] != ends[2]]
    return np.where(ends[0] < ends[2], ends, ends[[2, 3, 0, 1]])


def _polygon_bands(edges: Points, box: Rect) -> Iterator[Part]:
    carried = np.zeros(box.width, np.uint8)
    for band in _bands(box):
        parity = np.zeros((band.height, band.width), np.uint8)
        parity[0] = carried
        cells = parity.reshape(-1)
        for rows, columns in _crossings(edges, band, first=band.y0 == box.y0):
            np.add.at(cells, (rows - band.y0) * band.width + columns - band.x0, np.uint8(1))
        parity &= 1
        for above, row in itertools.pairwise(parity):
            np.bitwise_xor(above, row, out=row)
        carried = parity[-1]
        yield from _trimmed(band, parity.view(np.bool_))


def _crossings(edges: Points, band: Rect, *, first: bool) -> Iterator[tuple[I64, I64]]:
    """Rows and columns of the pixels at which a walk down a column of pixel centres crosses an edge.

    The first band also gets the crossings above it, in its first row.
    """
    x0, y0, x1, y1 = edges
    top = -np.inf if first else band.y0 - 1.0
    slope = np.where(y0 == y1, 1.0, y1 - y0)
    with np.errstate(over="ignore"):  # an edge flatter than numbers can tell reaches other rows infinitely far away
        far = [x0 + (y - y0) * (x1 - x0) / slope for y in (top, band.y1)]
    reached = [np.where(y0 == y1, limit, x) for x, limit in zip(far, (x0, x1), strict=True)]
    # Two pixels of slack: this only spares work, the row of each crossing decides.
    start = np.maximum(np.ceil(x0 - 0.5), np.clip(np.minimum(*reached) - 2, band.x0, band.x1).astype(np.int64))
    stop = np.minimum(np.ceil(x1 - 0.5), np.clip(np.maximum(*reached) + 2, band.x0, band.x1).astype(np.int64))
    near = (start < stop) & (np.minimum(y0, y1) < band.y1) & (np.maximum(y0, y1) > top)
    x0, y0, x1, y1 = edges[:, near]
    begin, counts = start[near].astype(np.int64), (stop - start)[near].astype(np.int64)
    chunks = np.flatnonzero(np.diff(counts.cumsum() // _CHUNK)) + 1
    for part in np.split(np.arange(len(counts)), chunks):
        edge = np.repeat(part, counts[part])
        within = np.arange(len(edge)) - np.repeat(counts[part].cumsum() - counts[part], counts[part])
        columns = begin[edge] + within
        # The product first, then the quotient: exact where the crossing falls on a pixel centre.
        y = y0[edge] + (columns + 0.5 - x0[edge]) * (y1 - y0)[edge] / (x1 - x0)[edge]
        rows = np.clip(np.ceil(y - 0.5), band.y0 if first else band.y0 - 1, band.y1).astype(np.int64)
        inside = (rows >= band.y0) & (rows < band.y1)
        yield rows[inside], columns[inside]
