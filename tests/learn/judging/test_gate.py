"""The gate promotes what is better, and nothing that is no number."""

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from segstudio.core.arrays import U8
from segstudio.core.labels import LabelledImage, Split
from segstudio.errors import ImageError
from segstudio.learn.crops.data import ImageCache, TrainingSet
from segstudio.learn.events import Difference
from segstudio.learn.judging import scoring
from segstudio.learn.judging.gate import SECOND_IMAGE, UNREADABLE, Gate, _some
from segstudio.learn.judging.scoring import score
from segstudio.learn.networks.network import SegmentationNetwork
from segstudio.learn.networks.saving import LoadedModel
from segstudio.learn.prediction.predicting import pieces
from segstudio.learn.prediction.tiling import Piece
from segstudio.storage.cards import ModelCard, write_card

Make = Callable[..., LabelledImage]

CPU = torch.device("cpu")
NAN = math.nan


class _AsIs(nn.Module):
    """An encoder whose one feature is the image."""

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [images]


class _First(nn.Module):
    """A decoder that takes the first feature as it is."""

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        return features[0]


def constant_model(answer: int, classes: int, *, value: float = 5.0) -> LoadedModel:
    """Says the same class everywhere."""
    layer = nn.Conv2d(3, classes, 1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    with torch.no_grad():
        layer.bias[answer] = value  # type: ignore[index]
    card = ModelCard(
        name="m",
        created="",
        backbone="efficientnet_lite0",
        transfer="none",
        decoder="fpn",
        classes=[{"index": i, "name": str(i), "color": "#000000"} for i in range(classes)],
        normalisation={"mean": [0.5] * 3, "std": [0.5] * 3},
    )
    return LoadedModel(SegmentationNetwork(_AsIs(), _First(), layer).eval(), card, CPU)


def test_numbers_that_are_none_count_as_misses(images: tuple[LabelledImage, ...]) -> None:
    assert score(constant_model(0, 2), images, classes=2).miou > 0.2
    assert score(constant_model(0, 2, value=NAN), images, classes=2).miou == 0


def test_scores_are_those_of_the_labelled_pixels(images: tuple[LabelledImage, ...]) -> None:
    result = score(constant_model(0, 2), images, classes=2)
    truth = np.concatenate([image.annotation().ravel() for image in images])
    ground = (truth == 0).sum() / (truth < 2).sum()
    assert result.miou == pytest.approx(ground / 2)
    assert result.pixel_accuracy == pytest.approx(ground)
    assert result.labelled_pixels == (truth < 2).sum()
    assert result.images == 4


def test_models_of_fewer_and_of_more_classes_are_judged_by_the_table(images: tuple[LabelledImage, ...]) -> None:
    fewer = score(constant_model(0, 1), images, classes=2)
    more = score(constant_model(3, 4), images, classes=2)
    assert fewer == score(constant_model(0, 2), images, classes=2)
    assert more.miou == 0


def test_an_unreadable_validation_image_is_left_out(images: tuple[LabelledImage, ...]) -> None:
    images[0].path.unlink()
    assert score(constant_model(0, 2), images, classes=2).images == 3


def test_a_broken_model_in_use_does_not_stop_the_run(tmp_path: Path, make_image: Callable[..., LabelledImage]) -> None:
    gate = Gate(tmp_path / "gone", classes=2, device=CPU, cache=ImageCache(), cancel=threading.Event())
    verdict = gate.judge([constant_model(0, 2)], [make_image(1, "validation")])
    assert verdict.promote
    assert verdict.in_use is None


def test_an_interim_round_scores_a_part_and_always_the_same(make_image: Callable[..., LabelledImage]) -> None:
    gate = Gate(None, classes=2, device=CPU, cache=ImageCache(), cancel=threading.Event())
    images = [make_image(number, "validation") for number in range(4)]
    scored = [
        gate.judge([constant_model(0, 2)], chosen, pixels=pixels).candidate
        for chosen, pixels in ((images, 64 * 64 * 2), (images[::-1], 64 * 64 * 2), (images, 1), (images, None))
    ]
    assert [result.images for result in scored if result] == [2, 2, 1, 4]
    assert scored[0] == scored[1]


def model_folder(folder: Path, *, miou: float | None, steps: int = 0) -> Path:
    """A model that has a card, and weights that say class 0 everywhere once `loading` is patched."""
    folder.mkdir()
    write_card(folder, replace(constant_model(0, 2).card, miou=miou, steps=steps))
    return folder


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Model folders load as a model that says class 0 everywhere."""
    monkeypatch.setattr("segstudio.learn.judging.gate.load_model", lambda *_: constant_model(0, 2))


def gate_before(in_use: Path | None) -> Gate:
    return Gate(in_use, classes=2, device=CPU, cache=ImageCache(), cancel=threading.Event())


@pytest.mark.parametrize("miou", [0.1, None])
@pytest.mark.parametrize("pixels", [1, None])
def test_without_validation_labels_a_model_from_elsewhere_stays(
    tmp_path: Path, make_image: Make, miou: float | None, pixels: int | None
) -> None:
    gate = gate_before(model_folder(tmp_path / "m", miou=miou))
    verdict = gate.judge([constant_model(1, 2)], [make_image(1)], pixels=pixels)
    assert not verdict.promote
    assert verdict.outcome == "too few labels"
    assert SECOND_IMAGE in verdict.line


@pytest.mark.parametrize("miou", [0.1, None])
@pytest.mark.parametrize("pixels", [1, None])
def test_unreadable_validation_images_promote_nothing(
    tmp_path: Path, make_image: Make, miou: float | None, pixels: int | None
) -> None:
    images = [make_image(1), make_image(2, "validation")]
    images[1].path.unlink()
    gate = gate_before(model_folder(tmp_path / "m", miou=miou))
    verdict = gate.judge([constant_model(1, 2)], images, pixels=pixels)
    assert not verdict.promote
    assert UNREADABLE in verdict.line


def test_unreadable_validation_images_do_not_leave_a_person_without_a_model(tmp_path: Path, make_image: Make) -> None:
    images = [make_image(1), make_image(2, "validation")]
    whole = images[1].path.read_bytes()
    images[1].path.unlink()
    gate = gate_before(None)
    for _ in range(2):  # later candidates of the run know more than the first
        verdict = gate.judge([constant_model(1, 2)], images)
        assert verdict.promote
        assert UNREADABLE in verdict.line
        gate.accept(tmp_path / "not looked into")
    images[1].path.write_bytes(whole)
    assert gate.judge([constant_model(0, 2)], images).promote  # what is there cannot be loaded


@pytest.mark.usefixtures("loading")
def test_some_unreadable_validation_images_are_told(tmp_path: Path, make_image: Make) -> None:
    images = [make_image(number, "validation") for number in (1, 2, 3, 4)]
    images[1].path.unlink()
    gate = gate_before(model_folder(tmp_path / "m", miou=0.1))
    verdict = gate.judge([constant_model(1, 2)], images)
    assert verdict.outcome == "not better"
    assert verdict.line.endswith(" 1 of 4 images could not be read.")
    images[2].path.unlink()
    assert gate_before(None).judge([constant_model(1, 2)], images).outcome == "too few labels"


@pytest.mark.usefixtures("loading")
def test_an_image_that_comes_back_scores_the_model_in_use_anew(tmp_path: Path, make_image: Make) -> None:
    images = [make_image(number, "validation") for number in (1, 2)]
    whole = images[1].path.read_bytes()
    images[1].path.unlink()
    gate = gate_before(model_folder(tmp_path / "m", miou=0.1))
    for count in (1, 2):
        verdict = gate.judge([constant_model(1, 2)], images)
        assert verdict.candidate is not None
        assert verdict.in_use is not None
        assert verdict.candidate.images == verdict.in_use.images == count
        images[1].path.write_bytes(whole)


@pytest.mark.usefixtures("loading")
def test_what_is_better_on_a_part_must_be_better_on_all(tmp_path: Path, make_image: Make) -> None:
    """The part holds class 1 alone, which the candidate always says; all together class 0 prevails."""
    annotations = [np.full((64, 64), value, np.uint8) for value in (1, 0, 0)]
    order = _some([make_image(number, "validation") for number in range(3)], 64 * 64 * 3)
    numbers = [int(image.key.removeprefix("image")) for image in order]
    images = [
        make_image(number, "validation", annotation=annotation)
        for number, annotation in zip(numbers, annotations, strict=True)
    ]
    gate = gate_before(model_folder(tmp_path / "m", miou=0.1))
    verdict = gate.judge([constant_model(1, 2)], images, pixels=1)
    assert not verdict.promote
    assert verdict.candidate is not None
    assert verdict.candidate.images == 3
    ones = [make_image(n, "validation", annotation=np.ones((64, 64), np.uint8), revision=2) for n in range(3)]
    assert gate.judge([constant_model(1, 2)], ones, pixels=1).promote


@pytest.mark.usefixtures("loading")
def test_what_is_worse_on_a_part_is_scored_no_further(tmp_path: Path, make_image: Make) -> None:
    images = [make_image(n, "validation", annotation=np.zeros((64, 64), np.uint8)) for n in range(4)]
    gate = gate_before(model_folder(tmp_path / "m", miou=0.1))
    verdict = gate.judge([constant_model(1, 2)], images, pixels=1)
    assert verdict.outcome == "not better"
    assert verdict.candidate is not None
    assert verdict.candidate.images == 1


@pytest.mark.usefixtures("loading")
def test_the_better_candidate_of_a_round_stands(tmp_path: Path, make_image: Make) -> None:
    images = [make_image(n, "validation", annotation=np.ones((64, 64), np.uint8)) for n in range(3)]
    gate = gate_before(model_folder(tmp_path / "m", miou=0.1))
    for models, which in (((0, 1), 1), ((1, 0), 0), ((1, 1), 0)):
        verdict = gate.judge([constant_model(answer, 2) for answer in models], images)
        assert (verdict.which, verdict.promote, verdict.outcome) == (which, True, "better")
        assert verdict.difference == Difference(1.0, 1.0, 1.0)
    broken = gate.judge([constant_model(1, 2, value=NAN), constant_model(1, 2)], images)
    assert (broken.which, broken.promote) == (1, True)


@pytest.mark.parametrize("finite", [True, False])
def test_without_numbers_nothing_is_promoted(make_image: Make, finite: bool) -> None:
    images = [make_image(n, "validation") for n in range(3)]
    gate = gate_before(None)
    candidates = [constant_model(0, 2, value=NAN if finite else 5.0)]
    verdict = gate.judge(candidates, images, finite=finite)
    assert (verdict.promote, verdict.outcome, verdict.candidate) == (False, "no numbers", None)
    assert gate.judge([], images).outcome == "no numbers"
    assert gate.judge([constant_model(0, 2)], images).promote


@pytest.mark.usefixtures("loading")
def test_what_an_interrupted_run_promoted_is_its_own(tmp_path: Path, make_image: Make) -> None:
    """It is followed pointwise, where a model from elsewhere would need a verdict."""
    images = [make_image(n, "validation", annotation=np.ones((64, 64), np.uint8)) for n in range(2)]
    folder = model_folder(tmp_path / "m", miou=0.1)
    again = Gate(None, classes=2, device=CPU, cache=ImageCache(), cancel=threading.Event(), own=folder)
    assert again.judge([constant_model(1, 2)], images).promote
    assert not gate_before(folder).judge([constant_model(1, 2)], images).promote


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(splits=st.lists(st.sampled_from(["train", "validation"]), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_validation_labels_never_train(make_image: Make, splits: list[Split], seed: int) -> None:
    """Whatever is labelled in images that validate, no crop holds it and no count knows it."""
    ground, blob = np.zeros((64, 64), np.uint8), np.ones((64, 64), np.uint8)
    images = [make_image(n, split, annotation=ground if split == "train" else blob) for n, split in enumerate(splits)]
    labels = TrainingSet(images, 2, ImageCache())
    assert len(labels) == splits.count("train")
    assert labels.counts.tolist() == [64 * 64 * splits.count("train"), 0]
    if "train" in splits:
        _, target = labels.batch(np.random.default_rng(seed), 4, 64)
        assert 1 not in target


def test_a_model_in_use_that_does_not_take_the_images_gives_way(
    tmp_path: Path, make_image: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of other channels would; where it takes some of them, those decide."""
    images = [make_image(n, "validation") for n in range(4)]
    old = constant_model(0, 2)
    monkeypatch.setattr("segstudio.learn.judging.gate.load_model", lambda *_: old)
    real, refused = pieces, [0]

    def choosy(model: LoadedModel, pixels: U8, **rest: Any) -> Iterator[Piece]:
        refused[0] += model is old
        if model is old and refused[0] <= few:
            raise ImageError("has 4 channels, not 3")
        return iter(real(model, pixels, **rest))

    monkeypatch.setattr(scoring, "pieces", choosy)
    few = 1
    part = gate_before(model_folder(tmp_path / "m", miou=0.1)).judge([constant_model(1, 2)], images)
    assert part.candidate is not None
    assert part.in_use is not None
    assert part.candidate.images == part.in_use.images == 3
    assert part.line.endswith("1 of 4 images could not be read.")
    few, refused[0] = 4, 0
    verdict = gate_before(tmp_path / "m").judge([constant_model(1, 2)], images)
    assert (verdict.promote, verdict.in_use) == (True, None)


def test_validation_labels_of_new_classes_only_are_none(tmp_path: Path, make_image: Make) -> None:
    image = make_image(1, "validation", annotation=np.full((64, 64), 7, np.uint8))
    gate = gate_before(model_folder(tmp_path / "m", miou=0.1))
    verdict = gate.judge([constant_model(1, 2)], [image])
    assert not verdict.promote
    assert "cannot be compared" in verdict.line


def test_a_promoted_candidate_is_the_one_to_beat(tmp_path: Path, make_image: Callable[..., LabelledImage]) -> None:
    gate = Gate(None, classes=2, device=CPU, cache=ImageCache(), cancel=threading.Event())
    images = [make_image(1), make_image(2, "validation")]
    first = gate.judge([constant_model(1, 2)], images)
    assert first.promote
    gate.accept(tmp_path / "not needed, its scores are known")
    second = gate.judge([constant_model(0, 2)], images)
    assert second.promote
    assert second.in_use == first.candidate
    third = gate.judge([constant_model(0, 2)], images)
    assert third.in_use == first.candidate
