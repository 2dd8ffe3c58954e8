"""What a call of the command line leaves behind, and small files to call it on."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from segstudio.core.arrays import U8

SHORT = ("--steps", "2", "--crop", "64", "--batch", "2", "--device", "cpu")


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout; anything else there is a failure."""
        assert self.out.count("\n") == 1

        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is no JSON")

        found = json.loads(self.out, parse_constant=refuse)
        assert isinstance(found, dict)
        return found

    def assert_refused(self, *parts: str, code: int = 1) -> None:
        """Nothing on stdout, one line on stderr with all these parts, and the exit code."""
        assert self.code == code, self
        assert self.out == ""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        for part in parts:
            assert part in lines[0]
        assert lines[0].endswith(".")


Call = Callable[..., Answer]


def write_png(path: Path, values: U8) -> Path:
    """Write ``uint8 (H, W)`` as a grey PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", values)[1].tobytes())
    return path
