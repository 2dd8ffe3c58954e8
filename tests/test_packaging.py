"""What is installed is what is in the tree."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_every_package_is_listed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    present = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "segstudio").rglob("__init__.py")}
    assert set(listed) == present | {"segstudio.resources"}


def test_every_resource_is_installed() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    globs = data["segstudio.resources"]
    installed = {path for pattern in globs for path in (ROOT / "resources").glob(pattern)}
    assert installed == {path for path in (ROOT / "resources").rglob("*") if path.is_file()}
