"""Live wire: the way along the edges of an image from one point to any other.

Source: Mortensen and Barrett 1995, "Intelligent Scissors for Image Composition", as OpenCV has it. The thresholds of
its edge detector follow the contrast around the anchor, and the way is then moved onto the crest of the gradient by
dynamic programming across it, which makes it exact to a fraction of a pixel of the scale it was found at.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import F32, U8
from segstudio.core.geometry import Rect
from segstudio.core.picture import Picture
from segstudio.core.reduction import reduced, reduced_bounds
from segstudio.core.strokes import Point

Wire = NDArray[np.float64]  # (n, 2) of x, y in image coordinates

_REACH = 200  # pixels of the reduced image around an anchor within which ways are found
_RIM = 16  # and further ones that they may lead through
_STRONG = 95  # percentile of the gradient that is an edge beyond doubt
_FAINT = 12.0  # gradient of noise: the least that counts as such an edge
_UPPER, _LOWER = 0.8, 0.4  # thresholds of the edge detector, in such edges
_LEAST_COST = 0.05  # of a pixel on an edge beyond doubt, 1 being that of one without any
_FINER = 2  # levels below the one a way was found at on which it is made exact
_SIDEWAYS = np.linspace(-1.25, 1.25, 11)  # where the crest is looked for, in pixels of the level the way was found at
_STIFF = 0.12  # cost of a step sideways from one point to the next, in edges beyond doubt
_SPAN = 7  # points over which the stairs of a way of pixels are smoothed
_CHUNK = 64  # points made exact at a time: bounds what is read of the image


def level_for(anchor: Point, point: Point) -> int:
    """How far the image must be reduced, in powers of 2, for a live wire of `anchor` to reach `point`."""
    far = max(abs(point[0] - anchor[0]), abs(point[1] - anchor[1]))
    return max(0, math.ceil(math.log2(max(far, 1) / _REACH)))


class LiveWire:
    """All ways from one anchor, found when it is made: a tenth of a second, whatever the image.

    Args:
        picture: the image.
        anchor: x, y inside the image, its right and lower rim included.
        level: the image is reduced by ``2**level``; see `level_for`.
    """

    def __init__(self, picture: Picture, anchor: Point, level: int = 0) -> None:
        self.anchor, self.level = anchor, level
        self._picture = picture
        bounds = reduced_bounds(picture.bounds, level)
        x, y = self._pixel(anchor, bounds)
        far = _REACH + _RIM
        self._window = Rect(x - far, y - far, x + far + 1, y + far + 1).intersect(bounds)
        smooth = _smooth(reduced(picture, self._window, level))
        self._gradient = _gradient(smooth)
        strong = max(_FAINT, float(np.percentile(self._gradient, _STRONG)))
        self._gradient /= np.float32(strong)
        self._scissors = cv2.segmentation.IntelligentScissorsMB()
        # OpenCV's own limit of the gradient gives costs of less than nothing, and ways that go in circles.
        plain = np.clip(1 - self._gradient, _LEAST_COST, 1)
        edges = cv2.Canny(smooth, strong * _LOWER, strong * _UPPER)
        self._scissors.applyImageFeatures((edges == 0).astype(np.uint8), np.empty((0, 0), np.float32), plain, smooth)
        self._scissors.buildMap((x - self._window.x0, y - self._window.y0))
        self._strong = strong

    def path_to(self, point: Point) -> Wire:
        """The way to a point, as exact as it can be shown at once.

        Args:
            point: x, y inside the image, its right and lower rim included, and within reach at this level.

        Returns:
            ``float64 (n, 2)`` from anchor to point, both included; n >= 2.

        Raises:
            ValueError: when the point is out of reach.
        """
        return self._path(point, exact=self.level == 0)

    def exact_path_to(self, point: Point) -> Wire:
        """The way to a point, made exact also where the image was reduced to find it; otherwise like `path_to`."""
        return self._path(point, exact=True)

    def _path(self, point: Point, *, exact: bool) -> Wire:
        x, y = self._pixel(point, reduced_bounds(self._picture.bounds, self.level))
        if not self._window.contains(x, y):
            raise ValueError(f"{point} is out of reach of {self.anchor} at level {self.level}")
        found = self._scissors.getContour((x - self._window.x0, y - self._window.y0)).reshape(-1, 2)
        way: Wire = (found + 0.5 + (self._window.x0, self._window.y0)) * np.float64(1 << self.level)
        if exact and len(way) > 2:
            way = self._on_crest(way)
        # The last reduced pixel of a row reaches beyond the image, and a crest may be looked for there.
        way = np.clip(way[1:-1], 0, (self._picture.bounds.x1, self._picture.bounds.y1))
        return np.concatenate([[self.anchor], way, [point]]).astype(np.float64)

    def _pixel(self, point: Point, bounds: Rect) -> tuple[int, int]:
        x, y = (math.floor(v / (1 << self.level)) for v in point)
        return min(max(x, 0), bounds.width - 1), min(max(y, 0), bounds.height - 1)

    def _on_crest(self, way: Wire) -> Wire:
        """Move each point across the way to where the gradient is highest, neighbours by nearly the same."""
        way = _smoothed(way)
        normals = _normals(way)
        sideways = _SIDEWAYS * (1 << self.level)
        places = way[:, None] + normals[:, None] * sideways[None, :, None]
        height = np.concatenate([self._heights(places[at : at + _CHUNK]) for at in range(0, len(way), _CHUNK)])
        moved: Wire = way + normals * sideways[_crest(height)][:, None]
        return moved

    def _heights(self, places: Wire) -> F32:
        """The gradient at ``(n, m, 2)`` places of the image, in edges beyond doubt: ``float32 (n, m)``."""
        level = max(0, self.level - _FINER)
        window, gradient = self._window, self._gradient
        at = places / (1 << level) - 0.5
        if self.level:
            low, high = np.floor(at.min(axis=(0, 1))), np.ceil(at.max(axis=(0, 1)))
            bounds = reduced_bounds(self._picture.bounds, level)
            window = Rect(int(low[0]) - 3, int(low[1]) - 3, int(high[0]) + 4, int(high[1]) + 4).intersect(bounds)
            gradient = _gradient(_smooth(reduced(self._picture, window, level))) / np.float32(self._strong)
        local = (at - (window.x0, window.y0)).astype(np.float32)
        sampled = cv2.remap(gradient, local[:, :, 0], local[:, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(sampled, np.float32)


def _smooth(image: U8) -> U8:
    return np.ascontiguousarray(cv2.GaussianBlur(image, (0, 0), 1), np.uint8)


def _gradient(image: U8) -> F32:
    """Its length, by the Sobel operator; of colours the largest channel's."""
    across, down = (cv2.Sobel(image, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    length = np.hypot(across, down)
    return np.asarray(length.max(axis=2) if length.ndim == 3 else length, np.float32).reshape(image.shape[:2])


def _smoothed(way: Wire) -> Wire:
    """A way of pixels without its stairs: the mean of `_SPAN` points, of fewer near the ends, which stay."""
    half = min(_SPAN // 2, (len(way) - 1) // 2)
    total = np.concatenate([np.zeros((1, 2)), np.cumsum(way, axis=0)])
    index = np.arange(len(way))
    reach = np.minimum(np.minimum(index, index[::-1]), half)[:, None]
    first, last = index[:, None] - reach, index[:, None] + reach + 1
    mean: Wire = (total[last[:, 0]] - total[first[:, 0]]) / (last - first)
    return mean


def _normals(way: Wire) -> Wire:
    """Unit vectors across a way."""
    padded = np.concatenate([way[:1], way, way[-1:]])
    along = padded[2:] - padded[:-2]
    length = np.hypot(along[:, 0], along[:, 1])
    # A way that turns back on itself within a few pixels has no direction there: its points stay.
    scale = np.where(length > 0, 1 / np.where(length > 0, length, 1), 0)
    return np.stack([-along[:, 1] * scale, along[:, 0] * scale], axis=1)


def _crest(height: F32) -> NDArray[np.int64]:
    """Index into each of n rows, the first and the last row's in the middle, neighbours at most one apart.

    Viterbi's algorithm; maximises the heights less a cost for each step sideways.
    """
    count, wide = height.shape
    middle = wide // 2
    # The middle is worth a trifle more, so that a way through nothing stays what it is.
    worth = height - 1e-3 * np.abs(np.arange(wide) - middle)
    score = np.full((count, wide + 2), -np.inf)  # a column without worth on either side
    score[0, middle + 1] = 0
    for before, now, gain in zip(score, score[1:], worth[1:], strict=False):
        inner = now[1:-1]
        np.maximum(before[:-2], before[2:], out=inner)
        inner -= _STIFF
        np.maximum(inner, before[1:-1], out=inner)
        inner += gain
    at, out = middle, [middle]
    for before in score[-2::-1].tolist():
        left, here, right = before[at : at + 3]
        if max(left, right) - _STIFF > here:
            at += -1 if left >= right else 1
        out.append(at)
    return np.array(out[::-1])
