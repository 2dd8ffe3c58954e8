"""Commands that make a project, look into it and take masks out of it."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from segstudio.cli.models import described, miou_of
from segstudio.cli.options import AsJson, ProjectFolder, examples, one_of
from segstudio.cli.output import number, output
from segstudio.core.classes import ClassTable
from segstudio.errors import ProjectError, UsageError
from segstudio.storage.creating import create_over
from segstudio.storage.dataset import import_dataset
from segstudio.storage.export import export_masks
from segstudio.storage.project import ImageRecord, Project

FORMATS = ("masks",)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        "new",
        epilog=examples(
            "new cells --images ~/microscope --classes background,nucleus",
            "new street --dataset shared/data/camvid",
        ),
    )(new)
    app.command("info", epilog=examples("info cells", "info cells --json"))(info)
    app.command("export", epilog=examples("export cells --format masks --out masks"))(export)


def new(
    folder: Annotated[Path, typer.Argument(metavar="PROJECT", help="Folder to make.", show_default=False)],
    images: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of images, with its subfolders.")] = None,
    classes: Annotated[str | None, typer.Option(metavar="NAME,NAME,...", help="Names of the classes.")] = None,
    dataset: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder with images, masks and dataset.json.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a project over images or a dataset.

    Images stay where they are. A dataset brings its classes, its masks as annotations, and its train and val lists as
    splits.
    """
    if (dataset is None) == (images is None):
        raise UsageError("a project is made over images or from a dataset", remedy="Give --images or --dataset")
    if dataset is not None and classes is not None:
        raise UsageError("a dataset brings its own classes", remedy="Leave --classes out")
    with output(as_json=as_json) as out:
        if dataset is not None:
            out.say(f"Reading {dataset} ...")
            project, problems = import_dataset(folder, dataset)
        else:
            assert images is not None
            project, problems = create_over(folder, images, _class_table(classes))
        with project:
            for line in problems:
                out.problem(line)
            records = project.images()
            data = {"project": project.folder, "images": len(records), "problems": list(problems)}
            data |= {"labelled": _by_split(records), "classes": list(project.classes.names)}
            out.result(data, f"{project.folder}: a project of {_summary(records)}.")


def info(folder: ProjectFolder, as_json: AsJson = False) -> None:
    """Show what a project holds.

    Its classes, its images by state and split, the model in use.
    """
    with output(as_json=as_json) as out, Project.open(folder) as project:
        records, classes = project.images(), project.classes
        in_use = next((model for model in project.models() if model.in_use), None)
        states = Counter(record.state for record in records)
        data = {
            "project": project.folder,
            "name": project.name,
            "classes": [{"index": item.index, "name": item.name, "color": item.color} for item in classes],
            "images": len(records),
            "states": {state: states[state] for state in ("unlabelled", "in progress", "proposed", "reviewed")},
            "labelled": _by_split(records),
            "labelled_pixels": sum(record.labelled_pixels for record in records),
            "models": len(project.models()),
            "model": None if in_use is None else described(in_use),
        }
        model = "none yet" if in_use is None else f"{in_use.name}, mean IoU {number(miou_of(in_use))}"
        rows = [
            ["project", str(project.folder)],
            ["classes", ", ".join(f"{item.index} {item.name}" for item in classes) or "none yet"],
            ["images", _summary(records)],
            ["states", ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "-"],
            ["model in use", model],
        ]
        out.result(data, *(f"{name:<14}{text}" for name, text in rows))


def export(
    folder: ProjectFolder,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write into.", show_default=False)],
    format_: Annotated[str, typer.Option("--format", metavar="|".join(FORMATS), help="What to write.")] = "masks",
    as_json: AsJson = False,
) -> None:
    """Write the annotations of a project.

    One indexed PNG of class indices for each labelled image, void 255, and classes.json.
    """
    one_of("--format", format_, FORMATS)
    with output(as_json=as_json) as speaker, Project.open(folder) as project:
        count = export_masks(project, out)
        if not count:
            raise ProjectError("has no labelled image to export", remedy="Paint some first", path=project.folder)
        data = {"out": out, "format": format_, "images": count}
        speaker.result(data, f"{out}: {_count(count, 'mask')} and classes.json.")


def _class_table(names: str | None) -> ClassTable:
    chosen = [name.strip() for name in (names or "").split(",") if name.strip()]
    if not chosen:
        raise UsageError("the project needs classes", remedy="Give their names: --classes background,nucleus")
    return ClassTable.of(chosen)


def _by_split(records: list[ImageRecord]) -> dict[str, int]:
    labelled = Counter(record.split for record in records if record.labelled_pixels)
    return {"train": labelled["train"], "validation": labelled["validation"]}


def _summary(records: list[ImageRecord]) -> str:
    splits = _by_split(records)
    labelled = f"{splits['train']} labelled to train, {splits['validation']} to validate"
    return f"{_count(len(records), 'image')}, {labelled}"


def _count(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
