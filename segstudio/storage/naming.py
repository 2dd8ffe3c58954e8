"""How things are named: the files of a project, the keys of images, and the order a person expects of names."""

import re
import unicodedata
from pathlib import Path, PurePath

PROJECT_FILE = "project.sqlite"
PROJECT_FOLDERS = ("annotations", "rejected", "proposals", "journal", "models")
IMAGE_FOLDER, TRUTH_FOLDER = "images", "truth"  # what a demo keeps besides

_DIGITS = re.compile(r"(\d+)")


def natural_key(text: str) -> str:
    """A string that sorts as people count: ``image2`` before ``image10``, capitals beside small letters."""
    parts = _DIGITS.split(text.casefold())
    for place in range(1, len(parts), 2):
        digits = parts[place].lstrip("0")
        # "0" before the length keeps numbers ahead of letters, as plain sorting does.
        parts[place] = f"0{len(digits):03d}{digits}"
    # Folders sort ahead of what follows their name: "a/b" before "a b".
    return "".join(parts).replace("/", "\x01")


def key_of(path: Path, root: Path | None) -> str:
    """Name of an image in its project: its path below `root`, with ``/`` between folders and without suffix.

    An image outside `root` is named by its file name alone. Accents are composed (NFC), so that a project moves
    between systems.
    """
    inside = PurePath(path.name)
    if root is not None and path.is_relative_to(root):
        inside = path.relative_to(root)
    return unicodedata.normalize("NFC", inside.with_suffix("").as_posix())
