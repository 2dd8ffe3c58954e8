"""What a person does with an open project: ties session and modelling to the workbench, and answers the actions."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from segstudio.core.document import Document
from segstudio.core.history import Patch
from segstudio.core.suggest import next_image
from segstudio.core.tools import Palette
from segstudio.learn.backbones import BACKBONES, weights_state
from segstudio.learn.events import Event, Started
from segstudio.storage.project import ImageRecord, Project
from segstudio.ui.actions import AppState
from segstudio.ui.hand import Hand
from segstudio.ui.jobs import Jobs
from segstudio.ui.modelling import Modelling
from segstudio.ui.panels.status import StatusLine
from segstudio.ui.seeing import Seeing
from segstudio.ui.session import Session
from segstudio.ui.thumbnails import Thumbnailer
from segstudio.ui.workbench import Workbench

_OPENING = "Opening…"
_NONE_OPENS = "None of the images can be opened.\nThe log says why; add other images from the File menu."
_NO_IMAGES = "No images yet.\nAdd a folder of images from the File menu, or drop one here."


class Desk(QObject):
    """The life of one open project in the window.

    Signals:
        state_changed(): `state` may differ.
    """

    state_changed = Signal()

    def __init__(
        self, project: Project, bench: Workbench, palette: Palette, status: StatusLine, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.jobs = Jobs(self)
        self.session = Session(project, self.jobs, self)
        self.modelling = Modelling(self.session, self.jobs, self)
        self._bench = bench
        self._canvas = bench.canvas
        self._status = status
        self._hand = Hand(self.session, bench, palette, self)
        self._seeing = Seeing(self.session, bench, status, self)
        self._records: dict[str, ImageRecord] = {}
        self._unreadable: set[str] = set()
        self._has_model = False
        self._thumbnails = Thumbnailer(self.jobs, self)
        self._links: list[Callable[[], object]] = []
        self._wire()
        self._start()

    def state(self) -> AppState:
        """What the actions need to know."""
        document, layers, key = self.session.document, self._canvas.layers, self.session.key
        record = self._records.get(key) if key is not None else None
        return AppState(
            project_open=True,
            image_open=document is not None,
            images=len(self._records) > 1,
            can_undo=document is not None and document.history.can_undo,
            can_redo=document is not None and document.history.can_redo,
            training=self.modelling.training,
            stopping=self.modelling.stopping,
            predicting=self.modelling.predicting_all,
            model=self._has_model,
            proposal=document is not None and document.proposal is not None,
            reviewed=record is not None and record.reviewed,
            tool=self._hand.tool,
            annotation_shown=layers.show_annotation,
            proposal_shown=layers.show_proposal,
        )

    def handlers(self) -> dict[str, Callable[[], object]]:
        """What each action of an open project does, by action id."""
        modelling, canvas, hand = self.modelling, self._canvas, self._hand
        return {
            "undo": self.undo,
            "redo": self.redo,
            "tool_brush": lambda: hand.choose_tool("brush"),
            "tool_eraser": lambda: hand.choose_tool("eraser"),
            "brush_smaller": lambda: hand.scale_size(-1),
            "brush_larger": lambda: hand.scale_size(1),
            "swap_class": hand.swap_class,
            "fit": canvas.fit,
            "actual_size": lambda: canvas.zoom_to(1.0),
            "zoom_in": lambda: canvas.zoom_by(1.25),
            "zoom_out": lambda: canvas.zoom_by(0.8),
            "toggle_annotation": self._seeing.toggle_annotation,
            "toggle_proposal": self._seeing.toggle_proposal,
            "opacity_up": lambda: self._seeing.step_opacity(1),
            "opacity_down": lambda: self._seeing.step_opacity(-1),
            "previous_image": lambda: self._step(-1),
            "next_image": lambda: self._step(1),
            "next_suggested": self._go_to_suggested,
            "mark_reviewed": self._toggle_reviewed,
            "train": lambda: self._train(self._bench.model.backbone, self._bench.model.transfer),
            "stop": modelling.stop,
            "predict_image": modelling.predict_open_image,
            "predict_all": modelling.predict_all,
            "accept_region": self.accept_region,
            "accept_all": self.accept_all,
            "reject_region": self.reject_region,
        }

    # Building

    def _wire(self) -> None:
        bench, session, modelling, canvas = self._bench, self.session, self.modelling, self._canvas
        self._link(canvas.hovered, self._seeing.tell_pixel)
        self._link(canvas.view_changed, self._seeing.tell_zoom)
        self._link(canvas.size_changed, bench.options.set_size)
        self._link(canvas.kept_back, self._on_kept_back)
        self._link(canvas.peeked, self._seeing.peek)
        self._link(bench.options.size_changed, self._hand.set_size)
        self._link(bench.options.opacity_changed, self._seeing.set_opacity)
        self._link(bench.classes.chosen, self._hand.choose_class)
        self._link(bench.classes.changed, session.set_classes)
        self._link(bench.strip.chosen, session.open_image)
        self._link(bench.strip.thumbnail_wanted, self._want_thumbnail)
        self._link(bench.model.train_requested, self._train)
        self._link(bench.model.stop_requested, modelling.stop)
        self._link(bench.model.use_requested, modelling.use_model)
        self._link(bench.review.threshold_changed, self._seeing.set_threshold)
        self._link(self._status.cancel_requested, modelling.cancel_prediction)
        session.leaving.connect(self._on_leaving)
        session.opened.connect(self._on_opened)
        session.edited.connect(self._on_edited)
        session.record_changed.connect(self._on_record)
        session.images_changed.connect(self.reload_images)
        session.classes_changed.connect(self._on_classes)
        session.unreadable.connect(self._pass_over)
        modelling.told.connect(self._on_event)
        modelling.running_changed.connect(self._on_running)
        modelling.models_changed.connect(self._on_models)
        modelling.problem.connect(self._seeing.complain)
        modelling.progressed.connect(self._on_progress)
        self._thumbnails.ready.connect(bench.strip.set_thumbnail)
        self._hand.tool_changed.connect(self.state_changed)
        self._seeing.layers_changed.connect(self.state_changed)

    def _link(self, signal: object, slot: Callable[..., object]) -> None:
        """Connect a signal of the workbench, which outlives this desk, for as long as the desk lives."""
        signal.connect(slot)  # type: ignore[attr-defined]
        self._links.append(lambda: signal.disconnect(slot))  # type: ignore[attr-defined]

    def _start(self) -> None:
        bench, project = self._bench, self.session.project
        bench.model.set_backbones(
            [(name, backbone.title, weights_state(backbone) != "to download") for name, backbone in BACKBONES.items()]
        )
        bench.model.set_choice(project.setting("backbone"), project.setting("transfer"))
        bench.model.reset()
        self._on_running()
        self._on_classes()
        self._on_models()
        self._show_records()
        last = project.setting("image")
        self._open_first(last if last in self._records else None)

    def close(self, *, discard: bool = False) -> None:
        """Put everything on disk, ask every job to stop and let go of the workbench.

        The project itself stays open for jobs that are still ending; see `Jobs.drained`.

        Args:
            discard: close even when strokes cannot be saved.

        Raises:
            SegStudioError: when strokes cannot be saved; everything stays open.
        """
        self.session.close(discard=discard)
        self.jobs.close()
        self._thumbnails.forget()
        self._seeing.close()
        self._bench.model.set_running(False)
        self._bench.model.reset()
        for unlink in self._links:
            unlink()
        self._links.clear()
        self._hand.close()

    # Images

    def reload_images(self) -> None:
        """Show the project's images anew."""
        self._show_records()
        if self.session.wanted is None:
            self._open_first(None)

    def _show_records(self) -> None:
        self._records = {record.key: record for record in self.session.project.images()}
        self._bench.strip.set_records(list(self._records.values()))
        if self.session.key is not None:
            self._bench.strip.set_current(self.session.key)
        self._canvas.set_hint(_OPENING if self._records else _NO_IMAGES)
        self.state_changed.emit()

    def _open_first(self, key: str | None) -> None:
        first = key or next(iter(self._records), None)
        if first is not None:
            self.session.open_image(first)

    def _want_thumbnail(self, key: str) -> None:
        record = self._records.get(key)
        if record is not None:
            self._thumbnails.want(key, record.path)

    def _on_leaving(self) -> None:
        self.session.keep_view(self._canvas.view)
        self._canvas.release_document()

    def _on_opened(self) -> None:
        image = self.session.image
        if image is None:
            return
        self._canvas.show_document(image.document, image.pyramid, self.session.view())
        self._bench.strip.set_current(image.key)
        self._seeing.say(f"{image.key}  ·  {image.record.width} × {image.record.height}")
        self._on_edited()

    def _pass_over(self, key: str) -> None:
        """With no image in the hand yet, try the others when one cannot be opened."""
        self._unreadable.add(key)
        if self.session.image is not None:
            return
        others = [other for other in self._records if other not in self._unreadable]
        self._canvas.set_hint(_OPENING if others else _NONE_OPENS)
        if others:
            self._open_first(others[0])

    def _step(self, by: int) -> None:
        keys = self._bench.strip.keys_shown() or list(self._records)
        key = self.session.wanted
        if keys:
            at = keys.index(key) + by if key in keys else 0
            self.session.open_image(keys[max(0, min(len(keys) - 1, at))])

    def _go_to_suggested(self) -> None:
        key = next_image([(record.key, record.state) for record in self._records.values()], self.session.key)
        if key is None:
            self._seeing.say("Every other image is reviewed")
        else:
            self.session.open_image(key)

    def _toggle_reviewed(self) -> None:
        record = self._records.get(self.session.key or "")
        if record is not None:
            self.session.set_reviewed(not record.reviewed)

    def _on_record(self, record: ImageRecord) -> None:
        self._records[record.key] = record
        self._bench.strip.update_record(record)
        self.state_changed.emit()

    # Classes

    def _on_classes(self) -> None:
        self._hand.show_class()
        self._bench.model.set_classes(self.session.classes)
        self._canvas.restyle()

    def _on_kept_back(self, indices: frozenset[int]) -> None:
        """Say which classes kept a stroke off their pixels."""
        for index in indices:
            self._bench.classes.flash_lock(index)
        names = ", ".join(self.session.classes[index].name for index in sorted(indices))
        self._seeing.warn(f"{names} {'is' if len(indices) == 1 else 'are'} locked")

    # Editing

    def undo(self) -> None:
        """Take the last stroke back; a stroke that is being painted is dropped instead."""
        if (document := self.session.document) is None:
            return
        if document.gesture is not None:
            self._canvas.cancel_stroke()
            self._seeing.say("Stroke dropped")
        else:
            self._tell("Undone", document.undo())

    def redo(self) -> None:
        """Do it again."""
        if (document := self.session.document) is not None:
            self._tell("Redone", document.redo())

    def accept_region(self) -> None:
        """Accept the proposed region under the cursor."""
        self._decide("Accepted", lambda document, x, y: document.accept_region(x, y))

    def reject_region(self) -> None:
        """Reject the proposed region under the cursor."""
        self._decide("Rejected", lambda document, x, y: document.reject_region(x, y))

    def accept_all(self) -> None:
        """Accept what is proposed with enough confidence."""
        self._canvas.finish_stroke()
        if (document := self.session.document) is not None:
            self._tell("Accepted", document.accept_above(self._canvas.layers.threshold))

    def _decide(self, word: str, act: Callable[[Document, int, int], Patch | None]) -> None:
        self._canvas.finish_stroke()
        document, pixel = self.session.document, self._canvas.pointer_pixel()
        if document is None:
            return
        if pixel is None:
            self._seeing.say("Point at a proposed region first")
        else:
            self._tell(word, act(document, *pixel))

    def _tell(self, word: str, patch: Patch | None) -> None:
        document = self.session.document
        if patch is not None:
            self._seeing.say(f"{word}: {patch.label.lower()}")
        elif word in ("Undone", "Redone"):
            self._seeing.say(f"{word}: nothing more")
        elif document is not None and document.kept_back:
            self._on_kept_back(document.kept_back)
        else:
            self._seeing.say("Nothing is proposed there")

    def _on_edited(self) -> None:
        document = self.session.document
        if document is None or document.proposal is None:
            self._bench.review.set_summary("")
        else:
            self._bench.review.set_summary(f"Proposed by {document.proposal.model}")
        self._seeing.tell_pixel(self._canvas.pointer_pixel())
        self.state_changed.emit()

    # Modelling

    def _train(self, backbone: str, transfer: str) -> None:
        if not self.modelling.training:
            self._bench.model.prepare()
            self.modelling.train(backbone, transfer)

    def _on_event(self, event: Event) -> None:
        self._bench.model.show_event(event)
        if isinstance(event, Started):
            self._status.set_device(event.device)

    def _on_running(self) -> None:
        self._bench.model.set_running(self.modelling.training, self.modelling.stopping)
        self.state_changed.emit()

    def _on_models(self) -> None:
        models = self.session.project.models()
        self._has_model = any(model.in_use for model in models)
        self._bench.model.set_models(models)
        self.state_changed.emit()

    def _on_progress(self, text: str, fraction: float | None) -> None:
        self._status.set_job(text, fraction, bool(text))
