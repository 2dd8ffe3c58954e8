"""Training crops: images decoded once, crops drawn toward labelled and rare pixels, augmented."""

import copy
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segstudio.core.arrays import I64, U8
from segstudio.core.augmentation import Augmentation
from segstudio.core.channels import GREY, RGB, as_channels
from segstudio.core.classes import VOID
from segstudio.core.cropping import cut_crop
from segstudio.core.labels import LabelledImage
from segstudio.errors import ImageError, SegStudioError
from segstudio.learn.crops.caching import Shelf
from segstudio.learn.crops.sampling import Places, Sampler, Source, find_places
from segstudio.storage.headers import read_header
from segstudio.storage.images import Image, image_size, read_image

_log = logging.getLogger(__name__)
_HELD_BYTES = 1 << 29  # of unpacked annotations


class ImageCache:
    """Decoded images in their own depth; the least recently used leave first. Thread-safe.

    Args:
        limit_bytes: of memory; an image larger than that is kept as long as it is the last one asked for.
    """

    def __init__(self, limit_bytes: int = 1 << 30) -> None:
        self._shelf: Shelf[Path, Image] = Shelf(limit_bytes)

    def read(self, path: Path) -> Image:
        """The decoded image with its window; do not write to it.

        Raises:
            ImageError: as `segstudio.storage.images.read_image`.
        """
        return self._shelf.get(
            path, lambda: read_image(path), size=lambda image: image.pixels.nbytes, coming=lambda: _expected_bytes(path)
        )

    @property
    def full(self) -> bool:
        """Whether another image would push one out."""
        return self._shelf.full

    @property
    def limit_bytes(self) -> int:
        """The budget."""
        return self._shelf.limit_bytes


def _expected_bytes(path: Path) -> int:
    try:
        return read_header(path).decoded_bytes
    except SegStudioError:
        return 0  # whoever decodes it will say what is wrong


def known_labels(image: LabelledImage, classes: int) -> U8:
    """The annotation with classes this run does not know, added since it began, turned to void."""
    annotation = image.annotation()
    annotation[annotation >= classes] = VOID
    return annotation


def readable_pixels(image: LabelledImage, cache: ImageCache) -> U8:
    """The image as the network sees it, checked against its annotation.

    Returns:
        ``uint8 (H, W)``, ``(H, W, 3)`` RGB or ``(H, W, C)``; do not write to it.

    Raises:
        ImageError: unreadable, or of another size than its annotation.
    """
    return _readable(image, cache).network()


def _readable(image: LabelledImage, cache: ImageCache) -> Image:
    decoded = cache.read(image.path)
    _check_size(image, *decoded.size)
    return decoded


def _check_size(image: LabelledImage, width: int, height: int) -> None:
    if (height, width) != image.shape:
        raise ImageError(
            f"is {width} x {height}, its annotation {image.shape[1]} x {image.shape[0]}",
            remedy="Put the original image back",
            path=image.path,
        )


def network_channels(images: Iterable[LabelledImage]) -> int:
    """How many channels a network for these images takes: their own number, or 3 where grey and RGB are mixed.

    Images that cannot be read do not count; 3 when none can.

    Raises:
        ImageError: images of other numbers of channels are mixed; names the first one unlike the first of all.
    """
    first: tuple[int, Path] | None = None
    channels = 0
    for image in images:
        try:
            found = read_header(image.path).bands
        except SegStudioError:
            continue
        if first is None:
            first = found, image.path
            channels = found
        elif found != channels and {found, channels} == {GREY, RGB}:
            channels = RGB
        elif found != channels:
            raise ImageError(
                f"has {_counted(found)}, {first[1].name} has {_counted(first[0])}",
                remedy="Keep images of one kind in a project",
                path=image.path,
            )
    return channels or RGB


def _counted(channels: int) -> str:
    return f"{channels} channel" if channels == 1 else f"{channels} channels"


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A labelled image, what drawing needs to know of it, and the bytes it takes decoded."""

    image: LabelledImage
    places: Places
    bytes: int


class TrainingSet:
    """Labelled images to draw crops from; `update` takes in newer labels.

    Args:
        images: labelled images; those of another split than ``train`` are left out.
        classes: number of classes K.
        cache: of decoded images, may be shared.
        augmentation: what may happen to a crop.
        channels: of the crops; images that cannot have so many are left out.
        part: ``(number, count)``: of several processes that draw the same, this one cuts every `count`-th crop.
    """

    def __init__(
        self,
        images: Iterable[LabelledImage],
        classes: int,
        cache: ImageCache,
        *,
        augmentation: Augmentation | None = None,
        channels: int = RGB,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        self._classes, self._cache = classes, cache
        self._augmentation = augmentation or Augmentation()
        self._channels, self._part = channels, part
        self._entries: dict[str, _Entry] = {}
        self._annotations: Shelf[tuple[str, int], U8] = Shelf(_HELD_BYTES)
        self._sampler = Sampler((), classes, 0)
        self._broken: set[Path] = set()
        self.problems: list[str] = []
        self.update(images)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def counts(self) -> I64:
        """``(K,)`` labelled pixels of each class over all images."""
        total = np.zeros(self._classes, np.int64)
        for entry in list(self._entries.values()):  # the drawing thread may drop one meanwhile
            total += entry.places.counts
        return total

    def update(self, images: Iterable[LabelledImage]) -> None:
        """Replace the labels; unchanged ones (same revision) are kept as they are."""
        fresh: dict[str, _Entry] = {}
        for image in images:
            if image.split != "train" or image.path in self._broken:
                continue
            old = self._entries.get(image.key)
            same = old is not None and old.image.revision == image.revision and old.image.packed == image.packed
            entry = old if old is not None and same else self._entry(image)
            if entry.places.counts.any():
                fresh[image.key] = entry
        self._entries = fresh
        self._weigh()

    def decode(self, stopped: Callable[[], bool]) -> None:
        """Decode images on threads until all are or `stopped`; unreadable ones leave the set.

        When not all of them fit into memory only their headers are read: which ones will be at hand is not known yet.
        """

        def one(entry: _Entry) -> None:
            if not stopped():
                try:
                    if self._sampler.crowded:
                        _check_size(entry.image, *image_size(entry.image.path))
                    else:
                        self._readable(entry.image)
                except SegStudioError as error:
                    self._drop(entry, error)

        with ThreadPoolExecutor(2, thread_name_prefix="decode") as pool:
            list(pool.map(one, list(self._entries.values())))
        self._weigh()

    def batch(self, rng: np.random.Generator, size: int, crop: int) -> tuple[U8, I64]:
        """Draw augmented crops.

        Args:
            rng: source of all randomness.
            size: number of crops N.
            crop: side of the square crops in pixels.

        Returns:
            ``uint8 (N, crop, crop, C)`` and ``int64 (N, crop, crop)`` class indices or void.

        Raises:
            ImageError: when no image can be read any more.
        """
        pixels = np.empty((size, crop, crop, self._channels), np.uint8)
        target = np.empty((size, crop, crop), np.int64)
        filled = 0
        while filled < size:
            if not self._entries:
                raise ImageError("no labelled image can be read", remedy="Put the image files back")
            # What happens to a crop has randomness of its own, so that nobody has to cut those of others.
            turns = [(*self._sampler.draw(rng, crop), int(rng.integers(1 << 62))) for _ in range(self._part[1])]
            key, row, column, seed = turns[self._part[0]]
            entry = self._entries[key]
            try:
                image = self._readable(entry.image)
            except SegStudioError as error:
                self._drop(entry, error)
                self._weigh()
                continue
            seen, labels = cut_crop(
                image.pixels,
                self._annotation(entry.image),
                (row, column),
                crop,
                self._augmentation,
                np.random.default_rng(seed),
                window=image.window,
            )
            pixels[filled], target[filled] = as_channels(seen, self._channels), labels
            filled += 1
        return pixels, target

    def state(self) -> dict[str, Any]:
        """What `restore` needs to draw on from here, beside the state of the generator; JSON can hold it."""
        return self._sampler.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was asked for."""
        self._sampler.restore(state)

    def _readable(self, labelled: LabelledImage) -> Image:
        image = _readable(labelled, self._cache)
        try:
            as_channels(np.empty((1, 1, *image.pixels.shape[2:]), np.uint8), self._channels)
        except ValueError as error:
            raise ImageError(str(error), remedy="Keep images of one kind in a project", path=labelled.path) from error
        return image

    def _annotation(self, image: LabelledImage) -> U8:
        def unpack() -> U8:
            return known_labels(image, self._classes)

        height, width = image.shape
        return self._annotations.get(
            (image.key, image.revision), unpack, size=lambda labels: labels.nbytes, coming=lambda: height * width
        )

    def _drop(self, entry: _Entry, error: SegStudioError) -> None:
        self._broken.add(entry.image.path)
        self._entries.pop(entry.image.key, None)
        self.problems.append(str(error))
        _log.warning("left out of training: %s", error)

    def _entry(self, image: LabelledImage) -> _Entry:
        self._annotations.drop((image.key, image.revision))  # labels may differ under one revision
        places = find_places(self._annotation(image), self._classes, int(image.revision))
        return _Entry(image, places, _expected_bytes(image.path))

    def _weigh(self) -> None:
        """Chances anew; images at hand stay there."""
        entries = [self._entries[key] for key in sorted(self._entries)]
        sources = [Source(entry.image.key, entry.places, *self._costs(entry)) for entry in entries]
        before = self._sampler.state()
        self._sampler = Sampler(sources, self._classes, self._cache.limit_bytes)
        self._sampler.restore(before)

    def _costs(self, entry: _Entry) -> tuple[int, int]:
        """Pixels of an image, and what it takes of the cache's budget, its labels counted by their own budget."""
        height, width = entry.image.shape
        labels = height * width * self._cache.limit_bytes // _HELD_BYTES
        return height * width, max(entry.bytes, labels)


class Batches:
    """Draws the next batch on a thread while the network works on this one; use as a context manager.

    One thread draws one batch ahead, in order, so that a seed still decides everything. When the size, the crop or the
    labels change, that batch is drawn again from the same place of the random numbers: the next batch always is as it
    was asked for, and what follows does not depend on when it was.

    Args:
        images: where crops come from.
        seed: of all randomness.
        size: crops in a batch.
        crop: side of a crop in pixels.
    """

    def __init__(self, images: TrainingSet, *, seed: int, size: int, crop: int) -> None:
        self.images = images
        self._size, self._crop = size, crop
        self._rng = np.random.default_rng(seed)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="crops")
        self._draw_ahead()

    @property
    def size(self) -> int:
        """Crops in a batch; may be set between two batches."""
        return self._size

    @size.setter
    def size(self, size: int) -> None:
        self._again(size=size)

    @property
    def crop(self) -> int:
        """Side of a crop in pixels; may be set between two batches."""
        return self._crop

    @crop.setter
    def crop(self, crop: int) -> None:
        self._again(crop=crop)

    def next(self) -> tuple[U8, I64]:
        """The next batch, see `TrainingSet.batch`."""
        batch = self._ahead.result()
        self._draw_ahead()
        return batch

    def update(self, images: Iterable[LabelledImage]) -> None:
        """Take in newer labels; the next batch has them."""
        self._again(images=list(images))

    def state(self) -> dict[str, Any]:
        """What `restore` needs so that the next batch is the one that is next here; JSON can hold it.

        Labels are no part of it: the set has to hold the same ones.
        """
        return {"size": self._size, "crop": self._crop, **copy.deepcopy(self._before)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was asked for, of these or other batches."""
        self._again(size=int(state["size"]), crop=int(state["crop"]), state=state)

    def _draw_ahead(self) -> None:
        self._before: dict[str, Any] = {"generator": self._rng.bit_generator.state, "images": self.images.state()}
        self._ahead: Future[tuple[U8, I64]] = self._pool.submit(self.images.batch, self._rng, self._size, self._crop)

    def _again(
        self,
        *,
        size: int | None = None,
        crop: int | None = None,
        images: Sequence[LabelledImage] | None = None,
        state: dict[str, Any] | None = None,
    ) -> None:
        """Change something and draw the batch ahead anew."""
        self._ahead.exception()  # waits: the set must not change under the drawing thread
        state = state or self._before
        self._rng.bit_generator.state = state["generator"]
        self.images.restore(state["images"])
        self._size, self._crop = size or self._size, crop or self._crop
        if images is not None:
            self.images.update(images)
        self._draw_ahead()

    def __enter__(self) -> "Batches":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
