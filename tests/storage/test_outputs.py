"""Masks for other programs are never written over an image, over somebody's file, or into a project."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from segstudio.core.classes import ClassTable
from segstudio.errors import ProjectError
from segstudio.storage.demo import make_demo
from segstudio.storage.export import export_masks
from segstudio.storage.masks import read_mask, write_mask
from segstudio.storage.outputs import MARK, check_targets, is_output
from segstudio.storage.project import Project

Draw = Callable[..., Path]


@pytest.fixture
def labelled(project: Project) -> Project:
    """The project with two labelled images, ``cell0`` and ``cell3``."""
    for key in ("cell0", "cell3"):
        project.set_annotation(key, np.ones((40, 60), np.uint8))
    return project


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file below a folder; an open database changes its own by itself."""
    files = (path for path in folder.rglob("*") if path.is_file() and "sqlite" not in path.name)
    return {path: path.read_bytes() for path in files}


def assert_refused(project: Project, out: Path, *says: str) -> None:
    """The export fails in one line that names the file, and not one byte in `out` is another afterwards."""
    before = contents(out)
    with pytest.raises(ProjectError) as caught:
        export_masks(project, out)
    for part in (*says, "Choose another folder."):
        assert part in str(caught.value)
    assert contents(out) == before


def test_an_export_never_replaces_images(labelled: Project, images: Path) -> None:
    assert_refused(labelled, images, "cell0.png", "is an image")


def test_an_image_reached_by_another_name_is_an_image(labelled: Project, images: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(images, target_is_directory=True)
    assert_refused(labelled, tmp_path / "link", "cell0.png", "is an image")


def test_an_image_of_the_project_stays_even_if_it_was_a_mask(
    tmp_path: Path, classes: ClassTable, project: Project
) -> None:
    path = tmp_path / "out" / "m.png"
    write_mask(path, np.zeros((40, 60), np.uint8), classes, text=MARK)
    project.add_images([path])
    project.set_annotation("m", np.ones((40, 60), np.uint8))
    assert_refused(project, tmp_path / "out", "m.png", "is an image")


def test_a_vanished_image_keeps_its_place(labelled: Project, images: Path) -> None:
    (images / "cell3.png").unlink()
    (images / "cell0.png").unlink()
    assert_refused(labelled, images, "is an image")


def test_an_export_replaces_masks_and_nothing_else(labelled: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert export_masks(labelled, out) == 2
    labelled.set_annotation("cell0", np.zeros((40, 60), np.uint8))
    assert export_masks(labelled, out) == 2
    assert (read_mask(out / "cell0.png") == 0).all()
    PIL.Image.new("RGB", (60, 40)).save(out / "cell3.png")
    labelled.set_annotation("cell0", np.ones((40, 60), np.uint8))
    assert_refused(labelled, out, "cell3.png", "no mask")
    PIL.Image.fromarray(np.zeros((40, 60), np.uint16)).save(out / "cell3.png")
    assert_refused(labelled, out, "cell3.png", "no mask")
    (out / "cell3.png").write_bytes(b"")
    assert_refused(labelled, out, "cell3.png", "no mask")
    PIL.Image.new("L", (60, 40)).save(out / "cell3.png")
    assert export_masks(labelled, out) == 2


@pytest.mark.parametrize("content", ["{}", "not JSON", json.dumps(["a", "b"])])
def test_another_programs_list_of_classes_stays(labelled: Project, tmp_path: Path, content: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "classes.json").write_text(content)
    assert_refused(labelled, tmp_path / "out", "classes.json")


@pytest.mark.parametrize("folder", ["annotations", "annotations/deep", "proposals", "journal", "models/m", "Rejected"])
def test_what_a_project_keeps_for_itself_is_refused(labelled: Project, tmp_path: Path, folder: str) -> None:
    assert_refused(labelled, labelled.folder / folder, "for itself")
    with Project.create(tmp_path / "other", labelled.classes) as other:
        assert_refused(labelled, other.folder / folder, "for itself")


def test_a_way_round_into_a_project_is_refused(labelled: Project, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(labelled.folder / "annotations", target_is_directory=True)
    assert_refused(labelled, tmp_path / "link", "for itself")
    assert_refused(labelled, tmp_path / "nowhere" / ".." / "project" / "annotations", "for itself")


def test_a_key_may_lead_into_a_project_too(project: Project, tmp_path: Path, draw_image: Draw) -> None:
    path = draw_image(tmp_path / "root" / "project" / "annotations" / "x.png")
    project.add_images([path], root=tmp_path / "root")
    project.set_annotation("project/annotations/x", np.ones((40, 60), np.uint8))
    assert_refused(project, tmp_path, "for itself")


def test_the_demo_keeps_its_images_and_its_truth(labelled: Project, tmp_path: Path) -> None:
    with make_demo(tmp_path / "demo", images=2, labelled=1, side=64) as demo:
        assert_refused(demo, demo.folder / "truth", "truth", "for itself")
        assert_refused(labelled, demo.folder / "images", "images", "for itself")
        assert export_masks(demo, demo.folder / "out") == 1


def test_a_folder_of_that_name_elsewhere_is_nobodys(labelled: Project, tmp_path: Path) -> None:
    assert export_masks(labelled, tmp_path / "annotations") == 2
    assert export_masks(labelled, labelled.folder / "truth") == 2


def test_outputs_are_known_by_their_mark(labelled: Project, images: Path, tmp_path: Path) -> None:
    export_masks(labelled, tmp_path / "out")
    assert is_output(tmp_path / "out" / "cell0.png")
    assert not is_output(images / "cell0.png")
    assert not is_output(tmp_path / "missing.png")


def test_nothing_in_the_way_is_no_problem(tmp_path: Path) -> None:
    check_targets([tmp_path / "deep" / "a.png"], [tmp_path / "a.png"])
