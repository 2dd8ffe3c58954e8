"""The bar above the canvas: the tool in hand, and just those options that this tool has."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from segstudio.core.strokes import MAX_SIZE, MIN_SIZE
from segstudio.core.tools.base import Operation, Palette, ToolName
from segstudio.ui.action_table import SPECS, Keys, default_keys, first_key, tooltip
from segstudio.ui.icons import icon
from segstudio.ui.panels.option_fields import (
    ComboOption,
    NumberOption,
    OperationOption,
    Option,
    OverOption,
    ShapeOption,
    ToggleOption,
)
from segstudio.ui.panels.parts import ElidedLabel, Picture, push_button, set_role, text_label
from segstudio.ui.panels.popup import PopUp
from segstudio.ui.theme import Tokens

OPTIONS: dict[ToolName, tuple[str, ...]] = {
    "brush": ("size", "shape", "pressure", "over"),
    "eraser": ("size", "shape", "pressure", "over"),
    "lasso": ("over",),
    "polygon": ("over",),
    "rectangle": ("over",),
    "ellipse": ("over",),
    "fill": ("over",),
    "wand": ("tolerance", "contiguous", "softness", "over"),
    "scissors": ("over",),
    "superpixel": ("cell", "over"),
    "box": ("over",),
    "region": ("operation", "amount", "scope"),
}
HINTS: dict[ToolName, str] = {
    "pick": "Click a pixel to take its class into the hand",
    "measure": "Drag for a length, click corners for an area",
    "level": "Drag sideways for contrast, up and down for brightness",
    "pan": "Drag to move the image, turn the wheel to zoom",
}
# What the amount means to an operation, and the most it may be; the others have none.
AMOUNTS: dict[Operation, tuple[str, int]] = {
    "islands": ("Smaller than", 100_000),
    "grow": ("By", 200),
    "shrink": ("By", 200),
    "smooth": ("Radius", 200),
}

_LEAST_WIDTH = 480
_MARGIN_LEFT, _MARGIN_RIGHT = 12, 8
_FIRST = 3  # place of the options in the bar: behind drawing, title and line
_ASIDE = 320  # px of the pop-up


class ToolOptions(QFrame):
    """Options of the tool in hand.

    Attributes:
        tone_button, layers_button: open what shows how the image and its layers are seen; wired by the owner.
        more_button: opens the options there is no room for.

    Signals:
        changed(str, object): a person chose another value for this field of the `Palette`.
    """

    changed = Signal(str, object)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, role="bar")
        self.setFixedHeight(44)
        self.setAccessibleName("Tool options")
        self._tokens = tokens
        self._tool: ToolName = "brush"
        self._operation: Operation = "delete"
        self._pen_seen = False
        self._picture = Picture(20)
        self._title = text_label("", "")
        self._hint = ElidedLabel("", "lead")
        self._hint.setAccessibleName("What the tool does")
        self.tone_button = _pop_up_button("Contrast")
        self.layers_button = _pop_up_button("Layers")
        self._over = OverOption()
        self._size = NumberOption("Size", "Brush size", "", MIN_SIZE, MAX_SIZE, logarithmic=True)
        self._amount = NumberOption("By", "Amount", "In image pixels (Alt+wheel)", 1, 200, slider=False)
        self._fields: dict[str, Option] = self._make_fields(tokens)
        self._divider = _divider()
        self._fitted: tuple[object, ...] = ()
        self.more_button = push_button("…", "Options there is no room for", "small")
        self.more_button.setAccessibleName("More options")
        self._aside = PopUp("More options", _ASIDE, self)
        column = QVBoxLayout(self._aside)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        self.more_button.clicked.connect(lambda: self._aside.open_under(self.more_button))

        self._row = layout = QHBoxLayout(self)
        layout.setContentsMargins(_MARGIN_LEFT, 0, _MARGIN_RIGHT, 0)
        layout.setSpacing(8)
        layout.addWidget(self._picture)
        layout.addWidget(self._title)
        layout.addWidget(self._divider)
        for option in self._fields.values():
            layout.addWidget(option)
        layout.addWidget(self.more_button)
        layout.addWidget(self._hint, 1)
        layout.addStretch(0)
        layout.addWidget(self.tone_button)
        layout.addWidget(self.layers_button)
        for field, option in self._fields.items():
            option.picked.connect(lambda value, field=field: self._pick(field, value))
        self.set_palette(Palette(), ())
        self.set_tool("brush", "Brush")
        self.set_keys(default_keys)
        self.set_tokens(tokens)

    def set_tool(self, name: ToolName, title: str) -> None:
        """Show the options of a tool, under its title."""
        self._tool = name
        self._title.setText(title)
        self._hint.setText(HINTS.get(name, ""))
        self._picture.set_icon(icon(name, self._tokens))
        self._show_fields()

    def set_palette(self, palette: Palette, class_names: Sequence[str], class_colors: Sequence[str] = ()) -> None:
        """Show the values of all options; tells nobody.

        Args:
            palette: the values.
            class_names: of the classes that can be painted over, in index order.
            class_colors: ``#rrggbb`` of each; none shows names alone.
        """
        self._over.set_classes(class_names, class_colors)
        self._operation = palette.operation
        self._show_fields()  # first: the operation decides how far the amount reaches
        for field, option in self._fields.items():
            option.show_value(getattr(palette, field))

    def set_keys(self, keys: Keys) -> None:
        """Tell the keys that do the same now."""
        self.tone_button.setToolTip(tooltip(SPECS["contrast"], keys))
        self.layers_button.setToolTip(tooltip(SPECS["layers"], keys))
        pair = " and ".join(key for name in ("brush_smaller", "brush_larger") if (key := first_key(keys, name)))
        self._size.set_tip(f"Brush size in image pixels ({f'{pair}, ' if pair else ''}Shift+wheel)")

    def set_toned(self, toned: bool) -> None:
        """Mark the button of the contrast while the image is not seen as it is."""
        color = self._tokens.accent_text if toned else None
        self.tone_button.setIcon(icon("contrast", self._tokens, color=color))
        set_role(self.tone_button, toned=toned)

    def show_pressure(self) -> None:
        """Offer the option of pressure from now on: a pen was seen."""
        self._pen_seen = True
        self._show_fields()

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        self._picture.set_icon(icon(self._tool, tokens))
        self.set_toned(self.tone_button.property("toned") == "true")
        self.layers_button.setIcon(icon("layers", tokens))
        for option in self._fields.values():
            option.set_tokens(tokens)

    def minimumSizeHint(self) -> QSize:
        """Qt's virtual: what there is no room for is left out, so the window may be small."""
        return QSize(_LEAST_WIDTH, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt's virtual."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Leave out as little as the width asks for: words on buttons, the title, sliders; the last options at last."""
        shown = tuple(field for field in self._fields if self._has(field))
        situation = self.width(), shown, self._title.text(), self._operation
        if situation == self._fitted:
            return
        self._fitted = situation
        style = Qt.ToolButtonStyle
        for left_out in range(5 + len(shown)):
            for button in (self.tone_button, self.layers_button):
                button.setToolButtonStyle(style.ToolButtonIconOnly if left_out else style.ToolButtonTextBesideIcon)
            self._title.setVisible(left_out < 2)
            beside = shown[: len(shown) - max(0, left_out - 4)]
            for field in shown:
                self._fields[field].set_terse(left_out >= 3 and field in beside)
                self._fields[field].set_narrow(left_out >= 4 and field in beside)
            if self._needed([self._fields[field] for field in beside], more=beside != shown) <= self.width():
                break
        self._put_aside(shown[len(beside) :])

    def _put_aside(self, fields: Sequence[str]) -> None:
        """Have these options in the pop-up, all others in the bar."""
        self.more_button.setVisible(bool(fields))
        for at, (field, option) in enumerate(self._fields.items()):
            aside = self._aside.layout().indexOf(option) >= 0  # type: ignore[union-attr]  # it has one
            if field in fields and not aside:
                self._aside.layout().addWidget(option)  # type: ignore[union-attr]
            elif field not in fields and aside:
                self._row.insertWidget(_FIRST + at - self._count_aside(at), option)
            option.setVisible(self._has(field))

    def _count_aside(self, before: int) -> int:
        """How many of the options before one are in the pop-up."""
        layout = self._aside.layout()
        options = list(self._fields.values())[:before]
        return sum(layout is not None and layout.indexOf(option) >= 0 for option in options)

    def _has(self, field: str) -> bool:
        """Whether the tool in hand has an option."""
        hidden = (field == "pressure" and not self._pen_seen) or (field == "amount" and self._operation not in AMOUNTS)
        return field in OPTIONS.get(self._tool, ()) and not hidden

    def _needed(self, options: Sequence[QWidget], *, more: bool) -> int:
        """The least width with these options, in px; layouts would find it out only later."""
        parts = (self._picture, self._title, self._divider, self._hint, self.tone_button, self.layers_button)
        shown = [*(part for part in parts if not part.isHidden()), *options, *([self.more_button] if more else [])]
        widths = [max(part.minimumWidth(), part.minimumSizeHint().width()) for part in shown]
        return sum(widths) + len(widths) * self._row.spacing() + _MARGIN_LEFT + _MARGIN_RIGHT

    def _make_fields(self, tokens: Tokens) -> dict[str, Option]:
        return {
            "size": self._size,
            "shape": ShapeOption(tokens),
            "pressure": ToggleOption(
                "Pressure", "Pen pressure", "How hard a pen is pressed decides how wide the stroke is"
            ),
            "tolerance": NumberOption(
                "Tolerance", "Tolerance", "How far a colour may be from the one clicked (drag in the image)", 0, 255, ""
            ),
            "contiguous": ToggleOption(
                "Connected", "Connected only", "Only what touches the pixel clicked; otherwise all of the image"
            ),
            "softness": NumberOption(
                "Smooth", "Smooth outline", "Radius in image pixels that smooths the outline", 0, 20, slider=False
            ),
            "cell": NumberOption(
                "Cell", "Cell width", "Width of a superpixel in image pixels (Alt+wheel)", 4, 256, logarithmic=True
            ),
            "operation": OperationOption(),
            "amount": self._amount,
            "scope": ComboOption(
                "To",
                "Scope",
                "Only the region under the pointer, or every pixel of its class in the image (Shift+click)",
                (("This region", "region"), ("Whole class", "class")),
            ),
            "over": self._over,
        }

    def _show_fields(self) -> None:
        reach = AMOUNTS.get(self._operation)
        if reach is not None:
            self._amount.set_meaning(*reach)
        self._hint.setVisible(self._tool in HINTS)
        self._fit()

    def _pick(self, field: str, value: Any) -> None:
        amount = self._amount.value
        if field == "operation":
            self._operation = value
            self._show_fields()
        self.changed.emit(field, value)
        if self._amount.value != amount:  # the operation does not reach so far
            self.changed.emit("amount", self._amount.value)


def _pop_up_button(text: str) -> QToolButton:
    button = QToolButton()
    button.setText(f" {text}")  # the style leaves hardly any room between drawing and word
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setIconSize(QSize(16, 16))
    button.setFixedHeight(28)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setAccessibleName(text)
    return button


def _divider() -> QFrame:
    line = QFrame()
    set_role(line, role="rule")
    line.setFixedSize(1, 20)
    return line
