"""What happens when something happens that nobody foresaw: the work is saved, the report shown, the log kept."""

import logging
import platform
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QMessageLogContext, QObject, Qt, QtMsgType, Signal, qInstallMessageHandler

log = logging.getLogger(__name__)

_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class CrashGuard(QObject):
    """Catches exceptions that reach the top, on any thread.

    Args:
        save: puts the person's work on disk; called first, whatever else may be broken.
        show: shows a report, and whether the work was saved; called on the GUI thread, not again while one is shown.

    Signals:
        caught(str, bool): a report from any thread, and whether the work was saved.
    """

    caught = Signal(str, bool)

    def __init__(self, save: Callable[[], None], show: Callable[[str, bool], None]) -> None:
        super().__init__()
        self._save = save
        self._show = show
        self._showing = False
        self.caught.connect(self._on_caught, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Catch what Python and Qt report from now on."""
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception
        qInstallMessageHandler(_on_qt_message)

    def uninstall(self) -> None:
        """Give the hooks back."""
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__
        qInstallMessageHandler(None)

    def report(self, details: str) -> None:
        """Save the work, log a traceback and show it; callable from any thread."""
        log.error("unforeseen error\n%s", details)
        saved = True
        try:
            self._save()
        except Exception:
            saved = False
            log.exception("saving after an error failed")
        self.caught.emit(_with_versions(details), saved)

    def _on_caught(self, text: str, saved: bool) -> None:
        if self._showing:
            return
        self._showing = True
        try:
            self._show(text, saved)
        finally:
            self._showing = False

    def _on_exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            self.report("".join(traceback.format_exception(kind, error, trace)))

    def _on_thread_exception(self, happened: threading.ExceptHookArgs) -> None:
        name = happened.thread.name if happened.thread is not None else "?"
        lines = traceback.format_exception(happened.exc_type, happened.exc_value, happened.exc_traceback)
        self.report(f"in thread {name}\n{''.join(lines)}")


def _with_versions(details: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    versions = []
    for name in ("segstudio", "PySide6-Essentials", "numpy", "torch"):
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} not installed")
    return f"{', '.join(versions)}\nPython {platform.python_version()} on {platform.platform()}\n\n{details}"


def _on_qt_message(kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
    log.log(_LEVELS.get(kind, logging.WARNING), "Qt: %s", message)
