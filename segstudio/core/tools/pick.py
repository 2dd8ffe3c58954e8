"""Pick: take the class under the pointer into the hand."""

from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.tools.base import Kit, Pointer, Preview, Tool, ToolName


class PickTool(Tool):
    """A click picks the class under it: the one labelled there, else the one proposed. It never writes."""

    name: ToolName = "pick"
    label = "Pick"
    looks = True

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._preview: Preview | None = None

    @property
    def preview(self) -> Preview | None:
        """Name of the class under the pointer."""
        return self._preview

    def hover(self, document: Document, pointer: Pointer | None) -> None:
        """Name what is under the pointer."""
        self._preview = None
        if pointer is not None and document.bounds.contains(*pointer.pixel):
            value, proposed = _under(document, *pointer.pixel)
            name = document.classes[value].name if value < len(document.classes) else "void"
            self._preview = Preview(value, text=f"{name} (proposed)" if proposed else name)

    def press(self, document: Document, pointer: Pointer) -> None:
        """Pick what is under the pointer."""
        if not document.bounds.contains(*pointer.pixel):
            return
        value, _ = _under(document, *pointer.pixel)
        if value == VOID:
            self.kit.say("Nothing is labelled there")
        else:
            self.kit.picked(value)

    def finish(self) -> None:
        """Forget what is shown."""
        self._preview = None

    def cancel(self) -> None:
        """Forget what is shown."""
        self._preview = None


def _under(document: Document, x: int, y: int) -> tuple[int, bool]:
    """The class at a pixel, void where none is, and whether it is only proposed."""
    value = int(document.annotation[y, x])
    if value < len(document.classes):
        return value, False
    value = int(document.proposed(Rect(x, y, x + 1, y + 1))[0, 0])
    return (value, True) if value < len(document.classes) else (VOID, False)
