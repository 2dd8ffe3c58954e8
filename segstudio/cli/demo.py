"""Commands that open the window: on the demo, or on a project. Without a display, the demo runs the loop by itself."""

import math
from pathlib import Path
from typing import Annotated

import typer

from segstudio.cli.display import has_display
from segstudio.cli.evaluating import score_pairs, scores_data, scores_text
from segstudio.cli.options import AsJson, Device, ProjectFolder, examples
from segstudio.cli.output import Output, output
from segstudio.cli.training import run_training
from segstudio.core.metrics import Scores
from segstudio.core.proposal import Proposal
from segstudio.errors import ModelError, ProjectError, UsageError
from segstudio.learn.request import TrainSettings
from segstudio.storage.demo import PICTURE_FOLDER, default_demo_folder, open_demo, truth_of, write_picture
from segstudio.storage.project import Project

DEFAULT_MINUTES = 1.25
_CROP = 128  # small ones: more steps in the short time, and the objects are small too
_PICTURES = 4  # of images with strokes, and as many of images without


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("demo", epilog=examples("demo", "demo /tmp/cells --headless --minutes 1"))(demo)
    app.command("open", epilog=examples("open cells"))(open_)


def open_(context: typer.Context, folder: ProjectFolder) -> int:
    """Open the window on a project."""
    Project.open(folder).close()  # a folder that is no project is refused here, in one line
    return int(context.obj.open_window(folder))


def demo(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Where the demo is, or is made; SegStudio-demo in your documents."),
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Run the loop, also when there is a display.")] = False,
    minutes: Annotated[float, typer.Option(help="Time spent training, headless.")] = DEFAULT_MINUTES,
    device: Device = "auto",
    as_json: AsJson = False,
) -> int:
    """Make the demo project and open it.

    Its microscope images are drawn by this program, and some of them carry strokes. Without a display, or with
    --headless: train on the strokes, predict every image, score the images without strokes against their truth, and
    write pictures. Run again, it goes on from the project as it was left.
    """
    if not 0 < minutes < math.inf:
        raise UsageError("--minutes must be a number above 0", remedy="Give for instance --minutes 1")
    folder = folder or default_demo_folder()
    with output(as_json=as_json) as out:
        with out.progress("Drawing", 1.0) as update:
            project = open_demo(folder, progress=lambda done, of: update(done / of, f"image {done} of {of}"))
        with project:
            out.say(f"Demo project: {folder.resolve()}")
            if headless or not has_display():
                return _loop(project, TrainSettings(minutes=minutes, device=device, crop=_CROP), out)
            out.result({"project": project.folder})
    return int(context.obj.open_window(folder))


def _loop(project: Project, settings: TrainSettings, out: Output) -> int:
    report, code = run_training(project, settings, out)
    in_use = project.model_in_use
    if code:
        out.result(report.data(in_use), *report.lines(project.classes, in_use))
        return code
    if in_use is None:
        raise ModelError("has no model yet", remedy="Train longer: --minutes 2", path=project.folder)
    from segstudio.learn.prediction.sweep import predict_project

    with out.progress("Predicting", 1.0) as update:
        predict_project(project, progress=lambda seen: update(seen.done / seen.total, seen.key), device=settings.device)
    scores = _score(project)
    pictures = _draw(project)
    names = list(project.classes.names)
    data = {"project": project.folder, "pictures": pictures, "training": report.data(in_use)}
    title = "Against the truth of the images nobody painted on:"
    lines = [*report.lines(project.classes, in_use), "", title, *scores_text(scores, names), ""]
    lines += [f"Pictures: {pictures.resolve()}", f"Look at it in the window: segstudio open {project.folder}"]
    out.result(data | {"model": in_use} | scores_data(scores, names), *lines)
    return code


def _score(project: Project) -> Scores:
    """Scores on the images without strokes, which training has not seen."""
    unseen = [record.key for record in project.images() if not record.labelled_pixels]
    pairs = ((truth_of(project, key), _proposal(project, key).classes) for key in unseen)
    return score_pairs(pairs, len(project.classes))


def _draw(project: Project) -> Path:
    """Write pictures of some images with strokes and some without; returns their folder."""
    folder = project.folder / PICTURE_FOLDER
    records = project.images()
    painted = [record.key for record in records if record.labelled_pixels][:_PICTURES]
    unseen = [record.key for record in records if not record.labelled_pixels][:_PICTURES]
    for key in (*painted, *unseen):
        image = project.read_image(key).display()
        write_picture(folder / f"{key}.png", image, project.annotation(key), _proposal(project, key), project.classes)
    return folder


def _proposal(project: Project, key: str) -> Proposal:
    proposal = project.load_proposal(key)
    if proposal is None:
        raise ProjectError(f"has no proposal for '{key}'", remedy="Run the demo again", path=project.folder)
    return proposal
