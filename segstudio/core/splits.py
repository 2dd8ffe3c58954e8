"""Which labelled images train and which validate, decided once, at an image's first label."""

from segstudio.core.labels import Split

VALIDATION_SHARE = 0.2


def assign_split(identity: str, *, train: int, validation: int) -> Split:
    """The split of an image that gets its first label.

    The first labelled image trains and the second validates, so that a verdict is possible from two images on;
    every later one goes where its identity says. The caller keeps the answer: it is never asked again.

    Args:
        identity: hexadecimal digest of the image's content.
        train: images that already train.
        validation: images that already validate.
    """
    if train == 0:
        return "train"
    if validation == 0:
        return "validation"
    return "validation" if int(identity[:12], 16) / 16**12 < VALIDATION_SHARE else "train"
