"""What floats above the image: what the tool in hand is about to do, and pixels that protection has just kept back."""

import math
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QLinearGradient, QPainter, QPen, QPolygonF

from segstudio.core.arrays import U8, Bool
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.render import render_mask
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Preview, Ring
from segstudio.core.view import View
from segstudio.ui.canvas.drawing import argb_image, segments_image

_HANDLE = 4.0  # half the side of a handle, in widget pixels
_GAP = 16  # widget pixels from the pointer to its text
_TINT = 0.35
_FLASH = QColor("#e5534b")
_FAINT = 0.84  # of what is seen of the borders of segments
_RIM = 0.2  # of its width and height: where their picture fades
_LARGEST = 5_000_000  # pixels of a picture of segments: more only come by zooming in until they are asked for anew

Grid = tuple[Rect, U8]


class Overlay:
    """Draws a `Preview` and flashing pixels over the view.

    Attributes:
        room: size of the widget: text is kept inside.
    """

    def __init__(self) -> None:
        self.room = QSize()
        self._preview: Preview | None = None
        self._at: Point | None = None
        self._color = QColor("white")
        self._flash: tuple[tuple[Rect, Bool], ...] = ()
        self._replaced: tuple[Rect, ...] = ()  # where segments are drawn since the last change, or no longer
        self._picture: tuple[Grid, tuple[float, ...], QImage] | None = None  # of segments, and what it was drawn for

    def show(self, preview: Preview | None, at: Point | None, color: QColor) -> None:
        """What to draw from now on; `at` is where the pointer is, in image coordinates."""
        before, after = (None if one is None else one.grid for one in (self._preview, preview))
        # They cover much and stay the same while the pointer moves on: they are not to be painted with all the rest.
        self._replaced = tuple(grid[0] for grid in (before, after) if grid is not None and before is not after)
        if after is None:
            self._picture = None
        self._preview, self._at, self._color = preview, at, color

    def flash(self, where: Sequence[tuple[Rect, Bool]]) -> None:
        """Pixels to draw in the colour of danger; none ends it."""
        self._flash = tuple(where)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw, nor to wipe away."""
        return self._preview is None and not self._flash and not self._replaced

    def bounds(self, view: View, ratio: float, font: QFont) -> Rect:
        """Physical pixels that what may have changed touches."""
        box = EMPTY
        for rect in (*self._replaced, *(rect for rect, _ in self._flash)):
            box = box.union(view.rect_to_view(rect))
        preview = self._preview
        if preview is None:
            return box
        if preview.mask is not None:
            box = box.union(view.rect_to_view(preview.mask[0]))
        margin = math.ceil((_HANDLE + 3) * ratio)
        for points in (*preview.rings, *preview.lines, np.array(preview.handles, np.float64).reshape(-1, 2)):
            if len(points):
                x, y = points[:, 0] * view.scale + view.x, points[:, 1] * view.scale + view.y
                left, top, right, bottom = int(x.min()), int(y.min()), int(x.max()), int(y.max())
                box = box.union(Rect(left - margin, top - margin, right + margin + 1, bottom + margin + 1))
        if preview.text and self._at is not None:
            label = self._label(preview.text, view, ratio, font)
            left, top = math.floor(label.left() * ratio) - 2, math.floor(label.top() * ratio) - 2
            right, bottom = math.ceil(label.right() * ratio) + 2, math.ceil(label.bottom() * ratio) + 2
            box = box.union(Rect(left, top, right, bottom))
        return box

    def draw(self, painter: QPainter, ratio: float, view: View, rect: Rect) -> None:
        """Draw what meets `rect`, physical pixels, in widget coordinates."""
        for mask in self._flash:
            self._draw_mask(painter, ratio, view, rect, mask, _FLASH, 0.7)
        preview = self._preview
        if preview is None:
            return
        if preview.grid is not None:
            self._draw_segments(painter, ratio, view, preview.grid)
        if preview.mask is not None:
            self._draw_mask(painter, ratio, view, rect, preview.mask, self._color.lighter(115), _TINT)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for width, color in ((3.0, QColor(0, 0, 0, 150)), (1.25, self._color.lighter(115))):
            painter.setPen(QPen(color, width))
            for ring in preview.rings:
                painter.drawPolygon(_polygon(ring, view, ratio))
            for line in preview.lines:
                painter.drawPolyline(_polygon(line, view, ratio))
        self._draw_handles(painter, ratio, view, preview.handles)
        if preview.text and self._at is not None:
            self._draw_text(painter, self._label(preview.text, view, ratio, painter.font()), preview.text)

    def _draw_mask(
        self,
        painter: QPainter,
        ratio: float,
        view: View,
        rect: Rect,
        mask: tuple[Rect, Bool],
        color: QColor,
        fill: float,
    ) -> None:
        part = view.rect_to_view(mask[0]).intersect(rect)
        if part.empty or mask[0].empty:
            return
        image = argb_image(render_mask(mask, view, part, (color.red(), color.green(), color.blue()), fill))
        image.setDevicePixelRatio(ratio)
        painter.drawImage(QPointF(part.x0 / ratio, part.y0 / ratio), image)

    def _draw_segments(self, painter: QPainter, ratio: float, view: View, grid: Grid) -> None:
        (left, top), (right, bottom) = (
            (math.ceil(x - 0.5), math.ceil(y - 0.5))
            for x, y in (view.to_view((grid[0].x0, grid[0].y0)), view.to_view((grid[0].x1, grid[0].y1)))
        )
        part = Rect(left, top, right, bottom)
        if part.empty or part.width * part.height > _LARGEST:
            return
        look = view.scale, view.x % 1, view.y % 1, ratio
        if self._picture is None or self._picture[0] is not grid or self._picture[1] != look:
            image = segments_image(grid, view, part)
            _fade(image)
            image.setDevicePixelRatio(ratio)
            self._picture = grid, look, image
        painter.drawImage(QPointF(left / ratio, top / ratio), self._picture[2])

    def _draw_handles(self, painter: QPainter, ratio: float, view: View, handles: Sequence[Point]) -> None:
        painter.setPen(QPen(QColor(0, 0, 0, 180), 1))
        painter.setBrush(self._color.lighter(115))
        for handle in handles:
            x, y = view.to_view(handle)
            painter.drawRect(QRectF(x / ratio - _HANDLE, y / ratio - _HANDLE, 2 * _HANDLE, 2 * _HANDLE))

    def _label(self, text: str, view: View, ratio: float, font: QFont) -> QRect:
        assert self._at is not None
        metrics = QFontMetrics(font)
        x, y = (round(place / ratio) for place in view.to_view(self._at))
        width, height = metrics.horizontalAdvance(text) + 12, metrics.height() + 6
        # Right and below, where no hand hides it; on the other side where that would be cut off.
        left = x + _GAP if x + _GAP + width <= self.room.width() else x - _GAP - width
        top = y + _GAP if y + _GAP + height <= self.room.height() else y - _GAP - height
        return QRect(max(0, left), max(0, top), width, height)

    def _draw_text(self, painter: QPainter, box: QRect, text: str) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(20, 21, 23, 215))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor("#f2f2f2"))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)


def _polygon(points: Ring, view: View, ratio: float) -> QPolygonF:
    """Image coordinates as widget coordinates, without the points nobody can tell from their neighbours."""
    spots = (points * view.scale + (view.x, view.y)) / ratio
    if len(spots) > 64:
        moved = np.abs(np.diff(np.rint(spots), axis=0)).any(axis=1)
        spots = spots[np.concatenate([[True], moved])]
    return QPolygonF([QPointF(x, y) for x, y in spots.tolist()])


def _fade(image: QImage) -> None:
    """Let a picture end gently: what lies beyond is only not shown."""
    across, down = QPointF(image.width(), 0), QPointF(0, image.height())
    painter = QPainter(image)
    try:
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
        for end in (across, down):
            gradient = QLinearGradient(QPointF(0, 0), end)
            for at, alpha in ((0.0, 0.0), (_RIM, _FAINT), (1 - _RIM, _FAINT), (1.0, 0.0)):
                gradient.setColorAt(at, QColor.fromRgbF(0, 0, 0, alpha))
            painter.fillRect(image.rect(), gradient)
    finally:
        painter.end()
