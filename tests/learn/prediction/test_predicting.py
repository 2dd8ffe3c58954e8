"""Tiles leave no seam, sizes come out exactly, and cancelling works inside a tile."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from segstudio.core.arrays import F32, U8
from segstudio.core.classes import VOID
from segstudio.core.labels import LabelledImage
from segstudio.errors import Cancelled, ImageError, ModelError
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.judging.scoring import score
from segstudio.learn.networks.network import SegmentationNetwork, build_network
from segstudio.learn.networks.saving import LoadedModel
from segstudio.learn.prediction import predicting as prediction
from segstudio.learn.prediction.fallback import Ceilings, Spares
from segstudio.learn.prediction.predicting import homes_of, pieces, predict, predict_files, unite
from segstudio.learn.prediction.tta import Tta
from segstudio.storage.cards import ModelCard
from segstudio.storage.images import Image, read_image

CPU = torch.device("cpu")


def card(classes: int) -> ModelCard:
    return ModelCard(
        name="m0001",
        created="",
        backbone="efficientnet_lite0",
        transfer="feature",
        decoder="fpn",
        classes=[{"index": i, "name": str(i), "color": "#000000"} for i in range(classes)],
        normalisation={"mean": [0.5] * 3, "std": [0.5] * 3},
    )


class Features(nn.Module):
    """An encoder whose only features are the image."""

    def forward(self, images: Tensor) -> list[Tensor]:
        return [images]


class First(nn.Module):
    """A decoder that hands on the first features."""

    def forward(self, features: list[Tensor]) -> Tensor:
        return features[0]


def toy(head: nn.Module, classes: int, device: torch.device = CPU, **entries: Any) -> LoadedModel:
    """A model that is its head."""
    return LoadedModel(SegmentationNetwork(Features(), First(), head).eval(), replace(card(classes), **entries), device)


def local_model(classes: int = 3) -> LoadedModel:
    """A network that sees 4 pixels far, so that tiles and the whole image must agree exactly."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, classes, 5, padding=2))
    return toy(layers, classes)


@cache
def real_model() -> LoadedModel:
    """Shared: predicting does not change it."""
    torch.manual_seed(0)
    return LoadedModel(build_network(find_backbone("efficientnet_lite0"), "fpn", 3, "feature").eval(), card(3), CPU)


def noise(height: int, width: int) -> U8:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8)


def all_scores(model: LoadedModel, image: U8, tile: int | None = None, tta: Tta = "none") -> F32:
    whole = np.full((model.classes, *image.shape[:2]), np.nan, np.float32)
    for piece in pieces(model, image, tile=tile, tta=tta):
        place = whole[:, piece.rows, piece.columns]
        assert np.isnan(place).all()  # no pixel comes twice
        place[:] = piece.scores
    assert not np.isnan(whole).any()
    return whole


@pytest.mark.parametrize("size", [(200, 330), (96, 400), (257, 129)])
def test_tiles_equal_a_single_pass(size: tuple[int, int]) -> None:
    model, image = local_model(), noise(*size)
    whole, tiled = all_scores(model, image), all_scores(model, image, tile=96)
    assert np.allclose(whole, tiled, atol=1e-5)
    assert np.allclose(tiled.sum(0), 1, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (20, 31), (64, 64), (33, 100), (1, 200)])
def test_any_size_comes_out_exactly(size: tuple[int, int]) -> None:
    model = real_model()
    for image in (noise(*size), noise(*size)[:, :, 0]):
        proposal = predict(model, np.ascontiguousarray(image))
        assert proposal.classes.shape == proposal.confidence.shape == size
        assert proposal.classes.dtype == proposal.confidence.dtype == np.uint8
        assert proposal.model == "m0001"


def test_confidence_is_the_probability_of_the_class() -> None:
    model, image = local_model(), noise(40, 50)
    proposal, scores = predict(model, image), all_scores(model, image)
    assert np.array_equal(proposal.classes, scores.argmax(0))
    assert np.array_equal(proposal.confidence, np.rint(scores.max(0) * 255))


def test_progress_reaches_the_end() -> None:
    seen: list[float] = []
    predict(local_model(), noise(200, 200), tile=96, progress=seen.append)
    assert seen == sorted(seen)
    assert len(seen) == 9
    assert seen[-1] == 1


def test_cancelling_ends_within_a_tile() -> None:
    cancel = threading.Event()
    network = build_network(find_backbone("efficientnet_lite0"), "fpn", 3, "feature").eval()
    model = LoadedModel(network, card(3), CPU)
    ran: list[str] = []
    for name, module in model.network.named_modules():
        if isinstance(module, nn.Conv2d):

            def note(*_: object, name: str = name) -> None:
                ran.append(name)
                if len(ran) == 5:
                    cancel.set()

            module.register_forward_hook(note)
    with pytest.raises(Cancelled):
        predict(model, noise(64, 64), cancel=cancel)
    assert len(ran) == 5
    predict(model, noise(64, 64), cancel=threading.Event())  # nothing of the cancelled call is left behind
    assert len(ran) > 20


def test_cancelling_one_call_leaves_another_thread_alone() -> None:
    model, cancel = real_model(), threading.Event()
    finished: list[bool] = []

    def other() -> None:
        predict(model, noise(128, 128))
        finished.append(True)

    thread = threading.Thread(target=other)
    thread.start()
    time.sleep(0.01)
    cancel.set()
    with pytest.raises(Cancelled):
        predict(model, noise(64, 64), cancel=cancel)
    thread.join()
    assert finished == [True]


def test_a_corrupt_file_among_good_ones_gives_its_error(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    cv2.imwrite(str(good), noise(32, 32))
    bad.write_bytes(b"no image")
    results = list(predict_files(local_model(), [bad, good]))
    assert results[0].proposal is None
    assert str(bad) in str(results[0].problem)
    assert results[1].problem is None
    assert results[1].proposal is not None


def test_classes_are_known_by_their_names_not_their_places() -> None:
    model, image = local_model(), noise(60, 80)
    own = predict(model, image)
    moved = predict(model, image, indices={"0": 2, "1": 0, "2": 1, "another": 3})
    assert np.array_equal(moved.classes, np.array([2, 0, 1], np.uint8)[own.classes])
    assert np.array_equal(moved.confidence, own.confidence)


def test_a_class_the_project_no_longer_has_is_void() -> None:
    model, image = local_model(), noise(60, 80)
    own = predict(model, image)
    left = predict(model, image, indices={"0": 0, "2": 1})
    assert (own.classes == 1).any()
    assert np.array_equal(left.classes, np.array([0, VOID, 1], np.uint8)[own.classes])
    assert np.array_equal(left.confidence, own.confidence)


def test_classes_that_became_one_are_believed_together() -> None:
    model, image = local_model(), noise(60, 80)
    merged = predict(model, image, indices={"0": 0, "1": 1, "2": 0})
    scores = all_scores(model, image)
    together = np.stack([scores[0] + scores[2], scores[1]])
    assert np.array_equal(merged.classes, together.argmax(0))
    assert np.abs(merged.confidence - together.max(0) * 255).max() < 1
    assert homes_of(model, {"0": 0, "1": 1, "2": 0}).tolist() == [0, 1, 0]


def test_uniting_nothing_copies_nothing() -> None:
    scores = np.random.default_rng(0).random((3, 2, 2)).astype(np.float32)
    assert unite(scores, np.array([2, VOID, 0], np.uint8)) is scores
    assert unite(scores, np.array([VOID, 1, VOID], np.uint8)) is scores


def test_scores_go_by_name(tmp_path: Path) -> None:
    """A model that is right about everything stays so when its classes are moved, and loses those that go."""
    model, image = local_model(), noise(64, 64)
    path = tmp_path / "image.png"
    cv2.imwrite(str(path), image[:, :, ::-1])
    own = predict(model, image).classes

    def scored(indices: dict[str, int] | None, classes: int, mapping: list[int]) -> float:
        truth = np.array(mapping, np.uint8)[own]
        labelled = LabelledImage.pack(key="a", path=path, split="train", revision=1, annotation=truth)
        return score(model, [labelled], classes=classes, indices=indices).pixel_accuracy

    assert scored(None, 3, [0, 1, 2]) == 1
    assert scored({"0": 1, "1": 2, "2": 0}, 3, [1, 2, 0]) == 1
    assert scored(None, 3, [1, 2, 0]) < 1
    assert scored({"0": 0, "1": 1}, 2, [0, 1, VOID]) == 1
    assert scored({"0": 0}, 2, [0, 1, VOID]) < 1


def count_passes(model: LoadedModel) -> list[tuple[int, int]]:
    """The sizes of the inputs that a model gets from now on."""
    seen: list[tuple[int, int]] = []
    model.network.register_forward_pre_hook(lambda _, images: seen.append(tuple(images[0].shape[-2:])))
    return seen


class Greedy(nn.Module):
    """Answers with the image, as long as it is small enough and on a device that works."""

    def __init__(
        self, limit: float, error: Callable[[], Exception], devices: tuple[str, ...] = ("cpu", "meta")
    ) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.limit, self.error, self.devices = limit, error, devices

    def forward(self, images: Tensor) -> Tensor:
        if images.device.type in self.devices and images.shape[-1] * images.shape[-2] > self.limit:
            raise self.error()
        return images * self.scale


MEMORY = [
    lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
    lambda: RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
    lambda: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    MemoryError,
]


@pytest.fixture(autouse=True)
def ceilings(monkeypatch: pytest.MonkeyPatch) -> Ceilings:
    """Nothing that one test finds out is known to the next."""
    fresh = Ceilings()
    monkeypatch.setattr(prediction, "CEILINGS", fresh)
    return fresh


@pytest.mark.parametrize("error", MEMORY)
def test_out_of_memory_halves_the_tiles_and_is_remembered(
    error: Callable[[], Exception], ceilings: Ceilings, caplog: pytest.LogCaptureFixture
) -> None:
    image = noise(700, 650)
    expected = all_scores(toy(Greedy(float("inf"), error), 3), image)
    model = toy(Greedy(256 * 256, error), 3)
    seen = count_passes(model)
    assert np.allclose(all_scores(model, image), expected, atol=1e-5)
    assert max(height * width for height, width in seen) > 256 * 256
    assert ceilings.side(CPU) == 256
    assert [record.message for record in caplog.records] == [
        "cpu has too little memory: predicting in tiles of 320 x 320 pixels from now on.",
        "cpu has too little memory: predicting in tiles of 256 x 256 pixels from now on.",
    ]
    seen.clear()
    assert np.allclose(all_scores(model, image), expected, atol=1e-5)
    assert max(height * width for height, width in seen) <= 256 * 256
    assert len(caplog.records) == 2


def test_a_machine_without_memory_is_told_in_one_line() -> None:
    with pytest.raises(ModelError, match=r"needs more memory than this machine has left\. Close"):
        predict(toy(Greedy(0, MemoryError), 3), noise(300, 300))


def test_other_errors_are_not_taken_for_memory(ceilings: Ceilings) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        predict(toy(Greedy(0, lambda: RuntimeError("shapes do not fit")), 3), noise(300, 300))
    assert ceilings.side(CPU) is None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MEMORY[0], "meta has too little memory: predicting on the CPU from now on."),
        (
            lambda: RuntimeError("CUDA error: device-side assert triggered\nCompile with ..."),
            "meta failed (CUDA error: device-side assert triggered): predicting on the CPU from now on.",
        ),
    ],
)
def test_a_device_that_fails_is_left_for_the_cpu(
    error: Callable[[], Exception], said: str, ceilings: Ceilings, caplog: pytest.LogCaptureFixture
) -> None:
    """The meta device stands for one that computes nothing any more."""
    image, device = noise(300, 280), torch.device("meta")
    expected = predict(toy(Greedy(float("inf"), error), 3), image)
    model = toy(Greedy(0, error, devices=("meta",)), 3, device)
    assert np.array_equal(predict(model, image).classes, expected.classes)
    assert caplog.records[-1].message == said
    assert ceilings.given_up(device)
    lines = len(caplog.records)
    assert np.array_equal(predict(model, image).classes, expected.classes)
    assert len(caplog.records) == lines


def test_the_copy_on_the_cpu_follows_the_weights() -> None:
    network = local_model().network
    spares = Spares()
    first = spares.of(network)
    assert spares.of(network) is first
    assert all(a is not b for a, b in zip(network.parameters(), first.parameters(), strict=True))
    with torch.no_grad():
        next(network.parameters()).mul_(2)
    second = spares.of(network)
    assert second is not first
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), second.parameters(), strict=True))


class Pointwise(nn.Module):
    """Judges each pixel by itself, so that it does not matter how the image is turned."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([images[:, :2] * 2, -images[:, 2:]], dim=1)


def ramp(height: int, width: int) -> U8:
    """An image that bilinear scaling does not change."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 2, y * 2, 255 - x - y], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("tta", ["flips", "flips and scales"])
@pytest.mark.parametrize("vertical", [False, True])
def test_views_are_turned_back_exactly(tta: Tta, vertical: bool) -> None:
    model = toy(Pointwise(), 3, settings={"augmentation": {"flip_vertical": vertical}})
    image = ramp(100, 120)
    plain, averaged = all_scores(model, image), all_scores(model, image, tta=tta)
    if tta == "flips":
        assert np.allclose(plain, averaged, atol=1e-6)
    else:  # a shift by half a pixel would be 0.01; at the border there is nothing to interpolate
        assert np.abs(plain - averaged)[:, 3:-3, 3:-3].max() < 2e-3


@pytest.mark.parametrize(("vertical", "views"), [(False, 2), (True, 4)])
def test_only_views_that_training_showed_are_averaged(vertical: bool, views: int) -> None:
    model = toy(Pointwise(), 3, settings={"augmentation": {"flip_vertical": vertical}})
    seen = count_passes(model)
    predict(model, noise(64, 64), tta="flips")
    assert seen == [(64, 64)] * views
    seen.clear()
    predict(model, noise(128, 64), tta="flips and scales")
    assert set(seen) == {(128, 64), (96, 64), (160, 64)} | ({(160, 96)} & set(seen))


def test_views_change_what_a_lopsided_network_says() -> None:
    model, image = local_model(), noise(64, 64)
    plain = all_scores(model, image)
    mirrored = all_scores(model, np.ascontiguousarray(image[:, ::-1]))[:, :, ::-1]
    assert np.allclose(all_scores(model, image, tta="flips"), (plain + mirrored) / 2, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_images_of_any_number_of_channels(channels: int) -> None:
    head = nn.Conv2d(channels, 3, 3, padding=1)
    model = toy(head, 3, channels=channels)
    image = np.random.default_rng(1).integers(0, 255, (70, 90, channels)).astype(np.uint8)
    assert predict(model, image).classes.shape == (70, 90)
    if channels == 1:
        assert np.array_equal(predict(model, image[:, :, 0]).classes, predict(model, image).classes)
    else:
        with pytest.raises(ImageError, match=f"has 1 channels, the network takes {channels}"):
            predict(model, image[:, :, 0])


def test_where_the_network_gives_no_numbers_it_says_nothing() -> None:
    class Broken(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            scores = images.clone()
            scores[..., :10] = torch.nan
            return scores

    proposal = predict(toy(Broken(), 3), noise(64, 64))
    assert (proposal.classes[:, :10] == VOID).all()
    assert not proposal.confidence[:, :10].any()
    assert not (proposal.classes[:, 10:] == VOID).any()


def test_files_are_read_ahead_but_not_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def slow(path: Path) -> Image:
        read.append(path.name)
        return read_image(path)

    monkeypatch.setattr(prediction, "read_image", slow)
    paths = []
    for number in range(5):
        paths.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(paths[-1]), noise(32, 32))
    answers = predict_files(local_model(), paths)
    for number in range(3):
        assert next(answers).path == paths[number]
    assert len(read) in (3, 4)
    answers.close()  # type: ignore[attr-defined]
    assert len(read) <= 4
