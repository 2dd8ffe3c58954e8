"""The curves of a comparison: validation score over seconds of training, one line for each row."""

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from segstudio.core.curves import PALETTE, ticks
from segstudio.learn.comparison.plan import Point
from segstudio.ui.dialogs.comparison_view import color_of
from segstudio.ui.dialogs.listing import theme_in_force
from segstudio.ui.panels.parts import text_label
from segstudio.ui.theme import SMALL_PX, ui_font

EMPTY = "Choose what to compare, then press Start: scores and curves grow here."
SYMBOLS = ("o", "s", "t1", "d")
_LOWEST_SPAN = 0.1  # of the axis of scores, so that noise does not fill it


class ComparisonCurves(QWidget):
    """Draws the scores of rounds; pyqtgraph is imported when the first one comes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Mean IoU over training time")
        self.setToolTip("Mean IoU on the same validation images, over seconds of training")
        self._plot: Any = None
        self._lines: list[Any] = []
        self._curves: Mapping[int, Sequence[Point]] = {}
        self._labels: Sequence[str] = ()
        self._empty = text_label(EMPTY, "hint")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._caption = text_label("Mean IoU over training time", "quiet")
        self._caption.hide()
        self._layout.addWidget(self._caption)
        self._layout.addWidget(self._empty, 1)

    @property
    def drawn(self) -> list[list[tuple[float, float]]]:
        """Seconds and scores of every line."""
        return [[(point.seconds, point.miou) for point in points] for points in self._curves.values()]

    def set_curves(self, curves: Mapping[int, Sequence[Point]], labels: Sequence[str]) -> None:
        """Draw these.

        Args:
            curves: by place in the comparison, which gives the colour.
            labels: what each is of, by place.
        """
        self._curves, self._labels = {at: list(points) for at, points in curves.items()}, labels
        said = [f"{labels[at]} {points[-1].miou:.3f}" for at, points in self._curves.items() if points]
        self.setAccessibleDescription(", ".join(said))
        if self._plot is None and said:
            self._build()
        if self._plot is not None:
            self._plot.setVisible(bool(said))
            self._caption.setVisible(bool(said))
            self._empty.setVisible(not said)
            self._draw()

    def changeEvent(self, event: QEvent) -> None:
        """Qt's virtual: follow a change of theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and getattr(self, "_plot", None) is not None:
            self._paint()
            self._draw()

    def _build(self) -> None:
        import pyqtgraph as pg

        self._pg = pg
        self._plot = pg.PlotWidget()
        self._plot.setAccessibleName("Plot of the comparison")
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot.setMouseEnabled(False, False)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        item = self._plot.getPlotItem()
        for side in ("left", "bottom"):
            item.getAxis(side).setStyle(tickLength=0, tickTextOffset=6, tickFont=ui_font(SMALL_PX))
        item.getAxis("left").setWidth(44)
        item.getAxis("bottom").setHeight(22)
        item.showGrid(x=False, y=True, alpha=0.15)
        self._layout.addWidget(self._plot, 1)
        self._paint()

    def _paint(self) -> None:
        t = theme_in_force()
        self._plot.setBackground(t.field)
        for side in ("left", "bottom"):
            axis = self._plot.getPlotItem().getAxis(side)
            axis.setPen(self._pg.mkPen(t.border))
            axis.setTextPen(self._pg.mkPen(t.quiet))

    def _draw(self) -> None:
        pg, t = self._pg, theme_in_force()
        while len(self._lines) < len(self._curves):
            self._lines.append(self._plot.plot([], [], antialias=True))
        for at, line in enumerate(self._lines):
            points = self._curves.get(at, ())
            color = color_of(at, t)
            style = Qt.PenStyle.SolidLine if at < len(PALETTE) else Qt.PenStyle.DashLine
            pen: QPen = pg.mkPen(color, width=2, style=style)
            symbol = SYMBOLS[at % len(SYMBOLS)]
            line.setData([point.seconds for point in points], [point.miou for point in points])
            line.setPen(pen)
            line.setSymbol(symbol)
            line.setSymbolSize(7)
            line.setSymbolBrush(color)
            line.setSymbolPen(None)
        self._set_ranges()

    def _set_ranges(self) -> None:
        points = [point for curve in self._curves.values() for point in curve]
        if not points:
            return
        end = max(point.seconds for point in points) * 1.02 or 1.0
        low, high = min(point.miou for point in points), max(point.miou for point in points)
        room = max((high - low) * 0.1, (_LOWEST_SPAN - (high - low)) / 2, 0.01)
        low, high = max(0.0, low - room), min(1.0, high + room)
        self._plot.setXRange(0, end, padding=0.0)
        self._plot.setYRange(low, high, padding=0.0)
        item = self._plot.getPlotItem()
        item.getAxis("left").setTicks([[(value, f"{value:g}") for value in ticks(low, high, 8)]])
        item.getAxis("bottom").setTicks([[(value, f"{value:g} s") for value in ticks(0.0, end, 8)]])
