"""Commands that several processes carry out together, started as torchrun starts them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from segstudio.errors import UsageError
from segstudio.learn.group.launch import Launch, find_launch
from segstudio.learn.training.resumable import run_folder
from segstudio.storage.masks import read_mask
from tests.cli.calling import SHORT, Call, write_png

ROOT = Path(__file__).parents[2]
OPEN_END = ("--minutes", "5", *SHORT[2:])
Start = Callable[..., list[subprocess.Popen[str]]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command twice, as torchrun would on one machine."""
    started: list[subprocess.Popen[str]] = []

    def both(*arguments: object) -> list[subprocess.Popen[str]]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        common = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        common |= {"OMP_NUM_THREADS": "1", "XDG_STATE_HOME": str(tmp_path)}
        for rank in range(2):
            process = subprocess.Popen(
                [sys.executable, "-m", "segstudio", *map(str, arguments)],
                env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            started.append(process)
        return started

    yield both
    for process in started:
        process.kill()
        process.communicate()


def said(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of each."""
    found = []
    for process in processes:
        out, err = process.communicate(timeout=60)
        found.append((process.returncode, out, err))
    return found


def training(processes: list[subprocess.Popen[str]]) -> None:
    """Wait until the first one trains."""
    stream = processes[0].stderr
    assert stream is not None
    before = []
    for line in stream:
        before.append(line)
        if line.startswith("Training on"):
            time.sleep(1)
            return
    raise AssertionError("".join(before))


def test_two_processes_write_the_masks_that_one_does(
    call: Call, trained: Path, images: Path, tmp_path: Path, start: Start
) -> None:
    write_png(images / "huge.png", np.full((90, 120), 99, np.uint8))
    (images / "bad.png").write_bytes(b"no image")
    assert call("predict", trained, "--images", images, "--out", tmp_path / "one", "--device", "cpu").code == 0
    two = tmp_path / "two"
    (two / "deep").mkdir(parents=True)
    shutil.copy(tmp_path / "one" / "deep" / "c.png", two / "deep")  # was written by an earlier call
    words = ("--images", images, "--out", two, "--device", "cpu", "--resume", "--json")
    first, second = said(start("predict", trained, *words))
    assert first[0] == second[0] == 0, first[2] + second[2]
    assert second[1:] == ("", "")
    told = json.loads(first[1])
    assert (told["images"], told["skipped"], len(told["problems"])) == (3, 1, 1)
    assert "bad.png" in first[2]
    for name in ("a", "b", "huge", "deep/c"):
        np.testing.assert_array_equal(read_mask(two / f"{name}.png"), read_mask(tmp_path / "one" / f"{name}.png"))


def test_what_is_refused_is_told_once(tmp_path: Path, start: Start) -> None:
    first, second = said(start("train", tmp_path / "nothing", "--steps", "1"))
    assert first[0] == 1
    assert "is no SegStudio project" in first[2]
    assert second[0] == 1
    assert second[1:] == ("", "")


def test_a_signal_ends_the_run_and_it_can_go_on(drawn: Path, start: Start) -> None:
    processes = start("train", drawn, *OPEN_END)
    training(processes)
    for process in processes:
        process.send_signal(signal.SIGINT)
    first, second = said(processes)
    assert first[0] == second[0] == 130, first[2] + second[2]
    assert "Stopped after" in first[1]
    assert second[1:] == ("", "")
    assert run_folder(drawn / "models").is_dir()


def test_when_one_is_killed_the_other_ends_with_one_line(drawn: Path, start: Start) -> None:
    processes = start("train", drawn, *OPEN_END)
    training(processes)
    processes[1].kill()
    began = time.perf_counter()
    first, _ = said(processes)
    assert time.perf_counter() - began < 30
    assert first[0] == 1
    assert first[2].splitlines()[-1] == "another process of this job has ended, or hangs. See what it said last."


def test_torchrun_trains(drawn: Path) -> None:
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "segstudio"]
    answer = subprocess.run(
        [sys.executable, *command, "train", str(drawn), *SHORT, "--json"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["steps"] == 2
    assert len(list((drawn / "models").glob("m0*"))) == 1


def test_the_place_of_a_process_is_what_torchrun_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert find_launch() is None
    monkeypatch.setenv("RANK", "5")
    assert find_launch() is None  # some programs set one of them
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert find_launch() == Launch(rank=5, size=8, local=1)
    for wrong in ("2", "many"):
        monkeypatch.setenv("WORLD_SIZE", wrong)
        with pytest.raises(UsageError, match="torchrun"):
            find_launch()
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert find_launch() is None  # one process is alone


def test_a_process_that_is_alone_loads_no_torch() -> None:
    code = "import sys; import segstudio.cli.app; from segstudio.cli.ranks import joined; joined().__enter__(); "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60).returncode == 0
