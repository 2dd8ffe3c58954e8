"""Which image, and which pixel of it, the next crop is drawn around."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from segstudio.core.arrays import I64, U8, Bool

PLACES = 512  # remembered positions a class and image: enough variety, small next to the image
BALANCED = 0.5  # share of crops drawn by class instead of by image
RARITY = 0.3  # 0 draws every class alike, 1 as often as its pixels occur
_BAND = 1 << 24  # pixels searched at a time
_FEWEST_CROPS = 16  # that are drawn from the images at hand before another one comes in
_MOST_CROPS = 1024
_AT_HAND = 0.75  # of the memory; the rest is for images that are scored meanwhile
_WORTH = 8  # pixels decoded for each pixel drawn, at most


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """What drawing needs to know of one annotation.

    Attributes:
        counts: ``int64 (K,)`` labelled pixels of each class.
        places: for each class, ``int32 (n, 2)`` rows and columns of some of its pixels.
    """

    counts: I64
    places: tuple[np.ndarray, ...]


def find_places(annotation: U8, classes: int, seed: int) -> Places:
    """Count the labels of an annotation ``uint8 (H, W)`` and remember where some of each class are.

    Memory stays small on huge annotations: they are searched a band of rows at a time.

    Args:
        annotation: class indices; void and whatever is no class is left out.
        classes: number of classes K.
        seed: decides which places are remembered where there are too many.
    """
    height, width = annotation.shape
    rows = max(1, _BAND // max(width, 1))
    bands = [annotation[top : top + rows] for top in range(0, height, rows)]
    counts = np.array([_histogram(band)[:classes] for band in bands], np.int64)
    before = np.cumsum(counts, axis=0) - counts
    total: I64 = counts.sum(axis=0)
    rng = np.random.default_rng(seed)
    places = []
    for index, count in enumerate(total):
        ranks = np.arange(count) if count <= PLACES else np.sort(rng.integers(0, count, PLACES))
        found = [np.empty((0, 2), np.int64)]
        for number, band in enumerate(bands):
            inside = ranks[(ranks >= before[number, index]) & (ranks < before[number, index] + counts[number, index])]
            if len(inside):
                found.append(_nth(band == index, inside - before[number, index]) + np.array([number * rows, 0]))
        places.append(np.concatenate(found).astype(np.int32))
    return Places(total, tuple(places))


def _histogram(band: U8) -> I64:
    # OpenCV counts bytes many times faster than numpy; in float32, which is exact for so few pixels.
    return cv2.calcHist([band], [0], None, [256], [0, 256]).ravel().astype(np.int64)


def _nth(mask: Bool, ranks: I64) -> I64:
    """Rows and columns ``(n, 2)`` of the set pixels of these numbers, counted row by row from 0."""
    ends = np.cumsum(np.count_nonzero(mask, axis=1))
    rows = np.searchsorted(ends, ranks, side="right")
    places = np.empty((len(ranks), 2), np.int64)
    for row in np.unique(rows):
        here = rows == row
        columns = np.flatnonzero(mask[row])
        places[here] = np.stack([rows[here], columns[ranks[here] - ends[row] + len(columns)]], axis=-1)
    return places


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """An image that can be drawn from.

    Attributes:
        key: its name.
        places: of its labels.
        pixels: of the image.
        bytes: it takes in memory.
    """

    key: str
    places: Places
    pixels: int
    bytes: int


class Sampler:
    """Draws places toward labelled and rare-class pixels.

    Half of the crops follow the classes, rare ones more often than their share of the pixels; half follow the images,
    each alike.

    When not all images fit into memory, crops come from a few of them at hand. From time to time another image, drawn
    with the chance it has among all, takes the place of the one that has been there longest. So each image gets about
    the share of crops it would have if all were in memory, yet one decoding serves many crops, the more the larger the
    image is. What is at hand follows from the draws alone, never from what a cache happens to hold: a seed decides
    everything.

    Args:
        sources: images with at least one labelled pixel, in an order that does not change between runs.
        classes: number of classes K.
        room: bytes of images that fit into memory.

    Attributes:
        crowded: whether more than that would be needed.
    """

    def __init__(self, sources: Sequence[Source], classes: int, room: int) -> None:
        self._sources = list(sources)
        self._room = _AT_HAND * room
        self.crowded = sum(source.bytes for source in sources) > room
        self._numbers = {source.key: number for number, source in enumerate(sources)}
        self._hand: list[int] = []  # the oldest first; an image may be there twice
        self._left = 0  # crops until the next image comes in
        table = np.array([source.places.counts for source in sources], np.float64).reshape(-1, classes)
        total = table.sum(axis=0)
        share = (total / max(total.sum(), 1)) ** RARITY * (total > 0)
        by_class = share / max(share.sum(), 1e-12)
        root = np.sqrt(table)
        by_image = root / np.maximum(root.sum(axis=0), 1e-12)
        inside = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        chance = BALANCED * by_class * by_image + (1 - BALANCED) * inside / max(len(self._sources), 1)
        self._image_bounds = np.cumsum(chance.sum(axis=1))
        self._class_bounds = np.cumsum(chance, axis=1)

    def __len__(self) -> int:
        return len(self._sources)

    def draw(self, rng: np.random.Generator, side: int) -> tuple[str, int, int]:
        """Key of an image, row and column of one of its labelled pixels.

        Args:
            rng: source of randomness.
            side: of the crop that will be cut, in pixels.
        """
        number = self._from_hand(rng, side) if self.crowded else _pick(self._image_bounds, rng)
        source = self._sources[number]
        places = source.places.places[_pick(self._class_bounds[number], rng)]
        row, column = places[int(rng.integers(len(places)))]
        return source.key, int(row), int(column)

    def state(self) -> dict[str, Any]:
        """What `restore` needs to draw on from here; JSON can hold it."""
        return {"hand": [self._sources[number].key for number in self._hand], "left": self._left}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was asked for; images that are gone are left out."""
        self._hand = [self._numbers[key] for key in state["hand"] if key in self._numbers]
        self._left = int(state["left"])

    def _from_hand(self, rng: np.random.Generator, side: int) -> int:
        if self._left <= 0 or not self._hand:
            self._left = self._change_hand(rng, side)
        self._left -= 1
        return self._hand[int(rng.integers(len(self._hand)))]

    def _change_hand(self, rng: np.random.Generator, side: int) -> int:
        """Let images in, the first one whatever leaves for it, others as long as there is room."""
        del self._hand[:1]
        decoded = 0
        for attempt in range(len(self._sources)):
            number = _pick(self._image_bounds, rng)
            if attempt and self._held(number) > self._room:
                break
            while self._hand and self._held(number) > self._room:
                del self._hand[0]
            decoded += 0 if number in self._hand else self._sources[number].pixels
            self._hand.append(number)
        return min(max(decoded // (_WORTH * side * side), _FEWEST_CROPS), _MOST_CROPS)

    def _held(self, coming: int) -> int:
        return sum(self._sources[number].bytes for number in {*self._hand, coming})


def _pick(bounds: np.ndarray, rng: np.random.Generator) -> int:
    """An index by cumulated chances, which need not add up to one."""
    return int(np.searchsorted(bounds, rng.random() * bounds[-1], side="right"))
