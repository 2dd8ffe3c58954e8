"""The saver keeps up, keeps order, and gives nothing up."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segstudio.core.document import Document
from segstudio.core.history import Entry
from segstudio.errors import ProjectError, SegStudioError
from segstudio.storage.masks import read_mask
from segstudio.storage.project import Project
from segstudio.storage.saver import Saver

Paint = Callable[..., None]
Follow = Callable[[Document, Callable[[Entry], object]], None]


@pytest.fixture
def saver(project: Project) -> Iterator[Saver]:
    made = Saver(project, delay=0.05)
    yield made
    made.close(discard=True)


def wait_until(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.005)


def open_with(project: Project, saver: Saver, follow: Follow, key: str = "cell0") -> Document:
    document = project.load_document(key)
    follow(document, lambda entry: saver.submit(key, entry))
    return document


def test_strokes_are_recorded_and_masks_follow(project: Project, saver: Saver, paint: Paint, follow: Follow) -> None:
    saved: list[float] = []
    saver.on_saved = saved.append
    begin = time.time()
    document = open_with(project, saver, follow)
    paint(document, 1, (5, 5), (50, 30))
    document.undo()
    document.redo()
    saver.flush()
    np.testing.assert_array_equal(project.annotation("cell0"), document.annotation)
    assert project.image("cell0").revision == 3
    path = project.folder / "annotations" / "cell0.png"
    wait_until(path.exists)
    np.testing.assert_array_equal(read_mask(path), document.annotation)
    wait_until(lambda: saved)
    assert begin <= saved[-1] <= time.time()


def test_flush_with_checkpoint_writes_the_masks(project: Project, paint: Paint, follow: Follow) -> None:
    saver = Saver(project, delay=1000)
    documents = [open_with(project, saver, follow, key) for key in ("cell0", "cell1")]
    for document in documents:
        paint(document, 1, (5, 5), (50, 30))
    saver.flush()
    assert not (project.folder / "annotations").exists()
    saver.flush(checkpoint=True)
    for key, document in zip(("cell0", "cell1"), documents, strict=True):
        np.testing.assert_array_equal(read_mask(project.folder / "annotations" / f"{key}.png"), document.annotation)
    paint(documents[0], 2, (30, 30))
    saver.close()
    saver.close()
    np.testing.assert_array_equal(read_mask(project.folder / "annotations" / "cell0.png"), documents[0].annotation)
    with pytest.raises(RuntimeError, match="closed"):
        saver.submit("cell0", Entry("undo"))


def test_submitting_never_waits_for_the_disk(
    project: Project, saver: Saver, paint: Paint, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    real = project.record

    def slow(key: str, entry: Entry) -> int:
        gate.wait(10)
        return real(key, entry)

    monkeypatch.setattr(project, "record", slow)
    document = open_with(project, saver, follow)
    begin = time.perf_counter()
    for number in range(50):
        paint(document, 1, (number, 20))
    assert time.perf_counter() - begin < 2
    assert project.image("cell0").revision == 0
    gate.set()
    saver.flush()
    assert project.image("cell0").revision == 50
    np.testing.assert_array_equal(project.annotation("cell0"), document.annotation)


class Faulty:
    """`Project.record` that fails while `broken`."""

    def __init__(self, project: Project, key: str = "cell0", error: Exception | None = None) -> None:
        self.broken = True
        self.error = error or ProjectError("the disk is full", path=project.folder)
        self.tries = 0
        self._key = key
        self._real = project.record

    def __call__(self, key: str, entry: Entry) -> int:
        if self.broken and key == self._key:
            self.tries += 1
            raise self.error
        return self._real(key, entry)


@pytest.mark.parametrize("error", [None, ValueError("nobody foresaw this")])
def test_what_cannot_be_written_stays_and_is_tried_again(
    project: Project,
    saver: Saver,
    paint: Paint,
    follow: Follow,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception | None,
) -> None:
    faulty = Faulty(project, error=error)
    monkeypatch.setattr(project, "record", faulty)
    told: list[SegStudioError] = []
    saver.on_error = told.append
    document, other = open_with(project, saver, follow), open_with(project, saver, follow, "cell1")
    paint(document, 1, (5, 5))
    paint(document, 2, (30, 5))
    document.undo()
    paint(other, 1, (10, 10))
    # The other image is saved all the same.
    wait_until(lambda: project.image("cell1").revision == 1)
    with pytest.raises(ProjectError):
        saver.flush()
    with pytest.raises(ProjectError):
        saver.close()
    wait_until(lambda: faulty.tries >= 3)
    assert len(told) == 1, "one reason is told once, or a person drowns in it"
    faulty.broken = False
    saver.flush()
    np.testing.assert_array_equal(project.annotation("cell0"), document.annotation)
    assert project.image("cell0").revision == 3


def test_it_recovers_by_itself(
    project: Project, saver: Saver, paint: Paint, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = Faulty(project)
    monkeypatch.setattr(project, "record", faulty)
    paint(open_with(project, saver, follow), 1, (5, 5))
    wait_until(lambda: faulty.tries)
    assert project.image("cell0").revision == 0
    faulty.broken = False
    wait_until(lambda: project.image("cell0").revision == 1)
    assert project.image("cell0").labelled_pixels > 0


def test_failing_masks_do_not_hold_up_closing(
    project: Project, paint: Paint, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    saver = Saver(project)

    def refuse(_key: str) -> None:
        raise ProjectError("the disk is full")

    monkeypatch.setattr(project, "checkpoint", refuse)
    document = open_with(project, saver, follow)
    paint(document, 1, (5, 5))
    with pytest.raises(ProjectError):
        saver.flush(checkpoint=True)
    saver.close()
    np.testing.assert_array_equal(project.annotation("cell0"), document.annotation)


def test_a_failing_listener_does_not_end_the_saving(
    project: Project, saver: Saver, paint: Paint, follow: Follow
) -> None:
    def fail(_what: Any) -> None:
        raise RuntimeError("the window is gone")

    saver.on_saved = fail
    document = open_with(project, saver, follow)
    paint(document, 1, (5, 5))
    saver.flush()
    paint(document, 2, (25, 5))
    saver.flush()
    assert project.image("cell0").revision == 2


def test_patches_are_packed_on_the_way(project: Project, saver: Saver, paint: Paint, follow: Follow) -> None:
    document = open_with(project, saver, follow)
    paint(document, 1, (5, 5), (50, 30))
    raw = sum(2 * rect.width * rect.height for rect in document.history.done[0].rects)
    saver.flush()
    assert document.history.nbytes < raw / 4


def test_labels_can_be_read_while_it_works(project: Project, saver: Saver, paint: Paint, follow: Follow) -> None:
    document = open_with(project, saver, follow)
    for number in range(30):
        paint(document, number % 3, (number, number))
        for image in project.labelled():
            assert image.revision <= number + 1
    saver.flush(checkpoint=True)
    (image,) = project.labelled()
    np.testing.assert_array_equal(image.annotation(), document.annotation)


def test_the_folder_of_masks_being_in_the_way_is_told(
    project: Project, saver: Saver, paint: Paint, follow: Follow
) -> None:
    told: list[SegStudioError] = []
    saver.on_error = told.append
    blocker = project.folder / "journal"
    blocker.write_text("a file where a folder should be")
    document = open_with(project, saver, follow)
    paint(document, 1, (5, 5))
    wait_until(lambda: told)
    assert Path(str(told[0].path)).is_relative_to(blocker)
    blocker.unlink()
    saver.flush()
    np.testing.assert_array_equal(project.annotation("cell0"), document.annotation)
