"""How good a model is on labelled images."""

import logging
import threading
from collections.abc import Mapping, Sequence

import numpy as np

from segstudio.core.arrays import I64, U8
from segstudio.core.classes import VOID
from segstudio.core.labels import LabelledImage
from segstudio.core.metrics import Scores, confusion_matrix
from segstudio.errors import ImageError, SegStudioError
from segstudio.learn.data import ImageCache, known_labels, readable_pixels
from segstudio.learn.prediction import homes_of, probabilities, unite
from segstudio.learn.saving import LoadedModel

_log = logging.getLogger(__name__)


def score(
    model: LoadedModel,
    images: Sequence[LabelledImage],
    *,
    classes: int,
    indices: Mapping[str, int] | None = None,
    cache: ImageCache | None = None,
    cancel: threading.Event | None = None,
) -> Scores:
    """Scores of a model on the labelled pixels of images, from one confusion matrix pooled over all of them.

    Args:
        model: may know other classes than the table it is judged by; a class it does not know it cannot predict, and
            a class the table does not have counts as "no answer".
        images: labelled images, of whichever split; those that cannot be read are left out with a log line.
        classes: number of classes K of the table it is judged by.
        indices: of these classes by their names, see `segstudio.learn.prediction.predict`; None when the model has
            the same indices.
        cache: of decoded images; None decodes anew.
        cancel: when set, the call ends within a layer of the network.

    Raises:
        Cancelled: `cancel` was set.
        ImageError: when none of the images can be read.
    """
    cache = cache or ImageCache(limit_bytes=0)
    homes = homes_of(model, indices)
    homes[homes >= classes] = VOID
    confusion: I64 = np.zeros((classes, classes + 1), np.int64)
    scored = 0
    problem: SegStudioError | None = None
    for image in images:
        try:
            pixels = readable_pixels(image, cache)
        except SegStudioError as error:
            _log.warning("left out of validation: %s", error)
            problem = error
            continue
        truth = known_labels(image, classes)
        confusion += confusion_matrix(truth, _answers(model, pixels, homes, cancel), classes)
        scored += 1
    if problem is not None and not scored:
        raise ImageError("no labelled image of the split can be read", remedy="Put the image files back") from problem
    return Scores.of(confusion, images=scored)


def _answers(model: LoadedModel, pixels: U8, homes: U8, cancel: threading.Event | None) -> U8:
    answers = np.empty(pixels.shape[:2], np.uint8)
    for top, scores in probabilities(model, pixels, cancel=cancel):
        best = homes[unite(scores, homes).argmax(0)]
        best[~np.isfinite(scores.sum(0))] = VOID  # argmax takes not-a-number for the largest
        answers[top : top + best.shape[0]] = best
    return answers
