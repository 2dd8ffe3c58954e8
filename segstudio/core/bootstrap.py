"""How sure a score is: intervals by drawing the images of a set again and again.

Images are drawn, never pixels: neighbouring pixels are not independent, and neither are the parts of one image.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import I64

F64 = NDArray[np.float64]

LEVEL = 0.9
RESAMPLES = 2000
_DRAWN = 4_000_000  # counts drawn at a time


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Mean IoU of one model minus that of another, on the same images.

    Attributes:
        mean: of the images as they are, pooled.
        low, high: bounds of the interval; nan with fewer than two labelled images.
        probability: share of the draws in which the first is better, ties counted half; nan as above.
    """

    mean: float
    low: float
    high: float
    probability: float


def interval(
    confusions: I64, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Interval of the mean IoU that images like these would give.

    Args:
        confusions: ``int64 (n, K, K + 1)``, one matrix an image, see `segstudio.core.metrics.confusion_matrix`.
        level: of the interval, in 0..1.
        resamples: sets of n images drawn with replacement; each is pooled before it is scored.
        seed: of the draws.

    Returns:
        ``(low, high)``; nan with fewer than two images that hold labels.

    Source: Efron 1979; bounds as the expanded percentile interval of Hesterberg 2015, "What teachers should know about
    the bootstrap", section 4.2: without it intervals of a few images are too short.
    """
    counts = _labelled(class_counts(confusions))
    if len(counts) < 2:
        return math.nan, math.nan
    return _bounds(_resampled(counts, resamples, seed)[:, 0], level, len(counts))


def difference(
    first: I64, second: I64, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> PairedDifference:
    """By how much one model is better than another. Both are scored on the same draws of images.

    Args:
        first, second: ``int64 (n, K, K + 1)`` of two models on the same images in the same order; the others as for
            `interval`.

    Raises:
        ValueError: when they are not of the same images and labels.
    """
    if first.shape != second.shape or not np.array_equal(first.sum(axis=2), second.sum(axis=2)):
        raise ValueError("the two models were not scored on the same pixels")
    both = np.concatenate([class_counts(first), class_counts(second)], axis=2)
    mean = float(-np.diff(_means(both.sum(axis=0, keepdims=True)))[0, 0]) if both.any() else math.nan
    counts = _labelled(both)
    if len(counts) < 2:
        return PairedDifference(mean, math.nan, math.nan, math.nan)
    drawn = _resampled(counts, resamples, seed)
    gained = drawn[:, 0] - drawn[:, 1]
    low, high = _bounds(gained, level, len(counts))
    probability = float(((gained > 0) + 0.5 * (gained == 0)).mean())
    return PairedDifference(mean, low, high, probability)


def class_counts(confusions: I64) -> F64:
    """What IoU needs of confusion matrices.

    Args:
        confusions: ``int64 (n, K, K + 1)``.

    Returns:
        ``float64 (n, K, 3)``: pixels right, truly of the class, predicted as the class.
    """
    square = confusions[:, :, :-1]
    hits = np.diagonal(square, axis1=1, axis2=2)
    counts: F64 = np.stack([hits, confusions.sum(axis=2), square.sum(axis=1)], axis=2).astype(np.float64)
    return counts


def _labelled(counts: F64) -> F64:
    """Images with at least one labelled pixel: the others say nothing and must not make the interval wider."""
    kept: F64 = counts[counts[:, :, 1].sum(axis=1) > 0]
    return kept


def _resampled(counts: F64, resamples: int, seed: int) -> F64:
    """``(resamples, models)`` mean IoU of each draw, of ``(n, K, 3 * models)`` counts."""
    images = len(counts)
    rng = np.random.default_rng(seed)
    chances = np.full(images, 1 / images)
    flat = counts.reshape(images, -1)
    at_once = max(1, _DRAWN // max(images, flat.shape[1]))
    parts = []
    for start in range(0, resamples, at_once):
        drawn = rng.multinomial(images, chances, size=min(at_once, resamples - start)).astype(np.float64)
        parts.append(_means((drawn @ flat).reshape(len(drawn), *counts.shape[1:])))
    return np.concatenate(parts)


def _means(pooled: F64) -> F64:
    """``(r, models)`` mean IoU over the classes present in the truth of each draw, of ``(r, K, 3 * models)``."""
    found = []
    for start in range(0, pooled.shape[2], 3):
        hit, truth, predicted = np.moveaxis(pooled[:, :, start : start + 3], 2, 0)
        present = truth > 0
        iou = np.divide(hit, truth + predicted - hit, out=np.zeros_like(hit), where=present)
        found.append(iou.sum(axis=1) / np.maximum(present.sum(axis=1), 1))
    return np.stack(found, axis=1)


def _bounds(values: F64, level: float, images: int) -> tuple[float, float]:
    tail = _tail((1 - level) / 2, images)
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _tail(share: float, images: int) -> float:
    """The share to cut off each end so that few images give as wide an interval as Student's t would."""
    normal = NormalDist()
    widened = _student(normal.inv_cdf(1 - share), images - 1) * math.sqrt(images / (images - 1))
    return normal.cdf(-widened)


def _student(z: float, freedom: int) -> float:
    """Student's t at the quantile of a normal `z`. Source: Abramowitz and Stegun 1964, 26.7.5."""
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(z + sum(term / freedom**power for power, term in enumerate(terms, 1)))
