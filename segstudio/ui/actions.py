"""The table of actions as living menus and shortcuts."""

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolButton, QWidget

from segstudio.core.keymap import Keymap
from segstudio.ui.action_table import ACTIONS, MENUS, SPECS, ActionSpec, AppState, default_keys, native, tooltip
from segstudio.ui.icons import icon, icon_names
from segstudio.ui.theme import Tokens


class ActionSet(QObject):
    """The table as living `QAction` objects.

    Args:
        parent: the window; shortcuts work while it is active.
        handlers: what to do, by action id; every id of the table must be there.
        tokens: colours of the icons.

    Signals:
        keys_changed(object): other keys are in force; carries `keys`, to be asked for any of them.

    Raises:
        KeyError: naming the ids without a handler, or the handlers without an id.
    """

    keys_changed = Signal(object)

    def __init__(self, parent: QWidget, handlers: Mapping[str, Callable[[], None]], tokens: Tokens) -> None:
        super().__init__(parent)
        self.specs: Mapping[str, ActionSpec] = SPECS
        if strangers := self.specs.keys() ^ handlers.keys():
            raise KeyError(f"actions and handlers differ in {', '.join(sorted(strangers))}")
        self._groups: dict[str, QActionGroup] = {}
        self._keymap: Keymap | None = None
        self._actions: dict[str, QAction] = {spec.id: self._make(spec, parent, handlers[spec.id]) for spec in ACTIONS}
        self.state = AppState()
        self.set_tokens(tokens)
        self.refresh(self.state)

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def all(self) -> list[tuple[ActionSpec, QAction]]:
        """Every action with its row of the table, in the table's order."""
        return [(spec, self._actions[spec.id]) for spec in ACTIONS]

    def keys(self, name: str) -> tuple[str, ...]:
        """The keys that an action, or another row of the keymap, has now, as this platform writes them."""
        return default_keys(name) if self._keymap is None else tuple(native(key) for key in self._keymap.keys(name))

    def set_keymap(self, keymap: Keymap) -> None:
        """Give every action the keys of a keymap."""
        self._keymap = keymap
        for spec, action in self.all():
            action.setShortcuts([QKeySequence(keys) for keys in keymap.keys(spec.id)])
            action.setToolTip(tooltip(spec, self.keys))
        self.keys_changed.emit(self.keys)

    def move_to(self, canvas: QWidget) -> None:
        """Let the keys that are the canvas's own act there and nowhere else."""
        for spec, action in self.all():
            if spec.canvas:
                action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
                canvas.addAction(action)

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
        if spec.group == "tool":
            action.setAutoRepeat(False)
        if isinstance(parent, QWidget) and not spec.canvas:
            parent.addAction(action)  # so that its shortcuts work before and without a menu bar
        return action


_ROLES = {"quit": QAction.MenuRole.QuitRole, "about": QAction.MenuRole.AboutRole}


def search_button(action: QAction, spec: ActionSpec) -> QToolButton:
    """The "Search commands… Ctrl+K" field at the right of the menu bar; `label_search` writes on it."""
    button = QToolButton()
    button.setProperty("role", "search")
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    label_search(button, spec, spec.keys)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
    button.setAccessibleName(spec.title)
    button.clicked.connect(lambda: action.trigger())
    return button


def label_search(button: QToolButton, spec: ActionSpec, keys: str) -> None:
    """Write on the search field which keys open it, and tell them in its tooltip."""
    button.setText(f"{spec.text}   {keys}".rstrip())
    button.setToolTip(tooltip(spec, lambda _name: (keys,) if keys else ()))


def _submenu(made: dict[str, QMenu], path: str) -> QMenu:
    top, _, sub = path.partition("/")
    made[path] = made[top].addMenu(sub)
    return made[path]
