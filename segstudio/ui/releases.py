"""When a key is really let go: some X servers send a key that repeats as going up and down again, unmarked."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimerEvent
from PySide6.QtGui import QKeyEvent

REPEAT_MS = 25  # a key that comes down so soon after it went up was never let go: no finger is that fast

_Press = tuple[int, int, int]


class Releases(QObject):
    """Holds what a key does when it goes up back for a moment, in case it comes down again."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: dict[_Press, tuple[int, Callable[[], None]]] = {}  # the timer and what to do then

    @property
    def waiting(self) -> bool:
        """Whether a key that went up may still turn out to repeat."""
        return bool(self._waiting)

    def went_up(self, event: QKeyEvent, act: Callable[[], None]) -> None:
        """A key went up, as events say: `act` is called in a moment, unless it comes down again.

        Of an event that is told twice, as to the widgets around one that ignores it, the first `act` counts.
        """
        press = _press(event)
        if press not in self._waiting:
            self._waiting[press] = self.startTimer(REPEAT_MS, Qt.TimerType.PreciseTimer), act

    def came_down(self, event: QKeyEvent) -> bool:
        """A key came down, as events say; whether it only repeats, having been down all the time."""
        press = _press(event)
        repeats = press in self._waiting
        if repeats:
            self._pop(press)
        return repeats

    def settle(self) -> None:
        """No more keys will be heard of: those that went up were let go."""
        for press in list(self._waiting):
            self._pop(press)()

    def timerEvent(self, event: QTimerEvent) -> None:
        """Qt's virtual: a key did not come down again."""
        for press, (timer, _act) in list(self._waiting.items()):
            if timer == event.timerId():
                self._pop(press)()

    def _pop(self, press: _Press) -> Callable[[], None]:
        timer, act = self._waiting.pop(press)
        self.killTimer(timer)
        return act


def _press(event: QKeyEvent) -> _Press:
    """What a repeat has in common with the press before it: with another modifier it is one of its own."""
    return event.nativeScanCode(), event.key(), event.modifiers().value
