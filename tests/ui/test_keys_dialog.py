"""The dialog of keys: press a key and it is the command's, unless another has it."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QTableView
from pytestqt.qtbot import QtBot

from segstudio.core.keymap import Keymap, portable
from segstudio.errors import ProjectError
from segstudio.ui.action_table import ACTIONS, native
from segstudio.ui.dialogs.key_table import OTHER_ROWS, KeyRow, key_rows, make_keymap
from segstudio.ui.dialogs.keys import ALONE, HINT, PRESS, UNUSABLE, KeyCatcher, KeysDialog
from segstudio.ui.theme import DARK, LIGHT, Tokens

ROWS = (
    KeyRow("new_project", "New project", "File", ("Ctrl+N",)),
    KeyRow("undo", "Undo", "Edit", ("Ctrl+Z",)),
    KeyRow("redo", "Redo", "Edit", ("Ctrl+Shift+Z", "Ctrl+Y")),
    KeyRow("brush", "Brush", "Edit", ("B",)),
    KeyRow("brush_smaller", "Smaller brush", "Edit", ("[",)),
    KeyRow("train", "Train", "Model", ("Ctrl+T",)),
    KeyRow("predict_all", "Predict all images", "Model", ()),
    *OTHER_ROWS,
)
NONE = Qt.KeyboardModifier.NoModifier
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def applied() -> list[Keymap]:
    return []


@pytest.fixture
def dialog(tokens: Tokens, qtbot: QtBot, applied: list[Keymap]) -> KeysDialog:
    made = KeysDialog(ROWS, make_keymap(ROWS), applied.append, tokens)
    qtbot.addWidget(made)
    with qtbot.waitActive(made):
        made.show()
        made.activateWindow()
    return made


def table(dialog: KeysDialog) -> QTableView:
    found = dialog.findChild(QTableView)
    assert isinstance(found, QTableView)
    return found


def catcher(dialog: KeysDialog) -> KeyCatcher:
    found = dialog.findChild(KeyCatcher)
    assert isinstance(found, KeyCatcher)
    return found


def button(dialog: KeysDialog, name: str) -> QAbstractButton:
    return next(b for b in dialog.findChildren(QAbstractButton) if b.accessibleName() == name)


def press_button(dialog: KeysDialog, name: str) -> None:
    assert button(dialog, name).isVisible()
    assert button(dialog, name).isEnabled()
    QTest.mouseClick(button(dialog, name), Qt.MouseButton.LeftButton)


def message(dialog: KeysDialog) -> str:
    return next(label.text() for label in dialog.findChildren(QLabel) if label.accessibleName() == "What to do")


def titles(dialog: KeysDialog) -> list[str]:
    model = table(dialog).model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def click(dialog: KeysDialog, title: str) -> None:
    """Click the row of a command."""
    view = table(dialog)
    index = view.model().index(titles(dialog).index(title), 0)
    view.scrollTo(index)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(index).center())


def press(dialog: KeysDialog, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
    """A key goes to where the keyboard is."""
    target = dialog.focusWidget()
    assert target is not None
    QTest.keyClick(target, key, modifiers)


def test_it_lists_every_action_and_every_other_key(tokens: Tokens, qtbot: QtBot) -> None:
    rows = key_rows()
    dialog = KeysDialog(rows, make_keymap(rows), lambda _keymap: None, tokens)
    qtbot.addWidget(dialog)
    assert titles(dialog) == [spec.title for spec in ACTIONS] + [row.title for row in OTHER_ROWS]
    assert {"Pan while held", "Peek under the labels while held", "Choose class 10"} <= set(titles(dialog))
    assert message(dialog) == HINT


def test_the_defaults_of_the_program_do_not_clash() -> None:
    keymap = make_keymap(key_rows())
    assert keymap.keys("undo") == ("Ctrl+Z",)
    assert keymap.keys("class_10") == ("0",)
    for row in key_rows():
        assert keymap.keys(row.id) == tuple(portable(key) for key in row.keys)


def test_click_a_row_press_a_key_apply(dialog: KeysDialog, applied: list[Keymap]) -> None:
    assert not button(dialog, "Apply").isEnabled()
    click(dialog, "Undo")
    assert message(dialog) == PRESS
    press(dialog, Qt.Key.Key_U, CTRL)
    assert dialog.keymap.changed == {"undo": ("Ctrl+U",)}
    assert native("Ctrl+U") in message(dialog)
    assert applied == []
    press_button(dialog, "Apply")
    assert [keymap.changed for keymap in applied] == [{"undo": ("Ctrl+U",)}]
    assert dialog.result() == KeysDialog.DialogCode.Accepted


def test_cancel_changes_nothing(dialog: KeysDialog, applied: list[Keymap]) -> None:
    click(dialog, "Undo")
    press(dialog, Qt.Key.Key_U, CTRL)
    press_button(dialog, "Cancel")
    assert applied == []
    assert dialog.result() == KeysDialog.DialogCode.Rejected


@pytest.mark.parametrize(
    ("key", "modifiers", "written"),
    [
        (Qt.Key.Key_Tab, CTRL, "Ctrl+Tab"),
        (Qt.Key.Key_Backtab, SHIFT, "Shift+Tab"),
        (Qt.Key.Key_Tab, NONE, "Tab"),
        (Qt.Key.Key_Return, SHIFT, "Shift+Return"),
        (Qt.Key.Key_Delete, NONE, "Del"),
        (Qt.Key.Key_F12, NONE, "F12"),
        (Qt.Key.Key_K, NONE, "K"),
        (Qt.Key.Key_Plus, Qt.KeyboardModifier.KeypadModifier, "+"),
        (Qt.Key.Key_Comma, CTRL, "Ctrl+,"),
        (Qt.Key.Key_Escape, CTRL, "Ctrl+Esc"),
        (Qt.Key.Key_Question, SHIFT, "?"),
        (Qt.Key.Key_Plus, CTRL | SHIFT, "Ctrl++"),
    ],
)
def test_any_key_can_be_caught(dialog: KeysDialog, key: Qt.Key, modifiers: Qt.KeyboardModifier, written: str) -> None:
    click(dialog, "Train")
    press(dialog, key, modifiers)
    assert dialog.keymap.keys("train") == (written,)
    assert not catcher(dialog).hasFocus()


def test_modifiers_alone_and_repeats_are_waited_through(dialog: KeysDialog) -> None:
    click(dialog, "Train")
    for key in (Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt):
        press(dialog, key)
    QApplication.sendEvent(catcher(dialog), QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_J, NONE, "j", True))
    assert dialog.keymap.changed == {}
    assert catcher(dialog).hasFocus()


def test_escape_leaves_a_command_as_it_is_and_the_dialog_open(dialog: KeysDialog) -> None:
    click(dialog, "Train")
    press(dialog, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    assert table(dialog).hasFocus()
    assert dialog.keymap.changed == {}


def test_a_key_that_cannot_be_used_is_refused(dialog: KeysDialog) -> None:
    click(dialog, "Train")
    press(dialog, Qt.Key.Key_VolumeUp)
    assert message(dialog) == UNUSABLE
    assert dialog.keymap.changed == {}


def clash(dialog: KeysDialog) -> None:
    click(dialog, "Train")
    press(dialog, Qt.Key.Key_Y, CTRL)
    assert "“Redo”" in message(dialog)
    assert dialog.keymap.changed == {}


def test_a_clash_names_the_other_and_can_be_taken_over(dialog: KeysDialog) -> None:
    clash(dialog)
    press_button(dialog, "Take over")
    assert dialog.keymap.keys("train") == ("Ctrl+Y",)
    assert dialog.keymap.keys("redo") == ("Ctrl+Shift+Z",)
    assert not button(dialog, "Take over").isVisible()


def test_a_clash_can_be_swapped(dialog: KeysDialog) -> None:
    clash(dialog)
    press_button(dialog, "Swap")
    assert dialog.keymap.keys("train") == ("Ctrl+Y",)
    assert dialog.keymap.keys("redo") == ("Ctrl+T", "Ctrl+Shift+Z")


def test_return_presses_the_button_that_has_the_keyboard(dialog: KeysDialog) -> None:
    clash(dialog)
    focused = dialog.focusWidget()
    assert focused is button(dialog, "Swap")
    QTest.keyClick(focused, Qt.Key.Key_Return)
    assert dialog.isVisible()
    assert dialog.keymap.keys("train") == ("Ctrl+Y",)
    assert dialog.keymap.keys("redo") == ("Ctrl+T", "Ctrl+Shift+Z")


@pytest.mark.parametrize("leave", [lambda d: press_button(d, "Leave"), lambda d: click(d, "Undo")])
def test_a_clash_can_be_left(dialog: KeysDialog, leave: Callable[[KeysDialog], None]) -> None:
    clash(dialog)
    leave(dialog)
    assert dialog.keymap.changed == {}
    assert not button(dialog, "Take over").isVisible()


def test_there_is_no_swap_with_nothing_or_with_a_held_key(dialog: KeysDialog) -> None:
    for title, key in (("Predict all images", Qt.Key.Key_B), ("Undo", Qt.Key.Key_Space)):
        click(dialog, title)
        press(dialog, key)
        assert not button(dialog, "Swap").isEnabled()
        assert button(dialog, "Take over").isEnabled()
        press_button(dialog, "Leave")


def test_a_held_key_stands_alone(dialog: KeysDialog) -> None:
    click(dialog, "Pan while held")
    press(dialog, Qt.Key.Key_H, CTRL)
    assert message(dialog) == ALONE
    press(dialog, Qt.Key.Key_H)
    assert dialog.keymap.keys("hold_pan") == ("H",)


def test_a_held_key_is_no_symbol_typed_with_shift(dialog: KeysDialog) -> None:
    click(dialog, "Pan while held")
    press(dialog, Qt.Key.Key_Question, SHIFT)
    assert message(dialog) == ALONE
    press(dialog, Qt.Key.Key_Question)
    assert dialog.keymap.keys("hold_pan") == ("?",)


def test_digit_keys_can_be_changed(dialog: KeysDialog) -> None:
    click(dialog, "Choose class 3")
    press(dialog, Qt.Key.Key_F3)
    assert dialog.keymap.keys("class_3") == ("F3",)


def test_a_key_can_be_added_and_all_taken_away(dialog: KeysDialog) -> None:
    click(dialog, "Undo")
    press_button(dialog, "Add")
    press(dialog, Qt.Key.Key_U, CTRL)
    assert dialog.keymap.keys("undo") == ("Ctrl+Z", "Ctrl+U")
    press_button(dialog, "No key")
    assert dialog.keymap.keys("undo") == ()
    assert not button(dialog, "No key").isEnabled()


def test_one_command_or_all_can_be_reset(dialog: KeysDialog) -> None:
    for title, key in (("Undo", Qt.Key.Key_F5), ("Train", Qt.Key.Key_F6)):
        click(dialog, title)
        press(dialog, key)
    press_button(dialog, "Reset")
    assert dialog.keymap.changed == {"undo": ("F5",)}
    press_button(dialog, "Reset all")
    assert dialog.keymap.changed == {}
    assert not button(dialog, "Reset all").isEnabled()


def test_a_reset_says_which_key_another_has_meanwhile(dialog: KeysDialog) -> None:
    click(dialog, "Train")
    press(dialog, Qt.Key.Key_F6)
    click(dialog, "Undo")
    press(dialog, Qt.Key.Key_T, CTRL)
    click(dialog, "Train")
    press_button(dialog, "Reset")
    assert dialog.keymap.keys("train") == ()
    assert f"{native('Ctrl+T')} is the key of “Undo”" in message(dialog)


@pytest.mark.parametrize(
    ("query", "found"),
    [("redo", ["Redo"]), ("edit brush", ["Brush", "Smaller brush"]), (native("Ctrl+Y"), ["Redo"])],
)
def test_it_is_searched_by_words_and_by_keys(dialog: KeysDialog, query: str, found: list[str]) -> None:
    line = next(e for e in dialog.findChildren(QLineEdit) if e.accessibleName() == "Search commands or keys")
    QTest.keyClicks(line, query)
    assert titles(dialog) == found
    line.setText("no such thing")
    assert titles(dialog) == []
    assert "No command" in message(dialog)
    line.clear()
    assert len(titles(dialog)) == len(ROWS)


def test_the_keyboard_is_enough(dialog: KeysDialog) -> None:
    table(dialog).setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_F9):
        press(dialog, key)
    changed = next(iter(dialog.keymap.changed.items()))
    assert changed[1] == ("F9",)
    assert table(dialog).hasFocus()
    press(dialog, Qt.Key.Key_Delete)
    assert dialog.keymap.keys(changed[0]) == ()


def test_what_cannot_be_kept_is_said_and_the_dialog_stays(tokens: Tokens, qtbot: QtBot) -> None:
    def fail(_keymap: Keymap) -> None:
        raise ProjectError("cannot be written", remedy="Make room", path="preferences.json")

    dialog = KeysDialog(ROWS, make_keymap(ROWS), fail, tokens)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.accept()
    assert dialog.isVisible()
    assert message(dialog) == "preferences.json: cannot be written. Make room."


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_a_changed_key_stands_out(qtbot: QtBot, theme: Tokens) -> None:
    pictures = []
    for changes in (None, {"new_project": ["Ctrl+J"]}):
        dialog = KeysDialog(ROWS, make_keymap(ROWS, changes), lambda _keymap: None, theme)
        qtbot.addWidget(dialog)
        dialog.show()
        pictures.append(dialog.grab().toImage())
    assert pictures[0] != pictures[1]


def test_every_control_has_a_name_and_a_tooltip(dialog: KeysDialog) -> None:
    click(dialog, "Undo")
    assert catcher(dialog).accessibleName() == "New key of Undo"
    named = [*dialog.findChildren(QAbstractButton), *dialog.findChildren(QLineEdit), table(dialog)]
    inner = [
        w
        for w in named
        if not w.accessibleName() and w.parent() not in (*dialog.findChildren(QLineEdit), table(dialog))
    ]
    assert inner == []
    assert all(w.toolTip() for w in named if w.accessibleName())
    index = table(dialog).model().index(titles(dialog).index("Predict all images"), 2)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "No key"
