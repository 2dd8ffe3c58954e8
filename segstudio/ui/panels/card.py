"""The card of a model as a page: how it came to be, how good it is, what it takes for what."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from segstudio.learn.backbones.registry import BACKBONES
from segstudio.learn.networks.decoder_table import DECODER_TABLE
from segstudio.learn.request import TrainSettings
from segstudio.storage.cards import ModelCard
from segstudio.storage.describing import describe as lines_of
from segstudio.ui.panels.card_tables import ClassScores, HeatMap
from segstudio.ui.panels.curve import LearningCurve
from segstudio.ui.panels.model_list import made_at
from segstudio.ui.panels.parts import describe, heading, push_button, set_role, text_label
from segstudio.ui.panels.scores import NO_ANSWER, number
from segstudio.ui.theme import DARK, LIGHT, Tokens

_SHOWN = ("Made", "Trained", "Network", "Labels", "Settings")  # of the lines of a card, the rest has a place of its own
_NAMES = 88  # px of the names of facts
NOTHING = "Nothing validated it, so there are no scores. Label one more image, and train again."
NO_EDGES = "strokes have no edges"
UNREAD = "Its card cannot be read."


@dataclass(frozen=True, slots=True)
class Standing:
    """What a project knows of a model beside its card.

    Attributes:
        in_use, kept, chosen: see `segstudio.storage.project.ModelRecord`.
        parent: whether the model it came from is still there.
    """

    in_use: bool = False
    kept: bool = False
    chosen: bool = False
    parent: bool = False


class CardDialog(QDialog):
    """A page about one model; another one can be shown in its place.

    Signals:
        card_requested(str): a person wants to see the card of this model instead.
    """

    card_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Model")
        self.resize(600, 760)
        self._page: CardPage | None = None
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setAccessibleName("Card of the model")
        close = push_button("Close", "Close this page (Esc)")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        bottom = QHBoxLayout()
        bottom.setContentsMargins(24, 12, 24, 16)
        bottom.addStretch(1)
        bottom.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._area, 1)
        layout.addLayout(bottom)

    @property
    def shown(self) -> str:
        """Name of the model shown; empty before the first."""
        return "" if self._page is None else self._page.card.name

    def show_card(self, card: ModelCard, standing: Standing) -> None:
        """Show this model."""
        self.setWindowTitle(f"Model {card.name}")
        self._page = CardPage(card, standing, theme_tokens())
        self._page.card_requested.connect(self.card_requested)
        self._area.setWidget(self._page)
        self._area.verticalScrollBar().setValue(0)

    def changeEvent(self, event: QEvent) -> None:
        """Qt's virtual: another theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._page is not None:
            self._page.set_tokens(theme_tokens())


class CardPage(QWidget):
    """All of a card. See `CardDialog`."""

    card_requested = Signal(str)

    def __init__(self, card: ModelCard, standing: Standing, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.card = card
        self._tables = ClassScores(card, tokens), HeatMap(card, tokens)
        self._curve = LearningCurve(tokens)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 8)
        layout.setSpacing(8)
        layout.addLayout(_title(card, standing))
        if card.verdict:
            layout.addWidget(text_label(card.verdict, "lead", wrap=True))
        layout.addSpacing(8)
        layout.addLayout(self._facts(card, standing))
        layout.addSpacing(12)
        layout.addWidget(heading("Scores on the validation labels"))
        if card.miou is None:
            layout.addWidget(text_label(NOTHING, "hint", wrap=True))
        else:
            layout.addLayout(_tiles(card))
            layout.addSpacing(8)
            layout.addWidget(self._tables[0])
            if self._tables[1].size_shown:
                layout.addSpacing(12)
                layout.addWidget(heading("What it takes for what"))
                layout.addWidget(
                    text_label("Of the pixels of each class, in percent what the model says they are", "quiet")
                )
                layout.addWidget(self._tables[1])
        if _fill(self._curve, card):
            layout.addSpacing(12)
            layout.addWidget(heading("How it learned"))
            layout.addWidget(self._curve)
        layout.addStretch(1)

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        for part in (*self._tables, self._curve):
            part.set_tokens(tokens)

    def _facts(self, card: ModelCard, standing: Standing) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        grid.setColumnMinimumWidth(0, _NAMES)
        grid.setColumnStretch(1, 1)
        said = dict(line.partition(": ")[::2] for line in lines_of(card, asdict(TrainSettings())))
        if card.created:
            said["Made"] = made_at(card.created)
        said["Network"] = _titled(said["Network"], card)
        for name in _SHOWN:
            _fact(grid, name, _wrapped(said[name]))
        parent: QWidget = _wrapped("None: the first of its line")
        if card.parent is not None and standing.parent:
            link = push_button(card.parent, "", "link")
            describe(link, f"Card of {card.parent}", f"Show the card of {card.parent}, which it had to be better than")
            link.clicked.connect(lambda: self.card_requested.emit(card.parent))
            parent = link
        elif card.parent is not None:
            parent = _wrapped(f"{card.parent} (removed since)")
        _fact(grid, "Parent", parent)
        return grid


def theme_tokens() -> Tokens:
    """The colours in force, as the application's palette shows them."""
    ground = QApplication.palette().window().color().name()
    return LIGHT if ground == LIGHT.panel else DARK


def _title(card: ModelCard, standing: Standing) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    name = text_label(card.name, "subtitle", wrap=True)
    name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    row.addWidget(name, 1)
    for text, there in (("in use", standing.in_use), ("kept", standing.kept), ("chosen", standing.chosen)):
        if there:
            badge = text_label(text, "badge")
            badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
            badge.setFixedSize(52, 20)
            row.addWidget(badge, 0, Qt.AlignmentFlag.AlignTop)
    return row


def _titled(network: str, card: ModelCard) -> str:
    """What a card says of its network, in the words of the lists one chooses from."""
    if card.backbone in BACKBONES:
        network = network.replace(card.backbone, BACKBONES[card.backbone].title, 1)
    if card.decoder in DECODER_TABLE:
        network = network.replace(f"{card.decoder} decoder", f"{DECODER_TABLE[card.decoder].title} decoder", 1)
    return network


def _wrapped(text: str) -> QLabel:
    label = text_label(text, "", wrap=True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _fact(grid: QGridLayout, name: str, value: QWidget) -> None:
    row = grid.rowCount()
    grid.addWidget(text_label(name, "lead"), row, 0, Qt.AlignmentFlag.AlignTop)
    value.setAccessibleDescription(name)
    grid.addWidget(value, row, 1)


def _tiles(card: ModelCard) -> QHBoxLayout:
    span = f"90 % interval {number(card.interval[0])} to {number(card.interval[1])}" if len(card.interval) == 2 else ""
    facts: Sequence[tuple[str, float | None, str]] = (
        ("Mean IoU", card.miou, span or "no interval: too few images"),
        ("Mean Dice", card.dice, ""),
        ("Accuracy", card.accuracy, "of pixels"),
        ("Boundary F", card.boundary, "mean of classes" if card.boundary is not None else NO_EDGES),
    )
    row = QHBoxLayout()
    row.setSpacing(8)
    for name, value, note in facts:
        tile = QFrame()
        set_role(tile, role="card")
        column = QVBoxLayout(tile)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(0)
        shown = text_label(NO_ANSWER if value is None else f"{value:.3f}", "subtitle")
        shown.setAccessibleName(name)
        column.addWidget(text_label(name, "quiet"))
        column.addWidget(shown)
        column.addWidget(text_label(note, "quiet", wrap=True))
        column.addStretch(1)
        row.addWidget(tile, 3 if name == "Mean IoU" else 2)
    return row


def _fill(curve: LearningCurve, card: ModelCard) -> bool:
    """Draw what a card tells of the run; whether it tells anything. A card may hold points without numbers."""
    found = False
    for point in card.curve.get("losses", []):
        if len(point) == 2 and None not in point:
            curve.add_loss(round(point[0]), point[1])
            found = True
    for point in card.curve.get("rounds", []):
        if len(point) == 3 and None not in point:
            curve.add_score(round(point[0]), point[2])
            found = True
    return found
