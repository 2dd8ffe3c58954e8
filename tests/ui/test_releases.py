"""A key that goes up and down again at once was never let go."""

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from pytestqt.qtbot import QtBot

from segstudio.ui.releases import REPEAT_MS, Releases

PLAIN, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


def event(key: Qt.Key, modifiers: Qt.KeyboardModifier = PLAIN) -> QKeyEvent:
    return QKeyEvent(QEvent.Type.KeyPress, key, modifiers)


@pytest.fixture
def releases(qapp: object) -> Releases:
    assert qapp is not None
    return Releases()


def test_a_release_counts_when_nothing_follows(releases: Releases, qtbot: QtBot) -> None:
    done: list[str] = []
    releases.went_up(event(Qt.Key.Key_E), lambda: done.append("E"))
    assert done == []
    qtbot.waitUntil(lambda: done == ["E"])
    assert not releases.waiting
    assert not releases.came_down(event(Qt.Key.Key_E))


def test_a_press_at_once_takes_the_release_back(releases: Releases, qtbot: QtBot) -> None:
    done: list[str] = []
    releases.went_up(event(Qt.Key.Key_E), lambda: done.append("E"))
    assert releases.came_down(event(Qt.Key.Key_E))
    qtbot.wait(2 * REPEAT_MS)
    assert done == []


@pytest.mark.parametrize("other", [(Qt.Key.Key_W, PLAIN), (Qt.Key.Key_E, SHIFT)])
def test_another_press_takes_nothing_back(
    releases: Releases, qtbot: QtBot, other: tuple[Qt.Key, Qt.KeyboardModifier]
) -> None:
    done: list[str] = []
    releases.went_up(event(Qt.Key.Key_E), lambda: done.append("E"))
    assert not releases.came_down(event(*other))
    qtbot.waitUntil(lambda: done == ["E"])


def test_what_waits_can_be_settled(releases: Releases) -> None:
    done: list[str] = []
    for key in (Qt.Key.Key_E, Qt.Key.Key_W):
        releases.went_up(event(key), lambda key=key: done.append(key.name))  # type: ignore[misc]
    releases.went_up(event(Qt.Key.Key_E), lambda: done.append("told again"))
    releases.settle()
    assert done == ["Key_E", "Key_W"]
    assert not releases.waiting
