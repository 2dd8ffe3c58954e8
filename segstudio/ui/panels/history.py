"""The strokes of the open image, done and undone: a list one walks through with a click."""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPixmap
from PySide6.QtWidgets import (
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from segstudio.core import figures
from segstudio.core.arrays import I64
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.history import Patch
from segstudio.ui.panels.parts import KeyKeeper, describe, text_label
from segstudio.ui.panels.section import HEAD, Section
from segstudio.ui.theme import SMALL_PX, Tokens, ui_font

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
HINT = "Every stroke is listed here. Click one to go back to how the image was then."
START = "Start"
ROW = 48
_LEAST, _COMFORT, _WHOLE = 2 * ROW - 12, 4 * ROW, 8 * ROW  # px of the list
PICTURE = 40
_SIDE = 2 * PICTURE  # cells of a picture: sharp on a screen of twice the resolution
_SAMPLE = 1 << 18  # pixels of a stroke that are looked at
_MOST = 1 << 21  # pixels of a stroke's rectangles beyond which unpacking them would be felt: only they are drawn
_KEPT = 200
_WANTED = 64
_REST_MS = 30  # after the last commit: the hand goes first


@dataclass(frozen=True, slots=True)
class StrokeItem:
    """How one stroke is listed.

    Attributes:
        label: what it was and the class it wrote, e.g. ``Brush · nucleus``.
        detail: how many pixels it changed.
        picture: its shape in the colours written, up to 80 pixels wide and high, transparent elsewhere.
    """

    label: str
    detail: str
    picture: QImage


def stroke_item(patch: Patch, classes: ClassTable, tokens: Tokens) -> StrokeItem:
    """Look at what a stroke changed; of large strokes only at a sample, of huge ones at their rectangles only.

    Raises:
        ValueError: when the patch comes from a damaged journal.
    """
    box, area = patch.rect, sum(rect.width * rect.height for rect in patch.rects)
    longest = max(1, box.width, box.height)
    cells = min(longest, _SIDE)
    values = np.full((-(-box.height * cells // longest), -(-box.width * cells // longest)), VOID, np.uint8)
    hit = np.zeros(values.shape, np.bool_)
    counts = np.zeros(256, np.int64)
    if area > _MOST:
        for rect in patch.rects:
            x0, y0 = (rect.x0 - box.x0) * cells // longest, (rect.y0 - box.y0) * cells // longest
            x1, y1 = -(-(rect.x1 - box.x0) * cells // longest), -(-(rect.y1 - box.y0) * cells // longest)
            hit[y0:y1, x0:x1] = True
    else:
        step = int(np.ceil(np.sqrt(max(1.0, area / _SAMPLE))))
        for piece in patch.pieces:
            new = piece.new[::step, ::step]
            rows, columns = np.nonzero(piece.old[::step, ::step] != new)
            written = new[rows, columns]
            counts += np.bincount(written, minlength=256) * step**2
            at = (
                (rows * step + piece.rect.y0 - box.y0) * cells // longest,
                (columns * step + piece.rect.x0 - box.x0) * cells // longest,
            )
            values[at], hit[at] = written, True
    colors = classes.colors()
    quiet, danger = QColor(tokens.quiet), QColor(tokens.danger)
    colors[VOID] = quiet.red(), quiet.green(), quiet.blue()
    if patch.layer == "rejected":
        colors[:] = danger.red(), danger.green(), danger.blue()
    pixels = np.zeros((*hit.shape, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = colors[values], hit * np.uint8(255)
    height, width = hit.shape
    image = QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
    return StrokeItem(_label(patch, counts, classes), _count(int(counts.sum()), exact=area <= _SAMPLE), image)


def _label(patch: Patch, counts: I64, classes: ClassTable) -> str:
    written = np.flatnonzero(counts)
    if patch.layer != "annotation" or len(written) != 1:
        return patch.label
    value = int(written[0])
    if value == VOID:
        return patch.label if patch.label == "Eraser" else f"{patch.label} · void"
    return f"{patch.label} · {classes[value].name}" if value < len(classes) else patch.label


def _count(pixels: int, *, exact: bool) -> str:
    if not pixels:
        return ""
    return figures.pixels(pixels) if exact else figures.about(pixels)


class _Strokes(QAbstractListModel):
    """Row 0 is the image before the first stroke; row ``n`` the n-th stroke, so that rows count strokes done."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.patches: tuple[Patch, ...] = ()
        self.done = 0
        self.items: OrderedDict[Patch, StrokeItem] = OrderedDict()

    def rowCount(self, parent: Index = ROOT) -> int:
        """Qt's virtual."""
        return 0 if parent.isValid() else len(self.patches) + 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt's virtual."""
        row = index.row()
        if not 0 <= row <= len(self.patches):
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            label = self.label(row)
            if role == Qt.ItemDataRole.DisplayRole:
                return label
            return f"{label}, {'current' if row == self.done else 'undone' if row > self.done else 'done'}"
        return None

    def label(self, row: int) -> str:
        if row == 0:
            return START
        patch = self.patches[row - 1]
        item = self.items.get(patch)
        return patch.label if item is None else item.label

    def set_strokes(self, done: Sequence[Patch], undone: Sequence[Patch]) -> None:
        """Only rows that came or went are told to the view."""
        new, before = (*done, *reversed(undone)), self.done
        if new != self.patches:
            if self.patches and new and self.patches[0] is not new[0] and new[0] in self.patches:
                self._remove(0, self.patches.index(new[0]))
            old, least = self.patches, min(len(self.patches), len(new))
            common = least
            if old[:least] != new[:least]:
                common = next(i for i in range(least) if old[i] is not new[i])
            self._remove(common, len(old))
            if len(new) > common:
                self.beginInsertRows(ROOT, common + 1, len(new))
                self.patches = new
                self.endInsertRows()
        self.done = len(done)
        first, last = sorted((min(before, len(new)), self.done))
        self.dataChanged.emit(self.index(first), self.index(last))

    def _remove(self, start: int, stop: int) -> None:
        """Forget strokes, by position."""
        if start >= stop:
            return
        self.beginRemoveRows(ROOT, start + 1, stop)
        for patch in self.patches[start:stop]:
            self.items.pop(patch, None)
        self.patches = self.patches[:start] + self.patches[stop:]
        self.endRemoveRows()

    def keep(self, patch: Patch, item: StrokeItem) -> None:
        self.items[patch] = item
        while len(self.items) > _KEPT:
            self.items.popitem(last=False)


class _View(QTableView):
    """A list whose Return key does what a click does.

    A table of one column: of Qt's views the one whose cost of another row does not grow with the rows it has.
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        for header in (self.horizontalHeader(), self.verticalHeader()):
            header.hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setSelectionMode(QTableView.SelectionMode.NoSelection)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.clicked.connect(lambda index: self.chosen.emit(index.row()))
        self.installEventFilter(KeyKeeper(self))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.chosen.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)


class HistoryPanel(Section):
    """Lists the strokes, the newest at the bottom, undone ones greyed.

    Args:
        tokens: colours.

    Signals:
        go_to(int): the person wants exactly so many strokes to be done.
    """

    go_to = Signal(int)
    comfort = HEAD + _COMFORT

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__("History", parent)
        self._tokens = tokens
        self._classes = ClassTable()
        self._model = _Strokes(self)
        self._delegate = _Row(self._model, self._want, tokens, self)
        self._view = _View()
        self._view.setModel(self._model)
        self._view.setItemDelegate(self._delegate)
        self._view.chosen.connect(self._choose)
        describe(self._view, "Strokes", "Click a stroke to go back, or forward, to it")
        self._count = text_label("", "quiet")
        self._count.setAccessibleName("Strokes done")
        self._hint = text_label(HINT, "hint", wrap=True)
        self._wanted: deque[Patch] = deque(maxlen=_WANTED)
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._look)
        self.head.addWidget(self._count)
        layout = QVBoxLayout(self.body)
        layout.setContentsMargins(12, 0, 4, 4)
        layout.setSpacing(8)
        layout.addWidget(self._hint)
        layout.addWidget(self._view, 1)
        layout.addStretch(0)
        self.body.setMinimumHeight(_LEAST)
        self.set_strokes((), ())

    def set_tokens(self, tokens: Tokens) -> None:
        """Colours of another theme."""
        self._tokens = self._delegate.tokens = tokens
        self._look_again()

    def set_classes(self, classes: ClassTable) -> None:
        """The classes the strokes wrote: their names and colours."""
        if classes != self._classes:
            self._classes = classes
            self._look_again()

    def set_strokes(self, done: Sequence[Patch], undone: Sequence[Patch]) -> None:
        """List these; cheap for a long list that differs a little from the one before.

        Args:
            done: strokes that can be undone, oldest first.
            undone: strokes that can be done again, the next one last, as `History.undone` gives them.
        """
        self._model.set_strokes(done, undone)
        total = len(self._model.patches)
        self._count.setText(f"{len(done)} of {total}" if undone else str(total) if total else "")
        self._hint.setVisible(not total)
        self._view.setVisible(bool(total))
        self._view.setCurrentIndex(self._model.index(self._model.done))
        if self._rest.isActive():
            self._rest.start()

    def sizeHint(self) -> QSize:
        """Qt's virtual."""
        return QSize(240, HEAD if self.is_folded else HEAD + _WHOLE)

    def rows(self) -> list[str]:
        """The labels as listed, from the top."""
        return [self._model.label(row) for row in range(self._model.rowCount())]

    def _choose(self, row: int) -> None:
        if row != self._model.done:
            self.go_to.emit(row)

    def _want(self, patch: Patch) -> None:
        """Called while painting; the looking is done later, one stroke at a time."""
        if patch not in self._wanted:
            self._wanted.append(patch)
        if not self._rest.isActive():
            self._rest.start()

    def _look(self) -> None:
        if not self._wanted:
            return
        patch = self._wanted.pop()
        if patch in self._model.patches:
            try:
                item = stroke_item(patch, self._classes, self._tokens)
            except ValueError:  # a damaged stroke of long ago; it is said where it is undone
                item = StrokeItem(patch.label, "", QImage())
            self._model.keep(patch, item)
            row = self._model.index(self._model.patches.index(patch) + 1)
            self._model.dataChanged.emit(row, row)
        if self._wanted:
            QTimer.singleShot(0, self, self._look)

    def _look_again(self) -> None:
        self._model.items.clear()
        self._view.viewport().update()


class _Row(QStyledItemDelegate):
    def __init__(self, model: _Strokes, want: Callable[[Patch], None], tokens: Tokens, parent: QObject) -> None:
        super().__init__(parent)
        self.tokens = tokens
        self._model = model
        self._want = want

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """Qt's virtual: all alike, so that ten thousand cost nothing."""
        return QSize(160, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Qt's virtual."""
        t, row, model = self.tokens, index.row(), self._model
        area: QRect = option.rect.adjusted(0, 0, -8, 0)
        current, undone = row == model.done, row > model.done
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if current or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(QColor(t.accent_ground if current else t.raised))
            painter.drawRoundedRect(QRectF(area), 4, 4)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QColor(t.accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(area).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        item = None
        if row > 0:
            item = model.items.get(model.patches[row - 1])
            if item is None:
                self._want(model.patches[row - 1])
        box = QRect(area.x() + 4, area.y() + (ROW - PICTURE) // 2, PICTURE, PICTURE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.canvas))
        painter.setOpacity(0.4 if undone else 1)
        painter.drawRoundedRect(QRectF(box), 4, 4)
        if item is not None and not item.picture.isNull():
            self._draw_picture(painter, box.adjusted(3, 3, -3, -3), item.picture)
        painter.setOpacity(1)
        words = area.adjusted(PICTURE + 14, 6, -8, -6)
        painter.setPen(QColor(t.disabled if undone else t.text))
        painter.setFont(ui_font(bold=current))
        left, middle = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignVCenter
        detail = item.detail if item is not None else ""
        line = words.adjusted(0, 0, 0, -words.height() // 2) if detail else words
        text = painter.fontMetrics().elidedText(model.label(row), Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, left | middle, text)
        painter.setFont(ui_font(SMALL_PX))
        painter.setPen(QColor(t.disabled if undone else t.quiet))
        painter.drawText(words.adjusted(0, words.height() // 2, 0, 0), left | middle, detail)
        painter.restore()

    def _draw_picture(self, painter: QPainter, box: QRect, picture: QImage) -> None:
        fitted = picture.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1))
        target = QRect(box.topLeft(), fitted)
        target.moveCenter(box.center())
        # Few pixels are shown as pixels.
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, picture.width() > fitted.width())
        painter.drawPixmap(target, QPixmap.fromImage(picture))
