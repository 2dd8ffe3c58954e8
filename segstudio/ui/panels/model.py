"""Training from the window: what to start from, how it goes, what came out."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from segstudio.core.classes import ClassTable
from segstudio.learn.events import Event, Offered, Promoted
from segstudio.learn.request import TrainSettings
from segstudio.ui.action_table import SPECS, tooltip
from segstudio.ui.icons import icon
from segstudio.ui.panels.model_list import ModelList, miou_of, short
from segstudio.ui.panels.offer import OfferBar
from segstudio.ui.panels.parts import ElidedLabel, describe, heading, push_button, set_role
from segstudio.ui.panels.run_view import RunView
from segstudio.ui.panels.scores import number
from segstudio.ui.panels.section import HEAD, Section
from segstudio.ui.panels.train_choices import TrainChoices
from segstudio.ui.starts import Offers
from segstudio.ui.theme import Tokens

if TYPE_CHECKING:
    from segstudio.storage.project import ModelRecord

NO_MODEL = "No model yet"
_CONTROLS = 212  # px of the lists, what is said of them, and Train
_TIPS = {name: tooltip(SPECS[name]) for name in ("train", "stop", "resume", "training_options")}


class ModelPanel(Section):
    """Choose what to start from, train, watch, pick a model.

    Attributes:
        models: the list of models; its signals tell what a person wants with one.

    Signals:
        train_requested(): start a run with the settings that are shown.
        resume_requested(): let the stopped run go on.
        stop_requested(): stop the run.
        options_requested(): show all options.
        settings_changed(object): train with these `TrainSettings` from now on.
        use_requested(str): put the model of this name in use.
    """

    train_requested = Signal()
    resume_requested = Signal()
    stop_requested = Signal()
    options_requested = Signal()
    settings_changed = Signal(object)
    use_requested = Signal(str)
    comfort = HEAD + _CONTROLS

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__("Model", parent)
        self._tokens = tokens
        self._running = False
        self._tips = dict(_TIPS)
        self._in_use = ElidedLabel(NO_MODEL, "quiet", Qt.TextElideMode.ElideMiddle)
        self._in_use.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._in_use.setAccessibleName("Model in use")
        self.head.addWidget(self._in_use, 2)
        self._choices = TrainChoices()
        self._choices.settings_changed.connect(self.settings_changed)
        self._choices.options_requested.connect(self.options_requested)
        self._run = RunView(tokens)
        self._models_head = heading("Models")
        self.models = ModelList(tokens)
        self.models.use_requested.connect(self.use_requested)
        self._offer = OfferBar()
        self._offer.use_requested.connect(self.use_requested)
        self._resume = push_button("Resume")
        self._resume.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._ago = ElidedLabel("", "quiet")
        self._ago.setAccessibleName("The stopped run")
        self._waiting = QWidget()
        self._resume.clicked.connect(self.resume_requested)
        self._button = push_button("Train", role="primary")
        self._button.clicked.connect(self._train_or_stop)
        self._lay_out()
        self._stopped = ""
        self.set_models([])
        self.set_running(False)

    def sizeHint(self) -> QSize:
        """Qt's virtual: with all that scrolls."""
        bare = super().minimumSizeHint()
        return QSize(240, bare.height() if self.is_folded else bare.height() + self._inner.sizeHint().height())

    @property
    def settings(self) -> TrainSettings:
        """What is shown."""
        return self._choices.settings

    @property
    def verdict(self) -> str:
        """The line that says how it went."""
        return self._run.verdict

    def set_offers(self, offers: Offers) -> None:
        """Offer these backbones and starts; tells nobody."""
        self._choices.set_offers(offers)

    def set_settings(self, settings: TrainSettings) -> None:
        """Show these; tells nobody."""
        self._choices.set_settings(self._choices.offers.fitted(settings))

    def set_stopped(self, line: str, problem: str = "") -> None:
        """Offer to resume a run.

        Args:
            line: how far it came and when it was stopped; empty when there is nothing to resume.
            problem: why it cannot go on; empty when it can.
        """
        self._stopped = line
        self._ago.setText(problem or line)
        self._resume.setEnabled(not problem)
        tip = problem or f"{self._tips['resume']}\nTrain starts a new run instead, and this one is forgotten"
        describe(self._resume, "Resume training", tip)
        self._waiting.setVisible(bool(line) and not self._running)

    def set_classes(self, table: ClassTable) -> None:
        """Use these names and colours for the scores."""
        self._run.set_classes(table)

    def drop_scores(self) -> None:
        """Classes have other indices: the scores of the last round are of the classes of then."""
        self._run.drop_scores()

    def set_models(self, models: Sequence["ModelRecord"]) -> None:
        """Show the models of the project, newest first; tells nobody."""
        self.models.set_models(models)
        self.models.setVisible(bool(models))
        self._models_head.setVisible(bool(models))
        self._run.set_trained(bool(models))
        used = next((model for model in models if model.in_use), None)
        if used is not None and used.name == self._offer.name:
            self._offer.set_offer(None)
        if used is None:
            self._in_use.setText(NO_MODEL)
            self._in_use.setToolTip("")
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
        self._waiting.setVisible(bool(self._stopped) and not running)
        self._draw_button()

    def set_tips(self, **tips: str) -> None:
        """What the buttons say of themselves, by the id of their action: other keys do the same now."""
        self._tips |= tips
        self._button.setToolTip(self._tips["stop" if self._running else "train"])
        self._choices.set_tip(self._tips["training_options"])

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        self._run.set_tokens(tokens)
        self.models.set_tokens(tokens)
        self._draw_button()

    def reset(self) -> None:
        """Forget what the last run told, as for another project."""
        self._run.forget()
        self._offer.set_offer(None)
        self._choices.set_terse(False)
        self.set_stopped("")

    def prepare(self, earlier: Mapping[str, Sequence[Sequence[float]]] | None = None) -> None:
        """A run was asked for and is being loaded.

        Args:
            earlier: curve of the run that it goes on from, as a `ResumeInfo` has it.
        """
        self._run.prepare(earlier or {})
        self._offer.set_offer(None)
        self._choices.set_terse(True)  # the room is the run's
        self._area.verticalScrollBar().setValue(0)

    def show_event(self, event: Event) -> None:
        """Show what the run tells."""
        self._run.show_event(event)
        self._choices.set_terse(True)
        if isinstance(event, Offered):
            self._offer.set_offer(event)
        if isinstance(event, Promoted):
            self._say_in_use(event.folder.name, event.miou)

    def _say_in_use(self, name: str, miou: float | None) -> None:
        score = number(miou)
        known = miou is not None and math.isfinite(miou)
        self._in_use.setText(f"{short(name)} · mIoU {score}" if known else short(name))
        self._in_use.setToolTip(f"{name} is in use")

    def _train_or_stop(self) -> None:
        if self._running:
            self.stop_requested.emit()
        elif self.settings.backbone or self.settings.start:
            self.train_requested.emit()

    def _draw_button(self) -> None:
        t = self._tokens
        color = t.danger if self._running else t.on_accent
        self._button.setIcon(icon("stop" if self._running else "train", t, color=color))

    def _lay_out(self) -> None:
        inner = self._inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(12, 0, 12, 8)
        layout.setSpacing(8)
        for part in (self._choices, self._run, self._models_head, self.models):
            layout.addWidget(part)
        layout.addStretch(1)
        area = self._area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setMinimumHeight(1)  # or Qt would ask for more
        area.setWidget(inner)
        body = QVBoxLayout(self.body)
        body.setContentsMargins(0, 0, 0, 0)
        body.addWidget(area)
        waiting = QHBoxLayout(self._waiting)
        waiting.setContentsMargins(0, 0, 0, 0)
        waiting.setSpacing(8)
        waiting.addWidget(self._resume)
        waiting.addWidget(self._ago, 1)
        foot = QVBoxLayout()  # in sight whatever is folded or scrolled
        foot.setContentsMargins(12, 4, 12, 10)
        foot.setSpacing(8)
        foot.addWidget(self._offer)
        foot.addWidget(self._waiting)
        foot.addWidget(self._button)
        self.column.addLayout(foot)
