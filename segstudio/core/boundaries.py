"""How well the borders between classes are found: counts for the boundary F-score."""

import math

import cv2
import numpy as np

from segstudio.core.arrays import I64, U8, Bool
from segstudio.core.classes import VOID

TOLERANCE = 0.0075  # of the image's diagonal, the value of Csurka et al.
_TILE = 2048  # pixels of a side worked on at a time, so that an image of any size needs little memory


def tolerance_of(height: int, width: int) -> int:
    """Pixels by which a predicted border may be off: 0.75 % of the diagonal, at least 1."""
    return max(1, round(TOLERANCE * math.hypot(height, width)))


def boundary_counts(truth: U8, prediction: U8, classes: int, *, tolerance: int | None = None) -> I64:
    """Count boundary pixels of each class, and those that the other side has too, within a tolerance.

    A boundary pixel of a class has one of its four neighbours in another class. Pixels whose truth is void count
    neither as boundary nor as neighbour, in truth and prediction alike, and the image's edge is no boundary.

    Args:
        truth: ``uint8 (H, W)`` class indices below `classes`, or void.
        prediction: ``uint8 (H, W)``; void means "no answer", which is another class than any.
        classes: number of classes K.
        tolerance: Euclidean distance in pixels; None for `tolerance_of` the image.

    Returns:
        ``int64 (K, 4)``: predicted boundary pixels, those of them near a true one, true boundary pixels, those of them
        near a predicted one. Counts of several images may be added.

    Source: Csurka et al. 2013, "What is a good evaluation measure for semantic segmentation?", section 3.
    """
    height, width = truth.shape
    reach = tolerance_of(height, width) if tolerance is None else tolerance
    counts: I64 = np.zeros((classes, 4), np.int64)
    halo = reach + 1
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            y0, x0 = max(0, top - halo), max(0, left - halo)
            rows, columns = slice(y0, top + _TILE + halo), slice(x0, left + _TILE + halo)
            core = slice(top - y0, top - y0 + _TILE), slice(left - x0, left - x0 + _TILE)
            _count_tile(truth[rows, columns], prediction[rows, columns], core, reach, counts)
    return counts


def boundary_scores(counts: I64) -> list[float | None]:
    """The boundary F-score of each class from its counts.

    Args:
        counts: ``int64 (K, 4)``, see `boundary_counts`; the sum over images pools them.

    Returns:
        Values in 0..1; None for a class that no labelled boundary is of, as where only strokes are labelled.
    """
    scores: list[float | None] = []
    for predicted, right, true, found in counts.tolist():
        if not true:
            scores.append(None)
            continue
        precision, recall = right / max(predicted, 1), found / true
        scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    return scores


def _count_tile(truth: U8, prediction: U8, core: tuple[slice, slice], reach: int, counts: I64) -> None:
    labelled = truth != VOID
    true_edges, predicted_edges = _edges(truth, labelled), _edges(prediction, labelled)
    true_at = np.where(true_edges, truth, VOID)
    predicted_at = np.where(predicted_edges, prediction, VOID)
    shown = np.union1d(np.unique(true_at), np.unique(predicted_at))
    for index in shown[shown < len(counts)].tolist():
        true, predicted = true_at == index, predicted_at == index
        place = _around(true | predicted)
        inside = np.zeros(true.shape, np.bool_)
        inside[core] = True
        true, predicted, inside = true[place], predicted[place], inside[place]
        near_true, near_predicted = _near(true, reach), _near(predicted, reach)
        counts[index] += [
            np.count_nonzero(predicted & inside),
            np.count_nonzero(predicted & near_true & inside),
            np.count_nonzero(true & inside),
            np.count_nonzero(true & near_predicted & inside),
        ]


def _edges(labels: U8, labelled: Bool) -> Bool:
    """Labelled pixels that touch a labelled pixel of another value."""
    edges = np.zeros(labels.shape, np.bool_)
    down = (labels[1:] != labels[:-1]) & labelled[1:] & labelled[:-1]
    edges[1:] |= down
    edges[:-1] |= down
    right = (labels[:, 1:] != labels[:, :-1]) & labelled[:, 1:] & labelled[:, :-1]
    edges[:, 1:] |= right
    edges[:, :-1] |= right
    return edges


def _around(mask: Bool) -> tuple[slice, slice]:
    """The smallest rectangle that holds every true pixel."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def _near(mask: Bool, reach: int) -> Bool:
    """Pixels within `reach` of a true one."""
    if not mask.any():
        return mask
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near: Bool = distance <= reach + 1e-3
    return near
