"""What is seen and said of the image in hand: layers, contrast, two views, zoom, the pixel under the pointer."""

import time
from dataclasses import replace
from typing import Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from segstudio.core.classes import VOID
from segstudio.core.render import LayerStyle, Look
from segstudio.core.tone import Tone, Window, dragged
from segstudio.core.view import View
from segstudio.ui.comparing import Compare, Comparing
from segstudio.ui.panels.status import StatusLine
from segstudio.ui.session import Session
from segstudio.ui.workbench import Workbench

_OPACITY_STEP = 0.1
_TICK_MS = 1000
_PIXEL_MS = 40  # between two looks at the pixel under the pointer
_COMPLAINT_SECONDS = 6.0  # an error stays readable at least so long
_WARNING_SECONDS = 2.0
_LOOKS: tuple[Look, ...] = ("fill", "contour", "both")
_OVERVIEW = 400  # pixels of the longer side the minimap needs at twice the resolution

_STYLE_KEPT = ("annotation_opacity", "proposal_opacity", "annotation_look", "proposal_look")
_USUAL_OPACITY = LayerStyle().annotation_opacity

Layer = Literal["annotation", "proposal"]


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
        self._painting = False
        self._left: dict[str, tuple[View, tuple[int, int]]] = {}  # how images were left that were not fitted
        self._pixel: tuple[int, int] | None = None
        self._saved_at: float | None = None
        self._complained_at = -_COMPLAINT_SECONDS
        self._clock = QTimer(self, interval=_TICK_MS)
        self._clock.timeout.connect(self._tell_saved)
        self._clock.start()
        self._comparing = Comparing(session, bench, self)
        self._comparing.turned.connect(self._apply)
        self._looking = QTimer(self, interval=_PIXEL_MS, singleShot=True)
        self._looking.timeout.connect(self._tell_pixel)
        session.saved.connect(self._on_saved)
        session.problem.connect(self.complain)
        self.set_threshold(bench.review.threshold)
        status.set_saved("")

    def close(self) -> None:
        """Say nothing more, and leave nothing of this project in the status line."""
        for timer in (self._clock, self._looking):
            timer.stop()
        self._comparing.close()
        self._apply()
        self._bench.tell_hidden("", "")
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
        return {
            "style": style,
            "tone": self._tone.to_dict(),
            "kind": self._kind,
            "minimap": self._bench.minimap_on,
            "contrast": self._bench.tone.kept(),
        }

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
        self._bench.tone.restore(kept.get("contrast"))
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
        return self._comparing.mode

    def set_style(self, style: LayerStyle) -> None:
        """Draw the layers in another way."""
        self._style = replace(style, threshold=self._style.threshold)
        self._apply()

    def toggle_annotation(self) -> None:
        """Show or hide what a person painted."""
        shown = not self._style.show_annotation
        self.set_style(replace(self._style, show_annotation=shown))
        self.say("Annotation shown" if shown else "Annotation hidden")

    def toggle_proposal(self) -> None:
        """Show or hide what the model says."""
        shown = not self._style.show_proposal
        self.set_style(replace(self._style, show_proposal=shown))
        self.say("Proposal shown" if shown else "Proposal hidden")

    def reveal(self, layer: Layer) -> bool:
        """Show a layer, and so that it can be seen; whether it was hidden."""
        old = self._style
        if layer == "annotation":
            opacity = old.annotation_opacity or _USUAL_OPACITY
            self._style = replace(old, show_annotation=True, annotation_opacity=opacity)
        else:
            opacity = old.proposal_opacity or _USUAL_OPACITY
            self._style = replace(old, show_proposal=True, proposal_opacity=opacity)
        if self._style == old:
            return False
        self._apply()
        return True

    def begin_painting(self) -> str:
        """A gesture begins: what it is painted on must be seen until it ends. A line when it was not."""
        self._painting = True
        self._comparing.rest()
        if self._peeking:
            self._apply()
        return "Annotation shown again: you are painting on it" if self.reveal("annotation") else ""

    def end_painting(self) -> None:
        """The gesture is over."""
        if self._painting:
            self._painting = False
            if self._peeking:
                self._apply()

    def cycle_look(self) -> None:
        """Draw the annotation as areas, as outlines, as both."""
        look = _LOOKS[(_LOOKS.index(self._style.annotation_look) + 1) % len(_LOOKS)]
        self.set_style(replace(self._style, annotation_look=look))
        drawn = {"fill": "areas", "contour": "outlines", "both": "areas and outlines"}[look]
        self.say(f"Annotation drawn as {drawn}")

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
        line = self._comparing.choose(how)
        if self._comparing.mode:  # what is compared is looked at, whatever was hidden before
            self._style = replace(self._style, show_annotation=True, show_proposal=True)
        self._apply()
        self.say(line)

    def _apply(self) -> None:
        style = self._style
        shown, opinion = self._comparing.layers(style)
        if self._peeking and not self._painting:
            shown = replace(shown, show_annotation=False, show_proposal=False)
            opinion = replace(opinion, show_proposal=False)
        self._canvas.set_layers(shown)
        self._bench.beside.set_layers(opinion)
        self._bench.layers.set_style(style)
        if not style.show_annotation:
            self._bench.tell_hidden("Annotation hidden", "toggle_annotation")
        elif style.annotation_opacity == 0:
            self._bench.tell_hidden("Annotation transparent", "opacity_up")
        else:
            self._bench.tell_hidden("", "")
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
        """Black and white at the darkest and lightest values of the image."""
        self._bench.tone.take_auto()
        self.say(f"Black and white at the darkest and lightest {self._bench.tone.tail:g} %")

    def invert(self) -> None:
        """Black for white."""
        self.set_tone(replace(self._tone, inverted=not self._tone.inverted))
        self.say("Image inverted" if self._tone.inverted else "Image as it is, no longer inverted")

    def reset_contrast(self) -> None:
        """See the image as tools and network do."""
        self.set_tone(Tone())
        self.say("Original contrast")

    def drag_level(self, dx: float, dy: float) -> None:
        """The window and level tool went so many screen pixels right and down."""
        if self._session.image is not None:
            self.set_tone(dragged(self._tone, self._session.image.picture.window, dx, dy))
            low, high = self._tone.window or self._session.image.picture.window
            self.say(f"Window {high - low:.4g}, level {(low + high) / 2:.4g}")

    def leave_image(self) -> None:
        """The image in hand is let go; the next time it is where it is now, or fitted if it is now."""
        if (key := self._session.key) is not None:
            self._left.pop(key, None)
            if not self._canvas.fitted:
                self._left[key] = self._canvas.view, self._canvas.room
        self._canvas.release_document()
        self._bench.beside.release_document()

    def show_image(self) -> None:
        """Another image is in the hand."""
        if (image := self._session.image) is not None:
            self._canvas.show_scene(image.scene, self._view_of(image.key))
            self._bench.show_beside(self.comparing == "beside")
            self.tell_proposal()
            picture = image.picture
            if (kind := picture.pixels.dtype.name) != self._kind:
                self._windows[self._kind], self._kind = self._tone.window, kind
                self.set_tone(replace(self._tone, window=self._windows.get(kind)))
            self._bench.tone.set_image(picture.pixels, picture.window, picture.pixels.dtype, picture.hounsfield)
            self._show_overview()

    def _view_of(self, key: str) -> View | None:
        """How an image was left, with the same point in the middle; None fits it."""
        if key not in self._left:
            return None
        view, (width, height) = self._left[key]
        return view.pan((self._canvas.room[0] - width) / 2, (self._canvas.room[1] - height) / 2)

    def tell_proposal(self) -> None:
        """Another opinion, or none, lies beside the annotation."""
        self._comparing.caption()

    def _show_overview(self) -> None:
        if (image := self._session.image) is not None:
            levels = [level for level in image.scene.pyramid.levels if max(level.shape[:2]) >= _OVERVIEW]
            reduced = levels[-1] if levels else image.scene.pyramid.levels[0]
            self._bench.minimap.set_image(self._canvas.toned(reduced), image.scene.size)

    # The status line

    def begin_gesture(self) -> None:
        """What was said last yields, unless it is an error still to be read."""
        if time.monotonic() - self._complained_at > _COMPLAINT_SECONDS:
            self._status.rest()

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
