"""Tools that change how the image is seen, never what is labelled."""

from segstudio.core.document import Document
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Cursor, Pointer, Tool, ToolName

_REACH = 5.0  # screen pixels that a pointer's reach stands for


class PanTool(Tool):
    """Drags the image; the canvas does it, as with the middle button."""

    name: ToolName = "pan"
    label = "Pan"
    cursor: Cursor = "hand"
    looks = True
    reads_labels = False


class LevelTool(Tool):
    """Drags the window of values that is shown: its width sideways, its centre up and down."""

    name: ToolName = "level"
    label = "Window/level"
    cursor: Cursor = "level"
    looks = True
    reads_labels = False
    _last: Point | None = None

    def press(self, document: Document, pointer: Pointer) -> None:  # noqa: ARG002  # any document will do
        """Begin a drag."""
        self._last = pointer.at

    def move(self, pointer: Pointer) -> None:
        """Tell how far it went, in screen pixels: the same drag does the same at every zoom."""
        if self._last is None:
            return
        scale = _REACH / pointer.reach
        dx, dy = (pointer.at[0] - self._last[0]) * scale, (pointer.at[1] - self._last[1]) * scale
        self._last = pointer.at
        self.kit.level(dx, dy)

    def release(self, pointer: Pointer) -> None:
        """End the drag."""
        self.move(pointer)
        self._last = None

    def finish(self) -> None:
        """The hand is called away."""
        self._last = None

    def cancel(self) -> None:
        """The window stays where it was dragged to."""
        self._last = None
