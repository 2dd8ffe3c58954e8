"""Nothing a person did is lost: kills, full disks, damaged files and other programs' edits."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from PIL.PngImagePlugin import PngInfo

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.history import Entry
from segstudio.errors import MaskError, ProjectError
from segstudio.storage import journal as journal_module
from segstudio.storage.database import Database
from segstudio.storage.journal import Journal
from segstudio.storage.masks import read_mask, write_mask
from segstudio.storage.project import Project

Paint = Callable[..., None]
Follow = Callable[[Document, Callable[[Entry], object]], None]


@pytest.fixture
def painted(project: Project, paint: Paint, follow: Follow) -> Document:
    """A document of ``cell0`` with three strokes, the first two of them in the mask file."""
    document = project.load_document("cell0")
    follow(document, lambda entry: project.record("cell0", entry))
    paint(document, 1, (5, 5), (50, 30))
    paint(document, 2, (30, 5))
    project.checkpoint("cell0")
    paint(document, 0, (10, 30))
    return document


def mask_of(project: Project, key: str = "cell0") -> Path:
    return project.folder / "annotations" / f"{key}.png"


def journal_of(project: Project, key: str = "cell0") -> Path:
    return project.folder / "journal" / f"{key}.journal"


def reopened(project: Project) -> Project:
    project.close()
    return Project.open(project.folder)


def fail(number: int = errno.ENOSPC) -> Callable[..., Any]:
    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return refuse


_PAINTER = """
import sys
from pathlib import Path
from segstudio.core.history import Entry
from segstudio.storage.project import Project
from segstudio.storage.saver import Saver

project = Project.open(Path(sys.argv[1]))
saver = Saver(project, delay=0.01)
document = project.load_document("a")
document.on_commit.append(lambda entry: saver.submit("a", entry))
for number in range(100_000):
    gesture = document.begin("Brush")
    gesture.line((number % 60, 0), (number % 60, number // 60 % 40), 1, (number // 60) % 3)
    gesture.finish()
    saver.flush()
    print(number, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
@pytest.mark.parametrize("strokes", [1, 40, 150])
def test_every_acknowledged_stroke_survives_a_kill(tmp_path: Path, classes: ClassTable, strokes: int) -> None:
    PIL.Image.new("L", (60, 40)).save(tmp_path / "a.png")
    with Project.create(tmp_path / "p", classes) as project:
        project.add_images([tmp_path / "a.png"])
    last = -1
    with subprocess.Popen(
        [sys.executable, "-c", _PAINTER, str(tmp_path / "p")], stdout=subprocess.PIPE, text=True
    ) as painter:
        assert painter.stdout is not None
        for line in painter.stdout:
            last = int(line)
            if last + 1 >= strokes:
                painter.send_signal(signal.SIGKILL)
                break
        last = max([last, *(int(line) for line in painter.stdout if line.endswith("\n"))])
    assert painter.returncode == -signal.SIGKILL
    with Project.open(tmp_path / "p") as project:
        record = project.image("a")
        document = project.load_document("a")
        found = len(document.history.done)
        assert found in (last + 1, last + 2)  # the one in work may have made it
        expected = np.full((40, 60), VOID, np.uint8)
        for patch in document.history.done:
            patch.apply(expected)
        np.testing.assert_array_equal(document.annotation, expected)
        assert record.revision == found
        assert record.labelled_pixels == np.count_nonzero(expected != VOID)
        assert record.split == "train"


def test_a_torn_journal_costs_no_more_than_its_last_stroke(project: Project, painted: Document) -> None:
    path = journal_of(project)
    path.write_bytes(path.read_bytes()[:-3])
    with reopened(project) as again:
        loaded = again.load_document("cell0")
        assert len(loaded.history.done) == 2
        painted.on_commit.clear()
        painted.undo()
        np.testing.assert_array_equal(loaded.annotation, painted.annotation)
        assert again.image("cell0").labelled_pixels == np.count_nonzero(painted.annotation != VOID)


def test_a_journal_damaged_in_the_middle_loses_no_pixel(project: Project, painted: Document) -> None:
    path = journal_of(project)
    data = bytearray(path.read_bytes())
    data[Journal(path).records[1].start + 3] ^= 0xFF  # this stroke is in the mask file
    path.write_bytes(bytes(data))
    with reopened(project) as again:
        np.testing.assert_array_equal(again.annotation("cell0"), painted.annotation)
        loaded = again.load_document("cell0")
        assert [len(loaded.history.done), loaded.history.can_redo] == [1, False]


def test_a_damaged_mask_is_rebuilt_from_the_journal(project: Project, painted: Document) -> None:
    path = mask_of(project)
    broken = path.read_bytes()[:70]
    path.write_bytes(broken)
    with reopened(project) as again:
        loaded = again.load_document("cell0")
        np.testing.assert_array_equal(loaded.annotation, painted.annotation)
        assert len(loaded.history.done) == 3
        again.checkpoint("cell0")
        np.testing.assert_array_equal(read_mask(path), painted.annotation)
        assert path.with_name("cell0.png.damaged").read_bytes() == broken


def test_a_lost_mask_is_rebuilt_from_the_journal(project: Project, painted: Document) -> None:
    mask_of(project).unlink()
    np.testing.assert_array_equal(project.annotation("cell0"), painted.annotation)
    project.checkpoint("cell0")
    np.testing.assert_array_equal(read_mask(mask_of(project)), painted.annotation)


def test_a_damaged_mask_without_its_strokes_is_one_line(project: Project) -> None:
    project.set_annotation("cell0", np.zeros((40, 60), np.uint8))
    mask_of(project).write_bytes(b"")
    with pytest.raises(MaskError, match=r"cell0\.png: is empty"):
        project.load_document("cell0")


@pytest.mark.usefixtures("painted")
@pytest.mark.parametrize("text_survives", [False, True])
def test_a_mask_edited_by_another_program_wins(project: Project, text_survives: bool) -> None:
    edited = np.full((40, 60), 1, np.uint8)
    if text_survives:
        with PIL.Image.open(mask_of(project)) as file:
            info = PngInfo()
            for key, value in file.info.items():
                if isinstance(key, str) and isinstance(value, str):
                    info.add_text(key, value)
        PIL.Image.fromarray(edited).save(mask_of(project), pnginfo=info)
    else:
        PIL.Image.fromarray(edited).save(mask_of(project))
    revision = project.image("cell0").revision
    before = journal_of(project).read_bytes()
    with reopened(project) as again:
        loaded = again.load_document("cell0")
        np.testing.assert_array_equal(loaded.annotation, edited)
        assert not loaded.history.can_undo
        record = again.image("cell0")
        assert record.revision > revision
        assert record.labelled_pixels == 2400
        # The strokes are kept for whoever wants them back.
        assert journal_of(again).with_name("cell0.journal.old").read_bytes() == before
        again.record("cell0", painted_entry(loaded))
        assert again.annotation("cell0")[20, 20] == 2


def painted_entry(document: Document) -> Entry:
    entries: list[Entry] = []
    document.on_commit.append(entries.append)
    gesture = document.begin("Brush")
    gesture.line((20, 20), (20, 20), 3, 2)
    gesture.finish()
    return entries[0]


def test_a_mask_put_there_by_hand_is_taken_up(project: Project, classes: ClassTable) -> None:
    mask = np.zeros((40, 60), np.uint8)
    write_mask(mask_of(project, "cell3"), mask, classes)
    with reopened(project) as again:
        record = again.image("cell3")
        assert (record.labelled_pixels, record.split) == (2400, "train")
        assert [image.key for image in again.labelled()] == ["cell3"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [(np.zeros((20, 30), np.uint8), "is 30 x 20, its image is 60 x 40"), (np.full((40, 60), 9, np.uint8), "value 9")],
)
def test_a_mask_that_does_not_fit_is_one_line_and_stays(
    project: Project, painted: Document, wrong: np.ndarray, says: str
) -> None:
    assert painted.history.can_undo
    PIL.Image.fromarray(wrong).save(mask_of(project))
    before = mask_of(project).read_bytes()
    with reopened(project) as again:
        with pytest.raises(MaskError, match=says):
            again.load_document("cell0")
        with pytest.raises(MaskError, match=says):
            again.checkpoint("cell0")
        assert len(again.images()) == 4
    assert mask_of(project).read_bytes() == before


def test_a_lost_journal_keeps_the_mask(project: Project, painted: Document) -> None:
    project.checkpoint("cell0")
    journal_of(project).unlink()
    with reopened(project) as again:
        loaded = again.load_document("cell0")
        np.testing.assert_array_equal(loaded.annotation, painted.annotation)
        revision = again.image("cell0").revision
        assert again.record("cell0", painted_entry(loaded)) == revision + 1
        np.testing.assert_array_equal(again.annotation("cell0"), loaded.annotation)


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


@pytest.mark.parametrize("step", ["os.fsync", "os.replace", "pathlib.Path.write_bytes"])
def test_a_failing_checkpoint_changes_nothing(
    project: Project, painted: Document, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = {path: path.read_bytes() for path in (mask_of(project), journal_of(project))}
    with monkeypatch.context() as patch:
        patch.setattr(step, fail())
        with pytest.raises(ProjectError, match="disk is full"):
            project.checkpoint("cell0")
    assert {path: path.read_bytes() for path in before} == before
    assert sorted(path.name for path in mask_of(project).parent.iterdir()) == ["cell0.png"]
    project.checkpoint("cell0")
    np.testing.assert_array_equal(read_mask(mask_of(project)), painted.annotation)


@pytest.mark.parametrize("kind", ["set_annotation", "checkpoint"])
def test_every_interrupted_step_leaves_a_whole_annotation(
    project: Project, painted: Document, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Stop after each rename in turn, as a kill would: what is found is all old or all new."""
    monkeypatch.setattr(journal_module, "COMPACT_AT", 10)
    gesture = painted.begin("Reject", "rejected")
    gesture.line((1, 1), (1, 1), 3, 1)
    gesture.finish()
    painted.undo()
    old, new = painted.annotation.copy(), np.full((40, 60), 2, np.uint8)
    real, stop_at = os.replace, 0
    while True:
        stop_at += 1
        calls = 0

        def stop(*args: Any, limit: int = stop_at, **kwargs: Any) -> None:
            nonlocal calls
            calls += 1
            if calls == limit:
                raise OSError(errno.EIO, "stopped")
            real(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr("os.replace", stop)
            try:
                if kind == "checkpoint":
                    project.checkpoint("cell0")
                else:
                    project.set_annotation("cell0", new)
            except ProjectError:
                pass
        with Project.open(project.folder) as again:
            found = again.load_document("cell0").annotation
        if kind == "checkpoint":
            np.testing.assert_array_equal(found, old)
        else:
            assert np.array_equal(found, old) or np.array_equal(found, new)
        if calls < stop_at:
            break
    assert stop_at > 2


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.open"])
def test_a_failing_stroke_changes_nothing_and_can_be_repeated(
    project: Project, painted: Document, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before, record = journal_of(project).read_bytes(), project.image("cell0")
    document = project.load_document("cell0")
    entry = painted_entry(document)
    with monkeypatch.context() as patch:
        patch.setattr(step, fail())
        with pytest.raises(ProjectError):
            project.record("cell0", entry)
    assert journal_of(project).read_bytes() == before
    assert project.image("cell0") == record
    project.record("cell0", entry)
    np.testing.assert_array_equal(project.annotation("cell0"), document.annotation)
    assert not np.array_equal(document.annotation, painted.annotation)


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
