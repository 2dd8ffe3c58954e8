"""The pop-up in which a person sets how annotation and proposal are drawn: shown or not, as what, how opaque."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from segstudio.core.render import LayerStyle, Look
from segstudio.ui.action_table import SPECS, Keys, default_keys, tooltip
from segstudio.ui.icons import icon
from segstudio.ui.panels.parts import (
    Slider,
    describe,
    heading,
    plain_button,
    push_button,
    quietly,
    rule,
    text_label,
)
from segstudio.ui.panels.popup import PopUp
from segstudio.ui.theme import Tokens

WIDTH = 312

_LOOKS: tuple[tuple[str, Look, str], ...] = (
    ("Fill", "fill", "areas of colour"),
    ("Contour", "contour", "outlines"),
    ("Both", "both", "areas of colour with outlines"),
)


@dataclass(frozen=True)
class _Fields:
    """Names of the fields of `LayerStyle` that one layer has."""

    show: Literal["show_annotation", "show_proposal"]
    action: Literal["toggle_annotation", "toggle_proposal"]  # does the same
    look: Literal["annotation_look", "proposal_look"]
    opacity: Literal["annotation_opacity", "proposal_opacity"]


class LayersPanel(PopUp):
    """How the label layers are drawn.

    Signals:
        style_changed(object): a person chose another `LayerStyle`; what is not shown here is as it was set.
    """

    style_changed = Signal(object)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__("Layers", WIDTH, parent)
        self._style = LayerStyle()
        self._layers = (
            _Layer("Annotation", "what a person painted", tokens, _ANNOTATION),
            _Layer("Proposal", "what the model says", tokens, _PROPOSAL),
        )
        self._reset = push_button("Reset", "Draw both layers as at the start", "small")
        self._reset.clicked.connect(self._take_default)
        top = QHBoxLayout()
        top.addWidget(heading("Layers"), 1)
        top.addWidget(self._reset)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        layout.addLayout(top)
        for at, layer in enumerate(self._layers):
            if at:
                layout.addWidget(rule())
            layout.addWidget(layer)
            layer.picked.connect(self._pick)
        self.set_style(self._style)
        self.set_keys(default_keys)

    @property
    def layer_style(self) -> LayerStyle:
        """What is shown."""
        return self._style

    def set_style(self, style: LayerStyle) -> None:
        """Show a style; tells nobody."""
        self._style = style
        for layer in self._layers:
            layer.show_style(style)
        self._reset.setEnabled(style != self._default())

    def set_keys(self, keys: Keys) -> None:
        """Tell the keys that do the same now."""
        for layer in self._layers:
            layer.set_keys(keys)

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        for layer in self._layers:
            layer.set_tokens(tokens)

    def _default(self) -> LayerStyle:
        return replace(LayerStyle(), threshold=self._style.threshold, line=self._style.line)

    def _take_default(self) -> None:
        self._take(self._default())

    def _pick(self, field: str, value: Any) -> None:
        self._take(replace(self._style, **{field: value}))

    def _take(self, style: LayerStyle) -> None:
        if style != self._style:
            self.set_style(style)
            self.style_changed.emit(style)


class _Layer(QWidget):
    """Controls of one layer.

    Signals:
        picked(str, object): a person chose another value of this field of `LayerStyle`.
    """

    picked = Signal(str, object)

    def __init__(self, name: str, what: str, tokens: Tokens, fields: _Fields) -> None:
        super().__init__()
        self._fields = fields
        self._eye = plain_button("eye", tokens, f"Show {name.lower()}", checkable=True)
        self._eye.clicked.connect(lambda on: self.picked.emit(fields.show, on))
        self._title = text_label(name, "")
        self._looks: dict[Look, QPushButton] = {}
        self._opacity_label = text_label("Opacity", "lead")
        self._opacity = Slider(0, 100)
        describe(self._opacity, f"{name} opacity", f"How much {what} covers the image")
        self._opacity.valueChanged.connect(self._slide)
        self._percent = text_label("", "lead")
        self._percent.setFixedWidth(self._percent.fontMetrics().horizontalAdvance("100 %") + 4)
        self._percent.setAccessibleName(f"{name} opacity in percent")
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(8)
        layout.setVerticalSpacing(4)
        layout.setColumnStretch(1, 1)
        first = QHBoxLayout()
        first.setSpacing(4)
        first.addWidget(self._eye)
        first.addWidget(self._title, 1)
        first.addLayout(self._make_looks(name))
        layout.addLayout(first, 0, 0, 1, 3)
        layout.addWidget(self._opacity_label, 1, 0)
        layout.addWidget(self._opacity, 1, 1)
        layout.addWidget(self._percent, 1, 2)
        self.set_tokens(tokens)

    def show_style(self, style: LayerStyle) -> None:
        """Show a style; tells nobody."""
        shown = bool(getattr(style, self._fields.show))
        percent = round(getattr(style, self._fields.opacity) * 100)
        self._eye.setChecked(shown)
        self._looks[getattr(style, self._fields.look)].setChecked(True)
        quietly(self._opacity, lambda: self._opacity.setValue(percent))
        self._opacity.update()
        self._percent.setText(f"{percent} %")
        for part in (self._title, self._opacity_label, self._opacity, self._percent, *self._looks.values()):
            part.setEnabled(shown)

    def set_keys(self, keys: Keys) -> None:
        """Tell the key that shows or hides it now."""
        self._eye.setToolTip(tooltip(SPECS[self._fields.action], keys))

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._eye.setIcon(icon("eye", tokens, off="eye-off", color=tokens.warning, checked=tokens.icon))

    def _make_looks(self, name: str) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        group = QButtonGroup(self)
        for text, look, drawn in _LOOKS:
            button = push_button(text, "", "small")
            button.setCheckable(True)
            describe(button, f"{name} as {text.lower()}", f"Draw it as {drawn}")
            button.clicked.connect(lambda _on, look=look: self.picked.emit(self._fields.look, look))
            group.addButton(button)
            row.addWidget(button)
            self._looks[look] = button
        return row

    def _slide(self, percent: int) -> None:
        self.picked.emit(self._fields.opacity, percent / 100)


_ANNOTATION = _Fields("show_annotation", "toggle_annotation", "annotation_look", "annotation_opacity")
_PROPOSAL = _Fields("show_proposal", "toggle_proposal", "proposal_look", "proposal_opacity")
