"""Files and steps of a project that tests of damage look at."""

from pathlib import Path

from segstudio.core.document import Document
from segstudio.core.history import Entry
from segstudio.storage.project import Project


def mask_of(project: Project, key: str = "cell0") -> Path:
    return project.folder / "annotations" / f"{key}.png"


def journal_of(project: Project, key: str = "cell0") -> Path:
    return project.folder / "journal" / f"{key}.journal"


def reopened(project: Project) -> Project:
    project.close()
    return Project.open(project.folder)


def painted_entry(document: Document) -> Entry:
    entries: list[Entry] = []
    document.on_commit.append(entries.append)
    gesture = document.begin("Brush")
    gesture.line((20, 20), (20, 20), 3, 2)
    gesture.finish()
    return entries[0]
