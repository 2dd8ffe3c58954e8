"""From an image's own values to 8 bits: one mapping for the tools and the network, and a person's own for the eye."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from segstudio.core.arrays import F32, I64, U8, Pixels
from segstudio.errors import UsageError

Window = tuple[float, float]  # the values shown as black and as white

GAMMA_MIN, GAMMA_MAX = 0.1, 10.0
DRAG_PIXELS = 512  # a drag so long moves or widens the window by the image's whole range
BINS = 256

_BAND = 2**24  # values converted at a time
_NARROWEST = 1e-30  # of a window: less would overflow float32
_FINEST = 1024  # a drag narrows the window to this fraction of the image's range, no further
_WIDEST = 64
_TAIL = 0.01  # percent of the values left out at either end of a histogram


@dataclass(frozen=True, slots=True)
class Tone:
    """How a person wants to see an image; what tools and network read is not touched.

    Applied in this order: window, brightness, contrast, gamma, inversion.

    Attributes:
        window: the values shown as black and as white, first below second; None is the image's own window.
        brightness: -1 is black, 1 is white, 0 changes nothing.
        contrast: -1 is flat grey, 1 is a threshold, 0 changes nothing.
        gamma: 0.1..10; more than 1 lightens the middle.
        inverted: black for white.
        channel: of a colour image only this one, 0..2, as grey; None is all. Grey images have no channels to choose.

    Raises:
        UsageError: when a value is out of its range.
    """

    window: Window | None = None
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 1.0
    inverted: bool = False
    channel: int | None = None

    def __post_init__(self) -> None:
        if self.window is not None and not _is_window(*self.window):
            raise UsageError(f"{self.window} is no window of values", remedy="Choose black darker than white")
        for name, value in (("brightness", self.brightness), ("contrast", self.contrast)):
            if not -1 <= value <= 1:
                raise UsageError(f"a {name} of {value} is out of range", remedy="Choose -1 to 1")
        if not GAMMA_MIN <= self.gamma <= GAMMA_MAX:
            raise UsageError(f"a gamma of {self.gamma} is out of range", remedy=f"Choose {GAMMA_MIN} to {GAMMA_MAX}")
        if self.channel not in (None, 0, 1, 2):
            raise UsageError(f"there is no channel {self.channel}", remedy="Choose 0, 1 or 2")

    @property
    def neutral(self) -> bool:
        """Whether the image is seen as the tools see it."""
        return self == Tone()

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; `from_dict` reads it."""
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        return kept | {"window": None if self.window is None else list(self.window)}

    @staticmethod
    def from_dict(kept: object) -> "Tone":
        """A tone as `to_dict` gave it; whatever is missing, unknown or out of range is neutral."""
        tone = Tone()
        for name, value in kept.items() if isinstance(kept, dict) else ():
            if _fits(name, value):
                change: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value}
                with contextlib.suppress(UsageError, OverflowError):
                    tone = replace(tone, **change)
        return tone


@dataclass(frozen=True, slots=True)
class Preset:
    """A window with a name, in the image's own values.

    Attributes:
        name: as a person reads it.
        width: from black to white.
        centre: shown as middle grey; radiologists say level.
    """

    name: str
    width: float
    centre: float

    @property
    def window(self) -> Window:
        """Black and white; DICOM PS3.3 C.11.2.1.3.2, the function ``LINEAR_EXACT``."""
        return self.centre - self.width / 2, self.centre + self.width / 2


@dataclass(frozen=True, slots=True)
class Hounsfield:
    """How values of an image become Hounsfield units: ``intercept + slope * value``; DICOM PS3.3 C.11.1.1.2."""

    slope: float = 1.0
    intercept: float = 0.0

    def window(self, preset: Preset) -> Window | None:
        """A window in Hounsfield units in the image's own values; None when it cannot be."""
        ends = sorted((unit - self.intercept) / self.slope for unit in preset.window) if self.slope else (0.0, 0.0)
        return (ends[0], ends[1]) if _is_window(*ends) else None


@dataclass(frozen=True, slots=True)
class OwnPreset:
    """A window that a person gave a name.

    Attributes:
        name: of the window.
        window: values shown as black and as white.
        kind: of the images it is for, as numpy names their type, e.g. ``uint16``.
    """

    name: str
    window: Window
    kind: str

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; `from_dict` reads it."""
        return {"name": self.name, "window": list(self.window), "kind": self.kind}

    @staticmethod
    def from_dict(kept: object) -> "OwnPreset | None":
        """A preset as `to_dict` gave it; None when it is none."""
        if not isinstance(kept, dict):
            return None
        name, kind, window = kept.get("name"), kept.get("kind"), Tone.from_dict({"window": kept.get("window")}).window
        if not isinstance(name, str) or not name.strip() or not isinstance(kind, str) or window is None:
            return None
        return OwnPreset(name.strip(), window, kind)


# Customary windows of computed tomography in Hounsfield units, after radiopaedia.org, "Windowing (CT)".
PRESETS: tuple[Preset, ...] = (
    Preset("CT brain", 80, 40),
    Preset("CT subdural", 200, 75),
    Preset("CT stroke", 40, 40),
    Preset("CT soft tissue", 350, 40),
    Preset("CT abdomen", 400, 40),
    Preset("CT liver", 150, 30),
    Preset("CT mediastinum", 350, 50),
    Preset("CT lung", 1500, -600),
    Preset("CT bone", 2000, 500),
    Preset("CT angiography", 600, 300),
)


class ToneMap:
    """From an image's own values to what a person sees.

    Args:
        tone: how it shall be seen.
        image_window: the image's own window; of no account for ``uint8``, whose own window is 0 to 255.
        dtype: of the image: ``uint8``, ``uint16`` or ``float32``.
    """

    def __init__(self, tone: Tone, image_window: Window, dtype: npt.DTypeLike) -> None:
        self._tone = tone
        kind = np.dtype(dtype)
        own = (0.0, 255.0) if kind == np.uint8 else image_window
        self._window = own if tone.window is None else tone.window
        self._table = _table(tone, self._window, kind.itemsize) if kind.kind == "u" else None
        self._identity = self._table is not None and np.array_equal(self._table, np.arange(256))

    def __call__(self, pixels: Pixels) -> U8:
        """Map pixels; not-a-number is black, white when inverted.

        Args:
            pixels: ``(h, w)`` or ``(h, w, 3)`` of the type given before.

        Returns:
            ``uint8`` of the same shape, ``(h, w)`` when one channel is shown; of ``uint8`` pixels the very argument,
            or a view of it, when nothing changes.
        """
        if self._tone.channel is not None and pixels.ndim == 3:
            pixels = pixels[:, :, self._tone.channel]
        if self._identity:
            same: U8 = pixels
            return same
        if self._table is not None:
            return _looked_up(pixels, self._table)
        out: U8 = np.empty(pixels.shape, np.uint8)
        for rows in _bands(pixels):
            out[rows] = _shown(pixels[rows], self._tone, self._window)
        return out


def to_8bit(pixels: Pixels, window: Window) -> U8:
    """Map values linearly from a window to 0..255, clipped; not-a-number is black.

    Args:
        pixels: ``uint8``, ``uint16`` or ``float32`` of any shape.
        window: the values that become 0 and 255.

    Returns:
        ``uint8`` of the same shape; the argument itself when it is ``uint8`` already, whatever the window.
    """
    if pixels.dtype == np.uint8:
        same: U8 = pixels
        return same
    return ToneMap(Tone(), window, pixels.dtype)(pixels)


def dragged(tone: Tone, image_window: Window, dx: float, dy: float) -> Tone:
    """The tone after a drag with the window and level tool.

    To the right widens the window (less contrast), to the left narrows it; down raises its centre (a darker image),
    up lowers it, as in viewers of radiological images.

    Args:
        tone: before the drag.
        image_window: the image's own window; a drag of `DRAG_PIXELS` moves by its whole range.
        dx, dy: the drag in pixels, right and down.
    """
    low, high = tone.window or image_window
    least, most = image_window
    span = most - least
    width = min(max(high - low + dx / DRAG_PIXELS * span, span / _FINEST), span * _WIDEST)
    centre = min(max((low + high) / 2 + dy / DRAG_PIXELS * span, least - span), most + span)
    window = centre - width / 2, centre + width / 2
    return replace(tone, window=window) if _is_window(*window) else tone


def auto_window(sample: Pixels, low: float = 0.5, high: float = 99.5) -> Window:
    """The window between two percentiles of the finite values.

    Args:
        sample: pixels of any shape and type; all channels count together.
        low, high: percentiles, 0..100.

    Returns:
        Black and white, black below white also when all values are equal; 0 and 1 when none is finite.
    """
    values = _finite(sample)
    if not values.size:
        return 0.0, 1.0
    black, white = (float(v) for v in np.percentile(values, (low, high)))
    if _is_window(black, white):
        return black, white
    return black, black + max(1.0, abs(black) * 1e-6)


def value_span(sample: Pixels, window: Window) -> Window:
    """The values a histogram should reach over: nearly all of an image's, and its window.

    Args:
        sample: pixels of any shape; ``uint8`` always gives 0 and 255.
        window: the values shown as black and as white.
    """
    if sample.dtype == np.uint8:
        return 0.0, 255.0
    low, high = auto_window(sample, _TAIL, 100 - _TAIL)
    return min(low, window[0]), max(high, window[1])


def whole_bins(span: Window, most: int = BINS) -> tuple[int, Window]:
    """How to count whole values so that every part of a histogram holds as many of them as the others.

    Args:
        span: least and greatest value.
        most: parts.

    Returns:
        How many parts, and the span they cover for `histogram`, which begins and ends between two values.
    """
    low, high = math.floor(span[0]), math.ceil(span[1])
    each = max(1, math.ceil((high - low + 1) / most))
    bins = math.ceil((high - low + 1) / each)
    return bins, (low - 0.5, low - 0.5 + bins * each)


def histogram(sample: Pixels, bins: int = BINS, span: Window | None = None) -> I64:
    """How many values fall into each of `bins` equal parts of a span; values outside it and not-a-number count nowhere.

    Args:
        sample: ``(h, w)`` or ``(h, w, 3)``.
        bins: how many parts.
        span: least and greatest value; what `auto_window` gives from the least to the greatest when None.

    Returns:
        ``int64 (bins,)`` of a grey image, ``(3, bins)`` of a colour image.
    """
    low, high = span or auto_window(sample, 0, 100)
    planes = np.moveaxis(sample, 2, 0) if sample.ndim == 3 else sample[None]
    counts: I64 = np.stack([np.histogram(_finite(plane), bins, (low, high))[0] for plane in planes]).astype(np.int64)
    return counts if sample.ndim == 3 else counts[0]


def _is_window(low: float, high: float) -> bool:
    return math.isfinite(low) and math.isfinite(high) and _NARROWEST < high - low < math.inf


def _fits(name: object, value: object) -> bool:
    """Whether a kept value has the type of its field."""
    if name == "window":
        pair = isinstance(value, list) and len(value) == 2 and all(_is_number(one) for one in value)
        return pair or value is None
    if name == "inverted":
        return isinstance(value, bool)
    if name == "channel":
        return value is None or (isinstance(value, int) and _is_number(value))
    return name in ("brightness", "contrast", "gamma") and _is_number(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@lru_cache(maxsize=8)
def _table(tone: Tone, window: Window, size: int) -> U8:
    """What every unsigned value of `size` bytes becomes; read only, for it is shared."""
    table = _shown(np.arange(1 << 8 * size, dtype=np.float32), tone, window)
    table.flags.writeable = False
    return table


def _shown(values: F32, tone: Tone, window: Window) -> U8:
    scaled = _scaled(values, window)
    if tone.brightness or tone.contrast or tone.gamma != 1:
        scaled = _bent(scaled, tone)
    shown: U8 = np.rint(scaled).astype(np.uint8)
    return 255 - shown if tone.inverted else shown


def _scaled(values: F32, window: Window) -> F32:
    """``float32`` 0..255, linear in the window."""
    low, high = window
    # A value far outside overflows to infinity, which is where it belongs.
    with np.errstate(over="ignore"):
        scaled = (values - np.float32(low)) * np.float32(255.0 / (high - low))
    bounded: F32 = np.clip(np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0), 0.0, 255.0)
    return bounded


def _bent(scaled: F32, tone: Tone) -> F32:
    """Brightness, contrast and gamma, of ``float32`` 0..255.

    Source: GIMP, operation ``gimp:brightness-contrast``, with its full range of brightness; contrast turns the line
    about middle grey to the slope tan(45° (1 + contrast)).
    """
    x = scaled / np.float32(255)
    if tone.brightness < 0:
        x *= np.float32(1 + tone.brightness)
    else:
        x += (1 - x) * np.float32(tone.brightness)
    if tone.contrast:
        slope = math.tan((min(tone.contrast, 0.9999) + 1) * math.pi / 4)
        x = np.clip((x - np.float32(0.5)) * np.float32(slope) + np.float32(0.5), 0, 1)
    if tone.gamma != 1:
        x = np.power(np.clip(x, 0, 1), np.float32(1 / tone.gamma))
    bent: F32 = np.clip(x * np.float32(255), 0, 255)
    return bent


def _looked_up(pixels: Pixels, table: U8) -> U8:
    if pixels.size and pixels.ndim in (2, 3):
        return np.asarray(cv2.LUT(pixels, table), np.uint8).reshape(pixels.shape)
    shown: U8 = np.take(table, pixels)
    return shown


def _finite(sample: Pixels) -> Pixels:
    values = sample.ravel()
    # In double precision: differences of the greatest float32 values overflow.
    return values[np.isfinite(values)].astype(np.float64) if values.dtype.kind == "f" else values


def _bands(pixels: Pixels) -> Iterator[slice]:
    rows = max(1, _BAND * pixels.shape[0] // max(1, pixels.size))
    for top in range(0, pixels.shape[0], rows):
        yield slice(top, top + rows)
