"""Fill: the connected region of equal labels under the pointer."""

from collections.abc import Callable
from dataclasses import dataclass

from segstudio.core.arrays import U8, Bool
from segstudio.core.background import Stop
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.gesture import Gesture
from segstudio.core.history import Patch
from segstudio.core.regions import component_at, pieces
from segstudio.core.tools.base import Kit, Pointer, Preview, Tool, ToolName
from segstudio.core.tools.preview import Newest, intended, looked_at, sampled, spread, writable


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A region as far as it is visible, of the annotation as it was after a stroke."""

    document: Document
    stroke: Patch | None
    window: Rect
    rect: Rect
    where: Bool
    exact: bool

    def holds(self, x: int, y: int) -> bool:
        return self.rect.contains(x, y) and bool(self.where[y - self.rect.y0, x - self.rect.x0])


class FillTool(Tool):
    """A click gives the 4-connected region of equal labels under it the class in hand; reversed, makes it void."""

    name: ToolName = "fill"
    label = "Fill"

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._newest = Newest(lambda: kit.background)
        self._found: _Found | None = None
        self._value: int | None = None
        self._at = (0, 0)
        self._text = ""

    @property
    def preview(self) -> Preview | None:
        """The region a click would fill, as far as it is visible; a word when it would not."""
        if self._value is None:
            return None
        found = self._found
        if self._text or found is None:
            return Preview(self._value, text=self._text, busy=self._newest.busy)
        return Preview(self._value, mask=(found.rect, found.where), busy=self._newest.busy)

    def hover(self, document: Document, pointer: Pointer | None) -> None:
        """Look for the region under the pointer."""
        if pointer is None or not document.bounds.contains(*pointer.pixel):
            self._forget()
            return
        self._at = x, y = pointer.pixel
        self._value = intended(self.palette, document, pointer)
        under = int(document.annotation[y, x])
        if self._value is None or self._value == under or not writable(self.palette, document, self._value)[under]:
            self._drop()
            self._text = "" if self._value is None else _why_not(document, self._value, under)
            return
        self._text = ""
        window, found = looked_at(pointer.visible, x, y, document.bounds), self._found
        if found is not None and (found.document is not document or not found.holds(x, y)):
            self._found = found = None
        if found is None or found.window != window or found.stroke is not _last_stroke(document):
            self._look(document, window, (x, y))

    def press(self, document: Document, pointer: Pointer) -> None:
        """Fill the region under the pointer."""
        self._forget()
        x, y = pointer.pixel
        value = self.value_for(document, pointer)
        if value is None or not document.bounds.contains(x, y):
            return
        annotation = document.annotation
        under = int(annotation[y, x])
        if under == value:
            return
        over = self.palette.over_for(value)
        if over is not None and under != over:
            self.kit.say(f"Nothing filled: set to paint only over {_name(document, over)}")
            return

        def write(gesture: Gesture) -> None:
            member = gesture.checked(lambda rect: annotation[rect.slices] == under)
            for rect, where in pieces(*component_at(member, document.bounds, x, y)):
                gesture.fill(rect, where, value)

        self.edit(document, write, value)

    def finish(self) -> None:
        """Forget what is shown."""
        self._forget()

    def cancel(self) -> None:
        """Forget what is shown."""
        self._forget()

    def _forget(self) -> None:
        self._drop()
        self._value = None

    def _drop(self) -> None:
        self._newest.drop()
        self._found, self._text = None, ""

    def _look(self, document: Document, window: Rect, at: tuple[int, int], *, quick: bool = True) -> None:
        half = False  # whether it was just being written when its turn came

        def prepare() -> Callable[[Stop], _Found]:
            nonlocal half
            half = document.gesture is not None and document.gesture.away
            seen, step = sampled(window, *at, quick=quick)
            stroke = _last_stroke(document)
            # Strided and never more than ten million pixels: a copy costs a few milliseconds at the worst.
            labels = document.annotation[seen.slices][::step, ::step].copy()
            seed = (at[0] - seen.x0) // step, (at[1] - seen.y0) // step

            def work(_stop: Stop) -> _Found:
                rect, where = _component(labels, seed, seen, step)
                return _Found(document, stroke, window, rect, where, exact=step == 1)

            return work

        def done(found: _Found) -> None:
            if half:
                self._look(document, window, at, quick=quick)  # that edit came before, and is over
                return
            if not found.holds(*self._at):
                return  # the pointer went on; its own answer is on its way
            self._found = found
            self.changed()
            if not found.exact and quick and not self._newest.busy and sampled(window, *at, quick=False)[1] == 1:
                self._look(document, window, at, quick=False)

        self._newest.ask(prepare, done)


def _component(labels: U8, seed: tuple[int, int], seen: Rect, step: int) -> tuple[Rect, Bool]:
    under = labels[seed[1], seed[0]]
    box, where = component_at(lambda rect: labels[rect.slices] == under, Rect.of_shape(labels.shape), *seed)
    return spread(box, where, seen, step)


def _last_stroke(document: Document) -> Patch | None:
    done = document.history.done
    return done[-1] if done else None


def _name(document: Document, value: int) -> str:
    return document.classes[value].name if value < len(document.classes) else "void"


def _why_not(document: Document, value: int, under: int) -> str:
    locked = document.classes.locked()
    for one in (under, value):
        if locked[one]:
            return f"{_name(document, one)} is locked"
    return ""
