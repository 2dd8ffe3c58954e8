"""Commands that change the classes of a project."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from segstudio.cli.options import AsJson, ProjectFolder, examples
from segstudio.cli.output import Output, Update, output, table
from segstudio.cli.stopping import Stop, stoppable
from segstudio.core.classes import VOID, ClassChange, ClassTable, move_class, remove_class
from segstudio.errors import Cancelled, UsageError
from segstudio.storage.project import Project
from segstudio.storage.reclassing import ClassUse, Progress

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a class.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Look at the classes of a project, and change them.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.callback(
        epilog=examples(
            "classes cells list",
            'classes cells rename nucleus "cell nucleus"',
            "classes cells remove debris --into background",
            "classes cells merge dark bright --yes",
            "classes cells move nucleus 0",
        )
    )(_project)
    for command in (list_, rename, remove, merge, move):
        group.command(command.__name__.rstrip("_"))(command)
    app.add_typer(group, name="classes")


def _project(folder: ProjectFolder) -> None:
    """Look at the classes of a project, and change them.

    Removing, merging and moving classes gives pixels other values in every annotation, rejection, history and proposal
    of the project: in all of them or, whatever happens, in none. Locked classes are not removed or merged. Models keep
    the names of the classes they learned, and go on proposing those that are left.
    """
    del folder  # the commands below look it up


def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the classes, with the number of pixels that carry them."""
    with output(as_json=as_json) as out, _opened(context) as project:
        classes = project.classes
        uses = _count(project, out)
        data = [
            {
                "index": item.index,
                "name": item.name,
                "color": item.color,
                "locked": item.locked,
                "visible": item.visible,
                "pixels": use.pixels,
                "images": use.images,
            }
            for item, use in zip(classes, uses, strict=True)
        ]
        rows = [
            [str(item.index), item.name, item.color, str(use.pixels), str(use.images), "locked" if item.locked else ""]
            for item, use in zip(classes, uses, strict=True)
        ]
        out.result({"classes": data}, table([">index", "class", "colour", ">pixels", ">images", ""], rows))


def rename(
    context: typer.Context,
    name: Name,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Give a class another name. Models that know the old one still mean this class."""
    with output(as_json=as_json) as out, _opened(context) as project:
        classes = project.classes.change(_index(project.classes, name), name=new.strip())
        project.set_classes(classes)
        out.result(_told(classes), f"'{name}' is '{new.strip()}' now.")


def remove(
    context: typer.Context,
    name: Name,
    into: Annotated[
        str | None, typer.Option(metavar="NAME", help="Class that its pixels become; void when left out.")
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Remove a class. Its pixels become void, or another class."""
    return _remove(context, name, into, yes=yes, as_json=as_json)


def merge(
    context: typer.Context,
    name: Name,
    into: Annotated[str, typer.Argument(metavar="INTO", help="Class that takes its pixels.", show_default=False)],
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Merge a class into another one, which keeps its name and its colour."""
    return _remove(context, name, into, yes=yes, as_json=as_json)


def move(
    context: typer.Context,
    name: Name,
    position: Annotated[int, typer.Argument(metavar="POSITION", help="Its new index; 0 is first.", show_default=False)],
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Move a class to another place in the order, which is also that of the number keys."""
    with output(as_json=as_json) as out, _opened(context) as project:
        change = move_class(project.classes, _index(project.classes, name), position)
        if change.after == change.before:
            out.result(_told(change.after) | {"changed": False}, f"'{name}' is at {position} already.")
            return 0
        images = sum(bool(record.labelled_pixels) for record in project.images())
        what = f"The masks of {_counted(images, 'image')} are written anew; no pixel changes its class."
        return _apply(project, change, what, out, question="" if yes else what)


def _remove(context: typer.Context, name: str, into: str | None, *, yes: bool, as_json: bool) -> int:
    with output(as_json=as_json) as out, _opened(context) as project:
        classes = project.classes
        index = _index(classes, name)
        change = remove_class(classes, index, VOID if into is None else _index(classes, into))
        use = _count(project, out)[index]
        become = "void" if into is None else f"'{into}'"
        what = f"{use.pixels} px in {_counted(use.images, 'image')} become {become}, and '{name}' is gone."
        return _apply(project, change, what, out, use, question="" if yes else f"{what} This cannot be undone.")


def _apply(
    project: Project, change: ClassChange, what: str, out: Output, use: ClassUse | None = None, *, question: str
) -> int:
    if question:
        _ask(question)
    with (
        out.progress("Changing", 1.0) as update,
        stoppable("Stopping; nothing is changed.") as stop,
    ):
        try:
            project.reclassing.apply(change, progress=_shown(update), cancel=stop.event)
        except Cancelled:
            return _stopped(out, stop)
    counted = {} if use is None else {"pixels": use.pixels, "images": use.images}
    out.result(_told(change.after) | counted | {"changed": True}, what)
    return 0


def _stopped(out: Output, stop: Stop) -> int:
    out.say("Stopped. Nothing is changed.")
    return stop.exit_code


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"nobody is there to be asked ({question.rstrip('.')})", remedy="Add --yes")
    typer.confirm(f"{question} Go on?", abort=True, err=True)


def _count(project: Project, out: Output) -> tuple[ClassUse, ...]:
    with out.progress("Counting", 1.0) as update:
        return project.reclassing.uses(progress=_shown(update))


def _shown(update: Update) -> Progress:
    return lambda done, of: update(done / of, f"image {done} of {of}")


def _opened(context: typer.Context) -> Project:
    assert context.parent is not None
    folder: Path = context.parent.params["folder"]
    return Project.open(folder)


def _index(classes: ClassTable, name: str) -> int:
    if name not in classes.names:
        raise UsageError(f"there is no class '{name}'", remedy=f"Classes are: {', '.join(classes.names) or 'none yet'}")
    return classes.names.index(name)


def _told(classes: ClassTable) -> dict[str, object]:
    return {"classes": [{"index": item.index, "name": item.name, "color": item.color} for item in classes]}


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
