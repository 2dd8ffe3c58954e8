"""What buttons, wheel and fingers ask for, before anybody acts on it."""

from dataclasses import dataclass
from enum import Enum, auto

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QInputDevice, QNativeGestureEvent, QWheelEvent
from PySide6.QtWidgets import QGestureEvent, QPinchGesture, QWidget

from segstudio.core.tools.base import Cursor

_NOTCH = 120.0  # wheel units
_DOUBLE = 240.0  # wheel units that double the scale: two notches
_UNITS_A_PIXEL = 4.0  # of a touchpad that does not tell pixels


class Drag(Enum):
    """What a button that is held does."""

    NONE = auto()
    PAINT = auto()
    PAN = auto()
    RESIZE = auto()


def drag_of(button: Qt.MouseButton, modifiers: Qt.KeyboardModifier, *, hand: bool) -> Drag:
    """What a press begins.

    Args:
        button: that went down.
        modifiers: keys that are held.
        hand: whether the left button moves the image.
    """
    left, right, middle = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
    if button == middle or (hand and button == left):
        return Drag.PAN
    if button == right and modifiers & Qt.KeyboardModifier.AltModifier:
        return Drag.RESIZE
    return Drag.PAINT if button in (left, right) else Drag.NONE


def shape_of(drag: Drag, cursor: Cursor | None, *, hand: bool) -> Qt.CursorShape:
    """What the pointer looks like; `cursor` is the tool's, None without a tool or an image."""
    if drag is Drag.PAN:
        return Qt.CursorShape.ClosedHandCursor
    if hand or cursor == "hand":
        return Qt.CursorShape.OpenHandCursor
    if cursor == "brush":
        return Qt.CursorShape.BlankCursor  # the outline is the cursor
    if cursor == "level":
        return Qt.CursorShape.SizeAllCursor
    return Qt.CursorShape.CrossCursor if cursor == "cross" else Qt.CursorShape.ArrowCursor


@dataclass(frozen=True, slots=True)
class Wheel:
    """What a turn of the wheel asks for: one of the three.

    Attributes:
        steps: notches by which the tool's option grows, parts of them too; 0 for none.
        pan: widget pixels by which the image moves right and down.
        factor: by which the scale grows.
    """

    steps: float = 0.0
    pan: tuple[float, float] = (0.0, 0.0)
    factor: float = 1.0


def wheel_of(event: QWheelEvent) -> Wheel:
    """With Shift or Alt a wheel turns the tool's option, else it zooms; two fingers on a touchpad pan."""
    delta, modifiers = event.angleDelta(), event.modifiers()
    units = delta.y() or delta.x()  # with Shift or Alt some platforms turn the wheel sideways
    if modifiers & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier):
        return Wheel(steps=units / _NOTCH)
    fingers = event.device() is not None and event.device().type() == QInputDevice.DeviceType.TouchPad
    if not fingers or modifiers & Qt.KeyboardModifier.ControlModifier:
        return Wheel(factor=2 ** (units / _DOUBLE))
    pixels = event.pixelDelta()
    if not pixels.isNull():
        return Wheel(pan=(pixels.x(), pixels.y()))
    return Wheel(pan=(delta.x() / _UNITS_A_PIXEL, delta.y() / _UNITS_A_PIXEL))


def pinch_of(event: QEvent, widget: QWidget) -> tuple[float, QPointF] | None:
    """Factor and place, in the widget, of two fingers that zoom; None when the event is something else."""
    if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
        return 1 + event.value(), event.position()
    if isinstance(event, QGestureEvent):
        pinch = event.gesture(Qt.GestureType.PinchGesture)
        if isinstance(pinch, QPinchGesture):
            return pinch.scaleFactor(), QPointF(widget.mapFromGlobal(pinch.centerPoint().toPoint()))
    return None
