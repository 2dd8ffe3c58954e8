"""The canvas as it was last rendered, kept so that what has not changed costs a copy and nothing more.

A new view first shows the old pixels moved or scaled, then replaces them strip by strip within a budget of time, so
that no frame waits for a large screen to be rendered. All coordinates are physical pixels.
"""

import math
import time
from collections.abc import Callable

import cv2
import numpy as np
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QColor, QImage, QPainter, QRegion

from segstudio.core.arrays import U8
from segstudio.core.geometry import Rect
from segstudio.core.view import View

Render = Callable[[QPainter, Rect], None]  # draws a rectangle of the view, background and all

_NO_STEP = 1e-6  # of a pixel: rounding, not movement
_STRIP = 1 << 16  # pixels rendered between two looks at the clock


class Frame:
    """A picture of the view with a note of what in it is out of date."""

    def __init__(self) -> None:
        self._image = QImage()
        self._spare = QImage()
        self._view = View()
        self._bare = QRegion()  # shows nothing yet
        self._stale = QRegion()  # shows something that is no longer so
        self._spent = 0.0  # seconds of this frame that have gone into moving or scaling
        self._changed = False

    @property
    def complete(self) -> bool:
        """Whether every pixel is up to date."""
        return self._bare.isEmpty() and self._stale.isEmpty()

    @property
    def changed(self) -> bool:
        """Whether something went out of date since it was last refined."""
        return self._changed

    @property
    def _whole(self) -> QRect:
        return self._image.rect()

    def reset(self, size: tuple[int, int], view: View, background: QColor) -> None:
        """Forget everything: another size of the widget, or another image."""
        if (self._image.width(), self._image.height()) != size:
            self._image = QImage(*size, QImage.Format.Format_RGB32)
            self._spare = QImage(*size, QImage.Format.Format_RGB32)
        self._image.fill(background)  # a new picture is whatever lay in memory, and may be shown before it is rendered
        self._view = view
        self._bare, self._stale = QRegion(self._whole), QRegion()
        self._changed = True

    def touch(self, rect: Rect) -> None:
        """What lies in a rectangle has changed."""
        box = QRect(rect.x0, rect.y0, rect.width, rect.height).intersected(self._whole)
        if not box.isEmpty():
            self._stale += box
            self._changed = True

    def touch_all(self) -> None:
        """Everything may look different."""
        self._stale = QRegion(self._whole)
        self._changed = True

    def look(self, view: View, background: QColor) -> None:
        """Another view: the old pixels go where they belong in it, until they are rendered anew."""
        start = time.perf_counter()
        old, self._view = self._view, view
        factor = view.scale / old.scale
        dx, dy = view.x - old.x * factor, view.y - old.y * factor
        if factor == 1 and abs(dx - round(dx)) + abs(dy - round(dy)) < _NO_STEP:
            self._move(round(dx), round(dy), background)
        else:
            self._scale(factor, dx, dy, background)
        self._image, self._spare = self._spare, self._image
        self._changed = True
        self._spent += time.perf_counter() - start

    def _move(self, dx: int, dy: int, background: QColor) -> None:
        kept = QRegion(self._whole.translated(dx, dy).intersected(self._whole))
        self._stale = self._stale.translated(dx, dy).intersected(kept)
        self._bare = self._bare.translated(dx, dy).intersected(kept) + (QRegion(self._whole) - kept)
        painter = QPainter(self._spare)
        try:
            painter.drawImage(QPoint(dx, dy), self._image)
            for box in _boxes(self._bare):
                painter.fillRect(box, background)
        finally:
            painter.end()

    def _scale(self, factor: float, dx: float, dy: float, background: QColor) -> None:
        size = self._whole.width(), self._whole.height()
        left, top = (max(0, math.floor(v)) for v in (dx, dy))
        right, bottom = (min(n, math.ceil(v + n * factor)) for n, v in zip(size, (dx, dy), strict=True))
        self._stale = QRegion(QRect(left, top, max(0, right - left), max(0, bottom - top)))
        self._bare = QRegion(self._whole) - self._stale
        # Coordinates of OpenCV's pixels are those of their centres.
        back = [[1 / factor, 0, (0.5 - dx) / factor - 0.5], [0, 1 / factor, (0.5 - dy) / factor - 0.5]]
        cv2.warpAffine(
            _pixels(self._image),
            np.array(back),
            size,
            dst=_pixels(self._spare),
            flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(background.blue(), background.green(), background.red(), 255),
        )

    def refine(self, render: Render, seconds: float) -> QRegion:
        """Render what is out of date, what shows nothing first; returns what was rendered.

        Args:
            render: draws a rectangle.
            seconds: a strip is begun only within this time, what the last `look` took counted; one always is.
        """
        done = QRegion()
        end = time.perf_counter() + seconds - self._spent
        self._spent, self._changed = 0.0, False
        if self.complete:
            return done
        painter = QPainter(self._image)
        try:
            for box in (*_boxes(self._bare), *_boxes(self._stale)):
                for strip in _strips(box):
                    if not done.isEmpty() and time.perf_counter() > end:
                        break
                    left, top = strip.left(), strip.top()
                    render(painter, Rect(left, top, left + strip.width(), top + strip.height()))
                    done += strip
        finally:
            painter.end()
        self._bare, self._stale = self._bare - done, self._stale - done
        return done

    def draw(self, painter: QPainter) -> None:
        """Copy it onto a painter of physical pixels."""
        painter.drawImage(QPoint(0, 0), self._image)


def _pixels(image: QImage) -> U8:
    """The memory of a 32-bit image, ``uint8 (h, w, 4)``: blue, green, red and nothing."""
    return np.ndarray((image.height(), image.width(), 4), np.uint8, image.bits())


def _boxes(region: QRegion) -> list[QRect]:
    """The rectangles of a region; one for all where the others would cost more than they save."""
    if region.rectCount() <= 1:
        return [] if region.isEmpty() else [region.boundingRect()]
    boxes: list[QRect] = list(region)  # type: ignore[call-overload]  # iterable, but not in the stubs
    whole = region.boundingRect()
    area = sum(box.width() * box.height() for box in boxes)
    return [whole] if whole.width() * whole.height() < 2 * area else boxes


def _strips(box: QRect) -> list[QRect]:
    height = max(8, _STRIP // max(1, box.width()))
    bottom = box.top() + box.height()
    return [QRect(box.left(), top, box.width(), min(height, bottom - top)) for top in range(box.top(), bottom, height)]
