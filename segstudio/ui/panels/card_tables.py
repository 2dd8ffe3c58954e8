"""The painted parts of a model's card: scores per class, and the confusion matrix as a heat map."""

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from segstudio.storage.cards import ModelCard
from segstudio.ui.panels.scores import NO_ANSWER, number
from segstudio.ui.theme import SMALL_PX, Tokens, mix, ui_font

ROW = 24
COLUMNS = (("iou", "IoU"), ("dice", "Dice"), ("accuracy", "Accuracy"), ("boundary", "Boundary F"))
_NUMBER = 84  # px of a column of numbers
_NAMES = 128  # px of the names of classes beside the map
_CELL, _LEAST_CELL = 44, 10
_MAP = 420  # px of all cells across, unless they would become too small
_LEFT, _RIGHT = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
_MIDDLE = Qt.AlignmentFlag.AlignVCenter


class ClassScores(QWidget):
    """IoU, Dice, accuracy and boundary F of each class of a model."""

    def __init__(self, card: ModelCard, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._classes = card.classes
        self._columns = dict(card.per_class) or {"iou": card.per_class_iou}
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(ROW * (len(self._classes) + 1))
        self.setAccessibleName("Scores per class")
        self.setAccessibleDescription(". ".join(" ".join(row) for row in self.rows()))
        self.setToolTip("On the validation labels; a dash where a class is in neither labels nor prediction")

    def rows(self) -> list[tuple[str, ...]]:
        """What is shown: of each class its name and the scores, in the order of `COLUMNS`."""
        return [
            (str(item["name"]), *(number(self._score(key, at)) for key, _ in COLUMNS))
            for at, item in enumerate(self._classes)
        ]

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        self.update()

    def minimumSizeHint(self) -> QSize:
        """Qt's virtual."""
        return QSize(_NUMBER * len(COLUMNS) + 80, self.height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual."""
        t = self._tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(ui_font(SMALL_PX))
        painter.setPen(QColor(t.quiet))
        starts = [self.width() - _NUMBER * (len(COLUMNS) - at) for at in range(len(COLUMNS))]
        for left, (_, title) in zip(starts, COLUMNS, strict=True):
            painter.drawText(QRect(left, 0, _NUMBER, ROW), _RIGHT | _MIDDLE, title)
        painter.fillRect(QRectF(0, ROW - 1, self.width(), 1), QColor(t.line))
        painter.setFont(ui_font(SMALL_PX + 1))
        for at, item in enumerate(self._classes):
            top = ROW * (at + 1)
            _swatch(painter, str(item["color"]), QRect(0, top, 10, ROW))
            painter.setPen(QColor(t.text))
            name = QRect(18, top, starts[0] - 18, ROW)
            painter.drawText(name, _LEFT | _MIDDLE, _fitted(painter.fontMetrics(), str(item["name"]), name.width()))
            for left, (key, _) in zip(starts, COLUMNS, strict=True):
                value = self._score(key, at)
                painter.setPen(QColor(t.quiet if value is None else t.text))
                painter.drawText(QRect(left, top, _NUMBER, ROW), _RIGHT | _MIDDLE, number(value))

    def _score(self, key: str, at: int) -> float | None:
        values = self._columns.get(key, [])
        return values[at] if at < len(values) else None


class HeatMap(QWidget):
    """The confusion matrix: of the pixels of each class, the share that the model gives each class.

    Classes that are in neither labels nor prediction are left out. A last column is there when the model gave some
    pixels no class that the labels know.
    """

    def __init__(self, card: ModelCard, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._classes = card.classes
        self._counts = card.confusion if _fits(card.confusion, len(card.classes)) else []
        count = len(self._counts)
        taken = [sum(row[at] for row in self._counts) for at in range(count)]
        self._rows = [at for at in range(count) if sum(self._counts[at])]
        self._columns = [at for at in range(count) if at in self._rows or taken[at]]
        if any(row[count] for row in self._counts):
            self._columns.append(count)
        across = max(1, len(self._columns))
        self._cell = max(_LEAST_CELL, min(_CELL, _MAP // across))
        self._high = max(_LEAST_CELL, min(28, self._cell))
        self.setFixedSize(self.size_of())
        self.setAccessibleName("Confusion matrix")
        self.setAccessibleDescription(". ".join(self._lines()))

    @property
    def size_shown(self) -> int:
        """Number of classes that have a row."""
        return len(self._rows)

    def size_of(self) -> QSize:
        """Width and height that it needs."""
        return QSize(_NAMES + self._cell * len(self._columns) + 1, ROW + self._high * len(self._rows) + 1)

    def share(self, truth: int, said: int) -> float:
        """Of the pixels of class `truth`, the share given class `said`; the number of classes stands for none."""
        total = sum(self._counts[truth])
        return self._counts[truth][said] / total if total else math.nan

    def told(self, at: QPoint) -> str:
        """What a place of the map says in words; empty beside it."""
        row, column = (at.y() - ROW) // self._high, (at.x() - _NAMES) // self._cell
        if not (0 <= row < len(self._rows) and 0 <= column < len(self._columns)):
            return ""
        truth, said = self._rows[row], self._columns[column]
        share, pixels = self.share(truth, said), self._counts[truth][said]
        return f"{share:.1%} of {self._name(truth)} taken for {self._name(said)} ({pixels:,} px)".replace("%", " %")

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        self.update()

    def event(self, event: QEvent) -> bool:
        """Qt's virtual: a tooltip of its own for each cell."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.told(event.pos()), self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual."""
        t = self._tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(ui_font(SMALL_PX))
        for place, said in enumerate(self._columns):
            box = QRect(_NAMES + place * self._cell, 0, self._cell, ROW)
            if said < len(self._classes):
                _swatch(painter, str(self._classes[said]["color"]), box.adjusted((self._cell - 10) // 2, 0, 0, 0))
            else:
                painter.setPen(QColor(t.quiet))
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, NO_ANSWER)
        for line, truth in enumerate(self._rows):
            top = ROW + line * self._high
            if self._high >= 14:
                self._paint_name(painter, truth, QRect(0, top, _NAMES, self._high))
            for place, said in enumerate(self._columns):
                box = QRect(_NAMES + place * self._cell, top, self._cell, self._high).adjusted(1, 1, -1, -1)
                self._paint_cell(painter, box, self.share(truth, said), right=truth == said)

    def _paint_name(self, painter: QPainter, index: int, box: QRect) -> None:
        _swatch(painter, str(self._classes[index]["color"]), box)
        painter.setPen(QColor(self._tokens.text))
        words = box.adjusted(18, 0, -8, 0)
        painter.drawText(words, _LEFT | _MIDDLE, _fitted(painter.fontMetrics(), self._name(index), words.width()))

    def _paint_cell(self, painter: QPainter, box: QRect, share: float, *, right: bool) -> None:
        t = self._tokens
        painter.setPen(Qt.PenStyle.NoPen)
        # What is wrong is rare: the root lets a few percent be seen.
        painter.setBrush(mix(t.field if t.dark else t.window, t.accent if right else t.danger, math.sqrt(share)))
        painter.drawRoundedRect(QRectF(box), 3, 3)
        percent = round(100 * share)
        if self._cell >= 28 and percent:
            painter.setPen(QColor(t.on_accent if share > 0.5 else t.text))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(percent))

    def _name(self, index: int) -> str:
        return str(self._classes[index]["name"]) if index < len(self._classes) else "no class"

    def _lines(self) -> list[str]:
        lines = []
        for truth in self._rows:
            said = [f"{self._name(at)} {self.share(truth, at):.0%}" for at in self._columns if self.share(truth, at)]
            lines.append(f"{self._name(truth)} taken for {', '.join(said)}")
        return lines


def _fits(confusion: Sequence[Sequence[int]], classes: int) -> bool:
    return len(confusion) == classes and all(len(row) == classes + 1 for row in confusion)


def _swatch(painter: QPainter, color: str, box: QRect) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(color))
    painter.drawRoundedRect(QRectF(box.left(), box.center().y() - 4, 10, 10), 3, 3)


def _fitted(metrics: QFontMetrics, text: str, width: int) -> str:
    return metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)
