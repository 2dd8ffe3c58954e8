"""The table of actions as living menus and shortcuts."""

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolButton, QWidget

from segstudio.core.keymap import Keymap
from segstudio.ui.action_table import ACTIONS, MENUS, ActionSpec, AppState, native, tooltip
from segstudio.ui.icons import icon, icon_names
from segstudio.ui.theme import Tokens


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
        self._keys: dict[str, tuple[str, ...]] = {spec.id: spec.shortcuts for spec in ACTIONS}
        self._actions: dict[str, QAction] = {spec.id: self._make(spec, parent, handlers[spec.id]) for spec in ACTIONS}
        self.state = AppState()
        self.set_tokens(tokens)
        self.refresh(self.state)

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def all(self) -> list[tuple[ActionSpec, QAction]]:
        """Every action with its row of the table, in the table's order."""
        return [(spec, self._actions[spec.id]) for spec in ACTIONS]

    def keys(self, action_id: str) -> tuple[str, ...]:
        """The keys an action has now, as this platform writes them."""
        return tuple(native(keys) for keys in self._keys[action_id])

    def set_keymap(self, keymap: Keymap) -> None:
        """Give every action the keys of a keymap."""
        for spec, action in self.all():
            self._keys[spec.id] = keymap.keys(spec.id)
            action.setShortcuts([QKeySequence(keys) for keys in self._keys[spec.id]])
            action.setToolTip(tooltip(spec, next(iter(self.keys(spec.id)), "")))

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
    button.setToolTip(action.toolTip())
    button.setAccessibleName(spec.title)
    button.clicked.connect(lambda: action.trigger())
    return button


def label_search(button: QToolButton, spec: ActionSpec, keys: str) -> None:
    """Write on the search field which keys open it."""
    button.setText(f"{spec.text}   {keys}".rstrip())


def _submenu(made: dict[str, QMenu], path: str) -> QMenu:
    top, _, sub = path.partition("/")
    made[path] = made[top].addMenu(sub)
    return made[path]
