"""The one table of actions: menus, toolbar, shortcuts, command palette and the page of shortcuts read it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolBar, QToolButton, QWidget

from segstudio.ui.icons import icon, icon_names
from segstudio.ui.theme import Mode, Tokens


@dataclass(frozen=True, slots=True)
class AppState:
    """What decides which actions can be used and which are checked.

    Attributes:
        project_open, image_open: there is one.
        images: the project has more than one image to go to.
        can_undo, can_redo: of the open image.
        training, stopping: a run is going, and was asked to stop.
        predicting: a prediction of many images is going.
        model: a model is in use.
        proposal: the open image has a proposal.
        reviewed: the open image is marked so.
        tool: ``brush`` or ``eraser``.
        annotation_shown, proposal_shown: the layers.
        theme: the chosen one.
    """

    project_open: bool = False
    image_open: bool = False
    images: bool = False
    can_undo: bool = False
    can_redo: bool = False
    training: bool = False
    stopping: bool = False
    predicting: bool = False
    model: bool = False
    proposal: bool = False
    reviewed: bool = False
    tool: str = "brush"
    annotation_shown: bool = True
    proposal_shown: bool = True
    theme: Mode = "dark"


Test = Callable[[AppState], bool]


def _always(_state: AppState) -> bool:
    return True


def _project(state: AppState) -> bool:
    return state.project_open


def _image(state: AppState) -> bool:
    return state.image_open


def _images(state: AppState) -> bool:
    return state.image_open and state.images


def _proposal(state: AppState) -> bool:
    return state.image_open and state.proposal


def _can_predict(state: AppState) -> bool:
    return state.image_open and state.model


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One thing the program can be told to do.

    Attributes:
        id: how code calls it.
        text: in menus; an ellipsis says that a question follows.
        menu: title of its menu, ``View/Theme`` for a menu in a menu.
        shortcuts: portable key sequences, the first is the one shown.
        icon: name in ``resources/icons``, or empty.
        tip: one line: what it does.
        enabled: whether it can be used.
        checked: whether it is on; None for actions that are not on or off.
        group: of the actions with one group, one is on.
        rule: a line above it in its menu.
    """

    id: str
    text: str
    menu: str
    shortcuts: tuple[str, ...]
    icon: str
    tip: str
    enabled: Test
    checked: Test | None = None
    group: str = ""
    rule: bool = False

    @property
    def checkable(self) -> bool:
        """Whether it is an on-off action."""
        return self.checked is not None

    @property
    def keys(self) -> str:
        """Its first shortcut as this platform writes it; empty without one."""
        return native(self.shortcuts[0]) if self.shortcuts else ""

    @property
    def title(self) -> str:
        """Its text without the ellipsis."""
        return self.text.rstrip("…")


def native(shortcut: str) -> str:
    """A portable key sequence as this platform writes it."""
    return QKeySequence(shortcut).toString(QKeySequence.SequenceFormat.NativeText)


A = ActionSpec
# fmt: off
ACTIONS: tuple[ActionSpec, ...] = (
    A("new_project", "New project…", "File", ("Ctrl+N",), "new", "Label a folder of images", _always),
    A("open_project", "Open project…", "File", ("Ctrl+O",), "open", "Open a project folder", _always),
    A("open_demo", "Try the demo", "File", (), "demo", "Open a small project to play with", _always),
    A("close_project", "Close project", "File", ("Ctrl+W",), "reject", "Back to the start screen", _project),
    A("add_images", "Add images…", "File", ("Ctrl+Shift+I",), "image",
      "Add a folder of images to this project", _project, rule=True),
    A("export_masks", "Export masks…", "File", ("Ctrl+E",), "export", "Write the annotations as mask images", _project),
    A("quit", "Quit", "File", ("Ctrl+Q",), "quit", "Leave; everything is saved", _always, rule=True),
    A("undo", "Undo", "Edit", ("Ctrl+Z",), "undo", "Take back the last stroke", lambda s: s.can_undo),
    A("redo", "Redo", "Edit", ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", "Bring the stroke back", lambda s: s.can_redo),
    A("tool_brush", "Brush", "Edit", ("B",), "brush",
      "Paint the chosen class; right-drag erases", _image, lambda s: s.tool == "brush", "tool", rule=True),
    A("tool_eraser", "Eraser", "Edit", ("E",), "eraser",
      "Take labels away", _image, lambda s: s.tool == "eraser", "tool"),
    A("brush_smaller", "Smaller brush", "Edit", ("[",), "minus", "Shift+wheel does it too", _image, rule=True),
    A("brush_larger", "Larger brush", "Edit", ("]",), "plus", "Shift+wheel does it too", _image),
    A("swap_class", "Swap with the last class", "Edit", ("X",), "swap", "Back to the class used before", _image),
    A("fit", "Fit image", "View", ("F", "Ctrl+F"), "fit", "Show the whole image", _image),
    A("actual_size", "Actual size", "View", ("Ctrl+1",), "actual-size", "One image pixel on one screen pixel", _image),
    A("zoom_in", "Zoom in", "View", ("Ctrl+=", "Ctrl++"), "zoom-in", "The wheel zooms at the cursor", _image),
    A("zoom_out", "Zoom out", "View", ("Ctrl+-",), "zoom-out", "The wheel zooms at the cursor", _image),
    A("toggle_annotation", "Show annotation", "View", ("V",), "eye",
      "Show or hide what you painted", _image, lambda s: s.annotation_shown, rule=True),
    A("toggle_proposal", "Show proposal", "View", ("Shift+V",), "layers",
      "Show or hide what the model says", _image, lambda s: s.proposal_shown),
    A("opacity_up", "More opaque", "View", ("O",), "opacity", "Labels cover more of the image", _image),
    A("opacity_down", "More transparent", "View", ("Shift+O",), "opacity", "More of the image shows through", _image),
    A("theme_dark", "Dark", "View/Theme", (), "moon",
      "Neutral dark grey, best for judging colours", _always, lambda s: s.theme == "dark", "theme", rule=True),
    A("theme_light", "Light", "View/Theme", (), "sun",
      "For bright rooms", _always, lambda s: s.theme == "light", "theme"),
    A("theme_system", "As the system", "View/Theme", (), "monitor",
      "Dark or light as the desktop is", _always, lambda s: s.theme == "system", "theme"),
    A("previous_image", "Previous image", "Image", ("A", "PgUp"), "previous", "Go one image back", _images),
    A("next_image", "Next image", "Image", ("D", "PgDown"), "next", "Go one image on", _images),
    A("next_suggested", "Next suggested image", "Image", ("N",), "suggested",
      "Go to the next image without labels, then to what is begun", _images),
    A("mark_reviewed", "Mark reviewed", "Image", ("R",), "reviewed",
      "Say that this image is finished", _image, lambda s: s.reviewed, rule=True),
    A("train", "Train", "Model", ("Ctrl+T",), "train",
      "Fine-tune on all labels; you can go on painting", lambda s: s.project_open and not s.training),
    A("stop", "Stop training", "Model", ("Ctrl+.",), "stop",
      "Stop; the best model so far stays", lambda s: s.training and not s.stopping),
    A("predict_image", "Predict this image", "Model", ("Ctrl+P",), "predict",
      "Propose labels for the open image", _can_predict, rule=True),
    A("predict_all", "Predict all images", "Model", (), "predict",
      "Propose labels for every image", lambda s: s.project_open and s.images and s.model and not s.predicting),
    A("accept_region", "Accept region", "Review", ("Return", "Enter"), "check",
      "Take over the proposed region under the cursor", _proposal),
    A("accept_all", "Accept all", "Review", ("Ctrl+Return", "Ctrl+Enter"), "check-all",
      "Take over everything above the confidence threshold", _proposal),
    A("reject_region", "Reject region", "Review", ("Backspace",), "reject",
      "Drop the proposed region under the cursor", _proposal),
    A("palette", "Search commands…", "Help", ("Ctrl+K", "Ctrl+Shift+P"), "search", "Find any command by name", _always),
    A("shortcuts", "Keyboard and mouse", "Help", ("F1",), "keyboard", "All keys on one page", _always),
    A("log_folder", "Open the log folder", "Help", (), "folder", "Where the program writes what happened", _always),
    A("about", "About SegStudio", "Help", (), "info", "Version and licence", _always, rule=True),
)
# fmt: on
MENUS = ("File", "Edit", "View", "Image", "Model", "Review", "Help")
TOOLS: tuple[str | None, ...] = (
    "tool_brush", "tool_eraser", None, "undo", "redo", None, "fit", "actual_size", None,
    "toggle_annotation", "toggle_proposal",
)  # fmt: skip


class ActionSet:
    """The table as living `QAction` objects.

    Args:
        parent: the window; shortcuts work while it is active.
        handlers: what to do, by action id; every id of the table must be there.
        tokens: colours of the icons.

    Raises:
        KeyError: naming the ids without a handler, or the handlers without an id.
    """

    def __init__(self, parent: QWidget, handlers: Mapping[str, Callable[[], None]], tokens: Tokens) -> None:
        self.specs: Mapping[str, ActionSpec] = {spec.id: spec for spec in ACTIONS}
        if strangers := self.specs.keys() ^ handlers.keys():
            raise KeyError(f"actions and handlers differ in {', '.join(sorted(strangers))}")
        self._groups: dict[str, QActionGroup] = {}
        self._actions: dict[str, QAction] = {spec.id: self._make(spec, parent, handlers[spec.id]) for spec in ACTIONS}
        self.state = AppState()
        self.set_tokens(tokens)
        self.refresh(self.state)

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def all(self) -> list[tuple[ActionSpec, QAction]]:
        """Every action with its row of the table, in the table's order."""
        return [(spec, self._actions[spec.id]) for spec in ACTIONS]

    def refresh(self, state: AppState) -> None:
        """Enable and check what the state says."""
        self.state = state
        for spec, action in self.all():
            action.setEnabled(spec.enabled(state))
            if spec.checked is not None:
                action.setChecked(spec.checked(state))

    def set_tokens(self, tokens: Tokens) -> None:
        """Draw the icons in the colours of a theme."""
        drawn = icon_names()
        for spec, action in self.all():
            if not spec.icon:
                continue
            if f"{spec.icon}-off" in drawn:
                # What is usually on is calm while it is, and struck through when it is not.
                action.setIcon(icon(spec.icon, tokens, checked=tokens.icon, off=f"{spec.icon}-off"))
            else:
                action.setIcon(icon(spec.icon, tokens))

    def menus(self, bar: QMenuBar) -> None:
        """Fill a menu bar."""
        made = {title: bar.addMenu(f"&{title}") for title in MENUS}
        for spec, action in self.all():
            top, _, sub = spec.menu.partition("/")
            if spec.rule:
                made[top].addSeparator()
            menu = made[top]
            if sub:
                menu = made.get(spec.menu) or _submenu(made, spec.menu)
            menu.addAction(action)

    def toolbar(
        self,
        title: str = "Tools",
        ids: Iterable[str | None] = TOOLS,
        orientation: Qt.Orientation = Qt.Orientation.Vertical,
    ) -> QToolBar:
        """A fixed bar of 32 px icon buttons; None in ``ids`` is a line."""
        bar = QToolBar(title)
        bar.setObjectName(title)
        bar.setOrientation(orientation)
        bar.setMovable(False)
        bar.setFloatable(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        bar.setIconSize(QSize(20, 20))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        for action_id in ids:
            if action_id is None:
                bar.addSeparator()
                continue
            bar.addAction(self[action_id])
            button = bar.widgetForAction(self[action_id])
            if isinstance(button, QToolButton):
                button.setFixedSize(32, 32)
                button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                button.setAccessibleName(self.specs[action_id].title)
                if self.specs[action_id].checkable and not self.specs[action_id].group:
                    button.setProperty("role", "plain")
        return bar

    def _make(self, spec: ActionSpec, parent: QObject, handler: Callable[[], None]) -> QAction:
        action = QAction(spec.text, parent)
        action.setObjectName(spec.id)
        action.setShortcuts([QKeySequence(keys) for keys in spec.shortcuts])
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setToolTip(tooltip(spec))
        action.setIconVisibleInMenu(False)
        action.setMenuRole(_ROLES.get(spec.id, QAction.MenuRole.NoRole))
        if spec.checkable:
            action.setCheckable(True)
            if spec.group:
                group = self._groups.setdefault(spec.group, QActionGroup(parent))
                group.addAction(action)
        action.triggered.connect(lambda _checked=False: handler())
        if isinstance(parent, QWidget):
            parent.addAction(action)  # so that its shortcuts work before and without a menu bar
        return action


_ROLES = {"quit": QAction.MenuRole.QuitRole, "about": QAction.MenuRole.AboutRole}


def tooltip(spec: ActionSpec) -> str:
    """Title, shortcut and what it does, in two lines."""
    first = f"{spec.title} ({spec.keys})" if spec.keys else spec.title
    return f"{first}\n{spec.tip}"


def search_button(action: QAction, spec: ActionSpec) -> QToolButton:
    """The "Search commands… Ctrl+K" field at the right of the menu bar."""
    button = QToolButton()
    button.setProperty("role", "search")
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setText(f"{spec.text}   {spec.keys}")
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
    button.setToolTip(action.toolTip())
    button.setAccessibleName(spec.title)
    button.clicked.connect(lambda: action.trigger())
    return button


def _submenu(made: dict[str, QMenu], path: str) -> QMenu:
    top, _, sub = path.partition("/")
    made[path] = made[top].addMenu(sub)
    return made[path]
