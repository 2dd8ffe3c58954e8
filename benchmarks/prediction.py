"""Memory and speed of tiled prediction: peak memory on a huge image, and time against one pass over one that fits.

Prints one JSON object. The memory figure is that of a fresh process, beyond image and result; `program` is what Python
and its libraries take before they predict. With ``--network fake`` the network costs next to nothing, its scores are
as large as any: enough for the memory of everything but the layers inside.

    python benchmarks/prediction.py --size 16384 --classes 254 --network fake
    python benchmarks/prediction.py --size 4096
    python benchmarks/prediction.py --size 0 --repeats 3 --model cells/models/NAME --image photo.png
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from segstudio.core.arrays import U8
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.networks.network import SegmentationNetwork, build_network, on_device
from segstudio.learn.networks.saving import LoadedModel, load_model
from segstudio.learn.prediction import predicting as prediction
from segstudio.learn.prediction import tiling
from segstudio.learn.prediction.predicting import predict
from segstudio.storage.cards import ModelCard
from segstudio.storage.images import read_image

MIB = 2**20
WHOLE = 1 << 16  # side of a tile that no image here exceeds


class _Features(nn.Module):
    def forward(self, images: Tensor) -> list[Tensor]:
        return [images]


class _Scores(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, features: list[Tensor]) -> Tensor:
        grey = features[0].mean(1, keepdim=True)
        return grey * torch.linspace(-1, 1, self.classes).reshape(1, -1, 1, 1)


def make_model(options: argparse.Namespace) -> LoadedModel:
    """The network asked for; its weights do not matter here."""
    if options.model is not None:
        return load_model(options.model)
    backbone = find_backbone("efficientnet_lite0")
    card = ModelCard(
        name="benchmark",
        created="",
        backbone=backbone.name,
        transfer="feature",
        decoder=options.decoder,
        classes=[{"index": i, "name": str(i), "color": "#000000"} for i in range(options.classes)],
        normalisation={"mean": list(backbone.mean), "std": list(backbone.std)},
    )
    torch.manual_seed(0)
    network = (
        SegmentationNetwork(_Features(), _Scores(options.classes), nn.Identity())
        if options.network == "fake"
        else build_network(backbone, options.decoder, options.classes, "feature")
    )
    cpu = torch.device("cpu")
    return LoadedModel(on_device(network, cpu).eval(), card, cpu)


def picture(height: int, width: int) -> U8:
    """An RGB image of noise, made row by row so that nothing else takes memory."""
    rng = np.random.default_rng(0)
    image = np.empty((height, width, 3), np.uint8)
    for row in image:
        row[:] = rng.integers(0, 255, row.shape, np.uint8)
    return image


def peak() -> float:
    """The most memory this process has had so far, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def memory(model: LoadedModel, size: int) -> dict[str, float]:
    """Peak memory while an image of ``size x size`` is predicted."""
    predict(model, picture(64, 64))
    program = peak()
    image = picture(size, size)
    began = time.perf_counter()
    proposal = predict(model, image)
    seconds = time.perf_counter() - began
    given = (image.nbytes + proposal.classes.nbytes + proposal.confidence.nbytes) / MIB
    return {
        "size": size,
        "seconds": round(seconds, 2),
        "program_mib": round(program),
        "peak_beyond_image_and_result_mib": round(peak() - given),
        "of_which_predicting_mib": round(peak() - given - program),
    }


def speed(model: LoadedModel, image: U8, repeats: int) -> dict[str, float]:
    """Tiled against one pass, in turns; the best of each counts."""
    one, tiled = [], []
    largest = prediction._LARGEST_TILE
    for _ in range(repeats):
        prediction._LARGEST_TILE = WHOLE
        began = time.perf_counter()
        whole = predict(model, image)
        one.append(time.perf_counter() - began)
        prediction._LARGEST_TILE = largest
        began = time.perf_counter()
        parts = predict(model, image)
        tiled.append(time.perf_counter() - began)
    rows, columns = tiling.cut(image.shape[0], image.shape[1], prediction._tile_side(model, "none"))
    differs = whole.classes != parts.classes
    return {
        "one_pass_seconds": round(min(one), 2),
        "tiled_seconds": round(min(tiled), 2),
        "tiled_speed_of_one_pass": round(min(one) / min(tiled), 2),
        "tiles": len(rows.starts) * len(columns.starts),
        "pixels_that_differ": round(float(differs.mean()), 5),
        "sure_pixels_that_differ": round(float(differs[whole.confidence > 200].mean()), 5),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--size", type=int, default=4096, help="side of the huge image, 0 for none")
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--decoder", default="fpn")
    parser.add_argument("--network", choices=("real", "fake"), default="real")
    parser.add_argument("--model", type=Path, help="a model folder instead of random weights")
    parser.add_argument("--image", type=Path, help="an image for the speed; noise of 2048 x 1536 if left out")
    parser.add_argument("--repeats", type=int, default=0, help="of the comparison of speed; 0 for none")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = make_model(options)
    result: dict[str, object] = {"classes": model.classes, "decoder": model.card.decoder, "threads": options.threads}
    if options.size:
        result["memory"] = memory(model, options.size)
    if options.repeats:
        image = picture(1536, 2048) if options.image is None else read_image(options.image).network()
        result["speed"] = speed(model, image, options.repeats)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
