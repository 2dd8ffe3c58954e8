"""The options of training: pages of described options that act at once, and a look at what the network sees."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from segstudio.errors import UsageError
from segstudio.learn.request import TrainSettings
from segstudio.learn.training.checking import check_values
from segstudio.ui.augmentation_table import AUGMENTATION
from segstudio.ui.dialogs.crop_preview import CropPreview
from segstudio.ui.dialogs.option_rows import OptionForm
from segstudio.ui.option_spec import Page
from segstudio.ui.panels.parts import describe, push_button, set_role, text_label
from segstudio.ui.starts import Offers
from segstudio.ui.training_table import CROP, PAGES, changed

_PAGES_WIDTH = 184
_SIZE = QSize(1040, 660)
_FORM = 664
_BAR = 12  # px that a scroll bar may take
_RESET, _UNDO = "Back to defaults", "Bring them back"
SEEN = "Crops and augmentation"


class TrainingOptions(QDialog):
    """All that can be chosen about training; what is chosen counts for the next run, and is remembered.

    Attributes:
        preview: crops as the network sees them, on the page of crops.

    Signals:
        settings_changed(object): a person wants these `TrainSettings`; answer with `set_settings`.
        preview_wanted(bool): the preview came into sight, or went out of it.
    """

    settings_changed = Signal(object)
    preview_wanted = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Training options")
        self.resize(_SIZE)
        self._settings = TrainSettings()
        self._before: TrainSettings | None = None  # what "Back to defaults" took away
        self._offers = Offers()
        self._forms: list[OptionForm] = []
        self.preview = CropPreview()
        self._pages = QListWidget()
        describe(self._pages, "Pages", "Groups of options")
        self._pages.setFixedWidth(_PAGES_WIDTH)
        self._pages.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._stack = QStackedWidget()
        for page in PAGES:
            self._pages.addItem(QListWidgetItem(page.title))
            self._stack.addWidget(self._make(page))
        self._pages.setCurrentRow(0)
        self._pages.currentRowChanged.connect(self._turn)
        self._reset = push_button(_RESET, "Take back everything that is changed")
        self._reset.clicked.connect(self._to_defaults)
        self._line = text_label("", "quiet", wrap=True)
        self._line.setAccessibleName("What is changed, or wrong")
        close = push_button("Close", "Close the options (Esc); they are remembered")
        close.clicked.connect(self.close)
        for button in (self._reset, close):
            button.setAutoDefault(False)  # Return belongs to the field one types in
        self._lay_out(close)
        self.set_settings(TrainSettings())

    @property
    def line(self) -> str:
        """What is said of the options as a whole."""
        return self._line.text()

    def set_offers(self, offers: Offers) -> None:
        """Offer these; `set_settings` shows them."""
        self._offers = offers

    def set_settings(self, settings: TrainSettings) -> None:
        """Show these; tells nobody."""
        self._settings = settings
        offers = self._offers
        lists = {
            "transfer": offers.transfers(),
            "backbone": offers.backbones_for(settings.transfer),
            "start": offers.starts,
        }
        for form in self._forms:
            form.set_choices(lists)
            form.set_settings(settings)
        self._tell()

    def open_page(self, title: str) -> None:
        """Turn to a page."""
        self._pages.setCurrentRow([page.title for page in PAGES].index(title))

    def showEvent(self, event: QShowEvent) -> None:
        """Qt's virtual."""
        super().showEvent(event)
        self.preview_wanted.emit(self._seen())

    def hideEvent(self, event: QHideEvent) -> None:
        """Qt's virtual."""
        super().hideEvent(event)
        self.preview_wanted.emit(False)

    def _seen(self) -> bool:
        return PAGES[self._pages.currentRow()].title == SEEN

    def _turn(self, row: int) -> None:
        self._stack.setCurrentIndex(row)
        self.preview_wanted.emit(self._seen() and self.isVisible())

    def _pick(self, settings: TrainSettings) -> None:
        self._before = None
        self.settings_changed.emit(settings)

    def _to_defaults(self) -> None:
        before, self._before = self._before, None if self._before is not None else self._settings
        self.settings_changed.emit(TrainSettings() if before is None else before)

    def _tell(self, problem: str = "") -> None:
        if not problem:
            try:
                check_values(self._settings)
            except UsageError as error:
                problem = str(error)
        count = len(changed(self._settings))
        told = (
            f"{count} option{' is' if count == 1 else 's are'} not as by default." if count else "All is as by default."
        )
        self._line.setText(problem or f"{told} What is chosen counts for the next run.")
        set_role(self._line, role="problem" if problem else "quiet")
        self._reset.setText(_RESET if self._before is None else _UNDO)
        self._reset.setEnabled(self._before is not None or count > 0)

    def _make(self, page: Page) -> QWidget:
        form = OptionForm()
        self._forms.append(form)
        form.picked.connect(self._pick)
        form.refused.connect(self._tell)
        if page.title == SEEN:
            form.add_group("Crops", (CROP,))
            form.add_switches("Augmentation", AUGMENTATION)
        else:
            for title, options in page.groups:
                form.add_group(title, options)
        form.finish()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(form)
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(24)
        row.addWidget(area, 1)
        if page.title == SEEN:
            area.setMinimumWidth(form.sizeHint().width() + _BAR)
            row.addWidget(self.preview)
        else:
            form.setMaximumWidth(_FORM)
        return holder

    def _lay_out(self, close: QWidget) -> None:
        middle = QHBoxLayout()
        middle.setSpacing(16)
        middle.addWidget(self._pages)
        middle.addWidget(self._stack, 1)
        bottom = QHBoxLayout()
        bottom.setSpacing(12)
        bottom.addWidget(self._reset)
        bottom.addWidget(self._line, 1)
        bottom.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(16)
        layout.addWidget(text_label("Training options", "subtitle"))
        layout.addLayout(middle, 1)
        layout.addLayout(bottom)
