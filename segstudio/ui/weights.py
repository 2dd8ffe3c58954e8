"""Weights from the window: what there is to start from, and the jobs that bring more of it to this machine.

torch is imported inside the jobs, and a network is asked only by `Weights.download`.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from segstudio.errors import SegStudioError
from segstudio.learn.backbones.registry import (
    BACKBONES,
    TIMM_PREFIX,
    Backbone,
    WeightsState,
    find_backbone,
    weights_file,
    weights_state,
)
from segstudio.learn.networks.carrying import Carried, export_weights, import_file, import_folder, stored_weights
from segstudio.learn.networks.structures import STRUCTURES, Structure, fetch_structure, structure_file
from segstudio.learn.warming import warm_up
from segstudio.ui.dialogs.weights_view import Report, Transferred, WeightsRow
from segstudio.ui.jobs import Emit, Job, Jobs

if TYPE_CHECKING:
    from segstudio.ui.dialogs.backbones import BackbonesDialog

_RATE_SECONDS = 5.0  # of a download that its speed is averaged over
_READ = ("bundled", "on disk")
Doing = Literal["", "download", "import", "export", "add"]


class Weights(QObject):
    """Lists what one can start from, and gets weights; one errand at a time.

    Args:
        jobs: where the work is done.
        parent: owner.

    Signals:
        changed(): other weights are on this machine, or there is another backbone.
        said(str, str): one line, and its kind for the status bar, of an errand that ended while its dialog was hidden.
    """

    changed = Signal()
    said = Signal(str, str)

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._job: Job | None = None
        self._doing: Doing = ""
        self._described: dict[str, Backbone] = {}
        self._added: list[str] = []
        self._dialog: BackbonesDialog | None = None

    def open(self, window: QWidget) -> None:
        """Show the dialog, over that window."""
        if self._dialog is None:
            from segstudio.ui.dialogs.backbones import BackbonesDialog  # not at every start of the program

            self._dialog = dialog = BackbonesDialog(window)
            dialog.download_requested.connect(self.download)
            dialog.import_requested.connect(self.import_file)
            dialog.folder_requested.connect(self.import_folder)
            dialog.export_requested.connect(self.export)
            dialog.add_requested.connect(self.add)
            dialog.cancel_requested.connect(self.cancel)
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()
        self._list()

    def close(self) -> None:
        """Put the dialog away for good; jobs are the owner's to close."""
        if self._dialog is not None:
            self._dialog.close()
            self._dialog.deleteLater()
            self._dialog = None

    # Errands

    def download(self, name: str) -> None:
        """Fetch the weights of a backbone or a published network; a part that is here is gone on with."""

        def work(emit: Emit, cancel: threading.Event) -> Report:
            meter = Meter()

            def progress(done: int, total: int | None) -> None:
                emit(meter.at(done, total))

            if name in STRUCTURES:
                fetch_structure(name, progress=progress, cancel=cancel)
                return Report(f"{STRUCTURES[name].title} is on this machine now.", "success")
            warm_up()
            from segstudio.learn.backbones.weights import fetch_weights

            backbone = find_backbone(name)
            fetch_weights(backbone, progress=progress, cancel=cancel)
            return Report(f"The weights of {backbone.title} are on this machine now.", "success")

        stopped = Report("Stopped. What has come is kept: Download goes on where it stood.")
        self._start("download", name, work, stopped)

    def import_file(self, name: str, path: Path) -> None:
        """Take in a file that has the weights of a backbone or a published network; code in it is never run."""

        def work(_emit: Emit, _cancel: threading.Event) -> Report:
            warm_up()
            report = import_file(name, path)
            return Report(f"{path.name} was taken in: {report.line}.", "success", tuple(report.lines()[1:]))

        self._start("import", name, work)

    def import_folder(self, path: Path) -> None:
        """Take in a folder that `export`, or the command line, wrote."""

        def work(_emit: Emit, _cancel: threading.Event) -> Report:
            warm_up()
            return _carried(import_folder(path), "taken in", path)

        self._start("import", "", work)

    def export(self, path: Path) -> None:
        """Copy what was downloaded or imported to a folder, to be taken in on another machine."""

        def work(_emit: Emit, _cancel: threading.Event) -> Report:
            warm_up()
            return _carried(export_weights([], path), "copied", path)

        self._start("export", "", work)

    def add(self, name: str) -> None:
        """List an encoder of timm, by its name there."""
        bare = name.strip().removeprefix(TIMM_PREFIX)

        def work(emit: Emit, _cancel: threading.Event) -> Report:
            warm_up()
            backbone = find_backbone(f"{TIMM_PREFIX}{bare}")
            emit(backbone)
            here = weights_file(backbone) is not None
            todo = "" if here else " Download its weights, or import a file."
            return Report(f"{backbone.title} is in the list.{todo}", "success", choose=backbone.name)

        self._start("add", "", work)

    def cancel(self) -> None:
        """Ask the errand to stop."""
        if self._job is not None:
            self._job.cancel()
            self._show_busy()

    # Inside

    def _start(
        self, doing: Doing, name: str, work: Callable[[Emit, threading.Event], Report], stopped: Report | None = None
    ) -> None:
        if self._job is not None:
            return

        def progress(events: list[Any]) -> None:
            for event in events:
                if isinstance(event, Backbone):
                    self._take_in(event)
            if self._dialog is not None and isinstance(events[-1], Transferred):
                self._dialog.show_progress(events[-1])

        def failed(line: str) -> None:
            self._tell(Report(line, "error"))

        def ended() -> None:
            job, self._job, self._doing = self._job, None, ""
            if stopped is not None and job is not None and job.outcome is not None and job.outcome.cancelled:
                self._tell(stopped)
            self._show_busy()
            self._list()

        def done(report: Report) -> None:
            self._tell(report)
            if doing != "export":
                self.changed.emit()

        self._doing = doing
        self._job = self._jobs.start(f"{doing} weights", work, done=done, failed=failed, progress=progress, ended=ended)
        self._tell(Report(""))
        self._show_busy(name)

    def _take_in(self, backbone: Backbone) -> None:
        self._described[backbone.name] = backbone
        if backbone.name not in self._added:
            self._added.append(backbone.name)

    def _tell(self, report: Report) -> None:
        dialog = self._dialog
        if dialog is not None:
            dialog.show_report(report)
        if report.line and (dialog is None or not dialog.isVisible()):
            self.said.emit(report.line, "error" if report.kind == "error" else "info")

    def _show_busy(self, name: str = "") -> None:
        if self._dialog is not None:
            stopping = self._job is not None and self._job.stopping
            self._dialog.set_busy(self._doing, stopping=stopping, about=name)

    def _list(self) -> None:
        """List again; first what is known at once, then with the facts of timm's encoders, which need torch."""
        if self._dialog is None or not self._dialog.isVisible():
            return
        described, added = dict(self._described), tuple(self._added)

        def work(emit: Emit, _cancel: threading.Event) -> None:
            stored = {item.name for item in stored_weights()}
            others = _ordered(added, stored)
            emit(rows_of(described, others, stored))
            unknown = [name for name in others if name not in described]
            if not unknown:
                return
            warm_up()
            for name in unknown:
                with contextlib.suppress(SegStudioError):  # of another timm: it is listed by its name alone
                    described[name] = find_backbone(name)
            emit(described)
            emit(rows_of(described, others, stored))

        def show(events: list[Any]) -> None:
            for event in events:
                if isinstance(event, dict):
                    self._described |= event
                elif self._dialog is not None:
                    self._dialog.set_rows(event)

        def failed(line: str) -> None:
            self._tell(Report(line, "error"))

        self._jobs.start("list weights", work, progress=show, failed=failed)


class Meter:
    """Measures how fast a download is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._past: deque[tuple[float, int]] = deque()

    def at(self, done: int, total: int | None) -> Transferred:
        """How it stands when so many bytes are here."""
        now = self._clock()
        if self._past and done < self._past[-1][1]:
            self._past.clear()  # it began anew, since the file had changed
        self._past.append((now, done))
        while len(self._past) > 2 and now - self._past[0][0] > _RATE_SECONDS:
            self._past.popleft()
        began, before = self._past[0]
        rate = (done - before) / (now - began) if now > began else 0.0
        return Transferred(done, total, rate)


def rows_of(described: Mapping[str, Backbone], others: Iterable[str], stored: set[str]) -> tuple[WeightsRow, ...]:
    """Everything one can start from, for the dialog.

    Args:
        described: encoders of timm whose facts are known, by name.
        others: names of the encoders of timm that are listed.
        stored: names of what a hub or a person put on this machine.
    """
    rows = [_backbone_row(backbone) for backbone in BACKBONES.values()]
    for name in others:
        if name in described:
            rows.append(_backbone_row(described[name]))
        else:
            state: WeightsState = "on disk" if name in stored else "to import"
            rows.append(
                WeightsRow(name=name, title=timm_title(name), kind="backbone", state=state, ready=name in stored)
            )
    return (*rows, *(_network_row(structure) for structure in STRUCTURES.values()))


def timm_title(name: str) -> str:
    """What an encoder of timm is called before its facts are known."""
    return f"{name.removeprefix(TIMM_PREFIX)} (timm)"


def _ordered(added: Iterable[str], stored: set[str]) -> list[str]:
    """The encoders of timm to list: those that are stored, then those that were asked for."""
    return list(dict.fromkeys([*sorted(name for name in stored if name.startswith(TIMM_PREFIX)), *added]))


def _backbone_row(backbone: Backbone) -> WeightsRow:
    state = weights_state(backbone)
    mean, std = (" ".join(f"{value:.3g}" for value in values) for values in (backbone.mean, backbone.std))
    return WeightsRow(
        name=backbone.name,
        title=backbone.title,
        kind="backbone",
        state=state,
        ready=state in _READ,
        parameters=backbone.parameters,
        macs=backbone.macs,
        smallest=backbone.smallest,
        normalisation=f"mean {mean}, deviation {std}",
        licence=backbone.licence,
        source=backbone.source,
        file=weights_file(backbone),
        published=bool(backbone.hub),
        package=backbone.package if state == "to install" else "",
        carried=state == "on disk",
    )


def _network_row(structure: Structure) -> WeightsRow:
    file = structure_file(structure)
    return WeightsRow(
        name=structure.name,
        title=structure.title,
        kind="network",
        state="to download" if file is None else "on disk",
        ready=file is not None,
        parameters=structure.parameters,
        normalisation="as ImageNet",
        licence=structure.licence,
        source=structure.source,
        file=file,
        published=True,
        address=structure.url,
        carried=file is not None,
    )


def _carried(items: list[Carried], done: str, folder: Path) -> Report:
    taken = [item for item in items if item.path is not None]
    refused = len(items) - len(taken)
    names = ", ".join(item.name for item in taken)
    line = f"{names} {done}." if taken else f"Nothing was {done}."
    if refused:
        line += f" {refused} refused, see below."
    lines = tuple(f"{item.name}: {item.line}" for item in items)
    return Report(f"{folder.name}: {line}", "error" if refused else "success", lines)
