"""Magic wand: pixels of a similar colour, the tolerance set by dragging."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from segstudio.core.arrays import U8, Bool
from segstudio.core.background import Stop
from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.gesture import Gesture
from segstudio.core.history import Patch
from segstudio.core.picture import Picture
from segstudio.core.similar import seed_colour, similar, similar_parts
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Kit, Pointer, Preview, Tool, ToolName
from segstudio.core.tools.preview import Newest, intended, looked_at, sampled, spread, writable

MAX_TOLERANCE = 255
_SCREEN_PIXELS_OF_REACH = 5
_SCREEN_PIXELS_A_LEVEL = 2
_STILL = 4  # screen pixels a hand trembles during a click


@dataclass(frozen=True, slots=True, eq=False)
class _Drag:
    """A press that was not released yet: the pixel it is about, and from where and what the tolerance is counted."""

    seed: tuple[int, int]
    value: int
    start: Point
    screen_pixel: float
    tolerance: int
    before: int  # the tolerance that holds again when the drag is dropped

    def tolerance_at(self, at: Point) -> int:
        """To the right and up raises it, a level every two pixels of the screen."""
        way = ((at[0] - self.start[0]) - (at[1] - self.start[1])) / self.screen_pixel
        beyond = max(0.0, abs(way) - _STILL)
        steps = int(min(beyond, 1e6) / _SCREEN_PIXELS_A_LEVEL)
        return _bounded(self.tolerance + (steps if way > 0 else -steps))


@dataclass(frozen=True, slots=True)
class _Question:
    """All that the region shown depends on, but for what is locked."""

    picture: Picture
    window: Rect
    seed: tuple[int, int]
    value: int
    tolerance: int
    contiguous: bool
    softness: int

    def answer(self, seen: Rect, step: int, now: U8 | None, may: Bool, stop: Stop) -> tuple[Rect, Bool]:
        """Rectangle of the image and ``bool (h, w)``: the pixels that would be written.

        Args:
            seen: the part of the window to look at.
            step: every how many columns and rows.
            now: annotation of just those pixels; None when all may be written.
            may: ``bool (256,)``: values that may be written over.
            stop: whether nobody wants to know any more.
        """
        picture = Picture(self.picture.pixels[seen.slices][::step, ::step], self.picture.window)
        x, y = self.seed
        box, where = similar(
            picture,
            ((x - seen.x0) // step, (y - seen.y0) // step),
            self.tolerance,
            contiguous=self.contiguous,
            softness=round(self.softness / step),
            colour=seed_colour(self.picture, x, y),
            stop=stop,
        )
        if now is not None:
            where = where & may[now[box.slices]]
        return spread(box, where, seen, step)


class WandTool(Tool):
    """A click takes the pixels whose colour is similar to the one under it; dragging sets how similar.

    To the right and up takes more, to the left and down less; the release writes, in the whole image, also what is
    not visible, and leaves the tolerance in the palette.
    """

    name: ToolName = "wand"
    label = "Wand"

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._newest = Newest(lambda: kit.background)
        self._document: Document | None = None
        self._pointer: Pointer | None = None
        self._drag: _Drag | None = None
        self._question: _Question | None = None
        self._shown: tuple[Rect, Bool] | None = None
        self._turned = 0.0
        self._tells = False

    @property
    def active(self) -> bool:
        """Whether a drag is running."""
        return self._drag is not None

    @property
    def preview(self) -> Preview | None:
        """The region as far as it is visible, and the tolerance while it is being set."""
        if self._question is None:
            return None
        text = f"tolerance {self._tolerance}" if self._tells else ""
        return Preview(self._question.value, mask=self._shown, text=text, busy=self._newest.busy)

    def hover(self, document: Document, pointer: Pointer | None) -> None:
        """Look for the region under the pointer; another document drops a drag."""
        if self.active and document is self._document:
            return
        if document is not self._document:
            self._forget()
        value = None if pointer is None else intended(self.palette, document, pointer)
        if pointer is None or value is None or not _has_pixel(document, pointer):
            self._forget()
            return
        if self._pointer is None or self._pointer.pixel != pointer.pixel:
            self._tells = False
        self._document, self._pointer = document, pointer
        self._look(pointer.pixel, value)

    def press(self, document: Document, pointer: Pointer) -> None:
        """Fix the pixel whose colour is meant."""
        self._forget()
        if document.picture is None:
            self.kit.say("The wand needs an image to compare colours in")
            return
        value = self.value_for(document, pointer)
        if value is None or not _has_pixel(document, pointer):
            return
        screen_pixel = max(pointer.reach, 1e-6) / _SCREEN_PIXELS_OF_REACH
        self._document, self._pointer = document, pointer
        tolerance = _bounded(self.palette.tolerance)
        self._drag = _Drag(pointer.pixel, value, pointer.at, screen_pixel, tolerance, tolerance)
        self._tells = True
        self._look(pointer.pixel, value)

    def move(self, pointer: Pointer) -> None:
        """Set the tolerance."""
        if self._drag is not None:
            self._pointer = pointer
            self._set_tolerance(self._tolerance)
            self._look(self._drag.seed, self._drag.value)

    def release(self, pointer: Pointer) -> None:
        """Write the region, and keep the tolerance."""
        if self._drag is not None:
            self._pointer = pointer
            self._commit()

    def turn(self, steps: float) -> bool:
        """Change the tolerance by whole levels; parts of a step add up."""
        self._turned += steps
        whole = int(self._turned)
        self._turned -= whole
        if self._drag is not None:
            self._drag = replace(self._drag, tolerance=_bounded(self._drag.tolerance + whole))
            self._set_tolerance(self._tolerance)
        else:
            self.palette.tolerance = _bounded(self.palette.tolerance + whole)
        self._tells = True
        if self._question is not None:
            self._look(self._question.seed, self._question.value)
            self.changed()
        return True

    def finish(self) -> None:
        """Write what is being dragged, as if released here."""
        if self.active:
            self._commit()
        self._forget()

    def cancel(self) -> None:
        """Drop a drag; the tolerance stays what it was before."""
        self._forget()

    @property
    def _tolerance(self) -> int:
        if self._drag is None or self._pointer is None:
            return _bounded(self.palette.tolerance)
        return self._drag.tolerance_at(self._pointer.at)

    def _set_tolerance(self, tolerance: int) -> None:
        """Let the options follow the drag."""
        if tolerance != self.palette.tolerance:
            self.palette.tolerance = tolerance
            self.kit.turned()

    def _forget(self) -> None:
        if self._drag is not None:
            self._set_tolerance(self._drag.before)
        self._newest.drop()
        self._document = self._pointer = self._drag = self._question = self._shown = None
        self._tells = False

    def _commit(self) -> None:
        document, drag, tolerance = self._document, self._drag, self._tolerance
        if drag is not None:
            self._drag = replace(drag, before=tolerance)
        self._forget()
        if document is None or drag is None or document.picture is None:
            return
        if drag.value != VOID and drag.value >= len(document.classes):
            return  # the class went away during the drag
        picture, value, palette, found = document.picture, drag.value, self.palette, False
        contiguous, softness = palette.contiguous, palette.softness

        def write(gesture: Gesture) -> None:
            nonlocal found
            parts = similar_parts(
                picture,
                drag.seed,
                tolerance,
                contiguous=contiguous,
                softness=softness,
                stop=lambda: gesture.dropped,
            )
            for rect, where in parts:
                found = True
                gesture.fill(rect, where, value)
            gesture.check()

        def done(_patch: Patch | None) -> None:
            if not found:
                self.kit.say(f"Nothing is left of that region when it is smoothed by {softness} px")

        self.edit(document, write, value, done=done)

    def _look(self, seed: tuple[int, int], value: int) -> None:
        """Ask for what would be written, unless just that is shown or on its way."""
        document, pointer, palette = self._document, self._pointer, self.palette
        if document is None or document.picture is None or pointer is None:
            return
        window = looked_at(pointer.visible, *seed, document.bounds)
        question = _Question(
            document.picture, window, seed, value, self._tolerance, palette.contiguous, palette.softness
        )
        if question != self._question:
            self._question = question
            self._ask(document, question)

    def _ask(self, document: Document, question: _Question, *, quick: bool = True) -> None:
        def prepare() -> Callable[[Stop], tuple[Rect, Bool]]:
            seen, step = sampled(question.window, *question.seed, quick=quick)
            may = writable(self.palette, document, question.value)
            may[question.value] = True  # it would stay as it is, and yet belongs to the region
            now = None if may.all() else document.annotation[seen.slices][::step, ::step].copy()
            return lambda stop: question.answer(seen, step, now, may, stop)

        def done(shown: tuple[Rect, Bool]) -> None:
            self._shown = shown
            self.changed()
            rough = quick and sampled(question.window, *question.seed)[1] > 1
            if rough and not self._newest.busy and sampled(question.window, *question.seed, quick=False)[1] == 1:
                self._ask(document, question, quick=False)

        self._newest.ask(prepare, done)


def _bounded(tolerance: int) -> int:
    return min(MAX_TOLERANCE, max(0, tolerance))


def _has_pixel(document: Document, pointer: Pointer) -> bool:
    """Whether the pointer is at a pixel that has a colour and a label."""
    picture = document.picture
    return picture is not None and picture.bounds.intersect(document.bounds).contains(*pointer.pixel)
