"""Commands about what one can start from, and its weights."""

import contextlib
import time
from pathlib import Path
from typing import Annotated

import typer

from segstudio.cli.options import AsJson, examples
from segstudio.cli.output import Output, Update, output, table
from segstudio.cli.stopping import stoppable
from segstudio.errors import Cancelled, UsageError
from segstudio.learn.backbones.registry import (
    BACKBONES,
    Backbone,
    find_backbone,
    how_to_get,
    weights_file,
    weights_folder,
    weights_state,
)
from segstudio.learn.networks.carrying import (
    MANIFEST,
    Carried,
    export_weights,
    import_file,
    import_folder,
    kept_file,
    stored_weights,
)
from segstudio.learn.networks.structures import STRUCTURES, Structure, fetch_structure, structure_file

_MB = 1e6
_REFUSED = 1  # exit code when part of what was asked for was refused


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    shown = examples("backbones", "backbones --fetch resnet34", "backbones --fetch timm:regnety_002")
    app.command("backbones", epilog=shown)(backbones)
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        epilog=examples("weights list --json", "weights import resnet34-b627a593.pth --backbone resnet34"),
    )
    group.command(
        "import",
        epilog=examples("weights import resnet34-b627a593.pth --backbone resnet34", "weights import /media/stick"),
    )(import_command)
    group.command(
        "export", epilog=examples("weights export /media/stick", "weights export /media/stick resnet34 vgg16")
    )(export_command)
    group.command("list", epilog=examples("weights list", "weights list --json"))(list_command)
    app.add_typer(group, name="weights", help="Carry weights to this machine and from it, without network.")


def backbones(
    fetch: Annotated[
        str | None, typer.Option(metavar="NAME", help="Download the weights of this one; needs a network.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List the encoders one can start from.

    Weights that are not on this machine are downloaded only with --fetch. Ctrl+C stops a download; asked for again, it
    goes on where it stood. Any other encoder of timm is named timm:NAME.
    """
    with output(as_json=as_json) as out:
        listed = list(BACKBONES.values())
        if fetch is not None and fetch in STRUCTURES:
            code = _fetch(STRUCTURES[fetch], out)
            if code:
                return code
        elif fetch is not None:
            chosen = find_backbone(fetch)
            if chosen not in listed:
                listed.append(chosen)
            code = _fetch(chosen, out)
            if code:
                return code
        known = {item.name for item in listed}
        others = [stored for stored in stored_weights() if stored.name not in {*known, *STRUCTURES}]
        rows = [_row(item) for item in listed]
        data = [_told(item) for item in listed]
        shown = table(["backbone", ">parameters", ">MACs at 512 px", ">smallest", "weights", "licence", "source"], rows)
        remarks = [f"Also on disk: {', '.join(stored.name for stored in others)}."] if others else []
        whole = {name: "on disk" if structure_file(item) else "to download" for name, item in STRUCTURES.items()}
        remarks.append(f"Whole networks to start from: {', '.join(f'{name} ({at})' for name, at in whole.items())}.")
        told = [{"name": name, "weights": at, "licence": STRUCTURES[name].licence} for name, at in whole.items()]
        out.result(
            {"backbones": data, "also_on_disk": [stored.name for stored in others], "structures": told}, shown, *remarks
        )
    return 0


def import_command(
    source: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", show_default=False, help="What to take in.")],
    backbone: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose weights the file has: a backbone or a whole network.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Take in a weight file of torchvision, timm or a training of your own, or a folder made by 'weights export'.

    A file is checked tensor by tensor: it is taken whole or refused. Code in it is never run. Of a folder, each file is
    taken or refused by itself; the exit code is 1 when one was refused.
    """
    with output(as_json=as_json) as out:
        if source.is_dir():
            if backbone is not None:
                raise UsageError(
                    f"--backbone is for a file, a folder says itself what is in it ({MANIFEST})", remedy="Leave it out"
                )
            carried = import_folder(source)
            _tell(carried, out, "taken in")
            return _REFUSED if any(item.path is None for item in carried) else 0
        if backbone is None:
            raise UsageError("--backbone is missing", remedy="Say whose weights the file has, see: segstudio backbones")
        report = import_file(backbone, source)
        told = {
            "backbone": backbone,
            "path": kept_file(backbone),
            "fitted": len(report.fitted),
            "left_out": report.unexpected,
            "note": report.note,
        }
        out.result(told, f"{backbone} taken in: {report.line}.")
    return 0


def export_command(
    destination: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False, help="Made when missing.")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Backbones and whole networks; all on disk.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put weights into a folder that another machine can take in with 'weights import'.

    Without names, all that were downloaded or imported. Weights that come with the program can be named too.
    """
    with output(as_json=as_json) as out:
        _tell(export_weights(names or [], destination), out, "exported")


def list_command(as_json: AsJson = False) -> None:
    """List the weights that were downloaded or imported, and where they lie."""
    with output(as_json=as_json) as out:
        found = stored_weights()
        rows = [[item.name, f"{item.size / _MB:.1f} MB", item.source or "-", str(item.path)] for item in found]
        data = [{"name": item.name, "path": item.path, "size": item.size, "source": item.source} for item in found]
        folder = weights_folder()
        shown = table(["name", ">size", "source", "file"], rows) if rows else f"There are none in {folder}."
        out.result({"folder": folder, "weights": data}, shown)


def _fetch(wanted: Backbone | Structure, out: Output) -> int:
    """Download with a bar; the exit code, 0 when the weights are here."""
    from segstudio.learn.backbones.weights import fetch_weights

    out.say(f"Fetching the weights of {wanted.title} ...")
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(stoppable("Stopping; what has come is kept and gone on with the next time."))
        bar: Update | None = None
        began, standing = time.monotonic(), 0

        def progress(done: int, total: int | None) -> None:
            nonlocal bar, began, standing
            if bar is None:
                bar = stack.enter_context(out.progress(wanted.title, float(total or 0)))
                began, standing = time.monotonic(), done
            rate = (done - standing) / max(time.monotonic() - began, 1e-3)
            whole = f" of {total / _MB:.1f}" if total else ""
            bar(float(done), f"{done / _MB:.1f}{whole} MB, {rate / _MB:.1f} MB/s")

        try:
            if isinstance(wanted, Structure):
                fetch_structure(wanted.name, progress=progress, cancel=stop.event)
            else:
                fetch_weights(wanted, progress=progress, cancel=stop.event)
        except Cancelled:
            return stop.exit_code
    return 0


def _tell(carried: list[Carried], out: Output, done: str) -> None:
    for item in carried:
        if item.path is None:
            out.problem(f"{item.name} was refused: {item.line}")
    lines = [f"{item.name} {done}: {item.line.rstrip('.')}." for item in carried if item.path is not None]
    told = [
        {"name": item.name, "path": item.path, "done": item.path is not None, "line": item.line} for item in carried
    ]
    out.result({"weights": told}, *(lines or [f"Nothing was {done}."]))


def _row(item: Backbone) -> list[str]:
    size, work = f"{item.parameters / 1e6:.1f} M", f"{item.macs / 1e9:.1f} G"
    return [item.name, size, work, f"{item.smallest} px", weights_state(item), item.licence, item.source]


def _told(item: Backbone) -> dict[str, object]:
    state = weights_state(item)
    return {
        "name": item.name,
        "title": item.title,
        "parameters": item.parameters,
        "macs": item.macs,
        "smallest": item.smallest,
        "mean": item.mean,
        "std": item.std,
        "weights": state,
        "file": weights_file(item),
        "how": "" if state in ("bundled", "on disk") else how_to_get(item),
        "licence": item.licence,
        "source": item.source,
    }
