"""A model's opinion of one image."""

from dataclasses import dataclass

from segstudio.core.arrays import U8


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """What a model says of one image; never part of the annotation.

    Attributes:
        classes: ``uint8 (H, W)`` class indices.
        confidence: ``uint8 (H, W)``, 255 times the probability of that class.
        model: name of the model that said so.
    """

    classes: U8
    confidence: U8
    model: str

    def __post_init__(self) -> None:
        if self.classes.shape != self.confidence.shape or self.classes.ndim != 2:
            raise ValueError(f"classes {self.classes.shape} and confidence {self.confidence.shape} differ")
