"""The house rules on imports, and proof that the tests for them can fail.

One test reads every import, also those inside functions, and checks that it points downward. The other blocks Qt and
then imports and uses everything below the window.
"""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEIGHT = {"errors": 0, "core": 1, "storage": 2, "learn": 3, "live": 4, "cli": 5, "ui": 5, "__main__": 6}
ONLY_IN = {
    "PySide6": {"ui"},
    "pyqtgraph": {"ui"},
    "torch": {"learn", "live"},
    "torchvision": {"learn", "live"},
    "timm": {"learn", "live"},
    "segmentation_models_pytorch": {"learn", "live"},
    "typer": {"cli"},
    "rich": {"cli"},
    "sqlite3": {"storage"},
}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} relative import"
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def layer_of(path: Path, package: Path) -> str:
    part = path.relative_to(package).parts[0]
    return part.removesuffix(".py")


def violations(package: Path) -> list[str]:
    found = []
    for path in sorted(package.rglob("*.py")):
        layer = layer_of(path, package)
        if layer == "__init__":
            continue
        for line, name in imports(path):
            top, *rest = name.split(".")
            if top == "segstudio" and rest and rest[0] in HEIGHT:
                other = rest[0]
                if other != layer and HEIGHT[other] >= HEIGHT[layer]:
                    found.append(f"{path.name}:{line} {layer} imports {other}")
            if top in ONLY_IN and layer not in ONLY_IN[top]:
                found.append(f"{path.name}:{line} {layer} imports {top}")
    return found


def test_imports_point_down() -> None:
    assert violations(ROOT / "segstudio") == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("core/view.py", "from segstudio.storage import masks"),
        ("core/view.py", "def f():\n    import PySide6.QtCore"),
        ("core/tools/wand.py", "from segstudio.ui.background import Worker"),
        ("storage/masks.py", "def f():\n    from segstudio.learn.events import Done"),
        ("storage/masks.py", "import torch"),
        ("learn/training/losses.py", "from segstudio.cli import app"),
        ("cli/app.py", "def f():\n    from segstudio.ui import app"),
        ("ui/jobs.py", "import torch"),
        ("ui/jobs.py", "import segstudio.cli.app"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, file: str, line: str) -> None:
    shutil.copytree(ROOT / "segstudio", tmp_path / "segstudio", ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path / "segstudio" / file
    target.write_text(f"{target.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    assert len(violations(tmp_path / "segstudio")) >= 1


def test_init_files_are_empty() -> None:
    assert [path for path in (ROOT / "segstudio").rglob("__init__.py") if path.read_text().strip()] == []


USE_WITHOUT_QT = """
import importlib, importlib.abc, pkgutil, sys, threading
from pathlib import Path

class NoQt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("PySide6", "shiboken6", "pyqtgraph"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, NoQt())
import segstudio
for layer in ("core", "storage", "learn", "cli"):
    package = importlib.import_module(f"segstudio.{layer}")
    for module in pkgutil.walk_packages(package.__path__, f"segstudio.{layer}."):
        importlib.import_module(module.name)

import cv2, numpy as np
from segstudio.__main__ import main
from segstudio.core.classes import ClassTable
from segstudio.core.tools.base import Kit, Palette, Pointer
from segstudio.core.tools.brush import BrushTool
from segstudio.learn.prediction.predicting import predict
from segstudio.learn.request import TrainSettings
from segstudio.learn.training.runs import train_project
from segstudio.learn.networks.saving import load_model
from segstudio.storage.images import read_image
from segstudio.storage.project import Project

work = Path(sys.argv[1])
(work / "images").mkdir()
for number in range(2):
    cv2.imwrite(str(work / "images" / f"{number}.png"), np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1)))
project = Project.create(work / "project", ClassTable.of(["dark", "bright"]))
project.add_images(sorted((work / "images").glob("*.png")))
for record in project.images():
    document = project.load_document(record.key)
    document.on_commit.append(lambda entry: project.record(record.key, entry))
    for value, x in ((0, 8), (1, 56)):
        tool = BrushTool(Kit(Palette(value=value, size=9)))
        tool.press(document, Pointer((x, 10)))
        tool.release(Pointer((x, 50)))
    project.checkpoint(record.key)
events = []
train_project(project, TrainSettings(steps=2, crop=64, batch=2, device="cpu"), events.append, threading.Event())
model = project.model_in_use
assert model is not None, events
proposal = predict(load_model(model), read_image(work / "images" / "0.png").display())
assert proposal.classes.shape == (64, 64)
project.close()
assert main(["info", str(work / "project")]) == 0
assert "PySide6" not in sys.modules
"""


def use_without_qt(package_root: Path, work: Path) -> subprocess.CompletedProcess[str]:
    work.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(package_root), "SEGSTUDIO_HOME": str(work / "home")}
    return subprocess.run(
        [sys.executable, "-c", USE_WITHOUT_QT, str(work)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=package_root,
        timeout=240,
        check=False,
    )


def test_everything_below_the_window_works_without_qt(tmp_path: Path) -> None:
    done = use_without_qt(ROOT, tmp_path / "work")
    assert done.returncode == 0, done.stderr


def test_a_planted_use_of_qt_below_the_window_is_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "segstudio", tmp_path / "segstudio", ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path / "segstudio" / "core" / "tools" / "brush.py"
    text = target.read_text(encoding="utf-8")
    start = "    def press(self, document: Document, pointer: Pointer) -> None:\n"
    assert text.count(start) == 1
    target.write_text(text.replace(start, start + "        import PySide6.QtCore\n"), encoding="utf-8")
    done = use_without_qt(tmp_path, tmp_path / "work")
    assert done.returncode != 0
    assert "PySide6 is blocked" in done.stderr
