"""The layers of one image on disk: masks that contain everything up to a revision, and a journal of the rest."""

import logging
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.history import LAYERS, Layer
from segstudio.errors import MaskError, ProjectError
from segstudio.storage.atomic import write_bytes, write_error
from segstudio.storage.journal import Journal, write_journal
from segstudio.storage.masks import encode_mask, read_mask, read_text

REVISION = "SegStudio-Revision"
CHECKSUM = "SegStudio-Checksum"

_FOLDERS: dict[Layer, str] = {"annotation": "annotations", "rejected": "rejected"}
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Mask:
    """A mask file: its pixels, and the revision it contains; None when another program wrote it."""

    pixels: U8
    revision: int | None


@dataclass(slots=True)
class Layers:
    """What is on disk of one image.

    Attributes:
        annotation: ``uint8 (H, W)``.
        rejected: ``uint8 (H, W)`` or None.
        revision: counts the changes of the image.
        journal: the strokes behind it.
        behind: the layers whose mask file lacks entries of the journal.
        damaged: the layers whose mask file could not be read and that come from the journal alone.
        wasteful: the journal should be compacted.
    """

    annotation: U8
    rejected: U8 | None
    revision: int
    journal: Journal
    behind: tuple[Layer, ...] = ()
    damaged: tuple[Layer, ...] = ()
    wasteful: bool = False

    @property
    def labelled_pixels(self) -> int:
        """Number of pixels that are not void."""
        return int(np.count_nonzero(self.annotation != VOID))


class LayerFiles:
    """The mask and journal files of one image.

    Nothing here locks: `adopt`, `write` and `replace` are for whoever holds the project's turn to write.

    Args:
        folder: of the project.
        key: of the image.
        size: width and height of the image.
    """

    def __init__(self, folder: Path, key: str, size: tuple[int, int]) -> None:
        self.journal = folder / "journal" / f"{key}.journal"
        self._paths: dict[Layer, Path] = {layer: folder / name / f"{key}.png" for layer, name in _FOLDERS.items()}
        self._size = size

    def read(self, classes: ClassTable) -> Layers | None:
        """What is on disk; None when masks and journal do not fit each other: see `adopt`.

        May be called while another thread or program writes; then None can also mean "in between".

        Raises:
            MaskError: when a mask is damaged beyond what the journal can rebuild, or is no mask of this image.
            ProjectError: when the journal cannot be read.
        """
        masks, damaged, journal = self._load(classes)
        if not _fit(masks, damaged, journal):
            return None
        return self._replayed(masks, damaged, journal)

    def adopt(self, classes: ClassTable, *, revision: int) -> Layers:
        """Make peace between masks and journal that do not fit: the mask wins, the history begins anew.

        Args:
            classes: of the project.
            revision: highest one known; the result is above it.
        """
        masks, damaged, journal = self._load(classes)
        found = self._replayed(masks, damaged, journal)
        if _fit(masks, damaged, journal):
            return found
        known = [mask.revision or 0 for mask in masks.values()]
        fresh = max(revision, journal.revision, *known, 0) + 1
        _log.info("%s: changed by another program, taken over as it is", self._paths["annotation"])
        if journal.records:
            _keep_aside(self.journal, ".old")
        self.replace(found.annotation, found.rejected, classes, revision=fresh)
        return Layers(found.annotation, found.rejected, fresh, Journal(self.journal))

    def replace(
        self, annotation: U8, rejected: U8 | None, classes: ClassTable, *, revision: int, journal: bytes | None = None
    ) -> None:
        """Put new layers in place of all there was, with an empty history, or with `journal` of that revision."""
        # Should this stop half way, the masks are ahead of the journal, so they win at the next reading.
        if rejected is not None:
            write_bytes(self._paths["rejected"], _encoded(rejected, classes, revision))
        write_bytes(self._paths["annotation"], _encoded(annotation, classes, revision))
        if journal is None:
            write_journal(self.journal, revision=revision)
        else:
            write_bytes(self.journal, journal)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where the files lie, in the order in which `replace` writes them."""
        return self._paths["rejected"], self._paths["annotation"], self.journal

    def known_revision(self, least: int) -> int:
        """The highest revision any file mentions, `least` at least."""
        return max(least, Journal(self.journal, keep=False).revision, *(self._revision_of(layer) for layer in LAYERS))

    def encode(self, found: Layers, classes: ClassTable) -> dict[Layer, bytes]:
        """The mask files that would bring the disk up to `found`; slow, and needs no lock."""
        layers: dict[Layer, U8 | None] = {"annotation": found.annotation, "rejected": found.rejected}
        wanted = LAYERS if found.wasteful else found.behind
        return {
            layer: _encoded(pixels, classes, found.revision)
            for layer in wanted
            if (pixels := layers[layer]) is not None
        }

    def write(self, files: dict[Layer, bytes], found: Layers) -> None:
        """Put encoded masks in place, unless the disk has moved to a newer state; compact the journal if it is due."""
        journal = Journal(self.journal)
        if journal.base > found.revision or journal.revision < found.revision:
            return
        for layer, data in files.items():
            if layer in found.damaged:
                _keep_aside(self._paths[layer], ".damaged")
            if self._revision_of(layer) < found.revision:
                write_bytes(self._paths[layer], data)
        if found.wasteful and journal.revision == found.revision:
            write_bytes(self.journal, journal.compacted())

    def _load(self, classes: ClassTable) -> tuple[dict[Layer, _Mask], tuple[Layer, ...], Journal]:
        masks: dict[Layer, _Mask] = {}
        troubles: dict[Layer, MaskError] = {}
        for layer, path in self._paths.items():
            if not _is_there(path):
                continue
            try:
                masks[layer] = self._read(path, len(classes))
            except MaskError as error:
                if _readable(path):  # a mask, but not of this image
                    raise
                troubles[layer] = error
        # After the masks: a journal that is read later than a mask contains at least what the mask does.
        journal = Journal(self.journal)
        for trouble in troubles.values():
            if journal.base or not journal.records:
                raise trouble
            _log.warning("%s It is rebuilt from the journal.", trouble)
        return masks, tuple(troubles), journal

    def _read(self, path: Path, classes: int) -> _Mask:
        pixels = read_mask(path, size=self._size, classes=classes)
        text = read_text(path)
        revision = text.get(REVISION, "")
        ours = revision.isdecimal() and text.get(CHECKSUM) == _checksum(pixels)
        return _Mask(pixels, int(revision) if ours else None)

    def _revision_of(self, layer: Layer) -> int:
        try:
            text = read_text(self._paths[layer]).get(REVISION, "")
        except MaskError:
            return -1
        return int(text) if text.isdecimal() else -1

    def _replayed(self, masks: dict[Layer, _Mask], damaged: tuple[Layer, ...], journal: Journal) -> Layers:
        width, height = self._size
        arrays: dict[Layer, U8] = {layer: mask.pixels for layer, mask in masks.items()}
        # A mask that is not there contains nothing; one of another program, or from a backup, all that it shall.
        contains: dict[Layer, int] = {}
        for layer, mask in masks.items():
            ours = mask.revision is not None and mask.revision >= journal.base
            contains[layer] = mask.revision if ours and mask.revision is not None else journal.revision
        behind: list[Layer] = list(damaged)
        for record, patch in journal.steps(contains):
            if patch.layer not in arrays:
                arrays[patch.layer] = np.full((height, width), VOID, np.uint8)
            if patch.layer not in behind:
                behind.append(patch.layer)
            if patch.rect.x1 > width or patch.rect.y1 > height:
                raise ProjectError(
                    f"belongs to an image of another size than {width} x {height}",
                    remedy="Restore the image it was made for",
                    path=self.journal,
                )
            (patch.revert if record.kind == "undo" else patch.apply)(arrays[patch.layer])
        annotation = arrays.get("annotation")
        if annotation is None:
            annotation = np.full((height, width), VOID, np.uint8)
        revisions = (journal.revision, *(mask.revision or 0 for mask in masks.values()))
        return Layers(
            annotation,
            arrays.get("rejected"),
            max(revisions),
            journal,
            behind=tuple(behind),
            damaged=damaged,
            wasteful=journal.wasteful(),
        )


def _keep_aside(path: Path, suffix: str) -> None:
    try:
        path.replace(path.with_name(path.name + suffix))
    except FileNotFoundError:
        return
    except OSError as error:
        raise write_error(error, path) from error


def _fit(masks: dict[Layer, _Mask], damaged: tuple[Layer, ...], journal: Journal) -> bool:
    for mask in masks.values():
        if mask.revision is None or not journal.base <= mask.revision <= journal.revision:
            return False
    # Beyond a base the journal does not tell everything: what it leaves out must be in the masks.
    if not journal.base:
        return True
    compacted = {record.layer for record in journal.records if record.revision <= journal.base}
    return not damaged and "annotation" in masks and ("rejected" in masks or "rejected" not in compacted)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:  # there or not, it must not be taken for an empty one
        raise MaskError(f"cannot be read ({error.strerror})", remedy="Allow reading it", path=path) from error
    return True


def _readable(path: Path) -> bool:
    try:
        read_mask(path)
    except MaskError:
        return False
    return True


def _checksum(pixels: U8) -> str:
    return f"{zlib.crc32(np.ascontiguousarray(pixels).data):08x}"


def _encoded(pixels: U8, classes: ClassTable, revision: int) -> bytes:
    return encode_mask(pixels, classes, text={REVISION: str(revision), CHECKSUM: _checksum(pixels)})
