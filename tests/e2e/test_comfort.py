"""What makes ten hours a day bearable: keys of one's own, borrowed tools, the history, all as it was left."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QTableView,
    QToolButton,
    QWidget,
)

from segstudio.core.classes import VOID
from segstudio.ui.action_table import TOOL_ORDER
from segstudio.ui.dialogs.keys import KeyCatcher, KeysDialog
from segstudio.ui.dialogs.palette import KEYS_ROLE, CommandPalette
from segstudio.ui.dialogs.shortcuts import ShortcutsDialog

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver

LEFT = Qt.MouseButton.LeftButton
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
CONTROLS = (QToolButton, QPushButton, QAbstractSpinBox, QSlider, QComboBox, QCheckBox, QLineEdit)


def give_key(driver: "Driver", command: str, key: Qt.Key) -> None:
    """Through the dialog, as a person does it: search, click, press, apply."""
    driver.menu("Help", "Change keys…")
    dialog = driver.window.findChild(KeysDialog)
    assert isinstance(dialog, KeysDialog)
    query = next(line for line in dialog.findChildren(QLineEdit) if line.accessibleName() == "Search commands or keys")
    query.setText(command)
    table, catcher = dialog.findChild(QTableView), dialog.findChild(KeyCatcher)
    assert isinstance(table, QTableView)
    assert isinstance(catcher, KeyCatcher)
    where = table.visualRect(table.model().index(0, 0)).center()
    QTest.mouseClick(table.viewport(), LEFT, pos=where)
    QTest.keyClick(catcher, key)
    apply = next(button for button in dialog.findChildren(QPushButton) if button.text() == "Apply")
    assert apply.isEnabled()
    QTest.mouseClick(apply, LEFT)
    driver.until(lambda: driver.window.findChild(KeysDialog) is None)
    come_back(driver)


def come_back(driver: "Driver") -> None:
    """From a dialog to the window: offscreen nobody else does it."""
    driver.window.activateWindow()
    driver.until(driver.window.isActiveWindow)
    driver.canvas.setFocus()


def test_a_key_of_ones_own_works_is_shown_everywhere_and_is_kept(
    start: Callable[[], "Driver"], cells: Path, tmp_path: Path
) -> None:
    driver = start()
    driver.new_project(cells, tmp_path / "project", "background", "nucleus")
    give_key(driver, "Tools Lasso", Qt.Key.Key_Q)
    driver.key(Qt.Key.Key_L)
    assert driver.tool == "brush"
    driver.key(Qt.Key.Key_Q)
    assert driver.tool == "lasso"
    assert "(Q)" in driver.tool_button("lasso").toolTip()
    give_key(driver, "Choose class 1", Qt.Key.Key_J)
    driver.key(Qt.Key.Key_B)
    driver.key(Qt.Key.Key_1)  # nobody's now
    driver.click((20, 20))
    driver.key(Qt.Key.Key_J)
    driver.click((60, 20))
    assert (driver.labels[20, 20], driver.labels[20, 60]) == (1, 0)

    driver.key(Qt.Key.Key_F1)
    page = driver.window.findChild(ShortcutsDialog)
    assert isinstance(page, ShortcutsDialog)
    texts = [label.text() for label in page.findChildren(QLabel)]
    assert texts[texts.index("Lasso") + 1] == "Q"
    page.close()
    come_back(driver)
    driver.key(Qt.Key.Key_K, CTRL)
    palette = driver.window.findChild(CommandPalette)
    assert isinstance(palette, CommandPalette)
    line = palette.findChild(QLineEdit)
    assert isinstance(line, QLineEdit)
    QTest.keyClicks(line, "lasso")
    model = palette._model
    shown = {model.item(row).text(): model.item(row).data(KEYS_ROLE) for row in range(model.rowCount())}
    assert shown["Lasso"] == "Q"
    QTest.keyClick(line, Qt.Key.Key_Return)
    driver.until(lambda: driver.tool == "lasso")
    driver.close()

    again = start()
    again.open(tmp_path / "project")
    again.key(Qt.Key.Key_L)
    assert again.tool == "brush"
    again.key(Qt.Key.Key_Q)
    assert again.tool == "lasso"


def test_the_keys_that_are_held_can_be_others(painter: "Driver") -> None:
    give_key(painter, "Pan while held", Qt.Key.Key_F8)
    give_key(painter, "Peek under", Qt.Key.Key_J)
    canvas = painter.canvas
    view = canvas.view
    with painter.holding(Qt.Key.Key_F8):
        painter.stroke((50, 50), (60, 50))
    assert canvas.view.x > view.x
    assert painter.steps == 0
    view = canvas.view
    with painter.holding(Qt.Key.Key_Space):
        painter.stroke((50, 50), (60, 50))
    assert canvas.view == view
    assert painter.steps == 1
    with painter.holding(Qt.Key.Key_J):
        assert not canvas.layers.show_annotation
    with painter.holding(Qt.Key.Key_QuoteLeft):
        assert canvas.layers.show_annotation


def test_a_tool_is_borrowed_while_its_key_is_held(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_W)
    with painter.holding(Qt.Key.Key_B):
        assert painter.tool == "brush"
        painter.stroke((20, 60), (30, 60))
        assert painter.tool == "brush"
    assert painter.tool == "wand"
    assert painter.labels[60, 25] == 1
    with painter.holding(Qt.Key.Key_B):
        painter.press((20, 80))
        painter.move((40, 80))
    assert painter.tool == "brush"  # until the stroke is over
    painter.move((60, 80))
    painter.release((60, 80))
    assert painter.tool == "wand"
    assert painter.labels[80, 58] == 1
    assert painter.steps == 2
    painter.key(Qt.Key.Key_E)
    assert painter.tool == "eraser"


def test_a_borrowed_tool_goes_back_when_its_stroke_is_dropped_or_finished_elsewhere(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_W)
    with painter.holding(Qt.Key.Key_B):
        painter.press((20, 60))
        painter.move((40, 60))
        painter.key(Qt.Key.Key_Escape)
        painter.release((40, 60))
    assert painter.tool == "wand"
    assert (painter.labels == VOID).all()
    with painter.holding(Qt.Key.Key_B):
        painter.press((20, 60))
    painter.key(Qt.Key.Key_D)
    painter.until(lambda: painter.desk.session.key == "cell 1")
    assert painter.tool == "wand"
    painter.release((20, 60))
    with painter.holding(Qt.Key.Key_B):
        painter.press((20, 60))
    painter.key(Qt.Key.Key_L)  # another one takes over
    assert painter.tool == "lasso"
    painter.release((20, 60))
    assert painter.tool == "lasso"
    assert painter.steps == 1


def test_a_click_in_the_history_goes_there_and_back(painter: "Driver") -> None:
    history = painter.window.bench.history
    states = [painter.labels]
    for at in ((20, 20), (60, 20), (90, 80)):
        painter.click(at)
        states.append(painter.labels)
    assert not history.isVisible()
    painter.key(Qt.Key.Key_H, SHIFT)
    assert history.isVisible()
    painter.until(lambda: "Brush · nucleus" in history.rows())
    assert len(history.rows()) == 4

    def click(row: int) -> None:
        view = history.findChild(QTableView)
        assert isinstance(view, QTableView)
        index = view.model().index(row, 0)
        view.scrollTo(index)
        QApplication.processEvents()
        QTest.mouseClick(view.viewport(), LEFT, pos=view.visualRect(index).center())

    for row in (1, 0, 3, 2):
        click(row)
        assert painter.steps == row
        assert np.array_equal(painter.labels, states[row])
    painter.press((50, 50))
    click(1)
    painter.release((50, 50))
    assert np.array_equal(painter.labels, states[1])


def test_options_looks_and_layout_are_as_they_were_left(
    start: Callable[[], "Driver"], cells: Path, tmp_path: Path
) -> None:
    driver = start()
    driver.new_project(cells, tmp_path / "project", "background", "nucleus")
    driver.type_option("Brush size", 41)
    driver.key(Qt.Key.Key_W)
    driver.type_option("Tolerance", 77)
    driver.toggle_option("Connected only")
    driver.key(Qt.Key.Key_O)
    driver.key(Qt.Key.Key_C)
    driver.key(Qt.Key.Key_I, CTRL)
    driver.key(Qt.Key.Key_M, CTRL | SHIFT)
    driver.key(Qt.Key.Key_H, SHIFT)
    QApplication.processEvents()
    layers, desk_kept = driver.canvas.layers, driver.desk.kept()
    driver.close()

    again = start()
    again.open(tmp_path / "project")
    QApplication.processEvents()
    assert again.canvas.layers == layers
    assert again.desk.kept() == desk_kept
    assert again.window.bench.history.isVisible()
    state = again.desk.state()
    assert (state.inverted, state.minimap, state.history) == (True, False, True)
    again.click((50, 50))
    assert 1200 < (again.labels != VOID).sum() < 1450  # a disc 41 px wide
    again.key(Qt.Key.Key_W)
    check = next(b for b in again.window.bench.options.findChildren(QCheckBox) if b.text() == "Connected")
    assert not check.isChecked()
    again.menu("View", "Reset layout")
    assert not again.window.bench.history.isVisible()
    assert again.window.bench.minimap_on


def test_everything_has_a_name_and_a_tip(painter: "Driver") -> None:
    for name in TOOL_ORDER:
        if name is not None:
            spec, button = painter.window.actions_.specs[f"tool_{name}"], painter.tool_button(name)
            assert button.accessibleName() == spec.title
            assert f"({spec.keys})" in button.toolTip()
            painter.key(Qt.Key.Key_B)
            QTest.mouseClick(button, LEFT)
            unnamed = [part for part in controls(painter.window.bench.options) if not part.accessibleName()]
            assert not unnamed, f"{name}: {unnamed}"
    bare = [part for part in controls(painter.window.bench) if not (part.accessibleName() and part.toolTip())]
    assert not bare


def controls(parent: QWidget) -> list[QWidget]:
    """What can be used, with the mouse or the keyboard, and is no part of something that has a name."""
    inner = (QAbstractSpinBox, QComboBox)
    return [
        part
        for part in parent.findChildren(QWidget)
        if isinstance(part, CONTROLS) and part.isVisible() and not isinstance(part.parentWidget(), inner)
    ]


def test_a_folder_that_is_dropped_joins_the_project(painter: "Driver", cells: Path) -> None:
    more = cells.parent / "more"
    more.mkdir()
    (more / "other.png").write_bytes((cells / "cell 0.png").read_bytes())
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(more))])
    drop = QDropEvent(QPointF(300, 300), Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)
    painter.window.dropEvent(drop)
    painter.until(lambda: "other" in {record.key for record in painter.desk.session.project.images()})
    painter.until(lambda: "other" in painter.window.bench.strip.keys_shown())
    assert painter.desk.session.project.image("other").width == 112
