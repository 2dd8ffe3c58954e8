"""New project, crash report, page of shortcuts, command palette."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QListView, QMainWindow, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from segstudio.ui.action_table import ACTIONS, AppState, default_keys, native
from segstudio.ui.actions import ActionSet
from segstudio.ui.dialogs.crash import CrashDialog
from segstudio.ui.dialogs.key_table import key_rows
from segstudio.ui.dialogs.new_project import CHOOSE, Looked, NewProject, NewProjectDialog, look_for_images
from segstudio.ui.dialogs.palette import CommandPalette, match
from segstudio.ui.dialogs.shortcuts import ShortcutsDialog, hands
from segstudio.ui.theme import Tokens


def button(widget: QWidget, name: str) -> QAbstractButton:
    return next(b for b in widget.findChildren(QAbstractButton) if b.accessibleName() == name)


def line(widget: QWidget, name: str) -> QLineEdit:
    return next(e for e in widget.findChildren(QLineEdit) if e.accessibleName() == name)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "plates"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / name)
    return folder


# New project


def test_a_folder_of_images_is_all_one_needs(images: Path, tokens: Tokens, qtbot: QtBot) -> None:
    dialog = NewProjectDialog(images, tokens)
    qtbot.addWidget(dialog)
    assert dialog.problem() == ""
    assert any(label.text() == "2 images" for label in dialog.findChildren(QLabel))
    dialog.show()
    QTest.mouseClick(button(dialog, "Create project"), Qt.MouseButton.LeftButton)
    assert dialog.result() == NewProjectDialog.DialogCode.Accepted
    assert dialog.result_values() == NewProject(images, images.with_name("plates-project"), ("background", "object"))


def test_it_begins_with_a_hint_and_follows_the_typing(images: Path, tokens: Tokens, qtbot: QtBot) -> None:
    dialog = NewProjectDialog(None, tokens)
    qtbot.addWidget(dialog)
    assert dialog.problem() == CHOOSE
    assert not button(dialog, "Create project").isEnabled()
    QTest.keyClicks(line(dialog, "Folder of images"), str(images))
    assert line(dialog, "Project folder").text() == str(images) + "-project"
    qtbot.waitUntil(lambda: button(dialog, "Create project").isEnabled())
    own = str(images.parent / "own place")
    line(dialog, "Project folder").clear()
    QTest.keyClicks(line(dialog, "Project folder"), own)
    QTest.keyClicks(line(dialog, "Folder of images"), "x")
    assert line(dialog, "Project folder").text() == own


def test_a_glance_into_a_folder_never_takes_long(images: Path) -> None:
    (images / "more").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(images / "more" / "c.TIF", format="TIFF")
    (images / ".hidden").mkdir()
    (images / ".hidden" / "d.png").touch()
    (images / "notes.txt").touch()
    assert look_for_images(images, 10) == Looked(3, whole=True)
    assert str(look_for_images(images, 10)) == "3 images"
    assert not look_for_images(images, -1).whole
    assert str(Looked(1, whole=True)) == "1 image"


def test_problems_are_told_and_nothing_is_accepted(images: Path, tmp_path: Path, tokens: Tokens, qtbot: QtBot) -> None:
    dialog = NewProjectDialog(images, tokens)
    qtbot.addWidget(dialog)
    edit, place = line(dialog, "Folder of images"), line(dialog, "Project folder")
    old, empty, file = tmp_path / "old", tmp_path / "empty", tmp_path / "file"
    for folder in (old, empty):
        folder.mkdir()
    (old / "project.sqlite").touch()
    file.touch()
    for text, target, said in (
        (str(empty), "new", "no images"),
        (str(tmp_path / "nowhere"), "new", "nowhere"),
        (str(images), str(old), "already is a project"),
        (str(images), str(file), "is a file"),
        (str(images), "", "where"),
    ):
        edit.setText(text)
        place.setText(target)
        assert said in dialog.problem()
        dialog.accept()
        assert dialog.result() != NewProjectDialog.DialogCode.Accepted


def test_classes_can_be_added_renamed_and_removed(images: Path, tokens: Tokens, qtbot: QtBot) -> None:
    dialog = NewProjectDialog(images, tokens)
    qtbot.addWidget(dialog)
    dialog.show()
    QTest.mouseClick(button(dialog, "+ Add class"), Qt.MouseButton.LeftButton)
    QTest.keyClicks(line(dialog, "Name of class 3"), "object")
    assert "two classes are named 'object'" in dialog.problem()
    qtbot.waitUntil(lambda: not button(dialog, "Create project").isEnabled())
    QTest.keyClicks(line(dialog, "Name of class 3"), " 2")
    assert dialog.problem() == ""
    QTest.mouseClick(button(dialog, "Remove class 1"), Qt.MouseButton.LeftButton)
    assert dialog.result_values().classes == ("object", "object 2")
    QTest.mouseClick(button(dialog, "Remove class 2"), Qt.MouseButton.LeftButton)
    assert "at least two" in dialog.problem()


# Crash report


def test_the_report_can_be_copied(tokens: Tokens, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = CrashDialog("Traceback: boom", tmp_path / "segstudio.log", tokens)
    qtbot.addWidget(dialog)
    dialog.show()
    shown = dialog.findChild(QPlainTextEdit)
    assert isinstance(shown, QPlainTextEdit)
    assert shown.toPlainText() == "Traceback: boom"
    assert shown.isReadOnly()
    QTest.mouseClick(button(dialog, "Copy report"), Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert copied.startswith("Traceback: boom")
    assert "segstudio.log" in copied


# Shortcuts


def test_the_page_lists_every_key(qtbot: QtBot, tokens: Tokens) -> None:
    assert tokens.dark
    by_id = {row.id: tuple(native(keys) for keys in row.keys) for row in key_rows()}
    dialog = ShortcutsDialog(by_id.__getitem__)
    qtbot.addWidget(dialog)
    words = {label.text() for label in dialog.findChildren(QLabel)}
    for spec in ACTIONS:
        if spec.shortcuts:
            assert {spec.title, spec.keys} <= words
    for text, keys in hands(by_id.__getitem__):
        assert {text, *keys} <= words


def test_the_page_of_keys_can_be_searched(qtbot: QtBot, tokens: Tokens) -> None:
    assert tokens.dark
    page = ShortcutsDialog(default_keys)
    qtbot.addWidget(page)
    with qtbot.waitExposed(page):
        page.show()

    def labels() -> list[QLabel]:
        inner = page._area.widget()
        assert inner is not None
        return inner.findChildren(QLabel)

    def texts() -> list[str]:
        return [label.text() for label in labels()]

    whole = texts()
    assert len(whole) > 100
    for label in labels():
        assert label.width() >= label.fontMetrics().horizontalAdvance(label.text()), label.text()
    edit = line(page, "Search commands or keys")
    QTest.keyClicks(edit, "ctrl zoom")
    assert texts() == ["VIEW", "Zoom in", *default_keys("zoom_in"), "Zoom out", *default_keys("zoom_out")]
    edit.setText("zzzz")
    assert texts() == ["No command or key matches “zzzz”"]
    edit.clear()
    assert texts() == whole


# Command palette


@pytest.fixture
def called() -> list[str]:
    return []


@pytest.fixture
def palette(qtbot: QtBot, tokens: Tokens, called: list[str]) -> CommandPalette:
    window = QMainWindow()
    window.resize(900, 600)
    qtbot.addWidget(window)
    handlers = {spec.id: partial(called.append, spec.id) for spec in ACTIONS}
    actions = ActionSet(window, handlers, tokens)
    actions.refresh(AppState(project_open=True, image_open=True))
    window.show()
    made = CommandPalette(actions.all(), tokens, window)
    made.open_over()
    return made


def test_palette_finds_by_a_few_letters(palette: CommandPalette) -> None:
    assert len(palette.found()) == len(ACTIONS)
    for typed, first in (("tra", "Train"), ("acs", "Actual size"), ("theme li", "Light"), ("exp", "Export masks")):
        line(palette, "Search commands").clear()
        QTest.keyClicks(line(palette, "Search commands"), typed)
        assert palette.found()[0] == first, typed
    line(palette, "Search commands").setText("zzzz")
    assert palette.found() == []


def test_what_is_typed_in_full_is_not_drowned_by_its_letters(palette: CommandPalette) -> None:
    edit = line(palette, "Search commands")
    for typed, found in (
        ("theme", ["As the system", "Dark", "Light"]),
        ("tra", ["Train", "Training options", "Compare transfers", "Resume training", "Stop training"]),
        ("  Theme DARK", ["Dark"]),
    ):
        edit.setText(typed)
        assert sorted(found) == sorted(set(palette.found()) - {"More transparent"}), typed
    edit.setText("nsi")  # of the beginnings of words, and of nothing in full
    assert "Next suggested image" in palette.found()


def test_palette_is_as_high_as_what_it_found(palette: CommandPalette) -> None:
    edit, full = line(palette, "Search commands"), palette.height()
    edit.setText("theme")
    some = len(palette.found())
    assert 0 < some < 9
    assert palette.height() < full
    view = palette.findChild(QListView)
    assert isinstance(view, QListView)
    assert view.height() == 36 * some + 4
    edit.setText("zzzz")
    assert not view.isVisible()
    assert "No command matches “zzzz”" in [label.text() for label in palette.findChildren(QLabel) if label.isVisible()]
    edit.setText("")
    assert palette.height() == full


def test_palette_does_the_chosen_command_and_goes(palette: CommandPalette, called: list[str], qtbot: QtBot) -> None:
    edit = line(palette, "Search commands")
    gone: list[bool] = []
    palette.destroyed.connect(lambda: gone.append(True))
    QTest.keyClicks(edit, "brush")
    chosen = palette.found()[1]
    QTest.keyClick(edit, Qt.Key.Key_Down)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(called))
    assert [next(spec.title for spec in ACTIONS if spec.id == name) for name in called] == [chosen]
    qtbot.waitUntil(lambda: bool(gone))


def test_palette_leaves_alone_what_cannot_be_done(palette: CommandPalette, called: list[str], qtbot: QtBot) -> None:
    edit = line(palette, "Search commands")
    QTest.keyClicks(edit, "redo")
    assert palette.found()[0] == "Redo"
    QTest.keyClick(edit, Qt.Key.Key_Return)
    qtbot.wait(20)
    assert called == []


@pytest.mark.parametrize(("query", "text"), [("nsi", "Next suggested image"), ("img", "Fit image"), ("", "Undo")])
def test_match_takes_letters_in_order(query: str, text: str) -> None:
    assert match(query, text) is not None
    assert match(query + "q", text) is None


def test_match_prefers_beginnings_of_words() -> None:
    ranked = sorted(["Fit image", "Mark reviewed", "Redo"], key=lambda text: match("re", text) or 99)
    assert ranked[0] == "Redo"
