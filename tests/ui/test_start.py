"""The start screen."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel
from pytestqt.qtbot import QtBot

from segstudio.ui.start import NO_RECENT, RecentProject, StartScreen
from segstudio.ui.theme import Tokens


class Heard:
    def __init__(self, start: StartScreen) -> None:
        self.said: list[tuple[str, object]] = []
        start.new_requested.connect(lambda path: self.said.append(("new", path)))
        start.open_requested.connect(lambda path: self.said.append(("open", path)))
        start.demo_requested.connect(lambda: self.said.append(("demo", None)))
        start.forget_requested.connect(lambda path: self.said.append(("forget", path)))
        start.refused.connect(lambda line: self.said.append(("refused", line)))


@pytest.fixture
def start(qtbot: QtBot, tokens: Tokens) -> StartScreen:
    made = StartScreen(tokens)
    qtbot.addWidget(made)
    made.resize(1000, 700)
    with qtbot.waitExposed(made):
        made.show()
    return made


def press(start: StartScreen, name: str) -> None:
    button = next(b for b in start.findChildren(QAbstractButton) if b.accessibleName() == name)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def words(start: StartScreen) -> str:
    return "\n".join(label.text() for label in start.findChildren(QLabel) if not label.isHidden())


def drop(start: StartScreen, path: Path) -> bool:
    """Drop a file or folder as a person would; whether the screen took it."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    where, copy = QPointF(500, 300), Qt.DropAction.CopyAction
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(where.toPoint(), copy, data, left, none)
    enter.setAccepted(False)
    QApplication.sendEvent(start, enter)
    if not enter.isAccepted():
        return False
    QApplication.sendEvent(start, QDropEvent(where, copy, data, left, none))
    return True


def test_the_three_beginnings(start: StartScreen) -> None:
    heard = Heard(start)
    for name in ("New project", "Open project", "Try the demo"):
        press(start, name)
    assert heard.said == [("new", None), ("open", None), ("demo", None)]


def test_recent_projects(start: StartScreen) -> None:
    heard = Heard(start)
    assert NO_RECENT in words(start)
    now = datetime.now()
    start.set_recent(
        [
            RecentProject(Path("/data/nuclei"), now),
            RecentProject(Path("/data/street"), now - timedelta(days=1)),
            RecentProject(Path("/usb/gone"), datetime(2020, 3, 9), missing=True),
        ]
    )
    assert NO_RECENT not in words(start)
    assert "yesterday" in words(start)
    assert "not there any more" in words(start)
    for name in ("street", "gone"):
        press(start, name)
    assert heard.said == [("open", Path("/data/street"))]
    start.set_recent([])
    assert NO_RECENT in words(start)


def test_drop(start: StartScreen, tmp_path: Path) -> None:
    heard = Heard(start)
    images, project = tmp_path / "images", tmp_path / "project"
    images.mkdir()
    project.mkdir()
    (images / "a.png").touch()
    (project / "project.sqlite").touch()
    assert drop(start, images)
    assert drop(start, images / "a.png")
    assert drop(start, project)
    assert drop(start, project / "project.sqlite")
    assert heard.said == [("new", images), ("new", images), ("open", project), ("open", project)]


def test_what_is_of_no_use_is_told(start: StartScreen, tmp_path: Path) -> None:
    heard = Heard(start)
    (tmp_path / "notes.txt").touch()
    assert drop(start, tmp_path / "notes.txt")
    assert drop(start, tmp_path / "nowhere")
    assert [kind for kind, _ in heard.said] == ["refused", "refused"]
    assert str(heard.said[0][1]).startswith("notes.txt is no image")
    assert heard.said[1][1] == "nowhere is not there any more"
