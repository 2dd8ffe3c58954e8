"""A comparison as files."""

import csv
import json
import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from segstudio.core.metrics import Scores
from segstudio.errors import ProjectError
from segstudio.learn.comparison.plan import Comparison, ComparisonPlan, Point, Row, RowResult
from segstudio.learn.comparison.report import save_report
from segstudio.learn.events import Difference
from segstudio.learn.request import TrainSettings

ROWS = tuple(Row(transfer, "resnet18") for transfer in ("none", "feature", "parameter"))
SCORES = Scores.of(np.array([[8, 2, 0], [2, 8, 0]], np.int64), images=2, interval=(0.5, 0.8))
CURVE = (Point(10.0, 5, 0.4), Point(20.0, 10, 0.66))
RESULTS = (
    RowResult(ROWS[0], SCORES, curve=CURVE, steps=10, seconds=20.0, images_per_second=2.0, device="cpu"),
    RowResult(ROWS[1], SCORES, Difference(0.0, math.nan, math.nan), ROWS[0].label, CURVE[:1]),
    RowResult(ROWS[2], error="It failed, in one line."),
)


def comparison(*results: RowResult, minutes: float | None = 2.0) -> Comparison:
    settings = TrainSettings(minutes=minutes, steps=7)
    return Comparison(ComparisonPlan(ROWS, settings, ("a note",)), results, False, "f00d", ("a", "b"), 8, 2, 1)


def test_a_report_is_a_figure_two_tables_and_data(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    files = save_report(comparison(*RESULTS), folder)
    assert {file.name for file in files} == {"comparison.svg", "comparison.csv", "curves.csv", "comparison.json"}
    assert sorted(files) == sorted(folder.iterdir())

    figure = ElementTree.fromstring((folder / "comparison.svg").read_text(encoding="utf-8"))
    words = [text.text or "" for text in figure.iter()]
    assert {row.label for row in ROWS} <= set(words)
    assert any("2 min each, seed 0. Curves: 1 image" in line for line in words)

    with (folder / "comparison.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["transfer"] for row in table] == ["none", "feature", "parameter"]
    assert (table[0]["miou"], table[0]["low"], table[0]["gain"]) == ("0.666667", "0.5", "")
    assert (table[1]["gain"], table[1]["gain_low"], table[1]["against"]) == ("0", "", "none, resnet18")
    assert (table[2]["miou"], table[2]["error"]) == ("", "It failed, in one line.")

    with (folder / "curves.csv").open(newline="") as file:
        points = list(csv.DictReader(file))
    assert [(row["transfer"], row["seconds"], row["miou"]) for row in points] == [
        ("none", "10", "0.4"),
        ("none", "20", "0.66"),
        ("feature", "10", "0.4"),
    ]

    data = json.loads((folder / "comparison.json").read_text())
    assert data["settings"]["minutes"] == 2.0
    assert (data["labels"], data["classes"], data["notes"], data["left"]) == ("f00d", ["a", "b"], ["a note"], [])
    assert data["rows"][0]["per_class_iou"] == {"a": pytest.approx(2 / 3), "b": pytest.approx(2 / 3)}
    assert data["rows"][0]["curve"][1] == {"seconds": 20.0, "step": 10, "miou": 0.66}
    assert data["rows"][1]["gain"] == {"mean": 0.0, "low": None, "high": None}
    assert data["rows"][2]["miou"] is None


def test_an_earlier_report_is_replaced(tmp_path: Path) -> None:
    save_report(comparison(RESULTS[0]), tmp_path)
    assert [row["transfer"] for row in json.loads((tmp_path / "comparison.json").read_text())["left"]] == [
        "feature",
        "parameter",
    ]
    save_report(comparison(*RESULTS), tmp_path)
    assert len(json.loads((tmp_path / "comparison.json").read_text())["rows"]) == 3


def test_a_comparison_by_steps_without_a_result_is_a_report_too(tmp_path: Path) -> None:
    save_report(comparison(minutes=None), tmp_path)
    assert "7 steps each" in (tmp_path / "comparison.svg").read_text()


@pytest.mark.parametrize("name", ["comparison.svg", "comparison.csv", "curves.csv", "comparison.json"])
@pytest.mark.parametrize("content", ["not a report", '{"kind": "other"}'])
def test_a_report_never_replaces_something_else(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ProjectError, match=name):
        save_report(comparison(*RESULTS), tmp_path)
    assert (tmp_path / name).read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_in_place_of_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("a file")
    with pytest.raises(ProjectError, match="mine"):
        save_report(comparison(*RESULTS), tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "a file"
