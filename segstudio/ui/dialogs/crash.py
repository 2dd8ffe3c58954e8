"""Shown when something went wrong that nobody foresaw."""

from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from segstudio.ui.icons import icon
from segstudio.ui.panels.parts import ElidedLabel, Picture, describe, push_button, text_label
from segstudio.ui.theme import SMALL_PX, Tokens

TITLE = "Something went wrong that nobody foresaw"
UNSAVED = "Your last strokes could not be saved yet; it is tried again. Keep the window open and look at the disk."
SAVED = "Your work is saved. You can go on; if the program behaves oddly, close and open it again."


class CrashDialog(QDialog):
    """A report to copy, and where the log lies.

    Args:
        report: what to send to those who can mend it.
        log: the log file.
        tokens: colours.
        saved: whether the person's work is on disk.
    """

    def __init__(
        self, report: str, log: Path, tokens: Tokens, *, saved: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("SegStudio: unexpected error")
        self.resize(640, 440)
        self._report = report
        self._log = log
        picture = Picture(28)
        picture.set_icon(icon("warning", tokens, color=tokens.warning))
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(text_label(TITLE, "subtitle"))
        words.addWidget(text_label(SAVED if saved else UNSAVED, "lead", wrap=True))
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(words, 1)
        text = QPlainTextEdit(report)
        text.setReadOnly(True)
        text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPixelSize(SMALL_PX + 1)
        text.setFont(font)
        describe(text, "Report", "What to send to those who can mend it")
        where = text_label("Log", "quiet")
        path = ElidedLabel(str(log), "quiet")
        path.setAccessibleName("Log file")
        self._copy = push_button("Copy report", "Copy the report to the clipboard")
        self._copy.clicked.connect(self.copy_report)
        show = push_button("Show log", "Open the folder of the log file")
        show.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(log.parent))))
        close = push_button("Continue", "Close this report and go on", "primary")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(where)
        buttons.addWidget(path, 1)
        buttons.addWidget(show)
        buttons.addWidget(self._copy)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(16)
        layout.addLayout(top)
        layout.addWidget(text, 1)
        layout.addLayout(buttons)

    def copy_report(self) -> None:
        """Put the report and the place of the log on the clipboard."""
        QGuiApplication.clipboard().setText(f"{self._report}\n\nLog: {self._log}")
        self._copy.setText("Copied")
