"""Scores of predictions against truth, from one confusion matrix pooled over all images."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import I64, U8, Bool
from segstudio.core.boundaries import boundary_scores
from segstudio.core.classes import VOID

_AT_ONCE = 1 << 20  # pixels


def confusion_matrix(truth: U8, prediction: U8, classes: int) -> I64:
    """Count pixels by true and predicted class; pixels whose truth is void are left out.

    Args:
        truth: ``uint8`` class indices below `classes`, or void.
        prediction: ``uint8`` of the same shape; void means "no answer" and counts as a miss.
        classes: number of classes K.

    Returns:
        ``int64 (K, K + 1)``: rows are true classes, columns predicted ones, the last column "no answer".

    Raises:
        ValueError: on different shapes or a value that is neither a class nor void.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"truth is {truth.shape}, prediction {prediction.shape}")
    counts = np.zeros(1 << 16, np.int64)
    said, answered = truth.ravel(), prediction.ravel()
    for start in range(0, len(said), _AT_ONCE):  # numpy counts in eight bytes a pixel
        part = slice(start, start + _AT_ONCE)
        counts += np.bincount((said[part].astype(np.uint16) << 8) | answered[part], minlength=1 << 16)
    counts = counts.reshape(256, 256)[:VOID]  # rows with a true class
    if counts[classes:].any() or counts[:, classes:VOID].any():
        raise ValueError(f"a value is neither below {classes} nor void")
    return np.concatenate([counts[:classes, :classes], counts[:classes, VOID:]], axis=1)


@dataclass(frozen=True, slots=True)
class Scores:
    """How well predictions match the truth on labelled pixels.

    Attributes:
        miou: mean intersection over union over the classes present in the truth; nan without labelled pixels.
        per_class_iou: by class index; None where a class is in neither truth nor prediction.
        dice: mean of 2TP / (2TP + FP + FN) over the classes present in the truth.
        pixel_accuracy: share of labelled pixels with the right class.
        images: number of images scored.
        labelled_pixels: number of pixels scored.
        per_class_dice: as `per_class_iou`.
        per_class_accuracy: share of a class's pixels that were found (recall); None for a class not in the truth.
        boundary: mean boundary F-score over the classes with a boundary in the truth; None without.
        per_class_boundary: by class index; None where a class has a boundary in neither.
        confusion: ``K`` rows of ``K + 1`` pixel counts, see `confusion_matrix`.
        interval: 90 % bootstrap interval of `miou` over images; None with fewer than two labelled images.
    """

    miou: float
    per_class_iou: tuple[float | None, ...]
    dice: float
    pixel_accuracy: float
    images: int
    labelled_pixels: int
    per_class_dice: tuple[float | None, ...] = ()
    per_class_accuracy: tuple[float | None, ...] = ()
    boundary: float | None = None
    per_class_boundary: tuple[float | None, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    interval: tuple[float, float] | None = None

    @staticmethod
    def of(
        confusion: I64,
        *,
        images: int,
        boundaries: I64 | None = None,
        interval: tuple[float, float] | None = None,
    ) -> "Scores":
        """Scores of counts pooled over images.

        Args:
            confusion: ``int64 (K, K + 1)``, see `confusion_matrix`.
            images: how many were counted.
            boundaries: ``int64 (K, 4)``, see `segstudio.core.boundaries.boundary_counts`; None leaves those scores out.
            interval: of the mean IoU, see `segstudio.core.bootstrap.interval`; not-a-number counts as None.

        Source: Everingham et al. 2015 (intersection over union pooled over a set); Dice 1945.
        """
        classes = confusion.shape[0]
        hit = np.diagonal(confusion[:, :classes]).astype(np.float64)
        truth = confusion.sum(axis=1).astype(np.float64)
        predicted = confusion[:, :classes].sum(axis=0).astype(np.float64)
        union = truth + predicted - hit
        present = truth > 0
        with np.errstate(invalid="ignore", divide="ignore"):
            iou, dice, accuracy = hit / union, 2 * hit / (truth + predicted), hit / truth
        total = float(truth.sum())
        edges = [] if boundaries is None else boundary_scores(boundaries)
        true_edges = [] if boundaries is None else boundaries[:, 2].tolist()
        edged = [value for value, true in zip(edges, true_edges, strict=True) if true and value is not None]
        return Scores(
            miou=float(iou[present].mean()) if present.any() else math.nan,
            per_class_iou=_where(union > 0, iou),
            dice=float(dice[present].mean()) if present.any() else math.nan,
            pixel_accuracy=float(hit.sum() / total) if total else math.nan,
            images=images,
            labelled_pixels=int(total),
            per_class_dice=_where(union > 0, dice),
            per_class_accuracy=_where(present, accuracy),
            boundary=sum(edged) / len(edged) if edged else None,
            per_class_boundary=tuple(edges),
            confusion=tuple(tuple(row) for row in confusion.tolist()),
            interval=None if interval is None or math.isnan(interval[0]) else interval,
        )


def _where(defined: Bool, values: NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(value if known else None for value, known in zip(values.tolist(), defined.tolist(), strict=True))
