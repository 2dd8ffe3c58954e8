"""A viewport with a tool in the hand: its cursor, its preview, and what protection kept from it."""

from dataclasses import replace
from functools import lru_cache

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from segstudio.core.classes import VOID
from segstudio.core.gesture import Gesture
from segstudio.core.scene import Scene
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Palette, Pointer, Preview, Tool
from segstudio.core.tools.brush import BrushTool
from segstudio.core.view import View
from segstudio.ui.canvas.marked import MarkedView

_REACH = 5.0  # widget pixels within which a point counts as hit


class ToolView(MarkedView):
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
        self._shown: Preview | None = None  # by the tool, the last time it was asked
        self._kept: Preview | None = None  # of what is being done away
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
        return self._painting or self.away is not None or (self._tool is not None and self._tool.unfinished)

    @property
    def away(self) -> Gesture | None:
        """The gesture that is being done away, if any: Esc and undo drop it."""
        gesture = None if self.document is None else self.document.gesture
        return gesture if gesture is not None and gesture.away else None

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
        self._shown = tool.preview
        preview = self._shown or self._kept
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
        scene.document.on_away.append(self._went_away)

    def release_document(self) -> None:
        """Show nothing; a running stroke is finished first."""
        self.finish_stroke()
        if self._tool is not None:
            self._hover_tool(None)
        if self.document is not None:
            self.document.on_spared.remove(self._spared)
            self.document.on_away.remove(self._went_away)
        self._kept = None
        super().release_document()

    def pointer_pixel(self) -> tuple[int, int] | None:
        """Image pixel under the pointer, here or in the second view, where keys act; None when it is elsewhere."""
        return self.cross if self._spot is None else self.pixel_at(self._spot)

    # Strokes

    def finish_stroke(self) -> None:
        """End what the tool is doing as if the button had been let go here."""
        waiting, self._waiting = self._waiting, None
        for tool in (waiting, self._tool):
            if tool is not None:
                tool.finish()
        self._put_down()

    def cancel_stroke(self) -> None:
        """Drop what is being done away, otherwise what the tool is doing, leaving no trace."""
        away, tool = self.away, self._tool
        if away is not None:
            away.cancel()
            if tool is None or not tool.active:  # the press that began it is over, too
                self._put_down()
            return
        if tool is not None:
            tool.cancel()
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
            if self._tool.reads_labels:
                self.document.settle()
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
        tool, document = self._tool, self.document
        # Labels that are just being written are nothing to show; an answer would wait for them anyway.
        waits = tool is not None and tool.reads_labels and self.away is not None
        if tool is not None and document is not None and not (waits and pointer is not None):
            tool.hover(document, pointer)
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

    def _went_away(self, gesture: Gesture) -> None:
        """What the tool showed of it stays until it is over; then the tool looks again."""
        if gesture.away:
            self._kept = None if self._shown is None else replace(self._shown, handles=(), text="", busy=True)
        else:
            self._kept = None
            self.options_changed()

    def _spared(self) -> None:
        if self.document is not None:
            self.flash(self.document.spared)
            self.kept_back.emit(self.document.kept_back)


@lru_cache(maxsize=256)
def _named(color: str) -> QColor:
    """A colour by its name: asked for at every move, and slow to read."""
    return QColor(color)
