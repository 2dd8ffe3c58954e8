"""Splits are given once; snapshots of the labels hold what is on disk."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.history import Entry
from segstudio.errors import ProjectError
from segstudio.storage.project import Project

Paint = Callable[..., None]
Follow = Callable[[Document, Callable[[Entry], object]], None]
Draw = Callable[..., Path]


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

    def test_copies_of_one_image_get_one_split(self, project: Project, images: Path, tmp_path: Path) -> None:
        mask = np.zeros((40, 60), np.uint8)
        copies = [tmp_path / "copies" / f"copy{number}.png" for number in range(2)]
        copies[0].parent.mkdir()
        for number, path in enumerate(copies):
            path.write_bytes((images / f"cell{number}.png").read_bytes())
        project.add_images(copies)
        project.set_annotation("cell0", mask)
        project.set_annotation("copy0", mask)  # the second labelled image, but nothing new to validate on
        assert (project.image("cell0").split, project.image("copy0").split) == ("train", "train")
        project.close()
        with Project.open(project.folder) as again:
            again.set_split("cell1", "validation")
            again.set_annotation("copy1", mask)
            assert again.image("copy1").split == "validation"
            again.set_annotation("cell2", mask)
            assert again.image("cell2").split is not None

    def test_a_project_without_the_table_of_contents_gets_it(self, project: Project) -> None:
        project.set_annotation("cell0", np.zeros((40, 60), np.uint8))
        connection = sqlite3.connect(project.folder / "project.sqlite")
        connection.execute("DROP TABLE contents")
        connection.commit()
        connection.close()
        project.set_annotation("cell1", np.zeros((40, 60), np.uint8))
        assert project.image("cell1").split == "validation"

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
