"""What the values of an image stand for, when its file says so."""

import re
from pathlib import Path

from segstudio.core.tone import Hounsfield
from segstudio.storage.spacing import read_description

_LONGEST = 2**16  # characters of a description that are looked at
_SAYS = re.compile(r"\bhounsfield\b|\brescale\s?type\W{1,4}HU\b|\bmodality\W{1,4}CT\b", re.IGNORECASE)
_VALUE_UNIT = re.compile(r"^vunit=(.*)$", re.MULTILINE)
_LINE = {name: re.compile(rf"^{name}=([-+.\deE]+)\s*$", re.MULTILINE) for name in ("cf", "c0", "c1")}
_STRAIGHT = "0"  # of the functions ImageJ calibrates with: ij.measure.Calibration.STRAIGHT_LINE


def read_hounsfield(path: Path) -> Hounsfield | None:
    """How the values of an image of computed tomography become Hounsfield units, from the header alone.

    A TIFF says so in its description: ImageJ by the unit of its calibration (``vunit=HU``), others in words
    (Hounsfield, Modality CT, Rescale Type HU).

    Returns:
        None when the file does not say, or calibrates by another function than a line.
    """
    text = read_description(Path(path))[:_LONGEST]
    unit = _VALUE_UNIT.search(text)
    if unit is not None and unit[1].strip().lower() in ("hu", "hounsfield", "hounsfield units"):
        found = {name: match[1] for name, line in _LINE.items() if (match := line.search(text))}
        if "cf" not in found:
            return Hounsfield()
        try:
            straight = found["cf"] == _STRAIGHT
            return Hounsfield(float(found["c1"]), float(found["c0"])) if straight else None
        except (KeyError, ValueError):
            return None
    return Hounsfield() if _SAYS.search(text) else None
