"""The rounds of a run: candidates go before the gate; what passes is saved with its card."""

import contextlib
import logging
import math
import re
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from segstudio.core.labels import LabelledImage, fingerprint
from segstudio.core.metrics import Scores
from segstudio.errors import ModelError, ProjectError
from segstudio.learn import events
from segstudio.learn.crops.data import ImageCache
from segstudio.learn.group.group import ALONE, Group
from segstudio.learn.judging.gate import Gate
from segstudio.learn.judging.verdicts import Verdict
from segstudio.learn.networks.saving import LoadedModel, class_entries, save_model
from segstudio.learn.request import TrainRequest, TrainSettings
from segstudio.learn.training.curve import Curve
from segstudio.learn.training.memory import is_device_lost, is_out_of_memory
from segstudio.learn.training.progress import Progress
from segstudio.learn.training.starting import Lineage
from segstudio.learn.training.stepping import Stepper
from segstudio.storage.atomic import write_text
from segstudio.storage.cards import ModelCard, card_scores

_log = logging.getLogger(__name__)
_ROUND_SECONDS = 5.0  # that an interim round may take
_NUMBERED = re.compile(r"m(\d+)-")
_LAST_NUMBER = ".last"  # file with the number of the newest model there ever was
_LATER = "The next round tries again, or the run when it is resumed"
_SCORING_SPEED = 3  # pixels a forward pass handles in the time of one in training

Emit = Callable[[events.Event], None]
Images = tuple[LabelledImage, ...]


class Judge:
    """Scores what a run has learned, and saves what is better than the model in use.

    Args:
        request: of the run.
        settings: the settled ones.
        lineage: where the run stands.
        emit: told of every round and promotion.
        cancel: ends a scoring within a layer of the network.
        cache: of decoded images.
        progress, curve: of the run.
        group: the processes that share the run; the first one writes.

    Attributes:
        lineage: where the run stands now.
        best: scores of the better of the newest candidate and the model this run promoted, on the same pixels.
        round_pixels: about how many pixels an interim round scores; None before the first one.
        unsaved: whether the disk refused the last model that was to be saved.
    """

    def __init__(
        self,
        request: TrainRequest,
        settings: TrainSettings,
        lineage: Lineage,
        *,
        emit: Emit,
        cancel: threading.Event,
        cache: ImageCache,
        progress: Progress,
        curve: Curve,
        group: Group = ALONE,
    ) -> None:
        self._group = group
        self._request, self._settings = request, settings
        self._emit, self._cancel, self._cache = emit, cancel, cache
        self._progress, self._curve = progress, curve
        self.lineage = lineage
        self.best: Scores | None = None
        self.round_pixels: int | None = request.pace.pixels if request.pace else None
        self.unsaved = False
        self._verdict: Verdict | None = None  # of the last round
        self._gate: tuple[torch.device, Gate] | None = None

    def round(self, stepper: Stepper, images: Images, *, interim: bool) -> Verdict:
        """Let the gate judge the candidates; promote the better one if it passes.

        At the end of a run, a candidate that could not be judged for lack of labels is saved and offered.

        Args:
            stepper: what learns.
            images: labelled images of both splits, as of now.
            interim: whether training goes on after it; a sample of the images is enough then.

        Raises:
            Cancelled: the cancel flag was set.
            ModelError: there is too little memory, or the device has failed.
        """
        candidates = self._candidates(stepper)
        pixels = self._affordable(len(candidates)) if interim else None
        gate = self._gate_on(stepper.device)
        stepper.network.eval()
        try:
            verdict = gate.judge(candidates, images, finite=self._progress.steps > 0, pixels=pixels)
        except (RuntimeError, MemoryError) as error:
            if is_device_lost(error):
                raise ModelError(f"the device {stepper.device} failed", remedy=_LATER) from error
            if is_out_of_memory(error):
                raise ModelError("there is too little memory", remedy=_LATER) from error
            raise
        finally:
            stepper.network.train()
        progress = self._progress
        progress.rounds += 1
        score = verdict.candidate.miou if verdict.candidate else None
        self._curve.add_round(progress.steps, progress.seconds, score)
        self.best = _better(verdict.candidate, verdict.in_use if self.lineage.own else None)
        chosen = candidates[verdict.which]
        self._emit(self._round_done(verdict, averaged=chosen.network is not stepper.network))
        self._verdict = verdict
        if verdict.promote:
            self._promote(stepper, chosen, verdict, images, gate)
        elif not interim and verdict.outcome == "too few labels" and self.lineage.own is None:
            self._offer(stepper, chosen, verdict, images)
        return verdict

    def stopped(self, stepper: Stepper, images: Images) -> None:
        """A person stops the run: offer what it learned, unscored, if nobody could judge it so far.

        A run without a limit would never offer anything otherwise.
        """
        last = self._verdict
        if last is not None and last.outcome == "too few labels" and self.lineage.own is None:
            self._offer(stepper, self._candidates(stepper)[0], replace(last, candidate=None), images)

    def note(self, kind: events.NoteKind, line: str) -> None:
        """Tell a line for a person."""
        self._emit(events.Noted(kind, " ".join(line.split()), self._progress.steps, self._progress.seconds))

    def _candidates(self, stepper: Stepper) -> list[LoadedModel]:
        networks = [stepper.network] if stepper.average is None else [stepper.average.network, stepper.network]
        card = self._card(stepper, "candidate")
        return [LoadedModel(network, card, stepper.device) for network in networks]

    def _gate_on(self, device: torch.device) -> Gate:
        if self._gate is None or self._gate[0] != device:
            gate = Gate(
                self.lineage.before,
                classes=len(self._request.classes),
                indices=self._request.indices,
                device=device,
                cache=self._cache,
                cancel=self._cancel,
                own=self.lineage.own,
                group=self._group,
            )
            self._gate = device, gate
        return self._gate[1]

    def _affordable(self, candidates: int) -> int:
        """Pixels a round may score, by the speed of the first steps; fixed then, so that rounds can be compared."""
        if self.round_pixels is None:
            assert self._settings.crop is not None
            speed = self._progress.speed * self._settings.crop**2
            self.round_pixels = self._group.once(lambda: int(speed * _SCORING_SPEED * _ROUND_SECONDS / candidates))
        return self.round_pixels

    def _round_done(self, verdict: Verdict, *, averaged: bool) -> events.RoundDone:
        progress = self._progress
        return events.RoundDone(
            progress.rounds,
            progress.steps,
            progress.seconds,
            verdict.candidate,
            verdict.in_use,
            verdict.line,
            outcome=verdict.outcome,
            difference=verdict.difference,
            averaged=averaged,
        )

    def _promote(self, stepper: Stepper, chosen: LoadedModel, verdict: Verdict, images: Images, gate: Gate) -> None:
        folder = self._save(stepper, chosen, verdict, images)
        if folder is None:
            return
        gate.accept(folder)
        earlier, self.lineage = self.lineage.own, Lineage(self.lineage.before, folder)
        score = verdict.candidate.miou if verdict.candidate else math.nan
        self._emit(events.Promoted(folder, score, earlier))

    def _offer(self, stepper: Stepper, chosen: LoadedModel, verdict: Verdict, images: Images) -> None:
        folder = self._save(stepper, chosen, verdict, images)
        if folder is not None:
            self._emit(events.Offered(folder, verdict.line))

    def _save(self, stepper: Stepper, chosen: LoadedModel, verdict: Verdict, images: Images) -> Path | None:
        """The folder of the saved model; None, with a note, when the disk refuses."""
        self.unsaved = False
        models = self._request.models

        def write() -> Path:
            name = _free_name(models, f"{stepper.started.backbone}-{self._settings.transfer}")
            save_model(chosen.network, self._card(stepper, name, images, verdict), models / name)
            return models / name

        try:
            return self._group.once(write)
        except ProjectError as error:
            self.unsaved = True
            self.note("disk", f"The model could not be saved: {error}")
            return None

    def _card(self, stepper: Stepper, name: str, images: Images = (), verdict: Verdict | None = None) -> ModelCard:
        settings, started, progress = self._settings, stepper.started, self._progress
        splits = [image.split for image in images]
        scores = verdict.candidate if verdict else None
        before = self.lineage.before
        facts: dict[str, Any] = card_scores(scores) if scores else {}
        return ModelCard(
            name=name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            backbone=started.backbone,
            transfer=settings.transfer,
            decoder=started.decoder,
            classes=class_entries(self._request.classes),
            normalisation=started.normalisation,
            settings={**asdict(settings), "decoder_options": dict(started.options)},
            labels=fingerprint(images) if scores else "",
            splits={split: splits.count(split) for split in ("train", "validation")},
            steps=progress.steps,
            seconds=round(progress.seconds, 3),
            parent=before.name if before else None,
            start=started.start,
            channels=started.network.channels,
            validation=sorted(image.key for image in images if image.split == "validation") if scores else [],
            curve=self._curve.data() if verdict else {},
            verdict=verdict.line if verdict else "",
            **facts,
        )


def _better(first: Scores | None, second: Scores | None) -> Scores | None:
    if first is None or second is None:
        return first or second
    return first if first.miou > second.miou else second


def _free_name(models: Path, rest: str) -> str:
    """A name with the next number. None is ever used again: a proposal knows its model by the name."""
    last = models / _LAST_NUMBER
    names = [path.name for path in models.iterdir()] if models.is_dir() else []
    used = [int(found[1]) for name in names if (found := _NUMBERED.match(name))]
    with contextlib.suppress(OSError, ValueError):
        used.append(int(last.read_text("ascii")))
    number = max(used, default=0) + 1
    write_text(last, f"{number}\n")
    return f"m{number:04}-{rest}"
