"""What the values of an image stand for."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from segstudio.core.tone import Hounsfield
from segstudio.storage.modality import read_hounsfield


def tiff(folder: Path, description: str) -> Path:
    tags = ImageFileDirectory_v2()
    if description:
        tags[270] = description
    path = folder / "slice.tif"
    Image.fromarray(np.zeros((4, 6), np.uint16)).save(path, tiffinfo=tags)
    return path


@pytest.mark.parametrize(
    ("description", "found"),
    [
        ("", None),
        ("a street in winter, contrast enhanced", None),
        ("ImageJ=1.54f\nunit=mm\nvunit=gray value\ncf=0\nc0=-1024\nc1=1\n", None),
        ("ImageJ=1.54f\nunit=mm\ncf=0\nc0=-1024\nc1=2.0\nvunit=HU\n", Hounsfield(2.0, -1024.0)),
        ("ImageJ=1.54f\nvunit=HU\n", Hounsfield()),
        ("ImageJ=1.54f\ncf=4\nc0=1\nc1=2\nvunit=HU\n", None),
        ("ImageJ=1.54f\ncf=0\nc0=x\nvunit=HU\n", None),
        ("values are Hounsfield units", Hounsfield()),
        ("Modality: CT", Hounsfield()),
        ("Rescale Type = HU", Hounsfield()),
        ("Modality: CTA report", None),
    ],
)
def test_a_file_says_whether_it_is_computed_tomography(
    tmp_path: Path, description: str, found: Hounsfield | None
) -> None:
    assert read_hounsfield(tiff(tmp_path, description)) == found


def test_files_that_say_nothing_are_none(tmp_path: Path) -> None:
    broken, picture = tmp_path / "broken.tif", tmp_path / "picture.png"
    broken.write_bytes(b"II*\0 broken")
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(picture)
    for path in (broken, picture, tmp_path / "missing.tif"):
        assert read_hounsfield(path) is None
