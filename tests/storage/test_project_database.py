"""The database of a project: lost, busy, damaged, behind its files, and used by many at once."""

import sqlite3
import threading
from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.history import Entry
from segstudio.errors import MaskError, ProjectError, SegStudioError
from segstudio.storage.database import Database
from segstudio.storage.journal import Journal
from segstudio.storage.project import Project
from tests.storage.helping import journal_of, mask_of, painted_entry

Paint = Callable[..., None]
Follow = Callable[[Document, Callable[[Entry], object]], None]


def test_a_lost_database_is_made_up_for(project: Project, painted: Document, classes: ClassTable) -> None:
    paths = [record.path for record in project.images()]
    project.close()
    for path in project.folder.glob("project.sqlite*"):
        path.unlink()
    with Project.create(project.folder, classes) as again:
        again.add_images(paths)
        loaded = again.load_document("cell0")
        np.testing.assert_array_equal(loaded.annotation, painted.annotation)
        assert len(loaded.history.done) == 3
        assert again.image("cell0").labelled_pixels == np.count_nonzero(painted.annotation != VOID)
        assert again.image("cell0").split == "train"


def test_a_stroke_the_database_missed_is_counted_later(
    project: Project, painted: Document, monkeypatch: pytest.MonkeyPatch, paint: Paint
) -> None:
    from segstudio.storage.annotations import Annotations

    def refuse(*_args: object) -> None:
        raise ProjectError("is full")

    with monkeypatch.context() as patch:
        patch.setattr(Annotations, "_note", refuse)
        paint(painted, 1, (55, 35))
    assert project.image("cell0").revision == 3
    np.testing.assert_array_equal(project.annotation("cell0"), painted.annotation)
    paint(painted, 2, (40, 35))
    record = project.image("cell0")
    assert record.revision == 5
    assert record.labelled_pixels == np.count_nonzero(painted.annotation != VOID)


@pytest.mark.parametrize("error", [ProjectError("is full"), MaskError("is damaged")])
def test_a_stroke_that_is_on_disk_is_never_recorded_again(
    project: Project, painted: Document, monkeypatch: pytest.MonkeyPatch, error: SegStudioError
) -> None:
    from segstudio.storage.annotations import Annotations

    def refuse(*_args: object) -> None:
        raise error

    monkeypatch.setattr(Annotations, "_note", refuse)
    painted.on_commit.clear()
    entry = painted_entry(painted)
    assert project.record("cell0", entry) == 4
    assert Journal(journal_of(project)).revision == 4


def test_a_damaged_mask_does_not_repeat_strokes(
    project: Project, painted: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is behind counts the labels anew, from the mask; that cannot be read, but the stroke is there."""
    from segstudio.storage.annotations import Annotations

    def refuse(*_args: object) -> None:
        raise ProjectError("is full")

    painted.on_commit.clear()
    entry = painted_entry(painted)
    with monkeypatch.context() as patch:
        patch.setattr(Annotations, "_note", refuse)
        assert project.record("cell0", entry) == 4
    PIL.Image.new("L", (5, 5)).save(mask_of(project))
    assert [project.record("cell0", Entry(kind)) for kind in ("undo", "redo")] == [5, 6]
    assert Journal(journal_of(project)).revision == 6


def test_a_busy_database_is_one_line(project: Project, painted: Document) -> None:
    painted.on_commit.clear()
    entry = painted_entry(painted)
    project.close()
    impatient = Project(project.folder, Database(project.folder / "project.sqlite", patience=0.1))
    other = sqlite3.connect(project.folder / "project.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    before = journal_of(project).read_bytes()
    assert len(impatient.images()) == 4  # reading goes on
    for change in (
        lambda: impatient.set_setting("a", "b"),
        lambda: impatient.record("cell0", entry),
        lambda: impatient.set_reviewed("cell0", True),
    ):
        with pytest.raises(ProjectError, match="is busy in another program"):
            change()
    assert journal_of(project).read_bytes() == before
    other.execute("ROLLBACK")
    other.close()
    impatient.set_setting("a", "b")
    impatient.close()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("SQLITE_FULL", "disk is full"),
        ("SQLITE_READONLY_DBMOVED", "cannot be opened for writing"),
        ("SQLITE_IOERR_WRITE", "cannot be written"),
        ("SQLITE_CORRUPT", "is damaged"),
    ],
)
def test_what_sqlite_says_becomes_one_line(project: Project, name: str, says: str) -> None:
    error = sqlite3.OperationalError("low-level words")
    error.sqlite_errorname = name
    with pytest.raises(ProjectError, match=says) as caught, project._database.write():
        raise error
    assert str(project.folder / "project.sqlite") in str(caught.value)
    assert caught.value.remedy
    project.set_setting("still", "works")


def test_a_database_damaged_inside_is_one_line(project: Project) -> None:
    project.close()
    path = project.folder / "project.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xaa" * (len(data) - 4096)
    path.write_bytes(bytes(data))
    with pytest.raises(ProjectError, match="is damaged"), Project.open(project.folder) as opened:
        opened.images()


def test_a_vanished_database_does_not_come_back_empty(project: Project) -> None:
    project.close()
    path = project.folder / "project.sqlite"
    path.unlink()
    with pytest.raises(ProjectError, match="cannot be opened"):
        Database(path)
    assert not path.exists()


def test_threads_and_programs_at_once(project: Project, paint: Paint, follow: Follow) -> None:
    """One thread records and checkpoints while others read through this and another connection to the project."""
    done, errors = threading.Event(), list[BaseException]()
    other = Project.open(project.folder)

    def read(which: Project) -> None:
        try:
            while not done.is_set():
                for image in which.labelled():
                    assert (image.annotation() != VOID).any()
                which.images()
                which.checkpoint("cell0")
                which.load_proposal("cell1")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=read, args=(which,)) for which in (project, other, other)]
    for thread in threads:
        thread.start()
    documents = {}
    for key in ("cell0", "cell1"):
        documents[key] = project.load_document(key)
        follow(documents[key], lambda entry, key=key: project.record(key, entry))  # type: ignore[misc]
    for number in range(40):
        document = documents[f"cell{number % 2}"]
        paint(document, number % 3, (number, number % 40), (59 - number, 20))
        if number % 5 == 4:
            document.undo()
        if number % 7 == 6:
            project.checkpoint(f"cell{number % 2}")
    done.set()
    for thread in threads:
        thread.join()
    other.close()
    assert not errors, errors
    for key, document in documents.items():
        loaded = project.load_document(key)
        np.testing.assert_array_equal(loaded.annotation, document.annotation)
        assert [patch.to_bytes() for patch in loaded.history.done] == [
            patch.to_bytes() for patch in document.history.done
        ]
        assert project.image(key).labelled_pixels == np.count_nonzero(document.annotation != VOID)


def test_what_must_be_durable_is_synced(project: Project) -> None:
    database = Database(project.folder / "project.sqlite")
    found = []
    for durable in (True, False, True):
        with database.write(durable=durable) as db:
            found.append(db.execute("PRAGMA synchronous").fetchone()[0])
    database.close()
    assert found == [2, 1, 2]  # full and normal


def test_a_turn_keeps_other_threads_from_writing_in_between(project: Project) -> None:
    database = Database(project.folder / "project.sqlite")
    order: list[str] = []

    def write() -> None:
        with database.write():
            order.append("other")

    other = threading.Thread(target=write)
    with database.turn():
        with database.write():
            order.append("first")
        other.start()
        other.join(0.05)
        with database.write():
            order.append("second")
    other.join(10)
    database.close()
    assert order == ["first", "second", "other"]
