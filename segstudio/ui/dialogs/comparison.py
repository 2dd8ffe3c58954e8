"""Comparing transfers: what is compared, how it goes, what came of it."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from segstudio.learn.comparison.plan import (
    DEFAULT_MINUTES,
    DEFAULT_TRANSFERS,
    ComparisonDone,
    ComparisonPlan,
    Event,
    RowStepped,
)
from segstudio.learn.request import Transfer
from segstudio.ui.dialogs.comparison_curves import ComparisonCurves
from segstudio.ui.dialogs.comparison_view import (
    COLUMNS,
    Standing,
    Wanted,
    ended_line,
    problems_of,
    total_line,
)
from segstudio.ui.dialogs.listing import ROW, Listing, theme_in_force
from segstudio.ui.option_spec import Choice
from segstudio.ui.panels.parts import (
    ElidedLabel,
    NumberBox,
    combo,
    describe,
    push_button,
    quietly,
    set_role,
    text_label,
)
from segstudio.ui.starts import Offers

WHAT = (
    "Each is trained for the same time on the same labels, one after the other, and scored on the same validation "
    "pixels. Nothing of it is put in use or kept."
)
NO_START = "Needs a model of this project, or a published network on this machine (see Backbones and weights)"
MISSING = "Its weights are not on this machine; see Backbones and weights"
_LONGEST = 24 * 60  # minutes
_HEAD, _MOST_ROWS = 40, 8  # px of the table's header and frame; rows it shows without scrolling
_TRANSFERS: dict[Transfer, tuple[str, str]] = {
    "none": ("None", "A random start: what the others are compared with"),
    "feature": ("Feature", "The pretrained backbone stays as it is, only the rest learns"),
    "parameter": ("Parameter", "Starts pretrained, and all of it learns"),
    "structure": ("Structure", "A whole network moves in: a model of this project or a published one"),
}


class ComparisonDialog(QDialog):
    """Stays open beside the window; the comparison itself goes on when it is closed.

    Signals:
        start_requested(Wanted): compare that.
        stop_requested(): stop; what has ended stays.
        save_requested(Path): write a report of what there is into this folder.
    """

    start_requested = Signal(object)
    stop_requested = Signal()
    save_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare transfers")
        self.resize(900, 800)
        self.setMinimumSize(720, 640)
        self._standing: Standing | None = None
        self._running = False
        self._blocked = ""
        self._offered: Offers | None = None
        self._build_choices()
        self._build_results()
        self._lay_out()
        self.set_offers(Offers())
        self.set_running(False)

    @property
    def wanted(self) -> Wanted:
        """What is chosen."""
        backbones = tuple(name for name, box in self._backbones.items() if box.isChecked())
        transfers = tuple(name for name, box in self._transfers.items() if box.isChecked() and box.isEnabled())
        start = str(self._start.currentData()) if "structure" in transfers else None
        return Wanted(transfers, backbones, start, float(self._minutes.value()))

    @property
    def standing(self) -> Standing | None:
        """How the comparison stands, or how the last one ended; None before the first."""
        return self._standing

    def set_offers(self, offers: Offers, chosen: str = "") -> None:
        """Offer these; what was chosen before stays chosen as far as it is still there.

        Args:
            offers: backbones, and what structure can start from.
            chosen: the backbone that is chosen at first.
        """
        if offers == self._offered:
            return
        ticked = {name for name, box in self._backbones.items() if box.isChecked()} or {chosen}
        self._offered = offers
        start = self._start.currentData()
        self._offer_backbones(offers.backbones, ticked)
        starts = [choice for choice in offers.starts if choice.here]

        def fill() -> None:
            self._start.clear()
            for at, choice in enumerate(starts):
                self._start.addItem(choice.title, choice.value)
                self._start.setItemData(at, choice.tip, Qt.ItemDataRole.ToolTipRole)
            self._start.setCurrentIndex(max(0, self._start.findData(start)))

        quietly(self._start, fill)
        structure, possible = self._transfers["structure"], bool(starts)
        structure.setEnabled(possible)
        structure.setChecked(possible)
        describe(structure, "Structure", _TRANSFERS["structure"][1] if possible else NO_START)
        self._tell_choice()

    def set_blocked(self, why: str) -> None:
        """Say why no comparison can begin now; empty when one can."""
        self._blocked = why
        self._tell_choice()

    def set_running(self, running: bool, *, stopping: bool = False) -> None:
        """A comparison goes on, was asked to stop, or is over."""
        self._running = running
        self._choices.setEnabled(not running)
        self._begin.setVisible(not running)
        self._stop.setVisible(running)
        self._stop.setEnabled(not stopping)
        self._bar.setVisible(running)
        if stopping:
            self._how_far.setText("Stopping …")
        self._tell_choice()

    def prepare(self) -> None:
        """A comparison was asked for, and is being loaded."""
        self._standing = None
        self._table.hide()
        self._save.setEnabled(False)
        self._curves.set_curves({}, ())
        self._bar.setRange(0, 0)
        self._how_far.setText("Preparing …")
        self.tell("")
        self._show_notes(())

    def show_plan(self, plan: ComparisonPlan) -> None:
        """This will be compared."""
        self._standing = Standing(plan)
        self._show_notes(plan.notes)
        self._refresh()

    def show_events(self, events: list[Event]) -> None:
        """This happened."""
        standing = self._standing
        if standing is None:
            return
        for event in events:
            standing.take(event)
            if isinstance(event, ComparisonDone):
                found = event.comparison
                good = any(result.scores is not None for result in found.rows)
                self.tell(ended_line(found), "" if good or found.stopped else "error")
                self._show_notes((*found.plan.notes, *problems_of(found.rows)))
        if all(isinstance(event, RowStepped) for event in events):
            self._show_how_far(standing)  # comes ten times a second, and changes nothing else
        else:
            self._refresh()

    def tell(self, line: str, kind: str = "") -> None:
        """Say what happened; ``error`` for what went wrong."""
        self._said.setText(line)
        self._said.setVisible(bool(line))
        set_role(self._said, kind=kind)

    def _refresh(self) -> None:
        standing = self._standing
        if standing is None:
            return
        rows = standing.cells(theme_in_force())
        self._table.set_rows(rows)
        self._table.setFixedHeight(_HEAD + ROW * min(len(rows), _MOST_ROWS))
        self._table.setVisible(bool(rows))
        self._curves.set_curves(standing.points, [row.label for row in standing.plan.rows])
        self._save.setEnabled(standing.found is not None)
        self._show_how_far(standing)

    def _show_how_far(self, standing: Standing) -> None:
        self._bar.setRange(0, 1000)
        self._bar.setValue(round(1000 * standing.share))
        if self._running and self._stop.isEnabled():
            self._how_far.setText(standing.line)

    def _show_notes(self, notes: tuple[str, ...]) -> None:
        self._notes.setText("\n".join(dict.fromkeys(notes)))
        self._notes.setVisible(bool(notes))

    def _tell_choice(self) -> None:
        wanted = self.wanted
        self._start.setEnabled("structure" in wanted.transfers)
        self._begin.setEnabled(not self._blocked and wanted.count > 0)
        if not self._running:
            self._how_far.setText(self._blocked or total_line(wanted))
        set_role(self._how_far, kind="warning" if self._blocked and not self._running else "")

    def _offer_backbones(self, choices: Sequence[Choice], ticked: set[str]) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(4)
        self._backbones.clear()
        for choice in choices:
            box = QCheckBox(choice.title)
            box.setEnabled(choice.here)
            box.setChecked(choice.here and choice.value in ticked)
            describe(box, choice.title, f"Compare {choice.title}" if choice.here else MISSING)
            box.toggled.connect(self._tell_choice)
            self._backbones[choice.value] = box
            column.addWidget(box)
        column.addStretch(1)
        self._area.setWidget(inner)

    def _ask_save(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "Save the report in"):
            self.save_requested.emit(Path(chosen))

    # Building

    def _build_choices(self) -> None:
        self._backbones: dict[str, QCheckBox] = {}
        self._transfers: dict[Transfer, QCheckBox] = {}
        for name in DEFAULT_TRANSFERS:
            title, tip = _TRANSFERS[name]
            box = QCheckBox(title)
            describe(box, title, tip)
            box.setChecked(True)
            box.toggled.connect(self._tell_choice)
            self._transfers[name] = box
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._start = combo("Structure starts from", "What the structure transfer starts from")
        self._minutes = NumberBox()
        self._minutes.setRange(1, _LONGEST)
        self._minutes.setValue(round(DEFAULT_MINUTES))
        self._minutes.setSuffix(" min")
        describe(self._minutes, "Minutes each", "How long each is trained; the more, the surer the answer")
        self._minutes.lineEdit().textChanged.connect(lambda _text: self._tell_choice())
        self._minutes.valueChanged.connect(lambda _value: self._tell_choice())
        self._how_far = ElidedLabel("")
        self._how_far.setAccessibleName("How long it takes")
        self._begin = push_button("Start", "Train one after the other, and compare", "primary")
        self._begin.clicked.connect(lambda: self.start_requested.emit(self.wanted))
        self._stop = push_button("Cancel", "Stop; what has ended is kept", "danger")
        self._stop.setAutoDefault(False)  # or it would look like what one is led to press
        self._stop.clicked.connect(self.stop_requested)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress")

    def _build_results(self) -> None:
        self._table = Listing("Results", "A row for each training", COLUMNS)
        self._table.hide()
        self._curves = ComparisonCurves()
        self._said = text_label("", "", wrap=True)
        self._said.setAccessibleName("What came of it")
        self._notes = text_label("", "quiet", wrap=True)
        self._notes.setAccessibleName("Notes")
        tip = "Write the figure (SVG) and the tables (CSV, JSON) into a folder, as 'segstudio compare --out' does"
        self._save = push_button("Save report…", tip)
        self._save.clicked.connect(self._ask_save)
        self._save.setEnabled(False)
        self._close = push_button("Close", "Close (Esc); a comparison goes on")
        self._close.clicked.connect(self.close)

    def _lay_out(self) -> None:
        self._choices = QWidget()
        across = QHBoxLayout(self._choices)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(24)
        transfers = QVBoxLayout()
        transfers.setSpacing(8)
        for box in self._transfers.values():
            transfers.addWidget(box)
        card = QFrame()
        set_role(card, role="card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(1, 1, 1, 1)
        inside.addWidget(self._area)
        budget = QVBoxLayout()
        budget.setSpacing(8)
        budget.addWidget(self._minutes)
        budget.addSpacing(4)
        budget.addWidget(text_label("Structure starts from", "lead"))
        budget.addWidget(self._start)
        across.addLayout(_titled("Transfers", transfers))
        across.addLayout(_titled("Backbones", card), 3)
        across.addLayout(_titled("Minutes each", budget), 2)
        self._choices.setFixedHeight(168)
        go = QHBoxLayout()
        go.setSpacing(12)
        go.addWidget(self._how_far, 1)
        go.addWidget(self._begin)
        go.addWidget(self._stop)
        plot = QFrame()
        set_role(plot, role="card")
        framed = QVBoxLayout(plot)
        framed.setContentsMargins(8, 8, 8, 4)
        framed.addWidget(self._curves)
        bottom = QHBoxLayout()
        bottom.setSpacing(8)
        bottom.addWidget(self._save)
        bottom.addStretch(1)
        bottom.addWidget(self._close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(12)
        layout.addWidget(text_label("Compare transfers", "subtitle"))
        layout.addWidget(text_label(WHAT, "hint", wrap=True))
        layout.addWidget(self._choices)
        layout.addLayout(go)
        layout.addWidget(self._bar)
        layout.addWidget(self._table)
        layout.addWidget(plot, 1)
        layout.addWidget(self._said)
        layout.addWidget(self._notes)
        layout.addLayout(bottom)


def _titled(title: str, what: QWidget | QVBoxLayout) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(8)
    column.addWidget(text_label(title, "lead"))
    if isinstance(what, QWidget):
        column.addWidget(what, 1)
    else:
        column.addLayout(what)
        column.addStretch(1)
    return column
