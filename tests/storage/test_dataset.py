"""Datasets come in and masks go out, value for value."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from segstudio.core.classes import VOID, ClassTable
from segstudio.errors import MaskError, ProjectError
from segstudio.storage.dataset import import_dataset
from segstudio.storage.export import export_masks
from segstudio.storage.masks import read_mask
from segstudio.storage.project import Project

CLASSES = [{"index": 1, "name": "cell", "color": "#112233"}, {"index": 0, "name": "rest", "color": "#445566"}]


@pytest.fixture
def dataset(tmp_path: Path, draw_image: Callable[..., Path]) -> Path:
    """Five images, four of them with masks, with splits for three."""
    folder = tmp_path / "dataset"
    for number in range(5):
        draw_image(folder / "images" / f"i{number}.png", seed=number)
        if number < 4:
            (folder / "masks").mkdir(exist_ok=True)
            mask = np.full((40, 60), VOID, np.uint8)
            mask[: 10 + number] = number % 2
            PIL.Image.fromarray(mask).save(folder / "masks" / f"i{number}.png")
    describe(folder, splits={"train": ["images/i0.png", "images/i1.png"], "val": ["images/i2.png"]})
    return folder


def describe(folder: Path, **changes: Any) -> None:
    content = {"name": "d", "classes": CLASSES, "void": 255, **changes}
    (folder / "dataset.json").write_text(json.dumps(content))


def test_a_dataset_becomes_a_project(tmp_path: Path, dataset: Path) -> None:
    project, problems = import_dataset(tmp_path / "p", dataset)
    with project:
        assert problems == ()
        assert [(item.name, item.color) for item in project.classes] == [("rest", "#445566"), ("cell", "#112233")]
        records = project.images()
        assert [record.split for record in records[:3]] == ["train", "train", "validation"]
        assert records[3].split is not None
        assert [record.labelled_pixels for record in records] == [600, 660, 720, 780, 0]
        assert records[4].split is None
        assert records[0].path == dataset / "images" / "i0.png"
        for number in range(4):
            expected = read_mask(dataset / "masks" / f"i{number}.png")
            np.testing.assert_array_equal(project.annotation(f"i{number}"), expected)


def test_bad_masks_get_a_line_and_the_rest_carries_on(tmp_path: Path, dataset: Path) -> None:
    PIL.Image.new("L", (30, 20)).save(dataset / "masks" / "i0.png")
    PIL.Image.new("L", (60, 40), 7).save(dataset / "masks" / "i1.png")
    (dataset / "masks" / "i2.png").write_bytes(b"")
    (dataset / "images" / "i3.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (dataset / "images" / "scan.dcm").write_bytes(b"x")
    (dataset / "images" / "volume.nii.gz").write_bytes(b"x")
    describe(dataset, splits={"train": ["images/i4.png", "images/gone.png"]})
    project, problems = import_dataset(tmp_path / "p", dataset)
    with project:
        assert [record.key for record in project.images()] == ["i0", "i1", "i2", "i4"]
        assert not any(record.labelled_pixels for record in project.images())
        assert project.image("i4").split == "train"
    for says in (
        "i0.png: is 30 x 20, its image is 60 x 40",
        "i1.png: holds the value 7, which is no class",
        "i2.png: is empty",
        "i3.png: is damaged",
        "scan.dcm: DICOM is not supported yet",
        "volume.nii.gz: NIfTI is not supported yet",
        "images/gone.png: is listed in dataset.json but missing",
    ):
        assert sum(says in problem for problem in problems) == 1, says
    assert len(problems) == 7


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "has no dataset.json"),
        ("{not json", "is no JSON"),
        ("[]", "does not describe a dataset"),
        ('{"classes": [{"index": 0}]}', "does not describe a dataset"),
        ('{"classes": []}', "names no classes"),
        ('{"classes": [{"index": 1, "name": "x", "color": "#000000"}]}', "has index 1, but 0 is next"),
        ('{"classes": [{"index": 0, "name": "x", "color": "black"}]}', "is no colour"),
        ('{"classes": [{"index": 0, "name": "x", "color": "#000000"}], "void": 0}', "says void is 0"),
    ],
)
def test_a_bad_description_makes_no_project(tmp_path: Path, dataset: Path, content: str | None, says: str) -> None:
    (dataset / "dataset.json").unlink()
    if content is not None:
        (dataset / "dataset.json").write_text(content)
    with pytest.raises(ProjectError, match=says) as caught:
        import_dataset(tmp_path / "p", dataset)
    assert caught.value.remedy
    assert not (tmp_path / "p").exists()


def test_a_dataset_without_readable_images_makes_no_project(tmp_path: Path) -> None:
    (tmp_path / "d" / "images").mkdir(parents=True)
    describe(tmp_path / "d")
    with pytest.raises(ProjectError, match="holds no image"):
        import_dataset(tmp_path / "p", tmp_path / "d")
    (tmp_path / "d" / "images" / "a.dcm").write_bytes(b"x")
    with pytest.raises(ProjectError, match="DICOM is not supported yet"):
        import_dataset(tmp_path / "p", tmp_path / "d")
    assert not (tmp_path / "p").exists()


def test_an_interrupted_import_leaves_no_project(
    tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Project, "set_annotation", interrupt)
    with pytest.raises(KeyboardInterrupt):
        import_dataset(tmp_path / "p", dataset)
    assert not (tmp_path / "p").exists()
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "mine.txt").write_text("x")
    with pytest.raises(KeyboardInterrupt):
        import_dataset(tmp_path / "q", dataset)
    assert (tmp_path / "q" / "mine.txt").exists()
    with pytest.raises(ProjectError, match="is no SegStudio project"):
        Project.open(tmp_path / "q")


def test_a_real_dataset(tmp_path: Path, shared_data: Path) -> None:
    project, problems = import_dataset(tmp_path / "p", shared_data / "nuclei_dsb2018")
    with project:
        assert problems == ()
        splits = [record.split for record in project.images()]
        assert (splits.count("train"), splits.count("validation")) == (40, 10)
        assert all(record.labelled_pixels == record.width * record.height for record in project.images())


def test_masks_are_exported_with_their_classes(
    project: Project, tmp_path: Path, classes: ClassTable, paint: Callable[..., None], follow: Callable[..., None]
) -> None:
    assert export_masks(project, tmp_path / "empty") == 0
    mask = np.full((40, 60), VOID, np.uint8)
    mask[:10] = 2
    project.set_annotation("cell0", mask)
    document = project.load_document("cell3")
    follow(document, lambda entry: project.record("cell3", entry))
    paint(document, 1, (20, 20))  # in the journal only
    out = tmp_path / "out"
    assert export_masks(project, out) == 2
    assert sorted(path.name for path in out.iterdir()) == ["cell0.png", "cell3.png", "classes.json"]
    np.testing.assert_array_equal(read_mask(out / "cell0.png"), mask)
    np.testing.assert_array_equal(read_mask(out / "cell3.png"), document.annotation)
    listed = json.loads((out / "classes.json").read_text(encoding="utf-8"))
    assert listed == [{"index": c.index, "name": c.name, "color": c.color} for c in classes]


def test_export_into_the_project_itself_is_refused(project: Project, tmp_path: Path) -> None:
    project.set_annotation("cell0", np.zeros((40, 60), np.uint8))
    before = (project.folder / "annotations" / "cell0.png").read_bytes()
    with pytest.raises(ProjectError, match="is kept by the project for itself"):
        export_masks(project, project.folder / "annotations")
    assert (project.folder / "annotations" / "cell0.png").read_bytes() == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(ProjectError):
        export_masks(project, tmp_path / "file" / "below")


def test_one_unreadable_annotation_does_not_stop_an_export(project: Project, tmp_path: Path) -> None:
    for key in ("cell0", "cell1", "cell2"):
        project.set_annotation(key, np.zeros((40, 60), np.uint8))
    (project.folder / "annotations" / "cell1.png").write_bytes(b"")
    with pytest.raises(MaskError, match=r"cell1\.png"):
        export_masks(project, tmp_path / "out")
    assert (tmp_path / "out" / "cell0.png").exists()
    assert (tmp_path / "out" / "cell2.png").exists()
