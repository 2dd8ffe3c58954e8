"""Commands about the encoders one can start from, and their weights."""

from typing import Annotated

import typer

from segstudio.cli.options import AsJson, examples
from segstudio.cli.output import output, table
from segstudio.learn.backbones import BACKBONES, find_backbone, weights_state


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("backbones", epilog=examples("backbones", "backbones --fetch resnet18"))(backbones)


def backbones(
    fetch: Annotated[
        str | None, typer.Option(metavar="NAME", help="Download the weights of this one; needs a network.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the encoders one can start from.

    Weights that are not on this machine are downloaded only with --fetch.
    """
    with output(as_json=as_json) as out:
        if fetch is not None:
            chosen = find_backbone(fetch)
            out.say(f"Fetching the weights of {chosen.title} ...")
            from segstudio.learn.weights import fetch_weights

            fetch_weights(chosen)
        rows, data = [], []
        for item in BACKBONES.values():
            state = weights_state(item)
            rows.append([item.name, f"{item.parameters / 1e6:.1f} M", state, item.licence, item.source])
            told = {"name": item.name, "title": item.title, "parameters": item.parameters, "weights": state}
            data.append({**told, "licence": item.licence, "source": item.source})
        shown = table(["backbone", ">parameters", "weights", "licence", "source"], rows)
        out.result({"backbones": data}, shown)
