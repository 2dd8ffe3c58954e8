"""Nothing a person did is lost: kills, full disks, damaged files and other programs' edits."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from PIL.PngImagePlugin import PngInfo

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.errors import MaskError, ProjectError
from segstudio.storage import journal as journal_module
from segstudio.storage.journal import Journal
from segstudio.storage.masks import read_mask, write_mask
from segstudio.storage.project import Project
from tests.storage.helping import journal_of, mask_of, painted_entry, reopened


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
