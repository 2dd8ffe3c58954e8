"""The column right of the canvas."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QSplitter, QVBoxLayout, QWidget

from segstudio.ui.panels.parts import rule, set_role
from segstudio.ui.panels.section import Section

NARROW, USUAL, WIDE = 240, 296, 420
_UNBOUNDED = 16777215


class Want(NamedTuple):
    """Heights of a section in px: with less it is of no use, with this one can work, with this all of it shows."""

    least: int
    comfort: int
    whole: int


def shared(room: int, wants: Sequence[Want]) -> list[int]:
    """Heights for sections that share a room: first all come to their comfort together, then to their whole.

    What is left when all of them show whole is nobody's.
    """
    heights = [want.least for want in wants]
    for aims in ([want.comfort for want in wants], [want.whole for want in wants]):
        missing = [max(0, aim - height) for aim, height in zip(aims, heights, strict=True)]
        left = room - sum(heights)
        if left <= 0 or not any(missing):
            continue
        share = min(1.0, left / sum(missing))
        heights = [height + int(share * lack) for height, lack in zip(heights, missing, strict=True)]
    return heights


class SideBar(QFrame):
    """Classes, history and model share the height, review lies below; a person folds them and drags between them.

    As long as nobody has dragged, each gets what it needs as far as there is room.
    """

    def __init__(
        self,
        *,
        classes: Section,
        history: Section,
        model: Section,
        review: Section,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        set_role(self, role="panel")
        self.setMinimumWidth(NARROW)
        self.setMaximumWidth(WIDE)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._sections = {"classes": classes, "history": history, "model": model, "review": review}
        self._sharing = (classes, history, model)
        self._dragged = False
        self._shares: list[int] = []
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        for section in self._sharing:
            self._splitter.addWidget(section)
        self._splitter.setStretchFactor(2, 1)
        self._splitter.splitterMoved.connect(self._on_drag)
        self._splitter.installEventFilter(self)
        for section in self._sections.values():
            section.folded.connect(self._share)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._splitter, 1)
        layout.addWidget(rule())
        layout.addWidget(review)
        layout.addStretch(0)

    def layout_state(self) -> dict[str, Any]:
        """What is folded and how high the parts are, for the preferences."""
        folded = [name for name, section in self._sections.items() if section.is_folded]
        return {"folded": folded, "heights": self._splitter.sizes() if self._dragged else None}

    def restore_layout(self, state: object) -> None:
        """Lay it out as `layout_state` gave it; anything else as at first."""
        kept = state if isinstance(state, dict) else {}
        folded, heights = kept.get("folded"), kept.get("heights")
        for name, section in self._sections.items():
            section.set_folded(isinstance(folded, list) and name in folded)
        self._dragged = (
            isinstance(heights, list)
            and len(heights) == len(self._sharing)
            and all(type(height) is int and 0 <= height < 10_000 for height in heights)
        )
        self._shares = []
        if isinstance(heights, list) and self._dragged:
            self._splitter.setSizes(heights)
        self._share()

    def sizeHint(self) -> QSize:
        """Qt's virtual."""
        return QSize(USUAL, super().sizeHint().height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt's virtual: a section came or went, or wants another height."""
        if watched is self._splitter and event.type() == QEvent.Type.LayoutRequest:
            self._share()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt's virtual."""
        super().resizeEvent(event)
        self._share()

    def _on_drag(self) -> None:
        self._dragged = True

    def _share(self) -> None:
        shown = [section for section in self._sharing if not section.isHidden()]
        opened = [section for section in shown if not section.is_folded]
        lines = self._splitter.handleWidth() * (len(shown) - 1)
        # With all of them folded nobody may have the rest.
        heads = sum(section.minimumSizeHint().height() for section in shown) + lines
        self._splitter.setMaximumHeight(_UNBOUNDED if opened else heads)
        if self._dragged or not shown or not self.isVisible():
            return
        room = self.height() - 1 - self._sections["review"].sizeHint().height() - lines
        heights = shared(room, [_want(section) for section in shown])
        if opened:
            heaviest = opened[-1] if opened[-1] is not self._sharing[0] else opened[0]
            heights[shown.index(heaviest)] += max(0, room - sum(heights))
        by_section = dict(zip(shown, heights, strict=True))
        shares = [by_section.get(section, 0) for section in self._sharing]
        if shares != self._shares:
            self._shares = shares
            self._splitter.setSizes(shares)


def _want(section: Section) -> Want:
    least = section.minimumSizeHint().height()
    if section.is_folded:
        return Want(least, least, least)
    whole = max(least, section.sizeHint().height())
    return Want(least, min(whole, max(least, section.comfort)), whole)
