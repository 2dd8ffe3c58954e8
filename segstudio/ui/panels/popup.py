"""A panel that pops up below the button that opens it, and goes at a click elsewhere or Escape."""

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFrame, QWidget

from segstudio.ui.panels.parts import set_role

_GAP = 4  # px to the button and to the edges of the screen


class PopUp(QFrame):
    """A pop-up of a fixed width.

    Args:
        name: its accessible name.
        width: in px.
    """

    def __init__(self, name: str, width: int, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        # A press on the button closes the pop-up; handed on to the button, it would open it again at once.
        self.setAttribute(Qt.WidgetAttribute.WA_NoMouseReplay)
        set_role(self, role="popup")
        self.setAccessibleName(name)
        self.setFixedWidth(width)

    def open_under(self, anchor: QWidget) -> None:
        """Show it below a widget, right edges in line, inside the screen."""
        self.adjustSize()
        corner = anchor.mapToGlobal(QPoint(anchor.width() - self.width(), anchor.height() + _GAP))
        room = anchor.screen().availableGeometry().adjusted(_GAP, _GAP, -_GAP, -_GAP)
        x = max(min(corner.x(), room.right() - self.width()), room.left())
        y = max(min(corner.y(), room.bottom() - self.height()), room.top())
        self.move(x, y)
        self.show()
