"""Which key a person means who presses one: the one Qt will look for when it is pressed again.

Where Shift makes a * of an 8, Qt says "Shift+*", and later looks for "Shift+8" and for "*", never for what it said. On
the row of digits "Shift+8" is meant, which is how classes are locked, so that a clash is seen; elsewhere the symbol
alone.
"""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence

from segstudio.core.keymap import portable

_SHIFT, _KEYPAD = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.KeypadModifier
_IGNORED = _KEYPAD | Qt.KeyboardModifier.GroupSwitchModifier
# Native codes of the row of digits, from 1 to 0: they lie in the same place on every keyboard.
_EVDEV = tuple(range(10, 20))
_ROWS: dict[str, tuple[int, ...]] = {
    "xcb": _EVDEV,
    "wayland": _EVDEV,
    "windows": tuple(range(2, 12)),
    "cocoa": (18, 19, 20, 21, 23, 22, 26, 28, 25, 29),
}


def pressed_key(event: QKeyEvent, platform: str | None = None) -> str:
    """The portable key of a key press.

    Args:
        event: of a key that is no modifier.
        platform: Qt's name of the platform whose native codes the event has; None asks Qt.

    Returns:
        As `portable` spells it; empty when it cannot be used.
    """
    key, modifiers = Qt.Key(event.key()), event.modifiers()
    kept = modifiers & ~_IGNORED
    if key == Qt.Key.Key_Backtab:
        key = Qt.Key.Key_Tab  # Shift makes the one of the other
    if kept & _SHIFT and key < Qt.Key.Key_Escape:  # it types something
        if modifiers & _KEYPAD:
            return ""  # the keypad types the same with Shift, and Qt would look for the symbol with it
        digit = _digit(event, platform or QGuiApplication.platformName())
        if digit is not None and Qt.Key.Key_0 <= key <= Qt.Key.Key_9:
            kept &= ~_SHIFT  # a keyboard that types its digits with Shift
        elif digit is not None:
            key = Qt.Key(Qt.Key.Key_0 + digit)
    return portable(QKeySequence(key | kept).toString(QKeySequence.SequenceFormat.PortableText)) or ""


def _digit(event: QKeyEvent, platform: str) -> int | None:
    """The digit whose key it is in the row above the letters; None when it is another, or nobody knows."""
    row = _ROWS.get(platform, ())
    code = event.nativeVirtualKey() if platform == "cocoa" else event.nativeScanCode()
    return (row.index(code) + 1) % 10 if code in row else None
