"""Cyclic garbage is collected on the GUI thread, and on no other."""

import gc
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication

from segstudio.learn import warming

INTERVAL_MS = 200
_FULL = 2  # the generation that holds everything


class Collector(QObject):
    """Collects cyclic garbage on the thread this object lives on; from then on, no other one does.

    Python collects on whichever thread happens to allocate. A widget in a cycle, such as one whose slot is a lambda
    over itself, would be destroyed on a training thread while the GUI's is laying it out (ADR 22). So the automatic
    collector is turned off for the rest of the process, and a timer collects the oldest generation that is due.

    Args:
        busy: whether a person is in the middle of something that must not wait for a full collection.
        parent: owner.
    """

    def __init__(self, busy: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._busy = busy
        timer = QTimer(self, interval=INTERVAL_MS)
        timer.timeout.connect(self.collect)
        timer.start()

    def collect(self) -> int | None:
        """Collect the oldest generation that is due, if any; which one it was.

        None while torch is being imported: what that makes is kept for good anyway, and is much to look through.
        """
        if warming.importing():
            return None
        counts = zip(gc.get_count(), gc.get_threshold(), strict=True)
        due = [generation for generation, (count, limit) in enumerate(counts) if count > limit]
        held = self._busy() or QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton
        if due and due[-1] == _FULL and held:
            due.pop()
        if not due:
            return None
        gc.collect(due[-1])
        return due[-1]
