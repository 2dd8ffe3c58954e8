"""What is in the hand: the tool, the class and the brush size, kept the same in canvas, options and class panel."""

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut

from segstudio.core.tools import Palette, ToolName, make_tools
from segstudio.ui.session import Session
from segstudio.ui.workbench import Workbench

_SIZE_STEP = 1.1


class Hand(QObject):
    """Chooses tools, classes and sizes, and shows what is chosen.

    Signals:
        tool_changed(): another tool is in the hand.
    """

    tool_changed = Signal()

    def __init__(self, session: Session, bench: Workbench, palette: Palette, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._bench = bench
        self._palette = palette
        self._tools = make_tools(palette)
        self.tool: ToolName = "brush"
        self._keys: list[QShortcut] = []
        bench.options.set_size(palette.size)
        palette.choose(min(1, max(0, len(session.classes) - 1)))  # the first class is the background, as a rule
        self._add_digit_keys()
        self.choose_tool("brush")
        self.show_class()

    def close(self) -> None:
        """Give the digit keys back."""
        for shortcut in self._keys:
            shortcut.deleteLater()
        self._keys.clear()

    def choose_tool(self, name: ToolName) -> None:
        """Take a tool into the hand."""
        self.tool = name
        self._bench.canvas.set_tool(self._tools[name])
        self._bench.options.set_tool(self._tools[name].label, name)
        self.tool_changed.emit()

    def choose_class(self, index: int) -> None:
        """Take a class into the hand, if there is one of that index."""
        if index < len(self._session.classes):
            self._palette.choose(index)
            self.show_class()

    def swap_class(self) -> None:
        """Take the class back that was in the hand before."""
        if self._palette.previous < len(self._session.classes):
            self._palette.swap()
            self.show_class()

    def show_class(self) -> None:
        """Show the classes and which one is in the hand."""
        self._bench.classes.set_classes(self._session.classes, self._palette.value)
        self._bench.canvas.palette_changed()

    def toggle_lock(self, index: int) -> None:
        """Lock a class against gestures, or unlock it."""
        classes = self._session.classes
        if index < len(classes):
            self._session.set_classes(classes.change(index, locked=not classes[index].locked))

    def scale_size(self, steps: int) -> None:
        """Make the brush larger by steps of ten percent, or smaller when negative."""
        self._palette.resize(_SIZE_STEP**steps)
        self._bench.options.set_size(self._palette.size)
        self._bench.canvas.palette_changed()

    def set_size(self, size: int) -> None:
        """Set the brush diameter in image pixels."""
        self._palette.size = size
        self._bench.canvas.palette_changed()

    def _add_digit_keys(self) -> None:
        for digit in range(10):
            index = (digit - 1) % 10  # 1 is the first class, 0 the tenth
            for keys, act in ((f"{digit}", self.choose_class), (f"Shift+{digit}", self.toggle_lock)):
                shortcut = QShortcut(QKeySequence(keys), self._bench)
                shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
                shortcut.activated.connect(lambda act=act, index=index: act(index))
                self._keys.append(shortcut)
