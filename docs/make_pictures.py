"""Makes the pictures of the window in ``docs/pictures`` by using the program: paint, train, look, review.

    python docs/make_pictures.py [--only start painting tools seeing comfort model] [--theme light] [--out DIR]

Needs no display. Only the group ``model`` trains, until a model is good enough to be looked at. Set
QT_SCALE_FACTOR=2 for pictures at twice the resolution.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from posing import Camera, Hand, Truth, rest, wait
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QListWidget

from segstudio.core.strokes import Point
from segstudio.learn.events import Promoted
from segstudio.storage.demo import make_demo
from segstudio.storage.preferences import Preferences
from segstudio.ui.app import build
from segstudio.ui.dialogs.training_options import TrainingOptions

WHOLE = (1440, 900)
CARD = (600, 860)
WIDTH = 760  # of the canvas in pictures of a part of the window
MICRON_PIXELS = 4  # the demo's images say how large a pixel is, so that lengths have a unit
GOOD = 0.74  # mean IoU of a model that is fit to be seen
KEY = "cells-17"
CENTRE, SCALE = (193.0, 118.0), 3.0
BIG, LONG, STAR, ROUND, SMALLER, DIM = (220, 88), (203, 175), (287, 112), (298, 60), (223, 138), (118, 178)


class Poses:
    """The window as it looks while each thing is done."""

    def __init__(self, hand: Hand, camera: Camera, seconds: float) -> None:
        self.hand, self.camera = hand, camera
        self.seconds = seconds

    def start(self) -> None:
        """The start screen; only possible before a project is open."""
        self.camera.window("start")

    def painting(self) -> None:
        hand = self.hand
        hand.go_to("cells-03")
        self._class(1)
        hand.take("brush")
        self._option("size", 9)
        strokes: list[list[Point]] = [
            [(63, 80), (74, 84), (64, 94), (75, 101)], [(126, 31), (132, 38)], [(268, 262), (280, 266), (269, 277)],
        ]  # fmt: skip
        for stroke in strokes:
            hand.drag(stroke)
        hand.press([(153, 138), (157, 131), (163, 124)])
        self.camera.window("painting")
        hand.key(Qt.Key.Key_Escape)
        for _ in strokes:
            hand.do("undo")

    # Tools

    def tools(self) -> None:
        hand = self.hand
        self._shrink(700)
        hand.go_to(KEY)
        hand.look_at(CENTRE, SCALE)
        hand.do("minimap")
        truth = Truth(hand.desk, KEY)
        poses: list[Callable[[Truth], None]] = [
            self._brush, self._lasso, self._polygon, self._rectangle, self._ellipse, self._fill, self._wand,
            self._superpixel, self._scissors, self._box, self._region, self._pick, self._measure, self._level,
        ]  # fmt: skip
        for pose in poses:
            self._class(1)
            pose(truth)
            self.camera.canvas(f"tool-{pose.__name__[1:]}")
            hand.drop()
        hand.do("reset_contrast")
        hand.do("minimap")
        hand.take("brush")
        hand.window.resize(*WHOLE)

    def _brush(self, truth: Truth) -> None:
        self.hand.take("brush")
        self._option("size", 13)
        self._fill_in(truth, LONG)
        self.hand.take("brush")
        self.hand.press([(206, 80), (214, 92), (226, 84), (229, 94)])
        self.hand.settle(preview=False)

    def _lasso(self, truth: Truth) -> None:
        self.hand.take("lasso")
        ring = truth.outline(BIG, 0.4)
        self.hand.press(ring[: len(ring) * 4 // 5])
        self.hand.settle()

    def _polygon(self, truth: Truth) -> None:
        self.hand.take("polygon")
        self._fill_in(truth, STAR)
        self.hand.take("polygon")
        corners = truth.outline(BIG, 2.5)
        self.hand.click(*corners[:-2])
        self.hand.hover(corners[-2])
        self.hand.settle()

    def _rectangle(self, _truth: Truth) -> None:
        self.hand.take("rectangle")
        self.hand.press([(209, 127), (220, 140), (240, 152)])
        self.hand.settle()

    def _ellipse(self, _truth: Truth) -> None:
        self.hand.take("ellipse")
        self.hand.press([(183, 163), (210, 180), (226, 189)])
        self.hand.settle()

    def _fill(self, truth: Truth) -> None:
        for spot in (BIG, STAR, ROUND):
            self._fill_in(truth, spot)
        self._class(2)
        self.hand.take("fill")
        self.hand.hover((222, 92))
        self.hand.settle()

    def _wand(self, _truth: Truth) -> None:
        self.hand.take("wand")
        self._option("tolerance", 40)
        self._option("softness", 1)
        self.hand.press([(192, 176), (200, 175), (212, 173)])
        self.hand.settle()

    def _superpixel(self, _truth: Truth) -> None:
        self.hand.take("superpixel")
        self._option("cell", 16)
        self.hand.drag([(190, 178), (200, 174)])
        self.hand.hover((217, 178))
        self.hand.settle()

    def _scissors(self, truth: Truth) -> None:
        self.hand.take("scissors")
        ring = truth.outline(BIG, 0.5)
        step = len(ring) // 4
        self.hand.click(ring[0], ring[step], ring[2 * step])
        self.hand.hover(ring[3 * step])
        self.hand.settle()

    def _box(self, _truth: Truth) -> None:
        self.hand.take("box")
        self.hand.press([(198, 66), (230, 100), (243, 110)])
        self.hand.settle()

    def _region(self, truth: Truth) -> None:
        for spot in (BIG, LONG, STAR):
            self._fill_in(truth, spot)
        self._option("amount", 4)
        self.hand.do("region_grow")
        self.hand.hover((222, 90))
        self.hand.settle()

    def _pick(self, truth: Truth) -> None:
        for spot in (BIG, LONG):
            self._fill_in(truth, spot)
        self.hand.take("pick")
        self.hand.hover((205, 177))
        self.hand.settle()

    def _measure(self, _truth: Truth) -> None:
        self.hand.take("measure")
        self.hand.press([(184.5, 176.5), (205, 177), (226.5, 177.5)])
        self.hand.settle()

    def _level(self, _truth: Truth) -> None:
        self.hand.take("level")
        self.hand.press([(200, 120), (170, 110), (125, 95)])
        self.hand.settle(preview=False)

    # Seeing and comfort

    def seeing(self) -> None:
        hand, bench = self.hand, self.hand.window.bench
        self._shrink(700)
        hand.go_to(KEY)
        hand.look_at(CENTRE, SCALE)
        truth = Truth(hand.desk, KEY)
        for spot in (BIG, LONG, STAR):
            self._fill_in(truth, spot)
        hand.leave()
        hand.do("auto_contrast")
        bench.open_tone()
        self.camera.popped_up("contrast", bench.tone)
        bench.tone.hide()
        hand.do("reset_contrast")
        hand.do("cycle_look")
        bench.open_layers()
        self.camera.popped_up("layers", bench.layers)
        bench.layers.hide()
        hand.do("cycle_look")
        hand.do("cycle_look")
        hand.look_at((214, 96), 14)
        hand.take("brush")
        self._option("size", 5)
        hand.hover((212, 92))
        self.camera.canvas("minimap")
        hand.drop()
        hand.window.resize(*WHOLE)

    def comfort(self) -> None:
        hand, window = self.hand, self.hand.window
        self._shrink(WHOLE[1])
        hand.go_to(KEY)
        hand.look_at(CENTRE, SCALE)
        truth = Truth(hand.desk, KEY)
        self._fill_in(truth, BIG)
        hand.take("wand")
        self._option("tolerance", 60)
        hand.click(STAR)
        hand.take("box")
        hand.drag([(176, 156), (210, 180), (233, 193)])
        wait(lambda: hand.canvas.tool is not None and not hand.canvas.tool.active, 10)
        hand.take("ellipse")
        hand.drag([(104, 165), (120, 180), (132, 192)])
        hand.take("brush")
        self._option("size", 7)
        hand.drag([(216, 138), (224, 143), (232, 137)])
        self._class(2)
        hand.drag([(84, 60), (100, 84), (128, 96), (150, 120)])
        hand.do("undo")
        hand.leave()
        hand.do("history")
        rest()
        self.camera.canvas("history", window.bench.history)
        hand.do("history")
        hand.drop()
        window.resize(*WHOLE)
        for action, name in (("keys", "change-keys"), ("shortcuts", "keys")):
            hand.do(action)
            wait(lambda: bool(window.findChildren(QDialog)), 5)
            dialog = window.findChildren(QDialog)[-1]
            self.camera.widget(name, dialog)
            dialog.close()
            rest()

    # Training

    def model(self) -> None:
        hand, camera = self.hand, self.camera
        self._class(1)
        hand.take("brush")
        self._option("size", 15)
        hand.leave()
        hand.go_to("cells-12")
        good: list[str] = []
        hand.desk.modelling.told.connect(
            lambda event: good.append(event.folder.name) if isinstance(event, Promoted) and event.miou > GOOD else None
        )
        hand.do("train")
        assert wait(lambda: bool(good), self.seconds), "no good model so far: give it more --seconds"
        self._wait_for_proposal()
        camera.window("training")
        hand.do("stop")
        wait(lambda: not hand.desk.modelling.training, 60)
        hand.go_to("cells-14")
        self._wait_for_proposal()
        hand.hover((106, 284))
        rest()
        camera.window("reviewing")
        hand.leave()
        hand.do("beside")
        rest()
        camera.canvas("side-by-side", hand.window.bench.beside)
        hand.do("beside")
        self._dialog("model_card", "card", CARD)
        self._options_of_crops()

    def _dialog(self, action: str, name: str, size: tuple[int, int]) -> None:
        """A picture of the dialog that an action opens."""
        window = self.hand.window
        self.hand.do(action)
        assert wait(lambda: any(dialog.isVisible() for dialog in window.findChildren(QDialog)), 5)
        dialog = next(dialog for dialog in window.findChildren(QDialog) if dialog.isVisible())
        dialog.resize(*size)
        rest()
        self.camera.widget(name, dialog)
        dialog.close()
        rest()

    def _options_of_crops(self) -> None:
        """The page of the training options that shows what the network sees."""
        self.hand.go_to("cells-03")
        self.hand.do("training_options")
        options = self.hand.window.findChildren(TrainingOptions)[-1]
        options.findChildren(QListWidget)[0].setCurrentRow(1)
        rest(2)
        self.camera.widget("crops", options)
        options.close()
        rest()

    def _wait_for_proposal(self) -> None:
        """Of the model in use, for the image in hand."""
        session = self.hand.desk.session

        def ready() -> bool:
            document, model = session.document, session.project.model_in_use
            proposal = None if document is None else document.proposal
            return proposal is not None and model is not None and proposal.model == model.name

        assert wait(ready, 60), "the proposal does not come"
        rest(2)

    # What the poses share

    def _shrink(self, height: int) -> None:
        """Make the window so narrow that the canvas is just as wide as in all pictures of it."""
        window = self.hand.window
        window.resize(WIDTH + 400, height)
        rest()
        window.resize(window.width() + WIDTH - self.hand.canvas.width(), height)
        rest()

    def _class(self, index: int) -> None:
        self.hand.window.bench.classes.chosen.emit(index)

    def _option(self, name: str, value: int) -> None:
        self.hand.window.bench.options.changed.emit(name, value)

    def _fill_in(self, truth: Truth, spot: Point) -> None:
        """Label a whole object with the lasso."""
        self._class(1)
        self.hand.take("lasso")
        self.hand.drag(truth.outline(spot, 0.0))


def settle_down() -> Path:
    """Give the program a home of its own, and a screen that the window and its pop-ups fit on; returns the home."""
    home = Path(tempfile.mkdtemp())
    screen = home / "screen.json"
    size = {"name": "drawn", "x": 0, "y": 0, "width": 2560, "height": 1600}
    screen.write_text(json.dumps({"screens": [size]}), encoding="utf-8")
    os.environ.setdefault("QT_QPA_PLATFORM", f"offscreen:configfile={screen}")
    os.environ["SEGSTUDIO_HOME"] = str(home / "settings")
    os.environ["HOME"] = os.environ["USERPROFILE"] = str(home)
    return home


def say_pixel_size(folder: Path) -> None:
    """Write into the demo's images that a pixel is a quarter of a micrometre wide."""
    for path in sorted((folder / "images").glob("*.png")):
        with Image.open(path) as image:
            image.load()
        image.save(path, dpi=(25_400 * MICRON_PIXELS,) * 2)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the pictures of the window.")
    groups = ("start", "painting", "tools", "seeing", "comfort", "model")
    parser.add_argument("--only", nargs="+", choices=groups, default=groups, help="which pictures")
    parser.add_argument("--theme", choices=["dark", "light"], default="dark")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "pictures")
    parser.add_argument("--seconds", type=float, default=400, help="of training at most")
    options = parser.parse_args()
    home = settle_down()
    app = QApplication([])
    preferences = Preferences()
    preferences.set("theme", options.theme)
    folder = home / "Cells and fibres"
    make_demo(folder).close()
    say_pixel_size(folder)
    preferences.add_recent(folder)
    window = build(app, preferences).window
    window.resize(*WHOLE)
    window.show()
    hand = Hand(window)
    poses = Poses(hand, Camera(hand, options.out), options.seconds)
    if "start" in options.only:
        poses.start()
    hand.open(folder)
    for group in groups[1:]:
        if group in options.only:
            getattr(poses, group)()
    window.close()


if __name__ == "__main__":
    main()
