"""What `canvas.py` measures: a real canvas with a large image, real events, and other work beside them."""

import math
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from segstudio.core.arrays import U8
from segstudio.core.background import Background, Immediately
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.labels import LabelledImage, Split
from segstudio.core.picture import Picture
from segstudio.core.proposal import Proposal
from segstudio.core.pyramid import Pyramid
from segstudio.core.scene import Scene
from segstudio.core.tools.base import Kit, Palette, ToolName
from segstudio.core.tools.catalogue import make_tools
from segstudio.core.view import View
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.events import Event, StepDone
from segstudio.learn.networks.network import build_network
from segstudio.learn.networks.saving import LoadedModel
from segstudio.learn.prediction.predicting import predict
from segstudio.learn.request import TrainRequest, TrainSettings
from segstudio.learn.training.loop import fit
from segstudio.learn.turns import lower_priority
from segstudio.storage.cards import ModelCard
from segstudio.ui.canvas.canvas import Canvas

VIEW = (1200, 900)
CLASSES = ClassTable.of(["background", "nucleus"])
LEFT, MIDDLE, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.NoButton
_START_SECONDS = 120
_PATIENCE = 20.0  # seconds after which a canvas that is not complete is an error


def texture(side: int) -> U8:
    """Smooth noise, ``uint8 (side, side, 3)``: nothing of it is constant, so nothing is cheaper than real."""
    small = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


class Watched(Canvas):
    """A canvas that notes when it has painted."""

    painted = 0.0

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt's virtual."""
        super().paintEvent(event)
        self.painted = time.perf_counter()


class Bench:
    """A canvas of 1200 x 900 pixels that shows an image with its annotation.

    Args:
        image: ``uint8 (H, W, 3)``.
        proposing: show a proposal too, as while correcting a model.
        background: where tools send long work.
    """

    def __init__(self, image: U8, *, proposing: bool = True, background: Background | None = None) -> None:
        shape = image.shape[0], image.shape[1]
        self.document = Document(np.full(shape, VOID, np.uint8), CLASSES, picture=Picture(image))
        if proposing:
            opinion = Proposal((image[..., 0] > 128).astype(np.uint8), image[..., 1].copy(), "m")
            self.document.set_proposal(opinion)
        self.palette = Palette(value=1, size=31)
        self.tools = make_tools(Kit(self.palette, background=background or Immediately()))
        self.canvas = Watched(self.palette)
        self.canvas.resize(*VIEW)
        self.canvas.show()
        QApplication.processEvents()
        start = time.perf_counter()
        scene = Scene(self.document, Pyramid(image))
        self.canvas.show_scene(scene)
        self.painted(start)
        self.opening_ms = (self.canvas.painted - start) * 1e3
        self.settle()
        self.take("brush")

    def take(self, name: ToolName) -> None:
        self.canvas.set_tool(self.tools[name])

    def settle(self) -> None:
        """Wait until everything is painted and nothing is left to do."""
        end = time.perf_counter() + _PATIENCE
        QApplication.processEvents()
        while not self.canvas.complete:
            QApplication.processEvents()
            if time.perf_counter() > end:
                raise SystemExit("the canvas never becomes complete")
        QApplication.processEvents()

    def painted(self, since: float) -> float:
        """Wait until something has been painted after `since`; milliseconds from there to the end of the painting."""
        end = time.perf_counter() + _PATIENCE
        while self.canvas.painted < since:
            QApplication.processEvents()
            if time.perf_counter() > end:
                raise SystemExit("nothing is painted")
        return (self.canvas.painted - since) * 1e3

    def complete(self, since: float) -> float:
        """Wait until all that is out of date since `since` is painted; milliseconds until then."""
        self.painted(since)
        self.settle()
        return (self.canvas.painted - since) * 1e3

    def send(self, kind: QEvent.Type, at: QPointF, button: Qt.MouseButton, held: Qt.MouseButton) -> None:
        where = self.canvas.mapToGlobal(at)
        event = QMouseEvent(kind, at, where, button, held, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(self.canvas, event)

    def look(self, *, fitted: bool) -> None:
        """Fit the image, or show its middle at 100 %; then wait until that is painted."""
        if fitted:
            self.canvas.fit()
        else:
            width, height = self.document.bounds.width, self.document.bounds.height
            self.canvas.set_view(View(1.0, (VIEW[0] - width) // 2, (VIEW[1] - height) // 2))
        self.settle()

    def close(self) -> None:
        self.canvas.release_document()
        self.canvas.close()
        self.canvas.deleteLater()
        QApplication.processEvents()


def stroke(bench: Bench, moves: int, offset: float, pause: float = 0.0) -> list[float]:
    """One stroke across the view in a wave; milliseconds from each move to its last painted pixel.

    Args:
        bench: at any scale.
        moves: how many events.
        offset: widget pixels the wave lies below the middle.
        pause: seconds between moves.
    """

    def at(i: int) -> QPointF:
        return QPointF(150 + 900 * i / moves, 450 + offset + 200 * math.sin(i / 9))

    times = []
    bench.send(QEvent.Type.MouseButtonPress, at(0), LEFT, LEFT)
    bench.settle()
    for i in range(1, moves):
        start = time.perf_counter()
        bench.send(QEvent.Type.MouseMove, at(i), NONE, LEFT)
        times.append(bench.complete(start))
        time.sleep(pause)
    bench.send(QEvent.Type.MouseButtonRelease, at(moves), LEFT, NONE)
    bench.settle()
    return times


def strokes(bench: Bench, moves: int, *, pause: float = 0.0) -> list[float]:
    """Strokes of 100 moves over fresh pixels."""
    while bench.document.history.can_undo:
        bench.document.undo()
    bench.settle()
    return [ms for i in range(max(1, moves // 100)) for ms in stroke(bench, 100, 20.0 * i - 60, pause)]


def pan(bench: Bench, frames: int) -> tuple[list[float], list[float]]:
    """Drag the image; milliseconds of each frame until something is painted, and until everything is."""
    first, whole = [], []
    bench.send(QEvent.Type.MouseButtonPress, QPointF(600, 450), MIDDLE, MIDDLE)
    for i in range(1, frames + 1):
        start = time.perf_counter()
        bench.send(QEvent.Type.MouseMove, QPointF(600 - 6 * i, 450 - 4 * i), NONE, MIDDLE)
        first.append(bench.painted(start))
        whole.append(bench.complete(start))
    bench.send(QEvent.Type.MouseButtonRelease, QPointF(600, 450), MIDDLE, NONE)
    bench.settle()
    return first, whole


def zoom(bench: Bench, frames: int) -> tuple[list[float], list[float]]:
    """Turn the wheel to and fro; figures as of `pan`."""
    at = QPointF(620, 430)
    first, whole = [], []
    for i in range(frames):
        angle = QPoint(0, -120 if i // 2 % 2 else 120)
        event = QWheelEvent(
            at, bench.canvas.mapToGlobal(at), QPoint(), angle, NONE, Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        start = time.perf_counter()
        QApplication.sendEvent(bench.canvas, event)
        first.append(bench.painted(start))
        whole.append(bench.complete(start))
    return first, whole


@contextmanager
def training() -> Iterator[Callable[[], int]]:
    """`learn.fit` trains on drawn images in a thread of this process; gives what counts its steps."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = []
        for i in range(4):
            path = folder / f"{i}.png"
            picture = texture(384 + i)
            cv2.imwrite(str(path), picture)
            split: Split = "validation" if i == 3 else "train"
            truth = (picture[..., 0] > 128).astype(np.uint8)
            images.append(LabelledImage.pack(key=str(i), path=path, split=split, revision=1, annotation=truth))
        request = TrainRequest(TrainSettings(device="cpu"), CLASSES, tuple(images), folder / "models")
        steps, cancel, ready = [0], threading.Event(), threading.Event()

        def emit(event: Event) -> None:
            if isinstance(event, StepDone):
                steps[0] = event.step
                ready.set()

        thread = threading.Thread(target=lambda: fit(request, emit, cancel, background=True), name="training")
        with _running(thread, ready, cancel):
            yield lambda: steps[0]


@contextmanager
def predicting() -> Iterator[Callable[[], int]]:
    """An untrained network predicts an image over and over in a thread of this process; gives what counts answers."""
    card = ModelCard(
        name="m", created="", backbone="efficientnet_lite0", transfer="feature", decoder="fpn",
        classes=[{"index": i, "name": one.name, "color": one.color} for i, one in enumerate(CLASSES)],
        normalisation={"mean": [0.5] * 3, "std": [0.5] * 3},
    )  # fmt: skip
    network = build_network(find_backbone(card.backbone), "fpn", len(CLASSES), "feature").eval()
    model, image = LoadedModel(network, card, torch.device("cpu")), texture(512)
    answers, cancel, ready = [0], threading.Event(), threading.Event()

    def work() -> None:
        lower_priority()
        while not cancel.is_set():
            predict(model, image)
            answers[0] += 1
            ready.set()

    with _running(threading.Thread(target=work, name="predicting"), ready, cancel):
        yield lambda: answers[0]


@contextmanager
def _running(thread: threading.Thread, ready: threading.Event, cancel: threading.Event) -> Iterator[None]:
    thread.start()
    try:
        if not ready.wait(_START_SECONDS):
            raise SystemExit(f"{thread.name} did not start within two minutes")
        yield
    finally:
        cancel.set()
        thread.join()


def resident() -> float:
    """Memory this process has in RAM, in MiB, from /proc."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
