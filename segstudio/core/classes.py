"""Classes: the labels a pixel can carry, and void, the absence of one."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
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
        index: value of its pixels in every mask, 0..254; only a `ClassChange` gives it another one.
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


@dataclass(frozen=True, slots=True)
class ClassChange:
    """Another class table, and what becomes of every value of every mask. Made by `remove_class` and `move_class`.

    Attributes:
        before, after: the two tables.
        indices: 256 bytes: by old value the new one. Void stays void; a value without a class becomes void, too, lest
            it be taken for a class that is added later.
    """

    before: ClassTable
    after: ClassTable
    indices: bytes

    @property
    def mapping(self) -> U8:
        """``uint8 (256,)``: `indices` as an array, read only."""
        return np.frombuffer(self.indices, np.uint8)

    def translate(self, values: U8) -> U8:
        """New values for old ones, ``uint8`` of any shape with two axes."""
        return np.asarray(cv2.LUT(values, self.mapping), np.uint8)


def remove_class(table: ClassTable, index: int, into: int = VOID) -> ClassChange:
    """Take a class out of a table, or merge it into another one; those behind it move up.

    Args:
        table: of the project.
        index: of the class to remove.
        into: what becomes of its pixels: another class, which keeps its name and colour, or void.

    Raises:
        UsageError: when there is no such class, it is the only one or merged into itself, or either is locked.
    """
    removed = _class_at(table, index)
    _refuse_locked(removed)
    if into != VOID:
        if into == index:
            raise UsageError(f"'{removed.name}' cannot be merged into itself", remedy="Choose another class")
        _refuse_locked(_class_at(table, into))
    if len(table) == 1:
        raise UsageError(f"'{removed.name}' is the only class", remedy="Rename it, or add another one first")
    return _rearranged(table, [item for item in table if item.index != index], {index: into})


def move_class(table: ClassTable, index: int, to: int) -> ClassChange:
    """Give a class another place; those between move by one. Locks do not matter: no pixel changes its class.

    Args:
        table: of the project.
        index: of the class to move.
        to: its index afterwards.

    Raises:
        UsageError: when there is no such class or no such place.
    """
    moved = _class_at(table, index)
    if not 0 <= to < len(table):
        raise UsageError(f"{to} is no place for a class", remedy=f"Places are 0 to {len(table) - 1}")
    items = [item for item in table if item.index != index]
    items.insert(to, moved)
    return _rearranged(table, items, {})


def _class_at(table: ClassTable, index: int) -> LabelClass:
    if not 0 <= index < len(table):
        raise UsageError(f"there is no class {index}", remedy=f"Classes are: {', '.join(table.names) or 'none yet'}")
    return table[index]


def _refuse_locked(item: LabelClass) -> None:
    if item.locked:
        raise UsageError(f"the class '{item.name}' is locked", remedy="Unlock it first")


def _rearranged(table: ClassTable, items: Sequence[LabelClass], merged: dict[int, int]) -> ClassChange:
    """Put classes of a table in this order; `merged` says, in old indices, what those left out become."""
    new = {item.index: place for place, item in enumerate(items)}
    indices = bytearray([VOID] * 256)
    for item in table:
        home = merged.get(item.index, item.index)
        indices[item.index] = VOID if home == VOID else new[home]
    after = ClassTable(tuple(replace(item, index=place) for place, item in enumerate(items)))
    return ClassChange(table, after, bytes(indices))


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
