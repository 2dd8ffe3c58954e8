"""A comparison as files: a figure for a paper, tables for other programs; free of torch."""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from segstudio.core.curves import Line, figure
from segstudio.errors import ProjectError
from segstudio.learn.comparison.plan import Comparison, RowResult
from segstudio.storage.atomic import write_text

FIGURE, TABLE, CURVES, DATA = "comparison.svg", "comparison.csv", "curves.csv", "comparison.json"
_KIND = "segstudio comparison"


def figure_of(comparison: Comparison) -> str:
    """The curves, and the scores with their intervals, as an SVG document."""
    return figure(
        [_line(result) for result in comparison.rows],
        title=f"Transfers compared on {comparison.train_images} training images",
        x_label="training time (s)",
        y_label="mean IoU",
        value_label="mean IoU, all validation pixels",
        note=_note(comparison),
    )


def data_of(comparison: Comparison) -> dict[str, object]:
    """All of a comparison, as JSON can hold it but for not-a-number and paths."""
    plan = comparison.plan
    return {
        "kind": _KIND,
        "settings": asdict(plan.settings),
        "labels": comparison.labels,
        "classes": list(comparison.classes),
        "train_images": comparison.train_images,
        "validation_images": comparison.validation_images,
        "curve_images": comparison.curve_images,
        "stopped": comparison.stopped,
        "notes": list(plan.notes),
        "rows": [_row(result, comparison.classes) for result in comparison.rows],
        "left": [asdict(row) for row in plan.rows[len(comparison.rows) :]],
    }


def check_report_folder(folder: Path) -> None:
    """Refuse a folder in which something else would be overwritten. An earlier report may be.

    Raises:
        ProjectError: naming the file in the way.
    """
    remedy = "Choose another folder"
    if folder.exists() and not folder.is_dir():
        raise ProjectError("is a file, not a folder", remedy=remedy, path=folder)
    taken = [folder / name for name in (FIGURE, TABLE, CURVES, DATA) if (folder / name).exists()]
    if taken and not _is_report(folder / DATA):
        raise ProjectError("is there already and is no report of a comparison", remedy=remedy, path=taken[0])


def save_report(comparison: Comparison, folder: Path) -> list[Path]:
    """Write the figure, both tables and the data into a folder, which is made when missing.

    Returns:
        The files.

    Raises:
        ProjectError: see `check_report_folder`, or when a file cannot be written.
    """
    check_report_folder(folder)
    contents: Mapping[str, Callable[[Comparison], str]] = {
        DATA: lambda found: json.dumps(_plain(data_of(found)), indent=1, allow_nan=False) + "\n",
        FIGURE: figure_of,
        TABLE: _table,
        CURVES: _curves,
    }
    for name, content in contents.items():
        write_text(folder / name, content(comparison))
    return [folder / name for name in contents]


def _line(result: RowResult) -> Line:
    points = tuple((point.seconds, point.miou) for point in result.curve)
    scores = result.scores
    if scores is None or math.isnan(scores.miou):
        return Line(result.row.label, points)
    low, high = scores.interval or (None, None)
    return Line(result.row.label, points, scores.miou, low, high)


def _note(comparison: Comparison) -> str:
    budget = comparison.plan.settings
    each = f"{budget.minutes:g} min" if budget.minutes is not None else f"{budget.steps} steps"
    return (
        f"{each} each, seed {budget.seed}. Curves: {_images(comparison.curve_images)} of the validation split. "
        f"Dots: all {comparison.validation_images}, with 90 % bootstrap intervals over images."
    )


def _images(count: int) -> str:
    return f"{count} image" if count == 1 else f"{count} images"


def _row(result: RowResult, classes: Sequence[str]) -> dict[str, object]:
    scores = result.scores
    return {
        **asdict(result.row),
        "miou": None if scores is None else scores.miou,
        "interval": None if scores is None else scores.interval,
        "per_class_iou": None if scores is None else dict(zip(classes, scores.per_class_iou, strict=False)),
        "dice": None if scores is None else scores.dice,
        "boundary": None if scores is None else scores.boundary,
        "gain": None if result.gain is None else asdict(result.gain),
        "against": result.against or None,
        "steps": result.steps,
        "seconds": result.seconds,
        "images_per_second": result.images_per_second,
        "seconds_to_near_best": result.seconds_to_near_best,
        "device": result.device,
        "curve": [asdict(point) for point in result.curve],
        "notes": list(result.notes),
        "error": result.error or None,
    }


def _table(comparison: Comparison) -> str:
    header = (
        "transfer", "origin", "miou", "low", "high", "gain", "gain_low", "gain_high", "against", "steps", "seconds",
        "crops_per_second", "seconds_to_near_best", "error",
    )  # fmt: skip
    rows = []
    for result in comparison.rows:
        scores, gain = result.scores, result.gain
        low, high = (scores.interval if scores else None) or (None, None)
        rows.append(
            (
                result.row.transfer, result.row.origin, scores.miou if scores else None, low, high,
                *((gain.mean, gain.low, gain.high) if gain else (None,) * 3), result.against, result.steps,
                result.seconds, result.images_per_second, result.seconds_to_near_best, result.error,
            )
        )  # fmt: skip
    return _csv(header, rows)


def _curves(comparison: Comparison) -> str:
    rows = [
        (result.row.transfer, result.row.origin, point.seconds, point.step, point.miou)
        for result in comparison.rows
        for point in result.curve
    ]
    return _csv(("transfer", "origin", "seconds", "step", "miou"), rows)


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else ""
    return "" if value is None else value


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _is_report(path: Path) -> bool:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("kind") == _KIND
