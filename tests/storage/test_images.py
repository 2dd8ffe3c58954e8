"""Images of every kind come out upright, in their own depth, and through one intensity path."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from segstudio.core.arrays import Pixels
from segstudio.errors import ImageError
from segstudio.storage.images import Image, find_images, identity, image_size, read_image, thumbnail

RNG = np.random.default_rng(7)
GREY = RNG.integers(0, 256, (30, 50), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (30, 50, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 2**16, (30, 50), dtype=np.uint16)
DEEP_COLOUR = RNG.integers(0, 2**16, (30, 50, 3), dtype=np.uint16)


def save(path: Path, values: Pixels, mode: str | None = None) -> Path:
    image = PIL.Image.fromarray(values)
    (image.convert(mode) if mode else image).save(path)
    return path


def save_cv(path: Path, values: Pixels) -> Path:
    assert cv2.imwrite(str(path), values[..., ::-1] if values.ndim == 3 else values)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".TIFF"])
@pytest.mark.parametrize("values", [GREY, COLOUR], ids=["grey", "colour"])
def test_eight_bits_come_back_as_they_are(tmp_path: Path, suffix: str, values: Pixels) -> None:
    image = read_image(save(tmp_path / f"a{suffix}", values))
    assert image.pixels.dtype == np.uint8
    np.testing.assert_array_equal(image.pixels, values)
    assert image.display() is image.pixels
    assert image.size == (50, 30) == image_size(image.path)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_come_back_nearly(tmp_path: Path, suffix: str) -> None:
    smooth = np.broadcast_to(np.linspace(0, 255, 50).astype(np.uint8)[None, :, None], (30, 50, 3))
    image = read_image(save(tmp_path / f"a{suffix}", smooth))
    assert np.abs(image.pixels.astype(int) - smooth).max() < 12


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("values", [DEEP, DEEP_COLOUR], ids=["grey", "colour"])
def test_sixteen_bits_are_kept(tmp_path: Path, suffix: str, values: Pixels) -> None:
    image = read_image(save_cv(tmp_path / f"a{suffix}", values))
    assert image.pixels.dtype == np.uint16
    np.testing.assert_array_equal(image.pixels, values)
    low, high = np.percentile(values, (0.5, 99.5))
    assert image.window == pytest.approx((low, high))
    expected = np.rint(np.clip((values - low) / (high - low), 0, 1) * 255)
    assert np.abs(image.display().astype(int) - expected).max() <= 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.uint32])
def test_other_numbers_become_float(tmp_path: Path, dtype: type) -> None:
    values = (DEEP.astype(np.float64) - (1000 if np.issubdtype(dtype, np.signedinteger) else 0)).clip(max=30000)
    path = save_cv(tmp_path / "a.tif", values.astype(dtype))
    image = read_image(path)
    assert image.pixels.dtype == np.float32
    np.testing.assert_array_equal(image.pixels, values.astype(dtype).astype(np.float32))
    assert image_size(path) == (50, 30)


def test_alpha_is_dropped_and_palettes_are_looked_up(tmp_path: Path) -> None:
    rgba = np.dstack([COLOUR, GREY])
    np.testing.assert_array_equal(read_image(save(tmp_path / "rgba.png", rgba)).pixels, COLOUR)
    deep = np.dstack([DEEP_COLOUR, DEEP])
    assert cv2.imwrite(str(tmp_path / "deep.png"), deep[..., [2, 1, 0, 3]])
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png").pixels, DEEP_COLOUR)
    np.testing.assert_array_equal(read_image(save(tmp_path / "la.png", np.dstack([GREY, GREY]))).pixels, GREY)
    indexed = PIL.Image.fromarray(GREY % 3)
    indexed.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    indexed.save(tmp_path / "p.png", transparency=b"\x00\xff\x80")
    palette = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]], np.uint8)
    np.testing.assert_array_equal(read_image(tmp_path / "p.png").pixels, palette[GREY % 3])


def test_grey_stored_as_colour_stays_colour(tmp_path: Path) -> None:
    assert read_image(save(tmp_path / "a.png", np.repeat(GREY[:, :, None], 3, axis=2))).pixels.shape == (30, 50, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif"])
def test_orientation_is_applied(tmp_path: Path, kind: str, orientation: int) -> None:
    corners = np.zeros((16, 32, 3), np.uint8)
    corners[:8, :16], corners[:8, 16:], corners[8:, :16] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{kind}"
    PIL.Image.fromarray(corners).save(path, exif=exif)
    # The picture as EXIF 2.32 wants it seen, from the definition of each value.
    turned = {
        1: corners,
        2: corners[:, ::-1],
        3: corners[::-1, ::-1],
        4: corners[::-1],
        5: corners.swapaxes(0, 1),
        6: np.rot90(corners, -1),
        7: corners.swapaxes(0, 1)[::-1, ::-1],
        8: np.rot90(corners, 1),
    }[orientation]
    image = read_image(path)
    assert image.pixels.shape == turned.shape
    # Away from the edges of the blocks, where lossy formats blur.
    assert np.abs(image.pixels[3::8, 3::8].astype(int) - turned[3::8, 3::8]).max() < 40
    assert image_size(path) == image.size
    assert np.abs(thumbnail(path)[3::8, 3::8].astype(int) - turned[3::8, 3::8]).max() < 40


def test_deep_pictures_are_turned_too(tmp_path: Path) -> None:
    path = save_cv(tmp_path / "a.png", DEEP_COLOUR)
    data = path.read_bytes()
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    body = b"eXIf" + exif.tobytes()[6:]  # PNG stores it without the JPEG marker

    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(data[:33] + chunk + data[33:])
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, np.rot90(DEEP_COLOUR, -1))
    assert image_size(path) == image.size == (30, 50)


def test_not_a_number_is_black_and_does_not_move_the_window() -> None:
    values = np.linspace(-5, 5, 1000, dtype=np.float32).reshape(20, 50)
    values[0, :3] = np.nan, np.inf, -np.inf
    from segstudio.storage.images import _window

    low, high = _window(values)
    assert -5 <= low < -4.8
    assert 4.8 < high <= 5
    shown = Image(values, (low, high), Path("a.tif")).display()
    assert shown[0, :3].tolist() == [0, 255, 0]
    assert shown.min() == 0
    assert shown.max() == 255


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_a_flat_image_has_a_window(tmp_path: Path, value: int) -> None:
    image = read_image(save_cv(tmp_path / "a.png", np.full((30, 50), value, np.uint16)))
    assert image.window[1] > image.window[0]
    assert (image.display() == 0).all()


def test_all_nan_is_black(tmp_path: Path) -> None:
    image = read_image(save_cv(tmp_path / "a.tif", np.full((30, 50), np.nan, np.float32)))
    assert (image.display() == 0).all()


def test_awkward_real_files(shared_data: Path) -> None:
    samples = shared_data / "format_samples"
    deep = read_image(samples / "ct_slice_uint16.png")
    packed = read_image(samples / "ct_slice_uint16_deflate.tif")
    hounsfield = read_image(samples / "ct_slice_float32_hu.tif")
    assert deep.pixels.dtype == packed.pixels.dtype == np.uint16
    assert hounsfield.pixels.dtype == np.float32
    np.testing.assert_array_equal(deep.pixels, packed.pixels)
    np.testing.assert_array_equal(hounsfield.pixels, deep.pixels.astype(np.float32) - 1024)
    # One intensity path: the same picture, however it is stored.
    np.testing.assert_array_equal(deep.display(), packed.display())
    assert np.abs(deep.display().astype(int) - hounsfield.display()).max() <= 1
    dim = read_image(samples / "stardist_img2d_uint16.tif")
    assert dim.pixels.max() < 256
    assert dim.display().max() == 255


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("stardist_img3d_uint16.tif", "stack of 31 pages"),
        ("ct_sm.nii.gz", "is no PNG, JPEG, BMP, WebP or TIFF"),
        ("README.json", "is no PNG, JPEG, BMP, WebP or TIFF"),
    ],
)
def test_volumes_and_strangers_get_one_line(shared_data: Path, name: str, says: str) -> None:
    for reader in (read_image, image_size, thumbnail):
        with pytest.raises(ImageError, match=says) as caught:
            reader(shared_data / "format_samples" / name)
        assert name in str(caught.value)
        assert caught.value.remedy
        assert "\n" not in str(caught.value)


def test_nuclei_lose_their_alpha(shared_data: Path) -> None:
    path = next(iter(sorted((shared_data / "nuclei_dsb2018" / "images").glob("*.png"))))
    with PIL.Image.open(path) as file:
        assert file.mode == "RGBA"
        expected = np.asarray(file)[:, :, :3]
    np.testing.assert_array_equal(read_image(path).pixels, expected)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tif"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = save(tmp_path / f"a{suffix}", RNG.integers(0, 256, (100, 100, 3), dtype=np.uint8))
    data = path.read_bytes()
    path.write_bytes(data[: max(5, int(len(data) * share))])
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert str(caught.value).startswith(str(path))
    assert caught.value.remedy


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_deep_files_are_refused(
    tmp_path: Path, suffix: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    path = save_cv(tmp_path / f"a{suffix}", np.kron(DEEP_COLOUR, np.ones((4, 4, 1), np.uint16)))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError, match="damaged or truncated"):
        read_image(path)
    assert capfd.readouterr().out == ""


def test_noise_is_refused(tmp_path: Path) -> None:
    for number, start in enumerate(
        [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0", b"BM", b"RIFF0000WEBP", b"xx"]
    ):
        path = tmp_path / f"{number}.png"
        path.write_bytes(start + np.random.default_rng(number).bytes(500))
        with pytest.raises(ImageError):
            read_image(path)
        with pytest.raises(ImageError):
            image_size(path)


def test_missing_empty_and_folder(tmp_path: Path) -> None:
    (tmp_path / "zero.png").touch()
    (tmp_path / "folder.png").mkdir()
    for name, says in [("zero.png", "is empty"), ("gone.png", "is missing"), ("folder.png", "is a folder")]:
        for reader in (read_image, image_size, thumbnail):
            with pytest.raises(ImageError, match=says):
                reader(tmp_path / name)
    with pytest.raises(ImageError, match="is missing"):
        identity(tmp_path / "gone.png")


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", GREY)

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    for reader in (read_image, identity):
        with pytest.raises(ImageError, match="permission denied"):
            reader(path)


def test_a_header_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", GREY)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 2**31 - 1, 2**31 - 1)

    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    path.write_bytes(bytes(data))
    with pytest.raises(ImageError, match="pixels"):
        read_image(path)


def test_large_images_raise_no_warning(tmp_path: Path) -> None:
    # 196 million pixels: beyond Pillow's limit for decompression bombs, which would warn, and warnings are errors here.
    path = tmp_path / "large.png"
    PIL.Image.new("1", (14000, 14000)).save(path)
    assert image_size(path) == (14000, 14000)


def test_thumbnails_are_small_and_in_colour(tmp_path: Path) -> None:
    for path in (save(tmp_path / "a.jpg", np.kron(GREY, np.ones((8, 8), np.uint8))), save(tmp_path / "b.png", COLOUR)):
        small = thumbnail(path, size=32)
        assert small.shape == (19, 32, 3)
        assert small.dtype == np.uint8
    assert thumbnail(save_cv(tmp_path / "c.tif", DEEP), size=500).shape == (30, 50, 3)


def test_finding_images(tmp_path: Path) -> None:
    names = ["b10.png", "b2.PNG", "a/x.tif", "A1.jpg", "notes.txt", ".hidden.png", ".git/x.png", "a/deep/y.webp"]
    own = ["p/project.sqlite", "p/annotations/x.png", "p/x.png"]
    for name in names + own:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["a/deep/y.webp", "a/x.tif", "A1.jpg", "b2.PNG", "b10.png"]
    # A project's own folders are left out, but images that lie in it are found when it is asked for itself.
    assert [path.name for path in find_images(tmp_path / "p")] == ["x.png"]
    assert find_images(tmp_path / "p")[0].parent.name == "p"
    with pytest.raises(ImageError, match="is no folder"):
        find_images(tmp_path / "nowhere")


def test_identity_is_of_the_content(tmp_path: Path) -> None:
    a, b = save(tmp_path / "a.png", GREY), save(tmp_path / "b.png", GREY)
    c = save(tmp_path / "c.png", GREY // 2)
    assert identity(a) == identity(b) != identity(c)
    assert len(identity(a)) == 64
