"""The strip of images below the canvas."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QIcon, QImage, QKeyEvent, QPainter, QPixmap, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHBoxLayout, QListView, QSizePolicy, QVBoxLayout, QWidget

from segstudio.ui.panels.image_list import CELL, KEY_ROLE, STATES, ImageDelegate, ImageListModel, draw_state
from segstudio.ui.panels.parts import ElidedLabel, combo, heading, set_role, text_label
from segstudio.ui.theme import Tokens

if TYPE_CHECKING:
    from segstudio.storage.project import ImageRecord

LOOK_AGAIN_MS = 30  # after scrolling, before asking for thumbnails
AHEAD = 4  # thumbnails asked for beyond the visible ones, on each side
MARK = 12
_STEPS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End)
EMPTY = "No images yet. Add a folder of images from the File menu."


class ImageStrip(QFrame):
    """All images of the project in one row, with their states.

    Signals:
        chosen(str): a person picked the image with this key.
        thumbnail_wanted(str): an image came into view without a picture; answer with `set_thumbnail`.
    """

    chosen = Signal(str)
    thumbnail_wanted = Signal(str)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, role="strip")
        self.setAccessibleName("Images")
        self._current = ""
        self._asked: set[str] = set()
        self._model = ImageListModel(self)
        self._delegate = ImageDelegate(tokens, self)
        self._view = _StripView()
        self._view.setModel(self._model)
        self._view.setItemDelegate(self._delegate)
        self._view.clicked.connect(self._choose)
        self._view.stepped.connect(self._choose)
        self._view.moved.connect(self._look_soon)

        self._filter = combo("Filter by state", "Show only images of one state")
        set_role(self._filter, role="quiet")
        self._filter.setFixedWidth(148)
        self._filter.addItem("All images", "")
        for state in STATES:
            self._filter.addItem(state.capitalize(), state)
        self._filter.setIconSize(QSize(MARK, MARK))
        self._filter.currentIndexChanged.connect(self._apply_filter)
        self._count = ElidedLabel("", "quiet")
        self._count.setAccessibleName("How many images")
        self._empty = text_label(EMPTY, "hint")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setFixedHeight(self._view.height())
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LOOK_AGAIN_MS)
        self._timer.timeout.connect(self._ask)

        top = QHBoxLayout()
        top.setContentsMargins(12, 0, 12, 0)
        top.setSpacing(12)
        top.addWidget(heading("Images"))
        top.addWidget(self._filter)
        top.addWidget(self._count, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 5, 0, 4)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self._view)
        layout.addWidget(self._empty)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.set_tokens(tokens)
        self._refresh()

    def set_records(self, records: Sequence["ImageRecord"]) -> None:
        """Show these images, in this order."""
        self._asked.clear()
        self._model.set_records(records)
        self._refresh()

    def update_record(self, record: "ImageRecord") -> None:
        """Show the new state of one image."""
        self._model.update_record(record)
        self._refresh()

    def set_current(self, key: str) -> None:
        """Mark the open image and bring it into view; tells nobody."""
        self._current = key
        self._mark_current(reveal=True)

    def set_thumbnail(self, key: str, image: QImage) -> None:
        """Give an image its picture; a null one says that it cannot be read."""
        self._model.set_thumbnail(key, image)

    def set_filter(self, state: str) -> None:
        """Show only images of one state; empty for all."""
        self._filter.setCurrentIndex(max(0, self._filter.findData(state)))

    def keys_shown(self) -> list[str]:
        """Keys of the images that pass the filter, in order."""
        return [self._model.index(row).data(KEY_ROLE) for row in range(self._model.rowCount())]

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._delegate.tokens = tokens
        for at in range(1, self._filter.count()):
            self._filter.setItemIcon(at, _state_icon(self._filter.itemData(at), tokens, self.devicePixelRatio()))
        self._view.viewport().update()

    def _choose(self, index: QModelIndex) -> None:
        self._current = index.data(KEY_ROLE)
        self.chosen.emit(self._current)

    def _apply_filter(self, at: int) -> None:
        self._model.set_filter(self._filter.itemData(at))
        self._refresh()

    def _refresh(self) -> None:
        counts = self._model.counts()
        total = counts.pop("")
        parts = [f"{total:,} image{'s' if total != 1 else ''}"]
        parts += [f"{count:,} {state}" for state, count in counts.items() if count and state != "unlabelled"]
        self._count.setText(" · ".join(parts) if total else "")
        nothing = self._model.rowCount() == 0
        state = self._filter.currentData()
        self._empty.setText(f"No image is {state}." if total and nothing else EMPTY)
        self._empty.setVisible(nothing)
        self._view.setVisible(not nothing)
        self._filter.setEnabled(total > 0)
        self._mark_current(reveal=False)
        self._look_soon()

    def _mark_current(self, *, reveal: bool) -> None:
        index = self._model.index_of(self._current)
        selection = self._view.selectionModel()
        if not index.isValid():
            selection.clear()
            return
        selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if reveal:
            self._view.scrollTo(index, QAbstractItemView.ScrollHint.EnsureVisible)
        self._view.viewport().update()

    def _look_soon(self) -> None:
        self._timer.start()

    def _ask(self) -> None:
        # What left the view unanswered is asked again when it comes back: its answer may have been dropped.
        wanted = [key for key in self._visible_keys() if not self._model.has_thumbnail(key)]
        fresh = [key for key in wanted if key not in self._asked]
        self._asked = set(wanted)
        for key in fresh:
            self.thumbnail_wanted.emit(key)

    def _visible_keys(self) -> list[str]:
        if not self._view.isVisible():
            return []
        width = self._view.viewport().width()
        first = self._view.indexAt(QPoint(CELL.width() // 2, CELL.height() // 2)).row()
        first = max(0, first - AHEAD)
        last = min(self._model.rowCount(), first + width // CELL.width() + 2 + 2 * AHEAD)
        return [self._model.index(row).data(KEY_ROLE) for row in range(first, last)]


class _StripView(QListView):
    """A row of equal cells; the wheel scrolls it sideways."""

    moved = Signal()
    stepped = Signal(QModelIndex)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedHeight(CELL.height() + 12)
        self.setViewportMargins(8, 0, 8, 0)
        self.setAccessibleName("Images of the project")
        self.horizontalScrollBar().setSingleStep(CELL.width() // 2)
        self.horizontalScrollBar().valueChanged.connect(self.moved)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual: the arrows go from image to image."""
        before = self.currentIndex()
        super().keyPressEvent(event)
        if event.key() in _STEPS and self.currentIndex() != before:
            self.stepped.emit(self.currentIndex())

    def keyboardSearch(self, search: str) -> None:
        """Qt's virtual: letters are shortcuts, and search nothing."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Qt's virtual."""
        turn = event.angleDelta()
        steps = (turn.y() or turn.x()) / 120
        bar = self.horizontalScrollBar()
        bar.setValue(round(bar.value() - steps * CELL.width()))
        event.accept()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt's virtual."""
        super().resizeEvent(event)
        self.moved.emit()


def _state_icon(state: str, tokens: Tokens, ratio: float) -> QIcon:
    picture = QPixmap(round(MARK * ratio), round(MARK * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    draw_state(painter, QRectF(1, 1, MARK - 2, MARK - 2), state, tokens)
    painter.end()
    return QIcon(picture)
