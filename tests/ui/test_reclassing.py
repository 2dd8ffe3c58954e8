"""Classes change from the window: the question says what will happen, and nothing else happens."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QProgressBar, QWidget
from pytestqt.qtbot import QtBot

from segstudio.core.classes import VOID, ClassTable, move_class
from segstudio.core.tools.base import Palette
from segstudio.errors import Cancelled
from segstudio.storage.project import Project
from segstudio.storage.reclassing import ClassUse
from segstudio.storage.reclassing import Reclassing as Storage
from segstudio.storage.steady import Steadiness
from segstudio.ui.dialogs.reclass import COUNTING, ReclassDialog, WorkingDialog, consequence
from segstudio.ui.jobs import Jobs
from segstudio.ui.modelling import Modelling
from segstudio.ui.reclassing import PREDICTING, TRAINING, Reclassing
from segstudio.ui.session import Session
from segstudio.ui.theme import Tokens

TABLE = ClassTable.of(["background", "nucleus", "border"])


def button(widget: QWidget, name: str) -> QAbstractButton:
    return next(b for b in widget.findChildren(QAbstractButton) if b.accessibleName() == name)


def words(widget: QWidget) -> str:
    return next(label.text() for label in widget.findChildren(QLabel) if label.accessibleName() == "What will happen")


def dialog_of(kind: type[QWidget]) -> QWidget | None:
    found = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, kind) and widget.isVisible()]
    return found[0] if found else None


class TestDialog:
    def test_it_says_what_will_happen(self, tokens: Tokens, qtbot: QtBot) -> None:
        del tokens  # the theme is what matters
        dialog = ReclassDialog(TABLE.change(0, locked=True), 1)
        qtbot.addWidget(dialog)
        assert words(dialog) == COUNTING
        assert not button(dialog, "Remove class").isEnabled()
        dialog.set_use(ClassUse(4120, 3))
        assert words(dialog).startswith("4,120 px in 3 images become void.")
        box = dialog.findChild(QComboBox)
        assert box is not None
        assert [box.itemText(at) for at in range(box.count())] == ["void (unlabelled)", "border"]
        box.setCurrentIndex(1)
        assert dialog.into == 2
        assert "become border." in words(dialog)
        button(dialog, "Remove class").click()
        assert dialog.result() == ReclassDialog.DialogCode.Accepted

    def test_return_keeps_the_class(self, qtbot: QtBot) -> None:
        dialog = ReclassDialog(TABLE, 1, into=2)
        qtbot.addWidget(dialog)
        assert dialog.into == 2
        dialog.set_use(ClassUse(0, 0))
        dialog.show()
        QTest.keyClick(dialog, Qt.Key.Key_Return)
        assert dialog.result() == ReclassDialog.DialogCode.Rejected

    def test_consequences_in_words(self) -> None:
        assert consequence(TABLE, 2, 0, ClassUse(1, 1)).startswith("1 px in 1 image become background. This cannot")
        assert consequence(TABLE, 1, VOID, ClassUse(0, 0)).startswith("No pixel is labelled nucleus. The classes")

    def test_the_working_dialog_stays_until_it_is_told(self, qtbot: QtBot) -> None:
        dialog = WorkingDialog("Removing nucleus …")
        qtbot.addWidget(dialog)
        asked: list[bool] = []
        dialog.stop_requested.connect(lambda: asked.append(True))
        dialog.show()
        dialog.set_progress(1, 4)
        bar = dialog.findChild(QProgressBar)
        assert bar is not None
        assert (bar.value(), bar.maximum()) == (1, 4)
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        assert asked == [True]
        assert dialog.isVisible()
        dialog.finish()
        assert not dialog.isVisible()

    def test_what_is_decided_cannot_be_stopped(self, qtbot: QtBot) -> None:
        dialog = WorkingDialog("Removing nucleus …")
        qtbot.addWidget(dialog)
        asked: list[bool] = []
        dialog.stop_requested.connect(lambda: asked.append(True))
        dialog.show()
        dialog.set_progress(4, 4)
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        assert asked == []


class Window(QWidget):
    """An open project with the image ``cell0`` in hand, and what a window does when its classes change."""

    def __init__(self, project: Project, qtbot: QtBot) -> None:
        super().__init__()
        self.jobs = Jobs(self)
        self.session = Session(project, self.jobs, self)
        self.modelling = Modelling(self.session, self.jobs, QObject(self))
        self.palette_ = Palette(value=2, previous=1, over=1)
        self.reclassing = Reclassing(self.session, self.modelling, self.jobs, self.palette_, self)
        self.told: list[object] = []
        self.lines: list[str] = []
        self.reclassing.began.connect(self.session.let_go)
        self.reclassing.began.connect(lambda: self.told.append("began"))
        self.reclassing.over.connect(self.told.append)
        self.reclassing.problem.connect(self.lines.append)
        with qtbot.waitSignal(self.session.opened):
            self.session.open_image("cell0")

    def paint(self, value: int) -> None:
        document = self.session.document
        assert document is not None
        gesture = document.begin("Brush")
        gesture.line((10, 10), (30, 10), 5, value)
        gesture.finish()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"cell{number}.png"), np.zeros((40, 60), np.uint8))
    with Project.create(tmp_path / "project", TABLE) as made:
        made.add_images(sorted(tmp_path.glob("*.png")))
        made.set_annotation("cell1", np.random.default_rng(0).integers(0, 3, (40, 60), np.uint8))
        yield made


@pytest.fixture
def window(project: Project, qtbot: QtBot, tokens: Tokens) -> Iterator[Window]:
    del tokens  # for the style
    made = Window(project, qtbot)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.session.close()
    made.jobs.close()
    assert made.jobs.wait(10)
    made.reclassing.close()


def answer(qtbot: QtBot, name: str, press: Callable[[ReclassDialog], object] = lambda _dialog: None) -> str:
    """Wait for the question, answer it with a button, and return what it said."""
    qtbot.waitUntil(lambda: dialog_of(ReclassDialog) is not None)
    dialog = dialog_of(ReclassDialog)
    assert isinstance(dialog, ReclassDialog)
    qtbot.waitUntil(lambda: words(dialog) != COUNTING)
    press(dialog)
    said = words(dialog)
    button(dialog, name).click()
    return said


def test_removing_a_class_takes_everything_along(window: Window, project: Project, qtbot: QtBot) -> None:
    window.paint(1)
    before = project.annotation("cell1")
    document = window.session.document
    assert document is not None
    pixels = np.count_nonzero(document.annotation == 1) + np.count_nonzero(before == 1)
    with qtbot.waitSignals([window.reclassing.over, window.session.classes_changed]):
        window.reclassing.remove(1, window)
        said = answer(qtbot, "Remove class")
    assert f"{pixels:,} px in 2 images become void" in said
    assert window.told == ["began", True]
    assert window.session.classes.names == project.classes.names == ("background", "border")
    assert (window.palette_.value, window.palette_.previous, window.palette_.over) == (1, 1, None)
    np.testing.assert_array_equal(project.annotation("cell1"), np.array([0, VOID, 1], np.uint8)[before])
    assert not np.count_nonzero(project.annotation("cell0") != VOID)
    assert dialog_of(WorkingDialog) is None
    with qtbot.waitSignal(window.session.opened):
        window.session.open_image("cell1")
    window.paint(1)
    window.session.flush()
    assert window.lines == []


def test_merging_is_an_answer_too(window: Window, project: Project, qtbot: QtBot) -> None:
    before = project.annotation("cell1")
    with qtbot.waitSignal(window.reclassing.over):
        window.reclassing.remove(0, window, into=2)
        assert "become border" in answer(qtbot, "Remove class")
    np.testing.assert_array_equal(project.annotation("cell1"), np.array([1, 0, 1], np.uint8)[before])
    assert (window.palette_.value, window.palette_.previous, window.palette_.over) == (1, 0, 0)


def test_moving_needs_no_question(window: Window, project: Project, qtbot: QtBot) -> None:
    before = project.annotation("cell1")
    with qtbot.waitSignal(window.reclassing.over):
        window.reclassing.move(2, 0, window)
        assert dialog_of(ReclassDialog) is None
    np.testing.assert_array_equal(project.annotation("cell1"), np.array([1, 2, 0], np.uint8)[before])
    assert window.session.classes.names == ("border", "background", "nucleus")
    assert (window.palette_.value, window.palette_.previous, window.palette_.over) == (0, 2, 2)
    window.reclassing.move(1, 1, window)
    assert window.told == ["began", True]


def test_saying_no_changes_nothing(window: Window, project: Project, qtbot: QtBot) -> None:
    window.reclassing.remove(1, window)
    answer(qtbot, "Cancel")
    assert window.told == []
    assert window.session.key == "cell0"
    assert project.classes == TABLE
    qtbot.waitUntil(lambda: dialog_of(ReclassDialog) is None)


def test_stopping_changes_nothing(
    window: Window, project: Project, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apply(_self: Storage, _change: object, *, progress: object, cancel: threading.Event) -> None:
        del progress
        assert cancel.wait(10)
        raise Cancelled

    monkeypatch.setattr(Storage, "apply", apply)
    with qtbot.waitSignal(window.reclassing.over):
        window.reclassing.move(0, 1, window)
        working = dialog_of(WorkingDialog)
        assert working is not None
        button(working, "Cancel").click()
    assert window.told == ["began", False]
    assert window.session.classes == project.classes == TABLE
    assert dialog_of(WorkingDialog) is None


def test_what_goes_wrong_is_one_line(window: Window, project: Project, qtbot: QtBot) -> None:
    project.reclassing._steadiness = Steadiness(project.folder, patience=0.01)
    with project.reclassing.steady(), qtbot.waitSignal(window.reclassing.over):
        window.reclassing.move(0, 1, window)
    assert window.told == ["began", False]
    assert "Stop that first" in window.lines[0]


@pytest.mark.parametrize(("doing", "line"), [("training", TRAINING), ("predicting_all", PREDICTING)])
def test_nothing_begins_while_models_work(
    window: Window, monkeypatch: pytest.MonkeyPatch, doing: str, line: str
) -> None:
    monkeypatch.setattr(Modelling, doing, property(lambda _self: True))
    window.reclassing.remove(1, window)
    window.reclassing.move(1, 0, window)
    assert window.lines == [line, line]
    assert dialog_of(ReclassDialog) is None
    assert window.told == []


def test_a_locked_class_stays(window: Window, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.session.saved):
        window.session.set_classes(TABLE.change(1, locked=True))
    window.reclassing.remove(1, window)
    assert "'nucleus' is locked" in window.lines[0]
    assert dialog_of(ReclassDialog) is None


def test_a_change_made_elsewhere_is_not_overwritten(window: Window, project: Project, qtbot: QtBot) -> None:
    with Project.open(project.folder) as other:
        other.reclassing.apply(move_class(other.classes, 0, 2))
    with qtbot.waitSignal(window.reclassing.over):
        window.reclassing.move(0, 1, window)
    assert "open it again" in window.lines[0]
    assert project.classes.names == ("nucleus", "border", "background")
