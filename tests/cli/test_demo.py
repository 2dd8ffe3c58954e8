"""The demo: the whole loop without a display, or the window with one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from segstudio.cli.app import run
from segstudio.learn.request import TrainSettings
from segstudio.storage import demo
from segstudio.storage.project import Project
from tests.cli.calling import Call


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo that is drawn and trained in seconds."""
    small = partial(demo.make_demo, images=6, labelled=3, side=96)
    monkeypatch.setattr(demo, "make_demo", small)
    monkeypatch.setattr(
        "segstudio.cli.demo.TrainSettings", lambda **given: TrainSettings(**{**given, "crop": 64, "batch": 2})
    )


def test_headless_it_runs_the_loop(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    answer = call("demo", folder, "--headless", "--minutes", "0.02", "--device", "cpu", "--json")
    assert answer.code == 0, answer.err
    told = answer.json
    assert told["images"] == 3  # those without strokes
    assert told["labelled_pixels"] == 3 * 96 * 96
    assert set(told["per_class_iou"]) == {"background", "nucleus", "fibre"}
    assert Path(told["model"]).is_dir()
    assert len(list(Path(told["pictures"]).glob("*.png"))) == 6
    with Project.open(folder) as project:
        assert all(record.proposed for record in project.images())
    again = call("demo", folder, "--headless", "--minutes", "0.02", "--device", "cpu")
    assert again.code == 0, again.err
    assert "fibre" in again.out
    assert f"Pictures: {folder / 'pictures'}" in again.out


@pytest.mark.parametrize("display", [True, False])
def test_with_a_display_it_opens_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, display: bool) -> None:
    opened: list[Path] = []
    looped: list[Path] = []

    def window(folder: Path) -> int:
        opened.append(folder)
        return 5

    def loop(project: Project, *_: object) -> int:
        looped.append(project.folder)
        return 6

    monkeypatch.setattr("segstudio.cli.demo.has_display", lambda: display)
    monkeypatch.setattr("segstudio.cli.demo._loop", loop)
    folder = tmp_path / "demo"
    assert run(["demo", str(folder)], window) == (5 if display else 6)
    assert (opened, looped) == (([folder], []) if display else ([], [folder]))


def test_a_folder_with_something_else_is_refused(call: Call, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    call("demo", tmp_path / "mine", "--headless").assert_refused("mine", "not empty")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    (tmp_path / "file").write_text("in the way")
    call("demo", tmp_path / "file" / "demo", "--headless").assert_refused("file/demo")


def test_minutes_must_be_positive(call: Call, tmp_path: Path) -> None:
    call("demo", tmp_path / "demo", "--minutes", "-1").assert_refused("--minutes", code=2)
    assert not (tmp_path / "demo").exists()


def test_display_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    from segstudio.cli.display import has_display

    answers: dict[tuple[str, str], bool] = {}
    found: Callable[[], bool] = has_display
    for platform, variable in (("linux", ""), ("linux", "DISPLAY"), ("linux", "WAYLAND_DISPLAY"), ("win32", "")):
        monkeypatch.setattr("segstudio.cli.display.sys.platform", platform)
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(name, raising=False)
        if variable:
            monkeypatch.setenv(variable, ":0")
        answers[platform, variable] = found()
    assert list(answers.values()) == [False, True, True, True]
