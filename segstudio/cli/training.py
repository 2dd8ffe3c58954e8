"""The command that trains."""

import math
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import typer

from segstudio.cli import training_options as options
from segstudio.cli.models import start_of
from segstudio.cli.options import AsJson, ProjectFolder, examples
from segstudio.cli.output import Output, Update, number, output
from segstudio.cli.ranks import follow, joined
from segstudio.cli.stopping import Stop, stoppable
from segstudio.cli.training_options import chosen
from segstudio.core.classes import ClassTable
from segstudio.errors import TrainingError, UsageError
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.events import (
    Cancelled,
    Done,
    Ending,
    Event,
    Failed,
    Noted,
    Offered,
    Promoted,
    RoundDone,
    Started,
    StepDone,
)
from segstudio.learn.group.group import ALONE, Group
from segstudio.learn.request import (
    LOSSES,
    OPTIMIZERS,
    REGULARISERS,
    SCHEDULES,
    TRANSFERS,
    UNFREEZINGS,
    LossSettings,
    Optimisation,
    TrainSettings,
)
from segstudio.learn.training.resumable import resumable, run_folder
from segstudio.storage.logs import log_folder
from segstudio.storage.project import Project

DEFAULT_MINUTES = 3.0
_HOW, _LOSS = Optimisation(), LossSettings()
_CACHE_MB = TrainSettings().cache_bytes >> 20


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        "train",
        epilog=examples(
            "train cells --minutes 3",
            "train cells --transfer feature --steps 200 --device cpu",
            "train cells --transfer structure --start lraspp_mobilenet_v3_large",
            "train cells --minutes 480 --plateau --json > night.json",
            "train cells --resume",
        ),
    )(train)


def train(
    folder: ProjectFolder,
    backbone: options.Backbone = "efficientnet_lite0",
    transfer: options.TransferName = "parameter",
    start: options.Start = None,
    decoder: options.DecoderName = "auto",
    minutes: options.Minutes = None,
    steps: options.Steps = None,
    plateau: options.OnPlateau = False,
    resume: options.Resume = False,
    crop: options.Crop = None,
    batch: options.BatchSize = 4,
    accumulation: options.Accumulation = _HOW.accumulation,
    augment: options.Augment = None,
    no_augment: options.NoAugment = False,
    loss: options.LossName = _LOSS.kind,
    balance: options.Balance = _LOSS.balance,
    smoothing: options.Smoothing = _LOSS.smoothing,
    optimizer: options.OptimizerOption = _HOW.optimizer,
    rate: options.Rate = None,
    encoder_share: options.EncoderShare = _HOW.encoder_share,
    regulariser: options.RegulariserName = _HOW.regulariser,
    strength: options.Strength = _HOW.strength,
    schedule: options.ScheduleName = _HOW.schedule,
    unfreezing: options.UnfreezingName = _HOW.unfreezing,
    clip: options.Clip = _HOW.clip or 0.0,
    no_average: options.NoAverage = False,
    device: options.DeviceName = "auto",
    seed: options.Seed = 0,
    deterministic: options.Deterministic = False,
    cache_mb: options.CacheMb = _CACHE_MB,
    as_json: AsJson = False,
) -> int:
    """Fine-tune a backbone on the labels of a project.

    A model that is credibly better on the validation labels becomes the one in use at once. Ctrl+C or a termination
    signal ends training after the running batch, keeps the best model so far, prints the result and leaves with 130 or
    143; what was learned since is kept for --resume. A second one ends at once.

    Several processes of torchrun train one model together: torchrun --nproc-per-node 2 -m segstudio train cells
    """
    with joined() as group:
        if not group.first:
            return follow(group, partial(_train_along, group))
        with group.section():
            if minutes is not None and not 0 < minutes < math.inf:
                raise UsageError("--minutes must be a number above 0", remedy="Give for instance --minutes 3")
            how = Optimisation(
                chosen("--optimizer", optimizer, OPTIMIZERS), rate, encoder_share,
                chosen("--regulariser", regulariser, REGULARISERS), strength,
                chosen("--schedule", schedule, SCHEDULES), chosen("--unfreezing", unfreezing, UNFREEZINGS),
                clip or None, accumulation, not no_average,
            )  # fmt: skip
            settings = TrainSettings(
                find_backbone(backbone).name, chosen("--transfer", transfer, TRANSFERS), start, decoder,
                minutes, steps, plateau, device, seed, deterministic, crop, batch, cache_mb << 20,
                optimisation=how,
                loss=LossSettings(chosen("--loss", loss, LOSSES), balance, smoothing),
                augmentation=options.augmentation(augment, none=no_augment),
            )  # fmt: skip
            if start is not None and settings.transfer != "structure":
                raise UsageError("only structure starts from a whole network", remedy="Add --transfer structure")
            with output(as_json=as_json) as out, Project.open(folder) as project:
                if start is not None:
                    settings = replace(settings, start=start_of(project, start))
                report, code = run_training(
                    project, _limited(project, settings, resume=resume), out, resume=resume, group=group
                )
                in_use = project.model_in_use
                out.result(report.data(in_use), *report.lines(project.classes, in_use))
        return code


def _train_along(group: Group, stop: Stop) -> None:
    from segstudio.learn.training.runs import train_along

    train_along(group, stop.event)


def _limited(project: Project, settings: TrainSettings, *, resume: bool) -> TrainSettings:
    """With a limit when none was given: that of the stopped run, or a few minutes."""
    models = project.models_folder
    if resume and not run_folder(models).is_dir():
        raise TrainingError("no run was stopped that could go on", remedy="Train without --resume", path=project.folder)
    if settings.minutes is not None or settings.steps is not None:
        return settings
    stopped = resumable(models) if resume else None
    if stopped is not None:
        own = stopped.settings
        return replace(settings, minutes=own.minutes, steps=own.steps, plateau=settings.plateau or own.plateau)
    return settings if settings.plateau else replace(settings, minutes=DEFAULT_MINUTES)


class TrainingReport:
    """Follows a run: tells its events on stderr and keeps what its result needs.

    Attributes:
        ending: the last event, once there was one.
    """

    def __init__(self, settings: TrainSettings, out: Output) -> None:
        self.ending: Ending | None = None
        self._settings = settings
        self._out = out
        self._update: Update | None = None
        self._started: Started | None = None
        self._round: RoundDone | None = None
        self._offered: Offered | None = None
        self._notes: list[Noted] = []

    def follow(self, update: Update) -> None:
        """Show steps through this function from now on."""
        self._update = update

    def emit(self, event: Event) -> None:
        """Take the next event of the run."""
        match event:
            case Started():
                self._started = event
                images = f"{event.train_images} images train, {event.validation_images} validate"
                self._out.say(f"Training on {event.device}: {images}.")
                if event.note:
                    self._out.say(event.note)
            case StepDone():
                if self._update is not None:
                    self._update(self._done(event), self._remark(event))
            case RoundDone():
                self._round = event
                self._out.say(f"Round {event.round}, step {event.step}, {event.seconds:.0f} s. {event.verdict}")
            case Noted():
                self._notes.append(event)
                self._out.say(event.line)
            case Offered():
                self._offered = event
            case Promoted():
                pass  # the round has told it
            case Done() | Cancelled() | Failed():
                self.ending = event

    def data(self, in_use: Path | None) -> dict[str, object]:
        """The result for JSON."""
        ending = self._finished()
        scores, started, last = ending.scores, self._started, self._round
        return {
            "model": ending.model,
            "miou": None if scores is None else scores.miou,
            "per_class_iou": None if scores is None else list(scores.per_class_iou),
            "steps": ending.steps,
            "seconds": round(ending.seconds, 3),
            "images_per_second": ending.images_per_second,
            "device": started.device if started else None,
            "labels": {
                "train": started.train_images if started else 0,
                "validation": started.validation_images if started else 0,
            },
            "verdict": last.verdict if last else "",
            "outcome": last.outcome if last else None,
            "difference": asdict(last.difference) if last and last.difference else None,
            "offered": self._offered.folder if self._offered else None,
            "notes": [asdict(note) for note in self._notes],
            "in_use": in_use,
            "stopped": isinstance(ending, Cancelled),
        }

    def lines(self, classes: ClassTable, in_use: Path | None) -> list[str]:
        """The result for a person."""
        ending = self._finished()
        rate = f"{ending.images_per_second:.1f} crops a second"
        lines = [f"{'Stopped' if isinstance(ending, Cancelled) else 'Done'} after {ending.steps} steps, {rate}."]
        if ending.scores is not None:
            by_class = zip(classes.names, ending.scores.per_class_iou, strict=False)
            each = ", ".join(f"{name} {number(value)}" for name, value in by_class)
            lines.append(f"Mean IoU {number(ending.scores.miou)} on the validation labels ({each}).")
        if ending.model is not None:
            lines.append(f"Model: {ending.model}")
        elif self._offered is not None:
            lines.append(f"Saved, but not in use, as nobody can judge it yet: {self._offered.folder}")
        elif in_use is not None:
            lines.append(f"No model was better than the one in use: {in_use}")
        else:
            lines.append("No model was saved.")
        if isinstance(ending, Cancelled) and ending.steps:
            lines.append("What it learned is kept: train --resume goes on with it.")
        return lines

    def _finished(self) -> Done | Cancelled:
        assert isinstance(self.ending, Done | Cancelled)
        return self.ending

    def _done(self, event: StepDone) -> float:
        """Share of the run that is over, by whichever limit comes first."""
        by_step = event.step / self._settings.steps if self._settings.steps else 0.0
        by_time = event.seconds / (60 * self._settings.minutes) if self._settings.minutes else 0.0
        return max(by_step, by_time)

    def _remark(self, event: StepDone) -> str:
        left = "" if event.remaining is None else f", {event.remaining:.0f} s left"
        return f"step {event.step}, loss {event.loss:.3f}, {event.images_per_second:.1f} crops/s{left}"


def run_training(
    project: Project, settings: TrainSettings, out: Output, *, resume: bool = False, group: Group = ALONE
) -> tuple[TrainingReport, int]:
    """Train with progress on stderr, until the limit or a signal.

    Args:
        project: whose labels teach.
        settings: how to train.
        out: where it is told.
        resume: whether to go on with the run that was stopped last.
        group: the processes that train together.

    Returns:
        The report of a run that ended well, and the exit code: 0, or 128 plus the signal's number.

    Raises:
        UsageError: when it cannot be trained like that, or not on this machine.
        TrainingError: when the run failed.
    """
    from segstudio.learn.training.runs import train_project
    from segstudio.learn.training.starting import check_settings

    if not resume:
        check_settings(settings)
    report = TrainingReport(settings, out)
    with (
        out.progress("Training", 1.0) as update,
        stoppable("Stopping after this batch; what was learned is kept. Once more to end at once.") as stop,
    ):
        report.follow(update)
        ending = train_project(project, settings, report.emit, stop.event, resume=resume, group=group)
    report.ending = ending
    if isinstance(ending, Failed):
        raise _failure(ending)
    return report, stop.exit_code if isinstance(ending, Cancelled) else 0


def _failure(ending: Failed) -> TrainingError:
    remedy = f"A report is in {log_folder()}" if ending.details else ""
    return TrainingError(ending.message.rstrip("."), remedy=remedy)
