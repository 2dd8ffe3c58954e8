"""What a command says: progress and problems on stderr, its result on stdout as text or as one JSON object."""

import contextlib
import json
import logging
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from segstudio.errors import SegStudioError
from segstudio.storage.logs import set_up_logging

Update = Callable[[float, str], None]
_PLAIN_EVERY = 5.0  # seconds between progress lines when nobody watches
_PLAIN_WIDTH = 200  # columns of a table that does not go to a terminal


class Output:
    """Where a command speaks.

    Args:
        stdout: gets the result and nothing else.
        as_json: whether the result is one JSON object instead of text.
    """

    def __init__(self, stdout: TextIO, *, as_json: bool) -> None:
        self._as_json = as_json
        self._stdout = stdout
        width = None if stdout.isatty() else _PLAIN_WIDTH
        self._text = Console(file=stdout, highlight=False, markup=False, width=width)
        self._errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """Tell what is going on, on stderr."""
        self._errors.print(line)

    def problem(self, line: str) -> None:
        """Tell what went wrong while the rest carries on, in one line on stderr."""
        self._errors.print(" ".join(line.split()), style="yellow")

    def result(self, data: Mapping[str, object], *parts: str | Table) -> None:
        """Give the result of the command: `data` as JSON, or `parts` as text."""
        if self._as_json:
            self._stdout.write(json.dumps(plain(data), allow_nan=False) + "\n")
            self._stdout.flush()
            return
        for part in parts:
            self._text.print(part, soft_wrap=isinstance(part, str))

    @contextmanager
    def progress(self, title: str, total: float) -> Iterator[Update]:
        """Show how far a long job is; the block gets a function of how much is done and a remark.

        A bar in a terminal, otherwise a line every few seconds.
        """
        if not self._errors.is_terminal:
            yield self._line_by_line(title, total)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[remark]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._errors, transient=True) as bar:
            task = bar.add_task(title, total=total, remark="")
            yield lambda done, remark: bar.update(task, completed=done, remark=remark)

    def _line_by_line(self, title: str, total: float) -> Update:
        last = time.monotonic()

        def update(done: float, remark: str) -> None:
            nonlocal last
            if time.monotonic() - last >= _PLAIN_EVERY:
                last = time.monotonic()
                share = f"{min(1.0, done / total):4.0%}  " if total else ""
                self.say(f"{title}  {share}{remark}")

        return update


@contextmanager
def output(*, as_json: bool) -> Iterator[Output]:
    """The output of one command. With JSON, whatever else is printed to stdout meanwhile goes to stderr."""
    stdout = sys.stdout
    with contextlib.ExitStack() as stack:
        if as_json:
            stack.enter_context(redirect_stdout(sys.stderr))
        speaker = Output(stdout, as_json=as_json)
        stack.enter_context(_logged(speaker))
        yield speaker


class _Warnings(logging.Handler):
    """Tells warnings of the program as problems. Errors reach the person as the command's failure."""

    def __init__(self, out: Output) -> None:
        super().__init__(logging.WARNING)
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.ERROR:
            self._out.problem(record.getMessage())


@contextmanager
def _logged(out: Output) -> Iterator[None]:
    """Within the block, the log file is written and warnings are told."""
    logger = logging.getLogger("segstudio")
    before = list(logger.handlers)
    with contextlib.suppress(SegStudioError):  # a command works without a log too
        set_up_logging()
    logger.addHandler(_Warnings(out))
    try:
        yield
    finally:
        for handler in set(logger.handlers) - set(before):
            logger.removeHandler(handler)
            handler.close()


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> Table:
    """A plain table; a column whose name begins with ``>`` is aligned to the right."""
    built = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        right = column.startswith(">")
        built.add_column(column.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        built.add_row(*row)
    return built


def number(value: float | None, digits: int = 3) -> str:
    """A score for a person; a dash when there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def plain(value: object) -> object:
    """`value` as JSON knows it: paths as text, not-a-number and infinities as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
