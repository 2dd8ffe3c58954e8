"""The command that trains."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from segstudio.cli.options import AsJson, Device, ProjectFolder, examples, one_of
from segstudio.cli.output import Output, Update, number, output
from segstudio.cli.stopping import stoppable
from segstudio.core.classes import ClassTable
from segstudio.errors import TrainingError, UsageError
from segstudio.learn.backbones import find_backbone
from segstudio.learn.events import Cancelled, Done, Ending, Event, Failed, Promoted, RoundDone, Started, StepDone
from segstudio.learn.request import TRANSFERS, TrainSettings, Transfer
from segstudio.storage.logs import log_folder
from segstudio.storage.project import Project

DEFAULT_MINUTES = 3.0


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        "train",
        epilog=examples(
            "train cells --minutes 3",
            "train cells --transfer feature --steps 200 --device cpu",
            "train cells --minutes 480 --json > night.json",
        ),
    )(train)


def train(
    folder: ProjectFolder,
    backbone: Annotated[str, typer.Option(help="See: segstudio backbones.")] = "efficientnet_lite0",
    transfer: Annotated[
        str,
        typer.Option(
            metavar="|".join(get_args(Transfer)),
            help="parameter: start pretrained, train all; feature: keep the encoder frozen; none: random start.",
        ),
    ] = "parameter",
    minutes: Annotated[
        float | None, typer.Option(help=f"Time spent training; {DEFAULT_MINUTES:g} when --steps is not given either.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Stop after this many steps.")] = None,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Of weights, crops and augmentation.")] = 0,
    crop: Annotated[int, typer.Option(min=64, max=2048, help="Side of the training crops, in pixels.")] = 256,
    batch: Annotated[int, typer.Option(min=1, max=256, help="Crops in a step.")] = 4,
    as_json: AsJson = False,
) -> int:
    """Fine-tune a backbone on the labels of a project.

    A model that is measurably better on the validation labels becomes the one in use at once. Ctrl+C or a termination
    signal ends training after the running batch, keeps the best model so far, prints the result and leaves with 130 or
    143; what was learned since the last round is dropped. A second one ends at once.
    """
    if minutes is not None and minutes <= 0:
        raise UsageError("--minutes must be more than 0", remedy="Give for instance --minutes 3")
    one_of("--transfer", transfer, TRANSFERS)
    settings = TrainSettings(
        backbone=find_backbone(backbone).name,
        transfer=transfer,  # type: ignore[arg-type]  # checked above
        minutes=DEFAULT_MINUTES if minutes is None and steps is None else minutes,
        steps=steps,
        device=device,
        seed=seed,
        crop=crop,
        batch=batch,
    )
    with output(as_json=as_json) as out, Project.open(folder) as project:
        report, code = run_training(project, settings, out)
        in_use = project.model_in_use
        out.result(report.data(in_use), *report.lines(project.classes, in_use))
    return code


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
        self._verdict = ""
        self._promoted: Promoted | None = None

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
                self._verdict = event.verdict
                self._out.say(f"Round {event.round}, step {event.step}, {event.seconds:.0f} s. {event.verdict}")
            case Promoted():
                self._promoted = event
            case Done() | Cancelled() | Failed():
                self.ending = event

    def data(self, in_use: Path | None) -> dict[str, object]:
        """The result for JSON."""
        ending = self._finished()
        scores, started = ending.scores, self._started
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
            "verdict": self._verdict,
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
        elif in_use is not None:
            lines.append(f"No model was better than the one in use: {in_use}")
        else:
            lines.append("No model was saved.")
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


def run_training(project: Project, settings: TrainSettings, out: Output) -> tuple[TrainingReport, int]:
    """Train with progress on stderr, until the limit or a signal.

    Returns:
        The report of a run that ended well, and the exit code: 0, or 128 plus the signal's number.

    Raises:
        UsageError: when it cannot be trained like that, or not on this machine.
        TrainingError: when the run failed.
    """
    from segstudio.learn.runs import train_project
    from segstudio.learn.training import check_settings

    check_settings(settings)
    report = TrainingReport(settings, out)
    with (
        out.progress("Training", 1.0) as update,
        stoppable("Stopping after this batch; the best model so far is kept. Once more to end at once.") as stop,
    ):
        report.follow(update)
        ending = train_project(project, settings, report.emit, stop.event)
    report.ending = ending
    if isinstance(ending, Failed):
        raise _failure(ending)
    return report, stop.exit_code if isinstance(ending, Cancelled) else 0


def _failure(ending: Failed) -> TrainingError:
    remedy = f"A report is in {log_folder()}" if ending.details else ""
    return TrainingError(ending.message.rstrip("."), remedy=remedy)
