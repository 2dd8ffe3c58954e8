"""Which key lends which tool, and when it goes up: the keyboard's side of spring-loaded tools."""

import time
from collections.abc import Callable, Mapping

from PySide6.QtCore import QCoreApplication, QEvent, QKeyCombination, QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QShortcutEvent

from segstudio.core.springs import HeldTools
from segstudio.core.tools.base import ToolName


class Springs(QObject):
    """Gives a tool back that was borrowed by holding its key.

    Costs nothing while no tool key is down: it hears of keys from the actions of the tools, and looks at the
    application's events only until the key is up again.

    Args:
        actions: by tool, the action whose shortcuts take it.
        parent: owner.
        clock: seconds, for tests.

    Signals:
        back(str): take this tool again; the key that lent another one was let go.
    """

    back = Signal(str)

    def __init__(
        self, actions: Mapping[ToolName, QAction], parent: QObject, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(parent)
        self._clock = clock
        self._held: HeldTools[ToolName] = HeldTools()
        self._actions = {action: tool for tool, action in actions.items()}
        self._arriving: tuple[ToolName, Qt.Key] | None = None
        self._watching = False
        self._returning = False
        for action in self._actions:
            action.installEventFilter(self)

    def took(self, tool: ToolName, previous: ToolName) -> None:
        """A tool was taken into the hand, by whatever means; say so each time, from where it happens.

        Args:
            tool: in the hand now.
            previous: before.
        """
        arriving, self._arriving = self._arriving, None
        if self._returning:
            return
        if arriving is not None and arriving[0] == tool:
            self._held.press(arriving[1], tool, previous, self._clock())
        else:
            self._held.forget()
        self._watch()

    def used(self) -> None:
        """A gesture began; a tool that is held returns however short its key was down."""
        self._held.begin()

    def ended(self) -> None:
        """The gesture is over; a tool whose key went up meanwhile is given back now."""
        self._give_back(self._held.end())

    def close(self) -> None:
        """Listen to nothing any more."""
        self._held.forget()
        self._watch()
        for action in self._actions:
            action.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt's virtual: never takes an event away."""
        kind = event.type()
        if kind == QEvent.Type.Shortcut:
            if isinstance(event, QShortcutEvent) and isinstance(watched, QAction) and watched in self._actions:
                first: QKeyCombination = event.key()[0]  # type: ignore[index]  # not in the stubs
                self._arriving = None if event.isAmbiguous() else (self._actions[watched], first.key())
        elif kind == QEvent.Type.KeyRelease:
            if isinstance(event, QKeyEvent) and not event.isAutoRepeat():
                self._give_back(self._held.release(Qt.Key(event.key()), self._clock()))
        elif kind in (QEvent.Type.WindowDeactivate, QEvent.Type.ApplicationDeactivate):
            self._give_back(self._held.drop())
        return False

    def _give_back(self, tool: ToolName | None) -> None:
        self._watch()
        if tool is not None:
            self._returning = True
            try:
                self.back.emit(tool)
            finally:
                self._returning = False

    def _watch(self) -> None:
        """Hear of every key while one is down, and of none otherwise."""
        wanted, app = self._held.waiting, QCoreApplication.instance()
        if wanted == self._watching or app is None:
            return
        self._watching = wanted
        if wanted:
            app.installEventFilter(self)
        else:
            app.removeEventFilter(self)
