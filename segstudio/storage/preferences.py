"""What a person likes: recent projects, the window's place, theme and last settings, kept across projects."""

import contextlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from segstudio.storage.adding import absolute
from segstudio.storage.atomic import write_text

HOME_VARIABLE = "SEGSTUDIO_HOME"
RECENT_MOST = 12

_RECENT = "recent projects"
_log = logging.getLogger(__name__)


def user_folder() -> Path:
    """Folder of this person's preferences and logs; the environment variable SEGSTUDIO_HOME names another one."""
    if chosen := os.environ.get(HOME_VARIABLE):
        return Path(chosen)
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming") / "SegStudio"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "SegStudio"
    return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "segstudio"


class Preferences:
    """Named values in one JSON file. Every change is on disk when the method returns.

    A damaged file is kept beside the new one and the defaults hold.

    Args:
        path: the file; by default ``preferences.json`` in `user_folder`.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or user_folder() / "preferences.json"

    def get(self, name: str, default: Any = None) -> Any:
        """The value kept under a name: anything JSON can hold, or `default`."""
        return self._read().get(name, default)

    def set(self, name: str, value: Any) -> None:
        """Keep a value under a name.

        Raises:
            ProjectError: when the file cannot be written.
        """
        # Read anew each time: another window may have changed another value.
        self._write({**self._read(), name: value})

    @property
    def recent(self) -> tuple[Path, ...]:
        """Folders of the projects opened last, the latest first; they may have vanished."""
        listed = self.get(_RECENT, [])
        return tuple(Path(item) for item in listed if isinstance(item, str)) if isinstance(listed, list) else ()

    def add_recent(self, folder: Path) -> None:
        """Put a project first among the recent ones."""
        first = absolute(folder)
        others = [path for path in self.recent if path != first]
        self.set(_RECENT, [str(path) for path in (first, *others)][:RECENT_MOST])

    def forget_recent(self, folder: Path) -> None:
        """Take a project off the recent ones."""
        gone = absolute(folder)
        self.set(_RECENT, [str(path) for path in self.recent if path != gone])

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise ValueError("not an object")
        except OSError:
            return {}
        except ValueError as error:
            _log.warning("%s is damaged (%s): the defaults hold", self.path, error)
            with contextlib.suppress(OSError):
                self.path.replace(self.path.with_name(self.path.name + ".damaged"))
            return {}
        return content

    def _write(self, content: dict[str, Any]) -> None:
        write_text(self.path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
