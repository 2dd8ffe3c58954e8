"""The first screen: new, open, demo, recent projects, or a folder dropped anywhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from segstudio.ui.action_table import SPECS, Keys, default_keys, tooltip
from segstudio.ui.dropping import local_paths, sort_out
from segstudio.ui.icons import icon, logo
from segstudio.ui.panels.parts import ElidedLabel, Picture, describe, heading, set_role, text_label
from segstudio.ui.theme import Tokens

WIDTH = 760
TAGLINE = "Label images by painting, while a network learns beside you."
NO_RECENT = "Projects you open appear here."
DROP = "Drop a folder of images, an image or a project anywhere"


@dataclass(frozen=True, slots=True)
class RecentProject:
    """A project opened before.

    Attributes:
        path: its folder.
        opened: when it was last opened; None when that is not known.
        missing: the folder is not there now.
    """

    path: Path
    opened: datetime | None = None
    missing: bool = False


class StartScreen(QFrame):
    """Where to begin.

    Signals:
        new_requested(object): make a project over this folder of images (`Path`), or ask for one (None).
        open_requested(object): open this project (`Path`), or ask for one (None).
        demo_requested(): open the demo.
        forget_requested(object): take this project (`Path`) off the list.
        refused(str): why what was dropped is of no use.
    """

    new_requested = Signal(object)
    open_requested = Signal(object)
    demo_requested = Signal()
    forget_requested = Signal(object)
    refused = Signal(str)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, role="start")
        self.setAccessibleName("Start")
        self.setAcceptDrops(True)
        self._tokens = tokens
        self._recent: Sequence[RecentProject] = ()
        self._rows: list[Entry] = []
        self._entries = [
            Entry("new", "New project…", "From a folder of images"),
            Entry("open", "Open project…", "A project folder made before"),
            Entry("demo", "Try the demo", "A small project to play with"),
        ]
        self._entries[0].clicked.connect(lambda: self.new_requested.emit(None))
        self._entries[1].clicked.connect(lambda: self.open_requested.emit(None))
        self._entries[2].clicked.connect(lambda: self.demo_requested.emit())
        self._logo = Picture(56)
        self._logo.set_icon(logo())
        self._drop = QFrame()
        set_role(self._drop, role="drop", over=False)
        self._drop.setFixedHeight(64)
        words = text_label(DROP, "hint")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        QHBoxLayout(self._drop).addWidget(words)
        self._build()
        self.set_keys(default_keys)
        self.set_tokens(tokens)
        self.set_recent(())

    def set_recent(self, recent: Sequence[RecentProject]) -> None:
        """Show the projects opened before, the last one first."""
        self._recent = recent
        for row in self._rows:
            self._recent_layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows = [self._row(project) for project in recent]
        for at, row in enumerate(self._rows):
            self._recent_layout.insertWidget(at, row)
        self._no_recent.setVisible(not recent)

    def set_keys(self, keys: Keys) -> None:
        """Tell the keys that do the same now."""
        for entry, name in zip(self._entries, ("new_project", "open_project", "open_demo"), strict=True):
            entry.setToolTip(tooltip(SPECS[name], keys))

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        for entry in [*self._entries, *self._rows]:
            entry.set_tokens(tokens)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Qt's virtual."""
        if paths := local_paths(event.mimeData()):
            event.acceptProposedAction()
            set_role(self._drop, over=not sort_out(paths).refused)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Qt's virtual."""
        set_role(self._drop, over=False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Qt's virtual."""
        set_role(self._drop, over=False)
        dropped = sort_out(local_paths(event.mimeData()))
        event.acceptProposedAction()
        if dropped.projects:
            self.open_requested.emit(dropped.projects[0])
        elif dropped.images_folder is not None:
            self.new_requested.emit(dropped.images_folder)
        elif dropped.refused:
            self.refused.emit(dropped.refused)

    def _row(self, project: RecentProject) -> "Entry":
        where = _short(project.path)
        when = "not there any more" if project.missing else _when(project.opened)
        tip = f"{project.path}\n{'The folder is not there any more' if project.missing else 'Open this project'}"
        row = Entry("folder", project.path.name, where, tip, note=when)
        row.setEnabled(not project.missing)
        row.set_tokens(self._tokens)
        row.clicked.connect(lambda: self.open_requested.emit(project.path))
        row.forget = lambda: self.forget_requested.emit(project.path)
        return row

    def _build(self) -> None:
        head = QVBoxLayout()
        head.setSpacing(4)
        head.addWidget(text_label("SegStudio", "title"))
        head.addWidget(text_label(TAGLINE, "lead"))
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(self._logo)
        top.addLayout(head, 1)

        begin = QVBoxLayout()
        begin.setSpacing(4)
        begin.addWidget(heading("Start"))
        begin.addSpacing(4)
        for entry in self._entries:
            begin.addWidget(entry)
        begin.addStretch(1)

        self._no_recent = text_label(NO_RECENT, "hint")
        inner = QWidget()
        self._recent_layout = QVBoxLayout(inner)
        self._recent_layout.setContentsMargins(0, 0, 0, 0)
        self._recent_layout.setSpacing(4)
        self._recent_layout.addWidget(self._no_recent)
        self._recent_layout.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        recent = QVBoxLayout()
        recent.setSpacing(4)
        recent.addWidget(heading("Recent"))
        recent.addSpacing(4)
        recent.addWidget(area, 1)

        columns = QHBoxLayout()
        columns.setSpacing(32)
        columns.addLayout(begin, 4)
        columns.addLayout(recent, 5)
        column = QWidget()
        column.setMaximumSize(WIDTH, 520)
        column.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        body = QVBoxLayout(column)
        body.setContentsMargins(32, 32, 32, 32)
        body.setSpacing(32)
        body.addLayout(top)
        body.addLayout(columns, 1)
        body.addWidget(self._drop)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addStretch(1)
        outer.addWidget(column, 100)
        outer.addStretch(1)


class Entry(QPushButton):
    """A wide button of an icon, a title, a line below and a note at the right."""

    def __init__(self, icon_name: str, title: str, detail: str, tip: str = "", *, note: str = "") -> None:
        super().__init__()
        set_role(self, role="entry")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        describe(self, title.rstrip("…"), tip)
        self.forget: Callable[[], None] = lambda: None
        self._icon_name = icon_name
        self._note = note
        self._picture = Picture(20)
        self._title = ElidedLabel(title, parent=self)
        self._detail = ElidedLabel(detail, "quiet", Qt.TextElideMode.ElideMiddle, parent=self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 12, 0)
        layout.setSpacing(12)
        layout.addWidget(self._picture)
        words = QVBoxLayout()
        layout.addLayout(words, 1)
        words.setSpacing(2)
        words.addStretch(1)
        words.addWidget(self._title)
        words.addWidget(self._detail)
        words.addStretch(1)
        if note:
            layout.addWidget(text_label(note, "quiet"))
        for label in self.findChildren(QLabel):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        color = tokens.icon if self._note else tokens.accent_text
        self._picture.set_icon(icon(self._icon_name, tokens, color=color))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Qt's virtual."""
        if self._note:
            menu = QMenu(self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.addAction("Remove from this list", self.forget)
            menu.popup(event.globalPos())


def _short(path: Path) -> str:
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)


def _when(opened: datetime | None) -> str:
    if opened is None:
        return " "
    days = (datetime.now(opened.tzinfo).date() - opened.date()).days
    if days == 0:
        return f"{opened:%H:%M}"
    return "yesterday" if days == 1 else f"{opened.day} {opened:%b %Y}"
