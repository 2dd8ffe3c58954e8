"""A project remembers everything, gives splits once, and tells apart what it is asked to take in."""

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.history import Entry
from segstudio.core.proposal import Proposal
from segstudio.errors import ImageError, MaskError, ModelError, ProjectError, UsageError
from segstudio.storage import journal as journal_module
from segstudio.storage.layers import LayerFiles
from segstudio.storage.masks import read_mask, read_text, write_mask
from segstudio.storage.project import Project

Paint = Callable[..., None]
Follow = Callable[[Document, Callable[[Entry], object]], None]
Draw = Callable[..., Path]


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


class TestMaking:
    def test_a_new_project_is_empty_and_opens_again(self, tmp_path: Path, classes: ClassTable) -> None:
        with Project.create(tmp_path / "deep" / "p", classes) as project:
            assert (project.name, project.images(), project.labelled()) == ("p", [], ())
        with Project.open(tmp_path / "deep" / "p") as project:
            assert project.classes == classes

    def test_a_folder_that_is_a_project_is_refused(self, project: Project, classes: ClassTable) -> None:
        with pytest.raises(ProjectError, match="already is a project"):
            Project.create(project.folder, classes)
        assert len(project.images()) == 4

    def test_a_folder_under_a_file_is_refused(self, tmp_path: Path, classes: ClassTable) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(ProjectError) as caught:
            Project.create(tmp_path / "file" / "p", classes)
        assert caught.value.remedy
        with pytest.raises(ProjectError, match="is no SegStudio project"):
            Project.open(tmp_path / "file" / "p")

    def test_no_permission_is_one_line(
        self, tmp_path: Path, classes: ClassTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_args: object, **_kwargs: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "mkdir", refuse)
        with pytest.raises(ProjectError, match="permission denied"):
            Project.create(tmp_path / "p", classes)

    def test_what_is_no_project_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ProjectError, match="is no SegStudio project"):
            Project.open(tmp_path)
        (tmp_path / "project.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 100)
        with pytest.raises(ProjectError, match="is damaged"):
            Project.open(tmp_path)
        (tmp_path / "project.sqlite").write_bytes(b"")
        with pytest.raises(ProjectError, match="is damaged"):
            Project.open(tmp_path)

    def test_a_newer_project_is_refused_and_left_alone(self, project: Project) -> None:
        folder = project.folder
        project.close()
        connection = sqlite3.connect(folder / "project.sqlite")
        connection.execute("UPDATE meta SET value = '2' WHERE name = 'version'")
        connection.commit()
        connection.close()
        before = (folder / "project.sqlite").read_bytes()
        with pytest.raises(ProjectError, match="newer SegStudio") as caught:
            Project.open(folder)
        assert "Update SegStudio" in str(caught.value)
        assert (folder / "project.sqlite").read_bytes() == before

    def test_a_closed_project_says_so(self, project: Project) -> None:
        project.close()
        project.close()
        with pytest.raises(ProjectError, match="is closed"):
            project.images()


class TestClassesAndSettings:
    def test_classes_are_kept_with_all_they_have(self, project: Project) -> None:
        table = project.classes.add("vein", "#123456").change(0, name="rest", locked=True, visible=False)
        project.set_classes(table)
        assert project.classes == table

    def test_classes_never_become_fewer(self, project: Project) -> None:
        with pytest.raises(ProjectError, match="are too few"):
            project.set_classes(ClassTable.of(["one"]))
        assert len(project.classes) == 3

    def test_settings(self, project: Project) -> None:
        assert project.setting("zoom", "1") == "1"
        project.set_setting("zoom", "2")
        project.set_setting("zoom", "3")
        assert project.setting("zoom") == "3"


class TestImages:
    def test_keys_are_natural_and_relative_to_the_root(
        self, tmp_path: Path, classes: ClassTable, draw_image: Draw
    ) -> None:
        names = ["b10.png", "b2.png", "sub folder/ä b.png", "sub folder/v1.2.png"]
        paths = [draw_image(tmp_path / "in" / name) for name in names]
        with Project.create(tmp_path / "p", classes) as project:
            report = project.add_images(paths, root=tmp_path / "in")
            assert [record.key for record in report.added] == ["b2", "b10", "sub folder/v1.2", "sub folder/ä b"]
            assert report.problems == ()
            record = project.image("sub folder/ä b")
            assert (record.width, record.height, record.path) == (60, 40, paths[2])
            project.set_annotation("sub folder/ä b", np.zeros((40, 60), np.uint8))
            assert (project.folder / "annotations" / "sub folder" / "ä b.png").exists()

    def test_images_inside_move_with_the_project(self, tmp_path: Path, classes: ClassTable, draw_image: Draw) -> None:
        inside, outside = draw_image(tmp_path / "p" / "images" / "a.png"), draw_image(tmp_path / "b.png")
        with Project.create(tmp_path / "p", classes) as project:
            project.add_images([inside, outside])
        (tmp_path / "p").rename(tmp_path / "moved")
        with Project.open(tmp_path / "moved") as project:
            assert project.image("a").path == tmp_path / "moved" / "images" / "a.png"
            assert project.image("b").path == outside
            assert project.read_image("a").size == (60, 40)

    def test_bad_files_get_a_line_and_the_rest_carries_on(
        self, tmp_path: Path, classes: ClassTable, draw_image: Draw
    ) -> None:
        good, same_stem = draw_image(tmp_path / "a.png"), draw_image(tmp_path / "a.bmp")
        corrupt, empty, last = tmp_path / "c.png", tmp_path / "d.png", draw_image(tmp_path / "e.tif")
        corrupt.write_bytes(good.read_bytes()[:20])
        empty.touch()
        clash = draw_image(tmp_path / "other" / "E.png")
        reserved = draw_image(tmp_path / "a.confidence.png")
        with Project.create(tmp_path / "p", classes) as project:
            report = project.add_images([good, same_stem, corrupt, empty, last, tmp_path / "gone.png", clash, reserved])
            assert [record.key for record in report.added] == ["a", "e"]
            assert report.problems[0] == "a.bmp: skipped, a.png has the same name. Rename one of them."
            for problem, says in zip(
                report.problems[1:], ["c.png: is damaged", "d.png: is empty", "gone.png: is missing"], strict=False
            ):
                assert says in problem
            assert f"E.png: skipped, {last} has the same name" in report.problems[4]
            assert "names that end in .confidence" in report.problems[5]
            again = project.add_images([good])
            assert (again.added, again.problems) == ((), ("a.png: already in the project.",))

    def test_a_vanished_image_keeps_its_record(self, project: Project) -> None:
        project.image("cell1").path.unlink()
        assert len(project.images()) == 4
        with pytest.raises(ImageError, match=r"cell1.png: is missing"):
            project.read_image("cell1")

    def test_an_image_of_another_size_is_refused(self, project: Project, draw_image: Draw) -> None:
        draw_image(project.image("cell1").path, size=(30, 20))
        with pytest.raises(ImageError, match="is 30 x 20 now, it was 60 x 40"):
            project.read_image("cell1")

    def test_an_unknown_key_is_one_line(self, project: Project) -> None:
        for method in (
            project.image,
            project.read_image,
            project.load_document,
            project.annotation,
            project.checkpoint,
        ):
            with pytest.raises(ProjectError, match="has no image 'nope'"):
                method("nope")

    def test_states(self, project: Project, paint: Paint, follow: Follow) -> None:
        zeros = np.zeros((40, 60), np.uint8)
        assert project.image("cell0").state == "unlabelled"
        project.save_proposal("cell0", Proposal(zeros, zeros, "m"))
        assert project.image("cell0").state == "proposed"
        document = project.load_document("cell0")
        follow(document, lambda entry: project.record("cell0", entry))
        paint(document, 1, (10, 10))
        assert project.image("cell0").state == "in progress"
        project.set_reviewed("cell0", True)
        assert project.image("cell0").state == "reviewed"
        project.set_reviewed("cell0", False)
        assert project.image("cell0").state == "in progress"

    def test_ten_thousand_images_are_listed_quickly(self, tmp_path: Path, classes: ClassTable) -> None:
        with Project.create(tmp_path / "p", classes) as project:
            rows = [(f"k{i}", f"k{i}", f"k{i:06d}", f"images/k{i}.png", 10, 10) for i in range(10_000)]
            connection = sqlite3.connect(project.folder / "project.sqlite")
            connection.executemany(
                "INSERT INTO images (key, folded, natural, path, width, height) VALUES (?, ?, ?, ?, ?, ?)", rows
            )
            connection.commit()
            connection.close()
            best = 10.0
            for _ in range(3):
                begin = time.perf_counter()
                records = project.images()
                best = min(best, time.perf_counter() - begin)
            assert [record.key for record in records] == [f"k{i}" for i in range(10_000)]
            assert best < 1.0  # a tenth of that is the aim; a busy machine may take longer


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


class TestSplits:
    def test_the_second_labelled_image_validates(self, project: Project) -> None:
        mask = np.zeros((40, 60), np.uint8)
        assert [record.split for record in project.images()] == [None] * 4
        project.set_annotation("cell2", mask)
        project.set_annotation("cell0", mask)
        assert (project.image("cell2").split, project.image("cell0").split) == ("train", "validation")
        assert [image.key for image in project.labelled("validation")] == ["cell0"]
        assert [image.key for image in project.labelled()] == ["cell0", "cell2"]

    def test_a_split_is_never_changed(self, project: Project, paint: Paint, follow: Follow) -> None:
        mask = np.zeros((40, 60), np.uint8)
        for number in range(4):
            project.set_annotation(f"cell{number}", mask)
        before = {record.key: record.split for record in project.images()}
        document = project.load_document("cell1")
        follow(document, lambda entry: project.record("cell1", entry))
        paint(document, VOID, (0, 0), (59, 39))
        document.undo()
        project.set_annotation("cell0", np.full((40, 60), VOID, np.uint8))
        assert project.labelled() == tuple(image for image in project.labelled() if image.key != "cell0")
        project.set_annotation("cell0", mask)
        project.image("cell3").path.write_bytes(b"other content")
        project.set_annotation("cell3", mask)
        with pytest.raises(ProjectError, match="Splits never change"):
            project.set_split("cell0", "validation" if before["cell0"] == "train" else "train")
        project.set_split("cell0", before["cell0"] or "train")
        project.close()
        with Project.open(project.folder) as again:
            assert {record.key: record.split for record in again.images()} == before

    def test_a_split_is_a_matter_of_content_not_of_order(
        self, tmp_path: Path, classes: ClassTable, draw_image: Draw
    ) -> None:
        paths = [draw_image(tmp_path / f"i{number}.png", seed=number) for number in range(40)]
        found = []
        for name, order in (("one", range(40)), ("two", [0, 1, *range(39, 1, -1)])):
            with Project.create(tmp_path / name, classes) as project:
                project.add_images(paths)
                for number in order:
                    project.set_annotation(f"i{number}", np.zeros((40, 60), np.uint8))
                found.append([record.split for record in project.images()])
        assert found[0] == found[1]
        assert 3 <= found[0].count("validation") <= 16

    def test_a_vanished_image_gets_a_split_all_the_same(self, project: Project, paint: Paint, follow: Follow) -> None:
        project.image("cell0").path.unlink()
        document = project.load_document("cell0")
        follow(document, lambda entry: project.record("cell0", entry))
        paint(document, 1, (5, 5))
        assert project.image("cell0").split == "train"


class TestSnapshots:
    def test_what_is_unchanged_is_not_read_again(self, project: Project) -> None:
        for number in range(3):
            project.set_annotation(f"cell{number}", np.full((40, 60), number, np.uint8))
        first = project.labelled()
        project.set_annotation("cell1", np.zeros((40, 60), np.uint8))
        second = project.labelled()
        assert [one is two for one, two in zip(first, second, strict=True)] == [True, False, True]
        assert second[1].revision > first[1].revision

    def test_an_unreadable_annotation_is_left_out(self, project: Project, caplog: pytest.LogCaptureFixture) -> None:
        project.set_annotation("cell0", np.zeros((40, 60), np.uint8))
        project.set_annotation("cell1", np.zeros((40, 60), np.uint8))
        (project.folder / "annotations" / "cell0.png").write_bytes(b"broken")
        with Project.open(project.folder) as again:
            assert [image.key for image in again.labelled()] == ["cell1"]
        assert "cell0.png" in caplog.text

    def test_strokes_of_another_program_are_seen(self, project: Project, paint: Paint, follow: Follow) -> None:
        assert project.labelled() == ()
        with Project.open(project.folder) as other:
            document = other.load_document("cell0")
            follow(document, lambda entry: other.record("cell0", entry))
            paint(document, 1, (5, 5))
            (image,) = project.labelled()
            np.testing.assert_array_equal(image.annotation(), document.annotation)
            paint(document, 2, (25, 5))
            np.testing.assert_array_equal(project.labelled()[0].annotation(), document.annotation)
            assert project.images() == other.images()


class TestProposals:
    def test_a_proposal_comes_back(self, project: Project) -> None:
        random = np.random.default_rng(0)
        proposal = Proposal(
            random.integers(0, 3, (40, 60), dtype=np.uint8), random.integers(0, 256, (40, 60), dtype=np.uint8), "mödel"
        )
        assert project.load_proposal("cell0") is None
        project.save_proposal("cell0", proposal)
        found = project.load_proposal("cell0")
        assert found is not None
        np.testing.assert_array_equal(found.classes, proposal.classes)
        np.testing.assert_array_equal(found.confidence, proposal.confidence)
        assert found.model == "mödel"
        assert (project.folder / "proposals" / "cell0.confidence.png").exists()

    def test_halves_of_two_proposals_are_not_mixed(self, project: Project) -> None:
        zeros = np.zeros((40, 60), np.uint8)
        project.save_proposal("cell0", Proposal(zeros, zeros, "one"))
        old = (project.folder / "proposals" / "cell0.png").read_bytes()
        project.save_proposal("cell0", Proposal(zeros + 1, zeros, "two"))
        (project.folder / "proposals" / "cell0.png").write_bytes(old)
        assert project.load_proposal("cell0") is None

    def test_a_damaged_or_foreign_proposal_is_none(self, project: Project, classes: ClassTable) -> None:
        zeros = np.zeros((40, 60), np.uint8)
        project.save_proposal("cell0", Proposal(zeros, zeros, "one"))
        path = project.folder / "proposals" / "cell0.png"
        path.write_bytes(path.read_bytes()[:60])
        assert project.load_proposal("cell0") is None
        write_mask(path, zeros, classes)
        assert project.load_proposal("cell0") is None
        with pytest.raises(ProjectError, match="shape"):
            project.save_proposal("cell0", Proposal(zeros.T, zeros.T, "m"))


class TestModels:
    def make_model(self, folder: Path, created: str = "2030-01-01T00:00:00+00:00") -> Path:
        folder.mkdir(parents=True)
        card = {
            "format": 1,
            "name": folder.name,
            "created": created,
            "backbone": "b",
            "transfer": "feature",
            "decoder": "fpn",
            "classes": [{"index": 0, "name": "x", "color": "#ffffff"}],
            "normalisation": {"mean": [0, 0, 0], "std": [1, 1, 1]},
        }
        (folder / "card.json").write_text(json.dumps(card))
        (folder / "weights.safetensors").write_bytes(b"w")
        return folder

    def test_models_are_listed_newest_first(self, project: Project, tmp_path: Path) -> None:
        assert (project.models(), project.model_in_use) == ([], None)
        early = self.make_model(project.models_folder / "early", "2029-01-01T00:00:00+00:00")
        self.make_model(project.models_folder / "late")
        (project.models_folder / "broken").mkdir()
        record = project.add_model(early, use=True)
        assert (record.name, record.in_use, record.folder) == ("early", True, early)
        assert [(model.name, model.in_use) for model in project.models()] == [("late", False), ("early", True)]
        project.use_model("late")
        assert project.model_in_use == project.models_folder / "late"
        brought = project.add_model(self.make_model(tmp_path / "elsewhere" / "mine"), use=False)
        assert brought.folder == project.models_folder / "mine"
        assert (brought.folder / "weights.safetensors").read_bytes() == b"w"
        assert not brought.in_use

    def test_what_is_no_model_is_refused(self, project: Project, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="is no model"):
            project.add_model(tmp_path / "nothing", use=True)
        model = self.make_model(tmp_path / "m")
        (model / "weights.safetensors").unlink()
        with pytest.raises(ModelError, match=r"has no weights\.safetensors"):
            project.add_model(model, use=True)
        with pytest.raises(ProjectError, match=r"has no model 'm'.*Models are: none yet"):
            project.use_model("m")
        assert project.model_in_use is None

    def test_two_of_one_name_are_refused(self, project: Project, tmp_path: Path) -> None:
        project.add_model(self.make_model(tmp_path / "m"), use=True)
        with pytest.raises(ProjectError, match="already is there"):
            project.add_model(self.make_model(tmp_path / "again" / "m"), use=False)


def test_classes_are_checked_by_their_table(project: Project) -> None:
    with pytest.raises(UsageError):
        project.set_classes(project.classes.add("nucleus"))
