"""Taking annotations out of a project, for other programs."""

import json
from pathlib import Path

from segstudio.errors import ProjectError, SegStudioError
from segstudio.storage.adding import absolute
from segstudio.storage.atomic import write_text
from segstudio.storage.masks import write_mask
from segstudio.storage.naming import PROJECT_FOLDERS
from segstudio.storage.project import Project

CLASSES = "classes.json"


def export_masks(project: Project, out: Path) -> int:
    """Write the annotation of every labelled image as indexed PNG, ``KEY.png``, and the classes as ``classes.json``.

    Returns:
        How many masks were written.

    Raises:
        ProjectError: when the folder cannot be written or is one the project keeps for itself.
        MaskError: when an annotation cannot be read; the others are written all the same.
    """
    out = absolute(out)
    if any(out.is_relative_to(project.folder / name) for name in PROJECT_FOLDERS):
        raise ProjectError("is kept by the project for itself", remedy="Choose another folder", path=out)
    classes = project.classes
    listed = [{"index": item.index, "name": item.name, "color": item.color} for item in classes]
    write_text(out / CLASSES, json.dumps(listed, indent=1, ensure_ascii=False) + "\n")
    written, trouble = 0, None
    for record in project.images():
        if not record.labelled_pixels:
            continue
        try:
            annotation = project.annotation(record.key)
        except SegStudioError as error:
            trouble = trouble or error
            continue
        write_mask(out / f"{record.key}.png", annotation, classes)
        written += 1
    if trouble is not None:
        raise trouble
    return written
