"""Comparing transfers from the command line."""

import io
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from segstudio.cli.comparing import can_show_blocks, shown
from segstudio.cli.output import Output
from segstudio.core.metrics import Scores
from segstudio.errors import ProjectError
from segstudio.learn import events
from segstudio.learn.comparison.plan import Comparison, ComparisonPlan, Point, Row, RowResult
from segstudio.learn.request import TrainRequest, TrainSettings
from segstudio.learn.training.loop import fit
from segstudio.storage.project import Project
from tests.cli.calling import SHORT, Call

Emit = Callable[[events.Event], None]


@pytest.fixture
def project(drawn: Path) -> Path:
    """A project in which images train and validate."""
    with Project.open(drawn) as opened:
        labelled = {image.key for image in opened.labelled()}
        for split in ("train", "validation"):
            fresh = next(image.key for image in opened.images() if image.key not in labelled)
            labelled.add(fresh)
            opened.set_split(fresh, split)
            annotation = opened.annotation(fresh)
            annotation[:40], annotation[40:60] = 0, 1
            opened.set_annotation(fresh, annotation)
    return drawn


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_transfers_are_compared_and_nothing_stays_in_the_project(call: Call, project: Path, tmp_path: Path) -> None:
    before = contents(project)
    report = tmp_path / "report"
    answer = call("compare", project, "--transfers", "feature,none", *SHORT, "--out", report, "--json")
    assert answer.code == 0, answer.err
    told = answer.json
    assert [row["transfer"] for row in told["rows"]] == ["none", "feature"]
    assert all(0 <= row["miou"] <= 1 for row in told["rows"])
    assert told["rows"][0]["gain"] is None
    assert told["rows"][1]["against"] == "none, efficientnet_lite0"
    assert told["rows"][1]["gain"]["mean"] == pytest.approx(told["rows"][1]["miou"] - told["rows"][0]["miou"])
    assert told["settings"]["steps"] == 2
    assert (told["stopped"], told["left"]) == (False, [])
    assert {Path(file).name for file in told["files"]} == {path.name for path in report.iterdir()}
    assert "1 of 2: none, efficientnet_lite0." in answer.err
    assert contents(project) == before
    with Project.open(project) as opened:
        assert opened.model_in_use is None


def test_a_person_reads_a_table_and_why_structure_is_left_out(call: Call, project: Path) -> None:
    answer = call("compare", project, "--transfers", "feature,structure", *SHORT)
    assert answer.code == 0, answer.err
    header, row = answer.out.splitlines()
    assert header.split()[:4] == ["transfer", "from", "mean", "IoU"]
    assert row.split()[:2] == ["feature", "efficientnet_lite0"]
    assert "Structure is left out" in answer.err


def test_structure_starts_from_the_model_in_use(call: Call, trained: Path) -> None:
    with Project.open(trained) as opened:
        assert opened.model_in_use is not None
        name = opened.model_in_use.name
    by_itself = call("compare", trained, "--transfers", "structure", *SHORT, "--json")
    assert by_itself.code == 0, by_itself.err
    assert Path(by_itself.json["rows"][0]["start"]).name == name
    by_name = call("compare", trained, "--transfers", "structure", "--start", name, *SHORT, "--json")
    assert by_name.json["rows"][0]["miou"] == by_itself.json["rows"][0]["miou"]
    assert "head start" in by_name.err


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--transfers", "none,magic"), 2, "magic"),
        (("--backbones", "magicnet"), 2, "magicnet"),
        (("--backbones", "efficientnet_lite0,resnet18"), 1, "ResNet-18 are not on this machine"),
        (("--start", "m0099"), 2, "m0099"),
        (("--transfers", "none", "--start", "lraspp_mobilenet_v3_large"), 2, "only structure"),
        (("--minutes", "0"), 2, "--minutes"),
        (("--crop", "100"), 2, "100 pixels"),
        (("--device", "abacus"), 2, "abacus"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    call: Call, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...], code: int, says: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("SEGSTUDIO_WEIGHTS", str(tmp_path))
    arguments = options if "--minutes" in options else ("--steps", "1", *options)
    answer = call("compare", project, *arguments, "--json")
    assert answer.code == code
    assert answer.out == ""
    assert says in answer.err.splitlines()[-1]


def test_a_report_that_would_replace_something_is_refused_first(call: Call, project: Path, tmp_path: Path) -> None:
    (tmp_path / "curves.csv").write_text("mine")
    call("compare", project, *SHORT, "--out", tmp_path, "--json").assert_refused("curves.csv")
    assert (tmp_path / "curves.csv").read_text() == "mine"


def test_ctrl_c_keeps_the_rows_that_ended(
    call: Call, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(request: TrainRequest, emit: Emit, *rest: object) -> events.Ending:
        if request.settings.transfer == "parameter":
            signal.raise_signal(signal.SIGINT)
        return fit(request, emit, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("segstudio.learn.comparison.runner.fit", interrupted)
    before = signal.getsignal(signal.SIGINT)
    answer = call(
        "compare", project, "--transfers", "feature,parameter", *SHORT, "--out", tmp_path / "report", "--json"
    )
    assert answer.code == 130
    assert answer.json["stopped"] is True
    assert [row["transfer"] for row in answer.json["rows"]] == ["feature"]
    assert [row["transfer"] for row in answer.json["left"]] == ["parameter"]
    assert json.loads((tmp_path / "report" / "comparison.json").read_text())["stopped"] is True
    assert signal.getsignal(signal.SIGINT) is before


def test_a_full_disk_costs_neither_the_rows_to_come_nor_the_result(
    call: Call, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> list[Path]:
        raise ProjectError("cannot be written, the disk is full", remedy="Free some space", path=tmp_path / "report")

    monkeypatch.setattr("segstudio.cli.comparing.save_report", full)
    words = ("--transfers", "none,feature", *SHORT, "--out", tmp_path / "report", "--json")
    answer = call("compare", project, *words)
    assert answer.code == 1
    assert [row["error"] for row in answer.json["rows"]] == [None, None]
    assert answer.json["files"] == []
    assert answer.err.count("the disk is full") == 3  # after each row, and at the end
    assert "the disk is full" in answer.err.splitlines()[-1]


def test_a_failed_row_is_a_line_and_none_but_failures_is_a_failure(
    call: Call, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(request: TrainRequest, emit: Emit, *rest: object) -> events.Ending:
        if request.settings.transfer == "none":
            return events.Failed("There is too little memory.")
        return fit(request, emit, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("segstudio.learn.comparison.runner.fit", failing)
    answer = call("compare", project, "--transfers", "none,feature", *SHORT)
    assert answer.code == 0
    assert "none, efficientnet_lite0 failed: There is too little memory." in answer.out
    assert "none, efficientnet_lite0: There is too little memory." in answer.err
    answer = call("compare", project, "--transfers", "none", *SHORT, "--json")
    assert answer.code == 1
    assert answer.out == ""
    assert "There is too little memory." in answer.err.splitlines()[-1]


SCORES = Scores(0.5, (0.5,), 0.6, 0.7, 2, 100, interval=(0.4, 0.6))


def table_of(*results: RowResult, blocks: bool = True) -> list[str]:
    plan = ComparisonPlan(tuple(result.row for result in results), TrainSettings(steps=1))
    found = Comparison(plan, results, False, "", ("a",), 1, 2, 2)
    stream = io.StringIO()
    Output(stream, as_json=False).result({}, *shown(found, blocks=blocks))
    return stream.getvalue().splitlines()


def test_gains_over_one_baseline_are_named_in_the_header_and_over_several_in_a_column() -> None:
    gain = events.Difference(0.1, 0.05, 0.15)
    first, second = (RowResult(Row("none", name), SCORES) for name in ("a", "b"))
    one = RowResult(Row("feature", "a"), SCORES, gain, "none, a", (Point(60.0, 3, 0.5),))
    other = RowResult(Row("feature", "b"), SCORES, events.Difference(0.1, float("nan"), float("nan")), "none, b")
    header, _, row = table_of(first, one)
    assert "gain over none" in header
    assert "[0.400, 0.600]" in row
    assert "+0.100  [+0.050, +0.150]" in row
    assert "1.00" in row
    assert "█" in row
    lines = table_of(first, second, one, other, blocks=False)
    assert "over none" not in lines[0]
    assert lines[3].rstrip().endswith("none, a")
    assert lines[4].rstrip().endswith("none, b")
    assert "nan" not in lines[4]
    assert "█" not in "".join(lines)


def test_blocks_are_left_out_where_they_cannot_be_written() -> None:
    assert can_show_blocks("utf-8")
    assert not can_show_blocks("cp1252")
    assert not can_show_blocks("ascii")
    assert not can_show_blocks(None)


def test_the_help_names_the_command(call: Call) -> None:
    answer = call("--help")
    assert "compare" in answer.out
