"""Quiet things on top of a view: what it shows, what it hides, where the other view's pointer is, what to look at."""

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPainterPath, QPen

from segstudio.core.arrays import Bool
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.render import render_mask
from segstudio.core.view import View
from segstudio.ui.canvas.drawing import argb_image

# All in widget pixels.
_EDGE = 10  # from a text to the edges of the view
_PADDING = 8  # and to those of its ground
_AROUND = 7.0  # from what is pointed out to the ring around it
_LEAST = 30.0  # side of a ring: a single pixel must be found, too
_CORNER = 6.0
_NEAR, _FAR = 3.0, 11.0  # from the middle of the cross-hair to where its arms begin and end
_GROUND, _TEXT, _QUIET = QColor(20, 21, 23, 190), QColor("#f2f2f2"), QColor("#c4c8cd")
_SHADOW, _LIGHT, _RING = QColor(0, 0, 0, 170), QColor("#ffffff"), QColor("#ffd24a")
_TINT = 0.12

Spot = tuple[Rect, Bool]


class Marks:
    """What to draw over one view, below the brush cursor.

    Attributes:
        caption: what the view shows, at its top; empty for none.
        note: what it does not show, at its bottom.
        cross: image pixel under the pointer of the other view; None when it is elsewhere.
        spot: rectangle of the image and ``bool (h, w)`` of pixels that are pointed out; None when none are.
    """

    def __init__(self) -> None:
        self.caption = ""
        self.note = ""
        self.cross: tuple[int, int] | None = None
        self.spot: Spot | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not (self.caption or self.note) and self.cross is None and self.spot is None

    @property
    def text(self) -> str:
        """All that is written."""
        return "  ·  ".join(text for text in (self.caption, self.note) if text)

    def cross_bounds(self, view: View, ratio: float) -> Rect:
        """Physical pixels the cross-hair touches."""
        if self.cross is None:
            return EMPTY
        at = self._cross_at(view, ratio)
        return _pixels(QRectF(at.x() - _FAR, at.y() - _FAR, 2 * _FAR, 2 * _FAR).adjusted(-2, -2, 2, 2), ratio)

    def spot_bounds(self, view: View, ratio: float) -> Rect:
        """Physical pixels that what is pointed out and its ring touch."""
        if self.spot is None:
            return EMPTY
        return _pixels(_ring(self.spot[0], view, ratio).adjusted(-4, -4, 4, 4), ratio)

    def draw(self, painter: QPainter, ratio: float, view: View, room: QSize, rect: Rect) -> None:
        """Draw in widget coordinates.

        Args:
            painter: scaled to widget pixels, of which each takes `ratio` physical ones.
            ratio, view: as the image is drawn.
            room: size of the widget.
            rect: physical pixels that are wanted; the rest is spared where it takes time.
        """
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self.spot is not None:
            self._draw_spot(painter, ratio, view, rect, self.spot)
        if self.cross is not None:
            self._draw_cross(painter, self._cross_at(view, ratio))
        if self.caption:
            _draw_text(painter, room, self.caption, _TEXT, top=True)
        if self.note:
            _draw_text(painter, room, self.note, _QUIET, top=False)

    def _draw_spot(self, painter: QPainter, ratio: float, view: View, rect: Rect, spot: Spot) -> None:
        part = view.rect_to_view(spot[0]).intersect(rect)
        if not part.empty:
            color = _RING.red(), _RING.green(), _RING.blue()
            image = argb_image(render_mask(spot, view, part, color, _TINT))
            image.setDevicePixelRatio(ratio)
            painter.drawImage(QPointF(part.x0 / ratio, part.y0 / ratio), image)
        ring = _ring(spot[0], view, ratio)
        for width, color_of in ((4.0, _SHADOW), (2.0, _RING)):
            painter.setPen(QPen(color_of, width))
            painter.drawRoundedRect(ring, _CORNER, _CORNER)

    def _cross_at(self, view: View, ratio: float) -> QPointF:
        assert self.cross is not None
        x, y = view.to_view((self.cross[0] + 0.5, self.cross[1] + 0.5))
        return QPointF(x / ratio, y / ratio)

    def _draw_cross(self, painter: QPainter, at: QPointF) -> None:
        arms = QPainterPath()
        for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            arms.moveTo(at + QPointF(x, y) * _NEAR)
            arms.lineTo(at + QPointF(x, y) * _FAR)
        for width, color in ((3.0, _SHADOW), (1.25, _LIGHT)):
            painter.setPen(QPen(color, width))
            painter.drawPath(arms)


def text_box(room: QSize, text: str, font: QFont, *, top: bool) -> QRectF:
    """Where a caption (at the top) or a note (at the bottom) lies, in widget pixels."""
    metrics = QFontMetrics(font)
    width = min(metrics.horizontalAdvance(text) + 2 * _PADDING, max(0, room.width() - 2 * _EDGE))
    height = metrics.height() + 6
    return QRectF(_EDGE, _EDGE if top else room.height() - _EDGE - height, width, height)


def _draw_text(painter: QPainter, room: QSize, text: str, ink: QColor, *, top: bool) -> None:
    box = text_box(room, text, painter.font(), top=top)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_GROUND)
    painter.drawRoundedRect(box, 4, 4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(ink)
    if box.width() > room.width() - 2 * _EDGE - 1:
        text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()) - 2 * _PADDING)
    painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)


def _ring(rect: Rect, view: View, ratio: float) -> QRectF:
    """Around a rectangle of the image, in widget pixels; large enough to be found."""
    corners = np.array([view.to_view((rect.x0, rect.y0)), view.to_view((rect.x1, rect.y1))]) / ratio
    middle, sides = corners.mean(axis=0), np.maximum(np.ptp(corners, axis=0) + 2 * _AROUND, _LEAST)
    left, top = middle - sides / 2
    return QRectF(left, top, sides[0], sides[1])


def _pixels(box: QRectF, ratio: float) -> Rect:
    return Rect(
        math.floor(box.left() * ratio),
        math.floor(box.top() * ratio),
        math.ceil(box.right() * ratio),
        math.ceil(box.bottom() * ratio),
    )
