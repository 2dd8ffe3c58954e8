"""How long a brush move takes, from mouse event to painted pixels, on images of several sizes.

Real `QMouseEvent`s go to a real canvas of 1200 x 900 pixels; a move is over when its paint event is. With
``--training`` the same is measured while a fine-tuning run of the same process keeps every core busy. Prints one JSON
object.

    python benchmarks/canvas.py --sizes 1024 4096 8192 --training
"""

import argparse
import json
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import cv2
import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.labels import LabelledImage, Split
from segstudio.core.proposal import Proposal
from segstudio.core.render import Pyramid
from segstudio.core.tools import Palette, make_tools
from segstudio.learn.events import Event, StepDone
from segstudio.learn.request import TrainRequest, TrainSettings
from segstudio.ui.canvas.canvas import Canvas

VIEW = (1200, 900)
CLASSES = ClassTable.of(["background", "nucleus"])


def texture(side: int) -> U8:
    """Smooth noise, ``uint8 (side, side, 3)``: nothing of it is constant, so nothing is cheaper than real."""
    small = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def send(canvas: Canvas, kind: QEvent.Type, at: QPointF, button: Qt.MouseButton, held: Qt.MouseButton) -> None:
    where = canvas.mapToGlobal(at)
    event = QMouseEvent(kind, at, where, button, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(canvas, event)
    QApplication.processEvents()


def stroke(canvas: Canvas, moves: int, offset: float) -> list[float]:
    """One stroke across the view in a wave; returns milliseconds of each move."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    times = []

    def at(i: int) -> QPointF:
        return QPointF(150 + 900 * i / moves, 450 + offset + 200 * math.sin(i / 9))

    send(canvas, QEvent.Type.MouseButtonPress, at(0), left, left)
    for i in range(1, moves):
        start = time.perf_counter()
        send(canvas, QEvent.Type.MouseMove, at(i), none, left)
        times.append((time.perf_counter() - start) * 1e3)
    send(canvas, QEvent.Type.MouseButtonRelease, at(moves), left, none)
    return times


def pan(canvas: Canvas, moves: int) -> list[float]:
    """Drag the image with the middle button; returns milliseconds of each frame."""
    middle, none = Qt.MouseButton.MiddleButton, Qt.MouseButton.NoButton
    times = []
    send(canvas, QEvent.Type.MouseButtonPress, QPointF(600, 450), middle, middle)
    for i in range(moves):
        start = time.perf_counter()
        send(canvas, QEvent.Type.MouseMove, QPointF(600 - 6 * i, 450 - 4 * i), none, middle)
        times.append((time.perf_counter() - start) * 1e3)
    send(canvas, QEvent.Type.MouseButtonRelease, QPointF(600, 450), middle, none)
    return times


def zoom(canvas: Canvas, frames: int) -> list[float]:
    """Zoom in and out; returns milliseconds of each frame."""
    times = []
    for i in range(frames):
        start = time.perf_counter()
        canvas.zoom_by(1.25 if i % 2 else 0.8)
        QApplication.processEvents()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def summary(times: list[float]) -> dict[str, float]:
    """Median, 99th percentile and worst, in ms."""
    ordered = sorted(times)
    picks = {"median_ms": 0.5, "p99_ms": 0.99, "worst_ms": 1.0}
    return {name: round(ordered[min(len(ordered) - 1, int(len(ordered) * q))], 3) for name, q in picks.items()}


def measure(side: int, moves: int, brush: int) -> dict[str, dict[str, float]]:
    """All figures of one image size, with a proposal shown, as while correcting a model."""
    image = texture(side)
    document = Document(np.full((side, side), VOID, np.uint8), CLASSES)
    document.set_proposal(Proposal((image[..., 0] > 128).astype(np.uint8), image[..., 1].copy(), "m"))
    palette = Palette(value=1, size=brush)
    canvas = Canvas(palette)
    canvas.resize(*VIEW)
    canvas.set_tool(make_tools(palette)["brush"])
    canvas.show()
    pyramid = Pyramid(image)
    start = time.perf_counter()
    canvas.show_document(document, pyramid)
    QApplication.processEvents()
    first = (time.perf_counter() - start) * 1e3
    figures = {"fitted": summary([t for i in range(4) for t in stroke(canvas, moves // 4, 20.0 * i)])}
    canvas.zoom_to(1.0)
    QApplication.processEvents()
    figures["at_100_percent"] = summary([t for i in range(4) for t in stroke(canvas, moves // 4, 20.0 * i)])
    figures["pan"] = summary(pan(canvas, 60))
    figures["zoom"] = summary(zoom(canvas, 40))
    figures["first_paint"] = {"ms": round(first, 1)}
    canvas.release_document()
    canvas.close()
    return figures


def train_beside(folder: Path, then: Callable[[], dict[str, object]]) -> dict[str, object]:
    """Run `then` while `learn.fit` trains on drawn images in a thread of this process."""
    from segstudio.learn.training import fit

    images = []
    for i in range(4):
        path = folder / f"{i}.png"
        picture = texture(384 + i)
        cv2.imwrite(str(path), picture)
        split: Split = "validation" if i == 3 else "train"
        truth = (picture[..., 0] > 128).astype(np.uint8)
        images.append(LabelledImage.pack(key=str(i), path=path, split=split, revision=1, annotation=truth))
    settings = TrainSettings(device="cpu")
    request = TrainRequest(settings, CLASSES, tuple(images), folder / "models")
    steps, cancel, ready = [0], threading.Event(), threading.Event()

    def emit(event: Event) -> None:
        if isinstance(event, StepDone):
            steps[0] = event.step
            ready.set()

    thread = threading.Thread(target=lambda: fit(request, emit, cancel, background=True), name="training")
    thread.start()
    if not ready.wait(120):
        raise SystemExit("training did not start within two minutes")
    before = steps[0]
    result = then()
    result["training_steps_meanwhile"] = steps[0] - before
    cancel.set()
    thread.join()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 4096, 8192])
    parser.add_argument("--moves", type=int, default=400, help="brush moves a figure")
    parser.add_argument("--brush", type=int, default=31, help="diameter in pixels")
    parser.add_argument("--training", action="store_true", help="measure once more while a run trains")
    options = parser.parse_args()
    app = QApplication(sys.argv[:1])

    def all_sizes() -> dict[str, object]:
        return {str(side): measure(side, options.moves, options.brush) for side in options.sizes}

    measure(512, 80, options.brush)  # warm up
    result: dict[str, object] = {"view": VIEW, "brush_px": options.brush, "idle": all_sizes()}
    if options.training:
        with tempfile.TemporaryDirectory() as folder:
            result["training"] = train_beside(Path(folder), all_sizes)
    print(json.dumps(result, indent=1))
    app.quit()


if __name__ == "__main__":
    main()
