"""The physical size of a pixel, as an image file states it."""

import math
import re
from pathlib import Path
from typing import Any
from xml.parsers import expat

import PIL.Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from segstudio.core.picture import Spacing
from segstudio.storage.headers import read_header

_INCH, _CENTIMETRE, _MILLIMETRE = 25_400.0, 10_000.0, 1_000.0  # in micrometres
# Symbols are told apart by case: Mm is no mm. Both signs for micro, U+00B5 and U+03BC, are read as u.
_SYMBOLS = {
    "pm": 1e-6,
    "Å": 1e-4,
    "nm": 1e-3,
    "um": 1.0,
    "mm": _MILLIMETRE,
    "cm": _CENTIMETRE,
    "dm": 1e5,
    "m": 1e6,
    "in": _INCH,
}
_WORDS = {
    "nanometer": 1e-3,
    "micron": 1.0,
    "micrometer": 1.0,
    "millimeter": _MILLIMETRE,
    "centimeter": _CENTIMETRE,
    "meter": 1e6,
    "inch": _INCH,
    "inche": _INCH,  # "inches" without its s
}

# Resolutions of screens and printers, in dots an inch, that programs write without having measured anything; also as
# rounded to whole and tenth dots a centimetre.
_PRINT = (72, 96, 100, 150, 200, 300, 400, 600, 1200)
_NOMINAL = (*_PRINT, *(2.54 * round(dpi / 2.54, digits) for dpi in _PRINT for digits in (0, 1)))
_ROUNDING = 5e-4  # relative; 72 dpi cut to whole dots a metre is off by 2.3e-4

_ORIENTATION, _DESCRIPTION, _X, _Y, _UNIT = 274, 270, 282, 283, 296
_OME = re.compile(r"<(?:\w+:)?OME\b")
_HEAD = 4096  # characters in which the root of an OME-XML must come, behind its customary comment
_LONGEST = 2**22  # characters of an OME-XML
_STEP = 2**14  # characters parsed at a time


def read_spacing(path: Path) -> Spacing | None:
    """The size of a pixel of the upright image, from the header alone.

    What is read: of a TIFF the OME-XML or ImageJ description, else its resolution; of a PNG the chunk pHYs. A
    resolution counts only with a stated unit, and not when it is one of print or screen (72, 96, 100, 150, 200, 300,
    400, 600, 1200 dpi), which programs write unasked. EXIF orientations 5 to 8 swap x and y.

    Returns:
        Both sizes in ``µm`` if the smaller one is below a millimetre, else in ``mm``. None when the file does not say,
        says it in pixels or for one axis only, is damaged there, is of another format, or is no readable image.

    Source: TIFF 6.0, section 8; PNG specification 11.3.4.3; OME schema 2016-06, ``Pixels``; the ImageJ description as
    ``ij.io.TiffDecoder`` reads it.
    """
    path = Path(path)
    try:
        header = read_header(path)
        if header.format == "TIFF":
            tags = _first_page(path)
            return _spacing(_tiff_size(tags), int(tags.get(_ORIENTATION, 1)))
        if header.format == "PNG":
            return _spacing(_png_size(path), header.orientation)
    except Exception:  # a broken note about the size must not hide the picture; parsers raise nearly anything
        return None
    return None


def read_description(path: Path) -> str:
    """What the first page of a TIFF says of itself; empty when it says nothing, or is none that can be read."""
    path = Path(path)
    try:
        return _text(_first_page(path).get(_DESCRIPTION, "")) if read_header(path).format == "TIFF" else ""
    except Exception:  # as above
        return ""


def _spacing(size: tuple[float, float] | None, orientation: int) -> Spacing | None:
    """A size in micrometres, as stored, in the unit that suits it, as seen."""
    if size is None or not all(math.isfinite(side) and side > 0 for side in size):
        return None
    x, y = size if not 5 <= orientation <= 8 else size[::-1]
    if min(size) < _MILLIMETRE:
        return Spacing(x, y, "µm")
    return Spacing(x / _MILLIMETRE, y / _MILLIMETRE, "mm")


def _png_size(path: Path) -> tuple[float, float] | None:
    with PIL.Image.open(path, formats=("PNG",)) as file:
        dpi = file.info.get("dpi")  # given for the unit metre only
    return None if dpi is None else _measured(_INCH / dpi[0], _INCH / dpi[1])


def _tiff_size(tags: dict[int, Any]) -> tuple[float, float] | None:
    text = _text(tags.get(_DESCRIPTION, ""))
    if _OME.search(text[:_HEAD]):
        pixels = _ome_pixels(text)
        if "PhysicalSizeX" in pixels or "PhysicalSizeY" in pixels:
            return _ome_side(pixels, "PhysicalSizeX"), _ome_side(pixels, "PhysicalSizeY")
    elif text.startswith("ImageJ="):
        notes = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if "unit" in notes:
            return _imagej_size(notes, tags)
    unit = {2: _INCH, 3: _CENTIMETRE}.get(int(tags.get(_UNIT, 1)))
    if unit is None or _X not in tags or _Y not in tags:
        return None
    return _measured(unit / float(tags[_X]), unit / float(tags[_Y]))


def _imagej_size(notes: dict[str, str], tags: dict[int, Any]) -> tuple[float, float] | None:
    """Pixels a unit are in the resolution tags, the unit in the notes; ``spacing`` there is the distance of slices."""
    unit = _micrometres(notes["unit"])
    unit_y = _micrometres(notes["yunit"]) if "yunit" in notes else unit
    size = unit / float(tags[_X]), unit_y / float(tags[_Y])
    # ImageJ takes over the dots an inch of the files it opens, and calls that a calibration.
    return _measured(*size) if unit in (_INCH, _CENTIMETRE) else size


def _measured(x: float, y: float) -> tuple[float, float] | None:
    """A size in micrometres, unless it comes from a resolution of print or screen."""
    nominal = any(math.isclose(_INCH / side, dpi, rel_tol=_ROUNDING) for side in (x, y) for dpi in _NOMINAL)
    return None if nominal else (x, y)


def _ome_pixels(text: str) -> dict[str, str]:
    """The attributes of the first ``Pixels``.

    Raises:
        ValueError: too long, or with a document type, the only place that can declare entities.
        ExpatError: no well-formed XML up to there.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"{len(text)} characters of XML")
    found: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(" ")[2] == "Pixels":
            found.append(attributes)

    def refuse(*_: object) -> None:
        raise ValueError("a document type")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    for place in range(0, len(text), _STEP):
        parser.Parse(text[place : place + _STEP])
        if found:
            return found[0]
    parser.Parse("", True)
    return found[0] if found else {}


def _ome_side(pixels: dict[str, str], name: str) -> float:
    return float(pixels[name]) * _micrometres(pixels.get(f"{name}Unit", "µm"))


def _micrometres(unit: str) -> float:
    """How many micrometres a unit has.

    Raises:
        ValueError: no unit of length, such as ``pixel``.
    """
    # ImageJ writes characters beyond ASCII as Java does.
    unit = re.sub(r"\\u([0-9A-Fa-f]{4})", lambda match: chr(int(match[1], 16)), unit).strip()
    unit = unit.replace("\u00b5", "u").replace("\u03bc", "u")
    factor = _SYMBOLS.get(unit) or _WORDS.get(unit.lower().removesuffix("s").replace("metre", "meter"))
    if factor is None:
        raise ValueError(f"unit {unit}")
    return factor


def _text(value: str | bytes) -> str:
    """A description as its writer meant it: UTF-8 in practice, Latin-1 from old programs."""
    raw = value.encode("latin-1") if isinstance(value, str) else value  # the TIFF reader takes ASCII for Latin-1
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text.strip("\0 \t\r\n")


def _first_page(path: Path) -> dict[int, Any]:
    """The tags wanted here of the first page that is no reduced copy (NewSubfileType bit 0, TIFF 6.0)."""
    with path.open("rb") as file:
        start = file.read(16)
        directory = ImageFileDirectory_v2(start if 43 in start[2:4] else start[:8])  # 43 is BigTIFF
        place, seen = directory.next, set[int]()
        while place and place not in seen:
            seen.add(place)
            file.seek(place)
            directory.load(file)
            if 256 in directory and not int(directory.get(254, 0)) & 1:
                wanted = (_ORIENTATION, _DESCRIPTION, _X, _Y, _UNIT)
                return {tag: directory[tag] for tag in wanted if tag in directory}
            place = directory.next
    return {}
