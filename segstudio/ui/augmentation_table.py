"""The switches of augmentation, and how strong each may be, for the dialog of options."""

from segstudio.learn.request import TrainSettings
from segstudio.ui.option_spec import Blocked, Option


def _without(switch: str) -> Blocked:
    def blocked(settings: TrainSettings) -> str:
        return "" if getattr(settings.augmentation, switch) else "Switched off."

    return blocked


def _strength(strength: str, switch: str, label: str, tip: str, low: float, high: float, unit: str = "") -> Option:
    name = tip.partition(";")[0].partition(",")[0]
    return Option(
        f"augmentation.{strength}",
        label,
        tip,
        low=low,
        high=high,
        unit=unit,
        scale=0.01 if unit == "%" else 1.0,
        name=name,
        blocked=_without(switch),
    )


# Each switch of augmentation, and how strong it may be.
AUGMENTATION: tuple[tuple[Option, tuple[Option, ...]], ...] = tuple(
    (Option(f"augmentation.{name}", label, tip), strengths)
    for name, label, tip, strengths in (
        ("flip", "Flip left to right", "Mirror images are as likely.", ()),
        ("flip_vertical", "Flip top to bottom", "Where images have no upside, as under a microscope.", ()),
        (
            "rotate",
            "Rotate",
            "Turn by any angle.",
            (_strength("turn", "rotate", "up to", "Largest angle to either side", 0, 180, "°"),),
        ),
        (
            "scale",
            "Scale",
            "Show things smaller and larger.",
            (
                _strength("scale_from", "scale", "", "Smallest scale; 0.5 shows things half as large", 0.25, 4),
                _strength("scale_to", "scale", "to", "Largest scale; 2 shows things twice as large", 0.25, 4, "×"),
            ),
        ),
        (
            "elastic",
            "Elastic",
            "Bend smoothly, as tissue does.",
            (_strength("bend", "elastic", "up to", "Largest shift, in percent of the crop", 0, 20, "%"),),
        ),
        (
            "brightness",
            "Brightness",
            "Make lighter or darker.",
            (_strength("offset", "brightness", "±", "Largest change, black to white being 100", 0, 100, "%"),),
        ),
        (
            "contrast",
            "Contrast",
            "Make flatter or steeper.",
            (_strength("gain", "contrast", "±", "Largest change of the slope", 0, 100, "%"),),
        ),
        (
            "gamma",
            "Gamma",
            "Lighten or darken the middle tones.",
            (_strength("gamma_span", "gamma", "±", "Largest natural logarithm of gamma", 0, 2),),
        ),
        (
            "colour",
            "Colour",
            "Shift hue and saturation of RGB images.",
            (
                _strength("hue", "colour", "hue ±", "Largest turn of the hues", 0, 180, "°"),
                _strength("saturation", "colour", "saturation ±", "Largest change of the saturation", 0, 100, "%"),
            ),
        ),
        (
            "noise",
            "Noise",
            "Add grain.",
            (_strength("noise_level", "noise", "up to", "Largest deviation, black to white being 100", 0, 100, "%"),),
        ),
        (
            "blur",
            "Blur",
            "Take a little sharpness away.",
            (_strength("blur_radius", "blur", "up to", "Largest radius, in pixels of the crop", 0, 16, "px"),),
        ),
    )
)
