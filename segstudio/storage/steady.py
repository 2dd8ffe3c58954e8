"""Who relies on the indices of a project's classes, and who changes them: many of the one or one of the other.

A file that SQLite locks is the only lock that all systems have, that reaches over programs, and that a kill lets go.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segstudio.errors import ProjectError
from segstudio.storage.database import explained

_FILE = "classes.lock"
_log = logging.getLogger(__name__)


class Steadiness:
    """The lock on the class indices of one project; any thread may use it.

    Args:
        folder: of the project.
        patience: seconds that a change waits for the others; they wait for it five times as long, since its waiting
            holds them up as well.
    """

    def __init__(self, folder: Path, *, patience: float = 2.0) -> None:
        self._folder = folder
        self._patience = patience

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Within the block no class gets another index. Blocks of many threads and programs may overlap.

        Raises:
            ProjectError: when they are being changed.
        """
        refusal = ProjectError("its classes are being changed", remedy="Wait until that is done", path=self._folder)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._held("BEGIN", 5 * self._patience, refusal))
            except sqlite3.OperationalError as error:
                if (self._folder / _FILE).exists():
                    with explained(self._folder / _FILE):
                        raise
                # Where no file can be made, nobody can change the classes either.
                _log.info("%s is not locked (%s)", self._folder, error)
            yield

    @contextmanager
    def alone(self, *, patience: float | None = None) -> Iterator[None]:
        """Within the block nobody relies on the indices but who holds it.

        Raises:
            ProjectError: when somebody does.
        """
        refusal = ProjectError(
            "is being trained, predicted or exported", remedy="Stop that first, then try again", path=self._folder
        )
        wait = self._patience if patience is None else patience
        with explained(self._folder / _FILE), self._held("BEGIN EXCLUSIVE", wait, refusal):
            yield

    @contextmanager
    def _held(self, begin: str, patience: float, refusal: ProjectError) -> Iterator[None]:
        connection = sqlite3.connect(self._folder / _FILE, timeout=patience, isolation_level=None)
        with contextlib.closing(connection):
            try:
                connection.execute(begin)
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only now is it locked
            except sqlite3.OperationalError as error:
                if str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_BUSY"):
                    raise refusal from error
                raise
            yield
