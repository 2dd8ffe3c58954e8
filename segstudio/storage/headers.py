"""What an image file says of itself before it is decoded."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import PIL.Image
from PIL import UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from segstudio.errors import ImageError

_FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_PIXELS = 2**30  # 32768 x 32768; more is a broken header
_ORIENTATION = 0x0112
_EXPORT = "Export it as 8-bit or 16-bit PNG or TIFF"
_MOST_BANDS = 64
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
_NO_MEANING = 0  # ExtraSamples of TIFF 6.0: neither kind of alpha, so a channel like the others
_NUMBERS = {(8, 1), (16, 1), (32, 1), (8, 2), (16, 2), (32, 2), (32, 3), (64, 3)}  # bits and SampleFormat, TIFF 6.0
_PACKINGS = (1, 5, 8, 32773, 32946)  # none, LZW, deflate, PackBits, deflate of old: none of them looks at channels


@dataclass(frozen=True, slots=True)
class Header:
    """Size and kind of an image file.

    Attributes:
        width, height: upright, that is after `orientation` is applied.
        format: ``PNG``, ``JPEG``, ``BMP``, ``WEBP`` or ``TIFF``.
        orientation: EXIF 1..8 still to be applied after decoding; 1 where the decoder does it.
        channels: samples a pixel, alpha included.
        deep: more than the 8-bit decoder can hold without loss.
        bands: channels once decoded: 1 grey, 3 RGB, or what the file has without its alpha.
        itemsize: bytes of a sample once decoded.
        layered: a TIFF of which `segstudio.storage.bands` has to take the channels apart.
    """

    width: int
    height: int
    format: str
    orientation: int = 1
    channels: int = 1
    deep: bool = False
    bands: int = 1
    itemsize: int = 1
    layered: bool = False

    @property
    def decoded_bytes(self) -> int:
        """What the decoded image takes in memory."""
        return self.width * self.height * self.bands * self.itemsize


def read_header(path: Path) -> Header:
    """Read the header of an image file.

    Raises:
        ImageError: missing, empty, damaged, of another format, or a stack of pages.
    """
    try:
        if path.is_dir():
            raise ImageError("is a folder, not an image", remedy="Choose a file", path=path)
        with path.open("rb") as file:
            start = file.read(32)
            if not start:
                raise ImageError("is empty", remedy="Copy it again from its source", path=path)
            header = _tiff(file, start, path) if start[:4] in _TIFF else _other(path, start)
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError("is missing", remedy="Put the file back", path=path) from error
    except PermissionError as error:
        raise ImageError("cannot be read, permission denied", remedy="Allow reading it", path=path) from error
    except UnidentifiedImageError as error:
        if start[:4] in (b"\x89PNG", b"RIFF") or start[:3] == b"\xff\xd8\xff" or start[:2] == b"BM":
            raise ImageError("is damaged or truncated", remedy="Copy it again from its source", path=path) from error
        raise ImageError("is no PNG, JPEG, BMP, WebP or TIFF image", remedy=_EXPORT, path=path) from error
    except Exception as error:  # parsers of damaged files raise nearly anything
        raise ImageError("is damaged or truncated", remedy="Copy it again from its source", path=path) from error
    if not 0 < header.width * header.height <= _MOST_PIXELS:
        raise ImageError(
            f"says it is {header.width} x {header.height} pixels", remedy="Cut it into smaller images", path=path
        )
    return header


def _other(path: Path, start: bytes) -> Header:
    with PIL.Image.open(path, formats=_FORMATS) as file:
        name = "JPEG" if file.format == "MPO" else str(file.format)
        frames = getattr(file, "n_frames", 1)
        if frames > 1 and name != "JPEG":  # phones keep previews in their JPEGs as further frames
            raise ImageError(f"is an animation of {frames} frames", remedy="Export one frame as PNG", path=path)
        width, height = file.size
        orientation = _orientation(file)
        channels = len(file.getbands())
        bands = 1 if file.mode in _GREY_MODES else 3
        itemsize = 4 if file.mode in ("I", "F") else 2 if file.mode.startswith("I;16") else 1
    if orientation >= 5:
        width, height = height, width
    # IHDR: bit depth and colour type, PNG specification 11.2.2. Grey alone is no trouble at 16 bits.
    deep = name == "PNG" and start[24] == 16 and start[25] != 0
    return Header(width, height, name, orientation, channels, deep, bands, 2 if deep else itemsize)


def _orientation(file: PIL.Image.Image) -> int:
    try:
        if file.format == "PNG":
            # Image.getexif would decode the whole picture in search of a late chunk.
            exif = PIL.Image.Exif()
            exif.load(file.info.get("exif", b""))
        else:
            exif = file.getexif()
        value = exif.get(_ORIENTATION, 1)
    except Exception:  # a broken note about the camera must not hide the picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _tiff(file: BinaryIO, start: bytes, path: Path) -> Header:
    pages = tiff_pages(file, start)
    if len(pages) != 1:
        raise ImageError(
            f"is a stack of {len(pages)} pages" if pages else "is damaged or truncated",
            remedy="Export its pages as single images" if pages else "Copy it again from its source",
            path=path,
        )
    tags = pages[0]
    width, height = int(tags[256]), int(tags[257])
    bits, kinds = _numbers(tags.get(258, 1)), _numbers(tags.get(339, 1))
    channels, colours, apart = int(tags.get(277, 1)), int(tags.get(262, 1)), int(tags.get(284, 1)) == 2
    if len(set(bits)) > 1 or len(set(kinds)) > 1:
        raise ImageError("has channels of several depths", remedy=_EXPORT, path=path)
    orientation = int(tags.get(274, 1))
    if orientation >= 5:
        width, height = height, width
    shallow = bits[0] <= 8 and kinds[0] == 1
    plain = channels == 1 and (bits[0], kinds[0]) in ((16, 1), (32, 3))
    deep = not (shallow or plain)
    bands = _bands(tags)
    usual = bands == (3 if colours == 2 else 1) and channels - bands <= 1
    layered = colours <= 2 and (not usual or (deep and (apart or channels == 2)))
    if layered:
        _check_layers(tags, path)
    elif colours > 2 and (deep or channels > 4):
        raise ImageError(f"has {bits[0]}-bit colours of an unknown kind", remedy=_EXPORT, path=path)
    itemsize = 1 if shallow else 2 if (bits[0], kinds[0]) == (16, 1) else 4
    left = orientation if layered and 1 <= orientation <= 8 else 1
    return Header(width, height, "TIFF", left, channels, deep, bands, itemsize, layered)


def _bands(tags: dict[int, Any]) -> int:
    """Channels of a TIFF once decoded. Samples beyond grey or RGB are bands, but for those the file calls alpha.

    A fourth one of which the file says nothing is alpha, as many programs write it.
    """
    channels, colours = int(tags.get(277, 1)), int(tags.get(262, 1))
    if colours > 2:
        return 3
    said = _numbers(tags.get(338, ()))
    if not said and colours == 2 and channels == 4:
        return 3
    return channels - sum(value != _NO_MEANING for value in said[: channels - 1])


def _check_layers(tags: dict[int, Any], path: Path) -> None:
    bits, kind = _numbers(tags.get(258, 1))[0], _numbers(tags.get(339, 1))[0]
    channels, together = int(tags.get(277, 1)), int(tags.get(284, 1)) == 1
    if channels > _MOST_BANDS:
        raise ImageError(f"has {channels} channels", remedy=f"Export at most {_MOST_BANDS} of them", path=path)
    if (bits, kind) not in _NUMBERS:
        raise ImageError(
            f"has {channels} channels of {bits} bits of a kind that cannot be read",
            remedy="Export them as 8-bit or 16-bit integers or 32-bit floating point",
            path=path,
        )
    if int(tags.get(259, 1)) not in _PACKINGS or (together and int(tags.get(317, 1)) not in (1, 2)):
        raise ImageError(
            f"has {channels} channels, compressed in a way that cannot be read",
            remedy="Export it without compression",
            path=path,
        )


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(int(v) for v in value) if isinstance(value, tuple) else (int(value),)


def tiff_pages(file: BinaryIO, start: bytes) -> list[dict[int, Any]]:
    """The tags of each full-size page; reduced copies (NewSubfileType bit 0, TIFF 6.0) are no pages."""
    order = "<" if start[:2] == b"II" else ">"
    big = struct.unpack(order + "H", start[2:4])[0] == 43
    directory = ImageFileDirectory_v2(start[: 16 if big else 8])
    place, seen, pages = directory.next, set[int](), list[dict[int, Any]]()
    while place and place not in seen:
        seen.add(place)
        file.seek(place)
        directory.load(file)
        tags = dict(directory)
        if 256 in tags and not int(tags.get(254, 0)) & 1:
            pages.append(tags)
        place = directory.next
    return pages
