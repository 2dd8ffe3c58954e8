"""Reviewing what the model proposes: threshold, accept, reject."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from segstudio.ui.panels.parts import (
    ActionButton,
    Slider,
    describe,
    heading,
    quietly,
    set_role,
    text_label,
)

EMPTY = "Train a model and it proposes labels here."


class ReviewPanel(QFrame):
    """Moves pixels from the proposal to the annotation.

    Args:
        accept_region, accept_all, reject_region, mark_reviewed: the actions behind the buttons.

    Signals:
        threshold_changed(int): a person chose the least confidence, in percent.
    """

    threshold_changed = Signal(int)

    def __init__(
        self,
        *,
        accept_region: QAction,
        accept_all: QAction,
        reject_region: QAction,
        mark_reviewed: QAction,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        set_role(self, role="panel")
        self.setAccessibleName("Review")
        self._summary = text_label(EMPTY, "hint", wrap=True)
        self._summary.setAccessibleName("What is proposed")
        self._label = text_label("Confidence at least", "lead")
        self._percent = text_label("", "")
        self._percent.setAccessibleName("Least confidence in percent")
        self._slider = Slider(0, 100)
        describe(
            self._slider,
            "Least confidence",
            "Accept all takes what the model is at least this sure of; the rest is drawn faintly",
        )
        self._slider.valueChanged.connect(self._slide)

        threshold = QHBoxLayout()
        threshold.addWidget(self._label, 1)
        threshold.addWidget(self._percent)
        buttons = QGridLayout()
        buttons.setSpacing(8)
        buttons.addWidget(ActionButton(accept_region, "Accept region", "Accept"), 0, 0)
        buttons.addWidget(ActionButton(reject_region, "Reject region", "Reject"), 0, 1)
        buttons.addWidget(ActionButton(accept_all, "Accept all", "All"), 1, 0)
        buttons.addWidget(ActionButton(mark_reviewed, "Mark reviewed", "Reviewed"), 1, 1)
        for column in (0, 1):
            buttons.setColumnStretch(column, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(heading("Review"))
        layout.addWidget(self._summary)
        layout.addLayout(threshold)
        layout.addWidget(self._slider)
        layout.addLayout(buttons)
        self.set_threshold(50)

    @property
    def threshold(self) -> int:
        """The least confidence, in percent."""
        return self._slider.value()

    def set_threshold(self, percent: int) -> None:
        """Show a least confidence in percent; tells nobody."""
        quietly(self._slider, lambda: self._slider.setValue(percent))
        self._slider.update()
        self._percent.setText(f"{self._slider.value()} %")

    def set_summary(self, text: str) -> None:
        """What is proposed in this image, in one or two lines; empty for the hint how to get there."""
        self._summary.setText(text or EMPTY)

    def _slide(self, percent: int) -> None:
        self._percent.setText(f"{percent} %")
        self.threshold_changed.emit(percent)
