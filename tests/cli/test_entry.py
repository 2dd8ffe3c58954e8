"""One door for window and command line; help, usage errors, and errors nobody foresaw."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from segstudio.storage.logs import log_folder
from tests.cli.calling import Call

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "new", "train", "compare", "predict", "evaluate", "models", "export-model", "backbones", "weights", "info",
    "export", "demo", "open",
)  # fmt: skip


@pytest.fixture
def report() -> Iterator[Path]:
    """The log file, which is closed again."""
    yield log_folder() / "segstudio.log"
    logger = logging.getLogger("segstudio")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path | None]:
    """What the window was opened with; no window appears."""
    seen: list[Path | None] = []

    def run(project: Path | None = None) -> int:
        seen.append(project)
        return 7

    window = ModuleType("segstudio.ui.app")
    window.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "segstudio.ui.app", window)
    return seen


def test_without_arguments_the_window_opens(call: Call, opened: list[Path | None]) -> None:
    assert call().code == 7
    assert opened == [None]


def test_open_shows_a_project(call: Call, opened: list[Path | None], drawn: Path) -> None:
    assert call("open", drawn).code == 7
    assert opened == [drawn]


def test_the_window_is_refused_without_a_display_or_a_project(
    call: Call, opened: list[Path | None], drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("open", tmp_path / "nothing").assert_refused("nothing", "project")
    monkeypatch.setattr("segstudio.__main__.has_display", lambda: False)
    monkeypatch.delenv("QT_QPA_PLATFORM")
    call("open", drawn).assert_refused("no display")
    call().assert_refused("no display")
    assert opened == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_examples(call: Call, command: str) -> None:
    answer = call(command, "--help")
    assert answer.code == 0
    assert answer.err == ""
    assert "--json" in answer.out or command == "open"
    assert f"segstudio {command}" in answer.out.split("Examples:")[1]


def test_help_lists_every_command(call: Call) -> None:
    answer = call("--help")
    assert answer.code == 0
    for command in COMMANDS:
        assert f"  {command} " in answer.out


def test_version(call: Call) -> None:
    assert call("--version").out.startswith("segstudio ")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("frobnicate",), "frobnicate"),
        (("train",), "PROJECT"),
        (("train", "x", "--frob"), "--frob"),
        (("train", "x", "--steps", "many"), "--steps"),
        (("train", "x", "--steps", "0"), "--steps"),
        (("train", "x", "--minutes", "0"), "--minutes"),
        (("train", "x", "--minutes", "inf"), "--minutes"),
        (("train", "x", "--minutes", "nan"), "--minutes"),
        (("compare", "x", "--minutes", "inf"), "--minutes"),
        (("demo", "x", "--headless", "--minutes", "inf"), "--minutes"),
        (("train", "x", "--transfer", "magic"), "parameter, feature, structure, none"),
        (("train", "x", "--backbone", "vgg99"), "efficientnet_lite0, efficientnet_lite1"),
        (("new", "x"), "--images or --dataset"),
        (("new", "x", "--images", "y"), "--classes"),
        (("new", "x", "--images", "y", "--classes", "a,a"), "two classes are named 'a'"),
        (("export", "x", "--out", "y", "--format", "coco"), "masks"),
        (("evaluate",), "PROJECT"),
        (("evaluate", "x", "--split", "test"), "validation, train, all"),
        (("evaluate", "--predictions", "a", "--truth", "b", "--classes", "0"), "1 to 255"),
        (("evaluate", "x", "--predictions", "a", "--truth", "b", "--classes", "2"), "either"),
        (("backbones", "--fetch", "vgg99"), "efficientnet_lite0, efficientnet_lite1"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(call: Call, arguments: tuple[str, ...], part: str) -> None:
    answer = call(*arguments)
    answer.assert_refused(part, code=2)


@pytest.mark.parametrize("door", [("main.py",), ("-m", "segstudio")])
def test_both_doors_are_the_same_and_need_no_torch(door: tuple[str, ...], drawn: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *door, "info", str(drawn), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('{"project": ')
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "segstudio.storage.project" in imported
    assert not imported & {"torch", "timm", "PySide6"}


def test_what_nobody_foresaw_is_one_line_and_a_report(
    call: Call, drawn: Path, monkeypatch: pytest.MonkeyPatch, report: Path
) -> None:
    def explode(folder: Path) -> None:
        raise ValueError(f"a surprise\nin {folder.name}")

    monkeypatch.setattr("segstudio.storage.project.Project.open", explode)
    call("info", drawn, "--json").assert_refused("ValueError: a surprise in cells", str(log_folder()))
    assert "Traceback" in report.read_text()
    assert "explode" in report.read_text()


def test_ctrl_c_is_no_traceback(call: Call, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("segstudio.storage.project.Project.open", interrupt)
    answer = call("info", drawn)
    assert answer.code == 130
    assert answer.out == ""
    assert "Traceback" not in answer.err
