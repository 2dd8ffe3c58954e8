"""A viewport with a tool in the hand: its cursor, its preview, and what protection kept from it."""

from functools import lru_cache

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from segstudio.core.classes import VOID
from segstudio.core.scene import Scene
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Palette, Pointer, Tool
from segstudio.core.tools.brush import BrushTool
from segstudio.core.view import View
from segstudio.ui.canvas.viewport import Viewport

_REACH = 5.0  # widget pixels within which a point counts as hit


class ToolView(Viewport):
    """Hands pointers to the tool, and draws what it shows.

    Args:
        palette: class and options in hand, shared with the tools.

    Signals:
        hovered(object): image pixel (x, y) under the pointer, or None.
        stroke_began(): a button was pressed for the tool in hand.
        stroke_ended(): what that press began is over.
        kept_back(object): the locked classes (frozenset of int) that kept pixels from the stroke that just ended.
    """

    hovered = Signal(object)
    stroke_began = Signal()
    stroke_ended = Signal()
    kept_back = Signal(object)

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._tool: Tool | None = None
        self._waiting: Tool | None = None  # has a shape open while a tool that only looks is in the hand
        self._painting = False
        self._spot: QPointF | None = None  # widget position of the pointer while it is over the view
        self.view_changed.connect(self._stay)

    @property
    def tool(self) -> Tool | None:
        return self._tool

    @property
    def painting(self) -> bool:
        """Whether a button or a pen is held for the tool."""
        return self._painting

    def set_tool(self, tool: Tool) -> None:
        """Take another tool into the hand; what the last one was doing is finished.

        A tool that only looks is a short look: the shape that is open waits for the tool that drew it.
        """
        last, waiting = self._tool, self._waiting
        if tool.looks and last is not None and last.active and not self._painting and not last.looks:
            self._waiting = last
        elif not (tool is waiting or (tool.looks and waiting is not None)):
            self.finish_stroke()
        if tool is waiting:
            self._waiting = None
        if last is not None:
            self._hover_tool(None)
            last.on_changed = None
        self._tool = tool
        tool.on_changed = self.palette_changed
        self.options_changed()

    @property
    def occupied(self) -> bool:
        """Whether there is something that undo would drop."""
        return self._painting or (self._tool is not None and self._tool.unfinished)

    def palette_changed(self) -> None:
        """Class, size or preview changed: the cursor and the preview show it."""
        document, tool = self.document, self._tool
        if document is None or tool is None:
            self.place_cursor(None)
            self.show_preview(None, None, QColor())
            return
        at = self._at
        if at is None or tool.cursor != "brush":
            self.place_cursor(None)
        else:
            value = VOID if isinstance(tool, BrushTool) and tool.erases else self._palette.value
            self.place_cursor(at, self._palette.size, self._color(value), self._palette.shape)
        preview = tool.preview
        self.show_preview(preview, at, self._color(VOID if preview is None else preview.value))

    def options_changed(self) -> None:
        """An option of the tool in hand is another one: what it would do now is shown."""
        at = self._at
        self._hover_tool(None if at is None else self._pointer_at(at))

    def restyle(self) -> None:
        """See `Viewport.restyle`; the cursor has the colour of its class, too."""
        super().restyle()
        self.palette_changed()

    def show_scene(self, scene: Scene, view: View | None = None) -> None:
        """See `Viewport.show_scene`."""
        super().show_scene(scene, view)
        scene.document.on_spared.append(self._spared)

    def release_document(self) -> None:
        """Show nothing; a running stroke is finished first."""
        self.finish_stroke()
        if self._tool is not None:
            self._hover_tool(None)
        if self.document is not None:
            self.document.on_spared.remove(self._spared)
        super().release_document()

    def pointer_pixel(self) -> tuple[int, int] | None:
        """Image pixel under the pointer, where Enter and Backspace act; None when it is elsewhere."""
        at = self._at
        if self.document is None or at is None:
            return None
        pixel = int(at[0] // 1), int(at[1] // 1)
        return pixel if self.document.bounds.contains(*pixel) else None

    # Strokes

    def finish_stroke(self) -> None:
        """End what the tool is doing as if the button had been let go here."""
        waiting, self._waiting = self._waiting, None
        for tool in (waiting, self._tool):
            if tool is not None:
                tool.finish()
        self._put_down()

    def cancel_stroke(self) -> None:
        """Drop what the tool is doing, leaving no trace."""
        if self._tool is not None:
            self._tool.cancel()
        self._put_down()

    def step_back(self) -> bool:
        """Take the last point of an open shape back, or drop what is being done; whether there was anything."""
        tool = self._tool
        if tool is None or not tool.unfinished:
            return False
        if not tool.back():
            self.cancel_stroke()
        self.palette_changed()
        return True

    @property
    def _busy(self) -> bool:
        """Whether a button or a pen is held for something."""
        return self._painting

    def _press(self, pointer: Pointer) -> None:
        if self._tool is not None and self.document is not None:
            self._painting = True
            self.stroke_began.emit()
            self._tool.press(self.document, pointer)
            self.palette_changed()

    def _move(self, pointer: Pointer) -> None:
        if self._tool is not None:
            self._tool.move(pointer)
            self.palette_changed()

    def _release(self, pointer: Pointer) -> None:
        self._painting = False
        if self._tool is not None:
            self._tool.release(pointer)
            self._hover_tool(pointer)
            self.stroke_ended.emit()

    def _put_down(self) -> None:
        """What the tool was doing is over, although its button may still be held."""
        self.palette_changed()
        if self._painting:
            self._painting = False
            self.stroke_ended.emit()

    def _hover_tool(self, pointer: Pointer | None) -> None:
        if self._tool is not None and self.document is not None:
            self._tool.hover(self.document, pointer)
        self.palette_changed()

    # The pointer

    @property
    def _at(self) -> Point | None:
        """Image coordinates of the pointer, which stays where it is when the image moves below it."""
        return None if self._spot is None else self.image_point(self._spot)

    def _pointer_at(
        self,
        at: Point,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
        *,
        reverse: bool = False,
        pressure: float = 1.0,
    ) -> Pointer:
        return Pointer(
            at,
            reverse=reverse or bool(modifiers & Qt.KeyboardModifier.AltModifier),
            straight=bool(modifiers & Qt.KeyboardModifier.ShiftModifier),
            pressure=pressure,
            reach=_REACH * self.devicePixelRatioF() / self.view.scale,
            visible=self.visible(),
        )

    def _stay(self) -> None:
        """The image moved below a pointer that did not."""
        if self._busy:
            self.palette_changed()
        else:
            self.options_changed()
        self.hovered.emit(self.pointer_pixel())

    def _color(self, value: int) -> QColor:
        known = self.document is not None and value < len(self.document.classes)
        return _named(self.document.classes[value].color if self.document is not None and known else "white")

    def _spared(self) -> None:
        if self.document is not None:
            self.flash(self.document.spared)
            self.kept_back.emit(self.document.kept_back)


@lru_cache(maxsize=256)
def _named(color: str) -> QColor:
    """A colour by its name: asked for at every move, and slow to read."""
    return QColor(color)
