"""The demo: a small project of images drawn by our own code, with strokes to learn from and truth to score against."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.history import Entry
from segstudio.core.proposal import Proposal
from segstudio.core.synthetic import CLASS_NAMES, Scene, draw_scene, draw_scribbles
from segstudio.core.tools.base import Kit, Palette, Pointer
from segstudio.core.tools.brush import BrushTool
from segstudio.errors import ProjectError
from segstudio.storage import atomic
from segstudio.storage.masks import read_mask, write_mask
from segstudio.storage.naming import IMAGE_FOLDER, TRUTH_FOLDER
from segstudio.storage.preferences import HOME_VARIABLE, user_folder
from segstudio.storage.project import Project

IMAGES = 24
LABELLED = 8
PICTURE_FOLDER = "pictures"

_SETTING = "demo"  # the setting of a project that says it is a demo
_CAPTION = 26  # pixels above each panel of a picture
_GAP = 6
_INK = (230, 230, 230)
_PAPER = (30, 31, 34)


def default_demo_folder() -> Path:
    """Where the demo lies when nobody says otherwise: in the documents, or in SEGSTUDIO_HOME."""
    documents = Path.home() / "Documents"
    home = documents if documents.is_dir() else Path.home()
    return (user_folder() if os.environ.get(HOME_VARIABLE) else home) / "SegStudio-demo"


def make_demo(
    folder: Path,
    *,
    seed: int = 0,
    images: int = IMAGES,
    labelled: int = LABELLED,
    side: int = 320,
    progress: Callable[[int, int], None] | None = None,
) -> Project:
    """Draw the images, keep their truth beside them, and paint strokes on some, as a person would.

    The project appears complete or not at all.

    Args:
        folder: of the project; new or empty.
        seed: of images and strokes, not negative.
        images, labelled: how many images there are, and how many carry strokes.
        side: width and height of the images, in pixels.
        progress: called with the number of images done and of all.

    Returns:
        The project, open. Images lie in its folder `IMAGE_FOLDER`, complete masks in `TRUTH_FOLDER`.

    Raises:
        ProjectError: when the folder holds something, or cannot be written.
    """
    _refuse_occupied(folder)
    classes = ClassTable.of(CLASS_NAMES)
    with atomic.replacing_folder(folder) as fresh:
        scenes: dict[str, Scene] = {}
        for number in range(images):
            name = f"cells-{number + 1:02d}"
            scene = draw_scene(seed * 10_000 + number, width=side, height=side)
            atomic.write_bytes(fresh / IMAGE_FOLDER / f"{name}.png", _png(scene.image))
            write_mask(fresh / TRUTH_FOLDER / f"{name}.png", scene.truth, classes)
            scenes[name] = scene
            if progress is not None:
                progress(number + 1, images)
        with Project.create(fresh, classes) as project:
            paths = [fresh / IMAGE_FOLDER / f"{name}.png" for name in scenes]
            project.add_images(paths, root=fresh / IMAGE_FOLDER)
            for number, (key, scene) in enumerate(list(scenes.items())[:labelled]):
                _paint(project, key, scene, seed * 10_000 + number)
            project.set_setting(_SETTING, "microscope")
    return Project.open(folder)


def open_demo(folder: Path, *, progress: Callable[[int, int], None] | None = None) -> Project:
    """The demo in `folder`: made when there is none, otherwise as it was left.

    Raises:
        ProjectError: when the folder holds something else.
    """
    if (folder / TRUTH_FOLDER).is_dir() and (folder / IMAGE_FOLDER).is_dir():
        project = Project.open(folder)
        if project.setting(_SETTING):
            return project
        project.close()
    return make_demo(folder, progress=progress)


def truth_of(project: Project, key: str) -> U8:
    """The complete mask of a demo image, ``uint8 (H, W)``: void where the project no longer has the class.

    Raises:
        MaskError: when it is gone or damaged.
    """
    record = project.image(key)
    path = project.folder / TRUTH_FOLDER / f"{key}.png"
    truth = read_mask(path, size=(record.width, record.height), classes=len(CLASS_NAMES))
    indices = project.class_indices()
    now = np.full(256, VOID, np.uint8)  # the project may have its classes in another order by now
    now[: len(CLASS_NAMES)] = [indices.get(name, VOID) for name in CLASS_NAMES]
    return np.asarray(now[truth], np.uint8)


def write_picture(path: Path, image: U8, annotation: U8, proposal: Proposal, classes: ClassTable) -> None:
    """Write image, annotation, proposal and confidence side by side, as a PNG.

    Args:
        path: of the picture; replaced when it exists.
        image: ``uint8 (H, W)`` or ``(H, W, 3)`` RGB.
        annotation: ``uint8 (H, W)`` of class indices and void.
        proposal: for the same image.
        classes: their colours.
    """
    base = image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)
    confidence = cv2.applyColorMap(proposal.confidence, cv2.COLORMAP_VIRIDIS)[:, :, ::-1]
    panels = [
        ("image", base),
        ("annotation", _tinted(base, annotation, classes, 0.75)),
        ("proposal", _tinted(base, proposal.classes, classes, 0.6, clear=0)),
        ("confidence", np.asarray(confidence, np.uint8)),
    ]
    atomic.write_bytes(path, _png(_side_by_side(panels)))


def _refuse_occupied(folder: Path) -> None:
    try:
        occupied = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise atomic.write_error(error, folder) from error
    if occupied:
        raise ProjectError(
            "is not empty and holds no demo", remedy="Choose a new folder, or delete this one", path=folder
        )


def _paint(project: Project, key: str, scene: Scene, seed: int) -> None:
    """Label part of an image with the brush; every stroke goes to the journal."""
    document = project.load_document(key)
    document.on_commit.append(partial(_record, project, key))
    for scribble in draw_scribbles(scene, seed):
        brush = BrushTool(Kit(Palette(value=scribble.value, size=scribble.size)))
        brush.press(document, Pointer(scribble.points[0]))
        for point in scribble.points[1:]:
            brush.move(Pointer(point))
        brush.release(Pointer(scribble.points[-1]))
    project.checkpoint(key)


def _record(project: Project, key: str, entry: Entry) -> None:
    project.record(key, entry)


def _tinted(base: U8, labels: U8, classes: ClassTable, opacity: float, *, clear: int | None = None) -> U8:
    """`base` with class colours over it; void, and the class `clear`, stay as they are."""
    shown = labels != VOID
    if clear is not None:
        shown &= labels != clear
    mixed = base * (1 - opacity) + classes.colors()[labels] * opacity
    return np.where(shown[:, :, None], np.rint(mixed), base).astype(np.uint8)


def _side_by_side(panels: Sequence[tuple[str, U8]]) -> U8:
    height, width = panels[0][1].shape[:2]
    size = (height + _CAPTION + _GAP, len(panels) * (width + _GAP) + _GAP, 3)
    sheet = np.full(size, _PAPER, np.uint8)
    for number, (caption, panel) in enumerate(panels):
        left = _GAP + number * (width + _GAP)
        sheet[_CAPTION : _CAPTION + height, left : left + width] = panel
        at = (left, _CAPTION - 9)
        cv2.putText(sheet, caption, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)
    return sheet


def _png(pixels: U8) -> bytes:
    """``uint8 (H, W)`` or ``(H, W, 3)`` RGB as a PNG file."""
    encoded, data = cv2.imencode(".png", pixels if pixels.ndim == 2 else pixels[:, :, ::-1])
    assert encoded  # a well-formed array always encodes
    return data.tobytes()
