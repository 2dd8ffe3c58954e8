"""The one way files are written: whole or not at all."""

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segstudio.errors import ProjectError

_NO_PERMISSION = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def write_error(error: OSError, path: Path) -> ProjectError:
    """What to tell a person when `path` could not be written because of `error`."""
    if error.errno in _NO_PERMISSION:
        return ProjectError(
            "cannot be written, permission denied", remedy="Choose a folder you may write to", path=path
        )
    if error.errno in _FULL:
        return ProjectError("cannot be written, the disk is full", remedy="Free some space and try again", path=path)
    if error.errno == errno.ENOTDIR:
        return ProjectError("lies under a file, not under a folder", remedy="Choose another folder", path=path)
    reason = error.strerror or str(error) or type(error).__name__
    return ProjectError(f"cannot be written ({reason})", remedy="Check the disk and try again", path=path)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file to write, in the folder of `path`; it takes the place of `path` when the block ends well.

    The folder is made when missing. On any failure, in the block or after it, `path` is byte for byte what it was and
    the temporary file is gone.

    Raises:
        ProjectError: when the system refuses (no permission, disk full, ...).
    """
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync_file(temporary)
        temporary.replace(path)
    except OSError as error:
        raise write_error(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty temporary folder; it becomes `path`, complete, when the block ends well.

    A folder that was at `path` is replaced as a whole; on any failure it is still there, unchanged.

    Raises:
        ProjectError: when the system refuses (no permission, disk full, ...).
    """
    temporary = _beside(path)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _sync_file(file)
            else:
                sync_folder(file)
        sync_folder(temporary)
        _swap_folder(temporary, path)
    except OSError as error:
        raise write_error(error, path) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Put `data` into `path`, atomically; ProjectError when the system refuses."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Put `text` into `path` as UTF-8 with ``\\n`` line ends, atomically; ProjectError when the system refuses."""
    write_bytes(path, text.encode("utf-8"))


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable, where the system can do that."""
    # Windows and some network drives cannot sync a folder: the rename has happened, so that is no failure.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _beside(path: Path) -> Path:
    # Short, so that it fits where the name itself fits; hidden, so that no listing shows it.
    return path.with_name(f".{uuid.uuid4().hex[:16]}.tmp")


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _swap_folder(fresh: Path, path: Path) -> None:
    if not path.exists():
        fresh.replace(path)
        return
    old = _beside(path)
    path.replace(old)
    try:
        fresh.replace(path)
    except OSError:
        old.replace(path)
        raise
    shutil.rmtree(old, ignore_errors=True)
