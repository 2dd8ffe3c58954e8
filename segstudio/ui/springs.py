"""Which key lends which tool, and when it goes up: the keyboard's side of spring-loaded tools."""

import time
from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QCoreApplication, QEvent, QKeyCombination, QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QShortcutEvent

from segstudio.core.springs import HeldTools
from segstudio.core.tools.base import ToolName
from segstudio.ui.releases import Releases

_KEYS = (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride, QEvent.Type.KeyRelease)


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
        self._releases = Releases(self)
        self._actions = {action: tool for tool, action in actions.items()}
        self._arriving: tuple[ToolName, Qt.Key] | None = None
        self._others: set[int] = set()  # keys that went down since a tool's key did
        self._repeating: int | None = None  # the key whose last press was a repeat
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
        self._held.begin(self._clock())

    def ended(self) -> None:
        """The gesture is over; a tool whose key went up meanwhile is given back now."""
        self._give_back(self._held.end())

    def close(self) -> None:
        """Listen to nothing any more."""
        self._held.forget()
        self._repeating = None
        self._releases.settle()
        self._watch()
        for action in self._actions:
            action.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt's virtual: takes nothing away but a shortcut that only repeats."""
        kind = event.type()
        if kind == QEvent.Type.Shortcut:
            if isinstance(event, QShortcutEvent) and isinstance(watched, QAction) and watched in self._actions:
                first: QKeyCombination = event.key()[0]  # type: ignore[index]  # not in the stubs
                if first.key() == self._repeating:
                    return True
                self._arriving = None if event.isAmbiguous() else (self._actions[watched], first.key())
        elif kind in _KEYS:
            if isinstance(event, QKeyEvent) and not event.isAutoRepeat():
                self._on_key(event)
        elif kind in (QEvent.Type.WindowDeactivate, QEvent.Type.ApplicationDeactivate):
            self._repeating = None
            self._releases.settle()
            self._give_back(self._held.drop())
        return False

    def _on_key(self, event: QKeyEvent) -> None:
        place, key = event.nativeScanCode() or event.key(), event.key()
        if event.type() != QEvent.Type.KeyRelease:
            if self._releases.came_down(event):  # a press that is a shortcut comes as an override alone
                self._repeating = key
        else:
            self._repeating = None
            if _follows_shift(key) and key not in self._held.keys and place not in self._others:
                # "?" goes up as "/" when Shift went up first, and the 8 of Shift+8 as "*" when it did not.
                symbols = (held for held in self._held.keys[::-1] if isinstance(held, int) and _follows_shift(held))
                key = next(symbols, key)
            self._releases.went_up(event, partial(self._let_go, key, self._clock()))
        if event.type() != QEvent.Type.ShortcutOverride:
            self._others.add(place)  # the widgets around get the same event, too

    def _let_go(self, key: int, at: float) -> None:
        self._give_back(self._held.release(key, at))

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
        # A key that repeats while another tool was taken by other means must go on counting for nothing.
        wanted = self._held.waiting or self._releases.waiting or self._repeating is not None
        app = QCoreApplication.instance()
        if wanted == self._watching or app is None:
            return
        self._watching = wanted
        self._others.clear()
        if wanted:
            app.installEventFilter(self)
        else:
            app.removeEventFilter(self)


def _follows_shift(key: int) -> bool:
    """Whether a key has another name while Shift is down: of what types a character, all but letters and space."""
    return 0x20 < key < 0x110000 and chr(key).lower() == chr(key).upper()
