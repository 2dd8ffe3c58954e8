"""Classes are removed and moved in the real window, and the work goes on."""

import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.metrics import Scores
from segstudio.learn.events import RoundDone
from segstudio.storage.project import Project
from segstudio.storage.reclassing import Reclassing
from segstudio.ui.dialogs.reclass import ReclassDialog, WorkingDialog
from segstudio.ui.panels.scores import ScoreTable
from tests.e2e.conftest import Driver


def shown(kind: type[QDialog]) -> list[QDialog]:
    return [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, kind) and widget.isVisible()]


def go_button() -> QAbstractButton | None:
    buttons = [button for dialog in shown(ReclassDialog) for button in dialog.findChildren(QAbstractButton)]
    found = [button for button in buttons if button.accessibleName() == "Remove class" and button.isEnabled()]
    return found[0] if found else None


def test_a_class_goes_and_the_work_goes_on(painter: Driver) -> None:
    desk, key = painter.desk, painter.desk.session.key
    assert key is not None
    painter.stroke((10, 10), (40, 10))
    before = painter.labels.copy()
    names = desk.session.classes.names
    value = names.index("nucleus")
    assert (before == value).any()

    desk.reclassing.remove(value, painter.window)
    painter.until(lambda: go_button() is not None)
    button = go_button()
    assert button is not None
    button.click()
    painter.until(lambda: not shown(WorkingDialog) and desk.session.image is not None)
    assert desk.session.key == key
    assert desk.session.classes.names == tuple(name for name in names if name != "nucleus")
    assert np.count_nonzero(painter.labels != VOID) == np.count_nonzero((before != VOID) & (before != value))

    painter.stroke((10, 30), (40, 30))
    painter.undo()
    painter.redo()
    desk.session.flush()
    np.testing.assert_array_equal(desk.session.project.annotation(key), painter.labels)
    assert painter.labels.min() < len(desk.session.classes)

    left, last = desk.session.classes.names, len(desk.session.classes) - 1
    desk.reclassing.move(0, last, painter.window)
    painter.until(lambda: not shown(WorkingDialog) and desk.session.image is not None)
    assert desk.session.classes.names[last] == left[0]
    painter.stroke((10, 35), (40, 35))
    desk.session.flush()
    np.testing.assert_array_equal(desk.session.project.annotation(key), painter.labels)


def test_images_that_are_added_meanwhile_open_nothing_that_is_about_to_change(
    painter: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, begun, go_on, make = painter.desk, threading.Event(), threading.Event(), Reclassing._make

    def slowly(self: Reclassing, *args: object) -> object:
        begun.set()
        assert go_on.wait(20)
        return make(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Reclassing, "_make", slowly)
    more = tmp_path / "more"
    more.mkdir()
    cv2.imwrite(str(more / "new.png"), np.zeros((96, 112), np.uint8))
    painter.stroke((10, 10), (40, 10))
    desk.reclassing.move(1, 0, painter.window)
    painter.until(begun.is_set)
    desk.session.project.add_images([more / "new.png"])
    desk.session.images_changed.emit()
    assert "new" in painter.window.bench.strip.keys_shown()
    assert desk.session.wanted is None
    go_on.set()
    painter.until(lambda: not shown(WorkingDialog) and desk.session.image is not None)
    painter.stroke((10, 30), (40, 30))
    desk.session.flush()
    assert desk.session.key == "cell 0"
    np.testing.assert_array_equal(desk.session.project.annotation("cell 0"), painter.labels)


def test_the_image_in_hand_is_the_only_one_opened_after_a_change(painter: Driver) -> None:
    desk = painter.desk
    desk.session.open_image("cell 2")
    painter.until(lambda: desk.session.key == "cell 2")
    read: list[str] = []
    real = desk.session.project.read_image

    def reading(key: str) -> object:
        read.append(key)
        return real(key)

    desk.session.project.read_image = reading  # type: ignore[assignment,method-assign]
    desk.reclassing.move(1, 0, painter.window)
    painter.until(lambda: not shown(WorkingDialog) and desk.session.image is not None and not desk.jobs.busy)
    assert read == ["cell 2"]
    assert desk.session.project.setting("image") == "cell 2"


def test_a_change_waits_for_eyes_and_locks_that_are_still_being_written(
    painter: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, write = painter.desk, Project.set_classes
    lines: list[str] = []
    desk.reclassing.problem.connect(lines.append)

    def slowly(self: Project, table: ClassTable) -> None:
        time.sleep(0.3)
        write(self, table)

    monkeypatch.setattr(Project, "set_classes", slowly)
    desk.session.set_classes(desk.session.classes.change(2, locked=True))
    desk.reclassing.move(1, 0, painter.window)
    painter.until(lambda: not shown(WorkingDialog) and desk.session.image is not None and not desk.jobs.busy)
    assert lines == []
    assert desk.session.project.classes == desk.session.classes
    assert [(item.name, item.locked) for item in desk.session.classes] == [
        ("nucleus", False),
        ("background", False),
        ("debris", True),
    ]


def test_an_eye_that_another_window_closed_does_not_forbid_changes(painter: Driver) -> None:
    desk = painter.desk
    with Project.open(desk.session.project.folder) as other:
        other.set_classes(other.classes.change(2, visible=False))
    desk.reclassing.move(1, 0, painter.window)
    painter.until(lambda: not shown(WorkingDialog) and desk.session.image is not None)
    assert desk.session.project.classes.names == ("nucleus", "background", "debris")


def test_scores_are_not_shown_as_those_of_other_classes(painter: Driver) -> None:
    desk, panel = painter.desk, painter.window.bench.model
    scores = Scores.of(np.array([[90, 0, 0, 10], [0, 50, 0, 50], [0, 0, 10, 90]], np.int64), images=1)
    panel.show_event(RoundDone(1, 10, 1.0, scores, None, "Promoted"))
    table = panel.findChild(ScoreTable)
    assert isinstance(table, ScoreTable)
    assert "background 0.90, nucleus 0.50" in table.accessibleDescription()
    desk.reclassing.move(0, 2, painter.window)
    painter.until(lambda: not shown(WorkingDialog) and desk.session.image is not None)
    assert "0.90" not in table.accessibleDescription()
