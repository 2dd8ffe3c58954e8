"""Where to look next."""

from collections.abc import Sequence

_ORDER = ({"unlabelled", "proposed"}, {"in progress"})


def next_image(states: Sequence[tuple[str, str]], current: str | None) -> str | None:
    """The image to go on with: the next without labels, else the next that is begun but not reviewed.

    Args:
        states: key and state of every image, in the order of the strip.
        current: key of the image in hand; the search starts after it and goes round.

    Returns:
        A key other than `current`, or None when every other image is reviewed.
    """
    keys = [key for key, _ in states]
    start = keys.index(current) + 1 if current in keys else 0
    round_trip = [pair for pair in (*states[start:], *states[:start]) if pair[0] != current]
    for wanted in _ORDER:
        for key, state in round_trip:
            if state in wanted:
                return key
    return None
