"""What the tests of tools that click share: an image to click at, and a background that answers when told."""

from collections.abc import Callable
from typing import Any

import numpy as np

from segstudio.core.background import Stop, Task
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.picture import Picture
from segstudio.core.tools.base import Pointer, Preview, Tool

CLASSES = ClassTable.of(["background", "nucleus", "fibre"])


class Errand:
    """A task that is done when the test says so."""

    def __init__(self, work: Callable[[Stop], Any], done: Callable[[Any], None]) -> None:
        self.over = False
        self._work, self._done = work, done

    def cancel(self) -> None:
        self.over = True

    def wait(self) -> None:
        if not self.over:
            self.over = True
            self._done(self._work(lambda: False))


class Later:
    """A background that answers when the test says so."""

    def __init__(self) -> None:
        self.errands: list[Errand] = []

    def run(self, work: Callable[[Stop], Any], done: Callable[[Any], None]) -> Task:
        self.errands.append(Errand(work, done))
        return self.errands[-1]

    def answer(self) -> None:
        while self.errands:
            self.errands.pop(0).wait()


def two_halves(width: int = 60, height: int = 40) -> Document:
    """A dark and a bright half; void but for a square of nuclei across the border."""
    pixels = np.full((height, width), 50, np.uint8)
    pixels[:, width // 2 :] = 180
    annotation = np.full((height, width), VOID, np.uint8)
    annotation[10:20, 25:35] = 1
    return Document(annotation, CLASSES, picture=Picture(pixels))


def click(tool: Tool, document: Document, x: float, y: float, *, reverse: bool = False) -> None:
    tool.press(document, Pointer((x, y), reverse=reverse))
    tool.release(Pointer((x, y), reverse=reverse))


def shown(tool: Tool, document: Document) -> np.ndarray:
    """The mask of the preview, in the whole image."""
    out = np.zeros(document.annotation.shape, np.bool_)
    preview = tool.preview
    if preview is not None and preview.mask is not None:
        rect, where = preview.mask
        assert rect.intersect(document.bounds) == rect
        assert where.shape == (rect.height, rect.width)
        out[rect.slices] = where
    return out


def seen(tool: Tool) -> Preview:
    assert tool.preview is not None
    return tool.preview


def changed(before: np.ndarray, document: Document) -> np.ndarray:
    different: np.ndarray = before != document.annotation
    return different
