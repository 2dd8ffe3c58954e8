"""What scores on the same pixels say of a candidate: promoted or not, and the line that tells a person why."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segstudio.core.bootstrap import PairedDifference, difference
from segstudio.core.metrics import Scores
from segstudio.core.splits import VALIDATION_SHARE
from segstudio.learn.events import Difference, Outcome
from segstudio.learn.judging.scoring import ImageScore, confusions_of, pooled

# A verdict asks whether the next images would say the same; parts of one image are too alike to tell. Two images agree
# by chance one time in four. With three or four, all have to agree: of models that are equal in truth, one in eight or
# one in sixteen then is taken for better, from five on one in twenty.
FEWEST_IMAGES = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of the candidates of a round.

    Attributes:
        candidate, in_use: scores on the same pixels; None where there is nothing to score, or nothing to score on.
        promote: whether the candidate becomes the model in use.
        line: the verdict and its reason, for a person.
        outcome: the same in a word. ``too few labels`` is no verdict; it promotes only where no model from elsewhere
            would have to go.
        difference: of the candidate and the model in use; None without one.
        which: place of the candidate that stood, among those given.
    """

    candidate: Scores | None
    in_use: Scores | None
    promote: bool
    line: str
    outcome: Outcome
    difference: Difference | None = None
    which: int = 0


def decide(
    candidate: Sequence[ImageScore],
    *,
    own: Sequence[ImageScore] | None,
    before: Sequence[ImageScore] | None,
    classes: int,
    partial: bool = False,
) -> Verdict:
    """Compare a candidate with the model in use.

    Args:
        candidate: its scores; at least one pixel was labelled.
        own: of the model in use, if this run promoted it.
        before: of the model in use when the run began, if any; both on the same images as the candidate.
        classes: number of classes K.
        partial: whether there are more images that validate; these few then are no lack of labels.
    """
    scores = pooled(candidate, classes)
    if math.isnan(scores.miou) or not _answers(candidate):
        return no_numbers(scores)
    own, before = _heard(own), _heard(before)
    rival = own if own is not None else before
    enough = partial or _labelled(candidate) >= FEWEST_IMAGES
    if rival is None:
        if enough:
            line = f"Promoted: mean IoU {scores.miou:.3f}, no model before it."
            return Verdict(scores, None, True, line, "better")
        line = f"Promoted, but not verified: mean IoU {scores.miou:.3f}, no model before it."
        return Verdict(scores, None, True, line, "too few labels")
    in_use = pooled(rival, classes)
    gain = _difference(candidate, rival, classes)
    told = Difference(gain.mean, gain.low, gain.high)
    both = f"mean IoU {scores.miou:.3f} against {in_use.miou:.3f} of the model in use"
    if not enough:
        promote = own is not None and gain.mean >= 0
        line = f"Promoted, but not verified: {both}." if promote else f"Not promoted: {both}."
        return Verdict(scores, in_use, promote, line, "too few labels", told)
    if own is not None:
        promote, reason = _follows(candidate, gain, before, classes)
    else:
        promote, reason = gain.low > 0, _reason(gain)
    line = f"{'Promoted' if promote else 'Not promoted'}: {both}, {reason}."
    return Verdict(scores, in_use, promote, line, "better" if promote else "not better", told)


def promising(candidate: Sequence[ImageScore], rival: Sequence[ImageScore]) -> bool:
    """Whether a candidate looks better on a part of the images, so that scoring all of them is worth its time."""
    classes = len(candidate[0].confusion)
    return _difference(candidate, rival, classes).mean > 0


def no_numbers(scores: Scores | None) -> Verdict:
    """The verdict on a candidate whose weights or answers are no numbers."""
    line = "Not promoted: the candidate does not give numbers."
    return Verdict(scores, None, False, line, "no numbers")


def unscored(why: str, *, free: bool) -> Verdict:
    """The verdict without scores; `free` where a promotion costs nobody a model that may be better."""
    if free:
        return Verdict(None, None, True, f"Promoted, but not verified. {why}", "too few labels")
    line = f"Not promoted: it cannot be compared with the model in use. {why}"
    return Verdict(None, None, False, line, "too few labels")


def advice(scored: Sequence[ImageScore], names: Sequence[str]) -> str:
    """What to label next so that there can be a verdict.

    Args:
        scored: images that validate.
        names: of the classes.
    """
    labelled = _labelled(scored)
    missing = FEWEST_IMAGES - labelled
    more = math.ceil(missing / VALIDATION_SHARE)
    share = round(1 / VALIDATION_SHARE)
    verb = "validates" if labelled == 1 else "validate"
    line = (
        f"{_images(labelled)} {verb}, a verdict needs {FEWEST_IMAGES}: label about {more} more images"
        f" (one in {share} validates)."
    )
    found = confusions_of(scored, len(names)).sum(axis=(0, 2))
    lacking = [name for name, pixels in zip(names, found.tolist(), strict=True) if not pixels]
    if lacking:
        line = f"{line} No label that validates yet: {', '.join(lacking)}."
    return line


def _images(count: int) -> str:
    return f"{count} image" if count == 1 else f"{count} images"


def _follows(
    candidate: Sequence[ImageScore], gain: PairedDifference, before: Sequence[ImageScore] | None, classes: int
) -> tuple[bool, str]:
    """Whether a candidate follows the one its own run promoted, and why."""
    if gain.mean <= 0:
        return False, _reason(gain)
    if before is not None:
        since = _difference(candidate, before, classes)
        if not since.low > 0:
            return False, f"but against the one before this run {_reason(since)}"
    return True, f"better by {gain.mean:.3f}, of the same run"


def _reason(gain: PairedDifference) -> str:
    known = not math.isnan(gain.low)
    if gain.mean > 0:
        span = f" ({gain.low:.3f} to {gain.high:.3f})" if known else ""
        chance = "" if gain.low > 0 else ", which may be chance"
        return f"better by {gain.mean:.3f}{span}{chance}"
    if gain.mean < 0:
        span = f" ({-gain.high:.3f} to {-gain.low:.3f})" if known else ""
        return f"worse by {-gain.mean:.3f}{span}"
    return "no better"


def _difference(first: Sequence[ImageScore], second: Sequence[ImageScore], classes: int) -> PairedDifference:
    return difference(confusions_of(first, classes), confusions_of(second, classes))


def _labelled(scored: Sequence[ImageScore]) -> int:
    return sum(image.labelled_pixels > 0 for image in scored)


def _answers(scored: Sequence[ImageScore]) -> bool:
    """Whether a model said anything at all of the labelled pixels."""
    return any(np.any(image.confusion[:, :-1]) for image in scored)


def _heard(scored: Sequence[ImageScore] | None) -> Sequence[ImageScore] | None:
    """A model that gives no answer, not-a-number everywhere, is none."""
    return scored if scored is not None and _answers(scored) else None
