"""The pop-up of layers."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QSlider, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from segstudio.core.render import LayerStyle
from segstudio.ui.panels.layers import LayersPanel
from segstudio.ui.theme import LIGHT, Tokens


@pytest.fixture
def panel(qtbot: QtBot, tokens: Tokens) -> LayersPanel:
    made = LayersPanel(tokens)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def button(panel: QWidget, name: str) -> QAbstractButton:
    return next(found for found in panel.findChildren(QAbstractButton) if found.accessibleName() == name)


def slider(panel: QWidget, name: str) -> QSlider:
    return next(found for found in panel.findChildren(QSlider) if found.accessibleName() == name)


def heard(panel: LayersPanel) -> list[LayerStyle]:
    said: list[LayerStyle] = []
    panel.style_changed.connect(said.append)
    return said


def test_showing_a_style_tells_nobody(panel: LayersPanel) -> None:
    said = heard(panel)
    style = LayerStyle(
        annotation_opacity=0.25,
        proposal_opacity=1.0,
        show_proposal=False,
        annotation_look="contour",
        proposal_look="fill",
        threshold=77,
    )
    panel.set_style(style)
    assert said == []
    assert panel.layer_style == style
    assert slider(panel, "Annotation opacity").value() == 25
    assert slider(panel, "Proposal opacity").value() == 100
    assert button(panel, "Annotation as contour").isChecked()
    assert button(panel, "Proposal as fill").isChecked()
    assert button(panel, "Show annotation").isChecked()
    assert not button(panel, "Show proposal").isChecked()
    assert {"25 %", "100 %"} <= {label.text() for label in panel.findChildren(QLabel)}


def test_each_control_changes_its_own_field(panel: LayersPanel) -> None:
    start = LayerStyle(threshold=40)
    panel.set_style(start)
    said = heard(panel)
    button(panel, "Annotation as both").click()
    button(panel, "Proposal as contour").click()
    slider(panel, "Annotation opacity").setValue(80)
    slider(panel, "Proposal opacity").setValue(0)
    button(panel, "Show annotation").click()
    button(panel, "Show proposal").click()
    fields = (
        {"annotation_look": "both"},
        {"proposal_look": "contour"},
        {"annotation_opacity": 0.8},
        {"proposal_opacity": 0.0},
        {"show_annotation": False},
        {"show_proposal": False},
    )
    expected = []
    for change in fields:
        start = replace(start, **change)
        expected.append(start)
    assert said == expected


def test_the_look_in_force_can_be_clicked_again(panel: LayersPanel) -> None:
    said = heard(panel)
    button(panel, "Annotation as fill").click()
    assert said == []
    assert button(panel, "Annotation as fill").isChecked()


def test_what_is_hidden_has_nothing_to_set_but_its_eye(panel: LayersPanel) -> None:
    panel.set_style(LayerStyle(show_annotation=False))
    assert not slider(panel, "Annotation opacity").isEnabled()
    assert not button(panel, "Annotation as both").isEnabled()
    assert button(panel, "Show annotation").isEnabled()
    assert slider(panel, "Proposal opacity").isEnabled()


def test_reset_keeps_what_is_set_elsewhere(panel: LayersPanel) -> None:
    panel.set_style(LayerStyle(threshold=200))
    assert not button(panel, "Reset").isEnabled()
    panel.set_style(LayerStyle(threshold=200, annotation_look="both", proposal_opacity=0.1))
    said = heard(panel)
    button(panel, "Reset").click()
    assert said == [LayerStyle(threshold=200)]
    assert not button(panel, "Reset").isEnabled()


def test_every_control_has_a_name_and_a_tooltip(panel: LayersPanel) -> None:
    controls = [*panel.findChildren(QAbstractButton), *panel.findChildren(QSlider)]
    assert len(controls) == 11
    assert all(control.accessibleName() and control.toolTip() for control in controls)
    assert len({control.accessibleName() for control in controls}) == len(controls)


def test_it_opens_below_its_button_inside_the_screen_and_goes_at_escape(
    qtbot: QtBot, tokens: Tokens, panel: LayersPanel
) -> None:
    window = QWidget()
    window.resize(400, 200)
    anchor = QToolButton(window)
    anchor.setGeometry(360, 8, 30, 28)
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    panel.hide()
    panel.open_under(anchor)
    room = anchor.screen().availableGeometry()
    assert panel.isVisible()
    assert room.contains(panel.geometry())
    assert panel.y() >= anchor.mapToGlobal(anchor.rect().bottomLeft()).y()
    QTest.keyClick(panel, Qt.Key.Key_Escape)
    assert not panel.isVisible()
    assert tokens.dark


def test_it_follows_the_theme(panel: LayersPanel) -> None:
    before = button(panel, "Show annotation").icon().pixmap(16, 16).toImage()
    panel.set_tokens(LIGHT)
    QApplication.sendPostedEvents(None, QEvent.Type.Paint)
    assert button(panel, "Show annotation").icon().pixmap(16, 16).toImage() != before
