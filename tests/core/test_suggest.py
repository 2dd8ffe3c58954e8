"""Which image comes next."""

from segstudio.core.suggest import next_image

STATES = [("a", "reviewed"), ("b", "in progress"), ("c", "proposed"), ("d", "unlabelled")]


def test_the_next_without_labels_comes_first_and_the_search_goes_round() -> None:
    assert next_image(STATES, "a") == "c"
    assert next_image(STATES, "c") == "d"
    assert next_image(STATES, "d") == "c"
    assert next_image(STATES, None) == "c"


def test_then_what_is_begun_and_never_what_is_reviewed_or_in_hand() -> None:
    assert next_image([("a", "reviewed"), ("b", "in progress")], "a") == "b"
    assert next_image([("a", "reviewed"), ("b", "in progress")], "b") is None
    assert next_image([], None) is None
