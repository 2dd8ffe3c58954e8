"""The pop-up in which a person sets how the image is seen: histogram, window, brightness, contrast, gamma, channel."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from segstudio.core.arrays import Pixels
from segstudio.core.tone import BINS, Hounsfield, Tone, Window, auto_window, histogram, value_span, whole_bins
from segstudio.errors import UsageError
from segstudio.ui.panels.histogram import Histogram
from segstudio.ui.panels.parts import combo, describe, heading, push_button, set_role, text_label
from segstudio.ui.panels.popup import PopUp
from segstudio.ui.panels.tone_fields import Scale, ToneSlider, ValueBox
from segstudio.ui.panels.tone_presets import PresetRow
from segstudio.ui.theme import Tokens

WIDTH = 328
SAMPLE = 2**18  # pixels a histogram is counted from

_CHANNELS: tuple[tuple[str, str, int | None], ...] = (
    ("All", "All channels", None),
    ("Red", "Red channel", 0),
    ("Green", "Green channel", 1),
    ("Blue", "Blue channel", 2),
)
_TAILS = (0.1, 0.5, 2.0)  # percent that Auto leaves out at either end


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
        self._black = ValueBox("Black", "Values up to here are shown black")
        self._white = ValueBox("White", "Values from here on are shown white")
        self._black.picked.connect(lambda value: self._type(value, self._window[1]))
        self._white.picked.connect(lambda value: self._type(self._window[0], value))
        self._presets = PresetRow()
        self._presets.chosen.connect(lambda window: self._choose(window=window))
        self._auto = push_button("Auto", "Black and white at the darkest and lightest values of the image", "small")
        self._auto.clicked.connect(self.take_auto)
        self._tails = combo("Left out by Auto", "How much of the image Auto leaves out at either end")
        set_role(self._tails, role="quiet")
        for tail in _TAILS:
            self._tails.addItem(f"{tail:g} %", tail)
        self._tails.setCurrentIndex(_TAILS.index(0.5))
        self._tails.setFixedWidth(104)
        self._tails.activated.connect(lambda _at: self.take_auto())
        self._reset = push_button("Reset", "Show the image as the tools and the network see it", "small")
        self._reset.clicked.connect(lambda: self._take(Tone()))
        self._sliders = {
            "brightness": ToneSlider("Brightness", tokens, Scale(100, lambda at: at / 100, lambda v: v * 100)),
            "contrast": ToneSlider("Contrast", tokens, Scale(100, lambda at: at / 100, lambda v: v * 100)),
            "gamma": ToneSlider(
                "Gamma", tokens, Scale(100, lambda at: round(10 ** (at / 100), 2), lambda v: 100 * math.log10(v), 1.0)
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

    @property
    def tail(self) -> float:
        """Percent of the values that Auto leaves out at either end."""
        return float(self._tails.currentData())

    def kept(self) -> dict[str, Any]:
        """A person's own presets, and what Auto leaves out, for the preferences."""
        return {"presets": self._presets.kept(), "tail": self.tail}

    def restore(self, kept: object) -> None:
        """As `kept` gave it; what does not fit is left as it is."""
        if isinstance(kept, dict):
            self._presets.restore(kept.get("presets"))
            self._tails.setCurrentIndex(max(0, self._tails.findData(kept.get("tail", 0.5))))

    def set_tone(self, tone: Tone) -> None:
        """Show a tone; tells nobody."""
        self._tone = tone
        self._show()

    def set_image(
        self, sample: Pixels | None, window: Window, dtype: npt.DTypeLike, hounsfield: Hounsfield | None = None
    ) -> None:
        """Show the values of an image; tells nobody.

        Args:
            sample: ``(h, w)`` or ``(h, w, 3)`` in the image's own values, thinned out and copied; None: no image.
            window: the values the image itself shows as black and as white.
            dtype: of the image.
            hounsfield: how its values become Hounsfield units, if it is of computed tomography.
        """
        self._sample = None if sample is None else _thinned(sample)
        self._dtype = np.dtype(dtype)
        self._image_window = (0.0, 255.0) if self._dtype == np.uint8 else window
        self._counted = False
        self._presets.set_image(self._dtype.name, hounsfield)
        self._show()

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._histogram.set_tokens(tokens)
        for slider in self._sliders.values():
            slider.set_tokens(tokens)

    def take_auto(self) -> None:
        """Black and white at the darkest and lightest values of the image; as if a person had clicked."""
        if self._sample is not None:
            self._choose(window=auto_window(self._sample, self.tail, 100 - self.tail))

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
        top.addWidget(self._tails)
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
        self._presets.show_window(tone.window, self._window)
        self._auto.setEnabled(self._sample is not None)
        self._reset.setEnabled(not tone.neutral)

    def _count(self) -> None:
        self._counted = True
        if self._sample is None:
            self._histogram.set_counts(None, self._image_window)
            return
        span, whole = value_span(self._sample, self._image_window), self._dtype.kind == "u"
        bins, counted = whole_bins(span) if whole else (BINS, span)
        self._histogram.set_counts(histogram(self._sample, bins, counted), span, whole=whole)


def _thinned(pixels: Pixels) -> Pixels:
    step = max(1, math.isqrt(pixels.shape[0] * pixels.shape[1] // SAMPLE))
    kept = pixels[::step, ::step]
    most = max(1, math.ceil(kept.shape[0] * kept.shape[1] / SAMPLE))  # of an image one pixel high, hardly thinner yet
    longer = kept[::most] if kept.shape[0] >= kept.shape[1] else kept[:, ::most]
    return longer.copy()
