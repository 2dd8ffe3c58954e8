"""How our training does beside a plain loop: same backbone and weights, same device, threads and seed, in one run.

    python benchmarks/finetune.py --what all --out finetune.json
    python benchmarks/finetune.py --what score minutes --datasets camvid nuclei_dsb2018 --minutes 5

Prints one JSON object with a row a figure on stdout, a table and progress on stderr. `--out` is brought up to date with
every row, since all of it takes hours. The datasets are folders with images, masks and dataset.json.

speed       crops a second against the plain loop, with the same network and batch
minutes     training time until our candidate has what the plain loop has after three minutes
half        mean IoU of a run of ours that ends after half of those three minutes, against that of the plain loop
score       mean IoU after five minutes, against the plain loop's
sparse      strokes over 1 % of the pixels, against all pixels labelled
features    steps a second of feature transfer with stored features, against without
prediction  tiled against one pass on an image that fits
waiting     how long a prediction takes while a run trains
"""

import argparse
import json
import math
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from benchmarks import finetune_speed
from benchmarks.finetune_cases import (
    Case,
    Row,
    Trained,
    reached,
    rounded,
    say,
    score_of,
    train_ours,
    try_case,
    with_strokes,
)
from benchmarks.finetune_plain import DECODERS, train_plain
from segstudio.learn.request import TrainSettings
from segstudio.learn.training.planning import settle
from segstudio.storage.atomic import write_text

WHAT = ("speed", "minutes", "half", "score", "sparse", "features", "prediction", "waiting")
DATASETS = ("camvid", "nuclei_dsb2018", "isbi_membrane", "cxr_lungs", "hrf_vessels", "chase_vessels", "ct_dicom")
EARLY = 3 / 5  # of the minutes: when the plain loop's score becomes the goal
SHARE = 0.01  # of the pixels, as strokes
MARKS = tuple(part / 20 for part in (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20))  # of the minutes: copies of our candidate


class Report:
    """The rows so far, on disk as soon as they are there.

    Args:
        out: file to keep up to date, or None.
        about: what holds for all of them.
    """

    def __init__(self, out: Path | None, about: Row) -> None:
        self.rows: list[Row] = []
        self._out = out
        self._about = about

    def add(self, what: str, dataset: str, row: Row) -> None:
        """Take in a row, and show it."""
        self.rows.append({"what": what, "dataset": dataset, **row})
        say(_line(self.rows[-1]))
        if self._out is not None:
            write_text(self._out, self.text())

    def text(self) -> str:
        """All of it as JSON."""
        return json.dumps({**self._about, "rows": self.rows}, indent=1)


def _line(row: Row) -> str:
    bar, met = row.get("bar", ""), {True: "yes", False: "NO"}.get(bool(row["met"]), "") if "met" in row else ""
    figure = row.get("figure", row.get("skipped", ""))
    return f"{row['what']!s:11} {row['dataset']!s:16} {figure!s:>10} {bar!s:>6} {met:4}"


class Learning:
    """The long runs on one dataset; each is made once, whichever figures need it.

    Args:
        case: the dataset.
        settings: ours, with the minutes of a run.
    """

    def __init__(self, case: Case, settings: TrainSettings) -> None:
        assert settings.minutes is not None
        self._case, self._settings = case, settings
        self._seconds = settings.minutes * 60
        self._plain: dict[str, dict[float, float]] = {}
        self._trained: Trained | None = None
        self._score = math.nan

    def plain(self) -> dict[str, dict[float, float]]:
        """Mean IoU of the plain loop by decoder and seconds."""
        marks = (EARLY * self._seconds, self._seconds)
        for decoder in DECODERS:
            if decoder not in self._plain:
                trained = train_plain(self._case, decoder, self._settings.backbone, marks, self._settings.seed)
                self._plain[decoder] = trained.scores
        return self._plain

    def best_plain(self, part: float) -> tuple[float, str]:
        """The better plain loop after a part of the minutes: its mean IoU, and which it was."""
        scores = [(scores[part * self._seconds], decoder) for decoder, scores in self.plain().items()]
        return max(scores)

    def ours(self) -> float:
        """Mean IoU of the model that our run leaves; nan when it leaves none."""
        self._run()
        return self._score

    def _run(self) -> Trained:
        if self._trained is None:
            with tempfile.TemporaryDirectory() as folder:
                marks = [mark * self._seconds for mark in MARKS]
                self._trained = train_ours(self._case, self._settings, Path(folder), marks)
            if self._trained.model is not None:
                self._score = score_of(self._trained.model, self._case)
            say(f"  ours: {self._score:.3f} after {self._trained.steps} steps")
        return self._trained

    def minutes(self) -> Row:
        """Time until our candidate is where the plain loop was after three minutes, within one long run of ours."""
        goal, decoder = self.best_plain(EARLY)
        seconds, curve = reached(self._run(), self._case, goal)
        share = None if seconds is None else round(seconds / (EARLY * self._seconds), 3)
        return {
            "figure": share,
            "bar": 0.5,
            "met": share is not None and share <= 0.5,
            "goal": round(goal, 4),
            "plain_decoder": decoder,
            "plain_seconds": EARLY * self._seconds,
            "our_seconds": seconds,
            "curve": curve,
            "ours_at_the_end": rounded(self.ours()),
        }

    def half(self) -> Row:
        """The same with a run of ours that is told to end after half the time; its own schedule is over then."""
        goal, _ = self.best_plain(EARLY)
        settings = replace(self._settings, minutes=EARLY * self._seconds / 60 / 2)
        with tempfile.TemporaryDirectory() as folder:
            trained = train_ours(self._case, settings, Path(folder))
        ours = math.nan if trained.model is None else score_of(trained.model, self._case)
        return {
            "figure": rounded(ours - goal),
            "bar": 0.0,
            "met": ours >= goal,
            "ours": rounded(ours),
            "goal": rounded(goal),
        }

    def score(self) -> Row:
        """Our model after five minutes against the better plain loop's."""
        plain, decoder = self.best_plain(1)
        margin = self.ours() - plain
        return {
            "figure": rounded(margin),
            "bar": 0.0,
            "met": margin >= 0,
            "ours": rounded(self.ours()),
            "plain": rounded(plain),
            "plain_decoder": decoder,
            "plain_by_decoder": {name: rounded(scores[self._seconds]) for name, scores in self.plain().items()},
            "our_decoder": settle(self._settings, self._case.images).decoder,
            "notes": self._run().notes,
        }

    def sparse(self) -> Row:
        """The share of our score that is left when just strokes are labelled."""
        case = with_strokes(self._case, SHARE, self._settings.seed)
        with tempfile.TemporaryDirectory() as folder:
            trained = train_ours(case, self._settings, Path(folder))
        strokes = math.nan if trained.model is None else score_of(trained.model, self._case)
        share = strokes / self.ours()
        return {
            "figure": rounded(share),
            "bar": 0.9,
            "met": share >= 0.9,
            "strokes": rounded(strokes),
            "all_pixels": rounded(self.ours()),
        }


def main() -> None:
    """Make the figures asked for, and print them."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    settings = TrainSettings(minutes=arguments.minutes, seed=arguments.seed, device=arguments.device)
    about: Row = {
        "minutes": arguments.minutes,
        "seed": arguments.seed,
        "device": arguments.device,
        "threads": arguments.threads,
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "torch": torch.__version__,
    }
    report = Report(arguments.out, about)
    chosen = WHAT if "all" in arguments.what else arguments.what
    for name in arguments.datasets:
        case = try_case(name)
        if isinstance(case, str):
            report.add("-", name, {"skipped": case})
            continue
        say(f"{case.name}: {len(case.of('train'))} images train, {len(case.of('validation'))} validate")
        for what, figure in _figures(case, settings, arguments.seconds).items():
            if what in chosen:
                report.add(what, case.name, figure())
    _average(report)
    say("\n" + "\n".join(map(_line, report.rows)))
    print(report.text())


def _figures(case: Case, settings: TrainSettings, seconds: float) -> dict[str, Callable[[], Row]]:
    learning = Learning(case, settings)
    return {
        "speed": lambda: finetune_speed.speed(case, settings, seconds),
        "minutes": learning.minutes,
        "half": learning.half,
        "score": learning.score,
        "sparse": learning.sparse,
        "features": lambda: finetune_speed.features(case, settings, seconds),
        "prediction": lambda: finetune_speed.tiled(case, settings),
        "waiting": lambda: finetune_speed.waiting(case, settings, seconds),
    }


def _average(report: Report) -> None:
    """The bar for scores is one for the mean over all datasets."""
    margins = [float(str(row["figure"])) for row in report.rows if row["what"] == "score" and row["figure"] is not None]
    if margins:
        mean = sum(margins) / len(margins)
        report.add("score", "mean of all", {"figure": round(mean, 4), "bar": 0.03, "met": mean >= 0.03})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", nargs="+", choices=(*WHAT, "all"), default=["all"], help="figures to make")
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), help="folders, or names in ../shared/data")
    parser.add_argument("--minutes", type=float, default=5.0, help="of every long run; the goal is set at 3/5 of them")
    parser.add_argument("--seconds", type=float, default=30.0, help="of every run that is only timed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", choices=("cpu",), help="the plain loop knows the CPU only")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="that torch computes with")
    parser.add_argument("--out", type=Path, help="JSON file that is brought up to date after every figure")
    return parser.parse_args()


if __name__ == "__main__":
    main()
