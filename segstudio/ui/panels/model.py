"""Training from the window: what to start from, how it goes, what came out."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from segstudio.core.classes import ClassTable
from segstudio.learn.events import Cancelled, Done, Event, Failed, Promoted, RoundDone, Started, StepDone
from segstudio.ui.action_table import SPECS, tooltip
from segstudio.ui.icons import icon
from segstudio.ui.panels.curve import LearningCurve
from segstudio.ui.panels.model_list import ModelList, miou_of
from segstudio.ui.panels.parts import (
    ElidedLabel,
    combo,
    describe,
    heading,
    push_button,
    quietly,
    set_role,
    text_label,
)
from segstudio.ui.panels.scores import ScoreTable, number
from segstudio.ui.panels.section import HEAD, Section
from segstudio.ui.theme import Tokens

if TYPE_CHECKING:
    from segstudio.storage.project import ModelRecord

EMPTY = "Paint a few strokes of at least two classes, then press Train."
NO_MODEL = "No model yet"
TRANSFERS = (
    ("parameter", "Parameter", "Starts pretrained, and all of it learns. The best choice with some labels."),
    ("feature", "Feature", "The pretrained backbone stays as it is, only the rest learns. Fast, good with few labels."),
    ("none", "None", "A random start, to compare with. Wants many labels and much time."),
)
_CONTROLS = 176  # px of the lists, what is said of them, and Train
_TIPS = {name: tooltip(SPECS[name]) for name in ("train", "stop")}


class ModelPanel(Section):
    """Choose backbone and transfer, train, watch, pick a model.

    Signals:
        train_requested(str, str): train with this backbone and this transfer.
        stop_requested(): stop the run.
        use_requested(str): put the model of this name in use.
    """

    train_requested = Signal(str, str)
    stop_requested = Signal()
    use_requested = Signal(str)
    comfort = HEAD + _CONTROLS

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__("Model", parent)
        self._tokens = tokens
        self._running = False
        self._tips = dict(_TIPS)
        self._available: dict[str, bool] = {}
        self._build_controls()
        self._build_results()
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(12, 0, 12, 8)
        layout.setSpacing(8)
        layout.addWidget(self._choices)
        layout.addWidget(self._hint)
        layout.addWidget(self._curve)
        layout.addWidget(self._speed)
        layout.addWidget(self._verdict)
        layout.addSpacing(4)
        layout.addLayout(self._score_head)
        layout.addWidget(self._scores)
        layout.addWidget(self._models_head)
        layout.addWidget(self._models)
        layout.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setMinimumHeight(1)  # or Qt would ask for more
        area.setWidget(inner)
        self._inner = inner
        body = QVBoxLayout(self.body)
        body.setContentsMargins(0, 0, 0, 0)
        body.addWidget(area)
        foot = QHBoxLayout()  # in sight whatever is folded or scrolled
        foot.setContentsMargins(12, 4, 12, 10)
        foot.addWidget(self._button)
        self.column.addLayout(foot)
        self._explain()
        self._forget()
        self.set_models([])
        self.set_running(False)

    def sizeHint(self) -> QSize:
        """Qt's virtual: with all that scrolls."""
        bare = super().minimumSizeHint()
        return QSize(240, bare.height() if self.is_folded else bare.height() + self._inner.sizeHint().height())

    @property
    def backbone(self) -> str:
        """Name of the chosen backbone; empty when there is none."""
        return str(self._backbone.currentData() or "")

    @property
    def transfer(self) -> str:
        """The chosen transfer: ``parameter``, ``feature`` or ``none``."""
        return str(self._transfer.currentData())

    @property
    def verdict(self) -> str:
        """The line that says how it went."""
        return self._verdict.text()

    def set_backbones(self, backbones: Sequence[tuple[str, str, bool]]) -> None:
        """Offer these backbones.

        Args:
            backbones: name, title and whether the weights are on this machine; those that are not can only start
                at random.
        """
        chosen = self.backbone
        self._available = {name: available for name, _, available in backbones}

        def fill() -> None:
            self._backbone.clear()
            for name, title, available in backbones:
                self._backbone.addItem(title if available else f"{title} (no weights)", name)
                tip = title if available else f"The weights of {title} are not on this machine"
                self._backbone.setItemData(self._backbone.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)

        quietly(self._backbone, fill)
        self._choose(chosen)

    def set_choice(self, backbone: str, transfer: str) -> None:
        """Choose a backbone and a transfer, as last time; what is unknown or unavailable is left alone."""
        at = self._transfer.findData(transfer)
        if at >= 0:
            quietly(self._transfer, lambda: self._transfer.setCurrentIndex(at))
            self._explain()
        self._choose(backbone)

    def set_classes(self, table: ClassTable) -> None:
        """Use these names and colours for the scores."""
        self._scores.set_classes(table)

    def drop_scores(self) -> None:
        """Classes have other indices: the scores of the last round are of the classes of then."""
        self._scores.set_scores(None)
        for widget in (self._scores, self._score_title, self._mean):
            widget.hide()

    def set_models(self, models: Sequence["ModelRecord"]) -> None:
        """Show the models of the project, newest first; tells nobody."""
        self._models.set_models(models)
        self._models.setVisible(bool(models))
        self._models_head.setVisible(bool(models))
        used = next((model for model in models if model.in_use), None)
        if used is None:
            self._in_use.setText(NO_MODEL)
        else:
            self._say_in_use(used.name, miou_of(used))

    def set_running(self, running: bool, stopping: bool = False) -> None:
        """Offer Stop while a run goes on, Train otherwise."""
        self._running = running
        name = "stop" if running else "train"
        title = "Stopping…" if stopping else "Stop" if running else "Train"
        self._button.setText(title)
        self._button.setEnabled(not stopping)
        set_role(self._button, role="danger" if running else "primary")
        describe(self._button, "Stop training" if running else "Train", self._tips[name])
        self._choices.setVisible(not running)  # they cannot be changed now: the room is the curve's
        self._draw_button()

    def set_tips(self, *, train: str, stop: str) -> None:
        """What the button says of itself: other keys do the same now."""
        self._tips = {"train": train, "stop": stop}
        name = "stop" if self._running else "train"
        self._button.setToolTip(self._tips[name])

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        self._curve.set_tokens(tokens)
        self._scores.set_tokens(tokens)
        self._draw_button()

    def reset(self) -> None:
        """Forget what the last run told, as for another project."""
        self._forget()

    def prepare(self) -> None:
        """A run was asked for and is being loaded."""
        self._forget()
        self._hint.hide()
        self._say("Preparing…")

    def show_event(self, event: Event) -> None:
        """Show what the run tells."""
        match event:
            case Started():
                self._forget()
                self._hint.hide()
                self._say(_started(event))
            case StepDone():
                self._hint.hide()
                self._curve.show()
                self._curve.add_loss(event.step, event.loss)
                self._speed.setText(_speed(event))
                self._speed.show()
            case RoundDone():
                self._show_round(event)
            case Promoted():
                self._say_in_use(event.folder.name, event.miou)
            case Done() | Cancelled():
                self._say(_ended(event))
                self._speed.setText(f"{event.images_per_second:.1f} images/s · {clock(event.seconds)}")
            case Failed():
                self._hint.hide()
                self._say(event.message, "error")

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
        self._mean.setText(f"mean {number(event.candidate.miou)}")
        self._mean.show()

    def _forget(self) -> None:
        self._curve.clear()
        self._scores.set_scores(None)
        for widget in (self._curve, self._speed, self._verdict, self._scores, self._score_title, self._mean):
            widget.hide()
        self._hint.show()

    def _say(self, line: str, kind: str = "") -> None:
        self._verdict.setText(line)
        self._verdict.setVisible(bool(line))
        set_role(self._verdict, kind=kind)

    def _say_in_use(self, name: str, miou: float | None) -> None:
        score = number(miou)
        self._in_use.setText(f"{name} · mIoU {score}" if miou is not None and math.isfinite(miou) else name)

    def _train_or_stop(self) -> None:
        if self._running:
            self.stop_requested.emit()
        elif self.backbone:
            self.train_requested.emit(self.backbone, self.transfer)

    def _choose(self, name: str) -> None:
        random_start = self.transfer == "none"
        items = self._backbone.model()
        assert isinstance(items, QStandardItemModel)
        for at, (key, available) in enumerate(self._available.items()):
            items.item(at).setEnabled(available or random_start)
            if name == key and not (available or random_start):
                name = ""
        usable = [key for key, available in self._available.items() if available or random_start]
        wanted = name if name in self._available else next(iter(usable), "")
        quietly(self._backbone, lambda: self._backbone.setCurrentIndex(self._backbone.findData(wanted)))

    def _explain(self) -> None:
        text = next(text for name, _, text in TRANSFERS if name == self.transfer)
        self._explained.setText(text)
        self._choose(self.backbone)

    def _draw_button(self) -> None:
        t = self._tokens
        color = t.danger if self._running else t.on_accent
        self._button.setIcon(icon("stop" if self._running else "train", t, color=color))

    def _build_controls(self) -> None:
        self._in_use = ElidedLabel(NO_MODEL, "quiet", Qt.TextElideMode.ElideMiddle)
        self._in_use.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._in_use.setAccessibleName("Model in use")
        self.head.addWidget(self._in_use, 2)
        self._backbone = combo("Backbone", "The pretrained network to start from")
        self._transfer = combo("Transfer", "How much of the pretrained network is kept")
        for at, (name, title, tip) in enumerate(TRANSFERS):
            self._transfer.addItem(title, name)
            self._transfer.setItemData(at, tip, Qt.ItemDataRole.ToolTipRole)
        self._transfer.currentIndexChanged.connect(self._explain)
        self._explained = text_label("", "quiet", wrap=True)
        self._choices = QWidget()
        grid = QGridLayout(self._choices)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.addWidget(text_label("Backbone", "lead"), 0, 0)
        grid.addWidget(self._backbone, 0, 1)
        grid.addWidget(text_label("Transfer", "lead"), 1, 0)
        grid.addWidget(self._transfer, 1, 1)
        grid.addWidget(self._explained, 2, 0, 1, 2)
        grid.setColumnStretch(1, 1)
        self._button = push_button("Train", role="primary")
        self._button.clicked.connect(self._train_or_stop)

    def _build_results(self) -> None:
        self._hint = text_label(EMPTY, "hint", wrap=True)
        self._curve = LearningCurve(self._tokens)
        self._speed = ElidedLabel("", "quiet")
        self._speed.setAccessibleName("Speed and time")
        self._verdict = text_label("", "", wrap=True)
        self._verdict.setAccessibleName("How training goes")
        self._score_title = heading("IoU per class")
        self._mean = text_label("", "quiet")
        self._mean.setAccessibleName("Mean IoU")
        self._score_head = QHBoxLayout()
        self._score_head.addWidget(self._score_title, 1)
        self._score_head.addWidget(self._mean)
        self._scores = ScoreTable(self._tokens)
        self._models_head = heading("Models")
        self._models = ModelList()
        self._models.use_requested.connect(self.use_requested)


def clock(seconds: float) -> str:
    """Seconds as ``m:ss``, or ``h:mm:ss`` from an hour on."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _started(event: Started) -> str:
    images = f"{event.train_images} image{'s' if event.train_images != 1 else ''}"
    line = f"Training on {images}, {event.validation_images} to validate."
    return f"{line} {event.note}".strip()


def _speed(event: StepDone) -> str:
    left = "" if event.remaining is None else f" · {clock(event.remaining)} left"
    return f"Step {event.step} · {event.images_per_second:.1f} images/s · {clock(event.seconds)}{left}"


def _ended(event: Done | Cancelled) -> str:
    how = "Finished" if isinstance(event, Done) else "Stopped"
    steps = f"{event.steps:,} step{'s' if event.steps != 1 else ''}"
    line = f"{how} after {steps} in {clock(event.seconds)}."
    if event.scores is not None and math.isfinite(event.scores.miou):
        line += f" Best mean IoU {number(event.scores.miou)}."
    return line if event.model is not None else f"{line} No better model came out; the one in use stays."
