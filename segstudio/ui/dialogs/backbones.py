"""Backbones and weights: what one can start from, and ways to have the weights on this machine."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from segstudio.ui.dialogs.listing import Listing
from segstudio.ui.dialogs.weights_view import (
    COLUMNS,
    CONNECTING,
    Report,
    Transferred,
    WeightsRow,
    cells_of,
    facts_of,
)
from segstudio.ui.panels.parts import describe, push_button, set_role, text_label

NO_NETWORK = "The network is asked only when you press Download. Code in a weight file is never run."
_FACTS = ("Source", "Licence", "Input", "Weights")
_DOING = {"import": "Taking in …", "export": "Copying …", "add": "Asking timm …"}
_FILES = "Weights (*.safetensors *.pth *.pt *.ckpt *.bin);;All files (*)"


class BackbonesDialog(QDialog):
    """Stays open beside the window; what it asks for is done elsewhere and told to it.

    Signals:
        download_requested(str): the weights of this row.
        import_requested(str, Path): this file has the weights of this row.
        folder_requested(Path), export_requested(Path): take a folder of weights in; fill one.
        add_requested(str): list an encoder of timm.
        cancel_requested(): stop what is being done.
    """

    download_requested = Signal(str)
    import_requested = Signal(str, object)
    folder_requested = Signal(object)
    export_requested = Signal(object)
    add_requested = Signal(str)
    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Backbones and weights")
        self.resize(860, 760)
        self.setMinimumSize(680, 560)
        self._all: tuple[WeightsRow, ...] = ()
        self._doing = ""
        self._wanted = ""
        tip = "What a network can start from; choose one to see more of it"
        self._table = Listing("Backbones and published networks", tip, COLUMNS)
        self._table.row_changed.connect(lambda _row: self._show_row())
        self._build_card()
        self._build_progress()
        self._build_report()
        self._build_foot()
        self._lay_out()
        self._show_row()
        self.set_busy("")

    @property
    def chosen(self) -> str:
        """Name of the chosen row; empty when there is none."""
        row = self._row()
        return "" if row is None else row.name

    def choose(self, name: str) -> None:
        """Choose the row of that name, now or as soon as it is listed."""
        self._wanted = name
        for at, row in enumerate(self._all):
            if row.name == name:
                self._wanted = ""
                self._table.choose(at)

    def set_rows(self, rows: Sequence[WeightsRow]) -> None:
        """List these, in their order."""
        chosen = self._wanted or self.chosen
        self._all = tuple(rows)
        self._table.set_rows([cells_of(row) for row in rows])
        self.choose(chosen or (rows[0].name if rows else ""))
        self._show_row()

    def set_busy(self, doing: str, *, stopping: bool = False, about: str = "") -> None:
        """Say what is being done, by a word (``download``, ``import``, ``export``, ``add``), or that nothing is."""
        began = doing and doing != self._doing
        self._doing = doing
        self._progress.setVisible(bool(doing))
        self._cancel.setEnabled(not stopping)
        self._cancel.setVisible(doing == "download")
        if began:
            self._bar.setRange(0, 0)
            title = next((row.title for row in self._all if row.name == about), "")
            self._what.setText(f"Fetching {title}" if doing == "download" else "")
            self._how_far.setText(CONNECTING if doing == "download" else _DOING[doing])
        if stopping:
            self._how_far.setText("Stopping …")
        self._show_row()

    def show_progress(self, how: Transferred) -> None:
        """A download goes on."""
        share = how.share
        self._bar.setRange(0, 0 if share is None else 1000)
        if share is not None:
            self._bar.setValue(round(share * 1000))
        if self._cancel.isEnabled():
            self._how_far.setText(how.line)

    def show_report(self, report: Report) -> None:
        """Tell what came of it; an empty line clears what was told before."""
        self._line.setText(report.line or NO_NETWORK)
        set_role(self._line, role="hint" if not report.line else "", kind=report.kind)
        self._details.setPlainText("\n".join(report.details))
        self._details.setVisible(bool(report.details))
        if report.choose:
            self._name.clear()
            self.choose(report.choose)

    # What is shown

    def _row(self) -> WeightsRow | None:
        at = self._table.row
        return self._all[at] if 0 <= at < len(self._all) else None

    def _show_row(self) -> None:
        row, idle = self._row(), not self._doing
        network = row is not None and row.kind == "network"
        title = "" if row is None else row.title
        self._title.setText(f"{title}  ·  a whole network, for structure transfer" if network else title)
        facts = dict(facts_of(row)) if row is not None else {}
        for name, label in self._values.items():
            label.setText(facts.get(name, ""))
        self._download.setEnabled(idle and row is not None and row.published and not row.ready)
        self._import.setEnabled(idle and row is not None)
        self._take.setEnabled(idle)
        self._give.setEnabled(idle and any(row.carried for row in self._all))
        self._add.setEnabled(idle and bool(self._name.text().strip().removeprefix("timm:")))

    # What is asked for

    def _ask_file(self) -> None:
        row = self._row()
        if row is None:
            return
        path, _ = QFileDialog.getOpenFileName(self, f"Weights of {row.title}", "", _FILES)
        if path:
            self.import_requested.emit(row.name, Path(path))

    def _ask_folder(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "Folder of weights to take in"):
            self.folder_requested.emit(Path(chosen))

    def _ask_export(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "Copy weights to"):
            self.export_requested.emit(Path(chosen))

    def _ask_add(self) -> None:
        if self._add.isEnabled():
            self.add_requested.emit(self._name.text().strip())

    def _ask_download(self) -> None:
        if self.chosen:
            self.download_requested.emit(self.chosen)

    # Building

    def _build_card(self) -> None:
        self._title = text_label("", "")
        self._title.setAccessibleName("Chosen")
        self._values: dict[str, QLabel] = {}
        for name in _FACTS:
            label = text_label("", "", wrap=True)
            label.setAccessibleName(name)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._values[name] = label
        self._download = push_button(
            "Download", "Fetch the weights of the chosen one; a part that is here is gone on with"
        )
        tip = "Take in a weight file\nIt is checked tensor by tensor, whole or not at all"
        self._import = push_button("Import file…", tip)
        self._download.clicked.connect(self._ask_download)
        self._import.clicked.connect(self._ask_file)

    def _build_progress(self) -> None:
        self._progress = QWidget()
        self._what, self._how_far = text_label("", ""), text_label("", "lead")
        self._how_far.setAccessibleName("How far it is")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress")
        self._cancel = push_button("Cancel", "Stop; what has come is kept for the next time")
        self._cancel.clicked.connect(self.cancel_requested)
        words = QHBoxLayout()
        words.addWidget(self._what, 1)
        words.addWidget(self._how_far)
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addLayout(words)
        column.addWidget(self._bar)
        across = QHBoxLayout(self._progress)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(12)
        across.addLayout(column, 1)
        across.addWidget(self._cancel)

    def _build_report(self) -> None:
        self._line = text_label(NO_NETWORK, "hint", wrap=True)
        self._line.setAccessibleName("What happened")
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        self._details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._details.setFixedHeight(84)
        describe(self._details, "Report", "What fitted, and what did not")
        self._details.hide()

    def _build_foot(self) -> None:
        self._name = QLineEdit()
        self._name.setPlaceholderText("timm:regnety_002")
        self._name.setFixedWidth(200)
        describe(self._name, "Name of an encoder of timm", "Any encoder of timm, by its name there (Return)")
        self._name.textChanged.connect(lambda _text: self._show_row())
        self._name.returnPressed.connect(self._ask_add)
        self._add = push_button("Add", "List this encoder of timm")
        self._add.clicked.connect(self._ask_add)
        self._take = push_button("Import folder…", "Take in weights that another machine exported")
        self._take.clicked.connect(self._ask_folder)
        tip = "Copy what was downloaded or imported to a folder, for a machine without network"
        self._give = push_button("Export to folder…", tip)
        self._give.clicked.connect(self._ask_export)
        self._close = push_button("Close", "Close (Esc); a download goes on")
        self._close.clicked.connect(self.close)

    def _lay_out(self) -> None:
        card = QFrame()
        set_role(card, role="card")
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        top = Qt.AlignmentFlag.AlignTop
        for at, (name, value) in enumerate(self._values.items()):
            grid.addWidget(text_label(name, "lead"), at, 0, top)
            grid.addWidget(value, at, 1, top)
        head = _row(self._title, None, self._download, self._import)
        inner = QVBoxLayout(card)
        inner.setContentsMargins(12, 12, 12, 12)
        inner.setSpacing(8)
        inner.addLayout(head)
        inner.addLayout(grid)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(12)
        layout.addWidget(text_label("Backbones and weights", "subtitle"))
        layout.addWidget(self._table, 1)
        layout.addWidget(card)
        layout.addWidget(self._progress)
        layout.addWidget(self._line)
        layout.addWidget(self._details)
        layout.addLayout(_row(self._name, self._add, None, self._take, self._give, self._close))


def _row(*widgets: QPushButton | QWidget | None) -> QHBoxLayout:
    """Widgets in a row; None is the gap that grows."""
    row = QHBoxLayout()
    row.setSpacing(8)
    for widget in widgets:
        if widget is None:
            row.addStretch(1)
        else:
            row.addWidget(widget)
    return row
