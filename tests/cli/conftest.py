"""A command line to call, and small projects to call it on."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from segstudio.__main__ import main
from segstudio.storage.demo import make_demo
from tests.cli.calling import SHORT, Answer, Call, write_png


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the program with arguments, as a shell would."""

    def run(*arguments: object) -> Answer:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def _drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "project"
    make_demo(folder, images=5, labelled=3, side=96).close()
    return folder


@pytest.fixture(scope="session")
def _trained(_drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "project"
    shutil.copytree(_drawn, folder)
    assert main(["train", str(folder), "--transfer", "feature", *SHORT]) == 0
    return folder


@pytest.fixture
def drawn(_drawn: Path, tmp_path: Path) -> Path:
    """A project of five images, three of them with strokes, and their truth in ``truth``."""
    return Path(shutil.copytree(_drawn, tmp_path / "cells"))


@pytest.fixture
def trained(_trained: Path, tmp_path: Path) -> Path:
    """The same with a model in use."""
    return Path(shutil.copytree(_trained, tmp_path / "trained"))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with three images, one of them in a subfolder."""
    folder = tmp_path / "images"
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "deep/c.png"):
        write_png(folder / name, rng.integers(0, 255, (40, 60), dtype=np.uint8))
    return folder
