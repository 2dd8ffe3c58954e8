"""What is costly to make is kept within a budget of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Shelf(Generic[Key, Value]):
    """Things by their keys; those used least recently leave first. Thread-safe.

    One thing alone may be larger than the budget: it stays until another one comes, or every use of it would make it
    anew.

    Args:
        limit_bytes: budget.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._bytes = 0
        self._things: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def used_bytes(self) -> int:
        """Bytes of everything kept."""
        with self._lock:
            return self._bytes

    @property
    def full(self) -> bool:
        """Whether another thing would push one out."""
        return self.used_bytes >= self.limit_bytes

    def get(
        self, key: Key, make: Callable[[], Value], *, size: Callable[[Value], int], coming: Callable[[], int]
    ) -> Value:
        """The thing of that key, made when it is not there.

        Args:
            key: what is wanted.
            make: called without the lock held; when it raises, nothing is kept.
            size: bytes of a thing.
            coming: bytes it is expected to have; room for them is made before it is made.
        """
        with self._lock:
            if key in self._things:
                self._things.move_to_end(key)
                return self._things[key][0]
        expected = coming()
        with self._lock:
            self._make_room(expected, keep=0)
        value = make()
        with self._lock:
            if key in self._things:  # another thread was faster
                return self._things[key][0]
            self._things[key] = value, size(value)
            self._bytes += self._things[key][1]
            self._make_room(0, keep=1)
        return value

    def drop(self, key: Key) -> None:
        """Forget one thing, if it is there."""
        with self._lock:
            if key in self._things:
                self._bytes -= self._things.pop(key)[1]

    def _make_room(self, coming: int, keep: int) -> None:
        while self._bytes + coming > self.limit_bytes and len(self._things) > keep:
            self._bytes -= self._things.popitem(last=False)[1][1]
