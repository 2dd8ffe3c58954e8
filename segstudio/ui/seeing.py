"""What is seen and said of the image in hand: layers, contrast, two views, zoom, the pixel under the pointer."""

import time
from dataclasses import replace
from typing import Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from segstudio.core.classes import VOID
from segstudio.core.render import LayerStyle, Look
from segstudio.core.tone import Tone, Window, dragged
from segstudio.core.view import View
from segstudio.ui.panels.status import StatusLine
from segstudio.ui.session import Session
from segstudio.ui.workbench import Workbench

_OPACITY_STEP = 0.1
_TICK_MS = 1000
_BLINK_MS = 600
_PIXEL_MS = 40  # between two looks at the pixel under the pointer
_COMPLAINT_SECONDS = 6.0  # an error stays readable at least so long
_WARNING_SECONDS = 2.0
_LOOKS: tuple[Look, ...] = ("fill", "contour", "both")
_OVERVIEW = 400  # pixels of the longer side the minimap needs at twice the resolution

_STYLE_KEPT = ("annotation_opacity", "proposal_opacity", "annotation_look", "proposal_look")

Compare = Literal["", "beside", "blink"]


class Seeing(QObject):
    """Keeps canvas, pop-ups and status line telling the same.

    Signals:
        layers_changed(): what is shown, or how, is another.
    """

    layers_changed = Signal()

    def __init__(self, session: Session, bench: Workbench, status: StatusLine, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._bench = bench
        self._canvas = bench.canvas
        self._status = status
        self._style = LayerStyle()
        self._tone = Tone()
        self._kind = ""  # of the pixels the window of values was chosen for
        self._windows: dict[str, Window | None] = {}  # of the other kinds: one from 16 bits would make 8 bits black
        self._peeking = False
        self._compare: Compare = ""
        self._proposal_turn = False  # of blinking
        self._pixel: tuple[int, int] | None = None
        self._saved_at: float | None = None
        self._complained_at = -_COMPLAINT_SECONDS
        self._clock = QTimer(self, interval=_TICK_MS)
        self._clock.timeout.connect(self._tell_saved)
        self._clock.start()
        self._blinking = QTimer(self, interval=_BLINK_MS)
        self._blinking.timeout.connect(self._blink_on)
        self._looking = QTimer(self, interval=_PIXEL_MS, singleShot=True)
        self._looking.timeout.connect(self._tell_pixel)
        session.saved.connect(self._on_saved)
        session.problem.connect(self.complain)
        self.set_threshold(bench.review.threshold)
        status.set_saved("")

    def close(self) -> None:
        """Say nothing more, and leave nothing of this project in the status line."""
        for timer in (self._clock, self._blinking, self._looking):
            timer.stop()
        self.compare("")
        self._bench.minimap.set_image(None)
        self._bench.tone.set_image(None, (0.0, 255.0), "uint8")
        self._status.set_saved("")
        self._status.set_pixel("")
        self._status.set_zoom(0)
        self._status.set_device("")
        self._status.set_job("", None, False)

    def kept(self) -> dict[str, Any]:
        """How things are seen, for the preferences."""
        style = {name: getattr(self._style, name) for name in _STYLE_KEPT}
        return {"style": style, "tone": self._tone.to_dict(), "kind": self._kind, "minimap": self._bench.minimap_on}

    def restore(self, kept: object) -> None:
        """As `kept` gave it; what does not fit is left as it is."""
        if not isinstance(kept, dict):
            return
        style = kept.get("style")
        for name, value in style.items() if isinstance(style, dict) else ():
            opacity = name.endswith("opacity") and isinstance(value, float) and 0 <= value <= 1
            if name in _STYLE_KEPT and (opacity or (name.endswith("look") and value in _LOOKS)):
                self._style = replace(self._style, **{name: value})
        self._bench.set_minimap(kept.get("minimap") is not False)
        self._kind = str(kept.get("kind", ""))
        self.set_tone(Tone.from_dict(kept.get("tone")))
        self._apply()

    # Layers

    @property
    def style(self) -> LayerStyle:
        """How the layers are drawn, when nothing else is asked for by a held key or a comparison."""
        return self._style

    @property
    def comparing(self) -> Compare:
        """How annotation and proposal are compared at present."""
        return self._compare

    def set_style(self, style: LayerStyle) -> None:
        """Draw the layers in another way."""
        self._style = replace(style, threshold=self._style.threshold)
        self._apply()

    def toggle_annotation(self) -> None:
        """Show or hide what a person painted."""
        self.set_style(replace(self._style, show_annotation=not self._style.show_annotation))

    def toggle_proposal(self) -> None:
        """Show or hide what the model says."""
        self.set_style(replace(self._style, show_proposal=not self._style.show_proposal))

    def cycle_look(self) -> None:
        """Draw the annotation as areas, as outlines, as both."""
        look = _LOOKS[(_LOOKS.index(self._style.annotation_look) + 1) % len(_LOOKS)]
        self.set_style(replace(self._style, annotation_look=look))
        self.say({"fill": "Areas", "contour": "Outlines", "both": "Areas and outlines"}[look])

    def peek(self, down: bool) -> None:
        """Hide all labels while a key is held."""
        if down != self._peeking:
            self._peeking = down
            self._apply()

    def step_opacity(self, steps: int) -> None:
        """Make the labels more opaque by steps, or less when negative."""

        def stepped(opacity: float) -> float:
            return min(1.0, max(0.0, round(opacity + steps * _OPACITY_STEP, 2)))

        style = self._style
        annotation, proposal = stepped(style.annotation_opacity), stepped(style.proposal_opacity)
        self.set_style(replace(style, annotation_opacity=annotation, proposal_opacity=proposal))
        self.say(f"Annotation {annotation:.0%}, proposal {proposal:.0%}")

    def set_threshold(self, percent: int) -> None:
        """Set the least confidence, in percent, that is drawn strong and accepted at once."""
        self._style = replace(self._style, threshold=round(percent * 2.55))
        self._apply()

    def compare(self, how: Compare) -> None:
        """Show annotation and proposal side by side, or one after the other; the same again ends it."""
        self._compare = "" if how == self._compare else how
        self._bench.show_beside(self._compare == "beside")
        if self._compare == "blink":
            self._proposal_turn = False
            self._blinking.start()
        else:
            self._blinking.stop()
        self._apply()

    def _blink_on(self) -> None:
        document = self._session.document
        if document is None or document.proposal is None:
            if self._proposal_turn:  # the image before had one
                self._proposal_turn = False
                self._apply()
            return
        self._proposal_turn = not self._proposal_turn
        self._apply()
        self.say("Proposal" if self._proposal_turn else "Annotation")

    def _apply(self) -> None:
        style = self._style
        if self._peeking:
            shown = replace(style, show_annotation=False, show_proposal=False)
        elif self._compare == "beside":
            shown = replace(style, show_annotation=True, show_proposal=False)
        elif self._compare == "blink":
            turn = self._proposal_turn
            shown = replace(style, show_annotation=not turn, show_proposal=turn, whole_proposal=True)
        else:
            shown = style
        self._canvas.set_layers(shown)
        opinion = replace(style, show_annotation=False, show_proposal=not self._peeking, whole_proposal=True)
        self._bench.beside.set_layers(opinion)
        self._bench.layers.set_style(style)
        self.layers_changed.emit()

    # Contrast

    @property
    def tone(self) -> Tone:
        """How the image is seen."""
        return self._tone

    def set_tone(self, tone: Tone) -> None:
        """See the image in another way; the next images, too."""
        self._tone = tone
        self._canvas.set_tone(tone)
        self._bench.beside.set_tone(tone)
        self._bench.tone.set_tone(tone)
        self._bench.options.set_toned(not tone.neutral)
        self._show_overview()
        self.layers_changed.emit()

    def auto_contrast(self) -> None:
        """Black and white at the darkest and lightest half percent of the image."""
        self._bench.tone.take_auto()

    def invert(self) -> None:
        """Black for white."""
        self.set_tone(replace(self._tone, inverted=not self._tone.inverted))

    def reset_contrast(self) -> None:
        """See the image as tools and network do."""
        self.set_tone(Tone())

    def drag_level(self, dx: float, dy: float) -> None:
        """The window and level tool went so many screen pixels right and down."""
        if self._session.image is not None:
            self.set_tone(dragged(self._tone, self._session.image.picture.window, dx, dy))
            low, high = self._tone.window or self._session.image.picture.window
            self.say(f"Window {high - low:.4g}, level {(low + high) / 2:.4g}")

    def show_image(self) -> None:
        """Another image is in the hand."""
        if (image := self._session.image) is not None:
            picture = image.picture
            if (kind := picture.pixels.dtype.name) != self._kind:
                self._windows[self._kind], self._kind = self._tone.window, kind
                self.set_tone(replace(self._tone, window=self._windows.get(kind)))
            self._bench.tone.set_image(picture.pixels, picture.window, picture.pixels.dtype)
            self._show_overview()

    def _show_overview(self) -> None:
        if (image := self._session.image) is not None:
            levels = [level for level in image.scene.pyramid.levels if max(level.shape[:2]) >= _OVERVIEW]
            reduced = levels[-1] if levels else image.scene.pyramid.levels[0]
            self._bench.minimap.set_image(self._canvas.toned(reduced), image.scene.size)

    # The status line

    def say(self, text: str) -> None:
        """Say what just happened, unless an error is still to be read."""
        if time.monotonic() - self._complained_at > _COMPLAINT_SECONDS:
            self._status.say(text)

    def warn(self, text: str) -> None:
        """Say what was not done."""
        self._complained_at = time.monotonic() - _COMPLAINT_SECONDS + _WARNING_SECONDS
        self._status.say(text, "warning")

    def complain(self, line: str) -> None:
        """Say what went wrong."""
        self._complained_at = time.monotonic()
        self._status.say(line, "error")

    def tell_zoom(self, view: View) -> None:
        """Show the zoom of a view."""
        self._status.set_zoom(view.scale)

    def tell_pixel(self, pixel: tuple[int, int] | None) -> None:
        """Show what is under the pointer: place, value, class, and what the model says; some times a second."""
        self._pixel = pixel
        if not self._looking.isActive():
            self._looking.start()

    def _tell_pixel(self) -> None:
        image, pixel = self._session.image, self._pixel
        if pixel is None or image is None or not image.document.bounds.contains(*pixel):
            self._status.set_pixel("")
            return
        x, y = pixel
        value = image.picture.pixels[y, x]
        shown = " ".join(f"{v:.6g}" for v in value) if value.ndim else f"{value:.6g}"
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
