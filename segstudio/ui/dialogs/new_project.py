"""Asks for what a new project needs: images, a place, classes."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from segstudio.core.classes import ClassTable
from segstudio.errors import SegStudioError
from segstudio.storage.naming import PROJECT_FILE
from segstudio.ui.dialogs.class_names import ClassNames
from segstudio.ui.panels.parts import describe, push_button, set_role, text_label
from segstudio.ui.theme import Tokens

LOOK_MS = 250  # after the last key, before the folder is looked at
GLANCE = 0.2  # seconds a look into the folder may take: it holds the window up
DEFAULT_CLASSES = ("background", "object")
CHOOSE = "Choose the folder with your images."


@dataclass(frozen=True, slots=True)
class NewProject:
    """What to make.

    Attributes:
        images: folder of images.
        folder: where the project shall be.
        classes: their names, in order.
    """

    images: Path
    folder: Path
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """How many images a glance into a folder found, and whether it saw the whole of it."""

    images: int
    whole: bool

    def __str__(self) -> str:
        if not self.images:
            return ""
        return f"{self.images:,}{'' if self.whole else ' or more'} image{'' if self.images == 1 else 's'}"


def look_for_images(folder: Path, seconds: float = GLANCE) -> Looked:
    """Count image files in a folder and those in it, but not for longer than a person would wait while typing."""
    from segstudio.storage.images import IMAGE_SUFFIXES  # decoders with it: not at every start of the program

    until = time.monotonic() + seconds
    found = 0
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += sum(not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES for name in files)
        if time.monotonic() > until:
            return Looked(found, whole=False)
    return Looked(found, whole=True)


class NewProjectDialog(QDialog):
    """The way from a folder of images to a project; problems are told inline while one types.

    Args:
        images: folder of images to begin with, or None.
        tokens: colours.
    """

    def __init__(self, images: Path | None, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("New project")
        self.setMinimumWidth(520)
        self._touched = images is not None
        self._own_place = False
        self._found: tuple[Path, Looked] | None = None
        self._images = _line("Folder of images", "The images stay where they are")
        self._folder = _line("Project folder", "Annotations, models and settings go here; it is made for you")
        self._classes = ClassNames(DEFAULT_CLASSES, tokens)
        self._count = text_label("", "quiet")
        self._problem = text_label("", "hint", wrap=True)
        self._problem.setAccessibleName("What is still missing")
        self._problem.setMinimumHeight(32)
        self._create = push_button("Create project", "Make the project and open it", "primary")
        self._create.setDefault(True)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LOOK_MS)
        self._build()
        self._images.textEdited.connect(self._images_edited)
        self._folder.textEdited.connect(self._folder_edited)
        self._classes.changed.connect(self._edited)
        self._timer.timeout.connect(self._check)
        self._create.clicked.connect(self.accept)
        if images is not None:
            self._images.setText(str(images))
            self._propose_place()
        self._check()

    def result_values(self) -> NewProject:
        """What was asked for; meaningful after the dialog was accepted."""
        return NewProject(_path(self._images), _path(self._folder), self._classes.names())

    def problem(self) -> str:
        """What is still missing or wrong, in one line; empty when the project can be made."""
        images, folder = self._images.text().strip(), self._folder.text().strip()
        if not images:
            return CHOOSE
        if not _path(self._images).is_dir():
            return f"There is no folder {images}. Choose the folder with your images."
        if self._look(_path(self._images)) == Looked(0, whole=True):
            return "There are no images in that folder. Choose another one."
        if not folder:
            return "Choose where the project shall be."
        return _place_problem(_path(self._folder)) or self._class_problem()

    def accept(self) -> None:
        """Qt's virtual: only a project that can be made is accepted."""
        self._timer.stop()
        self._touched = True
        self._check()
        if not self.problem():
            super().accept()

    def _class_problem(self) -> str:
        names = self._classes.names()
        if len([name for name in names if name]) < 2:
            return "Name at least two classes."
        try:
            ClassTable.of(names)
        except SegStudioError as error:
            return str(error)
        return ""

    def _look(self, folder: Path) -> Looked:
        if self._found is None or self._found[0] != folder:
            self._found = (folder, look_for_images(folder))
        return self._found[1]

    def _check(self) -> None:
        line = self.problem()
        known = self._found is not None and self._found[0] == _path(self._images)
        self._count.setText(str(self._found[1]) if known and self._found else "")
        self._problem.setText(line)
        set_role(self._problem, role="problem" if self._touched and line != CHOOSE else "hint")
        self._create.setEnabled(not line)

    def _edited(self) -> None:
        self._touched = True
        self._timer.start()

    def _images_edited(self) -> None:
        self._propose_place()
        self._edited()

    def _folder_edited(self) -> None:
        self._own_place = bool(self._folder.text().strip())
        self._edited()

    def _propose_place(self) -> None:
        images = _path(self._images)
        if not self._own_place and images.name:
            self._folder.setText(str(images.with_name(f"{images.name}-project")))

    def _choose_images(self) -> None:
        start = self._images.text() or str(Path.home())
        if chosen := QFileDialog.getExistingDirectory(self, "Folder of images", start):
            self._images.setText(chosen)
            self._images_edited()
            self._check()

    def _choose_folder(self) -> None:
        start = self._folder.text() or str(Path.home())
        if chosen := QFileDialog.getExistingDirectory(self, "Project folder", start):
            self._folder.setText(chosen)
            self._folder_edited()
            self._check()

    def _build(self) -> None:
        browse_images = push_button("Browse…", "Choose the folder of images")
        browse_images.setAccessibleName("Browse for the folder of images")
        browse_images.clicked.connect(self._choose_images)
        browse_folder = push_button("Browse…", "Choose the project folder")
        browse_folder.setAccessibleName("Browse for the project folder")
        browse_folder.clicked.connect(self._choose_folder)
        cancel = push_button("Cancel", "Make no project")
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self._problem, 1)
        buttons.addWidget(cancel)
        buttons.addWidget(self._create)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(8)
        layout.addWidget(text_label("New project", "subtitle"))
        layout.addSpacing(8)
        layout.addLayout(_titled("Images", self._count))
        layout.addLayout(_beside(self._images, browse_images))
        layout.addSpacing(8)
        layout.addLayout(_titled("Project folder"))
        layout.addLayout(_beside(self._folder, browse_folder))
        layout.addSpacing(8)
        layout.addLayout(_titled("Classes", text_label("You can add and rename classes later", "quiet")))
        layout.addWidget(self._classes, 1)
        layout.addSpacing(8)
        layout.addLayout(buttons)


def _line(name: str, tip: str) -> QLineEdit:
    edit = QLineEdit()
    describe(edit, name, tip)
    return edit


def _beside(edit: QLineEdit, button: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    row.addWidget(edit, 1)
    row.addWidget(button)
    return row


def _titled(title: str, note: QWidget | None = None) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addWidget(text_label(title, "lead"), 1)
    if note is not None:
        row.addWidget(note)
    return row


def _path(edit: QLineEdit) -> Path:
    return Path(edit.text().strip()).expanduser()


def _place_problem(folder: Path) -> str:
    if (folder / PROJECT_FILE).exists():
        return f"{folder.name} already is a project. Open it, or choose another folder."
    if folder.exists() and not folder.is_dir():
        return f"{folder.name} is a file. Choose another folder."
    place = next((part for part in (folder, *folder.parents) if part.exists()), None)
    if place is None or not os.access(place, os.W_OK):
        return f"{folder} cannot be written. Choose another folder."
    return ""
