"""Masks are read and written value for value."""

import errno
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID, ClassTable
from segstudio.errors import MaskError, ProjectError
from segstudio.storage.masks import encode_grey, read_mask, read_text, write_mask

MASK = np.tile(np.array([0, 1, 2, VOID], np.uint8), (30, 10))


@given(mask=hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.integers(0, 255)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mask_comes_back(tmp_path: Path, classes: ClassTable, mask: U8) -> None:
    path = tmp_path / "mask.png"
    write_mask(path, mask, classes)
    np.testing.assert_array_equal(read_mask(path, size=(mask.shape[1], mask.shape[0])), mask)


def test_a_mask_of_several_bands_comes_back(tmp_path: Path, classes: ClassTable) -> None:
    mask = np.random.default_rng(0).integers(0, 3, (1500, 3000), dtype=np.uint8)
    write_mask(tmp_path / "mask.png", mask, classes)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), mask)


@given(
    text=st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40),
        max_size=4,
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back(tmp_path: Path, classes: ClassTable, text: dict[str, str]) -> None:
    write_mask(tmp_path / "mask.png", MASK, classes, text=text)
    found = read_text(tmp_path / "mask.png")
    assert {key: found[key] for key in text} == text


def test_other_tools_see_indices_and_colours(tmp_path: Path, classes: ClassTable) -> None:
    path = tmp_path / "mask.png"
    write_mask(path, MASK, classes)
    with PIL.Image.open(path) as file:
        assert file.mode == "P"
        np.testing.assert_array_equal(np.asarray(file), MASK)
        shown = np.asarray(file.convert("RGBA"))
    assert tuple(shown[0, 1]) == (*classes[1].rgb, 255)
    assert tuple(shown[0, 3]) == (0, 0, 0, 0)
    colours = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert colours is not None
    assert tuple(int(v) for v in colours[0, 2, ::-1]) == classes[2].rgb


def test_masks_of_other_tools_keep_their_values(tmp_path: Path) -> None:
    small = MASK % 4 % 3
    indexed = PIL.Image.fromarray(MASK)
    indexed.putpalette(bytes(range(256)) * 3)
    indexed.save(tmp_path / "indexed.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "indexed.png", classes=3), MASK)
    PIL.Image.fromarray(MASK).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "grey.png", classes=3), MASK)
    cv2.imwrite(str(tmp_path / "deep.png"), MASK.astype(np.uint16))
    np.testing.assert_array_equal(read_mask(tmp_path / "deep.png", classes=3), MASK)
    for bits in (1, 2, 4):
        values = small % 2 if bits == 1 else small
        PIL.Image.fromarray(values).convert("P").save(tmp_path / "few.png", bits=bits)
        np.testing.assert_array_equal(read_mask(tmp_path / "few.png", classes=3), values)
    PIL.Image.fromarray((small % 2).astype(bool)).save(tmp_path / "binary.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "binary.png"), small % 2)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_shallow_grey_is_not_stretched(tmp_path: Path, depth: int) -> None:
    values = np.arange(32, dtype=np.uint8).reshape(4, 8) % 2**depth
    bits = np.unpackbits(values[:, :, None], axis=2)[:, :, -depth:].reshape(4, -1)
    lines = np.hstack([np.zeros((4, 1), np.uint8), np.packbits(bits, axis=1)])
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 8, 4, depth, 0, 0, 0, 0)), (b"IDAT", zlib.compress(lines.tobytes()))]
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in [*chunks, (b"IEND", b"")]:
        data += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    (tmp_path / "m.png").write_bytes(data)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), values)


def test_real_masks(shared_data: Path) -> None:
    mask = read_mask(shared_data / "format_samples" / "ct_slice_mask.png", size=(512, 512), classes=8)
    assert set(np.unique(mask)) <= set(range(8))


def test_another_size_is_refused(tmp_path: Path) -> None:
    PIL.Image.new("L", (100, 80)).save(tmp_path / "m.png")
    with pytest.raises(MaskError) as caught:
        read_mask(tmp_path / "m.png", size=(200, 160))
    assert str(caught.value) == (
        f"{tmp_path / 'm.png'}: is 100 x 80, its image is 200 x 160. Export the mask at the size of its image."
    )


def test_a_value_without_a_class_is_refused(tmp_path: Path) -> None:
    PIL.Image.fromarray(MASK).save(tmp_path / "m.png")
    with pytest.raises(MaskError, match="holds the value 2, which is no class"):
        read_mask(tmp_path / "m.png", classes=2)
    assert read_mask(tmp_path / "m.png", classes=3).max() == VOID


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (10, 10)).save(tmp_path / "colour.png")
    PIL.Image.new("L", (10, 10)).save(tmp_path / "lossy.jpg")
    PIL.Image.new("LA", (10, 10)).save(tmp_path / "alpha.png")
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((10, 10), 300, np.uint16))
    (tmp_path / "empty.png").touch()
    cases = {
        "colour.png": "colour image",
        "lossy.jpg": "is no PNG",
        "alpha.png": "colour image",
        "deep.png": "values up to 300",
        "empty.png": "is empty",
        "gone.png": "is missing",
    }
    for name, says in cases.items():
        with pytest.raises(MaskError, match=says) as caught:
            read_mask(tmp_path / name)
        assert caught.value.remedy


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_masks_are_refused(tmp_path: Path, classes: ClassTable, share: float) -> None:
    path = tmp_path / "m.png"
    write_mask(path, np.random.default_rng(0).integers(0, 3, (200, 200), dtype=np.uint8), classes)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(MaskError, match="damaged or truncated"):
        read_mask(path)


@pytest.mark.parametrize("step", ["os.fsync", "os.replace", "pathlib.Path.write_bytes"])
def test_a_failing_write_leaves_the_old_mask(
    tmp_path: Path, classes: ClassTable, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "m.png"
    write_mask(path, MASK, classes)
    before = path.read_bytes()

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(step, refuse)
    with pytest.raises(ProjectError, match="disk is full"):
        write_mask(path, MASK[::-1], classes)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_grey_is_grey(tmp_path: Path) -> None:
    (tmp_path / "c.png").write_bytes(encode_grey(MASK, text={"Model": "a"}))
    with PIL.Image.open(tmp_path / "c.png") as file:
        assert file.mode == "L"
        np.testing.assert_array_equal(np.asarray(file), MASK)
    assert read_text(tmp_path / "c.png") == {"Model": "a"}
