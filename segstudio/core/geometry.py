"""Rectangles of pixels."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rect:
    """Half-open pixel rectangle: columns ``x0 <= x < x1``, rows ``y0 <= y < y1``."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return max(0, self.x1 - self.x0)

    @property
    def height(self) -> int:
        return max(0, self.y1 - self.y0)

    @property
    def empty(self) -> bool:
        return self.x1 <= self.x0 or self.y1 <= self.y0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of this rectangle in an ``(H, W)`` array."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def intersect(self, other: "Rect") -> "Rect":
        return Rect(max(self.x0, other.x0), max(self.y0, other.y0), min(self.x1, other.x1), min(self.y1, other.y1))

    def union(self, other: "Rect") -> "Rect":
        """Bounding box of both; an empty rectangle adds nothing."""
        if self.empty:
            return other
        if other.empty:
            return self
        return Rect(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    def shift(self, dx: int, dy: int) -> "Rect":
        return Rect(self.x0 + dx, self.y0 + dy, self.x1 + dx, self.y1 + dy)

    def contains(self, x: int, y: int) -> bool:
        return self.x0 <= x < self.x1 and self.y0 <= y < self.y1

    @staticmethod
    def of_shape(shape: tuple[int, ...]) -> "Rect":
        """The whole of an array whose first two axes are rows and columns."""
        return Rect(0, 0, shape[1], shape[0])


EMPTY = Rect(0, 0, 0, 0)
