"""A run that was stopped goes on exactly where it stood, or says in one line why it cannot."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from segstudio.core.augmentation import Augmentation
from segstudio.core.labels import LabelledImage
from segstudio.learn import events
from segstudio.learn.networks.network import SegmentationNetwork
from segstudio.learn.request import LossSettings, Optimisation, TrainRequest, TrainSettings
from segstudio.learn.training.loop import fit
from segstudio.learn.training.resumable import STATE, TENSORS, resumable, run_folder, settings_from
from segstudio.storage.cards import WEIGHTS, read_card
from tests.learn.tiny import started

Ask = Callable[..., TrainRequest]
Images = tuple[LabelledImage, ...]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs train a network that takes milliseconds."""
    monkeypatch.setattr("segstudio.learn.training.loop.start_network", lambda *_, **__: started())


def run(request: TrainRequest, stop_at: int | None = None) -> tuple[list[events.Event], events.Ending]:
    """Train, stopped after a step when asked."""
    cancel, seen = threading.Event(), list[events.Event]()

    def emit(event: events.Event) -> None:
        seen.append(event)
        if isinstance(event, events.StepDone) and event.step == stop_at:
            cancel.set()

    return seen, fit(request, emit, cancel)


def resumed(request: TrainRequest) -> tuple[list[events.Event], events.Ending]:
    return run(replace(request, resume=True))


def notes(seen: list[events.Event], kind: str = "resumed") -> list[str]:
    return [event.line for event in seen if isinstance(event, events.Noted) and event.kind == kind]


def tensors(ending: events.Ending) -> dict[str, torch.Tensor]:
    assert isinstance(ending, events.Done), ending
    assert ending.model is not None
    loaded: dict[str, torch.Tensor] = load_file(ending.model / WEIGHTS)
    return loaded


def assert_same(one: events.Ending, other: events.Ending) -> None:
    first, second = tensors(one), tensors(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("at", [1, 12, 13, 14])  # looks: before all, within a step, between two, within one again
def test_a_resumed_run_is_the_run_that_was_never_stopped(
    make_request: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    how = Optimisation(accumulation=2, regulariser="l2sp")
    asked = {"steps": 9, "optimisation": how, "augmentation": Augmentation(rotate=True, noise=True)}
    _, whole = run(make_request(models=tmp_path / "whole", **asked))
    cancel, looks = threading.Event(), iter(range(1, 1000))

    def look(_cancel: threading.Event) -> float:
        if next(looks) == at:
            cancel.set()
        return 0.0

    request = make_request(models=tmp_path / "parts", **asked)
    with monkeypatch.context() as patched:
        patched.setattr("segstudio.learn.training.loop.give_way", look)
        assert isinstance(fit(request, lambda _: None, cancel), events.Cancelled)
    seen, parts = resumed(request)
    assert_same(parts, whole)
    assert [event.step for event in seen if isinstance(event, events.StepDone)] == list(range((at - 1) // 3 + 1, 10))


def test_a_real_network_goes_on_bit_for_bit(make_request: Ask, tmp_path: Path) -> None:
    _, whole = run(make_request(steps=4, models=tmp_path / "whole"))
    request = make_request(steps=4, models=tmp_path / "parts")
    run(request, stop_at=2)
    seen, parts = resumed(request)
    assert_same(parts, whole)
    (line,) = notes(seen)
    assert line.startswith("Resumed at step 2, after ")
    assert not line.endswith("since.")
    assert isinstance(parts, events.Done)
    assert parts.steps == 4
    assert parts.model is not None
    assert [step for step, _ in read_card(parts.model).curve["losses"]] == [1, 2, 3, 4]


@pytest.mark.usefixtures("tiny")
def test_what_was_stopped_can_be_asked_for(make_request: Ask, tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert resumable(models) is None
    run(make_request(steps=50, seed=3), stop_at=4)
    info = resumable(models)
    assert info is not None
    assert (info.steps, info.settings.seed, info.classes) == (4, 3, ("ground", "blob"))
    assert info.seconds > 0
    assert info.when.tzinfo is not None


@pytest.mark.usefixtures("tiny")
def test_a_run_that_ended_well_leaves_nothing_to_resume(make_request: Ask, tmp_path: Path) -> None:
    run(make_request(steps=50), stop_at=2)
    assert run_folder(tmp_path / "models").is_dir()
    resumed(make_request(steps=4))
    assert not run_folder(tmp_path / "models").exists()


@pytest.mark.usefixtures("tiny")
def test_another_run_takes_the_place_of_the_stopped_one(make_request: Ask, tmp_path: Path) -> None:
    run(make_request(steps=50), stop_at=4)
    run(make_request(steps=50, seed=5), stop_at=2)
    info = resumable(tmp_path / "models")
    assert info is not None
    assert (info.steps, info.settings.seed) == (2, 5)


@pytest.mark.usefixtures("tiny")
def test_a_stop_before_the_first_step_keeps_the_older_state(make_request: Ask, tmp_path: Path) -> None:
    run(make_request(steps=50), stop_at=4)
    cancel = threading.Event()
    cancel.set()
    fit(make_request(steps=50), lambda _: None, cancel)
    assert resumable(tmp_path / "models") is not None


@pytest.mark.usefixtures("tiny")
def test_only_the_limits_may_change(make_request: Ask) -> None:
    run(make_request(steps=50, seed=3), stop_at=2)
    _, ending = resumed(make_request(steps=5, seed=8, batch=1))
    assert isinstance(ending, events.Done)
    assert ending.model is not None
    card = read_card(ending.model)
    assert (card.steps, card.settings["seed"], card.settings["batch"]) == (5, 3, 2)


@pytest.mark.usefixtures("tiny")
def test_other_classes_are_refused(make_request: Ask) -> None:
    run(make_request(steps=50), stop_at=2)
    _, ending = resumed(make_request(names=("ground", "cell")))
    assert isinstance(ending, events.Failed)
    assert ending.message == (
        "the classes have changed since the run was stopped. Start a new run from its model, with structure transfer."
    )


@pytest.mark.usefixtures("tiny")
def test_labels_that_changed_since_are_told(
    make_request: Ask, images: Images, make_image: Callable[..., LabelledImage]
) -> None:
    run(make_request(steps=50), stop_at=2)
    seen, ending = resumed(make_request(steps=4, labelled=(*images, make_image(9))))
    assert isinstance(ending, events.Done)
    assert notes(seen)[0].endswith("The labels have changed since.")


def cut_tensors(folder: Path) -> None:
    (folder / TENSORS).write_bytes((folder / TENSORS).read_bytes()[:1000])


def spoil_text(folder: Path) -> None:
    (folder / STATE).write_text("{")


def lose_an_entry(folder: Path) -> None:
    content = json.loads((folder / STATE).read_text())
    del content["batches"]
    (folder / STATE).write_text(json.dumps(content))


def lose_everything(folder: Path) -> None:
    (folder / STATE).unlink()


def come_from_the_future(folder: Path) -> None:
    content = json.loads((folder / STATE).read_text())
    (folder / STATE).write_text(json.dumps({**content, "format": 99}))


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("damage", [cut_tensors, spoil_text, lose_an_entry, lose_everything, come_from_the_future])
def test_a_damaged_state_starts_anew_with_one_line(
    make_request: Ask, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    run(make_request(steps=50), stop_at=2)
    damage(run_folder(tmp_path / "models"))
    seen, ending = resumed(make_request(steps=2))
    assert isinstance(ending, events.Done)
    assert ending.steps == 2
    (line,) = notes(seen)
    assert line.endswith("Training starts from the beginning.")
    assert "\n" not in line


@pytest.mark.usefixtures("tiny")
def test_a_full_disk_is_told_and_training_goes_on(
    make_request: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    run(make_request(steps=50), stop_at=2)
    folder = run_folder(models)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("segstudio.learn.training.resuming.save_file", full)
    monkeypatch.setattr("segstudio.learn.networks.saving.save_file", full)
    monkeypatch.setattr("segstudio.learn.training.schedule._FIRST_ROUND", 0.0)
    monkeypatch.setattr("segstudio.learn.training.schedule._VALIDATION_SHARE", 1.0)
    seen, ending = resumed(make_request(steps=6))
    assert isinstance(ending, events.Done)
    assert ending.steps == 6
    assert ending.model is None
    assert len(notes(seen, "disk")) > 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in models.iterdir() if path.is_dir()] == [folder.name]


@pytest.mark.usefixtures("tiny")
def test_the_state_is_written_at_every_round(
    make_request: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segstudio.learn.training.schedule._FIRST_ROUND", 0.0)
    monkeypatch.setattr("segstudio.learn.training.schedule._VALIDATION_SHARE", 1.0)
    found: list[int] = []

    def emit(event: events.Event) -> None:
        info = resumable(tmp_path / "models")
        if isinstance(event, events.StepDone) and info is not None:
            found.append(info.steps)

    fit(make_request(steps=4), emit, threading.Event())
    assert found == [1, 2, 3]


def test_a_run_goes_on_in_its_own_line(make_request: Ask, judged: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had promoted before the stop is its own model: any higher score follows it."""
    monkeypatch.setattr("segstudio.learn.training.schedule._FIRST_ROUND", 0.0)
    request = make_request(steps=3, labelled=judged)
    seen, _ = run(request, stop_at=2)
    (first,) = [event for event in seen if isinstance(event, events.Promoted)]
    seen, ending = resumed(replace(request, in_use=first.folder))
    assert isinstance(ending, events.Done)
    assert ending.model is not None
    rounds = [event for event in seen if isinstance(event, events.RoundDone)]
    assert all(event.in_use is not None for event in rounds)
    for promoted in [event for event in seen if isinstance(event, events.Promoted)]:
        assert promoted.replaces == first.folder
        assert read_card(promoted.folder).parent is None


def test_settings_survive_json() -> None:
    for settings in (
        TrainSettings(),
        TrainSettings(
            transfer="structure",
            start="somewhere",
            minutes=2.5,
            crop=128,
            optimisation=Optimisation("sgd", rate=0.1, clip=None),
            loss=LossSettings("focal", 0.5, 0.1),
            augmentation=Augmentation(flip=False, rotate=True),
        ),
    ):
        assert settings_from(json.loads(json.dumps(asdict(settings)))) == settings


@pytest.mark.parametrize("change", [{"batch": "4"}, {"surprise": 1}, {"loss": {"kind": 3}}, {"plateau": 1}])
def test_settings_that_make_no_sense_are_refused(change: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        settings_from({**asdict(TrainSettings()), **change})


def test_asking_loads_no_torch() -> None:
    code = "import sys, segstudio.learn.training.resumable, segstudio.learn.turns; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    "change",
    [
        {"augmentation": {**asdict(Augmentation()), "scale_from": 100.0}},
        {"optimisation": []},
        {"seed": None, "batch": "4"},
    ],
)
def test_settings_spoiled_on_disk_are_no_run_to_resume(
    make_request: Ask, tmp_path: Path, change: dict[str, object]
) -> None:
    run(make_request(steps=50), stop_at=2)
    path = run_folder(tmp_path / "models") / STATE
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "settings": {**content["settings"], **change}}))
    assert resumable(tmp_path / "models") is None
    seen, ending = resumed(make_request(steps=2))
    assert isinstance(ending, events.Done)
    assert notes(seen)[0].endswith("Training starts from the beginning.")


@pytest.mark.usefixtures("tiny")
def test_an_encoder_that_learns_goes_on_learning_when_the_limit_is_put_off(
    make_request: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(make_request(steps=10), stop_at=8)
    asked: list[int] = []
    monkeypatch.setattr(SegmentationNetwork, "thaw", lambda _self, stages: asked.append(stages))
    resumed(make_request(steps=100))
    assert asked == [2]


@pytest.mark.usefixtures("tiny")
def test_a_run_goes_on_without_the_device_it_was_asked_to_use(make_request: Ask, tmp_path: Path) -> None:
    run(make_request(steps=50), stop_at=2)
    path = run_folder(tmp_path / "models") / STATE
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "settings": {**content["settings"], "device": "cuda:99"}}))
    _, ending = resumed(make_request(steps=4))
    assert isinstance(ending, events.Done)
    assert ending.steps == 4


@pytest.mark.usefixtures("tiny")
def test_a_run_goes_on_though_the_model_it_started_from_was_removed(
    make_request: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segstudio.learn.training.schedule._FIRST_ROUND", 0.0)
    _, first = run(make_request())
    assert isinstance(first, events.Done)
    assert first.model is not None
    seen, _ = run(make_request(transfer="structure", start=str(first.model), steps=50), stop_at=3)
    own = next(event.folder for event in seen if isinstance(event, events.Promoted))
    shutil.rmtree(first.model)
    _, ending = resumed(make_request(steps=5, in_use=own))
    assert isinstance(ending, events.Done), ending
    assert ending.steps == 5
