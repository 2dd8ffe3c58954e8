"""Cyclic garbage is collected on the GUI thread, and on no other."""

import gc

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication

INTERVAL_MS = 200
_FULL = 2  # the generation that holds everything


class Collector(QObject):
    """Keeps Python's collector of cyclic garbage on the thread this object lives on, as long as it lives.

    Python collects on whichever thread happens to allocate. A widget in a cycle, such as one whose slot is a lambda
    over itself, would be destroyed on a training thread while the GUI's is laying it out (ADR 22). So the automatic
    collector rests, and a timer does its work by its rules. A full collection waits while a mouse button is down.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        if gc.isenabled():
            gc.disable()
            self.destroyed.connect(lambda: gc.enable())
        timer = QTimer(self, interval=INTERVAL_MS)
        timer.timeout.connect(collect)
        timer.start()


def collect() -> int | None:
    """Collect the oldest generation that is due, if any; which one it was."""
    counts = zip(gc.get_count(), gc.get_threshold(), strict=True)
    due = [generation for generation, (count, limit) in enumerate(counts) if count > limit]
    if due and due[-1] == _FULL and QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
        due.pop()
    if not due:
        return None
    gc.collect(due[-1])
    return due[-1]
