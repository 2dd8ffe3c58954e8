"""The bar over the canvas while two models are compared: who speaks, how often they differ, which one to use."""

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from segstudio.ui.action_table import SPECS, Keys, default_keys, first_key, tooltip
from segstudio.ui.panels.model_list import short
from segstudio.ui.panels.parts import ElidedLabel, describe, push_button, set_role

_GAP = 8  # px to the edges of the canvas
_WIDE, _NARROW = 680, 640  # px where there is room, and below which names stand on the buttons alone
_NAME = 112  # px of a model's name on a button


class CompareBar(QFrame):
    """Lies at the top of a canvas. What it shows is set; it tells what a person wants.

    Args:
        canvas: what it lies over.

    Signals:
        shown(int): show the first (0) or the second (1) model.
        blink_wanted(): one after the other, or no longer.
        difference_wanted(): only where they differ, or all again.
        use_wanted(str): put the model of this name in use.
        closed(): compare no more.
    """

    shown = Signal(int)
    blink_wanted = Signal()
    difference_wanted = Signal()
    use_wanted = Signal(str)
    closed = Signal()

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._names = ("", "")
        self._offered = ""
        self._share: float | None = None
        self._keys: Keys = default_keys
        set_role(self, role="popup")
        self.setAccessibleName("Two models compared")
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self._title = ElidedLabel()
        self._title.setAccessibleName("How much they differ")
        self._note = ElidedLabel("", "quiet")
        self._note.setAccessibleName("About comparing")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        describe(self._bar, "Progress of the models", "How far the models are with this image")
        self._models = tuple(self._toggle("", at) for at in range(2))
        self._blink = self._toggle("Blink", self.blink_wanted.emit)
        self._difference = self._toggle("Difference", self.difference_wanted.emit)
        self._use = push_button("", "", "small")
        self._use.clicked.connect(lambda: self.use_wanted.emit(self._offered))
        self._close = push_button("×", "", "small")
        self._close.setFixedWidth(24)
        self._close.clicked.connect(self.closed)
        self._lay_out()
        self.hide()

    def _toggle(self, text: str, act: object) -> QPushButton:
        button = push_button(text, text, "small")
        button.setCheckable(True)
        button.clicked.connect((lambda: self.shown.emit(act)) if isinstance(act, int) else act)
        return button

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self._title, 1)
        for button in (*self._models, self._blink, self._difference):
            row.addWidget(button)
        row.addSpacing(8)
        row.addWidget(self._use)
        row.addWidget(self._close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 6, 6, 6)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self._bar)
        layout.addWidget(self._note)

    def set_models(self, first: str, second: str) -> None:
        """Compare these two, by name."""
        self._names = first, second
        for button, name in zip(self._models, self._names, strict=True):
            metrics = button.fontMetrics()
            button.setText(metrics.elidedText(short(name), Qt.TextElideMode.ElideMiddle, _NAME))
        self.set_keys(self._keys)

    def set_in_use(self, name: str) -> None:
        """Which model is in use; the other one of the two is offered."""
        first, second = self._names
        self._offered = first if name == second else second
        self._use.setText(f"Use {short(self._offered)}")
        describe(self._use, f"Use {self._offered}", f"Put {self._offered} in use: its proposals can be accepted")
        for button, model in zip(self._models, self._names, strict=True):
            told = f"{model}, the model in use" if model == name else model
            describe(button, f"Show {model}", f"Show what {told} says{self._key('other_model')}")

    def set_keys(self, keys: Keys) -> None:
        """Tell the keys that do the same now."""
        self._keys = keys
        describe(self._blink, "Blink the two models", tooltip(SPECS["blink_models"], keys))
        describe(self._difference, "Only where the two models differ", tooltip(SPECS["difference_models"], keys))
        describe(self._close, "Stop comparing", f"Stop comparing{self._key('compare_models')}")

    def set_share(self, share: float | None) -> None:
        """Of the pixels of the image, the share that they give different classes, 0..1; None: not known yet."""
        self._share = share
        self._write_title()
        for button in (*self._models, self._blink, self._difference):
            button.setEnabled(share is not None)

    def set_progress(self, fraction: float | None) -> None:
        """How far the models are with the image, 0..1; None: nobody works."""
        self._bar.setVisible(fraction is not None)
        self._bar.setValue(round(1000 * min(max(fraction or 0.0, 0.0), 1.0)))

    def set_note(self, text: str, kind: str = "") -> None:
        """Say one line; ``error`` for bad news."""
        self._note.setText(text)
        set_role(self._note, kind=kind)

    def set_shown(self, turn: int | None, *, blink: bool, difference: bool) -> None:
        """Which of the two is shown, None for neither, and how."""
        for at, button in enumerate(self._models):
            button.setChecked(turn == at)
        self._blink.setChecked(blink)
        self._difference.setChecked(difference)

    def place(self) -> None:
        """Lie at the top of the canvas, in the middle."""
        room = self._canvas.width() - 2 * _GAP
        self.resize(max(200, min(_WIDE, room)), self.sizeHint().height())
        self._write_title()
        self.move(QPoint((self._canvas.width() - self.width()) // 2, _GAP))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual: the canvas below must not hear of it, here and in the others."""
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Qt's virtual."""
        event.accept()

    def _write_title(self) -> None:
        parts = [] if self.width() < _NARROW and self._share is not None else [" ⇄ ".join(map(short, self._names))]
        if self._share is not None:
            parts.append(f"differ in {percent(self._share)}")
        self._title.setText("  ·  ".join(parts))

    def _key(self, action: str) -> str:
        key = first_key(self._keys, action)
        return f" ({key})" if key else ""


def percent(share: float) -> str:
    """A share as percent with as many digits as matter: ``0.04 %``, ``3.1 %``, ``62 %``."""
    value = 100 * share
    if value == 0:
        return "0 %"
    if value < 0.01:
        return "less than 0.01 %"
    return f"{value:.2f} %" if value < 1 else f"{value:.1f} %" if value < 10 else f"{value:.0f} %"
