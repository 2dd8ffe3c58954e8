"""A part of the side bar: a title that folds it, and what is below."""

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QApplication, QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from segstudio.ui.panels.parts import describe, set_role
from segstudio.ui.theme import SMALL_PX, ui_font

HEAD = 32  # px a title takes
_SIDE = 12
_ARROW = 14
_UNBOUNDED = 16777215  # what Qt calls "as high as it likes"


class FoldButton(QAbstractButton):
    """The title of a section: a click, Return or Space folds the section, or opens it again."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(title.upper())
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Fixed)
        self._font = ui_font(SMALL_PX, bold=True)  # one that is set on the widget would yield to the style sheet
        self._font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 0.6)
        self._title = title
        self._folded = False
        self.show_folded(False)

    def show_folded(self, folded: bool) -> None:
        """Point to the right when the section is folded, down otherwise."""
        self._folded = folded
        state, act = ("folded", "Show") if folded else ("open", "Fold")
        describe(self, self._title, f"{act} {self._title.lower()}")
        self.setAccessibleDescription(state)
        self.update()

    def sizeHint(self) -> QSize:
        """Qt's virtual."""
        return QSize(_ARROW + QFontMetrics(self._font).horizontalAdvance(self.text()) + 6, HEAD - 4)

    def minimumSizeHint(self) -> QSize:
        """Qt's virtual."""
        return self.sizeHint()

    def event(self, event: QEvent) -> bool:
        """Qt's virtual: Return is its own, whatever menus say."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors = QApplication.palette()
        lit = self.underMouse() or self.hasFocus()
        quiet = colors.color(QPalette.ColorRole.Text if lit else QPalette.ColorRole.PlaceholderText)
        middle = QPointF(4.5, self.height() / 2)
        corners = ((-1.5, -3.0), (2.0, 0.0), (-1.5, 3.0)) if self._folded else ((-3.0, -1.5), (0.0, 2.0), (3.0, -1.5))
        pen = QPen(quiet, 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.drawPolyline(QPolygonF([middle + QPointF(*corner) for corner in corners]))
        painter.setFont(self._font)
        words = QRect(_ARROW, 0, self.width() - _ARROW, self.height())
        painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), self.text())
        if self.hasFocus():
            painter.setPen(QPen(colors.color(QPalette.ColorRole.Highlight), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(-3.5, 0.5, -0.5, -0.5), 4, 4)


class Section(QFrame):
    """A title and a body that can be folded away; what else it shows stays.

    Attributes:
        head: row of the title; more may be put behind it.
        body: what is folded away.
        column: title and body; what is added below the body stays in sight.
        comfort: px of height with which one can work, see `side.Want`.

    Signals:
        folded(bool): a person folded it, or opened it again.
    """

    folded = Signal(bool)
    comfort = 200

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, role="panel")
        self.setAccessibleName(title)
        self._fold = FoldButton(title)
        self._fold.clicked.connect(self._toggle)
        self._folded = False
        self.head = QHBoxLayout()
        self.head.setContentsMargins(_SIDE, 2, _SIDE, 2)
        self.head.setSpacing(8)
        self.head.addWidget(self._fold, 1)
        self.body = QWidget()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(0)
        self.column.addLayout(self.head)
        self.column.addWidget(self.body, 1)

    @property
    def is_folded(self) -> bool:
        """Whether the body is away."""
        return self._folded

    def set_folded(self, folded: bool) -> None:
        """Fold it, or open it; tells nobody."""
        self._folded = folded
        self._fold.show_folded(folded)
        self.body.setVisible(not folded)
        self.column.invalidate()
        # A splitter gives no more than this, so that the room goes to those that are open.
        self.setMaximumHeight(self.minimumSizeHint().height() if folded else _UNBOUNDED)

    def _toggle(self) -> None:
        self.set_folded(not self._folded)
        self.folded.emit(self._folded)
