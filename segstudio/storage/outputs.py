"""Where masks for other programs may be written: never over an image, over somebody's file, or into a project."""

import json
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from segstudio.errors import MaskError, ProjectError
from segstudio.storage.adding import absolute
from segstudio.storage.masks import is_mask, read_text
from segstudio.storage.naming import IMAGE_FOLDER, PROJECT_FILE, PROJECT_FOLDERS, TRUTH_FOLDER

CLASSES = "classes.json"
MARK = {"Software": "SegStudio"}  # the keyword is one of those the PNG specification names (11.3.4.2)

_REMEDY = "Choose another folder"


def check_targets(targets: Iterable[Path], images: Iterable[Path]) -> None:
    """Refuse, before the first file is written, to write where something would be lost.

    An earlier mask may be replaced, and an earlier `CLASSES`; nothing else may.

    Args:
        targets: every file that is about to be written.
        images: files that must stay, whatever they are.

    Raises:
        ProjectError: naming the first target that lies in a folder a project keeps for itself, is one of the images,
            or exists and is no mask.
    """
    kept = {_place(path) for path in images}
    checked: set[Path] = set()
    for target in targets:
        folder = target.parent
        if folder not in checked:
            checked.add(folder)
            _check_folder(folder)
        if _place(target) in kept:
            raise ProjectError("is an image and would be overwritten", remedy=_REMEDY, path=target)
        if os.path.lexists(target) and not _may_be_replaced(target):
            raise ProjectError("is there already and is no mask", remedy=_REMEDY, path=target)


def is_output(path: Path) -> bool:
    """Whether a file is a mask that was written for other programs, as its `MARK` says."""
    try:
        found = read_text(path)
    except MaskError:
        return False
    return all(found.get(keyword) == text for keyword, text in MARK.items())


def _place(path: Path) -> str:
    """Where a path leads; one and the same for the spellings that some file systems take for one."""
    return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()


def _check_folder(folder: Path) -> None:
    # By its name and by where it leads: either may be the one that shows the project.
    for place in (absolute(folder), Path(os.path.realpath(folder))):
        for inside in (place, *place.parents[:-1]):
            # Some file systems take capitals for small letters.
            if inside.name.casefold() in _own_folders(inside.parent):
                raise ProjectError("is kept by the project for itself", remedy=_REMEDY, path=inside)


def _own_folders(folder: Path) -> tuple[str, ...]:
    if not os.path.lexists(folder / PROJECT_FILE):
        return ()
    # The sign that `segstudio.storage.demo.open_demo` goes by.
    demo = (folder / IMAGE_FOLDER).is_dir() and (folder / TRUTH_FOLDER).is_dir()
    return (*PROJECT_FOLDERS, IMAGE_FOLDER, TRUTH_FOLDER) if demo else PROJECT_FOLDERS


def _may_be_replaced(path: Path) -> bool:
    if path.name != CLASSES:
        return is_mask(path)
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(listed, list) and all(isinstance(item, dict) and "index" in item for item in listed)
