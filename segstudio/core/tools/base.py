"""What every tool is: a state machine that turns pointer events in image coordinates into gestures of a document.

A tool knows no window and no thread, so a test paints with it. What it is about to do it shows as a `Preview`; what
takes longer than a frame it sends to the `Background` of its `Kit`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import Bool
from segstudio.core.background import Background, Immediately
from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.gesture import Done, Gesture, Write, nobody
from segstudio.core.strokes import MAX_SIZE, MIN_SIZE, BrushShape, Point

ToolName = Literal[
    "brush", "eraser", "lasso", "polygon", "rectangle", "ellipse", "fill", "wand", "scissors", "superpixel", "box",
    "region", "pick", "measure", "level", "pan",
]  # fmt: skip
Operation = Literal["delete", "reclass", "holes", "islands", "grow", "shrink", "smooth"]
OPERATIONS: tuple[Operation, ...] = ("delete", "reclass", "holes", "islands", "grow", "shrink", "smooth")
Scope = Literal["region", "class"]
Cursor = Literal["brush", "cross", "hand", "level"]
Ring = NDArray[np.float64]  # (n, 2) of x, y in image coordinates


@dataclass(frozen=True, slots=True)
class Pointer:
    """A pointer event.

    Attributes:
        at: x, y in image coordinates, also outside the image; the first pixel spans 0..1.
        reverse: right button, Alt, or the pen's eraser end: take away instead of adding.
        straight: Shift: go on from the end of the last stroke; squares and circles; the whole class.
        pressure: of a pen, 0..1; 1 for a mouse.
        reach: image pixels within which a point counts as hit.
        visible: the part of the image that is on the screen; None when unknown. For previews only: what a gesture
            does never depends on it.
    """

    at: Point
    reverse: bool = False
    straight: bool = False
    pressure: float = 1.0
    reach: float = 5.0
    visible: Rect | None = None

    @property
    def pixel(self) -> tuple[int, int]:
        """Column and row of the pixel it points at."""
        return int(self.at[0] // 1), int(self.at[1] // 1)


_RANGES: dict[str, tuple[int, int]] = {
    "size": (MIN_SIZE, MAX_SIZE),
    "tolerance": (0, 255),
    "softness": (0, 20),
    "cell": (4, 256),
    "amount": (1, 100_000),
}
_CHOICES: dict[str, tuple[object, ...]] = {
    "shape": ("round", "square"),
    "operation": OPERATIONS,
    "scope": ("region", "class"),
    "pressure": (True, False),
    "contiguous": (True, False),
}


@dataclass(slots=True)
class Palette:
    """What is in the hand: the class, and the options of all tools.

    Attributes:
        value: class index painted with.
        previous: class index in hand before, for a quick swap.
        size: brush diameter in pixels, 1..2000.
        shape: of the brush.
        pressure: whether a pen's pressure scales the size.
        over: paint only over pixels of this value (void or a class); None paints over everything.
        tolerance: wand: how far a colour may be from the one clicked, 0..255.
        contiguous: wand: only what is connected to the pixel clicked; otherwise the whole image.
        softness: wand: radius in pixels of the smoothing of its outline, 0..20.
        cell: superpixels: their width in pixels, 4..256.
        operation, amount, scope: region tool: what it does, with how many pixels, and to what.
    """

    value: int = 0
    previous: int = 0
    size: int = 15
    shape: BrushShape = "round"
    pressure: bool = True
    over: int | None = None
    tolerance: int = 24
    contiguous: bool = True
    softness: int = 0
    cell: int = 24
    operation: Operation = "delete"
    amount: int = 2
    scope: Scope = "region"

    def over_for(self, value: int) -> int | None:
        """What a gesture that writes `value` may write over; taking away is not bound to void."""
        return None if value == VOID and self.over == VOID else self.over

    def choose(self, value: int) -> None:
        if value != self.value:
            self.value, self.previous = value, self.value

    def swap(self) -> None:
        self.value, self.previous = self.previous, self.value

    def kept(self) -> dict[str, object]:
        """The options worth keeping between sessions, for the preferences."""
        return {name: getattr(self, name) for name in (*_RANGES, *_CHOICES)}

    def restore(self, kept: object) -> None:
        """Take options as `kept` gave them; what is unknown or out of range is left as it is."""
        for name, value in kept.items() if isinstance(kept, dict) else ():
            low, high = _RANGES.get(name, (1, 0))
            whole = type(value) is int and low <= value <= high
            if whole or any(value is choice or value == choice for choice in _CHOICES.get(name, ())):
                setattr(self, name, value)

    def resize(self, factor: float) -> None:
        """Scale the size, by at least one pixel."""
        step = 1 if factor > 1 else -1
        scaled = round(self.size * factor)
        self.size = min(MAX_SIZE, max(MIN_SIZE, scaled if scaled != self.size else self.size + step))


def _unheard(*_what: object) -> None:
    """Nobody listens."""


@dataclass(slots=True)
class Kit:
    """What all tools of a window share.

    Attributes:
        palette: class and options in hand.
        background: where long work goes.
        say: tells the person one line: why nothing happened.
        tell: tells one line that stands as long as nothing else is said, e.g. what is measured; empty takes it away.
        turned: a drag has changed an option of the palette.
        picked: a tool took this class index from the image.
        level: the level tool was dragged by this many image pixels right and down.
    """

    palette: Palette = field(default_factory=Palette)
    background: Background = field(default_factory=Immediately)
    say: Callable[[str], None] = _unheard
    tell: Callable[[str], None] = _unheard
    turned: Callable[[], None] = _unheard
    picked: Callable[[int], None] = _unheard
    level: Callable[[float, float], None] = _unheard


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """What a tool shows of what it will do, in image coordinates.

    Attributes:
        value: the value it is about to write; void means it takes away.
        mask: rectangle inside the image and ``bool (h, w)``: pixels it would write, drawn as a tint with an outline.
        rings: closed outlines, each ``float64 (n, 2)`` of x, y.
        lines: open lines, likewise.
        handles: points that can be moved or clicked.
        text: a figure to show beside the pointer, e.g. a length or a tolerance.
        busy: whether a better answer is on its way.
        grid: rectangle inside the image and ``uint8 (h, w)`` of blocks that cover it: 1 where another segment begins at
            the right side of a block, 2 below, 3 both; drawn faintly.
    """

    value: int = VOID
    mask: tuple[Rect, Bool] | None = None
    rings: tuple[Ring, ...] = ()
    lines: tuple[Ring, ...] = ()
    handles: tuple[Point, ...] = ()
    text: str = ""
    busy: bool = False
    grid: tuple[Rect, NDArray[np.uint8]] | None = None  # segments around the pointer, see `cells.Surroundings`


class Tool:
    """A tool that does nothing; the others replace what they need.

    The canvas calls, in image coordinates: `hover` while no button is held, `press`, `move` and `release` for each
    drag, `confirm` on Enter and double click, `back` on Backspace, `turn` on Alt+wheel, `finish` when the hand is
    called away, `cancel` on Esc. After each it draws `preview`, and again whenever the tool calls `changed`.

    Attributes:
        name: how code calls it.
        label: how the history calls its gestures.
        cursor: what the pointer looks like.
        looks: it only looks at the image; a shape that another tool has open may wait meanwhile.
        reads_labels: what it writes or shows depends on the labels: they are settled (`Document.settle`) before a
            press, and it need not show anything while a gesture is away.
        on_changed: called when the preview became another one without an event.
    """

    name: ToolName
    label: str
    cursor: Cursor = "cross"
    looks: bool = False
    reads_labels: bool = True

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.on_changed: Callable[[], None] | None = None

    @property
    def palette(self) -> Palette:
        return self.kit.palette

    @property
    def active(self) -> bool:
        """Whether it is in the middle of something that Esc would drop."""
        return False

    @property
    def unfinished(self) -> bool:
        """Whether that is still being drawn, so that Enter, Backspace and undo are about it."""
        return self.active

    @property
    def preview(self) -> Preview | None:
        """What to draw; None draws nothing."""
        return None

    def hover(self, document: Document, pointer: Pointer | None) -> None:
        """The pointer moved without a button; None: it left."""

    def press(self, document: Document, pointer: Pointer) -> None:
        """A button went down."""

    def move(self, pointer: Pointer) -> None:
        """The pointer moved while the button is held."""

    def release(self, pointer: Pointer) -> None:
        """The button went up."""

    def confirm(self) -> bool:
        """Close what is open; whether there was something."""
        return False

    def back(self) -> bool:
        """Take the last step inside an open gesture back; whether there was one."""
        return False

    def turn(self, steps: float) -> bool:  # noqa: ARG002  # the others use it
        """Coarser or finer, by steps of the wheel; whether the tool has such an option."""
        return False

    def finish(self) -> None:
        """Put the tool down: end a running stroke as if released here; a shape that is not closed may wait."""

    def cancel(self) -> None:
        """Drop what is open, leaving no trace."""

    def changed(self) -> None:
        """Tell the canvas that the preview is another one."""
        if self.on_changed is not None:
            self.on_changed()

    def value_for(self, document: Document, pointer: Pointer) -> int | None:
        """The value a gesture writes: the class in hand, void in reverse; None, and said, without a class."""
        if pointer.reverse:
            return VOID
        if self.palette.value >= len(document.classes):
            self.kit.say("Choose a class first: add one in the panel of classes")
            return None
        return self.palette.value

    def write(
        self, document: Document, parts: Iterable[tuple[Rect, Bool]], value: int, *, area: Rect | None = None
    ) -> None:
        """Write one value into some pixels, as one stroke.

        Args:
            document: to be changed.
            parts: rectangles inside the image, each with ``bool (h, w)`` of pixels to write; worked out away, when that
                takes long, so they must not depend on what may change.
            value: class index, or void.
            area: what the parts lie in, when it is known to be less than the image.
        """

        def fill(gesture: Gesture) -> None:
            for rect, where in parts:
                gesture.fill(rect, where, value)

        self.edit(document, fill, value, area=area)

    def edit(
        self, document: Document, write: Write, value: int, *, area: Rect | None = None, done: Done = nobody
    ) -> None:
        """The same with whatever `write` fills; see `Document.edit`."""
        document.edit(
            self.label,
            write,
            document.bounds if area is None else area.intersect(document.bounds),
            over=self.palette.over_for(value),
            background=self.kit.background,
            done=done,
        )
