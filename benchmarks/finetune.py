"""How well our training does in a few minutes, beside a plain loop with the same backbone, crops and minutes.

    python benchmarks/finetune.py --dataset camvid --minutes 3 --seed 0

Prints one JSON object on stdout and progress on stderr. The datasets are folders with images, masks and dataset.json.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import segmentation_models_pytorch as smp
import torch
from torch import nn

from segstudio.core.arrays import I64, U8
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.labels import LabelledImage, Split
from segstudio.core.metrics import Scores, confusion_matrix
from segstudio.learn import events
from segstudio.learn.backbones import Backbone, find_backbone
from segstudio.learn.request import TrainRequest, TrainSettings
from segstudio.learn.saving import load_model
from segstudio.learn.scoring import score
from segstudio.learn.training import fit
from segstudio.learn.weights import load_encoder_weights
from segstudio.storage.images import read_image
from segstudio.storage.masks import read_mask

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
PLAIN_BATCH = 8
Report = dict[str, object]
Images = tuple[LabelledImage, ...]


def say(line: str) -> None:
    """One line of progress."""
    print(line, file=sys.stderr, flush=True)


def load_dataset(folder: Path) -> tuple[ClassTable, Images]:
    """Classes and labelled images of a dataset folder, with its own splits."""
    described = json.loads((folder / "dataset.json").read_text())
    classes = ClassTable.of(item["name"] for item in described["classes"])
    images = []
    parts: tuple[tuple[str, Split], ...] = (("train", "train"), ("val", "validation"))
    for name, split in parts:
        for relative in described["splits"][name]:
            path = folder / relative
            mask = read_mask(folder / "masks" / f"{path.stem}.png", classes=len(classes))
            images.append(LabelledImage.pack(key=path.stem, path=path, split=split, revision=1, annotation=mask))
    return classes, tuple(images)


def train_ours(settings: TrainSettings, classes: ClassTable, images: Images) -> Report:
    """Our training; scored in full by the model it leaves behind."""
    rounds: list[dict[str, float]] = []
    ended: list[events.Ending] = []

    def emit(event: events.Event) -> None:
        if isinstance(event, events.RoundDone) and event.candidate is not None:
            rounds.append({"seconds": round(event.seconds, 1), "miou": round(event.candidate.miou, 4)})
            say(f"ours: {event.seconds:.0f} s, step {event.step}, mean IoU {event.candidate.miou:.3f}")
        elif isinstance(event, events.Done | events.Failed | events.Cancelled):
            ended.append(event)

    with tempfile.TemporaryDirectory() as folder:
        request = TrainRequest(settings, classes, images, Path(folder))
        fit(request, emit, threading.Event())
        done = ended[0]
        if not isinstance(done, events.Done) or done.model is None:
            raise SystemExit(f"our training ended with {done}")
        validation = [image for image in images if image.split == "validation"]
        scores = score(load_model(done.model), validation, classes=len(classes))
    return _report(scores, done.steps, done.seconds, done.images_per_second) | {"rounds": rounds}


def train_plain(settings: TrainSettings, classes: ClassTable, images: Images) -> Report:
    """What anyone would write first: FPN at its published width, AdamW, cross-entropy, random crops."""
    assert settings.minutes is not None
    backbone = find_backbone(settings.backbone)
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    network = smp.FPN(f"tu-{backbone.encoder}", encoder_weights=None, classes=len(classes))
    load_encoder_weights(network.encoder.model, backbone)
    decoder = [*network.decoder.parameters(), *network.segmentation_head.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": network.encoder.parameters(), "lr": 3e-4}, {"params": decoder, "lr": 1e-3}]
    )
    pairs = [(_rgb(image.path), image.annotation()) for image in images if image.split == "train"]
    network.train()
    began = time.perf_counter()
    steps = 0
    while (seconds := time.perf_counter() - began) < settings.minutes * 60:
        drawn = [_plain_crop(*pairs[int(rng.integers(len(pairs)))], settings.crop or 256, rng) for _ in range(PLAIN_BATCH)]
        logits = network(_normalised(np.stack([pixels for pixels, _ in drawn]), backbone))
        target = torch.from_numpy(np.stack([labels for _, labels in drawn]).astype(np.int64))
        loss = nn.functional.cross_entropy(logits, target, ignore_index=VOID)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        steps += 1
        if steps % 20 == 0:
            say(f"plain: {seconds:.0f} s, step {steps}, loss {loss.item():.3f}")
    seconds = time.perf_counter() - began
    scores = _score_plain(network.eval(), images, backbone, len(classes))
    return _report(scores, steps, seconds, steps * PLAIN_BATCH / seconds)


def _plain_crop(pixels: U8, labels: U8, crop: int, rng: np.random.Generator) -> tuple[U8, U8]:
    scale = rng.uniform(0.6, 1.6)
    size = (max(crop, round(pixels.shape[1] * scale)), max(crop, round(pixels.shape[0] * scale)))
    pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    labels = np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    y, x = (int(rng.integers(length - crop + 1)) for length in labels.shape)
    window = slice(y, y + crop), slice(x, x + crop)
    step = -1 if rng.random() < 0.5 else 1
    return pixels[window][:, ::step], labels[window][:, ::step]


def _score_plain(network: nn.Module, images: Images, backbone: Backbone, classes: int) -> Scores:
    confusion: I64 = np.zeros((classes, classes + 1), np.int64)
    validation = [image for image in images if image.split == "validation"]
    for image in validation:
        pixels = _rgb(image.path)
        height, width = pixels.shape[:2]
        padded = cv2.copyMakeBorder(pixels, 0, -height % 32, 0, -width % 32, cv2.BORDER_REFLECT_101)
        with torch.inference_mode():
            best = network(_normalised(np.asarray(padded, np.uint8)[None], backbone))[0].argmax(0)
        confusion += confusion_matrix(image.annotation(), best[:height, :width].numpy().astype(np.uint8), classes)
    return Scores.of(confusion, images=len(validation))


def _rgb(path: Path) -> U8:
    pixels = read_image(path).display()
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)


def _normalised(pixels: U8, backbone: Backbone) -> torch.Tensor:
    values = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).float() / 255
    return (values - torch.tensor(backbone.mean)[:, None, None]) / torch.tensor(backbone.std)[:, None, None]


def _report(scores: Scores, steps: int, seconds: float, speed: float) -> Report:
    return {
        "miou": round(scores.miou, 4),
        "per_class_iou": [None if value is None else round(value, 4) for value in scores.per_class_iou],
        "steps": steps,
        "seconds": round(seconds, 1),
        "images_per_second": round(speed, 2),
    }


def main() -> None:
    """Train both, one after the other, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="camvid", help="folder, or name of one in ../shared/data")
    parser.add_argument("--minutes", type=float, default=3.0, help="of training, for each of the two")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("ours", "plain"), help="train one of the two only")
    arguments = parser.parse_args()
    folder = Path(arguments.dataset)
    classes, images = load_dataset(folder if folder.is_dir() else DATA / arguments.dataset)
    settings = TrainSettings(minutes=arguments.minutes, seed=arguments.seed, device="cpu")
    loops: dict[str, Callable[[TrainSettings, ClassTable, Images], Report]] = {"ours": train_ours, "plain": train_plain}
    result: Report = {
        "dataset": folder.name,
        "minutes": arguments.minutes,
        "seed": arguments.seed,
        "threads": torch.get_num_threads(),
        "batch": {"ours": settings.batch, "plain": PLAIN_BATCH},
    }
    reached = {}
    for name, loop in loops.items():
        if arguments.only in (None, name):
            result[name] = report = loop(settings, classes, images)
            reached[name] = float(str(report["miou"]))
    if len(reached) == 2:
        result["margin"] = round(reached["ours"] - reached["plain"], 4)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
