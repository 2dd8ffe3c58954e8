"""Commands on regions and classes, and tools that write nothing, in the real window."""

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID
from segstudio.core.proposal import Proposal

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver

RIGHT = Qt.MouseButton.RightButton
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
PLAIN = Qt.KeyboardModifier.NoModifier


def test_every_region_operation_from_the_menu(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_M)
    painter.stroke((20.5, 20.5), (49.5, 49.5))
    painter.stroke((30.5, 30.5), (34.5, 34.5), button=RIGHT)
    painter.stroke((80.5, 80.5), (82.5, 82.5))
    start, steps = painter.labels, painter.steps

    def after(text: str, modifiers: Qt.KeyboardModifier = PLAIN, amount: int = 0) -> U8:
        painter.menu("Region", text)
        assert painter.tool == "region"
        if amount:
            painter.type_option("Amount", amount)
        painter.click((22, 22), modifiers=modifiers)
        assert painter.steps == steps + 1
        result = painter.labels
        painter.undo()
        assert np.array_equal(painter.labels, start)
        return result

    deleted = after("Delete regions")
    assert (deleted[20:50, 20:50] == VOID).all()
    assert deleted[81, 81] == 1
    assert (after("Delete regions", SHIFT) == VOID).all()
    painter.key(Qt.Key.Key_3)
    reclassed = after("Re-class regions")
    assert np.array_equal(reclassed[20:50, 20:50] == 2, start[20:50, 20:50] == 1)
    assert (after("Fill holes")[20:50, 20:50] == 1).all()
    islands = after("Drop islands", SHIFT, 10)
    assert islands[81, 81] == VOID
    assert islands[22, 22] == 1
    grown = after("Grow regions", amount=2)
    assert (grown[18, 22:48] == 1).all()
    assert grown[17, 30] == VOID
    shrunk = after("Shrink regions", amount=2)
    assert shrunk[21, 30] == VOID
    assert shrunk[23, 24] == 1
    smooth = after("Smooth regions", amount=6)
    assert smooth[20, 20] == VOID
    assert smooth[40, 40] == 1


def test_pick_takes_the_class_under_the_pointer(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_3)
    painter.click((20, 20))
    painter.key(Qt.Key.Key_1)
    painter.key(Qt.Key.Key_I)
    painter.click((90, 90))
    assert "Nothing is labelled there" in painter.status
    painter.click((20, 20))
    painter.key(Qt.Key.Key_B)
    painter.click((60, 20))
    assert painter.labels[20, 60] == 2


def test_measuring_tells_a_length_and_an_area_and_writes_nothing(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_I, SHIFT)
    painter.stroke((10, 10), (30, 10), (40, 50))
    tool = painter.canvas.tool
    assert tool is not None
    assert tool.preview is not None
    assert tool.preview.text == "50.0 px"
    assert "Length 50.0 px" in painter.status
    painter.click((10, 10), (50, 10), (50, 30), (10, 30), (10, 10))
    assert "Area 800 px²" in painter.status
    painter.key(Qt.Key.Key_Escape)
    painter.until(lambda: tool.preview is None, 1)
    assert painter.steps == 0
    assert (painter.labels == VOID).all()


def test_pan_and_level_change_what_is_seen_and_write_nothing(painter: "Driver") -> None:
    canvas = painter.canvas
    painter.key(Qt.Key.Key_H)
    x = canvas.view.x
    painter.stroke((50, 50), (60, 50))
    assert canvas.view.x > x
    painter.key(Qt.Key.Key_Z)
    painter.point((5, 5))
    before = painter.color_at((90, 20))
    painter.stroke((50, 20), (50, 60))
    painter.point((5, 5))
    assert painter.color_at((90, 20)).lightness() < before.lightness()
    assert "level" in painter.status
    assert painter.steps == 0
    assert (painter.labels == VOID).all()


def test_commands_on_regions_and_classes(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_M)
    painter.stroke((20, 20), (30, 30))
    painter.stroke((60, 20), (70, 30))
    both = painter.labels
    painter.point((25, 25))
    painter.key(Qt.Key.Key_Delete)
    assert painter.labels[25, 25] == VOID
    assert painter.labels[25, 65] == 1
    painter.undo()
    assert np.array_equal(painter.labels, both)
    painter.menu("Region", "Delete all of this class")
    assert (painter.labels == VOID).all()
    painter.undo()
    painter.key(Qt.Key.Key_3)
    painter.key(Qt.Key.Key_G, SHIFT)
    assert (painter.labels != VOID).all()
    assert np.array_equal(painter.labels == 1, both == 1)
    filled = painter.labels
    painter.key(Qt.Key.Key_D)
    painter.until(lambda: painter.desk.session.key == "cell 1")
    painter.key(Qt.Key.Key_M)
    painter.key(Qt.Key.Key_1)
    painter.stroke((0.5, 0.5), (5.5, 5.5))
    painter.key(Qt.Key.Key_C, CTRL | SHIFT)
    painter.until(lambda: painter.steps == 2)
    assert (painter.labels[:6, :6] == 0).all()
    assert np.array_equal(painter.labels[6:], filled[6:])
    painter.undo()
    assert (painter.labels == VOID).sum() == 96 * 112 - 36


def test_strokes_snap_to_edges_and_grow_to_objects(painter: "Driver") -> None:
    rows, columns = np.mgrid[:96, :112]
    wanted = (rows - 30) ** 2 + (columns - 30) ** 2 <= 14**2

    def overlap() -> float:
        painted = painter.labels == 1
        return float((painted & wanted).sum() / (painted | wanted).sum())

    painter.key(Qt.Key.Key_M, SHIFT)
    painter.stroke((18, 18), (44, 44))
    before = overlap()
    painter.key(Qt.Key.Key_S, SHIFT)
    painter.until(lambda: painter.steps == 2)
    assert overlap() > before
    painter.undo()
    painter.undo()
    painter.key(Qt.Key.Key_B)
    painter.type_option("Brush size", 5)
    painter.stroke((25, 30), (35, 30))
    painter.key(Qt.Key.Key_1)
    painter.stroke((5, 5), (105, 5), (105, 90), (5, 90), (5, 8))
    painter.key(Qt.Key.Key_2)
    painter.key(Qt.Key.Key_K, SHIFT)
    painter.until(lambda: painter.steps == 3)
    assert overlap() > 0.8


def test_tab_goes_to_doubts_from_the_canvas_and_moves_on_elsewhere(painter: "Driver") -> None:
    classes = np.zeros((96, 112), np.uint8)
    confidence = np.full((96, 112), 250, np.uint8)
    confidence[60:70, 80:90] = 120
    painter.desk.session.take_proposal("cell 0", Proposal(classes, confidence, "m0001"))
    painter.point((10, 10))
    painter.canvas.setFocus()
    painter.key(Qt.Key.Key_Tab)
    assert painter.canvas.hasFocus()
    assert "Uncertain region 1 of" in painter.status
    x, y = painter.canvas.widget_point((85, 65)).toTuple()
    assert abs(x - painter.canvas.width() / 2) < 10
    assert abs(y - painter.canvas.height() / 2) < 10
    view = painter.canvas.view
    button = painter.tool_button("brush")
    button.setFocus(Qt.FocusReason.TabFocusReason)
    painter.key(Qt.Key.Key_Tab, to=button)
    assert not button.hasFocus()
    assert painter.canvas.view == view
