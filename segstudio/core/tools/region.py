"""Region tool: one operation on the region under the pointer, or on its whole class, with a click."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from segstudio.core import morphology
from segstudio.core.arrays import U8, Bool
from segstudio.core.background import Stop, Task
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.gesture import Gesture
from segstudio.core.history import Patch
from segstudio.core.morphology import Change, Member, padded
from segstudio.core.regions import component_at
from segstudio.core.tools.base import Kit, Operation, Pointer, Preview, Tool, ToolName

_MOST: dict[Operation, int] = {"islands": 100_000, "grow": 200, "shrink": 200, "smooth": 200}
_REVERSED: dict[Operation, Operation] = {"reclass": "delete", "grow": "shrink", "shrink": "grow"}
_LABELS: dict[Operation, str] = {
    "delete": "Delete",
    "reclass": "Re-class",
    "holes": "Fill holes of",
    "islands": "Drop islands of",
    "grow": "Grow",
    "shrink": "Shrink",
    "smooth": "Smooth",
}
_IDLE: dict[Operation, str] = {
    "delete": "Nothing to delete",
    "reclass": "Nothing to re-class",
    "holes": "There is no hole to fill",
    "islands": "No island is that small",
    "grow": "There is no room to grow",
    "shrink": "Nothing to take off",
    "smooth": "It is as smooth as that already",
}
_STEP = 1.25  # what a step of the wheel does to the size of islands
_MOST_SEEN = 2**22  # pixels looked at for a preview: copying more would be felt
_REACH_SEEN = 1024  # how far from the pointer a preview looks when more than that is on the screen
_BEYOND = 256  # pixels around the visible part that are looked at, to see what hangs together


@dataclass(frozen=True, slots=True)
class _Order:
    """What a click asks for.

    Attributes:
        operation: after it was reversed.
        whole_class: instead of the region under the pointer.
        amount: in pixels, as far as the operation knows one.
        target: what pixels that leave become.
        everything: holes are filled with what they hold, not only where they are void.
        over: the palette's.
    """

    operation: Operation
    whole_class: bool
    amount: int
    target: int
    everything: bool
    over: int | None

    @property
    def label(self) -> str:
        return f"{_LABELS[self.operation]} {'whole class' if self.whole_class else 'region'}"

    def written(self, value: int, change: Change) -> int:
        """What the pixels of a change become, for a region of class `value`."""
        return value if change.gains else self.target

    def allowed(self, value: int, labels: U8, change: Change) -> Bool:
        """Which pixels of a change may be written; `labels` are those of its rectangle."""
        if not change.gains:
            free = self.over in (None, value) or (self.target == VOID and self.over == VOID)
            return change.where if free else np.zeros_like(change.where)
        if self.over is None and self.everything:
            return np.asarray(change.where & (labels != value))
        return np.asarray(change.where & (labels == (VOID if self.over is None else self.over)))


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """What a preview is worked out from, on any thread.

    Attributes:
        order: what a click would ask for.
        classes: of the document.
        visible: the part to be shown.
        window: the part looked at; holds `visible`.
        labels: ``uint8 (h, w)``: a copy of the annotation in `window`.
        pixel: column and row under the pointer; inside `visible`.
    """

    order: _Order
    classes: ClassTable
    visible: Rect
    window: Rect
    labels: U8
    pixel: tuple[int, int]

    @property
    def value(self) -> int:
        return int(self.labels[self.pixel[1] - self.window.y0, self.pixel[0] - self.window.x0])

    def same(self, other: "_Question") -> bool:
        """Whether the other asks the same, the pixel aside."""
        return (
            (self.order, self.visible, self.window) == (other.order, other.visible, other.window)
            and self.classes is other.classes
            and np.array_equal(self.labels, other.labels)
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """What a click would change.

    Attributes:
        question: that was asked.
        region: the region under the pointer, as far as it was looked at.
        mask: pixels of the visible part that would change; None when none would.
        value: what they would become; of a region that is smoothed its own class.
    """

    question: _Question
    region: tuple[Rect, Bool]
    mask: tuple[Rect, Bool] | None
    value: int

    def covers(self, pixel: tuple[int, int]) -> bool:
        box, inside = self.region
        return box.contains(*pixel) and bool(inside[pixel[1] - box.y0, pixel[0] - box.x0])


@dataclass(frozen=True, slots=True, eq=False)
class _Click:
    document: Document
    order: _Order
    pixel: tuple[int, int]


class RegionTool(Tool):
    """Deletes, re-classes, fills, cleans, grows, shrinks or smooths what is under the pointer.

    The subject is the 4-connected region of one class under the pointer, or with Shift or the scope ``class`` all
    pixels of that class. Pixels that leave it become void, or the class in hand; pixels that join it were void, or of
    the one class that may be painted over. Reversed, growing and shrinking change places, re-classing deletes, and
    holes are filled whatever they hold. A press aims, the release does it.

    Args:
        kit: operation, amount and scope, shared with the bar of options.
    """

    name: ToolName = "region"
    label = "Region"

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._click: _Click | None = None
        self._hovered: tuple[Document, Pointer] | None = None
        self._asked: _Question | None = None
        self._answer: _Answer | None = None
        self._task: Task | None = None
        self._turned = 0.0

    @property
    def active(self) -> bool:
        """Whether the button is held."""
        return self._click is not None

    @property
    def preview(self) -> Preview | None:
        """The pixels a click would change; nothing over void."""
        if self._answer is None:
            return None
        order = self._answer.question.order
        text = f"{order.amount:,} px" if order.operation in _MOST else ""
        return Preview(self._answer.value, self._answer.mask, text=text, busy=self._asked is not None)

    def hover(self, document: Document, pointer: Pointer | None) -> None:
        """Begin to work out what a click would change here."""
        if self._click is not None and self._click.document is not document:
            self._click = None
        if pointer is None:
            self._hovered = None
            self._forget()
            return
        if self._hovered is not None and self._hovered[0] is not document:
            self._forget()
        self._hovered, running = (document, pointer), document.gesture
        if running is not None and running.away:
            return  # what it shows next is not there yet
        order = self._order(document, pointer)
        question = None if order is None else _question(document, pointer, order)
        if question is None:
            self._forget()
        else:
            self._ask(question)

    def press(self, document: Document, pointer: Pointer) -> None:
        """Aim; says so when there is nothing."""
        self._click = None
        pixel = pointer.pixel
        if not document.bounds.contains(*pixel) or document.annotation[pixel[1], pixel[0]] == VOID:
            self.kit.say("Nothing is labelled there")
            return
        order = self._order(document, pointer)
        if order is None:
            self.value_for(document, pointer)  # says what is missing
            return
        self._click = _Click(document, order, pixel)

    def release(self, pointer: Pointer) -> None:  # noqa: ARG002  # what was aimed at counts
        """Do it."""
        self.finish()

    def finish(self) -> None:
        """Do what was aimed at, if anything."""
        click, self._click = self._click, None
        if click is not None:
            self._apply(click)
            self._look_again()

    def cancel(self) -> None:
        """Aim no more."""
        self._click = None

    def turn(self, steps: float) -> bool:
        """More or fewer pixels; whether the operation knows an amount."""
        palette = self.palette
        if palette.operation not in _MOST:
            return False
        most = _MOST[palette.operation]
        amount = min(most, max(1, palette.amount))
        # Islands go from one pixel to many thousands: by a share. The rest by a pixel a step, touchpads by parts of it.
        self._turned += amount * (_STEP**steps - 1) if palette.operation == "islands" and amount >= 8 else steps
        whole = round(self._turned)
        self._turned -= whole
        palette.amount = min(most, max(1, amount + whole))
        if self._click is not None:
            order = self._click.order
            amount = min(_MOST.get(order.operation, 1), palette.amount)
            self._click = replace(self._click, order=replace(order, amount=amount))
        self._look_again()
        return True

    def _order(self, document: Document, pointer: Pointer) -> _Order | None:
        """What a click with the options in hand asks for; None without the class it needs."""
        palette, operation = self.palette, self.palette.operation
        if pointer.reverse:
            operation = _REVERSED.get(operation, operation)
        if operation == "reclass" and palette.value >= len(document.classes):
            return None
        return _Order(
            operation=operation,
            whole_class=pointer.straight or palette.scope == "class",
            amount=min(_MOST.get(operation, 1), max(1, palette.amount)),
            target=palette.value if operation == "reclass" else VOID,
            everything=pointer.reverse and operation == "holes",
            over=palette.over,
        )

    def _apply(self, click: _Click) -> None:
        document, order = click.document, click.order
        labels, bounds, known = document.annotation, document.bounds, len(document.classes)
        value = int(labels[click.pixel[1], click.pixel[0]])
        if value == VOID:
            self.kit.say("Nothing is labelled there")
            return
        if not (order.target == VOID or order.target < known) or (value >= known and order.operation != "delete"):
            self.kit.say("That class is no longer there")
            return

        def write(gesture: Gesture) -> None:
            member, box = _subject(gesture.checked(_members(labels, value)), bounds, order, click.pixel)
            changes = _changes(order, gesture.checked(member), box, bounds)
            if order.whole_class and order.operation in ("grow", "shrink", "smooth"):
                changes = morphology.settled(changes)
            for change in changes:
                where = order.allowed(value, labels[change.rect.slices], change)
                gesture.fill(change.rect, where, order.written(value, change))

        def done(patch: Patch | None) -> None:
            if patch is None and not document.kept_back:
                self.kit.say(_IDLE[order.operation])

        # Painting over is settled in here: what joins and what leaves are bound differently.
        document.edit(order.label, write, bounds, background=self.kit.background, done=done)

    def _ask(self, question: _Question) -> None:
        """Have a preview worked out, unless it is known or on its way."""
        answer, asked = self._answer, self._asked
        if asked is not None and asked.pixel == question.pixel and asked.same(question):
            return
        if answer is not None and answer.covers(question.pixel):
            if asked is None and answer.question.same(question):
                return
        else:
            self._answer = None
        if self._task is not None:
            self._task.cancel()
        self._asked, self._task = None, None
        if question.value == VOID:
            self._answer = None
            return
        self._asked = question
        task = self.kit.background.run(lambda stop: _answer(question, stop), self._take)
        if self._asked is question:
            self._task = task

    def _take(self, answer: _Answer) -> None:
        if answer.question is self._asked:
            self._asked, self._task, self._answer = None, None, answer
            self.changed()

    def _forget(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._asked, self._task, self._answer = None, None, None

    def _look_again(self) -> None:
        if self._hovered is not None:
            self.hover(*self._hovered)
            self.changed()


def _members(labels: U8, value: int) -> Member:
    return lambda rect: np.asarray(labels[rect.slices] == value)


def _subject(member: Member, bounds: Rect, order: _Order, pixel: tuple[int, int]) -> tuple[Member, Rect]:
    """Membership in what the order is about, of the members of a class, and its bounding box."""
    if order.whole_class:
        return member, morphology.extent(member, bounds)
    box, inside = component_at(member, bounds, *pixel)
    return morphology.members_of(box, inside), box


def _changes(order: _Order, member: Member, box: Rect, bounds: Rect) -> Iterator[Change]:
    """What the order makes of a region, painting over not yet considered."""
    match order.operation:
        case "delete" | "reclass":
            return morphology.remove(member, box)
        case "holes":
            return morphology.fill_holes(member, box)
        case "islands":
            return morphology.drop_islands(member, box, order.amount)
        case "grow":
            return morphology.grow(member, box, bounds, order.amount)
        case "shrink":
            return morphology.shrink(member, box, bounds, order.amount)
        case "smooth":
            return morphology.smooth(member, box, bounds, order.amount)


def _question(document: Document, pointer: Pointer, order: _Order) -> _Question | None:
    """A preview's question for the part of the image that is on the screen; None outside the image."""
    (x, y), bounds = pointer.pixel, document.bounds
    if not bounds.contains(x, y):
        return None
    near = padded(Rect(x, y, x + 1, y + 1), _REACH_SEEN).intersect(bounds)
    visible = near if pointer.visible is None else pointer.visible.intersect(bounds)
    if not visible.contains(x, y):
        visible = near
    if visible.width * visible.height > _MOST_SEEN:
        visible = visible.intersect(near)
    around = _BEYOND + (min(order.amount, _BEYOND) if order.operation in _MOST else 0)
    window = padded(visible, around).intersect(bounds)
    labels = document.annotation[window.slices].copy()
    return _Question(order, document.classes, visible, window, labels, (x, y))


def _answer(question: _Question, stop: Stop) -> _Answer:
    """Work out a preview: as a click would, but within the window alone and for the visible part."""
    order, value = question.order, question.value
    dx, dy = question.window.x0, question.window.y0
    pixel = question.pixel[0] - dx, question.pixel[1] - dy
    bounds, visible = Rect.of_shape(question.labels.shape), question.visible.shift(-dx, -dy)
    member, box = _subject(_members(question.labels, value), bounds, order, pixel)
    region = box.shift(dx, dy), member(box)
    locked = question.classes.locked()
    where = np.zeros(question.labels.shape, np.bool_)
    written = value
    for change in _changes(order, member, box, bounds):
        if stop():
            break
        labels = question.labels[change.rect.slices]
        allowed = order.allowed(value, labels, change)
        if locked[order.written(value, change)]:
            continue
        where[change.rect.slices] |= allowed & ~locked[labels] & (labels != order.written(value, change))
        written = order.written(value, change)
    if order.operation == "smooth":
        written = value
    seen = morphology.cropped(visible, where[visible.slices])
    mask = None if seen[0].empty else (seen[0].shift(dx, dy), seen[1])
    return _Answer(question, region, mask, written)
