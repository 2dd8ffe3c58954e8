"""The pop-up in which a person sets how the image is seen: histogram, window, brightness, contrast, gamma, channel."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from segstudio.core.arrays import Pixels
from segstudio.core.tone import BINS, PRESETS, Tone, Window, auto_window, histogram, value_span
from segstudio.errors import UsageError
from segstudio.ui.panels.histogram import Histogram
from segstudio.ui.panels.parts import (
    KeyKeeper,
    Slider,
    combo,
    describe,
    heading,
    push_button,
    quietly,
    text_label,
)
from segstudio.ui.panels.popup import PopUp
from segstudio.ui.theme import Tokens

WIDTH = 328
SAMPLE = 2**18  # pixels a histogram is counted from

_CHANNELS: tuple[tuple[str, str, int | None], ...] = (
    ("All", "All channels", None),
    ("Red", "Red channel", 0),
    ("Green", "Green channel", 1),
    ("Blue", "Blue channel", 2),
)
_WINDOWS: tuple[Window | None, ...] = (None, *(preset.window for preset in PRESETS))
_LONG = 1e9  # values from here on are written with an exponent


class TonePanel(PopUp):
    """How the image is seen; what tools and network read stays as it is.

    Signals:
        tone_changed(object): a person chose another `Tone`.
    """

    tone_changed = Signal(object)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__("Contrast", WIDTH, parent)
        self._tone = Tone()
        self._sample: Pixels | None = None
        self._image_window: Window = (0.0, 255.0)
        self._dtype: np.dtype[Any] = np.dtype(np.uint8)
        self._counted = True
        self._histogram = Histogram(tokens)
        self._histogram.window_changed.connect(lambda low, high: self._choose(window=(low, high)))
        self._black = _ValueBox("Black", "Values up to here are shown black")
        self._white = _ValueBox("White", "Values from here on are shown white")
        self._black.picked.connect(lambda value: self._type(value, self._window[1]))
        self._white.picked.connect(lambda value: self._type(self._window[0], value))
        self._presets = combo("Preset", "Customary windows of computed tomography, in Hounsfield units")
        self._presets.setPlaceholderText("A window of your own")
        self._presets.addItem("The image's own window")
        self._presets.addItems([f"{preset.name}  {preset.width:g} / {preset.centre:g}" for preset in PRESETS])
        self._presets.activated.connect(self._take_preset)
        self._auto = push_button("Auto", "Black and white at the 0.5 and 99.5 percentile of the image", "small")
        self._auto.clicked.connect(self.take_auto)
        self._reset = push_button("Reset", "Show the image as the tools and the network see it", "small")
        self._reset.clicked.connect(lambda: self._take(Tone()))
        self._sliders = {
            "brightness": _ToneSlider("Brightness", tokens, _Scale(100, lambda at: at / 100, lambda v: v * 100)),
            "contrast": _ToneSlider("Contrast", tokens, _Scale(100, lambda at: at / 100, lambda v: v * 100)),
            "gamma": _ToneSlider(
                "Gamma", tokens, _Scale(100, lambda at: round(10 ** (at / 100), 2), lambda v: 100 * math.log10(v), 1.0)
            ),
        }
        for field, slider in self._sliders.items():
            slider.picked.connect(lambda value, field=field: self._choose(**{field: value}))
        self._inverted = QCheckBox("Inverted")
        self._inverted.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        describe(self._inverted, "Inverted", "Show black as white and white as black")
        self._inverted.clicked.connect(lambda on: self._choose(inverted=on))
        self._channels = self._make_channels()
        self._lay_out()
        self._show()

    @property
    def tone(self) -> Tone:
        """What is shown."""
        return self._tone

    def set_tone(self, tone: Tone) -> None:
        """Show a tone; tells nobody."""
        self._tone = tone
        self._show()

    def set_image(self, sample: Pixels | None, window: Window, dtype: npt.DTypeLike) -> None:
        """Show the values of an image; tells nobody.

        Args:
            sample: ``(h, w)`` or ``(h, w, 3)`` in the image's own values, thinned out and copied; None: no image.
            window: the values the image itself shows as black and as white.
            dtype: of the image.
        """
        self._sample = None if sample is None else _thinned(sample)
        self._dtype = np.dtype(dtype)
        self._image_window = (0.0, 255.0) if self._dtype == np.uint8 else window
        self._counted = False
        self._show()

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._histogram.set_tokens(tokens)
        for slider in self._sliders.values():
            slider.set_tokens(tokens)

    def take_auto(self) -> None:
        """Black and white at the darkest and lightest half percent of the image; as if a person had clicked."""
        if self._sample is not None:
            self._choose(window=auto_window(self._sample))

    def showEvent(self, event: QShowEvent) -> None:
        """Qt's virtual: values are counted when somebody looks."""
        super().showEvent(event)
        self._show()

    def _make_channels(self) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self._group = QButtonGroup(row)
        for at, (text, name, _channel) in enumerate(_CHANNELS):
            button = push_button(text, f"Show {name[0].lower()}{name[1:]} of the image", "small")
            button.setCheckable(True)
            button.setAccessibleName(name)
            self._group.addButton(button, at)
            layout.addWidget(button, 1)
        self._group.idClicked.connect(lambda at: self._choose(channel=_CHANNELS[at][2]))
        return row

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(heading("Contrast"), 1)
        top.addWidget(self._auto)
        top.addWidget(self._reset)
        ends = QHBoxLayout()
        ends.setSpacing(8)
        ends.addWidget(text_label("Black", "lead"))
        ends.addWidget(self._black)
        ends.addStretch(1)
        ends.addWidget(text_label("White", "lead"))
        ends.addWidget(self._white)
        rows = QGridLayout()
        rows.setHorizontalSpacing(8)
        rows.setVerticalSpacing(4)
        rows.setColumnStretch(1, 1)
        for at, slider in enumerate(self._sliders.values()):
            for column, part in enumerate((slider.label, slider, slider.figure)):
                rows.addWidget(part, at, column)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self._histogram)
        layout.addLayout(ends)
        layout.addWidget(self._presets)
        layout.addLayout(rows)
        layout.addWidget(self._channels)
        layout.addWidget(self._inverted)

    def _choose(self, **fields: Any) -> None:
        self._take(replace(self._tone, **fields))

    def _take(self, tone: Tone) -> None:
        if tone != self._tone:
            self.set_tone(tone)
            self.tone_changed.emit(tone)

    def _take_preset(self, at: int) -> None:
        self._choose(window=_WINDOWS[at])

    def _type(self, low: float, high: float) -> None:
        try:
            self._choose(window=(low, high))
        except UsageError:  # black above white: the fields show again what holds
            self._show()

    @property
    def _window(self) -> Window:
        return self._tone.window or self._image_window

    def _show(self) -> None:
        tone = self._tone
        if self.isVisible() and not self._counted:
            self._count()
        self._histogram.set_window(self._window)
        width = self._image_window[1] - self._image_window[0]
        decimals = 0 if self._dtype.kind == "u" else min(9, max(0, 3 - math.floor(math.log10(width))))
        for box, value in zip((self._black, self._white), self._window, strict=True):
            box.show_value(value, decimals)
        for field, slider in self._sliders.items():
            slider.show_value(getattr(tone, field))
        self._inverted.setChecked(tone.inverted)
        channel = tone.channel if self._sample is not None and self._sample.ndim == 3 else None
        self._group.button([one[2] for one in _CHANNELS].index(channel)).setChecked(True)
        self._channels.setVisible(self._sample is not None and self._sample.ndim == 3)
        self._presets.setVisible(self._dtype != np.uint8)
        self._presets.setCurrentIndex(_WINDOWS.index(tone.window) if tone.window in _WINDOWS else -1)
        self._auto.setEnabled(self._sample is not None)
        self._reset.setEnabled(not tone.neutral)

    def _count(self) -> None:
        self._counted = True
        if self._sample is None:
            self._histogram.set_counts(None, self._image_window)
            return
        span = value_span(self._sample, self._image_window)
        self._histogram.set_counts(histogram(self._sample, BINS, span), span, whole=self._dtype.kind == "u")


class _Scale(NamedTuple):
    """Positions -reach..reach of a slider and the values they stand for; 0 stands for `rest`."""

    reach: int
    value_at: Callable[[int], float]
    position_of: Callable[[float], float]
    rest: float = 0.0


class _ToneSlider(Slider):
    """A slider whose middle changes nothing, filled from there; a double click goes back to it.

    Attributes:
        label, figure: name and value, to be laid out beside it.

    Signals:
        picked(float): a person chose this value.
    """

    picked = Signal(float)

    def __init__(self, name: str, tokens: Tokens, scale: _Scale) -> None:
        super().__init__(-scale.reach, scale.reach)
        self._tokens = tokens
        self._scale = scale
        self.label = text_label(name, "lead")
        self.figure = text_label("", "lead")
        self.figure.setFixedWidth(40)
        self.figure.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.figure.setAccessibleName(f"{name}, value")
        describe(self, name, f"{name} of the image on the screen; a double click takes it back")
        self.valueChanged.connect(self._slide)

    def show_value(self, value: float) -> None:
        """Show a value; tells nobody."""
        quietly(self, lambda: self.setValue(round(self._scale.position_of(value))))
        self._tell(value)
        self.update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.setValue(0)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual: the style's own would be filled from the left."""
        t = self._tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        y = self.height() / 2
        half = 7.0  # of the knob, with its rim
        middle = self.width() / 2
        x = middle + self.value() / self.maximum() * (middle - half)
        painter.setBrush(QColor(t.border))
        painter.drawRoundedRect(QRectF(1, y - 2, self.width() - 2, 4), 2, 2)
        painter.drawRoundedRect(QRectF(middle - 1, y - 5, 2, 10), 1, 1)
        painter.setBrush(QColor(t.accent))
        painter.drawRect(QRectF(min(x, middle), y - 2, abs(x - middle), 4))
        painter.setPen(QPen(QColor(t.accent if self.hasFocus() else t.panel), 1))
        painter.setBrush(QColor(t.knob_hover if self.underMouse() else t.knob))
        painter.drawEllipse(QPointF(x, y), half - 0.5, half - 0.5)

    def _slide(self, position: int) -> None:
        value = float(self._scale.value_at(position))
        self._tell(value)
        self.picked.emit(value)

    def _tell(self, value: float) -> None:
        if self._scale.rest:
            self.figure.setText(f"{value:.2f}")
        else:
            self.figure.setText(f"{round(value * 100):+d}" if round(value * 100) else "0")


class _ValueBox(QLineEdit):
    """One end of the window, to be typed; what is no number is taken back.

    Signals:
        picked(float): a person typed this value.
    """

    picked = Signal(float)

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self._shown = ""
        self.setFixedSize(96, 28)
        self.setMaxLength(24)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus | Qt.FocusPolicy.TabFocus)
        self.installEventFilter(KeyKeeper(self))
        describe(self, name, tip)
        self.editingFinished.connect(self._commit)

    def show_value(self, value: float, decimals: int) -> None:
        """Show a value with so many digits behind the point; tells nobody."""
        self._shown = f"{value:.{decimals}f}" if abs(value) < _LONG else f"{value:g}"
        self.setText(self._shown)
        self.setCursorPosition(0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual: Escape drops what was typed, and goes on to close the pop-up."""
        if event.key() == Qt.Key.Key_Escape:
            self.setText(self._shown)
        super().keyPressEvent(event)

    def _commit(self) -> None:
        typed = self.text().strip().replace(",", ".")
        if typed == self._shown:
            return
        try:
            value = float(typed)
        except ValueError:
            value = math.nan
        if math.isfinite(value):
            self.picked.emit(value)
        else:
            self.setText(self._shown)


def _thinned(pixels: Pixels) -> Pixels:
    step = max(1, math.isqrt(pixels.shape[0] * pixels.shape[1] // SAMPLE))
    kept = pixels[::step, ::step]
    most = max(1, math.ceil(kept.shape[0] * kept.shape[1] / SAMPLE))  # of an image one pixel high, hardly thinner yet
    longer = kept[::most] if kept.shape[0] >= kept.shape[1] else kept[:, ::most]
    return longer.copy()
