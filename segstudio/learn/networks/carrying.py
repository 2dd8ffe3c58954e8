"""Weights carried from machine to machine in a folder: the files, and one that says what they are."""

import hashlib
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segstudio.errors import SegStudioError, UsageError, WeightsError
from segstudio.learn.backbones.registry import (
    BACKBONES,
    TIMM_PREFIX,
    WEIGHT_SUFFIXES,
    Backbone,
    find_backbone,
    how_to_get,
    weights_file,
    weights_folder,
)
from segstudio.learn.networks.structures import STRUCTURES, Structure, need_structure_file, structure_file
from segstudio.storage.atomic import write_bytes, write_text

if TYPE_CHECKING:
    from segstudio.learn.backbones.matching import MatchReport

MANIFEST = "weights.json"
_FORMAT = 1
_PARTS = ("name", "sha256")  # without which an entry says nothing
_LONGEST_HEADER = 100_000_000  # bytes; safetensors itself allows no more


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """A weight file on this machine.

    Attributes:
        name: of the backbone or the published network.
        path: of the file.
        size: in bytes.
        source: where it came from, empty when the file does not say.
    """

    name: str
    path: Path
    size: int
    source: str


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of one entry of a folder of weights.

    Attributes:
        name: of the backbone or the published network, as far as it is known.
        line: what happened, for a person.
        path: of the file that was written; None when it was refused.
    """

    name: str
    line: str
    path: Path | None


def stored_weights(folder: Path | None = None) -> list[StoredWeights]:
    """The weights that a hub or a person put into `folder` (None for the machine's), by name; torch is not loaded."""
    home = folder or weights_folder()
    stems = {backbone.stem: name for name, backbone in BACKBONES.items()}
    timm_stem = TIMM_PREFIX.replace(":", "-")
    found: dict[str, StoredWeights] = {}
    for suffix in WEIGHT_SUFFIXES:
        for path in sorted(home.glob(f"*{suffix}")):
            stem = path.name.removesuffix(suffix)
            name = stems.get(stem)
            if name is None and stem.startswith(timm_stem):
                name = f"{TIMM_PREFIX}{stem.removeprefix(timm_stem)}"
            if name is not None and name not in found and not path.name.startswith("."):
                found[name] = _stored(name, path)
    for name, structure in STRUCTURES.items():
        if (file := structure_file(structure, home)) is not None:
            found[name] = _stored(name, file)
    return [found[name] for name in sorted(found)]


def import_file(name: str, file: Path, folder: Path | None = None, *, source: str | None = None) -> "MatchReport":
    """Take in a file of weights, whole or not at all; code in it is never run.

    Args:
        name: of the backbone or the published network whose weights they are.
        file: see `segstudio.learn.backbones.weights.read_weights`.
        folder: where weights lie; None for `segstudio.learn.backbones.registry.weights_folder`.
        source: where the file is from, stored with it; None for its name.

    Returns:
        What fitted; always complete.

    Raises:
        UsageError: there is nothing of that name.
        WeightsError: the file cannot be used, or is not complete.
        ProjectError: the folder cannot be written.
    """
    start = _find(name)
    if isinstance(start, Structure):
        from segstudio.learn.networks.published import import_structure

        return import_structure(start, file, folder, source=source)
    from segstudio.learn.backbones.weights import import_weights

    return import_weights(start, file, folder, source=source)


def kept_file(name: str, folder: Path | None = None) -> Path:
    """Where `import_file` keeps the weights of that name; arguments and UsageError as there."""
    return (folder or weights_folder()) / _file_name(_find(name))


def export_weights(names: Iterable[str], destination: Path, folder: Path | None = None) -> list[Carried]:
    """Copy weights of this machine to `destination`, to be taken in elsewhere by `import_folder`.

    What an earlier export left there stays, but for files of the same name.

    Args:
        names: of backbones and published networks; when empty, all whose weights a hub or a person put on this machine.
        destination: folder, made when missing.
        folder: where weights lie; None for `segstudio.learn.backbones.registry.weights_folder`.

    Raises:
        UsageError: for an unknown name, or when there is nothing to export.
        WeightsError: when weights are not on this machine or damaged; what came before is exported.
        ProjectError: when the destination cannot be written.
    """
    chosen = [_find(name) for name in (list(names) or [stored.name for stored in stored_weights(folder)])]
    if not chosen:
        remedy = f"Name backbones whose weights come with the program, or {_lower(how_to_get(BACKBONES['resnet34']))}"
        raise UsageError("there are no weights to export", remedy=remedy)
    manifest = destination / MANIFEST
    entries = {entry["name"]: entry for entry in _entries(manifest)} if manifest.exists() else {}
    told = []
    for start in chosen:
        data, source = _packed(start, folder)
        target = destination / _file_name(start)
        write_bytes(target, data)
        checksum = hashlib.sha256(data).hexdigest()
        entries[start.name] = {
            "name": start.name,
            "file": target.name,
            "sha256": checksum,
            "source": source,
            "licence": start.licence,
        }
        listed = [entries[name] for name in sorted(entries)]
        write_text(manifest, json.dumps({"format": _FORMAT, "weights": listed}, indent=2) + "\n")
        told.append(Carried(start.name, f"{len(data) / 1e6:.1f} MB, {start.licence}", target))
    return told


def import_folder(source: Path, folder: Path | None = None) -> list[Carried]:
    """Take in the weights of a folder that `export_weights` wrote, each by itself: a bad one does not stop the rest.

    Args:
        source: the folder.
        folder: where weights lie; None for `segstudio.learn.backbones.registry.weights_folder`.

    Returns:
        One for each file the folder speaks of; `Carried.path` is None for those that were refused.

    Raises:
        WeightsError: when the folder does not say what is in it.
    """
    return [_take(entry, source, folder) for entry in _entries(source / MANIFEST)]


def _take(entry: dict[str, Any], source: Path, folder: Path | None) -> Carried:
    name = entry["name"]
    try:
        start = _find(name)
        # Not by the entry's own word for it, which could lead anywhere.
        path = source / _file_name(start)
        _verify(path, entry["sha256"])
        report = import_file(name, path, folder, source=_source(path) or path.name)
    except SegStudioError as error:
        return Carried(name, str(error), None)
    return Carried(name, report.line, kept_file(name, folder))


def _find(name: str) -> Backbone | Structure:
    if name in STRUCTURES:
        return STRUCTURES[name]
    try:
        return find_backbone(name)
    except UsageError as error:
        remedy = f"{error.remedy}; or a whole network: {', '.join(STRUCTURES)}"
        raise UsageError(error.problem, remedy=remedy) from error


def _file_name(start: Backbone | Structure) -> str:
    return f"{start.stem}.safetensors"


def _packed(start: Backbone | Structure, folder: Path | None) -> tuple[bytes, str]:
    """The bytes to carry, and where they are from."""
    if isinstance(start, Structure):
        from segstudio.learn.networks.published import pack_structure, read_structure

        path = need_structure_file(start, folder)
        source = _source(path) or start.source
        return pack_structure(start, read_structure(start, path), source), source
    from segstudio.learn.backbones.weights import pack_weights, read_encoder

    found = weights_file(start, folder)
    if found is None:
        raise WeightsError(f"the weights of {start.title} are not on this machine", remedy=how_to_get(start))
    source = _source(found) or start.source
    return pack_weights(start, read_encoder(start, found).tensors, source), source


def _stored(name: str, path: Path) -> StoredWeights:
    return StoredWeights(name, path, path.stat().st_size, _source(path))


def _verify(path: Path, wanted: str) -> None:
    remedy = "Export the weights again"
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise WeightsError("the weight file is missing", remedy=remedy, path=path) from error
    except OSError as error:
        raise WeightsError(f"cannot be read ({error.strerror})", remedy=remedy, path=path) from error
    if found != wanted:
        raise WeightsError("is not the file that was exported, its checksum differs", remedy=remedy, path=path)


def _entries(manifest: Path) -> list[dict[str, Any]]:
    try:
        stored = json.loads(manifest.read_text(encoding="utf-8"))
        entries = stored["weights"]
        if stored["format"] != _FORMAT or not all(isinstance(entry[part], str) for entry in entries for part in _PARTS):
            raise ValueError("another format")
        return [dict(entry) for entry in entries]
    except FileNotFoundError as error:
        remedy = "Make such a folder by 'segstudio weights export', or import its files one by one with --backbone"
        raise WeightsError(f"holds no {MANIFEST}", remedy=remedy, path=manifest.parent) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError("is damaged or of another version", remedy="Export the weights again", path=manifest) from (
            error
        )


def _source(path: Path) -> str:
    """Where a safetensors file says it came from; only its header is read."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _LONGEST_HEADER:
                return ""
            told = json.loads(file.read(length)).get("__metadata__", {}).get("source", "")
    except (OSError, ValueError, struct.error, AttributeError):
        return ""
    return told if isinstance(told, str) else ""


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
