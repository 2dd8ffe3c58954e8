"""Spring-loaded tools: hold a tool's key to borrow the tool, let the key go to have the one before it back.

A tap takes the tool for good; a key that was held, or under which a gesture was made, only lends it.
"""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

HOLD_SECONDS = 0.3

ToolT = TypeVar("ToolT")


@dataclass(slots=True)
class _Held(Generic[ToolT]):
    key: Hashable
    previous: ToolT
    since: float
    used: float = math.inf  # when a gesture began under it


class HeldTools(Generic[ToolT]):
    """The tool keys that are down, the latest last. Times are in seconds of any clock that never goes back."""

    def __init__(self) -> None:
        self._held: list[_Held[ToolT]] = []
        self._drawing = False
        self._due: ToolT | None = None  # the key is up already, the gesture is not over yet

    @property
    def waiting(self) -> bool:
        """Whether a key or the end of a gesture may still bring a tool back."""
        return bool(self._held) or self._due is not None

    @property
    def keys(self) -> tuple[Hashable, ...]:
        """The keys that are down, the latest last."""
        return tuple(held.key for held in self._held)

    def press(self, key: Hashable, tool: ToolT, previous: ToolT, now: float) -> None:
        """A key took `tool` while `previous` was in the hand; a repeat of a key that is down counts for nothing."""
        if tool == previous or any(held.key == key for held in self._held):
            return
        self._due = None
        self._held.append(_Held(key, previous, now))

    def release(self, key: Hashable, at: float) -> ToolT | None:
        """A key went up, perhaps a moment ago; the tool to go back to now, or None."""
        place = next((i for i, held in enumerate(self._held) if held.key == key), None)
        if place is None:
            return None
        held, latest = self._held.pop(place), place == len(self._held)
        if held.used > at and at - held.since < HOLD_SECONDS:
            if latest:
                self._held.clear()  # chosen for good, whatever else is held
            return None
        if not latest:
            self._held[place].previous = held.previous
            return None
        if self._drawing:
            self._due = held.previous
            return None
        return held.previous

    def begin(self, now: float) -> None:
        """A gesture began: the tool in the hand is being used."""
        self._drawing = True
        if self._held:
            self._held[-1].used = min(now, self._held[-1].used)

    def end(self) -> ToolT | None:
        """The gesture is over; the tool to go back to, whose key went up meanwhile, or None."""
        self._drawing = False
        due, self._due = self._due, None
        return due

    def drop(self) -> ToolT | None:
        """No key will be seen going up any more: the tool to go back to as if all had, or None."""
        back = self._held[0].previous if self._held else self._due
        self.forget()
        return back

    def forget(self) -> None:
        """A tool was chosen in another way: nothing is borrowed."""
        self._held.clear()
        self._due = None
