"""What is seen and said of the image in hand: layers, opacity, threshold, zoom, the pixel under the pointer."""

import time
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from segstudio.core.classes import VOID
from segstudio.core.render import LayerStyle
from segstudio.core.view import View
from segstudio.ui.panels.status import StatusLine
from segstudio.ui.session import Session
from segstudio.ui.workbench import Workbench

_OPACITY_STEP = 0.1
_TICK_MS = 1000
_COMPLAINT_SECONDS = 6.0  # an error stays readable at least so long


class Seeing(QObject):
    """Keeps canvas, options and status line telling the same.

    Signals:
        layers_changed(): layers were shown or hidden.
    """

    layers_changed = Signal()

    def __init__(self, session: Session, bench: Workbench, status: StatusLine, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._bench = bench
        self._canvas = bench.canvas
        self._status = status
        self._unpeeked: LayerStyle | None = None
        self._saved_at: float | None = None
        self._complained_at = -_COMPLAINT_SECONDS
        self._clock = QTimer(self, interval=_TICK_MS)
        self._clock.timeout.connect(self._tell_saved)
        self._clock.start()
        session.saved.connect(self._on_saved)
        session.problem.connect(self.complain)
        bench.options.set_opacity(self._canvas.layers.opacity)
        self.set_threshold(bench.review.threshold)
        status.set_saved("")

    def close(self) -> None:
        """Say nothing more, and leave nothing of this project in the status line."""
        self._clock.stop()
        self._status.set_saved("")
        self._status.set_pixel("")
        self._status.set_zoom(0)
        self._status.set_device("")
        self._status.set_job("", None, False)

    # Layers

    def toggle_annotation(self) -> None:
        """Show or hide what a person painted."""
        self._show(show_annotation=not self._canvas.layers.show_annotation)

    def toggle_proposal(self) -> None:
        """Show or hide what the model says."""
        self._show(show_proposal=not self._canvas.layers.show_proposal)

    def peek(self, down: bool) -> None:
        """Hide all labels while a key is held."""
        if down:
            self._unpeeked = self._canvas.layers
            self._show(show_annotation=False, show_proposal=False)
        elif self._unpeeked is not None:
            self._canvas.set_layers(self._unpeeked)
            self._unpeeked = None
            self.layers_changed.emit()

    def step_opacity(self, steps: int) -> None:
        """Make the labels more opaque by steps, or less when negative."""
        self.set_opacity(self._canvas.layers.opacity + steps * _OPACITY_STEP)

    def set_opacity(self, opacity: float) -> None:
        """Set the opacity of both layers, 0..1."""
        opacity = min(1.0, max(0.0, round(opacity, 2)))
        self._canvas.set_layers(replace(self._canvas.layers, opacity=opacity))
        self._bench.options.set_opacity(opacity)

    def set_threshold(self, percent: int) -> None:
        """Set the least confidence, in percent, that is drawn strong and accepted at once."""
        self._canvas.set_layers(replace(self._canvas.layers, threshold=round(percent * 2.55)))

    def _show(self, **fields: bool) -> None:
        self._canvas.set_layers(replace(self._canvas.layers, **fields))
        self.layers_changed.emit()

    # The status line

    def say(self, text: str) -> None:
        """Say what just happened, unless an error is still to be read."""
        if time.monotonic() - self._complained_at > _COMPLAINT_SECONDS:
            self._status.say(text)

    def warn(self, text: str) -> None:
        """Say what was not done."""
        self._status.say(text, "warning")

    def complain(self, line: str) -> None:
        """Say what went wrong."""
        self._complained_at = time.monotonic()
        self._status.say(line, "error")

    def tell_zoom(self, view: View) -> None:
        """Show the zoom of a view."""
        self._status.set_zoom(view.scale)

    def tell_pixel(self, pixel: tuple[int, int] | None) -> None:
        """Show what is under the pointer: place, value, class, and what the model says."""
        image = self._session.image
        if pixel is None or image is None:
            self._status.set_pixel("")
            return
        x, y = pixel
        value = image.pixels[y, x]
        shown = " ".join(str(int(v)) for v in value) if value.ndim else str(int(value))
        parts = [f"{x}, {y}", shown, self._name(int(image.document.annotation[y, x]))]
        if (proposal := image.document.proposal) is not None:
            share = round(int(proposal.confidence[y, x]) / 2.55)
            parts.append(f"proposed {self._name(int(proposal.classes[y, x]))} {share} %")
        self._status.set_pixel("  ·  ".join(parts))

    def _name(self, value: int) -> str:
        classes = self._session.classes
        return "void" if value == VOID or value >= len(classes) else classes[value].name

    def _on_saved(self, when: float) -> None:
        self._saved_at = when
        self._tell_saved()

    def _tell_saved(self) -> None:
        if self._saved_at is None:
            return
        seconds = int(time.time() - self._saved_at)
        if seconds < 2:
            text = "Saved"
        elif seconds < 60:
            text = f"Saved {seconds} s ago"
        else:
            text = f"Saved {seconds // 60} min ago"
        self._status.set_saved(text)
