"""One document with its image, ready to be drawn at any scale."""

from segstudio.core.arrays import U8
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.proposal import Proposal
from segstudio.core.pyramid import LabelPyramid, NearestPyramid, Pyramid


class Scene:
    """What the canvas draws: image, annotation, proposal and rejections, with their halved copies.

    Making it reads every pixel once: for a large image, do it off the GUI thread.

    Args:
        document: its annotation is followed as it changes.
        pyramid: the image.
    """

    def __init__(self, document: Document, pyramid: Pyramid) -> None:
        self.document = document
        self.pyramid = pyramid
        self._annotation = LabelPyramid(document.annotation)
        self._proposal: Proposal | None = None
        self._classes: NearestPyramid | None = None
        self._confidence: NearestPyramid | None = None
        self._follow_proposal()
        self._told: Proposal | None = document.proposal
        document.on_change.append(self._changed)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image."""
        return self.pyramid.size

    @property
    def levels(self) -> int:
        """Number of levels of the labels."""
        return self._annotation.count

    def annotation(self, level: int, part: Rect | None = None) -> U8:
        """The annotation at a level, up to date in a part of it, in pixels of the level; None: everywhere."""
        return self._annotation.level(level, part)

    def proposal(self, level: int) -> tuple[U8, U8, U8 | None] | None:
        """Classes, confidence and rejections at a level, each ``uint8``; None without a proposal."""
        self._follow_proposal()
        if self._classes is None or self._confidence is None:
            return None
        rejected, step = self.document.rejected, 1 << level
        return (
            self._classes.level(level),
            self._confidence.level(level),
            None if rejected is None else rejected[::step, ::step],
        )

    def _changed(self, rect: Rect) -> None:
        """Follow a change of the labels; a new proposal, told of all over the image, changes none."""
        if self.document.proposal is not self._told:
            self._told = self.document.proposal
        else:
            self._annotation.touch(rect)

    def _follow_proposal(self) -> None:
        proposal = self.document.proposal
        if proposal is not self._proposal:
            self._proposal = proposal
            self._classes = None if proposal is None else NearestPyramid(proposal.classes)
            self._confidence = None if proposal is None else NearestPyramid(proposal.confidence)
