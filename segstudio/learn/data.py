"""Training crops: images decoded once, crops drawn toward labelled and rare pixels, augmented."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from segstudio.core.arrays import I64, U8
from segstudio.core.classes import VOID
from segstudio.core.labels import LabelledImage
from segstudio.errors import ImageError, SegStudioError
from segstudio.storage.images import read_image

_log = logging.getLogger(__name__)
_HELD_BYTES = 1 << 29  # of unpacked annotations; beyond it they are unpacked for every crop
_PLACES = 512  # remembered positions a class and image: enough variety, small next to the image
_SCALES = (0.6, 1.6)
_BALANCED = 0.5  # share of crops drawn by class instead of by image
_RARITY = 0.3  # 0 draws every class alike, 1 as often as its pixels occur


class ImageCache:
    """Decoded images, ready for display and network alike; the least recently used leave first. Thread-safe."""

    def __init__(self, limit_bytes: int = 1 << 30) -> None:
        self._limit = limit_bytes
        self._bytes = 0
        self._images: OrderedDict[Path, U8] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: Path) -> U8:
        """The image as the eye sees it, ``uint8 (H, W)`` or ``(H, W, 3)`` RGB; do not write to it.

        Raises:
            ImageError: as `segstudio.storage.images.read_image`.
        """
        with self._lock:
            if path in self._images:
                self._images.move_to_end(path)
                return self._images[path]
        pixels = read_image(path).display()
        with self._lock:
            if path not in self._images:
                self._images[path] = pixels
                self._bytes += pixels.nbytes
            while self._bytes > self._limit and len(self._images) > 1:
                self._bytes -= self._images.popitem(last=False)[1].nbytes
        return pixels

    @property
    def full(self) -> bool:
        """Whether another image would push one out."""
        with self._lock:
            return self._bytes >= self._limit


@dataclass(frozen=True, slots=True, eq=False)
class _Labels:
    """What drawing needs to know of one annotation.

    Attributes:
        source: the labelled image.
        annotation: its labels, None when there are too many of them to hold unpacked.
        counts: ``int64 (K,)`` labelled pixels of each class.
        places: for each class, ``int32 (n, 2)`` rows and columns of some of its pixels.
    """

    source: LabelledImage
    annotation: U8 | None
    counts: I64
    places: tuple[np.ndarray, ...]


def known_labels(image: LabelledImage, classes: int) -> U8:
    """The annotation with classes this run does not know, added since it began, turned to void."""
    annotation = image.annotation()
    annotation[annotation >= classes] = VOID
    return annotation


def readable_pixels(image: LabelledImage, cache: ImageCache) -> U8:
    """The decoded image, checked against its annotation.

    Raises:
        ImageError: unreadable, or of another size than its annotation.
    """
    pixels = cache.read(image.path)
    if pixels.shape[:2] != image.shape:
        height, width = pixels.shape[:2]
        raise ImageError(
            f"is {width} x {height}, its annotation {image.shape[1]} x {image.shape[0]}",
            remedy="Put the original image back",
            path=image.path,
        )
    return pixels


class TrainingSet:
    """Labelled images to draw crops from; `update` takes in newer labels.

    Args:
        images: labelled images; those of another split than ``train`` are left out.
        classes: number of classes K.
        cache: of decoded images, may be shared.
    """

    def __init__(self, images: Iterable[LabelledImage], classes: int, cache: ImageCache) -> None:
        self._classes = classes
        self._cache = cache
        self._labels: dict[str, _Labels] = {}
        self._broken: set[Path] = set()
        self.problems: list[str] = []
        self.update(images)

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def counts(self) -> I64:
        """``(K,)`` labelled pixels of each class over all images."""
        total = np.zeros(self._classes, np.int64)
        for labels in self._labels.values():
            total += labels.counts
        return total

    def update(self, images: Iterable[LabelledImage]) -> None:
        """Replace the labels; unchanged ones (same revision) are kept as they are."""
        fresh: dict[str, _Labels] = {}
        room = _HELD_BYTES
        for image in images:
            if image.split != "train" or image.path in self._broken:
                continue
            old = self._labels.get(image.key)
            same = old is not None and old.source.revision == image.revision and old.source.packed == image.packed
            room -= image.shape[0] * image.shape[1]
            labels = old if old is not None and same else self._index(image, hold=room > 0)
            if labels.counts.any():
                fresh[image.key] = labels
        self._labels = fresh
        self._weigh()

    def decode(self, stopped: Callable[[], bool]) -> None:
        """Decode images on threads until all are, the cache is full or `stopped`; unreadable ones leave the set."""

        def one(labels: _Labels) -> None:
            if not stopped() and not self._cache.full:
                try:
                    readable_pixels(labels.source, self._cache)
                except SegStudioError as error:
                    self._drop(labels, error)

        with ThreadPoolExecutor(2, thread_name_prefix="decode") as pool:
            list(pool.map(one, list(self._labels.values())))
        self._weigh()

    def batch(self, rng: np.random.Generator, size: int, crop: int) -> tuple[U8, I64]:
        """Draw augmented crops.

        Args:
            rng: source of all randomness.
            size: number of crops N.
            crop: side of the square crops in pixels.

        Returns:
            ``uint8 (N, crop, crop, 3)`` RGB and ``int64 (N, crop, crop)`` class indices or void.

        Raises:
            ImageError: when no image can be read any more.
        """
        pixels = np.empty((size, crop, crop, 3), np.uint8)
        target = np.empty((size, crop, crop), np.int64)
        filled = 0
        while filled < size:
            if not self._labels:
                raise ImageError("no labelled image can be read", remedy="Put the image files back")
            labels, row, column = self._draw(rng)
            try:
                image = readable_pixels(labels.source, self._cache)
            except SegStudioError as error:
                self._drop(labels, error)
                self._weigh()
                continue
            held = labels.annotation
            annotation = known_labels(labels.source, self._classes) if held is None else held
            pixels[filled], target[filled] = cut_crop(image, annotation, row, column, crop, rng)
            filled += 1
        return pixels, target

    def _drop(self, labels: _Labels, error: SegStudioError) -> None:
        self._broken.add(labels.source.path)
        self._labels.pop(labels.source.key, None)
        self.problems.append(str(error))
        _log.warning("left out of training: %s", error)

    def _index(self, image: LabelledImage, *, hold: bool) -> _Labels:
        annotation = known_labels(image, self._classes)
        flat = annotation.ravel()
        counts = np.bincount(flat, minlength=256)[: self._classes].astype(np.int64)
        rng = np.random.default_rng(int(image.revision))
        places = []
        for index in range(self._classes):
            found = np.flatnonzero(flat == index) if counts[index] else np.empty(0, np.int64)
            if len(found) > _PLACES:
                found = found[rng.integers(0, len(found), _PLACES)]
            places.append(np.stack(np.divmod(found, annotation.shape[1]), axis=-1).astype(np.int32))
        return _Labels(image, annotation if hold else None, counts, tuple(places))

    def _weigh(self) -> None:
        """Chances of classes, of images given a class, and of classes given an image."""
        self._order = [self._labels[key] for key in sorted(self._labels)]
        table = np.array([labels.counts for labels in self._order], np.float64).reshape(-1, self._classes)
        total = table.sum(axis=0)
        share = (total / max(total.sum(), 1)) ** _RARITY
        self._class_chance = share / max(share.sum(), 1e-12)
        root = np.sqrt(table)
        self._image_chance = root / np.maximum(root.sum(axis=0), 1e-12)
        self._inside_chance = table / np.maximum(table.sum(axis=1, keepdims=True), 1)

    def _draw(self, rng: np.random.Generator) -> tuple[_Labels, int, int]:
        if rng.random() < _BALANCED:
            index = int(rng.choice(self._classes, p=self._class_chance))
            labels = self._order[int(rng.choice(len(self._order), p=self._image_chance[:, index]))]
        else:
            number = int(rng.integers(len(self._order)))
            labels = self._order[number]
            index = int(rng.choice(self._classes, p=self._inside_chance[number]))
        row, column = labels.places[index][int(rng.integers(len(labels.places[index])))]
        return labels, int(row), int(column)


def cut_crop(image: U8, annotation: U8, row: int, column: int, crop: int, rng: np.random.Generator) -> tuple[U8, U8]:
    """A crop around a pixel: randomly placed, scaled, mirrored, brightened.

    Args:
        image: ``uint8 (H, W)`` or ``(H, W, 3)``.
        annotation: ``uint8 (H, W)``.
        row, column: a pixel that should lie within the crop.
        crop: side of the result in pixels.
        rng: source of randomness.

    Returns:
        ``uint8 (crop, crop, 3)`` and ``uint8 (crop, crop)``; outside of the image, its mirror image and void.
    """
    scale = float(np.exp(rng.uniform(np.log(_SCALES[0]), np.log(_SCALES[1]))))
    side = crop / scale
    top = _window_start(row, side, image.shape[0], rng)
    left = _window_start(column, side, image.shape[1], rng)
    # Only the window is handed to OpenCV, whose warps refuse images beyond 32,767 pixels.
    y0, y1 = max(0, int(top) - 2), min(image.shape[0], int(top + side) + 3)
    x0, x1 = max(0, int(left) - 2), min(image.shape[1], int(left + side) + 3)
    flip = rng.random() < 0.5
    # Output to source coordinates of pixel centres (WARP_INVERSE_MAP).
    step = 1 / scale
    offset_x = left - x0 + 0.5 * step - 0.5 + (crop - 1) * step * flip
    matrix = np.array([[-step if flip else step, 0, offset_x], [0, step, top - y0 + 0.5 * step - 0.5]])
    size = (crop, crop)
    pixels = cv2.warpAffine(
        image[y0:y1, x0:x1], matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
    )
    labels = cv2.warpAffine(
        annotation[y0:y1, x0:x1],
        matrix,
        size,
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=VOID,
    )
    pixels = cv2.LUT(pixels, _tone_curve(rng))
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return np.asarray(pixels, np.uint8), np.asarray(labels, np.uint8)


def _window_start(at: int, side: float, length: int, rng: np.random.Generator) -> float:
    """Where a window of `side` that holds `at` begins: inside the image when it fits, else around it."""
    start = at + 0.5 - side * rng.uniform(0.1, 0.9)
    spare = length - side
    return float(min(max(start, min(spare, 0.0)), max(spare, 0.0)))


def _tone_curve(rng: np.random.Generator) -> U8:
    """``(256,)`` lookup of a random gain, offset and gamma."""
    gain, offset, gamma = rng.uniform(0.75, 1.25), rng.uniform(-0.1, 0.1), np.exp(rng.uniform(-0.25, 0.25))
    x = np.linspace(0, 1, 256)
    curve = ((x - 0.5) * gain + 0.5 + offset).clip(0, 1) ** gamma
    return np.asarray((curve * 255).round(), np.uint8)


class Batches:
    """Draws the next batch on a thread while the network works on this one; use as a context manager.

    One thread draws one batch ahead, in order, so that a seed still decides everything.
    """

    def __init__(self, images: TrainingSet, *, seed: int, size: int, crop: int) -> None:
        self.images = images
        self.size = size
        self._crop = crop
        self._rng = np.random.default_rng(seed)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="crops")
        self._ahead: Future[tuple[U8, I64]] = self._submit()

    def _submit(self) -> "Future[tuple[U8, I64]]":
        return self._pool.submit(self.images.batch, self._rng, self.size, self._crop)

    def next(self) -> tuple[U8, I64]:
        """The next batch, see `TrainingSet.batch`."""
        batch = self._ahead.result()
        self._ahead = self._submit()
        return batch

    def update(self, images: Iterable[LabelledImage]) -> None:
        """Take in newer labels; the batch drawn ahead still has the older ones."""
        self._ahead.exception()  # waits: the set must not change under the drawing thread
        self.images.update(images)

    def __enter__(self) -> "Batches":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
