"""A project over a folder of images is made whole, or not at all."""

from collections.abc import Callable
from pathlib import Path

import pytest

from segstudio.core.classes import ClassTable
from segstudio.errors import ImageError, ProjectError
from segstudio.storage.creating import create_over
from segstudio.storage.project import Project

Draw = Callable[..., Path]


def test_every_image_comes_in_and_bad_ones_get_a_line(tmp_path: Path, images: Path, classes: ClassTable) -> None:
    (images / "bad.png").write_bytes(b"no image")
    project, problems = create_over(tmp_path / "p", images, classes)
    with project:
        assert [record.key for record in project.images()] == ["cell0", "cell1", "cell2", "cell3"]
        assert project.classes == classes
    (problem,) = problems
    assert "bad.png" in problem


@pytest.mark.parametrize("content", [None, b"", b"no image", "cut"])
def test_without_a_usable_image_no_project_is_made(
    tmp_path: Path, classes: ClassTable, draw_image: Draw, content: bytes | str | None
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    if content == "cut":  # the header is whole, the pixels are not
        path = draw_image(folder / "a.png")
        path.write_bytes(path.read_bytes()[:200])
    elif isinstance(content, bytes):
        (folder / "a.png").write_bytes(content)
    with pytest.raises(ImageError) as caught:
        create_over(tmp_path / "p", folder, classes)
    assert str(folder) in str(caught.value)
    assert caught.value.remedy
    assert not (tmp_path / "p").exists()
    with pytest.raises(ImageError):
        create_over(folder, folder, classes)  # the folder of the images itself
    assert [path.name for path in folder.iterdir()] == ([] if content is None else ["a.png"])


def test_a_missing_folder_of_images_is_one_line(tmp_path: Path, classes: ClassTable) -> None:
    with pytest.raises(ImageError, match="missing"):
        create_over(tmp_path / "p", tmp_path / "missing", classes)
    assert not (tmp_path / "p").exists()


def test_an_interrupted_making_leaves_nothing(
    tmp_path: Path, images: Path, classes: ClassTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "q" / "annotations").mkdir(parents=True)
    (tmp_path / "q" / "annotations" / "mine.png").write_bytes(b"x")
    for method in ("add_images", "set_classes"):
        with monkeypatch.context() as patch:
            patch.setattr(Project, method, interrupt)
            for name in ("p", "q"):
                with pytest.raises(KeyboardInterrupt):
                    create_over(tmp_path / name, images, classes)
        assert not (tmp_path / "p").exists()
        assert [path.name for path in (tmp_path / "q").iterdir()] == ["annotations"]
        assert (tmp_path / "q" / "annotations" / "mine.png").exists()


def test_a_project_that_is_there_stays(project: Project, images: Path, classes: ClassTable) -> None:
    with pytest.raises(ProjectError, match="already is a project"):
        create_over(project.folder, images, classes)
    assert len(project.images()) == 4
