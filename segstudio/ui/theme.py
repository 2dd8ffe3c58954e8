"""The look: colours and measures of the dark and the light theme, put on the whole application at once."""

import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QToolTip

Mode = Literal["dark", "light", "system"]

FONT_PX = 13
SMALL_PX = 11
RADIUS = 6


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one theme, as ``#rrggbb``.

    Attributes:
        dark: whether light is on dark.
        canvas: behind the image; neutral, so that colours are judged right.
        window: bars and gaps.
        panel: side panels, bars, menus.
        raised: controls on a panel, and the same under the mouse and pressed.
        field: where one types or picks.
        line: between areas; `border`: around controls.
        text, quiet, disabled: three levels of text.
        icon: line icons at rest.
        accent: the one accent, its hovered and pressed shades, text on it, text in its colour, and a faint ground.
        danger, warning, success: for states, never for decoration.
        proposed: the state "a model has proposed".
        knob: of sliders, and the same under the mouse.
        tooltip: its ground; its text is near white in both themes.
    """

    dark: bool
    canvas: str
    window: str
    panel: str
    raised: str
    raised_hover: str
    raised_press: str
    field: str
    line: str
    border: str
    text: str
    quiet: str
    disabled: str
    icon: str
    accent: str
    accent_hover: str
    accent_press: str
    on_accent: str
    accent_text: str
    accent_ground: str
    danger: str
    warning: str
    success: str
    proposed: str
    knob: str
    knob_hover: str
    tooltip: str


DARK = Tokens(
    dark=True,
    canvas="#17181a",
    window="#1e1f22",
    panel="#26282c",
    raised="#313439",
    raised_hover="#3a3e44",
    raised_press="#2b2e32",
    field="#1e1f22",
    line="#34373c",
    border="#43474e",
    text="#e6e6e6",
    quiet="#9aa0a6",
    disabled="#5f646b",
    icon="#b9bec5",
    accent="#4c8dff",
    accent_hover="#669dff",
    accent_press="#3d7be8",
    on_accent="#0c1526",
    accent_text="#7eaeff",
    accent_ground="#2c3a52",
    danger="#f0716a",
    warning="#e6b450",
    success="#5fbf84",
    proposed="#7eaeff",
    knob="#d3d7dc",
    knob_hover="#ffffff",
    tooltip="#34373c",
)
LIGHT = Tokens(
    dark=False,
    canvas="#c9cbce",
    window="#eceef0",
    panel="#f8f9fa",
    raised="#ffffff",
    raised_hover="#eef0f3",
    raised_press="#e2e5e9",
    field="#ffffff",
    line="#dadde1",
    border="#c3c8ce",
    text="#1f2328",
    quiet="#5c6470",
    disabled="#a3a9b1",
    icon="#4a515b",
    accent="#1f6feb",
    accent_hover="#3a80ee",
    accent_press="#185dc9",
    on_accent="#ffffff",
    accent_text="#1a5fd0",
    accent_ground="#dbe8fd",
    danger="#b62f2a",
    warning="#855900",
    success="#166c2f",
    proposed="#1a5fd0",
    knob="#4a515b",
    knob_hover="#1f2328",
    tooltip="#1f2328",
)


def resource(name: str) -> Path:
    """A file or folder of ``resources/``: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "resources"
    return (inside if inside.is_dir() else package.parent / "resources") / name


def apply_theme(app: QApplication, mode: Mode) -> Tokens:
    """Put a theme on the application and everything in it.

    Args:
        app: the application.
        mode: ``system`` follows the desktop's own light or dark setting, dark when it has none.

    Returns:
        The colours now in force; give them to the widgets that paint with them (``set_tokens``).
    """
    hints = app.styleHints()
    if mode == "system":
        hints.unsetColorScheme()
        tokens = LIGHT if hints.colorScheme() == Qt.ColorScheme.Light else DARK
    else:
        tokens = LIGHT if mode == "light" else DARK
        hints.setColorScheme(Qt.ColorScheme.Light if mode == "light" else Qt.ColorScheme.Dark)
    if app.style().objectName() != "fusion":
        app.setStyle("fusion")
    app.setFont(ui_font())
    app.setPalette(palette(tokens))
    QToolTip.setFont(ui_font())
    QToolTip.setPalette(palette(tokens))
    app.setStyleSheet(stylesheet(tokens))
    return tokens


def ui_font(size: int = FONT_PX, *, bold: bool = False) -> QFont:
    """The system's font at a size in px."""
    font = QFont(QApplication.font())
    font.setPixelSize(size)
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return font


def palette(tokens: Tokens) -> QPalette:
    """The Qt palette of a theme."""
    role = QPalette.ColorRole
    colors = {
        role.Window: tokens.panel,
        role.WindowText: tokens.text,
        role.Base: tokens.field,
        role.AlternateBase: tokens.panel,
        role.ToolTipBase: tokens.tooltip,
        role.ToolTipText: "#f2f2f2",
        role.PlaceholderText: tokens.quiet,
        role.Text: tokens.text,
        role.Button: tokens.raised,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.danger,
        role.Link: tokens.accent_text,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.on_accent,
        role.Light: tokens.raised_hover,
        role.Midlight: tokens.raised,
        role.Mid: tokens.border,
        role.Dark: tokens.line,
        role.Shadow: tokens.line,
    }
    result = QPalette()
    for which, color in colors.items():
        result.setColor(which, QColor(color))
    for which in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        result.setColor(QPalette.ColorGroup.Disabled, which, QColor(tokens.disabled))
    return result


@cache
def stylesheet(tokens: Tokens) -> str:
    """The one style sheet, ``resources/themes/segstudio.qss``, with ``@name@`` replaced by the theme's colours."""
    values: dict[str, object] = {field.name: getattr(tokens, field.name) for field in fields(tokens)}
    values |= {"font": FONT_PX, "small": SMALL_PX, "radius": RADIUS, "themes": resource("themes").as_posix()}
    values["scheme"] = "dark" if tokens.dark else "light"
    text = resource("themes/segstudio.qss").read_text(encoding="utf-8")
    return re.sub(r"@(\w+)@", lambda found: str(values[found.group(1)]), text)


def mix(first: str, second: str, share: float) -> QColor:
    """The colour ``share`` of the way from ``first`` to ``second``."""
    a, b = QColor(first), QColor(second)
    return QColor.fromRgbF(
        a.redF() + (b.redF() - a.redF()) * share,
        a.greenF() + (b.greenF() - a.greenF()) * share,
        a.blueF() + (b.blueF() - a.blueF()) * share,
    )
