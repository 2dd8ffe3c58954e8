"""Crops keep image and labels together, come from labelled places, and follow new labels."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segstudio.core.arrays import Pixels
from segstudio.core.augmentation import SWITCHES, Augmentation
from segstudio.core.classes import VOID
from segstudio.core.labels import LabelledImage
from segstudio.errors import ImageError
from segstudio.learn.crops import data, sampling
from segstudio.learn.crops.data import Batches, ImageCache, TrainingSet, network_channels, readable_pixels
from segstudio.storage.images import Image, read_image

Make = Callable[..., LabelledImage]


def training_set(*images: LabelledImage, classes: int = 2) -> TrainingSet:
    return TrainingSet(images, classes, ImageCache())


def test_rare_classes_are_drawn_far_more_often_than_their_share(
    make_image: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotation = np.zeros((64, 64), np.uint8)
    annotation[5:8, 5:8] = 1
    images = make_image(1, annotation=annotation), make_image(2, annotation=annotation * 0)

    def hits() -> float:
        labels = training_set(*images)
        rng = np.random.default_rng(0)
        return float(np.mean([(labels.batch(rng, 1, 16)[1] == 1).any() for _ in range(300)]))

    balanced = hits()
    monkeypatch.setattr(sampling, "BALANCED", 0.0)
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


def test_labels_too_many_to_hold_are_drawn_too(make_image: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_HELD_BYTES", 64 * 64)
    labels = training_set(make_image(1), make_image(2))
    pixels, target = labels.batch(np.random.default_rng(0), 8, 32)
    bright = pixels[..., 0] > 110
    assert ((bright == (target == 1)) | (target == VOID)).mean() > 0.9


def counting(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every path that is decoded from now on."""
    read: list[Path] = []

    def reading(path: Path) -> Image:
        read.append(path)
        return read_image(path)

    monkeypatch.setattr(data, "read_image", reading)
    return read


def test_the_cache_forgets_the_oldest(make_image: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [make_image(seed).path for seed in range(3)]
    read = counting(monkeypatch)
    cache = ImageCache(limit_bytes=2 * 64 * 64 * 3)
    for path in (*paths, paths[2], paths[1], paths[0]):
        cache.read(path)
    assert read == [*paths, paths[0]]


def test_the_cache_keeps_within_its_budget(make_image: Make) -> None:
    paths = [make_image(seed).path for seed in range(4)]
    cache = ImageCache(limit_bytes=3 * 64 * 64 * 3 - 1)
    most = 0
    for number in range(20):
        cache.read(paths[number % 4])
        most = max(most, cache._shelf.used_bytes)
    assert most == 2 * 64 * 64 * 3
    cache.read(paths[0])
    with pytest.raises(ImageError):
        cache.read(paths[0].with_name("gone.png"))
    assert cache._shelf.used_bytes == most


def test_an_image_larger_than_the_budget_is_decoded_once(make_image: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = TrainingSet([make_image(1)], 2, ImageCache(limit_bytes=10))
    read = counting(monkeypatch)
    rng = np.random.default_rng(0)
    for _ in range(20):
        labels.batch(rng, 4, 32)
    assert len(read) == 1


def test_images_that_do_not_fit_serve_many_crops_each(make_image: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [make_image(seed) for seed in range(6)]
    labels = TrainingSet(images, 2, ImageCache(limit_bytes=3 * 64 * 64 * 3))
    read = counting(monkeypatch)
    rng = np.random.default_rng(0)
    for _ in range(160):
        labels.batch(rng, 4, 32)
    assert set(read) == {image.path for image in images}
    assert len(read) < 640 / 10


def test_of_images_that_do_not_fit_only_headers_are_read_ahead(
    make_image: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [make_image(1), make_image(2), make_image(3, annotation=np.zeros((30, 40), np.uint8))]
    images[1].path.write_bytes(b"no image")
    labels = TrainingSet(images, 2, ImageCache(limit_bytes=100))
    read = counting(monkeypatch)
    labels.decode(threading.Event().is_set)
    assert not read
    assert len(labels) == 1
    assert len(labels.problems) == 2


def test_one_path_at_many_threads_is_one_image(make_image: Make) -> None:
    path = make_image(1).path
    cache = ImageCache()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: cache.read(path), range(20)))
    assert len({image.pixels.tobytes() for image in found}) == 1
    assert cache._shelf.used_bytes == 64 * 64 * 3


def test_a_resumed_run_draws_what_an_uninterrupted_one_does(make_image: Make) -> None:
    """Also when memory holds a part of the images only, and the state went through JSON."""
    images = [make_image(seed) for seed in range(5)]
    for limit in (1 << 30, 2 * 64 * 64 * 3):

        def fresh(limit: int = limit) -> Batches:
            return Batches(TrainingSet(images, 2, ImageCache(limit)), seed=3, size=4, crop=32)

        with fresh() as batches:
            for _ in range(9):
                batches.next()
            batches.size = 3
            state = json.loads(json.dumps(batches.state()))
            expected = [batches.next() for _ in range(12)]
        with fresh() as resumed:
            resumed.next()
            resumed.restore(state)
            assert resumed.size == 3
            for pixels, target in expected:
                found = resumed.next()
                np.testing.assert_array_equal(found[0], pixels)
                np.testing.assert_array_equal(found[1], target)


def test_size_crop_and_labels_count_from_the_next_batch(make_image: Make) -> None:
    with Batches(training_set(make_image(1)), seed=0, size=4, crop=64) as batches:
        assert batches.next()[0].shape == (4, 64, 64, 3)
        batches.size = 2
        assert batches.next()[0].shape == (2, 64, 64, 3)
        batches.crop = 32
        pixels, target = batches.next()
        assert pixels.shape == (2, 32, 32, 3)
        assert target.shape == (2, 32, 32)
        assert target.dtype == np.int64
        batches.update([make_image(1, annotation=np.ones((64, 64), np.uint8), revision=2)])
        assert set(np.unique(batches.next()[1])) <= {1, VOID}


def test_shrinking_draws_the_same_places(make_image: Make) -> None:
    """When memory is short, what is drawn next does not depend on how far ahead the thread was."""
    drawn = []
    for wait in (0.0, 0.05):
        with Batches(training_set(make_image(1), make_image(2)), seed=0, size=4, crop=32) as batches:
            batches.next()
            time.sleep(wait)
            batches.size = 2
            drawn.append([batches.next() for _ in range(3)])
    for one, other in zip(*drawn, strict=True):
        np.testing.assert_array_equal(one[0], other[0])


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["grey", "grey"], 1),
        (["rgb", "grey"], 3),
        (["grey", "rgb", "grey"], 3),
        (["five", "five"], 5),
        (["broken", "grey"], 1),
        (["broken"], 3),
        ([], 3),
    ],
)
def test_channels_follow_the_images(tmp_path: Path, kinds: list[str], expected: int) -> None:
    assert network_channels([of_kind(tmp_path, kind, number) for number, kind in enumerate(kinds)]) == expected


@pytest.mark.parametrize("kinds", [["five", "rgb"], ["rgb", "grey", "five"], ["grey", "five"]])
def test_images_of_other_channels_are_named(tmp_path: Path, kinds: list[str]) -> None:
    images = [of_kind(tmp_path, kind, number) for number, kind in enumerate(kinds)]
    with pytest.raises(ImageError, match=r"has \d channels?, 0\.tif has \d channels?\. Keep images of one kind"):
        network_channels(images)


def of_kind(folder: Path, kind: str, number: int, dtype: type = np.uint8) -> LabelledImage:
    tifffile = pytest.importorskip("tifffile")
    path = folder / f"{number}.tif"
    channels: tuple[int, ...] = {"rgb": (3,), "five": (5,)}.get(kind, ())
    pixels: Pixels = np.random.default_rng(number).integers(0, 250, (40, 50, *channels)).astype(dtype)
    side_by_side = {"planarconfig": "contig"} if channels else {}
    tifffile.imwrite(path, pixels, photometric="rgb" if kind == "rgb" else "minisblack", **side_by_side)
    if kind == "broken":
        path.write_bytes(b"no image")
    annotation = np.random.default_rng(number).integers(0, 2, (40, 50)).astype(np.uint8)
    return LabelledImage.pack(key=str(number), path=path, split="train", revision=1, annotation=annotation)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_images_of_all_kinds_give_crops_of_the_wanted_channels(tmp_path: Path, dtype: type) -> None:
    images = [of_kind(tmp_path, kind, number, dtype) for number, kind in enumerate(["grey", "rgb", "five"])]
    for channels, problems in ((1, 1), (3, 1), (5, 2)):
        labels = TrainingSet(images, 2, ImageCache(), channels=channels, augmentation=Augmentation.only(*SWITCHES))
        labels.decode(threading.Event().is_set)
        pixels, target = labels.batch(np.random.default_rng(0), 6, 64)
        assert pixels.shape == (6, 64, 64, channels)
        assert target.shape == (6, 64, 64)
        assert len(labels.problems) == problems
        assert f"the network takes {channels}" in labels.problems[0]


def test_deep_crops_have_the_tones_that_prediction_sees(tmp_path: Path) -> None:
    image = of_kind(tmp_path, "grey", 1, np.uint16)
    labels = TrainingSet([image], 2, ImageCache(), channels=1, augmentation=Augmentation.only())
    seen = readable_pixels(image, ImageCache())
    pixels, _ = labels.batch(np.random.default_rng(0), 1, 16)
    assert any(
        np.array_equal(seen[y : y + 16, x : x + 16], pixels[0, :, :, 0]) for y in range(40 - 15) for x in range(50 - 15)
    )


@pytest.mark.parametrize("place", [(0, 0), (63, 63), (30, 20)])
def test_a_single_labelled_pixel_in_all_images_is_enough(make_image: Make, place: tuple[int, int]) -> None:
    annotation = np.full((64, 64), VOID, np.uint8)
    annotation[place] = 1
    labels = training_set(
        make_image(1, annotation=annotation), make_image(2, annotation=np.full_like(annotation, VOID))
    )
    assert len(labels) == 1
    _, target = labels.batch(np.random.default_rng(0), 20, 32)
    assert set(np.unique(target)) == {1, VOID}


def test_strokes_are_in_the_crops_though_they_are_a_hundredth_of_the_pixels(make_image: Make) -> None:
    annotation = np.full((64, 64), VOID, np.uint8)
    annotation[10, 5:25], annotation[50, 40:60] = 0, 1
    _, target = training_set(make_image(1, annotation=annotation)).batch(np.random.default_rng(0), 60, 32)
    assert ((target != VOID).any(axis=(1, 2))).mean() > 0.85
    assert set(np.unique(target)) == {0, 1, VOID}


def test_an_image_may_be_left_out_while_labels_are_counted(make_image: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that draws crops finds out about an unreadable image whenever it wants."""
    dropped: list[str] = []

    class Counted:
        @property
        def counts(self) -> np.ndarray:
            for key in dropped:
                images._entries.pop(key, None)
            return np.array([1, 1])

        places = (np.zeros((1, 2), np.int32),) * 2

    monkeypatch.setattr("segstudio.learn.crops.data.find_places", lambda *_: Counted())
    images = TrainingSet([make_image(seed) for seed in range(3)], 2, ImageCache())
    dropped.append("image2")
    assert images.counts.tolist() == [3, 3]
    assert len(images) == 2
