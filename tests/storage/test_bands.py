"""TIFF of any number of channels comes back sample for sample, and the eye sees three of them."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest

from segstudio.core.arrays import Pixels
from segstudio.errors import ImageError
from segstudio.storage import bands
from segstudio.storage.headers import read_header
from segstudio.storage.images import image_size, read_image, thumbnail

tifffile = pytest.importorskip("tifffile")

KINDS = [np.uint8, np.uint16, np.float32, np.int8, np.int16, np.uint32, np.int32, np.float64]


def samples(channels: int, kind: type = np.uint8, shape: tuple[int, int] = (75, 130)) -> Pixels:
    values = np.random.default_rng(channels).integers(0, 120, (*shape, channels))
    return np.asarray(values * (1 if np.dtype(kind).itemsize == 1 else 257)).astype(kind)


def write(path: Path, values: Pixels, *, apart: bool = False, **options: Any) -> Path:
    stored = np.moveaxis(values, -1, 0) if apart else values
    options = {"photometric": "minisblack", "planarconfig": "separate" if apart else "contig", **options}
    tifffile.imwrite(path, stored, **options)
    return path


def change(path: Path, **tags: Any) -> None:
    with tifffile.TiffFile(path, mode="r+b") as file:
        for name, value in tags.items():
            file.pages[0].tags[name].overwrite(value)


@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
@pytest.mark.parametrize("channels", [2, 3, 4, 5, 9])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_number_comes_back(tmp_path: Path, kind: type, channels: int, apart: bool) -> None:
    values = samples(channels, kind)
    for compression in (None, "zlib"):
        image = read_image(write(tmp_path / "a.tif", values, apart=apart, compression=compression))
        assert image.pixels.dtype == (kind if kind in (np.uint8, np.uint16) else np.float32)
        np.testing.assert_array_equal(image.pixels, values.astype(image.pixels.dtype))
        header = read_header(image.path)
        assert header.bands == channels
        assert header.decoded_bytes == image.pixels.nbytes
        assert image.size == image_size(image.path) == (130, 75)


@pytest.mark.parametrize("layout", [{"tile": (32, 48)}, {"rowsperstrip": 7}, {"rowsperstrip": 75}], ids=str)
@pytest.mark.parametrize(
    "packing",
    [{}, {"compression": "zlib"}, {"compression": "zlib", "predictor": True}],
    ids=str,
)
@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
def test_every_layout_comes_back(
    tmp_path: Path, layout: dict[str, Any], packing: dict[str, Any], apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = samples(5, np.uint16)
    for file in ({}, {"bigtiff": True}, {"byteorder": ">"}):
        path = write(tmp_path / "a.tif", values, apart=apart, **layout, **packing, **file)
        np.testing.assert_array_equal(read_image(path).pixels, values)
        with monkeypatch.context() as few:
            few.setattr(bands, "_SAMPLES", 130 * 5 * 16)  # several parts
            np.testing.assert_array_equal(read_image(path).pixels, values)


@pytest.mark.parametrize("packing", [1, 5, 8, 32773, 32946])
def test_every_packing_comes_back(tmp_path: Path, packing: int) -> None:
    """Of a grey picture, which OpenCV can pack, only its directory has to be changed to have channels side by side."""
    values, path = samples(5), tmp_path / "a.tif"
    options = [cv2.IMWRITE_TIFF_COMPRESSION, packing, cv2.IMWRITE_TIFF_PREDICTOR, 1]
    assert cv2.imwrite(str(path), values.reshape(75, 130 * 5), options)
    change(path, ImageWidth=130, SamplesPerPixel=5)
    np.testing.assert_array_equal(read_image(path).pixels, values)


def test_alpha_that_the_file_names_is_no_band(tmp_path: Path) -> None:
    four, two = samples(4), samples(2)
    named = write(tmp_path / "a.tif", four, photometric="rgb", extrasamples=["unassalpha"])
    unnamed = write(tmp_path / "b.tif", four, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(read_image(named).pixels, four[:, :, :3])
    np.testing.assert_array_equal(read_image(unnamed).pixels, four)
    for kind in (np.uint8, np.uint16):
        deep = write(tmp_path / "c.tif", two.astype(kind), extrasamples=["unassalpha"])
        np.testing.assert_array_equal(read_image(deep).pixels, two[:, :, 0].astype(kind))
        assert read_header(deep).bands == 1
    five = write(tmp_path / "d.tif", samples(5), extrasamples=["unspecified"] * 3 + ["assocalpha"])
    np.testing.assert_array_equal(read_image(five).pixels, samples(5)[:, :, :4])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_colour_with_alpha_of_other_programs_stays_colour(tmp_path: Path, kind: type) -> None:
    four = samples(4, kind)
    assert cv2.imwrite(str(tmp_path / "a.tif"), four[:, :, [2, 1, 0, 3]])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, four[:, :, :3])
    PIL.Image.fromarray(samples(4)).save(tmp_path / "b.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif").pixels, samples(4)[:, :, :3])


def test_colour_kept_apart_is_colour(tmp_path: Path) -> None:
    for kind in KINDS:
        values = samples(3, kind)
        image = read_image(write(tmp_path / "a.tif", values, apart=True, photometric="rgb"))
        np.testing.assert_array_equal(image.pixels, values.astype(image.pixels.dtype))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    values = samples(5)
    path = write(tmp_path / "a.tif", values, extratags=[(274, "H", 1, orientation, True)])
    turned = {
        1: values,
        2: values[:, ::-1],
        3: values[::-1, ::-1],
        4: values[::-1],
        5: values.swapaxes(0, 1),
        6: np.rot90(values, -1),
        7: values.swapaxes(0, 1)[::-1, ::-1],
        8: np.rot90(values, 1),
    }[orientation]
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, turned)
    assert image_size(path) == image.size


def test_the_eye_sees_three_channels_and_the_network_all(tmp_path: Path) -> None:
    for channels, seen in ((2, 0), (4, slice(3)), (7, slice(3))):
        image = read_image(write(tmp_path / "a.tif", samples(channels, np.uint16)))
        assert image.network().shape == (75, 130, channels)
        assert image.network().dtype == np.uint8
        np.testing.assert_array_equal(image.display(), image.network()[:, :, seen])
        np.testing.assert_array_equal(image.visible, image.pixels[:, :, seen])
        assert thumbnail(image.path).shape == (75, 130, 3)
    grey = write(tmp_path / "b.tif", samples(1, np.uint16)[:, :, 0], planarconfig=None)
    assert read_image(grey).network().shape == (75, 130)


@pytest.mark.parametrize(
    ("tags", "channels", "kind", "says"),
    [
        ({"Predictor": 3}, 5, np.uint8, "compressed in a way"),
        ({"Compression": 34933}, 5, np.uint8, "compressed in a way"),
        ({}, 65, np.uint8, "65 channels"),
        ({}, 5, np.float16, "16 bits of a kind"),
        ({}, 4, np.int64, "64 bits of a kind"),
        ({"SampleFormat": (2, 2, 3, 3)}, 4, np.int32, "several depths"),
    ],
)
def test_what_cannot_be_read_gets_one_line(
    tmp_path: Path, tags: dict[str, Any], channels: int, kind: type, says: str
) -> None:
    integer = np.dtype(kind).kind == "u"
    path = write(tmp_path / "a.tif", samples(channels, kind), compression="zlib", predictor=integer)
    change(path, **tags)
    for reader in (read_image, image_size, thumbnail):
        with pytest.raises(ImageError, match=says) as caught:
            reader(path)
        assert caught.value.remedy
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
@pytest.mark.parametrize("packing", [{}, {"compression": "zlib"}], ids=str)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_files_are_refused(
    tmp_path: Path, apart: bool, packing: dict[str, Any], share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.tif", samples(5, np.uint16), apart=apart, **packing)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError, match="damaged or truncated"):
        read_image(path)
    assert capfd.readouterr().out == ""
