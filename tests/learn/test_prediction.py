"""Tiles leave no seam, sizes come out exactly, and cancelling works inside a tile."""

import threading
import time
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID
from segstudio.core.labels import LabelledImage
from segstudio.errors import Cancelled
from segstudio.learn.backbones import find_backbone
from segstudio.learn.networks import SegmentationNetwork, build_network
from segstudio.learn.prediction import _fade, _spans, homes_of, predict, predict_files, probabilities, unite
from segstudio.learn.saving import LoadedModel
from segstudio.learn.scoring import score
from segstudio.storage.cards import ModelCard

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


def local_model(classes: int = 3) -> LoadedModel:
    """A network that sees 4 pixels far, so that tiles and the whole image must agree exactly."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, classes, 5, padding=2))
    return LoadedModel(SegmentationNetwork(nn.Identity(), nn.Identity(), layers).eval(), card(classes), CPU)


@cache
def real_model() -> LoadedModel:
    """Shared: predicting does not change it."""
    torch.manual_seed(0)
    return LoadedModel(build_network(find_backbone("efficientnet_lite0"), "fpn", 3, "feature").eval(), card(3), CPU)


def noise(height: int, width: int) -> U8:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8)


def all_scores(model: LoadedModel, image: U8, tile: int | None = None) -> np.ndarray:
    bands = list(probabilities(model, image, tile=tile))
    assert [top for top, _ in bands] == np.cumsum([0, *(band.shape[1] for _, band in bands)])[:-1].tolist()
    return np.concatenate([band for _, band in bands], axis=1)


@pytest.mark.parametrize("size", [(200, 330), (96, 400), (257, 129)])
def test_tiles_equal_a_single_pass(size: tuple[int, int]) -> None:
    model, image = local_model(), noise(*size)
    whole, tiled = all_scores(model, image), all_scores(model, image, tile=96)
    # The image's lower and right borders are padded to another multiple of 32.
    inner = np.s_[:, :-4, :-4]
    assert np.allclose(whole[inner], tiled[inner], atol=1e-5)
    assert np.allclose(tiled.sum(0), 1, atol=1e-5)


@pytest.mark.parametrize("length", [1, 64, 65, 100, 127, 128, 129, 500, 1000])
@pytest.mark.parametrize("side", [64, 96])
def test_the_weights_of_all_tiles_add_up_to_one(length: int, side: int) -> None:
    spans = _spans(length, side)
    total = np.zeros(length)
    for place, (start, stop) in enumerate(spans):
        assert 0 < stop - start <= side
        total[start:stop] += _fade(spans, place)
    assert np.allclose(total, 1)


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
