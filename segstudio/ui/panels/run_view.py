"""How a run goes, in the model panel: curve, speed, notes, verdict and scores."""

import math
from collections.abc import Mapping, Sequence

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from segstudio.core.classes import ClassTable
from segstudio.learn.events import (
    Cancelled,
    Done,
    Event,
    Failed,
    Noted,
    Offered,
    Promoted,
    RoundDone,
    Started,
    StepDone,
)
from segstudio.ui.panels.curve import LearningCurve
from segstudio.ui.panels.parts import ElidedLabel, heading, set_role, text_label
from segstudio.ui.panels.scores import ScoreTable, number
from segstudio.ui.theme import Tokens

EMPTY = "Paint a few strokes of at least two classes, then press Train."
_WARNINGS = ("numbers", "device", "disk")  # kinds of notes that tell of trouble


class RunView(QWidget):
    """Shows the events of a run."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._offer: Offered | None = None
        self._trained = False
        self._earlier: Mapping[str, Sequence[Sequence[float]]] = {}
        self._hint = text_label(EMPTY, "hint", wrap=True)
        self._curve = LearningCurve(tokens)
        self._speed = ElidedLabel("", "quiet")
        self._speed.setAccessibleName("Speed and time")
        self._note = text_label("", "quiet", wrap=True)
        self._note.setAccessibleName("What happened")
        self._verdict = text_label("", "", wrap=True)
        self._verdict.setAccessibleName("How training goes")
        self._score_title = heading("IoU per class")
        self._mean = text_label("", "quiet")
        self._mean.setAccessibleName("Mean IoU")
        self._scores = ScoreTable(tokens)
        scores = QHBoxLayout()
        scores.addWidget(self._score_title, 1)
        scores.addWidget(self._mean)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for part in (self._hint, self._curve, self._speed, self._note, self._verdict):
            layout.addWidget(part)
        layout.addSpacing(4)
        layout.addLayout(scores)
        layout.addWidget(self._scores)
        self.forget()

    @property
    def verdict(self) -> str:
        """The line that says how it went."""
        return self._verdict.text()

    def set_trained(self, trained: bool) -> None:
        """Whether there are models: who has some need not be told how to train one."""
        self._trained = trained
        if trained:
            self._hint.hide()
        elif not self._verdict.text() and self._curve.isHidden():
            self._hint.show()

    def set_classes(self, table: ClassTable) -> None:
        """Use these names and colours for the scores."""
        self._scores.set_classes(table)

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._curve.set_tokens(tokens)
        self._scores.set_tokens(tokens)

    def drop_scores(self) -> None:
        """The scores of the last round are of other classes."""
        self._scores.set_scores(None)
        for widget in (self._scores, self._score_title, self._mean):
            widget.hide()

    def prepare(self, earlier: Mapping[str, Sequence[Sequence[float]]]) -> None:
        """A run was asked for and is being loaded; `earlier` is the curve of the one that it goes on from."""
        self.forget()
        self._earlier = earlier
        self._hint.hide()
        self._say("Preparing…")

    def forget(self) -> None:
        """Forget what the last run told."""
        self._curve.clear()
        self.drop_scores()
        self._offer = None
        self._show_note("")
        for widget in (self._curve, self._speed, self._verdict):
            widget.hide()
        self._verdict.setText("")
        self._hint.setVisible(not self._trained)

    def show_event(self, event: Event) -> None:
        """Show what the run tells."""
        match event:
            case Started():
                self.forget()
                self._hint.hide()
                self._say(_started(event))
            case StepDone():
                self._hint.hide()
                self._curve.show()
                self._draw_earlier(event.step)
                self._curve.add_loss(event.step, event.loss)
                self._speed.setText(_speed(event))
                self._speed.show()
            case RoundDone():
                self._show_round(event)
            case Noted():
                self._show_note(event.line, "warning" if event.kind in _WARNINGS else "")
            case Offered():
                self._offer = event
            case Promoted():
                pass  # the round has told it, and the list of models shows it
            case Done() | Cancelled():
                self._say(_ended(event, self._offer))
                self._speed.setText(f"{event.images_per_second:.1f} images/s · {clock(event.seconds)}")
            case Failed():
                self._hint.hide()
                self._say(event.message, "error")

    def _draw_earlier(self, before: int) -> None:
        """Draw what was before this step; nothing when the run could not go on, and began anew."""
        earlier, self._earlier = self._earlier, {}
        for step, loss in earlier.get("losses", ()):
            if step < before:
                self._curve.add_loss(round(step), loss)
        for step, _seconds, score in earlier.get("rounds", ()):
            if step < before:
                self._curve.add_score(round(step), score)

    def _show_round(self, event: RoundDone) -> None:
        self._say(event.verdict)
        if event.candidate is None:
            return
        in_use = math.nan if event.in_use is None else event.in_use.miou
        self._hint.hide()
        self._curve.show()
        self._curve.add_score(event.step, event.candidate.miou, in_use)
        self._scores.set_scores(event.candidate)
        self._scores.show()
        self._score_title.show()
        self._mean.setText(_mean(event.candidate.miou, event.candidate.interval))
        self._mean.setToolTip("On the validation labels; in brackets, where nine of ten other draws of images would be")
        self._mean.show()

    def _say(self, line: str, kind: str = "") -> None:
        self._verdict.setText(line)
        self._verdict.setVisible(bool(line))
        set_role(self._verdict, kind=kind)

    def _show_note(self, line: str, kind: str = "") -> None:
        self._note.setText(line)
        self._note.setVisible(bool(line))
        set_role(self._note, kind=kind)


def clock(seconds: float) -> str:
    """Seconds as ``m:ss``, or ``h:mm:ss`` from an hour on."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _mean(miou: float, interval: tuple[float, float] | None) -> str:
    span = "" if interval is None else f" ({number(interval[0])} to {number(interval[1])})"
    return f"mean {number(miou)}{span}"


def _started(event: Started) -> str:
    images = f"{event.train_images} image{'s' if event.train_images != 1 else ''}"
    line = f"Training on {images}, {event.validation_images} to validate."
    return f"{line} {event.note}".strip()


def _speed(event: StepDone) -> str:
    left = "" if event.remaining is None else f" · {clock(event.remaining)} left"
    return f"Step {event.step} · {event.images_per_second:.1f} images/s · {clock(event.seconds)}{left}"


def _ended(event: Done | Cancelled, offer: Offered | None) -> str:
    how = "Finished" if isinstance(event, Done) else "Stopped"
    steps = f"{event.steps:,} step{'s' if event.steps != 1 else ''}"
    line = f"{how} after {steps} in {clock(event.seconds)}."
    if event.scores is not None and math.isfinite(event.scores.miou):
        line += f" Best mean IoU {number(event.scores.miou)}."
    if event.model is not None:
        return line
    if offer is not None:
        return f"{line} {offer.why}"
    return f"{line} No better model came out; the one in use stays."
