"""Springs: real keys on a real window."""

from collections.abc import Iterator
from functools import partial

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from segstudio.core.tools.base import ToolName
from segstudio.ui.releases import REPEAT_MS, Releases
from segstudio.ui.springs import Springs

KEYS: dict[ToolName, str] = {"brush": "B", "eraser": "E", "wand": "W"}


class Counting(Springs):
    """Counts the events that pass through its hands."""

    seen = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.seen += 1
        return super().eventFilter(watched, event)


class Bench:
    """A window with three tools and a clock that is set by hand."""

    def __init__(self, qtbot: QtBot) -> None:
        self.qtbot = qtbot
        self.window = QMainWindow()
        self.canvas = QWidget()
        self.canvas.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.window.setCentralWidget(self.canvas)
        self.now = 0.0
        self.tool: ToolName = "brush"
        self.taken = 0
        self.actions: dict[ToolName, QAction] = {}
        for tool, keys in KEYS.items():
            action = QAction(tool, self.window)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(partial(self.choose, tool))
            self.window.addAction(action)
            self.actions[tool] = action
        self.springs = Counting(self.actions, self.window, lambda: self.now)
        self.springs.back.connect(self.choose)

    def choose(self, tool: ToolName, _checked: bool = False) -> None:
        previous, self.tool = self.tool, tool
        self.taken += 1
        self.springs.took(tool, previous)

    def in_hand(self) -> ToolName:
        return self.tool

    def down(self, key: Qt.Key, at: float) -> None:
        self.now = at
        QTest.keyPress(self.canvas, key)

    def up(self, key: Qt.Key, at: float, over: QWidget | None = None) -> None:
        self.now = at
        QTest.keyRelease(over or self.canvas, key)
        waiting = self.springs.findChildren(Releases)[0]
        self.qtbot.waitUntil(lambda: not waiting.waiting)

    def repeat(self, key: Qt.Key, at: float) -> None:
        """A key goes up and down again, unmarked, as some X servers say that it repeats."""
        self.now = at
        QTest.keyRelease(self.canvas, key)
        QTest.keyPress(self.canvas, key)


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    made = Bench(qtbot)
    qtbot.addWidget(made.window)
    with qtbot.waitActive(made.window):
        made.window.show()
        made.window.activateWindow()
    made.canvas.setFocus()
    yield made
    made.springs.close()


def test_holding_a_key_borrows_the_tool(bench: Bench) -> None:
    bench.down(Qt.Key.Key_E, 0)
    assert bench.in_hand() == "eraser"
    bench.up(Qt.Key.Key_E, 1)
    assert bench.in_hand() == "brush"


def test_a_tap_takes_the_tool(bench: Bench) -> None:
    bench.down(Qt.Key.Key_E, 0)
    bench.up(Qt.Key.Key_E, 0.1)
    assert bench.in_hand() == "eraser"


def test_a_short_hold_that_was_used_gives_back_when_the_gesture_is_over(bench: Bench) -> None:
    bench.down(Qt.Key.Key_W, 0)
    bench.springs.used()
    bench.up(Qt.Key.Key_W, 0.1)
    assert bench.in_hand() == "wand"
    bench.springs.ended()
    assert bench.in_hand() == "brush"


def test_automatic_repeats_are_ignored(bench: Bench) -> None:
    bench.down(Qt.Key.Key_E, 0)
    for tick in range(1, 4):
        bench.now = tick / 5
        repeat = QKeyEvent(QEvent.Type.KeyRelease, Qt.Key.Key_E, Qt.KeyboardModifier.NoModifier, "e", True, 1)
        QCoreApplication.sendEvent(bench.canvas, repeat)
        QTest.keyPress(bench.canvas, Qt.Key.Key_E)
        assert bench.in_hand() == "eraser"
    bench.up(Qt.Key.Key_E, 1)
    assert bench.in_hand() == "brush"


def test_repeats_that_are_not_marked_are_ignored_too(bench: Bench, qtbot: QtBot) -> None:
    bench.down(Qt.Key.Key_E, 0)
    chosen = bench.taken
    for tick in range(1, 6):
        bench.repeat(Qt.Key.Key_E, tick / 5)
        qtbot.wait(2 * REPEAT_MS)  # longer than a release is held back: it must have been cancelled
        assert bench.in_hand() == "eraser"
    assert bench.taken == chosen
    bench.up(Qt.Key.Key_E, 1.1)
    assert bench.in_hand() == "brush"


def test_a_tool_chosen_with_the_mouse_stays_while_the_key_goes_on_repeating_unmarked(bench: Bench) -> None:
    bench.down(Qt.Key.Key_E, 0)
    bench.repeat(Qt.Key.Key_E, 0.4)
    bench.actions["wand"].trigger()
    for tick in range(5, 8):
        bench.repeat(Qt.Key.Key_E, tick / 10)
    assert bench.in_hand() == "wand"
    bench.up(Qt.Key.Key_E, 1)
    assert bench.in_hand() == "wand"
    bench.down(Qt.Key.Key_E, 2)
    assert bench.in_hand() == "eraser"  # pressed anew, it counts again
    bench.up(Qt.Key.Key_E, 3)
    assert bench.in_hand() == "wand"


def test_a_tap_stays_a_tap_when_a_gesture_follows_at_once(bench: Bench) -> None:
    bench.down(Qt.Key.Key_E, 0)
    bench.now = 0.1
    QTest.keyRelease(bench.canvas, Qt.Key.Key_E)
    bench.now = 0.11
    bench.springs.used()
    bench.up(Qt.Key.Key_E, 0.12)
    bench.springs.ended()
    assert bench.in_hand() == "eraser"


def test_a_release_told_again_by_the_widgets_around_counts_once(bench: Bench) -> None:
    bench.down(Qt.Key.Key_E, 0)
    bench.now = 0.1
    QTest.keyRelease(bench.canvas, Qt.Key.Key_E)
    bench.up(Qt.Key.Key_E, 1)
    assert bench.in_hand() == "eraser"  # let go after a tenth of a second, whatever came later


def test_a_tool_chosen_with_the_mouse_stays(bench: Bench) -> None:
    bench.down(Qt.Key.Key_E, 0)
    bench.actions["wand"].trigger()
    bench.up(Qt.Key.Key_E, 1)
    assert bench.in_hand() == "wand"


def test_two_tools_borrowed_at_once_come_back_one_after_the_other(bench: Bench) -> None:
    bench.down(Qt.Key.Key_E, 0)
    bench.down(Qt.Key.Key_W, 1)
    bench.up(Qt.Key.Key_W, 2)
    assert bench.in_hand() == "eraser"
    bench.up(Qt.Key.Key_E, 3)
    assert bench.in_hand() == "brush"


def test_a_window_that_loses_the_keyboard_gives_the_tool_back(bench: Bench) -> None:
    bench.down(Qt.Key.Key_E, 0)
    QCoreApplication.sendEvent(bench.window, QEvent(QEvent.Type.WindowDeactivate))
    assert bench.in_hand() == "brush"


def test_the_key_may_go_up_over_another_widget(bench: Bench, qtbot: QtBot) -> None:
    line = QLineEdit(bench.canvas)
    line.show()
    qtbot.waitUntil(line.isVisible)
    bench.down(Qt.Key.Key_E, 0)
    line.setFocus()
    bench.up(Qt.Key.Key_E, 1, line)
    assert bench.in_hand() == "brush"


def test_a_changed_shortcut_lends_as_well(bench: Bench) -> None:
    bench.actions["eraser"].setShortcut(QKeySequence("Shift+K"))
    bench.now = 0
    QTest.keyPress(bench.canvas, Qt.Key.Key_K, Qt.KeyboardModifier.ShiftModifier)
    assert bench.in_hand() == "eraser"
    bench.up(Qt.Key.Key_K, 1)
    assert bench.in_hand() == "brush"


@pytest.mark.parametrize(
    ("shortcut", "shifted", "plain"),
    [("?", Qt.Key.Key_Question, Qt.Key.Key_Slash), ("Shift+8", Qt.Key.Key_Asterisk, Qt.Key.Key_8)],
)
@pytest.mark.parametrize("shift_first", [True, False])
def test_a_symbol_goes_up_by_the_name_it_has_then(
    bench: Bench, shortcut: str, shifted: Qt.Key, plain: Qt.Key, shift_first: bool
) -> None:
    bench.actions["eraser"].setShortcut(QKeySequence(shortcut))
    bench.down(Qt.Key.Key_Shift, 0)
    first = QKeySequence(shortcut)[0]  # type: ignore[index]
    QTest.keyPress(bench.canvas, first.key(), first.keyboardModifiers())
    assert bench.in_hand() == "eraser"
    for key in (Qt.Key.Key_Shift, plain) if shift_first else (shifted, Qt.Key.Key_Shift):
        bench.up(key, 1)
    assert bench.in_hand() == "brush"


def test_another_symbol_pressed_and_let_go_meanwhile_ends_no_loan(bench: Bench) -> None:
    bench.actions["eraser"].setShortcut(QKeySequence("?"))
    bench.down(Qt.Key.Key_Question, 0)
    bench.down(Qt.Key.Key_Comma, 1)
    bench.up(Qt.Key.Key_Comma, 2)
    bench.down(Qt.Key.Key_Space, 2)
    bench.up(Qt.Key.Key_Space, 2)
    assert bench.in_hand() == "eraser"
    bench.up(Qt.Key.Key_Slash, 3)
    assert bench.in_hand() == "brush"


def test_nothing_is_watched_while_no_key_is_held(bench: Bench) -> None:
    bench.down(Qt.Key.Key_E, 0)
    seen = bench.springs.seen
    QCoreApplication.sendEvent(bench.canvas, QEvent(QEvent.Type.User))
    assert bench.springs.seen == seen + 1
    bench.up(Qt.Key.Key_E, 1)
    seen = bench.springs.seen
    QCoreApplication.sendEvent(bench.canvas, QEvent(QEvent.Type.User))
    assert bench.springs.seen == seen
