"""What is in the hand: the tool, the class and the options, kept the same in canvas, options and class panel."""

from collections.abc import Mapping

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QShortcut

from segstudio.core.classes import VOID
from segstudio.core.keymap import Keymap
from segstudio.core.tools.base import Kit, Operation, Palette, ToolName
from segstudio.core.tools.catalogue import make_tools
from segstudio.core.tools.points import PointTool, Shape
from segstudio.ui.action_table import KEYED_CLASSES, ActionSpec
from segstudio.ui.panels.option_fields import color_icon
from segstudio.ui.session import Session
from segstudio.ui.springs import Springs
from segstudio.ui.workbench import Workbench

_SIZE_STEP = 1.1
# What is open of the tools whose shape may wait.
_SHAPES: dict[ToolName, str] = {"polygon": "polygon", "scissors": "outline", "measure": "measurement"}


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
        self._say = kit.say
        kit.picked = self.choose_class
        kit.turned = self._show_palette
        self._tools = make_tools(kit)
        self.tool: ToolName = "brush"
        self._keys: list[QShortcut] = []
        self._commands: list[QAction] = []
        self._actions = actions
        self._keymap = keymap
        self._aside: dict[str, dict[ToolName, Shape]] = {}  # open shapes by image and tool
        self._left = ""  # the image that was left last, when a shape waits there
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

    def close(self) -> str:
        """Give the keys of the classes back and put the tool down; a line about open shapes that are lost with it."""
        self._springs.close()
        self._drop_keys()
        lost = [f"the open {_SHAPES[name]} in {key}" for key, shapes in self._aside.items() for name in shapes]
        return f"{' and '.join(lost)} {'was' if len(lost) == 1 else 'were'} dropped".capitalize() if lost else ""

    # Open shapes

    def leave_image(self) -> None:
        """The image in hand is let go: what is open on it waits there."""
        self._left = ""
        if (key := self._session.key) is None:
            return
        for name in _SHAPES:
            tool = self._tools[name]
            if isinstance(tool, PointTool) and (shape := tool.lay_aside()) is not None:
                self._aside.setdefault(key, {})[name] = shape
                self._left = key

    def take_up_shapes(self) -> str:
        """Another image is in the hand: what waited on it is there again. What to say of shapes, to be appended."""
        image, said = self._session.image, ""
        if self._left:
            said = f"  ·  an open {_SHAPES[next(iter(self._aside[self._left]))]} waits in {self._left}"
        if image is not None:
            for name, shape in self._aside.pop(image.key, {}).items():
                tool = self._tools[name]
                if isinstance(tool, PointTool):
                    tool.take_up(image.document, shape)
                if name != self.tool:
                    said = f"  ·  {self._waits(name)}"
            self._bench.canvas.options_changed()
        return said

    def _waits(self, name: ToolName) -> str:
        key = self._actions[name].shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        return f"The {_SHAPES[name]} waits: {key or self._tools[name].label} goes on with it"

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
        if previous != name and previous in _SHAPES and self._tools[previous].unfinished:
            self._say(self._waits(previous))

    def choose_operation(self, operation: Operation) -> None:
        """Take the region tool into the hand, for one of the things it can do."""
        self.set_option("operation", operation)
        self.choose_tool("region")

    def choose_class(self, index: int) -> None:
        """Take a class into the hand, if there is one of that index."""
        count = len(self._session.classes)
        if index < count:
            self._palette.choose(index)
            self.show_class()
        elif count:
            self._say(f"There {'is' if count == 1 else 'are'} {count} class{'es' if count > 1 else ''}")
        else:
            self._say("There are no classes yet: add one in the panel of classes")

    def step_class(self, by: int) -> None:
        """Take the class so many places further down into the hand; behind the last comes the first."""
        classes = self._session.classes
        if len(classes):
            self.choose_class((self._palette.value + by) % len(classes))
            self._say(f"Class {classes[self._palette.value].name}")

    def class_commands(self) -> list[tuple[ActionSpec, QAction]]:
        """Choosing each class as a command; the actions hold until they are asked for again."""
        for action in self._commands:
            action.deleteLater()
        commands = []
        for item in self._session.classes:
            name, keyed = f"class_{item.index + 1}", item.index < KEYED_CLASSES
            keys = self._keymap.keys(name) if keyed else ()
            spec = ActionSpec(name, f"Class: {item.name}", "Classes", keys, "", f"Paint {item.name}", lambda _s: True)
            action = QAction(color_icon(item.color), spec.text, self)
            action.setShortcuts([QKeySequence(key) for key in keys])  # to be shown: it acts in no window
            action.triggered.connect(lambda _on=False, index=item.index: self.choose_class(index))
            commands.append((spec, action))
        self._commands = [action for _, action in commands]
        return commands

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
        self._show_palette()
        self._bench.canvas.options_changed()

    def _show_palette(self) -> None:
        classes = self._session.classes
        self._bench.options.set_palette(self._palette, classes.names, [item.color for item in classes])

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
        self._keymap = keymap
        for at in range(KEYED_CLASSES):
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
