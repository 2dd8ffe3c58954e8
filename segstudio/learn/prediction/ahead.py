"""Reading the next image while the network works on this one."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from segstudio.errors import SegStudioError

Item = TypeVar("Item")
Read = TypeVar("Read")


def read_ahead(items: Iterable[Item], read: Callable[[Item], Read]) -> Iterator[tuple[Item, Read | SegStudioError]]:
    """Read things on a thread, in order, one ahead: at most two are held at a time.

    Args:
        items: what to read.
        read: called on the thread.

    Yields:
        Each item with what was read, or with the expected error why it could not be. Any other error is raised.
    """

    def attempt(item: Item) -> Read | SegStudioError:
        try:
            return read(item)
        except SegStudioError as error:
            return error

    with ThreadPoolExecutor(1, thread_name_prefix="segstudio-reading") as pool:
        waiting: tuple[Item, Future[Read | SegStudioError]] | None = None
        try:
            for item in items:
                following = item, pool.submit(attempt, item)
                if waiting is not None:
                    yield waiting[0], waiting[1].result()
                waiting = following
            if waiting is not None:
                yield waiting[0], waiting[1].result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # what is being read is waited for, nothing more begun
