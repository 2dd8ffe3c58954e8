"""A viewport that says what it shows, and points at things: what the canvas and the second view share."""

from PySide6.QtCore import QTimer
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from segstudio.core.arrays import Bool
from segstudio.core.geometry import Rect
from segstudio.ui.canvas.marks import Marks
from segstudio.ui.canvas.viewport import Viewport

_RING_MS = 1500


class MarkedView(Viewport):
    """Draws a caption, a note, the pointer of the other view, and a ring round what is to be looked at."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._marks = Marks()
        self._ringing = QTimer(self, interval=_RING_MS, singleShot=True)
        self._ringing.timeout.connect(self.point_out)

    def release_document(self) -> None:
        """Show nothing."""
        super().release_document()
        self.point_out()
        self.set_cross(None)

    @property
    def description(self) -> str:
        """What is written on the view."""
        return super().description or self._marks.text

    def set_caption(self, text: str) -> None:
        """What the view shows, said at its top; empty says nothing."""
        if text != self._marks.caption:
            self._marks.caption = text
            self.describe()

    def set_note(self, text: str) -> None:
        """What the view does not show, said quietly at its bottom; empty says nothing."""
        if text != self._marks.note:
            self._marks.note = text
            self.describe()

    @property
    def cross(self) -> tuple[int, int] | None:
        """Image pixel under the pointer of another view."""
        return self._marks.cross

    def set_cross(self, pixel: tuple[int, int] | None) -> None:
        """Draw a cross-hair at an image pixel: the pointer of another view is there; None: it is nowhere."""
        if pixel != self._marks.cross:
            ratio = self.devicePixelRatioF()
            self.repaint_pixels(self._marks.cross_bounds(self.view, ratio))
            self._marks.cross = pixel
            self.repaint_pixels(self._marks.cross_bounds(self.view, ratio))

    def point_out(self, rect: Rect | None = None, where: Bool | None = None) -> None:
        """Ring pixels for a moment: ``bool`` of a rectangle of the image. Nothing ends it."""
        ratio = self.devicePixelRatioF()
        self.repaint_pixels(self._marks.spot_bounds(self.view, ratio))
        self._marks.spot = None if rect is None or where is None else (rect, where)
        if self._marks.spot is not None:
            self.repaint_pixels(self._marks.spot_bounds(self.view, ratio))
            self._ringing.start()

    def draw_above(self, painter: QPainter, ratio: float, rect: Rect) -> None:
        """See `Viewport.draw_above`."""
        super().draw_above(painter, ratio, rect)
        if not self._marks.empty:
            self._marks.draw(painter, ratio, self.view, self.size(), rect)
