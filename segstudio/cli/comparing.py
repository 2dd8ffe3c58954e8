"""The command that compares transfers and backbones."""

import math
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from segstudio.cli import training_options as options
from segstudio.cli.failures import DONE
from segstudio.cli.models import start_of
from segstudio.cli.options import AsJson, ProjectFolder, examples
from segstudio.cli.output import Output, Update, number, output, table
from segstudio.cli.stopping import stoppable
from segstudio.cli.training_options import chosen
from segstudio.core.classes import ClassTable
from segstudio.core.curves import BLOCKS, sparkline
from segstudio.core.labels import LabelledImage
from segstudio.errors import ProjectError, TrainingError, UsageError
from segstudio.learn.comparison.plan import (
    DEFAULT_MINUTES,
    DEFAULT_TRANSFERS,
    Comparison,
    ComparisonDone,
    ComparisonPlan,
    Event,
    RowDone,
    RowResult,
    RowScored,
    RowStarted,
    RowStepped,
    plan_comparison,
)
from segstudio.learn.comparison.report import check_report_folder, data_of, save_report
from segstudio.learn.request import TRANSFERS, TrainSettings
from segstudio.storage.project import Project

_DEFAULTS = TrainSettings()
_WHAT, _RESULT = "What is compared", "Result"


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        "compare",
        epilog=examples(
            "compare cells",
            "compare cells --transfers none,parameter --backbones efficientnet_lite0,resnet18 --minutes 10",
            "compare cells --transfers none,structure --start m0003-efficientnet_lite0-parameter",
            "compare cells --minutes 30 --out report --json",
        ),
    )(compare)


def compare(
    folder: ProjectFolder,
    transfers: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help=f"Of {', '.join(DEFAULT_TRANSFERS)}; all.", rich_help_panel=_WHAT),
    ] = None,
    backbones: Annotated[
        str, typer.Option(metavar="NAME,...", help="See: segstudio backbones.", rich_help_panel=_WHAT)
    ] = _DEFAULTS.backbone,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="What structure starts from: models of the project, model folders, published networks. The model in"
            " use, or else a published network on this machine.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help=f"For each; {DEFAULT_MINUTES:g} when no steps are given.", rich_help_panel=_WHAT),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="For each.", rich_help_panel=_WHAT)] = None,
    out_folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Write a figure (SVG) and tables (CSV, JSON) there.",
            rich_help_panel=_RESULT,
        ),
    ] = None,
    as_json: AsJson = False,
    decoder: options.DecoderName = "auto",
    crop: options.Crop = None,
    batch: options.BatchSize = _DEFAULTS.batch,
    device: options.DeviceName = "auto",
    seed: options.Seed = 0,
) -> int:
    """Find out which transfer helps most: train each for the same time, on the same labels, one after the other.

    Every backbone is trained with every transfer, structure once for each start. All are scored on the same validation
    pixels; in brackets stand 90 % intervals, gains are those over random start (none). No model of it is put in use or
    kept. Ctrl+C keeps what has ended and leaves with 130.
    """
    if minutes is not None and not 0 < minutes < math.inf:
        raise UsageError("--minutes must be a number above 0", remedy="Give for instance --minutes 2")
    limit = DEFAULT_MINUTES if minutes is None and steps is None else minutes
    settings = TrainSettings(
        decoder=decoder, minutes=limit, steps=steps, crop=crop, batch=batch, device=device, seed=seed
    )
    listed = DEFAULT_TRANSFERS if transfers is None else _listed(transfers)
    names = [chosen("--transfers", name, TRANSFERS) for name in listed]
    if out_folder is not None:
        check_report_folder(out_folder)
    blocks = can_show_blocks(sys.stdout.encoding)
    with output(as_json=as_json) as out:
        with Project.open(folder) as project:
            plan = plan_comparison(
                settings,
                transfers=names,
                backbones=_listed(backbones),
                starts=[start_of(project, name) for name in _listed(start or "")],
                in_use=project.model_in_use,
            )
            images, classes = project.labelled(), project.classes
        found, code = run_comparison(plan, images, classes, out, out_folder)
        files, problem = _saved(found, out_folder)
        lines = [f"Written: {', '.join(path.name for path in files)} in {out_folder}."] if files else []
        out.result({**data_of(found), "files": files}, *shown(found, blocks=blocks), *lines)
        if problem is not None:  # told last: what hours of training found is on the screen by then
            raise problem
    return code


def _saved(found: Comparison, folder: Path | None) -> tuple[list[Path], ProjectError | None]:
    """The files of the report, or why they cannot be written."""
    try:
        return ([] if folder is None else save_report(found, folder)), None
    except ProjectError as error:
        return [], error


def run_comparison(
    plan: ComparisonPlan, images: tuple[LabelledImage, ...], classes: ClassTable, out: Output, folder: Path | None
) -> tuple[Comparison, int]:
    """Compare with progress on stderr, until the end or a signal.

    Args:
        plan: what.
        images, classes: of the project.
        out: where it is told.
        folder: where a report is written; None for none.

    Returns:
        What was found, and the exit code: 0, or 128 plus the signal's number.

    Raises:
        SegStudioError: as `segstudio.learn.comparison.runner.compare`, and TrainingError when every row failed.
    """
    from segstudio.learn.comparison.runner import compare as train_all

    for note in plan.notes:
        out.say(note)
    if plan.minutes is not None:
        out.say(f"{len(plan.rows)} trainings of {plan.settings.minutes:g} minutes, {plan.minutes:g} altogether.")
    with (
        out.progress("Comparing", float(len(plan.rows))) as update,
        stoppable("Stopping; what has ended is kept. Once more to end at once.") as stop,
    ):
        found = train_all(plan, images, classes, _Follower(plan, out, update, folder).emit, stop.event)
    for note in found.plan.notes[len(plan.notes) :]:
        out.say(note)
    if found.rows and all(result.error for result in found.rows) and not found.stopped:
        raise TrainingError(f"no training came to a result, the first problem: {found.rows[0].error.rstrip('.')}")
    return found, stop.exit_code if found.stopped else DONE


class _Follower:
    """Tells the events of a comparison on stderr."""

    def __init__(self, plan: ComparisonPlan, out: Output, update: Update, folder: Path | None) -> None:
        self._out, self._update, self._folder = out, update, folder
        self._labels = [row.label for row in plan.rows]
        self._said: set[str] = set()

    def emit(self, event: Event) -> None:
        match event:
            case RowStarted():
                self._out.say(f"{event.number} of {event.rows}: {event.row.label}.")
            case RowStepped():
                label = self._labels[event.number - 1]
                speed = f"{event.images_per_second:.1f} crops/s"
                self._update(event.number - 1 + event.done, f"{label}, step {event.step}, {speed}")
            case RowScored():
                self._out.say(f"  {event.point.seconds:.0f} s: mean IoU {event.point.miou:.3f}")
            case RowDone():
                for note in event.result.notes:
                    if note not in self._said:  # rows have much in common
                        self._said.add(note)
                        self._out.say(f"  {note}")
                if event.result.error:
                    self._out.problem(f"{event.result.row.label}: {event.result.error}")
                # A power cut in the night must not cost the evening's rows, and a full disk not those to come.
                _, problem = _saved(event.so_far, self._folder)
                if problem is not None:
                    self._out.problem(str(problem))
                self._update(float(event.number), event.result.row.label)
            case ComparisonDone():
                pass


def shown(found: Comparison, *, blocks: bool) -> list[str | Table]:
    """The result for a person: a table with a row each.

    Args:
        found: the comparison.
        blocks: whether the curves can be drawn in block characters.
    """
    if not found.rows:
        return ["Stopped before a training had ended."]
    over = {result.against for result in found.rows if result.against}
    same = len(over) < 2
    gain = f">gain over {over.pop().partition(',')[0]}" if len(over) == 1 else ">gain"
    columns = [
        "transfer", "from", ">mean IoU", "90 % interval", gain, "90 % interval", ">steps", ">crops/s", ">min to 90 %",
    ]  # fmt: skip
    columns += [] if same else ["over"]
    end = max((result.curve[-1].seconds for result in found.rows if result.curve), default=0.0)
    top = max((point.miou for result in found.rows for point in result.curve), default=0.0)
    rows = []
    for result in found.rows:
        cells = _cells(result) + ([] if same else [result.against])
        if blocks:
            line = sparkline([(point.seconds, point.miou) for point in result.curve], end=end or 1.0, top=top)
            cells.append(line)
        rows.append(cells)
    parts: list[str | Table] = [table(columns + (["mean IoU over time"] if blocks else []), rows)]
    parts += [f"{result.row.label} failed: {result.error}" for result in found.rows if result.error]
    if found.stopped:
        parts.append(f"Stopped after {len(found.rows)} of {len(found.plan.rows)} trainings.")
    return parts


def _cells(result: RowResult) -> list[str]:
    scores, gain, near = result.scores, result.gain, result.seconds_to_near_best
    return [
        result.row.transfer,
        result.row.origin,
        number(scores.miou if scores else None),
        _span(scores.interval if scores else None),
        "-" if gain is None else f"{gain.mean:+.3f}",
        _span(None if gain is None or gain.low != gain.low else (gain.low, gain.high), sign=True),
        str(result.steps),
        number(result.images_per_second, 1),
        "-" if near is None else f"{near / 60:.2f}",
    ]


def _span(bounds: tuple[float, float] | None, *, sign: bool = False) -> str:
    if bounds is None:
        return ""
    form = "+.3f" if sign else ".3f"
    return f"[{bounds[0]:{form}}, {bounds[1]:{form}}]"


def can_show_blocks(encoding: str | None) -> bool:
    """Whether block characters may be written; a pipe on Windows often cannot take them."""
    try:
        BLOCKS.encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
