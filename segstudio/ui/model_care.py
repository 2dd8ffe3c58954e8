"""What a person does with the models of a project: look at them, go back, keep, remove, export, compare."""

import importlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from segstudio.core.arrays import U8
from segstudio.core.keymap import Keymap
from segstudio.learn.warming import warm_up
from segstudio.storage.cards import ModelCard, read_card
from segstudio.storage.project import ModelRecord
from segstudio.ui.action_table import ModelState, native
from segstudio.ui.comparing_models import ComparingModels
from segstudio.ui.jobs import Emit, Job, Jobs
from segstudio.ui.modelling import Modelling
from segstudio.ui.panels.card import CardDialog, Standing
from segstudio.ui.panels.model_list import short
from segstudio.ui.panels.status import StatusLine
from segstudio.ui.seeing import Seeing
from segstudio.ui.session import Session
from segstudio.ui.workbench import Workbench

ONNX, PROGRAM = "ONNX (*.onnx)", "torch.export (*.pt2)"
_CHECKED = 512  # px of the open image that both are asked about
Link = Callable[[object, Callable[..., object]], None]
Handlers = dict[str, Callable[[], object]]
_OF_THE_PROPOSAL = ("accept_region", "accept_all", "reject_region")
_OTHER_VIEWS = ("beside", "blink")


class ModelCare(QObject):
    """Answers what is asked of the list of models.

    Args:
        session: whose project it is.
        modelling: puts models in use.
        bench: its panel lists them, its canvas shows two compared.
        seeing: says what happened.
        status: shows what takes long.
        jobs: all of it is done there.
        link: connects a signal of the workbench for as long as the project is open.
        parent: owner.

    Signals:
        changed(): `state` or `in_use` may differ.
    """

    changed = Signal()

    def __init__(
        self,
        session: Session,
        modelling: Modelling,
        bench: Workbench,
        seeing: Seeing,
        status: StatusLine,
        jobs: Jobs,
        link: Link,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.in_use = ""
        self._session, self._modelling, self._bench = session, modelling, bench
        self._seeing, self._status, self._jobs = seeing, status, jobs
        self._models: dict[str, ModelRecord] = {}
        self._previous = ""
        self._request = 0  # of the last look at the models: answers to older ones are dropped
        self._export: Job | None = None
        self._card: CardDialog | None = None
        self.comparing = ComparingModels(session, bench.canvas, seeing, jobs, self)
        self.comparing.changed.connect(self.changed)
        self.comparing.use_wanted.connect(modelling.use_model)
        modelling.models_changed.connect(self.refresh)
        listed = bench.model.models
        link(listed.back_requested, modelling.roll_back)
        link(listed.card_requested, self.show_card)
        link(listed.compare_requested, self.compare)
        link(listed.keep_requested, self.keep)
        link(listed.export_requested, self.ask_export)
        link(listed.remove_requested, self.ask_remove)
        link(status.cancel_requested, self._cancel_export)
        modelling.running_changed.connect(self._show_export)
        link(bench.canvas.stroke_began, self.comparing.pause)
        link(bench.canvas.resized, self.comparing.resized)

    def state(self) -> ModelState:
        """What the actions need to know."""
        return self.comparing.state(previous=bool(self._previous))

    def handlers(self) -> Handlers:
        """What each of these actions does, by action id."""
        comparing = self.comparing
        return {
            "roll_back": self._modelling.roll_back,
            "model_card": lambda: self.show_card(self.in_use),
            "export_model": lambda: self.ask_export(self.in_use),
            "compare_models": self._toggle_comparing,
            "other_model": comparing.show_other,
            "blink_models": comparing.toggle_blink,
            "difference_models": comparing.toggle_difference,
        }

    def guarded(self, handlers: Mapping[str, Callable[[], object]]) -> Handlers:
        """The same, but for what must not be done while a model is shown in place of the labels."""
        guards: dict[str, Callable[[Callable[[], object]], object]] = {
            **dict.fromkeys(_OF_THE_PROPOSAL, self._unless_compared),
            **dict.fromkeys(_OTHER_VIEWS, self._alone),
        }

        def wrapped(act: Callable[[], object], guard: Callable[[Callable[[], object]], object]) -> Callable[[], object]:
            return lambda: guard(act)

        return {name: wrapped(act, guards[name]) if name in guards else act for name, act in handlers.items()}

    def set_keymap(self, keymap: Keymap) -> None:
        """Tell the keys that there are now."""
        self.comparing.set_keys(lambda name: tuple(native(key) for key in keymap.keys(name)))

    def close(self) -> None:
        """The project is being closed."""
        self.comparing.retire()
        self._bench.model.models.set_previous("")
        if self._card is not None:
            self._card.close()

    # The list

    def refresh(self) -> None:
        """Look at the models again, away from the window."""
        project = self._session.project
        self._request += 1
        request = self._request

        def work(_emit: Emit, _cancel: threading.Event) -> tuple[list[ModelRecord], str]:
            return project.models(), project.previous_model() or ""

        def done(found: tuple[list[ModelRecord], str]) -> None:
            if request == self._request:
                self._show(*found)

        self._jobs.start("models", work, done=done, failed=self._seeing.complain)

    def _show(self, models: list[ModelRecord], previous: str) -> None:
        gone = self._models.keys() - {model.name for model in models}
        self._models = {model.name: model for model in models}
        self._previous = previous
        self.in_use = next((model.name for model in models if model.in_use), "")
        self._bench.model.models.set_previous(previous)
        for name in gone:
            self._modelling.forget_model(name)
            self.comparing.removed(name)
        self.comparing.set_in_use(self.in_use)
        self.changed.emit()

    def keep(self, name: str, kept: bool) -> None:
        """Keep a model whatever comes, or no longer."""
        project = self._session.project
        self._do(
            lambda: project.keep_model(name, kept),
            f"{short(name)} is kept" if kept else f"{short(name)} is kept no longer",
        )

    def ask_remove(self, name: str) -> None:
        """Ask whether a model shall really go, since that cannot be undone."""
        box = QMessageBox(self._bench.window())
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("Remove model")
        box.setText(f"Remove {name}?")
        box.setInformativeText("Its weights and its card are deleted. This cannot be undone.")
        cancel = box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
        remove = box.addButton("Remove", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(cancel)
        remove.clicked.connect(lambda: self.remove(name))
        box.open()

    def remove(self, name: str) -> None:
        """Remove a model for good."""
        project = self._session.project
        self.comparing.removed(name)
        self._do(lambda: project.remove_model(name), f"{short(name)} is removed")

    def _do(self, act: Callable[[], object], said: str) -> None:
        """Change what is known of the models, and look at them again."""

        def done(_none: object) -> None:
            self._seeing.say(said)
            self._modelling.models_changed.emit()

        self._jobs.start("models", lambda _emit, _cancel: act(), done=done, failed=self._seeing.complain)

    # Cards

    def show_card(self, name: str) -> None:
        """Show all that is known of a model."""
        record = self._models.get(name)
        if record is None:
            return

        def work(_emit: Emit, _cancel: threading.Event) -> ModelCard:
            importlib.import_module("pyqtgraph")  # the curve needs it, and the GUI thread should not wait for it
            return read_card(record.folder)

        def done(card: ModelCard) -> None:
            if (dialog := self._card) is None:
                dialog = self._card = CardDialog(self._window)
                dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
                dialog.card_requested.connect(self.show_card)
                dialog.destroyed.connect(self._forget_card)
            parent = card.parent is not None and card.parent in self._models
            dialog.show_card(card, Standing(record.in_use, record.kept, record.chosen, parent))
            dialog.show()
            dialog.raise_()

        self._jobs.start("card", work, done=done, failed=self._seeing.complain)

    def _forget_card(self) -> None:
        self._card = None

    @property
    def _window(self) -> QWidget:
        return self._bench.window()

    # Export

    def ask_export(self, name: str) -> None:
        """Ask for a file, and write a model into it."""
        if not name:
            return
        suggested = self._session.project.folder.parent / f"{name}.onnx"
        chosen, kind = QFileDialog.getSaveFileName(self._window, f"Export {name}", str(suggested), f"{ONNX};;{PROGRAM}")
        if chosen:
            path = Path(chosen)
            if path.suffix.lower() not in (".onnx", ".pt2"):
                path = path.with_name(f"{path.name}{'.pt2' if kind == PROGRAM else '.onnx'}")
            self.export(name, path)

    def export(self, name: str, path: Path) -> None:
        """Write a model for other programs: by the suffix, torch.export for ``.pt2``, else ONNX."""
        record, project, key = self._models.get(name), self._session.project, self._session.key
        if record is None or self._export is not None:
            return

        def work(_emit: Emit, cancel: threading.Event) -> str:
            look = None if key is None else (key, project.read_image(key).network()[:_CHECKED, :_CHECKED])
            return _exported(record.folder, path, look, cancel)

        def over() -> None:
            outcome = self._export.outcome if self._export is not None else None
            if outcome is not None and outcome.cancelled:
                self._seeing.say("The export was cancelled; nothing was written")
            self._export = None
            if not self._modelling.predicting_all:
                self._status.set_job("", None, False)

        self._export = self._jobs.start(
            "export model", work, done=self._seeing.say, failed=self._seeing.complain, ended=over
        )
        self._show_export()

    def _show_export(self) -> None:
        """The status line has room for one job: predicting all images comes before an export."""
        if self._export is None:
            return
        if self._modelling.predicting_all:
            self._status.set_job("Predicting", None, True)
        elif self._export.stopping:
            self._status.set_job("Cancelling the export", None, False)
        else:
            self._status.set_job("Exporting a model", None, True)

    def _cancel_export(self) -> None:
        if self._export is not None and not self._modelling.predicting_all:
            self._export.cancel()
            self._show_export()

    # Comparing

    def compare(self, name: str) -> None:
        """Compare a model with the one in use, on the open image."""
        if name and self.in_use and name != self.in_use:
            self.comparing.start(self.in_use, name)

    def _toggle_comparing(self) -> None:
        if self.comparing.pair is not None:
            self.comparing.close()
        else:
            self.compare(self._previous)

    def _unless_compared(self, act: Callable[[], object]) -> object:
        """Nobody accepts what they do not see: the proposal is that of the model in use alone."""
        if self.comparing.pause():
            self._seeing.warn(f"This is the proposal of {short(self.in_use)}, the model in use. Once more to do it")
            return None
        return act()

    def _alone(self, act: Callable[[], object]) -> object:
        self.comparing.close()
        return act()


def _exported(folder: Path, path: Path, look: tuple[str, U8] | None, cancel: threading.Event) -> str:
    """Write the model in a folder for other programs, once it agrees with the model; what to tell of it.

    Args:
        folder: of the model.
        path: of the file; stays what it was unless all goes well.
        look: name and pixels of an image on which both have to say the same.
        cancel: ends it.
    """
    warm_up()
    from segstudio.learn.networks.saving import load_model
    from segstudio.learn.prediction import exporting

    images = () if look is None else (look[1],)
    kind: Literal["onnx", "torch"] = "torch" if path.suffix.lower() == ".pt2" else "onnx"
    made = exporting.export_model(load_model(folder), path, images, kind=kind, cancel=cancel)
    takes = "images of any size" if made.size is None else f"one image of {made.size[1]} × {made.size[0]}"
    agrees = "" if look is None else f"; says the same of {look[0]} as the model"
    return f"Wrote {path.name}, {made.size_bytes / 1e6:.1f} MB: takes {takes}{agrees}"
