"""The column right of the canvas."""

from PySide6.QtCore import QEvent, QObject, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from segstudio.ui.panels.parts import rule, set_role

NARROW, USUAL, WIDE = 240, 296, 420
_FOR_BOTH = 620  # px of height in which model and history are both of use


class SideBar(QFrame):
    """Classes above, review below, both always in reach; the model between them takes, and scrolls in, the rest.

    The history shares that room while it is shown, and has it alone where it is too little for two.
    """

    def __init__(
        self, *, classes: QWidget, model: QWidget, history: QWidget, review: QWidget, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        set_role(self, role="panel")
        self.setMinimumWidth(NARROW)
        self.setMaximumWidth(WIDE)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._model, self._history = model, history
        history.installEventFilter(self)
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

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt's virtual: the history was asked for, or sent away."""
        if event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            self._share()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt's virtual."""
        super().resizeEvent(event)
        self._share()

    def _share(self) -> None:
        self._model.setVisible(self._history.isHidden() or self.height() >= _FOR_BOTH)
