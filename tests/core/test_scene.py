"""What the canvas draws follows the document, and reads anew only what changed."""

import numpy as np

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.proposal import Proposal
from segstudio.core.pyramid import Pyramid
from segstudio.core.scene import Scene

SIDE = 600


def proposal(value: int) -> Proposal:
    return Proposal(np.full((SIDE, SIDE), value, np.uint8), np.full((SIDE, SIDE), 255, np.uint8), f"m{value}")


def test_a_new_proposal_does_not_have_the_labels_read_again() -> None:
    document = Document(np.full((SIDE, SIDE), VOID, np.uint8), ClassTable.of(["background", "nucleus"]))
    scene = Scene(document, Pyramid(np.zeros((SIDE, SIDE), np.uint8)))
    document.annotation[500, 500] = 1  # behind its back, so that reading it again would show
    document.set_proposal(proposal(0))
    document.set_proposal(proposal(1))
    assert (scene.annotation(1) == VOID).all()
    assert scene.proposal(1) is not None
    document.set_proposal(None)
    assert (scene.annotation(1) == VOID).all()
    assert scene.proposal(1) is None


def test_a_stroke_after_a_new_proposal_is_followed() -> None:
    document = Document(np.full((SIDE, SIDE), VOID, np.uint8), ClassTable.of(["background", "nucleus"]))
    scene = Scene(document, Pyramid(np.zeros((SIDE, SIDE), np.uint8)))
    document.set_proposal(proposal(0))
    gesture = document.begin("Brush")
    gesture.line((20, 20), (30, 20), 9, 1)
    gesture.finish()
    assert scene.annotation(1)[10, 10] == 1
    document.undo()
    assert (scene.annotation(1) == VOID).all()
