"""The command about the models of a project."""

import typer

from segstudio.cli.options import AsJson, ProjectFolder, examples
from segstudio.cli.output import number, output, table
from segstudio.storage.project import ModelRecord, Project


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("models", epilog=examples("models cells", "models cells --json"))(models)


def models(folder: ProjectFolder, as_json: AsJson = False) -> None:
    """List the models of a project, newest first."""
    with output(as_json=as_json) as out, Project.open(folder) as project:
        records = project.models()
        rows = []
        for record in records:
            card = record.card
            how = f"{card.get('backbone', '?')}, {card.get('transfer', '?')}"
            mark = "in use" if record.in_use else ""
            rows.append([record.name, number(miou_of(record)), how, str(card.get("created", "")), mark])
        shown = table(["model", ">mean IoU", "backbone, transfer", "created", ""], rows)
        none = f"{project.folder}: no model yet. Train one with: segstudio train {folder}"
        out.result({"models": [described(record) for record in records]}, shown if records else none)


def miou_of(record: ModelRecord) -> float | None:
    """Mean IoU on its card; None when nothing validated."""
    value = record.card.get("miou")
    return value if isinstance(value, int | float) else None


def described(record: ModelRecord) -> dict[str, object]:
    """A model for JSON."""
    kept = ("backbone", "transfer", "decoder", "created", "steps", "seconds", "labels", "per_class_iou")
    told = {name: record.card.get(name) for name in kept}
    return {"name": record.name, "folder": record.folder, "in_use": record.in_use, "miou": miou_of(record), **told}
