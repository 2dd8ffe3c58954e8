"""Edits done away in a real canvas: the hand goes on meanwhile, Esc drops them, and the thread changes no result."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from segstudio.core import document as documents
from segstudio.core.background import Background, Immediately
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.gesture import Gesture
from segstudio.core.layerwork import fill_void
from segstudio.core.picture import Picture
from segstudio.core.pyramid import Pyramid
from segstudio.core.scene import Scene
from segstudio.core.tools.base import Kit, Palette, Tool, ToolName
from segstudio.core.tools.catalogue import make_tools
from segstudio.core.view import View
from segstudio.errors import UsageError
from segstudio.ui.background import Worker
from segstudio.ui.canvas.canvas import Canvas
from tests.core.playing import TOOLS, Act, Play

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
PLAIN = Qt.KeyboardModifier.NoModifier
PATH = ((0.35, 0.225), (0.8, 0.3), (0.85, 0.85))


@pytest.fixture
def worker(qapp: QApplication) -> Iterator[Worker]:
    assert qapp is not None
    made = Worker()
    yield made
    assert made.close()


@pytest.fixture
def document() -> Document:
    pixels = np.full((400, 600), 90, np.uint8)
    return Document(np.full((400, 600), VOID, np.uint8), ClassTable.of(["a", "b", "c"]), picture=Picture(pixels))


@pytest.fixture
def canvas(qtbot: QtBot, document: Document) -> Canvas:
    made = Canvas(Palette(value=1, size=5))
    qtbot.addWidget(made)
    made.resize(600, 400)
    made.show()
    made.show_scene(Scene(document, Pyramid(np.full((400, 600), 90, np.uint8))), View(1.0, 0.0, 0.0))
    return made


@pytest.fixture
def tools(canvas: Canvas, worker: Worker) -> dict[ToolName, Tool]:
    return make_tools(Kit(canvas._palette, worker))


class Gate:
    """Work that fills a column after the other until it is let go; the first ones are there when it has begun."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.thread = 0

    def __call__(self, gesture: Gesture) -> None:
        self.thread = threading.get_ident()
        column = 0
        while not self.let_go.wait(0.001):
            gesture.fill(Rect(column % 600, 0, column % 600 + 1, 400), np.ones((400, 1), np.bool_), 1)
            column += 1
            if column == 5:
                self.begun.set()

    def start(self, document: Document, background: Background, label: str = "Long") -> Gesture:
        gesture = document.begin(label)
        gesture.work(background, self)
        assert self.begun.wait(5)
        return gesture


def mouse(canvas: Canvas, kind: QEvent.Type, at: tuple[float, float], button: Qt.MouseButton = NONE) -> None:
    where, held = QPointF(*at), LEFT if kind != QEvent.Type.MouseButtonRelease else NONE
    held = NONE if button == NONE else held
    QApplication.sendEvent(canvas, QMouseEvent(kind, where, canvas.mapToGlobal(where), button, held, PLAIN))


def click(canvas: Canvas, at: tuple[float, float]) -> None:
    mouse(canvas, QEvent.Type.MouseMove, at)
    mouse(canvas, QEvent.Type.MouseButtonPress, at, LEFT)
    mouse(canvas, QEvent.Type.MouseButtonRelease, at, LEFT)


def test_only_this_thread_is_told(worker: Worker, document: Document, qtbot: QtBot) -> None:
    told: list[int] = []
    gate = Gate()
    document.on_change.append(lambda _rect: told.append(threading.get_ident()))
    document.on_commit.append(lambda _entry: told.append(threading.get_ident()))
    document.on_away.append(lambda _gesture: told.append(threading.get_ident()))
    gate.start(document, worker)
    gate.let_go.set()
    qtbot.waitUntil(lambda: document.gesture is None)
    assert set(told) == {threading.get_ident()}
    assert gate.thread not in (0, threading.get_ident())
    assert (document.annotation[:, :5] == 1).all()


def test_dropping_it_stops_the_work_and_puts_all_back(worker: Worker, document: Document) -> None:
    gate = Gate()
    gate.start(document, worker)
    assert document.undo() is None
    assert (document.annotation == VOID).all()
    assert not worker.busy
    assert not document.history.done


@pytest.mark.parametrize("error", [UsageError("impossible"), ZeroDivisionError("unforeseen")])
def test_what_fails_is_told_by_the_worker(worker: Worker, document: Document, qtbot: QtBot, error: Exception) -> None:
    lines: list[str] = []
    worker.failed.connect(lines.append)
    worker.crashed.connect(lines.append)

    def write(gesture: Gesture) -> None:
        gesture.fill(Rect(0, 0, 9, 9), np.ones((9, 9), np.bool_), 1)
        raise error

    document.begin("Fails").work(worker, write)
    qtbot.waitUntil(lambda: bool(lines))
    assert len(lines) == 1
    assert str(error) in lines[0]
    assert (document.annotation == VOID).all()
    assert document.gesture is None


@pytest.mark.parametrize("name", TOOLS)
def test_a_thread_changes_no_result(worker: Worker, name: ToolName, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gestures in a row without waiting in between, each on what the ones before it left."""
    rectangle = [Act("take", what="rectangle"), Act("press", (0.1, 0.1)), Act("release", (0.9, 0.6))]
    drag = [Act("press", PATH[0]), *[Act("move", at) for at in PATH[1:]], Act("release", PATH[-1])]
    clicks = [Act(kind, at) for at in PATH for kind in ("press", "release")]
    acts = [*rectangle, Act("take", what=name), *(clicks if name in ("polygon", "scissors") else drag), Act("confirm")]
    acts = [*acts, Act("option", what=("value", 2)), Act("take", what="fill"), Act("press", PATH[0]), *acts]
    results = []
    for background, quick in ((Immediately(), 2**20), (worker, -1)):
        monkeypatch.setattr(documents, "_MOST_AT_ONCE", quick)
        play = Play("small", background)
        for act in [*acts, Act("finish")]:
            play.do(act)
        play.document.finish()
        results.append(([patch.label for patch in play.document.history.done], play.document.annotation.tobytes()))
    assert results[0] == results[1]


def test_the_hand_goes_on_meanwhile(
    worker: Worker, canvas: Canvas, document: Document, tools: dict[ToolName, Tool]
) -> None:
    gate = Gate()
    canvas.set_tool(tools["fill"])
    mouse(canvas, QEvent.Type.MouseMove, (300, 200))
    gesture = gate.start(document, worker)
    assert canvas.occupied
    canvas.zoom_by(2.0)
    canvas.pan_by(10, 10)
    names: tuple[ToolName, ...] = ("region", "wand", "lasso", "pan", "pick", "measure")
    for name in names:
        canvas.set_tool(tools[name])
        mouse(canvas, QEvent.Type.MouseMove, (310, 210))
    canvas.set_tool(tools["lasso"])
    mouse(canvas, QEvent.Type.MouseButtonPress, (10, 10), LEFT)
    mouse(canvas, QEvent.Type.MouseMove, (90, 10), LEFT)
    assert document.gesture is gesture, "somebody has waited for it"
    gate.let_go.set()
    mouse(canvas, QEvent.Type.MouseMove, (90, 90), LEFT)
    mouse(canvas, QEvent.Type.MouseButtonRelease, (90, 90), LEFT)
    assert [patch.label for patch in document.history.done] == ["Long", "Lasso"]
    assert not canvas.occupied


def escape(canvas: Canvas) -> bool:
    """Press Esc; whether the canvas wants it before any menu."""
    asked = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Escape, PLAIN)
    asked.ignore()
    QApplication.sendEvent(canvas, asked)
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    return asked.isAccepted()


def test_esc_drops_it_once_and_then_what_the_tool_does(
    worker: Worker, canvas: Canvas, document: Document, tools: dict[ToolName, Tool]
) -> None:
    canvas.set_tool(tools["lasso"])
    gate = Gate()
    gate.start(document, worker)
    mouse(canvas, QEvent.Type.MouseButtonPress, (10, 10), LEFT)
    mouse(canvas, QEvent.Type.MouseMove, (90, 10), LEFT)
    assert escape(canvas)
    assert document.gesture is None
    assert (document.annotation == VOID).all()
    assert canvas.occupied, "the line that is being drawn was dropped with it"
    assert escape(canvas)
    assert not canvas.painting
    assert not escape(canvas)


def test_what_was_shown_stays_until_it_is_over(
    canvas: Canvas,
    document: Document,
    tools: dict[ToolName, Tool],
    worker: Worker,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, "_MOST_AT_ONCE", -1)
    canvas.set_tool(tools["rectangle"])
    gate = threading.Event()
    worker.run(lambda _stop: gate.wait(5), lambda _answer: None)  # the rectangle is not begun before
    mouse(canvas, QEvent.Type.MouseButtonPress, (10, 10), LEFT)
    mouse(canvas, QEvent.Type.MouseMove, (300, 200), LEFT)
    mouse(canvas, QEvent.Type.MouseButtonRelease, (300, 200), LEFT)
    assert tools["rectangle"].preview is None
    shown = canvas._overlay._preview
    assert shown is not None
    assert shown.busy
    assert len(shown.rings) == 1
    gate.set()
    qtbot.waitUntil(lambda: document.gesture is None)
    assert canvas._overlay._preview is None
    assert document.annotation[100, 100] == 1


def test_a_preview_is_of_the_labels_that_are_left(
    canvas: Canvas, document: Document, tools: dict[ToolName, Tool], worker: Worker, qtbot: QtBot
) -> None:
    """Half of an edit was there when the pointer came; it was dropped, and the history is what it was."""
    canvas.set_tool(tools["fill"])
    gate = Gate()
    gate.start(document, worker)
    mouse(canvas, QEvent.Type.MouseMove, (300, 200))
    canvas.cancel_stroke()
    qtbot.waitUntil(lambda: _mask_of(tools["fill"]) == 600 * 400)


def test_a_preview_whose_turn_came_meanwhile_is_of_the_labels_that_are_left(
    canvas: Canvas, document: Document, tools: dict[ToolName, Tool], worker: Worker, qtbot: QtBot
) -> None:
    canvas.set_tool(tools["fill"])
    first = threading.Event()
    worker.run(lambda _stop: first.wait(5), lambda _answer: None)
    for x in (300, 301):  # the second question waits for the answer to the first
        mouse(canvas, QEvent.Type.MouseMove, (x, 200))
    gate = Gate()
    document.begin("Long").work(worker, gate)
    first.set()
    assert gate.begun.wait(5)
    qtbot.wait(50)  # the first answer comes
    canvas.cancel_stroke()
    qtbot.waitUntil(lambda: not worker.busy)
    assert _mask_of(tools["fill"]) == 600 * 400


def _mask_of(tool: Tool) -> int:
    preview = tool.preview
    return 0 if preview is None or preview.mask is None else int(preview.mask[1].sum())


def test_a_press_that_reads_labels_waits_for_them(
    canvas: Canvas, document: Document, tools: dict[ToolName, Tool], worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_MOST_AT_ONCE", -1)
    fill_void(document, 0, background=worker)
    canvas.set_tool(tools["fill"])
    click(canvas, (5, 5))
    fill_void(document, 2, background=worker)
    click(canvas, (5, 5))
    document.finish()
    assert [patch.label for patch in document.history.done] == ["Fill void with a", "Fill"]
    assert (document.annotation == 1).all()


def test_letting_the_image_go_does_not_stop_it(canvas: Canvas, document: Document, worker: Worker) -> None:
    gate = Gate()
    gate.start(document, worker)
    canvas.release_document()
    gate.let_go.set()
    document.finish()
    assert [patch.label for patch in document.history.done] == ["Long"]
