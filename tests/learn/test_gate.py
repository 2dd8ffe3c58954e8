"""The gate promotes what is better, and nothing that is no number."""

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from segstudio.core.labels import LabelledImage
from segstudio.core.metrics import Scores
from segstudio.learn.data import ImageCache
from segstudio.learn.gate import SECOND_IMAGE, UNREADABLE, Gate, _some, decide
from segstudio.learn.networks import SegmentationNetwork
from segstudio.learn.saving import LoadedModel
from segstudio.learn.scoring import score
from segstudio.storage.cards import ModelCard, write_card

Make = Callable[..., LabelledImage]

CPU = torch.device("cpu")
NAN = math.nan


def scores(miou: float) -> Scores:
    return Scores(miou, (miou,), miou, miou, 1, 100)


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
    return LoadedModel(SegmentationNetwork(nn.Identity(), nn.Identity(), layer).eval(), card, CPU)


@pytest.mark.parametrize(
    ("candidate", "in_use", "finite", "promote"),
    [
        (0.5, 0.4, True, True),
        (0.4, 0.4, True, False),
        (0.3, 0.4, True, False),
        (0.1, None, True, True),
        (0.1, NAN, True, True),
        (NAN, None, True, False),
        (NAN, 0.4, True, False),
        (NAN, NAN, True, False),
        (None, None, False, False),
        (0.5, 0.4, False, False),
    ],
)
def test_the_verdict(candidate: float | None, in_use: float | None, finite: bool, promote: bool) -> None:
    verdict = decide(
        None if candidate is None else scores(candidate), None if in_use is None else scores(in_use), finite=finite
    )
    assert verdict.promote is promote
    assert verdict.line.startswith("Promoted" if promote else "Not promoted")
    assert verdict.line.endswith(".")


def test_a_nan_once_does_not_block_later_candidates() -> None:
    assert not decide(scores(NAN), scores(0.4), finite=True).promote
    assert decide(scores(0.5), scores(NAN), finite=True).promote


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
    verdict = gate.judge(constant_model(0, 2), [make_image(1, "validation")], finite=True)
    assert verdict.promote
    assert verdict.in_use is None


def test_an_interim_round_scores_a_part_and_always_the_same(make_image: Callable[..., LabelledImage]) -> None:
    gate = Gate(None, classes=2, device=CPU, cache=ImageCache(), cancel=threading.Event())
    images = [make_image(number, "validation") for number in range(4)]
    scored = [
        gate.judge(constant_model(0, 2), chosen, finite=True, pixels=pixels).candidate
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
    monkeypatch.setattr("segstudio.learn.gate.load_model", lambda *_: constant_model(0, 2))


def gate_before(in_use: Path | None) -> Gate:
    return Gate(in_use, classes=2, device=CPU, cache=ImageCache(), cancel=threading.Event())


@pytest.mark.parametrize(
    ("miou", "steps", "pixels", "promote"),
    [
        (0.1, 0, None, False),  # verified
        (0.1, 0, 1, False),
        (None, 10, None, True),
        (None, 10, 1, False),  # it took more steps than the candidate so far
        (None, 0, 1, True),
    ],
)
def test_without_validation_labels_a_verified_model_stays(
    tmp_path: Path, make_image: Make, miou: float | None, steps: int, pixels: int | None, promote: bool
) -> None:
    gate = gate_before(model_folder(tmp_path / "m", miou=miou, steps=steps))
    verdict = gate.judge(constant_model(1, 2), [make_image(1)], finite=True, pixels=pixels)
    assert verdict.promote is promote
    assert verdict.line.startswith("Promoted, but not verified" if promote else "Not promoted")
    assert SECOND_IMAGE in verdict.line


@pytest.mark.parametrize("miou", [0.1, None])
@pytest.mark.parametrize("pixels", [1, None])
def test_unreadable_validation_images_promote_nothing(
    tmp_path: Path, make_image: Make, miou: float | None, pixels: int | None
) -> None:
    images = [make_image(1), make_image(2, "validation")]
    images[1].path.unlink()
    gate = gate_before(model_folder(tmp_path / "m", miou=miou))
    verdict = gate.judge(constant_model(1, 2), images, finite=True, pixels=pixels)
    assert not verdict.promote
    assert UNREADABLE in verdict.line


def test_unreadable_validation_images_do_not_leave_a_person_without_a_model(tmp_path: Path, make_image: Make) -> None:
    images = [make_image(1), make_image(2, "validation")]
    whole = images[1].path.read_bytes()
    images[1].path.unlink()
    gate = gate_before(None)
    for _ in range(2):  # later candidates of the run know more than the first
        verdict = gate.judge(constant_model(1, 2), images, finite=True)
        assert verdict.promote
        assert UNREADABLE in verdict.line
        gate.accept(tmp_path / "not looked into")
    images[1].path.write_bytes(whole)
    assert gate.judge(constant_model(0, 2), images, finite=True).promote  # what is there cannot be loaded


@pytest.mark.usefixtures("loading")
def test_some_unreadable_validation_images_are_told(tmp_path: Path, make_image: Make) -> None:
    images = [make_image(number, "validation") for number in (1, 2, 3)]
    images[1].path.unlink()
    gate = gate_before(model_folder(tmp_path / "m", miou=0.1))
    verdict = gate.judge(constant_model(1, 2), images, finite=True)
    assert verdict.line.endswith("of the model in use. 1 of 3 images could not be read.")


@pytest.mark.usefixtures("loading")
def test_an_image_that_comes_back_scores_the_model_in_use_anew(tmp_path: Path, make_image: Make) -> None:
    images = [make_image(number, "validation") for number in (1, 2)]
    whole = images[1].path.read_bytes()
    images[1].path.unlink()
    gate = gate_before(model_folder(tmp_path / "m", miou=0.1))
    for count in (1, 2):
        verdict = gate.judge(constant_model(1, 2), images, finite=True)
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
    verdict = gate.judge(constant_model(1, 2), images, finite=True, pixels=1)
    assert not verdict.promote
    assert verdict.candidate is not None
    assert verdict.candidate.images == 3
    part = gate.judge(constant_model(1, 2), images[:1], finite=True, pixels=1)
    assert part.promote


def test_validation_labels_of_new_classes_only_are_none(tmp_path: Path, make_image: Make) -> None:
    image = make_image(1, "validation", annotation=np.full((64, 64), 7, np.uint8))
    gate = gate_before(model_folder(tmp_path / "m", miou=0.1))
    verdict = gate.judge(constant_model(1, 2), [image], finite=True)
    assert not verdict.promote
    assert "cannot be compared" in verdict.line


def test_a_promoted_candidate_is_the_one_to_beat(tmp_path: Path, make_image: Callable[..., LabelledImage]) -> None:
    gate = Gate(None, classes=2, device=CPU, cache=ImageCache(), cancel=threading.Event())
    images = [make_image(1), make_image(2, "validation")]
    first = gate.judge(constant_model(1, 2), images, finite=True)
    assert first.promote
    gate.accept(tmp_path / "not needed, its scores are known")
    second = gate.judge(constant_model(0, 2), images, finite=True)
    assert second.promote
    assert second.in_use == first.candidate
    third = gate.judge(constant_model(0, 2), images, finite=True)
    assert third.in_use == first.candidate
