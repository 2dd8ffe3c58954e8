"""How failures become one line and an exit code, for commands and for the window alike."""

import logging
import os
import sys
from collections.abc import Callable

from segstudio.errors import Cancelled, SegStudioError, UsageError

DONE, FAILED, WRONG_USAGE = 0, 1, 2
INTERRUPTED = 130  # 128 plus SIGINT, as shells have it
_log = logging.getLogger(__name__)


def guarded(action: Callable[[], int]) -> int:
    """Run `action`; every failure becomes one line on stderr and an exit code."""
    try:
        return action()
    except UsageError as error:
        return _refused(str(error), WRONG_USAGE)
    except SegStudioError as error:
        return _refused(str(error), FAILED)
    except (KeyboardInterrupt, Cancelled):
        return _refused("Stopped.", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has enough; the interpreter must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        told = getattr(error, "format_message", None)  # the parser's own errors; their base class moved about
        if told is not None:
            return _refused(f"{told().rstrip('.')}. See {_command_of(error)} --help.", WRONG_USAGE)
        return _unforeseen(error)


def _refused(line: str, code: int) -> int:
    sys.stderr.write(" ".join(line.split()) + "\n")
    return code


def _command_of(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return str(getattr(context, "command_path", "segstudio"))


def _unforeseen(error: Exception) -> int:
    from segstudio.storage.logs import log_folder, set_up_logging

    line = f"Something unforeseen went wrong ({type(error).__name__}: {error})"
    try:
        set_up_logging()
        _log.error("unforeseen", exc_info=error)
    except (OSError, SegStudioError):
        return _refused(f"{line}, and no report could be written to {log_folder()}.", FAILED)
    return _refused(f"{line}. A report is in {log_folder()}.", FAILED)
