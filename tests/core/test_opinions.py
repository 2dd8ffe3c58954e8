"""A scene in which models speak in the labels' place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.arrays import U8, U32
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.opinions import Disagreement, Opinions
from segstudio.core.proposal import Proposal
from segstudio.core.pyramid import Pyramid
from segstudio.core.render import LabelPainter, LayerStyle
from segstudio.core.scene import Scene
from segstudio.core.view import View

SIZE = 600


def proposal(classes: U8, model: str = "m1") -> Proposal:
    return Proposal(classes, np.full_like(classes, 255), model)


def drawn(painter: LabelPainter, scene: Scene, view: View, rect: Rect) -> U32:
    pixels = painter.render(scene, view, rect)
    assert pixels is not None
    return pixels


@pytest.fixture
def scene() -> Scene:
    annotation = np.full((SIZE, SIZE), VOID, np.uint8)
    annotation[:, :100] = 1
    document = Document(annotation, ClassTable.of(["a", "b", "c"]))
    made = Scene(document, Pyramid(np.zeros((SIZE, SIZE), np.uint8)))
    document.set_proposal(proposal(np.zeros((SIZE, SIZE), np.uint8), "in use"))
    return made


@pytest.mark.parametrize("scale", [2.0, 1.0, 0.7, 0.4])
@pytest.mark.parametrize("look", ["fill", "both"])
def test_who_speaks_is_drawn_as_if_there_were_no_labels(scene: Scene, scale: float, look: str) -> None:
    style = LayerStyle(annotation_look=look, proposal_look=look)  # type: ignore[arg-type]
    painter, view, rect = LabelPainter(scene.document.classes, style), View(scale), Rect(0, 0, 150, 150)
    opinion = proposal(np.full((SIZE, SIZE), 2, np.uint8))
    bare = Document(np.full((SIZE, SIZE), VOID, np.uint8), scene.document.classes)
    bare.set_proposal(opinion)
    wanted = drawn(painter, Scene(bare, scene.pyramid), view, rect)
    usual = drawn(painter, scene, view, rect)
    opinions = Opinions(scene)
    assert np.array_equal(drawn(painter, opinions, view, rect), usual)
    opinions.speak(opinion)
    shown = drawn(painter, opinions, view, rect)
    assert np.array_equal(shown, wanted)
    assert not np.array_equal(shown, usual)
    opinions.speak(None)
    assert np.array_equal(drawn(painter, opinions, view, rect), usual)


def test_labels_and_proposal_stay(scene: Scene) -> None:
    before, said = scene.document.annotation.copy(), scene.document.proposal
    opinions = Opinions(scene)
    opinions.speak(proposal(np.full((SIZE, SIZE), 2, np.uint8)))
    assert opinions.speaking
    assert np.array_equal(scene.document.annotation, before)
    assert scene.document.proposal is said
    assert (opinions.annotation(1) == VOID).all()
    assert opinions.size == scene.size
    assert opinions.levels == scene.levels


def test_a_stroke_made_meanwhile_is_there_afterwards(scene: Scene) -> None:
    opinions = Opinions(scene)
    opinions.speak(proposal(np.full((SIZE, SIZE), 2, np.uint8)))
    opinions.annotation(1)
    gesture = scene.document.begin("Brush")
    gesture.fill(Rect(300, 300, 340, 340), np.ones((40, 40), bool), 2)
    gesture.finish()
    opinions.speak(None)
    assert (opinions.annotation(1)[150:170, 150:170] == 2).all()
    assert scene.document.on_change.count(opinions._changed) == 0


def test_an_opinion_of_another_image_is_refused(scene: Scene) -> None:
    with pytest.raises(ValueError, match="annotation"):
        Opinions(scene).speak(proposal(np.zeros((5, 5), np.uint8)))
    with pytest.raises(ValueError, match="differ in size"):
        Disagreement.of(proposal(np.zeros((5, 5), np.uint8)), proposal(np.zeros((5, 6), np.uint8)))


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=30)
def test_disagreement(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (rng.choice(np.array([0, 1, VOID], np.uint8), (height, width)) for _ in range(2))
    found = Disagreement.of(proposal(first, "a"), proposal(second, "b"))
    differ = first != second
    assert found.share == differ.sum() / differ.size
    for only, whole in zip(found.only, (first, second), strict=True):
        assert np.array_equal(only.classes[differ], whole[differ])
        assert (only.classes[~differ] == VOID).all()
    assert [only.model for only in found.only] == ["a", "b"]
