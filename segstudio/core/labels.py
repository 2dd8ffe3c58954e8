"""Labels as they travel to training: one image's annotation, snapshotted and packed."""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from segstudio.core.arrays import U8

Split = Literal["train", "validation"]


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image with its annotation at one moment; picklable, and small while it waits.

    Attributes:
        key: name of the image in its project, with ``/`` between folders, without suffix.
        path: where the image file lies.
        split: ``train`` or ``validation``.
        revision: grows with every change of the annotation; equal revisions mean equal labels.
        shape: ``(H, W)`` of the annotation.
        packed: zlib-compressed bytes of the ``uint8 (H, W)`` annotation.
    """

    key: str
    path: Path
    split: Split
    revision: int
    shape: tuple[int, int]
    packed: bytes

    @staticmethod
    def pack(*, key: str, path: Path, split: Split, revision: int, annotation: U8) -> "LabelledImage":
        """Snapshot ``annotation``, ``uint8 (H, W)`` of class indices and void."""
        height, width = annotation.shape
        data = zlib.compress(np.ascontiguousarray(annotation).tobytes(), 1)
        return LabelledImage(key, path, split, revision, (height, width), data)

    def annotation(self) -> U8:
        """A fresh ``uint8 (H, W)`` copy of the labels."""
        return np.frombuffer(zlib.decompress(self.packed), np.uint8).reshape(self.shape).copy()


def fingerprint(images: Sequence[LabelledImage]) -> str:
    """Short hexadecimal digest of which pixels are labelled how, and of the split; order does not matter."""
    digest = hashlib.sha256()
    for image in sorted(images, key=lambda item: item.key):
        digest.update(f"{image.key}\0{image.split}\0{image.shape}\0".encode())
        digest.update(zlib.decompress(image.packed))
    return digest.hexdigest()[:16]
