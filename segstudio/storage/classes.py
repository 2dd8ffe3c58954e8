"""The classes in a project's database: the table, names they had before, and how often their indices have changed.

A model tells classes apart by the names they had when it was trained. So that a class that was renamed, or merged into
another, is still known, its earlier names are kept.
"""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from segstudio.core.classes import VOID, ClassChange, ClassTable, LabelClass
from segstudio.errors import ProjectError

_FORMER = "former class names"
_CHANGES = "class changes"
_UNFINISHED = "class change unfinished"


def read_classes(db: sqlite3.Connection) -> ClassTable:
    """The classes of the project a connection belongs to."""
    rows = db.execute("SELECT position, name, color, locked, visible FROM classes ORDER BY position").fetchall()
    return ClassTable(tuple(LabelClass(row[0], row[1], row[2], bool(row[3]), bool(row[4])) for row in rows))


def write_classes(db: sqlite3.Connection, table: ClassTable, folder: Path) -> None:
    """Replace the classes, each at its place; there may be more than before.

    Raises:
        ProjectError: about `folder`, when there would be fewer: masks hold their indices.
    """
    old = read_classes(db)
    if len(table) < len(old):
        raise ProjectError(
            f"has {len(old)} classes, {len(table)} are too few", remedy="Remove a class instead", path=folder
        )
    renamed = {was.name: was.index for was, now in zip(old, table, strict=False) if was.name != now.name}
    if renamed:
        _write_former(db, _former(db) | renamed)
    _write_rows(db, table)


def class_indices(db: sqlite3.Connection) -> dict[str, int]:
    """The index of each class, by its name and by those it had before; a name in use means who has it now."""
    return _former(db) | {item.name: item.index for item in read_classes(db)}


def index_changes(db: sqlite3.Connection) -> int:
    """How often indices of classes have changed; what was read at another count is out of date."""
    return int(_meta(db, _CHANGES) or 0)


def decide_change(db: sqlite3.Connection, change: ClassChange) -> None:
    """Put another table in force; the files follow, and until they have, the change is `unfinished`."""
    former = _former(db) | {item.name: item.index for item in change.before}
    moved = {name: change.indices[index] for name, index in former.items()}
    current = set(change.after.names)
    _write_former(db, {name: index for name, index in moved.items() if index != VOID and name not in current})
    _write_rows(db, change.after)
    _set_meta(db, _CHANGES, str(index_changes(db) + 1))
    _set_meta(db, _UNFINISHED, "1")


def unfinished(db: sqlite3.Connection) -> bool:
    """Whether files of a change that was decided may still have to be put in place."""
    return _meta(db, _UNFINISHED) == "1"


def finish_change(db: sqlite3.Connection) -> None:
    """All files are in place."""
    db.execute("DELETE FROM meta WHERE name = ?", (_UNFINISHED,))


def _write_rows(db: sqlite3.Connection, table: ClassTable) -> None:
    rows = [(item.index, item.name, item.color, item.locked, item.visible) for item in table]
    db.execute("DELETE FROM classes")
    db.executemany("INSERT INTO classes VALUES (?, ?, ?, ?, ?)", rows)


def _former(db: sqlite3.Connection) -> dict[str, int]:
    found = json.loads(_meta(db, _FORMER) or "{}")
    return {str(name): int(index) for name, index in found.items()}


def _write_former(db: sqlite3.Connection, names: Mapping[str, int]) -> None:
    _set_meta(db, _FORMER, json.dumps(dict(names), ensure_ascii=False))


def _meta(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _set_meta(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
