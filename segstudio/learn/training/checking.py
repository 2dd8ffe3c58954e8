"""Settings that cannot work, whatever the labels: found without torch, so that a window can say so at once."""

from segstudio.errors import UsageError
from segstudio.learn.networks.decoder_table import DECODER_TABLE
from segstudio.learn.request import (
    LOSSES,
    OPTIMIZERS,
    REGULARISERS,
    SCHEDULES,
    TRANSFERS,
    UNFREEZINGS,
    TrainSettings,
)

STRIDE = 32  # pixels; networks halve crops five times
SMALLEST_CROP = 2 * STRIDE
RANGES: dict[str, tuple[float, float]] = {
    "balance": (0.0, 1.0),
    "smoothing": (0.0, 0.9),
    "accumulation": (1, 1024),
    "rate": (1e-9, 10.0),
    "encoder_share": (0.0, 1.0),
    "strength": (0.0, 100.0),
    "clip": (1e-9, 1e9),
    "batch": (1, 1024),
}


def check_values(settings: TrainSettings) -> None:
    """Refuse names that do not exist, numbers out of range, and crops and batches that no network takes.

    Whether weights, models and devices are there is not looked at.

    Raises:
        UsageError: with what to choose instead.
    """
    how, loss = settings.optimisation, settings.loss
    choices: tuple[tuple[str, str, tuple[str, ...]], ...] = (
        ("transfer", settings.transfer, TRANSFERS),
        ("loss", loss.kind, LOSSES),
        ("optimiser", how.optimizer, OPTIMIZERS),
        ("regulariser", how.regulariser, REGULARISERS),
        ("schedule", how.schedule, SCHEDULES),
        ("unfreezing", how.unfreezing, UNFREEZINGS),
        ("decoder", settings.decoder, ("auto", *DECODER_TABLE)),
    )
    for what, name, known in choices:
        if name not in known:
            raise UsageError(f"there is no {what} '{name}'", remedy=f"Choose one of {', '.join(known)}")
    if settings.transfer == "structure" and not settings.start:
        raise UsageError("a structure transfer has to start from something", remedy="Choose a model or a network")
    smallest = _smallest_batch(settings)
    if settings.batch < smallest:
        raise UsageError(f"batches of {settings.batch} are too small", remedy=f"Use {smallest} crops or more")
    if settings.crop is not None and (settings.crop < SMALLEST_CROP or settings.crop % STRIDE):
        raise UsageError(
            f"crops of {settings.crop} pixels do not work",
            remedy=f"Use a multiple of {STRIDE} from {SMALLEST_CROP} on",
        )
    for name, value in (
        ("balance", loss.balance),
        ("smoothing", loss.smoothing),
        ("accumulation", how.accumulation),
        ("rate", how.rate),
        ("encoder_share", how.encoder_share),
        ("strength", how.strength),
        ("clip", how.clip),
        ("batch", settings.batch),
    ):
        low, high = RANGES[name]
        if value is not None and not low <= value <= high:
            what = _SPOKEN.get(name, name)
            raise UsageError(f"the {what} {value:g} makes no sense", remedy=f"Use a value from {low:g} to {high:g}")
    for name, limit in (("minutes", settings.minutes), ("steps", settings.steps)):
        if limit is not None and not limit >= 0:
            raise UsageError(f"a limit of {limit:g} {name} makes no sense", remedy="Use 0 or more, or no limit")


_SPOKEN = {"rate": "learning rate", "encoder_share": "encoder's share of it", "batch": "batch size"}


def _smallest_batch(settings: TrainSettings) -> int:
    entry = DECODER_TABLE.get(settings.decoder)
    return 1 if entry is None or settings.transfer == "structure" else entry.smallest_batch
