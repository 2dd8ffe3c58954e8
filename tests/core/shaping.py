"""A hand that draws shapes, for the tests of the shape tools."""

import numpy as np

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Kit, Palette, Pointer, Preview, Tool
from segstudio.core.tools.polygon import PolygonTool
from segstudio.core.tools.shapes import EllipseTool, RectangleTool

CLASSES = ClassTable.of(["background", "nucleus", "fibre"])
SQUARE: list[Point] = [(10, 10), (30, 10), (30, 30), (10, 30)]


class Hand:
    """A tool with what it said."""

    def __init__(self, kind: type[Tool], value: int = 1, visible: Rect | None = None) -> None:
        self.said: list[str] = []
        self.visible = visible
        self.kit = Kit(Palette(value=value), say=self.said.append)
        self.tool = kind(self.kit)

    def preview(self) -> Preview:
        shown = self.tool.preview
        assert shown is not None
        return shown

    def click(self, document: Document, at: Point, *, reverse: bool = False) -> None:
        self.drag(document, [at], reverse=reverse)

    def drag(self, document: Document, path: list[Point], *, reverse: bool = False, straight: bool = False) -> None:
        self.tool.press(document, Pointer(path[0], reverse=reverse, straight=straight, visible=self.visible))
        for at in path[1:]:
            self.tool.move(Pointer(at, straight=straight, visible=self.visible))
            assert self.tool.preview is not None or not self.tool.active
        self.tool.release(Pointer(path[-1], straight=straight, visible=self.visible))

    def draw(self, document: Document, path: list[Point], *, reverse: bool = False) -> None:
        """One whole gesture, for a polygon as for a drag."""
        if isinstance(self.tool, PolygonTool):
            for at in path:
                self.click(document, at, reverse=reverse)
            self.tool.confirm()
        else:
            self.drag(document, path, reverse=reverse)


def within(kind: type[Tool], x0: float, y0: float, x1: float, y1: float) -> list[Point]:
    """A path that fills most of a box, whatever the tool."""
    if kind in (RectangleTool, EllipseTool):
        return [(x0, y0), (x1, y1)]
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def empty(width: int = 64, height: int = 48, value: int = VOID) -> Document:
    return Document(np.full((height, width), value, np.uint8), CLASSES)


def square(value: int = 1) -> U8:
    out = np.full((48, 64), VOID, np.uint8)
    out[10:30, 10:30] = value
    return out
