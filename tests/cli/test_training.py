"""Training from the command line."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from segstudio.cli.training_options import SWITCHES
from segstudio.core.augmentation import Augmentation
from segstudio.core.classes import ClassTable
from segstudio.learn.events import Cancelled, Done, Ending, Event, StepDone
from segstudio.learn.networks.inheriting import StartedNetwork
from segstudio.learn.request import LossSettings, Optimisation, TrainSettings
from segstudio.learn.training.runs import train_project
from segstudio.storage.logs import log_folder
from segstudio.storage.project import Project
from tests.cli.calling import SHORT, Call
from tests.learn.tiny import started

ROOT = Path(__file__).resolve().parents[2]


def test_training_yields_a_model_in_use(call: Call, drawn: Path) -> None:
    answer = call("train", drawn, "--transfer", "feature", *SHORT, "--json")
    assert answer.code == 0
    told = answer.json
    assert told["steps"] == 2
    assert told["seconds"] > 0
    assert told["images_per_second"] > 0
    assert told["device"] == "cpu"
    assert told["labels"]["train"] + told["labels"]["validation"] == 3
    assert 0 <= told["miou"] <= 1
    assert len(told["per_class_iou"]) == 3
    assert told["stopped"] is False
    assert told["verdict"].startswith("Promoted")
    assert told["model"] == told["in_use"]
    with Project.open(drawn) as project:
        assert str(project.model_in_use) == told["model"]
    assert "Training on cpu" in answer.err


def test_a_person_reads_the_scores(call: Call, drawn: Path) -> None:
    answer = call("train", drawn, *SHORT, "--transfer", "none")
    assert answer.code == 0
    assert "Done after 2 steps" in answer.out
    assert "nucleus" in answer.out
    assert "Model: " in answer.out


def test_training_without_labels_is_refused(call: Call, images: Path, tmp_path: Path) -> None:
    assert call("new", tmp_path / "new", "--images", images, "--classes", "a,b").code == 0
    call("train", tmp_path / "new", *SHORT, "--json").assert_refused("label")


def test_training_with_one_class_only_is_refused(call: Call, drawn: Path) -> None:
    with Project.open(drawn) as project:
        for record in project.images():
            annotation = project.annotation(record.key)
            annotation[annotation != 255] = 1
            project.set_annotation(record.key, annotation)
    call("train", drawn, *SHORT, "--json").assert_refused("class")


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_damaged_weights_are_one_line(
    call: Call, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    from segstudio.learn.backbones import registry as backbones

    file = tmp_path / "weights.pth"
    if damage == "truncated":
        file.write_bytes(backbones.bundled_file().read_bytes()[:10_000])
    monkeypatch.setattr(backbones, "bundled_file", lambda: file)
    call("train", drawn, *SHORT).assert_refused("weights.pth", damage, "Reinstall")


def test_weights_that_would_have_to_be_downloaded_are_not(
    call: Call, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGSTUDIO_WEIGHTS", str(tmp_path))
    call("train", drawn, *SHORT, "--backbone", "resnet18").assert_refused("resnet18")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--device", "abacus"), "abacus"),
        (("--device", "cuda:99"), "cuda:99"),
        (("--crop", "40"), "--crop"),
        (("--crop", "100"), "100 pixels"),
        (("--batch", "0"), "--batch"),
    ],
)
def test_what_can_never_be_trained_is_wrong_usage(call: Call, drawn: Path, options: tuple[str, ...], says: str) -> None:
    call("train", drawn, "--steps", "1", *options, "--json").assert_refused(says, code=2)


def test_a_batch_too_small_for_the_network_is_wrong_usage(call: Call, drawn: Path) -> None:
    answer = call("train", drawn, "--steps", "1", "--batch", "1", "--decoder", "deeplabv3plus")
    answer.assert_refused("batches of 1", code=2)


@pytest.mark.parametrize(
    ("option", "value", "listed"),
    [
        ("--transfer", "magic", "parameter, feature, structure, none"),
        ("--loss", "magic", "ce_lovasz"),
        ("--optimizer", "magic", "adamw, adam, sgd"),
        ("--regulariser", "magic", "decay, l2sp"),
        ("--schedule", "magic", "cosine, poly"),
        ("--unfreezing", "magic", "gradual, at-once, from-the-start"),
        ("--augment", "flip,magic", "elastic, brightness"),
        ("--decoder", "magic", "fpnfine"),
        ("--backbone", "magic", "efficientnet_lite0"),
    ],
)
def test_unknown_names_are_told_with_the_known_ones(
    call: Call, drawn: Path, option: str, value: str, listed: str
) -> None:
    call("train", drawn, "--steps", "1", option, value, "--json").assert_refused("magic", listed, code=2)


def test_structure_transfer_needs_a_start(call: Call, drawn: Path) -> None:
    call("train", drawn, "--steps", "1", "--transfer", "structure").assert_refused("start", code=2)


def test_structure_transfer_starts_from_a_model_by_its_name(call: Call, trained: Path) -> None:
    with Project.open(trained) as project:
        assert project.model_in_use is not None
        name = project.model_in_use.name
    words = ("train", trained, *SHORT, "--start")
    call(*words, name).assert_refused("only structure", "--transfer structure", code=2)
    call(*words, "m0099", "--transfer", "structure").assert_refused("m0099", name, "lraspp", code=2)
    answer = call(*words, name, "--transfer", "structure", "--json")
    assert answer.code == 0, answer.err
    assert "kept" in answer.err


def test_every_option_reaches_the_settings(call: Call, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[TrainSettings] = []

    def trained(_project: Project, settings: TrainSettings, *_: object, resume: bool, **__: object) -> Ending:
        asked.append(settings)
        assert not resume
        return Done(None, None, 1, 1.0, 1.0)

    monkeypatch.setattr("segstudio.learn.training.runs.train_project", trained)
    words = (
        "--backbone resnet18 --transfer none --decoder unet --minutes 2 --steps 9 --plateau --crop 96 --batch 3"
        " --accumulation 2 --augment flip,flip-vertical --loss focal --balance 0.5 --smoothing 0.1 --optimizer sgd"
        " --rate 0.1 --encoder-share 0.5 --regulariser l2sp --strength 0.2 --schedule poly --unfreezing from-the-start"
        " --clip 0 --no-average --device cpu --seed 4 --deterministic --cache-mb 7"
    )
    assert call("train", drawn, *words.split()).code == 0
    nothing = dict.fromkeys(SWITCHES, False)
    assert asked == [
        TrainSettings(
            backbone="resnet18",
            transfer="none",
            decoder="unet",
            minutes=2,
            steps=9,
            plateau=True,
            device="cpu",
            seed=4,
            deterministic=True,
            crop=96,
            batch=3,
            cache_bytes=7 << 20,
            optimisation=Optimisation("sgd", 0.1, 0.5, "l2sp", 0.2, "poly", "from the start", None, 2, False),
            loss=LossSettings("focal", 0.5, 0.1),
            augmentation=Augmentation(**{**nothing, "flip": True, "flip_vertical": True}),
        )
    ]


def test_without_options_the_defaults_train_for_minutes(
    call: Call, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[TrainSettings] = []

    def trained(_project: Project, settings: TrainSettings, *_: object, **__: object) -> Ending:
        asked.append(settings)
        return Done(None, None, 1, 1.0, 1.0)

    monkeypatch.setattr("segstudio.learn.training.runs.train_project", trained)
    assert call("train", drawn).code == 0
    assert call("train", drawn, "--plateau", "--no-augment").code == 0
    nothing = Augmentation(**dict.fromkeys(SWITCHES, False))
    assert asked == [TrainSettings(minutes=3.0), TrainSettings(plateau=True, augmentation=nothing)]


def test_nothing_to_resume_is_told(call: Call, drawn: Path) -> None:
    call("train", drawn, "--resume", "--json").assert_refused("no run was stopped", "without --resume")


def test_a_stopped_run_goes_on(call: Call, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tiny(_settings: TrainSettings, classes: ClassTable, *, channels: int) -> StartedNetwork:
        return started(classes=len(classes), channels=channels)

    monkeypatch.setattr("segstudio.learn.training.loop.start_network", tiny)
    cancel = threading.Event()

    def emit(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 3:
            cancel.set()

    with Project.open(drawn) as project:
        settings = TrainSettings(steps=5, crop=64, batch=2, device="cpu", seed=9)
        assert isinstance(train_project(project, settings, emit, cancel), Cancelled)
    answer = call("train", drawn, "--resume", "--json")
    assert answer.code == 0
    assert answer.json["steps"] == 5
    (note,) = answer.json["notes"]
    assert note["kind"] == "resumed"
    assert note["line"] in answer.err
    assert answer.json["outcome"] == "too few labels"
    assert answer.json["difference"] is None


def test_the_demo_refuses_a_device_that_is_not_there(call: Call, drawn: Path) -> None:
    answer = call("demo", drawn, "--headless", "--device", "abacus", "--json")
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.endswith("there is no device 'abacus'. Choose auto or cpu.\n")


def test_a_failure_nobody_foresaw_leaves_a_report(call: Call, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object, **__: object) -> None:
        raise ValueError("a surprise")

    monkeypatch.setattr("segstudio.learn.training.loop.start_network", explode)
    call("train", drawn, *SHORT, "--json").assert_refused("a surprise", str(log_folder()))
    assert "Traceback" in (log_folder() / "segstudio.log").read_text()


def test_ctrl_c_keeps_the_model_and_says_so(call: Call, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(project: Project, *rest: object, **_: object) -> Ending:
        signal.raise_signal(signal.SIGINT)
        assert rest[2].is_set()  # type: ignore[attr-defined]
        return Cancelled(project.folder / "models" / "best", None, 3, 1.5, 2.0)

    monkeypatch.setattr("segstudio.learn.training.runs.train_project", interrupted)
    before = signal.getsignal(signal.SIGINT)
    answer = call("train", drawn, "--json")
    assert answer.code == 130
    assert answer.json["stopped"] is True
    assert answer.json["model"].endswith("best")
    assert answer.json["miou"] is None
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_termination_signal_ends_a_real_run_well(drawn: Path) -> None:
    command = [sys.executable, "main.py", "train", str(drawn), "--minutes", "5", *SHORT[2:], "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Training on cpu")
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "Traceback" not in err
    assert "Stopping" in err
    assert json.loads(out)["stopped"] is True
