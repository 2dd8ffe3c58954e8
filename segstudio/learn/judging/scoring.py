"""How good a model is on labelled images."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segstudio.core.arrays import I64, U8
from segstudio.core.bootstrap import interval
from segstudio.core.boundaries import boundary_counts
from segstudio.core.classes import VOID
from segstudio.core.labels import LabelledImage
from segstudio.core.metrics import Scores, confusion_matrix
from segstudio.errors import ImageError
from segstudio.learn.crops.data import ImageCache, known_labels, readable_pixels
from segstudio.learn.group.group import Group
from segstudio.learn.networks.saving import LoadedModel
from segstudio.learn.prediction.predicting import homes_of, pieces, unite
from segstudio.learn.turns import give_way

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class ImageScore:
    """What a model got right and wrong in one image.

    Attributes:
        key: of the image.
        confusion: ``int64 (K, K + 1)``, see `segstudio.core.metrics.confusion_matrix`.
        boundaries: ``int64 (K, 4)``, see `segstudio.core.boundaries.boundary_counts`.
    """

    key: str
    confusion: I64
    boundaries: I64

    @property
    def labelled_pixels(self) -> int:
        """Number of pixels scored."""
        return int(self.confusion.sum())


def score_images(
    model: LoadedModel,
    images: Sequence[LabelledImage],
    *,
    classes: int,
    indices: Mapping[str, int] | None = None,
    cache: ImageCache | None = None,
    cancel: threading.Event | None = None,
) -> list[ImageScore]:
    """Compare what a model says of labelled images with their labels, image by image.

    Args:
        model: may know other classes than the table it is judged by; a class it does not know it cannot predict, and
            a class the table does not have counts as "no answer".
        images: labelled images, of whichever split; those that cannot be read, or that the network does not take, are
            left out with a log line.
        classes: number of classes K of the table it is judged by.
        indices: of these classes by their names, see `segstudio.learn.prediction.predicting.predict`; None when the
            model has the same indices.
        cache: of decoded images; None decodes anew.
        cancel: when set, the call ends within a layer of the network.

    Raises:
        Cancelled: `cancel` was set.
        ImageError: when that leaves none.
        ModelError: the machine has too little memory.
    """
    cache = cache or ImageCache(limit_bytes=0)
    homes = homes_of(model, indices)
    homes[homes >= classes] = VOID
    scored = []
    problem: ImageError | None = None
    for image in images:
        give_way(cancel or threading.Event())  # a person may wait for a prediction
        try:
            answers = _answers(model, readable_pixels(image, cache), homes, cancel)
        except ImageError as error:
            _log.warning("left out of validation: %s", error)
            problem = error
            continue
        truth = known_labels(image, classes)
        confusion = confusion_matrix(truth, answers, classes)
        scored.append(ImageScore(image.key, confusion, boundary_counts(truth, answers, classes)))
    if problem is not None and not scored:
        raise ImageError("no labelled image of the split can be read", remedy="Put the image files back") from problem
    return scored


def score_together(
    group: Group,
    load: Callable[[], LoadedModel],
    images: Sequence[LabelledImage],
    *,
    classes: int,
    indices: Mapping[str, int] | None,
    cache: ImageCache,
    cancel: threading.Event,
) -> list[ImageScore]:
    """Like `score_images` on all processes of a group, each with a part of the images; all get the scores of all.

    Args:
        group: the processes.
        load: gives the model in each of them.
        images, classes, indices, cache, cancel: as for `score_images`.

    Raises:
        Cancelled, ImageError, ModelError: in all of them, as `score_images` and `load` do.
    """
    own: list[ImageScore] = []
    problem: ImageError | None = None
    with group.section():
        try:
            model = load()
            part = images[group.rank :: group.size]
            own = score_images(model, part, classes=classes, indices=indices, cache=cache, cancel=cancel)
        except ImageError as error:  # of its own part: others may have images that can be read
            problem = error
    parts = group.gather((own, problem))
    by_key = {image.key: image for scored, _ in parts for image in scored}
    problems = [error for _, error in parts if error is not None]
    if not by_key and problems:
        raise problems[0]
    return [by_key[image.key] for image in images if image.key in by_key]


def pooled(scored: Sequence[ImageScore], classes: int) -> Scores:
    """Scores over images of K `classes`: counts are added up before anything is divided."""
    confusions = confusions_of(scored, classes)
    boundaries: I64 = np.zeros((classes, 4), np.int64)
    for image in scored:
        boundaries += image.boundaries
    return Scores.of(confusions.sum(axis=0), images=len(scored), boundaries=boundaries, interval=interval(confusions))


def confusions_of(scored: Sequence[ImageScore], classes: int) -> I64:
    """``int64 (n, K, K + 1)``: the matrices of n images of K `classes`, in their order."""
    if not scored:
        return np.zeros((0, classes, classes + 1), np.int64)
    return np.stack([image.confusion for image in scored])


def score(
    model: LoadedModel,
    images: Sequence[LabelledImage],
    *,
    classes: int,
    indices: Mapping[str, int] | None = None,
    cache: ImageCache | None = None,
    cancel: threading.Event | None = None,
) -> Scores:
    """Scores of a model on the labelled pixels of images, pooled over all of them.

    Arguments and errors as for `score_images`.
    """
    scored = score_images(model, images, classes=classes, indices=indices, cache=cache, cancel=cancel)
    return pooled(scored, classes)


def _answers(model: LoadedModel, pixels: U8, homes: U8, cancel: threading.Event | None) -> U8:
    answers = np.empty(pixels.shape[:2], np.uint8)
    for piece in pieces(model, pixels, cancel=cancel):
        best = homes[unite(piece.scores, homes).argmax(0)]
        best[~np.isfinite(piece.scores.sum(0))] = VOID  # argmax takes not-a-number for the largest
        answers[piece.rows, piece.columns] = best
    return answers
