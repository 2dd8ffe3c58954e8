"""The command about the models of a project."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from segstudio.cli.options import AsJson, ProjectFolder, examples
from segstudio.cli.output import Output, number, output, table
from segstudio.errors import ProjectError, UsageError
from segstudio.learn.networks.structures import STRUCTURES
from segstudio.learn.request import TrainSettings
from segstudio.storage.cards import read_card
from segstudio.storage.describing import describe
from segstudio.storage.project import ModelRecord, Project
from segstudio.storage.pruning import RULE

_LISTED = ("backbone", "transfer", "decoder", "created", "steps", "seconds", "labels", "per_class_iou")
_NEWER = ("start", "parent", "splits", "dice", "accuracy", "boundary", "per_class", "interval", "verdict")


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        "models",
        epilog=examples(
            "models cells",
            "models cells --card m0002-efficientnet_lite0-parameter",
            "models cells --back",
            "models cells --prune --json",
        ),
    )(models)


def models(
    folder: ProjectFolder,
    card: Annotated[str | None, typer.Option(metavar="NAME", help="Show all that is known of a model.")] = None,
    use: Annotated[str | None, typer.Option(metavar="NAME", help="Put a model in use.")] = None,
    back: Annotated[bool, typer.Option("--back", help="Put the model in use that was before; again, further.")] = False,
    keep: Annotated[str | None, typer.Option(metavar="NAME", help="Keep a model whatever comes.")] = None,
    release: Annotated[str | None, typer.Option(metavar="NAME", help="Keep it no longer.")] = None,
    remove: Annotated[str | None, typer.Option(metavar="NAME", help="Remove a model for good.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help=f"Remove models by the rule. {RULE}")] = False,
    as_json: AsJson = False,
) -> None:
    """List the models of a project, newest first, or change which are in use and kept."""
    named = {"--card": card, "--use": use, "--keep": keep, "--release": release, "--remove": remove}
    asked = [option for option, name in named.items() if name is not None]
    asked += [option for option, given in (("--back", back), ("--prune", prune)) if given]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} cannot be asked for at once", remedy="Give one of them at a time")
    with output(as_json=as_json) as out, Project.open(folder) as project:
        if card is not None:
            _show(project, card, out)
            return
        data, line = {}, ""
        if use is not None:
            project.use_model(use)
            line = f"{use} is in use."
        elif back:
            line = f"{project.roll_back()} is in use again."
        elif keep is not None or release is not None:
            name = keep if keep is not None else str(release)
            project.keep_model(name, keep is not None)
            line = f"{name} is kept." if keep is not None else f"{name} is kept no longer."
        elif remove is not None:
            project.remove_model(remove)
            line = f"{remove} is removed."
        elif prune:
            data["removed"] = gone = project.prune_models()
            line = f"Removed: {', '.join(gone)}." if gone else "There was nothing to remove."
        _list(project, out, data, line)


def _list(project: Project, out: Output, data: dict[str, list[str]], line: str) -> None:
    records = project.models()
    told = {**data, "models": [described(record) for record in records]}
    if not records:
        out.result(told, line or f"{project.folder}: no model yet. Train one with: segstudio train {project.folder}")
        return
    rows = []
    for record in records:
        how = f"{record.card.get('backbone', '?')}, {record.card.get('transfer', '?')}"
        score, span = number(miou_of(record)), _interval(record)
        rows.append([record.name, score, span, how, str(record.card.get("created", "")), _marks(record)])
    shown = table(["model", ">mean IoU", "90 % interval", "backbone, transfer", "created", ""], rows)
    before, after = ([line], []) if line else ([], [RULE])
    out.result(told, *before, shown, *after)


def _show(project: Project, name: str, out: Output) -> None:
    record = model_named(project, name)
    lines = describe(read_card(record.folder), asdict(TrainSettings()))
    if marks := _marks(record):
        lines.append(f"Standing: {marks}")
    out.result({**described(record), "card": record.card}, *lines)


def _marks(record: ModelRecord) -> str:
    marks = (("in use", record.in_use), ("kept", record.kept), ("chosen", record.chosen))
    return ", ".join(mark for mark, there in marks if there)


def _interval(record: ModelRecord) -> str:
    bounds = record.card.get("interval") or []
    return f"{number(bounds[0])} to {number(bounds[1])}" if len(bounds) == 2 else ""


def model_named(project: Project, name: str) -> ModelRecord:
    """The model of that name; ProjectError, with the names there are, when there is none."""
    found = {model.name: model for model in project.models()}
    if name not in found:
        options = ", ".join(found) or "none yet"
        raise ProjectError(f"has no model '{name}'", remedy=f"Models are: {options}", path=project.folder)
    return found[name]


def start_of(project: Project, name: str) -> str:
    """What `segstudio.learn.request.TrainSettings` call the start that a person named.

    Args:
        project: whose models may be given by their names.
        name: of a model, or of a published network; or the folder of a model.

    Raises:
        UsageError: there is none; the line lists them.
    """
    own = {model.name: model.folder for model in project.models()}
    if name in STRUCTURES or (name not in own and Path(name).is_dir()):
        return name
    if name not in own:
        choices = ", ".join([*own, *STRUCTURES])
        raise UsageError(f"--start '{name}' is no model and no published network", remedy=f"Choose one of {choices}")
    return str(own[name])


def miou_of(record: ModelRecord) -> float | None:
    """Mean IoU on its card; None when nothing validated."""
    value = record.card.get("miou")
    return value if isinstance(value, int | float) else None


def described(record: ModelRecord) -> dict[str, object]:
    """A model for JSON."""
    told = {name: record.card.get(name) for name in (*_LISTED, *_NEWER)}
    standing = {"in_use": record.in_use, "kept": record.kept, "chosen": record.chosen}
    return {"name": record.name, "folder": record.folder, "miou": miou_of(record), **standing, **told}
