"""The journal: the durable list of what was done to one image, one record a stroke.

A file is a row of frames: mark, length, CRC-32, record. A record is kind, layer, revision, target and, for a ``do``,
the patch. The revision counts the changes of the image; the target of an ``undo`` or ``redo`` is the revision of the
stroke it takes back or does again, so that a record means the same whatever was lost or added around it. The first
record is the base: everything up to its revision is in the masks already. Behind it, a compacted journal repeats the
strokes that can still be undone or redone under their old revisions.
"""

import contextlib
import logging
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from segstudio.core.arrays import U8
from segstudio.core.history import DEFAULT_LIMIT, LAYERS, History, Layer, Patch, Piece, is_uniform, uniform
from segstudio.errors import ProjectError
from segstudio.storage.atomic import sync_folder, write_bytes, write_error

Kind = Literal["base", "do", "undo", "redo"]
Translate = Callable[[U8], U8]  # new values for old ones

COMPACT_AT = 8 * 2**20  # a smaller journal is left alone

_MARK = b"SgJ1"
_FRAME = struct.Struct("<4sII")
_RECORD = struct.Struct("<BBQQ")
_KINDS: tuple[Kind, ...] = ("base", "do", "undo", "redo")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a journal.

    Attributes:
        kind: ``base``, ``do``, ``undo`` or ``redo``.
        layer: what it changes.
        revision: of the image after it.
        target: revision at which the stroke it is about was first done.
        start, length: where its patch lies in the file.
        gap: records before it are unreadable.
    """

    kind: Kind
    layer: Layer
    revision: int
    target: int
    start: int
    length: int
    gap: bool = False


@dataclass(slots=True)
class Steps:
    """Which strokes are done and which undone, by the revision they were first done at; the latest is last."""

    done: list[int] = field(default_factory=list)
    undone: list[int] = field(default_factory=list)

    def target(self, kind: Kind, revision: int) -> int | None:
        """The stroke a step of `kind` that leads to `revision` is about; None when there is none."""
        if kind == "do":
            return revision
        strokes = self.done if kind == "undo" else self.undone
        return strokes[-1] if strokes else None

    def take(self, kind: Kind, target: int) -> None:
        """Follow a step."""
        if kind == "do":
            self.undone.clear()
        source, sink = (self.done, self.undone) if kind == "undo" else (self.undone, self.done)
        if target in source:
            source.remove(target)
        sink.append(target)


class Journal:
    """One image's journal file. Not for two threads at once; every reader makes its own.

    Args:
        path: the file; it need not exist yet.
        keep: hold the file's bytes for `steps` and `history`; a writer, who needs neither, goes without.

    Attributes:
        records: those that can be read, the base left out.
        base: revision that the masks contain at least.
        revision: of the last record.
        size: bytes of the file up to the end of the last readable record.

    Raises:
        ProjectError: when the file cannot be read or is of a newer version.
    """

    def __init__(self, path: Path, *, keep: bool = True) -> None:
        self.path = path
        self._keep = keep
        self._stamp: tuple[int, int, int] | None = None
        self._reset(b"")
        self.refresh()

    def refresh(self) -> None:
        """Read the file again when it is not as this object left it."""
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        try:
            data = self.path.read_bytes() if stamp else b""
        except FileNotFoundError:
            data = b""
        except OSError as error:
            raise ProjectError(f"cannot be read ({error.strerror})", remedy="Check the disk", path=self.path) from error
        if data.startswith(_MARK[:3]) and not data.startswith(_MARK):
            raise ProjectError("was made by a newer SegStudio", remedy="Update SegStudio", path=self.path)
        self._reset(data)
        self._stamp = stamp

    def append(self, kind: Kind, target: int, patch: Patch | None = None, *, base: int = 0) -> int:
        """Add a record; when this returns, it is on the disk.

        Args:
            kind: ``do``, ``undo`` or ``redo``.
            target: the stroke it is about, see `Record`; for a ``do`` the revision to come.
            patch: the stroke of a ``do``.
            base: revision to begin at when there is no journal yet.

        Returns:
            The new revision.

        Raises:
            ProjectError: when it could not be written; the journal is then what it was.
        """
        self.refresh()
        start = self.size
        revision = max(self.revision, base) + 1
        stroke = self._strokes.get(target)
        layer = patch.layer if patch else stroke.layer if stroke else LAYERS[0]
        payload = _record(kind, layer, revision, target) + (patch.to_bytes() if patch else b"")
        data = _frame(payload) if start else _base(base) + _frame(payload)
        try:
            self._write(data)
        except OSError as error:
            self._stamp = None
            raise write_error(error, self.path) from error
        self._reset(data, start)
        self._stamp = self._stamp_now()
        return revision

    def patch(self, target: int) -> Patch | None:
        """The stroke first done at a revision; None when its record is lost."""
        record = self._strokes.get(target)
        if record is None:
            return None
        try:
            if self._data is not None:
                return Patch.from_bytes(self._data[record.start : record.start + record.length])
            with self.path.open("rb") as file:
                file.seek(record.start)
                return Patch.from_bytes(file.read(record.length))
        except (OSError, ValueError) as error:
            _log.warning("%s: revision %d cannot be read (%s)", self.path, target, error)
            return None

    def steps(self, contained: Mapping[Layer, int] | None = None) -> Iterator[tuple[Record, Patch]]:
        """The records with the strokes they are about, in order; those whose stroke is lost are left out.

        Args:
            contained: revisions up to which the records of a layer are not wanted.
        """
        patches: dict[int, Patch] = {}
        for record in self.records:
            if contained and record.revision <= contained.get(record.layer, -1):
                continue
            if record.target not in patches:
                patch = self.patch(record.target)
                if patch is None:
                    continue
                patches[record.target] = patch
            yield record, patches[record.target]

    def history(self) -> History:
        """The strokes that can be undone and redone."""
        steps = self.undoable()
        history = History()
        ahead = list(reversed(steps.undone))
        for target in (*steps.done, *ahead):
            patch = self.patch(target)
            if patch is not None:
                patch.pack()
                history.push(patch)
            elif target in ahead:
                ahead.remove(target)
        for _ in ahead:
            history.undo()
        return history

    def undoable(self) -> Steps:
        """Which strokes can be undone and redone; nothing reaches back over records that are lost."""
        steps = Steps()
        for record in self.records:
            if record.gap:
                steps = Steps()
            steps.take(record.kind, record.target)
        return steps

    def wasteful(self) -> bool:
        """Whether `compacted` would save much."""
        if self.size < COMPACT_AT:
            return False
        return sum(record.length for record in self._kept(self.undoable())) < self.size // 2

    def compacted(self) -> bytes:
        """This journal with only what can be undone or redone, to be written when the masks contain `revision`."""
        return self._compacted(self.revision, lambda patch: patch)

    def translated(self, translate: Translate, *, revision: int) -> bytes:
        """The same with other values in every stroke, for masks with other values that contain `revision`."""
        try:
            return self._compacted(revision, lambda patch: _translated(patch, translate))
        except ValueError as error:
            _log.warning("%s: the history begins anew (%s)", self.path, error)
            return _base(revision)

    def _compacted(self, revision: int, change: Callable[[Patch], Patch]) -> bytes:
        steps = self.undoable()
        parts, kept = [_base(revision)], set[int]()
        for record in self._kept(steps):
            patch = self.patch(record.target)
            if patch is not None:
                kept.add(record.target)
                content = change(patch).to_bytes()
                parts.append(_frame(_record("do", record.layer, record.target, record.target) + content))
        undone = [self._strokes[target] for target in steps.undone if target in kept]
        parts += [_frame(_record("undo", stroke.layer, revision, stroke.target)) for stroke in undone]
        return b"".join(parts)

    def _kept(self, steps: Steps) -> list[Record]:
        """Records of the strokes worth keeping, oldest first, as many as a history holds."""
        kept, room = [], DEFAULT_LIMIT
        for target in (*steps.undone, *reversed(steps.done)):
            record = self._strokes.get(target)
            if record is None:
                continue
            room -= record.length
            if room < 0:
                break
            kept.append(record)
        return kept[::-1]

    def _reset(self, data: bytes, at: int = 0) -> None:
        """Take in `data`, the whole file or, from `at`, what was added to it."""
        if at == 0:
            self.records: list[Record] = []
            self.base = self.revision = self.size = 0
            self._strokes: dict[int, Record] = {}
            self._data = data if self._keep else None
        elif self._data is not None:
            self._data = self._data[:at] + data
        for record, end in _parse(data, at):
            self.size = end
            self.revision = max(self.revision, record.revision)
            if record.kind == "base":
                self.base = record.revision
                continue
            self.records.append(record)
            if record.kind == "do":
                self._strokes[record.target] = record

    def _write(self, data: bytes) -> None:
        """Put `data` behind the last readable record and sync; on failure cut it off again."""
        fresh = self.size == 0
        if fresh and self.path.exists() and self.path.stat().st_size:
            # Not one record can be read: keep the file for someone who can, and begin anew.
            self.path.replace(self.path.with_name(self.path.name + ".damaged"))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("r+b" if self.path.exists() else "x+b", buffering=0) as file:
            try:
                file.truncate(self.size)
                file.seek(self.size)
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) or 0 :]
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(self.size)
                raise
        if fresh:
            sync_folder(self.path.parent)

    def _stamp_now(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns


def write_journal(path: Path, *, revision: int) -> None:
    """Begin a journal anew, atomically, over masks that contain `revision`."""
    write_bytes(path, _base(revision))


def _translated(patch: Patch, translate: Translate) -> Patch:
    def values(old: U8) -> U8:
        # A large area of one value stays as small as it is.
        return uniform(int(translate(old[:1, :1])[0, 0]), old.shape) if is_uniform(old) else translate(old)

    pieces = [Piece(piece.rect, values(piece.old), values(piece.new)) for piece in patch.pieces]
    return Patch(patch.layer, patch.label, pieces)


def _base(revision: int) -> bytes:
    return _frame(_record("base", LAYERS[0], revision, revision))


def _record(kind: Kind, layer: Layer, revision: int, target: int) -> bytes:
    return _RECORD.pack(_KINDS.index(kind), LAYERS.index(layer), revision, target)


def _frame(payload: bytes) -> bytes:
    return _FRAME.pack(_MARK, len(payload), zlib.crc32(payload)) + payload


def _parse(data: bytes, at: int) -> Iterator[tuple[Record, int]]:
    """Every readable record with the offset of its end; `data` begins at offset `at` of the file."""
    place, gap = 0, False
    while place < len(data):
        payload = _payload(data, place)
        if payload is None:
            gap = True
            place = data.find(_MARK, place + 1)
            if place < 0:
                return
            continue
        start, end = payload
        kind, layer, revision, target = _RECORD.unpack_from(data, start)
        first = start + _RECORD.size
        yield Record(_KINDS[kind], LAYERS[layer], revision, target, at + first, end - first, gap), at + end
        place, gap = end, False


def _payload(data: bytes, place: int) -> tuple[int, int] | None:
    if len(data) - place < _FRAME.size:
        return None
    mark, length, checksum = _FRAME.unpack_from(data, place)
    start = place + _FRAME.size
    end = start + length
    if mark != _MARK or length < _RECORD.size or end > len(data):
        return None
    if data[start] >= len(_KINDS) or data[start + 1] >= len(LAYERS):
        return None
    return (start, end) if zlib.crc32(memoryview(data)[start:end]) == checksum else None
