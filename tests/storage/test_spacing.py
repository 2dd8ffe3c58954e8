"""The size of a pixel is read where a file states it, and never made up from a printing resolution."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segstudio.core.picture import Spacing
from segstudio.storage.headers import read_header
from segstudio.storage.spacing import read_spacing

GREY = np.zeros((6, 10), np.uint8)
ORIENTATION, INCH, CENTIMETRE = 274, 2, 3


def tiff(path: Path, **options: Any) -> Path:
    """A TIFF with just these tags; a `description` goes in as bytes, without any of the writer's own."""
    options.setdefault("metadata", None)
    tifffile.imwrite(path, options.pop("values", GREY), **options)
    return path


def turned(orientation: int) -> list[tuple[int, int, int, int, bool]]:
    return [(ORIENTATION, 3, 1, orientation, True)]


def ome(attributes: str, head: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    return (
        f'{head}<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" SizeX="10" SizeY="6" {attributes}></Pixels></Image></OME>'
    ).encode()


def png(path: Path, x: int, y: int, unit: int = 1, orientation: int = 1) -> Path:
    """A PNG with these dots a unit; the chunk goes behind IHDR, since Pillow would write none but metres."""
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = orientation
    PIL.Image.fromarray(GREY).save(path, exif=exif)
    data = path.read_bytes()
    chunk = b"pHYs" + struct.pack(">IIB", x, y, unit)
    path.write_bytes(data[:33] + struct.pack(">I", 9) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:])
    return path


def same(found: Spacing | None, expected: Spacing | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return found.unit == expected.unit and (found.x, found.y) == pytest.approx((expected.x, expected.y), rel=1e-6)


@pytest.mark.parametrize(
    ("x", "unit", "expected"),
    [
        (0.5, "µm", Spacing(0.5, 1.0, "µm")),
        (0.5, "\u03bcm", Spacing(0.5, 1.0, "µm")),
        (325.0, "nm", Spacing(0.325, 0.65, "µm")),
        (0.02, "mm", Spacing(20, 40, "µm")),
        (0.3, "cm", Spacing(3, 6, "mm")),
        (0.002, "m", Spacing(2, 4, "mm")),
        (0.1, "in", Spacing(2.54, 5.08, "mm")),
        (0.6, "mm", Spacing(600, 1200, "µm")),
        (1000.0, "µm", Spacing(1, 2, "mm")),
        (1.0, "Mm", None),
        (1.0, "pixel", None),
        (1.0, "reference frame", None),
    ],
)
def test_ome_states_its_unit(tmp_path: Path, x: float, unit: str, expected: Spacing | None) -> None:
    metadata = {"PhysicalSizeX": x, "PhysicalSizeXUnit": unit, "PhysicalSizeY": 2 * x, "PhysicalSizeYUnit": unit}
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, GREY, ome=True, metadata=metadata)
    assert same(read_spacing(path), expected)


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        (ome('PhysicalSizeX="0.5" PhysicalSizeY="0.25"'), Spacing(0.5, 0.25, "µm")),
        (
            ome('PhysicalSizeX="500" PhysicalSizeXUnit="nm" PhysicalSizeY="0.25" PhysicalSizeYUnit="µm"'),
            Spacing(0.5, 0.25, "µm"),
        ),
        (b"\xef\xbb\xbf\n" + ome('PhysicalSizeX="2" PhysicalSizeY="2"'), Spacing(2, 2, "µm")),
        (ome('PhysicalSizeX="2" PhysicalSizeY="2"', '<?xml version="1.0" encoding="UTF-16"?>'), Spacing(2, 2, "µm")),
        (ome('PhysicalSizeX="2" PhysicalSizeY="2"', "<!-- " + "Do not edit. " * 200 + "-->"), Spacing(2, 2, "µm")),
        (b'<ome:OME xmlns:ome="x"><ome:Pixels PhysicalSizeX="2" PhysicalSizeY="3"/></ome:OME>', Spacing(2, 3, "µm")),
        (ome('PhysicalSizeX="2"'), None),
        (ome('PhysicalSizeX="2" PhysicalSizeY="0"'), None),
        (ome('PhysicalSizeX="-2" PhysicalSizeY="2"'), None),
        (ome('PhysicalSizeX="nan" PhysicalSizeY="2"'), None),
        (ome('PhysicalSizeX="1e999" PhysicalSizeY="2"'), None),
        (ome('PhysicalSizeX="wide" PhysicalSizeY="2"'), None),
        (ome('PhysicalSizeX="2" PhysicalSizeY="2')[:150], None),
        (b"<OME><Image></Pixels>", None),
    ],
)
def test_ome_as_others_write_it(tmp_path: Path, description: bytes, expected: Spacing | None) -> None:
    # The resolution must not stand in for a damaged description.
    broken = expected is None
    options: dict[str, Any] = {"resolution": (500, 500), "resolutionunit": CENTIMETRE} if broken else {}
    assert same(read_spacing(tiff(tmp_path / "a.tif", description=description, **options)), expected)


def test_ome_that_says_nothing_leaves_it_to_the_resolution(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", description=ome(""), resolution=(500, 250), resolutionunit=CENTIMETRE)
    assert same(read_spacing(path), Spacing(20, 40, "µm"))


def test_xml_that_declares_entities_is_refused(tmp_path: Path) -> None:
    size = 'PhysicalSizeX="&a;" PhysicalSizeY="2"'
    kind = '<!DOCTYPE OME [<!ENTITY a "2">]>'
    assert read_spacing(tiff(tmp_path / "a.tif", description=ome(size, kind))) is None
    plain = ome('PhysicalSizeX="2" PhysicalSizeY="2"', "<!DOCTYPE OME>")
    assert read_spacing(tiff(tmp_path / "b.tif", description=plain)) is None
    lol = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    bomb = ome('PhysicalSizeX="&a11;" PhysicalSizeY="2"', f'<!DOCTYPE OME [<!ENTITY a0 "1">{lol}]>')
    assert read_spacing(tiff(tmp_path / "c.tif", description=bomb)) is None


def test_xml_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    good = ome('PhysicalSizeX="2" PhysicalSizeY="2"')
    assert read_spacing(tiff(tmp_path / "a.tif", description=good + b"<!-- -->" * 100_000)) is not None
    assert read_spacing(tiff(tmp_path / "b.tif", description=good + b"<!-- -->" * 600_000)) is None


@pytest.mark.parametrize(
    ("unit", "pixels", "expected"),
    [
        (b"micron", 4, Spacing(0.25, 0.5, "µm")),
        (b"microns", 4, Spacing(0.25, 0.5, "µm")),
        (b"um", 4, Spacing(0.25, 0.5, "µm")),
        (b"\\u00B5m", 4, Spacing(0.25, 0.5, "µm")),
        ("µm".encode(), 4, Spacing(0.25, 0.5, "µm")),
        ("µm".encode("latin-1"), 4, Spacing(0.25, 0.5, "µm")),
        (b"mm", 20, Spacing(50, 100, "µm")),
        (b"mm", 0.5, Spacing(2, 4, "mm")),
        (b"cm", 500, Spacing(20, 40, "µm")),
        (b"nm", 0.02, Spacing(0.05, 0.1, "µm")),
        (b"inch", 254, Spacing(100, 200, "µm")),
        (b"Inches", 254, Spacing(100, 200, "µm")),
        (b"micron", 300, Spacing(1 / 300, 1 / 150, "µm")),
        (b"inch", 300, None),
        (b"pixel", 4, None),
        (b"", 4, None),
    ],
)
def test_imagej_states_its_unit(tmp_path: Path, unit: bytes, pixels: float, expected: Spacing | None) -> None:
    # The distance of the slices must not be taken for the size of a pixel.
    description = b"ImageJ=1.53t\nunit=" + unit + b"\nspacing=7.5\nmin=0.0\n"
    resolution = (pixels, pixels / 2)
    for code in (1, CENTIMETRE):
        path = tiff(tmp_path / f"{code}.tif", description=description, resolution=resolution, resolutionunit=code)
        assert same(read_spacing(path), expected)


def test_imagej_files_of_another_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, imagej=True, resolution=(4, 2), metadata={"unit": "um"})
    assert same(read_spacing(path), Spacing(0.25, 0.5, "µm"))


def test_imagej_with_a_unit_for_each_axis(tmp_path: Path) -> None:
    description = b"ImageJ=1.53t\nunit=micron\nyunit=nm\n"
    path = tiff(tmp_path / "a.tif", description=description, resolution=(4, 0.01), resolutionunit=1)
    assert same(read_spacing(path), Spacing(0.25, 0.1, "µm"))


def test_imagej_without_a_unit_leaves_it_to_the_resolution(tmp_path: Path) -> None:
    options: dict[str, Any] = {"description": b"ImageJ=1.53t\nimages=1\n", "resolution": (500, 500)}
    assert read_spacing(tiff(tmp_path / "a.tif", **options, resolutionunit=1)) is None
    path = tiff(tmp_path / "b.tif", **options, resolutionunit=CENTIMETRE)
    assert same(read_spacing(path), Spacing(20, 20, "µm"))


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    ("unit", "resolution", "expected"),
    [
        (CENTIMETRE, (500, 250), Spacing(20, 40, "µm")),
        (CENTIMETRE, (5, 2.5), Spacing(2, 4, "mm")),
        (INCH, (254, 508), Spacing(100, 50, "µm")),
        (1, (500, 500), None),
        (CENTIMETRE, (0, 500), None),
    ],
)
def test_a_plain_tiff_needs_a_unit(
    tmp_path: Path, byteorder: Any, unit: int, resolution: tuple[float, float], expected: Spacing | None
) -> None:
    path = tiff(tmp_path / "a.tif", byteorder=byteorder, resolution=resolution, resolutionunit=unit)
    assert same(read_spacing(path), expected)


@pytest.mark.parametrize("dpi", [72, 96, 100, 150, 200, 300, 400, 600, 1200])
def test_a_resolution_of_print_or_screen_is_no_size(tmp_path: Path, dpi: int) -> None:
    path = tmp_path / "a.tif"
    assert read_spacing(tiff(path, resolution=(dpi, dpi), resolutionunit=INCH)) is None
    assert read_spacing(tiff(path, resolution=(254, dpi), resolutionunit=INCH)) is None
    for digits in (0, 1, 2, 4):
        dots = round(dpi / 2.54, digits)
        assert read_spacing(tiff(path, resolution=(dots, dots), resolutionunit=CENTIMETRE)) is None
    assert read_spacing(tiff(path, resolution=(dpi * 1.03, dpi * 1.03), resolutionunit=INCH)) is not None
    for dots in (int(dpi / 0.0254), round(dpi / 0.0254)):
        assert read_spacing(png(tmp_path / "a.png", dots, dots)) is None


def test_a_png_needs_the_unit_metre(tmp_path: Path) -> None:
    assert same(read_spacing(png(tmp_path / "a.png", 2_000_000, 1_000_000)), Spacing(0.5, 1.0, "µm"))
    assert same(read_spacing(png(tmp_path / "b.png", 500, 250)), Spacing(2, 4, "mm"))
    assert read_spacing(png(tmp_path / "c.png", 2_000_000, 1_000_000, unit=0)) is None
    assert read_spacing(png(tmp_path / "d.png", 0, 1_000_000)) is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_lying_images_swap_x_and_y(tmp_path: Path, orientation: int) -> None:
    expected = Spacing(20, 40, "µm") if orientation < 5 else Spacing(40, 20, "µm")
    plain = tiff(tmp_path / "a.tif", resolution=(500, 250), resolutionunit=CENTIMETRE, extratags=turned(orientation))
    described = tiff(
        tmp_path / "b.tif",
        description=ome('PhysicalSizeX="20" PhysicalSizeY="40"'),
        extratags=turned(orientation),
    )
    for path in (plain, described, png(tmp_path / "a.png", 50_000, 25_000, orientation=orientation)):
        header = read_header(path)
        assert (header.width > header.height) == (orientation < 5)
        assert same(read_spacing(path), expected)


def test_images_the_8_bit_decoder_refuses_have_a_size_too(tmp_path: Path) -> None:
    values = np.zeros((6, 10, 3), np.uint16)
    path = tiff(tmp_path / "a.tif", values=values, resolution=(500, 500), resolutionunit=CENTIMETRE)
    big = tiff(tmp_path / "b.tif", bigtiff=True, resolution=(500, 500), resolutionunit=CENTIMETRE)
    assert read_header(path).deep
    assert same(read_spacing(path), Spacing(20, 20, "µm"))
    assert same(read_spacing(big), Spacing(20, 20, "µm"))


def test_the_size_is_of_the_image_not_of_its_reduced_copy(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(GREY[::2, ::2], subfiletype=1, resolution=(250, 250), resolutionunit=CENTIMETRE, metadata=None)
        file.write(GREY, resolution=(500, 500), resolutionunit=CENTIMETRE, metadata=None)
    assert same(read_spacing(path), Spacing(20, 20, "µm"))


def test_files_that_say_nothing(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif", "a.bmp", "a.webp"):
        PIL.Image.fromarray(GREY).save(tmp_path / name)
        assert read_spacing(tmp_path / name) is None
    PIL.Image.fromarray(GREY).save(tmp_path / "a.jpg", dpi=(254, 254))
    assert read_spacing(tmp_path / "a.jpg") is None
    (tmp_path / "a.txt").write_text("no image")
    for name in ("a.txt", "missing.png", "."):
        assert read_spacing(tmp_path / name) is None


def test_the_pixels_are_not_read(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", 50_000, 25_000)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"IDAT") + 4])
    assert same(read_spacing(path), Spacing(20, 40, "µm"))


# A broken tag warns where it is parsed; here it matters only that nothing is raised.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), kind=st.sampled_from(["ome", "imagej", "png"]))
def test_damage_never_raises(tmp_path: Path, data: st.DataObject, kind: str) -> None:
    path = tmp_path / f"{kind}.{'png' if kind == 'png' else 'tif'}"
    if not path.exists():
        if kind == "png":
            png(path, 50_000, 25_000)
        else:
            size = ome('PhysicalSizeX="2" PhysicalSizeY="2"')
            text = size if kind == "ome" else b"ImageJ=1\nunit=um\n"
            tiff(path, description=text, resolution=(4, 4))
    whole = bytearray(path.read_bytes())
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(8, len(whole) - 1), st.integers(0, 255)), min_size=1, max_size=8)
    ):
        whole[place] = value
    broken = tmp_path / f"broken{path.suffix}"
    broken.write_bytes(whole)
    found = read_spacing(broken)
    assert found is None or (min(found.x, found.y) > 0 and found.unit in ("µm", "mm"))
