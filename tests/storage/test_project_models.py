"""Proposals and models of a project come back, and only whole ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from segstudio.core.classes import ClassTable
from segstudio.core.proposal import Proposal
from segstudio.errors import ModelError, ProjectError
from segstudio.storage.masks import write_mask
from segstudio.storage.project import Project


class TestProposals:
    def test_a_proposal_comes_back(self, project: Project) -> None:
        random = np.random.default_rng(0)
        proposal = Proposal(
            random.integers(0, 3, (40, 60), dtype=np.uint8), random.integers(0, 256, (40, 60), dtype=np.uint8), "mödel"
        )
        assert project.load_proposal("cell0") is None
        project.save_proposal("cell0", proposal)
        found = project.load_proposal("cell0")
        assert found is not None
        np.testing.assert_array_equal(found.classes, proposal.classes)
        np.testing.assert_array_equal(found.confidence, proposal.confidence)
        assert found.model == "mödel"
        assert (project.folder / "proposals" / "cell0.confidence.png").exists()

    def test_halves_of_two_proposals_are_not_mixed(self, project: Project) -> None:
        zeros = np.zeros((40, 60), np.uint8)
        project.save_proposal("cell0", Proposal(zeros, zeros, "one"))
        old = (project.folder / "proposals" / "cell0.png").read_bytes()
        project.save_proposal("cell0", Proposal(zeros + 1, zeros, "two"))
        (project.folder / "proposals" / "cell0.png").write_bytes(old)
        assert project.load_proposal("cell0") is None

    def test_a_damaged_or_foreign_proposal_is_none(self, project: Project, classes: ClassTable) -> None:
        zeros = np.zeros((40, 60), np.uint8)
        project.save_proposal("cell0", Proposal(zeros, zeros, "one"))
        path = project.folder / "proposals" / "cell0.png"
        path.write_bytes(path.read_bytes()[:60])
        assert project.load_proposal("cell0") is None
        write_mask(path, zeros, classes)
        assert project.load_proposal("cell0") is None
        with pytest.raises(ProjectError, match="shape"):
            project.save_proposal("cell0", Proposal(zeros.T, zeros.T, "m"))


class TestModels:
    def make_model(self, folder: Path, created: str = "2030-01-01T00:00:00+00:00") -> Path:
        folder.mkdir(parents=True)
        card = {
            "format": 1,
            "name": folder.name,
            "created": created,
            "backbone": "b",
            "transfer": "feature",
            "decoder": "fpn",
            "classes": [{"index": 0, "name": "x", "color": "#ffffff"}],
            "normalisation": {"mean": [0, 0, 0], "std": [1, 1, 1]},
        }
        (folder / "card.json").write_text(json.dumps(card))
        (folder / "weights.safetensors").write_bytes(b"w")
        return folder

    def test_models_are_listed_newest_first(self, project: Project, tmp_path: Path) -> None:
        assert (project.models(), project.model_in_use) == ([], None)
        early = self.make_model(project.models_folder / "early", "2029-01-01T00:00:00+00:00")
        self.make_model(project.models_folder / "late")
        (project.models_folder / "broken").mkdir()
        record = project.add_model(early, use=True)
        assert (record.name, record.in_use, record.folder) == ("early", True, early)
        assert [(model.name, model.in_use) for model in project.models()] == [("late", False), ("early", True)]
        project.use_model("late")
        assert project.model_in_use == project.models_folder / "late"
        brought = project.add_model(self.make_model(tmp_path / "elsewhere" / "mine"), use=False)
        assert brought.folder == project.models_folder / "mine"
        assert (brought.folder / "weights.safetensors").read_bytes() == b"w"
        assert not brought.in_use

    def test_what_is_no_model_is_refused(self, project: Project, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="is no model"):
            project.add_model(tmp_path / "nothing", use=True)
        model = self.make_model(tmp_path / "m")
        (model / "weights.safetensors").unlink()
        with pytest.raises(ModelError, match=r"has no weights\.safetensors"):
            project.add_model(model, use=True)
        with pytest.raises(ProjectError, match=r"has no model 'm'.*Models are: none yet"):
            project.use_model("m")
        assert project.model_in_use is None

    def test_two_of_one_name_are_refused(self, project: Project, tmp_path: Path) -> None:
        project.add_model(self.make_model(tmp_path / "m"), use=True)
        with pytest.raises(ProjectError, match="already is there"):
            project.add_model(self.make_model(tmp_path / "again" / "m"), use=False)
