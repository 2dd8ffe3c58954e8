"""A hand that uses the window as a person does, and a camera that looks at it: for `make_pictures`."""

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from PySide6.QtCore import QBuffer, QEvent, QIODevice, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPen, QPixmap, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

from segstudio.core.arrays import U8
from segstudio.core.strokes import Point
from segstudio.core.tools.base import ToolName
from segstudio.storage.demo import truth_of
from segstudio.ui.canvas.canvas import Canvas
from segstudio.ui.desk import Desk
from segstudio.ui.window import Window

LEFT, RIGHT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.NoButton
PLAIN = Qt.KeyboardModifier.NoModifier
_COLOURS, _KEPT = 256, 32
_VIVID = 120  # of 255, between the strongest and the weakest of red, green and blue: more than any tinted pixel has
_RARE = 0.4  # exponent of how often a colour counts that is there so often
_ARM = 9  # pixels of a drawn pointer


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Let the window live until the condition holds; whether it came to hold."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)
    return condition()


def rest(seconds: float = 0.4) -> None:
    """Let the window live for a while."""
    wait(lambda: False, seconds)


class Hand:
    """A person at the window. Points are x, y in image coordinates."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.at: Point | None = None  # where the pointer is, while it is over the canvas

    @property
    def desk(self) -> Desk:
        assert self.window.desk is not None
        return self.window.desk

    @property
    def canvas(self) -> Canvas:
        return self.window.bench.canvas

    def open(self, folder: Path) -> None:
        """Open a project, and wait for its image."""
        self.window.open_project(folder)
        opened = wait(lambda: self.window.desk is not None and self.window.desk.session.image is not None, 30)
        assert opened, f"{folder} does not open"

    def go_to(self, key: str) -> None:
        """Open an image."""
        self.desk.session.open_image(key)
        assert wait(lambda: self.desk.session.key == key, 10), f"{key} does not open"
        rest()

    def look_at(self, centre: Point, scale: float) -> None:
        """Zoom to a place."""
        self.canvas.centre_on(centre, scale)

    def do(self, action: str) -> None:
        """Give a command of the table of actions."""
        self.window.actions_[action].trigger()
        QApplication.processEvents()

    def take(self, tool: ToolName) -> None:
        """Take a tool into the hand."""
        self.do(f"tool_{tool}")

    def hover(self, at: Point) -> None:
        """Move the pointer there without a button."""
        self._mouse(QEvent.Type.MouseMove, at, NONE, NONE)

    def press(self, spots: Sequence[Point], button: Qt.MouseButton = LEFT) -> None:
        """Press at the first point and move over the others, the button still down."""
        self.hover(spots[0])
        self._mouse(QEvent.Type.MouseButtonPress, spots[0], button, button)
        for spot in spots[1:]:
            self._mouse(QEvent.Type.MouseMove, spot, NONE, button)

    def release(self, button: Qt.MouseButton = LEFT) -> None:
        """Let the button go where the pointer is."""
        assert self.at is not None
        self._mouse(QEvent.Type.MouseButtonRelease, self.at, button, NONE)

    def drag(self, spots: Sequence[Point], button: Qt.MouseButton = LEFT) -> None:
        """Press at the first point, let go at the last."""
        self.press(spots, button)
        self.release(button)

    def click(self, *spots: Point) -> None:
        """Click on each point."""
        for spot in spots:
            self.drag([spot])

    def turn(self, steps: int) -> None:
        """Turn the wheel with Shift."""
        assert self.at is not None
        where = self.canvas.widget_point(self.at)
        place, shift = self.canvas.mapToGlobal(where), Qt.KeyboardModifier.ShiftModifier
        phase, angle = Qt.ScrollPhase.NoScrollPhase, QPoint(0, 120 * steps)
        QApplication.sendEvent(self.canvas, QWheelEvent(where, place, QPoint(), angle, NONE, shift, phase, False))

    def key(self, key: Qt.Key) -> None:
        """Press a key on the canvas."""
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QApplication.sendEvent(self.canvas, QKeyEvent(kind, key, PLAIN))

    def leave(self) -> None:
        """Take the pointer off the canvas."""
        self.at = None
        QApplication.sendEvent(self.canvas, QEvent(QEvent.Type.Leave))

    def settle(self, *, preview: bool = True) -> None:
        """Wait until everything on the canvas is as it will be; with a preview, that one is there."""

        def ready() -> bool:
            shown = None if self.canvas.tool is None else self.canvas.tool.preview
            there = not preview or (shown is not None and not shown.busy)
            return there and self.canvas.complete

        assert wait(ready, 10), "the preview does not come"
        rest()

    def drop(self) -> None:
        """Press Esc, and undo all strokes of the image."""
        self.key(Qt.Key.Key_Escape)
        document = self.desk.session.document
        while document is not None and document.history.can_undo:
            self.do("undo")
            rest(0.1)
        self.leave()

    def _mouse(self, kind: QEvent.Type, at: Point, button: Qt.MouseButton, held: Qt.MouseButton) -> None:
        self.at = at
        where = self.canvas.widget_point(at)
        QApplication.sendEvent(
            self.canvas, QMouseEvent(kind, where, self.canvas.mapToGlobal(where), button, held, PLAIN)
        )
        QApplication.processEvents()


class Truth:
    """What is in a demo image, to draw along."""

    def __init__(self, desk: Desk, key: str) -> None:
        self._labels: U8 = truth_of(desk.session.project, key)

    def outline(self, at: Point, corners: float = 1.0) -> list[Point]:
        """The outline of the object at a point, strayed from by at most `corners` pixels."""
        x, y = int(at[0]), int(at[1])
        _, parts = cv2.connectedComponents((self._labels == self._labels[y, x]).view(np.uint8))
        mask = (parts == parts[y, x]).view(np.uint8)
        found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        ring = cv2.approxPolyDP(max(found, key=len), corners, True)[:, 0]
        return [(float(x) + 0.5, float(y) + 0.5) for x, y in ring]


class Camera:
    """Takes pictures of the window into a folder.

    Args:
        hand: whose pointer is drawn: the platform's own is in no picture.
        out: the folder.
    """

    def __init__(self, hand: Hand, out: Path) -> None:
        self._hand = hand
        self._out = out
        out.mkdir(parents=True, exist_ok=True)

    def window(self, name: str) -> None:
        """The whole window."""
        rest()
        self._save(name, self._seen(None))

    def canvas(self, name: str, *others: QWidget) -> None:
        """The canvas with the bar of options, and other parts of the window."""
        rest()
        bench = self._hand.window.bench
        self._save(name, self._seen(None).copy(self._around(bench.options, bench.canvas, *others)))

    def popped_up(self, name: str, popup: QWidget) -> None:
        """The canvas with the bar of options, and a pop-up over them."""
        rest()
        bench = self._hand.window.bench
        area = self._around(bench.options, bench.canvas)
        corner = self._hand.window.mapFromGlobal(popup.mapToGlobal(QPoint(0, 0)))
        self._save(name, self._seen(popup).copy(area.united(QRect(corner, popup.size()).adjusted(0, 0, 0, 8))))

    def widget(self, name: str, widget: QWidget) -> None:
        """One widget, for instance a dialog."""
        rest()
        self._save(name, widget.grab())

    def _seen(self, popup: QWidget | None) -> QPixmap:
        window = self._hand.window
        picture = window.grab()
        painter = QPainter(picture)
        if popup is not None:
            painter.drawPixmap(window.mapFromGlobal(popup.mapToGlobal(QPoint(0, 0))), popup.grab())
        canvas, at = self._hand.canvas, self._hand.at
        if at is not None and canvas.cursor().shape() != Qt.CursorShape.BlankCursor:
            _draw_pointer(painter, QPointF(canvas.mapTo(window, canvas.widget_point(at).toPoint())))
        painter.end()
        return picture

    def _around(self, *parts: QWidget) -> QRect:
        area = QRect()
        for part in parts:
            area = area.united(QRect(part.mapTo(self._hand.window, QPoint(0, 0)), part.size()))
        return area

    def _save(self, name: str, picture: QPixmap) -> None:
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        picture.save(buffer, "PNG")
        image = Image.open(io.BytesIO(buffer.data().data())).convert("RGB")
        small = _with_few_colours(image)
        small.save(self._out / f"{name}.png", optimize=True)
        print(name, f"{(self._out / name).with_suffix('.png').stat().st_size // 1024} KiB", flush=True)


def _draw_pointer(painter: QPainter, at: QPointF) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for width, color in ((3, QColor("black")), (1, QColor("white"))):
        painter.setPen(QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        grown = _ARM + (width > 1)
        painter.drawLine(at - QPointF(grown, 0), at + QPointF(grown, 0))
        painter.drawLine(at - QPointF(0, grown), at + QPointF(0, grown))


def _with_few_colours(image: Image.Image) -> Image.Image:
    """The picture with a palette: the colours of classes and controls as they are, the rest as near as it gets."""
    colours, counts = np.unique(np.asarray(image).reshape(-1, 3), axis=0, return_counts=True)
    vivid = colours[np.argsort(np.where(np.ptp(colours, axis=1) > _VIVID, -counts, 0), kind="stable")[:_KEPT]]
    # Rare colours count, too: most pixels are the noise of a grey image.
    weighted = np.repeat(colours, np.ceil(counts**_RARE).astype(np.int64), axis=0)
    others = Image.fromarray(weighted[None]).quantize(_COLOURS - _KEPT, method=Image.Quantize.MEDIANCUT, kmeans=1)
    palette = Image.new("P", (1, 1))
    palette.putpalette([*vivid.ravel().tolist(), *(others.getpalette() or [])[: 3 * (_COLOURS - _KEPT)]])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)
