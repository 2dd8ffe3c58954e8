"""Reading images: one decoder and one intensity path for display, live, training and prediction."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import PIL.Image

from segstudio.core.arrays import U8, Pixels
from segstudio.core.tone import to_8bit
from segstudio.errors import ImageError
from segstudio.storage.bands import read_bands
from segstudio.storage.headers import Header, read_header
from segstudio.storage.naming import PROJECT_FILE, PROJECT_FOLDERS, natural_key

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})

_LOW, _HIGH = 0.5, 99.5  # percentiles of the display window
_SAMPLE = 2**24  # values looked at for the percentiles of a float image
_BAND = 2**24  # values decoded at a time

# Large microscope images are no attack; `read_header` has its own, higher limit.
PIL.Image.MAX_IMAGE_PIXELS = None
# What the decoder has to say goes into the ImageError, not to the terminal.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@dataclass(frozen=True, eq=False)
class Image:
    """A decoded image in its own bit depth.

    Attributes:
        pixels: ``(H, W)`` grey, ``(H, W, 3)`` RGB or ``(H, W, C)`` of any other number of channels; ``uint8``,
            ``uint16`` or ``float32``.
        window: the values shown as black and as white; (0, 255) for ``uint8``.
        path: the file it came from.
    """

    pixels: Pixels
    window: tuple[float, float]
    path: Path

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[0])

    @property
    def visible(self) -> Pixels:
        """What of `pixels` an eye can see: grey and RGB whole, else the first three channels as RGB, of two the first.

        ``(H, W)`` or ``(H, W, 3)`` in the image's own depth; the pixels themselves when nothing is left out.
        """
        if self.pixels.ndim == 2 or self.pixels.shape[2] == 3:
            return self.pixels
        if self.pixels.shape[2] < 3:
            return np.ascontiguousarray(self.pixels[:, :, 0])
        return np.ascontiguousarray(self.pixels[:, :, :3])

    def display(self) -> U8:
        """The image as the eye sees it: ``uint8``, ``(H, W)`` or ``(H, W, 3)`` RGB; see `visible`.

        Values are mapped linearly from `window` to 0..255 and clipped; not-a-number is black. ``uint8`` is returned
        as it is, not copied.
        """
        return to_8bit(self.visible, self.window)

    def network(self) -> U8:
        """The image as a network sees it: ``uint8`` of the shape of `pixels`, mapped as `display` does."""
        return to_8bit(self.pixels, self.window)


def read_image(path: Path) -> Image:
    """Decode an image file.

    PNG, JPEG, BMP, WebP and TIFF of 8 and 16 bits and TIFF of floating point. The EXIF orientation is applied, alpha
    dropped, a palette looked up; grey stays ``(H, W)``, grey stored as RGB stays RGB. TIFF may have any number of
    channels up to 64. Signed, 32-bit and double values become ``float32``.

    Raises:
        ImageError: missing, empty, truncated, damaged, of another format, or a stack of pages.
    """
    path = Path(path)
    header = read_header(path)
    with _explained(path):
        if header.layered:
            pixels = _turn(read_bands(path, header), header.orientation)
        else:
            pixels = _decode_deep(header, path) if header.deep else _decode(path, header)
    if pixels.shape[:2] != (header.height, header.width) or pixels.ndim not in (2, 3):
        raise _damaged(path)
    pixels = np.ascontiguousarray(pixels)
    return Image(pixels, _window(pixels), path)


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of an image as `read_image` gives them, from its header alone.

    Raises:
        ImageError: as `read_image`, but damage behind the header goes unnoticed.
    """
    header = read_header(Path(path))
    return header.width, header.height


def thumbnail(path: Path, size: int = 160) -> U8:
    """A small picture of an image: ``uint8 (h, w, 3)`` RGB, its longer side at most `size` pixels.

    Raises:
        ImageError: as `read_image`.
    """
    path = Path(path)
    header = read_header(path)
    if header.format == "JPEG":  # decoding at an eighth of the size is many times faster
        with _explained(path), PIL.Image.open(path) as file:
            file.draft(None, (2 * size, 2 * size))
            shown: U8 = _turn(_to_array(file), header.orientation)
    else:
        shown = read_image(path).display()
    height, width = shown.shape[:2]
    scale = min(1.0, size / max(height, width))
    target = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(shown, target, interpolation=cv2.INTER_AREA), np.uint8)
    return small if small.ndim == 3 else np.repeat(small[:, :, None], 3, axis=2)


def find_images(folder: Path) -> list[Path]:
    """Every image file in a folder and the folders in it, in natural order.

    Hidden files and folders are left out, and so is what a project keeps for itself.

    Raises:
        ImageError: when the folder is missing or cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ImageError("is no folder", remedy="Choose a folder of images", path=folder)
    found: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=_refuse):
        here = Path(place)
        own = PROJECT_FOLDERS if PROJECT_FILE in files else ()
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in own and not (here / name / PROJECT_FILE).exists()
        ]
        found += [
            here / name for name in files if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES
        ]
    return sorted(found, key=lambda path: (natural_key(path.relative_to(folder).as_posix()), str(path)))


def identity(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal: what an image is, wherever it lies.

    Raises:
        ImageError: when the file cannot be read.
    """
    with _explained(Path(path)), Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse(error: OSError) -> None:
    raise ImageError(
        f"cannot be read ({error.strerror or error})", remedy="Choose a folder you may read", path=error.filename
    ) from error


def _damaged(path: Path) -> ImageError:
    return ImageError("is damaged or truncated", remedy="Copy it again from its source", path=path)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError("is missing", remedy="Put the file back", path=path) from error
    except PermissionError as error:
        raise ImageError("cannot be read, permission denied", remedy="Allow reading it", path=path) from error
    except MemoryError as error:
        raise ImageError("does not fit into memory", remedy="Cut it into smaller images", path=path) from error
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise _damaged(path) from error


def _decode(path: Path, header: Header) -> Pixels:
    with PIL.Image.open(path) as file:
        return _turn(_to_array(file), header.orientation)


def _to_array(file: PIL.Image.Image) -> Pixels:
    """The values of a Pillow image: ``uint8``, ``uint16`` or ``float32``, grey or RGB."""
    mode = file.mode
    if mode == "1":
        file = file.convert("L")
    elif mode in ("P", "PA"):
        # By way of RGBA: the direct way warns of transparent palettes.
        file = file.convert("RGBA")
    elif mode in ("CMYK", "YCbCr", "HSV", "RGBX", "RGBa"):
        file = file.convert("RGB")
    elif mode == "La":
        file = file.convert("LA")
    values = _values(file)
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return values.astype(np.uint16, copy=False)
    if values.dtype.kind in "if":
        return values.astype(np.float32, copy=False)
    if values.dtype != np.uint8:
        raise ValueError(f"mode {mode}")
    if values.ndim == 3:
        return values[:, :, 0] if values.shape[2] == 2 else values[:, :, :3]
    return values


def _values(file: PIL.Image.Image) -> Pixels:
    width, height = file.size
    channels = len(file.getbands())
    if width * height * channels <= _BAND:
        return np.asarray(file)
    # Converting a huge image in one go takes three times its memory.
    rows = max(1, _BAND // (width * channels))
    first = np.asarray(file.crop((0, 0, width, min(rows, height))))
    out = np.empty((height, *first.shape[1:]), first.dtype)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        out[top:bottom] = np.asarray(file.crop((0, top, width, bottom)))
    return out


def _decode_deep(header: Header, path: Path) -> Pixels:
    """Colour of more than 8 bits, signed, 32-bit and double values: Pillow would cut them down, OpenCV does not."""
    values: Pixels | None = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise _damaged(path)
    if values.ndim == 3:
        values = values[:, :, 0] if header.channels <= 2 else values[:, :, 2::-1]
    values = _turn(values, header.orientation)
    if values.dtype not in (np.uint8, np.uint16, np.float32):
        values = values.astype(np.float32)
    return values


def _turn(values: Pixels, orientation: int) -> Pixels:
    """Rotate and mirror as EXIF 2.32, tag 0x0112, asks for."""
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    flip_rows = orientation in (3, 4, 7, 8)
    flip_columns = orientation in (2, 3, 6, 7)
    return values[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


def _window(pixels: Pixels) -> tuple[float, float]:
    """The values shown as black and white: the 0.5 and 99.5 percentile of the finite values."""
    if pixels.dtype == np.uint8:
        return 0.0, 255.0
    if pixels.dtype == np.uint16:
        low, high = _percentiles_of_counts(np.bincount(pixels.ravel(), minlength=2**16))
    else:
        step = -(-pixels.size // _SAMPLE)
        values = pixels.ravel()[::step]
        values = values[np.isfinite(values)]
        if not values.size:
            return 0.0, 1.0
        low, high = (float(v) for v in np.percentile(values, (_LOW, _HIGH)))
    return (low, high) if high > low else (low, low + 1.0)


def _percentiles_of_counts(counts: np.ndarray) -> tuple[float, float]:
    """`numpy.percentile` (linear) of the values a histogram counts."""
    below = np.cumsum(counts)
    total = int(below[-1])
    out = []
    for percent in (_LOW, _HIGH):
        place = (total - 1) * percent / 100
        left, right = (int(np.searchsorted(below, rank, side="right")) for rank in (int(place), -int(-place // 1)))
        out.append(left + (right - left) * (place - int(place)))
    return out[0], out[1]
