"""What can never be trained is refused before anything is read."""

from dataclasses import replace
from pathlib import Path

import pytest

from segstudio.errors import ModelError, SegStudioError, UsageError
from segstudio.learn.request import LossSettings, Optimisation, TrainSettings
from segstudio.learn.training.starting import check_settings

SETTINGS = TrainSettings(device="cpu")


def test_the_defaults_can_be_trained() -> None:
    check_settings(SETTINGS)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"transfer": "magic"}, "Choose one of parameter, feature, structure, none"),
        ({"loss": LossSettings("magic")}, "no loss 'magic'"),  # type: ignore[arg-type]
        ({"optimisation": Optimisation("magic")}, "Choose one of adamw, adam, sgd"),  # type: ignore[arg-type]
        ({"optimisation": Optimisation(schedule="magic")}, "no schedule 'magic'"),  # type: ignore[arg-type]
        ({"decoder": "magic"}, "magic"),
        ({"backbone": "magic"}, "magic"),
        ({"transfer": "structure"}, "start"),
        ({"crop": 100}, "Use a multiple of 32"),
        ({"decoder": "deeplabv3plus", "batch": 1}, "Use 2 crops or more"),
        ({"loss": LossSettings(balance=1.5)}, "the balance 1.5 makes no sense"),
        ({"loss": LossSettings(smoothing=-0.1)}, "smoothing"),
        ({"optimisation": Optimisation(accumulation=0)}, "accumulation"),
        ({"optimisation": Optimisation(rate=float("nan"))}, "learning rate"),
        ({"optimisation": Optimisation(clip=0.0)}, "clip"),
        ({"optimisation": Optimisation(strength=-1.0)}, "strength"),
    ],
)
def test_one_line_says_what_is_wrong(change: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_settings(replace(SETTINGS, **change))  # type: ignore[arg-type]
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_start_that_is_no_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(SegStudioError) as caught:
        check_settings(replace(SETTINGS, transfer="structure", start=str(tmp_path)))
    assert isinstance(caught.value, ModelError | UsageError)
    assert tmp_path.name in str(caught.value)
