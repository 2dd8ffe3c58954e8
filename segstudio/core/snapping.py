"""Masks that grow out of strokes: the last stroke's edge moved to the image's, and whole objects from a few strokes."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from segstudio.core.arrays import F32, U8, Bool
from segstudio.core.background import Background, Stop, Task
from segstudio.core.classes import VOID
from segstudio.core.cutout import (
    FINE,
    INSIDE,
    OUTSIDE,
    PERHAPS_INSIDE,
    PERHAPS_OUTSIDE,
    UNKNOWN,
    Grid,
    box_marks,
    solve,
    spread,
    tiles,
)
from segstudio.core.document import Document
from segstudio.core.figures import changed
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.history import Patch
from segstudio.core.picture import Picture

SNAP_LABEL = "Snap to edges"
STROKES_LABEL = "Mask from strokes"

_SHARE = 0.15  # of the radius of a circle of the same area: how far an edge may move
_LEAST_BAND, _MOST_BAND = 3, 40  # pixels
_CELLS_IN_BAND = 8
_CELLS_IN_TILE = 128
_SURROUNDINGS = 2  # bands: what is looked at beyond the band, to learn the colours there
_MOST_PIXELS = 2**26  # of a stroke's bounding box; some bytes of memory each
_THICKNESS_CELLS = 1024  # along the longer side, to measure how thick a stroke is
_TILE = 1024


def snap_last_stroke(document: Document, background: Background, say: Callable[[str], None]) -> Task | None:
    """Move the edge of what the last stroke painted to the edges of the image near it, as one stroke.

    The edge moves by at most 15 % of the painted area's radius, and 3 to 40 pixels. Only void pixels are added; what
    is taken from the stroke is again what it was before. Nothing is written when the stroke was undone meanwhile, or
    while another one is running.

    Args:
        document: with a picture; a stroke that is running is finished first.
        background: where the edges are looked for.
        say: gets one line: how many pixels changed, or why none did.

    Returns:
        The work on its way; None when there is nothing to snap.
    """
    if document.gesture is not None:
        document.gesture.finish()
    painted = _last_painted(document)
    if isinstance(painted, str):
        say(painted)
        return None

    def write(changes: list[_Change]) -> None:
        if not any(patch is painted.patch for patch in document.history.done):
            say("Not snapped: the stroke was undone")
        elif _free(document, painted.value, say):
            gesture = document.begin(SNAP_LABEL)
            for change in changes:
                still = document.annotation[change.rect.slices]
                gesture.fill(change.rect, change.added & (still == VOID), painted.value)
                gesture.fill(change.rect, change.removed & (still == painted.value), change.before)
            patch = gesture.finish()
            if patch is not None:
                say(f"Snapped: {changed(patch)} changed")
            elif not gesture.kept_back:
                say("Nothing to snap: the stroke already lies on the edges near it")

    return background.run(lambda stop: list(_snapped(painted, stop)), write)


def mask_from_strokes(
    document: Document, value: int, window: Rect, background: Background, say: Callable[[str], None]
) -> Task | None:
    """Let strokes of a class grow to the whole object, as one stroke that writes void pixels only.

    Pixels of the class are surely inside, those of other classes surely outside; without any of those, what lies along
    the rim of the window counts as outside. Parts that hold no stroke are left out.

    Args:
        document: with a picture; a stroke that is running is finished first.
        value: the class.
        window: the part of the image to look at, e.g. what is visible.
        background: where the object is looked for.
        say: gets one line: how many pixels changed, or why none did.

    Returns:
        The work on its way; None when there is nothing to start from.
    """
    if document.gesture is not None:
        document.gesture.finish()
    window = window.intersect(document.bounds)
    picture = document.picture
    if picture is None:
        say("A mask from strokes needs an image to look for edges in")
        return None
    if value >= len(document.classes):
        say("Choose a class first: add one in the panel of classes")
        return None
    name = document.classes[value].name
    start = None if window.empty else _start(document, value, window)
    if start is None:
        say(f"No strokes of {name} here: paint one inside the object, and one of another class outside")
        return None
    grid, marks = start

    def work(stop: Stop) -> list[tuple[Rect, Bool]]:
        if not (marks == OUTSIDE).any():
            return []
        cut = solve(picture, grid, spread(picture, grid, marks), stop=stop, attached=True)
        return [] if cut is None else [(tile, cut.part(tile)) for tile in tiles(window, _TILE) if not stop()]

    def write(parts: list[tuple[Rect, Bool]]) -> None:
        if _free(document, value, say):
            gesture = document.begin(STROKES_LABEL, over=VOID)
            for rect, where in parts:
                gesture.fill(rect, where, value)
            patch = gesture.finish()
            if patch is not None:
                say(f"{name} grew by {changed(patch)}")
            elif not gesture.kept_back:
                say(f"Nothing found beyond the strokes of {name}")

    return background.run(work, write)


def _free(document: Document, value: int, say: Callable[[str], None]) -> bool:
    """Whether an answer may be written now: nobody is painting, and its class is still there."""
    if document.gesture is not None:
        say("Nothing written: painting went on meanwhile")
        return False
    if value >= len(document.classes):
        say("Nothing written: the class is gone")
        return False
    return True


def _start(document: Document, value: int, window: Rect) -> tuple[Grid, U8] | None:
    """Cells over a window and what strokes say of them; None without strokes of the class."""
    grid = Grid.over(window, FINE)
    marks = grid.marks(grid.samples(document.annotation), box_marks(value, over=None, reverse=False))
    if not (marks == INSIDE).any():
        return None
    if not (marks == OUTSIDE).any():
        rim = np.ones(grid.shape, np.bool_)
        rim[1:-1, 1:-1] = False
        marks[rim & (marks == UNKNOWN)] = OUTSIDE
    return grid, marks


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """Part of the image with ``bool (h, w)`` of pixels to add and to take away, and what was there before."""

    rect: Rect
    added: Bool
    removed: Bool
    before: U8


@dataclass(frozen=True, slots=True, eq=False)
class _Painted:
    """What a stroke painted, copied: the annotation may go on changing.

    Attributes:
        patch: the stroke.
        picture: the image.
        value: the class.
        rect: bounding box of the stroke.
        area: ``bool (h, w)`` of `rect`: pixels it gave the class.
        before: ``uint8 (h, w)`` of `rect`: the annotation before it.
        inner: how far the edge may move inwards, in pixels; the core of the stroke stays.
        outer: how far it may move outwards.
        seen: what has to be looked at.
        now: ``uint8 (h, w)`` of `seen`: the annotation after it.
    """

    patch: Patch
    picture: Picture
    value: int
    rect: Rect
    area: Bool
    before: U8
    inner: int
    outer: int
    seen: Rect
    now: U8

    @property
    def halo(self) -> int:
        """What is looked at round a tile, in pixels."""
        return (1 + _SURROUNDINGS) * self.outer


def _last_painted(document: Document) -> _Painted | str:
    """What the last stroke painted, or why it cannot be snapped."""
    done = document.history.done
    if document.picture is None:
        return "Snapping needs an image to look for edges in"
    if not done or done[-1].layer != "annotation":
        return "There is no stroke to snap: paint one first"
    patch = done[-1]
    if patch.label == SNAP_LABEL:
        return "The last stroke was snapped already"
    rect = patch.rect
    if rect.width * rect.height > _MOST_PIXELS:
        return "The last stroke is too large to be snapped"
    now = document.annotation[rect.slices]
    before = now.copy()
    counts = np.zeros(256, np.int64)
    for piece in patch.pieces:
        before[piece.rect.shift(-rect.x0, -rect.y0).slices] = piece.old
        counts += np.bincount(piece.new[piece.old != piece.new], minlength=256)
    counts[VOID] = 0
    value = int(counts.argmax())
    if not counts[value] or value >= len(document.classes):
        return "The last stroke painted no class: there is nothing to snap"
    area = (now == value) & (before != value)
    radius = math.sqrt(np.count_nonzero(area) / math.pi)
    thickness = _thickness(area)
    # A long thin stroke has a large area, but no edge far away is its own.
    outer = round(max(_LEAST_BAND, min(_MOST_BAND, _SHARE * radius, thickness)))
    inner = min(outer, math.ceil(thickness) - 1)
    if inner < 1:
        return "The last stroke is too thin to be snapped"
    seen = _grown(rect, (2 + _SURROUNDINGS) * outer).intersect(document.bounds)
    now = document.annotation[seen.slices].copy()
    return _Painted(patch, document.picture, value, rect, area, before, inner, outer, seen, now)


def _thickness(area: Bool) -> float:
    """Radius in pixels of the largest circle inside, about."""
    step: int = max(1, math.ceil(max(area.shape) / _THICKNESS_CELLS))
    padded = np.pad(area[::step, ::step], 1)
    return step * float(_distance(padded).max())


def _snapped(painted: _Painted, stop: Stop) -> Iterator[_Change]:
    """Look for the edge tile by tile; each knows the colours of its own surroundings only, and so do shaded images."""
    factor = max(1, painted.outer // _CELLS_IN_BAND)
    reach, side = _grown(painted.rect, painted.outer).intersect(painted.seen), _CELLS_IN_TILE * factor
    # Enlarging helps small objects, and would only make long strokes slow.
    longest = FINE if max(reach.width, reach.height) <= side else 1
    for tile in tiles(reach, side):
        if stop():
            return
        near = _grown(tile, painted.outer).intersect(painted.seen)
        known = _trimap(painted, near)[tile.shift(-near.x0, -near.y0).slices]
        open_ = _bounds(known >= PERHAPS_OUTSIDE)
        if open_.empty:
            continue
        part = open_.shift(tile.x0, tile.y0)
        window = _grown(part, painted.halo).intersect(painted.seen)
        trimap = _trimap(painted, window)
        grid = Grid(window, factor)
        cut = solve(painted.picture, grid, grid.at_centres(trimap), stop=stop, longest=longest)
        if cut is not None:
            known, found = trimap[part.shift(-window.x0, -window.y0).slices], cut.part(part)
            before = _within(painted.before, painted.rect, part, VOID)
            yield _Change(part, found & (known == PERHAPS_OUTSIDE), ~found & (known == PERHAPS_INSIDE), before)


def _trimap(painted: _Painted, window: Rect) -> U8:
    """What is known of the pixels of a window: the band on both sides of the stroke's edge is open."""
    area = _within(painted.area.view(np.uint8), painted.rect, window, 0) == 1
    now = painted.now[window.shift(-painted.seen.x0, -painted.seen.y0).slices]
    own = now == painted.value
    trimap = np.full(now.shape, OUTSIDE, np.uint8)
    trimap[(_distance(~area) <= painted.outer) & (now == VOID)] = PERHAPS_OUTSIDE
    trimap[own] = INSIDE
    # Between the stroke and what had the class already there is no edge to look for.
    trimap[area & (_distance(own) <= painted.inner)] = PERHAPS_INSIDE
    return trimap


def _bounds(where: Bool) -> Rect:
    """Smallest rectangle that holds all true pixels; empty without any."""
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    if not rows.size:
        return EMPTY
    return Rect(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _grown(rect: Rect, by: int) -> Rect:
    return Rect(rect.x0 - by, rect.y0 - by, rect.x1 + by, rect.y1 + by)


def _distance(inside: Bool) -> F32:
    """Distance of each inside pixel from the nearest other one, in pixels; large where there is none."""
    if inside.all():
        return np.full(inside.shape, np.inf, np.float32)
    return np.asarray(cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def _within(values: U8, rect: Rect, window: Rect, outside: int) -> U8:
    """Values of `rect` as seen in a window, which may be elsewhere."""
    out = np.full((window.height, window.width), outside, np.uint8)
    both = rect.intersect(window)
    if not both.empty:
        source = both.shift(-rect.x0, -rect.y0).slices
        out[both.shift(-window.x0, -window.y0).slices] = values[source]
    return out
