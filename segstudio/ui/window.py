"""The main window: start screen or workbench, menus, and the projects that come and go in it."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QByteArray, Qt, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMessageBox, QStackedWidget

from segstudio.core.keymap import Keymap
from segstudio.core.tools.base import Palette
from segstudio.errors import SegStudioError
from segstudio.storage.preferences import Preferences
from segstudio.storage.project import Project
from segstudio.ui.action_table import ACTIONS, TOOL_ORDER, AppState, key_of
from segstudio.ui.actions import ActionSet, label_search, search_button
from segstudio.ui.desk import Desk
from segstudio.ui.dialogs.key_table import key_rows, make_keymap
from segstudio.ui.dialogs.new_project import NewProjectDialog
from segstudio.ui.dropping import local_paths, sort_out
from segstudio.ui.exchange import Exchange
from segstudio.ui.jobs import Jobs
from segstudio.ui.opening import Opener
from segstudio.ui.panels.status import StatusLine
from segstudio.ui.panels.tabbing import step_focus
from segstudio.ui.start import RecentProject, StartScreen
from segstudio.ui.theme import Mode, Tokens
from segstudio.ui.workbench import Workbench

log = logging.getLogger(__name__)
_TITLE = "SegStudio"
_CLOSE_SECONDS = 10.0
_GEOMETRY = "window geometry"
_DESK = "desk"
_KEYS = "keys"


class Window(QMainWindow):
    """One window, with at most one project open in it.

    Args:
        jobs: runs what must not run on the GUI thread.
        preferences: recent projects, window geometry, theme.
        tokens: colours of the theme in force.

    Signals:
        theme_wanted(str): the person chose ``dark``, ``light`` or ``system``; answer with `set_tokens`.
        project_opened(), project_closed(): after it happened.
    """

    theme_wanted = Signal(str)
    project_opened = Signal()
    project_closed = Signal()

    def __init__(self, jobs: Jobs, preferences: Preferences, tokens: Tokens) -> None:
        super().__init__()
        self.desk: Desk | None = None
        self._jobs = jobs
        self._preferences = preferences
        self._tokens = tokens
        self._palette = Palette()
        self._mode: Mode = "dark"
        self._leaving: list[Desk] = []
        self.setWindowTitle(_TITLE)
        self.setAcceptDrops(True)
        self.setMinimumSize(900, 620)
        self.actions_ = ActionSet(self, {spec.id: self._handler(spec.id) for spec in ACTIONS}, tokens)
        self.actions_.menus(self.menuBar())
        self._search = search_button(self.actions_["palette"], self.actions_.specs["palette"])
        self.menuBar().setCornerWidget(self._search, Qt.Corner.TopRightCorner)
        self.opener = Opener(jobs, self)
        self.opener.opened.connect(self._enter)
        self.status = StatusLine(tokens)
        self.setStatusBar(self.status)
        self._exchange = Exchange(self.status, self)
        self.opener.working.connect(lambda what: self.status.set_job(what, None, False))
        self.opener.failed.connect(self.complain)
        self.start = StartScreen(tokens)
        self.start.new_requested.connect(self.ask_new_project)
        self.start.open_requested.connect(self._open_or_ask)
        self.start.demo_requested.connect(lambda: self.opener.open_demo())
        self.start.forget_requested.connect(self._forget)
        self.start.refused.connect(self.complain)
        self.bench = Workbench(self._palette, self.actions_, tokens)
        self.actions_.keys_changed.connect(self.start.set_keys)
        self._rows = key_rows()
        self._keymap = make_keymap(self._rows, preferences.get(_KEYS))
        self._bind()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.start)
        self._stack.addWidget(self.bench)
        self.setCentralWidget(self._stack)
        self._restore_geometry()
        self._show_start()

    # Projects

    def open_project(self, folder: Path) -> None:
        """Open a project, without blocking; the one that is open is closed first."""
        self.opener.open(folder)

    def ask_new_project(self, images: Path | None = None) -> None:
        """Ask what the new project shall be, beginning with a folder of images when one is given."""
        dialog = NewProjectDialog(images if isinstance(images, Path) else None, self._tokens, self)
        if dialog.exec():
            self.opener.create(dialog.result_values())
        dialog.deleteLater()

    def close_project(self) -> bool:
        """Put everything on disk and go back to the start screen; whether that was done."""
        if self.desk is None:
            return True
        self._keep(_DESK, self.desk.kept())
        try:
            self.desk.close()
        except SegStudioError as error:
            if not self._give_up(error):
                return False
            self.desk.close(discard=True)
        desk, self.desk = self.desk, None
        if desk.jobs.busy:
            self._leaving.append(desk)
            desk.jobs.drained.connect(lambda: self._dismiss(desk))
        else:
            self._dismiss(desk)
        self.bench.strip.set_records(())
        self._show_start()
        self.project_closed.emit()
        return True

    def _dismiss(self, desk: Desk) -> None:
        """Close the project of a desk whose last job has ended."""
        if desk in self._leaving:
            self._leaving.remove(desk)
        desk.session.project.close()
        desk.deleteLater()

    def _give_up(self, error: SegStudioError) -> bool:
        """Ask whether to close although strokes could not be saved."""
        self.complain(str(error))
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setText("Your last strokes could not be saved.")
        box.setInformativeText(str(error))
        stay = box.addButton("Keep working", QMessageBox.ButtonRole.RejectRole)
        leave = box.addButton("Close and lose them", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(stay)
        box.exec()
        return box.clickedButton() is leave

    def _enter(self, project: Project, problems: tuple[str, ...]) -> None:
        if not self.close_project():
            project.close()
            return
        self._remember(project.folder)
        tools = {name: self.actions_[f"tool_{name}"] for name in TOOL_ORDER if name is not None}
        kept = self._preferences.get(_DESK)
        self.desk = Desk(project, self.bench, self._palette, tools, self._keymap, kept, self.status, self)
        self.desk.jobs.crashed.connect(self._jobs.crashed)
        self.desk.crashed.connect(self._jobs.crashed)
        self.desk.state_changed.connect(self._refresh)
        self._stack.setCurrentWidget(self.bench)
        self.setWindowTitle(f"{project.name} - {_TITLE}")
        self.bench.canvas.setFocus()
        self._refresh()
        self._exchange.tell(problems, "")
        self.project_opened.emit()

    def _remember(self, folder: Path) -> None:
        try:
            self._preferences.add_recent(folder)
        except SegStudioError as error:
            log.warning("%s", error)

    def _show_start(self) -> None:
        self.setWindowTitle(_TITLE)
        self._show_recent()
        self._stack.setCurrentWidget(self.start)
        self._refresh()

    def _show_recent(self) -> None:
        self.start.set_recent([RecentProject(path, missing=not path.is_dir()) for path in self._preferences.recent])

    def _forget(self, folder: Path) -> None:
        try:
            self._preferences.forget_recent(folder)
        except SegStudioError as error:
            self.complain(str(error))
        self._show_recent()

    def _open_or_ask(self, folder: Path | None) -> None:
        if folder is not None:
            self.open_project(folder)
        elif chosen := QFileDialog.getExistingDirectory(self, "Open project"):
            self.open_project(Path(chosen))

    # Actions

    def _handler(self, action_id: str) -> Callable[[], None]:
        def handle() -> None:
            own = self._own_handlers().get(action_id)
            act = own if own is not None else self.desk.handlers().get(action_id) if self.desk is not None else None
            if act is not None:
                act()

        return handle

    def _own_handlers(self) -> dict[str, Callable[[], object]]:
        return {
            "new_project": self.ask_new_project,
            "open_project": lambda: self._open_or_ask(None),
            "open_demo": lambda: self.opener.open_demo(),
            "close_project": self.close_project,
            "add_images": lambda: self._with_desk(self._exchange.ask_add),
            "export_masks": lambda: self._with_desk(self._exchange.ask_export),
            "quit": self.close,
            "theme_dark": lambda: self.theme_wanted.emit("dark"),
            "theme_light": lambda: self.theme_wanted.emit("light"),
            "theme_system": lambda: self.theme_wanted.emit("system"),
            "palette": self.open_palette,
            "shortcuts": self.show_shortcuts,
            "keys": self.change_keys,
            "log_folder": self._open_logs,
            "about": self._about,
        }

    def _with_desk(self, act: Callable[[Desk], None]) -> None:
        if self.desk is not None:
            act(self.desk)

    def open_palette(self) -> None:
        """Search commands by name."""
        from segstudio.ui.dialogs.palette import CommandPalette

        classes = [] if self.desk is None else self.desk.class_commands()
        CommandPalette([*self.actions_.all(), *classes], self._tokens, self).open_over()

    def show_shortcuts(self) -> None:
        """Show all keys on one page."""
        from segstudio.ui.dialogs.shortcuts import ShortcutsDialog

        dialog = ShortcutsDialog(self.actions_.keys, self)
        self.actions_.keys_changed.connect(dialog.set_keys)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()

    def change_keys(self) -> None:
        """Ask which keys shall do what."""
        from segstudio.ui.dialogs.keys import KeysDialog

        dialog = KeysDialog(self._rows, self._keymap, self._take_keys, self._tokens, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _take_keys(self, keymap: Keymap) -> None:
        self._preferences.set(_KEYS, {name: list(keys) for name, keys in keymap.changed.items()})
        self._keymap = keymap
        self._bind()

    def _bind(self) -> None:
        """Put the keymap in force everywhere."""
        keymap = self._keymap
        self.actions_.set_keymap(keymap)
        label_search(self._search, self.actions_.specs["palette"], next(iter(self.actions_.keys("palette")), ""))
        held = [[key_of(keys) for keys in keymap.keys(name)] for name in ("hold_pan", "hold_peek")]
        tips = {name: self.actions_[name].toolTip() for name in ("train", "stop", "resume", "training_options")}
        self.bench.model.set_tips(**tips)
        self.bench.canvas.set_held_keys(pan=held[0], peek=held[1])
        if self.desk is not None:
            self.desk.set_keymap(keymap)

    def _open_logs(self) -> None:
        from segstudio.storage.logs import log_folder

        QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_folder())))

    def _about(self) -> None:
        from importlib.metadata import version

        QMessageBox.about(
            self,
            f"About {_TITLE}",
            f"{_TITLE} {version('segstudio')}\n\nLabel images by painting, while a network learns beside you.\n"
            "Apache License 2.0",
        )

    # Looks

    def set_tokens(self, tokens: Tokens) -> None:
        """Draw in the colours of a theme."""
        self._tokens = tokens
        self.actions_.set_tokens(tokens)
        for part in (self.start, self.bench, self.status):
            part.set_tokens(tokens)

    def set_theme_name(self, mode: Mode) -> None:
        """Which theme the menu shows as chosen."""
        self._mode = mode
        self._refresh()

    def _refresh(self) -> None:
        state = AppState() if self.desk is None else self.desk.state()
        self.actions_.refresh(replace(state, theme=self._mode))

    # Telling

    def complain(self, line: str) -> None:
        """Say what went wrong."""
        self.status.say(line, "error")

    # Dropping and closing

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Qt's virtual: what is of no use is taken, too, to be told why."""
        if local_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Qt's virtual: a project is opened, images become a project or join the open one."""
        dropped = sort_out(local_paths(event.mimeData()))
        if dropped.projects:
            self.open_project(dropped.projects[0])
        elif self.desk is None and (folder := dropped.images_folder) is not None:
            self.ask_new_project(folder)
        elif self.desk is not None and (dropped.folders or dropped.images):
            for folder in dropped.folders:
                self._exchange.add_images(self.desk, folder)
            if dropped.images:
                self._exchange.add_images(self.desk, dropped.images)
        elif dropped.refused:
            self.complain(dropped.refused)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Qt's virtual: Tab goes as things lie, whenever they were made."""
        return step_focus([self._stack, self.status], forward)

    def _keep(self, name: str, value: object) -> None:
        """Remember how the window was; no reason to disturb anybody when that fails."""
        try:
            self._preferences.set(name, value)
        except SegStudioError as error:
            log.warning("%s", error)

    def _restore_geometry(self) -> None:
        saved = str(self._preferences.get(_GEOMETRY, ""))
        if not saved or not self.restoreGeometry(QByteArray.fromBase64(saved.encode())):
            self.resize(1400, 900)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Qt's virtual: nothing is lost, so nothing is asked, unless the disk refuses the last strokes."""
        if not self.close_project():
            event.ignore()
            return
        self._keep(_GEOMETRY, self.saveGeometry().toBase64().toStdString())
        self._jobs.close()
        self._jobs.wait(_CLOSE_SECONDS)
        for desk in list(self._leaving):
            if desk.jobs.wait(_CLOSE_SECONDS):
                self._dismiss(desk)
        event.accept()
