"""Small widgets the panels, dialogs and the start screen are built of."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QAction, QFont, QIcon, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QStyle,
    QStyleOptionSlider,
    QToolButton,
    QWidget,
)

from segstudio.ui.icons import icon
from segstudio.ui.theme import SMALL_PX, Tokens, ui_font

EDIT_KEYS = frozenset({Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape, Qt.Key.Key_Tab})


def set_role(widget: QWidget, **properties: str | bool) -> None:
    """Set properties the style sheet looks at, and restyle the widget when one differs."""
    changed = False
    for name, value in properties.items():
        text = str(value).lower() if isinstance(value, bool) else value
        if widget.property(name) != text:
            widget.setProperty(name, text)
            changed = True
    if changed:
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def describe(widget: QWidget, name: str, tip: str = "") -> None:
    """Give a control its accessible name and its tooltip (the name again when there is nothing to add)."""
    widget.setAccessibleName(name)
    widget.setToolTip(tip or name)
    if isinstance(widget, QSpinBox):
        for inner in widget.findChildren(QLineEdit):  # readers of the screen may come to the field inside
            inner.setAccessibleName(name)


def heading(text: str) -> QLabel:
    """The quiet title of a panel or of a part of one."""
    label = QLabel(text.upper())
    set_role(label, role="heading")
    font = ui_font(SMALL_PX, bold=True)
    font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 0.6)
    label.setFont(font)
    label.setAccessibleName(text)
    return label


def text_label(text: str = "", role: str = "quiet", *, wrap: bool = False) -> QLabel:
    """Text in one of the style sheet's roles."""
    label = QLabel(text)
    set_role(label, role=role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(wrap)
    if wrap:
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        label.setSizePolicy(policy)
    return label


def rule() -> QFrame:
    """A hairline across."""
    line = QFrame()
    set_role(line, role="rule")
    line.setFixedHeight(1)
    return line


def plain_button(name: str, tokens: Tokens, label: str, tip: str = "", *, checkable: bool = False) -> QToolButton:
    """A 24 px icon button that mouse clicks never give the keyboard to."""
    button = QToolButton()
    set_role(button, role="plain")
    button.setIcon(icon(name, tokens))
    button.setIconSize(QSize(16, 16))
    button.setFixedSize(24, 24)
    button.setCheckable(checkable)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    describe(button, label, tip)
    return button


def push_button(text: str, tip: str = "", role: str = "") -> QPushButton:
    """A text button that mouse clicks never give the keyboard to."""
    button = QPushButton(text)
    if role:
        set_role(button, role=role)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setAutoDefault(True)  # Return presses the one that has the keyboard, not the one that is default
    describe(button, text.rstrip("…"), tip)
    return button


class Picture(QWidget):
    """An icon that is not a button; drawn anew for every screen it is moved to."""

    def __init__(self, side: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = QIcon()
        self.setFixedSize(side, side)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def set_icon(self, drawing: QIcon) -> None:
        """Show this one."""
        self._icon = drawing
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        mode = QIcon.Mode.Normal if self.isEnabled() else QIcon.Mode.Disabled
        self._icon.paint(painter, self.rect(), Qt.AlignmentFlag.AlignCenter, mode)


class ElidedLabel(QLabel):
    """One line that shortens to the room it has and tells the whole in its tooltip."""

    def __init__(
        self,
        text: str = "",
        role: str = "",
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._mode = mode
        if role:
            set_role(self, role=role)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setText(text)

    def minimumSizeHint(self) -> QSize:
        """Qt's virtual: may shrink to nearly nothing."""
        return QSize(24, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual."""
        area = self.contentsRect()
        shown = self.fontMetrics().elidedText(self.text(), self._mode, area.width())
        tip = self.text() if shown != self.text() else ""
        if self.toolTip() != tip:
            self.setToolTip(tip)
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.setFont(self.font())
        painter.drawText(area, int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), shown)


class ActionButton(QPushButton):
    """A push button that does, and is enabled as, a `QAction`.

    Args:
        action: what it does.
        text: on the button, where there is room for it.
        short: on the button otherwise.
    """

    def __init__(self, action: QAction, text: str, short: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._action = action
        self._text = text
        self._short = short
        set_role(self, role="tight")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(40)
        self.setText(short)
        self.clicked.connect(lambda: action.trigger())
        action.changed.connect(self._follow)
        self._follow()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt's virtual."""
        super().resizeEvent(event)
        needed = self.fontMetrics().horizontalAdvance(self._text) + self.iconSize().width() + 28
        self.setText(self._text if needed <= self.width() else self._short)

    def _follow(self) -> None:
        self.setIcon(self._action.icon())
        self.setEnabled(self._action.isEnabled())
        if self._action.isCheckable():
            self.setCheckable(True)
            self.setChecked(self._action.isChecked())
        describe(self, self._text, self._action.toolTip())


class KeyKeeper(QObject):
    """Event filter: Return, Escape and Tab belong to the editor that has the keyboard, not to a window shortcut."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt's virtual."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in EDIT_KEYS:
            event.accept()
            return True
        return super().eventFilter(watched, event)


class NameEdit(QLineEdit):
    """An inline editor: Return or leaving it commits, Escape drops.

    Signals:
        committed(str): the text, stripped.
        dropped(): the person pressed Escape.
    """

    committed = Signal(str)
    dropped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, role="inline")
        self.installEventFilter(KeyKeeper(self))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual."""
        if event.key() == Qt.Key.Key_Escape:
            self.dropped.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.committed.emit(self.text().strip())
        else:
            super().keyPressEvent(event)


class NumberBox(QSpinBox):
    """A spin box that keeps its own keys while it is edited and gives the keyboard back on Return and Escape."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus | Qt.FocusPolicy.TabFocus)
        self.setKeyboardTracking(False)
        self.lineEdit().setTextMargins(6, 0, 0, 0)  # the style sheet's padding does not reach a spin box's text
        self.installEventFilter(KeyKeeper(self))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual."""
        if event.key() == Qt.Key.Key_Escape:
            self.setValue(self.value())  # what was typed would count when the keyboard goes
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            self.clearFocus()


class Slider(QSlider):
    """A horizontal slider that jumps to a click and never takes the keyboard from the mouse."""

    def __init__(self, low: int, high: int, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(low, high)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        control = QStyle.ComplexControl.CC_Slider
        handle = self.style().subControlRect(control, option, QStyle.SubControl.SC_SliderHandle, self)
        if event.button() == Qt.MouseButton.LeftButton and not handle.contains(event.position().toPoint()):
            room = max(1, self.width() - handle.width())
            at = round(event.position().x() - handle.width() / 2)
            self.setValue(QStyle.sliderValueFromPosition(self.minimum(), self.maximum(), at, room))
        super().mousePressEvent(event)


def search_field(name: str, tip: str) -> QLineEdit:
    """A line to search by, with a button that clears it."""
    edit = QLineEdit()
    edit.setPlaceholderText(f"{name}…")
    edit.setClearButtonEnabled(True)
    describe(edit, name, tip)
    for button in edit.findChildren(QToolButton):
        describe(button, "Clear the search")
    return edit


def combo(label: str, tip: str) -> QComboBox:
    """A combo box that shrinks with its panel and never takes the keyboard from the mouse."""
    box = QComboBox()
    box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    describe(box, label, tip)
    return box


def quietly(widget: QObject, change: Callable[[], object]) -> None:
    """Make a change whose signals nobody shall hear: a setter must not echo."""
    blocked = widget.blockSignals(True)
    try:
        change()
    finally:
        widget.blockSignals(blocked)
