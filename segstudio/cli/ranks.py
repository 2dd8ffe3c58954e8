"""Commands that torchrun started several times at once: the first process speaks and writes, the others follow it."""

import contextlib
import logging
from collections.abc import Callable, Iterator

from segstudio.cli.failures import DONE, FAILED
from segstudio.cli.stopping import Stop, stoppable
from segstudio.errors import Cancelled, SegStudioError
from segstudio.learn.group.group import ALONE, Group
from segstudio.learn.group.launch import find_launch


@contextlib.contextmanager
def joined() -> Iterator[Group]:
    """The processes this one was started together with; `segstudio.learn.group.group.ALONE` when there are none.

    Raises:
        SegStudioError: the processes do not find each other.
    """
    launch = find_launch()
    if launch is None:
        yield ALONE
        return
    from segstudio.learn.group import ranks as distributed

    with distributed.joined(launch) as group:
        yield group


def follow(group: Group, work: Callable[[Stop], object]) -> int:
    """Do the part of a process that is not the first: silently, as what fails in it fails in the first one too.

    Args:
        group: the processes.
        work: this one's part; ends early when asked to stop.

    Returns:
        The exit code.

    Raises:
        SegStudioError: the first process is gone and cannot tell.
    """
    logging.getLogger("segstudio").addHandler(logging.NullHandler())
    with stoppable("") as stop:
        try:
            with group.section():
                work(stop)
        except (SegStudioError, Cancelled):
            if group.lost:
                raise
            return stop.exit_code or FAILED
    return stop.exit_code or DONE
