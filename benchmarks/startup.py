"""Seconds from starting Python to the first paintable image, and whether torch was imported on the way.

Starts the program several times in fresh processes on a small project and prints one JSON object. The first start is
reported apart: it reads the libraries from disk.

    python benchmarks/startup.py
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHILD = """
import sys, time
from pathlib import Path
from PySide6.QtWidgets import QApplication
from segstudio.storage.preferences import Preferences
from segstudio.ui.app import build
app = QApplication([])
window = build(app, Preferences()).window
window.show()
app.processEvents()
shown = time.time()
window.open_project(Path(sys.argv[1]))
while window.desk is None or window.desk.session.image is None:
    app.processEvents()
app.processEvents()
print(shown, time.time(), "torch" in sys.modules)
window.close()
"""


def start(project: Path) -> tuple[float, float, bool]:
    """Seconds to the window and to the first image, and whether torch was imported."""
    began = time.time()
    done = subprocess.run([sys.executable, "-c", CHILD, str(project)], capture_output=True, text=True, check=True)
    shown, painted, torch = done.stdout.split()
    return float(shown) - began, float(painted) - began, torch == "True"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SEGSTUDIO_HOME"] = folder
        from segstudio.storage.demo import make_demo

        project = Path(folder) / "demo"
        make_demo(project).close()
        first = start(project)
        runs = [start(project) for _ in range(options.starts)]
    result = {
        "first_start_s": round(first[1], 2),
        "window_shown_s": round(statistics.median(run[0] for run in runs), 2),
        "first_image_s": round(statistics.median(run[1] for run in runs), 2),
        "torch_imported": any(run[2] for run in runs),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
