"""The training loop: one thread, events out, labels in, a gate in front of the model in use."""

import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from segstudio.core.labels import fingerprint
from segstudio.core.metrics import Scores
from segstudio.errors import Cancelled as CancelledError
from segstudio.errors import ModelError, SegStudioError, TrainingError
from segstudio.learn import events
from segstudio.learn.crops.data import Batches, ImageCache, network_channels
from segstudio.learn.crops.feeding import Feed
from segstudio.learn.device import reproducible
from segstudio.learn.group.group import ALONE, Group
from segstudio.learn.judging.rounds import Emit, Images, Judge
from segstudio.learn.networks.inheriting import start_network
from segstudio.learn.request import TrainRequest
from segstudio.learn.training.curve import Curve
from segstudio.learn.training.memory import Rung, recall
from segstudio.learn.training.planning import settle
from segstudio.learn.training.progress import Progress
from segstudio.learn.training.recovery import Recovery
from segstudio.learn.training.resumable import forget_run
from segstudio.learn.training.resuming import StoppedRun, save_run
from segstudio.learn.training.schedule import Budget, Plateau, Rounds, rate, thawed
from segstudio.learn.training.starting import (
    Lineage,
    at_hand,
    came_or_went,
    changed,
    check_settings,
    opening,
    read_labels,
    require_batch,
    resumed_settings,
    stopped_run,
    take_up,
)
from segstudio.learn.training.stepping import Stepper
from segstudio.learn.turns import give_way, lower_priority

_log = logging.getLogger(__name__)
_REFRESH_SECONDS = 10.0
_THAWED = "The score has stopped rising with a frozen encoder: all of the network learns from now on."

Refresh = Callable[[], Images]
Summary = tuple[Path | None, Scores | None, int, float, float]


def fit(
    request: TrainRequest,
    emit: Emit,
    cancel: threading.Event,
    refresh: Refresh | None = None,
    *,
    background: bool = False,
    group: Group = ALONE,
) -> events.Ending:
    """Fine-tune a network on labelled images; promote what is better than the model in use.

    The state of a run that was stopped or cut off stays in the request's folder of models, until it goes on
    (`TrainRequest.resume`) or another run begins there.

    Args:
        request: settings and labels.
        emit: called on this thread with every event; the last one is a `Done`, `Cancelled` or `Failed`, exactly one.
        cancel: set it to stop within one batch.
        refresh: asked for the labels of this moment between rounds; None keeps those of the request.
        background: lower this thread's priority for good, so that a window stays responsive; give it a thread of
            its own.
        group: the processes that share the run, with one request; `emit` and `refresh` of the first one count.

    Returns:
        The ending that was emitted.
    """
    ending: events.Ending
    run: _Run | None = None
    try:
        if background:
            lower_priority()
        with group.section():
            run = _Run(request, emit, cancel, refresh, group)
            ending = events.Done(*run.train())
    except CancelledError:
        ending = events.Cancelled(*(run.summary() if run else (None, None, 0, 0.0, 0.0)))
    except SegStudioError as error:
        ending = events.Failed(str(error))
    except Exception as error:
        _log.exception("training failed")
        line = " ".join(f"Training failed unexpectedly: {type(error).__name__}: {error}.".split())
        ending = events.Failed(line, traceback.format_exc())
    if run is not None:
        run.let_go()
    emit(ending)
    return ending


class _Run:
    """One training from start to stop; see `fit`."""

    def __init__(
        self, request: TrainRequest, emit: Emit, cancel: threading.Event, refresh: Refresh | None, group: Group
    ) -> None:
        self._request, self._emit, self._cancel, self._refresh, self._group = request, emit, cancel, refresh, group
        stopped, self._not_resumed = group.once(lambda: stopped_run(request))
        self._curve, progress, lineage = Curve(), Progress(), Lineage(request.in_use)
        settings = request.settings
        if stopped is not None:
            progress, lineage = take_up(stopped, request, self._curve)
            settings = at_hand(resumed_settings(stopped, settings), lineage.own)
        check_settings(settings)
        self._settings = settings = settle(settings, request.images)
        self._images = images = request.images
        self._cache = ImageCache(settings.cache_bytes)
        self._channels = int(stopped.content["channels"]) if stopped else group.once(lambda: network_channels(images))
        self._labels = read_labels(
            self._images,
            len(request.classes),
            self._cache,
            settings=settings,
            channels=self._channels,
            stopped=cancel.is_set,
            group=group,
        )
        self._stop_if_cancelled()
        self._progress = progress
        progress.clock = group.now
        self._judge = Judge(
            request,
            settings,
            lineage,
            emit=emit,
            cancel=cancel,
            cache=self._cache,
            progress=progress,
            curve=self._curve,
            group=group,
        )
        self._budget = Budget(None if settings.minutes is None else settings.minutes * 60, settings.steps)
        self._rounds = Rounds(self._budget, progress.seconds, pause=request.pace.seconds if request.pace else None)
        self._plateau, self._on_plateau = Plateau(), False
        self._stages: tuple[Stepper, int] | None = None  # how many its encoder has
        self._thawed: tuple[Stepper, int] | None = None  # how many of them take gradients
        self._learning = int(stopped.content["learning"]) if stopped else 0  # stages that once learn go on
        self._notes: list[tuple[events.NoteKind, str]] = []  # from before `Started`
        self._feed: Feed | None = None
        self._drawn: dict[str, Any] | None = None  # where crops stood before a step that has not ended
        self._recovery = self._prepare(stopped)
        self._stopped = stopped
        self._saved = progress.steps  # at the last state on disk
        self._refreshed = 0.0

    def let_go(self) -> None:
        """Over for good: free the network now, not when cyclic garbage is collected."""
        del self._recovery  # it holds methods of this object

    def train(self) -> Summary:
        """Train to the end of the budget; the result is what `Done` wants."""
        settings, rung = self._settings, self._recovery.rung
        with (
            reproducible(settings.deterministic),
            Batches(self._labels, seed=settings.seed, size=rung.batch, crop=rung.crop) as batches,
        ):
            stored = settings.transfer == "feature" and settings.cache_features
            self._feed = feed = Feed(batches, stored=stored, seed=settings.seed)
            self._start(feed)
            try:
                with self._group.section():
                    while ((used := self._used()) is None or used < 1) and not self._on_plateau:
                        self._one_step(feed, used)
                        self._take_labels(feed)
                        if self._rounds.due(self._progress.seconds) and (self._used() or 0) < 1:
                            self._round(feed)
                    self._progress.end()
                    kept = self._finish()
            except (CancelledError, SegStudioError) as error:  # what was learned is not lost
                if not self._group.lost:
                    self._save(feed)
                    if isinstance(error, CancelledError):
                        self._judge.stopped(self._recovery.stepper, self._images)
                raise
        if kept:
            self._forget()
        return self.summary()

    def summary(self) -> Summary:
        """Model, scores, steps, seconds, crops a second so far, in the order of `Done` and `Cancelled`."""
        progress, judge = self._progress, self._judge
        return judge.lineage.own, judge.best, progress.steps, progress.seconds, progress.rate

    def _used(self) -> float | None:
        return self._budget.used(self._progress.seconds, self._progress.steps)

    def _stop_if_cancelled(self) -> None:
        if self._cancel.is_set():
            raise CancelledError

    # The beginning

    def _prepare(self, stopped: StoppedRun | None) -> Recovery:
        settings = self._settings
        assert settings.crop is not None
        device = self._group.place(settings.device)
        top = Rung(device, settings.batch, settings.optimisation.accumulation, settings.crop)
        rung = self._group.once(lambda: recall(self._request.models, settings, top))
        if stopped is not None:
            rung = Rung(**stopped.content["rung"])
            rung = rung if rung.device in (device, "cpu") else replace(rung, device=device)
        recovery = Recovery(
            self._build,
            rung,
            top=top,
            models=self._request.models,
            settings=settings,
            note=self._note,
            group=self._group,
        )
        if stopped is not None:
            try:
                recovery.load(stopped.snapshot)
            except (RuntimeError, KeyError, ValueError) as error:
                raise TrainingError("the stopped run does not fit its settings", remedy="Train anew") from error
            self._judge.round_pixels = stopped.content["round_pixels"]
        return recovery

    def _build(self, device: torch.device) -> Stepper:
        torch.manual_seed(self._settings.seed)
        settings = at_hand(self._settings, self._judge.lineage.own)
        started = start_network(settings, self._request.classes, channels=self._channels)
        require_batch(self._settings, started.smallest_batch)
        return Stepper(started, self._settings, self._labels.counts, device, self._group)

    def _start(self, feed: Feed) -> None:
        stopped, progress = self._stopped, self._progress
        self._stopped = None  # its tensors are many
        if stopped is None:
            self._forget()
        else:
            feed.restore(stopped.content["batches"])
            torch.set_rng_state(stopped.random)
        validating = sum(image.split == "validation" for image in self._images)
        note = opening(self._labels.problems, validating, self._recovery.stepper.started.note)
        self._emit(events.Started(self._recovery.rung.device, len(self._labels), validating, note))
        progress.begin()
        self._refreshed = self._group.now()
        if self._not_resumed:
            self._note("resumed", self._not_resumed)
        if stopped is not None:
            same = stopped.content["labels"] == fingerprint(self._images)
            labels = "" if same else " The labels have changed since."
            self._note("resumed", f"Resumed at step {progress.steps}, after {progress.seconds:.0f} s.{labels}")
        for kind, line in self._notes:
            self._judge.note(kind, line)
        self._notes.clear()

    def _note(self, kind: events.NoteKind, line: str) -> None:
        if self._feed is None:
            self._notes.append((kind, line))
        else:
            self._judge.note(kind, line)

    # Between the beginning and the end

    def _pause(self) -> None:
        self._stop_if_cancelled()
        give_way(self._cancel)
        self._stop_if_cancelled()

    def _one_step(self, feed: Feed, used: float | None) -> None:
        self._pause()
        began = time.perf_counter()
        progress, recovery = self._progress, self._recovery
        self._drawn = feed.state()
        self._thaw(used)
        factor = rate(progress.steps + 1, used, self._settings.optimisation.schedule)
        rung = recovery.rung
        loss = recovery.step(feed.draw, factor, self._pause)
        self._drawn = None
        if loss is None:
            return
        progress.step(rung.batch * rung.accumulation * self._group.size, time.perf_counter() - began)
        self._curve.add_loss(progress.steps, loss)
        seconds = progress.seconds
        self._emit(events.StepDone(progress.steps, loss, progress.speed, seconds, self._budget.remaining(seconds)))

    def _thaw(self, used: float | None) -> None:
        """Let as much of the encoder learn as is due."""
        if self._settings.transfer != "parameter":
            return
        stepper = self._recovery.stepper
        if self._stages is None or self._stages[0] is not stepper:
            self._stages = stepper, len(stepper.network.stages())
        stages = self._stages[1]
        due = thawed(used, self._progress.seconds, stages, self._settings.optimisation.unfreezing)
        self._learning = max(self._learning, due)  # a limit put off at a resume must not freeze them again
        if self._thawed != (stepper, self._learning):
            stepper.network.thaw(self._learning)
            self._thawed = stepper, self._learning

    def _take_labels(self, feed: Feed) -> None:
        if self._refresh is None or self._group.now() - self._refreshed < _REFRESH_SECONDS:
            return
        self._refreshed = self._group.now()
        try:
            fresh = self._group.once(self._fresh)
        except SegStudioError as error:  # a busy disk must not end hours of training; the next look may succeed
            _log.warning("%s Training goes on with the labels it has.", error)
            return
        if fresh is None:
            return
        feed.update(fresh)
        if not self._labels.counts.any():  # everything was erased for the moment: go on with what there was
            feed.update(self._images)
            return
        if line := came_or_went(self._images, fresh):
            self._note("labels", line)
        self._images = fresh
        self._recovery.stepper.weigh(self._labels.counts)
        self._rounds.labels_changed = True
        self._plateau.forget()

    def _fresh(self) -> Images | None:
        """The labels of this moment, None while they are what they were."""
        assert self._refresh is not None
        fresh = self._refresh()
        return fresh if changed(self._images, fresh) else None

    def _round(self, feed: Feed) -> None:
        """A round on the way: the gate, the plateau, the state of the run on disk."""
        self._stop_if_cancelled()
        began = self._progress.seconds
        score = None
        try:
            verdict = self._judge.round(self._recovery.stepper, self._images, interim=True)
            score = verdict.candidate.miou if verdict.candidate else None
        except ModelError as error:  # too little memory to score, which the last round may have
            self._note("memory", f"This round could not be scored: {error}")
        line = self._plateau.seen(began, score)
        if line and self._stages is not None and self._learning < self._stages[1]:
            self._learning = self._stages[1]
            self._plateau.forget()
            self._note("plateau", _THAWED)
        elif line:
            self._note("plateau", line)
            self._on_plateau = self._settings.plateau
        self._save(feed)
        seconds = self._progress.seconds
        self._rounds.finished(seconds, seconds - began)

    def _forget(self) -> None:
        self._group.once(lambda: forget_run(self._request.models))

    def _finish(self) -> bool:
        """The last round; whether the run may be forgotten, as everything of it is on disk."""
        self._stop_if_cancelled()
        self._judge.round(self._recovery.stepper, self._images, interim=False)
        return not self._judge.unsaved

    def _save(self, feed: Feed) -> None:
        """Put the state of the run on the disk, so that it can go on from here."""
        progress = self._progress
        if progress.steps == self._saved:
            return
        lineage = self._judge.lineage
        content: dict[str, Any] = {
            "settings": asdict(self._settings),
            "classes": list(self._request.classes.names),
            "steps": progress.steps,
            "seconds": progress.seconds,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "crops": progress.crops,
            "rounds": progress.rounds,
            "round_pixels": self._judge.round_pixels,
            "curve": self._curve.state(),
            "channels": self._channels,
            "learning": self._learning,
            "rung": asdict(self._recovery.rung),
            "batches": self._drawn or feed.state(),
            "labels": fingerprint(self._images),
            "before": lineage.before.name if lineage.before else None,
            "own": lineage.own.name if lineage.own else None,
        }
        try:
            snapshot = self._recovery.snapshot()
            self._group.once(lambda: save_run(self._request.models, snapshot, content))
            self._saved = progress.steps
        except SegStudioError as error:
            self._note("disk", f"The state of the run could not be saved: {error}")
