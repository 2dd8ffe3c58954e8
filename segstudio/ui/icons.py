"""The program's own icons: drawings on a 24 px grid, rendered for the exact device pixels they land on."""

from functools import cache

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from segstudio.ui.theme import Tokens, resource

LOGO = "segstudio"


def icon(
    name: str, tokens: Tokens, *, color: str | None = None, checked: str | None = None, off: str | None = None
) -> QIcon:
    """An icon in the colours of a theme, sharp at any device pixel ratio.

    Args:
        name: file name in ``resources/icons`` without suffix.
        tokens: gives the colours of the normal, hovered, selected and disabled states.
        color: ``#rrggbb`` of the normal state, where the theme's icon colour is not wanted.
        checked: ``#rrggbb`` of the checked state; the accent when not given.
        off: name of another drawing for the unchecked state.

    Raises:
        KeyError: when there is no such icon.
    """
    return QIcon(_Drawing(name, off or name, tokens, color or tokens.icon, checked or tokens.accent_text))


def logo() -> QIcon:
    """The program's own icon, the same in every theme."""
    return QIcon(_Logo())


def icon_names() -> frozenset[str]:
    """Every name `icon` knows."""
    return frozenset(path.stem for path in resource("icons").glob("*.svg")) - {LOGO}


@cache
def _drawing(name: str) -> str:
    path = resource("icons") / f"{name}.svg"
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KeyError(f"there is no icon '{name}' in {path.parent}") from None


@cache
def _renderer(name: str, color: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(_drawing(name).replace("currentColor", color).encode()))


class _Drawing(QIconEngine):
    """Draws one icon in the colour of its state; nothing is kept but the parsed drawing."""

    def __init__(self, name: str, off: str, tokens: Tokens, color: str, checked: str) -> None:
        super().__init__()
        for drawing in (name, off):
            _drawing(drawing)  # an unknown name is a mistake of ours: say so here, not while painting
        self._name = name
        self._off = off
        self._tokens = tokens
        self._color = color
        self._checked = checked

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        """Qt's virtual: draw into ``rect``."""
        if mode == QIcon.Mode.Disabled:
            color = self._tokens.disabled
        elif mode == QIcon.Mode.Selected:
            color = self._tokens.text
        elif state == QIcon.State.On:
            color = self._checked
        elif mode == QIcon.Mode.Active:
            color = self._tokens.text if self._color == self._tokens.icon else self._color
        else:
            color = self._color
        side = min(rect.width(), rect.height())
        box = QRectF(rect.x() + (rect.width() - side) / 2, rect.y() + (rect.height() - side) / 2, side, side)
        name = self._name if state == QIcon.State.On else self._off
        _renderer(name, color).render(painter, box)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """Qt's virtual: ``size`` is in device pixels, so the drawing is never scaled afterwards."""
        return _rendered(self, size, mode, state)

    def clone(self) -> QIconEngine:
        """Qt's virtual."""
        return _Drawing(self._name, self._off, self._tokens, self._color, self._checked)


class _Logo(QIconEngine):
    def paint(self, painter: QPainter, rect: QRect, _mode: QIcon.Mode, _state: QIcon.State) -> None:
        """Qt's virtual."""
        _renderer(LOGO, "#ffffff").render(painter, QRectF(rect))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """Qt's virtual."""
        return _rendered(self, size, mode, state)

    def clone(self) -> QIconEngine:
        """Qt's virtual."""
        return _Logo()


def _rendered(engine: QIconEngine, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
    image = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    engine.paint(painter, QRect(QPoint(0, 0), size), mode, state)
    painter.end()
    return QPixmap.fromImage(image)
