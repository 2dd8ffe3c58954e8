"""The command line: every command, put together."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from segstudio.cli import (
    classes,
    comparing,
    demo,
    evaluating,
    exporting,
    models,
    predicting,
    projects,
    training,
    weights,
)
from segstudio.cli.failures import DONE, guarded


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the commands are given from outside, as the context's ``obj``.

    Attributes:
        open_window: shows the window with a project, returns an exit code.
    """

    open_window: Callable[[Path], int]


def run(arguments: list[str], open_window: Callable[[Path], int]) -> int:
    """Run one command.

    Args:
        arguments: without the program's name.
        open_window: for the commands that end in the window.

    Returns:
        The exit code, see `segstudio.__main__.main`.
    """
    app = _build()

    def invoke() -> int:
        try:
            code = app(arguments, prog_name="segstudio", standalone_mode=False, obj=Surroundings(open_window))
        except typer.Abort as error:
            raise KeyboardInterrupt from error
        return int(code or DONE)

    return guarded(invoke)


def _build() -> typer.Typer:
    app = typer.Typer(
        help="Label images by painting while a pretrained segmentation network learns beside you. "
        "Without arguments, the window opens.",
        epilog="Exit codes: 0 done, 1 refused or failed with one line on stderr, 2 wrong usage, "
        "130 or 143 stopped by Ctrl+C or a termination signal.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_main)
    for module in (projects, classes, weights, training, models, predicting, evaluating, exporting, comparing, demo):
        module.register(app)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"segstudio {version('segstudio')}")
        raise typer.Exit


def _main(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    del show_version  # its callback has answered
