"""Classes that are removed, merged or moved: every pixel of a project follows, or none does."""

import errno
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segstudio.core.classes import VOID, move_class, remove_class
from segstudio.core.document import Document
from segstudio.core.history import Entry
from segstudio.errors import Cancelled, MaskError, ProjectError
from segstudio.storage.export import export_masks
from segstudio.storage.masks import read_mask
from segstudio.storage.project import Project
from segstudio.storage.reclassing import ClassUse
from segstudio.storage.steady import Steadiness
from tests.storage.helping import journal_of, mask_of, painted_entry, reopened
from tests.storage.reclassing import CHANGES, contents, everything, proposal_of, rubbish, same, translated

Paint = Callable[..., None]
Follow = Callable[[Document, Callable[[Entry], object]], None]


@pytest.mark.parametrize("name", CHANGES)
def test_every_layer_history_and_proposal_follows(full: Project, name: str) -> None:
    before, records = everything(full), {record.key: record for record in full.images()}
    change = CHANGES[name](full.classes)
    seen: list[tuple[int, int]] = []
    full.reclassing.apply(change, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert full.classes == change.after
    wanted = translated(before, change)
    assert same(everything(full), wanted)
    assert rubbish(full.folder) == []
    for record in full.images():
        assert record.labelled_pixels == np.count_nonzero(full.annotation(record.key) != VOID)
        was = records[record.key]
        assert (record.split, record.reviewed, record.proposed) == (was.split, was.reviewed, was.proposed)
        # Whoever keeps a snapshot goes by the revision; an image nobody labelled has none to give.
        assert record.revision > was.revision or record.key == "cell3"
    with reopened(full) as again:
        assert same(everything(again), wanted)
        np.testing.assert_array_equal(read_mask(mask_of(again)), again.annotation("cell0"))


def test_strokes_after_a_change_go_on_from_there(full: Project, paint: Paint, follow: Follow) -> None:
    full.reclassing.apply(move_class(full.classes, 0, 2))
    document = full.load_document("cell0")
    follow(document, lambda entry: full.record("cell0", entry))
    before = document.annotation.copy()
    paint(document, 2, (55, 35))
    document.undo()
    document.undo()
    with reopened(full) as again:
        loaded = again.load_document("cell0")
        np.testing.assert_array_equal(loaded.annotation, document.annotation)
        loaded.redo()
        np.testing.assert_array_equal(loaded.annotation, before)


def test_labels_are_read_anew_after_a_change(full: Project) -> None:
    before = {image.key: image.annotation() for image in full.labelled()}
    change = remove_class(full.classes, 1, 2)
    full.reclassing.apply(change)
    after = full.labelled()
    assert {image.key for image in after} == set(before)
    for image in after:
        np.testing.assert_array_equal(image.annotation(), change.translate(before[image.key]))


_steps = st.lists(
    st.tuples(st.sampled_from(["move", "remove"]), st.integers(0, 3), st.sampled_from([0, 1, 2, 3, VOID])), max_size=3
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=_steps)
def test_any_sequence_of_changes_is_their_mappings_composed(
    full: Project, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    folder = Path(shutil.copytree(full.folder, tmp_path_factory.mktemp("changes") / "p"))
    with Project.open(folder) as project:
        wanted = everything(project)
        for what, index, to in steps:
            size = len(project.classes)
            index, to = index % size, to if to == VOID else to % size
            if what == "move":
                change = move_class(project.classes, index, to % size)
            elif size > 1 and to != index:
                change = remove_class(project.classes, index, to)
            else:
                continue
            project.reclassing.apply(change)
            wanted = translated(wanted, change)
        assert same(everything(project), wanted)


def test_cancelling_changes_nothing(full: Project) -> None:
    before, cancel = contents(full.folder), threading.Event()

    def progress(done: int, _of: int) -> None:
        if done == 2:
            cancel.set()

    with pytest.raises(Cancelled):
        full.reclassing.apply(remove_class(full.classes, 1), progress=progress, cancel=cancel)
    assert contents(full.folder) == before
    assert rubbish(full.folder) == []
    assert len(full.classes) == 3


def test_a_disk_that_is_full_changes_nothing(full: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(full.folder)
    left, write = [6], Path.write_bytes

    def refuse(path: Path, data: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", refuse)
        with pytest.raises(ProjectError, match="disk is full"):
            full.reclassing.apply(remove_class(full.classes, 1))
    assert contents(full.folder) == before
    full.reclassing.apply(remove_class(full.classes, 1))
    assert len(full.classes) == 2


def test_a_file_that_cannot_be_moved_is_said_and_made_up_for(full: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    change = move_class(full.classes, 0, 1)
    wanted = translated(everything(full), change)
    entry = painted_entry(full.load_document("cell0"))

    def refuse(source: Path, target: Path) -> None:
        raise ProjectError("cannot be written, permission denied", path=target / source.name)

    with monkeypatch.context() as patch:
        patch.setattr("segstudio.storage.reclassing._move_all", refuse)
        with pytest.raises(ProjectError, match=r"finished when the project is opened\. Close the project"):
            full.reclassing.apply(change)
    with pytest.raises(ProjectError, match="open it again"):
        full.record("cell0", entry)
    with pytest.raises(ProjectError, match="open it again"):
        full.reclassing.apply(change)
    with reopened(full) as again:
        assert same(everything(again), wanted)


def test_an_annotation_that_cannot_be_read_stops_the_change(full: Project) -> None:
    path = mask_of(full, "cell2")
    path.write_bytes(path.read_bytes()[:80])
    before = contents(full.folder)
    with pytest.raises(MaskError, match=r"cell2\.png"):
        full.reclassing.apply(remove_class(full.classes, 1))
    assert contents(full.folder) == before


def test_strokes_and_images_that_come_meanwhile_are_changed_too(
    full: Project, images: Path, draw_image: Callable[..., Path], paint: Paint, follow: Follow
) -> None:
    with Project.open(full.folder) as other:
        document = other.load_document("cell1")
        follow(document, lambda entry: other.record("cell1", entry))

        def progress(done: int, of: int) -> None:
            if done == of:
                paint(document, 0, (20, 20), (30, 20))
                other.add_images([draw_image(images / "new.png", seed=9)])
                other.set_annotation("new", np.full((40, 60), 2, np.uint8))

        change = move_class(full.classes, 0, 2)
        full.reclassing.apply(change, progress=progress)
        np.testing.assert_array_equal(full.annotation("cell1"), change.translate(document.annotation))
        np.testing.assert_array_equal(full.annotation("new"), np.full((40, 60), 1, np.uint8))


def test_classes_that_are_others_meanwhile_stop_the_change(full: Project) -> None:
    change = remove_class(full.classes, 1)
    full.set_classes(full.classes.add("more"))
    with pytest.raises(ProjectError, match="changed meanwhile"):
        full.reclassing.apply(change)
    assert len(full.classes) == 4
    assert rubbish(full.folder) == []


class TestOthers:
    """Windows and commands that have the project open at the same time."""

    @pytest.fixture
    def other(self, full: Project) -> Iterator[Project]:
        with Project.open(full.folder) as opened:
            yield opened

    def test_what_they_had_before_the_change_is_not_written(self, full: Project, other: Project) -> None:
        entry, table = painted_entry(other.load_document("cell0")), other.classes
        full.reclassing.apply(remove_class(table, 1))
        before = contents(full.folder)
        for write in (
            lambda: other.record("cell0", entry),
            lambda: other.set_classes(table),
            lambda: other.set_annotation("cell1", np.zeros((40, 60), np.uint8)),
            lambda: other.save_proposal("cell0", proposal_of()),
            lambda: export_masks(other, full.folder.parent / "out"),
            lambda: other.reclassing.apply(move_class(full.classes, 0, 1)),
        ):
            with pytest.raises(ProjectError, match=r"changed elsewhere\. Close the project and open it again"):
                write()
        assert contents(full.folder) == before
        assert full.classes.names == ("background", "border")

    def test_who_knows_the_classes_of_then_opens_no_image_to_paint_on(self, full: Project, other: Project) -> None:
        full.reclassing.apply(move_class(full.classes, 0, 1))
        with pytest.raises(ProjectError, match=r"changed elsewhere\. Close the project and open it again"):
            other.load_document("cell1")
        assert full.load_document("cell1").classes.names == ("nucleus", "background", "border")

    def test_a_document_opened_before_the_change_is_stale_in_the_same_window_too(self, full: Project) -> None:
        entry = painted_entry(full.load_document("cell0"))
        full.reclassing.apply(move_class(full.classes, 0, 1))
        with pytest.raises(ProjectError, match="open it again"):
            full.record("cell0", entry)
        assert full.record("cell0", painted_entry(full.load_document("cell0")))

    def test_who_relies_on_the_classes_keeps_them(
        self, full: Project, other: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(full.reclassing, "_steadiness", Steadiness(full.folder, patience=0.05))
        monkeypatch.setattr(other.reclassing, "_steadiness", Steadiness(full.folder, patience=0.01))
        change = move_class(full.classes, 0, 1)
        with (
            other.reclassing.steady(),
            full.reclassing.steady(),
            pytest.raises(ProjectError, match=r"is being trained, predicted or exported\. Stop that first"),
        ):
            full.reclassing.apply(change)
        refused: list[str] = []

        def progress(_done: int, _of: int) -> None:
            with pytest.raises(ProjectError) as caught, other.reclassing.steady():
                pass
            refused.append(str(caught.value))

        full.reclassing.apply(change, progress=progress)
        assert len(refused) == 4
        assert "are being changed. Wait" in refused[0]

    def test_opening_does_not_clear_away_what_another_program_is_making(self, full: Project) -> None:
        wanted = translated(everything(full), change := move_class(full.classes, 0, 1))

        def progress(_done: int, _of: int) -> None:
            Project.open(full.folder).close()

        full.reclassing.apply(change, progress=progress)
        assert same(everything(full), wanted)


class TestNames:
    """Models know classes by the names they had."""

    def test_former_names_mean_the_class_of_today(self, project: Project) -> None:
        assert project.class_indices() == {"background": 0, "nucleus": 1, "border": 2}
        project.set_classes(project.classes.change(1, name="core"))
        project.set_classes(project.classes.change(1, name="kernel"))
        assert project.class_indices() == {"background": 0, "nucleus": 1, "core": 1, "kernel": 1, "border": 2}
        project.reclassing.apply(move_class(project.classes, 1, 0))
        assert project.class_indices() == {"nucleus": 0, "core": 0, "kernel": 0, "background": 1, "border": 2}

    def test_merged_names_mean_the_class_they_went_into_and_removed_ones_nothing(self, project: Project) -> None:
        project.set_classes(project.classes.change(1, name="core"))
        project.reclassing.apply(remove_class(project.classes, 1, 2))
        assert project.class_indices() == {"background": 0, "border": 1, "nucleus": 1, "core": 1}
        project.reclassing.apply(remove_class(project.classes, 1))
        assert project.class_indices() == {"background": 0}

    def test_a_name_in_use_is_the_one_that_counts(self, project: Project) -> None:
        project.set_classes(project.classes.change(1, name="core"))
        project.set_classes(project.classes.add("nucleus"))
        assert project.class_indices()["nucleus"] == 3


def test_pixels_of_a_class_are_counted(full: Project) -> None:
    masks = [full.annotation(record.key) for record in full.images()]
    for index in range(3):
        wanted = [int(np.count_nonzero(mask == index)) for mask in masks]
        assert full.reclassing.uses()[index] == ClassUse(sum(wanted), sum(count > 0 for count in wanted))
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        full.reclassing.uses(cancel=cancel)


def test_a_history_that_cannot_be_read_begins_anew(full: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_args: object) -> None:
        raise ValueError("damaged patch")

    annotation = full.annotation("cell0")
    change = move_class(full.classes, 0, 1)
    with monkeypatch.context() as patch:
        patch.setattr("segstudio.storage.journal._translated", damaged)
        full.reclassing.apply(change)
    document = full.load_document("cell0")
    np.testing.assert_array_equal(document.annotation, change.translate(annotation))
    assert not document.history.can_undo
    assert journal_of(full).exists()
