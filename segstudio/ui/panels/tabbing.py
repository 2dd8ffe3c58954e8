"""Where Tab goes: through all controls as they lie, from the left and the top."""

from collections.abc import Iterator, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLayout,
    QScrollArea,
    QSplitter,
    QWidget,
)

_ALONE = (QAbstractItemView, QAbstractSpinBox, QComboBox)  # what is inside is theirs


def step_focus(roots: Sequence[QWidget], forward: bool) -> bool:
    """Give the keyboard to the control after the one that has it, or before; whether there is one.

    Args:
        roots: in the order they lie.
        forward: Tab; otherwise Shift+Tab.
    """
    stops = [stop for root in roots for stop in tab_stops(root)]
    if not stops:
        return False
    focused = QApplication.focusWidget()
    at = next((i for i, stop in enumerate(stops) if stop is focused), -1 if forward else 0)
    reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
    target = stops[(at + (1 if forward else -1)) % len(stops)]
    target.setFocus(reason)
    _reveal(target)
    return True


def tab_stops(root: QWidget) -> Iterator[QWidget]:
    """The controls in a widget that Tab stops at, itself included, as they lie."""
    if not root.isVisible() or not root.isEnabled():
        return
    if root.focusPolicy() & Qt.FocusPolicy.TabFocus == Qt.FocusPolicy.TabFocus and root.focusProxy() is None:
        yield root
    if not isinstance(root, _ALONE):
        for child in _children(root):
            yield from tab_stops(child)


def _children(widget: QWidget) -> Iterator[QWidget]:
    """What lies in a widget; by its layout, or as it was put there."""
    layout = widget.layout()
    if isinstance(widget, QSplitter):
        yield from (part for at in range(widget.count()) if (part := widget.widget(at)) is not None)
    elif isinstance(widget, QScrollArea):
        if (inner := widget.widget()) is not None:
            yield inner
    elif layout is not None:
        yield from _laid_out(layout)
    else:
        yield from (child for child in widget.children() if isinstance(child, QWidget) and not child.isWindow())


def _laid_out(layout: QLayout) -> Iterator[QWidget]:
    """The widgets in a layout, in its order.

    The items of a layout are never asked for: Qt deletes a spacer without a word, and PySide then takes the layout that
    comes to lie at its address for the spacer. Widgets and layouts are QObjects, whose end it hears of.
    """
    owner = layout.parentWidget()
    widgets = [] if owner is None else owner.children()
    inside = [part for part in (*widgets, *layout.children()) if isinstance(part, QWidget | QLayout)]
    places = [(at, part) for part in inside if (at := layout.indexOf(part)) >= 0]
    for _, part in sorted(places, key=lambda placed: placed[0]):
        if isinstance(part, QWidget):
            yield part
        else:
            yield from _laid_out(part)


def _reveal(widget: QWidget) -> None:
    """Scroll to it."""
    area = widget.parentWidget()
    while area is not None:
        if isinstance(area, QScrollArea):
            area.ensureWidgetVisible(widget, 0, 8)
        area = area.parentWidget()
