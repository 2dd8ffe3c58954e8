"""A table of plain rows in the look of the program, for dialogs that list things."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QApplication, QHeaderView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from segstudio.ui.panels.parts import describe, set_role
from segstudio.ui.theme import DARK, LIGHT, Tokens

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
ROW = 28
_PAD, _SWATCH = 8, 16
_MIDDLE = Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a `Listing`.

    Attributes:
        title: in the header.
        width: in px; 0 takes what the others leave.
        right: whether it is set to the right, as numbers are.
        tip: of the header.
    """

    title: str
    width: int = 0
    right: bool = False
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place of a `Listing`.

    Attributes:
        text: in one line; shortened to the room there is.
        tip: its tooltip; the text when empty.
        kind: ``quiet``, ``success``, ``error`` or empty.
        color: ``#rrggbb`` of a line drawn before the text, as in a legend; empty without one.
    """

    text: str = ""
    tip: str = ""
    kind: str = ""
    color: str = ""


class Listing(QTableView):
    """Rows of cells, one of them chosen.

    Args:
        name: its accessible name.
        tip: its tooltip where no cell has one.
        columns: what there is to know of each row.

    Signals:
        row_changed(int): another row is chosen; -1 when none is.
    """

    row_changed = Signal(int)

    def __init__(self, name: str, tip: str, columns: Sequence[Column]) -> None:
        super().__init__()
        self._rows = _Rows(columns, self)
        self.setModel(self._rows)
        self.setItemDelegate(_Delegate(self._rows, self))
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
        across, down = self.horizontalHeader(), self.verticalHeader()
        down.hide()
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        down.setDefaultSectionSize(ROW)
        across.setHighlightSections(False)
        across.setSectionsClickable(False)
        across.setMinimumSectionSize(24)
        across.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for at, column in enumerate(columns):
            if column.width:
                across.setSectionResizeMode(at, QHeaderView.ResizeMode.Fixed)
                across.resizeSection(at, column.width)
        set_role(self, role="framed")
        describe(self, name, tip)
        self.selectionModel().currentRowChanged.connect(lambda new, _old: self.row_changed.emit(new.row()))

    @property
    def row(self) -> int:
        """The chosen row, -1 when none is."""
        return self.currentIndex().row()

    @property
    def rows(self) -> Sequence[Sequence[Cell]]:
        """What is shown."""
        return self._rows.rows

    def set_rows(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Show these; the chosen place stays when there are as many as before."""
        self._rows.set_rows(rows)

    def choose(self, row: int) -> None:
        """Choose a row and bring it into sight; a negative number chooses none."""
        if row < 0:
            self.clearSelection()
            self.setCurrentIndex(ROOT)
        else:
            self.selectRow(row)
            self.scrollTo(self._rows.index(row, 0))


class _Rows(QAbstractTableModel):
    def __init__(self, columns: Sequence[Column], parent: QObject) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.rows: list[Sequence[Cell]] = []

    def set_rows(self, rows: Sequence[Sequence[Cell]]) -> None:
        if len(rows) != len(self.rows):
            self.beginResetModel()
            self.rows = list(rows)
            self.endResetModel()
        elif rows:
            self.rows = list(rows)
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self.columns) - 1))

    def rowCount(self, parent: Index = ROOT) -> int:
        """Qt's virtual."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = ROOT) -> int:
        """Qt's virtual."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt's virtual."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self.columns[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.title
            case Qt.ItemDataRole.ToolTipRole:
                return column.tip or column.title
            case Qt.ItemDataRole.TextAlignmentRole:
                return int((Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft) | _MIDDLE)
            case _:
                return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt's virtual."""
        cell = self.rows[index.row()][index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return cell.text
        return (cell.tip or cell.text) if role == Qt.ItemDataRole.ToolTipRole else None


class _Delegate(QStyledItemDelegate):
    """Draws a cell."""

    def __init__(self, rows: _Rows, parent: QObject) -> None:
        super().__init__(parent)
        self._rows = rows

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Qt's virtual."""
        t, column = theme_in_force(), self._rows.columns[index.column()]
        cell = self._rows.rows[index.row()][index.column()]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(t.accent_ground))
        area = option.rect.adjusted(_PAD, 0, -_PAD, 0)
        if cell.color:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(cell.color))
            painter.drawRoundedRect(QRectF(area.x(), area.center().y() - 1, _SWATCH - 4, 4), 2, 2)
            area.setLeft(area.left() + _SWATCH)
        colors = {"quiet": t.quiet, "success": t.success, "error": t.danger}
        painter.setPen(QColor(colors.get(cell.kind, t.text)))
        text = painter.fontMetrics().elidedText(cell.text, Qt.TextElideMode.ElideRight, area.width())
        side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(area, int(side | _MIDDLE), text)
        painter.restore()

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """Qt's virtual."""
        return QSize(48, ROW)


def theme_in_force() -> Tokens:
    """The colours the application has now, for what is not told of a change."""
    ground = QApplication.palette().window().color()
    return LIGHT if ground == QColor(LIGHT.panel) else DARK
