"""Cyclic garbage: what another thread allocates never destroys what belongs to the GUI's."""

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from segstudio.learn import warming
from segstudio.storage.preferences import Preferences
from segstudio.ui.app import build
from segstudio.ui.collecting import Collector


class Knot(QObject):
    """An object that holds itself."""

    def __init__(self) -> None:
        super().__init__()
        self.itself = self


@pytest.fixture
def collector(qapp: QApplication) -> Iterator[Collector]:  # noqa: ARG001 - timers need an application
    gc.enable()
    one = Collector(lambda: False)
    yield one
    one.deleteLater()


def dropped_knot(died_on: list[int]) -> None:
    weakref.finalize(Knot(), lambda: died_on.append(threading.get_ident()))


def allocate() -> None:
    """What makes Python collect, many times over."""
    kept = [[number] for number in range(200_000)]
    del kept


def on_a_thread(work: object) -> None:
    thread = threading.Thread(target=work)  # type: ignore[arg-type]
    thread.start()
    thread.join()


def test_by_default_whoever_allocates_destroys() -> None:
    """The danger is real."""
    gc.enable()
    gc.collect()  # or starting the thread might be what makes this one collect
    died_on: list[int] = []
    dropped_knot(died_on)
    on_a_thread(allocate)
    assert died_on
    assert died_on[0] != threading.get_ident()


def test_with_it_the_thread_it_lives_on_does(qtbot: QtBot, collector: Collector) -> None:
    assert collector.thread().isCurrentThread()
    died_on: list[int] = []
    dropped_knot(died_on)
    on_a_thread(allocate)
    assert not died_on
    kept = [[number] for number in range(2000)]
    qtbot.waitUntil(lambda: bool(died_on))
    assert died_on == [threading.get_ident()]
    assert kept


@pytest.mark.parametrize(
    ("counts", "held", "collected"),
    [
        ((700, 10, 10), "", None),
        ((701, 10, 10), "", 0),
        ((701, 11, 10), "", 1),
        ((5, 11, 10), "", 1),
        ((701, 11, 11), "", 2),
        ((701, 11, 11), "mouse", 1),
        ((701, 11, 11), "pen", 1),
        ((701, 3, 11), "mouse", 0),
        ((5, 3, 11), "pen", None),
        ((701, 11, 11), "import", None),
    ],
)
def test_the_oldest_generation_that_is_due(
    qapp: QApplication,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    counts: tuple[int, int, int],
    held: str,
    collected: int | None,
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(gc, "get_count", lambda: counts)
    monkeypatch.setattr(gc, "get_threshold", lambda: (700, 10, 10))
    monkeypatch.setattr(gc, "collect", asked.append)
    button = Qt.MouseButton.LeftButton if held == "mouse" else Qt.MouseButton.NoButton
    monkeypatch.setattr(QGuiApplication, "mouseButtons", lambda: button)
    monkeypatch.setattr(warming, "importing", lambda: held == "import")
    one = Collector(lambda: held == "pen")
    assert one.collect() == collected
    assert asked == ([] if collected is None else [collected])
    one.deleteLater()


def test_the_window_has_one(qapp: QApplication) -> None:
    gc.enable()
    studio = build(qapp, Preferences())
    assert not gc.isenabled()
    (found,) = studio.window.findChildren(Collector)
    assert found.collect() in (None, 0, 1, 2)
    studio.window.close()
    studio.window.deleteLater()
