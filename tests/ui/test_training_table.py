"""The options of training as data: what they are, what counts as changed, what there is to choose from."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from segstudio.core.augmentation import SWITCHES, Augmentation
from segstudio.errors import UsageError
from segstudio.learn.request import (
    LOSSES,
    OPTIMIZERS,
    REGULARISERS,
    SCHEDULES,
    TRANSFERS,
    UNFREEZINGS,
    LossSettings,
    Optimisation,
    TrainSettings,
)
from segstudio.learn.training.checking import check_values
from segstudio.storage.project import ModelRecord
from segstudio.ui.option_spec import Choice, value_of, with_values
from segstudio.ui.starts import MISSING, Offers, backbone_choices, start_choices
from segstudio.ui.teaching import read_settings, since, written
from segstudio.ui.training_table import OPTIONS, changed, summary

ALL = TrainSettings(
    backbone="resnet18",
    transfer="structure",
    start="fcn_resnet50",
    decoder="unet",
    minutes=5.5,
    steps=100,
    plateau=True,
    device="cpu",
    seed=3,
    deterministic=True,
    crop=128,
    batch=7,
    cache_bytes=5 << 20,
    cache_features=False,
    optimisation=Optimisation("sgd", 0.01, 0.5, "l2sp", 0.1, "poly", "gradual", None, 2, average=False),
    loss=LossSettings("focal", 0.5, 0.1),
    augmentation=Augmentation.only("rotate", "blur", turn=30.0),
)


LIMITED = TrainSettings(minutes=1.5, steps=1, plateau=True)


def test_every_choice_of_the_request_is_in_the_table() -> None:
    known = {
        "transfer": TRANSFERS,
        "loss.kind": LOSSES,
        "optimisation.optimizer": OPTIMIZERS,
        "optimisation.regulariser": REGULARISERS,
        "optimisation.schedule": SCHEDULES,
        "optimisation.unfreezing": UNFREEZINGS,
    }
    for path, names in known.items():
        assert {choice.value for choice in OPTIONS[path].choices} == set(names)
    assert {path for path in OPTIONS if path.removeprefix("augmentation.") in SWITCHES} == {
        f"augmentation.{name}" for name in SWITCHES
    }


def test_what_is_changed_is_told() -> None:
    assert changed(TrainSettings()) == []
    assert changed(replace(TrainSettings(), batch=8, loss=LossSettings("ce"))) == ["loss.kind", "batch"]
    everything = {path for path, option in OPTIONS.items() if option.marked}
    assert set(changed(ALL)) >= everything - {path for path in everything if path.startswith("augmentation.")}


def test_values_are_read_and_changed_by_path() -> None:
    settings = with_values(TrainSettings(), {"augmentation.scale_from": 2.0, "augmentation.scale_to": 3.0, "crop": 64})
    assert value_of(settings, "augmentation.scale_from") == 2.0
    assert (settings.augmentation.scale_to, settings.crop) == (3.0, 64)
    with pytest.raises(UsageError):
        with_values(TrainSettings(), {"augmentation.scale_from": 2.0})


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (TrainSettings(), "Automatic decoder and crops, until stopped"),
        (TrainSettings(crop=256), "Automatic decoder, 256 px crops, until stopped"),
        (
            TrainSettings(minutes=1.5, steps=1, plateau=True),
            "Automatic decoder and crops, 1.5 min, 1 step or a plateau",
        ),
        (TrainSettings(transfer="structure", start="x"), "Automatic crops, until stopped"),
        (
            TrainSettings(plateau=True, batch=2, seed=1),
            "Automatic decoder and crops, until a plateau, 2 others changed",
        ),
    ],
)
def test_the_line_about_the_options(settings: TrainSettings, line: str) -> None:
    assert summary(settings) == line


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (TrainSettings(decoder="upernet", batch=1), "batches of 1"),
        (TrainSettings(crop=100), "crops of 100"),
        (TrainSettings(transfer="structure"), "start from something"),
        (TrainSettings(loss=LossSettings("hinge")), "no loss 'hinge'"),  # type: ignore[arg-type]
        (TrainSettings(optimisation=Optimisation(rate=-1.0)), "learning rate"),
        (TrainSettings(minutes=-1.0), "-1 minutes"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(settings: TrainSettings, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        check_values(settings)


def test_settings_survive_the_project() -> None:
    assert read_settings(lambda _name: written(ALL)) == ALL


@pytest.mark.parametrize("text", ["", "{", "[]", '{"backbone": 3}', written(replace(ALL, decoder="gone"))])
def test_settings_that_make_no_sense_are_forgotten(text: str) -> None:
    assert read_settings(lambda _name: text) == TrainSettings()


OFFERS = Offers(
    (Choice("lite", "Lite"), Choice("resnet18", "ResNet-18", here=False)),
    (Choice("/m/2", "m0002"), Choice("/m/1", "m0001"), Choice("fcn", "FCN", here=False)),
)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (TrainSettings("resnet18"), TrainSettings("lite")),
        (TrainSettings("resnet18", "none"), TrainSettings("resnet18", "none")),
        (TrainSettings("lite", "structure"), TrainSettings("lite", "structure", "/m/2")),
        (TrainSettings("lite", "structure", "/m/1"), TrainSettings("lite", "structure", "/m/1")),
        (TrainSettings("lite", "structure", "fcn"), TrainSettings("lite", "structure", "/m/2")),
        (TrainSettings("lite", "feature", "/m/1"), TrainSettings("lite", "feature")),
    ],
)
def test_what_is_not_at_hand_gives_way(asked: TrainSettings, given: TrainSettings) -> None:
    assert OFFERS.fitted(asked) == given
    assert OFFERS.fitted(given) == given


def test_without_anything_to_move_in_there_is_no_structure_transfer() -> None:
    bare = Offers(OFFERS.backbones)
    assert bare.fitted(TrainSettings("lite", "structure", "/m/1")) == TrainSettings("lite")
    assert [choice.value for choice in bare.transfers() if not choice.here] == ["structure"]
    assert all(choice.here for choice in OFFERS.transfers())


def test_the_model_in_use_comes_first(model_record: Callable[..., ModelRecord]) -> None:
    models = [model_record("m0002-lite", 0.5), model_record("m0001-lite", None, in_use=True)]
    first, second, *published = start_choices(models)
    assert (first.title, first.value) == ("m0001 · in use", str(Path("/models/m0001-lite")))
    assert second.title == "m0002 · 0.50"
    assert published
    assert not any(choice.here for choice in published)
    assert {choice.tip for choice in published} == {MISSING}


def test_weights_that_are_here_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGSTUDIO_WEIGHTS", str(tmp_path))
    here = {choice.value: choice.here for choice in backbone_choices()}
    assert here["efficientnet_lite0"]
    assert not here["resnet18"]
    (tmp_path / "resnet18.pth").write_bytes(b"weights")
    (tmp_path / "fcn_resnet50.pth").write_bytes(b"weights")
    assert {choice.value: choice.here for choice in backbone_choices()}["resnet18"]
    assert {choice.value: choice.here for choice in start_choices([])}["fcn_resnet50"]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-5, "just now"), (40, "just now"), (320, "5 min ago"), (7300, "2 h ago"), (2e5, "2 days ago")],
)
def test_how_long_ago(seconds: float, told: str) -> None:
    assert since(seconds) == told
