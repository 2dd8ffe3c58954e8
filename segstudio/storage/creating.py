"""Making a project with something in it: whole, or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segstudio.core.classes import ClassTable
from segstudio.errors import ImageError
from segstudio.storage.adding import absolute
from segstudio.storage.images import find_images, read_image
from segstudio.storage.naming import PROJECT_FILE, PROJECT_FOLDERS
from segstudio.storage.project import Project


def create_over(folder: Path, images: Path, classes: ClassTable) -> tuple[Project, tuple[str, ...]]:
    """Make a project over every image of a folder and of the folders in it. The images stay where they are.

    Args:
        folder: of the project.
        images: folder of the images.
        classes: of the project.

    Returns:
        The project, open, and one line for each image that was left out.

    Raises:
        ImageError: when the folder is missing or none of its images can be used; no project is made then.
        ProjectError: when the folder is a project already, or cannot be written.
    """
    paths = find_images(images)
    if not paths:
        raise ImageError("holds no images", remedy="Choose a folder with PNG, JPEG, TIFF or BMP files", path=images)
    with making(folder, classes) as project:
        report = project.add_images(paths, root=images)
        # A header may promise what the rest of the file does not keep.
        if not any(_readable(record.path) for record in report.added):
            first = f" ({report.problems[0].rstrip('.')})" if report.problems else ""
            raise ImageError(
                f"not one of its {len(paths)} images can be read{first}",
                remedy="Copy them again from their source",
                path=images,
            )
    return project, report.problems


@contextmanager
def making(folder: Path, classes: ClassTable) -> Iterator[Project]:
    """A new project to fill; when the block fails, it is closed and taken away again.

    Raises:
        ProjectError: as `Project.create`.
    """
    folder = absolute(folder)
    fresh = not os.path.lexists(folder)
    before = [name for name in PROJECT_FOLDERS if os.path.lexists(folder / name)]
    try:
        project = Project.create(folder, classes)
    except BaseException:
        if fresh:
            with contextlib.suppress(OSError):
                folder.rmdir()  # only ever an empty one
        raise
    try:
        yield project
    except BaseException:
        project.close()
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            for name in set(PROJECT_FOLDERS).difference(before):
                shutil.rmtree(folder / name, ignore_errors=True)
            (folder / PROJECT_FILE).unlink(missing_ok=True)
        raise


def _readable(path: Path) -> bool:
    try:
        read_image(path)
    except ImageError:
        return False
    return True
