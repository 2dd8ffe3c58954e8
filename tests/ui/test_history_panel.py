"""The history panel: what it lists, where a click leads, and that a long list costs nothing."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QTableView
from pytestqt.qtbot import QtBot

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.history import History, Layer, Patch, Piece
from segstudio.ui.panels import history
from segstudio.ui.panels.history import HINT, ROW, START, HistoryPanel, stroke_item
from segstudio.ui.theme import DARK, LIGHT, Tokens

CLASSES = ClassTable.of(["background", "nucleus", "cell"])
SMALL = Rect(0, 0, 6, 4)


def patch_of(
    value: int = 1, label: str = "Brush", rect: Rect = SMALL, layer: Layer = "annotation", old: int = VOID
) -> Patch:
    shape = (rect.height, rect.width)
    return Patch(layer, label, [Piece(rect, np.full(shape, old, np.uint8), np.full(shape, value, np.uint8))])


def strokes(document: Document, count: int) -> None:
    for at in range(count):
        gesture = document.begin(f"Stroke {at}")
        gesture.fill(Rect(at, 0, at + 1, 1), np.ones((1, 1), np.bool_), 1)
        gesture.finish()


@pytest.fixture
def panel(tokens: Tokens, qtbot: QtBot) -> HistoryPanel:
    made = HistoryPanel(tokens)
    made.set_classes(CLASSES)
    made.resize(260, 400)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def table(panel: HistoryPanel) -> QTableView:
    found = panel.findChild(QTableView)
    assert isinstance(found, QTableView)
    return found


def click(panel: HistoryPanel, row: int) -> None:
    view = table(panel)
    where = view.visualRect(view.model().index(row, 0)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=where)


def states(panel: HistoryPanel) -> list[str]:
    model = table(panel).model()
    told = [model.index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole) for row in range(model.rowCount())]
    return [text.rpartition(", ")[2] for text in told]


def test_an_empty_list_says_what_will_be_here(panel: HistoryPanel) -> None:
    assert any(label.text() == HINT and label.isVisible() for label in panel.findChildren(QLabel))
    assert not table(panel).isVisible()
    panel.set_strokes([patch_of()], [])
    assert table(panel).isVisible()
    assert not any(label.text() == HINT and label.isVisible() for label in panel.findChildren(QLabel))


def test_it_follows_a_document_through_undo_and_redo(panel: HistoryPanel) -> None:
    document = Document(np.full((4, 40), VOID, np.uint8), CLASSES)
    strokes(document, 3)
    document.undo()
    document.undo()
    panel.set_strokes(document.history.done, document.history.undone)
    assert panel.rows() == [START, "Stroke 0", "Stroke 1", "Stroke 2"]
    assert states(panel) == ["done", "current", "undone", "undone"]
    document.redo()
    panel.set_strokes(document.history.done, document.history.undone)
    assert panel.rows() == [START, "Stroke 0", "Stroke 1", "Stroke 2"]
    assert states(panel) == ["done", "done", "current", "undone"]
    gesture = document.begin("Another")
    gesture.fill(Rect(0, 2, 4, 4), np.ones((2, 4), np.bool_), 2)
    gesture.finish()
    panel.set_strokes(document.history.done, document.history.undone)
    assert panel.rows() == [START, "Stroke 0", "Stroke 1", "Another"]
    assert states(panel) == ["done", "done", "done", "current"]


def test_a_click_says_how_many_strokes_shall_be_done(panel: HistoryPanel) -> None:
    document = Document(np.full((4, 40), VOID, np.uint8), CLASSES)
    strokes(document, 4)
    asked: list[int] = []

    def obey(count: int) -> None:
        asked.append(count)
        while len(document.history.done) > count:
            document.undo()
        while len(document.history.done) < count:
            document.redo()
        panel.set_strokes(document.history.done, document.history.undone)

    panel.go_to.connect(obey)
    panel.set_strokes(document.history.done, document.history.undone)
    for row in (1, 0, 3, 3):
        click(panel, row)
        assert len(document.history.done) == row
    assert asked == [1, 0, 3]
    assert states(panel) == ["done", "done", "done", "current", "undone"]


def test_the_keyboard_goes_there_as_well(panel: HistoryPanel) -> None:
    asked: list[int] = []
    panel.go_to.connect(asked.append)
    panel.set_strokes([patch_of(), patch_of(), patch_of()], [])
    view = table(panel)
    view.setFocus()
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Return):
        QTest.keyClick(view, key)
    assert asked == [1]


@pytest.mark.parametrize(
    ("patch", "label"),
    [
        (patch_of(1), "Brush · nucleus"),
        (patch_of(VOID, old=1), "Brush · void"),
        (patch_of(VOID, "Eraser", old=1), "Eraser"),
        (patch_of(9), "Brush"),
        (patch_of(2, "Reject region", layer="rejected"), "Reject region"),
        (patch_of(1, "Fill", Rect(0, 0, 3000, 3000)), "Fill"),
    ],
)
def test_a_stroke_is_called_by_its_tool_and_class(patch: Patch, label: str) -> None:
    assert stroke_item(patch, CLASSES, DARK).label == label


def test_several_classes_in_one_stroke_are_not_named() -> None:
    old = np.full((2, 2), VOID, np.uint8)
    new = np.array([[0, 1], [2, 255]], np.uint8)
    item = stroke_item(Patch("annotation", "Accept all", [Piece(Rect(0, 0, 2, 2), old, new)]), CLASSES, DARK)
    assert item.label == "Accept all"
    assert item.detail == "3 px"
    seen = [[item.picture.pixelColor(x, y) for x in range(2)] for y in range(2)]
    assert [seen[0][0], seen[0][1], seen[1][0]] == [QColor(CLASSES[at].color) for at in range(3)]
    assert seen[1][1].alpha() == 0


def test_the_picture_has_the_shape_of_the_stroke() -> None:
    pieces = [
        Piece(Rect(at, at, at + 10, at + 10), np.full((10, 10), VOID, np.uint8), np.full((10, 10), 1, np.uint8))
        for at in range(0, 400, 10)
    ]
    picture = stroke_item(Patch("annotation", "Brush", pieces), CLASSES, DARK).picture
    assert (picture.width(), picture.height()) == (80, 80)
    assert all(picture.pixelColor(at, at) == QColor(CLASSES[1].color) for at in range(80))
    assert picture.pixelColor(70, 5).alpha() == 0
    assert picture.pixelColor(5, 70).alpha() == 0


@pytest.mark.parametrize("rect", [Rect(0, 0, 3000, 3000), Rect(5, 5, 905, 905), Rect(0, 0, 1, 20_000)])
def test_large_strokes_have_a_picture_without_holes(rect: Rect) -> None:
    picture = stroke_item(patch_of(1, "Fill", rect), CLASSES, DARK).picture
    assert max(picture.width(), picture.height()) == 80
    assert all(picture.pixelColor(x, y).alpha() for x in range(picture.width()) for y in range(picture.height()))


def test_a_picture_appears_in_the_colour_of_the_class_and_follows_it(panel: HistoryPanel, qtbot: QtBot) -> None:
    panel.set_strokes([patch_of(1)], [])

    def color() -> QColor:
        return table(panel).grab(QRect(QPoint(24, ROW + ROW // 2), table(panel).size())).toImage().pixelColor(0, 0)

    qtbot.waitUntil(lambda: color() == QColor(CLASSES[1].color))
    assert panel.rows()[1] == "Brush · nucleus"
    panel.set_classes(CLASSES.change(1, name="core", color="#ff0000"))
    qtbot.waitUntil(lambda: color() == QColor("#ff0000"))
    assert panel.rows()[1] == "Brush · core"


def test_a_damaged_stroke_is_listed_without_a_picture(panel: HistoryPanel, qtbot: QtBot) -> None:
    whole = patch_of(1).to_bytes()
    panel.set_strokes([patch_of(2), Patch.from_bytes(whole[:-4])], [])
    qtbot.waitUntil(lambda: "Brush · cell" in panel.rows())
    assert panel.rows()[2] == "Brush"


def test_a_long_history_is_looked_at_only_where_it_is_seen(
    panel: HistoryPanel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Patch] = []
    real = history.stroke_item

    def counting(patch: Patch, classes: ClassTable, tokens: Tokens) -> history.StrokeItem:
        looked.append(patch)
        return real(patch, classes, tokens)

    monkeypatch.setattr(history, "stroke_item", counting)
    kept = History()
    for at in range(5000):
        kept.push(patch_of(1, f"Stroke {at}"))
    panel.set_strokes(kept.done, kept.undone)
    qtbot.waitUntil(lambda: kept.done[-1] in looked)
    qtbot.wait(60)
    assert len(looked) <= 2 * (400 // ROW + 2)
    resets: list[None] = []
    inserted: list[tuple[int, int]] = []
    table(panel).model().modelReset.connect(lambda: resets.append(None))
    table(panel).model().rowsInserted.connect(lambda _parent, first, last: inserted.append((first, last)))
    looked.clear()
    kept.push(patch_of(2, "One more"))
    panel.set_strokes(kept.done, kept.undone)
    qtbot.waitUntil(lambda: looked == [kept.done[-1]])
    assert inserted == [(5001, 5001)]
    assert resets == []
    assert table(panel).visualRect(table(panel).model().index(5001, 0)).bottom() <= table(panel).viewport().height()


def test_forgotten_strokes_leave_at_the_top(panel: HistoryPanel) -> None:
    done = [patch_of(1, f"Stroke {at}") for at in range(6)]
    panel.set_strokes(done, [])
    removed: list[tuple[int, int]] = []
    table(panel).model().rowsRemoved.connect(lambda _parent, first, last: removed.append((first, last)))
    panel.set_strokes([*done[2:], patch_of(1, "Stroke 6")], [])
    assert panel.rows() == [START, *(f"Stroke {at}" for at in range(2, 7))]
    assert removed == [(1, 2)]


def test_another_image_has_another_list(panel: HistoryPanel) -> None:
    panel.set_strokes([patch_of(1, "a"), patch_of(1, "b")], [patch_of(1, "c")])
    panel.set_strokes([patch_of(1, "d")], [])
    assert panel.rows() == [START, "d"]
    panel.set_strokes([], [])
    assert panel.rows() == [START]


def test_it_can_be_drawn_in_both_themes(panel: HistoryPanel) -> None:
    panel.set_strokes([patch_of(), patch_of()], [patch_of()])
    pictures = []
    for theme in (DARK, LIGHT):
        panel.set_tokens(theme)
        pictures.append(panel.grab().toImage())
    assert pictures[0] != pictures[1]


def test_it_has_names_for_those_who_listen(panel: HistoryPanel) -> None:
    assert panel.accessibleName() == "History"
    assert table(panel).accessibleName() == "Strokes"
    assert table(panel).toolTip()
