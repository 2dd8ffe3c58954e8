"""Where the pixels of a training crop come from: one inverse warp for image and labels alike."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from segstudio.core.arrays import F32, U8, Pixels
from segstudio.core.augmentation import Augmentation
from segstudio.core.classes import VOID
from segstudio.core.tone import Window

_NEAR, _FAR = 0.1, 0.9  # where in the crop the pixel it is drawn around may lie
_NODES = 5  # of the grid that bends, along each side
_MARGIN = 3  # pixels around a window, for what interpolation looks at
_PLANES = 4  # that OpenCV warps at a time


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """From the pixels of a crop to places in the image.

    Attributes:
        side: of the square crop, in pixels.
        matrix: ``float64 (2, 3)``: column and row in the image, in pixel centres, of a column and row of the crop.
        shift: ``float32 (n, n, 2)``, smooth shifts in pixels of the crop; None when nothing bends.
    """

    side: int
    matrix: np.ndarray
    shift: F32 | None = None

    def __call__(self, image: Pixels, annotation: U8, tones: Window = (0.0, 255.0)) -> tuple[Pixels, U8]:
        """The crop of an image, interpolated in its own depth, and of its labels, nearest neighbours.

        Args:
            image: ``(H, W)`` or ``(H, W, C)``; ``uint8``, ``uint16`` or ``float32``.
            annotation: ``uint8 (H, W)``.
            tones: the values shown as black and white, taken for what is no finite number, lest it spread.

        Returns:
            ``(side, side)`` or ``(side, side, C)`` and ``uint8 (side, side)``; outside of the image, its mirror image
            and void.
        """
        slices = self._window(annotation.shape)
        matrix = self.matrix.copy()
        matrix[:, 2] -= slices[1].start, slices[0].start
        warp = self._straight(matrix) if self.shift is None else self._bent(matrix)
        window = image[slices]
        if window.dtype.kind == "f" and not np.isfinite(window).all():
            window = np.nan_to_num(window, nan=tones[0], posinf=tones[1], neginf=tones[0])
        # OpenCV warps so many channels at a time.
        channels = 1 if image.ndim == 2 else image.shape[2]
        parts = [window] if channels <= _PLANES else np.split(window, range(_PLANES, channels, _PLANES), axis=2)
        warped = [warp(part, cv2.INTER_LINEAR, cv2.BORDER_REFLECT) for part in parts]
        pixels = warped[0] if len(warped) == 1 else np.dstack(warped)
        return pixels.reshape(self.side, self.side, *image.shape[2:]), warp(
            annotation[slices], cv2.INTER_NEAREST, cv2.BORDER_CONSTANT
        )

    def _window(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """The part of an image that is looked at.

        OpenCV refuses to warp images beyond 32,767 pixels; a window it does not.
        """
        margin = _MARGIN
        if self.shift is not None:
            step = math.hypot(self.matrix[0, 0], self.matrix[1, 0])
            margin += math.ceil(float(np.abs(self.shift).max(initial=0)) * 1.5 * step)  # both axes, and cubic overshoot
        slices = []
        for length, (across, down, start) in zip(shape[:2], self.matrix[::-1].tolist(), strict=True):
            reach = across * (self.side - 1), down * (self.side - 1)
            low = math.floor(start + sum(min(0.0, one) for one in reach)) - margin
            high = math.ceil(start + sum(max(0.0, one) for one in reach)) + margin + 1
            # What lies outside shows what lies as far inside: that has to be in the window too.
            slices.append(slice(max(0, min(low, 2 * length - high)), min(length, max(high, -low))))
        return slices[0], slices[1]

    def _straight(self, matrix: np.ndarray) -> "_Cut":
        def cut(window: Pixels, interpolation: int, border: int) -> Pixels:
            flags = interpolation | cv2.WARP_INVERSE_MAP
            size = (self.side, self.side)
            return np.asarray(cv2.warpAffine(window, matrix, size, flags=flags, borderMode=border, borderValue=VOID))

        return cut

    def _bent(self, matrix: np.ndarray) -> "_Cut":
        assert self.shift is not None
        size = (self.side, self.side)
        shift = np.asarray(cv2.resize(self.shift, size, interpolation=cv2.INTER_CUBIC), np.float32)
        steps = np.arange(self.side, dtype=np.float32)
        shift[:, :, 0] += steps
        shift[:, :, 1] += steps[:, None]
        columns, rows = cv2.split(cv2.transform(shift, matrix))

        def cut(window: Pixels, interpolation: int, border: int) -> Pixels:
            return np.asarray(cv2.remap(window, columns, rows, interpolation, borderMode=border, borderValue=VOID))

        return cut


_Point = tuple[float, float]
_Cut = Callable[[Pixels, int, int], Pixels]  # of a window, with an interpolation and a border


def draw_warp(
    shape: tuple[int, ...], place: tuple[int, int], side: int, settings: Augmentation, rng: np.random.Generator
) -> Warp:
    """A random warp whose crop holds a pixel, and of the outside no more than it has to.

    Args:
        shape: of the image; height and width come first.
        place: row and column of the pixel.
        side: of the crop, in pixels.
        settings: what may happen.
        rng: source of randomness.
    """
    scale = 1.0
    if settings.scale:
        scale = math.exp(rng.uniform(math.log(settings.scale_from), math.log(settings.scale_to)))
    angle = math.radians(rng.uniform(-settings.turn, settings.turn)) if settings.rotate else 0.0
    reach = side / scale
    mirrored = -1.0 if settings.flip and rng.random() < 0.5 else 1.0
    upside = -1.0 if settings.flip_vertical and rng.random() < 0.5 else 1.0
    start = [_start(place[axis], reach, shape[axis], rng) for axis in (1, 0)]
    if not settings.scale:
        start = [float(round(value)) for value in start]  # whole pixels stay as they are
    centre = start[0] + reach / 2 - 0.5, start[1] + reach / 2 - 0.5
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    turn = (cos * mirrored, -sin * upside), (sin * mirrored, cos * upside)
    if settings.rotate:
        centre = _holding(centre, turn, (place[1], place[0]), side)
    half = (side - 1) / 2
    matrix = np.array([(a, b, at - (a + b) * half) for (a, b), at in zip(turn, centre, strict=True)])
    shift = None
    if settings.elastic:
        # Less where the crop ends, so that the pixel stays inside.
        most = settings.bend * side
        shift = rng.uniform(-most, most, (_NODES, _NODES, 2)).astype(np.float32)
        shift[[0, -1]] = 0
        shift[:, [0, -1]] = 0
    return Warp(side, matrix, shift)


def _start(at: int, reach: float, length: int, rng: np.random.Generator) -> float:
    """Where a window of `reach` that holds `at` begins: inside the image when it fits, else around it."""
    start = at + 0.5 - reach * rng.uniform(_NEAR, _FAR)
    spare = length - reach
    return float(min(max(start, min(spare, 0.0)), max(spare, 0.0)))


def _holding(centre: _Point, turn: tuple[_Point, _Point], place: _Point, side: int) -> _Point:
    """The centre moved as little as needed for a turned crop to hold `place`."""
    matrix = np.array(turn)
    seen = np.linalg.solve(matrix, np.subtract(place, centre))
    most = (_FAR - 0.5) * side
    x, y = place - matrix @ np.clip(seen, -most, most)
    return float(x), float(y)
