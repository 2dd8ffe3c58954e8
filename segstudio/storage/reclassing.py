"""Giving classes other indices in every file of a project: all of it, or nothing.

The new files are made first, in hidden folders beside the old ones; until then, whatever happens, the project is what
it was. Then one transaction decides: it puts the new class table in force and notes that files are waiting. What waits
is moved into place at once, or when the project is opened next. No file is ever translated twice, for what is moved is
the result.
"""

import contextlib
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segstudio.core.arrays import I64, U8
from segstudio.core.classes import VOID, ClassChange
from segstudio.errors import Cancelled, ProjectError
from segstudio.storage.annotations import Annotations
from segstudio.storage.atomic import sync_folder, write_error
from segstudio.storage.classes import decide_change, finish_change, read_classes, unfinished
from segstudio.storage.database import Database
from segstudio.storage.layers import LayerFiles
from segstudio.storage.proposals import proposal_paths, read_proposal, write_proposal
from segstudio.storage.steady import Steadiness
from segstudio.storage.strokes import bytes_of

Progress = Callable[[int, int], None]  # images so far and in all

_PROPOSALS = "proposals"
_FOLDERS = ("rejected", "annotations", "journal", _PROPOSALS)  # masks come before their journal
_WAITING = ".classes"  # the folder in each of them with files that wait
_BAND = 2**20  # pixels counted at a time
_Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class ClassUse:
    """How many pixels of how many annotations are of a class."""

    pixels: int
    images: int


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    width: int
    height: int
    revision: int


@dataclass(frozen=True, slots=True)
class _Made:
    """New files of one image.

    Attributes:
        stamps: of the old files they were made of.
        row: of the image, with its new revision.
        labelled: number of pixels that are not void now; None when the image has no layers.
    """

    stamps: tuple[_Stamp, ...]
    row: _Row
    labelled: int | None


class Reclassing:
    """Changes which index each class has, throughout a project. Any thread may use it.

    Args:
        folder: of the project.
        database: its database.
        annotations: its annotations.
    """

    def __init__(self, folder: Path, database: Database, annotations: Annotations) -> None:
        self._folder = folder
        self._database = database
        self._annotations = annotations
        self._steadiness = Steadiness(folder)

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Within the block no class gets another index, whatever other programs want.

        Raises:
            ProjectError: when they are being changed, or have been since the project was opened.
        """
        with self._steadiness.kept():
            with self._database.read() as db:
                self._annotations.require_current(db)
            yield

    def uses(self, *, progress: Progress | None = None, cancel: threading.Event | None = None) -> tuple[ClassUse, ...]:
        """Count the pixels of each class in every annotation; by class index.

        Raises:
            MaskError: when an annotation cannot be read.
            Cancelled: `cancel` was set.
        """
        with self._database.read() as db:
            keys = [key for (key,) in db.execute("SELECT key FROM images WHERE labelled_pixels > 0 ORDER BY natural")]
            classes = len(read_classes(db))
        pixels, images = np.zeros(256, np.int64), np.zeros(256, np.int64)
        for done, key in enumerate(keys, 1):
            _stop_if(cancel)
            found = _counts(self._annotations.read(key).annotation)
            pixels, images = pixels + found, images + (found > 0)
            if progress is not None:
                progress(done, len(keys))
        return tuple(ClassUse(int(pixels[at]), int(images[at])) for at in range(classes))

    def apply(
        self, change: ClassChange, *, progress: Progress | None = None, cancel: threading.Event | None = None
    ) -> None:
        """Carry out a change of the classes: annotations, rejections, histories, proposals and the class table.

        Args:
            change: made from the classes the project has.
            progress: called after each image whose new files are made.
            cancel: when set before all are made, nothing is changed; after that, the change goes through.

        Raises:
            ProjectError: when the classes are others meanwhile or somebody relies on them, or a file cannot be written;
                nothing has changed then, unless the message says so.
            MaskError: when an annotation cannot be read.
            Cancelled: `cancel` was set.
        """
        with self._steadiness.alone():
            with self._database.read() as db:
                self._annotations.require_current(db)
                rows = _rows(db)
            self._discard()
            try:
                made = {}
                for done, row in enumerate(rows, 1):
                    _stop_if(cancel)
                    made[row.key] = self._make(row, change)
                    if progress is not None:
                        progress(done, len(rows))
                _stop_if(cancel)
                with self._database.turn():
                    self._decide(change, made)
                    self._finish_decided()
            except BaseException:
                self._discard_undecided()
                raise
            with contextlib.suppress(ProjectError):  # all is done; what is left is cleared away at the next opening
                self._discard()

    def complete(self) -> None:
        """Finish a change that was decided, and clear away what one that was not has left; for opening a project.

        Raises:
            ProjectError: when files cannot be put in place.
        """
        with self._database.read() as db:
            waiting = unfinished(db)
        if waiting:
            self._put_in_place()
        if any(folder.exists() for folder in self._waiting_folders()):
            # Unless another program is at it just now.
            with contextlib.suppress(ProjectError), self._steadiness.alone(patience=0.0):
                self._discard_undecided()

    def _make(self, row: _Row, change: ClassChange) -> _Made:
        """Make the new files of an image, beside the old ones."""
        stamps = self._stamps(row)
        hidden, size = f"{_WAITING}/{row.key}", (row.width, row.height)
        labelled = None
        *of_layers, classes, confidence = stamps
        if any(of_layers):
            layers = self._annotations.read(row.key)
            row = replace(row, revision=max(row.revision, layers.revision) + 1)
            annotation = change.translate(layers.annotation)
            LayerFiles(self._folder, hidden, size).replace(
                annotation,
                None if layers.rejected is None else change.translate(layers.rejected),
                change.after,
                revision=row.revision,
                journal=layers.journal.translated(change.translate, revision=row.revision),
            )
            labelled = int(np.count_nonzero(annotation != VOID))
        if classes and confidence:
            proposal = read_proposal(self._folder / _PROPOSALS, row.key, size)
            if proposal is not None:
                proposal = replace(proposal, classes=change.translate(proposal.classes))
                write_proposal(self._folder / _PROPOSALS, hidden, proposal, change.after)
        return _Made(stamps, row, labelled)

    def _decide(self, change: ClassChange, made: dict[str, _Made]) -> None:
        with self._database.write(durable=True) as db:
            self._annotations.require_current(db)
            if read_classes(db) != change.before:
                raise ProjectError(
                    "its classes have changed meanwhile", remedy="Look at them and try again", path=self._folder
                )
            for row in _rows(db):
                known = made.get(row.key)
                if known is None or known.stamps != self._stamps(row):  # changed while others were made
                    self._unmake(row)
                    made[row.key] = self._make(row, change)
            for item in made.values():
                if item.labelled is not None:
                    journal = LayerFiles(self._folder, f"{_WAITING}/{item.row.key}", (1, 1)).journal
                    db.execute(
                        "UPDATE images SET labelled_pixels = ?, revision = ?, journal_bytes = ? WHERE key = ?",
                        (item.labelled, item.row.revision, bytes_of(journal), item.row.key),
                    )
            for folder in self._waiting_folders():
                _sync_folders(folder)  # the decision is durable, so what it is about has to be before it
            decide_change(db, change)

    def _finish_decided(self) -> None:
        try:
            self._put_in_place()
        except ProjectError as error:
            raise ProjectError(
                f"{error.problem}; the change of the classes was decided and is finished when the project is opened",
                remedy="Close the project and open it again",
                path=error.path,
            ) from error
        with self._database.write() as db:
            self._annotations.classes_changed(db)

    def _put_in_place(self) -> None:
        with self._database.write() as db:
            if not unfinished(db):
                return  # another program was faster
            for folder in self._waiting_folders():
                _move_all(folder, folder.parent)
            finish_change(db)

    def _discard_undecided(self) -> None:
        with contextlib.suppress(ProjectError), self._database.read() as db:
            if not unfinished(db):
                self._discard()

    def _discard(self) -> None:
        for folder in self._waiting_folders():
            try:
                if folder.exists():
                    shutil.rmtree(folder)
            except OSError as error:
                raise write_error(error, folder) from error

    def _waiting_folders(self) -> tuple[Path, ...]:
        return tuple(self._folder / name / _WAITING for name in _FOLDERS)

    def _paths(self, key: str) -> tuple[Path, ...]:
        return (
            *LayerFiles(self._folder, key, (1, 1)).paths,
            *proposal_paths(self._folder / _PROPOSALS, key),
        )

    def _stamps(self, row: _Row) -> tuple[_Stamp, ...]:
        return tuple(_stamp(path) for path in self._paths(row.key))

    def _unmake(self, row: _Row) -> None:
        for path in self._paths(f"{_WAITING}/{row.key}"):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise write_error(error, path) from error


def _rows(db: sqlite3.Connection) -> list[_Row]:
    found = db.execute("SELECT key, width, height, revision FROM images ORDER BY natural, key").fetchall()
    return [_Row(*row) for row in found]


def _counts(values: U8) -> I64:
    """How often each value occurs; in bands, since the counting takes eight bytes a pixel."""
    rows = max(1, _BAND // values.shape[1])
    total = np.zeros(256, np.int64)
    for top in range(0, values.shape[0], rows):
        total += np.bincount(values[top : top + rows].ravel(), minlength=256)
    return total


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return 0, 0, 0  # there, but whoever reads it will say why it cannot be
    return found.st_ino, found.st_size, found.st_mtime_ns


def _move_all(source: Path, target: Path) -> None:
    """Move every file below a folder to the same place below another one; when this returns, it is durable."""
    for path in sorted(source.rglob("*")):
        if path.is_dir():
            continue
        home = target / path.relative_to(source)
        try:
            home.parent.mkdir(parents=True, exist_ok=True)
            path.replace(home)
        except OSError as error:
            raise write_error(error, home) from error
    _sync_folders(target)


def _sync_folders(top: Path) -> None:
    """Make durable which files and folders are in a folder, at any depth, and that it is there itself."""
    if top.exists():
        for folder in (top.parent, top, *(path for path in top.rglob("*") if path.is_dir())):
            sync_folder(folder)


def _stop_if(cancel: threading.Event | None) -> None:
    if cancel is not None and cancel.is_set():
        raise Cancelled
