"""Masks on disk: 8-bit indexed PNG whose values are class indices, readable by any tool."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import PIL.Image

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID, ClassTable
from segstudio.errors import MaskError
from segstudio.storage.atomic import write_bytes

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BAND = 2**22  # pixels compressed at a time
_GREY, _INDEXED = 0, 3  # colour types, PNG specification 11.2.2
_EXPORT = "Export the mask as 8-bit indexed or grey PNG of class indices"


def write_mask(path: Path, mask: U8, classes: ClassTable, *, text: Mapping[str, str] | None = None) -> None:
    """Write a mask as 8-bit indexed PNG with the colours of its classes, atomically.

    Void is black and transparent, so that any viewer shows the classes alone.

    Args:
        path: where to; its folder is made when missing.
        mask: ``uint8 (H, W)`` of class indices and void.
        classes: whose colours become the palette.
        text: keywords and texts to store beside the pixels, see `read_text`.

    Raises:
        ProjectError: when the file cannot be written.
    """
    write_bytes(path, encode_mask(mask, classes, text=text))


def encode_mask(mask: U8, classes: ClassTable, *, text: Mapping[str, str] | None = None) -> bytes:
    """The bytes `write_mask` writes. Leaves other threads running while it compresses."""
    palette = classes.colors().tobytes()
    alpha = bytes([255] * VOID + [0])
    return _encode(mask, text or {}, [(b"PLTE", palette), (b"tRNS", alpha)], _INDEXED)


def encode_grey(values: U8, *, text: Mapping[str, str] | None = None) -> bytes:
    """An 8-bit grey PNG of ``uint8 (H, W)``, such as a confidence."""
    return _encode(values, text or {}, [], _GREY)


def read_mask(path: Path, *, size: tuple[int, int] | None = None, classes: int | None = None) -> U8:
    """Read a mask: ``uint8 (H, W)``, the stored values as they are, colours ignored.

    Grey or indexed PNG of up to 8 bits, or grey of 16 bits whose values fit into 8.

    Args:
        path: the file.
        size: width and height it must have.
        classes: values must be below this number, or void.

    Raises:
        MaskError: missing, damaged, in colour, of another size, or with a value without a class.
    """
    path = Path(path)
    mask = _decode(path, size)
    if classes is not None and (strangers := values_without_class(mask, classes)):
        more = f" and {len(strangers) - 1} more values" if len(strangers) > 1 else ""
        raise MaskError(
            f"holds the value {strangers[0]}{more}, which is no class (there are {classes})",
            remedy="Add the class or correct the mask",
            path=path,
        )
    return mask


def values_without_class(mask: U8, classes: int) -> list[int]:
    """The values of a mask that are neither below `classes` nor void."""
    # Unsigned numbers wrap around: one comparison finds everything from `classes` up to, but without, void.
    if not np.count_nonzero(mask - np.uint8(classes) < VOID - classes):
        return []
    return [int(value) for value in np.unique(mask) if classes <= value < VOID]


def is_mask(path: Path) -> bool:
    """Whether a file is an 8-bit indexed or grey PNG, as its header says."""
    try:
        with path.open("rb") as stream:
            start = stream.read(26)
    except OSError:
        return False
    if len(start) < 26 or not start.startswith(_SIGNATURE):
        return False
    depth, kind = start[24], start[25]
    return depth == 8 and kind in (_GREY, _INDEXED)


def read_text(path: Path) -> dict[str, str]:
    """The texts stored in a PNG; empty when it has none.

    Raises:
        MaskError: when the file is missing or no PNG.
    """
    try:
        with PIL.Image.open(path, formats=("PNG",)) as file:
            return {str(key): value for key, value in file.info.items() if isinstance(value, str)}
    except Exception as error:  # parsers of damaged files raise nearly anything
        raise _unreadable(Path(path), error) from error


def _decode(path: Path, size: tuple[int, int] | None) -> U8:
    try:
        with path.open("rb") as stream:
            start = stream.read(26)
        if not start.startswith(_SIGNATURE):
            raise MaskError("is empty" if not start else "is no PNG", remedy=_EXPORT, path=path)
        width, height, depth, kind = struct.unpack(">IIBB", start[16:26])
        if size is not None and (width, height) != tuple(size):
            raise MaskError(
                f"is {width} x {height}, its image is {size[0]} x {size[1]}",
                remedy="Export the mask at the size of its image",
                path=path,
            )
        if kind not in (_GREY, _INDEXED):
            raise MaskError("is a colour image, not a mask of class indices", remedy=_EXPORT, path=path)
        with PIL.Image.open(path, formats=("PNG",)) as file:
            values = np.asarray(file)
    except MaskError:
        raise
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise _unreadable(path, error) from error
    if values.shape != (height, width):
        raise _unreadable(path, ValueError())
    if values.dtype.itemsize > 1:
        if int(values.max()) > VOID:
            raise MaskError(f"holds values up to {int(values.max())}", remedy=_EXPORT, path=path)
        return values.astype(np.uint8)
    if kind == _GREY and depth in (2, 4):
        # The decoder stretches them to 0..255; the file holds small class indices.
        values = values // (255 // (2**depth - 1))
    return values.astype(np.uint8)


def _unreadable(path: Path, error: Exception) -> MaskError:
    if isinstance(error, FileNotFoundError):
        return MaskError("is missing", remedy="Put the file back", path=path)
    if isinstance(error, PermissionError):
        return MaskError("cannot be read, permission denied", remedy="Allow reading it", path=path)
    return MaskError("is damaged or truncated", remedy="Copy it again from its source", path=path)


def _encode(values: U8, text: Mapping[str, str], extra: list[tuple[bytes, bytes]], kind: int) -> bytes:
    if values.dtype != np.uint8 or values.ndim != 2 or not values.size:
        raise ValueError(f"a mask is uint8 (H, W), not {values.dtype} {values.shape}")
    height, width = values.shape
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), *(_chunk(name, data) for name, data in extra)]
    chunks += [_text_chunk(keyword, content) for keyword, content in text.items()]
    chunks += [_chunk(b"IDAT", data) for data in _compressed(values)]
    return b"".join([_SIGNATURE, *chunks, _chunk(b"IEND", b"")])


def _compressed(values: U8) -> Iterator[bytes]:
    """The scan lines, each behind filter 0, deflated band by band.

    Run-length matching is both the fastest and, on flat masks, the tightest strategy of zlib; unlike Pillow's encoder
    it lets other threads run meanwhile, so saving does not hold up the brush.
    """
    height, width = values.shape
    packer = zlib.compressobj(6, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        band = values[top : top + rows]
        lines = np.zeros((band.shape[0], width + 1), np.uint8)
        lines[:, 1:] = band
        if data := packer.compress(lines.data):
            yield data
    yield packer.flush()


def _text_chunk(keyword: str, content: str) -> bytes:
    name = keyword.encode("latin-1")
    try:
        return _chunk(b"tEXt", name + b"\0" + content.encode("latin-1"))
    except UnicodeEncodeError:
        # iTXt, PNG specification 11.3.4.5: uncompressed, no language, no translated keyword.
        return _chunk(b"iTXt", name + b"\0\0\0\0\0" + content.encode("utf-8"))


def _chunk(name: bytes, data: bytes) -> bytes:
    return b"".join([struct.pack(">I", len(data)), name, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))])
