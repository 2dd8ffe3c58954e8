"""What is made of files and folders that are dropped."""

from pathlib import Path

from PySide6.QtCore import QMimeData, QUrl

from segstudio.ui.dropping import Dropped, local_paths, sort_out


def test_everything_is_told_apart(tmp_path: Path) -> None:
    folder, project = tmp_path / "plates", tmp_path / "project"
    for place in (folder, project):
        place.mkdir()
    (project / "project.sqlite").touch()
    image, notes = tmp_path / "a.TIF", tmp_path / "notes.txt"
    for file in (image, notes):
        file.touch()
    dropped = sort_out([notes, image, folder, project, tmp_path / "gone.png"])
    assert dropped.projects == (project,)
    assert dropped.folders == (folder,)
    assert dropped.images == (image,)
    assert dropped.refused.startswith("notes.txt is no image")
    assert dropped.images_folder == folder
    assert sort_out([image]).images_folder == tmp_path
    assert sort_out([project / "project.sqlite"]).projects == (project,)
    assert sort_out([tmp_path / "gone.png"]).refused == "gone.png is not there any more"
    assert sort_out([]) == Dropped()
    assert Dropped().images_folder is None


def test_only_what_lies_on_this_machine_counts(tmp_path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl("https://example.org/a.png"), QUrl.fromLocalFile(str(tmp_path))])
    assert local_paths(data) == [tmp_path]
