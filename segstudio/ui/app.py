"""The composition root: builds the window and everything in it, wires it, and owns nothing else."""

import contextlib
import gc
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from segstudio.errors import SegStudioError
from segstudio.storage.logs import LOG_FILE, log_folder, set_up_logging
from segstudio.storage.preferences import Preferences
from segstudio.ui.collecting import Collector
from segstudio.ui.crash import CrashGuard
from segstudio.ui.dialogs.crash import CrashDialog
from segstudio.ui.icons import logo
from segstudio.ui.jobs import Jobs
from segstudio.ui.theme import Mode, Tokens, apply_theme
from segstudio.ui.window import Window

# A thread that holds the interpreter gives it to the GUI's after so long; the default is a third of a frame (ADR 13).
SWITCH_SECONDS = 0.0005
_SIGNAL_POLL_MS = 200
_THEME = "theme"


@dataclass
class Studio:
    """The running program: what `build` made, for `run` and for tests."""

    window: Window
    jobs: Jobs
    preferences: Preferences
    guard: CrashGuard


def build(app: QApplication, preferences: Preferences) -> Studio:
    """Make the window and wire it."""
    _hear_every_move()
    app.setApplicationName("SegStudio")
    app.setDesktopFileName("segstudio")
    app.setWindowIcon(logo())
    mode = _theme(preferences)
    tokens = apply_theme(app, mode)
    jobs = Jobs()
    window = Window(jobs, preferences, tokens)
    Collector(lambda: window.bench.canvas.busy, window)
    window.set_theme_name(mode)
    current: list[Tokens] = [tokens]

    def change_theme(mode: Mode) -> None:
        try:
            preferences.set(_THEME, mode)
        except SegStudioError as error:
            window.complain(str(error))
        current[0] = apply_theme(app, mode)
        window.set_tokens(current[0])
        window.set_theme_name(mode)

    def save() -> None:
        if window.desk is not None:
            window.desk.session.flush()

    def show(report: str, saved: bool) -> None:
        dialog = CrashDialog(report, log_folder() / LOG_FILE, current[0], saved=saved, parent=window)
        dialog.exec()
        dialog.deleteLater()

    guard = CrashGuard(save, show)
    jobs.crashed.connect(guard.report)
    window.theme_wanted.connect(change_theme)
    return Studio(window, jobs, preferences, guard)


def _hear_every_move() -> None:
    """Let every move of mouse and pen come through: of those that wait, Qt would hand out the last alone.

    A fast circle would become a star whenever the window is busy for a moment. Repaints are still merged.
    Some platforms switch it on while the application object is made, so that is the time to switch it off.
    """
    for attribute in (
        Qt.ApplicationAttribute.AA_CompressHighFrequencyEvents,
        Qt.ApplicationAttribute.AA_CompressTabletEvents,
    ):
        QCoreApplication.setAttribute(attribute, False)


def _theme(preferences: Preferences) -> Mode:
    chosen = preferences.get(_THEME)
    return chosen if chosen in ("dark", "light", "system") else "dark"


def run(project: Path | None = None) -> int:
    """Open the window, on a project when one is given, and stay until it is closed; returns the exit code."""
    with contextlib.suppress(SegStudioError):  # the window works without a log, too
        set_up_logging()
    sys.setswitchinterval(SWITCH_SECONDS)
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    studio = build(app, Preferences())
    studio.guard.install()
    _close_on_signals(studio.window)
    studio.window.show()
    gc.freeze()  # what is there now stays: no full collection need look at it
    if project is not None:
        studio.window.open_project(project)
    return app.exec()


def _close_on_signals(window: Window) -> None:
    """Close properly on Ctrl+C and on a termination signal."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not at once: Python may be anywhere, also in the middle of waiting for an edit that closing would wait for.
        signal.signal(number, lambda *_: QTimer.singleShot(0, window, window.close))
    keep_python_awake(window)


def keep_python_awake(parent: QObject) -> QTimer:
    """Let Python look at signals now and then; Qt's event loop alone never does."""
    timer = QTimer(parent, interval=_SIGNAL_POLL_MS)
    timer.timeout.connect(lambda: None)
    timer.start()
    return timer
