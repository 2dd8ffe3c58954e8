"""Everything a change of the classes touches, and what it must have become."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from segstudio.core.arrays import U8
from segstudio.core.classes import ClassChange, ClassTable, move_class, remove_class
from segstudio.core.document import Document
from segstudio.core.proposal import Proposal
from segstudio.storage.project import Project

CHANGES: dict[str, Callable[[ClassTable], ClassChange]] = {
    "remove": lambda table: remove_class(table, 1),
    "merge": lambda table: remove_class(table, 1, 2),
    "move": lambda table: move_class(table, 0, 2),
}


def proposal_of(seed: int = 0) -> Proposal:
    random = np.random.default_rng(seed)
    return Proposal(random.integers(0, 3, (40, 60), np.uint8), random.integers(0, 256, (40, 60), np.uint8), "m0001")


def reject(document: Document) -> None:
    document.set_proposal(proposal_of())
    document.reject_region(59, 0)
    document.set_proposal(None)


Layers = dict[str, list[U8]]


def everything(project: Project) -> Layers:
    """Every value of a project by key: annotation and rejections at each step of the history, and the proposal."""
    found: Layers = {}
    for record in project.images():
        document = project.load_document(record.key)
        while document.redo() is not None:
            pass
        states = [document.annotation.copy(), document.layer("rejected").copy()]
        while document.undo() is not None:
            states += [document.annotation.copy(), document.layer("rejected").copy()]
        proposal = project.load_proposal(record.key)
        found[record.key] = [*states, *([] if proposal is None else [proposal.classes])]
    return found


def same(one: Layers, other: Layers) -> bool:
    return one.keys() == other.keys() and all(
        len(arrays) == len(other[key]) and all(map(np.array_equal, arrays, other[key])) for key, arrays in one.items()
    )


def translated(layers: Layers, change: ClassChange) -> Layers:
    return {key: [change.mapping[array] for array in arrays] for key, arrays in layers.items()}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(("project.sqlite", "classes.lock"))
    }


def rubbish(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.startswith(".")]
