"""Scores of predictions against truth, from one confusion matrix pooled over all images."""

from dataclasses import dataclass

import numpy as np

from segstudio.core.arrays import I64, U8
from segstudio.core.classes import VOID


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
    counts = np.bincount((truth.astype(np.uint16).ravel() << 8) | prediction.ravel(), minlength=1 << 16).reshape(
        256, 256
    )
    counts = counts[:VOID]  # rows with a true class
    if counts[classes:].any() or counts[:, classes:VOID].any():
        raise ValueError(f"a value is neither below {classes} nor void")
    return np.concatenate([counts[:classes, :classes], counts[:classes, VOID:]], axis=1).astype(np.int64)


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
    """

    miou: float
    per_class_iou: tuple[float | None, ...]
    dice: float
    pixel_accuracy: float
    images: int
    labelled_pixels: int

    @staticmethod
    def of(confusion: I64, *, images: int) -> "Scores":
        """Scores of an ``int64 (K, K + 1)`` confusion matrix, see `confusion_matrix`.

        Source: Everingham et al. 2015 (intersection over union pooled over a set); Dice 1945.
        """
        classes = confusion.shape[0]
        hit = np.diagonal(confusion[:, :classes]).astype(np.float64)
        truth = confusion.sum(axis=1).astype(np.float64)
        predicted = confusion[:, :classes].sum(axis=0).astype(np.float64)
        union = truth + predicted - hit
        present = truth > 0
        with np.errstate(invalid="ignore", divide="ignore"):
            iou = hit / union
            dice = 2 * hit / (truth + predicted)
        total = float(truth.sum())
        return Scores(
            miou=float(iou[present].mean()) if present.any() else float("nan"),
            per_class_iou=tuple(float(v) if u > 0 else None for v, u in zip(iou, union, strict=True)),
            dice=float(dice[present].mean()) if present.any() else float("nan"),
            pixel_accuracy=float(hit.sum() / total) if total else float("nan"),
            images=images,
            labelled_pixels=int(total),
        )
