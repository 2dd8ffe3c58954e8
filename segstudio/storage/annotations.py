"""The annotations of a project: durable steps, mask files, splits and snapshots.

This keeps the columns ``split``, ``labelled_pixels``, ``revision`` and ``journal_bytes`` of the images in step with
their files. The files are right when the two differ: a step is in the journal before the database hears of it.
"""

import hashlib
import logging
import sqlite3
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID
from segstudio.core.history import Entry
from segstudio.core.labels import LabelledImage, Split
from segstudio.core.splits import assign_split
from segstudio.errors import ImageError, MaskError, ProjectError, SegStudioError
from segstudio.storage.classes import index_changes, read_classes
from segstudio.storage.database import CONTENTS, Database
from segstudio.storage.images import identity
from segstudio.storage.layers import LayerFiles, Layers
from segstudio.storage.masks import values_without_class
from segstudio.storage.strokes import StrokeWriter, bytes_of

_COLUMNS = "key, path, width, height, split, labelled_pixels, revision"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    path: str
    width: int
    height: int
    split: Split | None
    labelled_pixels: int
    revision: int


class Annotations:
    """Annotations of a project's images; any thread may use it. Meaning and errors as in `Project`.

    Args:
        folder: of the project.
        database: its database.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database
        self._writers: dict[str, StrokeWriter] = {}  # changed only by who holds the turn to write
        self._identities: dict[str, str] = {}
        with database.read() as db:
            self._changes = index_changes(db)
        self._begun: dict[str, int] = {}  # changes of class indices that an image in hand has seen
        self._packed: dict[str, LabelledImage] = {}

    def read(self, key: str) -> Layers:
        """What is on disk of an image."""
        with self._database.read() as db:
            row, classes = _row(db, key, self._folder), read_classes(db)
        found = self._files(row).read(classes)
        return found if found is not None else self._adopt(row)

    def begin(self, key: str) -> Layers:
        """What is on disk of an image that is to be changed from now on; an undo counts from here.

        Raises:
            ProjectError: when classes got other indices since the project was opened: who asks would paint with the
                indices of then.
        """
        with self._database.write() as db:
            self.require_current(db)
            self._writers.pop(key, None)
            self._begun[key] = index_changes(db)
            return self.read(key)

    def require_current(self, db: sqlite3.Connection, key: str | None = None) -> None:
        """Refuse to write what was made when classes had other indices.

        Args:
            db: a connection that writes.
            key: of an image that `begin` was asked for, if it is about one.

        Raises:
            ProjectError: when indices have changed since the project, or that image, was opened.
        """
        if index_changes(db) != self._begun.get(key or "", self._changes):
            raise ProjectError(
                "its classes were changed elsewhere", remedy="Close the project and open it again", path=self._folder
            )

    def classes_changed(self, db: sqlite3.Connection) -> None:
        """Class indices have changed, and whoever uses this knows of it."""
        self._writers.clear()
        self._packed.clear()
        self._changes = index_changes(db)

    def record(self, key: str, entry: Entry) -> int:
        """Make a step durable and give the new revision."""
        with self._database.read() as db:
            self._identify(_row(db, key, self._folder))
        revision = 0
        try:
            with self._database.write() as db:
                row = _row(db, key, self._folder)
                self.require_current(db, key)
                writer = self._writers.get(key) or StrokeWriter(self._files(row).journal)
                self._writers[key] = writer
                known = writer.revision == row.revision
                revision, gain = writer.append(entry, base=row.revision)
                labelled = row.labelled_pixels + gain if known and gain is not None else None
                self._note(db, replace(row, revision=revision), labelled)
        except SegStudioError as error:
            if not revision:
                raise
            # The step itself is on disk, so it must not be recorded again, whatever failed afterwards; what the
            # database lacks is made up for at the next step or opening.
            _log.warning("%s", error)
        return revision

    def checkpoint(self, key: str) -> None:
        """Bring the mask files up to the journal."""
        layers = self.read(key)
        if not layers.behind and not layers.wasteful:
            return
        with self._database.read() as db:
            row, classes = _row(db, key, self._folder), read_classes(db)
        files = self._files(row)
        encoded = files.encode(layers, classes)
        with self._database.write() as db:
            files.write(encoded, layers)
            db.execute("UPDATE images SET journal_bytes = ? WHERE key = ?", (bytes_of(files.journal), key))

    def replace(self, key: str, annotation: U8) -> None:
        """Put another annotation in place, with an empty history."""
        with self._database.read() as db:
            row, classes = _row(db, key, self._folder), read_classes(db)
        self._check(row, annotation, len(classes))
        self._identify(row)
        files = self._files(row)
        with self._database.write() as db:
            self.require_current(db)
            row = _row(db, key, self._folder)
            try:
                found = files.adopt(classes, revision=row.revision)
                revision, rejected = max(row.revision, found.revision) + 1, found.rejected
            except MaskError as error:
                _log.warning("%s It is replaced.", error)
                revision, rejected = files.known_revision(row.revision) + 1, None
            files.replace(annotation, rejected, classes, revision=revision)
            self._writers.pop(key, None)
            self._note(db, replace(row, revision=revision), int(np.count_nonzero(annotation != VOID)))

    def labelled(self, split: Split | None = None) -> tuple[LabelledImage, ...]:
        """A snapshot of every image with labels."""
        with self._database.read() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM images WHERE labelled_pixels > 0 ORDER BY natural, key"
            ).fetchall()
        found = (self._snapshot(_Row(*row)) for row in rows)
        return tuple(image for image in found if image is not None and split in (None, image.split))

    def set_split(self, key: str, split: Split) -> None:
        """Give an image a split from outside; copies of it that have none will get the same."""
        with self._database.read() as db:
            self._identify(_row(db, key, self._folder))
        with self._database.write() as db:
            row = _row(db, key, self._folder)
            if row.split == split:
                return
            if row.split is not None:
                raise ProjectError(
                    f"is in the split '{row.split}' already",
                    remedy="Splits never change",
                    path=self._folder / row.path,
                )
            db.execute("UPDATE images SET split = ? WHERE key = ?", (split, key))
            db.execute(CONTENTS)
            db.execute("INSERT OR IGNORE INTO contents VALUES (?, ?)", (self._identify(row), split))

    def catch_up(self) -> None:
        """Take in what the files have and the database lacks, for instance after a kill."""
        with self._database.read() as db:
            rows = db.execute("SELECT key, journal_bytes, revision FROM images").fetchall()
        lengths = dict(_files_below(self._folder / "journal", ".journal"))
        masks = dict(_files_below(self._folder / "annotations", ".png"))
        for key, length, revision in rows:
            if lengths.get(key, 0) != length or (revision == 0 and key in masks):
                try:
                    self._count(key)
                except SegStudioError as error:
                    _log.warning("%s", error)

    def _files(self, row: _Row) -> LayerFiles:
        return LayerFiles(self._folder, row.key, (row.width, row.height))

    def _adopt(self, row: _Row) -> Layers:
        self._identify(row)
        with self._database.write() as db:
            row = _row(db, row.key, self._folder)
            layers = self._files(row).adopt(read_classes(db), revision=row.revision)
            if layers.revision > row.revision:
                self._writers.pop(row.key, None)
                self._note(db, replace(row, revision=layers.revision), layers.labelled_pixels)
        return layers

    def _count(self, key: str) -> tuple[_Row, Layers]:
        """Bring the database up to what the files say."""
        with self._database.read() as db:
            self._identify(_row(db, key, self._folder))
        with self._database.write() as db:
            layers = self.read(key)
            row = _row(db, key, self._folder)
            # A power cut may have taken strokes the database knows of: their numbers are not given again.
            row = replace(row, revision=max(row.revision, layers.revision))
            self._note(db, row, layers.labelled_pixels)
            return _row(db, key, self._folder), layers

    def _note(self, db: sqlite3.Connection, row: _Row, labelled: int | None) -> None:
        """Write down the new revision of an image; None labelled pixels are counted on disk."""
        if labelled is None:
            found = self.read(row.key)
            labelled, row = found.labelled_pixels, replace(row, revision=max(row.revision, found.revision))
        split = row.split
        if split is None and labelled:
            split = self._assign(db, row)
        db.execute(
            "UPDATE images SET split = ?, labelled_pixels = ?, revision = ?, journal_bytes = ? WHERE key = ?",
            (split, labelled, row.revision, bytes_of(self._files(row).journal), row.key),
        )

    def _assign(self, db: sqlite3.Connection, row: _Row) -> Split:
        """The split of an image that has none: that of a copy of it, otherwise one of its own."""
        content = self._identify(row)
        db.execute(CONTENTS)
        known: tuple[Split] | None = db.execute("SELECT split FROM contents WHERE identity = ?", (content,)).fetchone()
        if known is not None:
            return known[0]
        counts = dict(db.execute("SELECT split, count(*) FROM images WHERE split NOTNULL GROUP BY split").fetchall())
        split = assign_split(content, train=counts.get("train", 0), validation=counts.get("validation", 0))
        db.execute("INSERT INTO contents VALUES (?, ?)", (content, split))
        return split

    def _identify(self, row: _Row) -> str:
        """What the split of an image hangs on; asked for ahead of the turn to write, because it reads the file."""
        if row.split is not None:
            return ""
        if row.key not in self._identities:
            try:
                self._identities[row.key] = identity(self._folder / row.path)
            except ImageError:  # it has vanished, but its labels count all the same
                self._identities[row.key] = hashlib.sha256(row.key.encode()).hexdigest()
        return self._identities[row.key]

    def _check(self, row: _Row, annotation: U8, classes: int) -> None:
        path = self._folder / row.path
        if annotation.dtype != np.uint8 or annotation.shape != (row.height, row.width):
            raise MaskError(
                f"is {row.width} x {row.height}, the annotation has the shape {annotation.shape}",
                remedy="Export the mask at the size of its image",
                path=path,
            )
        if strangers := values_without_class(annotation, classes):
            raise MaskError(
                f"cannot have the value {strangers[0]}, there are {classes} classes",
                remedy="Add the class or correct the mask",
                path=path,
            )

    def _snapshot(self, row: _Row) -> LabelledImage | None:
        path = self._folder / row.path
        known = self._packed.get(row.key)
        if known and (known.revision, known.split, known.path) == (row.revision, row.split, path):
            return known
        try:
            layers = self.read(row.key)
            if row.split is None or layers.revision != row.revision:
                row, layers = self._count(row.key)
        except SegStudioError as error:
            _log.warning("%s It is left out of the labels.", error)
            return None
        if row.split is None or not row.labelled_pixels:
            return None
        image = LabelledImage.pack(
            key=row.key, path=path, split=row.split, revision=row.revision, annotation=layers.annotation
        )
        self._packed[row.key] = image
        return image


def _row(db: sqlite3.Connection, key: str, folder: Path) -> _Row:
    row = db.execute(f"SELECT {_COLUMNS} FROM images WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise ProjectError(f"has no image '{key}'", remedy="Add it first", path=folder)
    return _Row(*row)


def _files_below(folder: Path, suffix: str) -> Iterator[tuple[str, int]]:
    """Key and size of every file with a suffix, those in subfolders too."""
    for path in folder.rglob(f"*{suffix}"):
        # Some file systems take accents apart; keys have them composed.
        name = unicodedata.normalize("NFC", path.relative_to(folder).as_posix())
        yield name[: -len(suffix)], bytes_of(path)
