"""The training loop: one thread, events out, labels in, a gate in front of the model in use."""

import logging
import math
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import torch
from torch import Tensor, nn

from segstudio.core.labels import LabelledImage, fingerprint
from segstudio.core.metrics import Scores
from segstudio.errors import Cancelled as CancelledError
from segstudio.errors import SegStudioError, TrainingError, UsageError
from segstudio.learn import events
from segstudio.learn.averaging import WeightAverage
from segstudio.learn.backbones import find_backbone
from segstudio.learn.data import Batches, ImageCache, TrainingSet
from segstudio.learn.device import mixed_precision, pick_device
from segstudio.learn.gate import SECOND_IMAGE, Gate, Verdict
from segstudio.learn.losses import segmentation_loss
from segstudio.learn.networks import STRIDE, SegmentationNetwork, build_network, find_decoder, on_device
from segstudio.learn.planning import settle
from segstudio.learn.prediction import to_input
from segstudio.learn.request import TRANSFERS, TrainRequest, TrainSettings
from segstudio.learn.saving import LoadedModel, class_entries, save_model
from segstudio.learn.schedule import Budget, Rounds, encoder_rests, rate
from segstudio.storage.cards import ModelCard

_log = logging.getLogger(__name__)
_DECODER_RATE = 2e-3
_ENCODER_RATE = 5e-4
_DECAY = 0.01
_DICE = 0.5
_CLIP = 5.0  # gradient norm; cuts off what a single odd batch can do
_BROKEN_STEPS = 10  # losses in a row that are no numbers
_REFRESH_SECONDS = 10.0
_ROUND_SECONDS = 5.0  # that an interim round may take
_SCORING_SPEED = 3  # pixels a forward pass handles in the time of one in training
_NICENESS = 19

Emit = Callable[[events.Event], None]
Refresh = Callable[[], tuple[LabelledImage, ...]]


def fit(
    request: TrainRequest,
    emit: Emit,
    cancel: threading.Event,
    refresh: Refresh | None = None,
    *,
    background: bool = False,
) -> events.Ending:
    """Fine-tune a network on labelled images; promote what is better than the model in use.

    Args:
        request: settings and labels.
        emit: called on this thread with every event; the last one is a `Done`, `Cancelled` or `Failed`, exactly one.
        cancel: set it to stop within one batch.
        refresh: asked for the labels of this moment between rounds; None keeps those of the request.
        background: lower this thread's priority for good, so that a window stays responsive; give it a thread of
            its own.

    Returns:
        The ending that was emitted.
    """
    ending: events.Ending
    run: _Run | None = None
    try:
        if background:
            lower_priority()
        run = _Run(request, emit, cancel, refresh)
        ending = events.Done(*run.train())
    except CancelledError:
        ending = events.Cancelled(*(run.summary() if run else (None, None, 0, 0.0, 0.0)))
    except SegStudioError as error:
        ending = events.Failed(str(error))
    except Exception as error:
        _log.exception("training failed")
        line = " ".join(f"Training failed unexpectedly: {type(error).__name__}: {error}.".split())
        ending = events.Failed(line, traceback.format_exc())
    emit(ending)
    return ending


def lower_priority() -> None:
    """Let other threads go first, from now on, where the system knows priorities of single threads.

    Threads that this thread starts, torch's workers among them, inherit it.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        if os.getpriority(os.PRIO_PROCESS, thread) < _NICENESS:  # raising it again is forbidden
            os.setpriority(os.PRIO_PROCESS, thread, _NICENESS)


class _Run:
    """One training from start to stop; see `fit`."""

    def __init__(self, request: TrainRequest, emit: Emit, cancel: threading.Event, refresh: Refresh | None) -> None:
        check_settings(request.settings)
        settings = settle(request.settings, request.images)
        self._request, self._settings = request, settings
        self._emit, self._cancel, self._refresh = emit, cancel, refresh
        self._backbone = find_backbone(settings.backbone)
        self._device = pick_device(settings.device)
        self._classes = len(request.classes)
        assert settings.crop is not None
        self._crop = settings.crop
        self._images = request.images
        self._cache = ImageCache()
        self._training_set = self._load_labels()
        torch.manual_seed(settings.seed)
        network = build_network(self._backbone, settings.decoder, self._classes, settings.transfer)
        self._network = on_device(network, self._device).train()
        self._optimizer = _optimizer(self._network)
        self._average = WeightAverage(self._network)
        self._budget = Budget(None if settings.minutes is None else settings.minutes * 60, settings.steps)
        self._rounds = Rounds(self._budget)
        self._gate = Gate(
            request.in_use,
            classes=self._classes,
            indices=request.indices,
            device=self._device,
            cache=self._cache,
            cancel=cancel,
        )
        self._round = self._step = self._crops = self._broken = 0
        self._recent: deque[tuple[int, float]] = deque(maxlen=20)  # crops and seconds of the last steps
        self._began = self._refreshed = self._ended = 0.0
        self._round_pixels: int | None = None
        self._model: Path | None = None
        self._best: Scores | None = None

    def train(self) -> tuple[Path | None, Scores | None, int, float, float]:
        """Train to the end of the budget; the result is what `Done` wants."""
        self._start()
        with Batches(
            self._training_set, seed=self._settings.seed, size=self._settings.batch, crop=self._crop
        ) as batches:
            while (used := self._budget.used(self._seconds, self._step)) is None or used < 1:
                self._one_step(batches, used)
                self._take_labels(batches)
                if self._rounds.due(self._seconds):
                    self._score(interim=True)
        self._ended = time.perf_counter()
        self._score(interim=False)
        return self.summary()

    def summary(self) -> tuple[Path | None, Scores | None, int, float, float]:
        """Model, scores, steps, seconds, crops a second so far, in the order of `Done` and `Cancelled`."""
        seconds = (self._ended or time.perf_counter()) - self._began if self._began else 0.0
        return self._model, self._best, self._step, seconds, self._crops / seconds if seconds else 0.0

    @property
    def _seconds(self) -> float:
        return time.perf_counter() - self._began

    def _stop_if_cancelled(self) -> None:
        if self._cancel.is_set():
            raise CancelledError

    def _load_labels(self) -> TrainingSet:
        labels = TrainingSet(self._images, self._classes, self._cache)
        if not self._images:
            raise TrainingError("nothing is labelled yet", remedy="Paint two classes in an image, then train")
        if not labels.counts.any():
            raise TrainingError("no image of the training split is labelled", remedy="Label an image, then train")
        if (labels.counts > 0).sum() < 2:
            raise TrainingError("the labels hold one class only", remedy="Label pixels of a second class, then train")
        labels.decode(self._cancel.is_set)
        self._stop_if_cancelled()
        if not len(labels):
            raise TrainingError(
                f"no labelled image can be read, the first problem: {labels.problems[0].rstrip('.')}",
                remedy="Put the image files back",
            )
        return labels

    def _start(self) -> None:
        validating = [image for image in self._images if image.split == "validation"]
        notes = []
        if problems := self._training_set.problems:
            others = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
            notes.append(f"Left out: {problems[0]}{others}")
        if not validating:
            notes.append(SECOND_IMAGE)
        self._emit(events.Started(str(self._device), len(self._training_set), len(validating), " ".join(notes)))
        self._began = self._refreshed = time.perf_counter()

    def _one_step(self, batches: Batches, used: float | None) -> None:
        self._stop_if_cancelled()
        began = time.perf_counter()
        if self._settings.transfer == "parameter":
            rests = encoder_rests(used, self._seconds)
            if rests != self._network.frozen:
                self._network.freeze(rests)
        factor = rate(self._step + 1, used)
        for group in self._optimizer.param_groups:
            group["lr"] = group["full_rate"] * factor
        pixels, target = batches.next()
        try:
            loss = self._optimise(
                to_input(pixels, self._normalisation, self._device), torch.from_numpy(target).to(self._device)
            )
        except torch.OutOfMemoryError:
            self._shrink(batches)
            return
        self._step += 1
        self._crops += len(pixels)
        self._recent.append((len(pixels), time.perf_counter() - began))
        seconds = self._seconds
        self._emit(events.StepDone(self._step, loss, self._speed(), seconds, self._budget.remaining(seconds)))

    def _optimise(self, images: Tensor, target: Tensor) -> float:
        with mixed_precision(self._device):
            logits = self._network(images)
        loss = segmentation_loss(logits, target, dice=_DICE)
        value = float(loss.detach())
        if not math.isfinite(value):
            self._broken += 1
            if self._broken >= _BROKEN_STEPS:
                raise TrainingError("the loss is no number any more", remedy="Train again with another seed")
            return value
        self._broken = 0
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._network.parameters(), _CLIP)
        self._optimizer.step()
        self._average.update(self._network)
        return value

    def _shrink(self, batches: Batches) -> None:
        """Out of memory: go on with smaller batches, as long as that is possible."""
        self._optimizer.zero_grad()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if batches.size // 2 < find_decoder(self._settings.decoder).smallest_batch:
            raise TrainingError("the device has too little memory", remedy="Choose smaller crops or the device cpu")
        batches.size //= 2
        _log.warning("out of memory: going on with %d crops a step", batches.size)

    def _take_labels(self, batches: Batches) -> None:
        if self._refresh is None or self._seconds - (self._refreshed - self._began) < _REFRESH_SECONDS:
            return
        self._refreshed = time.perf_counter()
        try:
            fresh = self._refresh()
        except SegStudioError as error:  # a busy disk must not end hours of training; the next look may succeed
            _log.warning("%s Training goes on with the labels it has.", error)
            return
        if _revisions(fresh) == _revisions(self._images):
            return
        if not any(image.split == "train" for image in fresh):
            return  # everything was erased for the moment: go on with what there was
        batches.update(fresh)
        self._images = fresh
        self._rounds.labels_changed = True

    def _score(self, *, interim: bool) -> None:
        """A round: let the gate judge the candidate, and promote it if it is better."""
        self._stop_if_cancelled()
        began = self._seconds
        candidate = LoadedModel(self._average.network, self._card("candidate", None), self._device)
        pixels = self._affordable() if interim else None
        verdict = self._gate.judge(candidate, self._images, finite=self._average.usable(), pixels=pixels)
        self._round += 1
        folder = self._save(verdict) if verdict.promote else None
        self._best = _better(verdict.candidate, verdict.in_use if self._model else None)
        seconds = self._seconds
        self._rounds.finished(seconds, seconds - began)
        self._emit(events.RoundDone(self._round, self._step, seconds, verdict.candidate, verdict.in_use, verdict.line))
        if folder is not None:
            self._model = folder
            self._gate.accept(folder)
            self._emit(events.Promoted(folder, verdict.candidate.miou if verdict.candidate else math.nan))

    def _affordable(self) -> int:
        """Pixels a round may score, by the speed of the first steps; fixed then, so that rounds can be compared."""
        if self._round_pixels is None:
            speed = self._speed() * self._crop**2
            self._round_pixels = int(speed * _SCORING_SPEED * _ROUND_SECONDS)
        return self._round_pixels

    def _speed(self) -> float:
        """Crops a second over the last steps."""
        return sum(crops for crops, _ in self._recent) / max(sum(seconds for _, seconds in self._recent), 1e-9)

    def _save(self, verdict: Verdict) -> Path:
        name = _free_name(self._request.models, f"{self._settings.backbone}-{self._settings.transfer}")
        folder = self._request.models / name
        save_model(self._average.network, self._card(name, verdict.candidate), folder)
        return folder

    @property
    def _normalisation(self) -> dict[str, list[float]]:
        return {"mean": list(self._backbone.mean), "std": list(self._backbone.std)}

    def _card(self, name: str, scores: Scores | None) -> ModelCard:
        settings = self._settings
        splits = [image.split for image in self._images]
        options = dict(find_decoder(settings.decoder).options)
        return ModelCard(
            name=name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            backbone=settings.backbone,
            transfer=settings.transfer,
            decoder=settings.decoder,
            classes=class_entries(self._request.classes),
            normalisation=self._normalisation,
            settings={**asdict(settings), "decoder_options": options},
            labels=fingerprint(self._images) if scores else "",
            splits={split: splits.count(split) for split in ("train", "validation")},
            steps=self._step,
            seconds=round(self._seconds, 3),
            miou=None if scores is None else scores.miou,
            per_class_iou=[] if scores is None else list(scores.per_class_iou),
            parent=self._request.in_use.name if self._request.in_use else None,
        )


def check_settings(settings: TrainSettings) -> None:
    """Refuse at once what no labels could make work; `fit` would fail with the same line.

    Raises:
        UsageError: an unknown name, crops or batches that do not fit the network, or a device that is not there.
    """
    find_backbone(settings.backbone)
    pick_device(settings.device)
    if settings.transfer not in TRANSFERS:
        raise UsageError(f"there is no transfer '{settings.transfer}'", remedy=f"Choose one of {', '.join(TRANSFERS)}")
    smallest = 1 if settings.decoder == "auto" else find_decoder(settings.decoder).smallest_batch
    if settings.batch < smallest:
        raise UsageError(f"batches of {settings.batch} are too small", remedy=f"Use {smallest} crops or more")
    if settings.crop is not None and (settings.crop < 2 * STRIDE or settings.crop % STRIDE):
        raise UsageError(
            f"crops of {settings.crop} pixels do not work", remedy=f"Use a multiple of {STRIDE} from {2 * STRIDE} on"
        )


def _optimizer(network: SegmentationNetwork) -> torch.optim.AdamW:
    """AdamW with smaller steps for the encoder, and weight decay on kernels only."""
    groups = []
    for part, full in (
        (network.encoder, _ENCODER_RATE),
        (network.decoder, _DECODER_RATE),
        (network.head, _DECODER_RATE),
    ):
        parameters = list(part.parameters())
        for decay, chosen in (
            (_DECAY, [p for p in parameters if p.ndim > 1]),
            (0.0, [p for p in parameters if p.ndim <= 1]),
        ):
            groups.append({"params": chosen, "lr": full, "full_rate": full, "weight_decay": decay})
    return torch.optim.AdamW(groups)


def _better(first: Scores | None, second: Scores | None) -> Scores | None:
    if first is None or second is None:
        return first or second
    return first if first.miou > second.miou else second


def _revisions(images: tuple[LabelledImage, ...]) -> list[object]:
    return [(image.key, image.revision, image.split) for image in images]


def _free_name(models: Path, rest: str) -> str:
    taken = {path.name.partition("-")[0] for path in models.iterdir()} if models.is_dir() else set()
    number = next(number for number in count(1) if f"m{number:04}" not in taken)
    return f"m{number:04}-{rest}"
