"""Classes: the labels a pixel can carry, and void, the absence of one."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from segstudio.core.arrays import U8, Bool
from segstudio.errors import UsageError

VOID = 255
MAX_CLASSES = 255  # indices 0..254; 255 is void

# Okabe & Ito (2008), "Color Universal Design": distinguishable with red-green blindness.
OKABE_ITO = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
BACKGROUND_NAMES = frozenset({"background", "other", "rest", "cell interior"})
BACKGROUND_COLOR = "#7f8790"
_HEX = re.compile(r"#[0-9a-fA-F]{6}\Z")


@dataclass(frozen=True, slots=True)
class LabelClass:
    """One class of a project.

    Attributes:
        index: value of its pixels in every mask, 0..254; never reused, never changed.
        name: unique in its project.
        color: ``#rrggbb``.
        locked: gestures keep off its pixels.
        visible: drawn on the canvas.
    """

    index: int
    name: str
    color: str
    locked: bool = False
    visible: bool = True

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green, blue, 0..255."""
        return int(self.color[1:3], 16), int(self.color[3:5], 16), int(self.color[5:7], 16)


@dataclass(frozen=True, slots=True)
class ClassTable:
    """The classes of a project in index order: ``table[i].index == i``. Immutable; changes give a new table.

    Raises:
        UsageError: on a duplicate or empty name, a colour that is not ``#rrggbb``, or more than 255 classes.
    """

    items: tuple[LabelClass, ...] = ()

    def __post_init__(self) -> None:
        if len(self.items) > MAX_CLASSES:
            raise UsageError(f"{len(self.items)} classes are too many", remedy=f"Use {MAX_CLASSES} at most")
        for position, item in enumerate(self.items):
            if item.index != position:
                raise UsageError(
                    f"class '{item.name}' has index {item.index}, but {position} is next",
                    remedy="Number the classes 0, 1, 2, ... without gaps",
                )
            if not item.name.strip():
                raise UsageError(f"class {position} has no name", remedy="Give every class a name")
            if not _HEX.match(item.color):
                raise UsageError(f"'{item.color}' is no colour", remedy="Write colours as #rrggbb")
        names = [item.name for item in self.items]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"two classes are named '{name}'", remedy="Give every class its own name")

    @staticmethod
    def of(names: Iterable[str]) -> "ClassTable":
        """A table with these names, in order, and colours from the default palette."""
        table = ClassTable()
        for name in names:
            table = table.add(name)
        return table

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[LabelClass]:
        return iter(self.items)

    def __getitem__(self, index: int) -> LabelClass:
        return self.items[index]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.items)

    def add(self, name: str, color: str | None = None) -> "ClassTable":
        """This table with one more class at the end."""
        index = len(self.items)
        chosen = color or self._next_color(name.strip())
        return ClassTable((*self.items, LabelClass(index, name.strip(), chosen)))

    def change(self, index: int, **fields: object) -> "ClassTable":
        """This table with some of ``name``, ``color``, ``locked``, ``visible`` of one class replaced."""
        items = list(self.items)
        items[index] = replace(items[index], **fields)  # type: ignore[arg-type]
        return ClassTable(tuple(items))

    def colors(self) -> U8:
        """``(256, 3)`` RGB of every mask value; values without a class are black."""
        lut = np.zeros((256, 3), np.uint8)
        for item in self.items:
            lut[item.index] = item.rgb
        return lut

    def locked(self) -> Bool:
        """``(256,)``: whether pixels of a mask value must stay as they are."""
        flags = np.zeros(256, np.bool_)
        for item in self.items:
            flags[item.index] = item.locked
        return flags

    def visible(self) -> Bool:
        """``(256,)``: whether pixels of a mask value are drawn; void never is."""
        flags = np.zeros(256, np.bool_)
        for item in self.items:
            flags[item.index] = item.visible
        return flags

    def _next_color(self, name: str) -> str:
        taken = {item.color for item in self.items}
        if name.lower() in BACKGROUND_NAMES and BACKGROUND_COLOR not in taken:
            return BACKGROUND_COLOR
        for color in OKABE_ITO:
            if color not in taken:
                return color
        return _far_color([item.rgb for item in self.items])


def _far_color(taken: Sequence[tuple[int, int, int]]) -> str:
    """The colour of a coarse grid farthest from all that are taken, as in Glasbey et al. (2007).

    Distance is Euclidean in CIE L*a*b*; very dark and very light colours are left out.
    """
    steps = np.arange(32, 256, 32, dtype=np.float64)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    lab = _lab(grid)
    inside = (lab[:, 0] > 35) & (lab[:, 0] < 90)
    grid, lab = grid[inside], lab[inside]
    used = _lab(np.asarray([*taken, (0, 0, 0), (128, 128, 128)], np.float64))
    distance = np.linalg.norm(lab[:, None] - used[None], axis=-1).min(axis=1)
    red, green, blue = (int(v) for v in grid[int(distance.argmax())])
    return f"#{red:02x}{green:02x}{blue:02x}"


def _lab(rgb: np.ndarray) -> np.ndarray:
    """``(N, 3)`` sRGB 0..255 to CIE L*a*b*, D65 white (IEC 61966-2-1, CIE 15)."""
    c = rgb / 255.0
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ matrix.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=-1)
