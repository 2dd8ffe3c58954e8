"""What was dropped on the window: a project, a folder of images, images, or nothing of use."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QMimeData

from segstudio.storage.naming import PROJECT_FILE


@dataclass(frozen=True, slots=True)
class Dropped:
    """Files and folders by what they are; each kind in the order of the drop.

    Attributes:
        projects: folders of projects.
        folders: other folders.
        images: image files.
        refused: one line why the first of the others is of no use; empty when there is none.
    """

    projects: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    images: tuple[Path, ...] = ()
    refused: str = ""

    @property
    def images_folder(self) -> Path | None:
        """Where a new project would find its images: the first folder, or the one the first image lies in."""
        if self.folders:
            return self.folders[0]
        return self.images[0].parent if self.images else None


def local_paths(data: QMimeData) -> list[Path]:
    """The files and folders of this machine that are being dragged."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


def sort_out(paths: Iterable[Path]) -> Dropped:
    """Look at what was dropped."""
    from segstudio.storage.images import IMAGE_SUFFIXES  # decoders with it: not at every start of the program

    projects, folders, images, refused = [], [], [], ""
    for path in paths:
        if (path / PROJECT_FILE).is_file():
            projects.append(path)
        elif path.is_dir():
            folders.append(path)
        elif not path.exists():
            refused = refused or f"{path.name} is not there any more"
        elif path.name == PROJECT_FILE:
            projects.append(path.parent)
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            images.append(path)
        else:
            known = ", ".join(sorted(suffix[1:].upper() for suffix in IMAGE_SUFFIXES))
            refused = refused or f"{path.name} is no image: drop folders, projects or files of {known}"
    return Dropped(tuple(projects), tuple(folders), tuple(images), refused)
