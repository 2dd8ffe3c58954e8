"""Figures of speed: crops a second, stored features, tiled prediction, and how long a prediction waits for training."""

import statistics
import tempfile
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.finetune_cases import Case, Row, Trained, rounded, say, score_of, train_ours
from benchmarks.finetune_plain import Crops, step_times
from segstudio.core.arrays import U8
from segstudio.learn import events
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.crops.data import readable_pixels
from segstudio.learn.networks.network import build_network
from segstudio.learn.networks.saving import LoadedModel
from segstudio.learn.prediction.predicting import predict
from segstudio.learn.request import Optimisation, TrainRequest, TrainSettings
from segstudio.learn.training.loop import fit
from segstudio.learn.training.planning import settle
from segstudio.learn.turns import prediction_first

ROUNDS = 2  # of each kind, by turns, so that a busy minute of the machine hits both
FITTING = (1536, 2048)  # rows and columns of an image that fits
ONE_PASS = 1 << 16  # side of a tile that no image fills
TILES = (512, 1024)
WAITED = 1024  # side of the image that a person waits for
LOOKS = 10
FEATURE_DECODER = "light"  # made for it: with a heavy one the encoder is the smaller part of a step anyway


def speed(case: Case, settings: TrainSettings, seconds: float) -> Row:
    """Crops a second of ours and of the plain loop, with the same network and batch, the encoder trained in both."""
    plain = replace(settle(settings, case.images), minutes=seconds / 60)
    every = replace(plain, optimisation=Optimisation(unfreezing="from the start"))
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    backbone = find_backbone(plain.backbone)
    assert plain.crop is not None
    for turn in range(ROUNDS):
        times["ours"].append(_typical(_run(case, every).intervals))
        torch.manual_seed(settings.seed)
        network = build_network(backbone, plain.decoder, len(case.classes), "parameter")
        crops = Crops(case, backbone, batch=plain.batch, crop=plain.crop, seed=settings.seed)
        times["plain"].append(_typical(step_times(network, crops, seconds)))
        say(f"  {case.name}: ours {times['ours'][turn]:.3f} s a step, plain {times['plain'][turn]:.3f}")
    ours, theirs = min(times["ours"]), min(times["plain"])
    return {
        "figure": rounded(theirs / ours),
        "bar": 1.0,
        "met": theirs >= ours,
        "ours_crops_per_second": rounded(plain.batch / ours),
        "plain_crops_per_second": rounded(plain.batch / theirs),
        "decoder": plain.decoder,
        "batch": plain.batch,
        "crop": plain.crop,
    }


def features(case: Case, settings: TrainSettings, seconds: float) -> Row:
    """Steps a second of feature transfer with stored features against without, and what both reach in that time."""
    chosen = replace(settings, transfer="feature", decoder=FEATURE_DECODER, minutes=seconds / 60)
    times: dict[bool, list[float]] = {True: [], False: []}
    scores: dict[bool, float] = {}
    steps: dict[bool, int] = {}
    for _ in range(ROUNDS):
        for stored in (True, False):
            trained = _run(case, replace(chosen, cache_features=stored))
            # A mean, not a median: with stored features one step in many is slow.
            late = trained.intervals[len(trained.intervals) // 2 :]
            times[stored].append(statistics.fmean(late) if late else float("nan"))
            steps[stored] = trained.steps
            scores[stored] = float("nan") if trained.model is None else score_of(trained.model, case)
            say(f"  {case.name}: stored {stored}: {1 / times[stored][-1]:.2f} steps/s, {scores[stored]:.3f}")
    ratio = min(times[False]) / min(times[True])
    return {
        "figure": rounded(ratio),
        "bar": 3.0,
        "met": ratio >= 3,
        "decoder": FEATURE_DECODER,
        "steps_per_second": {"stored": rounded(1 / min(times[True])), "encoded": rounded(1 / min(times[False]))},
        "steps": {"stored": steps[True], "encoded": steps[False]},
        "miou": {"stored": rounded(scores[True]), "encoded": rounded(scores[False])},
    }


def tiled(case: Case, settings: TrainSettings) -> Row:
    """Tiled prediction against one pass: how many pixels get another class, and the speed."""
    model = _model(case, settings)
    image = _image(case, FITTING)
    sides = dict.fromkeys((ONE_PASS, *TILES))
    times: dict[int, list[float]] = {side: [] for side in sides}
    classes: dict[int, U8] = {}
    for _ in range(1 + ROUNDS):
        for side in sides:
            began = time.perf_counter()
            classes[side] = predict(model, image, tile=side).classes
            times[side].append(time.perf_counter() - began)
    whole = min(times[ONE_PASS])
    ratios = {side: round(whole / min(times[side]), 3) for side in TILES}
    shares = {side: round(float((classes[side] != classes[ONE_PASS]).mean()), 6) for side in TILES}
    largest = max(TILES)
    return {
        "figure": ratios[largest],
        "bar": 0.9,
        "met": ratios[largest] >= 0.9,
        "image": FITTING,
        "one_pass_seconds": round(whole, 3),
        "speed_by_tile": ratios,
        "other_class_by_tile": shares,
        "decoder": model.card.decoder,
    }


def waiting(case: Case, settings: TrainSettings, seconds: float) -> Row:
    """How long a person waits for a prediction: alone, while a run trains, and if it did not give way."""
    model = _model(case, settings)
    image = _image(case, (WAITED, WAITED))
    predict(model, image)
    alone = _looks(model, image, urgent=False, pause=0)
    during: dict[str, list[float]] = {}
    for name, urgent in (("goes_first", True), ("side_by_side", False)):
        cancel, begun = threading.Event(), threading.Event()

        def emit(event: events.Event, begun: threading.Event = begun) -> None:
            if isinstance(event, events.StepDone | events.Failed):
                begun.set()

        with tempfile.TemporaryDirectory() as folder:
            chosen = replace(settings, minutes=None)
            request = TrainRequest(chosen, case.classes, case.images, Path(folder))
            run = threading.Thread(
                target=fit, args=(request, emit, cancel), kwargs={"background": True}, name="benchmark-run"
            )
            run.start()
            begun.wait(60)
            during[name] = _looks(model, image, urgent=urgent, pause=seconds / LOOKS)
            cancel.set()
            run.join()
        say(f"  {case.name}: {name}: {statistics.median(during[name]):.2f} s")
    return {
        "figure": round(statistics.median(during["goes_first"]), 3),
        "unit": "s",
        "alone": _median_and_worst(alone),
        **{name: _median_and_worst(times) for name, times in during.items()},
    }


def _median_and_worst(times: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(times), 3), "worst": round(max(times), 3)}


def _looks(model: LoadedModel, image: U8, *, urgent: bool, pause: float) -> list[float]:
    times = []
    for _ in range(LOOKS):
        time.sleep(pause)
        began = time.perf_counter()
        with prediction_first() if urgent else nullcontext():
            predict(model, image)
        times.append(time.perf_counter() - began)
    return times


def _run(case: Case, settings: TrainSettings) -> Trained:
    with tempfile.TemporaryDirectory() as folder:
        return train_ours(case, settings, Path(folder))


def _typical(intervals: list[float]) -> float:
    return statistics.median(intervals[len(intervals) // 4 :]) if intervals else float("nan")


def _model(case: Case, settings: TrainSettings) -> LoadedModel:
    """Weights of a short run: long enough that neighbouring pixels agree, as they do in use."""
    with tempfile.TemporaryDirectory() as folder:
        trained = train_ours(case, replace(settings, steps=60), Path(folder))
    if trained.model is None:
        raise SystemExit("the run left no model")
    return trained.model


def _image(case: Case, shape: tuple[int, int]) -> U8:
    """The first validation image, mirrored and cut to a size."""
    pixels = readable_pixels(case.of("validation")[0], case.cache)
    down, right = (max(0, wanted - length) for wanted, length in zip(shape, pixels.shape[:2], strict=True))
    grown = cv2.copyMakeBorder(pixels, 0, down, 0, right, cv2.BORDER_REFLECT)
    return np.ascontiguousarray(np.asarray(grown, np.uint8)[: shape[0], : shape[1]])
