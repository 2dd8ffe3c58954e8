"""The strip of images."""

import time
from collections.abc import Callable

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QListView
from pytestqt.qtbot import QtBot

from segstudio.storage.project import ImageRecord
from segstudio.ui.panels.image_list import CELL, KEPT_THUMBNAILS, PICTURE_ROLE, STATES, ImageListModel, draw_state
from segstudio.ui.panels.images import ImageStrip
from segstudio.ui.theme import DARK, Tokens

Make = Callable[..., ImageRecord]


@pytest.fixture
def strip(qtbot: QtBot, tokens: Tokens) -> ImageStrip:
    made = ImageStrip(tokens)
    qtbot.addWidget(made)
    made.resize(1000, 150)
    with qtbot.waitExposed(made):
        made.show()
    return made


def view(strip: ImageStrip) -> QListView:
    found = strip.findChild(QListView, options=Qt.FindChildOption.FindDirectChildrenOnly)
    assert isinstance(found, QListView)
    return found


def picture(color: str = "#336699") -> QImage:
    image = QImage(160, 120, QImage.Format.Format_RGB32)
    image.fill(QColor(color))
    return image


def four(record: Make) -> list[ImageRecord]:
    return [record(f"im{at}", state) for at, state in enumerate(STATES)]


def words(strip: ImageStrip) -> str:
    return "\n".join(label.text() for label in strip.findChildren(QLabel) if label.isVisible())


def test_empty_says_what_to_do(strip: ImageStrip) -> None:
    assert "Add a folder" in words(strip)
    strip.set_records([])
    assert "Add a folder" in words(strip)


def test_counts(strip: ImageStrip, record: Make) -> None:
    strip.set_records([*four(record), record("more", "in progress")])
    assert "5 images · 2 in progress · 1 proposed · 1 reviewed" in words(strip)
    strip.update_record(record("more", "reviewed"))
    assert "5 images · 1 in progress · 1 proposed · 2 reviewed" in words(strip)


def test_filter_by_state(strip: ImageStrip, record: Make) -> None:
    strip.set_records(four(record))
    for at, state in enumerate(STATES):
        strip.set_filter(state)
        assert strip.keys_shown() == [f"im{at}"]
    strip.update_record(record("im3", "unlabelled"))
    assert strip.keys_shown() == []
    assert "No image is reviewed" in words(strip)
    strip.update_record(record("im0", "reviewed"))
    assert strip.keys_shown() == ["im0"]
    strip.set_filter("")
    assert strip.keys_shown() == ["im0", "im1", "im2", "im3"]


def test_a_click_chooses_and_a_setter_does_not_echo(strip: ImageStrip, record: Make) -> None:
    chosen: list[str] = []
    strip.chosen.connect(chosen.append)
    strip.set_records(four(record))
    strip.set_current("im2")
    strip.set_current("unknown")
    assert chosen == []
    shown = view(strip)
    place = shown.visualRect(shown.model().index(1, 0)).center()
    QTest.mouseClick(shown.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert chosen == ["im1"]


def test_the_current_image_is_brought_into_view_and_stays_marked(strip: ImageStrip, record: Make) -> None:
    records = [record(f"im{at:03d}") for at in range(100)]
    strip.set_records(records)
    strip.set_current("im080")
    shown = view(strip)
    rect = shown.visualRect(shown.currentIndex())
    assert shown.viewport().rect().contains(rect.center())
    strip.update_record(record("im080", "in progress"))
    strip.set_records(records)
    assert [index.row() for index in shown.selectedIndexes()] == [80]


def test_only_what_is_in_view_asks_for_a_picture_and_only_once(strip: ImageStrip, record: Make, qtbot: QtBot) -> None:
    asked: list[str] = []
    strip.thumbnail_wanted.connect(asked.append)
    strip.set_records([record(f"im{at:04d}") for at in range(1000)])
    qtbot.waitUntil(lambda: bool(asked))
    assert asked[0] == "im0000"
    assert len(asked) < 30
    assert len(asked) == len(set(asked))
    before = list(asked)
    for key in before:
        strip.set_thumbnail(key, picture())
    view(strip).horizontalScrollBar().setValue(CELL.width() * 500)
    qtbot.waitUntil(lambda: "im0505" in asked)
    assert len(asked) == len(set(asked))


def test_a_picture_that_cannot_be_made_is_not_asked_for_again(strip: ImageStrip, record: Make, qtbot: QtBot) -> None:
    asked: list[str] = []
    strip.set_records([record("good"), record("bad")])
    strip.set_thumbnail("bad", QImage())
    strip.set_thumbnail("stranger", picture())
    strip.thumbnail_wanted.connect(asked.append)
    qtbot.waitUntil(lambda: bool(asked))
    assert asked == ["good"]
    strip.grab()  # painting both kinds must not complain


def test_pictures_are_not_kept_without_end(record: Make, tokens: Tokens) -> None:
    assert tokens.dark
    model = ImageListModel()
    model.set_records([record(f"im{at}") for at in range(KEPT_THUMBNAILS + 10)])
    for at in range(KEPT_THUMBNAILS + 10):
        model.set_thumbnail(f"im{at}", QImage(2, 2, QImage.Format.Format_RGB32))
    assert not model.has_thumbnail("im0")
    assert model.has_thumbnail(f"im{KEPT_THUMBNAILS + 9}")
    assert model.index_of("im0").data(PICTURE_ROLE) is None


def test_ten_thousand_images_do_not_hold_the_window_up(strip: ImageStrip, record: Make, qtbot: QtBot) -> None:
    records = [record(f"plate/im{at:05d}", STATES[at % 4]) for at in range(10_000)]
    began = time.perf_counter()
    strip.set_records(records)
    strip.set_current("plate/im09000")
    strip.set_filter("reviewed")
    qtbot.wait(1)
    strip.grab()
    assert time.perf_counter() - began < 0.5


def test_each_state_has_a_shape_of_its_own(tokens: Tokens) -> None:
    assert tokens == DARK
    shapes = set()
    for state in STATES:
        image = QImage(24, 24, QImage.Format.Format_ARGB32)
        image.fill(0)
        painter = QPainter(image)
        draw_state(painter, QRectF(2, 2, 20, 20), state, tokens)
        painter.end()
        shapes.add(tuple(image.pixelColor(x, y).alpha() > 127 for x in range(24) for y in range(24)))
    assert len(shapes) == len(STATES)
