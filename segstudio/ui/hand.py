"""What is in the hand: the tool, the class and the options, kept the same in canvas, options and class panel."""

from collections.abc import Mapping

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QShortcut

from segstudio.core.classes import VOID
from segstudio.core.keymap import Keymap
from segstudio.core.tools.base import Kit, Operation, Palette, ToolName
from segstudio.core.tools.catalogue import make_tools
from segstudio.ui.session import Session
from segstudio.ui.springs import Springs
from segstudio.ui.workbench import Workbench

_SIZE_STEP = 1.1


class Hand(QObject):
    """Chooses tools, classes and options, and shows what is chosen.

    Args:
        session: the open project.
        bench: where it is shown.
        kit: what the tools share; its `picked` is answered here.
        actions: by tool, the action that takes it: holding its key lends the tool.
        keymap: the keys of the classes.
        parent: owner.

    Signals:
        tool_changed(): another tool, or another operation of the region tool, is in the hand.
    """

    tool_changed = Signal()

    def __init__(
        self,
        session: Session,
        bench: Workbench,
        kit: Kit,
        actions: Mapping[ToolName, QAction],
        keymap: Keymap,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._bench = bench
        self._palette = kit.palette
        kit.picked = self.choose_class
        self._tools = make_tools(kit)
        self.tool: ToolName = "brush"
        self._keys: list[QShortcut] = []
        self._springs = Springs(actions, self)
        self._springs.back.connect(self.choose_tool)
        if self._palette.over != VOID:
            self._palette.over = None  # a class of another project
        self._palette.choose(min(1, max(0, len(session.classes) - 1)))  # the first class is the background, as a rule
        self.set_keymap(keymap)
        self.choose_tool("brush")
        self.show_class()

    @property
    def palette(self) -> Palette:
        """What is in the hand."""
        return self._palette

    def close(self) -> None:
        """Give the keys of the classes back and put the tool down."""
        self._springs.close()
        self._drop_keys()

    def choose_tool(self, name: ToolName) -> None:
        """Take a tool into the hand."""
        tool, canvas = self._tools[name], self._bench.canvas
        if canvas.tool is not tool and canvas.painting:
            canvas.finish_stroke()  # first: a tool that was borrowed for this stroke goes back by that
        previous, self.tool = self.tool, name
        if canvas.tool is not tool:
            canvas.set_tool(tool)
        self._bench.options.set_tool(name, tool.label)
        self._springs.took(name, previous)
        self.tool_changed.emit()

    def choose_operation(self, operation: Operation) -> None:
        """Take the region tool into the hand, for one of the things it can do."""
        self.set_option("operation", operation)
        self.choose_tool("region")

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
        over = self._palette.over
        if over is not None and over != VOID and over >= len(self._session.classes):
            self._palette.over = None
        self.show_options()

    def toggle_lock(self, index: int) -> None:
        """Lock a class against gestures, or unlock it."""
        classes = self._session.classes
        if index < len(classes):
            self._session.set_classes(classes.change(index, locked=not classes[index].locked))

    def scale_size(self, steps: int) -> None:
        """Make the brush larger by steps of ten percent, or smaller when negative."""
        self._palette.resize(_SIZE_STEP**steps)
        self.show_options()

    def set_option(self, field: str, value: object) -> None:
        """Set an option of the tools, by its name in `Palette`."""
        setattr(self._palette, field, value)
        self.show_options()
        if field == "operation":
            self.tool_changed.emit()

    def show_options(self) -> None:
        """Show the options as they are; they may have been changed on the canvas."""
        classes = self._session.classes
        self._bench.options.set_palette(self._palette, classes.names, [item.color for item in classes])
        self._bench.canvas.options_changed()

    def stroke_began(self) -> None:
        """A tool went to work: if its key is held, it was borrowed for this."""
        self._springs.used()

    def stroke_ended(self) -> None:
        """The tool is done; its own option may be another one, and one that was borrowed goes back."""
        self.show_options()
        self._springs.ended()

    def set_keymap(self, keymap: Keymap) -> None:
        """Bind the keys of the classes anew."""
        self._drop_keys()
        for at in range(10):
            for name, act in ((f"class_{at + 1}", self.choose_class), (f"lock_class_{at + 1}", self.toggle_lock)):
                for keys in keymap.keys(name):
                    shortcut = QShortcut(QKeySequence(keys), self._bench)
                    shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
                    shortcut.activated.connect(lambda act=act, at=at: act(at))
                    self._keys.append(shortcut)

    def _drop_keys(self) -> None:
        for shortcut in self._keys:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._keys.clear()
