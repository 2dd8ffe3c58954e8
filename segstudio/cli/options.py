"""Arguments that several commands share, and their checks."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from segstudio.errors import UsageError

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
ProjectFolder = Annotated[Path, typer.Argument(metavar="PROJECT", help="Folder of the project.", show_default=False)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]


def one_of(option: str, value: str, choices: Iterable[str]) -> str:
    """`value`, when it is one of `choices`.

    Raises:
        UsageError: otherwise; the line lists them.
    """
    known = list(choices)
    if value not in known:
        raise UsageError(f"{option} '{value}' is unknown", remedy=f"Choose one of {', '.join(known)}")
    return value


def examples(*lines: str) -> str:
    """The end of a command's help: each example on a line of its own."""
    return "\n".join(["\b", "Examples:", *(f"  segstudio {line}" for line in lines)])
