"""The list of classes."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QColorDialog, QLabel, QMenu, QWidget
from pytestqt.qtbot import QtBot

from segstudio.core.classes import ClassTable
from segstudio.ui.action_table import native
from segstudio.ui.panels.class_row import ClassRow
from segstudio.ui.panels.classes import ClassPanel
from segstudio.ui.panels.parts import NameEdit
from segstudio.ui.theme import Tokens


class Heard:
    """What the panel said."""

    def __init__(self, panel: ClassPanel) -> None:
        self.tables: list[ClassTable] = []
        self.chosen: list[int] = []
        panel.changed.connect(self.tables.append)
        panel.chosen.connect(self.chosen.append)


@pytest.fixture
def panel(qtbot: QtBot, tokens: Tokens) -> ClassPanel:
    made = ClassPanel(tokens)
    qtbot.addWidget(made)
    made.resize(280, 400)
    made.set_classes(ClassTable.of(["background", "nucleus"]), 0)
    with qtbot.waitExposed(made):
        made.show()
    return made


def control(panel: QWidget, name: str) -> QAbstractButton:
    return next(b for b in panel.findChildren(QAbstractButton) if b.accessibleName() == name)


def row(panel: ClassPanel, index: int) -> ClassRow:
    return panel.findChildren(ClassRow)[index]


def editor(panel: ClassPanel) -> NameEdit:
    return next(e for e in panel.findChildren(NameEdit) if e.accessibleName() == "Name of the new class")


def test_setters_do_not_echo(panel: ClassPanel) -> None:
    heard = Heard(panel)
    table = ClassTable.of(["a", "b", "c"]).change(1, locked=True, visible=False)
    panel.set_classes(table, 2)
    panel.set_classes(ClassTable(), 0)
    panel.set_classes(table, 1)
    panel.flash_lock(1)
    assert heard.tables == []
    assert heard.chosen == []


def test_a_click_chooses(panel: ClassPanel) -> None:
    heard = Heard(panel)
    QTest.mouseClick(row(panel, 1), Qt.MouseButton.LeftButton, pos=QPoint(100, 16))
    assert heard.chosen == [1]
    assert row(panel, 1).property("current") == "true"
    assert row(panel, 0).property("current") == "false"


def test_add(panel: ClassPanel) -> None:
    heard = Heard(panel)
    QTest.mouseClick(control(panel, "+ Add class"), Qt.MouseButton.LeftButton)
    assert editor(panel).isVisible()
    QTest.keyClicks(editor(panel), "debris")
    QTest.keyClick(editor(panel), Qt.Key.Key_Return)
    assert heard.tables[-1].names == ("background", "nucleus", "debris")
    assert heard.chosen == [2]
    assert len(heard.tables) == 1
    assert not editor(panel).isVisible()


@pytest.mark.parametrize(("typed", "said"), [("nucleus", "nucleus"), ("  ", "name")])
def test_a_name_that_will_not_do_is_told_in_the_panel(panel: ClassPanel, typed: str, said: str) -> None:
    heard = Heard(panel)
    panel.start_adding()
    QTest.keyClicks(editor(panel), typed)
    QTest.keyClick(editor(panel), Qt.Key.Key_Return)
    assert said in panel.problem()
    assert heard.tables == []
    assert editor(panel).isVisible()
    QTest.keyClick(editor(panel), Qt.Key.Key_Escape)
    assert panel.problem() == ""
    assert not editor(panel).isVisible()


def test_double_click_renames(panel: ClassPanel) -> None:
    heard = Heard(panel)
    QTest.mouseDClick(row(panel, 1), Qt.MouseButton.LeftButton, pos=QPoint(100, 16))
    edit = row(panel, 1).findChild(NameEdit)
    assert isinstance(edit, NameEdit)
    assert edit.text() == "nucleus"
    edit.clear()
    QTest.keyClicks(edit, "cell")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert [table.names for table in heard.tables] == [("background", "cell")]
    assert not edit.isVisible()


def test_renaming_to_a_taken_name_is_refused(panel: ClassPanel) -> None:
    heard = Heard(panel)
    row(panel, 1).start_renaming()
    edit = row(panel, 1).findChild(NameEdit)
    assert isinstance(edit, NameEdit)
    edit.setText("background")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert "background" in panel.problem()
    assert heard.tables == []
    assert "nucleus" in row(panel, 1).accessibleName()


def test_eye_and_padlock(panel: ClassPanel) -> None:
    heard = Heard(panel)
    QTest.mouseClick(control(panel, "Lock nucleus"), Qt.MouseButton.LeftButton)
    assert (heard.tables[-1][1].locked, heard.tables[-1][1].visible) == (True, True)
    QTest.mouseClick(control(panel, "Show nucleus"), Qt.MouseButton.LeftButton)
    assert (heard.tables[-1][1].locked, heard.tables[-1][1].visible) == (True, False)
    QTest.mouseClick(control(panel, "Lock nucleus"), Qt.MouseButton.LeftButton)
    assert (heard.tables[-1][1].locked, heard.tables[-1][1].visible) == (False, False)
    assert len(heard.tables) == 3
    assert heard.chosen == []


def visible(table: ClassTable) -> list[bool]:
    return [item.visible for item in table]


def test_alt_click_on_the_eye_shows_one_class_alone_and_again_all(panel: ClassPanel) -> None:
    panel.set_classes(ClassTable.of(["a", "b", "c"]).change(1, visible=False, locked=True), 0)
    heard = Heard(panel)
    for _ in range(2):
        QTest.mouseClick(control(panel, "Show b"), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier)
    QTest.mouseClick(control(panel, "Show c"), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier)
    QTest.mouseClick(control(panel, "Show a"), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier)
    assert [visible(table) for table in heard.tables] == [
        [False, True, False],
        [True, True, True],
        [False, False, True],
        [True, False, False],
    ]
    assert all(table[1].locked for table in heard.tables)
    assert heard.chosen == []


def test_the_menu_of_a_class_shows_it_alone(panel: ClassPanel) -> None:
    heard = Heard(panel)
    for title in ("Show only this class", "Show all classes"):
        at = QPoint(100, 16)
        event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, row(panel, 1).mapToGlobal(at))
        QApplication.sendEvent(row(panel, 1), event)
        menu = next(found for found in row(panel, 1).findChildren(QMenu) if found.isVisible())
        next(action for action in menu.actions() if action.text() == title).trigger()
        menu.close()
    assert [visible(table) for table in heard.tables] == [[False, True], [True, True]]


def test_a_class_on_its_own_stays_shown(panel: ClassPanel) -> None:
    panel.set_classes(ClassTable.of(["a"]), 0)
    heard = Heard(panel)
    QTest.mouseClick(control(panel, "Show a"), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier)
    panel.solo(7)
    assert heard.tables == []
    assert control(panel, "Show a").isChecked()


def test_the_swatch_asks_for_a_colour(panel: ClassPanel, qtbot: QtBot) -> None:
    heard = Heard(panel)
    QTest.mouseClick(control(panel, "Colour of nucleus"), Qt.MouseButton.LeftButton)
    dialog = panel.findChild(QColorDialog)
    assert isinstance(dialog, QColorDialog)
    dialog.setCurrentColor(QColor("#123456"))
    dialog.accept()
    assert heard.tables[-1][1].color == "#123456"
    qtbot.waitUntil(lambda: panel.findChild(QColorDialog) is None)


def test_digits_are_shown_for_the_first_ten(panel: ClassPanel) -> None:
    panel.set_classes(ClassTable.of([f"c{at}" for at in range(12)]), 0)
    assert [row(panel, at).key for at in (0, 8, 9, 10)] == ["1", "9", "0", ""]
    assert "Paint c9 (0)" in row(panel, 9).toolTip()
    assert f"Lock c9 ({native('Shift+0')})" in control(panel, "Lock c9").toolTip()
    assert row(panel, 11).toolTip().startswith("Paint c11\n")


def test_keys_of_ones_own_are_shown_in_line_and_also_on_rows_that_come_later(panel: ClassPanel, qtbot: QtBot) -> None:
    def keys(name: str) -> tuple[str, ...]:
        return {"class_2": ("F12", "J"), "lock_class_2": (), "class_3": ("Ctrl+Shift+Alt+F11",)}.get(name, ("Q",))

    panel.set_keys(keys)
    panel.set_classes(ClassTable.of(["a", "b", "c"]), 0)
    assert [row(panel, at).key for at in range(3)] == ["Q", "F12", "Ctrl+Shift+Alt+F11"]
    assert row(panel, 1).toolTip() == "Paint b (F12)\nDouble click renames, a drag moves it"
    assert control(panel, "Lock b").toolTip().startswith("Lock b\n")
    badges = [next(label for label in row(panel, at).findChildren(QLabel)) for at in range(3)]
    assert [badge.accessibleName() for badge in badges] == ["Key Q", "Key F12", "Key Ctrl+Shift+Alt+F11"]
    assert len({badge.width() for badge in badges}) == 1
    swatches = [control(row(panel, at), f"Colour of {name}") for at, name in enumerate("abc")]
    pairs = list(zip(badges, swatches, strict=True))
    qtbot.waitUntil(lambda: all(badge.geometry().right() < swatch.x() for badge, swatch in pairs), timeout=1000)
    badges[2].grab()
    assert badges[2].toolTip() == "Ctrl+Shift+Alt+F11"  # shortened, and told there
    assert badges[1].fontMetrics().horizontalAdvance("F12") <= badges[1].width() < 60


def test_the_padlock_pulses_and_comes_to_rest(panel: ClassPanel, qtbot: QtBot) -> None:
    panel.flash_lock(0)
    assert row(panel, 0).property("flash") == "true"
    qtbot.waitUntil(lambda: row(panel, 0).property("flash") == "false", timeout=2000)


def test_no_classes_tells_what_to_do(panel: ClassPanel) -> None:
    panel.set_classes(ClassTable(), 0)
    assert panel.findChildren(ClassRow) == [] or not any(r.isVisible() for r in panel.findChildren(ClassRow))
    assert any("Add one" in label.text() and label.isVisible() for label in _labels(panel))


def _labels(panel: ClassPanel) -> list[QLabel]:
    return panel.findChildren(QLabel)
