"""The SQLite file of a project: connections, transactions, and one line for each thing that can go wrong."""

import contextlib
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segstudio.errors import ProjectError
from segstudio.storage.atomic import sync_folder, write_error

VERSION = 1

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE classes (
    position INTEGER PRIMARY KEY, name TEXT NOT NULL, color TEXT NOT NULL,
    locked INTEGER NOT NULL, visible INTEGER NOT NULL
);
CREATE TABLE images (
    key TEXT PRIMARY KEY,
    folded TEXT NOT NULL UNIQUE,
    natural TEXT NOT NULL,
    path TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    split TEXT CHECK (split IN ('train', 'validation')),
    labelled_pixels INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 0,
    journal_bytes INTEGER NOT NULL DEFAULT 0,
    reviewed INTEGER NOT NULL DEFAULT 0,
    proposed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX images_in_order ON images (natural, key);
"""

# A killed program loses nothing so; the journal, not the database, answers for a power cut.
_NORMAL = "PRAGMA synchronous = NORMAL"

# Content to split. Not in the schema: projects that were made before it get it with their next split.
CONTENTS = """
CREATE TABLE IF NOT EXISTS contents (
    identity TEXT PRIMARY KEY, split TEXT NOT NULL CHECK (split IN ('train', 'validation'))
) WITHOUT ROWID
"""


class Database:
    """The database of one project; any thread may use it.

    Readers never wait. Writers, of this process and of others, take turns, and whoever holds the turn may also change
    the journal and mask files of the project: the turn is the project's one lock.

    Args:
        path: the SQLite file.
        patience: seconds a writer waits for its turn.

    Raises:
        ProjectError: not there, damaged, or made by a newer version.
    """

    def __init__(self, path: Path, *, patience: float = 10.0) -> None:
        self.path = path
        self._patience = patience
        self._turn = threading.RLock()
        self._writer: sqlite3.Connection | None = None
        self._writing_thread = 0
        self._guard = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        try:
            self._check_version()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def create(path: Path) -> None:
        """Make an empty database, whole or not at all.

        Raises:
            ProjectError: when it cannot be written.
        """
        temporary = path.with_name(f".{uuid.uuid4().hex[:16]}.tmp")
        try:
            with explained(path), contextlib.closing(sqlite3.connect(temporary)) as connection:
                connection.executescript(_SCHEMA)
                connection.execute("INSERT INTO meta VALUES ('version', ?)", (str(VERSION),))
                connection.commit()
            # Linking fails where a file is: a project made in the same moment is not overwritten.
            _move(temporary, path)
            sync_folder(path.parent)
        except OSError as error:
            raise write_error(error, path) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with; inside `write` of the same thread, the one that writes."""
        if self._writer is not None and self._writing_thread == threading.get_ident():
            yield self._writer
            return
        with explained(self.path), self._connection() as connection:
            yield connection

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep other threads from writing between the transactions in the block; other programs may."""
        with self._turn:
            yield

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction: committed when the block ends, rolled back when it raises.

        Blocks may be nested; the outermost one commits.

        Args:
            durable: a power cut does not undo what was committed; for the outermost block.

        Raises:
            ProjectError: locked for too long by another program, disk full, read-only, damaged.
        """
        with self._turn:
            if self._writer is not None:
                yield self._writer
                return
            with explained(self.path), self._connection() as connection, _synchronous(connection, full=durable):
                connection.execute("BEGIN IMMEDIATE")
                self._writer, self._writing_thread = connection, threading.get_ident()
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                    raise
                finally:
                    self._writer, self._writing_thread = None, 0

    def close(self) -> None:
        """Close every connection; using the database afterwards is a ProjectError."""
        with self._turn, self._guard:
            self._closed = True
            while self._idle:
                self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            if self._closed:
                raise ProjectError("is closed", remedy="Open the project again", path=self.path.parent)
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._connect()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        # mode=rw: a file that has vanished must not come back empty.
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self._patience,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_NORMAL)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _check_version(self) -> None:
        with self.read() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        version = int(row[0]) if row and str(row[0]).isdigit() else 0
        if version > VERSION:
            raise ProjectError(
                f"was made by a newer SegStudio (project version {version}, this one knows {VERSION})",
                remedy="Update SegStudio",
                path=self.path.parent,
            )
        if version < 1:
            raise _damaged(self.path)


@contextmanager
def _synchronous(connection: sqlite3.Connection, *, full: bool) -> Iterator[None]:
    if full:
        connection.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        if full:
            connection.execute(_NORMAL)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite raises in the block into a ProjectError about `path`."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(error, path) from error


def _explain(error: sqlite3.Error, path: Path) -> ProjectError:
    name = str(getattr(error, "sqlite_errorname", ""))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return ProjectError("is busy in another program", remedy="Wait for it or close it, then try again", path=path)
    if name.startswith(("SQLITE_FULL",)):
        return ProjectError("cannot be written, the disk is full", remedy="Free some space and try again", path=path)
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return ProjectError("cannot be opened for writing", remedy="Copy it to a folder you may write to", path=path)
    if name.startswith("SQLITE_IOERR"):
        return ProjectError(f"cannot be written ({error})", remedy="Check the disk and try again", path=path)
    return _damaged(path, str(error))


def _damaged(path: Path, reason: str = "") -> ProjectError:
    problem = f"is damaged ({reason})" if reason else "is damaged"
    return ProjectError(
        problem, remedy="Restore it from a backup; the masks in annotations and journal are not touched", path=path
    )


def _move(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError as error:
        raise ProjectError(
            "already is a project", remedy="Open it or choose another folder", path=target.parent
        ) from error
    except OSError:  # no links on this drive
        source.replace(target)
