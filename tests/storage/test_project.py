"""A project is made, opened and refused, and remembers its classes, settings and images."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segstudio.core.classes import ClassTable
from segstudio.core.document import Document
from segstudio.core.history import Entry
from segstudio.core.proposal import Proposal
from segstudio.errors import ImageError, ProjectError, UsageError
from segstudio.storage.project import Project

Paint = Callable[..., None]
Follow = Callable[[Document, Callable[[Entry], object]], None]
Draw = Callable[..., Path]


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


def test_classes_are_checked_by_their_table(project: Project) -> None:
    with pytest.raises(UsageError):
        project.set_classes(project.classes.add("nucleus"))


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
