"""Preferences and logs live in the person's own folder and never stop the program."""

import errno
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from segstudio.errors import ProjectError
from segstudio.storage.logs import log_folder, set_up_logging
from segstudio.storage.preferences import RECENT_MOST, Preferences, user_folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGSTUDIO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_values_are_kept(home: Path) -> None:
    preferences = Preferences()
    assert preferences.get("theme", "dark") == "dark"
    preferences.set("theme", "light")
    preferences.set("window", {"x": 1, "maximised": True})
    assert Preferences().get("theme") == "light"
    assert Preferences().get("window") == {"x": 1, "maximised": True}
    assert (home / "preferences.json").exists()


def test_two_windows_do_not_undo_each_other() -> None:
    one, two = Preferences(), Preferences()
    one.set("a", 1)
    two.set("b", 2)
    one.set("c", 3)
    assert [Preferences().get(name) for name in "abc"] == [1, 2, 3]


def test_recent_projects(tmp_path: Path) -> None:
    preferences = Preferences()
    assert not preferences.recent
    for number in range(RECENT_MOST + 3):
        preferences.add_recent(tmp_path / f"p{number}")
    preferences.add_recent(tmp_path / "x" / ".." / "p5")
    assert preferences.recent[:2] == (tmp_path / "p5", tmp_path / f"p{RECENT_MOST + 2}")
    assert len(preferences.recent) == RECENT_MOST
    preferences.forget_recent(tmp_path / "p5")
    assert tmp_path / "p5" not in Preferences().recent


@pytest.mark.parametrize("content", [b"", b"{broken", b"[1, 2]", b"\xff\xfe\x00"])
def test_a_damaged_file_gives_the_defaults_and_is_kept(home: Path, content: bytes) -> None:
    home.mkdir()
    path = home / "preferences.json"
    path.write_bytes(content)
    preferences = Preferences()
    assert preferences.get("theme", "dark") == "dark"
    preferences.set("theme", "light")
    assert Preferences().get("theme") == "light"
    assert (home / "preferences.json.damaged").read_bytes() == content


def test_a_wrong_list_of_projects_is_empty() -> None:
    preferences = Preferences()
    preferences.set("recent projects", 7)
    assert not preferences.recent


def test_a_failing_write_leaves_the_old_values(monkeypatch: pytest.MonkeyPatch) -> None:
    preferences = Preferences()
    preferences.set("theme", "light")

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.EACCES, "no")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(ProjectError, match="permission denied"):
        preferences.set("theme", "dark")
    assert Preferences().get("theme") == "light"


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_CONFIG_HOME", "segstudio"),
        ("win32", "APPDATA", "SegStudio"),
    ],
)
def test_the_folder_is_the_systems_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, variable: str, expected: str
) -> None:
    monkeypatch.delenv("SEGSTUDIO_HOME")
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert user_folder() == tmp_path / expected
    monkeypatch.delenv(variable)
    assert user_folder().is_relative_to(Path.home())
    monkeypatch.setattr(sys, "platform", "darwin")
    assert user_folder() == Path.home() / "Library" / "Application Support" / "SegStudio"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.getLogger("segstudio")
    level, handlers = made.level, list(made.handlers)
    yield made
    made.setLevel(level)
    for handler in set(made.handlers) - set(handlers):
        made.removeHandler(handler)
        handler.close()


def test_messages_reach_the_file(logger: logging.Logger) -> None:
    handlers = len(logger.handlers)
    assert set_up_logging() is logger
    set_up_logging()
    assert len(logger.handlers) == handlers + 1
    logging.getLogger("segstudio.storage.project").info("hello from a test")
    assert "hello from a test" in (log_folder() / "segstudio.log").read_text(encoding="utf-8")


def test_another_folder_takes_over(logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_up_logging()
    before = len(logger.handlers)
    monkeypatch.setenv("SEGSTUDIO_HOME", str(tmp_path / "other"))
    set_up_logging()
    assert len(logger.handlers) == before
    logger.warning("over here")
    assert "over here" in (tmp_path / "other" / "logs" / "segstudio.log").read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_made_is_one_line(home: Path) -> None:
    home.write_text("a file in the way")
    with pytest.raises(ProjectError):
        set_up_logging()
    assert Preferences().get("theme", "dark") == "dark"
    with pytest.raises(ProjectError):
        Preferences().set("theme", "light")
