"""What goes along to another image, another project, another screen, and what must not."""

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QSpinBox

from segstudio.core.proposal import Proposal
from segstudio.ui.dialogs.keys import KeyCatcher, KeysDialog

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def propose(driver: "Driver") -> None:
    """The model says the same of all of the first image."""
    classes = np.full((96, 112), 2, np.uint8)
    driver.desk.session.take_proposal("cell 0", Proposal(classes, np.full_like(classes, 204), "m0001"))
    QApplication.processEvents()


def go_on(driver: "Driver", key: str) -> None:
    driver.key(Qt.Key.Key_D)
    driver.until(lambda: driver.desk.session.key == key)


@pytest.mark.parametrize(("key", "name"), [(Qt.Key.Key_D, "beside"), (Qt.Key.Key_B, "blink")])
def test_comparing_ends_also_on_an_image_without_a_proposal(painter: "Driver", key: Qt.Key, name: str) -> None:
    propose(painter)
    painter.key(key, SHIFT)
    assert painter.window.actions_[name].isChecked()
    go_on(painter, "cell 1")
    assert painter.document.proposal is None
    painter.key(key, SHIFT)
    assert not painter.window.actions_[name].isChecked()
    assert not painter.window.actions_[name].isEnabled()
    assert painter.canvas.layers.show_proposal


def test_blinking_hides_no_annotation_where_nothing_is_proposed(painter: "Driver") -> None:
    propose(painter)
    painter.key(Qt.Key.Key_B, SHIFT)
    painter.until(lambda: not painter.canvas.layers.show_annotation, 3)
    go_on(painter, "cell 1")
    painter.until(lambda: painter.canvas.layers.show_annotation, 3)
    QTest.qWait(900)  # longer than a turn
    assert painter.canvas.layers.show_annotation


def test_a_window_of_values_is_kept_for_images_of_its_kind(driver: "Driver", tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    scan = np.tile(np.linspace(1000, 60000, 112).astype(np.uint16), (96, 1))
    cv2.imwrite(str(folder / "a.png"), scan)
    cv2.imwrite(str(folder / "b.png"), np.full((96, 112), 180, np.uint8))
    cv2.imwrite(str(folder / "c.png"), scan)
    driver.new_project(folder, tmp_path / "project", "background", "bone")
    driver.key(Qt.Key.Key_L, CTRL | SHIFT)
    window = driver.window.bench.tone.tone.window
    assert window is not None
    go_on(driver, "b")
    driver.point((5.5, 5.5))
    assert driver.color_at((60.5, 60.5)).lightness() == 180
    go_on(driver, "c")
    assert driver.window.bench.tone.tone.window == window
    driver.window.close_project()
    driver.open(tmp_path / "project")
    assert driver.window.bench.tone.tone.window == window


def test_automatic_contrast_is_the_same_by_key_and_by_button(driver: "Driver", tmp_path: Path) -> None:
    folder = tmp_path / "noise"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(1000, 60000, (512, 512))
    cv2.imwrite(str(folder / "a.png"), noise.astype(np.uint16))
    driver.new_project(folder, tmp_path / "project", "background", "bone")
    driver.key(Qt.Key.Key_L, CTRL | SHIFT)
    panel = driver.window.bench.tone
    window = panel.tone.window
    assert window == pytest.approx(tuple(np.percentile(noise, (0.5, 99.5))), abs=300)
    auto = next(button for button in panel.findChildren(QPushButton) if button.text() == "Auto")
    auto.click()
    assert panel.tone.window == window


def test_a_screen_of_another_resolution_shows_the_same_part(painter: "Driver", monkeypatch: pytest.MonkeyPatch) -> None:
    canvas = painter.canvas
    painter.wheel((50, 50), 2)
    corner, scale, room = canvas.image_point(QPointF(0, 0)), canvas.view.scale, canvas.room
    monkeypatch.setattr(canvas, "devicePixelRatioF", lambda: 2.0)
    QApplication.sendEvent(canvas, QEvent(QEvent.Type.DevicePixelRatioChange))
    assert canvas.room == (2 * room[0], 2 * room[1])
    assert canvas.view.scale == pytest.approx(2 * scale)
    assert canvas.image_point(QPointF(0, 0)) == pytest.approx(corner)
    painter.until(lambda: canvas.complete)
    canvas.fit()
    fitted = canvas.view.scale
    monkeypatch.setattr(canvas, "devicePixelRatioF", lambda: 1.0)
    QApplication.sendEvent(canvas, QEvent(QEvent.Type.DevicePixelRatioChange))
    assert canvas.view.scale == pytest.approx(fitted / 2)


def test_a_measurement_that_is_over_keeps_no_key_and_no_undo(painter: "Driver") -> None:
    propose(painter)
    painter.key(Qt.Key.Key_I, SHIFT)
    painter.stroke((10, 10), (30, 10), (50, 10))
    painter.point((50, 50))
    painter.key(Qt.Key.Key_Return)
    assert painter.steps == 1
    painter.undo()
    assert painter.steps == 0
    painter.key(Qt.Key.Key_Backspace)
    assert painter.steps == 1
    painter.stroke((10, 10), (30, 10), (50, 10))
    assert painter.canvas.tool is not None
    assert painter.canvas.tool.preview is not None
    painter.key(Qt.Key.Key_Escape)
    assert painter.canvas.tool.preview is None


@pytest.mark.parametrize("key", [Qt.Key.Key_V, Qt.Key.Key_QuoteLeft])
def test_another_project_begins_with_labels_in_sight(painter: "Driver", tmp_path: Path, key: Qt.Key) -> None:
    QTest.keyPress(painter.canvas, key)
    hidden = painter.canvas.layers
    painter.window.close_project()
    painter.open(tmp_path / "project")
    shown, state = painter.canvas.layers, painter.desk.state()
    assert (hidden.show_annotation, shown.show_annotation, shown.show_proposal) == (False, True, True)
    assert (state.annotation_shown, state.proposal_shown) == (True, True)


def test_another_project_is_not_bound_to_a_class_of_the_last(painter: "Driver", cells: Path, tmp_path: Path) -> None:
    painter.choose_option("Paint only over", "debris")
    painter.window.close_project()
    painter.new_project(cells, tmp_path / "other", "background", "leaf", "stem")
    painter.stroke((20, 20), (40, 20))
    assert painter.steps == 1


def test_going_far_back_in_the_history_is_told_once(painter: "Driver") -> None:
    for at in range(30):
        painter.document.begin("Brush").line((20, 20 + at), (40, 20 + at), 3, at % 2)
        assert painter.document.gesture is not None
        painter.document.gesture.finish()
    QApplication.processEvents()
    heard = QSignalSpy(painter.desk.session.edited)
    painter.window.bench.history.go_to.emit(2)
    QApplication.processEvents()
    assert painter.steps == 2
    assert heard.count() == 1


def test_tab_goes_past_the_field_that_catches_keys(painter: "Driver") -> None:
    painter.window.change_keys()
    dialog = painter.window.findChild(KeysDialog)
    assert isinstance(dialog, KeysDialog)
    painter.until(dialog.isActiveWindow)
    passed = []
    for _ in range(12):
        focused = QApplication.focusWidget()
        assert focused is not None
        passed.append(type(focused))
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    dialog.reject()
    assert QLineEdit in passed
    assert KeyCatcher not in passed


def test_escape_drops_what_was_typed(painter: "Driver") -> None:
    bench = painter.window.bench
    bench.open_tone()
    black = next(box for box in bench.tone.findChildren(QLineEdit) if box.accessibleName() == "Black")
    size = next(box for box in bench.options.findChildren(QSpinBox) if box.accessibleName() == "Brush size")
    for box in (black, size):
        box.setFocus()
        box.selectAll()
        QTest.keyClicks(box, "50")
        QTest.keyClick(box, Qt.Key.Key_Escape)
        QApplication.processEvents()
    assert not bench.tone.isVisible()
    assert bench.tone.tone.neutral
    assert size.value() == 15


def test_the_canvas_takes_a_keyboard_that_nobody_has(painter: "Driver") -> None:
    size = next(box for box in painter.window.findChildren(QSpinBox) if box.accessibleName() == "Brush size")
    size.setFocus()
    inside = QPointF(50, 50)
    entered = QEnterEvent(inside, inside, painter.canvas.mapToGlobal(inside))
    QApplication.sendEvent(painter.canvas, entered)
    assert size.hasFocus()  # somebody may be typing
    QTest.keyClick(size, Qt.Key.Key_Return)
    QApplication.sendEvent(painter.canvas, entered)
    assert painter.canvas.hasFocus()
