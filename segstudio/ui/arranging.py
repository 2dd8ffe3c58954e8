"""What is shown around the canvas: minimap, history, or nothing at all."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from segstudio.ui.seeing import Seeing
from segstudio.ui.workbench import Workbench


class Arranging(QObject):
    """Answers the commands that show parts of the workbench or put them away.

    Args:
        bench: what is arranged.
        seeing: says what happened.
        parent: owner.

    Signals:
        changed(): other parts are shown.
    """

    changed = Signal()

    def __init__(self, bench: Workbench, seeing: Seeing, parent: QObject) -> None:
        super().__init__(parent)
        self._bench = bench
        self._seeing = seeing

    def handlers(self) -> dict[str, Callable[[], None]]:
        """What each of these actions does, by action id."""
        return {
            "minimap": self._toggle_minimap,
            "history": self._toggle_history,
            "canvas_alone": self._toggle_alone,
            "reset_layout": self._reset,
        }

    def _toggle_minimap(self) -> None:
        on = not self._bench.minimap_on
        self._bench.set_minimap(on)
        self._tell("Minimap on, while a part of the image is out of sight" if on else "Minimap off")

    def _toggle_history(self) -> None:
        shown = self._bench.history.isHidden()
        self._bench.history.setVisible(shown)
        if shown:
            self._bench.history.set_folded(False)
        self._tell("History shown" if shown else "History hidden")

    def _toggle_alone(self) -> None:
        alone = not self._bench.alone
        self._bench.set_alone(alone)
        self._bench.canvas.setFocus()
        self._tell("The canvas alone; the same command brings the panels back" if alone else "Panels are back")

    def _reset(self) -> None:
        self._bench.restore_layout(None)
        self._bench.set_minimap(True)
        self._tell("Panels lie as at first")

    def _tell(self, line: str) -> None:
        self._seeing.say(line)
        self.changed.emit()
