"""The whole image in a corner of the canvas, with a frame around the part that is seen."""

import cv2
import numpy as np
from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QMoveEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from segstudio.core.arrays import U8
from segstudio.core.strokes import Point
from segstudio.core.view import View
from segstudio.ui.panels.parts import describe
from segstudio.ui.theme import Tokens

SIDE = 180  # widget pixels of the longer side, at most
_SHARE = 5  # and at most one part of so many of the canvas, across and down
_SHORTEST = 32  # so that the map of a single row of pixels can still be hit
_LEAST_ROOM = 40  # widget pixels across and down that the canvas must spare for it
_GAP = 12  # to the canvas's edge
_LEAST_FRAME = 8.0
_SLACK = 0.5  # screen pixels of the image that may be out of sight and not count


class Minimap(QWidget):
    """Lies over the bottom right corner of a canvas while that shows a part of the image only.

    Args:
        canvas: what it lies over.
        tokens: colours.

    Signals:
        moved_to(object): image coordinates (x, y), inside the image, that the person wants in the middle of the view.
    """

    moved_to = Signal(object)

    def __init__(self, canvas: QWidget, tokens: Tokens) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._tokens = tokens
        self._image: U8 | None = None
        self._size = (1, 1)
        self._shown: tuple[View, tuple[int, int]] | None = None  # how the canvas looks at it, and its room
        self._on = True
        self._scaled: QPixmap | None = None
        describe(self, "Minimap", "The whole image; click or drag to move the view")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.hide()

    def set_tokens(self, tokens: Tokens) -> None:
        """Colours of another theme."""
        self._tokens = tokens
        self.update()

    def set_on(self, on: bool) -> None:
        """Whether the person wants it at all."""
        self._on = on
        self._show_or_hide()

    def set_image(self, image: U8 | None, size: tuple[int, int] = (1, 1)) -> None:
        """Show another image.

        Args:
            image: ``uint8 (h, w)`` or ``(h, w, 3)`` RGB, a reduced copy as the canvas shows it; the smallest level of
                the pyramid of at least twice `SIDE` is sharp on every screen. None: there is no image.
            size: width and height of the full image, in pixels.
        """
        self._image, self._size, self._scaled = image, size, None
        self._place()
        self._show_or_hide()
        self.update()

    def set_view(self, view: View, room: tuple[int, int]) -> None:
        """Frame what is seen; to be called when the canvas is resized, too.

        Args:
            view: of the canvas.
            room: its width and height, in physical pixels.
        """
        before, self._shown = self._frame(), (view, room)
        self._place()
        self._show_or_hide()
        if self._frame() != before:
            self.update()

    def moveEvent(self, event: QMoveEvent) -> None:
        """Qt's virtual: a canvas that scrolls its pixels takes its children along."""
        super().moveEvent(event)
        self._place()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.moved_to.emit(self._image_point(event.position()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.moved_to.emit(self._image_point(event.position()))

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        """Qt's virtual: the canvas below must not hear of it."""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        self.mousePressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual."""
        t, frame = self._tokens, self._frame()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(t.canvas))
        area = self._area()
        picture = self._picture(area.size())
        if picture is not None:
            painter.drawPixmap(area, picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)  # half pixels are whole ones on a finer screen
        if frame is not None:
            shade = QColor(0, 0, 0, 115)
            inner = self.rect()
            top, bottom = frame.top(), frame.top() + frame.height()
            painter.fillRect(QRect(inner.left(), inner.top(), inner.width(), top), shade)
            painter.fillRect(QRect(inner.left(), bottom, inner.width(), inner.height() - bottom), shade)
            painter.fillRect(QRect(inner.left(), top, frame.left(), frame.height()), shade)
            right = frame.left() + frame.width()
            painter.fillRect(QRect(right, top, inner.width() - right, frame.height()), shade)
            # Two tones: one of them stands out from any image.
            for reach, color in ((0.0, "#000000"), (1.0, t.accent_text if t.dark else "#ffffff")):
                painter.setPen(QPen(QColor(color), 1))
                painter.drawRect(QRectF(frame).adjusted(0.5 + reach, 0.5 + reach, -0.5 - reach, -0.5 - reach))
        painter.setPen(QPen(QColor(t.border), 1))
        painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))

    # Where things are

    @property
    def _scale(self) -> float:
        """Widget pixels an image pixel takes."""
        (width, height), (across, down) = self._size, self._spared()
        return min(across / width, down / height)

    def _spared(self) -> tuple[int, int]:
        """Width and height the canvas spares, without the border."""
        canvas = self._canvas
        return min(SIDE, canvas.width() // _SHARE - 2), min(SIDE, canvas.height() // _SHARE - 2)

    def _fitting(self) -> QSize:
        """Of the image's shape, unless that is so long that nothing could be hit; with a border of one pixel."""
        area = self._picture_size()
        return QSize(max(_SHORTEST, area.width()) + 2, max(_SHORTEST, area.height()) + 2)

    def _picture_size(self) -> QSize:
        scale = self._scale
        return QSize(*(max(1, round(length * scale)) for length in self._size))

    def _area(self) -> QRect:
        """Where the image is drawn."""
        size = self._picture_size()
        return QRect(QPoint((self.width() - size.width()) // 2, (self.height() - size.height()) // 2), size)

    def _seen(self) -> QRectF | None:
        """Part of the image in the view, in image coordinates, which may go beyond the image."""
        if self._shown is None:
            return None
        view, room = self._shown
        return QRectF(QPointF(*view.to_image((0, 0))), QPointF(*view.to_image(room)))

    @property
    def _partly(self) -> bool:
        """Whether some of the image is out of sight."""
        seen = self._seen()
        if seen is None or self._shown is None:
            return False
        (width, height), slack = self._size, _SLACK / self._shown[0].scale
        before, after = min(-seen.left(), -seen.top()), min(seen.right() - width, seen.bottom() - height)
        return min(before, after) < -slack

    def _frame(self) -> QRect | None:
        """What is seen, in widget pixels; not smaller than the eye can find."""
        seen = self._seen()
        if seen is None:
            return None
        area, (width, height) = self._area(), self._size
        across, down = area.width() / width, area.height() / height
        least_across, least_down = min(_LEAST_FRAME, self.width()), min(_LEAST_FRAME, self.height())
        left, right = self._side(seen.left() * across, seen.right() * across, least_across, area.width())
        top, bottom = self._side(seen.top() * down, seen.bottom() * down, least_down, area.height())
        frame = QRectF(QPointF(area.left() + left, area.top() + top), QPointF(area.left() + right, area.top() + bottom))
        return frame.toAlignedRect().intersected(self.rect())

    @staticmethod
    def _side(low: float, high: float, least: float, length: int) -> tuple[float, float]:
        low, high = min(max(low, 0.0), length), min(max(high, 0.0), length)
        grow = max(0.0, least - (high - low)) / 2
        return low - grow, high + grow

    def _image_point(self, position: QPointF) -> Point:
        area, (width, height) = self._area(), self._size
        x = (position.x() - area.left()) / area.width() * width
        y = (position.y() - area.top()) / area.height() * height
        return min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))

    def _place(self) -> None:
        canvas, fitting = self._canvas, self._fitting()
        if self.size() != fitting:
            self.resize(fitting)
        corner = QPoint(canvas.width() - self.width() - _GAP, canvas.height() - self.height() - _GAP)
        if self.pos() != corner:
            self.move(corner)

    def _show_or_hide(self) -> None:
        fits = min(self._spared()) >= _LEAST_ROOM
        self.setVisible(self._on and self._partly and fits and self._image is not None)

    def _picture(self, size: QSize) -> QPixmap | None:
        """The image at the screen's own resolution, made once."""
        if self._image is None:
            return None
        ratio = self.devicePixelRatioF()
        wide, high = max(1, round(size.width() * ratio)), max(1, round(size.height() * ratio))
        if self._scaled is None or self._scaled.size() != QSize(wide, high):
            shrinks = wide <= self._image.shape[1]
            how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            pixels = np.ascontiguousarray(cv2.resize(self._image, (wide, high), interpolation=how), np.uint8)
            grey = pixels.ndim == 2
            form = QImage.Format.Format_Grayscale8 if grey else QImage.Format.Format_RGB888
            self._scaled = QPixmap.fromImage(QImage(pixels.data, wide, high, pixels.strides[0], form))
            self._scaled.setDevicePixelRatio(ratio)
        return self._scaled
