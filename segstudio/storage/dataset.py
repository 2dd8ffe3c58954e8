"""Importing a dataset: a folder of images, a folder of masks, and a dataset.json that names classes and splits."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segstudio.core.classes import VOID, ClassTable, LabelClass
from segstudio.core.labels import Split
from segstudio.errors import MaskError, ProjectError, UsageError
from segstudio.storage.creating import making
from segstudio.storage.images import IMAGE_SUFFIXES, find_images
from segstudio.storage.masks import read_mask
from segstudio.storage.naming import key_of
from segstudio.storage.project import ImageRecord, Project

DATASET = "dataset.json"

_SPLITS: dict[str, Split] = {"train": "train", "val": "validation", "validation": "validation"}
_LATER = {".dcm": "DICOM", ".nii": "NIfTI", ".gz": "NIfTI", ".nrrd": "NRRD", ".mha": "MetaImage"}


@dataclass(frozen=True, slots=True)
class _Description:
    classes: ClassTable
    splits: dict[str, Split]
    listed: tuple[str, ...]


def import_dataset(project_folder: Path, dataset_folder: Path) -> tuple[Project, tuple[str, ...]]:
    """Make a project from ``DIR/{images,masks,dataset.json}``.

    Images stay where they are; masks of the same stem become annotations; the train and val lists become splits.

    Returns:
        The project, open, and one line for each image or mask that was left out.

    Raises:
        ProjectError: when the dataset or the project folder is not usable at all; no project is made then.
    """
    dataset = Path(dataset_folder)
    described = _read_description(dataset)
    images = dataset / "images"
    paths = find_images(images) if images.is_dir() else []
    problems = _not_supported(images, described.listed)
    if not paths:
        first = f" ({problems[0].rstrip('.')})" if problems else ""
        raise ProjectError(
            f"holds no image that can be read{first}", remedy="Put PNG, JPEG or TIFF files into it", path=images
        )
    with making(project_folder, described.classes) as project:
        report = project.add_images(paths, root=images)
        problems += report.problems
        problems += _import_masks(project, report.added, dataset / "masks", described.splits)
    return project, tuple(problems)


def _import_masks(project: Project, records: Iterable[ImageRecord], masks: Path, splits: dict[str, Split]) -> list[str]:
    problems = []
    classes = len(project.classes)
    for record in records:
        if record.key in splits:
            project.set_split(record.key, splits[record.key])
        path = masks / f"{record.key}.png"
        if not path.exists():
            continue  # an image without labels yet
        try:
            mask = read_mask(path, size=(record.width, record.height), classes=classes)
        except MaskError as error:
            problems.append(str(error))
            continue
        project.set_annotation(record.key, mask)
    return problems


def _read_description(dataset: Path) -> _Description:
    path = dataset / DATASET
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProjectError(
            f"is no dataset, it has no {DATASET}", remedy="Choose another folder", path=dataset
        ) from error
    except OSError as error:
        raise ProjectError(f"cannot be read ({error.strerror})", remedy="Allow reading it", path=path) from error
    except ValueError as error:
        raise ProjectError(f"is no JSON ({error})", remedy="Correct it", path=path) from error
    try:
        void = content.get("void", VOID)
        items = sorted(content["classes"], key=lambda item: int(item["index"]))
        classes = _class_table(items)
        lists = {name: [str(entry) for entry in listed] for name, listed in content.get("splits", {}).items()}
    except UsageError as error:
        raise ProjectError(error.problem, remedy=error.remedy, path=path) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ProjectError(
            "does not describe a dataset", remedy="It needs classes, each with index, name and color", path=path
        ) from error
    if void != VOID or not items:
        problem = f"says void is {void}" if items else "names no classes"
        raise ProjectError(problem, remedy=f"Give the classes, and {VOID} to unlabelled pixels", path=path)
    splits = {_key(entry): split for name, split in _SPLITS.items() for entry in lists.get(name, ())}
    return _Description(classes, splits, tuple(entry for listed in lists.values() for entry in listed))


def _class_table(items: list[dict[str, Any]]) -> ClassTable:
    table = ClassTable()
    for item in items:
        # Without a colour of its own a class gets the next of the palette.
        color = item.get("color") or table.add(str(item["name"])).items[-1].color
        table = ClassTable((*table.items, LabelClass(int(item["index"]), str(item["name"]), str(color))))
    return table


def _key(entry: str) -> str:
    return key_of(Path("/", entry), Path("/images"))


def _not_supported(images: Path, listed: Iterable[str]) -> list[str]:
    """A line for every file that is an image of a kind not read yet, and for every listed one that is missing."""
    problems = []
    if images.is_dir():
        for path in sorted(images.rglob("*")):
            kind = _LATER.get(path.suffix.lower())
            if kind is not None and not path.name.startswith("."):
                problems.append(f"{path.name}: {kind} is not supported yet. Export it as 16-bit PNG or TIFF.")
    for entry in listed:
        path = images.parent / entry
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.exists():
            problems.append(f"{entry}: is listed in {DATASET} but missing. Put the file back.")
    return problems
