"""Looking at image files before they enter a project: their names, their sizes, and what is wrong with them."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from segstudio.errors import ImageError
from segstudio.storage.images import image_size
from segstudio.storage.naming import key_of, natural_key

_CONFIDENCE = ".confidence"  # proposals keep their confidence in KEY.confidence.png


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image file that can enter a project.

    Attributes:
        key: its name in the project.
        folded: the key as file systems that ignore capitals see it; unique in a project.
        natural: what it is ordered by.
        path: absolute.
        width, height: in pixels.
    """

    key: str
    folded: str
    natural: str
    path: Path
    width: int
    height: int


def survey(paths: Iterable[Path], root: Path | None, present: Mapping[str, Path]) -> tuple[list[Candidate], list[str]]:
    """Read the headers of image files and give each its key.

    Args:
        paths: the files.
        root: folder that keys are relative to; None for each file's own.
        present: paths of the images the project has, by folded key.

    Returns:
        What can be added, and one line for each file that cannot.
    """
    candidates: list[Candidate] = []
    problems: list[str] = []
    taken = dict(present)
    base = None if root is None else absolute(root)
    for path in map(absolute, paths):
        key = key_of(path, base)
        shown = path.relative_to(base).as_posix() if base and path.is_relative_to(base) else path.name
        folded = key.casefold()
        other = taken.get(folded)
        if other is not None and other == path:
            problems.append(f"{shown}: already in the project.")
        elif other is not None:
            name = other.name if other.parent == path.parent else str(other)
            problems.append(f"{shown}: skipped, {name} has the same name. Rename one of them.")
        elif folded.endswith(_CONFIDENCE):
            problems.append(f"{shown}: skipped, names that end in {_CONFIDENCE} are kept for proposals. Rename it.")
        else:
            try:
                width, height = image_size(path)
            except ImageError as error:
                problems.append(str(error))
                continue
            taken[folded] = path
            candidates.append(Candidate(key, folded, natural_key(key), path, width, height))
    return candidates, problems


def absolute(path: Path) -> Path:
    """`path` from the root of the disk, without ``..``; links are not followed."""
    return Path(os.path.normpath(Path(path).absolute()))
