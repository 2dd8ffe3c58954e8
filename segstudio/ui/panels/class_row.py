"""One class in the list: digit, colour, name, eye, padlock."""

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QContextMenuEvent, QEnterEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QLabel, QMenu, QStackedLayout, QWidget

from segstudio.core.classes import LabelClass
from segstudio.ui.icons import icon
from segstudio.ui.panels.parts import ElidedLabel, NameEdit, describe, plain_button, quietly, set_role
from segstudio.ui.theme import SMALL_PX, Tokens, mix, ui_font

HEIGHT = 32
FLASHES = 4
FLASH_MS = 120


class Swatch(QAbstractButton):
    """A square of the class's colour that opens the colour dialog."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens = tokens
        self.color = "#000000"
        self.setFixedSize(24, 24)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inset = 4.0 if self.underMouse() or self.hasFocus() else 5.0
        box = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        painter.setBrush(QColor(self.color))
        painter.setPen(QPen(QColor(self.tokens.text), 1.5) if self.hasFocus() else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(box, 4, 4)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Qt's virtual."""
        self.update()
        super().enterEvent(event)


class ClassRow(QFrame):
    """One class.

    Signals:
        chosen(int), recolor_wanted(int): the row, its swatch was clicked.
        soloed(int): show only this class, or all again when only this one is shown.
        renamed(int, str), locked(int, bool), shown(int, bool): what a person wants; the owner decides.
        edit_dropped(): the person gave up renaming.
    """

    chosen = Signal(int)
    recolor_wanted = Signal(int)
    soloed = Signal(int)
    renamed = Signal(int, str)
    locked = Signal(int, bool)
    shown = Signal(int, bool)
    edit_dropped = Signal()

    def __init__(self, index: int, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, role="row", current=False, flash=False)
        self.setFixedHeight(HEIGHT)
        self._index = index
        self._tokens = tokens
        self._item = LabelClass(index, "class", "#000000")
        self._badge = QLabel(self.digit)
        set_role(self._badge, role="quiet")
        self._badge.setFont(ui_font(SMALL_PX))
        self._badge.setFixedWidth(16)
        self._badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._swatch = Swatch(tokens)
        self._swatch.clicked.connect(lambda: self.recolor_wanted.emit(self._index))
        self._name = ElidedLabel()
        self._editor = NameEdit()
        self._editor.committed.connect(self._commit)
        self._editor.dropped.connect(self._drop)
        self._editor.editingFinished.connect(self._leave_editor)
        self._names = QStackedLayout()
        self._eye = plain_button("eye", tokens, "Show", checkable=True)
        self._eye.clicked.connect(lambda on: self.shown.emit(self._index, on))
        self._eye.installEventFilter(self)
        self._solo = False
        self._lock = plain_button("lock-open", tokens, "Lock", checkable=True)
        self._lock.clicked.connect(lambda on: self.locked.emit(self._index, on))
        self._flashes_left = 0
        self._timer = QTimer(self)
        self._timer.setInterval(FLASH_MS)
        self._timer.timeout.connect(self._flash_step)

        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(0)
        layout.addWidget(self._badge)
        layout.addSpacing(4)
        layout.addWidget(self._swatch)
        layout.addSpacing(4)
        layout.addLayout(self._names, 1)
        self._names.addWidget(self._name)  # not before: a stack without a parent shows its page as a window
        self._names.addWidget(self._editor)
        layout.addSpacing(4)
        layout.addWidget(self._eye)
        layout.addWidget(self._lock)

    @property
    def digit(self) -> str:
        """The key that chooses it: 1..9, 0 for the tenth, empty after that."""
        return str((self._index + 1) % 10) if self._index < 10 else ""

    def show_class(self, item: LabelClass, *, current: bool, solo: bool = False) -> None:
        """Show a class; tells nobody.

        Args:
            item: the class.
            current: whether it is the one in hand.
            solo: whether it alone is shown, of several.
        """
        self._item = item
        self._solo = solo
        name = item.name
        self._name.setText(name)
        self._names.setCurrentWidget(self._name)
        key = f" ({self.digit})" if self.digit else ""
        self.setAccessibleName(f"Class {name}")
        self.setToolTip(f"Paint {name}{key}\nDouble click renames")
        self._name.setAccessibleName(name)
        self._badge.setAccessibleName(f"Key {self.digit}" if self.digit else "No key")
        self._swatch.color = item.color
        describe(self._swatch, f"Colour of {name}", f"Change the colour of {name}")
        describe(self._editor, f"New name of {name}", "Return renames, Escape drops it")
        quietly(self._eye, lambda: self._eye.setChecked(item.visible))
        quietly(self._lock, lambda: self._lock.setChecked(item.locked))
        lock_key = f" (Shift+{self.digit})" if self.digit else ""
        alone = "shows all classes again" if solo else f"shows only {name}"
        describe(self._eye, f"Show {name}", f"{'Hide' if item.visible else 'Show'} {name}\nAlt+click {alone}")
        what = "Unlock" if item.locked else "Lock"
        tip = f"{what} {name}{lock_key}\nNo stroke changes the pixels of a locked class"
        describe(self._lock, f"Lock {name}", tip)
        set_role(self, current=current)
        self._draw_icons()
        self._swatch.update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        self._swatch.tokens = tokens
        self._draw_icons()

    def start_renaming(self) -> None:
        """Open the inline editor over the name."""
        self._editor.setText(self._item.name)
        self._names.setCurrentWidget(self._editor)
        self._editor.selectAll()
        self._editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def flash(self) -> None:
        """Pulse the padlock."""
        self._flashes_left = FLASHES
        self._timer.start()
        self._flash_step()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt's virtual: Alt+click on the eye."""
        pressed = event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick)
        if watched is self._eye and pressed and isinstance(event, QMouseEvent):
            alone = event.button() == Qt.MouseButton.LeftButton and event.modifiers() & Qt.KeyboardModifier.AltModifier
            if alone:
                self.soloed.emit(self._index)
                return True
        return super().eventFilter(watched, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(self._index)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.start_renaming()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Qt's virtual."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Rename", self.start_renaming)
        menu.addAction("Change colour…", lambda: self.recolor_wanted.emit(self._index))
        menu.addSeparator()
        menu.addAction("Hide" if self._item.visible else "Show", self._eye.click)
        menu.addAction("Show all classes" if self._solo else "Show only this class", self._ask_solo)
        menu.addAction("Unlock" if self._item.locked else "Lock", self._lock.click)
        menu.popup(event.globalPos())

    def _ask_solo(self) -> None:
        self.soloed.emit(self._index)

    def _commit(self, name: str) -> None:
        if name == self._item.name:
            self._drop()
        else:
            self.renamed.emit(self._index, name)

    def _leave_editor(self) -> None:
        if self._names.currentWidget() is self._editor and not self._editor.hasFocus():
            self._commit(self._editor.text().strip())

    def _drop(self) -> None:
        self._names.setCurrentWidget(self._name)
        self.edit_dropped.emit()

    def _flash_step(self) -> None:
        self._flashes_left -= 1
        lit = self._flashes_left % 2 == 1
        set_role(self, flash=lit)
        self._draw_icons(lit=lit)
        if self._flashes_left <= 0:
            self._timer.stop()

    def _draw_icons(self, *, lit: bool = False) -> None:
        t = self._tokens
        faint = mix(t.panel, t.quiet, 0.7).name()
        eye = "eye" if self._item.visible else "eye-off"
        self._eye.setIcon(icon(eye, t, color=t.warning if not self._item.visible else faint, checked=faint))
        lock = "lock" if self._item.locked else "lock-open"
        self._lock.setIcon(icon(lock, t, color=faint, checked=t.danger if lit else t.accent_text))
        self._eye.setIconSize(QSize(16, 16))
        self._name.setEnabled(self._item.visible)
