"""Pixels of a similar colour: what the magic wand takes."""

from collections.abc import Callable, Iterator
from functools import partial, reduce

import cv2
import numpy as np

from segstudio.core.arrays import I64, Bool
from segstudio.core.background import Stop
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.picture import Picture
from segstudio.core.regions import component_at, pieces

_ALIKE = 16  # 8-bit levels: neighbours nearer than this show the colour meant, farther ones another object
_ROWS = 256


def seed_colour(picture: Picture, x: int, y: int) -> I64:
    """The colour meant by a click on a pixel.

    Noise would make the region depend on which of two like pixels was hit, so the colour is the mean over those of the
    3x3 pixels around that are no farther than 16 levels from the one clicked, in any channel. Others are left out: a
    line of one pixel's width keeps its own colour.

    Args:
        picture: the image.
        x, y: column and row inside it.

    Returns:
        ``int64 (1,)`` or ``(3,)`` of 8-bit values as displayed.

    Source: the sigma filter, Lee 1983, "Digital image smoothing and the sigma filter".
    """
    own = _colours(picture, Rect(x, y, x + 1, y + 1))[0]
    around = _colours(picture, Rect(x - 1, y - 1, x + 2, y + 2).intersect(picture.bounds))
    alike = around[np.abs(around - own).max(axis=1) <= _ALIKE]
    mean: I64 = (alike.sum(axis=0) + len(alike) // 2) // len(alike)
    return mean


def similar_parts(
    picture: Picture,
    seed: tuple[int, int],
    tolerance: int,
    *,
    contiguous: bool = True,
    softness: int = 0,
    within: Rect | None = None,
    colour: I64 | None = None,
    stop: Stop = lambda: False,
) -> Iterator[tuple[Rect, Bool]]:
    """Pixels whose colour is within `tolerance` of the seed's, part by part.

    The distance of two colours is the largest difference of a channel, in 8-bit values as displayed. It is taken from
    `seed_colour`; the seed itself always belongs. A larger tolerance never gives less, before it is softened.

    Args:
        picture: the image; any thread may call, for it never changes.
        seed: column and row of the pixel clicked.
        tolerance: 0..255.
        contiguous: only the 4-connected region that holds the seed; otherwise every such pixel.
        softness: radius in pixels of a Gaussian majority that smooths the outline, closes pinholes and drops specks;
            it may drop a whole region that is thinner than the radius. 0 leaves pixels as they are.
        within: nothing outside is looked at; the whole image when None.
        colour: what to compare with, as `seed_colour` gives it; None asks it.
        stop: asked now and then; after a yes the rest is left out.

    Yields:
        Disjoint rectangles of at most 256 rows with ``bool (h, w)`` each, some pixel of each true. Memory: a byte for
        each pixel of a contiguous region's bounding box, and a band of the image in 8 bits.
    """
    bounds = picture.bounds if within is None else within.intersect(picture.bounds)
    if not bounds.contains(*seed):
        return
    member = _matcher(picture, seed, seed_colour(picture, *seed) if colour is None else colour, tolerance, stop)
    box = bounds
    if contiguous:
        box, where = component_at(member, bounds, *seed)
        member = _reader(box, where)
    for top in range(box.y0 // _ROWS * _ROWS, box.y1, _ROWS):
        if stop():
            return
        band = Rect(box.x0, max(top, box.y0), box.x1, min(top + _ROWS, box.y1))
        yield from pieces(band, _softened(member, band, softness, bounds))


def similar(
    picture: Picture,
    seed: tuple[int, int],
    tolerance: int,
    *,
    contiguous: bool = True,
    softness: int = 0,
    within: Rect | None = None,
    colour: I64 | None = None,
    stop: Stop = lambda: False,
) -> tuple[Rect, Bool]:
    """The same as `similar_parts` in one piece: a rectangle that holds every such pixel, and ``bool (h, w)`` of it."""
    look = partial(similar_parts, contiguous=contiguous, softness=softness, within=within, colour=colour, stop=stop)
    found = list(look(picture, seed, tolerance))
    box = reduce(Rect.union, (rect for rect, _ in found), EMPTY)
    where = np.zeros((box.height, box.width), np.bool_)
    for rect, part in found:
        where[rect.shift(-box.x0, -box.y0).slices] = part
    return box, where


def _colours(picture: Picture, rect: Rect) -> I64:
    """``(n, 1)`` or ``(n, 3)``: colours of the pixels of a small rectangle."""
    seen = picture.region(rect)
    return seen.reshape(rect.width * rect.height, -1).astype(np.int64)


def _matcher(
    picture: Picture, seed: tuple[int, int], colour: I64, tolerance: int, stop: Stop
) -> Callable[[Rect], Bool]:
    """What says of the pixels of a rectangle whether they are similar; nothing is once it was stopped."""
    low, high = (tuple(float(v) for v in bound) for bound in (colour - tolerance, colour + tolerance))

    def member(rect: Rect) -> Bool:
        if stop():
            return np.zeros((rect.height, rect.width), np.bool_)
        inside: Bool = cv2.inRange(picture.region(rect), low, high) != 0
        if rect.contains(*seed):
            inside[seed[1] - rect.y0, seed[0] - rect.x0] = True
        return inside

    return member


def _reader(box: Rect, where: Bool) -> Callable[[Rect], Bool]:
    """What reads any rectangle from a mask that is false outside its box; what lies inside is a view."""

    def member(rect: Rect) -> Bool:
        common = rect.intersect(box)
        if common == rect:
            return where[rect.shift(-box.x0, -box.y0).slices]
        out = np.zeros((rect.height, rect.width), np.bool_)
        if not common.empty:
            out[common.shift(-rect.x0, -rect.y0).slices] = where[common.shift(-box.x0, -box.y0).slices]
        return out

    return member


def _softened(member: Callable[[Rect], Bool], rect: Rect, radius: int, bounds: Rect) -> Bool:
    """A rectangle of the mask after a Gaussian majority vote; the image's rim is taken to go on as it ends."""
    if radius <= 0:
        return member(rect)
    halo = Rect(rect.x0 - radius, rect.y0 - radius, rect.x1 + radius, rect.y1 + radius).intersect(bounds)
    # Narrow enough to keep corners, wide enough that a pixel which differs from all around it is outvoted at radius 1.
    side, sigma = 2 * radius + 1, 0.6 * radius
    votes = member(halo).astype(np.uint8) * np.uint8(255)
    votes = cv2.GaussianBlur(votes, (side, side), sigma, borderType=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
    majority: Bool = votes[rect.shift(-halo.x0, -halo.y0).slices] >= 128
    return majority
