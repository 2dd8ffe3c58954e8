"""Which image comes next, and which part of a proposal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.proposal import Proposal
from segstudio.core.suggest import Doubts, next_image

CLASSES = ClassTable.of(["background", "nucleus"])
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


def doubted(confidence: U8, annotation: U8 | None = None) -> Document:
    """A document whose proposal is the first class everywhere."""
    empty = np.full(confidence.shape, VOID, np.uint8)
    document = Document(empty if annotation is None else annotation, CLASSES)
    document.set_proposal(Proposal(np.zeros(confidence.shape, np.uint8), confidence, "model"))
    return document


def sure(height: int = 100, width: int = 120) -> U8:
    return np.full((height, width), 250, np.uint8)


def label(document: Document, rect: Rect) -> None:
    gesture = document.begin("Brush")
    gesture.fill(rect, np.ones((rect.height, rect.width), np.bool_), 1)
    gesture.finish()


def box(doubts: Doubts) -> Rect | None:
    """Of the next doubt."""
    doubt = doubts.next()
    return None if doubt is None else doubt.rect


SMALL, LARGE, GRAVE = Rect(5, 5, 8, 9), Rect(40, 10, 50, 20), Rect(70, 60, 80, 70)


def three_doubts() -> Document:
    confidence = sure()
    confidence[SMALL.slices], confidence[LARGE.slices], confidence[GRAVE.slices] = 60, 140, 20
    return doubted(confidence)


def test_parts_in_doubt_come_in_order_of_doubt_and_area_and_start_again() -> None:
    doubts = Doubts(three_doubts())
    assert len(doubts) == 3
    assert [box(doubts) for _ in range(5)] == [GRAVE, LARGE, SMALL, GRAVE, LARGE]


def test_a_doubt_tells_its_place_its_pixels_and_how_sure_the_model_is() -> None:
    document = three_doubts()
    doubts = Doubts(document)
    found = [doubts.next() for _ in range(3)]
    assert [doubt.number for doubt in found if doubt is not None] == [1, 2, 3]
    assert [round(doubt.confidence * 255) for doubt in found if doubt is not None] == [20, 140, 60]
    label(document, Rect(70, 60, 75, 70))
    rest = doubts.next()
    assert rest is not None
    assert rest.number == 1
    assert rest.where.shape == (GRAVE.height, GRAVE.width)
    assert rest.where[:, 5:].all()
    assert not rest.where[:, :5].any(), "what is labelled is in doubt no more"


def test_what_is_labelled_or_rejected_meanwhile_is_passed_over() -> None:
    document = three_doubts()
    doubts = Doubts(document)
    assert box(doubts) == GRAVE
    label(document, LARGE)
    assert box(doubts) == SMALL
    document.reject_region(0, 0)
    assert box(doubts) is None
    document.undo()
    document.undo()
    assert box(doubts) == GRAVE
    assert box(doubts) == LARGE


def test_nothing_is_in_doubt_without_a_proposal_or_where_all_is_sure_or_labelled() -> None:
    assert box(Doubts(Document(np.full((9, 9), VOID, np.uint8), CLASSES))) is None
    assert box(Doubts(doubted(sure()))) is None
    assert box(Doubts(doubted(np.full((9, 9), 3, np.uint8), np.zeros((9, 9), np.uint8)))) is None


def test_when_nothing_is_below_the_limit_the_least_sure_part_comes() -> None:
    confidence = sure()
    confidence[LARGE.slices] = 200
    assert box(Doubts(doubted(confidence))) == LARGE


def test_when_all_is_unsure_the_least_sure_tenth_comes() -> None:
    confidence = np.full((100, 120), 130, np.uint8)
    confidence[50:83, 90:] = 40
    doubts = Doubts(doubted(confidence))
    assert [box(doubts) for _ in range(2)] == [Rect(90, 50, 120, 83)] * 2


def test_another_proposal_or_document_needs_others() -> None:
    document = three_doubts()
    doubts = Doubts(document)
    assert doubts.about(document)
    assert not doubts.about(three_doubts())
    document.set_proposal(None)
    assert not doubts.about(document)


def test_a_huge_image_is_sampled_and_a_wide_doubt_is_cut_into_views() -> None:
    confidence = sure(2500, 2600)
    confidence[500:2300, 1000:1100] = 30
    confidence[100:160, 200:280] = 100
    doubts = Doubts(doubted(confidence))
    parts = [doubt for doubt in (doubts.next() for _ in range(len(doubts))) if doubt is not None]
    assert all(doubt.where.shape == (doubt.rect.height, doubt.rect.width) for doubt in parts)
    rects = [doubt.rect for doubt in parts]
    assert len(set(rects)) == len(rects) > 2
    assert all(rect.height <= 1024 and rect.width <= 1024 for rect in rects)
    found = np.zeros(confidence.shape, np.bool_)
    for rect in rects:
        found[rect.slices] = True
    assert found[confidence < 153].mean() > 0.99
    assert found[confidence > 153].mean() < 0.01


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (20000, 1), (1, 2_000_003)])
def test_the_thinnest_images(shape: tuple[int, int]) -> None:
    rect = box(Doubts(doubted(np.full(shape, 9, np.uint8))))
    assert rect is not None
    assert not rect.empty
    assert rect == rect.intersect(Rect.of_shape(shape))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**16), height=st.integers(1, 90), width=st.integers(1, 90))
def test_every_part_holds_doubt_and_is_visited_once_a_round(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.integers(0, 256, (height // 5 + 1, width // 5 + 1), np.uint8)
    confidence = confidence.repeat(5, axis=0).repeat(5, axis=1)[:height, :width]
    document = doubted(confidence, rng.choice(np.array([0, VOID], np.uint8), (height, width)))
    doubts = Doubts(document)
    first = [box(doubts) for _ in range(len(doubts))]
    for rect in first:
        assert rect is not None
        shown = document.annotation[rect.slices] == VOID
        assert confidence[rect.slices][shown].min() <= 242
    assert [box(doubts) for _ in range(len(doubts))] == first
