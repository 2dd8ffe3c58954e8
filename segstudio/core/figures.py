"""Figures as a person reads them, the same everywhere: thousands are parted by commas."""

import numpy as np

from segstudio.core.history import Patch

_MOST = 1 << 21  # pixels of a patch's rectangles beyond which looking into them would be felt


def pixels(count: int) -> str:
    """A number of pixels, e.g. ``12,345 px``."""
    return f"{count:,} px"


def about(count: float) -> str:
    """A large number of pixels that was not counted one by one, e.g. ``about 12.3 Mpx``."""
    return f"about {count / 1e6:,.1f} Mpx"


def changed(patch: Patch) -> str:
    """How many pixels a stroke changed; of a huge one how many its rectangles hold, which is hardly more.

    Raises:
        ValueError: when the patch comes from a damaged journal.
    """
    area = sum(rect.width * rect.height for rect in patch.rects)
    if area > _MOST:
        return about(area)
    return pixels(sum(int(np.count_nonzero(piece.old != piece.new)) for piece in patch.pieces))
