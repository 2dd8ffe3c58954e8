"""The options of training: the dialog, what it marks as changed, and the line about it read them."""

from collections.abc import Mapping
from typing import Any

from segstudio.learn.networks.decoder_table import DECODER_TABLE
from segstudio.learn.request import TrainSettings
from segstudio.learn.training.checking import RANGES
from segstudio.ui.augmentation_table import AUGMENTATION
from segstudio.ui.option_spec import Choice, Option, Page, value_of

_MB = 1 << 20
_MANY = 1e9


# Why an option has no effect


def _whole_network(settings: TrainSettings) -> str:
    return "The network that moves in has its own." if settings.transfer == "structure" else ""


def _only_structure(settings: TrainSettings) -> str:
    return "" if settings.transfer == "structure" else "Only with structure transfer."


def _only_parameter(settings: TrainSettings) -> str:
    return "" if settings.transfer == "parameter" else "Only with parameter transfer."


def _only_feature(settings: TrainSettings) -> str:
    return "" if settings.transfer == "feature" else "Only with feature transfer."


def _learning_encoder(settings: TrainSettings) -> str:
    return {"feature": "The encoder is frozen.", "none": "All of the network starts at random."}.get(
        settings.transfer, ""
    )


# The table

TRANSFER_CHOICES = (
    Choice("parameter", "Parameter", "Starts pretrained, and all of it learns. The best choice with some labels."),
    Choice(
        "feature",
        "Feature",
        "The pretrained backbone stays as it is, only the rest learns. Fast, good with few labels.",
    ),
    Choice(
        "structure",
        "Structure",
        "A whole network moves in; classes of one name keep what they know. This also goes on from the model in use.",
    ),
    Choice("none", "None", "A random start, to compare with. Wants many labels and much time."),
)
_DECODERS = (
    Choice("auto", "Automatic", "Fine FPN; with feature transfer, Light."),
    *(Choice(entry.name, entry.title, entry.about) for entry in DECODER_TABLE.values()),
)
_CROPS = (
    Choice(None, "Automatic", "256 px, less where all images are smaller."),
    *(Choice(side, f"{side} px") for side in (64, 96, 128, 192, 256, 320, 384, 448, 512, 640, 768, 1024)),
)
_LOSSES = (
    Choice("ce", "Cross-entropy", "Every labelled pixel counts on its own."),
    Choice("ce_dice", "Cross-entropy + Dice", "Also counts how well areas overlap. A good choice for most."),
    Choice("focal", "Focal", "Pixels that are easy count less."),
    Choice("ce_lovasz", "Cross-entropy + Lovász", "Also counts the IoU itself."),
    Choice("ce_tversky", "Cross-entropy + Tversky", "As Dice, but what is missed counts more than what is too much."),
)
_OPTIMIZERS = (
    Choice("adamw", "AdamW", "Steps of a size of their own for each weight. A good choice for most."),
    Choice("adam", "Adam", "AdamW's forerunner."),
    Choice("sgd", "SGD with momentum", "Plain steps; wants a rate that suits the data."),
)
_REGULARISERS = (
    Choice("decay", "Weight decay", "Pulls the weights toward zero."),
    Choice("l2sp", "L2-SP", "Pulls what was transferred toward where it started, so that it is not forgotten."),
)
_SCHEDULES = (
    Choice("auto", "Automatic", "Cosine where an end is known; else long constant, then slowly falling."),
    Choice("cosine", "Cosine", "Falls along half a cosine."),
    Choice("poly", "Polynomial", "Falls nearly evenly."),
    Choice("constant", "Constant", "Stays as it is."),
)
_UNFREEZINGS = (
    Choice("gradual", "Gradually", "Stage by stage, the deepest one first."),
    Choice("at once", "At once, later", "All of it, when the rest has learnt a little."),
    Choice("from the start", "From the start", "All of it, from the first step."),
)
_DEVICES = (
    Choice("auto", "Automatic", "A graphics card where there is one, else the processor."),
    Choice("cpu", "Processor", "Slower, but always there."),
    Choice("cuda", "CUDA", "A card of NVIDIA; training says so when there is none."),
    Choice("mps", "MPS", "The graphics part of an Apple chip; training says so when there is none."),
)


def _number(path: str, label: str, tip: str, **more: Any) -> Option:
    low, high = RANGES[path.rpartition(".")[2]]
    return Option(path, label, tip, low=low, high=high, **more)


START = (
    Option("transfer", "Transfer", "How much of a pretrained network is kept.", TRANSFER_CHOICES),
    Option("backbone", "Backbone", "The pretrained encoder to start from.", (Choice("", ""),), blocked=_whole_network),
    Option(
        "start",
        "From",
        "The network that moves in: a model of this project, or a published network. The model in use is continued.",
        (Choice("", ""),),
        marked=False,
        blocked=_only_structure,
    ),
)
DECODER = Option("decoder", "Decoder", "From the encoder's features to classes.", _DECODERS, blocked=_whole_network)
CROP = Option("crop", "Crop size", "Side of the squares cut from the images, in their own pixels.", _CROPS)
LEARNING = (
    (
        "Loss",
        (
            Option("loss.kind", "Loss", "What counts as wrong.", _LOSSES),
            _number("loss.balance", "Class balance", "0 counts every labelled pixel alike, 1 every class alike."),
            _number("loss.smoothing", "Label smoothing", "Share of the truth given to the other classes."),
        ),
    ),
    (
        "Optimiser",
        (
            Option("optimisation.optimizer", "Optimiser", "How a gradient becomes a step.", _OPTIMIZERS),
            _number("optimisation.rate", "Learning rate", "Size of the steps of what starts new.", empty="Auto"),
            _number(
                "optimisation.encoder_share",
                "Encoder share",
                "Rate of the pretrained part, as a share of the learning rate; earlier stages get less.",
                blocked=_learning_encoder,
            ),
            Option("optimisation.schedule", "Schedule", "How the learning rate falls.", _SCHEDULES),
            Option(
                "optimisation.unfreezing",
                "Unfreezing",
                "When the pretrained encoder begins to learn.",
                _UNFREEZINGS,
                blocked=_only_parameter,
            ),
            Option("optimisation.regulariser", "Regulariser", "What holds the weights back.", _REGULARISERS),
            _number("optimisation.strength", "Strength", "Of the regulariser; 0 is none."),
        ),
    ),
    (
        "Steps",
        (
            _number("optimisation.accumulation", "Accumulation", "Batches whose gradients make one step.", whole=True),
            _number("optimisation.clip", "Gradient clipping", "Largest norm of a step's gradient.", empty="None"),
            Option(
                "optimisation.average",
                "Average of the weights",
                "A running average competes for promotion, too.",
            ),
        ),
    ),
)
LIMITS = (
    Option("minutes", "Minutes", "Time spent training.", low=0.01, high=1e5, unit="min", empty="No limit"),
    Option("steps", "Steps", "Optimiser steps.", low=1, high=_MANY, whole=True, empty="No limit"),
    Option("plateau", "Stop at a plateau", "End when the score has not risen for several rounds."),
)
MACHINE = (
    (
        "Computing",
        (
            Option("device", "Device", "Where it computes.", _DEVICES),
            _number("batch", "Batch size", "Crops a batch. On a processor few are better.", unit="crops", whole=True),
            Option("deterministic", "Deterministic", "Repeats a run bit for bit; may be slower."),
            Option("seed", "Seed", "Of weights, crops and augmentation.", low=0, high=2**31 - 1, whole=True),
        ),
    ),
    (
        "Memory",
        (
            Option(
                "cache_bytes",
                "Image cache",
                "Decoded images kept in memory; others are read again for each crop.",
                low=0,
                high=1e7,
                unit="MB",
                whole=True,
                scale=_MB,
            ),
            Option(
                "cache_features",
                "Feature cache",
                "Keeps the features of crops: steps are several times as fast.",
                blocked=_only_feature,
            ),
        ),
    ),
)
PAGES: tuple[Page, ...] = (
    Page("Start and network", (("Start", START), ("Network", (DECODER,)))),
    Page(
        "Crops and augmentation",
        (("Crops", (CROP,)), ("Augmentation", tuple(option for row, more in AUGMENTATION for option in (row, *more)))),
    ),
    Page("Learning", LEARNING),
    Page("Limits", (("Train until", LIMITS),)),
    Page("Machine", MACHINE),
)
OPTIONS: Mapping[str, Option] = {
    option.path: option for page in PAGES for _, options in page.groups for option in options
}
_SHOWN = {"backbone", "transfer", "start", "decoder", "crop", "minutes", "steps", "plateau"}  # by the panel or its line


def changed(settings: TrainSettings) -> list[str]:
    """Paths of the options that are not as they are by default."""
    usual = TrainSettings()
    return [
        path for path, option in OPTIONS.items() if option.marked and value_of(settings, path) != value_of(usual, path)
    ]


def summary(settings: TrainSettings) -> str:
    """The options in one line."""
    decoder = "" if settings.transfer == "structure" else _decoder_words(settings.decoder)
    crop = "automatic crops" if settings.crop is None else f"{settings.crop} px crops"
    if decoder and settings.decoder == "auto" and settings.crop is None:
        decoder, crop = "automatic decoder and crops", ""
    parts = [part for part in (decoder, crop, _limit_words(settings)) if part]
    others = [path for path in changed(settings) if path not in _SHOWN]
    if others:
        parts.append(f"{len(others)} other{'' if len(others) == 1 else 's'} changed")
    line = ", ".join(parts)
    return line[:1].upper() + line[1:]


def _decoder_words(name: str) -> str:
    return "automatic decoder" if name == "auto" else DECODER_TABLE[name].title if name in DECODER_TABLE else name


def _limit_words(settings: TrainSettings) -> str:
    limits = []
    if settings.minutes is not None:
        limits.append(f"{settings.minutes:g} min")
    if settings.steps is not None:
        limits.append(f"{settings.steps:,} step{'' if settings.steps == 1 else 's'}")
    if settings.plateau:
        limits.append("until a plateau" if not limits else "or a plateau")
    return " ".join([", ".join(limits[:2]), *limits[2:]]) if limits else "until stopped"
