"""Where to look next: which image, and which part of a proposal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import I64, U8, Bool
from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.geometry import Rect

_ORDER = ({"unlabelled", "proposed"}, {"in progress"})
_SAMPLES = 2**20  # pixels of a proposal that are looked at
_UNSURE = 153  # below 60 %, a proposal is in doubt
_SURE = 242  # above 95 %, it never is
_SHARE = 0.1  # when very much or nothing is unsure: the least sure tenth
_SPAN = (64, 1024)  # least and most pixels to a side of the squares that larger areas are cut into


def next_image(states: Sequence[tuple[str, str]], current: str | None) -> str | None:
    """The image to go on with: the next without labels, else the next that is begun but not reviewed.

    Args:
        states: key and state of every image, in the order of the strip.
        current: key of the image in hand; the search starts after it and goes round.

    Returns:
        A key other than `current`, or None when every other image is reviewed.
    """
    keys = [key for key, _ in states]
    start = keys.index(current) + 1 if current in keys else 0
    round_trip = [pair for pair in (*states[start:], *states[:start]) if pair[0] != current]
    for wanted in _ORDER:
        for key, state in round_trip:
            if state in wanted:
                return key
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """A part of a proposal that is in doubt.

    Attributes:
        rect: box in image pixels.
        where: ``bool (h, w)`` of that shape: its pixels, those that are still in doubt.
        number: place in the order of doubt; the first is 1.
        confidence: mean of these pixels, 0..1.
    """

    rect: Rect
    where: Bool
    number: int
    confidence: float


class Doubts:
    """The parts of a proposal that are most in doubt, to be visited one after the other.

    A part is an 8-connected area where the proposal is shown and its confidence is low: below 60 %, and if that is
    more than a tenth of what is shown, or nothing, the least sure tenth. Parts come in order of doubt, 1 - confidence,
    summed over their pixels. What is larger than a view is cut along a grid. A huge proposal is looked at in about a
    million samples, so an area narrower than their distance may be passed over.

    Args:
        document: its proposal, if any, is looked at as it is now.
    """

    def __init__(self, document: Document) -> None:
        self._document, self._proposal = document, document.proposal
        height, width = document.annotation.shape
        self._stride = max(1, math.ceil(math.sqrt(height * width / _SAMPLES)))
        self._last = -1  # place in the order of the part visited last
        sure = self._shown_confidence()
        self._limit = _limit(sure)
        self._parts, boxes, doubts = _parts(sure, self._limit, self._span)
        order = np.argsort(-doubts[1:], kind="stable") + 1
        self._order, self._boxes = order, boxes

    def __len__(self) -> int:
        """How many parts there were at first."""
        return len(self._order)

    def about(self, document: Document) -> bool:
        """Whether it is still about this document and its proposal; otherwise make another."""
        return document is self._document and document.proposal is self._proposal

    def next(self) -> Doubt | None:
        """The next part still in doubt; after the last comes the first again.

        A part is passed over once all of it is labelled or rejected. None when no part is left.
        """
        sure = self._shown_confidence()
        doubtful: Bool = sure <= self._limit
        left = np.bincount(self._parts[doubtful], minlength=len(self._boxes)) > 0
        places = np.flatnonzero(left[self._order])
        if not places.size:
            return None
        later = int(np.searchsorted(places, self._last, side="right"))
        self._last = int(places[later % places.size])
        part, step = int(self._order[self._last]), self._stride
        x, y, width, height = (int(v) for v in self._boxes[part][:4])
        box = Rect(x, y, x + width, y + height)
        where = (self._parts[box.slices] == part) & doubtful[box.slices]
        confidence = float(sure[box.slices][where].mean()) / 255
        rect = Rect(box.x0 * step, box.y0 * step, box.x1 * step, box.y1 * step).intersect(self._document.bounds)
        full = where.repeat(step, axis=0).repeat(step, axis=1)[: rect.height, : rect.width]
        return Doubt(rect, full, self._last + 1, confidence)

    @property
    def _span(self) -> int:
        """Side in samples of the squares larger areas are cut into: a quarter of the image."""
        least, most = _SPAN
        quarter = max(self._document.bounds.width, self._document.bounds.height) // 4
        return max(1, min(most, max(least, quarter)) // self._stride)

    def _shown_confidence(self) -> U8:
        """Samples of the confidence; 255 where nothing is proposed, or a person has spoken."""
        proposal, rejected, step = self._proposal, self._document.rejected, self._stride
        annotation = self._document.annotation
        # The middle of each cell, and the last pixel of an image that is narrower than half a cell.
        at = tuple(slice(min(step // 2, length - 1), length, step) for length in annotation.shape)
        if proposal is None:
            return np.full(annotation[at].shape, 255, np.uint8)
        classes = proposal.classes[at]
        shown: Bool = (annotation[at] == VOID) & (classes != VOID)
        if rejected is not None:
            shown &= rejected[at] != classes
        return np.where(shown, proposal.confidence[at], np.uint8(255))


def _limit(sure: U8) -> int:
    """The highest confidence that counts as doubt, -1 when none does; 255 in `sure` is left out."""
    counts = np.bincount(sure.ravel(), minlength=256)[:255]
    if not counts[: _SURE + 1].any():
        return -1
    least = int(np.flatnonzero(counts)[0])
    tenth = int(np.searchsorted(np.cumsum(counts), counts.sum() * _SHARE, side="right")) - 1
    return max(least, min(tenth, _UNSURE - 1 if counts[:_UNSURE].any() else _SURE))


def _parts(sure: U8, limit: int, span: int) -> tuple[NDArray[np.int32], I64, I64]:
    """Number the parts with a confidence up to `limit`.

    Returns:
        ``(h, w)`` numbers, 0 where there is no doubt; ``(n, 5)`` of x, y, width, height and pixels; ``(n,)`` doubt.
    """
    doubtful = (sure <= limit).view(np.uint8)
    count, parts, boxes, _ = cv2.connectedComponentsWithStats(doubtful, connectivity=8)
    large: Bool = np.asarray((boxes[:, 2:4] > span).any(axis=1))
    large[0] = False
    if large.any():
        lines = np.zeros(sure.shape, np.bool_)
        lines[span::span], lines[:, span::span] = True, True
        doubtful[lines & large[parts]] = 0
        count, parts, boxes, _ = cv2.connectedComponentsWithStats(doubtful, connectivity=8)
    doubts = np.bincount(parts.ravel(), weights=255.0 - sure.ravel(), minlength=count)
    return np.asarray(parts, np.int32), np.asarray(boxes, np.int64), doubts.astype(np.int64)
