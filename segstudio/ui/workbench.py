"""The workbench: where everything lies around the canvas while a project is open."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from segstudio.core.tools import Palette
from segstudio.ui.actions import ActionSet
from segstudio.ui.canvas.canvas import Canvas
from segstudio.ui.panels.classes import ClassPanel
from segstudio.ui.panels.images import ImageStrip
from segstudio.ui.panels.model import ModelPanel
from segstudio.ui.panels.options import ToolOptions
from segstudio.ui.panels.review import ReviewPanel
from segstudio.ui.panels.side import SideBar
from segstudio.ui.theme import Tokens

_SIDE_WIDTH = 296


class Workbench(QWidget):
    """Tools on the left, options above the canvas, panels on the right, the image strip below.

    Attributes:
        canvas, options, classes, model, review, strip: its parts, wired by `segstudio.ui.desk`.
    """

    def __init__(self, palette: Palette, actions: ActionSet, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.canvas = Canvas(palette)
        self.options = ToolOptions(tokens)
        self.classes = ClassPanel(tokens)
        self.model = ModelPanel(tokens)
        self.review = ReviewPanel(
            accept_region=actions["accept_region"],
            accept_all=actions["accept_all"],
            reject_region=actions["reject_region"],
            mark_reviewed=actions["mark_reviewed"],
        )
        self.strip = ImageStrip(tokens)

        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.options)
        column.addWidget(self.canvas, 1)

        across = QSplitter(Qt.Orientation.Horizontal)
        across.addWidget(centre)
        across.addWidget(SideBar(classes=self.classes, model=self.model, review=self.review))
        across.setStretchFactor(0, 1)
        across.setSizes([2000, _SIDE_WIDTH])
        across.setChildrenCollapsible(False)

        across.setHandleWidth(1)

        upper = QHBoxLayout()
        upper.setSpacing(0)
        upper.addWidget(actions.toolbar())
        upper.addWidget(across, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addLayout(upper, 1)
        layout.addWidget(self.strip)
        self.set_tokens(tokens)

    def set_tokens(self, tokens: Tokens) -> None:
        """Draw in the colours of a theme."""
        for part in (self.options, self.classes, self.model, self.strip):
            part.set_tokens(tokens)
        self.canvas.set_background(tokens.canvas, tokens.quiet)
