"""A scene in which a model speaks alone: its opinion is drawn where annotation and proposal usually are."""

from dataclasses import dataclass

import numpy as np

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.proposal import Proposal
from segstudio.core.pyramid import NearestPyramid
from segstudio.core.scene import Scene


@dataclass(frozen=True, slots=True, eq=False)
class Disagreement:
    """What two models say of one image.

    Attributes:
        first, second: what each says, of one size.
        share: of the pixels that they give different classes, 0..1.
        only: the same two, void where they agree, with full confidence elsewhere.
    """

    first: Proposal
    second: Proposal
    share: float
    only: tuple[Proposal, Proposal]

    @staticmethod
    def of(first: Proposal, second: Proposal) -> "Disagreement":
        """Compare two opinions; ValueError when they are of different sizes. Takes a while for a large image."""
        if first.classes.shape != second.classes.shape:
            raise ValueError(f"{first.classes.shape} and {second.classes.shape} differ in size")
        differ = first.classes != second.classes
        sure = np.broadcast_to(
            np.uint8(255), differ.shape
        )  # models doubt where they differ: it is to be seen all the same

        def alone(opinion: Proposal) -> Proposal:
            return Proposal(np.where(differ, opinion.classes, np.uint8(VOID)), sure, opinion.model)

        return Disagreement(first, second, float(differ.mean()) if differ.size else 0.0, (alone(first), alone(second)))

    @property
    def size_bytes(self) -> int:
        """Memory it takes."""
        return 6 * self.first.classes.nbytes


class Opinions(Scene):
    """Stands for another scene, and can show somebody's opinion of its image instead of its labels.

    Document, image and halved copies are those of the other one: nothing is copied, and no label is touched. The
    document's own proposal stays what it is, too.

    Args:
        scene: what is shown while nobody speaks.
    """

    def __init__(self, scene: Scene) -> None:
        # Not as a scene of its own: that would read all labels again, and follow them a second time.
        self.document = scene.document
        self.pyramid = scene.pyramid
        self._scene = scene
        self._shown: tuple[NearestPyramid, NearestPyramid] | None = None

    @property
    def levels(self) -> int:
        """Number of levels of the labels."""
        return self._scene.levels

    @property
    def scene(self) -> Scene:
        """What this one stands for."""
        return self._scene

    def speak(self, opinion: Proposal | None) -> None:
        """Show this opinion alone; None shows annotation and proposal again. Who draws is not told.

        Raises:
            ValueError: when it is of another size than the image.
        """
        if opinion is None:
            self._shown = None
            return
        if opinion.classes.shape != self.document.annotation.shape:
            raise ValueError(f"opinion is {opinion.classes.shape}, annotation {self.document.annotation.shape}")
        self._shown = NearestPyramid(opinion.classes), NearestPyramid(opinion.confidence)

    @property
    def speaking(self) -> bool:
        """Whether an opinion is shown in place of the labels."""
        return self._shown is not None

    def annotation(self, level: int, part: Rect | None = None) -> U8:
        """See `Scene.annotation`; void while somebody speaks. Read only."""
        if self._shown is None:
            return self._scene.annotation(level, part)
        return np.broadcast_to(np.uint8(VOID), self._scene.annotation(level, EMPTY).shape)

    def proposal(self, level: int) -> tuple[U8, U8, U8 | None] | None:
        """See `Scene.proposal`; what was rejected is no matter while somebody speaks."""
        if self._shown is None:
            return self._scene.proposal(level)
        classes, confidence = self._shown
        return classes.level(level), confidence.level(level), None
