"""Where the image lies in the view: zoom and pan as plain numbers."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from segstudio.core.geometry import Rect
from segstudio.core.strokes import Point

MIN_SCALE, MAX_SCALE = 0.01, 64.0
_FIT_MARGIN = 0.96


@dataclass(frozen=True, slots=True)
class View:
    """Affine map from image to view coordinates: ``view = image * scale + offset``.

    Attributes:
        scale: view pixels an image pixel takes, 0.01..64 (less only where a huge image is fitted).
        x, y: view position of the image's top left corner, in physical pixels.
    """

    scale: float = 1.0
    x: float = 0.0
    y: float = 0.0

    @staticmethod
    def fit(image: tuple[int, int], view: tuple[int, int]) -> "View":
        """The whole image centred with a small margin; both sizes are (width, height)."""
        width, height = image
        scale = min(view[0] / width, view[1] / height) * _FIT_MARGIN
        scale = min(MAX_SCALE, scale) if scale > 0 else 1.0
        return View(scale, (view[0] - width * scale) / 2, (view[1] - height * scale) / 2)

    def to_image(self, point: Point) -> Point:
        return (point[0] - self.x) / self.scale, (point[1] - self.y) / self.scale

    def to_view(self, point: Point) -> Point:
        return point[0] * self.scale + self.x, point[1] * self.scale + self.y

    def pan(self, dx: float, dy: float) -> "View":
        return replace(self, x=self.x + dx, y=self.y + dy)

    def zoom(self, scale: float, at: Point) -> "View":
        """Another scale, with the image point under view position `at` staying there."""
        scale = min(MAX_SCALE, max(min(MIN_SCALE, self.scale), scale))
        x, y = self.to_image(at)
        return View(scale, at[0] - x * scale, at[1] - y * scale)

    def keep_inside(self, image: tuple[int, int], view: tuple[int, int]) -> "View":
        """Panned back so far that the image's middle never leaves the view by more than half of it."""

        def clamp(offset: float, length: float, room: int) -> float:
            return min(room * 0.75, max(room * 0.25 - length, offset))

        return replace(
            self,
            x=clamp(self.x, image[0] * self.scale, view[0]),
            y=clamp(self.y, image[1] * self.scale, view[1]),
        )

    def rect_to_view(self, rect: Rect) -> Rect:
        """Smallest rectangle of view pixels that a rectangle of image pixels can touch."""
        return Rect(
            math.floor(rect.x0 * self.scale + self.x) - 1,
            math.floor(rect.y0 * self.scale + self.y) - 1,
            math.ceil(rect.x1 * self.scale + self.x) + 1,
            math.ceil(rect.y1 * self.scale + self.y) + 1,
        )


@lru_cache(maxsize=8)
def seen_part(view: View, room: tuple[int, int], size: tuple[int, int]) -> Rect:
    """The part of an image of `size` (width, height) that is seen in a view of `room` physical pixels."""
    (left, top), (right, bottom) = view.to_image((0, 0)), view.to_image(room)
    box = Rect(math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))
    return box.intersect(Rect(0, 0, *size))
