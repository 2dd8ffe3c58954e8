"""What every test shares: no screen, no person's settings, and nothing left behind."""

import gc
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run: a change is judged by what it changes. `make explore` draws others. No deadlines: a
# busy machine is no fault of the code.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

os.environ["QT_QPA_PLATFORM"] = "offscreen"

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, recent projects and logs go to a folder of the test's own."""
    monkeypatch.setenv("SEGSTUDIO_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """A test that leaves one of our threads running fails."""
    before = set(threading.enumerate())
    yield
    left = []
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith(("job-", "saver", "segstudio")):
            thread.join(5)
            if thread.is_alive():
                left.append(thread.name)
    assert not left, f"threads left running: {left}"


@pytest.fixture(autouse=True)
def _garbage_stays_on_this_thread() -> Iterator[None]:
    """No thread of a test collects cyclic garbage: it might destroy a widget under the hands of this one."""
    if "PySide6" not in sys.modules:
        yield
        return
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def shared_data() -> Path:
    """The folder of real labelled data sets; the test is skipped where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data sets at {SHARED_DATA}")
    return SHARED_DATA
