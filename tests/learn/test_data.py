"""Crops keep image and labels together, come from labelled places, and follow new labels."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from segstudio.core.classes import VOID
from segstudio.core.labels import LabelledImage
from segstudio.errors import ImageError
from segstudio.learn import data
from segstudio.learn.data import Batches, ImageCache, TrainingSet, cut_crop
from segstudio.storage.images import Image, read_image

Make = Callable[..., LabelledImage]


def training_set(*images: LabelledImage, classes: int = 2) -> TrainingSet:
    return TrainingSet(images, classes, ImageCache())


def test_image_and_labels_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever scale, place and mirroring: where the image is bright, the label says so."""
    monkeypatch.setattr(data, "_tone_curve", lambda _: np.arange(256, dtype=np.uint8))
    yy, xx = np.mgrid[:90, :140]
    truth = ((xx // 16 + yy // 16 + xx // 48) % 2).astype(np.uint8)  # not its own mirror image
    rng = np.random.default_rng(0)
    for _ in range(50):
        pixels, labels = cut_crop(truth * 200, truth, int(rng.integers(90)), int(rng.integers(140)), 64, rng)
        inside = labels != VOID
        flat = cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        bright = pixels[:, :, 0] > 100
        wrong = (bright != (labels == 1)) & flat
        assert inside.sum() > 500
        assert wrong.sum() < 0.06 * flat.sum()


def test_outside_of_the_image_is_void() -> None:
    rng = np.random.default_rng(0)
    pixels, labels = cut_crop(np.full((20, 20), 9, np.uint8), np.zeros((20, 20), np.uint8), 10, 10, 64, rng)
    assert pixels.shape == (64, 64, 3)
    assert 100 < (labels == 0).sum() < 64 * 64 / 2
    assert set(np.unique(labels)) == {0, VOID}


@pytest.mark.parametrize("place", [(0, 0), (89, 139), (45, 70), (0, 139)])
def test_a_single_labelled_pixel_is_in_most_crops(place: tuple[int, int]) -> None:
    annotation = np.full((90, 140), VOID, np.uint8)
    annotation[place] = 1
    rng = np.random.default_rng(0)
    image = np.zeros((90, 140), np.uint8)
    found = [(cut_crop(image, annotation, *place, 64, rng)[1] == 1).any() for _ in range(60)]
    assert sum(found) > 30  # shrinking by more than the pixel's size may lose it


def test_rare_classes_are_drawn_far_more_often_than_their_share(
    make_image: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotation = np.zeros((64, 64), np.uint8)
    annotation[5:8, 5:8] = 1
    labels = training_set(make_image(1, annotation=annotation), make_image(2, annotation=annotation * 0))

    def hits() -> float:
        rng = np.random.default_rng(0)
        return float(np.mean([(labels.batch(rng, 1, 16)[1] == 1).any() for _ in range(300)]))

    balanced = hits()
    monkeypatch.setattr(data, "_BALANCED", 0.0)
    assert balanced > 2 * hits()


def test_validation_images_never_train(make_image: Make) -> None:
    labels = training_set(make_image(1), make_image(2, "validation"))
    assert len(labels) == 1


def test_new_labels_join_and_erased_ones_leave(make_image: Make) -> None:
    first = make_image(1, annotation=np.zeros((64, 64), np.uint8))
    labels = training_set(first)
    assert labels.counts.tolist() == [4096, 0]
    labels.update([replace(make_image(1, annotation=np.ones((64, 64), np.uint8)), revision=2)])
    assert labels.counts.tolist() == [0, 4096]
    labels.update([make_image(1, annotation=np.full((64, 64), VOID, np.uint8), revision=3)])
    assert len(labels) == 0


def test_a_class_added_after_the_start_is_void_for_this_run(make_image: Make) -> None:
    annotation = np.zeros((64, 64), np.uint8)
    annotation[:32] = 5
    labels = training_set(make_image(1, annotation=annotation))
    _, target = labels.batch(np.random.default_rng(0), 4, 32)
    assert set(np.unique(target)) <= {0, VOID}


def test_a_corrupt_image_among_good_ones_is_left_out(make_image: Make) -> None:
    good, bad = make_image(1), make_image(2)
    bad.path.write_bytes(b"no image")
    labels = training_set(good, bad)
    labels.decode(threading.Event().is_set)
    assert len(labels) == 1
    assert len(labels.problems) == 1
    assert str(bad.path) in labels.problems[0]
    labels.batch(np.random.default_rng(0), 4, 32)


def test_an_image_that_vanishes_during_the_run_is_left_out(make_image: Make) -> None:
    good, bad = make_image(1), make_image(2)
    labels = training_set(good, bad)
    bad.path.unlink()
    for seed in range(4):
        labels.batch(np.random.default_rng(seed), 2, 32)
    assert len(labels) == 1
    good.path.unlink()
    fresh = training_set(good)
    with pytest.raises(ImageError, match="no labelled image can be read"):
        fresh.batch(np.random.default_rng(0), 1, 32)


def test_an_image_of_another_size_than_its_annotation_is_left_out(make_image: Make) -> None:
    labels = training_set(make_image(1), make_image(2, annotation=np.zeros((30, 40), np.uint8)))
    labels.decode(threading.Event().is_set)
    assert "is 64 x 64, its annotation 40 x 30" in labels.problems[0]


def test_one_seed_draws_the_same_crops(make_image: Make) -> None:
    drawn = []
    for _ in range(2):
        with Batches(training_set(make_image(1), make_image(2)), seed=3, size=2, crop=32) as batches:
            drawn.append([batches.next() for _ in range(3)])
    for one, other in zip(*drawn, strict=True):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])


def test_labels_too_many_to_hold_draw_the_same_crops(make_image: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    images = make_image(1), make_image(2)
    held = training_set(*images).batch(np.random.default_rng(0), 4, 32)
    monkeypatch.setattr(data, "_HELD_BYTES", 64 * 64)
    unpacked = training_set(*images).batch(np.random.default_rng(0), 4, 32)
    assert np.array_equal(held[0], unpacked[0])
    assert np.array_equal(held[1], unpacked[1])


def test_the_cache_forgets_the_oldest(make_image: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [make_image(seed).path for seed in range(3)]
    read: list[Path] = []

    def reading(path: Path) -> Image:
        read.append(path)
        return read_image(path)

    monkeypatch.setattr(data, "read_image", reading)
    cache = ImageCache(limit_bytes=2 * 64 * 64 * 3)
    for path in (*paths, paths[2], paths[1], paths[0]):
        cache.read(path)
    assert read == [*paths, paths[0]]
