"""Comparing what a person painted with what the model says: side by side, or one after the other in one place."""

from dataclasses import replace
from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal

from segstudio.core.render import LayerStyle
from segstudio.ui.session import Session
from segstudio.ui.workbench import Workbench

_BLINK_MS = 600
_ANNOTATION = "Annotation"

Compare = Literal["", "beside", "blink"]
_BEGUN: dict[Compare, str] = {
    "beside": "Annotation and proposal side by side",
    "blink": "Annotation and proposal, one after the other",
}


class Comparing(QObject):
    """Says which layers each of the two views shows, and writes that on them.

    While something is being drawn, blinking rests on the annotation: nobody paints on what they cannot see.

    Args:
        session: whose image is looked at.
        bench: its canvas, and its second view.
        parent: owner.

    Attributes:
        mode: how the two are compared at present; empty for not at all.

    Signals:
        turned(): while blinking, the other one is shown now.
    """

    turned = Signal()

    def __init__(self, session: Session, bench: Workbench, parent: QObject) -> None:
        super().__init__(parent)
        self.mode: Compare = ""
        self._session = session
        self._bench = bench
        self._proposal_turn = False
        self._blinking = QTimer(self, interval=_BLINK_MS)
        self._blinking.timeout.connect(self._blink_on)

    def choose(self, how: Compare) -> str:
        """Compare in this way; the same again ends it. Returns a line that says so."""
        self.mode = "" if how == self.mode else how
        self._proposal_turn = False
        self._bench.show_beside(self.mode == "beside")
        if self.mode == "blink":
            self._blinking.start()
        else:
            self._blinking.stop()
        self.caption()
        return _BEGUN.get(self.mode, "Annotation and proposal in one view")

    def close(self) -> None:
        """Compare no more."""
        if self.mode:
            self.choose(self.mode)

    def rest(self) -> None:
        """Show the annotation now, for somebody begins to paint on it."""
        if self._proposal_turn:
            self._turn(False)

    def layers(self, style: LayerStyle) -> tuple[LayerStyle, LayerStyle]:
        """How the canvas and the second view draw, made of what a person chose."""
        opinion = replace(style, show_annotation=False, whole_proposal=True)
        if not self.mode:
            return style, opinion
        return opinion if self._proposal_turn else replace(style, show_proposal=False), opinion

    def caption(self) -> None:
        """Write on each view what it shows."""
        document = self._session.document
        proposal = None if document is None else document.proposal
        opinion = "No proposal" if proposal is None else f"Proposal of {proposal.model}"
        shown = opinion if self._proposal_turn else _ANNOTATION
        self._bench.canvas.set_caption(shown if self.mode and document is not None else "")
        self._bench.beside.set_caption("" if document is None else opinion)

    def _blink_on(self) -> None:
        document = self._session.document
        nothing = document is None or document.proposal is None
        if not nothing and not self._bench.canvas.occupied:
            self._turn(not self._proposal_turn)
        else:
            self.rest()

    def _turn(self, proposal: bool) -> None:
        self._proposal_turn = proposal
        self.caption()
        self.turned.emit()
