"""The brush cursor: the exact outline of the pixels a click would paint, in the colour of the class in hand.

Stroking an outline of thousands of corners takes many times as long as painting under it. So it is stroked once into a
picture, and that is what moves; only one too large for that is stroked each time, as far as it is visible.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.strokes import BrushShape, Point, footprint, snap
from segstudio.core.view import View

_TINY = 6.0  # size below which a cross helps to find the cursor
_MARGIN = 4  # and what the pens need beside the outline; both in widget pixels
_LARGEST = 2200  # side of a picture in pixels: 20 MB
_MOST_PIXELS = _LARGEST**2  # of all pictures together
_FINE = 512  # a picture of at most this side is placed to a quarter of a pixel, a larger one to a whole one
_PARTS = 4

_Key = tuple[int, BrushShape, float, float, int, int, int]


class BrushCursor:
    """Where the brush is and what it looks like. Draws nothing until it is placed."""

    def __init__(self) -> None:
        self.at: Point | None = None
        self._size = 0
        self._kind: BrushShape = "round"
        self._corners: NDArray[np.float64] = np.zeros((0, 2))
        self._color = QColor("white")
        self._pictures: dict[_Key, QImage] = {}
        self._taken = 0  # pixels of the pictures

    def place(self, at: Point, size: int, color: QColor, shape: BrushShape = "round") -> None:
        """Move to image coordinates `at`; `size` is the brush diameter in image pixels."""
        if (size, shape) != (self._size, self._kind):
            # The shape around its own centre: it only moves, so it is computed once a size.
            self._corners = np.array(footprint((0.5, 0.5), size, shape)) - snap((0.5, 0.5), size)
        self.at, self._size, self._kind, self._color = at, size, shape, color

    def hide(self) -> None:
        self.at = None

    def bounds(self, view: View, ratio: float) -> Rect:
        """View pixels the cursor touches, of which a widget pixel takes `ratio`; empty when hidden."""
        if self.at is None:
            return EMPTY
        x, y = view.to_view(snap(self.at, self._size))
        reach = self._reach(view.scale, ratio) + 1
        return Rect(math.floor(x) - reach, math.floor(y) - reach, math.floor(x) + reach + 1, math.floor(y) + reach + 1)

    def draw(self, painter: QPainter, ratio: float, view: View, rect: Rect) -> None:
        """Draw what meets `rect`, in view pixels, of which a widget pixel takes `ratio`."""
        if self.at is None:
            return
        x, y = view.to_view(snap(self.at, self._size))
        reach = self._reach(view.scale, ratio)
        if 2 * reach > _LARGEST:
            self._draw_visible(painter, ratio, view.scale, (x, y), rect)
            return
        parts = _PARTS if 2 * reach <= _FINE else 1
        (left, right), (top, low) = divmod(round(x * parts), parts), divmod(round(y * parts), parts)
        key = self._size, self._kind, view.scale, ratio, self._color.rgb(), right, low
        picture = self._pictures.get(key)
        if picture is None:
            picture = self._drawn(reach, ratio, view.scale, QPointF(right / parts, low / parts))
            self._keep(key, picture)
        painter.drawImage(QPoint(left - reach, top - reach), picture)

    def _reach(self, scale: float, ratio: float) -> int:
        return math.ceil(max(self._size / 2 * scale, _TINY * ratio) + _MARGIN * ratio)

    def _drawn(self, reach: int, ratio: float, scale: float, rest: QPointF) -> QImage:
        """The cursor around the pixel in the middle, `rest` right and below of its corner."""
        picture = QImage(2 * reach + 1, 2 * reach + 1, QImage.Format.Format_ARGB32_Premultiplied)
        picture.fill(0)
        painter = QPainter(picture)
        try:
            painter.translate(rest + QPointF(reach, reach))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, scale < 4)
            shape = _polygon(self._corners * scale)
            for pen in self._pens(ratio):
                painter.setPen(pen)
                painter.drawPolygon(shape)
                if self._size * scale < _TINY * ratio:
                    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                        step = QPointF(dx, dy) * (_TINY * ratio)
                        painter.drawLine(step / 2, step)
        finally:
            painter.end()
        return picture

    def _keep(self, key: _Key, picture: QImage) -> None:
        """Remember a picture as long as only the place in a pixel changes."""
        size = picture.width() * picture.height()
        if self._taken + size > _MOST_PIXELS or (self._pictures and next(iter(self._pictures))[:5] != key[:5]):
            self._pictures.clear()
            self._taken = 0
        self._pictures[key] = picture
        self._taken += size

    def _draw_visible(self, painter: QPainter, ratio: float, scale: float, at: Point, rect: Rect) -> None:
        spots = self._corners * scale + at
        after = np.roll(spots, -1, axis=0)
        margin = math.ceil(_MARGIN * ratio)
        low, high = np.minimum(spots, after) - margin, np.maximum(spots, after) + margin
        near = ((high >= (rect.x0, rect.y0)) & (low <= (rect.x1, rect.y1))).all(axis=1)
        steps = np.flatnonzero(np.diff(np.concatenate([[False], near, [False]]).astype(np.int8)))
        ring = np.concatenate([spots, spots[:1]])
        lines = [_polygon(ring[i : j + 1]) for i, j in zip(steps[::2], steps[1::2], strict=True)]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for pen in self._pens(ratio):
            painter.setPen(pen)
            for line in lines:
                painter.drawPolyline(line)

    def _pens(self, ratio: float) -> tuple[QPen, QPen]:
        pens = QPen(QColor(0, 0, 0, 150), 3.0 * ratio), QPen(self._color.lighter(115), 1.25 * ratio)
        for pen in pens:
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        return pens


def _polygon(corners: NDArray[np.float64]) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in corners.tolist()])
