"""The table of IoU per class: colour, name, bar, number."""

import math

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from segstudio.core.classes import ClassTable
from segstudio.core.metrics import Scores
from segstudio.ui.theme import SMALL_PX, Tokens, ui_font

ROW = 24
NUMBER = 36
NO_ANSWER = "–"


def number(value: float | None) -> str:
    """A score with two decimals; a dash when there is none."""
    return NO_ANSWER if value is None or not math.isfinite(value) else f"{value:.2f}"


class ScoreTable(QWidget):
    """Painted, not made of widgets: it changes every round and may have many rows."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._classes = ClassTable()
        self._scores: Scores | None = None
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("IoU per class")
        self.setToolTip("Intersection over union on the validation labels, per class")

    def rows(self) -> list[tuple[str, str]]:
        """What is shown: class names and their scores."""
        values = self._scores.per_class_iou if self._scores else ()
        return [(item.name, number(values[item.index] if item.index < len(values) else None)) for item in self._classes]

    def set_classes(self, table: ClassTable) -> None:
        """Use these names and colours."""
        self._classes = table
        self._changed()

    def set_scores(self, scores: Scores | None) -> None:
        """Show these scores; None for none."""
        self._scores = scores
        self._changed()

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        self.update()

    def sizeHint(self) -> QSize:
        """Qt's virtual."""
        return QSize(200, ROW * len(self._classes) if self._scores else 0)

    def minimumSizeHint(self) -> QSize:
        """Qt's virtual."""
        return QSize(120, self.sizeHint().height())

    def event(self, event: QEvent) -> bool:
        """Qt's virtual: a tooltip of its own for each row."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            row = event.pos().y() // ROW
            if 0 <= row < len(self.rows()):
                name, value = self.rows()[row]
                none = "in neither the labels nor the prediction"
                QToolTip.showText(event.globalPos(), f"{name}: {none if value == NO_ANSWER else f'IoU {value}'}", self)
                return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual."""
        if self._scores is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(ui_font(SMALL_PX + 1))
        values = self._scores.per_class_iou
        for item in self._classes:
            value = values[item.index] if item.index < len(values) else None
            row = QRect(0, item.index * ROW, self.width(), ROW)
            self._paint_row(painter, row, item.name, item.color, value)

    def _paint_row(self, painter: QPainter, row: QRect, name: str, color: str, value: float | None) -> None:
        t = self._tokens
        known = value is not None and math.isfinite(value)
        names = max(56, row.width() * 2 // 5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(color))
        painter.drawRoundedRect(QRectF(0, row.center().y() - 4, 10, 10), 3, 3)
        painter.setPen(QColor(t.text if known else t.quiet))
        area = QRect(18, row.y(), names - 24, ROW)
        text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        track = QRectF(names, row.center().y() - 1, row.width() - names - NUMBER, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.line))
        painter.drawRoundedRect(track, 2, 2)
        if value is not None and math.isfinite(value) and value > 0:
            painter.setBrush(QColor(t.accent))
            filled = QRectF(track)
            filled.setWidth(max(4.0, track.width() * min(value, 1.0)))
            painter.drawRoundedRect(filled, 2, 2)
        painter.setPen(QColor(t.text if known else t.quiet))
        right = QRect(row.width() - NUMBER, row.y(), NUMBER, ROW)
        painter.drawText(right, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, number(value))

    def _changed(self) -> None:
        self.setFixedHeight(self.sizeHint().height())
        said = ", ".join(f"{name} {value}" for name, value in self.rows()) if self._scores else ""
        self.setAccessibleDescription(said)
        self.update()
