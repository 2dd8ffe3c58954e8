"""Crops for the dialog of training options, drawn beside the GUI thread whenever an option changes."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PySide6.QtCore import QObject, Signal

from segstudio.core.arrays import U8, Pixels
from segstudio.core.background import Stop, Task
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.cropping import preview
from segstudio.core.labels import LabelledImage
from segstudio.core.tone import Window
from segstudio.learn.crops.scales import suggest_crop
from segstudio.learn.request import TrainSettings
from segstudio.storage.project import Project
from segstudio.ui.background import Worker
from segstudio.ui.dialogs.crop_preview import ACROSS, CELL, CropPreview
from segstudio.ui.session import Session


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """An image to cut crops from: its key, pixels as the eye sees them, their window, its annotation."""

    key: str
    pixels: Pixels
    window: Window
    annotation: U8


@dataclass(frozen=True, slots=True)
class Crops:
    """Crops to be shown, ``uint8 (h, w, 3)`` each: of which image, of what side, and whether a pixel is labelled."""

    pictures: list[U8]
    key: str
    side: int
    labelled: bool


class Previewing(QObject):
    """Keeps a `CropPreview` true to the options while it is in sight.

    Crops are of the open image; while that one has no labels, of a training image that has.

    Args:
        session: gives the open image.
        view: shows the crops.
        parent: owner.

    Signals:
        problem(str): one line for the status bar.
        crashed(str): traceback of an error nobody foresaw.
    """

    problem = Signal(str)
    crashed = Signal(str)

    def __init__(self, session: Session, view: CropPreview, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._view = view
        self._settings = TrainSettings()
        self._wanted = False
        self._seed = 0
        self._other: Source | None = None  # a training image, kept while the open one has no labels
        self._task: Task | None = None
        self._worker = Worker(self)
        self._worker.failed.connect(self._on_failed)
        self._worker.crashed.connect(self.crashed)
        session.opened.connect(self._draw)
        view.again_wanted.connect(self._draw_again)

    def set_settings(self, settings: TrainSettings) -> None:
        """Other options: the same crops, changed otherwise."""
        before, self._settings = self._settings, settings
        if (before.augmentation, before.crop) != (settings.augmentation, settings.crop):
            self._draw()

    def set_wanted(self, wanted: bool) -> None:
        """Whether the preview is in sight."""
        self._wanted = wanted
        if wanted:
            self._draw()

    def close(self) -> None:
        """End the thread."""
        self._wanted = False
        self._worker.close()

    def _draw_again(self) -> None:
        self._seed += 1
        self._draw()

    def _draw(self) -> None:
        if not self._wanted:
            return
        if self._task is not None:
            self._task.cancel()
        project, open_, known = self._session.project, self._own(), self._other
        settings, seed, classes = self._settings, self._seed, self._session.classes
        side = round(CELL * self._view.devicePixelRatioF())

        def work(_stop: Stop) -> tuple[Crops | None, Source | None]:
            source, other = open_, known
            if source is None or not np.any(source.annotation != VOID):
                other = other or _training_image(project)
                source = other or source
            if source is None:
                return None, None
            return draw_crops(source, settings, classes, seed=seed, shown=side), other

        def done(result: tuple[Crops | None, Source | None]) -> None:
            crops, self._other = result
            self._show(crops)

        self._task = self._worker.run(work, done)

    def _own(self) -> Source | None:
        image = self._session.image
        if image is None:
            return None
        return Source(image.key, image.picture.pixels, image.picture.window, image.document.annotation)

    def _show(self, crops: Crops | None) -> None:
        if crops is None:
            self._view.show_nothing()
            return
        size = f"{crops.key}  ·  {crops.side} px crops"
        self._view.show_crops(crops.pictures, size if crops.labelled else f"{size}  ·  no labels yet")

    def _on_failed(self, line: str) -> None:
        self._view.show_nothing("The crops cannot be drawn.")
        self.problem.emit(line)


def draw_crops(source: Source, settings: TrainSettings, classes: ClassTable, *, seed: int, shown: int) -> Crops:
    """Crops of an image as training might cut them, with their labels outlined.

    Args:
        source: the image.
        settings: size of the crops and what may happen to them.
        classes: colours of the outlines.
        seed: of places and changes.
        shown: side of a picture in pixels of the screen.
    """
    height, width = source.annotation.shape
    side = settings.crop or suggest_crop([LabelledImage(source.key, Path(), "train", 0, (height, width), b"")])
    crops = preview(
        source.pixels,
        source.annotation,
        settings.augmentation,
        np.random.default_rng(seed),
        ACROSS * ACROSS,
        side=side,
        window=source.window,
    )
    colors = classes.colors()
    pictures = [outlined(pixels, labels, colors, shown) for pixels, labels in crops]
    return Crops(pictures, source.key, side, labelled=any(np.any(labels != VOID) for _, labels in crops))


def outlined(pixels: U8, labels: U8, colors: U8, side: int) -> U8:
    """A crop at another size, with the outlines of its labels.

    Args:
        pixels: ``uint8 (s, s)`` or ``(s, s, 3)``.
        labels: ``uint8 (s, s)``.
        colors: ``uint8 (256, 3)``, of each class.
        side: of the result.

    Returns:
        ``uint8 (side, side, 3)``.
    """
    # A network sees pixels, not what lies between them: larger than they are they stay squares.
    how = cv2.INTER_AREA if side < pixels.shape[0] else cv2.INTER_NEAREST
    picture = np.asarray(cv2.resize(pixels, (side, side), interpolation=how), np.uint8)
    if picture.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    reach = max(1, round(side / CELL))  # pixels of the screen a line is wide
    wide = np.pad(cv2.resize(labels, (side, side), interpolation=cv2.INTER_NEAREST), reach, mode="edge")
    inner = wide[reach:-reach, reach:-reach]
    edge = (inner != wide[: -2 * reach, reach:-reach]) | (inner != wide[2 * reach :, reach:-reach])
    edge |= (inner != wide[reach:-reach, : -2 * reach]) | (inner != wide[reach:-reach, 2 * reach :])
    edge &= inner != VOID
    picture = np.ascontiguousarray(picture)
    picture[edge] = colors[inner[edge]]
    return picture


def _training_image(project: Project) -> Source | None:
    """A labelled image of the training split; None when there is none."""
    for record in project.images():
        if record.labelled_pixels and record.split == "train":
            image = project.read_image(record.key)
            return Source(record.key, image.visible, image.window, project.annotation(record.key))
    return None
