"""Comparing transfers on small blobs, with a real network."""

import math
import pickle
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from segstudio.core.classes import ClassTable
from segstudio.core.labels import LabelledImage, fingerprint
from segstudio.errors import ImageError, ProjectError, SegStudioError, TrainingError, UsageError
from segstudio.learn import events
from segstudio.learn.comparison import plan as comparison
from segstudio.learn.comparison import runner as comparing
from segstudio.learn.comparison.plan import Comparison, ComparisonPlan, Row
from segstudio.learn.comparison.runner import baseline_of, compare
from segstudio.learn.judging.scoring import score
from segstudio.learn.networks.saving import load_model
from segstudio.learn.request import TrainRequest, TrainSettings
from segstudio.learn.training.loop import fit
from tests.learn.conftest import SIZE

LITE = "efficientnet_lite0"
CLASSES = ClassTable.of(("ground", "blob"))
SETTINGS = TrainSettings(steps=2, crop=SIZE, batch=2, device="cpu", decoder="fpn")
NONE, FEATURE, PARAMETER = Row("none", LITE), Row("feature", LITE), Row("parameter", LITE)
Images = tuple[LabelledImage, ...]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders go; whatever is left there is seen."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def compared(
    images: Images, *rows: Row, cancel: threading.Event | None = None, settings: TrainSettings = SETTINGS
) -> tuple[Comparison, list[comparison.Event]]:
    told: list[comparison.Event] = []
    plan = ComparisonPlan(rows, settings)
    found = compare(plan, images, CLASSES, told.append, cancel or threading.Event())
    return found, told


def test_rows_are_trained_in_turn_scored_and_compared_with_random_start(judged: Images, place: Path) -> None:
    found, told = compared(judged, NONE, FEATURE)
    assert [result.row for result in found.rows] == [NONE, FEATURE]
    first, second = found.rows
    for result in found.rows:
        assert result.error == ""
        assert result.scores is not None
        assert result.scores.images == 3
        assert result.scores.interval is not None
        assert result.steps == 2
        assert result.seconds > 0
        assert result.images_per_second > 0
        assert result.device == "cpu"
        assert result.curve[-1].step == 2
        assert result.curve[-1].seconds == result.seconds_to_near_best or len(result.curve) > 1
    assert first.gain is None
    assert second.against == NONE.label
    assert first.scores is not None
    assert second.scores is not None
    assert second.gain is not None
    assert math.isclose(second.gain.mean, second.scores.miou - first.scores.miou, abs_tol=1e-9)
    assert second.gain.low <= second.gain.mean <= second.gain.high
    assert (found.stopped, found.labels) == (False, fingerprint(judged))
    assert (found.train_images, found.validation_images, found.curve_images) == (3, 3, 3)
    assert list(place.iterdir()) == []
    kinds = [type(event).__name__ for event in told]
    assert kinds.count("RowStepped") == 4
    assert [kind for kind in kinds if kind not in ("RowStepped", "RowScored")] == [
        "RowStarted",
        "RowDone",
        "RowStarted",
        "RowDone",
        "ComparisonDone",
    ]
    assert [event.done for event in told if isinstance(event, comparison.RowStepped)] == [0.5, 1.0, 0.5, 1.0]
    so_far = [event.so_far for event in told if isinstance(event, comparison.RowDone)]
    assert [each.rows for each in so_far] == [found.rows[:1], found.rows]
    assert pickle.loads(pickle.dumps(told)) == told


def test_a_row_is_what_the_same_run_alone_would_give(judged: Images, tmp_path: Path) -> None:
    found, _ = compared(judged, FEATURE)
    request = TrainRequest(FEATURE.settings(SETTINGS), CLASSES, judged, tmp_path / "models")
    ending = fit(request, lambda _: None, threading.Event())
    assert isinstance(ending, events.Done)
    assert ending.model is not None
    alone = score(load_model(ending.model), [image for image in judged if image.split == "validation"], classes=2)
    assert found.rows[0].scores == alone


def test_structure_starts_from_an_earlier_model(judged: Images, tmp_path: Path) -> None:
    request = TrainRequest(NONE.settings(SETTINGS), CLASSES, judged, tmp_path / "models")
    ending = fit(request, lambda _: None, threading.Event())
    assert isinstance(ending, events.Done)
    assert ending.model is not None
    found, _ = compared(judged, Row("structure", LITE, str(ending.model)))
    assert found.rows[0].scores is not None
    assert found.rows[0].row.origin == ending.model.name
    assert any("kept" in note for note in found.rows[0].notes)


def test_a_row_that_fails_does_not_keep_the_others_from_it(
    judged: Images, monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    def failing(request: TrainRequest, emit: Callable[[events.Event], None], *rest: object) -> events.Ending:
        if request.settings.transfer == "none":
            failed = events.Failed("There is too little memory.")
            emit(failed)
            return failed
        return fit(request, emit, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(comparing, "fit", failing)
    found, _ = compared(judged, NONE, FEATURE)
    assert found.rows[0].error == "There is too little memory."
    assert found.rows[0].scores is None
    assert found.rows[1].error == ""
    assert found.rows[1].gain is None
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("error", [ImageError("cannot be read"), RuntimeError("a surprise")])
def test_a_scoring_that_fails_is_a_line(judged: Images, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(comparing, "load_model", fail)
    found, _ = compared(judged, FEATURE)
    assert str(error).rstrip(".") in found.rows[0].error
    assert "\n" not in found.rows[0].error


def test_a_network_without_numbers_has_no_score(judged: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    def numberless(_: TrainRequest, emit: Callable[[events.Event], None], *__: object) -> events.Ending:
        ending = events.Done(None, None, 2, 1.0, 4.0)
        emit(ending)
        return ending

    monkeypatch.setattr(comparing, "fit", numberless)
    assert compared(judged, FEATURE)[0].rows[0].error == "The network does not give numbers."


def test_what_ended_before_a_stop_stays(judged: Images, place: Path) -> None:
    cancel = threading.Event()
    told: list[comparison.Event] = []

    def emit(event: comparison.Event) -> None:
        told.append(event)
        if isinstance(event, comparison.RowStepped) and event.number == 2:
            cancel.set()

    found = compare(ComparisonPlan((FEATURE, PARAMETER, NONE), SETTINGS), judged, CLASSES, emit, cancel)
    assert found.stopped
    assert [result.row for result in found.rows] == [FEATURE]
    assert told[-1] == comparison.ComparisonDone(found)
    assert sum(isinstance(event, comparison.RowStepped) and event.number == 2 for event in told) == 1
    assert list(place.iterdir()) == []


def test_a_stop_before_the_first_row_gives_an_empty_comparison(judged: Images) -> None:
    cancel = threading.Event()
    cancel.set()
    found, told = compared(judged, NONE, cancel=cancel)
    assert (found.rows, found.stopped) == ((), True)
    assert told == [comparison.ComparisonDone(found)]


def test_curves_are_scored_on_the_same_few_images(judged: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "_CURVE_PIXELS", 2 * SIZE * SIZE)
    seen = []

    def watching(request: TrainRequest, *_: object) -> events.Ending:
        seen.append([image.key for image in request.images if image.split == "validation"])
        assert request.pace is not None
        assert request.pace.pixels == 2 * SIZE * SIZE
        return events.Failed("Enough seen.")

    monkeypatch.setattr(comparing, "fit", watching)
    found, _ = compared(judged, NONE, FEATURE)
    assert len(seen[0]) == 2
    assert seen[0] == seen[1]
    assert (found.curve_images, found.validation_images) == (2, 3)


def test_rounds_on_fewer_images_leave_no_point(judged: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    def hurried(request: TrainRequest, emit: Callable[[events.Event], None], *rest: object) -> events.Ending:
        def between(event: events.Event) -> None:
            if isinstance(event, events.RoundDone) and event.candidate is not None:
                emit(replace(event, step=1, candidate=replace(event.candidate, images=1)))
            emit(event)

        return fit(request, between, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(comparing, "fit", hurried)
    found, _ = compared(judged, FEATURE)
    assert [point.step for point in found.rows[0].curve] == [2]


def test_rounds_come_often_enough_for_a_curve(judged: Images) -> None:
    found, _ = compared(judged, FEATURE, settings=replace(SETTINGS, steps=None, minutes=0.12))
    curve = found.rows[0].curve
    assert len(curve) >= 2
    assert [point.seconds for point in curve] == sorted(point.seconds for point in curve)


def test_few_validation_images_are_said(images: Images) -> None:
    found, _ = compared(images, FEATURE)
    assert found.curve_images == 1
    assert found.plan.notes == ("Only 1 image validates: differences may be chance. Label more images to know.",)
    assert found.rows[0].scores is not None
    assert found.rows[0].scores.interval is None


def test_what_cannot_be_compared_is_refused_before_anything_is_trained(judged: Images) -> None:
    training = tuple(image for image in judged if image.split == "train")
    validating = tuple(image for image in judged if image.split == "validation")
    told: list[comparison.Event] = []

    def refused(kind: type[SegStudioError], images: Images, settings: TrainSettings = SETTINGS) -> str:
        with pytest.raises(kind) as caught:
            compare(ComparisonPlan((NONE, FEATURE), settings), images, CLASSES, told.append, threading.Event())
        return str(caught.value)

    assert "no image validates" in refused(TrainingError, training)
    assert "training split" in refused(TrainingError, validating)
    assert "crops of 100" in refused(UsageError, judged, replace(SETTINGS, crop=100))
    for image in validating:
        image.path.unlink()
    assert "can be read" in refused(TrainingError, judged)
    assert told == []


def test_without_a_place_for_temporary_files_it_is_one_line(judged: Images, place: Path) -> None:
    place.rmdir()
    with pytest.raises(ProjectError) as caught:
        compared(judged, FEATURE)
    assert str(place) in str(caught.value)


def test_the_baseline_is_the_random_start_of_the_same_backbone() -> None:
    other = Row("none", "resnet18")
    assert baseline_of(Row("feature", "resnet18"), [NONE, other]) == other
    assert baseline_of(Row("structure", "resnet18", "m0001"), [NONE, other]) == NONE
    assert baseline_of(Row("feature", "vgg16"), [NONE, other]) == NONE
    assert baseline_of(PARAMETER, [FEATURE]) == FEATURE
    assert baseline_of(other, [NONE]) is None
    assert baseline_of(FEATURE, []) is None
