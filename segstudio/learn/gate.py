"""The gate: a candidate replaces the model in use only when it is measurably better on labels it never trained on."""

import hashlib
import logging
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from segstudio.core.labels import LabelledImage, fingerprint
from segstudio.core.metrics import Scores
from segstudio.errors import ImageError, ModelError
from segstudio.learn.data import ImageCache
from segstudio.learn.saving import LoadedModel, load_model
from segstudio.learn.scoring import score
from segstudio.storage.cards import read_card

_log = logging.getLogger(__name__)
SECOND_IMAGE = "Label a second image so that models can be compared."
UNREADABLE = "None of the images that validate can be read: put the files back."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of a candidate.

    Attributes:
        candidate, in_use: scores on the same pixels; None where there is nothing to score, or nothing to score on.
        promote: whether the candidate becomes the model in use.
        line: the verdict and its reason, for a person.
    """

    candidate: Scores | None
    in_use: Scores | None
    promote: bool
    line: str


def decide(candidate: Scores | None, in_use: Scores | None, *, finite: bool) -> Verdict:
    """Compare a candidate that has scores with the model in use.

    Args:
        candidate, in_use: scores on the same pixels; None as in `Verdict`.
        finite: whether all weights of the candidate are numbers.
    """
    if not finite or candidate is None or math.isnan(candidate.miou):
        return Verdict(candidate, in_use, False, "Not promoted: the candidate does not give numbers.")
    if in_use is None or math.isnan(in_use.miou):
        return Verdict(candidate, in_use, True, f"Promoted: mean IoU {candidate.miou:.3f}, no model before it.")
    both = f"mean IoU {candidate.miou:.3f} against {in_use.miou:.3f} of the model in use."
    if candidate.miou > in_use.miou:
        return Verdict(candidate, in_use, True, f"Promoted: {both}")
    return Verdict(candidate, in_use, False, f"Not promoted: {both}")


class Gate:
    """Scores candidates against the model in use, and remembers which one that is.

    A candidate without scores is promoted only where that can cost nothing: when no model is in use, when the one in
    use is an earlier candidate of this run that nothing verified either, or when there are no validation labels and
    the one in use never was verified, and took no more steps or the run is at its end.

    Args:
        in_use: folder of the model in use when the run begins, or None.
        classes: number of classes of the table both are judged by.
        device: where to compute.
        cache: of decoded images.
        cancel: ends a scoring within a layer of the network.
        indices: of these classes by the names that the model in use may have for them; candidates have the same.
    """

    def __init__(
        self,
        in_use: Path | None,
        *,
        classes: int,
        device: torch.device,
        cache: ImageCache,
        cancel: threading.Event,
        indices: Mapping[str, int] | None = None,
    ) -> None:
        self._folder = in_use
        self._classes = classes
        self._indices = indices
        self._device = device
        self._cache = cache
        self._cancel = cancel
        self._verified = False  # whether the model in use has scores
        self._steps = 0  # that the model in use took
        self._of_this_run = False  # whether the model in use was a candidate of this run
        self._known: dict[str, Scores] = {}  # of the model in use, by fingerprint of the labels
        self._pending: dict[str, Scores] = {}  # of the candidate judged last
        if in_use is not None:
            try:
                card = read_card(in_use)
                self._verified, self._steps = card.miou is not None, card.steps
            except ModelError as error:
                self._give_up(error)

    def judge(
        self, candidate: LoadedModel, images: Sequence[LabelledImage], *, finite: bool, pixels: int | None = None
    ) -> Verdict:
        """Score a candidate on the validation images among `images`, and the model in use on the same pixels.

        A candidate that is better than the model in use on a part of them has to be so on all of them too.

        Args:
            candidate: the model that would take over.
            images: labelled images of both splits.
            finite: whether all its weights are numbers.
            pixels: about how many are enough for now; None, at the end of a run, scores every image. One number always
                gives one choice.

        Raises:
            Cancelled: the cancel flag was set.
        """
        self._pending = {}
        if not finite:
            return decide(None, None, finite=False)
        validating = [image for image in images if image.split == "validation"]
        chosen = validating if pixels is None else _some(validating, pixels)
        if not chosen:
            mature = pixels is None or candidate.card.steps >= self._steps
            return self._without_scores(SECOND_IMAGE, free=mature and not self._verified)
        verdict = self._compare(candidate, chosen)
        if verdict.promote and verdict.in_use is not None and len(chosen) < len(validating):
            verdict = self._compare(candidate, validating)
        return verdict

    def accept(self, folder: Path) -> None:
        """The candidate judged last was promoted and lies in `folder`."""
        self._folder, self._known = folder, self._pending
        self._verified, self._of_this_run = bool(self._pending), True

    def _compare(self, candidate: LoadedModel, images: Sequence[LabelledImage]) -> Verdict:
        labels = fingerprint(images)
        try:
            scores = self._score(candidate, images, None)
            if not scores.labelled_pixels:  # all of them are of classes added since the run began
                return self._without_scores(SECOND_IMAGE)
            if self._folder is not None and not _alike(self._known.get(labels), scores):
                self._known[labels] = self._score(load_model(self._folder, self._device), images, self._indices)
        except ImageError as error:
            _log.warning("nothing validates: %s", error)
            return self._without_scores(UNREADABLE)
        except ModelError as error:
            self._give_up(error)
        self._pending[labels] = scores
        verdict = decide(scores, self._known.get(labels), finite=True)
        if missing := len(images) - scores.images:
            verdict = replace(verdict, line=f"{verdict.line} {missing} of {len(images)} images could not be read.")
        return verdict

    def _without_scores(self, why: str, *, free: bool = False) -> Verdict:
        if free or self._folder is None or (self._of_this_run and not self._verified):
            return Verdict(None, None, True, f"Promoted, but not verified. {why}")
        return Verdict(None, None, False, f"Not promoted: it cannot be compared with the model in use. {why}")

    def _give_up(self, error: ModelError) -> None:
        """The model in use is broken: it is no worse to have any other one."""
        _log.warning("the model in use cannot be compared: %s", error)
        self._folder, self._verified, self._known = None, False, {}

    def _score(self, model: LoadedModel, images: Sequence[LabelledImage], indices: Mapping[str, int] | None) -> Scores:
        return score(model, images, classes=self._classes, indices=indices, cache=self._cache, cancel=self._cancel)


def _alike(known: Scores | None, fresh: Scores) -> bool:
    """Whether both are of the same pixels: an image that vanished, or came back, makes them differ."""
    return known is not None and known.labelled_pixels == fresh.labelled_pixels


def _some(images: Sequence[LabelledImage], enough: int) -> list[LabelledImage]:
    """At least one image and at most `enough` pixels; by a hash, so that it is a fair sample."""
    chosen: list[LabelledImage] = []
    pixels = 0
    for image in sorted(images, key=lambda item: hashlib.sha256(item.key.encode()).digest()):
        pixels += image.shape[0] * image.shape[1]
        if chosen and pixels > enough:
            break
        chosen.append(image)
    return chosen
