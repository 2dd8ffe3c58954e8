"""The options of training, in groups, and the settings they make."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, TypeVar

import typer

from segstudio.core.augmentation import Augmentation
from segstudio.errors import UsageError
from segstudio.learn.request import LOSSES, OPTIMIZERS, REGULARISERS, SCHEDULES, TRANSFERS, UNFREEZINGS

Choice = TypeVar("Choice", bound=str)
_NETWORK, _LIMITS, _CROPS = "What is trained", "How long", "What it sees"
_LOSS, _OPTIMISER, _MACHINE = "Loss", "Optimiser", "Machine"
SWITCHES = tuple(field.name for field in fields(Augmentation) if isinstance(getattr(Augmentation(), field.name), bool))


def _one_of(choices: Sequence[str]) -> str:
    return "|".join(choice.replace(" ", "-") for choice in choices)


Backbone = Annotated[str, typer.Option(help="See: segstudio backbones.", rich_help_panel=_NETWORK)]
TransferName = Annotated[
    str,
    typer.Option(
        metavar=_one_of(TRANSFERS),
        help="parameter: start pretrained, train all; feature: keep the encoder frozen; structure: go on from a whole"
        " network, see --start; none: random start.",
        rich_help_panel=_NETWORK,
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        help="With structure: a published network, a model of the project, or the folder of a model.",
        rich_help_panel=_NETWORK,
    ),
]
DecoderName = Annotated[
    str, typer.Option(help="auto: fpnfine; with feature transfer, light.", rich_help_panel=_NETWORK)
]
Minutes = Annotated[
    float | None,
    typer.Option(help="Time spent training; 3 when no other limit is given.", rich_help_panel=_LIMITS),
]
Steps = Annotated[int | None, typer.Option(min=1, help="Stop after this many steps.", rich_help_panel=_LIMITS)]
OnPlateau = Annotated[
    bool, typer.Option("--plateau", help="Stop when the score has stopped rising.", rich_help_panel=_LIMITS)
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with the run that was stopped last, with its own settings; only limits can be given anew.",
        rich_help_panel=_LIMITS,
    ),
]
Crop = Annotated[
    int | None,
    typer.Option(
        min=64, max=2048, help="Side of the training crops, in pixels; chosen by the images.", rich_help_panel=_CROPS
    ),
]
BatchSize = Annotated[int, typer.Option("--batch", min=1, max=256, help="Crops at once.", rich_help_panel=_CROPS)]
Accumulation = Annotated[int, typer.Option(min=1, max=1024, help="Batches that make one step.", rich_help_panel=_CROPS)]
Augment = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,...", help=f"Change crops in these ways only: {', '.join(SWITCHES)}.", rich_help_panel=_CROPS
    ),
]
NoAugment = Annotated[bool, typer.Option("--no-augment", help="Leave crops as they are.", rich_help_panel=_CROPS)]
LossName = Annotated[str, typer.Option("--loss", metavar=_one_of(LOSSES), rich_help_panel=_LOSS)]
Balance = Annotated[
    float,
    typer.Option(min=0, max=1, help="0: every labelled pixel counts alike; 1: every class.", rich_help_panel=_LOSS),
]
Smoothing = Annotated[
    float, typer.Option(min=0, max=0.9, help="Share of the truth given to other classes.", rich_help_panel=_LOSS)
]
OptimizerOption = Annotated[str, typer.Option("--optimizer", metavar=_one_of(OPTIMIZERS), rich_help_panel=_OPTIMISER)]
Rate = Annotated[
    float | None,
    typer.Option(help="Learning rate of what starts new; chosen by the optimiser.", rich_help_panel=_OPTIMISER),
]
EncoderShare = Annotated[
    float,
    typer.Option(min=0, max=1, help="Learning rate of the encoder, as a share of it.", rich_help_panel=_OPTIMISER),
]
RegulariserName = Annotated[
    str,
    typer.Option(
        "--regulariser",
        metavar=_one_of(REGULARISERS),
        help="decay: pull weights toward zero; l2sp: toward where they started.",
        rich_help_panel=_OPTIMISER,
    ),
]
Strength = Annotated[float, typer.Option(min=0, help="Of the regulariser.", rich_help_panel=_OPTIMISER)]
ScheduleName = Annotated[str, typer.Option("--schedule", metavar=_one_of(SCHEDULES), rich_help_panel=_OPTIMISER)]
UnfreezingName = Annotated[
    str,
    typer.Option(
        "--unfreezing",
        metavar=_one_of(UNFREEZINGS),
        help="When the encoder of a parameter transfer learns too.",
        rich_help_panel=_OPTIMISER,
    ),
]
Clip = Annotated[
    float, typer.Option(min=0, help="Largest norm of a step's gradient; 0 for any.", rich_help_panel=_OPTIMISER)
]
NoAverage = Annotated[
    bool,
    typer.Option("--no-average", help="Keep no running average of the weights.", rich_help_panel=_OPTIMISER),
]
DeviceName = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=_MACHINE)]
Seed = Annotated[int, typer.Option(min=0, help="Of weights, crops and augmentation.", rich_help_panel=_MACHINE)]
Deterministic = Annotated[
    bool, typer.Option("--deterministic", help="Repeat bit for bit, at whatever cost.", rich_help_panel=_MACHINE)
]
CacheMb = Annotated[int, typer.Option(min=0, help="Memory for decoded images, in MiB.", rich_help_panel=_MACHINE)]


def chosen(option: str, value: str, choices: Sequence[Choice]) -> Choice:
    """The choice of that name, in which spaces may be written as hyphens.

    Raises:
        UsageError: there is none; the line lists them.
    """
    for choice in choices:
        if value in (choice, choice.replace(" ", "-")):
            return choice
    listed = ", ".join(choice.replace(" ", "-") for choice in choices)
    raise UsageError(f"{option} '{value}' is unknown", remedy=f"Choose one of {listed}")


def augmentation(names: str | None, *, none: bool) -> Augmentation:
    """What may happen to crops.

    Args:
        names: separated by commas, as ``--augment`` gives them; None for the default.
        none: nothing may.

    Raises:
        UsageError: a name is unknown, or both were given.
    """
    if none and names is not None:
        raise UsageError("--augment and --no-augment exclude each other", remedy="Give one of them")
    if names is None and not none:
        return Augmentation()
    wanted = [] if names is None else [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        chosen("--augment", name.replace("-", "_"), SWITCHES)
    return Augmentation(**{name: name in {each.replace("-", "_") for each in wanted} for name in SWITCHES})
