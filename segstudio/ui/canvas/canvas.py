"""The canvas: a viewport with a hand that paints on it."""

from enum import Enum, auto

from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QEnterEvent, QFocusEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from segstudio.core.strokes import Point
from segstudio.core.tools import Palette, Pointer, Tool
from segstudio.ui.canvas.viewport import Viewport

_WHEEL_STEP = 240.0  # wheel units that double the scale: two notches
_SIZE_STEP = 1.1
_RESIZE_REACH = 8.0  # widget pixels of Alt+right-drag a size step takes


class _Drag(Enum):
    NONE = auto()
    PAINT = auto()
    PAN = auto()
    RESIZE = auto()


class Canvas(Viewport):
    """Turns mouse, wheel and held keys into what the tool in hand does.

    Args:
        palette: class and size in hand, shared with the tools.

    Signals:
        hovered(object): image pixel (x, y) under the pointer, or None.
        size_changed(int): the brush was resized by hand.
        kept_back(object): the locked classes (frozenset of int) that kept pixels from the stroke that just ended.
        peeked(bool): the key that hides the labels while it is held went down or up.
    """

    hovered = Signal(object)
    size_changed = Signal(int)
    kept_back = Signal(object)
    peeked = Signal(bool)

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("canvas")
        self.setAccessibleName("Image canvas")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._palette = palette
        self._tool: Tool | None = None
        self._drag = _Drag.NONE
        self._button = Qt.MouseButton.NoButton
        self._from = QPointF()
        self._at: Point | None = None  # image coordinates of the pointer while it is over the canvas
        self._space = False

    def set_tool(self, tool: Tool) -> None:
        """Take another tool into the hand; a running stroke is finished."""
        self.finish_stroke()
        self._tool = tool
        self.palette_changed()

    def palette_changed(self) -> None:
        """Class or size in hand changed: the cursor shows it."""
        document, tool = self._document, self._tool
        if self._at is None or document is None or tool is None:
            self.place_cursor(None)
            return
        value, erases = self._palette.value, tool.label == "Eraser"
        known = value < len(document.classes) and not erases
        self.place_cursor(self._at, self._palette.size, QColor(document.classes[value].color if known else "white"))

    def restyle(self) -> None:
        """See `Viewport.restyle`; the cursor has the colour of its class, too."""
        super().restyle()
        self.palette_changed()

    def release_document(self) -> None:
        """Show nothing; a running stroke is finished first."""
        self.finish_stroke()
        super().release_document()
        self._show_pointer()

    def pointer_pixel(self) -> tuple[int, int] | None:
        """Image pixel under the pointer, where Enter and Backspace act; None when it is elsewhere."""
        if self._document is None or self._at is None:
            return None
        pixel = int(self._at[0] // 1), int(self._at[1] // 1)
        return pixel if self._document.bounds.contains(*pixel) else None

    # Strokes

    def finish_stroke(self) -> None:
        """End a running stroke as if the button had been let go here."""
        if self._drag is _Drag.PAINT:
            self._drag = _Drag.NONE
            if self._tool is not None and self._tool.active and self._document is not None:
                gesture = self._document.gesture
                if gesture is not None:
                    gesture.finish()

    def cancel_stroke(self) -> None:
        """Drop a running stroke, leaving no trace."""
        if self._drag is _Drag.PAINT and self._tool is not None:
            self._drag = _Drag.NONE
            self._tool.cancel()

    def _pointer(self, event: QMouseEvent, right: bool = False) -> Pointer:
        modifiers = event.modifiers()
        return Pointer(
            self.image_point(event.position()),
            reverse=right or bool(modifiers & Qt.KeyboardModifier.AltModifier),
            straight=bool(modifiers & Qt.KeyboardModifier.ShiftModifier),
        )

    # Mouse and wheel

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if self._document is None or self._drag is not _Drag.NONE:
            return
        left, right = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
        button = event.button()
        self._from, self._button = event.position(), button
        if button == Qt.MouseButton.MiddleButton or (self._space and button == left):
            self._drag = _Drag.PAN
            self._show_pointer()
        elif button == right and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self._drag = _Drag.RESIZE
        elif button in (left, right) and self._tool is not None:
            self._drag = _Drag.PAINT
            self._tool.press(self._document, self._pointer(event, button == right))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        position = event.position()
        step, self._from = position - self._from, position
        if self._drag is _Drag.RESIZE:
            self._resize_brush(_SIZE_STEP ** (step.x() / _RESIZE_REACH))
            return
        if self._drag is _Drag.PAN:
            self.pan_by(step.x(), step.y())
        elif self._drag is _Drag.PAINT and self._tool is not None:
            self._tool.move(self._pointer(event))
        self._hover(position)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        if event.button() != self._button:
            return
        drag, self._drag = self._drag, _Drag.NONE
        if drag is _Drag.PAINT and self._tool is not None:
            self._tool.release(self._pointer(event))
            if self._document is not None and self._document.kept_back:
                self.kept_back.emit(self._document.kept_back)
        self._show_pointer()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Qt's virtual."""
        delta = event.angleDelta()
        units = delta.y() or delta.x()  # with Shift or Alt some platforms turn the wheel sideways
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._resize_brush(_SIZE_STEP ** (units / 120))
        else:
            self.zoom_by(2 ** (units / _WHEEL_STEP), event.position())
            self._hover(event.position())
        event.accept()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Qt's virtual."""
        self._show_pointer()
        self._hover(event.position())

    def leaveEvent(self, event: QEvent) -> None:
        """Qt's virtual."""
        self._at = None
        self.place_cursor(None)
        self.hovered.emit(None)
        super().leaveEvent(event)

    def _resize_brush(self, factor: float) -> None:
        self._palette.resize(factor)
        self.palette_changed()
        self.size_changed.emit(self._palette.size)

    def _hover(self, position: QPointF) -> None:
        if self._document is not None:
            self._at = self.image_point(position)
            self.palette_changed()
            self.hovered.emit(self.pointer_pixel())

    def _show_pointer(self) -> None:
        if self._drag is _Drag.PAN:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self._space:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        elif self._document is not None and self._tool is not None:
            self.setCursor(Qt.CursorShape.BlankCursor)  # the outline is the cursor
        else:
            self.unsetCursor()

    # Held keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual."""
        key = event.key()
        if key == Qt.Key.Key_Escape:
            self.cancel_stroke()
        elif not self._hold(event, True):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual."""
        if not self._hold(event, False):
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Qt's virtual: a key let go elsewhere must not stay held here."""
        self._space = False
        self.peeked.emit(False)
        self._show_pointer()
        super().focusOutEvent(event)

    def _hold(self, event: QKeyEvent, down: bool) -> bool:
        """Whether the key is one that acts while it is held."""
        if event.key() not in (Qt.Key.Key_Space, Qt.Key.Key_QuoteLeft):
            return False
        if event.isAutoRepeat():
            return True
        if event.key() == Qt.Key.Key_Space:
            self._space = down
            self._show_pointer()
        else:
            self.peeked.emit(down)
        return True
