"""The bar above the canvas: options of the tool in hand."""

from typing import get_args

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QSlider,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from segstudio.core.classes import VOID
from segstudio.core.strokes import MAX_SIZE, MIN_SIZE
from segstudio.core.tools.base import OPERATIONS, Operation, Palette, ToolName
from segstudio.ui.panels.option_fields import STEPS, Option, position_of, size_at
from segstudio.ui.panels.options import HINTS, ToolOptions
from segstudio.ui.theme import DARK, LIGHT, Tokens


def words(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if not label.isHidden())


def show(widget: QWidget, qtbot: QtBot) -> None:
    qtbot.addWidget(widget)
    with qtbot.waitExposed(widget):
        widget.show()


def slider(widget: QWidget, name: str) -> QSlider:
    return next(found for found in widget.findChildren(QSlider) if found.accessibleName() == name)


TOOLS = get_args(ToolName)


@pytest.fixture
def options(qtbot: QtBot, tokens: Tokens) -> ToolOptions:
    made = ToolOptions(tokens)
    made.resize(1000, 44)
    show(made, qtbot)
    return made


class Heard:
    """What the bar said."""

    def __init__(self, options: ToolOptions) -> None:
        self.said: list[tuple[str, object]] = []
        options.changed.connect(lambda field, value: self.said.append((field, value)))


def box(widget: QWidget, name: str) -> QSpinBox:
    return next(found for found in widget.findChildren(QSpinBox) if found.accessibleName() == name)


def choice(widget: QWidget, name: str) -> QComboBox:
    return next(found for found in widget.findChildren(QComboBox) if found.accessibleName() == name)


def button(widget: QWidget, name: str) -> QAbstractButton:
    return next(found for found in widget.findChildren(QAbstractButton) if found.accessibleName() == name)


def choose(found: QComboBox, title: str) -> None:
    """As a person does, so that `activated` is heard."""
    found.setCurrentIndex(found.findText(title))
    found.activated.emit(found.currentIndex())


def offered(options: ToolOptions) -> set[str]:
    """Accessible names of the controls that can be seen."""
    kinds = (QSpinBox, QComboBox, QAbstractButton)
    found = {part.accessibleName() for kind in kinds for part in options.findChildren(kind) if part.isVisible()}
    return found - {"Contrast", "Layers", ""}


@pytest.mark.parametrize(("low", "high"), [(1, 2000), (4, 256)])
def test_a_size_slider_is_logarithmic(low: int, high: int) -> None:
    assert (size_at(0, low, high), size_at(STEPS, low, high)) == (low, high)
    assert abs(size_at(STEPS // 2, low, high) - (low * high) ** 0.5) < 1
    sizes = (4, 7, 20, 100, 256)
    assert all(abs(size_at(position_of(size, low, high), low, high) - size) <= max(1, size * 0.01) for size in sizes)


@pytest.mark.parametrize(
    ("tool", "names"),
    [
        ("brush", {"Brush size", "Round brush", "Square brush", "Paint only over"}),
        ("eraser", {"Brush size", "Round brush", "Square brush", "Paint only over"}),
        ("polygon", {"Paint only over"}),
        ("wand", {"Tolerance", "Connected only", "Smooth outline", "Paint only over"}),
        ("superpixel", {"Cell width", "Paint only over"}),
        ("region", {"Operation", "Scope"}),
        ("measure", set()),
    ],
)
def test_only_the_options_of_the_tool_in_hand_are_shown(options: ToolOptions, tool: ToolName, names: set[str]) -> None:
    options.set_tool(tool, tool.title())
    assert offered(options) == names
    assert tool.title() in words(options)
    assert options.tone_button.isVisible()
    assert options.layers_button.isVisible()


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_has_options_or_a_hint(options: ToolOptions, tool: ToolName) -> None:
    options.set_tool(tool, "The tool")
    hint = HINTS.get(tool, "")
    assert bool(offered(options)) != bool(hint)
    assert hint in words(options)


def test_pressure_is_offered_once_a_pen_was_seen(options: ToolOptions) -> None:
    assert "Pen pressure" not in offered(options)
    options.show_pressure()
    assert "Pen pressure" in offered(options)
    options.set_tool("lasso", "Lasso")
    assert "Pen pressure" not in offered(options)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_amount_is_shown_where_it_means_something(options: ToolOptions, operation: Operation) -> None:
    options.set_tool("region", "Region")
    options.set_palette(Palette(operation=operation), ())
    assert ("Amount" in offered(options)) == (operation in {"islands", "grow", "shrink", "smooth"})
    choose(choice(options, "Operation"), "Grow")
    assert "Amount" in offered(options)


def test_option_setters_do_not_echo(options: ToolOptions) -> None:
    heard = Heard(options)
    other = Palette(
        size=99999,
        shape="square",
        pressure=False,
        over=1,
        tolerance=99,
        contiguous=False,
        softness=5,
        cell=100,
        operation="islands",
        amount=5000,
        scope="class",
    )
    for palette in (Palette(), other, Palette(size=37, over=VOID), other):
        options.set_palette(palette, ["background", "nucleus"], ["#7f8790", "#e69f00"])
        for tool in TOOLS:
            options.set_tool(tool, tool)
    assert heard.said == []
    assert box(options, "Brush size").value() == MAX_SIZE
    assert button(options, "Square brush").isChecked()
    assert not button(options, "Pen pressure").isChecked()
    assert choice(options, "Paint only over").currentText() == "nucleus"
    assert box(options, "Tolerance").value() == 99
    assert not button(options, "Connected only").isChecked()
    assert box(options, "Smooth outline").value() == 5
    assert box(options, "Cell width").value() == 100
    assert choice(options, "Operation").currentText() == "Drop islands"
    assert box(options, "Amount").value() == 5000
    assert choice(options, "Scope").currentText() == "Whole class"


def test_any_size_shown_is_kept_to_the_pixel(options: ToolOptions) -> None:
    for size in range(1, 200):
        options.set_palette(Palette(size=size), ())
        assert box(options, "Brush size").value() == size


def test_every_option_tells_what_a_person_chose(options: ToolOptions) -> None:
    heard = Heard(options)
    options.set_palette(Palette(), ["background", "nucleus"])
    slider(options, "Brush size").setValue(STEPS)
    button(options, "Square brush").click()
    button(options, "Pen pressure").click()
    for title in ("nucleus", "Void only", "Everything"):
        choose(choice(options, "Paint only over"), title)
    slider(options, "Tolerance").setValue(80)
    button(options, "Connected only").click()
    box(options, "Smooth outline").setValue(3)
    slider(options, "Cell width").setValue(0)
    choose(choice(options, "Operation"), "Smooth")
    box(options, "Amount").setValue(9)
    choose(choice(options, "Scope"), "Whole class")
    assert heard.said == [
        ("size", MAX_SIZE),
        ("shape", "square"),
        ("pressure", False),
        ("over", 1),
        ("over", VOID),
        ("over", None),
        ("tolerance", 80),
        ("contiguous", False),
        ("softness", 3),
        ("cell", 4),
        ("operation", "smooth"),
        ("amount", 9),
        ("scope", "class"),
    ]
    assert all(field in Palette.__slots__ for field, _value in heard.said)


def test_a_size_can_be_typed(options: ToolOptions) -> None:
    heard = Heard(options)
    found = box(options, "Brush size")
    found.selectAll()
    QTest.keyClicks(found, "45")
    QTest.keyClick(found, Qt.Key.Key_Return)
    assert heard.said == [("size", 45)]
    assert slider(options, "Brush size").value() == position_of(45, MIN_SIZE, MAX_SIZE)


def test_an_operation_that_does_not_reach_so_far_says_so(options: ToolOptions) -> None:
    options.set_palette(Palette(operation="islands", amount=5000), ())
    heard = Heard(options)
    choose(choice(options, "Operation"), "Grow")
    assert heard.said == [("operation", "grow"), ("amount", 200)]


def test_a_class_that_is_gone_is_not_shown_as_another(options: ToolOptions) -> None:
    options.set_palette(Palette(over=4), ["background"])
    assert choice(options, "Paint only over").currentIndex() == -1


def test_the_contrast_button_tells_that_the_image_is_not_seen_as_it_is(options: ToolOptions) -> None:
    calm = options.tone_button.grab().toImage()
    options.set_toned(True)
    toned = options.tone_button.grab().toImage()
    options.set_tokens(LIGHT)
    options.set_toned(False)
    options.set_tokens(DARK)
    assert toned != calm
    assert options.tone_button.grab().toImage() == calm


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("width", [552, 682, 940, 1400])
def test_every_option_can_be_reached_at_any_width(qtbot: QtBot, tokens: Tokens, tool: ToolName, width: int) -> None:
    holder = QWidget()
    options = ToolOptions(tokens, holder)
    options.show_pressure()
    options.set_palette(Palette(operation="islands"), ["a class with quite a long name"])
    options.set_tool(tool, "Superpixels")
    options.resize(width, 44)
    show(holder, qtbot)
    shown = [part for part in options.findChildren(QWidget) if part.isVisible() and part.accessibleName()]
    assert options.width() == width
    assert options.layers_button in shown
    for part in shown:
        assert part.mapTo(options, part.rect().bottomRight()).x() < width
    labels = [part for part in shown if isinstance(part, QToolButton | QCheckBox)]
    assert all(part.width() >= part.minimumSizeHint().width() for part in labels)


def test_words_come_back_with_the_room(qtbot: QtBot, tokens: Tokens) -> None:
    holder = QWidget()
    options = ToolOptions(tokens, holder)
    show(holder, qtbot)
    for width, seen in ((1400, True), (520, False), (1400, True)):
        options.resize(width, 44)
        assert slider(options, "Brush size").isVisible() == seen
        assert ("Brush" in words(options)) == seen


def test_a_click_on_the_groove_jumps_there(options: ToolOptions) -> None:
    found = slider(options, "Brush size")
    found.setValue(0)
    at = QPointF(found.width() * 0.75, found.height() / 2)
    for kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease):
        left = Qt.MouseButton.LeftButton
        event = QMouseEvent(kind, at, found.mapToGlobal(at), left, left, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(found, event)
    assert 0.7 * STEPS <= found.value() <= 0.8 * STEPS


def placed(qtbot: QtBot, tokens: Tokens, width: int) -> tuple[QWidget, ToolOptions]:
    """A bar that has just this width, in a window: one that is a window itself takes what it likes."""
    host = QWidget()
    host.resize(1300, 100)
    bar = ToolOptions(tokens)
    bar.setParent(host)
    bar.resize(width, 44)
    show(host, qtbot)
    return host, bar


@pytest.mark.parametrize("width", [480, 527, 620, 760, 1200])
@pytest.mark.parametrize("tool", TOOLS)
def test_every_option_is_named_at_any_width(qtbot: QtBot, tokens: Tokens, tool: ToolName, width: int) -> None:
    host, bar = placed(qtbot, tokens, width)
    for operation in OPERATIONS if tool == "region" else OPERATIONS[:1]:
        bar.set_palette(Palette(operation=operation), ["background", "nucleus"])
        bar.set_tool(tool, tool.title())
        QApplication.processEvents()
        assert bar.more_button.isVisible() == any(part.window() is not host for part in bar.findChildren(Option))
        for option in bar.findChildren(Option):
            inner = option.findChildren(QSpinBox) + option.findChildren(QComboBox)
            if option.window() is host and option.isVisible() and inner:
                label = option.findChildren(QLabel)[0]
                assert label.isVisible()
                assert label.width() >= label.fontMetrics().horizontalAdvance(label.text())
                assert option.geometry().right() < bar.tone_button.x()


def test_options_without_room_are_behind_a_button_and_come_back(qtbot: QtBot, tokens: Tokens) -> None:
    host, bar = placed(qtbot, tokens, 500)
    bar.set_tool("wand", "Wand")
    assert bar.more_button.isVisible()
    over = next(box for box in bar.findChildren(QComboBox) if box.accessibleName() == "Paint only over")
    assert not over.isVisible()
    QTest.mouseClick(bar.more_button, Qt.MouseButton.LeftButton)
    assert over.isVisible()
    heard: list[tuple[str, object]] = []
    bar.changed.connect(lambda field, value: heard.append((field, value)))
    over.setFocus()
    QTest.keyClick(over, Qt.Key.Key_Down)
    assert heard == [("over", VOID)]
    over.window().close()
    bar.resize(1200, 44)
    QApplication.processEvents()
    assert not bar.more_button.isVisible()
    assert bar.isAncestorOf(over)
    assert over.window() is host
    assert over.isVisible()
    names = [box.accessibleName() for box in bar.findChildren(QWidget) if isinstance(box, QSpinBox | QComboBox)]
    places = {box.accessibleName(): box.mapTo(bar, box.rect().topLeft()).x() for box in bar.findChildren(QWidget)}
    shown = ["Tolerance", "Smooth outline", "Paint only over"]
    assert [name for name in sorted(names, key=places.__getitem__) if name in shown] == shown


def test_the_field_inside_a_number_has_its_name(qtbot: QtBot, tokens: Tokens) -> None:
    bar = ToolOptions(tokens)
    qtbot.addWidget(bar)
    for box in bar.findChildren(QSpinBox):
        assert [inner.accessibleName() for inner in box.findChildren(QLineEdit)] == [box.accessibleName()]
