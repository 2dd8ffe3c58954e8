"""Parts of an image at a reduced scale, at a cost that follows what comes out."""

import cv2
import numpy as np

from segstudio.core.arrays import U8
from segstudio.core.geometry import Rect
from segstudio.core.picture import Picture

_AVERAGED = 3  # levels that are averaged; beyond, pixels are left out first, or a whole huge image would be read
_BAND_ROWS = 64  # of the result: bounds what is in memory at full scale


def reduced_bounds(bounds: Rect, level: int) -> Rect:
    """The image at level `level`: one pixel for each ``2**level`` squared, the last ones for what remains."""
    step = 1 << level
    return Rect(0, 0, -(-bounds.width // step), -(-bounds.height // step))


def reduced(picture: Picture, rect: Rect, level: int) -> U8:
    """A part of an image at a reduced scale.

    Args:
        picture: the image.
        rect: the part, in pixels of the result, inside `reduced_bounds`.
        level: each pixel of the result stands for ``2**level`` squared of the image.

    Returns:
        ``uint8 (h, w)`` or ``(h, w, 3)``: averages, of every eighth row and column at most.
    """
    if level == 0:
        return picture.region(rect)
    left_out = max(0, level - _AVERAGED)
    sparse = Picture(picture.pixels[:: 1 << left_out, :: 1 << left_out], picture.window)
    side = 1 << (level - left_out)
    out = np.empty((rect.height, rect.width, *picture.pixels.shape[2:]), np.uint8)
    for top in range(rect.y0, rect.y1, _BAND_ROWS):
        band = Rect(rect.x0, top, rect.x1, min(rect.y1, top + _BAND_ROWS))
        source = Rect(band.x0 * side, band.y0 * side, band.x1 * side, band.y1 * side)
        seen = sparse.region(source.intersect(sparse.bounds))
        bottom, right = source.height - seen.shape[0], source.width - seen.shape[1]
        if bottom or right:
            seen = np.asarray(cv2.copyMakeBorder(seen, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)
        size = (band.width, band.height)
        out[top - rect.y0 : band.y1 - rect.y0] = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
    return out
