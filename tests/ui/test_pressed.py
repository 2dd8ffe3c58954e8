"""The key a person means, from events as real keyboards send them."""

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication

from segstudio.ui.dialogs.pressed import pressed_key

Key = Qt.Key
NONE, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)
KEYPAD = Qt.KeyboardModifier.KeypadModifier
ALTGR = Qt.KeyboardModifier.GroupSwitchModifier


def press(key: Key, modifiers: Qt.KeyboardModifier, scan: int = 0, virtual: int = 0) -> QKeyEvent:
    return QKeyEvent(QEvent.Type.KeyPress, key, modifiers, scan, virtual, 0, "", False, 1)


@pytest.mark.parametrize(
    ("key", "modifiers", "scan", "written"),
    [
        (Key.Key_Question, SHIFT, 61, "?"),
        (Key.Key_Question, SHIFT, 20, "?"),  # a German keyboard
        (Key.Key_Question, SHIFT | CTRL, 61, "Ctrl+?"),
        (Key.Key_Plus, SHIFT, 21, "+"),
        (Key.Key_Plus, NONE, 35, "+"),
        (Key.Key_Plus, KEYPAD, 86, "+"),
        (Key.Key_Plus, KEYPAD | SHIFT, 86, ""),
        (Key.Key_Asterisk, SHIFT, 35, "*"),
        (Key.Key_Asterisk, SHIFT, 17, "Shift+8"),
        (Key.Key_Asterisk, SHIFT | CTRL, 17, "Ctrl+Shift+8"),
        (Key.Key_Asterisk, KEYPAD, 63, "*"),
        (Key.Key_ParenRight, SHIFT, 19, "Shift+0"),
        (Key.Key_1, SHIFT, 10, "1"),  # a French keyboard
        (Key.Key_1, SHIFT, 0, "Shift+1"),  # nobody knows where
        (Key.Key_1, NONE, 10, "1"),
        (Key.Key_Ampersand, NONE, 10, "&"),
        (Key.Key_BracketLeft, ALTGR, 17, "["),
        (Key.Key_M, SHIFT, 58, "Shift+M"),
        (Key.Key_Adiaeresis, SHIFT, 48, "Shift+Ä"),
        (Key.Key_Space, SHIFT, 65, "Shift+Space"),
        (Key.Key_Backtab, SHIFT, 23, "Shift+Tab"),
        (Key.Key_F5, SHIFT, 71, "Shift+F5"),
        (Key.Key_VolumeUp, NONE, 123, ""),
    ],
)
def test_a_key_press_is_the_key_that_will_be_looked_for(
    qapp: QApplication, key: Key, modifiers: Qt.KeyboardModifier, scan: int, written: str
) -> None:
    assert qapp is not None
    assert pressed_key(press(key, modifiers, scan), "xcb") == written


@pytest.mark.parametrize(
    ("platform", "scan", "virtual"), [("xcb", 16, 38), ("wayland", 16, 38), ("windows", 8, 55), ("cocoa", 1, 26)]
)
def test_the_digits_lie_where_they_lie_on_every_platform(
    qapp: QApplication, platform: str, scan: int, virtual: int
) -> None:
    assert qapp is not None
    assert pressed_key(press(Key.Key_Ampersand, SHIFT, scan, virtual), platform) == "Shift+7"


def test_where_nothing_is_known_of_keyboards_a_symbol_stands_for_itself(qapp: QApplication) -> None:
    assert qapp.platformName() == "offscreen"
    assert pressed_key(press(Key.Key_Asterisk, SHIFT, 17)) == "*"
