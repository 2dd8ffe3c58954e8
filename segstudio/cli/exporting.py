"""The command that writes a model for other programs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from segstudio.cli.options import AsJson, examples, one_of
from segstudio.cli.output import output
from segstudio.cli.predicting import model_folder
from segstudio.core.arrays import U8
from segstudio.errors import ProjectError, SegStudioError
from segstudio.storage.cards import CARD
from segstudio.storage.outputs import check_targets
from segstudio.storage.project import Project

if TYPE_CHECKING:
    from segstudio.learn.networks.saving import LoadedModel

_SUFFIXES: Mapping[str, str] = {"onnx": ".onnx", "torch": ".pt2"}
_CHECKED = 2  # images
_CHECKED_SIDE = 512


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        "export-model",
        epilog=examples(
            "export-model cells",
            "export-model cells --format torch --out cells.pt2",
            "export-model cells/models/NAME --fixed --json",
        ),
    )(export_model)


def export_model(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A project (its model in use) or a model folder.", show_default=False),
    ],
    kind: Annotated[
        str, typer.Option("--format", metavar="|".join(_SUFFIXES), help="ONNX, or torch.export (.pt2).")
    ] = "onnx",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write; the name of the model if left out.")
    ] = None,
    fixed: Annotated[
        bool, typer.Option("--fixed", help="For one image of 512 x 512 pixels, for programs that want fixed sizes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a model for other programs, and check that it says there what it says here.

    The file takes images, float32 (N, 3, H, W), RGB in 0..255, both sides multiples of 32, and gives probabilities,
    float32 (N, K, H, W). It carries classes, normalisation, and the origin of its weights. An earlier export is
    replaced; any other file is left alone.
    """
    with output(as_json=as_json) as speaker:
        suffix = _SUFFIXES[one_of("--format", kind, _SUFFIXES)]
        folder = model_folder(model)
        path = out or Path(f"{folder.name}{suffix}")
        if path.suffix.lower() != suffix:
            path = path.with_name(path.name + suffix)
        from segstudio.learn.networks.saving import load_model
        from segstudio.learn.prediction import exporting

        _check_target(path, exporting.is_export)
        loaded = load_model(folder)
        speaker.say(f"Exporting {folder.name} ...")
        images = _images_to_check(model, loaded)
        done = exporting.export_model(
            loaded, path, images, kind="onnx" if kind == "onnx" else "torch", dynamic=not fixed
        )
        sizes = "any size in multiples of 32" if done.size is None else f"{done.size[0]} x {done.size[1]} pixels"
        data = {"model": folder, "file": path, "format": kind, "dynamic": done.size is None, "size": done.size}
        speaker.result(
            data | {"bytes": done.size_bytes, "difference": done.difference},
            f"{path}: {done.size_bytes / 1e6:.1f} MB, {sizes}, "
            f"its probabilities differ from the model's by {done.difference:.1g} at most.",
        )


def _check_target(path: Path, is_export: Callable[[Path], bool]) -> None:
    if path.is_dir():
        raise ProjectError("is a folder", remedy="Give a file with --out", path=path)
    if path.exists() and not is_export(path):
        raise ProjectError("is there already and is no exported model", remedy="Choose another name", path=path)
    # Of the folder: what is at the path itself may be replaced.
    check_targets([path.with_name(f".{path.name}.tmp")], [])


def _images_to_check(place: Path, model: "LoadedModel") -> Sequence[U8]:
    """Images of the project as the network sees them, else noise."""
    found: list[U8] = []
    if not (place / CARD).is_file():
        with Project.open(place) as project:
            for record in project.images():
                try:
                    found.append(project.read_image(record.key).network()[:_CHECKED_SIDE, :_CHECKED_SIDE])
                except SegStudioError:  # another one serves as well
                    continue
                if len(found) == _CHECKED:
                    break
    if found:
        return found
    shape = (_CHECKED_SIDE // 2, _CHECKED_SIDE // 2, model.card.channels)
    return [np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)]
