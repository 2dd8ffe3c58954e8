"""The gate: a candidate replaces the model in use only when it is credibly better on labels it never trained on."""

import hashlib
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from segstudio.core.labels import LabelledImage, fingerprint
from segstudio.errors import ImageError, ModelError, SegStudioError
from segstudio.learn.crops.data import ImageCache
from segstudio.learn.group.group import ALONE, Group
from segstudio.learn.judging.scoring import ImageScore, pooled, score_together
from segstudio.learn.judging.verdicts import Verdict, advice, decide, no_numbers, promising, unscored
from segstudio.learn.networks.saving import LoadedModel, load_model
from segstudio.storage.cards import read_card

_log = logging.getLogger(__name__)
SECOND_IMAGE = "Label a second image so that models can be compared."
UNREADABLE = "None of the images that validate can be read: put the files back."
_REMEMBERED = 4  # sets of labels the scores of a model are kept for: those of interim rounds and all, before and after


class Gate:
    """Scores the candidates of a run against the model in use, and remembers which one that is.

    Against a model from elsewhere (of an earlier run, or a person's choice) a candidate has to be credibly better: the
    lower bound of the 90 % interval of the paired difference lies above zero. What this run promoted is followed by a
    later candidate with a higher score on the same pixels, as long as that one too is credibly better than the model
    in use when the run began.

    With labels in fewer than three validation images, see `segstudio.learn.judging.verdicts`, there is no verdict: a
    model from elsewhere stays, and where there is none, the newest candidate that is no worse than the run's last one
    is promoted, not verified.

    Args:
        in_use: folder of the model in use when the run begins, or None.
        classes: number of classes of the table both are judged by.
        device: where to compute.
        cache: of decoded images.
        cancel: ends a scoring within a layer of the network.
        indices: of these classes by the names that the model in use may have for them; candidates have the same.
        own: folder of the model in use when that is one this run promoted before it was interrupted; `in_use` then is
            the one before the run, or None.
        group: the processes that judge together, each scoring a part of the images.
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
        own: Path | None = None,
        group: Group = ALONE,
    ) -> None:
        self._classes = classes
        self._group = group
        self._indices = indices
        self._device = device
        self._cache = cache
        self._cancel = cancel
        self._before = _Rival(in_use, indices)
        self._own = _Rival(own, None)
        self._verified = False  # whether the one this run promoted has scores
        self._pending: dict[str, list[ImageScore]] = {}  # of the candidate judged last, by fingerprint of the labels
        for rival in (self._before, self._own):
            if rival.folder is not None:
                try:
                    card = group.once(partial(read_card, rival.folder))
                    self._verified = rival is self._own and card.miou is not None
                except ModelError as error:
                    rival.give_up(error)

    def judge(
        self,
        candidates: Sequence[LoadedModel],
        images: Sequence[LabelledImage],
        *,
        finite: bool = True,
        pixels: int | None = None,
    ) -> Verdict:
        """Score candidates on the validation images among `images`; the best of them stands against the model in use.

        A candidate that looks better than the model in use on a part of them is judged on all of them.

        Args:
            candidates: models that would take over, of the same run and classes; of equals the first stands.
            images: labelled images of both splits.
            finite: whether they are any good at all; weights that are no numbers are found out here too.
            pixels: about how many are enough for now; None, at the end of a run, scores every image. One number always
                gives one choice.

        Raises:
            Cancelled: the cancel flag was set.
        """
        self._pending = {}
        usable = {n: model for n, model in enumerate(candidates) if finite and has_numbers(model.network)}
        if not usable:
            return no_numbers(None)
        validating = [image for image in images if image.split == "validation"]
        chosen = validating if pixels is None else _some(validating, pixels)
        if not chosen:
            return self._unscored(SECOND_IMAGE)
        try:
            which, scored = self._best(usable, chosen)
            if not any(image.labelled_pixels for image in scored):  # all are of classes added since the run began
                return self._unscored(SECOND_IMAGE)
            return self._compared(usable[which], which, scored, chosen, validating)
        except ImageError as error:
            _log.warning("nothing validates: %s", error)
            return self._unscored(UNREADABLE)

    def accept(self, folder: Path) -> None:
        """The candidate judged last was promoted and lies in `folder`."""
        self._own = _Rival(folder, None, known=dict(self._pending))
        self._verified = bool(self._pending)

    def _compared(
        self,
        candidate: LoadedModel,
        which: int,
        scored: list[ImageScore],
        chosen: Sequence[LabelledImage],
        validating: Sequence[LabelledImage],
    ) -> Verdict:
        self._pending[fingerprint(chosen)] = scored
        scored, own, before = self._rivals(scored, chosen)
        rival = before if own is None else own
        partial = len(chosen) < len(validating)
        if partial and rival is not None and promising(scored, rival):
            partial, chosen = False, validating
            scored = self._score(candidate, validating, None)
            self._pending[fingerprint(validating)] = scored
            scored, own, before = self._rivals(scored, validating)
        verdict = decide(scored, own=own, before=before, classes=self._classes, partial=partial)
        if verdict.outcome == "too few labels":
            names = [str(item["name"]) for item in candidate.card.classes][: self._classes]
            verdict = replace(verdict, line=f"{verdict.line} {advice(scored, names)}")
        if missing := len(chosen) - len(scored):
            verdict = replace(verdict, line=f"{verdict.line} {missing} of {len(chosen)} images could not be read.")
        return replace(verdict, which=which)

    def _best(
        self, candidates: Mapping[int, LoadedModel], images: Sequence[LabelledImage]
    ) -> tuple[int, list[ImageScore]]:
        found = {n: self._score(model, images, None) for n, model in candidates.items()}
        return max(found.items(), key=lambda item: pooled(item[1], self._classes).miou)

    def _rivals(
        self, scored: list[ImageScore], images: Sequence[LabelledImage]
    ) -> tuple[list[ImageScore], list[ImageScore] | None, list[ImageScore] | None]:
        """Scores of the candidate, of what this run promoted and of the model in use before it, on the same images.

        None where there is no such model; images that only some of them could take are left out.
        """
        labels = fingerprint(images)
        for rival in (self._own, self._before):
            if rival.folder is not None and not _alike(rival.known.get(labels), scored):
                try:
                    rival.remember(labels, self._score(rival.folder, images, rival.indices))
                except (ModelError, ImageError) as error:  # the candidate took these images: it is the model
                    rival.give_up(error)
        own, before = self._own.known.get(labels), self._before.known.get(labels)
        keys = set.intersection(*({image.key for image in some} for some in (scored, own, before) if some is not None))
        if not keys:
            return scored, None, None
        return _of(scored, keys), None if own is None else _of(own, keys), None if before is None else _of(before, keys)

    def _unscored(self, why: str) -> Verdict:
        nobody = self._own.folder is None and self._before.folder is None
        return unscored(why, free=nobody or (self._own.folder is not None and not self._verified))

    def _score(
        self, model: LoadedModel | Path, images: Sequence[LabelledImage], indices: Mapping[str, int] | None
    ) -> list[ImageScore]:
        return score_together(
            self._group,
            lambda: load_model(model, self._device) if isinstance(model, Path) else model,
            images,
            classes=self._classes,
            indices=indices,
            cache=self._cache,
            cancel=self._cancel,
        )


class _Rival:
    """A model that a candidate has to beat, with its scores by fingerprint of the labels; or the lack of one."""

    def __init__(
        self,
        folder: Path | None,
        indices: Mapping[str, int] | None,
        *,
        known: dict[str, list[ImageScore]] | None = None,
    ) -> None:
        self.folder = folder
        self.indices = indices
        self.known = known or {}

    def remember(self, labels: str, scored: list[ImageScore]) -> None:
        self.known[labels] = scored
        while len(self.known) > _REMEMBERED:
            del self.known[next(iter(self.known))]

    def give_up(self, error: SegStudioError) -> None:
        """It is broken: it is no worse to have any other one."""
        _log.warning("the model in use cannot be compared: %s", error)
        self.folder, self.known = None, {}


def has_numbers(network: nn.Module) -> bool:
    """Whether every weight and every statistic of a network is finite."""
    return all(
        bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values() if tensor.is_floating_point()
    )


def _alike(known: Sequence[ImageScore] | None, fresh: Sequence[ImageScore]) -> bool:
    """Whether both are of the same images: one that vanished, or came back, makes them differ."""
    return known is not None and [image.key for image in known] == [image.key for image in fresh]


def _of(scored: Sequence[ImageScore], keys: set[str]) -> list[ImageScore]:
    return [image for image in scored if image.key in keys]


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
