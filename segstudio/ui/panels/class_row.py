"""One class in the list: key, colour, name, eye, padlock; what a person does with it."""

from functools import partial

from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFrame,
    QHBoxLayout,
    QMenu,
    QSizePolicy,
    QStackedLayout,
    QWidget,
)

from segstudio.core.classes import VOID, ClassTable, LabelClass
from segstudio.ui.icons import icon
from segstudio.ui.panels.parts import ElidedLabel, NameEdit, describe, plain_button, quietly, set_role
from segstudio.ui.theme import SMALL_PX, Tokens, mix, ui_font

HEIGHT = 32
FLASHES = 4
FLASH_MS = 120
_STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
_CHOOSE = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
_OWN = (*_STEPS, *_CHOOSE, Qt.Key.Key_F2, Qt.Key.Key_Home, Qt.Key.Key_End)


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
        move_wanted(int, int): give the class this other index.
        remove_wanted(int, int): remove it, its pixels becoming this class or void.
        reached(int): it has the keyboard now.
        stepped(int, int): the keyboard goes from it by so many rows.
        dragged(int, object), dropped(int): it is dragged to a place (`QPoint` on the screen), and let go there.
    """

    chosen = Signal(int)
    recolor_wanted = Signal(int)
    soloed = Signal(int)
    renamed = Signal(int, str)
    locked = Signal(int, bool)
    shown = Signal(int, bool)
    edit_dropped = Signal()
    move_wanted = Signal(int, int)
    remove_wanted = Signal(int, int)
    reached = Signal(int)
    stepped = Signal(int, int)
    dragged = Signal(int, object)
    dropped = Signal(int)

    def __init__(self, index: int, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, role="row", current=False, flash=False)
        self.setFixedHeight(HEIGHT)
        self._index = index
        self._tokens = tokens
        self._item = LabelClass(index, "class", "#000000")
        self._table = ClassTable()
        self._pressed: QPoint | None = None  # where on the screen the left button went down
        self._dragging = False
        self._key = self._lock_key = ""
        self._badge = ElidedLabel("", "quiet")
        self._badge.setFont(ui_font(SMALL_PX))
        self._badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._badge.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
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
        self.set_reachable(False)

    @property
    def key(self) -> str:
        """The key that chooses it; empty when there is none."""
        return self._key

    def set_keys(self, choose: str, lock: str, width: int) -> None:
        """Show which keys choose and lock the class; the first in a column of `width` px."""
        self._key, self._lock_key = choose, lock
        self._badge.setText(choose)
        self._badge.setAccessibleName(f"Key {choose}" if choose else "No key")
        self._badge.setFixedWidth(width)
        self._tell()

    def set_reachable(self, on: bool) -> None:
        """Whether Tab stops here and at its buttons: of all rows one is reached by Tab, the others by the arrows."""
        policy = Qt.FocusPolicy.TabFocus if on else Qt.FocusPolicy.NoFocus
        for part in (self, self._swatch, self._eye, self._lock):
            part.setFocusPolicy(policy)

    def show_class(self, table: ClassTable, *, current: bool, solo: bool = False) -> None:
        """Show the class of its index; tells nobody.

        Args:
            table: all classes.
            current: whether it is the one in hand.
            solo: whether it alone is shown, of several.
        """
        item = self._item = table[self._index]
        self._table = table
        self._solo = solo
        self._name.setText(item.name)
        self._names.setCurrentWidget(self._name)
        self._swatch.color = item.color
        quietly(self._eye, lambda: self._eye.setChecked(item.visible))
        quietly(self._lock, lambda: self._lock.setChecked(item.locked))
        self._tell()
        # On the ground of the current row, what is disabled would be too faint to read.
        self._name.setEnabled(item.visible or current)
        set_role(self._name, role="" if item.visible or not current else "lead")
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
            self._pressed = event.globalPosition().toPoint()
            self.chosen.emit(self._index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual: drags it to another place."""
        at = event.globalPosition().toPoint()
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        far = (at - self._pressed).manhattanLength() >= QApplication.startDragDistance()
        self._dragging = self._dragging or far
        if self._dragging:
            self.dragged.emit(self._index, at)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        if event.button() == Qt.MouseButton.LeftButton:
            dragging, self._dragging, self._pressed = self._dragging, False, None
            if dragging:
                self.dropped.emit(self._index)

    def event(self, event: QEvent) -> bool:
        """Qt's virtual: its own keys are its own, whatever menus say."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() in _OWN
            and self.hasFocus()
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual: the arrows go to other rows, with Alt they move this one; Return takes the class."""
        key, alt = Qt.Key(event.key()), bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if not self.hasFocus() or key not in _OWN:
            super().keyPressEvent(event)
        elif key in _CHOOSE:
            self.chosen.emit(self._index)
        elif key == Qt.Key.Key_F2:
            self.start_renaming()
        elif alt and key in _STEPS:
            self._move_by(_STEPS[key])
        else:
            self.stepped.emit(self._index, _STEPS.get(key, len(self._table) * (-1 if key == Qt.Key.Key_Home else 1)))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Qt's virtual."""
        super().focusInEvent(event)
        self.update()
        self.reached.emit(self._index)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Qt's virtual."""
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt's virtual."""
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(self._tokens.accent), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)

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
        menu.addSeparator()
        menu.addAction("Move up", lambda: self._move_by(-1)).setEnabled(self._index > 0)
        menu.addAction("Move down", lambda: self._move_by(1)).setEnabled(self._index + 1 < len(self._table))
        merge = menu.addMenu("Merge into")
        for other in self._table:
            if other.index != self._index and not other.locked:
                merge.addAction(other.name, partial(self.remove_wanted.emit, self._index, other.index))
        merge.setEnabled(not merge.isEmpty())
        menu.addAction("Remove…", lambda: self.remove_wanted.emit(self._index, VOID))
        menu.popup(event.globalPos())

    def _move_by(self, rows: int) -> None:
        to = self._index + rows
        if 0 <= to < len(self._table):
            self.move_wanted.emit(self._index, to)

    def _tell(self) -> None:
        """Names and tooltips of all there is."""
        item, name = self._item, self._item.name
        self.setAccessibleName(f"Class {name}")
        self.setToolTip(f"Paint {_with_key(name, self._key)}\nDouble click renames, a drag moves it")
        self._name.setAccessibleName(name)
        describe(self._swatch, f"Colour of {name}", f"Change the colour of {name}")
        describe(self._editor, f"New name of {name}", "Return renames, Escape drops it")
        alone = "shows all classes again" if self._solo else f"shows only {name}"
        describe(self._eye, f"Show {name}", f"{'Hide' if item.visible else 'Show'} {name}\nAlt+click {alone}")
        what = "Unlock" if item.locked else "Lock"
        tip = f"{what} {_with_key(name, self._lock_key)}\nNo stroke changes the pixels of a locked class"
        describe(self._lock, f"Lock {name}", tip)

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


def _with_key(name: str, key: str) -> str:
    return f"{name} ({key})" if key else name
