"""The pop-up of contrast."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QLineEdit, QSlider, QWidget
from pytestqt.qtbot import QtBot

from segstudio.core.tone import PRESETS, Hounsfield, Tone, Window
from segstudio.ui.panels.histogram import Histogram
from segstudio.ui.panels.tone import SAMPLE, TonePanel
from segstudio.ui.theme import DARK, LIGHT, Tokens

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=2)
FLOAT = np.linspace(-1000, 1000, 400, dtype=np.float32).reshape(20, 20)


@pytest.fixture
def panel(qtbot: QtBot, tokens: Tokens) -> TonePanel:
    made = TonePanel(tokens)
    made.set_image(GREY, (0, 255), np.uint8)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def field(panel: QWidget, name: str) -> QLineEdit:
    return next(found for found in panel.findChildren(QLineEdit) if found.accessibleName() == name)


def slider(panel: QWidget, name: str) -> QSlider:
    return next(found for found in panel.findChildren(QSlider) if found.accessibleName() == name)


def button(panel: QWidget, name: str) -> QAbstractButton:
    return next(found for found in panel.findChildren(QAbstractButton) if found.accessibleName() == name)


def heard(panel: TonePanel) -> list[Tone]:
    said: list[Tone] = []
    panel.tone_changed.connect(said.append)
    return said


def window_of(said: list[Tone]) -> Window:
    """What was told last."""
    window = said[-1].window
    assert window is not None
    return window


def drag(widget: QWidget, *points: tuple[float, float]) -> None:
    """Press at the first point, move over the others, let go at the last."""
    left, none, plain = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    press, move, release = QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove, QEvent.Type.MouseButtonRelease
    steps = [(press, points[0], left, left)]
    steps += [(move, at, none, left) for at in points[1:]]
    steps.append((release, points[-1], left, none))
    for kind, at, which, held in steps:
        place = QPointF(*at)
        QApplication.sendEvent(widget, QMouseEvent(kind, place, widget.mapToGlobal(place), which, held, plain))


def place(histogram: Histogram, share: float) -> float:
    """Where a share of the span lies, in px."""
    return 6 + share * (histogram.width() - 12)


def test_showing_tells_nobody(panel: TonePanel) -> None:
    said = heard(panel)
    tone = Tone(window=(10, 90), brightness=0.5, contrast=-0.25, gamma=2, inverted=True, channel=1)
    panel.set_tone(tone)
    for pixels, window in ((COLOUR, (0, 255)), (FLOAT, (-5.0, 5.0)), (None, (0.0, 1.0)), (COLOUR, (0, 255))):
        panel.set_image(pixels, window, np.uint8 if pixels is None else pixels.dtype)
    assert said == []
    assert panel.tone == tone
    assert field(panel, "Black").text() == "10"
    assert field(panel, "White").text() == "90"
    assert slider(panel, "Brightness").value() == 50
    assert slider(panel, "Contrast").value() == -25
    assert button(panel, "Inverted").isChecked()
    assert button(panel, "Green channel").isChecked()
    assert {"+50", "-25", "2.00"} <= {label.text() for label in panel.findChildren(QLabel)}


def test_every_control_tells_the_tone(panel: TonePanel) -> None:
    panel.set_image(COLOUR, (0, 255), np.uint8)
    said = heard(panel)
    slider(panel, "Brightness").setValue(20)
    slider(panel, "Contrast").setValue(-40)
    slider(panel, "Gamma").setValue(100)
    button(panel, "Inverted").click()
    button(panel, "Blue channel").click()
    button(panel, "All channels").click()
    assert said[-2] == Tone(brightness=0.2, contrast=-0.4, gamma=10, inverted=True, channel=2)
    assert said[-1].channel is None
    assert len(said) == 6
    button(panel, "Reset").click()
    assert said[-1] == Tone()
    assert not button(panel, "Reset").isEnabled()
    assert slider(panel, "Gamma").value() == 0


def test_a_double_click_takes_a_slider_back(panel: TonePanel) -> None:
    panel.set_tone(Tone(gamma=3, brightness=0.3))
    said = heard(panel)
    QTest.mouseDClick(slider(panel, "Gamma"), Qt.MouseButton.LeftButton)
    assert said[-1] == Tone(brightness=0.3)


def test_black_and_white_are_dragged(panel: TonePanel) -> None:
    said = heard(panel)
    histogram = panel.findChild(Histogram)
    assert isinstance(histogram, Histogram)
    low = histogram.height() - 4
    drag(histogram, (place(histogram, 0), low), (place(histogram, 0.1), low), (place(histogram, 0.2), low))
    assert window_of(said) == (51, 255)
    drag(histogram, (place(histogram, 1), low), (place(histogram, 0.6), low))
    assert window_of(said) == (51, 153)
    drag(histogram, (place(histogram, 0.4), 40), (place(histogram, 0.3), 40), (place(histogram, 0.5), 40))
    low_value, high_value = window_of(said)
    assert high_value - low_value == 102
    assert abs(low_value - 76.5) < 1.5
    assert field(panel, "Black").text() == f"{low_value:.0f}"


def test_black_never_passes_white(panel: TonePanel) -> None:
    histogram = panel.findChild(Histogram)
    assert isinstance(histogram, Histogram)
    panel.set_tone(Tone(window=(100, 120)))
    said = heard(panel)
    low = histogram.height() - 4
    drag(histogram, (place(histogram, 100 / 255), low), (place(histogram, 0.9), low), (histogram.width() + 500, low))
    assert window_of(said) == (119, 120)
    drag(histogram, (place(histogram, 120 / 255) + 3, low), (-500, low))
    assert window_of(said) == (119, 120)
    assert all(tone.window is not None and tone.window[0] < tone.window[1] for tone in said)


def test_the_marks_are_moved_with_the_keyboard(panel: TonePanel) -> None:
    histogram = panel.findChild(Histogram)
    assert isinstance(histogram, Histogram)
    said = heard(panel)
    QTest.keyClick(histogram, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(histogram, Qt.Key.Key_Up)
    QTest.keyClick(histogram, Qt.Key.Key_Left)
    assert [tone.window for tone in said] == [(10, 255), (10, 254)]


def test_black_and_white_are_typed(panel: TonePanel) -> None:
    said = heard(panel)
    black, white = field(panel, "Black"), field(panel, "White")
    for box, text in ((black, "30"), (white, "20"), (white, "bright"), (white, "nan"), (white, "200,5")):
        box.setText(text)
        QTest.keyClick(box, Qt.Key.Key_Return)
    assert [tone.window for tone in said] == [(30, 255), (30, 200.5)]


def test_auto_takes_the_percentiles(panel: TonePanel) -> None:
    panel.set_image(FLOAT, (-5000.0, 5000.0), np.float32)
    said = heard(panel)
    button(panel, "Auto").click()
    assert window_of(said) == pytest.approx((-990.0, 990.0))
    panel.set_image(None, (0.0, 1.0), np.uint8)
    assert not button(panel, "Auto").isEnabled()


@pytest.mark.parametrize(("tail", "window"), [("0.1 %", (-998.0, 998.0)), ("2 %", (-960.0, 960.0))])
def test_what_auto_leaves_out_can_be_chosen(panel: TonePanel, tail: str, window: Window) -> None:
    panel.set_image(FLOAT, (-5000.0, 5000.0), np.float32)
    said = heard(panel)
    tails = combo(panel, "Left out by Auto")
    tails.setCurrentText(tail)
    tails.activated.emit(tails.currentIndex())
    assert window_of(said) == pytest.approx(window)
    other = TonePanel(DARK)
    other.restore(panel.kept())
    assert other.tail == panel.tail
    other.deleteLater()


def combo(panel: QWidget, name: str) -> QComboBox:
    return next(found for found in panel.findChildren(QComboBox) if found.accessibleName() == name)


def titles(presets: QComboBox) -> list[str]:
    return [presets.itemText(at) for at in range(presets.count()) if presets.itemText(at)]


def save(panel: TonePanel, name: str) -> None:
    button(panel, "Save").click()
    editor = field(panel, "Name of this window")
    assert editor.isVisible()
    editor.clear()
    QTest.keyClicks(editor, name)
    QTest.keyClick(editor, Qt.Key.Key_Return)


def test_a_window_is_saved_under_a_name_for_images_of_its_depth(panel: TonePanel) -> None:
    presets = combo(panel, "Preset")
    panel.set_tone(Tone(window=(20.0, 90.0)))
    assert presets.currentIndex() == -1
    save(panel, "bright cells")
    assert presets.currentText() == "bright cells"
    panel.set_tone(Tone(window=(1.0, 2.0)))
    save(panel, "dark")
    said = heard(panel)
    presets.setCurrentText("bright cells")
    presets.activated.emit(presets.currentIndex())
    assert said == [Tone(window=(20.0, 90.0))]
    panel.set_image(FLOAT, (-1000.0, 1000.0), np.float32)
    assert titles(presets) == ["The image's own"]
    other = TonePanel(DARK)
    other.restore(panel.kept())
    other.set_image(GREY, (0, 255), np.uint8)
    assert titles(combo(other, "Preset")) == ["The image's own", "bright cells", "dark"]
    other.deleteLater()


def test_a_preset_of_ones_own_is_replaced_and_removed(panel: TonePanel) -> None:
    presets, remove = combo(panel, "Preset"), button(panel, "Remove")
    assert not remove.isEnabled()
    for window in ((20.0, 90.0), (30.0, 80.0)):
        panel.set_tone(Tone(window=window))
        save(panel, "cells")
    assert titles(presets) == ["The image's own", "cells"]
    assert remove.isEnabled()
    remove.click()
    assert titles(presets) == ["The image's own"]
    assert panel.tone.window == (30.0, 80.0)  # how the image is seen stays
    button(panel, "Save").click()
    QTest.keyClick(field(panel, "Name of this window"), Qt.Key.Key_Escape)
    assert presets.isVisible()
    assert panel.isVisible()


@pytest.mark.parametrize("kept", [None, 3, {"presets": [3, {"name": ""}, {"name": "a", "window": [2, 1]}]}])
def test_presets_that_are_none_are_left_out(panel: TonePanel, kept: object) -> None:
    panel.restore(kept)
    assert panel.kept() == {"presets": [], "tail": 0.5}


def test_presets_in_hounsfield_units_are_for_computed_tomography(panel: TonePanel) -> None:
    presets = combo(panel, "Preset")
    panel.set_image(FLOAT, (-1000.0, 1000.0), np.float32)
    assert presets.count() == 1
    panel.set_image(FLOAT, (-1000.0, 1000.0), np.float32, Hounsfield(2.0, -1024.0))
    assert len(titles(presets)) == len(PRESETS) + 1
    said = heard(panel)
    presets.setCurrentIndex(3)
    presets.activated.emit(3)
    low, high = PRESETS[1].window
    assert said == [Tone(window=((low + 1024) / 2, (high + 1024) / 2))]
    assert PRESETS[1].name in presets.currentText()
    panel.set_tone(Tone(window=(1.0, 2.0)))
    assert presets.currentIndex() == -1
    presets.activated.emit(0)
    assert said[-1].window is None


def test_channels_are_for_colour_images(panel: TonePanel) -> None:
    panel.set_tone(Tone(channel=0))
    assert not button(panel, "Red channel").isVisible()
    panel.set_image(COLOUR, (0, 255), np.uint8)
    assert button(panel, "Red channel").isVisible()
    assert button(panel, "Red channel").isChecked()


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (3000, 2000), (20000, 30), (2, 3, 3)])
def test_images_of_any_size_and_value_are_taken(panel: TonePanel, shape: tuple[int, ...]) -> None:
    said = heard(panel)
    for pixels, window in (
        (np.zeros(shape, np.uint16), (0.0, 1.0)),
        (np.full(shape, np.nan, np.float32), (0.0, 1.0)),
        (np.full(shape, 1e-9, np.float32), (1e-9, 2e-9)),
        (np.full(shape, 3e38, np.float32), (-3e38, 3e38)),
    ):
        panel.set_image(pixels, window, pixels.dtype)
        assert not panel.grab().isNull()
    assert said == []


def test_an_image_is_neither_kept_nor_counted_whole(tokens: Tokens, qtbot: QtBot) -> None:
    large = np.zeros((4000, 3000), np.uint8)
    made = TonePanel(tokens)
    qtbot.addWidget(made)
    made.set_image(large, (0, 255), np.uint8)
    kept = made._sample
    assert kept is not None
    assert not np.shares_memory(kept, large)
    assert SAMPLE / 4 <= kept.size <= 1.3 * SAMPLE


def test_the_histogram_shows_the_image(panel: TonePanel, tokens: Tokens) -> None:
    histogram = panel.findChild(Histogram)
    assert isinstance(histogram, Histogram)
    flat = histogram.grab().toImage()
    panel.set_image(np.full((9, 9), 120, np.uint8), (0, 255), np.uint8)
    peak = histogram.grab().toImage()
    panel.set_image(COLOUR, (0, 255), np.uint8)
    colour = histogram.grab().toImage()
    panel.set_tokens(LIGHT)
    assert tokens.dark
    assert len({flat.cacheKey(), peak.cacheKey(), colour.cacheKey()}) == 3
    assert flat != peak
    assert peak != colour
    assert colour != histogram.grab().toImage()


def test_every_control_has_a_name_and_a_tooltip(panel: TonePanel) -> None:
    kinds = (QAbstractButton, QSlider, QComboBox, QLineEdit, Histogram)
    controls = [found for kind in kinds for found in panel.findChildren(kind)]
    assert len(controls) == 18
    assert all(control.accessibleName() and control.toolTip() for control in controls)
