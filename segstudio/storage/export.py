"""Taking annotations out of a project, for other programs."""

import json
from collections.abc import Mapping
from pathlib import Path

from segstudio.errors import SegStudioError
from segstudio.storage.adding import absolute
from segstudio.storage.atomic import write_text
from segstudio.storage.masks import write_mask
from segstudio.storage.outputs import CLASSES, MARK, check_targets
from segstudio.storage.project import Project


def export_masks(project: Project, out: Path) -> int:
    """Write the annotation of every labelled image as indexed PNG, ``KEY.png``, and the classes as ``classes.json``.

    Returns:
        How many masks were written.

    Raises:
        ProjectError: when the folder cannot be written, or something that is no mask would be overwritten, see
            `segstudio.storage.outputs.check_targets`.
        MaskError: when an annotation cannot be read; the others are written all the same.
    """
    out = absolute(out)
    records = project.images()
    targets = {record.key: out / f"{record.key}.png" for record in records if record.labelled_pixels}
    check_targets([out / CLASSES, *targets.values()], [record.path for record in records])
    with project.reclassing.steady():
        return _write(project, out, targets)


def _write(project: Project, out: Path, targets: Mapping[str, Path]) -> int:
    classes = project.classes
    listed = [{"index": item.index, "name": item.name, "color": item.color} for item in classes]
    write_text(out / CLASSES, json.dumps(listed, indent=1, ensure_ascii=False) + "\n")
    written, trouble = 0, None
    for key, target in targets.items():
        try:
            annotation = project.annotation(key)
        except SegStudioError as error:
            trouble = trouble or error
            continue
        write_mask(target, annotation, classes, text=MARK)
        written += 1
    if trouble is not None:
        raise trouble
    return written
