"""Theme, icons, and what every control owes to those who cannot see or guess."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QAction, QColor, QIcon, QImage
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from segstudio.core.classes import ClassTable
from segstudio.storage.project import ImageRecord, ModelRecord
from segstudio.ui.dialogs.crash import CrashDialog
from segstudio.ui.dialogs.new_project import NewProjectDialog
from segstudio.ui.dialogs.shortcuts import ShortcutsDialog
from segstudio.ui.icons import icon, icon_names, logo
from segstudio.ui.option_spec import Choice
from segstudio.ui.panels.classes import ClassPanel
from segstudio.ui.panels.history import HistoryPanel
from segstudio.ui.panels.images import ImageStrip
from segstudio.ui.panels.model import ModelPanel
from segstudio.ui.panels.options import ToolOptions
from segstudio.ui.panels.review import ReviewPanel
from segstudio.ui.panels.side import NARROW, SideBar
from segstudio.ui.panels.status import StatusLine
from segstudio.ui.start import RecentProject, StartScreen
from segstudio.ui.starts import Offers
from segstudio.ui.theme import DARK, LIGHT, Mode, Tokens, apply_theme, resource, stylesheet

CONTROLS = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit)
Make = Callable[..., QWidget]


def review(actions: dict[str, QAction]) -> ReviewPanel:
    return ReviewPanel(
        accept_region=actions["accept_region"],
        accept_all=actions["accept_all"],
        reject_region=actions["reject_region"],
        mark_reviewed=actions["mark_reviewed"],
    )


@pytest.fixture
def deeds(qapp: QApplication) -> dict[str, QAction]:
    made = {name: QAction(name, qapp) for name in ("accept_region", "accept_all", "reject_region", "mark_reviewed")}
    for name, action in made.items():
        action.setToolTip(f"{name} (key)")
    return made


@pytest.fixture
def everything(
    tokens: Tokens,
    deeds: dict[str, QAction],
    record: Callable[..., ImageRecord],
    model_record: Callable[..., ModelRecord],
    tmp_path: Path,
) -> list[QWidget]:
    """One of each widget, filled."""
    classes, model, strip, start = ClassPanel(tokens), ModelPanel(tokens), ImageStrip(tokens), StartScreen(tokens)
    classes.set_classes(ClassTable.of([f"class {at}" for at in range(12)]), 3)
    model.set_offers(Offers((Choice("a", "A"), Choice("b", "B", here=False))))
    model.set_models([model_record(f"m{at}", 0.5, in_use=at == 1) for at in range(7)])
    strip.set_records([record("a"), record("b", "reviewed")])
    start.set_recent([RecentProject(tmp_path), RecentProject(tmp_path / "gone", missing=True)])
    widgets: list[QWidget] = [
        classes, model, strip, start, review(deeds), ToolOptions(tokens), StatusLine(tokens),
        NewProjectDialog(None, tokens), CrashDialog("report", tmp_path / "log", tokens),
        ShortcutsDialog(lambda _name: ("X",)),
    ]  # fmt: skip
    return widgets


def test_every_control_has_a_name_and_a_tooltip(everything: list[QWidget], qtbot: QtBot) -> None:
    seen = 0
    for widget in everything:
        qtbot.addWidget(widget)
        for control in (child for kind in CONTROLS for child in widget.findChildren(kind)):
            # part of a compound control
            inner = isinstance(control.parent(), (QAbstractSpinBox, QComboBox, QLineEdit))
            if isinstance(control, QScrollBar) or inner or control.objectName().startswith("qt_"):
                continue
            where = f"{type(widget).__name__}: {type(control).__name__}"
            assert control.accessibleName(), where
            assert control.toolTip(), f"{where} {control.accessibleName()}"
            seen += 1
    assert seen > 60


@pytest.mark.parametrize("width", [240, 296, 360])
def test_nothing_in_the_side_bar_is_cut_off(
    tokens: Tokens, deeds: dict[str, QAction], qtbot: QtBot, width: int
) -> None:
    classes, model = ClassPanel(tokens), ModelPanel(tokens)
    classes.set_classes(ClassTable.of(["background", "a class with a name far too long for any side bar"]), 0)
    model.set_offers(Offers((Choice("a", "A backbone with a name far too long for any side bar"),)))
    bar = SideBar(classes=classes, model=model, history=HistoryPanel(tokens), review=review(deeds))
    qtbot.addWidget(bar)
    bar.resize(width, 700)
    with qtbot.waitExposed(bar):
        bar.show()
    assert bar.width() == width >= NARROW
    for kind in CONTROLS:
        for control in bar.findChildren(kind):
            if control.isVisible() and not isinstance(control, QScrollBar):
                corner = control.mapTo(bar, control.rect().bottomRight())
                assert corner.x() < width, control.accessibleName()


def test_the_side_bar_fits_a_small_window(tokens: Tokens, deeds: dict[str, QAction], qtbot: QtBot) -> None:
    classes = ClassPanel(tokens)
    classes.set_classes(ClassTable.of([f"class {at}" for at in range(40)]), 0)
    bar = SideBar(classes=classes, model=ModelPanel(tokens), history=HistoryPanel(tokens), review=review(deeds))
    qtbot.addWidget(bar)
    assert bar.minimumSizeHint().height() <= 480


def test_both_themes_fill_every_place_in_the_style_sheet() -> None:
    for tokens in (DARK, LIGHT):
        text = stylesheet(tokens)
        assert "@" not in text
        for path in re.findall(r"url\(([^)]+)\)", text):
            assert Path(path).is_file(), path


def contrast(first: str, second: str) -> float:
    """WCAG 2.1 contrast ratio."""

    def luminance(color: str) -> float:
        parts = (QColor(color).redF(), QColor(color).greenF(), QColor(color).blueF())
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
def test_text_can_be_read(tokens: Tokens) -> None:
    for ground in (tokens.window, tokens.panel, tokens.field):
        for text in (tokens.text, tokens.quiet, tokens.accent_text, tokens.danger, tokens.warning, tokens.success):
            assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast(tokens.on_accent, tokens.accent) >= 4.5
    assert contrast(tokens.text, tokens.accent_ground) >= 4.5
    assert contrast(tokens.icon, tokens.panel) >= 3


def test_a_theme_can_be_changed_at_any_time(qapp: QApplication, everything: list[QWidget], qtbot: QtBot) -> None:
    for widget in everything:
        qtbot.addWidget(widget)
    modes: tuple[Mode, ...] = ("light", "dark", "system")
    for mode in modes:
        tokens = apply_theme(qapp, mode)
        for widget in everything:
            if hasattr(widget, "set_tokens"):
                widget.set_tokens(tokens)
            widget.grab()
    assert apply_theme(qapp, "light") == LIGHT
    assert qapp.palette().window().color() == QColor(LIGHT.panel)
    assert apply_theme(qapp, "dark") == DARK


def pixels(
    picture: QIcon, side: int, mode: QIcon.Mode = QIcon.Mode.Normal, state: QIcon.State = QIcon.State.Off
) -> QImage:
    return picture.pixmap(QSize(side, side), 1.0, mode, state).toImage()


@pytest.mark.parametrize("name", sorted(icon_names()))
def test_icons_are_drawn_for_the_pixels_they_land_on(name: str, qapp: QApplication) -> None:
    assert qapp is not None
    text = resource(f"icons/{name}.svg").read_text()
    assert 'viewBox="0 0 24 24"' in text
    assert "currentColor" in text
    drawn = icon(name, DARK)
    for ratio in (1.0, 1.5, 2.0):
        picture = drawn.pixmap(QSize(20, 20), ratio)
        assert picture.size() == QSize(round(20 * ratio), round(20 * ratio))
    image = pixels(drawn, 24)
    lit = [(x, y) for x in range(24) for y in range(24) if image.pixelColor(x, y).alpha() > 40]
    assert len(lit) > 15
    assert all(1 <= x <= 22 and 1 <= y <= 22 for x, y in lit), "it keeps a margin of one pixel"


def strongest(image: QImage) -> QColor:
    return max((image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())), key=QColor.alpha)


def test_icons_show_their_state(qapp: QApplication) -> None:
    assert qapp is not None
    drawn = icon("stop", DARK)
    assert strongest(pixels(drawn, 24)) == QColor(DARK.icon)
    assert strongest(pixels(drawn, 24, QIcon.Mode.Disabled)) == QColor(DARK.disabled)
    assert strongest(pixels(drawn, 24, QIcon.Mode.Active)) == QColor(DARK.text)
    assert strongest(pixels(drawn, 24, QIcon.Mode.Normal, QIcon.State.On)) == QColor(DARK.accent_text)
    other = icon("eye", DARK, off="eye-off", checked=DARK.icon)
    assert pixels(other, 24) != pixels(other, 24, QIcon.Mode.Normal, QIcon.State.On)
    assert not logo().pixmap(QSize(64, 64)).isNull()


def test_an_unknown_icon_is_a_mistake_said_at_once(qapp: QApplication) -> None:
    assert qapp is not None
    with pytest.raises(KeyError, match="no icon 'unicorn'"):
        icon("unicorn", DARK)
