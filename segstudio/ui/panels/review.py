"""Reviewing what the model proposes: threshold, accept, reject."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from segstudio.ui.panels.parts import (
    ActionButton,
    ElidedLabel,
    Slider,
    describe,
    quietly,
    set_role,
    text_label,
)
from segstudio.ui.panels.section import Section

EMPTY = "A trained model proposes labels here."


class ReviewPanel(Section):
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
        super().__init__("Review", parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._summary = ElidedLabel("", "quiet", Qt.TextElideMode.ElideMiddle)
        self._summary.setAccessibleName("What is proposed")
        self._hint = text_label(EMPTY, "hint", wrap=True)
        self._label = text_label("At least", "lead")
        self._percent = text_label("", "")
        self._percent.setAccessibleName("Least confidence in percent")
        self._slider = Slider(0, 100)
        describe(
            self._slider,
            "Least confidence",
            "Accept all takes what the model is at least this sure of; the rest is drawn faintly",
        )
        self._slider.valueChanged.connect(self._slide)

        reviewed = ActionButton(mark_reviewed, "Mark reviewed", "Reviewed")
        set_role(reviewed, role="small")
        reviewed.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        reviewed.setMinimumWidth(reviewed.fontMetrics().horizontalAdvance("Reviewed") + 40)
        self.head.addWidget(self._summary, 2)
        self.head.addWidget(reviewed)
        threshold = QHBoxLayout()
        threshold.setSpacing(8)
        threshold.addWidget(self._label)
        threshold.addWidget(self._slider, 1)
        threshold.addWidget(self._percent)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(ActionButton(accept_region, "Accept region", "Accept"), 3)
        buttons.addWidget(ActionButton(reject_region, "Reject region", "Reject"), 3)
        buttons.addWidget(ActionButton(accept_all, "Accept all", "All"), 2)
        self._tools = QWidget()
        tools = QVBoxLayout(self._tools)
        tools.setContentsMargins(0, 0, 0, 0)
        tools.setSpacing(8)
        tools.addLayout(threshold)
        tools.addLayout(buttons)
        layout = QVBoxLayout(self.body)
        layout.setContentsMargins(12, 0, 12, 10)
        layout.setSpacing(0)
        layout.addWidget(self._hint)
        layout.addWidget(self._tools)
        self.set_threshold(50)
        self.set_summary("")

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
        """What is proposed in this image, in a few words; empty for the hint how to get there, and nothing else."""
        self._summary.setText(text)
        self._hint.setVisible(not text)
        self._tools.setVisible(bool(text))

    def _slide(self, percent: int) -> None:
        self._percent.setText(f"{percent} %")
        self.threshold_changed.emit(percent)
