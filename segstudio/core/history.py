"""Undo and redo as patches: a stroke costs memory for the pixels it changed, never for the image."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from segstudio.core.arrays import U8
from segstudio.core.geometry import EMPTY, Rect

Layer = Literal["annotation", "rejected"]
LAYERS: tuple[Layer, ...] = ("annotation", "rejected")

DEFAULT_LIMIT = 256 * 2**20
_HEAD = struct.Struct("<BHI")  # layer, length of the label, number of pieces
_RECT = struct.Struct("<4I")


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a patch: a rectangle with the values before and after, each ``uint8 (h, w)``."""

    rect: Rect
    old: U8
    new: U8


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

    @property
    def nbytes(self) -> int:
        """Memory the values take at present, in bytes."""
        pieces, packed = self._pieces, self._packed
        if pieces is not None:
            return sum(piece.old.nbytes + piece.new.nbytes for piece in pieces)
        return len(packed or b"")

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces, unpacked when they have to be."""
        pieces = self._pieces
        return pieces if pieces is not None else self._unpack()

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
        values = b"".join(np.ascontiguousarray(v).tobytes() for piece in pieces for v in (piece.old, piece.new))
        self._packed = zlib.compress(values, 1)  # before the pieces go: a reader finds one or the other
        self._pieces = None

    def to_bytes(self) -> bytes:
        """Serialise for the journal; packs as a side effect."""
        self.pack()
        label = self.label.encode()[:65535]
        parts = [_HEAD.pack(LAYERS.index(self.layer), len(label), len(self.rects)), label]
        parts += [_RECT.pack(rect.x0, rect.y0, rect.x1, rect.y1) for rect in self.rects]
        return b"".join([*parts, self._packed or b""])

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
            patch = Patch(LAYERS[layer], label, ())
            patch.rects = tuple(rects)
            for rect in rects:
                patch.rect = patch.rect.union(rect)
            patch._packed = data[at + count * _RECT.size :]
            patch._pieces = None
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise ValueError(f"damaged patch: {error}") from error
        return patch

    def _unpack(self) -> tuple[Piece, ...]:
        try:
            values = np.frombuffer(zlib.decompress(self._packed or b""), np.uint8)
        except zlib.error as error:
            raise ValueError(f"damaged patch: {error}") from error
        if values.size != 2 * sum(rect.width * rect.height for rect in self.rects):
            raise ValueError("damaged patch: wrong number of values")
        pieces, at = [], 0
        for rect in self.rects:
            shape, size = (rect.height, rect.width), rect.width * rect.height
            old = values[at : at + size].reshape(shape)
            new = values[at + size : at + 2 * size].reshape(shape)
            pieces.append(Piece(rect, old, new))
            at += 2 * size
        return tuple(pieces)


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
