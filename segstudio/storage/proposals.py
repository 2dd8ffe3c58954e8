"""Proposals on disk: the classes as indexed PNG, the confidence beside them as grey PNG."""

import logging
import uuid
from pathlib import Path

from segstudio.core.classes import ClassTable
from segstudio.core.proposal import Proposal
from segstudio.errors import MaskError
from segstudio.storage.atomic import write_bytes
from segstudio.storage.masks import encode_grey, encode_mask, read_mask, read_text

_MODEL = "SegStudio-Model"
_PAIR = "SegStudio-Pair"
_log = logging.getLogger(__name__)


def write_proposal(folder: Path, key: str, proposal: Proposal, classes: ClassTable) -> None:
    """Keep the proposal of an image in ``KEY.png`` and ``KEY.confidence.png`` below a folder.

    Raises:
        ProjectError: when the files cannot be written.
    """
    # Both files carry one mark: should the second never be written, the first is not taken for its partner.
    text = {_MODEL: proposal.model, _PAIR: uuid.uuid4().hex}
    path, beside = proposal_paths(folder, key)
    write_bytes(beside, encode_grey(proposal.confidence, text=text))
    write_bytes(path, encode_mask(proposal.classes, classes, text=text))


def proposal_paths(folder: Path, key: str) -> tuple[Path, Path]:
    """Where the classes and the confidence of a proposal lie."""
    return folder / f"{key}.png", folder / f"{key}.confidence.png"


def read_proposal(folder: Path, key: str, size: tuple[int, int]) -> Proposal | None:
    """The proposal of an image; None when there is none that can be used."""
    path, beside = proposal_paths(folder, key)
    if not path.exists():
        return None
    try:
        text = read_text(path)
        if text.get(_PAIR) != read_text(beside).get(_PAIR):
            return None
        return Proposal(read_mask(path, size=size), read_mask(beside, size=size), text.get(_MODEL, ""))
    except MaskError as error:
        # Any model can say it again; nothing of a person's is lost.
        _log.warning("%s The proposal is dropped.", error)
        return None
