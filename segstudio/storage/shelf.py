"""The model folders of a project."""

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segstudio.errors import ModelError, ProjectError
from segstudio.storage.atomic import replacing_folder
from segstudio.storage.cards import CARD, WEIGHTS, read_card

_log = logging.getLogger(__name__)


def find_models(shelf: Path) -> list[tuple[Path, Mapping[str, Any]]]:
    """Every complete model in a folder with the content of its card, newest first; the others get a line in the log."""
    try:
        folders = [folder for folder in shelf.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    except OSError:
        return []
    found = []
    for folder in folders:
        try:
            found.append((folder, _content(folder)))
        except ModelError as error:
            _log.warning("%s", error)
    return sorted(found, key=lambda item: (str(item[1]["created"]), item[0].name), reverse=True)


def shelve(folder: Path, shelf: Path) -> tuple[Path, Mapping[str, Any]]:
    """Bring a model folder into `shelf`, unless it is there, and give its place and the content of its card.

    Raises:
        ModelError: when it is no complete model.
        ProjectError: when another model of that name is there, or it cannot be copied.
    """
    card = _content(folder)
    if folder.parent == shelf:
        return folder, card
    target = shelf / folder.name
    if target.exists():
        raise ProjectError("already is there", remedy="Rename the model folder and add it again", path=target)
    with replacing_folder(target) as fresh:
        shutil.copytree(folder, fresh, dirs_exist_ok=True)
    return target, card


def _content(folder: Path) -> Mapping[str, Any]:
    read_card(folder)
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"has no {WEIGHTS}", remedy="Train the model again or restore its folder", path=folder)
    content: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    return content
