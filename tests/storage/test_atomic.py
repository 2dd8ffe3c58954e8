"""A file is written whole or not at all, whichever step fails."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segstudio.errors import ProjectError
from segstudio.storage.atomic import replacing, replacing_folder, write_bytes, write_text

OLD = b"the old content\x00\xff"


def fail_with(number: int) -> Callable[..., Any]:
    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "file.bin"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


def assert_untouched(target: Path) -> None:
    assert target.read_bytes() == OLD
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_file_is_replaced(target: Path) -> None:
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    write_text(target, "grün\n")
    assert target.read_bytes() == "grün\n".encode()
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a" / "b" / "c.bin", b"x")
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == b"x"


@pytest.mark.parametrize("step", ["os.fsync", "os.replace", "pathlib.Path.write_bytes"])
@pytest.mark.parametrize(
    ("number", "says"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "permission denied"), (errno.EIO, "error")]
)
def test_every_failing_step_leaves_the_old_file(
    target: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, says: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(step, fail_with(number))
        with pytest.raises(ProjectError) as caught:
            write_bytes(target, b"new content")
    assert_untouched(target)
    assert str(target) in str(caught.value)
    assert says in str(caught.value)
    assert caught.value.remedy


def test_half_a_write_leaves_the_old_file(target: Path) -> None:
    def write_half() -> None:
        with replacing(target) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert_untouched(target)


def test_a_folder_that_cannot_be_synced_is_no_failure(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse_folders(path: Any, *args: Any, **kwargs: Any) -> int:
        if Path(path).is_dir():
            raise OSError(errno.EINVAL, "not here")
        return real(path, *args, **kwargs)

    monkeypatch.setattr("os.open", refuse_folders)
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"


def test_a_path_under_a_file_is_refused_in_one_line(target: Path) -> None:
    with pytest.raises(ProjectError, match=r"cannot be written|under a file") as caught:
        write_bytes(target / "below" / "x.bin", b"x")
    assert "\n" not in str(caught.value)
    assert_untouched(target)


def test_a_folder_appears_complete(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "models" / "one") as fresh:
        (fresh / "weights").write_bytes(b"w")
        (fresh / "sub").mkdir()
        (fresh / "sub" / "card").write_bytes(b"c")
        assert not (tmp_path / "models" / "one").exists()
    assert (tmp_path / "models" / "one" / "sub" / "card").read_bytes() == b"c"
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["one"]


def make_folder(path: Path, content: bytes) -> None:
    with replacing_folder(path) as fresh:
        (fresh / "weights").write_bytes(content)


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_failing_swap_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int) -> None:
    target = tmp_path / "models" / "one"
    make_folder(target, OLD)
    real, calls = os.replace, []

    def refuse_once(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        if len(calls) == fails_at:
            raise OSError(errno.EIO, "no")
        real(*args, **kwargs)

    monkeypatch.setattr("os.replace", refuse_once)
    with pytest.raises(ProjectError):
        make_folder(target, b"new")
    assert (target / "weights").read_bytes() == OLD
    assert [path.name for path in target.parent.iterdir()] == ["one"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "one"
    make_folder(target, b"1")
    (target / "extra").write_bytes(b"x")
    make_folder(target, b"2")
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"weights": b"2"}
