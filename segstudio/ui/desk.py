"""What a person does with an open project: ties session and modelling to the workbench, and answers the actions."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction

from segstudio.core.keymap import Keymap
from segstudio.core.tools.base import OPERATIONS, Kit, Palette, ToolName
from segstudio.learn.request import TrainSettings
from segstudio.storage.project import Project
from segstudio.ui.action_table import TOOL_ORDER, ActionSpec, AppState
from segstudio.ui.arranging import Arranging
from segstudio.ui.background import Worker
from segstudio.ui.browsing import Browsing
from segstudio.ui.comparison import TransferComparison
from segstudio.ui.editing import Editing
from segstudio.ui.hand import Hand
from segstudio.ui.jobs import Jobs
from segstudio.ui.model_care import ModelCare
from segstudio.ui.modelling import Modelling
from segstudio.ui.panels.model_list import short
from segstudio.ui.panels.status import StatusLine
from segstudio.ui.reclassing import Reclassing
from segstudio.ui.revealing import Revealing
from segstudio.ui.seeing import Seeing
from segstudio.ui.session import Session
from segstudio.ui.starts import Offers
from segstudio.ui.teaching import Teaching
from segstudio.ui.tool_uses import TOOL_USES
from segstudio.ui.weights import Weights
from segstudio.ui.workbench import Workbench


class Desk(QObject):
    """The life of one open project in the window.

    Args:
        project: owned from now on.
        bench: where it is shown.
        palette: class and options in hand.
        tools: by tool, the action that takes it.
        keymap: the keys of the classes.
        kept: how things lay and looked the last time, as `kept` gave it.
        status: where is said what happens.
        parent: owner.

    Signals:
        state_changed(): `state` may differ.
        crashed(str): work beside the window failed in a way nobody foresaw, with its traceback.
    """

    state_changed = Signal()
    crashed = Signal(str)

    def __init__(
        self,
        project: Project,
        bench: Workbench,
        palette: Palette,
        tools: Mapping[ToolName, QAction],
        keymap: Keymap,
        kept: object,
        status: StatusLine,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.jobs = Jobs(self)
        self.session = Session(project, self.jobs, self)
        self.modelling = Modelling(self.session, self.jobs, self)
        self._bench = bench
        self._canvas = bench.canvas
        self._status = status
        self._worker = Worker(self)
        self._seeing = Seeing(self.session, bench, status, self)
        kit = Kit(palette, self._worker, self._seeing.say, tell=status.set_standing, level=self._seeing.drag_level)
        self._hand = Hand(self.session, bench, kit, tools, keymap, self)
        self._editing = Editing(self.session, bench, self._seeing, self.jobs, kit, self)
        self._arranging = Arranging(bench, self._seeing, self)
        self._revealing = Revealing(self.session, palette, self._seeing, self._worker, self)
        self.reclassing = Reclassing(self.session, self.modelling, self.jobs, palette, self)
        self._reopen: str | None = None
        self._browsing = Browsing(self.session, bench, self.jobs, self._seeing.say, self)
        self._links: list[Callable[[], object]] = []
        self.teaching = Teaching(self.session, self.modelling, self.jobs, bench, status, self._link, self)
        self.care = ModelCare(self.session, self.modelling, bench, self._seeing, status, self.jobs, self._link, self)
        self.care.set_keymap(keymap)
        self.comparison = TransferComparison(
            self.session, self.modelling, self.jobs, self._settings, self._offers, self
        )
        self.teaching.hindrance = self.comparison.hindrance
        self.weights = Weights(self.jobs, self)
        self._wire()
        self._restore(kept)
        self._start()

    def state(self) -> AppState:
        """What the actions need to know."""
        document, seeing, key = self.session.document, self._seeing, self.session.key
        record = self._browsing.record(key)
        return AppState(
            project_open=True,
            image_open=document is not None,
            images=self._browsing.count > 1,
            can_undo=document is not None and (document.history.can_undo or self._canvas.occupied),
            can_redo=document is not None and document.history.can_redo,
            training=self.modelling.training,
            stopping=self.modelling.stopping,
            predicting=self.modelling.predicting_all,
            resumable=self.teaching.resumable,
            comparing=self.comparison.running,
            model=self.teaching.has_model,
            models=self.care.state(),
            proposal=document is not None and document.proposal is not None,
            reviewed=record is not None and record.reviewed,
            classes=len(self.session.classes) > 0,
            predecessor=self._browsing.predecessor() is not None,
            tool=self._hand.tool,
            operation=self._hand.palette.operation,
            annotation_shown=seeing.style.show_annotation,
            proposal_shown=seeing.style.show_proposal,
            minimap=self._bench.minimap_on,
            history=not self._bench.history.isHidden(),
            alone=self._bench.alone,
            beside=seeing.comparing == "beside",
            blink=seeing.comparing == "blink",
            inverted=seeing.tone.inverted,
        )

    def handlers(self) -> dict[str, Callable[[], object]]:
        """What each action of an open project does, by action id."""
        modelling, canvas, hand, editing = self.modelling, self._canvas, self._hand, self._editing
        seeing, bench = self._seeing, self._bench
        handlers: dict[str, Callable[[], object]] = {
            "undo": editing.undo,
            "redo": editing.redo,
            **{f"tool_{name}": partial(hand.choose_tool, name) for name in TOOL_ORDER if name is not None},
            **{f"region_{name}": partial(hand.choose_operation, name) for name in OPERATIONS},
            "brush_smaller": lambda: hand.scale_size(-1),
            "brush_larger": lambda: hand.scale_size(1),
            "swap_class": hand.swap_class,
            "previous_class": lambda: hand.step_class(-1),
            "next_class": lambda: hand.step_class(1),
            "snap_stroke": editing.snap_stroke,
            "mask_from_strokes": editing.mask_from_strokes,
            "delete_region": editing.delete_region,
            "delete_class": editing.delete_class,
            "fill_void": editing.fill_void,
            "copy_previous": self._copy_previous,
            "fit": canvas.fit,
            "actual_size": lambda: canvas.zoom_to(1.0),
            "zoom_in": lambda: canvas.zoom_by(1.25),
            "zoom_out": lambda: canvas.zoom_by(0.8),
            "toggle_annotation": seeing.toggle_annotation,
            "toggle_proposal": seeing.toggle_proposal,
            "opacity_up": lambda: seeing.step_opacity(1),
            "opacity_down": lambda: seeing.step_opacity(-1),
            "cycle_look": seeing.cycle_look,
            "layers": bench.open_layers,
            "contrast": bench.open_tone,
            "auto_contrast": seeing.auto_contrast,
            "invert": seeing.invert,
            "reset_contrast": seeing.reset_contrast,
            "beside": lambda: seeing.compare("beside"),
            "blink": lambda: seeing.compare("blink"),
            **self._arranging.handlers(),
            "previous_image": lambda: self._browsing.step(-1),
            "next_image": lambda: self._browsing.step(1),
            "next_suggested": self._browsing.go_to_suggested,
            "mark_reviewed": self._browsing.toggle_reviewed,
            **self.teaching.handlers(),
            "compare_transfers": lambda: self.comparison.open(bench.window()),
            "backbones": lambda: self.weights.open(bench.window()),
            **self.care.handlers(),
            "predict_image": modelling.predict_open_image,
            "predict_all": modelling.predict_all,
            "accept_region": editing.accept_region,
            "accept_all": editing.accept_all,
            "reject_region": editing.reject_region,
            "next_uncertain": editing.next_uncertain,
        }
        return self.care.guarded(handlers)

    def kept(self) -> dict[str, Any]:
        """How things lie and look, for the preferences."""
        return {
            "options": self._hand.palette.kept(),
            "seeing": self._seeing.kept(),
            "layout": self._bench.layout_state(),
        }

    def class_commands(self) -> list[tuple[ActionSpec, QAction]]:
        """Choosing each class as a command, for who searches by name."""
        return self._hand.class_commands()

    def set_keymap(self, keymap: Keymap) -> None:
        """Other keys for the classes."""
        self._hand.set_keymap(keymap)
        self.care.set_keymap(keymap)

    def _restore(self, kept: object) -> None:
        parts = kept if isinstance(kept, dict) else {}
        self._hand.palette.restore(parts.get("options"))
        self._hand.show_options()
        self._seeing.restore(parts.get("seeing"))
        self._bench.restore_layout(parts.get("layout"))

    # Building

    def _wire(self) -> None:
        bench, session, modelling, canvas = self._bench, self.session, self.modelling, self._canvas
        self._link(canvas.hovered, self._seeing.tell_pixel)
        self._link(canvas.view_changed, self._seeing.tell_zoom)
        self._link(canvas.palette_turned, self._hand.show_options)
        self._link(bench.beside.hovered, self._seeing.tell_pixel)
        self._link(canvas.stroke_began, self._seeing.begin_gesture)
        self._link(canvas.stroke_began, self._hand.stroke_began)
        self._link(canvas.stroke_began, self._reveal)
        self._link(canvas.stroke_ended, self._revealing.ended)
        self._link(canvas.stroke_began, self._on_stroke)
        self._link(canvas.stroke_ended, self._on_stroke)
        self._link(canvas.stroke_ended, self._hand.stroke_ended)
        self._link(canvas.pen_seen, bench.options.show_pressure)
        self._link(canvas.kept_back, self._on_kept_back)
        self._link(canvas.peeked, self._seeing.peek)
        self._link(bench.options.changed, self._hand.set_option)
        self._link(bench.tone.tone_changed, self._seeing.set_tone)
        self._link(bench.layers.style_changed, self._seeing.set_style)
        self._link(bench.history.go_to, self._editing.go_to)
        self._link(bench.classes.chosen, self._hand.choose_class)
        self._link(bench.classes.changed, session.set_classes)
        self._link(bench.classes.move_wanted, self._move_class)
        self._link(bench.classes.remove_wanted, self._remove_class)
        self._link(bench.review.threshold_changed, self._seeing.set_threshold)
        self._link(self._status.cancel_requested, modelling.cancel_prediction)
        session.leaving.connect(self._on_leaving)
        session.opened.connect(self._on_opened)
        session.edited.connect(self._on_edited)
        session.classes_changed.connect(self._on_classes)
        modelling.problem.connect(self._seeing.complain)
        self.teaching.changed.connect(self.state_changed)
        self.teaching.changed.connect(self.comparison.refresh)
        self.comparison.running_changed.connect(self.state_changed)
        self.comparison.said.connect(self._status.say)
        self.weights.said.connect(self._status.say)
        self.weights.changed.connect(self.teaching.refresh)
        self.care.changed.connect(self.state_changed)
        self.reclassing.began.connect(self._on_reclassing)
        self.reclassing.over.connect(self._on_reclassed)
        self.reclassing.problem.connect(self._seeing.complain)
        self._worker.failed.connect(self._seeing.complain)
        self._worker.crashed.connect(self.crashed)
        self._browsing.changed.connect(self.state_changed)
        self._hand.tool_changed.connect(self._on_tool)
        self._seeing.layers_changed.connect(self.state_changed)
        self._arranging.changed.connect(self.state_changed)
        self._arranging.changed.connect(self._editing.list_strokes)

    def _link(self, signal: object, slot: Callable[..., object]) -> None:
        """Connect a signal of the workbench, which outlives this desk, for as long as the desk lives."""
        signal.connect(slot)  # type: ignore[attr-defined]
        self._links.append(lambda: signal.disconnect(slot))  # type: ignore[attr-defined]

    def _start(self) -> None:
        self._on_classes()
        self.teaching.begin()
        self.care.refresh()
        self._browsing.begin(self.session.project.setting("image"))

    def close(self, *, discard: bool = False) -> None:
        """Put everything on disk, ask every job to stop and let go of the workbench.

        The project itself stays open for jobs that are still ending; see `Jobs.drained`.

        Args:
            discard: close even when strokes cannot be saved.

        Raises:
            SegStudioError: when strokes cannot be saved; everything stays open.
        """
        self._canvas.finish_stroke()
        self._editing.settle()
        self.reclassing.close()
        self.session.close(discard=discard)
        self.teaching.close()
        self.comparison.close()
        self.weights.close()
        self.care.close()
        self.jobs.close()
        self._worker.close()
        self._browsing.close()
        self._seeing.close()
        for unlink in self._links:
            unlink()
        self._links.clear()
        for tell in (self._status.set_standing, self._status.set_hint):
            tell("")
        if line := self._hand.close():
            self._status.say(line, "warning")

    # Images

    def _on_leaving(self) -> None:
        self._seeing.leave_image()
        self._hand.leave_image()
        self._editing.forget()

    def _on_opened(self) -> None:
        image = self.session.image
        if image is None:
            return
        image.document.on_commit.append(self._revealing.committed)
        self._seeing.show_image()
        self.care.comparing.image_opened()
        self._bench.strip.set_current(image.key)
        waiting = self._hand.take_up_shapes()
        self._seeing.say(f"{image.key}  ·  {image.record.width} × {image.record.height}{waiting}")
        self._on_edited()

    # Classes

    def _on_classes(self) -> None:
        self._hand.show_class()
        self._bench.model.set_classes(self.session.classes)
        self._canvas.restyle()
        self._bench.beside.restyle()
        self._editing.strokes_moved()

    def _move_class(self, index: int, to: int) -> None:
        self.reclassing.move(index, to, self._bench.window())

    def _remove_class(self, index: int, into: int) -> None:
        self.reclassing.remove(index, self._bench.window(), into)

    def _on_reclassing(self) -> None:
        """Every image is about to change: nothing old may be painted on, or proposed."""
        self._canvas.finish_stroke()
        self._editing.settle()
        self.modelling.drop_prediction()
        self._reopen = self.session.put_away()

    def _on_reclassed(self, changed: bool) -> None:
        self.session.take_up(self._reopen)
        self._browsing.reload()  # of images that were added meanwhile none was opened
        if changed:
            self._bench.model.drop_scores()
            self._seeing.say("Classes changed")
        self.state_changed.emit()

    def _on_kept_back(self, indices: frozenset[int]) -> None:
        """Say which classes kept a stroke off their pixels."""
        for index in indices:
            self._bench.classes.flash_lock(index)
        names = ", ".join(self.session.classes[index].name for index in sorted(indices))
        self._seeing.warn(f"{names} {'is' if len(indices) == 1 else 'are'} locked")

    def _settings(self) -> TrainSettings:
        return self.teaching.settings

    def _offers(self) -> Offers:
        return self.teaching.offers

    def _copy_previous(self) -> None:
        if (key := self._browsing.predecessor()) is not None:
            self._editing.copy_previous(key)

    def _on_stroke(self) -> None:
        document = self.session.document
        if document is not None and not document.history.can_undo:
            self.state_changed.emit()  # an open shape, or the very first stroke, can be dropped, too

    def _reveal(self) -> None:
        if (tool := self._canvas.tool) is not None:
            self._revealing.began(tool)

    def _on_tool(self) -> None:
        self._status.set_hint(TOOL_USES[self._hand.tool])
        self.state_changed.emit()

    def _on_edited(self) -> None:
        document = self.session.document
        if document is None or document.proposal is None:
            self._bench.review.set_summary("")
        else:
            self._bench.review.set_summary(f"of {short(document.proposal.model)}")
        self._seeing.tell_proposal()
        self._seeing.tell_pixel(self._canvas.pointer_pixel())
        self._editing.strokes_moved()
        self.state_changed.emit()
