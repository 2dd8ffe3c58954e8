"""The second view of the image in hand: to look at and to point in, never to paint on."""

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from segstudio.ui.canvas.marked import MarkedView
from segstudio.ui.canvas.pointing import wheel_of


class SecondView(MarkedView):
    """Zooms with the wheel, moves the image with any button, and tells where the pointer is.

    Signals:
        hovered(object): image pixel (x, y) under the pointer, or None.
    """

    hovered = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self._spot: QPointF | None = None  # widget position of the pointer while it is over the view
        self.view_changed.connect(self._tell)

    def keep_place(self, _grown: QSize) -> None:
        """See `Viewport.keep_place`: this one looks where the canvas looks, whatever its size."""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        self._spot = event.position()
        self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        last, self._spot = self._spot, event.position()
        if last is not None and event.buttons() != Qt.MouseButton.NoButton:
            self.pan_by(self._spot.x() - last.x(), self._spot.y() - last.y())
        self._tell()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        if event.buttons() == Qt.MouseButton.NoButton:
            self.setCursor(Qt.CursorShape.CrossCursor)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Qt's virtual: as on the canvas; what turns an option of the tool there does nothing here."""
        turned, self._spot = wheel_of(event), event.position()
        event.accept()
        if any(turned.pan):
            self.pan_by(*turned.pan)
        elif not turned.steps:
            self.zoom_by(turned.factor, self._spot)

    def leaveEvent(self, event: QEvent) -> None:
        """Qt's virtual."""
        self._spot = None
        self._tell()
        super().leaveEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Qt's virtual: a view that is put away has no pointer."""
        self._spot = None
        self._tell()
        super().hideEvent(event)

    def _tell(self) -> None:
        """Say which pixel is under the pointer; the image may have moved below one that did not."""
        self.hovered.emit(None if self._spot is None else self.pixel_at(self._spot))
