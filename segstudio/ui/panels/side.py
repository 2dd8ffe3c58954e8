"""The column right of the canvas."""

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from segstudio.ui.panels.parts import rule, set_role

NARROW, USUAL, WIDE = 240, 296, 420


class SideBar(QFrame):
    """Classes above, review below, both always in reach; the model between them takes, and scrolls in, the rest.

    The history shares that room while it is shown.
    """

    def __init__(
        self, *, classes: QWidget, model: QWidget, history: QWidget, review: QWidget, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        set_role(self, role="panel")
        self.setMinimumWidth(NARROW)
        self.setMaximumWidth(WIDE)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(classes)
        layout.addWidget(rule())
        layout.addWidget(model, 1)
        layout.addWidget(history, 1)
        layout.addWidget(rule())
        layout.addWidget(review)

    def sizeHint(self) -> QSize:
        """Qt's virtual."""
        return QSize(USUAL, super().sizeHint().height())
