"""The demo project: complete, repeatable, painted as a person would, and never over somebody's files."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from segstudio.core.classes import VOID, move_class, remove_class
from segstudio.core.proposal import Proposal
from segstudio.errors import ProjectError
from segstudio.storage.demo import default_demo_folder, make_demo, open_demo, truth_of, write_picture
from segstudio.storage.project import Project


def small(folder: Path, seed: int = 0) -> Project:
    return make_demo(folder, seed=seed, images=4, labelled=3, side=96)


def test_strokes_agree_with_the_truth_and_can_be_undone(tmp_path: Path) -> None:
    with small(tmp_path / "demo") as project:
        records = project.images()
        assert [bool(record.labelled_pixels) for record in records] == [True, True, True, False]
        assert {record.split for record in records[:3]} == {"train", "validation"}
        for record in records:
            truth, annotation = truth_of(project, record.key), project.annotation(record.key)
            painted = annotation != VOID
            np.testing.assert_array_equal(annotation[painted], truth[painted])
        document = project.load_document(records[0].key)
        assert len(document.history.done) >= 6
        before = int((document.annotation != VOID).sum())
        document.undo()
        assert int((document.annotation != VOID).sum()) < before


def test_a_seed_gives_one_demo_and_another_seed_another(tmp_path: Path) -> None:
    annotations = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        with small(tmp_path / name, seed) as project:
            annotations.append(project.annotation("cells-01"))
    np.testing.assert_array_equal(annotations[0], annotations[1])
    assert not np.array_equal(annotations[0], annotations[2])


def test_an_existing_demo_is_opened_as_it_was_left(tmp_path: Path) -> None:
    with small(tmp_path / "demo") as project:
        project.set_reviewed("cells-02", True)
    with open_demo(tmp_path / "demo") as project:
        assert project.image("cells-02").reviewed


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(ProjectError, match="not empty"):
        open_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_demo_is_made_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ProjectError("the disk is full")

    monkeypatch.setattr("segstudio.storage.project.Project.record", refuse)
    with pytest.raises(ProjectError):
        small(tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []


def test_the_default_folder_follows_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGSTUDIO_HOME", str(tmp_path))
    assert default_demo_folder().parent == tmp_path
    monkeypatch.delenv("SEGSTUDIO_HOME")
    assert default_demo_folder().is_relative_to(Path.home())


def test_a_picture_shows_four_panels(tmp_path: Path) -> None:
    with small(tmp_path / "demo") as project:
        annotation = np.full((40, 50), VOID, np.uint8)
        annotation[10:20] = 1
        proposal = Proposal(np.full((40, 50), 2, np.uint8), np.full((40, 50), 255, np.uint8), "model")
        path = tmp_path / "picture.png"
        write_picture(path, np.full((40, 50), 100, np.uint8), annotation, proposal, project.classes)
    with PIL.Image.open(path) as file:
        pixels = np.asarray(file).astype(int)
    assert pixels.shape[1] > 4 * 50
    middles = [tuple(pixels[-15 - 6, 6 + number * 56 + 25]) for number in range(4)]
    assert middles[0] == (100, 100, 100)
    assert middles[2] != middles[0]
    assert middles[3][0] > 200  # sure is bright
    strokes = tuple(pixels[-6 - 40 + 15, 6 + 56 + 25])
    assert strokes[0] > strokes[2] + 50  # orange


def test_the_truth_follows_the_classes_of_the_project(tmp_path: Path) -> None:
    with make_demo(tmp_path / "demo", images=1, labelled=1, side=64) as project:
        key = project.images()[0].key
        before, change = truth_of(project, key), move_class(project.classes, 0, 2)
        project.reclassing.apply(change)
        np.testing.assert_array_equal(truth_of(project, key), change.translate(before))
        change_too = remove_class(project.classes, 1)
        project.reclassing.apply(change_too)
        np.testing.assert_array_equal(truth_of(project, key), change_too.translate(change.translate(before)))
