"""Making projects, looking into them, exporting: the good road and every bad input."""

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from segstudio.core.classes import VOID, ClassTable
from segstudio.storage.masks import read_mask, write_mask
from segstudio.storage.project import Project
from tests.cli.calling import Call, write_png

NAMES = "background,nucleus"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Four images with masks, two of which have listed splits."""
    folder = tmp_path / "dataset"
    for name in ("a", "b", "c", "d"):
        write_png(folder / "images" / f"{name}.png", np.full((20, 30), 90, np.uint8))
        mask = np.full((20, 30), VOID, np.uint8)
        mask[:5], mask[5:10] = 0, 1
        write_mask(folder / "masks" / f"{name}.png", mask, ClassTable.of(["sky", "road"]))
    classes = [{"index": 0, "name": "sky", "color": "#112233"}, {"index": 1, "name": "road", "color": "#445566"}]
    splits = {"train": ["images/a.png", "images/c.png"], "val": ["images/b.png", "images/d.png"]}
    (folder / "dataset.json").write_text(json.dumps({"classes": classes, "splits": splits}))
    return folder


def test_new_over_a_folder_of_images(call: Call, images: Path, tmp_path: Path) -> None:
    answer = call("new", tmp_path / "cells", "--images", images, "--classes", NAMES, "--json")
    assert answer.code == 0
    assert answer.json["images"] == 3
    assert answer.json["problems"] == []
    with Project.open(tmp_path / "cells") as project:
        assert [record.key for record in project.images()] == ["a", "b", "deep/c"]
        assert project.classes.names == ("background", "nucleus")


def test_new_from_a_dataset_takes_its_masks_and_splits(call: Call, dataset: Path, tmp_path: Path) -> None:
    answer = call("new", tmp_path / "street", "--dataset", dataset)
    assert answer.code == 0
    assert "4 images, 2 labelled to train, 2 to validate" in answer.out
    with Project.open(tmp_path / "street") as project:
        assert [record.split for record in project.images()] == ["train", "validation", "train", "validation"]
        assert project.image("a").labelled_pixels == 300


def test_a_dataset_brings_its_own_classes(call: Call, dataset: Path, tmp_path: Path) -> None:
    call("new", tmp_path / "x", "--dataset", dataset, "--classes", NAMES).assert_refused("own classes", code=2)


def test_a_folder_without_images_makes_no_project(call: Call, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    new = ("new", tmp_path / "cells", "--classes", NAMES, "--images")
    call(*new, tmp_path / "empty").assert_refused("empty", "no images", "PNG")
    call(*new, tmp_path / "missing").assert_refused("missing")
    assert not (tmp_path / "cells").exists()


def test_a_folder_of_damaged_images_makes_no_project(call: Call, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    call("new", tmp_path / "cells", "--images", tmp_path / "bad", "--classes", NAMES).assert_refused(
        "bad", "can be read"
    )
    assert not (tmp_path / "cells").exists()


def test_a_damaged_image_among_good_ones_is_one_line(call: Call, images: Path, tmp_path: Path) -> None:
    (images / "aa.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    answer = call("new", tmp_path / "cells", "--images", images, "--classes", NAMES, "--json")
    assert answer.code == 0
    assert answer.json["images"] == 3
    assert len(answer.json["problems"]) == 1
    assert "aa.png" in answer.json["problems"][0]
    assert answer.err == answer.json["problems"][0] + "\n"


def test_of_two_images_of_one_stem_the_second_is_refused(call: Call, images: Path, tmp_path: Path) -> None:
    (images / "a.jpg").write_bytes((images / "a.png").read_bytes())
    answer = call("new", tmp_path / "cells", "--images", images, "--classes", NAMES)
    assert answer.code == 0
    assert len(answer.err.splitlines()) == 1
    assert "same name" in answer.err
    assert "3 images" in answer.out


def test_a_place_that_cannot_be_written_is_one_line(call: Call, images: Path, drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    under = tmp_path / "file" / "cells"
    call("new", under, "--images", images, "--classes", NAMES).assert_refused(str(under), "another folder")
    call("export", drawn, "--out", under).assert_refused(str(tmp_path / "file"))


def test_a_project_is_not_made_over_another(call: Call, drawn: Path, images: Path) -> None:
    call("new", drawn, "--images", images, "--classes", NAMES).assert_refused(str(drawn), "already")


def test_a_mask_of_another_size_leaves_its_image_unlabelled(call: Call, dataset: Path, tmp_path: Path) -> None:
    write_mask(dataset / "masks" / "c.png", np.zeros((40, 30), np.uint8), ClassTable.of(["sky", "road"]))
    answer = call("new", tmp_path / "street", "--dataset", dataset, "--json")
    assert answer.code == 0
    (problem,) = answer.json["problems"]
    assert "c.png" in problem
    assert "30 x 40" in problem
    assert "30 x 20" in problem
    assert answer.json["labelled"] == {"train": 1, "validation": 2}


def test_a_mask_value_without_a_class_is_one_line(call: Call, dataset: Path, tmp_path: Path) -> None:
    write_png(dataset / "masks" / "b.png", np.full((20, 30), 9, np.uint8))
    answer = call("new", tmp_path / "street", "--dataset", dataset)
    assert answer.code == 0
    (line,) = [line for line in answer.err.splitlines() if "b.png" in line]
    assert "the value 9" in line
    assert "Add the class" in line


@pytest.mark.parametrize("command", ["info", "models", "train", "export"])
def test_what_is_no_project_is_refused(call: Call, tmp_path: Path, command: str) -> None:
    more = ("--out", tmp_path / "out") if command == "export" else ()
    call(command, tmp_path, *more).assert_refused(str(tmp_path), "no SegStudio project")


def test_a_project_of_a_newer_version_is_refused(call: Call, drawn: Path) -> None:
    with sqlite3.connect(drawn / "project.sqlite") as db:
        db.execute("UPDATE meta SET value = '999' WHERE name LIKE '%version%'")
        assert db.total_changes == 1
    db.close()
    call("info", drawn).assert_refused(str(drawn), "newer", "Update")


def test_info_counts(call: Call, drawn: Path) -> None:
    told = call("info", drawn, "--json").json
    assert told["images"] == 5
    assert told["states"] == {"unlabelled": 2, "in progress": 3, "proposed": 0, "reviewed": 0}
    assert sum(told["labelled"].values()) == 3
    assert told["labelled"]["validation"] >= 1
    assert [item["name"] for item in told["classes"]] == ["background", "nucleus", "fibre"]
    assert told["model"] is None
    assert "none yet" in call("info", drawn).out


def test_models_are_listed_with_the_one_in_use(call: Call, drawn: Path, trained: Path) -> None:
    assert call("models", drawn, "--json").json == {"models": []}
    assert "segstudio train" in call("models", drawn).out
    (model,) = call("models", trained, "--json").json["models"]
    assert model["in_use"] is True
    assert model["transfer"] == "feature"
    assert Path(model["folder"]).is_dir()
    assert model["name"] in call("models", trained).out
    assert call("info", trained, "--json").json["model"]["name"] == model["name"]


def test_export_writes_every_annotation(call: Call, drawn: Path, tmp_path: Path) -> None:
    answer = call("export", drawn, "--format", "masks", "--out", tmp_path / "out", "--json")
    assert answer.json["images"] == 3
    with Project.open(drawn) as project:
        for record in project.images():
            if record.labelled_pixels:
                written = read_mask(tmp_path / "out" / f"{record.key}.png")
                np.testing.assert_array_equal(written, project.annotation(record.key))
    assert len(list((tmp_path / "out").glob("*.png"))) == 3


def test_an_export_never_replaces_images(call: Call, images: Path, tmp_path: Path) -> None:
    assert call("new", tmp_path / "cells", "--images", images, "--classes", NAMES).code == 0
    with Project.open(tmp_path / "cells") as project:
        project.set_annotation("deep/c", np.zeros((40, 60), np.uint8))
    before = (images / "deep" / "c.png").read_bytes()
    call("export", tmp_path / "cells", "--out", images).assert_refused("deep/c.png", "Choose another folder")
    assert (images / "deep" / "c.png").read_bytes() == before
    assert not (images / "classes.json").exists()


def test_nothing_to_export_is_refused(call: Call, images: Path, tmp_path: Path) -> None:
    assert call("new", tmp_path / "cells", "--images", images, "--classes", NAMES).code == 0
    call("export", tmp_path / "cells", "--out", tmp_path / "out").assert_refused("cells", "no labelled image")
