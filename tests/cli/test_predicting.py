"""A model labels a folder of images."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from safetensors.torch import load_file, save_file

from segstudio.core.classes import ClassTable
from segstudio.storage.masks import read_mask
from segstudio.storage.project import Project
from tests.cli.calling import Call, write_png


def model_of(project_folder: Path) -> Path:
    with Project.open(project_folder) as project:
        assert project.model_in_use is not None
        return project.model_in_use


def test_every_image_gets_an_indexed_mask_of_its_size(call: Call, trained: Path, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    answer = call("predict", trained, "--images", images, "--out", out, "--json")
    assert answer.code == 0
    assert answer.json["images"] == 3
    assert answer.json["problems"] == []
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert found == ["a.png", "b.png", "deep/c.png"]
    mask = read_mask(out / "a.png", size=(60, 40), classes=3)
    with PIL.Image.open(out / "a.png") as file:
        assert file.mode == "P"
        palette = file.getpalette()
        assert palette is not None
        assert palette[3:6] == [0xE6, 0x9F, 0x00]
        np.testing.assert_array_equal(np.asarray(file), mask)


def test_a_model_folder_predicts_as_its_project_does_with_confidence(
    call: Call, trained: Path, images: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert call("predict", trained, "--images", images, "--out", first).code == 0
    moved = Path(shutil.move(model_of(trained), tmp_path / "model"))
    assert call("predict", moved, "--images", images, "--out", second, "--confidence").code == 0
    for name in ("a", "deep/c"):
        np.testing.assert_array_equal(read_mask(first / f"{name}.png"), read_mask(second / f"{name}.png"))
        confidence = read_mask(second / f"{name}.confidence.png", size=(60, 40))
        assert confidence.min() >= 255 // 3 - 1  # the winner of three classes has a third at least


def test_a_damaged_image_among_good_ones_is_one_line(call: Call, trained: Path, images: Path, tmp_path: Path) -> None:
    (images / "aa.png").write_bytes((images / "a.png").read_bytes()[:200])
    answer = call("predict", trained, "--images", images, "--out", tmp_path / "masks", "--json")
    assert answer.code == 0
    assert answer.json["images"] == 3
    (problem,) = answer.json["problems"]
    assert "aa.png" in problem
    assert answer.err == problem + "\n"


def test_two_images_of_one_stem_do_not_overwrite_each_other(
    call: Call, trained: Path, images: Path, tmp_path: Path
) -> None:
    write_png(images / "z.png", np.zeros((9, 9), np.uint8)).rename(images / "a.bmp")
    answer = call("predict", trained, "--images", images, "--out", tmp_path / "masks", "--json")
    assert answer.code == 0
    assert answer.json["images"] == 3
    (problem,) = answer.json["problems"]
    assert "same name" in problem
    assert "Rename" in problem


def test_when_no_image_can_be_read_it_fails(call: Call, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"no image")
    answer = call("predict", trained, "--images", tmp_path / "bad", "--out", tmp_path / "masks", "--json")
    assert answer.code == 1
    assert answer.out == ""
    assert "a.png" in answer.err.splitlines()[0]
    assert len(answer.err.splitlines()) == 2


def test_masks_inside_the_folder_of_images_are_not_taken_for_images(call: Call, trained: Path, images: Path) -> None:
    for _ in range(2):
        answer = call("predict", trained, "--images", images, "--out", images / "masks", "--confidence", "--json")
        assert answer.json["images"] == 3


def test_images_are_never_overwritten(call: Call, trained: Path, images: Path) -> None:
    before = (images / "a.png").read_bytes()
    call("predict", trained, "--images", images, "--out", images).assert_refused("overwrite", "--out", code=2)
    assert (images / "a.png").read_bytes() == before


def test_a_mask_never_lands_on_an_image_below(call: Call, trained: Path, images: Path) -> None:
    write_png(images / "deep" / "a.png", np.zeros((9, 9), np.uint8))
    before = (images / "deep" / "a.png").read_bytes()
    call("predict", trained, "--images", images, "--out", images / "deep").assert_refused(
        "deep/a.png", "is an image", "another folder"
    )
    assert (images / "deep" / "a.png").read_bytes() == before


def test_the_images_of_the_project_are_never_overwritten(
    call: Call, trained: Path, images: Path, tmp_path: Path
) -> None:
    mine = write_png(tmp_path / "mine" / "a.png", np.zeros((9, 9), np.uint8))
    with Project.open(trained) as project:
        project.add_images([mine])
    before = mine.read_bytes()
    call("predict", trained, "--images", images, "--out", mine.parent).assert_refused("mine/a.png", "is an image")
    assert mine.read_bytes() == before


def test_a_model_never_replaces_annotations(call: Call, trained: Path, drawn: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in (trained / "annotations").iterdir()}
    assert before
    originals = Path(shutil.copytree(trained / "images", tmp_path / "originals"))
    for model in (trained, model_of(trained)):
        for out in (trained / "annotations", trained / "truth", drawn / "annotations", drawn / "proposals" / "deep"):
            call("predict", model, "--images", originals, "--out", out).assert_refused("for itself", "another folder")
    assert {path: path.read_bytes() for path in (trained / "annotations").iterdir()} == before
    assert not (drawn / "proposals").exists()


def test_what_is_no_mask_is_not_replaced(call: Call, trained: Path, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    out.mkdir()
    PIL.Image.new("RGB", (4, 4)).save(out / "b.png")
    call("predict", trained, "--images", images, "--out", out).assert_refused("b.png", "no mask")
    assert [path.name for path in out.iterdir()] == ["b.png"]
    (out / "b.png").rename(out / "b.confidence.png")
    call("predict", trained, "--images", images, "--out", out, "--confidence").assert_refused(
        "b.confidence.png", "no mask"
    )
    assert call("predict", trained, "--images", images, "--out", out).code == 0


def test_places_that_do_not_work_are_one_line(call: Call, trained: Path, images: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "empty").mkdir()
    out = tmp_path / "masks"
    call("predict", trained, "--images", images, "--out", tmp_path / "file" / "x").assert_refused("file/x", "folder")
    call("predict", trained, "--images", tmp_path / "empty", "--out", out).assert_refused("empty", "no images")
    call("predict", trained, "--images", tmp_path / "missing", "--out", out).assert_refused("missing")
    call("predict", images, "--images", images, "--out", out).assert_refused("images", "neither a project nor a model")
    call("predict", trained, "--images", images, "--out", out, "--device", "abacus").assert_refused("abacus", code=2)


def test_a_project_without_a_model_says_how_to_get_one(call: Call, drawn: Path, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    call("predict", drawn, "--images", images, "--out", out).assert_refused("no model yet", "segstudio train")


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_damaged_model_is_one_line(call: Call, trained: Path, images: Path, tmp_path: Path, damage: str) -> None:
    weights = model_of(trained) / "weights.safetensors"
    data = weights.read_bytes()
    weights.unlink()
    if damage == "truncated":
        weights.write_bytes(data[: len(data) // 2])
    out = tmp_path / "masks"
    call("predict", trained, "--images", images, "--out", out).assert_refused("weights.safetensors", "backup")


def times(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in sorted(folder.rglob("*.png"))}


def test_resuming_skips_what_this_model_said_of_this_file(
    call: Call, trained: Path, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "masks"
    assert call("predict", trained, "--images", images, "--out", out, "--confidence").code == 0
    (out / "b.png").write_bytes((out / "b.png").read_bytes()[:60])  # cut off by a kill, or damaged
    before = times(out)
    write_png(images / "deep" / "c.png", np.full((40, 60), 9, np.uint8))
    write_png(images / "new.png", np.full((40, 60), 9, np.uint8))
    answer = call("predict", trained, "--images", images, "--out", out, "--confidence", "--resume", "--json")
    assert answer.code == 0
    assert (answer.json["images"], answer.json["skipped"]) == (3, 1)
    changed = {name for name, time in times(out).items() if time != before.get(name)}
    assert changed == {f"{stem}{rest}" for stem in ("b", "deep/c", "new") for rest in (".png", ".confidence.png")}
    read_mask(out / "b.png", size=(60, 40), classes=3)
    answer = call("predict", trained, "--images", images, "--out", out, "--resume", "--json")
    assert (answer.code, answer.json["images"], answer.json["skipped"]) == (0, 0, 4)


@pytest.mark.parametrize("change", ["tta", "classes", "weights", "confidence"])
def test_resuming_predicts_again_what_would_come_out_otherwise(
    call: Call, trained: Path, images: Path, tmp_path: Path, change: str
) -> None:
    out, more = tmp_path / "masks", []
    assert call("predict", trained, "--images", images, "--out", out).code == 0
    if change == "classes":
        with Project.open(trained) as project:
            table = project.classes
            project.set_classes(ClassTable((replace(table[0], name="other"), *list(table)[1:])))
    elif change == "weights":
        weights = model_of(trained) / "weights.safetensors"
        tensors = load_file(weights)
        save_file({name: tensor * 1.01 for name, tensor in tensors.items()}, weights)
    else:
        more = ["--confidence"] if change == "confidence" else ["--tta", "flips"]
    answer = call("predict", trained, "--images", images, "--out", out, "--resume", "--json", *more)
    assert (answer.code, answer.json["images"], answer.json["skipped"]) == (0, 3, 0)


def test_without_resuming_everything_is_predicted(call: Call, trained: Path, images: Path, tmp_path: Path) -> None:
    for _ in range(2):
        answer = call("predict", trained, "--images", images, "--out", tmp_path / "masks", "--json")
        assert (answer.json["images"], answer.json["skipped"]) == (3, 0)


def test_unknown_views_are_refused(call: Call, trained: Path, images: Path, tmp_path: Path) -> None:
    call("predict", trained, "--images", images, "--out", tmp_path / "m", "--tta", "spins").assert_refused(
        "spins", "flips-and-scales", code=2
    )
