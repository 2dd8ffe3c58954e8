"""The workbench: where everything lies around the canvas while a project is open."""

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from segstudio.core.strokes import Point
from segstudio.core.tools.base import Palette
from segstudio.core.view import View
from segstudio.ui.action_table import first_key
from segstudio.ui.actions import ActionSet
from segstudio.ui.canvas.canvas import Canvas
from segstudio.ui.canvas.minimap import Minimap
from segstudio.ui.canvas.second import SecondView
from segstudio.ui.panels.classes import ClassPanel
from segstudio.ui.panels.history import HistoryPanel
from segstudio.ui.panels.images import ImageStrip
from segstudio.ui.panels.layers import LayersPanel
from segstudio.ui.panels.model import ModelPanel
from segstudio.ui.panels.options import ToolOptions
from segstudio.ui.panels.review import ReviewPanel
from segstudio.ui.panels.side import NARROW, USUAL, WIDE, SideBar
from segstudio.ui.panels.tone import TonePanel
from segstudio.ui.panels.toolbox import ToolBox
from segstudio.ui.theme import Tokens


class Workbench(QWidget):
    """Tools on the left, options above the canvas, panels on the right, the image strip below.

    Attributes:
        canvas: where one paints.
        beside: a second view of the same image, for comparing.
        minimap, options, classes, model, history, review, strip, tone, layers: the other parts, wired by
            `segstudio.ui.desk`.
        minimap_on: whether the minimap is wanted.
        alone: whether the canvas alone is shown.
    """

    def __init__(self, palette: Palette, actions: ActionSet, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.canvas = Canvas(palette)
        self.beside = SecondView()
        self.beside.setAccessibleName("Proposal")
        self.beside.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.beside.setFocusProxy(self.canvas)  # what keys do in either view, the canvas does
        self.beside.hide()
        self.minimap = Minimap(self.canvas, tokens)
        self.minimap_on = True
        self.alone = False
        self._leading = False
        self._actions = actions
        self._hidden = "", ""
        self.options = ToolOptions(tokens)
        self.classes = ClassPanel(tokens)
        self.model = ModelPanel(tokens)
        self.history = HistoryPanel(tokens)
        self.history.hide()
        self.review = ReviewPanel(
            accept_region=actions["accept_region"],
            accept_all=actions["accept_all"],
            reject_region=actions["reject_region"],
            mark_reviewed=actions["mark_reviewed"],
        )
        self.strip = ImageStrip(tokens)
        self.tone = TonePanel(tokens, self)
        self.layers = LayersPanel(tokens, self)
        actions.move_to(self.canvas)
        for part in (self.options, self.classes, self.layers):
            actions.keys_changed.connect(part.set_keys)
        self._toolbox = ToolBox(actions)
        self._side = SideBar(classes=self.classes, history=self.history, model=self.model, review=self.review)
        self._wide = USUAL
        self._across = QSplitter(Qt.Orientation.Horizontal)
        self._lay_out()
        self.canvas.view_changed.connect(self._follow)
        self.canvas.resized.connect(lambda: self._follow(self.canvas.view))
        self.canvas.stroke_began.connect(self.canvas.point_out)
        self.canvas.hovered.connect(self._cross_beside)
        self.beside.hovered.connect(self.canvas.set_cross)
        self.beside.view_changed.connect(self._lead)
        self.minimap.moved_to.connect(self._go_to)
        self.options.tone_button.clicked.connect(self.open_tone)
        self.options.layers_button.clicked.connect(self.open_layers)
        actions.keys_changed.connect(lambda: self.tell_hidden(*self._hidden))
        self.set_tokens(tokens)

    def set_tokens(self, tokens: Tokens) -> None:
        """Draw in the colours of a theme."""
        for part in (self.options, self.classes, self.model, self.history, self.strip, self.tone, self.layers):
            part.set_tokens(tokens)
        self.minimap.set_tokens(tokens)
        for view in (self.canvas, self.beside):
            view.set_background(tokens.canvas, tokens.quiet)

    def open_tone(self) -> None:
        """Pop the contrast up."""
        self.tone.open_under(self.options.tone_button)

    def open_layers(self) -> None:
        """Pop the layers up."""
        self.layers.open_under(self.options.layers_button)

    def set_minimap(self, on: bool) -> None:
        """Whether the minimap is shown while only a part of the image is seen."""
        self.minimap_on = on
        self.minimap.set_on(on)

    def show_beside(self, on: bool) -> None:
        """Show the second view, looking where the canvas looks, or put it away."""
        if on and self.canvas.scene is not None:
            self.beside.show_scene(self.canvas.scene, self.canvas.view)
        elif not on:
            self.beside.release_document()
        self.beside.setVisible(on)

    def tell_hidden(self, what: str, action: str) -> None:
        """Say quietly on the canvas what is hidden there, with the key of the action that shows it; empty: nothing."""
        self._hidden = what, action
        key = first_key(self._actions.keys, action) if action else ""
        self.canvas.set_note(f"{what}  ·  {key}" if key else what)

    def layout_state(self) -> dict[str, Any]:
        """Where panels lie, for the preferences."""
        return {
            "side": self._across.sizes()[1] or self._wide,
            "history": not self.history.isHidden(),
            "sections": self._side.layout_state(),
            "alone": self.alone,
        }

    def restore_layout(self, state: object) -> None:
        """Lay the panels out as `layout_state` gave it; anything else as at first."""
        kept = state if isinstance(state, dict) else {}
        side = kept.get("side")
        wide = self._wide = side if isinstance(side, int) and NARROW <= side <= WIDE else USUAL
        self._across.setSizes([max(1, self._across.width() - wide) if self._across.width() > wide else 2000, wide])
        self.history.setVisible(kept.get("history") is True)
        self._side.restore_layout(kept.get("sections"))
        self.set_alone(kept.get("alone") is True)

    def set_alone(self, alone: bool) -> None:
        """Show the canvas alone, or everything around it again."""
        if alone and not self.alone:
            self._wide = self._across.sizes()[1]
        self.alone = alone
        for part in (self._toolbox, self.options, self._side, self.strip):
            part.setVisible(not alone)

    def _lay_out(self) -> None:
        views = QHBoxLayout()
        views.setSpacing(1)
        views.addWidget(self.canvas, 1)
        views.addWidget(self.beside, 1)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.options)
        column.addLayout(views, 1)
        self._across.addWidget(centre)
        self._across.addWidget(self._side)
        self._across.setStretchFactor(0, 1)
        self._across.setSizes([2000, USUAL])
        self._across.setChildrenCollapsible(False)
        self._across.setHandleWidth(1)
        upper = QHBoxLayout()
        upper.setSpacing(0)
        upper.addWidget(self._toolbox)
        upper.addWidget(self._across, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addLayout(upper, 1)
        layout.addWidget(self.strip)

    def _follow(self, view: View) -> None:
        """The canvas looks elsewhere: so do the minimap and the second view."""
        self.minimap.set_view(view, self.canvas.room)
        if self.beside.scene is not None and not self._leading:
            self._leading = True
            self.beside.set_view(view)
            self._leading = False

    def _lead(self, view: View) -> None:
        if not self._leading and not self.beside.isHidden():
            self._leading = True  # each keeps the image inside its own room: they must not answer each other
            self.canvas.set_view(view)
            self._leading = False

    def _cross_beside(self, pixel: tuple[int, int] | None) -> None:
        """The pointer is on the canvas, or nowhere; the canvas also tells of one that is in the second view."""
        if not self.beside.isHidden():
            self.beside.set_cross(pixel if self.canvas.cross is None else None)

    def _go_to(self, point: Point) -> None:
        self.canvas.centre_on(point)
