"""The gate: a candidate replaces the model in use only when it is measurably better on labels it never trained on."""

import hashlib
import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from segstudio.core.labels import LabelledImage, fingerprint
from segstudio.core.metrics import Scores
from segstudio.errors import ImageError, ModelError
from segstudio.learn.data import ImageCache
from segstudio.learn.saving import LoadedModel, load_model
from segstudio.learn.scoring import score

_log = logging.getLogger(__name__)
SECOND_IMAGE = "Label a second image so that models can be compared."


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
    """Compare a candidate with the model in use.

    Args:
        candidate, in_use: scores on the same pixels; None as in `Verdict`.
        finite: whether all weights of the candidate are numbers.
    """
    if not finite or (candidate is not None and math.isnan(candidate.miou)):
        return Verdict(candidate, in_use, False, "Not promoted: the candidate does not give numbers.")
    if candidate is None:
        return Verdict(None, None, True, f"Promoted, but not verified. {SECOND_IMAGE}")
    if in_use is None or math.isnan(in_use.miou):
        return Verdict(candidate, in_use, True, f"Promoted: mean IoU {candidate.miou:.3f}, no model before it.")
    both = f"mean IoU {candidate.miou:.3f} against {in_use.miou:.3f} of the model in use."
    if candidate.miou > in_use.miou:
        return Verdict(candidate, in_use, True, f"Promoted: {both}")
    return Verdict(candidate, in_use, False, f"Not promoted: {both}")


class Gate:
    """Scores candidates against the model in use, and remembers which one that is.

    Args:
        in_use: folder of the model in use when the run begins, or None.
        classes: number of classes of the table both are judged by.
        device: where to compute.
        cache: of decoded images.
        cancel: ends a scoring within a layer of the network.
    """

    def __init__(
        self, in_use: Path | None, *, classes: int, device: torch.device, cache: ImageCache, cancel: threading.Event
    ) -> None:
        self._folder = in_use
        self._classes = classes
        self._device = device
        self._cache = cache
        self._cancel = cancel
        self._known: dict[str, Scores] = {}  # of the model in use, by fingerprint of the labels

    def judge(
        self, candidate: LoadedModel, images: Sequence[LabelledImage], *, finite: bool, pixels: int | None = None
    ) -> Verdict:
        """Score a candidate on the validation images among `images`, and the model in use on the same pixels.

        Args:
            candidate: the model that would take over.
            images: labelled images of both splits.
            finite: whether all its weights are numbers.
            pixels: about how many are enough for now; None scores every image. One number always gives one choice.

        Raises:
            Cancelled: the cancel flag was set.
        """
        chosen = [image for image in images if image.split == "validation"]
        if pixels is not None:
            chosen = _some(chosen, pixels)
        if not chosen or not finite:
            return decide(None, None, finite=finite)
        labels = fingerprint(chosen)
        try:
            scores = self._score(candidate, chosen)
        except ImageError as error:
            _log.warning("nothing validates: %s", error)
            return decide(None, None, finite=finite)
        if self._folder is not None and labels not in self._known:
            try:
                self._known[labels] = self._score(load_model(self._folder, self._device), chosen)
            except ModelError as error:
                _log.warning("the model in use cannot be compared: %s", error)
                self._folder = None
        self._pending = (labels, scores)
        return decide(scores, self._known.get(labels), finite=finite)

    def accept(self, folder: Path) -> None:
        """The candidate judged last was promoted and lies in `folder`."""
        self._folder = folder
        self._known = dict([self._pending]) if hasattr(self, "_pending") else {}

    def _score(self, model: LoadedModel, images: Sequence[LabelledImage]) -> Scores:
        return score(model, images, classes=self._classes, cache=self._cache, cancel=self._cancel)


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
