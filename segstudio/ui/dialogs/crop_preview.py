"""What the network sees: a few crops of an image, changed as augmentation may change them."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPalette
from PySide6.QtWidgets import QApplication, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from segstudio.core.arrays import U8
from segstudio.ui.panels.parts import ElidedLabel, heading, push_button
from segstudio.ui.theme import ui_font

ACROSS = 3
CELL, GAP, ROUND = 120, 4, 4
NOTHING = "Open an image to see\nits crops here."


class CropGrid(QWidget):
    """Pictures in a square, or a line that says why there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pictures: list[QImage] = []
        self._line = NOTHING
        side = ACROSS * CELL + (ACROSS - 1) * GAP
        self.setFixedSize(QSize(side, side))
        self.setAccessibleName("Crops as the network sees them")

    @property
    def shown(self) -> int:
        """How many crops are there."""
        return len(self._pictures)

    def picture(self, at: int) -> QImage:
        """One of them, in pixels of the screen."""
        return self._pictures[at]

    def set_pictures(self, pictures: Sequence[U8], line: str = NOTHING) -> None:
        """Show these.

        Args:
            pictures: ``uint8 (h, w, 3)`` RGB each, contiguous.
            line: what is said when there are none.
        """
        self._line = line
        made = []
        for pixels in pictures:
            height, width = pixels.shape[:2]
            made.append(QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy())
        self._pictures = made
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        colors = QApplication.palette()
        for at in range(ACROSS * ACROSS):
            row, column = divmod(at, ACROSS)
            place = QRectF(column * (CELL + GAP), row * (CELL + GAP), CELL, CELL)
            path = QPainterPath()
            path.addRoundedRect(place, ROUND, ROUND)
            if at < len(self._pictures):
                painter.save()
                painter.setClipPath(path)
                painter.drawImage(place, self._pictures[at])
                painter.restore()
            else:
                faint = QColor(colors.color(QPalette.ColorRole.Mid))
                faint.setAlpha(60)
                painter.fillPath(path, faint)
        if not self._pictures:
            painter.setFont(ui_font())
            painter.setPen(colors.color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), self._line)


class CropPreview(QWidget):
    """The crops with a caption and a button that draws others.

    Signals:
        again_wanted(): a person wants to see others.
    """

    again_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.grid = CropGrid()
        self._caption = ElidedLabel("", "quiet", Qt.TextElideMode.ElideMiddle)
        self._caption.setAccessibleName("Which image the crops are of")
        again = push_button("Draw again", "Cut other crops, with the labels as they are now", "small")
        again.setAutoDefault(False)
        again.clicked.connect(self.again_wanted)
        bottom = QHBoxLayout()
        bottom.setSpacing(8)
        bottom.addWidget(self._caption, 1)
        bottom.addWidget(again)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(heading("What the network sees"))
        layout.addWidget(self.grid)
        layout.addLayout(bottom)
        layout.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)

    @property
    def caption(self) -> str:
        """What is said of the crops."""
        return self._caption.text()

    def show_crops(self, pictures: Sequence[U8], caption: str) -> None:
        """Show these, see `CropGrid.set_pictures`."""
        self.grid.set_pictures(pictures)
        self._caption.setText(caption)

    def show_nothing(self, line: str = NOTHING) -> None:
        """There is nothing to show, and why."""
        self.grid.set_pictures((), line)
        self._caption.setText("")
