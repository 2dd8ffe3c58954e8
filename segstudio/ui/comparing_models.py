"""Comparing two models on the image in hand: one after the other in one place, or only where they differ.

What they say is computed once an image, shown in place of the labels, and kept nowhere: annotations stay as they are,
and so do the proposals, which are those of the model in use.
"""

import threading
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from segstudio.core.history import Entry
from segstudio.core.opinions import Disagreement, Opinions
from segstudio.core.proposal import Proposal
from segstudio.errors import ModelError
from segstudio.learn.warming import warm_up
from segstudio.storage.project import Project
from segstudio.ui.action_table import Keys, ModelState
from segstudio.ui.canvas.canvas import Canvas
from segstudio.ui.jobs import Emit, Job, Jobs
from segstudio.ui.panels.compare_bar import CompareBar
from segstudio.ui.panels.model_list import short
from segstudio.ui.seeing import Seeing
from segstudio.ui.session import Session

BLINK_MS = 500
PAUSED = "Labels shown again: choose a model to go on"
_LAST_TILE_SECONDS = 30.0  # a cancelled prediction ends within a layer of the network
_KEPT_BYTES = 1 << 28  # of images already compared


class ComparingModels(QObject):
    """Shows what two models say of whatever image is in the hand.

    While one of them is shown nobody writes blind: a stroke, and accepting or rejecting, first bring the labels back.

    Args:
        session: whose image is looked at.
        canvas: shows it.
        seeing: says what happens.
        jobs: ask the models.
        parent: owner.

    Signals:
        changed(): `state` differs.
        use_wanted(str): a person wants this model in use.
    """

    changed = Signal()
    use_wanted = Signal(str)

    def __init__(self, session: Session, canvas: Canvas, seeing: Seeing, jobs: Jobs, parent: QObject) -> None:
        super().__init__(parent)
        self.pair: tuple[str, str] | None = None
        self._session, self._canvas, self._seeing, self._jobs = session, canvas, seeing, jobs
        self._in_use = ""
        self._turn: int | None = None  # which of the two is shown; None while the labels are
        self._difference = False
        self._opinions: Opinions | None = None  # on the canvas
        self._found: dict[str, Disagreement] = {}  # by image, the one used last at the end
        self._names: tuple[str, ...] = ()  # of the classes they were found with
        self._loaded: dict[str, Any] = {}  # used by one job at a time
        self._job: Job | None = None  # whose answer is waited for
        self._last: Job | None = None  # that was started; it may still be ending
        self._blinking = QTimer(self, interval=BLINK_MS)
        self._blinking.timeout.connect(self._blink_on)
        self._bar = CompareBar(canvas)
        self._bar.shown.connect(self.show_model)
        self._bar.blink_wanted.connect(self.toggle_blink)
        self._bar.difference_wanted.connect(self.toggle_difference)
        self._bar.use_wanted.connect(self.use_wanted)
        self._bar.closed.connect(self.close)
        session.leaving.connect(self._leave)
        session.classes_changed.connect(self._on_classes)

    # What is compared

    def state(self, *, previous: bool) -> ModelState:
        """What the actions need to know; `previous` when there is a model to go back to."""
        return ModelState(previous, self.pair is not None, self._blinking.isActive(), self._difference)

    def start(self, first: str, second: str) -> None:
        """Compare these two models from now on, on every image that comes into the hand."""
        self.close()
        if self._seeing.comparing:
            self._seeing.compare(self._seeing.comparing)  # there is one way to look at a time
        self.pair = first, second
        self._seeing.reveal("proposal")
        self._names = tuple(self._session.classes.names)
        self._bar.set_models(first, second)
        self.set_in_use(self._in_use)
        self._bar.show()
        self._bar.raise_()
        self._resize()
        self._turn = 1
        self.image_opened()
        self._seeing.say(f"Comparing {short(first)} with {short(second)}: labels and proposals stay as they are")
        self.changed.emit()

    def close(self) -> None:
        """Compare no more: labels and proposal as before."""
        if self.pair is None:
            return
        self._cancel()
        self._blinking.stop()
        self.pair, self._turn, self._difference = None, None, False
        self._found.clear()
        self._loaded = {}
        self._bar.hide()
        self._put_back()
        self.changed.emit()

    def retire(self) -> None:
        """The project is being closed: take the bar away."""
        self.close()
        self._bar.deleteLater()

    def resized(self) -> None:
        """The canvas has another size."""
        if self.pair is not None:
            self._resize()

    def set_in_use(self, name: str) -> None:
        """Which model is in use; empty for none."""
        self._in_use = name
        if self.pair is not None:
            self._bar.set_in_use(name)
            self._show()

    def set_keys(self, keys: Keys) -> None:
        """Tell the keys that there are now."""
        self._bar.set_keys(keys)
        self.set_in_use(self._in_use)

    def image_opened(self) -> None:
        """Another image is in the hand: compare on it, too."""
        image = self._session.image
        if self.pair is None or image is None:
            return
        if image.key in self._found:
            self._take(image.key, self._found[image.key])
        else:
            self._bar.set_share(None)
            self._ask(image.key)

    def removed(self, name: str) -> None:
        """A model is no longer there."""
        if self.pair is not None and name in self.pair:
            self.close()

    # What is shown

    def show_model(self, turn: int) -> None:
        """Show the first (0) or the second (1) model, and go on showing it."""
        self._blinking.stop()
        self._turn = turn
        self._show()

    def show_other(self) -> None:
        """Show the model that is not shown; after a pause the one that was."""
        self.show_model(1 if self._turn is None else 1 - self._turn)

    def toggle_blink(self) -> None:
        """Show them one after the other, or the one that is shown just now."""
        if self._blinking.isActive():
            self._blinking.stop()
        else:
            self._blinking.start()
        self._turn = self._turn or 0
        self._show()

    def toggle_difference(self) -> None:
        """Show only where they differ, or all they say again."""
        self._difference = not self._difference
        self._turn = 1 if self._turn is None else self._turn
        self._show()

    def pause(self) -> bool:
        """Show the labels again until a model is chosen; whether one was shown."""
        if self.pair is None or self._turn is None or self._opinions is None:
            return False
        self._blinking.stop()
        self._turn = None
        self._show()
        return True

    def _blink_on(self) -> None:
        window = self._canvas.window()
        seen = self._canvas.isVisible() and not window.isMinimized()
        if seen and not self._canvas.occupied and self._opinions is not None and self._turn is not None:
            self._turn = 1 - self._turn
            self._show()

    def _show(self) -> None:
        opinions, key = self._opinions, self._session.key
        found = None if key is None else self._found.get(key)
        self._bar.set_shown(self._turn, blink=self._blinking.isActive(), difference=self._difference)
        if opinions is not None and found is not None:
            opinions.speak(self._wanted(found))
            self._canvas.restyle()
            self._bar.set_note(self._about())
        self.changed.emit()

    def _wanted(self, found: Disagreement) -> Proposal | None:
        if self._turn is None:
            return None
        return found.only[self._turn] if self._difference else (found.first, found.second)[self._turn]

    def _about(self) -> str:
        if self._turn is None:
            return PAUSED
        return (
            f"Only looking. Accepting takes what {short(self._in_use)} says, the model in use" if self._in_use else ""
        )

    # What they say

    def _ask(self, key: str) -> None:
        assert self.pair is not None
        names, project, loaded, previous = self.pair, self._session.project, self._loaded, self._last
        self._cancel()
        self._bar.set_progress(0.0)
        self._bar.set_note(f"Asking {' and '.join(short(name) for name in names)} …")
        self._resize()

        def work(emit: Emit, cancel: threading.Event) -> Disagreement:
            if previous is not None:
                previous.wait(_LAST_TILE_SECONDS)  # the two would share the networks
            return _opinions_of(project, key, names, loaded, emit, cancel)

        def done(found: Disagreement) -> None:
            if self._job is job and self.pair == names and self._session.key == key:
                self._take(key, found)

        def failed(line: str) -> None:
            if self._job is job:
                self._bar.set_note(line, "error")
            self._seeing.complain(line)

        def ended() -> None:
            if self._job is job:
                self._job = None
                self._bar.set_progress(None)
                self._resize()

        job = self._jobs.start(
            f"compare {key}",
            work,
            done=done,
            failed=failed,
            progress=lambda events: self._bar.set_progress(events[-1]) if self._job is job else None,
            ended=ended,
        )
        self._job = self._last = job

    def _take(self, key: str, found: Disagreement) -> None:
        """What they say of the image in hand is known."""
        image = self._session.image
        if image is None:
            return
        self._found.pop(key, None)
        self._found[key] = found
        while len(self._found) > 1 and sum(one.size_bytes for one in self._found.values()) > _KEPT_BYTES:
            del self._found[next(iter(self._found))]
        self._bar.set_progress(None)
        self._bar.set_note("")
        self._bar.set_share(found.share)
        self._opinions = Opinions(image.scene)
        if self._committed not in image.document.on_commit:
            image.document.on_commit.append(self._committed)
        self._canvas.show_scene(self._opinions, None if self._canvas.fitted else self._canvas.view)
        self._resize()
        self._show()

    def _leave(self) -> None:
        """The image in hand is let go."""
        self._cancel()
        self._opinions = None

    def _put_back(self) -> None:
        image, opinions, self._opinions = self._session.image, self._opinions, None
        if image is not None and opinions is not None:
            image.document.on_commit.remove(self._committed)
            self._canvas.show_scene(image.scene, None if self._canvas.fitted else self._canvas.view)

    def _committed(self, _entry: Entry) -> None:
        """Labels were changed by a command: they are shown."""
        self.pause()

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._bar.set_progress(None)

    def _on_classes(self) -> None:
        """Names decide which class of the project a class of a model is."""
        names = tuple(self._session.classes.names)
        if self.pair is not None and names != self._names:
            self._names = names
            self._found.clear()
            self.image_opened()

    def _resize(self) -> None:
        self._bar.place()


def _opinions_of(
    project: Project,
    key: str,
    names: tuple[str, str],
    loaded: dict[str, Any],
    emit: Emit,
    cancel: threading.Event,
) -> Disagreement:
    """Ask two models about an image, on a job's thread; `loaded` keeps them for the next one."""
    warm_up()
    from segstudio.learn.device import pick_device
    from segstudio.learn.networks.saving import load_model
    from segstudio.learn.prediction.predicting import predict
    from segstudio.learn.turns import lower_priority, prediction_first

    lower_priority()
    folders = {model.name: model.folder for model in project.models()}
    for name in names:
        if name not in folders:
            raise ModelError(f"the model {name} is no longer there", remedy="Compare another one", path=project.folder)
        if name not in loaded:
            loaded[name] = load_model(folders[name], pick_device("auto"))
    said = []
    with project.reclassing.steady(), prediction_first():
        pixels, indices = project.read_image(key).network(), project.class_indices()
        for at, name in enumerate(names):

            def tell(share: float, at: int = at) -> None:
                emit((at + share) / len(names))

            said.append(predict(loaded[name], pixels, indices=indices, cancel=cancel, progress=tell))
    return Disagreement.of(*said)
