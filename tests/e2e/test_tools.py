"""Every tool in the real window, with the mouse and the keys of a person."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID
from segstudio.core.tools.base import ToolName

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
PLAIN = Qt.KeyboardModifier.NoModifier
CORNERS = ((14.0, 14.0), (46.0, 14.0), (46.0, 46.0), (14.0, 46.0))
ON_EDGE = ((30.0, 16.0), (44.0, 30.0), (30.0, 44.0), (16.0, 30.0))

Act = Callable[["Driver", Qt.MouseButton], None]


def _drag(driver: "Driver", button: Qt.MouseButton) -> None:
    driver.stroke(CORNERS[0], (30, 30), CORNERS[2], button=button)


def _round(driver: "Driver", button: Qt.MouseButton) -> None:
    driver.stroke(*CORNERS, button=button)


def _closed(corners: tuple[tuple[float, float], ...]) -> Act:
    def act(driver: "Driver", button: Qt.MouseButton) -> None:
        driver.click(*corners, button=button)
        driver.key(Qt.Key.Key_Return)

    return act


def _click(driver: "Driver", button: Qt.MouseButton) -> None:
    driver.click((30, 30), button=button)


def _box(driver: "Driver", button: Qt.MouseButton) -> None:
    tool = driver.canvas.tool
    assert tool is not None
    driver.stroke(CORNERS[0], (30, 30), CORNERS[2], button=button)
    driver.until(lambda: not tool.active)


# A gesture of each tool that labels around (30, 30), the middle of a disc of radius 14, and its key.
GESTURES: dict[ToolName, tuple[Qt.Key, Qt.KeyboardModifier, Act]] = {
    "brush": (Qt.Key.Key_B, PLAIN, _drag),
    "lasso": (Qt.Key.Key_L, PLAIN, _round),
    "polygon": (Qt.Key.Key_P, PLAIN, _closed(CORNERS)),
    "rectangle": (Qt.Key.Key_M, PLAIN, _drag),
    "ellipse": (Qt.Key.Key_M, SHIFT, _drag),
    "fill": (Qt.Key.Key_G, PLAIN, _click),
    "wand": (Qt.Key.Key_W, PLAIN, _click),
    "superpixel": (Qt.Key.Key_U, PLAIN, _drag),
    "scissors": (Qt.Key.Key_S, PLAIN, _closed(ON_EDGE)),
    "box": (Qt.Key.Key_K, PLAIN, _box),
}
OTHER_KEYS: dict[ToolName, tuple[Qt.Key, Qt.KeyboardModifier]] = {
    "eraser": (Qt.Key.Key_E, PLAIN),
    "region": (Qt.Key.Key_T, PLAIN),
    "pick": (Qt.Key.Key_I, PLAIN),
    "measure": (Qt.Key.Key_I, SHIFT),
    "level": (Qt.Key.Key_Z, PLAIN),
    "pan": (Qt.Key.Key_H, PLAIN),
}


def previewed(driver: "Driver") -> U8:
    """``uint8 (H, W)``: 1 where the tool says that a click would write."""
    tool = driver.canvas.tool
    assert tool is not None
    driver.until(lambda: tool.preview is not None and not tool.preview.busy and tool.preview.mask is not None)
    assert tool.preview is not None
    assert tool.preview.mask is not None
    rect, where = tool.preview.mask
    mask = np.zeros(driver.document.annotation.shape, np.uint8)
    mask[rect.slices] = where
    return mask


def field(driver: "Driver", name: str) -> QToolButton:
    return next(b for b in driver.window.bench.options.findChildren(QToolButton) if b.accessibleName() == name)


def test_every_tool_is_taken_by_its_key_and_by_its_button(painter: "Driver") -> None:
    keys = OTHER_KEYS | {name: gesture[:2] for name, gesture in GESTURES.items()}
    for name, (key, modifiers) in keys.items():
        painter.key(key, modifiers)
        assert painter.tool == name
        assert painter.tool_button(name).isChecked()
    for name in keys:
        QTest.mouseClick(painter.tool_button(name), LEFT)
        assert painter.tool == name
        assert [other for other in keys if painter.tool_button(other).isChecked()] == [name]
    assert painter.steps == 0


@pytest.mark.parametrize("name", GESTURES)
def test_a_gesture_is_one_step_takes_away_on_the_right_and_spares_what_is_protected(
    painter: "Driver", name: ToolName
) -> None:
    key, modifiers, act = GESTURES[name]
    painter.key(key, modifiers)
    act(painter, LEFT)
    done = painter.labels
    assert done[30, 30] == 1
    assert set(np.unique(done)) <= {1, VOID}
    assert painter.steps == 1
    painter.undo()
    assert (painter.labels == VOID).all()
    painter.redo()
    assert np.array_equal(painter.labels, done)
    act(painter, RIGHT)
    assert painter.labels[30, 30] == VOID
    assert painter.steps == 2
    painter.undo()
    assert np.array_equal(painter.labels, done)
    assert painter.tool == name
    painter.undo()
    spares_what_is_protected(painter, name)


def spares_what_is_protected(painter: "Driver", name: ToolName) -> None:
    """Locked classes, and what may not be painted over."""
    key, modifiers, act = GESTURES[name]
    painter.key(Qt.Key.Key_1)
    painter.key(Qt.Key.Key_M)
    painter.stroke((0.5, 0.5), (29.5, 95.5))
    before = painter.labels
    assert (before[:, :30] == 0).all()
    painter.key(Qt.Key.Key_2)
    painter.key(key, modifiers)
    painter.choose_option("Paint only over", "background")
    if name != "fill":  # its click is on void; the option has its own test
        act(painter, LEFT)
        changed = painter.labels != before
        assert changed.any()
        assert (before[changed] == 0).all()
        painter.undo()
    painter.choose_option("Paint only over", "Everything")
    painter.key(Qt.Key.Key_2, SHIFT)
    act(painter, LEFT)
    assert np.array_equal(painter.labels, before)
    assert "nucleus is locked" in painter.status


def test_what_protection_keeps_back_flashes(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_M)
    painter.stroke((50.5, 70.5), (60.5, 80.5))
    painter.key(Qt.Key.Key_2, SHIFT)
    painter.key(Qt.Key.Key_1)
    calm = painter.color_at((55, 75))
    painter.stroke((45, 65), (65, 85))
    painter.point((5, 5))
    flashing = painter.color_at((55, 75))
    assert flashing.red() - flashing.blue() > calm.red() - calm.blue() + 20
    painter.until(lambda: painter.color_at((55, 75)) == calm, 2)
    assert (painter.labels[70:81, 50:61] == 1).all()


def test_brush_sizes_and_shapes(painter: "Driver") -> None:
    painter.type_option("Brush size", 1)
    painter.click((10.5, 10.5))
    assert np.argwhere(painter.labels == 1).tolist() == [[10, 10]]
    painter.type_option("Brush size", 9)
    QTest.mouseClick(field(painter, "Square brush"), LEFT)
    painter.click((50.5, 50.5))
    assert (painter.labels[46:55, 46:55] == 1).all()
    assert (painter.labels == 1).sum() == 82
    painter.key(Qt.Key.Key_BracketRight)
    painter.key(Qt.Key.Key_BracketRight)
    painter.key(Qt.Key.Key_BracketLeft)
    painter.undo()
    painter.click((50.5, 50.5))
    assert (painter.labels == 1).sum() == 101
    QTest.mouseClick(field(painter, "Round brush"), LEFT)
    painter.undo()
    painter.click((50.5, 50.5))
    assert 1 + 0.7 * 100 < (painter.labels == 1).sum() < 95
    painter.undo()
    painter.undo()
    painter.click((30, 60))
    small = (painter.labels == 1).sum()
    painter.mouse(QEvent.Type.MouseButtonPress, (30, 60), RIGHT, RIGHT, ALT)
    painter.mouse(QEvent.Type.MouseMove, (50, 60), Qt.MouseButton.NoButton, RIGHT, ALT)
    painter.mouse(QEvent.Type.MouseButtonRelease, (50, 60), RIGHT, Qt.MouseButton.NoButton, ALT)
    assert painter.steps == 1
    painter.undo()
    painter.click((30, 60))
    assert (painter.labels == 1).sum() > 1.5 * small


def test_shift_click_joins_alt_erases_and_the_eraser_paints_in_reverse(painter: "Driver") -> None:
    painter.type_option("Brush size", 3)
    painter.click((10, 10))
    painter.click((90, 80), modifiers=SHIFT)
    assert (painter.labels == 1)[:, 10:90].any(axis=0).all()
    assert painter.steps == 2
    painter.stroke((10, 10), (50, 45), modifiers=ALT)
    assert painter.labels[27, 30] == VOID
    assert painter.labels[71, 80] == 1
    painter.key(Qt.Key.Key_E)
    painter.stroke((90, 80))
    assert painter.labels[80, 90] == VOID
    painter.stroke((90, 10), button=RIGHT)
    assert painter.labels[10, 90] == 1


def test_a_pen_paints_by_pressure_and_its_other_end_erases(painter: "Driver") -> None:
    press, move, lift = QEvent.Type.TabletPress, QEvent.Type.TabletMove, QEvent.Type.TabletRelease
    painter.type_option("Brush size", 20)
    assert painter.pen(press, (20, 20), 0.2)
    assert painter.pen(move, (60, 20), 0.2)
    assert painter.pen(move, (90, 20), 1.0)
    assert painter.pen(lift, (90, 20), 0.0)
    widths = (painter.labels == 1).sum(axis=0)
    assert widths[40] == 4
    assert widths[88] > 15
    assert painter.steps == 1
    assert painter.pen(press, (40, 20), 1.0, rubber=True)
    assert painter.pen(lift, (40, 20), 0.0, rubber=True)
    assert painter.labels[20, 40] == VOID
    painter.toggle_option("Pen pressure")
    assert painter.pen(press, (20, 60), 0.1)
    assert painter.pen(lift, (20, 60), 0.0)
    assert (painter.labels == 1)[:, 20].sum() >= 20  # as wide as the brush
    with painter.holding(Qt.Key.Key_Space):
        assert not painter.pen(press, (60, 60), 1.0)  # left to the mouse, which moves the image
    assert painter.steps == 3


def test_a_polygon_can_be_changed_dropped_and_closed(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_P)
    painter.click((20, 20), (60, 20), (60, 60), (90, 90))
    painter.key(Qt.Key.Key_Backspace)
    painter.stroke((60, 20), (70, 12))  # moved
    assert painter.steps == 0
    painter.double_click((20, 60))
    assert painter.steps == 1
    assert painter.labels[18, 66] == 1  # where the corner went
    assert painter.labels[75, 75] == VOID  # the one taken back
    assert painter.labels[50, 25] == 1
    painter.click((80, 20), (100, 20), (100, 40))
    painter.key(Qt.Key.Key_Escape)
    painter.key(Qt.Key.Key_Return)
    assert painter.steps == 1
    painter.click((80, 20), (100, 20), (100, 40), (80, 20))  # a click on the first corner
    assert painter.steps == 2
    assert painter.labels[25, 95] == 1


def test_a_double_click_on_the_first_corner_closes_and_begins_nothing(painter: "Driver") -> None:
    for key in (Qt.Key.Key_P, Qt.Key.Key_S):
        painter.key(key)
        painter.click((16, 30), (30, 16), (44, 30))
        painter.double_click((16, 30))
        assert painter.steps == 1
        tool = painter.canvas.tool
        assert tool is not None
        assert not tool.active
        painter.undo()
        assert painter.steps == 0


def test_undo_takes_points_of_an_open_polygon_back_before_strokes(painter: "Driver") -> None:
    painter.stroke((10, 85))
    painter.key(Qt.Key.Key_P)
    painter.click((20, 20), (60, 20), (60, 60), (90, 90))
    painter.undo()
    painter.key(Qt.Key.Key_Return)
    assert painter.labels[25, 55] == 1
    assert painter.labels[75, 75] == VOID
    assert painter.steps == 2


def test_shift_makes_squares_and_circles(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_M)
    painter.stroke((10.5, 10.5), (40.5, 20.5), modifiers=SHIFT)
    assert (painter.labels == 1).sum() == 31 * 31
    painter.undo()
    painter.key(Qt.Key.Key_M, SHIFT)
    painter.stroke((10.5, 10.5), (40.5, 20.5), modifiers=SHIFT)
    rows, columns = np.nonzero(painter.labels == 1)
    assert (int(np.ptp(rows)), int(np.ptp(columns))) == (30, 30)
    assert abs((painter.labels == 1).sum() - np.pi * 15.5**2) < 20


def test_what_is_shown_before_the_click_is_what_is_written(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_3)
    painter.key(Qt.Key.Key_M)
    painter.stroke((25, 25), (60, 40))
    painter.key(Qt.Key.Key_2)
    for key in (Qt.Key.Key_G, Qt.Key.Key_W, Qt.Key.Key_U, Qt.Key.Key_T):
        painter.point((90, 90))
        painter.key(key)
        painter.point((30, 30))
        shown, before = previewed(painter), painter.labels
        painter.click((30, 30))
        assert shown.any()
        assert np.array_equal(painter.labels != before, shown.astype(bool)), painter.tool
        painter.undo()


def test_fill_stays_in_its_region_and_obeys_over(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_M)
    painter.stroke((20.5, 20.5), (40.5, 40.5))
    painter.key(Qt.Key.Key_3)
    painter.key(Qt.Key.Key_G)
    painter.choose_option("Paint only over", "Void only")
    painter.click((30, 30))
    assert painter.steps == 1
    assert "only over void" in painter.status
    painter.choose_option("Paint only over", "Everything")
    painter.click((30, 30))
    assert (painter.labels[20:41, 20:41] == 2).all()
    assert (painter.labels == VOID).sum() == 96 * 112 - 21 * 21


def test_dragging_the_wand_sets_its_tolerance(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_W)
    painter.type_option("Tolerance", 40)
    painter.click((30, 30))
    disc = painter.labels == 1
    assert abs(disc.sum() - np.pi * 14**2) < 100
    assert not disc[60, 70]
    painter.undo()
    painter.press((30, 30))
    painter.move((105, 30))
    tool = painter.canvas.tool
    assert tool is not None
    assert tool.preview is not None
    assert tool.preview.text.startswith("tolerance")
    painter.release((105, 30))
    assert (painter.labels == 1).sum() > 5000  # by then the ground is similar, too
    assert painter.steps == 1
    painter.undo()
    painter.type_option("Tolerance", 40)
    painter.toggle_option("Connected only")
    painter.click((30, 30))
    assert painter.labels[60, 70] == 1  # the other disc
    painter.press((30, 30))
    painter.move((60, 30))
    painter.key(Qt.Key.Key_Escape)
    painter.release((60, 30))
    assert painter.steps == 1


def test_superpixels_along_a_drag_and_their_width_by_the_wheel(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_U)
    painter.point((30, 30))
    fine = previewed(painter).sum()
    painter.wheel((30, 30), 2, SHIFT)
    painter.point((30.5, 30))
    assert previewed(painter).sum() != fine
    assert painter.steps == 0
    painter.wheel((30, 30), -4, SHIFT)
    painter.stroke((30, 30), (70, 60))
    assert painter.labels[30, 30] == 1
    assert painter.labels[60, 70] == 1
    assert painter.labels[45, 50] == 1
    assert painter.steps == 1


def test_scissors_and_box_find_the_edge(painter: "Driver") -> None:
    rows, columns = np.mgrid[:96, :112]
    wanted = (rows - 30) ** 2 + (columns - 30) ** 2 <= 14**2

    def overlap() -> float:
        painted = painter.labels == 1
        return float((painted & wanted).sum() / (painted | wanted).sum())

    painter.key(Qt.Key.Key_S)
    painter.click((30, 16), (44, 30), (30, 44), (16, 30), (30, 16))
    assert overlap() > 0.85
    painter.undo()
    painter.key(Qt.Key.Key_K)
    _box(painter, LEFT)
    assert overlap() > 0.9
