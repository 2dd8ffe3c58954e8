"""The brush cursor: the exact outline of the pixels a click would paint, in the colour of the class in hand."""

import math

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF, QTransform

from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.strokes import Point, footprint, snap
from segstudio.core.view import View

_TINY = 6.0  # view pixels below which a cross helps to find the cursor


class BrushCursor:
    """Where the brush is and what it looks like. Draws nothing until it is placed."""

    def __init__(self) -> None:
        self.at: Point | None = None
        self._size = 0
        self._shape = QPolygonF()
        self._color = QColor("white")

    def place(self, at: Point, size: int, color: QColor) -> None:
        """Move to image coordinates `at`; `size` is the brush diameter in image pixels."""
        if size != self._size:
            # The shape around its own centre: it only moves, so it is computed once a size.
            home = snap((0.5, 0.5), size)
            self._shape = QPolygonF([QPointF(x - home[0], y - home[1]) for x, y in footprint((0.5, 0.5), size)])
        self.at, self._size, self._color = at, size, color

    def hide(self) -> None:
        self.at = None

    def bounds(self, view: View) -> Rect:
        """View pixels the cursor touches; empty when hidden."""
        if self.at is None:
            return EMPTY
        x, y = view.to_view(snap(self.at, self._size))
        reach = max(self._size / 2 * view.scale, _TINY) + 4
        return Rect(math.floor(x - reach), math.floor(y - reach), math.ceil(x + reach) + 1, math.ceil(y + reach) + 1)

    def draw(self, painter: QPainter, ratio: float, view: View) -> None:
        """Draw in widget coordinates; `ratio` is physical pixels a widget pixel."""
        if self.at is None:
            return
        x, y = view.to_view(snap(self.at, self._size))
        scale = view.scale / ratio
        shape = QTransform(scale, 0, 0, scale, x / ratio, y / ratio).map(self._shape)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, view.scale < 4)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for width, color in ((3.0, QColor(0, 0, 0, 150)), (1.25, self._color.lighter(115))):
            pen = QPen(color, width)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawPolygon(shape)
            if self._size * view.scale < _TINY:
                centre = QPointF(x / ratio, y / ratio)
                for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                    step = QPointF(dx, dy)
                    painter.drawLine(centre + step * (_TINY / 2), centre + step * _TINY)
