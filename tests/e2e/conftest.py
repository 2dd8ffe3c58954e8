"""The real window, driven with mouse and keyboard events as they come from a person."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QAction,
    QColor,
    QInputDevice,
    QMouseEvent,
    QPointingDevice,
    QPointingDeviceUniqueId,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QMenu,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from segstudio.core.arrays import U8
from segstudio.core.document import Document
from segstudio.core.tools.base import ToolName
from segstudio.storage.preferences import Preferences
from segstudio.ui.app import Studio, build
from segstudio.ui.canvas.canvas import Canvas
from segstudio.ui.desk import Desk
from segstudio.ui.dialogs.new_project import NewProject
from segstudio.ui.panels.toolbox import ToolBox
from segstudio.ui.releases import Releases
from segstudio.ui.window import Window

Spot = tuple[float, float]
PLAIN = Qt.KeyboardModifier.NoModifier
FINGERS = QPointingDevice(
    "touchpad",
    71,
    QInputDevice.DeviceType.TouchPad,
    QPointingDevice.PointerType.Finger,
    QInputDevice.Capability.Position | QInputDevice.Capability.Scroll | QInputDevice.Capability.PixelScroll,
    2,
    3,
    "",
    QPointingDeviceUniqueId(),
)
PEN, RUBBER = (
    QPointingDevice(
        name,
        number,
        QInputDevice.DeviceType.Stylus,
        end,
        QInputDevice.Capability.Position | QInputDevice.Capability.Pressure,
        1,
        3,
        "",
        QPointingDeviceUniqueId(),
    )
    for name, number, end in (
        ("pen", 72, QPointingDevice.PointerType.Pen),
        ("rubber", 73, QPointingDevice.PointerType.Eraser),
    )
)


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

    @property
    def canvas(self) -> Canvas:
        return self.window.bench.canvas

    @property
    def labels(self) -> U8:
        """A copy of the annotation, when nothing is done away any more."""
        self.document.settle()
        return self.document.annotation.copy()

    @property
    def steps(self) -> int:
        """Strokes that can be undone, when nothing is done away any more."""
        self.document.settle()
        return len(self.document.history.done)

    @property
    def status(self) -> str:
        """All that the status line says."""
        return " ".join(label.text() for label in self.window.status.findChildren(QLabel))

    @property
    def tool(self) -> str:
        """The tool in the hand, as window and canvas agree."""
        assert self.canvas.tool is not None
        assert self.desk.state().tool == self.canvas.tool.name
        return self.canvas.tool.name

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
        canvas = self.canvas
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

    def press(self, at: Spot, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        self.mouse(QEvent.Type.MouseButtonPress, at, button, button)

    def move(self, at: Spot, held: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        self.mouse(QEvent.Type.MouseMove, at, Qt.MouseButton.NoButton, held)

    def release(self, at: Spot, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        self.mouse(QEvent.Type.MouseButtonRelease, at, button, Qt.MouseButton.NoButton)

    def click(
        self,
        *spots: Spot,
        button: Qt.MouseButton = Qt.MouseButton.LeftButton,
        modifiers: Qt.KeyboardModifier = PLAIN,
    ) -> None:
        """Click at one spot after the other."""
        for spot in spots:
            self.point(spot)
            self.stroke(spot, button=button, modifiers=modifiers)

    def double_click(self, spot: Spot) -> None:
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        self.stroke(spot)
        self.mouse(QEvent.Type.MouseButtonDblClick, spot, left, left)
        self.mouse(QEvent.Type.MouseButtonRelease, spot, left, none)

    def wheel(self, at: Spot, notches: float, modifiers: Qt.KeyboardModifier = PLAIN) -> None:
        turned = QPoint(0, round(120 * notches))
        self._scroll(at, QPoint(), turned, modifiers, QPointingDevice.primaryPointingDevice())

    def swipe(self, at: Spot, pixels: tuple[int, int], modifiers: Qt.KeyboardModifier = PLAIN) -> None:
        """Two fingers on a touchpad."""
        self._scroll(at, QPoint(*pixels), QPoint(*pixels) * 4, modifiers, FINGERS)

    def _scroll(
        self, at: Spot, pixels: QPoint, turned: QPoint, modifiers: Qt.KeyboardModifier, device: QPointingDevice
    ) -> None:
        canvas, where, none = self.canvas, self.canvas.widget_point(at), Qt.MouseButton.NoButton
        unsourced, still = Qt.MouseEventSource.MouseEventNotSynthesized, Qt.ScrollPhase.NoScrollPhase
        event = QWheelEvent(
            where, QPointF(canvas.mapToGlobal(where)), pixels, turned, none, modifiers, still, False, unsourced, device
        )
        QApplication.sendEvent(canvas, event)
        QApplication.processEvents()

    def pen(self, kind: QEvent.Type, at: Spot, pressure: float, *, rubber: bool = False) -> bool:
        """A raw event of a pen, or of its other end; whether the canvas took it."""
        canvas, where = self.canvas, self.canvas.widget_point(at)
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        moves = kind == QEvent.Type.TabletMove
        held = none if kind == QEvent.Type.TabletRelease or (moves and not pressure) else left
        event = QTabletEvent(
            kind, RUBBER if rubber else PEN, where, QPointF(canvas.mapToGlobal(where)), pressure, 0, 0, 0, 0, 0, PLAIN,
            none if moves else left, held,
        )  # fmt: skip
        QApplication.sendEvent(canvas, event)
        QApplication.processEvents()
        return event.isAccepted()

    @contextmanager
    def holding(self, key: Qt.Key) -> Iterator[None]:
        """A key is down meanwhile."""
        QTest.keyPress(self.canvas, key)
        yield
        QTest.keyRelease(self.canvas, key)
        self._let_go()

    def undo(self) -> None:
        self.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    def redo(self) -> None:
        self.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)

    def tool_button(self, name: ToolName) -> QToolButton:
        """The button of a tool in the bar on the left."""
        bar = self.window.bench.findChild(ToolBox, "Tools")
        assert isinstance(bar, ToolBox)
        return bar.button(f"tool_{name}")

    def menu(self, title: str, text: str) -> None:
        """Choose an entry of a menu."""
        found: list[QAction] = []
        for entry in self.window.menuBar().actions():
            if isinstance(menu := entry.menu(), QMenu) and entry.text() == f"&{title}":
                found += [action for action in menu.actions() if action.text() == text]
        assert len(found) == 1
        assert found[0].isEnabled()
        found[0].trigger()
        QApplication.processEvents()

    def type_option(self, name: str, value: int) -> None:
        """Type a number into a field above the canvas."""
        box = next(box for box in self.window.bench.options.findChildren(QSpinBox) if box.accessibleName() == name)
        assert box.isVisible()
        box.setFocus()
        box.selectAll()
        QTest.keyClicks(box, str(value))
        QTest.keyClick(box, Qt.Key.Key_Return)
        self.canvas.setFocus()

    def choose_option(self, name: str, text: str) -> None:
        """Choose from a list above the canvas, with the arrow keys."""
        box = next(box for box in self.window.bench.options.findChildren(QComboBox) if box.accessibleName() == name)
        assert box.isVisible()
        box.setFocus()
        QTest.keyClick(box, Qt.Key.Key_Home)
        while box.currentText() != text:
            before = box.currentIndex()
            QTest.keyClick(box, Qt.Key.Key_Down)
            assert box.currentIndex() != before, f"{name} does not offer {text}"
        self.canvas.setFocus()

    def toggle_option(self, name: str) -> None:
        """Click a check box above the canvas."""
        box = next(box for box in self.window.bench.options.findChildren(QCheckBox) if box.accessibleName() == name)
        assert box.isVisible()
        box.click()

    def color_at(self, spot: Spot) -> QColor:
        """What the canvas shows there, once all of it is drawn."""
        self.until(lambda: self.canvas.complete)
        return self.canvas.grab().toImage().pixelColor(self.canvas.widget_point(spot).toPoint())

    def key(
        self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier, to: QWidget | None = None
    ) -> None:
        QTest.keyClick(to or self.window.bench.canvas, key, modifiers)
        self._let_go()

    def _let_go(self) -> None:
        """A person does not press the next key before the last one counts as let go."""
        self.until(lambda: not any(keys.waiting for keys in self.window.findChildren(Releases)))
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
def painter(driver: Driver, cells: Path, tmp_path: Path) -> Driver:
    """With a project of `cells` open, and the class nucleus in the hand."""
    driver.new_project(cells, tmp_path / "project", "background", "nucleus", "debris")
    return driver


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
