"""What a person meets around the canvas: panels, keys and words."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDropEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QSpinBox, QWidget

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.tools.wand import WandTool
from segstudio.ui.dialogs.palette import CommandPalette
from segstudio.ui.dialogs.reclass import ReclassDialog, WorkingDialog
from segstudio.ui.panels.class_row import ClassRow
from segstudio.ui.panels.section import FoldButton
from segstudio.ui.panels.status import CALM_MS
from segstudio.ui.panels.toolbox import ToolBox
from segstudio.ui.releases import REPEAT_MS
from tests.e2e.conftest import Driver

ALT, CTRL, SHIFT = (
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
)
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
CORNERS = ((20, 20), (60, 20), (60, 50))


def said(driver: Driver) -> str:
    """What just happened, as the status line has it."""
    return driver.window.status._said.text()


def occupied(driver: Driver) -> bool:
    return driver.canvas.occupied


def row(driver: Driver, index: int) -> ClassRow:
    return driver.window.bench.classes._rows[index]


def repeat(driver: Driver, key: Qt.Key) -> None:
    """A held key repeats, unmarked, for longer than a release is held back."""
    for _ in range(4):
        QTest.keyRelease(driver.canvas, key)
        QTest.keyPress(driver.canvas, key)
        driver.qtbot.wait(2 * REPEAT_MS)


def settled(driver: Driver) -> None:
    """No question about classes is open, and the image is back."""
    driver.until(
        lambda: (
            driver.window.findChildren(WorkingDialog) == []
            and driver.desk.session.image is not None
            and not driver.desk.jobs.busy
        )
    )


# Keys that repeat


def test_space_and_peek_stay_held_while_their_keys_repeat_unmarked(painter: Driver) -> None:
    canvas = painter.canvas
    with painter.holding(Qt.Key.Key_Space):
        repeat(painter, Qt.Key.Key_Space)
        view = canvas.view
        painter.stroke((50, 50), (60, 50))
    assert canvas.view != view
    assert painter.steps == 0
    painter.stroke((50, 50), (60, 50))
    assert painter.steps == 1
    with painter.holding(Qt.Key.Key_QuoteLeft):
        repeat(painter, Qt.Key.Key_QuoteLeft)
        assert not canvas.layers.show_annotation
    assert canvas.layers.show_annotation


def test_a_borrowed_tool_stays_while_its_key_repeats_unmarked(painter: Driver) -> None:
    with painter.holding(Qt.Key.Key_E):
        QTest.qWait(400)
        repeat(painter, Qt.Key.Key_E)
        assert painter.tool == "eraser"
    assert painter.tool == "brush"


# Open shapes


def test_an_open_polygon_waits_on_its_image(painter: Driver) -> None:
    painter.key(Qt.Key.Key_P)
    painter.click(*CORNERS)
    painter.key(Qt.Key.Key_B)
    assert said(painter) == "The polygon waits: P goes on with it"
    painter.stroke((20, 80), (40, 80))
    painter.key(Qt.Key.Key_P)
    painter.key(Qt.Key.Key_D)
    painter.until(lambda: painter.desk.session.key == "cell 1")
    assert said(painter).endswith("an open polygon waits in cell 0")
    assert not occupied(painter)
    painter.click((5, 5))  # one of its own
    painter.key(Qt.Key.Key_A)
    painter.until(lambda: painter.desk.session.key == "cell 0")
    painter.key(Qt.Key.Key_Return)
    labels = painter.labels
    assert labels[30, 55] == 1
    assert labels[5, 5] == VOID
    painter.key(Qt.Key.Key_D)
    painter.until(lambda: painter.desk.session.key == "cell 1")
    assert occupied(painter)
    assert (painter.labels == VOID).all()


def test_a_measurement_is_told_as_long_as_it_is_there(painter: Driver) -> None:
    painter.key(Qt.Key.Key_I, SHIFT)
    hint = said(painter)
    painter.press((20, 20))
    painter.move((40, 20))
    assert said(painter) == "Length 20.0 px"
    painter.move((60, 20))
    assert said(painter) == "Length 40.0 px"
    painter.release((60, 20))
    assert said(painter) == "Length 40.0 px"
    painter.key(Qt.Key.Key_Escape)
    assert said(painter) == hint
    painter.stroke((20, 20), (60, 20))
    painter.key(Qt.Key.Key_B)
    assert "paints" in said(painter)


# What is said


def test_what_was_said_yields_to_the_hint_in_time_and_at_the_next_gesture(painter: Driver) -> None:
    assert said(painter).startswith("cell 0")
    painter.key(Qt.Key.Key_E)
    hint = said(painter)
    assert hint.startswith("Left erases")
    painter.key(Qt.Key.Key_V)
    painter.key(Qt.Key.Key_V)
    assert said(painter) == "Annotation shown"
    painter.stroke((20, 20), (30, 20))
    assert said(painter) == hint
    painter.key(Qt.Key.Key_F4)  # nothing
    painter.key(Qt.Key.Key_X)
    painter.key(Qt.Key.Key_C)
    assert said(painter) != hint
    timer = painter.window.status._calm
    assert timer.isActive()
    assert timer.interval() == CALM_MS
    timer.setInterval(1)
    painter.until(lambda: said(painter) == hint)


def test_deeds_are_told_in_figures(painter: Driver) -> None:
    painter.type_option("Brush size", 20)
    painter.click((30, 30))
    pixels = int((painter.labels == 1).sum())
    painter.point((30, 30))
    painter.key(Qt.Key.Key_Delete)
    painter.until(lambda: said(painter) == f"Deleted a region of {pixels} px")
    painter.key(Qt.Key.Key_G, SHIFT)
    painter.until(lambda: said(painter) == f"Filled {96 * 112:,} px of void with nucleus")
    assert (painter.labels == 1).all()
    painter.key(Qt.Key.Key_X)
    painter.menu("Region", "Delete all of this class")
    painter.until(lambda: said(painter) == "This class has no pixels here")


def test_snapping_says_what_it_did(painter: Driver) -> None:
    painter.type_option("Brush size", 30)
    painter.click((30, 30))
    painter.key(Qt.Key.Key_S, SHIFT)
    painter.until(lambda: said(painter).startswith("Snapped: "))
    assert said(painter).endswith(" px changed")
    painter.undo()
    painter.undo()
    painter.type_option("Brush size", 12)
    painter.click((30, 30))
    painter.key(Qt.Key.Key_K, SHIFT)
    painter.until(lambda: said(painter).startswith("nucleus grew by "))


# Classes


@pytest.fixture
def many(painter: Driver) -> Driver:
    """With 25 classes."""
    painter.desk.session.set_classes(ClassTable.of([f"kind {number}" for number in range(25)]))
    painter.desk._hand.choose_class(0)
    return painter


def test_classes_without_a_key_are_reached_by_steps_and_by_name(many: Driver) -> None:
    many.key(Qt.Key.Key_Comma)
    assert many.desk._hand.palette.value == 24
    assert said(many) == "Class kind 24"
    many.key(Qt.Key.Key_Period)
    many.key(Qt.Key.Key_Period)
    assert many.desk._hand.palette.value == 1
    many.key(Qt.Key.Key_K, CTRL)
    palette = many.window.findChild(CommandPalette)
    assert isinstance(palette, CommandPalette)
    line = palette.findChild(QLineEdit)
    assert isinstance(line, QLineEdit)
    QTest.keyClicks(line, "kind 15")
    assert palette.found()[0] == "Class: kind 15"
    QTest.keyClick(line, Qt.Key.Key_Return)
    many.until(lambda: many.desk._hand.palette.value == 15)


def test_a_digit_without_a_class_says_how_many_there_are(painter: Driver) -> None:
    painter.key(Qt.Key.Key_7)
    assert said(painter) == "There are 3 classes"
    assert painter.desk._hand.palette.value == 1


def test_rows_of_classes_are_walked_with_the_arrows_and_return_takes_one(many: Driver) -> None:
    row(many, 0).setFocus(Qt.FocusReason.TabFocusReason)
    for _ in range(12):
        many.key(Qt.Key.Key_Down, to=many.window.focusWidget())
    focused = many.window.focusWidget()
    assert focused is row(many, 12)
    assert focused.visibleRegion().boundingRect().height() == focused.height()  # scrolled to
    assert many.desk._hand.palette.value == 0
    many.key(Qt.Key.Key_Return, to=focused)
    assert many.desk._hand.palette.value == 12
    many.key(Qt.Key.Key_End, to=focused)
    assert many.window.focusWidget() is row(many, 24)
    stops = [r for r in many.window.bench.classes._rows if r.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert stops == [row(many, 24)]


def test_a_row_is_moved_with_the_keyboard_and_keeps_it(painter: Driver) -> None:
    painter.stroke((10, 10), (40, 10))
    row(painter, 1).setFocus(Qt.FocusReason.TabFocusReason)
    painter.key(Qt.Key.Key_Up, ALT, to=row(painter, 1))
    painter.until(lambda: painter.desk.session.classes.names == ("nucleus", "background", "debris"))
    settled(painter)
    assert painter.labels[10, 20] == 0
    assert painter.desk._hand.palette.value == 0
    painter.window.activateWindow()
    painter.until(lambda: painter.window.focusWidget() is row(painter, 0))


def test_a_row_is_dragged_to_another_place(painter: Driver) -> None:
    def send(kind: QEvent.Type, y: int, button: Qt.MouseButton, held: Qt.MouseButton) -> None:
        source = row(painter, 0)
        at = QPointF(120, 16 + y)
        event = QMouseEvent(kind, at, source.mapToGlobal(at), button, held, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(source, event)

    send(QEvent.Type.MouseButtonPress, 0, LEFT, LEFT)
    for y in range(4, 81, 4):
        send(QEvent.Type.MouseMove, y, NONE, LEFT)
    line = painter.window.bench.classes._line
    assert line.isVisible()
    assert line.y() > row(painter, 2).y()
    send(QEvent.Type.MouseButtonRelease, 80, LEFT, NONE)
    assert not line.isVisible()
    painter.until(lambda: painter.desk.session.classes.names == ("nucleus", "debris", "background"))
    settled(painter)


def menu_of(driver: Driver, index: int) -> QMenu:
    source = row(driver, index)
    at = QPoint(100, 10)
    QApplication.sendEvent(source, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, source.mapToGlobal(at)))
    menu = source.findChild(QMenu)
    assert isinstance(menu, QMenu)
    return menu


def test_a_class_is_merged_into_another_from_its_menu(painter: Driver) -> None:
    painter.stroke((10, 10), (40, 10))
    menu = menu_of(painter, 1)
    merge = next(action.menu() for action in menu.actions() if action.text() == "Merge into")
    assert isinstance(merge, QMenu)
    assert [action.text() for action in merge.actions()] == ["background", "debris"]
    merge.actions()[1].trigger()
    menu.close()
    dialog = painter.window.findChild(ReclassDialog)
    assert isinstance(dialog, ReclassDialog)
    assert dialog.into == 2
    painter.until(dialog._go.isEnabled)
    dialog._go.click()
    painter.until(lambda: painter.desk.session.classes.names == ("background", "debris"))
    settled(painter)
    assert painter.labels[10, 20] == 1


def test_a_class_is_removed_from_its_menu(painter: Driver) -> None:
    menu = menu_of(painter, 2)
    next(action for action in menu.actions() if action.text() == "Remove…").trigger()
    menu.close()
    dialog = painter.window.findChild(ReclassDialog)
    assert isinstance(dialog, ReclassDialog)
    painter.until(dialog._go.isEnabled)
    dialog._go.click()
    painter.until(lambda: painter.desk.session.classes.names == ("background", "nucleus"))
    settled(painter)


# Options


def test_the_tolerance_of_the_wand_follows_the_drag(painter: Driver) -> None:
    painter.key(Qt.Key.Key_W)
    box = next(b for b in painter.window.bench.options.findChildren(QSpinBox) if b.accessibleName() == "Tolerance")
    before = box.value()
    painter.press((70, 60))
    painter.move((100, 60))
    assert isinstance(painter.canvas.tool, WandTool)
    during = box.value()
    assert during > before
    assert painter.canvas.tool.preview is not None
    assert painter.canvas.tool.preview.text == f"tolerance {during}"
    painter.key(Qt.Key.Key_Escape)
    assert box.value() == before
    painter.release((100, 60))
    assert box.value() == before


# Layout


def around(driver: Driver) -> list[QWidget]:
    bench = driver.window.bench
    toolbox = bench.findChild(ToolBox)
    assert isinstance(toolbox, ToolBox)
    return [toolbox, bench.options, bench.classes, bench.model, bench.review, bench.strip]


def test_one_key_leaves_the_canvas_alone_and_brings_everything_back(
    painter: Driver, start: Callable[[], Driver], tmp_path: Path
) -> None:
    painter.key(Qt.Key.Key_H, SHIFT)
    widths = painter.window.bench._across.sizes()
    narrow = painter.canvas.width()
    painter.key(Qt.Key.Key_Backslash, CTRL)
    assert not any(part.isVisible() for part in around(painter))
    assert painter.canvas.width() > narrow
    painter.stroke((20, 20), (40, 20))
    assert painter.steps == 1
    painter.close()
    again = start()
    again.open(tmp_path / "project")
    assert not any(part.isVisible() for part in around(again))
    again.key(Qt.Key.Key_Backslash, CTRL)
    assert all(part.isVisible() for part in around(again))
    assert again.window.bench.history.isVisible()
    assert abs(again.window.bench._across.sizes()[1] - widths[1]) <= 1


def test_what_is_folded_is_folded_the_next_time(painter: Driver, start: Callable[[], Driver], tmp_path: Path) -> None:
    fold = painter.window.bench.review.findChild(FoldButton)
    assert isinstance(fold, FoldButton)
    QTest.mouseClick(fold, LEFT)
    painter.close()
    again = start()
    again.open(tmp_path / "project")
    assert again.window.bench.review.is_folded
    again.menu("View", "Reset layout")
    assert not again.window.bench.review.is_folded


# The keyboard alone


def test_tab_goes_through_everything_as_it_lies(painter: Driver) -> None:
    bench = painter.window.bench
    painter.until(lambda: len(bench.strip.keys_shown()) == 4)
    toolbox = bench.findChild(ToolBox)
    assert isinstance(toolbox, ToolBox)
    regions = [toolbox, bench.options, painter.canvas, bench.classes, bench.model, bench.review, bench.strip]
    toolbox.button("tool_brush").setFocus(Qt.FocusReason.TabFocusReason)
    met: list[QWidget] = []
    for _ in range(120):
        focused = QApplication.focusWidget()
        assert focused is not None
        if met and focused is met[0]:
            break
        met.append(focused)
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is met[0]
    at = [next(i for i, part in enumerate(regions) if part is stop or part.isAncestorOf(stop)) for stop in met]
    assert at == sorted(at)
    assert set(at) == set(range(len(regions)))
    assert row(painter, 1) in met
    assert row(painter, 0) not in met
    for stop in reversed(met):
        focused = QApplication.focusWidget()
        assert focused is not None
        QTest.keyClick(focused, Qt.Key.Key_Backtab, SHIFT)
        assert QApplication.focusWidget() is stop


def test_the_arrows_go_from_image_to_image_in_the_strip(painter: Driver) -> None:
    view = painter.window.bench.strip._view
    view.setFocus(Qt.FocusReason.TabFocusReason)
    painter.key(Qt.Key.Key_Right, to=view)
    painter.until(lambda: painter.desk.session.key == "cell 1")
    painter.key(Qt.Key.Key_End, to=view)
    painter.until(lambda: painter.desk.session.key == "cell 3")
    assert QApplication.focusWidget() is view


# Dropping


def drop(driver: Driver, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, plain = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(300, 300), copy, data, LEFT, plain)
    QApplication.sendEvent(driver.window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(driver.window, QDropEvent(QPointF(300, 300), copy, data, LEFT, plain))


def test_images_that_are_dropped_join_the_project(painter: Driver, cells: Path, tmp_path: Path) -> None:
    picture = (cells / "cell 0.png").read_bytes()
    others = [tmp_path / f"other {number}.png" for number in range(3)]
    for other in others:
        other.write_bytes(picture)
    drop(painter, others[0])
    painter.until(lambda: painter.desk.session.key == "other 0")  # a lone one is wanted to be seen
    drop(painter, *others[1:])
    painter.until(lambda: said(painter) == "Added 2 images")
    assert painter.desk.session.key == "other 0"
    notes = tmp_path / "notes.txt"
    notes.write_text("no image")
    drop(painter, notes)
    assert said(painter).startswith("notes.txt is no image")
