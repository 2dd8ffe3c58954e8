"""Edits that take long, in the real window: what is said, undo and Esc, other images, closing; nothing is lost."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt

from segstudio.core import document as documents
from segstudio.core import layerwork
from segstudio.core.arrays import Bool
from segstudio.core.classes import VOID
from segstudio.core.geometry import Rect
from segstudio.core.morphology import cropped
from segstudio.storage.masks import read_mask
from segstudio.storage.project import Project
from segstudio.ui import app

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver

SHIFT = Qt.KeyboardModifier.ShiftModifier


class Slow:
    """Filling void takes until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, rect: Rect, where: Bool) -> tuple[Rect, Bool]:
        self.begun.set()
        assert self.let_go.wait(20)
        return cropped(rect, where)

    def soon(self) -> None:
        """Let it go in a moment, when somebody is waiting for it."""
        threading.Timer(0.1, self.let_go.set).start()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    made = Slow()
    monkeypatch.setattr(documents, "_MOST_AT_ONCE", -1)
    monkeypatch.setattr(layerwork, "cropped", made)
    yield made
    made.let_go.set()


def begin(painter: "Driver", slow: Slow) -> None:
    painter.key(Qt.Key.Key_G, SHIFT)
    assert slow.begun.wait(5)
    assert painter.document.gesture is not None


def test_what_takes_long_is_said_and_what_became_of_it(painter: "Driver", slow: Slow) -> None:
    begin(painter, slow)
    assert "Esc" not in painter.status
    painter.until(lambda: "Fill void with nucleus … · Esc drops it" in painter.status, 3)
    assert painter.window.actions_["undo"].isEnabled()
    painter.key(Qt.Key.Key_H)
    painter.wheel((50, 50), 1)
    slow.let_go.set()
    painter.until(lambda: painter.document.gesture is None)
    assert "Filled 10,752 px of void with nucleus" in painter.status
    assert (painter.labels == 1).all()
    assert painter.steps == 1


def test_what_failed_is_not_said_to_be_done(painter: "Driver", slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painter.studio.guard, "_show", lambda _report, _saved: None)

    def fail(rect: Rect, where: Bool) -> tuple[Rect, Bool]:
        slow(rect, where)
        raise ZeroDivisionError

    monkeypatch.setattr(layerwork, "cropped", fail)
    begin(painter, slow)
    painter.until(lambda: "Esc drops it" in painter.status, 3)
    slow.let_go.set()
    painter.until(lambda: painter.document.gesture is None)
    assert "Done" not in painter.status
    assert "Failed" in painter.status
    assert (painter.labels == VOID).all()


@pytest.mark.parametrize("how", ["Esc", "undo"])
def test_esc_and_undo_drop_it(painter: "Driver", slow: Slow, how: str) -> None:
    begin(painter, slow)
    slow.soon()
    if how == "Esc":
        painter.key(Qt.Key.Key_Escape)
    else:
        painter.undo()
    assert painter.document.gesture is None
    assert (painter.labels == VOID).all()
    assert painter.steps == 0
    assert "Dropped: fill void with nucleus" in painter.status
    assert not painter.window.actions_["redo"].isEnabled()


def test_a_stroke_waits_for_it(painter: "Driver", slow: Slow) -> None:
    begin(painter, slow)
    slow.soon()
    painter.key(Qt.Key.Key_3)
    painter.stroke((20, 20), (40, 20))
    assert [patch.label for patch in painter.document.history.done] == ["Fill void with nucleus", "Brush"]
    assert set(np.unique(painter.labels).tolist()) == {1, 2}


def test_another_image_comes_when_it_is_over(painter: "Driver", slow: Slow, tmp_path: Path) -> None:
    begin(painter, slow)
    painter.key(Qt.Key.Key_D)
    painter.until(lambda: painter.desk.session._arrived is not None)
    assert painter.desk.session.key == "cell 0"
    slow.let_go.set()
    painter.until(lambda: painter.desk.session.key == "cell 1")
    painter.window.close_project()
    with Project.open(tmp_path / "project") as project:
        assert (project.annotation("cell 0") == 1).all()
        assert (project.annotation("cell 1") == VOID).all()


def test_closing_waits_and_saves_it(painter: "Driver", slow: Slow, tmp_path: Path) -> None:
    begin(painter, slow)
    slow.soon()
    painter.window.close_project()
    with Project.open(tmp_path / "project") as project:
        assert (project.annotation("cell 0") == 1).all()


def test_closing_drops_the_image_that_waited(painter: "Driver", slow: Slow) -> None:
    begin(painter, slow)
    painter.key(Qt.Key.Key_D)
    session = painter.desk.session
    painter.until(lambda: session._arrived is not None)
    slow.soon()
    painter.window.close_project()
    painter.qtbot.wait(50)  # what was put off comes now
    assert painter.canvas.document is None, "the image of a closed project is in the hand"


def test_a_signal_to_end_while_somebody_waits_loses_nothing(painter: "Driver", slow: Slow, tmp_path: Path) -> None:
    kept = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    app._close_on_signals(painter.window)
    try:
        begin(painter, slow)
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
        threading.Timer(0.3, slow.let_go.set).start()
        painter.stroke((20, 20), (40, 20))  # waits for it
        painter.until(lambda: painter.window.desk is None, 5)
    finally:
        for number, handler in kept:
            signal.signal(number, handler)
    with Project.open(tmp_path / "project") as project:
        assert (project.annotation("cell 0") == 1).all()


def test_masks_that_are_exported_have_it(painter: "Driver", slow: Slow, tmp_path: Path) -> None:
    painter.stroke((20, 20), (40, 20))
    begin(painter, slow)
    slow.soon()
    painter.window._exchange.export_masks(painter.desk, tmp_path)
    painter.until(lambda: "Wrote" in painter.status)
    assert (read_mask(tmp_path / "cell 0.png") == 1).all()


def test_masks_on_disk_never_hold_half_of_it(painter: "Driver", slow: Slow, tmp_path: Path) -> None:
    painter.stroke((20, 20), (40, 20))
    before = painter.labels
    begin(painter, slow)
    painter.document.annotation[50:60] = 2  # as if it had come so far
    painter.desk.session._saver.flush(checkpoint=True)
    with Project.open(tmp_path / "project") as project:
        assert np.array_equal(project.annotation("cell 0"), before)
    slow.let_go.set()
    painter.until(lambda: painter.document.gesture is None)
