"""The errors a person is meant to read: one line with what happened, to which file, and the remedy."""

from pathlib import Path


class SegStudioError(Exception):
    """An expected failure, told in one line.

    Args:
        problem: what happened, a clause without a full stop.
        remedy: what the person can do about it, a sentence without a full stop; may be empty.
        path: the file or folder it happened to, named first in the line.
    """

    def __init__(self, problem: str, *, remedy: str = "", path: Path | str | None = None) -> None:
        self.problem = problem
        self.remedy = remedy
        self.path = None if path is None else Path(path)
        super().__init__(problem)

    def __str__(self) -> str:
        line = self.problem if self.path is None else f"{self.path}: {self.problem}"
        line = f"{line}. {self.remedy}." if self.remedy else f"{line}."
        return " ".join(line.split())


class UsageError(SegStudioError):
    """The request itself makes no sense: an unknown name, an option out of range."""


class ImageError(SegStudioError):
    """An image cannot be read, or is not what was expected."""


class MaskError(SegStudioError):
    """A mask cannot be read, has another size than its image, or holds a value without a class."""


class ProjectError(SegStudioError):
    """A project cannot be made, opened or written."""


class ModelError(SegStudioError):
    """A model folder is incomplete, damaged or of another kind."""


class WeightsError(SegStudioError):
    """Pretrained weights are missing, truncated or fit another architecture."""


class TrainingError(SegStudioError):
    """Training cannot start or go on: no labels, one class only, no memory."""


class Cancelled(Exception):  # noqa: N818 - a request that was honoured, not an error
    """Raised inside a job when its cancel flag is set; the job ends without a result."""
