"""Gestures at the edges: off the image, interrupted, without classes, on images of odd shapes. Never half a stroke."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt

from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.storage.project import Project

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
NONE = Qt.MouseButton.NoButton
SHIFT = Qt.KeyboardModifier.ShiftModifier
WRITING = (
    (Qt.Key.Key_B, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_L, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_P, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_M, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_M, SHIFT),
    (Qt.Key.Key_G, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_W, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_U, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_S, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_K, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_T, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_E, Qt.KeyboardModifier.NoModifier),
)


def go_to(driver: "Driver", key: str, by: Qt.Key) -> None:
    driver.key(by)
    driver.until(lambda: driver.desk.session.key == key)


def test_a_stroke_from_outside_to_far_outside_the_window(painter: "Driver") -> None:
    painter.press((-40, 30))
    painter.move((20, 30))
    assert painter.labels[30, 5] == 1
    painter.move((5000, 30))
    painter.release((5000, 30))
    assert (painter.labels[30] == 1).all()
    assert painter.steps == 1
    painter.undo()
    assert (painter.labels == VOID).all()
    far: list[tuple[float, float]] = [(-40, 48.5), (-40, -40), (300, -40), (300, 48.5)]
    for key, spots in ((Qt.Key.Key_M, [far[0], far[2]]), (Qt.Key.Key_L, far)):
        painter.key(key)
        painter.stroke(*spots)
        assert (painter.labels[:48] == 1).all()
        assert (painter.labels[49:] == VOID).all()
        painter.undo()
    assert painter.steps == 0


def test_undo_in_the_middle_drops_the_stroke_and_only_it(painter: "Driver") -> None:
    painter.click((90, 80))
    before = painter.labels
    painter.press((20, 20))
    painter.move((60, 20))
    painter.undo()
    assert np.array_equal(painter.labels, before)
    painter.move((60, 60))
    painter.release((60, 60))
    assert np.array_equal(painter.labels, before)
    assert painter.steps == 1


def test_a_release_that_never_came_ends_the_stroke_where_it_was(painter: "Driver") -> None:
    painter.press((20, 20))
    painter.move((40, 20))
    painter.point((90, 80))  # no button is down any more
    painter.point((20, 80))
    assert painter.steps == 1
    assert painter.labels[20, 40] == 1
    assert (painter.labels[40:] == VOID).all()
    painter.press((50, 50), MIDDLE)
    painter.point((60, 60))
    x = painter.canvas.view.x
    painter.point((70, 60))
    assert painter.canvas.view.x == x


def test_other_buttons_in_the_middle_of_a_stroke_do_nothing(painter: "Driver") -> None:
    view = painter.canvas.view
    painter.press((20, 20))
    painter.press((20, 20), MIDDLE)
    painter.move((60, 20), LEFT | MIDDLE)
    painter.release((60, 20), MIDDLE)
    painter.press((60, 20), RIGHT)
    painter.move((60, 60), LEFT | RIGHT)
    painter.release((60, 60), RIGHT)
    painter.move((90, 60))
    painter.release((90, 60))
    assert painter.canvas.view == view
    assert painter.steps == 1
    assert painter.labels[20, 30] == painter.labels[40, 60] == painter.labels[60, 85] == 1


def test_another_image_in_the_middle_finishes_what_is_drawn(painter: "Driver") -> None:
    """Every gesture is kept as if let go there, but for shapes that are not closed: those are dropped whole."""
    for key, modifiers in WRITING[:-3]:
        painter.key(key, modifiers)
        name = painter.tool
        painter.press((20.5, 20.5))
        painter.move((40.5, 25.5))
        painter.move((35.5, 40.5))
        go_to(painter, "cell 1", Qt.Key.Key_D)
        painter.move((80, 80))
        painter.release((80, 80))
        assert (painter.labels == VOID).all(), name
        assert painter.steps == 0
        go_to(painter, "cell 0", Qt.Key.Key_A)
        open_shape = name in ("polygon", "scissors")
        assert painter.steps == (0 if open_shape else 1), name
        if not open_shape:
            assert (painter.labels == 1).any(), name
            painter.undo()
        assert (painter.labels == VOID).all()


def test_another_tool_in_the_middle_finishes_the_stroke(painter: "Driver") -> None:
    painter.press((20, 20))
    painter.move((40, 20))
    painter.key(Qt.Key.Key_L)
    assert painter.tool == "lasso"
    painter.move((80, 20))
    painter.move((80, 80))
    painter.release((80, 80))
    assert painter.steps == 1
    assert painter.labels[20, 38] == 1
    assert (painter.labels[:, 50:] == VOID).all()


def test_a_class_that_is_added_in_the_middle_changes_nothing(painter: "Driver") -> None:
    painter.press((20, 20))
    painter.window.bench.classes.changed.emit(painter.desk.session.classes.add("mitosis"))
    painter.move((60, 20))
    painter.key(Qt.Key.Key_4)
    painter.move((90, 20))
    painter.release((90, 20))
    assert painter.steps == 1
    assert set(np.unique(painter.labels)) == {1, VOID}
    assert (painter.labels[20, 20:90] == 1).all()
    painter.click((50, 60))
    assert painter.labels[60, 50] == 3


def test_labels_that_are_copied_wait_for_no_stroke_and_cut_none(
    painter: "Driver", monkeypatch: pytest.MonkeyPatch
) -> None:
    painter.stroke((20, 20), (60, 20))
    go_to(painter, "cell 1", Qt.Key.Key_D)
    go, load = threading.Event(), Project.load_document

    def late(project: Project, key: str) -> Document:
        go.wait(5)
        return load(project, key)

    monkeypatch.setattr(Project, "load_document", late)
    painter.key(Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier | SHIFT)
    painter.press((20, 60))
    go.set()
    painter.until(lambda: not painter.desk.jobs.busy)
    painter.move((60, 60))
    painter.release((60, 60))
    assert painter.labels[60, 58] == 1
    assert [patch.label for patch in painter.document.history.done] == ["Brush"]
    assert "Not copied" in painter.status


def test_without_classes_every_tool_says_what_is_missing(driver: "Driver", cells: Path, tmp_path: Path) -> None:
    driver.new_project(cells, tmp_path / "project")
    for key, modifiers in WRITING[:-2]:
        driver.key(key, modifiers)
        driver.canvas.setFocus()
        driver.window.status.say("")
        driver.stroke((20, 20), (50, 20), (40, 45))
        driver.key(Qt.Key.Key_Return)
        assert driver.steps == 0
        assert "Choose a class first" in driver.status, driver.tool
        driver.stroke((20, 20), (50, 20), (40, 45), button=RIGHT)
        driver.key(Qt.Key.Key_Escape)
    driver.key(Qt.Key.Key_1)
    driver.key(Qt.Key.Key_X)
    driver.key(Qt.Key.Key_1, SHIFT)
    assert not driver.window.actions_["fill_void"].isEnabled()
    assert (driver.labels == VOID).all()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 20000), (20000, 1)])
def test_images_of_odd_shapes(driver: "Driver", tmp_path: Path, width: int, height: int) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    cv2.imwrite(str(folder / "odd.png"), np.random.default_rng(0).integers(0, 255, (height, width), np.uint8))
    driver.new_project(folder, tmp_path / "project", "background", "thing")
    middle = (width / 2, height / 2)
    driver.type_option("Brush size", 2000)
    driver.click(middle)
    count = (driver.labels == 1).sum()
    assert count == min(2000, width * height)
    driver.undo()
    for key, modifiers in WRITING:
        driver.key(key, modifiers)
        tool = driver.canvas.tool
        assert tool is not None
        driver.point(middle)
        driver.stroke((middle[0] - 5, middle[1] - 5), middle, (middle[0] + 5, middle[1] + 5))
        driver.click(middle, (middle[0] + 9, middle[1]), (middle[0], middle[1] + 9))
        driver.key(Qt.Key.Key_Return)
        driver.key(Qt.Key.Key_Escape)
        driver.until(lambda tool=tool: not tool.active)  # type: ignore[misc]
        while driver.steps:
            driver.undo()
        assert (driver.labels == VOID).all(), tool.name
    driver.wheel(middle, 60)
    driver.wheel(middle, -60)
    driver.key(Qt.Key.Key_G, SHIFT)
    assert (driver.labels == 1).all()


def test_a_window_that_is_closed_in_the_middle_keeps_the_stroke(
    start: Callable[[], "Driver"], cells: Path, tmp_path: Path
) -> None:
    driver = start()
    driver.new_project(cells, tmp_path / "project", "background", "nucleus")
    driver.press((20, 20))
    driver.move((60, 20))
    wanted = driver.labels
    driver.close()
    with Project.open(tmp_path / "project") as project:
        assert np.array_equal(project.annotation("cell 0"), wanted)
    again = start()
    again.open(tmp_path / "project")
    assert np.array_equal(again.labels, wanted)
    again.undo()
    assert (again.labels == VOID).all()


def test_undo_drops_the_very_first_stroke_in_its_middle(painter: "Driver") -> None:
    painter.press((20, 20))
    painter.move((60, 20))
    painter.undo()
    painter.release((60, 20))
    assert (painter.labels == VOID).all()
    assert painter.steps == 0


def test_an_open_polygon_waits_while_other_tools_are_in_the_hand(painter: "Driver") -> None:
    for others in ("HZ", "B", "HBE"):
        painter.key(Qt.Key.Key_P)
        steps = painter.steps
        painter.click((20, 20), (60, 20), (60, 50))
        for other in others:
            painter.key(getattr(Qt.Key, f"Key_{other}"))
        painter.key(Qt.Key.Key_P)
        painter.key(Qt.Key.Key_Return)
        assert painter.steps == steps + 1
        painter.undo()
