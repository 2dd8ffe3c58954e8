"""Which model of a project is in use, which were before it, and which a person wants to keep."""

import contextlib
import json
import logging
import shutil
import sqlite3
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segstudio.errors import ProjectError
from segstudio.storage.atomic import sync_folder
from segstudio.storage.database import Database
from segstudio.storage.pruning import Prunable, pruned
from segstudio.storage.shelf import find_models

_log = logging.getLogger(__name__)
_IN_USE = "model in use"
_BEFORE = "models in use before"
_KEPT = "models kept"
_CHOSEN = "models chosen"
_REMEMBERED = 100  # names of models that were in use
_REMOVED = ".removed"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a project remembers of its models, by name; some may have vanished since.

    Attributes:
        in_use: the model in use, empty when there is none.
        before: those in use before it, the latest last.
        kept: those a person asked to keep.
        chosen: those a person put in use.
    """

    in_use: str
    before: tuple[str, ...]
    kept: frozenset[str]
    chosen: frozenset[str]

    def of(self, name: str) -> tuple[bool, bool, bool]:
        """Of one model: whether it is in use, kept, chosen."""
        return name == self.in_use, name in self.kept, name in self.chosen


class Models:
    """The standing of the models of a project, in its database, and the removal of their folders.

    Every method that takes a name raises a ProjectError when there is no complete model of that name.

    Args:
        shelf: the folder of the model folders.
        database: of the project.
    """

    def __init__(self, shelf: Path, database: Database) -> None:
        self._shelf = shelf
        self._database = database

    def standing(self) -> Standing:
        """How things are now."""
        with self._database.read() as db:
            return _read(db)

    def use(self, name: str, *, chosen: bool = False) -> None:
        """Put a model in use; the one before it is remembered. `chosen` when a person said so."""
        self._require(name)
        with self._database.write() as db:
            now = _read(db)
            if now.in_use and now.in_use != name:
                _write(db, _BEFORE, [*now.before, now.in_use][-_REMEMBERED:])
            if chosen:
                _write(db, _CHOSEN, now.chosen | {name})
            _set(db, _IN_USE, name)

    def previous(self) -> str | None:
        """The model that was in use before the one in use now, of those that are still there; None without."""
        now, there = self.standing(), set(self._names())
        return next((name for name in reversed(now.before) if name in there and name != now.in_use), None)

    def roll_back(self) -> str:
        """Put the `previous` model back in use; called again, the one before that.

        Raises:
            ProjectError: when there is none.
        """
        with self._database.write() as db:
            now, name = _read(db), self.previous()
            if name is None:
                remedy = "Choose one of its models instead"
                raise ProjectError("has no model that was in use before", remedy=remedy, path=self._shelf.parent)
            place = len(now.before) - 1 - now.before[::-1].index(name)
            _write(db, _BEFORE, now.before[:place])
            _write(db, _CHOSEN, now.chosen | {name})
            _set(db, _IN_USE, name)
        return name

    def keep(self, name: str, *, kept: bool) -> None:
        """Remember, or forget, that a person wants to keep a model."""
        self._require(name)
        with self._database.write() as db:
            now = _read(db)
            _write(db, _KEPT, now.kept | {name} if kept else now.kept - {name})

    def remove(self, name: str) -> None:
        """Remove a model's folder, as a whole or not at all, and all that is remembered of it."""
        self._require(name)
        with self._database.write() as db:
            now = _read(db)
            if name == now.in_use:
                remedy = "Put another one in use first"
                raise ProjectError(f"the model '{name}' is in use", remedy=remedy, path=self._shelf.parent)
            self._remove_folder(self._shelf / name)
            _write(db, _BEFORE, [other for other in now.before if other != name])
            _write(db, _KEPT, now.kept - {name})
            _write(db, _CHOSEN, now.chosen - {name})

    def prune(self, models: Sequence[Prunable]) -> list[str]:
        """Remove those of `models`, newest first, that the rule does not keep; what cannot be removed stays."""
        removed = []
        for name in pruned(models, before=self.standing().before):
            try:
                self.remove(name)
                removed.append(name)
            except ProjectError as error:
                _log.warning("%s", error)
        return removed

    def _names(self) -> list[str]:
        return [folder.name for folder, _ in find_models(self._shelf)]

    def _require(self, name: str) -> None:
        names = self._names()
        if name not in names:
            options = ", ".join(names) or "none yet"
            raise ProjectError(f"has no model '{name}'", remedy=f"Models are: {options}", path=self._shelf.parent)

    def _remove_folder(self, folder: Path) -> None:
        # Under another name first: half a model must never be taken for one. A file that is open stops that on Windows.
        away = folder.with_name(f".{uuid.uuid4().hex[:16]}{_REMOVED}")
        with contextlib.suppress(FileNotFoundError):
            try:
                folder.replace(away)
            except PermissionError as error:
                remedy = "Close the program that has it open, or allow changing it, and try again"
                raise ProjectError("cannot be removed", remedy=remedy, path=folder) from error
            except FileNotFoundError:
                raise
            except OSError as error:
                reason = error.strerror or type(error).__name__
                remedy = "Check the disk and try again"
                raise ProjectError(f"cannot be removed ({reason})", remedy=remedy, path=folder) from error
        sync_folder(self._shelf)
        for rest in self._shelf.glob(f".*{_REMOVED}"):  # also what an earlier removal could not delete
            shutil.rmtree(rest, ignore_errors=True)


def _read(db: sqlite3.Connection) -> Standing:
    rows = dict(db.execute("SELECT name, value FROM settings WHERE name IN (?, ?, ?, ?)", _NAMES).fetchall())
    return Standing(
        str(rows.get(_IN_USE, "")),
        tuple(_names(rows.get(_BEFORE))),
        frozenset(_names(rows.get(_KEPT))),
        frozenset(_names(rows.get(_CHOSEN))),
    )


_NAMES = (_IN_USE, _BEFORE, _KEPT, _CHOSEN)


def _names(value: object) -> list[str]:
    """A list of names as `_write` stores it; an entry that was damaged counts as empty."""
    try:
        found = json.loads(str(value)) if value is not None else []
    except ValueError:
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _write(db: sqlite3.Connection, setting: str, names: Iterable[str]) -> None:
    ordered = list(names) if isinstance(names, list | tuple) else sorted(names)
    _set(db, setting, json.dumps(ordered, ensure_ascii=False))


def _set(db: sqlite3.Connection, setting: str, value: str) -> None:
    db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (setting, value))
