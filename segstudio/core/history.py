"""Undo and redo as patches: a stroke costs memory for the pixels it changed, never for the image."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

import numpy as np

from segstudio.core.arrays import U8
from segstudio.core.geometry import EMPTY, Rect

Layer = Literal["annotation", "rejected"]
LAYERS: tuple[Layer, ...] = ("annotation", "rejected")

DEFAULT_LIMIT = 256 * 2**20
_HEAD = struct.Struct("<BHI")  # layer, length of the label, number of pieces
_RECT = struct.Struct("<4I")
_MARKED = 0x80  # added to the layer: a byte a piece follows the rectangles, saying which of its sides are uniform
_OLD, _NEW = 1, 2
_EACH = bytes(range(256))


def uniform(value: int, shape: tuple[int, int]) -> U8:
    """``uint8`` of a shape, all of one value, in the memory of one; read only."""
    return np.ndarray(shape, np.uint8, buffer=_EACH, offset=value, strides=(0, 0))


def is_uniform(values: U8) -> bool:
    """Whether an array was made by `uniform`, or is part of one that was."""
    return values.strides == (0, 0)


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a patch: a rectangle with the values before and after, each ``uint8 (h, w)``; read only."""

    rect: Rect
    old: U8
    new: U8

    @property
    def nbytes(self) -> int:
        """Memory the values take."""
        return sum(1 if is_uniform(values) else values.nbytes for values in (self.old, self.new))


class Patch:
    """What one stroke changed in one layer: small rectangles with their old and new values.

    Cutting the bounding box into pieces keeps a long diagonal stroke over a huge image as cheap as its pixels.

    Attributes:
        layer: which array of the document it belongs to.
        label: what the gesture was, for the history list, e.g. ``Brush``.
        rect: bounding box of all pieces.
    """

    def __init__(self, layer: Layer, label: str, pieces: Sequence[Piece]) -> None:
        self.layer = layer
        self.label = label
        self.rects = tuple(piece.rect for piece in pieces)
        self.rect = EMPTY
        for rect in self.rects:
            self.rect = self.rect.union(rect)
        self._pieces: tuple[Piece, ...] | None = tuple(pieces)
        self._packed: bytes | None = None
        self._sides = bytes(_OLD * is_uniform(piece.old) | _NEW * is_uniform(piece.new) for piece in pieces)
        self._nbytes = sum(piece.nbytes for piece in pieces)

    @property
    def nbytes(self) -> int:
        """Memory the values take at present, in bytes."""
        return self._nbytes if self._pieces is not None else len(self._packed or b"")

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces, unpacked when they have to be."""
        pieces = self._pieces
        return pieces if pieces is not None else self._unpack()

    def first_piece(self) -> Piece | None:
        """The first piece alone, which costs no more than itself to unpack; None of a patch without any.

        Raises:
            ValueError: when the patch comes from a damaged journal.
        """
        pieces = self._pieces
        if pieces is not None:
            return pieces[0] if pieces else None
        if not self.rects:
            return None
        size = sum(_sizes(self.rects[0], self._sides[0]))
        try:
            values = np.frombuffer(zlib.decompressobj().decompress(self._packed or b"", size), np.uint8)
        except zlib.error as error:
            raise ValueError(f"damaged patch: {error}") from error
        if values.size != size:
            raise ValueError("damaged patch: wrong number of values")
        return _piece(self.rects[0], self._sides[0], values)

    def apply(self, array: U8) -> None:
        """Write the new values into ``uint8 (H, W)``."""
        for piece in self.pieces:
            array[piece.rect.slices] = piece.new

    def revert(self, array: U8) -> None:
        """Write the old values into ``uint8 (H, W)``."""
        for piece in self.pieces:
            array[piece.rect.slices] = piece.old

    def pack(self) -> None:
        """Compress the values in place. May run on any thread, any number of times."""
        pieces = self._pieces
        if pieces is None:
            return
        # Side by side and not as one: a copy of all would take as much memory again, and hold up other threads.
        packer = zlib.compressobj(1)
        sides = (side for piece in pieces for side in (piece.old, piece.new))
        parts = [packer.compress((side[:1, :1] if is_uniform(side) else side).tobytes()) for side in sides]
        self._packed = b"".join([*parts, packer.flush()])  # before the pieces go: a reader finds one or the other
        self._pieces = None

    def to_bytes(self) -> bytes:
        """Serialise for the journal; packs as a side effect."""
        self.pack()
        marked = any(self._sides)
        label = self.label.encode()[:65535].decode(errors="ignore").encode()  # no half letters
        layer = LAYERS.index(self.layer) | (_MARKED if marked else 0)
        parts = [_HEAD.pack(layer, len(label), len(self.rects)), label]
        parts += [_RECT.pack(rect.x0, rect.y0, rect.x1, rect.y1) for rect in self.rects]
        return b"".join([*parts, self._sides if marked else b"", self._packed or b""])

    @staticmethod
    def from_bytes(data: bytes) -> "Patch":
        """Inverse of `to_bytes`. The values stay compressed, and are looked at when they are needed.

        Raises:
            ValueError: when the data is damaged; damaged values raise it when they are used.
        """
        try:
            layer, length, count = _HEAD.unpack_from(data)
            at = _HEAD.size + length
            label = data[_HEAD.size : at].decode()
            rects = [Rect(*_RECT.unpack_from(data, at + i * _RECT.size)) for i in range(count)]
            at += count * _RECT.size
            patch = Patch(LAYERS[layer & ~_MARKED], label, ())
            patch._sides = bytes(count)
            if layer & _MARKED:
                patch._sides = data[at : at + count]
                at += count
            patch.rects = tuple(rects)
            for rect in rects:
                patch.rect = patch.rect.union(rect)
            patch._packed = data[at:]
            patch._pieces = None
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise ValueError(f"damaged patch: {error}") from error
        if len(patch._sides) != count:
            raise ValueError("damaged patch: it ends too early")
        return patch

    def _unpack(self) -> tuple[Piece, ...]:
        try:
            values = np.frombuffer(zlib.decompress(self._packed or b""), np.uint8)
        except zlib.error as error:
            raise ValueError(f"damaged patch: {error}") from error
        ends = list(accumulate(sum(_sizes(*each)) for each in zip(self.rects, self._sides, strict=True)))
        if values.size != (ends[-1] if ends else 0):
            raise ValueError("damaged patch: wrong number of values")
        starts = [0, *ends[:-1]]
        return tuple(
            _piece(rect, sides, values[start:end])
            for rect, sides, start, end in zip(self.rects, self._sides, starts, ends, strict=True)
        )


def _sizes(rect: Rect, sides: int) -> tuple[int, int]:
    """How many values are kept of a piece, before and after."""
    area = rect.width * rect.height
    return 1 if sides & _OLD else area, 1 if sides & _NEW else area


def _piece(rect: Rect, sides: int, values: U8) -> Piece:
    shape, split = (rect.height, rect.width), _sizes(rect, sides)[0]
    old, new = values[:split], values[split:]
    return Piece(
        rect,
        uniform(int(old[0]), shape) if sides & _OLD else old.reshape(shape),
        uniform(int(new[0]), shape) if sides & _NEW else new.reshape(shape),
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: a new stroke, or a step back or forward through the strokes.

    Attributes:
        kind: ``do``, ``undo`` or ``redo``.
        patch: the stroke of a ``do``; None otherwise.
    """

    kind: Literal["do", "undo", "redo"]
    patch: Patch | None = None


class History:
    """The strokes of one image that can be undone and redone, capped by bytes.

    Args:
        limit_bytes: the oldest strokes are forgotten beyond this much memory.
    """

    def __init__(self, limit_bytes: int = DEFAULT_LIMIT) -> None:
        self._limit = limit_bytes
        self._done: list[Patch] = []
        self._undone: list[Patch] = []
        self._estimate = 0  # at least what the strokes take: packing makes them smaller behind its back

    @property
    def done(self) -> Sequence[Patch]:
        """Strokes that can be undone, oldest first."""
        return tuple(self._done)

    @property
    def undone(self) -> Sequence[Patch]:
        """Strokes that can be redone; the next one is last."""
        return tuple(self._undone)

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        return bool(self._undone)

    @property
    def nbytes(self) -> int:
        return sum(patch.nbytes for patch in (*self._done, *self._undone))

    def push(self, patch: Patch) -> None:
        """Remember a new stroke; what had been undone is gone."""
        self._undone.clear()
        self._done.append(patch)
        self._estimate += patch.nbytes
        if self._estimate > self._limit:
            self._forget()

    def undo(self) -> Patch | None:
        """The stroke to revert now, or None; the caller reverts it."""
        if not self._done:
            return None
        self._undone.append(self._done.pop())
        return self._undone[-1]

    def redo(self) -> Patch | None:
        """The stroke to apply again now, or None; the caller applies it."""
        if not self._undone:
            return None
        self._done.append(self._undone.pop())
        return self._done[-1]

    def _forget(self) -> None:
        """Drop the oldest strokes beyond the limit, counted exactly."""
        self._estimate = self.nbytes
        oldest = 0
        while self._estimate > self._limit and oldest < len(self._done) - 1:
            self._estimate -= self._done[oldest].nbytes
            oldest += 1
        del self._done[:oldest]
