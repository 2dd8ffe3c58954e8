"""TIFF of any number of channels: taken apart into grey pictures, which every decoder can read.

Decoders of pictures know grey, RGB and alpha. Yet to a TIFF whose channels lie side by side, packed without regard to
what they mean, samples are samples: told that it is grey and C times as wide, a decoder unpacks the very same numbers.
A TIFF that keeps its channels apart is a grey picture a channel. So only the directory of the file is written anew, in
memory; the samples are not touched.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segstudio.core.arrays import U8, Pixels
from segstudio.storage.headers import Header, tiff_pages

_SAMPLES = 1 << 26  # unpacked at a time, unless the file keeps more in one piece
_SHORT, _LONG, _LONG8 = 3, 4, 16
_KINDS = {1: "u", 2: "i", 3: "f"}  # SampleFormat, TIFF 6.0
_DIRECTORY_BYTES = 1 << 10  # of a new directory without its longer values


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where and how the samples of a TIFF lie.

    Attributes:
        width, height: as stored.
        channels: samples a pixel, alpha included.
        together: whether the samples of a pixel lie side by side.
        kind: of a sample.
        piece: width and height of a strip or tile, in pixels.
        tiled: whether pieces are tiles.
        starts, sizes: bytes at which pieces begin, and their lengths.
        packing, predictor, fill: the tags Compression, Predictor and FillOrder.
    """

    width: int
    height: int
    channels: int
    together: bool
    kind: np.dtype[Any]
    piece: tuple[int, int]
    tiled: bool
    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    packing: int
    predictor: int
    fill: int

    @property
    def across(self) -> int:
        """Pieces side by side."""
        return -(-self.width // self.piece[0])

    @property
    def down(self) -> int:
        """Pieces above each other."""
        return -(-self.height // self.piece[1])


def read_bands(path: Path, header: Header) -> Pixels:
    """Decode a TIFF of several channels.

    Args:
        path: the file.
        header: what it says of itself, see `segstudio.storage.headers.read_header`.

    Returns:
        ``(H, W)`` or ``(H, W, C)`` as stored, without alpha; ``uint8``, ``uint16`` or ``float32``.

    Raises:
        OSError, ValueError: the file cannot be read, or is damaged.

    Source: TIFF 6.0, sections 2, 8, 14 and 15.
    """
    with path.open("rb") as file:
        start = file.read(32)
        layout = _layout(tiff_pages(file, start)[0])
        data = np.empty(path.stat().st_size + _DIRECTORY_BYTES + 16 * len(layout.starts), np.uint8)
        file.seek(0)
        length = file.readinto(data.data)
    kept = layout.kind if layout.kind in (np.uint8, np.uint16) else np.dtype(np.float32)
    out = np.empty((layout.height, layout.width, header.bands), kept)
    for rows, plane, samples in _pieces(layout, data, length, header.bands):
        if plane is None:
            out[rows] = samples.reshape(samples.shape[0], layout.width, layout.channels)[:, :, : header.bands]
        else:
            out[rows, :, plane] = samples
    return out[:, :, 0] if header.bands == 1 else out


def _layout(tags: dict[int, Any]) -> _Layout:
    def numbers(tag: int, default: int) -> tuple[int, ...]:
        value = tags.get(tag, default)
        return tuple(int(v) for v in value) if isinstance(value, tuple) else (int(value),)

    def number(tag: int, default: int) -> int:
        return numbers(tag, default)[0]

    width, height = number(256, 0), number(257, 0)
    tiled = 324 in tags
    piece = (number(322, 0), number(323, 0)) if tiled else (width, min(number(278, height), height))
    kind = np.dtype(f"{_KINDS[number(339, 1)]}{number(258, 1) // 8}")
    layout = _Layout(
        width=width,
        height=height,
        channels=number(277, 1),
        together=number(284, 1) == 1,
        kind=kind,
        piece=piece,
        tiled=tiled,
        starts=numbers(324 if tiled else 273, 0),
        sizes=numbers(325 if tiled else 279, 0),
        packing=number(259, 1),
        predictor=number(317, 1),
        fill=number(266, 1),
    )
    wanted = layout.across * layout.down * (1 if layout.together else layout.channels)
    if len(layout.starts) != wanted or len(layout.sizes) != wanted:
        raise ValueError(f"{len(layout.starts)} pieces instead of {wanted}")
    return layout


def _pieces(layout: _Layout, data: U8, length: int, bands: int) -> Iterator[tuple[slice, int | None, Pixels]]:
    """Rows, channel (None for all of them side by side) and samples of parts of the image."""
    wide = layout.channels if layout.together else 1
    at_a_time = max(1, _SAMPLES // (layout.width * wide * layout.piece[1]))
    for plane in range(1 if layout.together else bands):
        for first in range(0, layout.down, at_a_time):
            last = min(first + at_a_time, layout.down)
            rows = slice(first * layout.piece[1], min(last * layout.piece[1], layout.height))
            before = plane * layout.across * layout.down
            pieces = slice(before + first * layout.across, before + last * layout.across)
            unpack = _unpacked if layout.packing == 1 and layout.fill == 1 else _decoded
            samples = unpack(layout, data, length, rows.stop - rows.start, pieces)
            yield rows, None if layout.together else plane, samples


def _unpacked(layout: _Layout, data: U8, length: int, height: int, pieces: slice) -> Pixels:
    """Samples that are not packed at all, ``(height, width)``, of channels side by side ``(height, width * C)``.

    Faster than asking the decoder, and OpenCV refuses many tiles of this sort.
    """
    wide = layout.channels if layout.together else 1
    kind = layout.kind.newbyteorder("<" if bytes(data[:2]) == b"II" else ">")
    out = np.empty((height, layout.width * wide), layout.kind)
    across, down = layout.piece[0] * wide, layout.piece[1]
    for number, start in enumerate(layout.starts[pieces]):
        top, left = number // layout.across * down, number % layout.across * across
        rows = down if layout.tiled else min(down, height - top)
        end = start + rows * across * kind.itemsize
        if end > length:
            raise ValueError("the file ends too early")
        into = out[top : top + rows, left : left + across]
        into[:] = data[start:end].view(kind).reshape(rows, across)[: into.shape[0], : into.shape[1]]
    return out


def _decoded(layout: _Layout, data: U8, length: int, height: int, pieces: slice) -> Pixels:
    """Samples that the decoder unpacks, shaped as by `_unpacked`."""
    wide = layout.channels if layout.together else 1
    _write_directory(layout, data, length, height, pieces)
    samples: Pixels | None = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if samples is None or samples.shape != (height, layout.width * wide):
        raise ValueError("the samples cannot be unpacked")
    if samples.dtype.itemsize != layout.kind.itemsize:
        raise ValueError(f"{samples.dtype} instead of {layout.kind}")
    samples = samples.view(layout.kind)
    return _summed(samples, layout) if layout.together and layout.predictor == 2 else samples


def _write_directory(layout: _Layout, data: U8, length: int, height: int, pieces: slice) -> None:
    """Make a grey picture of the TIFF in `data`: its directory goes behind the file, at `length`."""
    order = "<" if bytes(data[:2]) == b"II" else ">"
    big = bool(struct.unpack_from(order + "H", data.data, 2)[0] == 43)
    wide = layout.channels if layout.together else 1
    # Differences between neighbours are taken channel by channel, which a grey picture would get wrong.
    predictor = 1 if layout.together else layout.predictor
    place = length + length % 2
    starts, sizes = layout.starts[pieces], layout.sizes[pieces]
    entries: list[tuple[int, int, tuple[int, ...]]] = [
        (256, _LONG, (layout.width * wide,)),
        (257, _LONG, (height,)),
        (258, _SHORT, (layout.kind.itemsize * 8,)),
        (259, _SHORT, (layout.packing,)),
        (262, _SHORT, (1,)),
        (266, _SHORT, (layout.fill,)),
        (277, _SHORT, (1,)),
        (339, _SHORT, ({"u": 1, "i": 2, "f": 3}[layout.kind.kind],)),
    ]
    if predictor != 1:
        entries.append((317, _SHORT, (predictor,)))
    pointer = _LONG8 if big else _LONG
    if layout.tiled:
        entries += [(322, _LONG, (layout.piece[0] * wide,)), (323, _LONG, (layout.piece[1],))]
        entries += [(324, pointer, starts), (325, pointer, sizes)]
    else:
        entries += [(278, _LONG, (layout.piece[1],)), (273, pointer, starts), (279, pointer, sizes)]
    directory = _pack(sorted(entries), place, order, big)
    data[length:] = 0
    data[place : place + len(directory)] = np.frombuffer(directory, np.uint8)
    struct.pack_into(order + ("Q" if big else "L"), data.data, 8 if big else 4, place)


def _pack(entries: list[tuple[int, int, tuple[int, ...]]], place: int, order: str, big: bool) -> bytes:
    """A directory at `place`: its entries, and behind them the values too long for an entry."""
    count, word, room = ("Q", "Q", 8) if big else ("H", "L", 4)
    head = struct.pack(order + count, len(entries))
    behind = place + len(head) + len(entries) * (12 + 2 * (room - 4)) + room
    body, values = b"", b""
    for tag, kind, numbers in entries:
        packed = struct.pack(f"{order}{len(numbers)}{ {_SHORT: 'H', _LONG: 'L', _LONG8: 'Q'}[kind] }", *numbers)
        inline = packed.ljust(room, b"\0")
        if len(packed) > room:
            inline = struct.pack(order + word, behind + len(values))
            values += packed + b"\0" * (len(packed) % 2)
        body += struct.pack(order + "HH" + word, tag, kind, len(numbers)) + inline
    return head + body + b"\0" * room + values


def _summed(samples: Pixels, layout: _Layout) -> Pixels:
    """Values from differences between neighbours of one channel, in each strip or tile; TIFF 6.0, section 14."""
    unsigned = samples.view(f"u{layout.kind.itemsize}").reshape(samples.shape[0], layout.width, layout.channels)
    out = np.empty_like(unsigned)
    for left in range(0, layout.width, layout.piece[0]):
        tile = slice(left, left + layout.piece[0])
        np.cumsum(unsigned[:, tile], axis=1, dtype=unsigned.dtype, out=out[:, tile])
    return out.view(layout.kind).reshape(samples.shape)
