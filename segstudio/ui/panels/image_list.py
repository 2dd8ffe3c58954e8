"""The images as a Qt model, and how one of them is drawn in the strip."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from segstudio.ui.theme import SMALL_PX, Tokens, ui_font

if TYPE_CHECKING:
    from segstudio.storage.project import ImageRecord

Index = QModelIndex | QPersistentModelIndex
STATES = ("unlabelled", "in progress", "proposed", "reviewed")
KEY_ROLE = int(Qt.ItemDataRole.UserRole)
RECORD_ROLE = KEY_ROLE + 1
PICTURE_ROLE = KEY_ROLE + 2
KEPT_THUMBNAILS = 600  # about 50 MB; what scrolls out of reach is asked for again
CELL = QSize(116, 104)
PICTURE = QSize(104, 72)
ROOT = QModelIndex()


@dataclass(slots=True)
class _Thumbnail:
    pixmap: QPixmap | None  # None: it could not be made


class ImageListModel(QAbstractListModel):
    """The records that pass the filter, with the thumbnails that have come so far."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._records: list[ImageRecord] = []
        self._place: dict[str, int] = {}
        self._shown: list[int] = []
        self._row: dict[str, int] = {}
        self._state = ""
        self._thumbnails: OrderedDict[str, _Thumbnail] = OrderedDict()

    def rowCount(self, parent: Index = ROOT) -> int:
        """Qt's virtual."""
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt's virtual."""
        if not index.isValid() or index.row() >= len(self._shown):
            return None
        record = self._records[self._shown[index.row()]]
        if role == Qt.ItemDataRole.DisplayRole:
            return record.key.rpartition("/")[2]
        if role == KEY_ROLE:
            return record.key
        if role == RECORD_ROLE:
            return record
        if role == PICTURE_ROLE:
            return self._thumbnails.get(record.key)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{record.key}\n{record.width} × {record.height} px · {record.state}{_split(record)}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{record.key}, {record.state}"
        return None

    def set_records(self, records: Sequence["ImageRecord"]) -> None:
        """Replace all records."""
        self.beginResetModel()
        self._records = list(records)
        self._place = {record.key: at for at, record in enumerate(self._records)}
        self._filter()
        for key in [key for key in self._thumbnails if key not in self._place]:
            del self._thumbnails[key]
        self.endResetModel()

    def update_record(self, record: "ImageRecord") -> None:
        """Replace one record by its key; an unknown key is added at the end."""
        place = self._place.get(record.key)
        if place is None:
            self.set_records([*self._records, record])
            return
        self._records[place] = record
        row = self._row.get(record.key)
        if row is not None and self._passes(record):
            self.dataChanged.emit(self.index(row), self.index(row))
        elif (row is not None) != self._passes(record):
            self.beginResetModel()
            self._filter()
            self.endResetModel()

    def set_filter(self, state: str) -> None:
        """Show only images of this state; empty for all."""
        self.beginResetModel()
        self._state = state
        self._filter()
        self.endResetModel()

    def index_of(self, key: str) -> QModelIndex:
        """Where an image is; an invalid index when it is unknown or filtered out."""
        row = self._row.get(key)
        return QModelIndex() if row is None else self.index(row)

    def has_thumbnail(self, key: str) -> bool:
        """Whether a thumbnail has come, or was said to be impossible."""
        return key in self._thumbnails

    def set_thumbnail(self, key: str, image: QImage) -> None:
        """Give an image its picture; a null one says that it cannot be read."""
        if key not in self._place:
            return
        self._thumbnails[key] = _Thumbnail(None if image.isNull() else QPixmap.fromImage(image))
        self._thumbnails.move_to_end(key)
        while len(self._thumbnails) > KEPT_THUMBNAILS:
            self._thumbnails.popitem(last=False)
        index = self.index_of(key)
        if index.isValid():
            self.dataChanged.emit(index, index)

    def counts(self) -> dict[str, int]:
        """How many images, in all (under the empty name) and of each state."""
        result = dict.fromkeys(STATES, 0)
        for record in self._records:
            result[record.state] += 1
        return {"": len(self._records), **result}

    def _passes(self, record: "ImageRecord") -> bool:
        return not self._state or record.state == self._state

    def _filter(self) -> None:
        self._shown = [at for at, record in enumerate(self._records) if self._passes(record)]
        self._row = {self._records[at].key: row for row, at in enumerate(self._shown)}


def _split(record: "ImageRecord") -> str:
    return f" · {record.split}" if record.split else ""


class ImageDelegate(QStyledItemDelegate):
    """Draws a thumbnail, the mark of its state and its name."""

    def __init__(self, tokens: Tokens, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tokens = tokens

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """Qt's virtual: all alike, so that ten thousand cost nothing."""
        return CELL

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Qt's virtual."""
        t = self.tokens
        cell = QRect(option.rect.topLeft(), CELL)  # the row may be higher, where there is nothing to scroll
        state: QStyle.StateFlag = option.state
        current = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if current or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.accent_ground if current else t.raised))
            painter.drawRoundedRect(QRectF(cell).adjusted(2, 0, -2, 0), 6, 6)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(t.accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(cell).adjusted(2.5, 0.5, -2.5, -0.5), 6, 6)
        box = QRect(cell.x() + (cell.width() - PICTURE.width()) // 2, cell.y() + 6, PICTURE.width(), PICTURE.height())
        self._draw_picture(painter, box, index.data(PICTURE_ROLE), current=current)
        record = index.data(RECORD_ROLE)
        line = QRect(box.x(), box.bottom() + 5, box.width(), 18)
        draw_state(painter, QRectF(line.x() + 2, line.y() + 4, 10, 10), record.state, t)
        painter.setFont(ui_font(SMALL_PX))
        painter.setPen(QColor(t.text if current else t.quiet))
        text = line.adjusted(17, 0, 0, 0)
        name = painter.fontMetrics().elidedText(index.data(), Qt.TextElideMode.ElideMiddle, text.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        painter.restore()

    def _draw_picture(self, painter: QPainter, box: QRect, thumbnail: _Thumbnail | None, *, current: bool) -> None:
        t = self.tokens
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.window))
        painter.drawRoundedRect(QRectF(box), 4, 4)
        if thumbnail is not None and thumbnail.pixmap is not None:
            fitted = thumbnail.pixmap.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(box.topLeft(), fitted)
            target.moveCenter(box.center())
            painter.drawPixmap(target, thumbnail.pixmap)
        elif thumbnail is not None:
            painter.setPen(QColor(t.warning))
            painter.setFont(ui_font(SMALL_PX))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "Cannot be read")
        if current:
            painter.setPen(QPen(QColor(t.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(box).adjusted(-1, -1, 1, 1), 5, 5)


def draw_state(painter: QPainter, box: QRectF, state: str, tokens: Tokens) -> None:
    """Draw the mark of an image's state; each has its own shape as well as its own colour.

    Args:
        painter: antialiased.
        box: square to draw in.
        state: ring: unlabelled, half disc: in progress, diamond: proposed, ticked disc: reviewed.
        tokens: colours.
    """
    painter.save()
    middle = box.center()
    inner = box.adjusted(1, 1, -1, -1)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if state == "unlabelled":
        painter.setPen(QPen(QColor(tokens.quiet), 1.5))
        painter.drawEllipse(inner)
    elif state == "in progress":
        painter.setPen(QPen(QColor(tokens.warning), 1.5))
        painter.drawEllipse(inner)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.warning))
        painter.drawPie(inner, 90 * 16, 180 * 16)
    elif state == "proposed":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.proposed))
        reach = box.width() / 2
        corners = [QPointF(0, -reach), QPointF(reach, 0), QPointF(0, reach), QPointF(-reach, 0)]
        painter.drawPolygon(QPolygonF([middle + corner for corner in corners]))
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.success))
        painter.drawEllipse(box)
        painter.setPen(QPen(QColor(tokens.panel), 1.6, c=Qt.PenCapStyle.RoundCap, j=Qt.PenJoinStyle.RoundJoin))
        unit = box.width() / 10
        tick = [QPointF(-2.2, 0.2), QPointF(-0.6, 1.8), QPointF(2.3, -1.6)]
        painter.drawPolyline(QPolygonF([middle + corner * unit for corner in tick]))
    painter.restore()
