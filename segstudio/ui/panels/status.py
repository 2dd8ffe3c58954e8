"""The bottom line: what just happened, saved, zoom, pixel, device, job."""

from typing import Literal

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QStatusBar, QWidget

from segstudio.ui.icons import icon
from segstudio.ui.panels.parts import ElidedLabel, Picture, plain_button, set_role, text_label
from segstudio.ui.theme import Tokens

Kind = Literal["info", "warning", "error"]
CALM_MS = 6000  # an "info" yields to the hint after this; warnings and errors stay until they are followed
ICONS = {"info": "info", "warning": "warning", "error": "error"}


class StatusLine(QStatusBar):
    """What just happened, and where things stand.

    Signals:
        cancel_requested(): a person wants the running job to stop.
    """

    cancel_requested = Signal()

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.setFixedHeight(28)
        self.setAccessibleName("Status")
        self._tokens = tokens
        self._kind: Kind = "info"
        self._picture = Picture(14)
        self._picture.hide()
        self._said = ElidedLabel()
        self._said.setAccessibleName("What just happened")
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(CALM_MS)
        self._calm.timeout.connect(self.rest)
        self._hint = self._standing = ""
        self._resting = True  # whether nothing is told but the hint
        self._job = text_label("", "")
        self._job.setAccessibleName("Running job")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(96)
        self._bar.setAccessibleName("Progress of the running job")
        self._bar.setToolTip("Progress of the running job")
        self._cancel = plain_button("reject", tokens, "Cancel", "Cancel the running job")
        self._cancel.setFixedSize(20, 20)
        self._cancel.clicked.connect(self.cancel_requested)
        self._facts = {
            name: text_label("", "quiet") for name in ("Saved", "Zoom", "Pixel under the cursor", "Computing device")
        }

        inner = QWidget()
        layout = QHBoxLayout(inner)
        layout.setContentsMargins(12, 0, 12, 0)
        layout.setSpacing(8)
        layout.addWidget(self._picture)
        layout.addWidget(self._said, 1)
        layout.addWidget(self._job)
        layout.addWidget(self._bar)
        layout.addWidget(self._cancel)
        self._dividers: dict[str, QFrame] = {}
        for name, label in self._facts.items():
            label.setAccessibleName(name)
            label.setToolTip(name)
            divider = QFrame()
            set_role(divider, role="rule")
            divider.setFixedSize(1, 12)
            self._dividers[name] = divider
            layout.addWidget(divider)
            layout.addWidget(label)
            self._fact(name, "")
        # Permanent, so that Qt's own temporary messages (status tips) can never hide it.
        self.addPermanentWidget(inner, 1)
        self.set_job("", None, False)

    def say(self, text: str, kind: Kind = "info") -> None:
        """Tell in one line what just happened."""
        self._kind = kind
        self._resting = False
        self._said.setText(" ".join(text.split()))
        set_role(self._said, role="", kind="" if kind == "info" else kind)
        self._picture.setVisible(kind != "info" and bool(text))
        self._draw_icon()
        if kind == "info":
            self._calm.start()
        else:
            self._calm.stop()

    def set_hint(self, text: str) -> None:
        """What to show while nothing else is told: what the tool in hand does. Shown at once, but for bad news."""
        self._hint = text
        if self._kind == "info":
            self.rest()

    def set_standing(self, text: str) -> None:
        """What is told instead of the hint as long as it holds, such as what is measured; empty when it is over."""
        self._standing = text
        if self._kind == "info" and (text or self._resting):
            self.rest()

    def rest(self) -> None:
        """What was said is over: go back to the hint."""
        self._calm.stop()
        self._kind = "info"
        text = self._standing or self._hint
        if text or self._resting:
            self._said.setText(text)
            self._resting = True
        set_role(self._said, role="" if self._standing else "lead", kind="")
        self._picture.hide()

    def set_saved(self, text: str) -> None:
        """When the work was last saved, as in "Saved 2 s ago"."""
        self._fact("Saved", text)

    def set_zoom(self, zoom: float) -> None:
        """Screen pixels an image pixel takes; 0 when no image is open."""
        percent = zoom * 100
        shown = f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %"
        self._fact("Zoom", shown if zoom > 0 else "")

    def set_pixel(self, text: str) -> None:
        """Position, value and class under the cursor."""
        self._fact("Pixel under the cursor", text)

    def set_device(self, text: str) -> None:
        """What computes: ``CPU``, a graphics card."""
        self._fact("Computing device", text)

    def set_job(self, text: str, fraction: float | None, cancellable: bool) -> None:
        """Show a running job; an empty text for none.

        Args:
            text: what runs, in a few words.
            fraction: 0..1 done, None when nobody knows.
            cancellable: whether to offer Cancel.
        """
        self._job.setText(text)
        self._job.setVisible(bool(text))
        self._bar.setVisible(bool(text))
        self._cancel.setVisible(bool(text) and cancellable)
        if fraction is None:
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 1000)
            self._bar.setValue(round(min(max(fraction, 0.0), 1.0) * 1000))

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        self._cancel.setIcon(icon("reject", tokens))
        self._draw_icon()

    def event(self, event: QEvent) -> bool:
        """Qt's virtual: a menu's status tip is no event worth telling."""
        if event.type() == QEvent.Type.StatusTip:
            return True
        return super().event(event)

    def _fact(self, name: str, text: str) -> None:
        self._facts[name].setText(text)
        self._facts[name].setVisible(bool(text))
        self._dividers[name].setVisible(bool(text))

    def _draw_icon(self) -> None:
        color = {"info": self._tokens.quiet, "warning": self._tokens.warning, "error": self._tokens.danger}[self._kind]
        self._picture.set_icon(icon(ICONS[self._kind], self._tokens, color=color))
