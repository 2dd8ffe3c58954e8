"""Removing a class: asks what becomes of its pixels, says in words what will happen, and shows how far it is."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QDialog, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from segstudio.core.classes import VOID, ClassTable
from segstudio.storage.reclassing import ClassUse
from segstudio.ui.panels.parts import combo, push_button, text_label

COUNTING = "Counting its pixels …"
_SWATCH = 12


def consequence(table: ClassTable, index: int, into: int, use: ClassUse) -> str:
    """What removing a class does, in words.

    Args:
        table: of the project.
        index: of the class that goes.
        into: the class its pixels become, or void.
        use: its pixels.
    """
    name, become = table[index].name, "void" if into == VOID else table[into].name
    if not use.pixels:
        pixels = f"No pixel is labelled {name}."
    else:
        images = "1 image" if use.images == 1 else f"{use.images:,} images"
        pixels = f"{use.pixels:,} px in {images} become {become}."
    behind = " The classes behind it move up, and so do their keys." if index + 1 < len(table) else ""
    return f"{pixels}{behind} This cannot be undone; strokes still can."


class ReclassDialog(QDialog):
    """Asks what the pixels of a class shall become, before it is removed.

    It is accepted only once its pixels have been counted.

    Args:
        table: of the project.
        index: of the class to remove; not locked.
        into: the class that is proposed for its pixels; void by default.
    """

    def __init__(self, table: ClassTable, index: int, into: int = VOID, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name = table[index].name
        self.setWindowTitle("Remove class")
        self.setMinimumWidth(440)
        self._table = table
        self._index = index
        self._use: ClassUse | None = None
        self._into = combo("Its pixels become", "What becomes of the pixels of this class")
        self._into.addItem("void (unlabelled)", VOID)
        for item in table:
            if item.index != index and not item.locked:
                self._into.addItem(_swatch(item.color), item.name, item.index)
        self._into.setCurrentIndex(max(0, self._into.findData(into)))
        self._what = text_label("", "lead", wrap=True)
        self._what.setAccessibleName("What will happen")
        self._what.setMinimumHeight(3 * self._what.fontMetrics().lineSpacing())
        self._what.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._go: QPushButton = push_button("Remove class", "Change every image of the project", "danger")
        cancel = push_button("Cancel", "Keep the class")
        cancel.setDefault(True)  # what cannot be undone is not one Return away
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self._go)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(8)
        layout.addWidget(text_label(f"Remove {name}", "subtitle"))
        layout.addSpacing(8)
        layout.addWidget(text_label("Its pixels become", "lead"))
        layout.addWidget(self._into)
        layout.addSpacing(8)
        layout.addWidget(self._what)
        layout.addSpacing(8)
        layout.addLayout(buttons)
        self._into.currentIndexChanged.connect(self._tell)
        self._go.clicked.connect(self.accept)
        cancel.clicked.connect(self.reject)
        self._tell()

    @property
    def into(self) -> int:
        """What its pixels shall become: the index of a class, or void."""
        return int(self._into.currentData())

    def set_use(self, use: ClassUse) -> None:
        """Its pixels have been counted."""
        self._use = use
        self._tell()

    def _tell(self) -> None:
        use = self._use
        self._what.setText(COUNTING if use is None else consequence(self._table, self._index, self.into, use))
        self._go.setEnabled(use is not None)


class WorkingDialog(QDialog):
    """Holds the window still while all images of a project change; goes only when it is told to.

    Args:
        what: is being done.

    Signals:
        stop_requested(): a person wants it to stop.
    """

    stop_requested = Signal()

    def __init__(self, what: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Changing classes")
        self.setMinimumWidth(360)
        self._what = text_label(what, "lead")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        self._bar.setAccessibleName("Progress")
        self._stop = push_button("Cancel", "Stop; nothing is changed then")
        self._stop.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self._stop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(16)
        layout.addWidget(self._what)
        layout.addWidget(self._bar)
        layout.addLayout(buttons)

    def set_progress(self, done: int, total: int) -> None:
        """So many images of all are done; when all are, it cannot be stopped any more."""
        self._bar.setRange(0, max(1, total))
        self._bar.setValue(done)
        if done >= total:
            self._stop.setEnabled(False)

    def reject(self) -> None:
        """Qt's virtual: Escape and the window's cross ask to stop, and the dialog stays until that is done."""
        if self._stop.isEnabled():
            self._stop.setEnabled(False)
            self._what.setText("Stopping …")
            self.stop_requested.emit()

    def finish(self) -> None:
        """It is over."""
        self.done(QDialog.DialogCode.Accepted)


def _swatch(color: str) -> QIcon:
    pixmap = QPixmap(_SWATCH, _SWATCH)
    pixmap.fill(QColor(color))
    return QIcon(pixmap)
