"""Hands on the window: keys, wheel, classes, edges, and what is said when something is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.proposal import Proposal
from segstudio.errors import ProjectError, SegStudioError
from segstudio.storage.project import Project
from segstudio.ui.dialogs.new_project import NewProject

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
NONE = Qt.MouseButton.NoButton


def test_every_stroke_is_on_disk_within_a_second(painter: "Driver", tmp_path: Path) -> None:
    painter.stroke((30, 30), (40, 40))
    wanted = painter.document.annotation.copy()

    def on_disk() -> bool:
        with Project.open(tmp_path / "project") as other:
            return bool(np.array_equal(other.annotation("cell 0"), wanted))

    painter.until(on_disk, 1.0)
    painter.until(lambda: "Saved" in painter.status, 2.0)
    assert (wanted == painter.document.annotation).all()


def test_digits_choose_classes_and_x_swaps(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_3)
    painter.stroke((10, 10))
    painter.key(Qt.Key.Key_1)
    painter.stroke((50, 10))
    painter.key(Qt.Key.Key_X)
    painter.stroke((90, 10))
    assert [int(painter.document.annotation[10, x]) for x in (10, 50, 90)] == [2, 0, 2]


def test_right_drag_erases_and_the_eraser_key_too(painter: "Driver") -> None:
    painter.stroke((30, 30), (60, 30))
    painter.stroke((30, 30), button=RIGHT)
    assert painter.document.annotation[30, 30] == VOID
    painter.key(Qt.Key.Key_E)
    painter.stroke((60, 30))
    assert painter.document.annotation[30, 60] == VOID
    assert painter.document.annotation[30, 45] != VOID


def test_a_locked_class_is_kept_and_says_so(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_2)
    painter.stroke((30, 30))
    painter.key(Qt.Key.Key_2, Qt.KeyboardModifier.ShiftModifier)
    assert painter.desk.session.classes[1].locked
    before = painter.document.annotation == 1
    painter.key(Qt.Key.Key_1)
    painter.stroke((10, 30), (60, 30))
    assert np.array_equal(painter.document.annotation == 1, before)
    assert painter.document.annotation[30, 55] == 0
    assert "nucleus" in painter.status


def test_the_wheel_zooms_at_the_cursor_and_with_shift_sizes_the_brush(painter: "Driver") -> None:
    canvas = painter.window.bench.canvas
    under = canvas.widget_point((80, 20))
    scale = canvas.view.scale
    painter.wheel((80, 20), 2, Qt.KeyboardModifier.NoModifier)
    assert canvas.view.scale == pytest.approx(2 * scale)
    moved = canvas.widget_point((80, 20))
    assert (moved.x(), moved.y()) == pytest.approx((under.x(), under.y()))
    painter.key(Qt.Key.Key_F)
    assert canvas.view.scale == pytest.approx(scale)
    painter.stroke((30, 30))
    small = (painter.document.annotation != VOID).sum()
    painter.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    painter.wheel((30, 30), 4, Qt.KeyboardModifier.ShiftModifier)
    painter.stroke((30, 30))
    assert (painter.document.annotation != VOID).sum() > small


def test_space_or_the_middle_button_pans_and_paints_nothing(painter: "Driver") -> None:
    canvas = painter.window.bench.canvas
    x = canvas.view.x
    painter.mouse(QEvent.Type.MouseButtonPress, (50, 50), MIDDLE, MIDDLE)
    painter.mouse(QEvent.Type.MouseMove, (60, 50), NONE, MIDDLE)
    painter.mouse(QEvent.Type.MouseButtonRelease, (60, 50), MIDDLE, NONE)
    assert canvas.view.x > x
    assert (painter.document.annotation == VOID).all()


def test_escape_drops_the_running_stroke(painter: "Driver") -> None:
    painter.mouse(QEvent.Type.MouseButtonPress, (30, 30), LEFT, LEFT)
    painter.mouse(QEvent.Type.MouseMove, (60, 30), NONE, LEFT)
    assert (painter.document.annotation != VOID).any()
    painter.key(Qt.Key.Key_Escape)
    assert (painter.document.annotation == VOID).all()
    painter.mouse(QEvent.Type.MouseButtonRelease, (60, 30), LEFT, NONE)
    assert not painter.document.history.can_undo


def test_going_on_in_the_middle_of_a_stroke_keeps_the_stroke(painter: "Driver") -> None:
    painter.mouse(QEvent.Type.MouseButtonPress, (30, 30), LEFT, LEFT)
    painter.key(Qt.Key.Key_D)
    painter.until(lambda: painter.desk.session.key == "cell 1")
    painter.mouse(QEvent.Type.MouseButtonRelease, (30, 30), LEFT, NONE)
    assert (painter.document.annotation == VOID).all()
    painter.key(Qt.Key.Key_A)
    painter.until(lambda: painter.desk.session.key == "cell 0")
    assert painter.document.annotation[30, 30] != VOID


def test_there_and_back_again_at_once_keeps_the_document(painter: "Driver") -> None:
    document = painter.document
    painter.desk.session.open_image("cell 1")
    painter.desk.session.open_image("cell 0")
    painter.stroke((30, 30))
    painter.until(lambda: not painter.desk.jobs.busy)
    assert painter.document is document
    assert painter.document.annotation[30, 30] != VOID


def test_only_the_last_request_for_an_image_counts(painter: "Driver") -> None:
    """There, back and there again starts two loads of one image; the second must not replace a painted document."""
    session = painter.desk.session
    opened: list[str | None] = []
    session.opened.connect(lambda: opened.append(session.key))
    for key in ("cell 1", "cell 0", "cell 1"):
        session.open_image(key)
    painter.until(lambda: not painter.desk.jobs.busy)
    assert opened == ["cell 1"]


def test_opening_a_project_opens_one_image_the_one_left(
    start: Callable[[], "Driver"], cells: Path, tmp_path: Path
) -> None:
    driver = start()
    driver.new_project(cells, tmp_path / "project", "background", "nucleus")
    driver.key(Qt.Key.Key_D)
    driver.until(lambda: driver.desk.session.key == "cell 1")
    driver.close()
    again = start()
    opened: list[str | None] = []
    again.window.project_opened.connect(
        lambda: again.desk.session.opened.connect(lambda: opened.append(again.desk.session.key))
    )
    again.open(tmp_path / "project")
    again.until(lambda: not again.desk.jobs.busy)
    assert opened == ["cell 1"]


def test_images_of_which_none_opens_leave_a_hint(driver: "Driver", cells: Path, tmp_path: Path) -> None:
    with Project.create(tmp_path / "project", ClassTable.of(["background", "nucleus"])) as project:
        project.add_images(sorted(cells.glob("*.png")))
    for path in cells.glob("*.png"):
        path.unlink()
    driver.window.open_project(tmp_path / "project")
    driver.until(lambda: "None of the images" in driver.window.bench.canvas.accessibleDescription())
    assert driver.desk.session.image is None


def test_a_new_class_is_on_disk_before_it_is_painted_with(painter: "Driver", tmp_path: Path) -> None:
    painter.window.bench.classes.changed.emit(painter.desk.session.classes.add("mitosis"))
    with Project.open(tmp_path / "project") as other:
        assert other.classes.names[-1] == "mitosis"


def test_hiding_and_locking_reach_the_disk_in_order(painter: "Driver", tmp_path: Path) -> None:
    for _ in range(5):
        classes = painter.desk.session.classes
        painter.desk.session.set_classes(classes.change(1, visible=not classes[1].visible))
    painter.until(lambda: not painter.desk.jobs.busy)
    with Project.open(tmp_path / "project") as other:
        assert other.classes == painter.desk.session.classes
        assert not other.classes[1].visible


def test_accepting_a_locked_class_says_that_it_is_locked(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_2, Qt.KeyboardModifier.ShiftModifier)
    ones = np.ones((96, 112), np.uint8)
    painter.desk.session.take_proposal("cell 0", Proposal(ones, ones * 255, "m0001"))
    painter.point((30, 30))
    painter.key(Qt.Key.Key_Return)
    assert (painter.document.annotation == VOID).all()
    assert "nucleus is locked" in painter.status


def test_steps_are_counted_from_the_image_on_its_way(painter: "Driver") -> None:
    for _ in range(3):
        painter.desk.handlers()["next_image"]()
    painter.until(lambda: not painter.desk.jobs.busy)
    assert painter.desk.session.key == "cell 3"


def test_a_stroke_may_begin_and_end_outside_the_image(painter: "Driver") -> None:
    painter.stroke((-20, 30), (130, 30))
    assert (painter.document.annotation[30] != VOID).all()


def test_zoom_and_place_are_kept_per_image(painter: "Driver") -> None:
    canvas = painter.window.bench.canvas
    painter.wheel((80, 20), 3, Qt.KeyboardModifier.NoModifier)
    left = canvas.view
    painter.key(Qt.Key.Key_D)
    painter.until(lambda: painter.desk.session.key == "cell 1")
    assert canvas.view != left
    painter.key(Qt.Key.Key_A)
    painter.until(lambda: painter.desk.session.key == "cell 0")
    assert canvas.view == left


def test_peek_hides_labels_while_held_and_keeps_what_was_hidden(painter: "Driver") -> None:
    canvas = painter.window.bench.canvas
    painter.key(Qt.Key.Key_V)
    assert not canvas.layers.show_annotation
    before = canvas.layers
    painter.key(Qt.Key.Key_QuoteLeft)  # down and up again
    assert canvas.layers == before


def test_painting_shows_at_once_on_the_canvas(painter: "Driver") -> None:
    canvas = painter.window.bench.canvas
    spot = canvas.widget_point((60.5, 80.5)).toPoint()
    painter.point((5, 5))  # the cursor elsewhere
    before = canvas.grab().toImage().pixelColor(spot)
    painter.key(Qt.Key.Key_2)
    painter.stroke((60.5, 80.5))
    painter.point((5, 5))
    after = canvas.grab().toImage().pixelColor(spot)
    color = painter.desk.session.classes[1].rgb
    assert before != after
    assert abs(after.red() - (before.red() + color[0]) / 2) <= 2


def test_training_without_enough_labels_says_what_to_do(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    painter.until(lambda: not painter.desk.modelling.training, 60)
    line = painter.window.bench.model.verdict
    assert "label" in line.lower() or "paint" in line.lower()


def test_a_folder_without_images_is_refused_in_one_line(driver: "Driver", tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    driver.window.opener.create(NewProject(empty, tmp_path / "project", ("a", "b")))
    driver.until(lambda: "no images" in driver.status)
    assert driver.window.desk is None
    assert not (tmp_path / "project").exists()


def test_a_corrupt_image_among_good_ones_is_named_and_the_rest_opens(
    driver: "Driver", cells: Path, tmp_path: Path
) -> None:
    (cells / "broken.png").write_bytes((cells / "cell 0.png").read_bytes()[:-200])
    told: list[str] = []
    driver.window.project_opened.connect(lambda: driver.desk.session.problem.connect(told.append))
    driver.new_project(cells, tmp_path / "project", "background", "nucleus")
    assert driver.desk.session.key == "cell 0"  # "broken" would have been the first
    assert len(told) == 1
    assert "broken.png" in told[0]
    assert {f"cell {i}" for i in range(4)} <= {record.key for record in driver.desk.session.project.images()}


def test_the_theme_changes_everything_at_once(painter: "Driver") -> None:
    painter.window.theme_wanted.emit("light")
    light = painter.window.grab().toImage().pixelColor(5, painter.window.height() // 2)
    painter.window.theme_wanted.emit("dark")
    dark = painter.window.grab().toImage().pixelColor(5, painter.window.height() // 2)
    assert light.lightness() > 150
    assert dark.lightness() < 80


def test_the_next_project_can_be_trained_after_one_was_closed_while_training(
    driver: "Driver", cells: Path, tmp_path: Path
) -> None:
    driver.new_project(cells, tmp_path / "first", "background", "nucleus")
    driver.stroke((20, 30), (40, 30))
    driver.key(Qt.Key.Key_1)
    driver.stroke((60, 10), (100, 10))
    button = next(b for b in driver.window.bench.model.findChildren(QPushButton) if b.text() == "Train")

    def training() -> bool:
        return driver.desk.modelling.training

    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert training()
    assert button.text() == "Stop"
    driver.window.close_project()
    assert button.text() == "Train"
    assert "Saved" not in driver.status
    driver.new_project(cells, tmp_path / "second", "background", "nucleus")
    assert not training()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert training()


def test_closing_while_training_ends_the_run_and_keeps_the_work(
    start: Callable[[], "Driver"], cells: Path, tmp_path: Path
) -> None:
    driver = start()
    driver.new_project(cells, tmp_path / "project", "background", "nucleus")
    driver.stroke((20, 30), (40, 30))
    driver.key(Qt.Key.Key_1)
    driver.stroke((60, 10), (100, 10))
    driver.key(Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert driver.desk.modelling.training
    driver.stroke((20, 80), (60, 80))  # one goes on painting meanwhile
    wanted = driver.labels
    assert wanted[80, 40] == 0
    driver.close()
    with Project.open(tmp_path / "project") as project:
        assert np.array_equal(project.annotation("cell 0"), wanted)


def test_a_disk_that_refuses_the_last_strokes_keeps_the_window_open(
    painter: "Driver", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> int:
        raise ProjectError("no space left", remedy="Free some space", path=tmp_path)

    asked: list[str] = []

    def stay(error: SegStudioError) -> bool:
        asked.append(str(error))
        return False

    with monkeypatch.context() as patch:
        patch.setattr(Project, "record", refuse)
        patch.setattr(painter.window, "_give_up", stay)
        painter.stroke((30, 30), (40, 40))
        painter.until(lambda: "no space left" in painter.status)
        painter.window.close()
        assert painter.window.isVisible()
        assert len(asked) == 1
        painter.stroke((60, 60))  # one can go on working
        wanted = painter.document.annotation.copy()
    painter.window.close()
    assert not painter.window.isVisible()
    with Project.open(tmp_path / "project") as project:
        assert np.array_equal(project.annotation("cell 0"), wanted)


def test_an_unforeseen_error_in_a_job_is_reported_and_the_window_lives(
    painter: "Driver", monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[str] = []
    monkeypatch.setattr(painter.studio.guard, "_show", lambda text, _saved: reports.append(text))
    monkeypatch.setattr(Project, "load_document", lambda *_args: 1 / 0)
    painter.key(Qt.Key.Key_D)
    painter.until(lambda: len(reports) == 1)
    assert "ZeroDivisionError" in reports[0]
    assert painter.desk.session.key == "cell 0"
    painter.stroke((30, 30))
    assert painter.document.annotation[30, 30] != VOID
