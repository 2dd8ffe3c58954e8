"""A project on disk: one folder with classes, images, annotations, models and settings."""

import os
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from segstudio.core.arrays import U8
from segstudio.core.classes import ClassTable
from segstudio.core.document import Document
from segstudio.core.history import Entry
from segstudio.core.labels import LabelledImage, Split
from segstudio.core.proposal import Proposal
from segstudio.errors import ImageError, ProjectError
from segstudio.storage.adding import absolute, survey
from segstudio.storage.annotations import Annotations
from segstudio.storage.atomic import write_error
from segstudio.storage.classes import class_indices, read_classes, write_classes
from segstudio.storage.database import Database
from segstudio.storage.images import Image, read_image
from segstudio.storage.models import Models
from segstudio.storage.naming import PROJECT_FILE
from segstudio.storage.proposals import read_proposal, write_proposal
from segstudio.storage.reclassing import Reclassing
from segstudio.storage.shelf import find_models, shelve

_COLUMNS = "key, path, width, height, split, labelled_pixels, reviewed, proposed, revision"


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What a project knows of an image without opening it.

    Attributes:
        key: its name, see `segstudio.storage.naming.key_of`.
        path: the image file, absolute; it may have vanished.
        width, height: in pixels.
        split: None until its first label.
        labelled_pixels: number of pixels that are not void.
        reviewed: a person said so.
        proposed: a model has been asked.
        revision: grows with every change of its annotation.
    """

    key: str
    path: Path
    width: int
    height: int
    split: Split | None
    labelled_pixels: int
    reviewed: bool
    proposed: bool
    revision: int

    @property
    def state(self) -> Literal["unlabelled", "in progress", "proposed", "reviewed"]:
        """Where the image stands; what a person did counts before what a model did."""
        if self.reviewed:
            return "reviewed"
        if self.labelled_pixels:
            return "in progress"
        return "proposed" if self.proposed else "unlabelled"


@dataclass(frozen=True, slots=True)
class AddReport:
    """What became of files offered to a project: the images added, and a line for each file that was not."""

    added: tuple[ImageRecord, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A model of a project.

    Attributes:
        name, folder, card: its folder's name, where that lies, and the content of its card.
        in_use: whether it is the one in use.
        kept, chosen: whether a person asked to keep it, or put it in use, now or earlier.
    """

    name: str
    folder: Path
    card: Mapping[str, Any]
    in_use: bool
    kept: bool = False
    chosen: bool = False


class Project:
    """An open project. Any thread may use it; another program may have it open too.

    Made by `create` and `open`. Everything that changes it is on the disk when the method returns; failures of disk
    and database are ProjectErrors and leave what was there.

    Attributes:
        folder: absolute.
        name: of the folder.
        reclassing: removes, merges and moves classes, throughout the project.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.name = folder.name
        self._database = database
        self._annotations = Annotations(folder, database)
        self.reclassing = Reclassing(folder, database, self._annotations)
        self._models = Models(self.models_folder, database)
        self._known: dict[tuple[Any, ...], ImageRecord] = {}

    @staticmethod
    def create(folder: Path, classes: ClassTable) -> "Project":
        """Make an empty project in a folder, which is made too when missing.

        Raises:
            ProjectError: when the folder is a project already, or cannot be written.
        """
        folder = absolute(folder)
        if os.path.exists(folder / PROJECT_FILE):  # noqa: PTH110 - unlike Path.exists it never raises
            raise ProjectError("already is a project", remedy="Open it or choose another folder", path=folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(error, folder) from error
        Database.create(folder / PROJECT_FILE)
        project = Project(folder, Database(folder / PROJECT_FILE))
        try:
            project.set_classes(classes)
        except BaseException:
            project.close()
            (folder / PROJECT_FILE).unlink(missing_ok=True)  # without classes it is no project yet
            raise
        return project

    @staticmethod
    def open(folder: Path) -> "Project":
        """Open a project.

        Raises:
            ProjectError: when the folder is no project, or the project is damaged or made by a newer version.
        """
        folder = absolute(folder)
        if not os.path.isfile(folder / PROJECT_FILE):  # noqa: PTH113 - unlike Path.is_file it never raises
            raise ProjectError(
                "is no SegStudio project", remedy=f"Choose a folder that holds {PROJECT_FILE}", path=folder
            )
        project = Project(folder, Database(folder / PROJECT_FILE))
        try:
            project.reclassing.complete()
            project._annotations.catch_up()
        except BaseException:
            project.close()
            raise
        return project

    def close(self) -> None:
        """Let go of the database. Closing twice does no harm."""
        self._database.close()

    def __enter__(self) -> "Project":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Classes and settings

    @property
    def classes(self) -> ClassTable:
        with self._database.read() as db:
            return read_classes(db)

    def set_classes(self, table: ClassTable) -> None:
        """Replace the classes, each at its place. There may be more than before; for fewer, see `reclassing`."""
        with self._database.write() as db:
            self._annotations.require_current(db)
            write_classes(db, table, self.folder)

    def class_indices(self) -> dict[str, int]:
        """The index of each class by its name, and by names it had before: those are the ones older models know."""
        with self._database.read() as db:
            return class_indices(db)

    def setting(self, name: str, default: str = "") -> str:
        """A value kept under a name, or `default`."""
        with self._database.read() as db:
            row = db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return default if row is None else str(row[0])

    def set_setting(self, name: str, value: str) -> None:
        """Keep a value under a name."""
        with self._database.write() as db:
            db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    # Images

    def add_images(self, paths: Iterable[Path], *, root: Path | None = None) -> AddReport:
        """Add image files where they lie; only their headers are read.

        Args:
            paths: the files.
            root: folder that the keys are relative to; None for each file's own folder.
        """
        with self._database.read() as db:
            rows = db.execute("SELECT folded, path FROM images").fetchall()
        candidates, problems = survey(paths, root, {row[0]: self.folder / row[1] for row in rows})
        with self._database.write() as db:
            db.executemany(
                "INSERT INTO images (key, folded, natural, path, width, height) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                [(c.key, c.folded, c.natural, self._stored(c.path), c.width, c.height) for c in candidates],
            )
        # Annotations may lie there from before a lost database.
        self._annotations.catch_up()
        keys = {candidate.key for candidate in candidates}
        return AddReport(tuple(record for record in self.images() if record.key in keys), tuple(problems))

    def images(self) -> list[ImageRecord]:
        """Every image, in natural order of the keys."""
        with self._database.read() as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM images ORDER BY natural, key").fetchall()
        # Making ten thousand paths takes longer than asking the database: rows seen before have theirs already.
        known = self._known
        self._known = {row: known.get(row) or self._record_of(row) for row in rows}
        return list(self._known.values())

    def image(self, key: str) -> ImageRecord:
        """One image; ProjectError when there is none of that key."""
        with self._database.read() as db:
            return self._row(db, key)

    def read_image(self, key: str) -> Image:
        """Decode an image.

        Raises:
            ImageError: as `segstudio.storage.images.read_image`, and when its size is no longer what it was.
        """
        record = self.image(key)
        image = read_image(record.path)
        if image.size != (record.width, record.height):
            raise ImageError(
                f"is {image.size[0]} x {image.size[1]} now, it was {record.width} x {record.height}",
                remedy="Put the image back that was added",
                path=record.path,
            )
        return image

    def set_split(self, key: str, split: Split) -> None:
        """Give an image the split that a dataset says; ProjectError when it has the other one already."""
        self._annotations.set_split(key, split)

    def set_reviewed(self, key: str, reviewed: bool) -> None:
        """Say whether a person is done with an image."""
        with self._database.write() as db:
            self._row(db, key)
            db.execute("UPDATE images SET reviewed = ? WHERE key = ?", (reviewed, key))

    # Annotations

    def load_document(self, key: str) -> Document:
        """An image's layers and history as they are on disk. Flush a `Saver` first, if one has work for it.

        Raises:
            MaskError: when they cannot be read.
            ProjectError: when another program has given the classes other indices since the project was opened.
        """
        layers = self._annotations.begin(key)
        history = layers.journal.history()
        return Document(layers.annotation, self.classes, rejected=layers.rejected, history=history)

    def annotation(self, key: str) -> U8:
        """``uint8 (H, W)``: the annotation on disk, a fresh copy."""
        return self._annotations.read(key).annotation

    def record(self, key: str, entry: Entry) -> int:
        """Make a step durable: when this returns, it survives a kill and a power cut.

        The image gets its split at its first label.

        Returns:
            The new revision.

        Raises:
            ProjectError: when it could not be written; nothing has changed then, and it may be tried again.
        """
        return self._annotations.record(key, entry)

    def checkpoint(self, key: str) -> None:
        """Bring the mask files of an image up to its journal, from what is on disk. Any thread may do it."""
        self._annotations.checkpoint(key)

    def set_annotation(self, key: str, annotation: U8) -> None:
        """Replace an annotation as a whole, with an empty history. The split is given unless there is one.

        Raises:
            MaskError: when it is of another size than the image or holds a value without a class.
        """
        self._annotations.replace(key, annotation)

    def labelled(self, split: Split | None = None) -> tuple[LabelledImage, ...]:
        """A snapshot of the images with at least one labelled pixel; those unchanged since the last one cost nothing.

        An image whose annotation cannot be read is left out, with a line in the log.
        """
        return self._annotations.labelled(split)

    # Proposals

    def save_proposal(self, key: str, proposal: Proposal) -> None:
        """Keep what a model says of an image, in place of what was said before."""
        record = self.image(key)
        if proposal.classes.shape != (record.height, record.width):
            raise ProjectError(f"has no proposal of the shape {proposal.classes.shape}", path=record.path)
        with self.reclassing.steady():
            write_proposal(self.folder / "proposals", key, proposal, self.classes)
        with self._database.write() as db:
            db.execute("UPDATE images SET proposed = 1 WHERE key = ?", (key,))

    def load_proposal(self, key: str) -> Proposal | None:
        """What a model said of an image last; None when none did or it cannot be read any more."""
        record = self.image(key)
        return read_proposal(self.folder / "proposals", key, (record.width, record.height))

    # Models

    @property
    def models_folder(self) -> Path:
        """The folder of the model folders; it may not exist yet."""
        return self.folder / "models"

    @property
    def model_in_use(self) -> Path | None:
        """Folder of the model in use; None when there is none or it has vanished."""
        name = self._models.standing().in_use
        folder = self.models_folder / name
        return folder if name and folder.is_dir() else None

    def models(self) -> list[ModelRecord]:
        """Every model that is complete, newest first."""
        now = self._models.standing()
        return [ModelRecord(f.name, f, card, *now.of(f.name)) for f, card in find_models(self.models_folder)]

    def add_model(self, folder: Path, *, use: bool) -> ModelRecord:
        """Take a model folder in; it is copied unless it lies in `models_folder` already.

        Raises:
            ModelError: when it is no complete model.
            ProjectError: when another model of that name is there.
        """
        shelved, card = shelve(absolute(folder), self.models_folder)
        if use:
            self._models.use(shelved.name)
        return ModelRecord(shelved.name, shelved, card, *self._models.standing().of(shelved.name))

    def use_model(self, name: str) -> None:
        """Make a model the one in use, because a person says so; ProjectError when there is none of that name."""
        self._models.use(name, chosen=True)

    def previous_model(self) -> str | None:
        """The model that `roll_back` would put in use; None when no other one was, or they are gone."""
        return self._models.previous()

    def roll_back(self) -> str:
        """Put the `previous_model` back in use, and give its name; ProjectError when there is none."""
        return self._models.roll_back()

    def keep_model(self, name: str, kept: bool) -> None:
        """Say whether a model is to be kept whatever comes; ProjectError when there is none of that name."""
        self._models.keep(name, kept=kept)

    def remove_model(self, name: str) -> None:
        """Remove a model for good; ProjectError when it is in use, unknown, or open in another program."""
        self._models.remove(name)

    def prune_models(self) -> list[str]:
        """Remove models by `segstudio.storage.pruning.RULE`, and give their names; what cannot be removed stays."""
        return self._models.prune(self.models())

    # Behind the scenes

    def _stored(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else str(path)

    def _record_of(self, row: tuple[Any, ...]) -> ImageRecord:
        key, path, width, height, split, labelled, reviewed, proposed, revision = row
        return ImageRecord(
            key, self.folder / path, width, height, split, labelled, bool(reviewed), bool(proposed), revision
        )

    def _row(self, db: sqlite3.Connection, key: str) -> ImageRecord:
        row = db.execute(f"SELECT {_COLUMNS} FROM images WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise ProjectError(f"has no image '{key}'", remedy="Add it first", path=self.folder)
        return self._record_of(row)
