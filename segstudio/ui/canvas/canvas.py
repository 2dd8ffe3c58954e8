"""The canvas: a viewport with a hand that paints on it."""

from collections.abc import Iterable
from typing import Literal

from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import (
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPointingDevice,
    QResizeEvent,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from segstudio.core.scene import Scene
from segstudio.core.tools.base import Palette, Pointer, Tool
from segstudio.core.view import View
from segstudio.ui.canvas.pointing import Drag, drag_of, pinch_of, shape_of, wheel_of
from segstudio.ui.canvas.tool_view import ToolView
from segstudio.ui.releases import Releases

_SIZE_STEP = 1.1
_RESIZE_REACH = 8.0  # widget pixels of Alt+right-drag a size step takes

Held = Literal["pan", "peek"]
_PAN: Held = "pan"
_PEEK: Held = "peek"
_CLOSE_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_TOOL_KEYS = (*_CLOSE_KEYS, Qt.Key.Key_Backspace)
_ALT_KEYS = (Qt.Key.Key_Alt, Qt.Key.Key_Meta)  # the second is what Alt is called while Shift is down
_LEFT, _RIGHT, _NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.NoButton
_OWN_EVENTS = frozenset(
    {
        QEvent.Type.NativeGesture,
        QEvent.Type.Gesture,
        QEvent.Type.ShortcutOverride,
        QEvent.Type.DevicePixelRatioChange,
    }
)


class Canvas(ToolView):
    """Turns mouse, pen, wheel and held keys into what the tool in hand does.

    Args:
        palette: class and options in hand, shared with the tools.

    Signals:
        palette_turned(): size or another option was changed by hand, on the canvas.
        peeked(bool): the key that hides the labels while it is held went down or up.
        pen_seen(): a pen touched the canvas.
        resized(): the canvas has another size.
    """

    palette_turned = Signal()
    resized = Signal()
    peeked = Signal(bool)
    pen_seen = Signal()

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(palette, parent)
        self.setObjectName("canvas")
        self.setAccessibleName("Image canvas")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.grabGesture(Qt.GestureType.PinchGesture)
        self._drag = Drag.NONE
        self._button = _NONE
        self._from = QPointF()
        self._space = False
        self._releases = Releases(self)
        self._held_keys: dict[int, Held] = {Qt.Key.Key_Space: _PAN, Qt.Key.Key_QuoteLeft: _PEEK}

    def set_tool(self, tool: Tool) -> None:
        """See `ToolView.set_tool`."""
        super().set_tool(tool)
        self._show_pointer()

    def set_held_keys(self, *, pan: Iterable[int], peek: Iterable[int]) -> None:
        """The keys (`Qt.Key`) that act while they are held."""
        self._held_keys = {**dict.fromkeys(pan, _PAN), **dict.fromkeys(peek, _PEEK)}

    def show_scene(self, scene: Scene, view: View | None = None) -> None:
        """See `Viewport.show_scene`."""
        super().show_scene(scene, view)
        self._show_pointer()

    def release_document(self) -> None:
        """See `ToolView.release_document`."""
        super().release_document()
        self._show_pointer()

    @property
    def room(self) -> tuple[int, int]:
        """Width and height in physical pixels."""
        return self._room()

    # The mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if self.document is None or self.busy:
            return
        self._from = self._spot = event.position()
        self._button = event.button()
        drag = drag_of(event.button(), event.modifiers(), hand=self._moves_image)
        if drag is Drag.PAINT:
            self._press(self._of_mouse(event))
        else:
            self._drag = drag
            self._show_pointer()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual: closes an open shape; otherwise it is one more press, as in fast dabbing."""
        free = not self.busy and not self._moves_image
        if event.button() == _LEFT and free and self._tool is not None and self._tool.confirm():
            self.palette_changed()
            return
        self.mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        position, at = event.position(), self._at
        step, self._from = position - self._from, position
        if self._button != _NONE and not event.buttons() & self._button and at is not None:
            # The release went elsewhere, to a window that came up meanwhile: what was done since counts for nothing.
            self._let_go(self._pointer_at(at))
        if self._drag is Drag.RESIZE:
            self._resize_brush(_SIZE_STEP ** (step.x() / _RESIZE_REACH))
            return
        if self._drag is Drag.PAN:
            self._spot = position
            self.pan_by(step.x(), step.y())
        self._go_to(position, self._of_mouse(event))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        if event.button() == self._button:
            self._spot = event.position()
            self._let_go(self._of_mouse(event))

    def enterEvent(self, event: QEnterEvent) -> None:
        """Qt's virtual: a keyboard that nobody has is the canvas's, or keys that are held would do nothing."""
        if QApplication.focusWidget() is None:
            self.setFocus(Qt.FocusReason.OtherFocusReason)
        self._show_pointer()
        self._go_to(event.position(), self._pointer_at(self.image_point(event.position())))

    def leaveEvent(self, event: QEvent) -> None:
        """Qt's virtual."""
        self._spot = None
        self._hover_tool(None)
        self.hovered.emit(None)
        super().leaveEvent(event)

    @property
    def busy(self) -> bool:
        """Whether a button or a pen is held for something."""
        return self._painting or self._drag is not Drag.NONE

    @property
    def _moves_image(self) -> bool:
        """Whether the left button drags the image, with the tool in hand or the key that is held."""
        return self._space or (self._tool is not None and self._tool.cursor == "hand")

    def _of_mouse(self, event: QMouseEvent) -> Pointer:
        return self._pointer_at(self.image_point(event.position()), event.modifiers(), reverse=self._button == _RIGHT)

    def _go_to(self, spot: QPointF, pointer: Pointer) -> None:
        """The pointer is somewhere else."""
        self._spot = spot
        if self.document is None:
            return
        if self._painting:
            self._move(pointer)
        elif self._drag is Drag.NONE:
            self._hover_tool(pointer)
        else:
            self.palette_changed()
        self.hovered.emit(self.pointer_pixel())

    def _let_go(self, pointer: Pointer) -> None:
        self._drag, self._button = Drag.NONE, _NONE
        if self._painting:
            self._release(pointer)
        self._show_pointer()

    # Pen, wheel and touch

    def tabletEvent(self, event: QTabletEvent) -> None:
        """Qt's virtual: a pen paints with its pressure and takes away with its other end."""
        eraser = event.pointerType() == QPointingDevice.PointerType.Eraser
        at, kind = self.image_point(event.position()), event.type()
        pointer = self._pointer_at(at, event.modifiers(), reverse=eraser, pressure=event.pressure())
        event.accept()
        if self.document is None or event.buttons() not in (_LEFT, _NONE) or self._drag is not Drag.NONE:
            event.ignore()  # the pen's side buttons, and what moves the image, are the mouse's
        elif kind == QEvent.Type.TabletPress and not self.busy and not self._moves_image:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self.pen_seen.emit()
            self._spot = event.position()
            self._press(pointer)
        elif kind == QEvent.Type.TabletRelease and self._painting:
            self._spot = event.position()
            self._release(pointer)
        elif kind == QEvent.Type.TabletMove:
            self._go_to(event.position(), pointer)
        else:
            event.ignore()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Qt's virtual."""
        turned, spot = wheel_of(event), event.position()
        event.accept()
        if turned.steps:
            self._turn(turned.steps)
            return
        self._spot = spot
        if any(turned.pan):
            self.pan_by(*turned.pan)
        else:
            self.zoom_by(turned.factor, spot)
        if self._painting:
            self._go_to(spot, self._pointer_at(self.image_point(spot), event.modifiers()))

    def _turn(self, steps: float) -> None:
        if self._tool is not None and self._tool.turn(steps):
            self.palette_turned.emit()
            self.options_changed()
        else:
            self._resize_brush(_SIZE_STEP**steps)

    def _resize_brush(self, factor: float) -> None:
        self._palette.resize(factor)
        self.palette_changed()
        self.palette_turned.emit()

    def _show_pointer(self) -> None:
        kind = None if self._tool is None or self.document is None else self._tool.cursor
        self.setCursor(shape_of(self._drag, kind, hand=self._space))

    # Keys

    def event(self, event: QEvent) -> bool:
        """Qt's virtual: pinching, and keys that belong to an open shape before they belong to a menu."""
        if event.type() not in _OWN_EVENTS:  # nearly always: every move and every paint comes by
            return QWidget.event(self, event)
        if (pinch := pinch_of(event, self)) is not None:
            self.zoom_by(*pinch)
            event.accept()
            return True
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if event.key() in _ALT_KEYS or (plain and self._is_tools(event.key())):
                event.accept()  # Alt too: a menu bar that hears of it takes the focus when it goes up
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual."""
        key, tool = event.key(), self._tool
        if key == Qt.Key.Key_Escape:
            self.cancel_stroke()
        elif key in _CLOSE_KEYS and tool is not None and tool.unfinished:
            tool.confirm()
            self.palette_changed()
        elif key == Qt.Key.Key_Backspace and tool is not None and tool.unfinished:
            tool.back()
            self.palette_changed()
        elif not self._hold(event, True):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual."""
        if not self._hold(event, False):
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Qt's virtual: a key let go elsewhere must not stay held here."""
        self._releases.settle()
        self._space = False
        self.peeked.emit(False)
        self._show_pointer()
        super().focusOutEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt's virtual."""
        super().resizeEvent(event)
        self.resized.emit()

    def _is_tools(self, key: int) -> bool:
        """Whether a key is the tool's at present, whatever menus say."""
        tool = self._tool
        if key == Qt.Key.Key_Escape:
            return self.away is not None or (tool is not None and tool.active)
        return tool is not None and tool.unfinished and key in _TOOL_KEYS

    def _hold(self, event: QKeyEvent, down: bool) -> bool:
        """Whether the key is one that acts while it is held."""
        held = self._held_keys.get(event.key())
        if held is None:
            return False
        if event.isAutoRepeat() or (down and self._releases.came_down(event)):
            return True
        if down:
            self._set_held(held, True)
        else:
            self._releases.went_up(event, lambda: self._set_held(held, False))
        return True

    def _set_held(self, held: Held, down: bool) -> None:
        if held == "pan":
            self._space = down
            self._show_pointer()
        else:
            self.peeked.emit(down)
