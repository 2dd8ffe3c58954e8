"""The learning curve: loss and validation score over the steps of a run."""

import math
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from segstudio.ui.panels.parts import set_role, text_label
from segstudio.ui.theme import Tokens, mix, ui_font

HEIGHT = 132
SMOOTHING = 0.9  # weight of the past in the drawn loss
TICK_PX = 10
_HALF_A_TICK = 6
DRAW_MS = 40
MOST_POINTS = 4000  # beyond it every second one goes: a night of training must not slow the window down
TIP = "Loss of the training crops and mean IoU on the validation labels, over the steps\nDashed: the model in use"


class LearningCurve(QWidget):
    """Loss on the left axis, validation mean IoU on the right one, from 0 to 1.

    pyqtgraph is imported when the first point comes: it would cost every start a noticeable moment.
    """

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Learning curve")
        self.setToolTip(TIP)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT + 20)
        self._tokens = tokens
        self._steps: list[int] = []
        self._losses: list[float] = []
        self._smooth: list[float] = []
        self._score_steps: list[int] = []
        self._scores: list[float] = []
        self._in_use = math.nan
        self._plot: Any = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DRAW_MS)
        self._timer.timeout.connect(self._draw)
        self._loss_legend = text_label("", "quiet")
        self._score_legend = text_label("", "quiet")
        for label in (self._loss_legend, self._score_legend):
            label.setTextFormat(Qt.TextFormat.RichText)
        set_role(self._loss_legend, role="quiet")
        legend = QHBoxLayout()
        legend.setContentsMargins(0, 0, 0, 0)
        legend.addWidget(self._loss_legend)
        legend.addStretch(1)
        legend.addWidget(self._score_legend)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._layout.addLayout(legend)
        self._layout.addStretch(1)

    @property
    def losses(self) -> list[tuple[int, float]]:
        """Steps and losses drawn so far."""
        return list(zip(self._steps, self._losses, strict=True))

    @property
    def scores(self) -> list[tuple[int, float]]:
        """Steps and validation scores drawn so far."""
        return list(zip(self._score_steps, self._scores, strict=True))

    def sizeHint(self) -> QSize:
        """Qt's virtual."""
        return QSize(216, HEIGHT + 20)

    def clear(self) -> None:
        """Forget all points."""
        for points in (self._steps, self._losses, self._smooth, self._score_steps, self._scores):
            points.clear()
        self._in_use = math.nan
        self._draw()

    def add_loss(self, step: int, loss: float) -> None:
        """Add the loss of one step; a loss that is no number is left out."""
        if not math.isfinite(loss):
            return
        self._steps.append(step)
        self._losses.append(loss)
        # The mean of the past while there is little of it: otherwise the first loss would pull on the curve for long.
        past = min(SMOOTHING, len(self._smooth) / (len(self._smooth) + 1))
        self._smooth.append(past * self._smooth[-1] + (1 - past) * loss if self._smooth else loss)
        if len(self._steps) > MOST_POINTS:
            for points in (self._steps, self._losses, self._smooth):
                del points[:-1:2]
        self._draw_soon()

    def add_score(self, step: int, miou: float, in_use: float = math.nan) -> None:
        """Add a validation score, and that of the model in use; what is no number is left out."""
        if math.isfinite(miou):
            self._score_steps.append(step)
            self._scores.append(miou)
        self._in_use = in_use
        self._draw_soon()

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        if self._plot is not None:
            self._paint()
            self._draw()

    def _draw_soon(self) -> None:
        # Events come in bunches; one drawing a bunch is enough.
        if not self._timer.isActive():
            self._timer.start()

    def _draw(self) -> None:
        if self._plot is None:
            if not self._steps and not self._scores:
                return
            self._build()
        self._raw_line.setData(self._steps, self._losses)
        self._loss_line.setData(self._steps, self._smooth)
        self._score_line.setData(self._score_steps, self._scores)
        self._in_use_line.setVisible(math.isfinite(self._in_use))
        if math.isfinite(self._in_use):
            self._in_use_line.setValue(self._in_use)
        first = min([*self._steps[:1], *self._score_steps[:1]], default=1)  # a run that was resumed begins later
        last = max([first + 1, *self._steps[-1:], *self._score_steps[-1:]])
        top = max(self._smooth, default=1.0) * 1.1 or 1.0
        self._plot.setXRange(first, last, padding=0.0)
        self._plot.setYRange(0, top, padding=0.0)
        t = self._tokens
        self._loss_legend.setText(_legend("loss", self._smooth, _loss_color(t)))
        self._score_legend.setText(_legend("validation mIoU", self._scores, t.accent_text))

    def _build(self) -> None:
        import pyqtgraph as pg

        self._pg = pg
        self._plot = pg.PlotWidget()
        self._plot.setAccessibleName("Plot of the learning curve")
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot.setFixedHeight(HEIGHT)
        self._plot.setMouseEnabled(False, False)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        item = self._plot.getPlotItem()
        item.showAxis("right")
        item.layout.setContentsMargins(0, _HALF_A_TICK, 0, 0)  # or the topmost number is cut
        for side, width in (("left", 34), ("right", 26)):
            item.getAxis(side).setWidth(width)
        item.getAxis("bottom").setHeight(18)
        for side in ("left", "right", "bottom"):
            axis = item.getAxis(side)
            font = ui_font(TICK_PX)
            axis.setStyle(tickLength=0, tickTextOffset=4, tickFont=font, maxTickLevel=0)
        item.getAxis("right").setTicks([[(0, "0"), (0.5, ".5"), (1, "1")]])
        self._raw_line = self._plot.plot([], [], antialias=True)
        self._loss_line = self._plot.plot([], [], antialias=True)
        for line in (self._raw_line, self._loss_line):
            line.setDownsampling(auto=True, method="mean")
        self._score_box = pg.ViewBox(enableMenu=False)
        self._score_box.setMouseEnabled(False, False)
        item.scene().addItem(self._score_box)
        item.getAxis("right").linkToView(self._score_box)
        self._score_box.setXLink(item)
        self._score_box.setYRange(0, 1, padding=0.02)
        self._score_line = pg.PlotDataItem([], [], antialias=True, symbol="o", symbolSize=5)
        self._score_box.addItem(self._score_line)
        self._in_use_line = pg.InfiniteLine(angle=0)
        self._score_box.addItem(self._in_use_line, ignoreBounds=True)
        item.vb.sigResized.connect(self._match)
        self._layout.insertWidget(1, self._plot)
        self._paint()
        self._match()

    def _match(self) -> None:
        self._score_box.setGeometry(self._plot.getPlotItem().vb.sceneBoundingRect())

    def _paint(self) -> None:
        pg, t = self._pg, self._tokens
        self._plot.setBackground(t.panel)
        item = self._plot.getPlotItem()
        for side in ("left", "right", "bottom"):
            item.getAxis(side).setPen(pg.mkPen(t.line))
            item.getAxis(side).setTextPen(pg.mkPen(t.quiet))
        faint = QColor(_loss_color(t))
        faint.setAlpha(60)
        self._raw_line.setPen(pg.mkPen(faint, width=1))
        self._loss_line.setPen(pg.mkPen(_loss_color(t), width=1.5))
        self._score_line.setPen(pg.mkPen(t.accent, width=2))
        self._score_line.setSymbolBrush(t.accent)
        self._score_line.setSymbolPen(None)
        self._in_use_line.setPen(pg.mkPen(mix(t.panel, t.accent, 0.6), width=1, style=Qt.PenStyle.DashLine))


def _loss_color(tokens: Tokens) -> str:
    return tokens.icon


def _legend(name: str, values: list[float], color: str) -> str:
    if not values:
        return ""
    return f'<span style="color:{color}">●</span>&nbsp;{name}&nbsp;<b>{values[-1]:.3f}</b>'
