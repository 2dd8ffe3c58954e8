"""Connected regions, found without looking at the whole image."""

from collections.abc import Callable

import cv2
import numpy as np

from segstudio.core.arrays import Bool
from segstudio.core.geometry import EMPTY, Rect

_FIRST_REACH = 128


def component_at(member: Callable[[Rect], Bool], bounds: Rect, x: int, y: int) -> tuple[Rect, Bool]:
    """The 4-connected region of member pixels that holds pixel ``(x, y)``.

    Only a window around the pixel is looked at, doubled until the region no longer touches its rim, so the cost
    follows the region, not the image.

    Args:
        member: gives ``bool (h, w)`` for a rectangle inside `bounds`.
        bounds: the image.
        x, y: column and row of a pixel.

    Returns:
        Bounding box of the region and ``bool (h, w)`` inside it; an empty rectangle when the pixel is no member.
    """
    if not bounds.contains(x, y):
        return EMPTY, np.zeros((0, 0), np.bool_)
    reach = _FIRST_REACH
    while True:
        window = Rect(x - reach, y - reach, x + reach + 1, y + reach + 1).intersect(bounds)
        inside = member(window)
        if not inside[y - window.y0, x - window.x0]:
            return EMPTY, np.zeros((0, 0), np.bool_)
        _, numbered, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=4)
        number = int(numbered[y - window.y0, x - window.x0])
        left, top, width, height = (int(v) for v in stats[number][:4])
        box = Rect(left, top, left + width, top + height).shift(window.x0, window.y0)
        if not _touches_open_rim(box, window, bounds):
            return box, numbered[box.shift(-window.x0, -window.y0).slices] == number
        reach *= 2


def _touches_open_rim(box: Rect, window: Rect, bounds: Rect) -> bool:
    """Whether the region may go on outside the window."""
    return (
        (box.x0 == window.x0 and window.x0 > bounds.x0)
        or (box.y0 == window.y0 and window.y0 > bounds.y0)
        or (box.x1 == window.x1 and window.x1 < bounds.x1)
        or (box.y1 == window.y1 and window.y1 < bounds.y1)
    )
