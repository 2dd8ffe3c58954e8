"""How long the GUI thread is held up when Train is pressed for the first time, and while training goes on.

Opens the real window on the demo project, offscreen, and measures the gaps of a 2 ms timer: at rest, in the seconds in
which torch is imported and the first steps run, and later. Prints one JSON object, times in ms.

    python benchmarks/stutter.py
"""

import argparse
import gc
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["SEGSTUDIO_HOME"] = tempfile.mkdtemp()

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from segstudio.storage.demo import make_demo
from segstudio.storage.preferences import Preferences
from segstudio.ui.app import build


class Heart:
    """A timer on the GUI thread that remembers how late it was."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer(interval=2)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append((now - self._last) * 1e3)
        self._last = now

    def listen(self, seconds: float) -> dict[str, float]:
        """Run the event loop for a while; median, 99th percentile and worst gap in ms."""
        self.gaps.clear()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.0005)
        gaps = sorted(self.gaps)
        picks = {"median": 0.5, "p99": 0.99, "worst": 1.0}
        return {name: round(gaps[min(len(gaps) - 1, int(len(gaps) * q))], 1) for name, q in picks.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=25, help="of training to listen to")
    options = parser.parse_args()
    app = QApplication([])
    window = build(app, Preferences()).window
    window.resize(1400, 900)
    window.show()
    gc.freeze()  # as `run` does
    folder = Path(tempfile.mkdtemp()) / "demo"
    make_demo(folder).close()
    window.open_project(folder)
    while window.desk is None or window.desk.session.image is None:
        app.processEvents()
    heart = Heart()
    heart.listen(2)  # thumbnails
    result = {"at_rest": heart.listen(3)}
    window.desk.handlers()["train"]()
    result["first_12_s"] = heart.listen(12)
    result["training"] = heart.listen(options.seconds)
    print(json.dumps(result))
    window.close()


if __name__ == "__main__":
    main()
