"""Makes the pictures of the window in ``docs/pictures`` by using the program: paint, train, look, review.

    python docs/make_pictures.py [--theme light] [--out DIR] [--seconds 60]

Needs no display. Set QT_SCALE_FACTOR=2 for pictures at twice the resolution.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["SEGSTUDIO_HOME"] = tempfile.mkdtemp()

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from segstudio.learn.events import Event, RoundDone
from segstudio.storage.demo import make_demo
from segstudio.storage.preferences import Preferences
from segstudio.ui.app import build
from segstudio.ui.desk import Desk
from segstudio.ui.window import Window

SIZE = (1440, 900)


def wait(condition: Callable[[], bool], seconds: float) -> None:
    """Let the window live until the condition holds."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def rest(seconds: float = 0.6) -> None:
    wait(lambda: False, seconds)


def open_desk(window: Window, folder: Path) -> Desk:
    window.open_project(folder)
    wait(lambda: window.desk is not None and window.desk.session.image is not None, 30)
    assert window.desk is not None
    return window.desk


def go_to(desk: Desk, key: str) -> None:
    desk.session.open_image(key)
    wait(lambda: desk.session.key == key, 10)
    rest()


def drag(window: Window, spots: list[tuple[float, float]], *, release: bool = True) -> None:
    """A stroke with the left button over image coordinates."""
    canvas, left, none = window.bench.canvas, Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    last = len(spots) - 1
    for i, spot in enumerate(spots):
        where = canvas.widget_point(spot)
        kinds = [(QEvent.Type.MouseButtonPress if i == 0 else QEvent.Type.MouseMove, left if i == 0 else none, left)]
        if i == last and release:
            kinds.append((QEvent.Type.MouseButtonRelease, left, none))
        for kind, button, held in kinds:
            at = canvas.mapToGlobal(where)
            QApplication.sendEvent(canvas, QMouseEvent(kind, where, at, button, held, Qt.KeyboardModifier.NoModifier))


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the pictures of the window.")
    parser.add_argument("--theme", choices=["dark", "light"], default="dark")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "pictures")
    parser.add_argument("--seconds", type=float, default=75, help="of training before the pictures of it")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    app = QApplication([])
    preferences = Preferences()
    preferences.set("theme", options.theme)
    folder = Path(tempfile.mkdtemp()) / "Cells and fibres"
    make_demo(folder).close()
    preferences.add_recent(folder)
    window = build(app, preferences).window
    window.resize(*SIZE)
    window.show()
    rest()

    def save(name: str) -> None:
        rest()
        window.grab().save(str(options.out / f"{name}.png"))

    save("start")
    desk = open_desk(window, folder)
    go_to(desk, "cells-03")
    handlers = desk.handlers()
    for spots in ([(70, 60), (95, 72), (110, 66)], [(200, 210), (222, 214), (230, 232), (214, 240)]):
        drag(window, spots)
    drag(window, [(130, 150), (150, 158), (172, 150)], release=False)
    save("painting")
    window.bench.canvas.cancel_stroke()
    for _ in range(2):
        handlers["undo"]()

    rounds: list[Event] = []
    desk.modelling.told.connect(lambda event: rounds.append(event) if isinstance(event, RoundDone) else None)
    go_to(desk, "cells-12")
    handlers["train"]()
    wait(lambda: False, options.seconds)
    save("training")
    handlers["stop"]()
    wait(lambda: not desk.modelling.training, 60)
    go_to(desk, "cells-14")
    in_use = desk.session.project.model_in_use
    assert in_use is not None, "no model after training: give it more --seconds"
    wait(lambda: (d := desk.session.document) is not None and d.proposal is not None, 30)
    drag(window, [(160, 160)])
    handlers["undo"]()
    save("reviewing")
    window.close()


if __name__ == "__main__":
    main()
