"""The image below the annotation, as tools and canvas read it."""

from dataclasses import dataclass

import numpy as np

from segstudio.core.arrays import U8, Pixels
from segstudio.core.geometry import Rect
from segstudio.core.tone import Hounsfield, to_8bit


@dataclass(frozen=True, slots=True)
class Spacing:
    """Physical size of a pixel.

    Attributes:
        x, y: width and height of a pixel in `unit`.
        unit: as it is written, e.g. ``mm`` or ``µm``.
    """

    x: float
    y: float
    unit: str


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image in its own bit depth; immutable, so any thread may read it.

    Attributes:
        pixels: ``(H, W)`` grey or ``(H, W, 3)`` RGB; ``uint8``, ``uint16`` or ``float32``.
        window: the values shown as black and as white.
        spacing: the size of a pixel, None when the file does not say.
        hounsfield: how values become Hounsfield units, None when they are no computed tomography, as far as is known.
    """

    pixels: Pixels
    window: tuple[float, float] = (0.0, 255.0)
    spacing: Spacing | None = None
    hounsfield: Hounsfield | None = None

    @property
    def bounds(self) -> Rect:
        return Rect.of_shape(self.pixels.shape)

    def region(self, rect: Rect) -> U8:
        """A rectangle as eye and network see it: ``uint8 (h, w)`` or ``(h, w, 3)``; may be a view, read only."""
        return to_8bit(self.pixels[rect.slices], self.window)

    def rgb(self, rect: Rect) -> U8:
        """The same as ``uint8 (h, w, 3)``, grey repeated."""
        seen = self.region(rect)
        return seen if seen.ndim == 3 else np.repeat(seen[:, :, None], 3, axis=2)
