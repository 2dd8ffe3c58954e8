"""How long edits of huge areas take, and how long they hold the window up.

A real canvas of 1200 x 900 pixels, a real worker thread, a thread that packs each stroke as the saver does, and real
mouse events. The image is void for half, and blobs of two classes for the rest, with a proposal above. For each edit:
the seconds until its stroke is in the history and painted, and the longest turn of the event loop in milliseconds: from
the event until the worker has it (``asking``), while it is worked on (``away``), when it is handed over (``handed``),
and until every pixel is painted (``painting``). Prints one JSON object.

    python benchmarks/edits.py --sizes 4096 8192 16384
    python benchmarks/edits.py --sizes 8192 --only fill grow --actual
"""

import argparse
import gc
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
from PySide6.QtCore import QEvent, QPointF
from PySide6.QtWidgets import QApplication

from benchmarks.canvas_scenes import LEFT, NONE, Bench
from segstudio.core.arrays import U8
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.gesture import Gesture
from segstudio.core.history import Entry
from segstudio.core.layerwork import copy_labels, delete_class, delete_region, fill_void, replace_class
from segstudio.core.tools.base import OPERATIONS, ToolName
from segstudio.ui.app import SWITCH_SECONDS
from segstudio.ui.background import Worker

BAR_MS = 16
CLASSES = ClassTable.of(["background", "nucleus", "fibre"])
AROUND = [QPointF(600 + 420 * np.cos(t), 450 + 420 * np.sin(t)) for t in np.linspace(0, 6, 60)]
_PATIENCE = 120.0


def texture(side: int) -> U8:
    """Coarse noise with a fine grain, ``uint8 (side, side, 3)``."""
    rng = np.random.default_rng(0)
    coarse = cv2.resize(rng.integers(0, 240, (64, 64, 3), np.uint8), (side, side), interpolation=cv2.INTER_CUBIC)
    grain = rng.integers(0, 12, (1024, 1024, 3), np.uint8)
    return np.asarray(coarse + np.tile(grain, (side // 1024, side // 1024, 1)), np.uint8)


def labels(image: U8) -> U8:
    """Blobs of classes 1 and 2 with ragged outlines, holes and islands; void elsewhere."""
    out = np.full(image.shape[:2], VOID, np.uint8)
    out[image[..., 0] > 110] = 1
    out[image[..., 1] > 170] = 2
    return out


@dataclass
class Watch:
    """Notes when the edit goes away and comes back, and how long the event loop is held up in between."""

    phase: str = "asking"
    longest: dict[str, float] = field(default_factory=dict)

    def went(self, gesture: Gesture) -> None:
        self.phase = "away" if gesture.away else "handed"

    def turn(self, act: Callable[[], object]) -> None:
        """Do one turn of the event loop, or what stands for an event."""
        begun, start = self.phase, time.perf_counter()
        act()
        took = (time.perf_counter() - start) * 1e3
        # What ended in another phase was spent on getting there.
        name = self.phase if begun == "away" else begun
        self.longest[name] = max(self.longest.get(name, 0.0), took)


class Scene:
    """A canvas with an image, its labels, a worker, and a thread that packs strokes."""

    def __init__(self, side: int, *, fitted: bool) -> None:
        self.worker = Worker()
        image = texture(side)
        self.bench = Bench(image, background=self.worker)
        self.start = labels(image)
        self.document = self.bench.document
        self.document.classes = CLASSES
        self.document.annotation[:] = self.start
        self.document.changed(self.document.bounds)
        self.bench.look(fitted=fitted)
        self._entries: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._packing = threading.Thread(target=self._pack)
        self._packing.start()
        self.document.on_commit.append(self._entries.put)

    def _pack(self) -> None:
        while (entry := self._entries.get()) is not None:
            if entry.patch is not None:
                entry.patch.to_bytes()

    def measure(self, act: Callable[[], Iterator[Callable[[], object]]]) -> dict[str, object]:
        """Do an edit, given as events, and put everything back."""
        watch = Watch()
        self.document.on_away.append(watch.went)
        start = time.perf_counter()
        for event in act():
            watch.turn(event)
            watch.turn(QApplication.processEvents)
        while self.document.gesture is not None and time.perf_counter() - start < _PATIENCE:
            watch.turn(QApplication.processEvents)
            time.sleep(0.0005)
        done, was_away = time.perf_counter() - start, "away" in watch.longest or "handed" in watch.longest
        watch.phase = "painting"
        watch.turn(QApplication.processEvents)
        while not self.bench.canvas.complete:
            watch.turn(QApplication.processEvents)
        painted = time.perf_counter() - start
        self.document.on_away.remove(watch.went)
        changed = self.document.history.can_undo
        self.document.finish()
        while self.document.undo() is not None:
            pass
        self.bench.settle()
        assert np.array_equal(self.document.annotation, self.start), "undo did not put everything back"
        gc.collect()
        longest = max(watch.longest.values())
        phases = {name: round(ms, 1) for name, ms in watch.longest.items()}
        figures: dict[str, object] = {"seconds": round(done, 3), "painted_s": round(painted, 3), "away": was_away}
        figures["changed"] = changed
        return figures | {"longest_ms": round(longest, 1), "ok": longest <= BAR_MS, "longest": phases}

    def close(self) -> None:
        self.bench.close()
        self.worker.close()
        self._entries.put(None)
        self._packing.join()

    # Edits: each gives its events one after the other

    def drag(self, tool: ToolName, path: list[QPointF]) -> Iterator[Callable[[], object]]:
        self.bench.take(tool)
        send = self.bench.send
        yield partial(send, QEvent.Type.MouseButtonPress, path[0], LEFT, LEFT)
        for at in path[1:]:
            yield partial(send, QEvent.Type.MouseMove, at, NONE, LEFT)
        yield partial(send, QEvent.Type.MouseButtonRelease, path[-1], LEFT, NONE)

    def region(self, operation: str, scope: str) -> Iterator[Callable[[], object]]:
        palette = self.bench.palette
        palette.restore({"operation": operation, "scope": scope, "amount": 500 if operation == "islands" else 8})
        palette.value = 0
        self.bench.send(QEvent.Type.MouseMove, self.on(1), NONE, NONE)
        yield from self.drag("region", [self.on(1)])

    def wand(self) -> Iterator[Callable[[], object]]:
        self.bench.palette.tolerance = 110
        yield from self.drag("wand", [QPointF(600, 450)])

    def command(self, act: Callable[[], object]) -> Iterator[Callable[[], object]]:
        yield act

    def on(self, value: int) -> QPointF:
        """A place on the screen where a class lies."""
        view, seen = self.bench.canvas, self.bench.canvas.visible()
        rows, columns = np.nonzero(self.start[seen.slices][::8, ::8] == value)
        middle = len(rows) // 2
        return view.widget_point((seen.x0 + int(columns[middle]) * 8 + 0.5, seen.y0 + int(rows[middle]) * 8 + 0.5))

    def pixel(self, value: int) -> tuple[int, int]:
        x, y = self.bench.canvas.image_point(self.on(value))
        return int(x), int(y)

    def edits(self) -> dict[str, Callable[[], Iterator[Callable[[], object]]]]:
        """All edits by name."""
        document, worker = self.document, self.worker
        corners = [QPointF(155, 5), QPointF(1045, 895)]
        other = np.roll(self.start, 4096 // 3, axis=1)
        found: dict[str, Callable[[], Iterator[Callable[[], object]]]] = {
            "fill": lambda: self.drag("fill", [self.on(VOID)]),
            "lasso": lambda: self.drag("lasso", AROUND),
            "rectangle": lambda: self.drag("rectangle", corners),
            "ellipse": lambda: self.drag("ellipse", corners),
            "wand": self.wand,
            "superpixel": lambda: self.drag("superpixel", [corners[0], *AROUND[::20], corners[1]]),
            "delete_region": lambda: self.command(partial(delete_region, document, *self.pixel(1), background=worker)),
            "delete_class": lambda: self.command(partial(delete_class, document, 1, background=worker)),
            "replace_class": lambda: self.command(partial(replace_class, document, 1, 0, background=worker)),
            "fill_void": lambda: self.command(partial(fill_void, document, 0, background=worker)),
            "copy_labels": lambda: self.command(partial(copy_labels, document, other, background=worker)),
            "accept_all": lambda: self.command(partial(document.accept_above, 0, background=worker)),
            "accept_region": lambda: self.command(
                partial(document.accept_region, *self.pixel(VOID), background=worker)
            ),
            "reject_region": lambda: self.command(
                partial(document.reject_region, *self.pixel(VOID), background=worker)
            ),
        }
        for operation in OPERATIONS:
            for scope in ("region", "class"):
                found[f"{operation}_{scope}"] = partial(self.region, operation, scope)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", type=int, nargs="+", default=[4096, 8192, 16384])
    parser.add_argument("--only", nargs="+", default=[], help="edits whose names hold one of these words")
    parser.add_argument("--actual", action="store_true", help="look at the middle at 100 %, not at all of the image")
    options = parser.parse_args()
    app = QApplication(sys.argv[:1])
    sys.setswitchinterval(SWITCH_SECONDS)  # as the program does
    result: dict[str, object] = {"view": [1200, 900], "fitted": not options.actual, "bar_ms": BAR_MS}
    for side in options.sizes:
        scene = Scene(side, fitted=not options.actual)
        figures: dict[str, object] = {}
        for name, act in scene.edits().items():
            if not options.only or any(word in name for word in options.only):
                figures[name] = scene.measure(act)
                print(f"{side} {name}: {figures[name]}", file=sys.stderr)
        scene.close()
        del scene
        result[str(side)] = figures
    print(json.dumps(result, indent=1))
    app.quit()


if __name__ == "__main__":
    main()
