"""A change of the classes that is killed, at every write, is done as a whole or not at all."""

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segstudio.core.classes import VOID, move_class
from segstudio.storage.database import Database
from segstudio.storage.project import Project
from tests.storage.reclassing import CHANGES, everything, rubbish, same, translated


class Dead(BaseException):
    """From here on, nothing reaches the disk."""


class Killer:
    """Counts what reaches the disk, and lets nothing through any more from the n-th on, as a kill does."""

    def __init__(self, patch: pytest.MonkeyPatch, at: int) -> None:
        self.left = at
        self.hit = False
        for owner, name in ((Path, "replace"), (Path, "unlink"), (shutil, "rmtree"), (Database, "write")):
            patch.setattr(owner, name, self._counted(getattr(owner, name)))
        patch.setattr("os.fsync", self._counted(lambda _handle: None))

    def _counted(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def through(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                self.hit = True
                raise Dead
            return act(*args, **kwargs)

        return through


@pytest.mark.parametrize("name", CHANGES)
def test_a_kill_at_any_moment_leaves_all_or_nothing(
    full: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before, change = everything(full), CHANGES[name](full.classes)
    after = translated(before, change)
    full.close()
    done: list[bool] = []
    for at in range(1000):
        folder = Path(shutil.copytree(full.folder, tmp_path / f"copy{at}"))
        project = Project.open(folder)
        with monkeypatch.context() as patch, suppress(Dead):
            killer = Killer(patch, at)
            project.reclassing.apply(change)
        project.close()
        with Project.open(folder) as again:
            done.append(again.classes == change.after)
            assert again.classes == (change.after if done[-1] else change.before)
            assert same(everything(again), after if done[-1] else before), f"killed at point {at}"
            assert rubbish(folder) == []
            for record in again.images():
                assert record.labelled_pixels == np.count_nonzero(again.annotation(record.key) != VOID)
        shutil.rmtree(folder)
        if not killer.hit:
            break
    assert sorted(done) == done  # from one point on, the change goes through
    assert done.count(False) > 20
    assert done.count(True) > 10


def test_a_kill_while_the_rest_is_put_in_place_costs_nothing_either(
    full: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = move_class(full.classes, 0, 2)
    after = translated(everything(full), change)
    with monkeypatch.context() as patch:
        patch.setattr("segstudio.storage.reclassing._move_all", _die)
        with pytest.raises(Dead):
            full.reclassing.apply(change)
    full.close()
    for at in range(1000):
        folder = Path(shutil.copytree(full.folder, tmp_path / f"copy{at}"))
        with monkeypatch.context() as patch, suppress(Dead):
            killer = Killer(patch, at)
            Project.open(folder).close()
        with Project.open(folder) as again:
            assert same(everything(again), after), f"killed at point {at}"
            assert rubbish(folder) == []
        if not killer.hit:
            assert at > 10
            break


def _die(*_args: object) -> None:
    raise Dead


_CHANGER = """
import sys
from pathlib import Path
from segstudio.core.classes import move_class
from segstudio.storage.project import Project

while True:
    with Project.open(Path(sys.argv[1])) as project:
        project.reclassing.apply(move_class(project.classes, 0, 2))
        print("moved", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
@pytest.mark.parametrize("milliseconds", [0, 7, 15, 23, 31])
def test_a_real_kill(full: Project, milliseconds: int) -> None:
    def named(project: Project) -> dict[str, list[list[str]]]:
        names = [*project.classes.names, *[""] * (256 - len(project.classes))]
        return {
            key: [[names[value] for value in array.ravel()] for array in arrays]
            for key, arrays in everything(project).items()
        }

    before = named(full)
    full.close()
    with subprocess.Popen(
        [sys.executable, "-c", _CHANGER, str(full.folder)], stdout=subprocess.PIPE, text=True
    ) as changer:
        assert changer.stdout is not None
        changer.stdout.readline()
        threading.Event().wait(milliseconds / 1000)
        changer.send_signal(signal.SIGKILL)
    with Project.open(full.folder) as again:
        assert named(again) == before
