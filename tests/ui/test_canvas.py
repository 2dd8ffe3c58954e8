"""The canvas by itself: what buttons, wheel, pen and keys ask of a tool, and what it never does twice or half."""

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QFocusEvent,
    QInputDevice,
    QKeyEvent,
    QMouseEvent,
    QPointingDevice,
    QPointingDeviceUniqueId,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.picture import Picture
from segstudio.core.pyramid import Pyramid
from segstudio.core.scene import Scene
from segstudio.core.tools.base import Cursor, Kit, Palette, Pointer, Tool, ToolName
from segstudio.core.tools.catalogue import make_tools
from segstudio.core.view import View
from segstudio.ui.canvas.canvas import Canvas
from segstudio.ui.canvas.pointing import Drag, Wheel, drag_of, shape_of, wheel_of

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
NONE = Qt.MouseButton.NoButton
PLAIN, SHIFT, ALT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
PRESS, MOVE, RELEASE = QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove, QEvent.Type.MouseButtonRelease
TWICE = QEvent.Type.MouseButtonDblClick


PEN = QPointingDevice(
    "pen",
    81,
    QInputDevice.DeviceType.Stylus,
    QPointingDevice.PointerType.Pen,
    QInputDevice.Capability.Position | QInputDevice.Capability.Pressure,
    1,
    3,
    "",
    QPointingDeviceUniqueId(),
)


class Recorder(Tool):
    """Notes what it is told; open from a press to a confirm or cancel."""

    name = "polygon"
    label = "Recorder"

    def __init__(self) -> None:
        super().__init__(Kit())
        self.told: list[str] = []
        self.open = False
        self.hovered: Pointer | None = None

    @property
    def active(self) -> bool:
        return self.open

    def hover(self, document: Document, pointer: Pointer | None) -> None:  # noqa: ARG002  # as every tool
        self.hovered = pointer

    def press(self, document: Document, pointer: Pointer) -> None:  # noqa: ARG002  # as every tool
        self.open = True
        self.told.append("press reverse" if pointer.reverse else "press")

    def move(self, pointer: Pointer) -> None:  # noqa: ARG002  # as every tool
        self.told.append("move")

    def release(self, pointer: Pointer) -> None:
        self.told.append("release reverse" if pointer.reverse else "release")

    def confirm(self) -> bool:
        was, self.open = self.open, False
        self.told.append("confirm")
        return was

    def finish(self) -> None:
        self.open = False

    def cancel(self) -> None:
        self.open = False
        self.told.append("cancel")


@pytest.fixture
def scene() -> Scene:
    pixels = np.full((100, 120), 90, np.uint8)
    document = Document(np.full((100, 120), VOID, np.uint8), ClassTable.of(["a", "b"]), picture=Picture(pixels))
    return Scene(document, Pyramid(pixels))


@pytest.fixture
def canvas(qtbot: QtBot, scene: Scene) -> Canvas:
    made = Canvas(Palette(value=1, size=5))
    qtbot.addWidget(made)
    made.resize(480, 400)
    made.show()
    made.show_scene(scene, View(2.0, 0.0, 0.0))
    return made


@pytest.fixture
def tool(canvas: Canvas) -> Recorder:
    made = Recorder()
    canvas.set_tool(made)
    return made


@pytest.fixture
def heard(canvas: Canvas) -> list[str]:
    """Beginnings and ends of strokes."""
    told: list[str] = []
    canvas.stroke_began.connect(lambda: told.append("began"))
    canvas.stroke_ended.connect(lambda: told.append("ended"))
    return told


def mouse(
    canvas: Canvas,
    kind: QEvent.Type,
    at: tuple[float, float],
    button: Qt.MouseButton = NONE,
    held: Qt.MouseButton = NONE,
    modifiers: Qt.KeyboardModifier = PLAIN,
) -> None:
    where = QPointF(*at)
    QApplication.sendEvent(canvas, QMouseEvent(kind, where, canvas.mapToGlobal(where), button, held, modifiers))


def wheel(canvas: Canvas, at: tuple[float, float], delta: QPoint, modifiers: Qt.KeyboardModifier) -> QWheelEvent:
    where = QPointF(*at)
    still = Qt.ScrollPhase.NoScrollPhase
    return QWheelEvent(where, canvas.mapToGlobal(where), QPoint(), delta, NONE, modifiers, still, False)


@pytest.mark.parametrize(
    ("button", "modifiers", "hand", "drag"),
    [
        (LEFT, PLAIN, False, Drag.PAINT),
        (LEFT, ALT, False, Drag.PAINT),
        (RIGHT, PLAIN, False, Drag.PAINT),
        (RIGHT, ALT, False, Drag.RESIZE),
        (MIDDLE, PLAIN, False, Drag.PAN),
        (LEFT, PLAIN, True, Drag.PAN),
        (RIGHT, PLAIN, True, Drag.PAINT),
        (Qt.MouseButton.BackButton, PLAIN, False, Drag.NONE),
    ],
)
def test_what_a_button_begins(button: Qt.MouseButton, modifiers: Qt.KeyboardModifier, hand: bool, drag: Drag) -> None:
    assert drag_of(button, modifiers, hand=hand) is drag


@pytest.mark.parametrize(
    ("drag", "cursor", "hand", "shape"),
    [
        (Drag.NONE, "brush", False, Qt.CursorShape.BlankCursor),
        (Drag.NONE, "cross", False, Qt.CursorShape.CrossCursor),
        (Drag.NONE, "level", False, Qt.CursorShape.SizeAllCursor),
        (Drag.NONE, "hand", False, Qt.CursorShape.OpenHandCursor),
        (Drag.NONE, "brush", True, Qt.CursorShape.OpenHandCursor),
        (Drag.PAN, "brush", True, Qt.CursorShape.ClosedHandCursor),
        (Drag.NONE, None, False, Qt.CursorShape.ArrowCursor),
    ],
)
def test_the_pointer_shows_what_it_would_do(
    drag: Drag, cursor: Cursor | None, hand: bool, shape: Qt.CursorShape
) -> None:
    assert shape_of(drag, cursor, hand=hand) is shape


def test_a_wheel_zooms_or_turns_an_option_also_sideways(canvas: Canvas) -> None:
    assert wheel_of(wheel(canvas, (9, 9), QPoint(0, 240), PLAIN)) == Wheel(factor=2.0)
    assert wheel_of(wheel(canvas, (9, 9), QPoint(0, -120), SHIFT)) == Wheel(steps=-1.0)
    assert wheel_of(wheel(canvas, (9, 9), QPoint(60, 0), ALT)) == Wheel(steps=0.5)
    assert wheel_of(wheel(canvas, (9, 9), QPoint(), SHIFT)) == Wheel()


def test_each_stroke_that_begins_ends_once(canvas: Canvas, tool: Recorder, heard: list[str]) -> None:
    ends: tuple[Callable[[], None], ...] = (
        lambda: mouse(canvas, RELEASE, (20, 20), LEFT),
        canvas.cancel_stroke,
        canvas.finish_stroke,
        lambda: canvas.set_tool(tool),
        lambda: mouse(canvas, MOVE, (30, 30)),  # its release got lost
        lambda: QTest.keyClick(canvas, Qt.Key.Key_Escape),
        canvas.release_document,
    )
    for end in ends:
        heard.clear()
        mouse(canvas, PRESS, (20, 20), LEFT, LEFT)
        assert heard == ["began"]
        end()
        assert heard == ["began", "ended"]
        assert not canvas.painting
        mouse(canvas, RELEASE, (20, 20), LEFT)
        assert heard == ["began", "ended"]


def test_a_lost_release_happens_where_the_pointer_was(canvas: Canvas, scene: Scene) -> None:
    canvas.set_tool(make_tools(Kit(Palette(value=1, size=1)))["brush"])
    mouse(canvas, PRESS, (20, 20), LEFT, LEFT)
    mouse(canvas, MOVE, (40, 20), NONE, LEFT)
    mouse(canvas, MOVE, (200, 180))
    rows, columns = np.nonzero(scene.document.annotation == 1)
    assert (int(columns.max()), int(rows.max())) == (20, 10)


def test_the_right_button_is_reverse_from_press_to_release(canvas: Canvas, tool: Recorder) -> None:
    mouse(canvas, PRESS, (20, 20), RIGHT, RIGHT)
    mouse(canvas, RELEASE, (20, 20), RIGHT)
    mouse(canvas, PRESS, (20, 20), LEFT, LEFT)
    mouse(canvas, RELEASE, (20, 20), LEFT)
    assert tool.told == ["press reverse", "release reverse", "press", "release"]


def test_a_double_click_asks_the_tool_first_and_is_a_press_otherwise(canvas: Canvas, tool: Recorder) -> None:
    mouse(canvas, PRESS, (20, 20), LEFT, LEFT)
    mouse(canvas, RELEASE, (20, 20), LEFT)
    mouse(canvas, TWICE, (20, 20), LEFT, LEFT)
    mouse(canvas, RELEASE, (20, 20), LEFT)
    assert tool.told == ["press", "release", "confirm"]
    tool.told.clear()
    mouse(canvas, TWICE, (20, 20), LEFT, LEFT)
    mouse(canvas, RELEASE, (20, 20), LEFT)
    assert tool.told == ["confirm", "press", "release"]


def test_keys_of_an_open_shape_come_before_shortcuts(canvas: Canvas, tool: Recorder) -> None:
    def taken(key: Qt.Key, modifiers: Qt.KeyboardModifier = PLAIN) -> bool:
        event = QKeyEvent(QEvent.Type.ShortcutOverride, key, modifiers)
        event.ignore()
        QApplication.sendEvent(canvas, event)
        return event.isAccepted()

    assert not tool.active
    assert not taken(Qt.Key.Key_Return)
    mouse(canvas, PRESS, (20, 20), LEFT, LEFT)
    mouse(canvas, RELEASE, (20, 20), LEFT)
    assert taken(Qt.Key.Key_Return)
    assert taken(Qt.Key.Key_Backspace)
    assert not taken(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert not taken(Qt.Key.Key_B)


def test_the_pointer_stays_where_it_is_when_the_image_moves(canvas: Canvas, tool: Recorder) -> None:
    pixels: list[tuple[int, int] | None] = []
    canvas.hovered.connect(pixels.append)
    mouse(canvas, MOVE, (40, 60))
    canvas.set_view(View(4.0, 0.0, 0.0))
    assert canvas.pointer_pixel() == (10, 15)
    assert pixels == [(20, 30), (10, 15)]
    assert tool.hovered is not None
    assert tool.hovered.pixel == (10, 15)
    QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
    assert canvas.pointer_pixel() is None
    assert pixels[-1] is None
    assert tool.hovered is None


@pytest.mark.parametrize("name", ["brush", "pan"])
def test_a_pen_paints_but_leaves_moving_the_image_to_the_mouse(canvas: Canvas, name: ToolName) -> None:
    canvas.set_tool(make_tools(Kit(Palette(value=1)))[name])
    where = QPointF(20, 20)
    event = QTabletEvent(
        QEvent.Type.TabletPress, PEN, where, canvas.mapToGlobal(where), 0.5, 0, 0, 0, 0, 0, PLAIN, LEFT, LEFT
    )
    QApplication.sendEvent(canvas, event)
    assert event.isAccepted() == (name == "brush")
    assert canvas.painting == (name == "brush")


def test_nothing_happens_without_an_image(canvas: Canvas, tool: Recorder, heard: list[str]) -> None:
    canvas.release_document()
    tool.told.clear()
    mouse(canvas, PRESS, (20, 20), LEFT, LEFT)
    mouse(canvas, MOVE, (30, 20), NONE, LEFT)
    mouse(canvas, TWICE, (30, 20), LEFT, LEFT)
    mouse(canvas, RELEASE, (30, 20), LEFT)
    QApplication.sendEvent(canvas, wheel(canvas, (9, 9), QPoint(0, 120), PLAIN))
    assert canvas.pointer_pixel() is None
    assert heard == []
    assert not {"press", "move", "release"} & set(tool.told)


def test_a_held_key_does_not_stay_held_when_the_keyboard_goes_elsewhere(canvas: Canvas, tool: Recorder) -> None:
    peeks: list[bool] = []
    canvas.peeked.connect(peeks.append)
    canvas.set_held_keys(pan=[Qt.Key.Key_Y], peek=[Qt.Key.Key_J])
    QTest.keyPress(canvas, Qt.Key.Key_Y)
    QTest.keyPress(canvas, Qt.Key.Key_J)
    assert canvas.cursor().shape() is Qt.CursorShape.OpenHandCursor
    assert peeks == [True]
    QApplication.sendEvent(canvas, QFocusEvent(QEvent.Type.FocusOut))
    assert peeks == [True, False]
    mouse(canvas, PRESS, (20, 20), LEFT, LEFT)
    assert tool.told[-1] == "press"
