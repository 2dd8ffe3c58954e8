"""Annotations of a project: every stroke comes back, whoever else writes, and whole masks replace them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.history import Entry
from segstudio.errors import MaskError, ProjectError
from segstudio.storage import journal as journal_module
from segstudio.storage.layers import LayerFiles
from segstudio.storage.masks import read_mask, read_text
from segstudio.storage.project import Project

Paint = Callable[..., None]
Follow = Callable[[Document, Callable[[Entry], object]], None]


def same(one: Document, other: Document) -> bool:
    """Whether two documents show the same and can undo and redo the same."""

    def layers(document: Document) -> list[bytes]:
        rejected = document.rejected
        empty = np.full(document.annotation.shape, VOID, np.uint8)
        return [document.annotation.tobytes(), (empty if rejected is None else rejected).tobytes()]

    def strokes(document: Document) -> list[list[bytes]]:
        history = document.history
        return [[patch.to_bytes() for patch in side] for side in (history.done, history.undone)]

    return layers(one) == layers(other) and strokes(one) == strokes(other)


class TestStrokes:
    def test_strokes_survive_closing(self, project: Project, paint: Paint, follow: Follow) -> None:
        document = project.load_document("cell0")
        follow(document, lambda entry: project.record("cell0", entry))
        paint(document, 1, (5, 5), (50, 30))
        paint(document, 2, (20, 5))
        paint(document, VOID, (30, 20))
        document.undo()
        project.close()
        with Project.open(project.folder) as again:
            loaded = again.load_document("cell0")
            assert same(loaded, document)
            assert loaded.history.can_redo
            record = again.image("cell0")
            assert record.labelled_pixels == np.count_nonzero(document.annotation != VOID)
            assert record.revision == 4
            follow(loaded, lambda entry: again.record("cell0", entry))
            loaded.redo()
            loaded.undo()
            loaded.undo()
            assert same(again.load_document("cell0"), loaded)

    @given(steps=st.lists(st.tuples(st.sampled_from("ddddrruuyc"), st.integers(0, 59), st.integers(0, 39))))
    @settings(max_examples=60, deadline=None)
    def test_disk_equals_document_after_anything(
        self, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
    ) -> None:
        folder = tmp_path_factory.mktemp("project")
        PIL.Image.new("L", (60, 40)).save(folder / "a.png")
        classes = ClassTable.of(["x", "y", "z"])
        with Project.create(folder / "p", classes) as project:
            project.add_images([folder / "a.png"])
            document = project.load_document("a")

            def tell(entry: Entry) -> None:
                project.record("a", entry)

            document.on_commit.append(tell)
            for number, (step, x, y) in enumerate(steps):
                if step in "dr":
                    gesture = document.begin("Brush", "annotation" if step == "d" else "rejected")
                    gesture.line((x, y), (59 - x, y), 5, VOID if number % 4 == 3 else number % 3)
                    gesture.finish()
                elif step == "u":
                    document.undo()
                elif step == "y":
                    document.redo()
                else:
                    project.checkpoint("a")
            assert same(project.load_document("a"), document)
            record = project.image("a")
            assert record.labelled_pixels == np.count_nonzero(document.annotation != VOID)
            project.checkpoint("a")
            assert same(project.load_document("a"), document)
        with Project.open(folder / "p") as project:
            assert same(project.load_document("a"), document)
            assert project.image("a") == record

    def test_checkpoint_writes_what_any_tool_reads(self, project: Project, paint: Paint, follow: Follow) -> None:
        document = project.load_document("cell0")
        follow(document, lambda entry: project.record("cell0", entry))
        paint(document, 1, (5, 5), (50, 30))
        path = project.folder / "annotations" / "cell0.png"
        assert not path.exists()
        project.checkpoint("cell0")
        np.testing.assert_array_equal(read_mask(path, size=(60, 40), classes=3), document.annotation)
        assert read_text(path)["SegStudio-Revision"] == "1"
        stamp = path.stat().st_mtime_ns
        project.checkpoint("cell0")
        assert path.stat().st_mtime_ns == stamp
        assert not (project.folder / "rejected").exists()

    def test_compaction_happens_at_a_checkpoint_and_keeps_everything(
        self, project: Project, paint: Paint, follow: Follow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(journal_module, "COMPACT_AT", 500)
        document = project.load_document("cell0")
        follow(document, lambda entry: project.record("cell0", entry))
        gesture = document.begin("Reject", "rejected")
        gesture.line((3, 3), (30, 3), 3, 1)
        gesture.finish()
        project.checkpoint("cell0")  # the rejected layer does not change from here on
        for number in range(12):
            paint(document, number % 3, (4 * number, 20))
        for _ in range(11):
            document.undo()
        paint(document, 2, (50, 30))
        journal = project.folder / "journal" / "cell0.journal"
        before = journal.stat().st_size
        project.checkpoint("cell0")
        assert journal.stat().st_size < before / 2
        assert same(project.load_document("cell0"), document)
        for _ in range(4):
            document.undo()
        document.redo()
        assert same(project.load_document("cell0"), document)
        project.close()
        with Project.open(project.folder) as again:
            assert same(again.load_document("cell0"), document)

    def test_an_undo_of_nothing_is_refused(self, project: Project) -> None:
        with pytest.raises(ProjectError, match="nothing to undo"):
            project.record("cell0", Entry("undo"))
        assert project.image("cell0").revision == 0

    def test_another_program_in_between_corrupts_nothing(self, project: Project, paint: Paint, follow: Follow) -> None:
        mine = project.load_document("cell0")
        follow(mine, lambda entry: project.record("cell0", entry))
        paint(mine, 1, (10, 10))
        with Project.open(project.folder) as other:
            theirs = other.load_document("cell0")
            follow(theirs, lambda entry: other.record("cell0", entry))
            paint(theirs, 2, (40, 30))
            mine.undo()  # mine, not theirs
            expected = np.full((40, 60), VOID, np.uint8)
            np.copyto(expected, theirs.annotation, where=theirs.annotation == 2)
            np.testing.assert_array_equal(other.annotation("cell0"), expected)
            assert other.image("cell0").labelled_pixels == np.count_nonzero(expected == 2)
            assert project.image("cell0").revision == other.image("cell0").revision == 3
            paint(theirs, 0, (20, 20))
            other.checkpoint("cell0")
            assert project.load_document("cell0").annotation[20, 20] == 0

    def test_a_document_loaded_anew_undoes_what_it_shows(self, project: Project, paint: Paint, follow: Follow) -> None:
        mine = project.load_document("cell0")
        follow(mine, lambda entry: project.record("cell0", entry))
        paint(mine, 1, (10, 10))
        with Project.open(project.folder) as other:
            theirs = other.load_document("cell0")
            follow(theirs, lambda entry: other.record("cell0", entry))
            paint(theirs, 2, (40, 30))
        fresh = project.load_document("cell0")
        follow(fresh, lambda entry: project.record("cell0", entry))
        fresh.undo()  # theirs, for that is the last stroke it shows
        assert same(project.load_document("cell0"), fresh)
        assert (fresh.annotation != 2).all()

    def test_a_late_checkpoint_does_not_turn_the_clock_back(
        self, project: Project, paint: Paint, follow: Follow, classes: ClassTable
    ) -> None:
        files = LayerFiles(project.folder, "cell0", (60, 40))
        document = project.load_document("cell0")
        follow(document, lambda entry: project.record("cell0", entry))
        paint(document, 1, (10, 10))
        old = files.read(classes)
        assert old is not None
        encoded = files.encode(old, classes)
        paint(document, 2, (40, 30))
        project.checkpoint("cell0")
        path = project.folder / "annotations" / "cell0.png"
        before = path.read_bytes()
        files.write(encoded, old)
        assert path.read_bytes() == before
        path.unlink()
        project.set_annotation("cell0", np.zeros((40, 60), np.uint8))
        path.unlink()
        files.write(encoded, old)
        assert not path.exists()


class TestImport:
    def test_an_annotation_is_replaced_as_a_whole(self, project: Project, paint: Paint, follow: Follow) -> None:
        document = project.load_document("cell0")
        follow(document, lambda entry: project.record("cell0", entry))
        paint(document, 1, (5, 5))
        mask = np.full((40, 60), VOID, np.uint8)
        mask[:10] = 2
        project.set_annotation("cell0", mask)
        loaded = project.load_document("cell0")
        np.testing.assert_array_equal(loaded.annotation, mask)
        assert not loaded.history.can_undo
        record = project.image("cell0")
        assert (record.labelled_pixels, record.revision) == (600, 2)
        np.testing.assert_array_equal(project.labelled()[0].annotation(), mask)

    def test_what_does_not_fit_is_refused(self, project: Project) -> None:
        wrongs: list[Any] = [np.zeros((60, 40), np.uint8), np.zeros((40, 60), np.int64), np.full((40, 60), 3, np.uint8)]
        for wrong in wrongs:
            with pytest.raises(MaskError):
                project.set_annotation("cell0", wrong)
        assert project.image("cell0").revision == 0

    def test_a_damaged_mask_can_be_replaced(self, project: Project) -> None:
        project.set_annotation("cell0", np.zeros((40, 60), np.uint8))
        (project.folder / "annotations" / "cell0.png").write_bytes(b"")
        with pytest.raises(MaskError):
            project.annotation("cell0")
        project.set_annotation("cell0", np.ones((40, 60), np.uint8))
        assert (project.annotation("cell0") == 1).all()
        assert project.image("cell0").revision > 1
