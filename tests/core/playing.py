"""A hand that does anything with any tool, in any order, and a window that watches it: for the properties of all tools.

An `Act` is one event of the window. Coordinates are shares of the image's width and height, so that the same acts make
sense on images of any shape.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import cv2
import numpy as np
from hypothesis import strategies as st

from segstudio.core.arrays import U8
from segstudio.core.background import Background, Immediately, Stop, Task
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.history import Entry
from segstudio.core.picture import Picture
from segstudio.core.tools.base import OPERATIONS, Kit, Palette, Pointer, ToolName
from segstudio.core.tools.catalogue import make_tools

TOOLS: tuple[ToolName, ...] = get_args(ToolName)
CLASSES = ClassTable.of(["background", "nucleus", "fibre"])
SHAPES = {"dot": (1, 1), "line": (2000, 1), "small": (40, 60), "tiles": (300, 300)}
Kind = Literal[
    "take", "hover", "leave", "press", "move", "release", "confirm", "back", "turn", "cancel", "finish",
    "undo", "redo", "swap", "lock", "classes", "option", "answer",
]  # fmt: skip
POINTING: tuple[Kind, ...] = ("hover", "press", "move", "release")
_UNTIMELY: dict[ToolName, tuple[Kind, ...]] = {
    "box": ("cancel", "undo", "redo", "lock", "classes"),
    "superpixel": ("classes", "lock"),
}


@dataclass(frozen=True)
class Act:
    """One event.

    Attributes:
        kind: method of a tool, or what else happens in a window.
        at: shares of width and height.
        flags: of the pointer: reverse, straight.
        pressure, reach: of the pointer.
        what: tool, steps of the wheel, class index, number of classes, or option and its value.
    """

    kind: Kind
    at: tuple[float, float] = (0.5, 0.5)
    flags: tuple[bool, bool] = (False, False)
    pressure: float = 1.0
    reach: float = 5.0
    what: Any = None


class _Errand:
    def __init__(self, owner: "Slow", work: Callable[[Stop], Any], done: Callable[[Any], None]) -> None:
        self.over = False
        self._owner, self._work, self._done = owner, work, done

    def cancel(self) -> None:
        self.over = True

    def wait(self) -> None:
        while not self.over:
            self._owner.answer()

    def give(self) -> None:
        if not self.over:
            self.over = True
            self._done(self._work(lambda: False))


class Slow:
    """A background that works as late as it may: when somebody waits, or the test says so."""

    def __init__(self) -> None:
        self._errands: deque[_Errand] = deque()

    def run(self, work: Callable[[Stop], Any], done: Callable[[Any], None]) -> Task:
        self._errands.append(_Errand(self, work, done))
        return self._errands[-1]

    def answer(self) -> None:
        """Give the oldest answer."""
        if self._errands:
            self._errands.popleft().give()

    def settle(self) -> None:
        while self._errands:
            self.answer()


@lru_cache
def picture(shape: tuple[int, int]) -> Picture:
    """Bright blobs on a dark ground, with noise; in colour."""
    rng = np.random.default_rng(5)
    pixels = np.full((*shape, 3), (40, 50, 60), np.uint8)
    for _ in range(4 + shape[0] * shape[1] // 2500):
        x, y, radius = rng.integers(shape[1]), rng.integers(shape[0]), rng.integers(4, 14)
        colour = tuple(int(c) for c in rng.integers(120, 250, 3))
        cv2.circle(pixels, (int(x), int(y)), int(radius), colour, -1)
    return Picture(cv2.add(pixels, rng.integers(0, 12, pixels.shape, np.uint8)))


@lru_cache
def patchwork(shape: tuple[int, int]) -> U8:
    """``uint8 (H, W)`` of small squares of all classes and of void, mostly void."""
    rng = np.random.default_rng(7)
    values = np.array([0, 1, 2, VOID, VOID, VOID], np.uint8)
    squares = rng.choice(values, (shape[0] // 6 + 1, shape[1] // 6 + 1))
    return np.repeat(np.repeat(squares, 6, axis=0), 6, axis=1)[: shape[0], : shape[1]]


class Watched:
    """A document with all that its listeners were told.

    Attributes:
        shown: what a canvas shows that repaints only the rectangles it is told.
        past: the annotation before the first and after each stroke that can be undone.
        ahead: the same for strokes that can be redone, the next one last.
        strokes: how many were ever written.
    """

    def __init__(self, shape: tuple[int, int], *, seen: bool, classes: ClassTable) -> None:
        annotation = patchwork(shape).copy()
        self.document = Document(annotation, classes, picture=picture(shape) if seen else None)
        self.shown, self.past, self.ahead = annotation.copy(), [annotation.copy()], list[U8]()
        self.strokes = 0
        self.document.on_change.append(self._changed)
        self.document.on_commit.append(self._committed)

    def check(self) -> None:
        """What holds after every event."""
        now = self.document.annotation
        assert np.array_equal(self.shown, now), "a changed pixel lies in no dirty rectangle"
        assert len(self.past) == len(self.document.history.done) + 1
        assert len(self.ahead) == len(self.document.history.undone)
        if self.document.gesture is None:
            assert np.array_equal(now, self.past[-1]), "a pixel changed that no stroke tells of"

    def rewind(self) -> None:
        """Undo everything, do it again: each state comes back byte for byte."""
        while self.document.undo() is not None:
            self.check()
        assert len(self.past) == 1
        while self.document.redo() is not None:
            self.check()
        assert not self.ahead

    def _changed(self, rect: Rect) -> None:
        assert rect.intersect(self.document.bounds) == rect, "a dirty rectangle reaches outside"
        self.shown[rect.slices] = self.document.annotation[rect.slices]

    def _committed(self, entry: Entry) -> None:
        if entry.kind == "undo":
            self.ahead.append(self.past.pop())
        elif entry.kind == "redo":
            self.past.append(self.ahead.pop())
        else:
            self.ahead.clear()
            self.past.append(self.document.annotation.copy())
            self.strokes += 1
            assert not np.array_equal(self.past[-2], self.past[-1]), "a stroke that changes nothing"


class Play:
    """A window with two images, the second without a picture, played from acts.

    Args:
        image: which of `SHAPES`.
        background: where tools send their work.
        visible: the part of the image on the screen.
        classes: of both documents.
    """

    def __init__(
        self,
        image: str,
        background: Background | None = None,
        visible: Rect | None = None,
        classes: ClassTable = CLASSES,
    ) -> None:
        self.shape = SHAPES[image]
        self.visible = visible
        self.background = background or Immediately()
        self.palette = Palette(value=1, size=7, cell=12)
        self.said: list[str] = []
        kit = Kit(self.palette, self.background, say=self.said.append, picked=self.palette.choose)
        self.tools = make_tools(kit)
        self.tool = self.tools["brush"]
        self.watched = [Watched(self.shape, seen=seen, classes=classes) for seen in (True, False)]
        self.presses = 0

    @property
    def document(self) -> Document:
        return self.watched[0].document

    def run(self, acts: Sequence[Act], check: Callable[[], None] | None = None) -> None:
        """Do it all, put the tool down, and check what must hold after each act."""
        for act in (*acts, Act("finish")):
            self.do(act)
            for one in self.watched:
                one.check()
            if check is not None:
                check()
        if isinstance(self.background, Slow):
            self.background.settle()
        for one in self.watched:
            assert one.document.gesture is None, "a stroke was left running"
            one.check()

    def do(self, act: Act) -> None:
        """Do one act as the window would, and look at the preview."""
        tool = self.tool
        # Until its object is written a box is not over, and Esc drops it; and superpixels that were crossed but are not
        # known yet are not in a stroke that the document ends, and mind a lock that comes first. What is still
        # away undo drops, for good.
        away = self.document.gesture is not None and self.document.gesture.away
        untimely = act.kind in _UNTIMELY.get(tool.name, ()) or (away and act.kind == "undo")
        if isinstance(self.background, Slow) and untimely:
            self.background.settle()
        if act.kind == "take":
            tool.finish()
            tool.hover(self.document, None)
            self.tool = self.tools[act.what]
        elif act.kind in POINTING:
            self._point(act)
        elif act.kind == "leave":
            tool.hover(self.document, None)
        elif act.kind == "turn":
            tool.turn(act.what)
        elif act.kind in ("confirm", "back", "cancel", "finish"):
            getattr(tool, act.kind)()
        elif act.kind in ("undo", "redo"):
            getattr(self.document, act.kind)()
        elif act.kind == "swap":
            self.watched.reverse()
        elif act.kind == "answer":
            if isinstance(self.background, Slow):
                self.background.answer()
        else:
            self._set(act)
        self._look()

    def pointer(self, act: Act) -> Pointer:
        at = act.at[0] * self.shape[1], act.at[1] * self.shape[0]
        return Pointer(at, *act.flags, act.pressure, act.reach, self.visible)

    def _point(self, act: Act) -> None:
        pointer = self.pointer(act)
        if act.kind == "hover":
            if not (self.tool.reads_labels and self.document.gesture is not None and self.document.gesture.away):
                self.tool.hover(self.document, pointer)
        elif act.kind == "press":
            self.presses += 1
            if self.tool.reads_labels:
                self.document.settle()
            self.tool.press(self.document, pointer)
        elif act.kind == "move":
            self.tool.move(pointer)
        else:
            self.tool.release(pointer)

    def _set(self, act: Act) -> None:
        document = self.document
        if act.kind == "lock" and act.what < len(document.classes):
            locked = document.classes[act.what].locked
            document.classes = document.classes.change(act.what, locked=not locked)
        elif act.kind == "classes":
            document.classes = ClassTable(CLASSES.items[: act.what])
        elif act.kind == "option":
            setattr(self.palette, *act.what)

    def _look(self) -> None:
        preview = self.tool.preview
        if preview is not None and preview.mask is not None:
            rect, where = preview.mask
            assert rect.intersect(self.document.bounds) == rect
            assert where.shape == (rect.height, rect.width)


OPTIONS: dict[str, list[Any]] = {
    "value": [0, 1, 2, 7],
    "size": [1, 2, 7, 30, 2000],
    "shape": ["round", "square"],
    "over": [None, VOID, 0, 1],
    "tolerance": [0, 24, 255],
    "contiguous": [True, False],
    "softness": [0, 3],
    "cell": [4, 12, 40],
    "operation": list(OPERATIONS),
    "amount": [1, 3, 40],
    "scope": ["region", "class"],
}
_inside = st.tuples(*[st.integers(0, 500).map(lambda share: share / 500)] * 2)
_around = st.tuples(*[st.integers(-200, 600).map(lambda share: share / 400)] * 2)
_far = st.tuples(st.sampled_from([-80.0, -3.0, 0.4, 50.0]), st.sampled_from([-80.0, 0.6, 2.0, 50.0]))
_points = st.one_of(_inside, _inside, _around, _far)
_flags = st.tuples(*[st.sampled_from([False, False, True])] * 2)
_options = st.sampled_from([Act("option", what=(name, value)) for name, all_ in OPTIONS.items() for value in all_])
_keys = st.one_of(
    st.sampled_from(
        [Act("undo"), Act("redo"), Act("cancel"), Act("finish"), Act("confirm"), Act("back"), Act("leave")]
    ),
    st.builds(Act, st.just("turn"), what=st.sampled_from([-3.0, -1.0, 0.4, 1.0, 2.0])),
    _options,
)
TABLES = st.one_of(
    st.builds(Act, st.just("lock"), what=st.integers(0, 2)),
    st.builds(Act, st.just("classes"), what=st.integers(0, 3)),
    st.just(Act("swap")),
)


@st.composite
def gestures(draw: st.DrawFn, names: Sequence[ToolName] = TOOLS, tables: bool = True) -> list[Act]:
    """A tool taken in hand, a drag or some clicks with it, and anything at all in between."""
    name = draw(st.sampled_from(names))
    flags, reach = draw(_flags), draw(st.sampled_from([0.5, 5.0, 300.0]))
    at = draw(st.lists(_points, min_size=1, max_size=4))
    pressures = draw(st.sampled_from([(1.0, 1.0), (0.2, 0.9), (0.0, 1.5)]))
    acts = [Act("hover", at[0], flags, reach=reach)]
    if name in ("polygon", "scissors", "measure") and draw(st.booleans()):
        for one in at:
            acts += [Act(kind, one, flags, reach=reach) for kind in ("press", "release", "hover")]
        acts.append(Act("confirm"))
    else:
        acts.append(Act("press", at[0], flags, pressures[0], reach))
        acts += [Act("move", one, flags, pressures[1], reach) for one in at[1:]]
        acts.append(Act("release", at[-1], flags, pressures[1], reach))
    for act in draw(st.lists(st.one_of(_keys, TABLES) if tables else _keys, max_size=2)):
        acts.insert(draw(st.integers(0, len(acts))), act)
    if draw(st.integers(0, 9)) == 0:
        del acts[draw(st.integers(0, len(acts) - 1))]  # an event that got lost
    return [Act("take", what=name), *acts]


def sequences(names: Sequence[ToolName] = TOOLS, *, tables: bool = True, most: int = 6) -> st.SearchStrategy[list[Act]]:
    """Some gestures in a row."""
    return st.lists(gestures(names, tables), min_size=1, max_size=most).map(
        lambda all_: [a for one in all_ for a in one]
    )
