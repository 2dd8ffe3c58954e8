"""A bar about a model that nobody can judge yet, which only a person can put in use."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from segstudio.learn.events import Offered
from segstudio.ui.panels.parts import describe, push_button, set_role, text_label


class OfferBar(QFrame):
    """Says why a model waits, and lets a person use it. Hidden while there is none.

    Signals:
        use_requested(str): a person wants the model of this name in use.
    """

    use_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._offer: Offered | None = None
        set_role(self, role="card")
        self._why = text_label("", "quiet", wrap=True)
        self._use = push_button("Use it", role="small")
        self._use.clicked.connect(self._take)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 6, 8, 6)
        row.setSpacing(8)
        row.addWidget(self._why, 1)
        row.addWidget(self._use)
        self.set_offer(None)

    @property
    def name(self) -> str:
        """Of the model that is offered; empty when there is none."""
        return "" if self._offer is None else self._offer.folder.name

    def set_offer(self, offer: Offered | None) -> None:
        """Offer a model, or nothing."""
        self._offer = offer
        self.setVisible(offer is not None)
        if offer is not None:
            number = self.name.partition("-")[0]
            self._why.setText(f"{number} is saved, not in use: there are too few labels to judge it.")
            self._why.setToolTip(offer.why)
            describe(self._use, f"Use {self.name}", f"Put {self.name} in use, although nobody can tell if it is better")

    def _take(self) -> None:
        if self._offer is not None:
            self.use_requested.emit(self.name)
