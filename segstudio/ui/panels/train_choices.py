"""What a run starts from, in the model panel: backbone or earlier network, transfer, and the rest in one line."""

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QWidget

from segstudio.learn.request import TrainSettings
from segstudio.ui.action_table import SPECS, tooltip
from segstudio.ui.option_spec import Choice
from segstudio.ui.panels.parts import combo, push_button, quietly, text_label
from segstudio.ui.starts import Offers
from segstudio.ui.training_table import TRANSFER_CHOICES, summary


class TrainChoices(QWidget):
    """Backbone, transfer, what moves in, and the line about all other options.

    Signals:
        settings_changed(object): a person wants these `TrainSettings`.
        options_requested(): a person wants to see all options.
    """

    settings_changed = Signal(object)
    options_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = TrainSettings()
        self._offers = Offers()
        self._transfer = combo("Transfer", "How much of the pretrained network is kept")
        self._backbone = combo("Backbone", "The pretrained network to start from")
        self._start = combo("From", "The network that moves in: a model of this project, or a published one")
        self._explained = text_label("", "quiet", wrap=True)
        self._line = text_label("", "quiet", wrap=True)
        self._line.setAccessibleName("Options of training")
        self._options = push_button("Options…", tooltip(SPECS["training_options"]), "small")
        self._options.clicked.connect(self.options_requested)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        self._titles: dict[QComboBox, QLabel] = {}
        for row, (title, box) in enumerate(
            (("Transfer", self._transfer), ("Backbone", self._backbone), ("From", self._start))
        ):
            self._titles[box] = text_label(title, "lead")
            grid.addWidget(self._titles[box], row, 0)
            grid.addWidget(box, row, 1)
        grid.addWidget(self._explained, 3, 0, 1, 2)
        bottom = QHBoxLayout()
        bottom.setSpacing(8)
        bottom.addWidget(self._line, 1)
        bottom.addWidget(self._options, 0, Qt.AlignmentFlag.AlignVCenter)
        grid.addLayout(bottom, 4, 0, 1, 2)
        grid.setColumnStretch(1, 1)
        self._transfer.activated.connect(lambda at: self._pick("transfer", self._transfer, at))
        self._backbone.activated.connect(lambda at: self._pick("backbone", self._backbone, at))
        self._start.activated.connect(lambda at: self._pick("start", self._start, at))
        self._fill()

    @property
    def settings(self) -> TrainSettings:
        """What is shown."""
        return self._settings

    @property
    def offers(self) -> Offers:
        """What can be chosen."""
        return self._offers

    def set_tip(self, tip: str) -> None:
        """What the button of options says of itself."""
        self._options.setToolTip(tip)

    def set_terse(self, terse: bool) -> None:
        """Do without the words about the transfer, which its tooltips have, too."""
        self._explained.setVisible(not terse)

    def set_offers(self, offers: Offers) -> None:
        """Offer these; tells nobody."""
        if offers != self._offers:
            self._offers = offers
            self._fill()

    def set_settings(self, settings: TrainSettings) -> None:
        """Show these; tells nobody."""
        self._settings = settings
        self._fill()

    def _pick(self, name: str, box: QComboBox, at: int) -> None:
        self._settings = self._offers.fitted(replace(self._settings, **{name: box.itemData(at)}))
        self._fill()
        self.settings_changed.emit(self._settings)

    def _fill(self) -> None:
        settings, whole = self._settings, self._settings.transfer == "structure"
        fill_combo(self._transfer, self._offers.transfers(), settings.transfer)
        fill_combo(self._backbone, self._offers.backbones_for(settings.transfer), settings.backbone)
        fill_combo(self._start, self._offers.starts, settings.start)
        for box, shown in ((self._backbone, not whole), (self._start, whole)):
            box.setVisible(shown)
            self._titles[box].setVisible(shown)
        self._explained.setText(next(choice.tip for choice in TRANSFER_CHOICES if choice.value == settings.transfer))
        self._line.setText(f"{summary(settings)}.")


def fill_combo(box: QComboBox, choices: Sequence[Choice], value: object) -> None:
    """Offer choices in a list and show one; what is not here is grey. Tells nobody."""

    def fill() -> None:
        if [box.itemData(at) for at in range(box.count())] != [choice.value for choice in choices]:
            box.clear()
            for choice in choices:
                box.addItem(choice.title, choice.value)
        items = box.model()
        assert isinstance(items, QStandardItemModel)
        for at, choice in enumerate(choices):
            box.setItemText(at, choice.title)
            box.setItemData(at, choice.tip or choice.title, Qt.ItemDataRole.ToolTipRole)
            items.item(at).setEnabled(choice.here)
        box.setCurrentIndex(next((at for at, choice in enumerate(choices) if choice.value == value), -1))

    quietly(box, fill)
