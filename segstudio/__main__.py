"""One door for the window and the command line; they do not know each other."""

import os
import sys
from pathlib import Path

from segstudio.cli.display import has_display
from segstudio.cli.failures import guarded
from segstudio.errors import SegStudioError


def main(argv: list[str] | None = None) -> int:
    """Open the window, or run a command.

    Args:
        argv: arguments without the program's name; None for those of this process. Empty opens the window.

    Returns:
        Exit code: 0 done, 1 refused or failed with one line on stderr, 2 wrong usage; 128 plus the signal's number
        when Ctrl+C or a termination signal ended the command.
    """
    arguments = sys.argv[1:] if argv is None else argv
    # torch's worker threads must sleep while they wait, or they take the time of the window and of other programs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if not arguments:
        return guarded(lambda: _open_window(None))
    from segstudio.cli.app import run

    return run(arguments, _open_window)


def _open_window(project: Path | None) -> int:
    # Without a screen Qt would abort the process. Whoever names a platform knows what they do.
    if not has_display() and not os.environ.get("QT_QPA_PLATFORM"):
        raise SegStudioError("there is no display to open a window on", remedy="For commands see: segstudio --help")
    from segstudio.ui.app import run

    return run(project)


if __name__ == "__main__":
    sys.exit(main())
