"""What a person does to train: the options, the run, what it says, and what came out of it."""

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from segstudio.errors import SegStudioError
from segstudio.learn.events import Event, Started
from segstudio.learn.request import TrainSettings
from segstudio.learn.training.checking import check_values
from segstudio.learn.training.resumable import ResumeInfo, settings_from
from segstudio.storage.project import ModelRecord
from segstudio.ui.jobs import Emit, Jobs
from segstudio.ui.modelling import Modelling
from segstudio.ui.panels.status import StatusLine
from segstudio.ui.session import Session
from segstudio.ui.starts import Offers, backbone_choices, start_choices
from segstudio.ui.workbench import Workbench

if TYPE_CHECKING:
    from segstudio.ui.dialogs.training_options import TrainingOptions
    from segstudio.ui.previewing import Previewing

CLASSES_CHANGED = "The classes have changed since. Train anew; structure transfer goes on from its model."
_SETTING = "training"
_SAVE_MS = 600  # after the last change, before the options are written
_MINUTE_MS = 30_000  # between looks at how long ago a run was stopped
Link = Callable[[object, Callable[..., object]], None]


class Teaching(QObject):
    """Ties runs and models to the model panel and to the dialog of options.

    Args:
        session, modelling, jobs: of the open project.
        bench: its model panel shows everything.
        status: is told the device, and how far a job over many images is.
        link: connects a signal of the workbench for as long as the project is open.
        parent: owner.

    Attributes:
        settings: how the next run trains; remembered in the project.
        has_model: whether a model is in use.
        hindrance: says why no run can begin now; empty when one can.
        offers: what there is to start from, as it was when somebody last looked.

    Signals:
        changed(): what actions need to know may differ.
    """

    changed = Signal()

    def __init__(
        self,
        session: Session,
        modelling: Modelling,
        jobs: Jobs,
        bench: Workbench,
        status: StatusLine,
        link: Link,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._session, self._modelling, self._jobs = session, modelling, jobs
        self._bench, self._panel, self._status = bench, bench.model, status
        self.settings = TrainSettings()
        self.has_model = False
        self.hindrance: Callable[[], str] = str
        self.offers = Offers()
        self._request = 0  # of the last look at what there is: answers to older ones are dropped
        self._in_use: str | None = None
        self._dialog: TrainingOptions | None = None
        self._previewing: Previewing | None = None
        self._stopped: ResumeInfo | None = None
        self._saver = QTimer(self, interval=_SAVE_MS, singleShot=True)
        self._saver.timeout.connect(self._save)
        self._clock = QTimer(self, interval=_MINUTE_MS)
        self._clock.timeout.connect(self._show_stopped)
        link(self._panel.train_requested, self.train)
        link(self._panel.stop_requested, modelling.stop)
        link(self._panel.resume_requested, self.resume)
        link(self._panel.use_requested, modelling.use_model)
        link(self._panel.options_requested, self.open_options)
        link(self._panel.settings_changed, self.choose)
        modelling.told.connect(self._on_event)
        modelling.running_changed.connect(self._on_running)
        modelling.models_changed.connect(self.refresh)
        modelling.stopped_run.connect(self._on_stopped)
        modelling.progressed.connect(self._on_progress)
        session.classes_changed.connect(self._show_stopped)

    @property
    def resumable(self) -> bool:
        """Whether a run was stopped that can go on with the classes there are."""
        return self._stopped is not None and self._stopped.classes == self._session.classes.names

    def begin(self) -> None:
        """Show how the project was trained last, and what it can start from."""
        self.settings = read_settings(self._session.project.setting)
        self._panel.reset()
        self._panel.set_models([])  # those of another project are no longer to be had
        self._show_settings()
        self._on_running()
        self.refresh()
        self._modelling.look_for_stopped_run()

    def close(self) -> None:
        """Write what has not been written, and close the dialog."""
        if self._dialog is not None and self._previewing is not None:
            self._previewing.close()
            self._dialog.close()
            self._dialog.deleteLater()
            self._dialog = self._previewing = None
        self._clock.stop()
        if self._saver.isActive():
            self._saver.stop()
            try:
                self._session.project.set_setting(_SETTING, written(self.settings))
            except SegStudioError as error:
                self._modelling.problem.emit(str(error))
        self._panel.set_running(False)
        self._panel.reset()

    def handlers(self) -> dict[str, Callable[[], object]]:
        """What each action about training does, by action id."""
        return {
            "train": self.train,
            "stop": self._modelling.stop,
            "resume": self.resume,
            "training_options": self.open_options,
        }

    def refresh(self) -> None:
        """Look again, away from the window, which weights are on this machine and which models there are."""
        project = self._session.project
        self._request += 1
        request = self._request

        def work(_emit: Emit, _cancel: threading.Event) -> tuple[list[ModelRecord], Offers]:
            models = project.models()
            return models, Offers(backbone_choices(), start_choices(models))

        def done(found: tuple[list[ModelRecord], Offers]) -> None:
            if request == self._request:
                self._show_found(*found)

        self._jobs.start("what to start from", work, done=done, failed=self._modelling.problem.emit)

    def choose(self, settings: TrainSettings) -> None:
        """Train like that from now on; remembered in the project."""
        settings = self._fitted(settings)
        if settings != self.settings:
            self.settings = settings
            self._saver.start()
        self._show_settings()

    def train(self) -> None:
        """Start a run."""
        self._start(resume=False)

    def resume(self) -> None:
        """Let the run that was stopped last go on."""
        if self.resumable:
            self._start(resume=True)

    def open_options(self) -> None:
        """Show the options of training beside the window; they act at once."""
        if self._dialog is None:
            from segstudio.ui.dialogs.training_options import TrainingOptions  # not at every start of the program
            from segstudio.ui.previewing import Previewing

            self._dialog = TrainingOptions(self._bench.window())
            self._previewing = Previewing(self._session, self._dialog.preview, self)
            self._previewing.problem.connect(self._modelling.problem)
            self._previewing.crashed.connect(self._jobs.crashed)
            self._dialog.settings_changed.connect(self.choose)
            self._dialog.preview_wanted.connect(self._previewing.set_wanted)
            self._show_settings()
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()

    # Behind the scenes

    def _start(self, *, resume: bool) -> None:
        if why := self.hindrance():
            self._modelling.problem.emit(why)
        elif not self._modelling.training:
            stopped = self._stopped
            self._panel.prepare(stopped.curve if resume and stopped is not None else {})
            self._modelling.train(self.settings, resume=resume)

    def _save(self) -> None:
        project, text = self._session.project, written(self.settings)

        def work(_emit: Emit, _cancel: threading.Event) -> None:
            project.set_setting(_SETTING, text)

        self._jobs.start("options of training", work, failed=self._modelling.problem.emit)

    def _show_settings(self) -> None:
        fitted = self._fitted(self.settings)
        self._panel.set_offers(self.offers)
        self._panel.set_settings(fitted)
        self.settings = fitted
        if self._dialog is not None and self._previewing is not None:
            self._dialog.set_offers(self.offers)
            self._dialog.set_settings(fitted)
            self._previewing.set_settings(fitted)

    def _fitted(self, settings: TrainSettings) -> TrainSettings:
        # Before anybody has looked nothing is known to be missing.
        return self.offers.fitted(settings) if self.offers.backbones else settings

    def _show_found(self, models: list[ModelRecord], offers: Offers) -> None:
        used = next((str(model.folder) for model in models if model.in_use), None)
        before, self._in_use = self._in_use, used
        self.has_model = used is not None
        self._panel.set_models(models)
        self.offers = offers
        if used is not None and before is not None and self.settings.start == before:
            self.settings = replace(self.settings, start=used)  # who went on from the model in use still does
            self._saver.start()
        self._show_settings()
        self.changed.emit()

    def _on_event(self, event: Event) -> None:
        self._panel.show_event(event)
        if isinstance(event, Started):
            self._status.set_device(event.device)

    def _on_running(self) -> None:
        self._panel.set_running(self._modelling.training, self._modelling.stopping)
        self._show_stopped()
        self.changed.emit()

    def _on_stopped(self, stopped: ResumeInfo | None) -> None:
        self._stopped = stopped
        self._show_stopped()
        self.changed.emit()

    def _show_stopped(self) -> None:
        stopped = self._stopped
        if stopped is None or self._modelling.training:
            self._clock.stop()
            self._panel.set_stopped("")
            return
        self._clock.start()
        ago = since((datetime.now(UTC) - stopped.when).total_seconds())
        steps = f"{stopped.steps:,} step{'' if stopped.steps == 1 else 's'}"
        self._panel.set_stopped(f"{steps}, stopped {ago}", "" if self.resumable else CLASSES_CHANGED)

    def _on_progress(self, text: str, fraction: float | None) -> None:
        self._status.set_job(text, fraction, bool(text))


def written(settings: TrainSettings) -> str:
    """Settings as a project keeps them."""
    return json.dumps(asdict(settings))


def read_settings(setting: Callable[[str], str]) -> TrainSettings:
    """How a project was trained last; the default where it does not say, or says what makes no sense.

    Args:
        setting: what a project keeps under a name.
    """
    try:
        settings = settings_from(json.loads(setting(_SETTING)))
        check_values(settings)
    except (ValueError, TypeError, KeyError, SegStudioError):
        return TrainSettings()
    return settings


def since(seconds: float) -> str:
    """How long ago that was, roughly."""
    minutes = max(0.0, seconds) / 60
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes:.0f} min ago"
    if minutes < 48 * 60:
        return f"{minutes / 60:.0f} h ago"
    return f"{minutes / 1440:.0f} days ago"
