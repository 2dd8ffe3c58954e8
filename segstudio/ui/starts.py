"""What a run can start from on this machine: backbones, models of the project, published networks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from segstudio.learn.backbones.registry import BACKBONES, weights_file
from segstudio.learn.networks.carrying import stored_weights
from segstudio.learn.networks.structures import STRUCTURES, structure_file
from segstudio.learn.request import TrainSettings
from segstudio.ui.option_spec import Choice
from segstudio.ui.panels.model_list import miou_of
from segstudio.ui.panels.scores import number
from segstudio.ui.training_table import TRANSFER_CHOICES

if TYPE_CHECKING:
    from segstudio.storage.project import ModelRecord

MISSING = "Its weights are not on this machine: Model, Backbones and weights brings them."
_NOTHING = "There is nothing to start from yet: train a model first, or get the weights of a published network."


@dataclass(frozen=True, slots=True)
class Offers:
    """What there is to choose from.

    Attributes:
        backbones: by name.
        starts: for structure transfer: folders of models, the one in use first, then names of published networks.
    """

    backbones: tuple[Choice, ...] = ()
    starts: tuple[Choice, ...] = ()

    def transfers(self) -> tuple[Choice, ...]:
        """The transfers; structure only where a whole network is at hand."""
        if any(choice.here for choice in self.starts):
            return TRANSFER_CHOICES
        return tuple(
            choice._replace(here=False, tip=_NOTHING) if choice.value == "structure" else choice
            for choice in TRANSFER_CHOICES
        )

    def backbones_for(self, transfer: str) -> tuple[Choice, ...]:
        """The backbones; those without weights only for a random start."""
        if transfer == "none":
            return tuple(choice._replace(here=True) for choice in self.backbones)
        return self.backbones

    def fitted(self, settings: TrainSettings) -> TrainSettings:
        """The settings with something at hand in place of what is not."""
        here = [choice.value for choice in self.starts if choice.here]
        if settings.transfer == "structure":
            if not here:
                return self.fitted(replace(settings, transfer="parameter", start=None))
            return settings if settings.start in here else replace(settings, start=here[0])
        known = [choice.value for choice in self.backbones_for(settings.transfer) if choice.here]
        if settings.start is not None:
            settings = replace(settings, start=None)
        if settings.backbone in known or not known:
            return settings
        return replace(settings, backbone=known[0])


def backbone_choices() -> tuple[Choice, ...]:
    """The backbones of the registry, and any other whose weights were brought to this machine."""
    rows = []
    for name, backbone in BACKBONES.items():
        here = weights_file(backbone) is not None
        title = backbone.title if here else f"{backbone.title} (no weights)"
        tip = f"{backbone.parameters / 1e6:.1f} million parameters. {backbone.source}."
        if not here:
            tip = MISSING
        rows.append(Choice(name, title, tip, here))
    others = [stored.name for stored in stored_weights() if stored.name not in {*BACKBONES, *STRUCTURES}]
    return (*rows, *(Choice(name, name.partition(":")[2], f"{name}, brought to this machine") for name in others))


def start_choices(models: Sequence["ModelRecord"]) -> tuple[Choice, ...]:
    """Models of a project, the one in use first, then published networks.

    Args:
        models: newest first.
    """
    rows = []
    for model in sorted(models, key=lambda model: not model.in_use):
        score = miou_of(model)
        parts = [model.name.partition("-")[0], "in use" if model.in_use else "", "" if score is None else number(score)]
        tip = f"Goes on from the model in use, {model.name}." if model.in_use else f"Goes on from {model.name}."
        rows.append(Choice(str(model.folder), " · ".join(part for part in parts if part), tip))
    for name, structure in STRUCTURES.items():
        here = structure_file(structure) is not None
        tip = f"{structure.title}: {structure.source}." if here else MISSING
        rows.append(Choice(name, structure.title if here else f"{structure.title} (no weights)", tip, here))
    return tuple(rows)
