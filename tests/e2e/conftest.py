"""The real window, driven with mouse and keyboard events as they come from a person."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from segstudio.core.document import Document
from segstudio.storage.preferences import Preferences
from segstudio.ui.app import Studio, build
from segstudio.ui.desk import Desk
from segstudio.ui.dialogs.new_project import NewProject
from segstudio.ui.window import Window

Spot = tuple[float, float]


@dataclass
class Driver:
    """A person at the window."""

    qtbot: QtBot
    studio: Studio

    @property
    def window(self) -> Window:
        return self.studio.window

    @property
    def desk(self) -> Desk:
        assert self.window.desk is not None
        return self.window.desk

    @property
    def document(self) -> Document:
        document = self.desk.session.document
        assert document is not None
        return document

    def new_project(self, images: Path, folder: Path, *classes: str) -> None:
        self.window.opener.create(NewProject(images, folder, classes))
        self.until(lambda: self.window.desk is not None and self.window.desk.session.image is not None)

    def open(self, folder: Path) -> None:
        self.window.open_project(folder)
        self.until(lambda: self.window.desk is not None and self.window.desk.session.image is not None)

    def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        self.qtbot.waitUntil(condition, timeout=int(seconds * 1000))

    def mouse(
        self,
        kind: QEvent.Type,
        at: Spot,
        button: Qt.MouseButton,
        held: Qt.MouseButton,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        """A raw mouse event on the canvas at image coordinates."""
        canvas = self.window.bench.canvas
        where: QPointF = canvas.widget_point(at)
        event = QMouseEvent(kind, where, canvas.mapToGlobal(where), button, held, modifiers)
        QApplication.sendEvent(canvas, event)
        QApplication.processEvents()

    def stroke(
        self,
        *spots: Spot,
        button: Qt.MouseButton = Qt.MouseButton.LeftButton,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        """Press at the first spot, move over the others, let go at the last."""
        none = Qt.MouseButton.NoButton
        self.mouse(QEvent.Type.MouseButtonPress, spots[0], button, button, modifiers)
        for spot in spots[1:]:
            self.mouse(QEvent.Type.MouseMove, spot, none, button, modifiers)
        self.mouse(QEvent.Type.MouseButtonRelease, spots[-1], button, none, modifiers)

    def point(self, spot: Spot) -> None:
        """Move the pointer without a button."""
        self.mouse(QEvent.Type.MouseMove, spot, Qt.MouseButton.NoButton, Qt.MouseButton.NoButton)

    def key(
        self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier, to: QWidget | None = None
    ) -> None:
        QTest.keyClick(to or self.window.bench.canvas, key, modifiers)
        QApplication.processEvents()

    def close(self) -> None:
        self.window.close()


@pytest.fixture
def start(qtbot: QtBot, qapp: QApplication) -> Iterator[Callable[[], Driver]]:
    """Starts the program, any number of times."""
    drivers: list[Driver] = []

    def begin() -> Driver:
        driver = Driver(qtbot, build(qapp, Preferences()))
        driver.window.resize(1200, 800)
        driver.window.show()
        qtbot.waitExposed(driver.window)
        driver.window.activateWindow()
        drivers.append(driver)
        return driver

    yield begin
    for driver in drivers:
        driver.close()
        driver.window.deleteLater()
    qapp.processEvents()


@pytest.fixture
def driver(start: Callable[[], Driver]) -> Driver:
    return start()


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A folder of four images of bright discs on a dark, noisy ground; discs lie at (30, 30) and (70, 60)."""
    folder = tmp_path / "cells"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        picture = rng.normal(50, 8, (96, 112)).clip(0, 255).astype(np.uint8)
        for centre in ((30, 30), (70, 60)):
            cv2.circle(picture, centre, 14, 190 + 5 * number, -1)
        cv2.imwrite(str(folder / f"cell {number}.png"), picture)
    return folder
