"""How fast the canvas is, from event to painted pixels, and how much memory it takes.

Real mouse and wheel events go to a real canvas of 1200 x 900 pixels, with a proposal shown, as while correcting a
model; a move is over when its last pixel is painted. A frame of a pan or zoom counts until its first painting, which
shows the old pixels where no new ones are ready yet, and once more until it is complete. Prints one JSON object; beside
each figure stands its bar, where it has one, and whether it is met. Memory is what the process has in RAM (VmRSS).

    python benchmarks/canvas.py --sizes 1024 4096 8192 16384
"""

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from PySide6.QtCore import QEvent, QPointF
from PySide6.QtWidgets import QApplication

from benchmarks.canvas_scenes import (
    CLASSES,
    LEFT,
    NONE,
    Bench,
    pan,
    predicting,
    resident,
    stroke,
    strokes,
    texture,
    training,
    zoom,
)
from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.history import Entry
from segstudio.core.tools.base import Kit, Palette, Pointer, ToolName
from segstudio.core.tools.brush import BrushTool
from segstudio.ui.app import SWITCH_SECONDS
from segstudio.ui.background import Worker

Figure = dict[str, object]
PREVIEW_SIDE = 4096
HISTORY_STROKES = 1000
MOUSE_SECONDS = 0.008  # from one move of a usual mouse to the next


def judged(value: float, bar: float | None = None) -> Figure:
    """A figure and, where there is one, its upper bar."""
    figure: Figure = {"value": round(value, 3)}
    return figure if bar is None else figure | {"bar": bar, "ok": value <= bar}


def spread(times: Sequence[float], **bars: float) -> dict[str, Figure]:
    """Median, 99th percentile and worst in ms; bars by those names."""
    ordered = sorted(times)
    picks = {"median_ms": 0.5, "p99_ms": 0.99, "worst_ms": 1.0}
    return {
        name: judged(ordered[min(len(ordered) - 1, int(len(ordered) * share))], bars.get(name))
        for name, share in picks.items()
    }


def frames(measured: tuple[list[float], list[float]]) -> dict[str, object]:
    first, whole = measured
    return {"first": spread(first, p99_ms=16), "complete": spread(whole)}


def idle(bench: Bench, moves: int) -> dict[str, object]:
    """Brush, pan and zoom with nothing else going on."""
    figures: dict[str, object] = {}
    for name, fitted, median, p99 in (("at_100_percent", False, 0.6, 2.0), ("fitted", True, 1.5, 4.0)):
        bench.look(fitted=fitted)
        figures[f"brush_{name}"] = spread(strokes(bench, moves), median_ms=median, p99_ms=p99)
        figures[f"pan_{name}"] = frames(pan(bench, 60))
        bench.look(fitted=fitted)
        figures[f"zoom_{name}"] = frames(zoom(bench, 60))
    bench.look(fitted=False)
    bench.palette.size = 500
    figures["brush_500_px"] = spread(strokes(bench, 200), p99_ms=8)
    bench.palette.size = 31
    return figures


def beside(bench: Bench, moves: int) -> dict[str, object]:
    """The brush while something else keeps the cores busy, moved as often as a mouse tells."""
    figures: dict[str, object] = {}
    for name, fitted in (("at_100_percent", False), ("fitted", True)):
        bench.look(fitted=fitted)
        figures[f"brush_{name}"] = spread(strokes(bench, moves, pause=MOUSE_SECONDS), p99_ms=4, worst_ms=16)
    return figures


def opened(side: int) -> tuple[Bench, dict[str, object]]:
    """A canvas with an image, and what opening it took."""
    image = texture(side)
    gc.collect()
    before = resident()
    bench = Bench(image, proposing=False)
    # The annotation is not counted as more: the bar is about what comes on top of image and mask.
    mask = side * side / 2**20
    more, allowed = resident() - before - mask, 0.4 * (image.nbytes / 2**20 + mask)
    figures: dict[str, object] = {
        "first_paint_ms": judged(bench.opening_ms, 150 if side == 8192 else None),
        "memory_beside_image_and_mask_mib": judged(more, allowed if side >= 8192 else None),
    }
    return bench, figures


def undo_of_a_fill(bench: Bench) -> dict[str, object]:
    """The whole image filled by a click, taken back and done again; until every pixel is painted."""
    bench.look(fitted=True)
    bench.take("fill")
    at = QPointF(600, 450)
    start = time.perf_counter()
    bench.send(QEvent.Type.MouseButtonPress, at, LEFT, LEFT)
    bench.send(QEvent.Type.MouseButtonRelease, at, LEFT, NONE)
    figures: dict[str, object] = {"fill_ms": judged(bench.complete(start))}
    steps = {"undo": bench.document.undo, "redo": bench.document.redo}
    for name, step in steps.items():
        start = time.perf_counter()
        step()
        figures[f"{name}_ms"] = judged(bench.complete(start), 60)
    bench.document.undo()
    bench.take("brush")
    bench.settle()
    return figures


def history(side: int) -> dict[str, object]:
    """Memory of many strokes of a view's width, packed as the saver packs them when it writes the journal."""
    document = Document(np.full((side, side), VOID, np.uint8), CLASSES)
    document.annotation.max()
    palette = Palette(value=1, size=31)
    tool = BrushTool(Kit(palette))
    rng = np.random.default_rng(0)

    def save(entry: Entry) -> None:
        assert entry.patch is not None
        entry.patch.to_bytes()

    document.on_commit.append(save)
    gc.collect()
    before = resident()
    for _ in range(HISTORY_STROKES):
        x, y = rng.uniform(0, side - 900), rng.uniform(200, side - 200)
        palette.value = int(rng.integers(0, 2))
        tool.press(document, Pointer((x, y)))
        for i in range(1, 60):
            tool.move(Pointer((x + 15 * i, y + 120 * np.sin(i / 9))))
        tool.release(Pointer((x + 900, y)))
    grown = resident() - before
    return {
        "strokes": HISTORY_STROKES,
        "kept": len(document.history.done),
        "process_mib": judged(grown, 64),
        "patches_mib": judged(document.history.nbytes / 2**20, 64),
    }


def previews() -> dict[str, object]:
    """From a move of the pointer to the painted preview of what a click would do, through the window's own worker."""
    worker = Worker()
    bench = Bench(texture(PREVIEW_SIDE), proposing=False, background=worker)
    figures: dict[str, object] = {}
    tools: tuple[ToolName, ...] = ("wand", "superpixel", "fill")
    for name in tools:
        bench.take(name)
        for fitted in (False, True):
            bench.look(fitted=fitted)
            waits, held = [], []
            for i in range(5):
                waited, longest = _preview_at(bench, name, QPointF(300 + 130 * i, 250 + 90 * i))
                waits.append(waited)
                held.append(longest)
            where = "fitted" if fitted else "at_100_percent"
            figures[f"{name}_{where}"] = {
                "first_answer_ms": judged(waits[0], None if name == "fill" else 100),
                "later_answers_ms": judged(max(waits[1:]), None if name == "fill" else 100),
                "event_loop_held_ms": judged(max(held), 16),
            }
    bench.close()
    worker.close()
    return figures


def _preview_at(bench: Bench, name: ToolName, at: QPointF) -> tuple[float, float]:
    """Milliseconds until a preview is painted, and the longest that one turn of the event loop took."""
    QApplication.sendEvent(bench.canvas, QEvent(QEvent.Type.Leave))
    bench.settle()
    left, top = (int(v // 1) for v in bench.canvas.image_point(at))
    start = now = time.perf_counter()
    longest = 0.0
    bench.send(QEvent.Type.MouseMove, at, NONE, NONE)
    while True:
        preview = bench.tools[name].preview
        mask = None if preview is None else preview.mask
        answered = mask is not None and mask[0].contains(left, top)
        painted = bench.canvas.painted
        QApplication.processEvents()
        last, now = now, time.perf_counter()
        longest = max(longest, now - last)
        if answered and bench.canvas.painted > painted:
            return (bench.canvas.painted - start) * 1e3, longest * 1e3
        if now - start > 10:
            return float("inf"), longest * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 4096, 8192, 16384])
    parser.add_argument("--moves", type=int, default=400, help="brush moves a figure")
    parser.add_argument("--idle", action="store_true", help="leave out what trains and predicts beside it")
    options = parser.parse_args()
    app = QApplication(sys.argv[:1])
    sys.setswitchinterval(SWITCH_SECONDS)  # as the program does
    warm = Bench(texture(512))
    stroke(warm, 80, 0)
    warm.close()
    result: dict[str, object] = {"view": [1200, 900], "brush_px": 31}
    if 8192 in options.sizes:  # first: memory that others have given back would hide how much it takes
        result["history_8192"] = history(8192)
    for side in options.sizes:
        bench, opening = opened(side)
        figures: dict[str, object] = {"opening": opening}
        if side == 8192:
            figures["whole_image_fill"] = undo_of_a_fill(bench)
        bench.close()
        del bench
        bench = Bench(texture(side))
        figures |= idle(bench, options.moves)
        for name, load in () if options.idle else (("training", training), ("predicting", predicting)):
            with load() as count:
                before = count()
                figures[f"while_{name}"] = beside(bench, options.moves) | {"steps_meanwhile": count() - before}
        bench.close()
        del bench
        result[str(side)] = figures
    result[f"previews_{PREVIEW_SIDE}"] = previews()
    print(json.dumps(result, indent=1))
    app.quit()


if __name__ == "__main__":
    main()
