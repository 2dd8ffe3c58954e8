"""Training and prediction from the window: which jobs run, and what becomes of what they say.

torch is imported inside the jobs, on their threads, so that the window does not wait for it.
"""

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from segstudio.core.proposal import Proposal
from segstudio.learn.events import Cancelled, Done, Event, Failed, Offered, Promoted
from segstudio.learn.request import TrainSettings
from segstudio.learn.training.resumable import ResumeInfo, resumable
from segstudio.learn.turns import prediction_first
from segstudio.learn.warming import warm_up
from segstudio.ui.jobs import Emit, Job, Jobs
from segstudio.ui.session import Session

_LAST_TILE_SECONDS = 30.0  # a cancelled prediction ends within a layer of the network
_RGB = 3


class Modelling(QObject):
    """One training run and one prediction at a time, for an open project.

    Signals:
        told(object): every `Event` of the run, in order.
        running_changed(): `training`, `stopping` or `predicting` may differ.
        models_changed(): a model was promoted, saved or chosen.
        stopped_run(object): the `ResumeInfo` of a run that can go on, or None, as `look_for_stopped_run` found it.
        problem(str): one line for the status bar.
        progressed(str, object): what a job over many images is doing, and its fraction 0..1; empty when over.
    """

    told = Signal(object)
    running_changed = Signal()
    models_changed = Signal()
    stopped_run = Signal(object)
    problem = Signal(str)
    progressed = Signal(str, object)

    def __init__(self, session: Session, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._jobs = jobs
        self._training: Job | None = None
        self._one: Job | None = None
        self._all: Job | None = None
        self._loaded: tuple[str, Any] | None = None  # the model last predicted with, kept for the next image
        session.opened.connect(self._on_opened)

    @property
    def training(self) -> bool:
        return self._training is not None

    @property
    def stopping(self) -> bool:
        return self._training is not None and self._training.stopping

    @property
    def predicting_all(self) -> bool:
        return self._all is not None

    # Training

    def train(self, settings: TrainSettings, *, resume: bool = False) -> None:
        """Start a run, or let the one that was stopped last go on: of the settings its limits count then."""
        if self._training is not None:
            return
        session, project = self._session, self._session.project
        session.settle()

        def work(emit: Emit, cancel: threading.Event) -> object:
            warm_up("pyqtgraph")  # the curve needs it in a moment, and the GUI thread should not wait for it
            from segstudio.learn.training.runs import train_project

            session.flush()
            return train_project(project, settings, emit, cancel, background=True, resume=resume)

        self._training = self._jobs.start(
            "training", work, done=self._training_over, failed=self._training_failed, progress=self._on_events
        )
        self.running_changed.emit()

    def stop(self) -> None:
        """Ask the run to stop; it does within a batch."""
        if self._training is not None:
            self._training.cancel()
            self.running_changed.emit()

    def _on_events(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Promoted | Offered):
                self.models_changed.emit()
            if isinstance(event, Promoted):
                self.predict_open_image()
            self.told.emit(event)
            if isinstance(event, Failed):
                self.problem.emit(event.message)
                if event.details:
                    self._jobs.crashed.emit(event.details)

    def _training_over(self, _ending: Done | Cancelled | Failed) -> None:
        self._training = None
        self.running_changed.emit()
        self.look_for_stopped_run()

    def look_for_stopped_run(self) -> None:
        """Find out whether a run can go on; `stopped_run` tells."""
        folder = self._session.project.models_folder

        def work(_emit: Emit, _cancel: threading.Event) -> ResumeInfo | None:
            return resumable(folder)

        self._jobs.start("stopped run", work, done=self.stopped_run.emit, failed=self.problem.emit)

    def _training_failed(self, message: str) -> None:
        self.told.emit(Failed(message))
        self.problem.emit(message)
        self._training_over(Failed(message))

    # Prediction

    def _on_opened(self) -> None:
        """The image in hand gets an opinion of the model in use, unless it has one."""
        image, in_use = self._session.image, self._session.project.model_in_use
        if image is not None and in_use is not None:
            known = image.document.proposal
            if known is None or known.model != in_use.name:
                self.predict_open_image()

    def predict_open_image(self) -> None:
        """Ask the model in use about the image in hand, before the next batch of a run; an open question is dropped."""
        image, folder = self._session.image, self._session.project.model_in_use
        if image is None or folder is None:
            return
        previous = self._one
        if previous is not None:
            previous.cancel()  # harmless when it is over
        project, key, picture = self._session.project, image.key, image.picture

        def work(_emit: Emit, cancel: threading.Event) -> tuple[str, Proposal]:
            warm_up()
            from segstudio.learn.device import pick_device
            from segstudio.learn.networks.saving import load_model
            from segstudio.learn.prediction.predicting import predict
            from segstudio.learn.turns import lower_priority

            lower_priority()
            if previous is not None:
                previous.wait(_LAST_TILE_SECONDS)  # the two would share one network
            with project.reclassing.steady(), prediction_first():
                kept = self._loaded
                same = kept is not None and kept[0] == folder.name
                loaded = kept[1] if kept is not None and same else load_model(folder, pick_device("auto"))
                self._loaded = (folder.name, loaded)
                # The eye has three channels at most; a network may have learnt from more.
                whole = loaded.card.channels <= _RGB
                pixels = picture.region(picture.bounds) if whole else project.read_image(key).network()
                proposal = predict(loaded, pixels, indices=project.class_indices(), cancel=cancel)
                project.save_proposal(key, proposal)
            return key, proposal

        def done(result: tuple[str, Proposal]) -> None:
            if project.model_in_use == folder:
                self._session.take_proposal(*result)

        self._one = self._jobs.start(f"predict {key}", work, done=done, failed=self.problem.emit)

    def drop_prediction(self) -> None:
        """Let the question about the image in hand go unanswered."""
        if self._one is not None:
            self._one.cancel()

    def predict_all(self) -> None:
        """Ask the model in use about every image of the project."""
        if self._all is not None:
            return
        session, project = self._session, self._session.project

        def work(emit: Emit, cancel: threading.Event) -> list[str]:
            warm_up()
            from segstudio.learn.prediction.sweep import predict_project
            from segstudio.learn.turns import lower_priority

            lower_priority()
            return list(predict_project(project, progress=emit, cancel=cancel))

        def over() -> None:
            self._all = None
            self.progressed.emit("", None)
            session.images_changed.emit()
            self.running_changed.emit()

        self._all = self._jobs.start(
            "predict all",
            work,
            done=self._all_done,
            failed=self.problem.emit,
            progress=self._all_progress,
            ended=over,
        )
        self.running_changed.emit()

    def cancel_prediction(self) -> None:
        """Stop predicting every image; what is done stays."""
        if self._all is not None:
            self._all.cancel()

    def _all_progress(self, events: list[Any]) -> None:
        last = events[-1]
        self.progressed.emit(f"Predicting {last.done} of {last.total}", last.done / max(1, last.total))

    def _all_done(self, problems: list[str]) -> None:
        for line in problems:
            self.problem.emit(line)
        project, key = self._session.project, self._session.key
        if key is None:
            return

        def work(_emit: Emit, _cancel: threading.Event) -> Proposal | None:
            proposal, in_use = project.load_proposal(key), project.model_in_use
            return proposal if in_use is not None and proposal is not None and proposal.model == in_use.name else None

        def done(proposal: Proposal | None) -> None:
            if proposal is not None:
                self._session.take_proposal(key, proposal)

        self._jobs.start(f"proposal of {key}", work, done=done, failed=self.problem.emit)

    # Models

    def use_model(self, name: str) -> None:
        """Make another model the one in use, and show what it says."""
        project = self._session.project
        self._change_model(lambda: project.use_model(name))

    def roll_back(self) -> None:
        """Put the model back in use that was before; once more goes further back."""
        self._change_model(self._session.project.roll_back)

    def forget_model(self, name: str) -> None:
        """A model was removed: another one may come to have its name."""
        if self._loaded is not None and self._loaded[0] == name:
            self._loaded = None

    def _change_model(self, change: Callable[[], object]) -> None:
        def done(_none: object) -> None:
            self.models_changed.emit()
            self.predict_open_image()

        self._jobs.start("use model", lambda _emit, _cancel: change(), done=done, failed=self.problem.emit)
