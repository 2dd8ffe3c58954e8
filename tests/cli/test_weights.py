"""Encoders and their weights from the command line: told, brought, carried and, only when asked, fetched."""

import hashlib
import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from segstudio.learn.backbones.registry import BACKBONES, find_backbone, weights_folder
from tests.cli.calling import Call
from tests.learn.files import classifier_state

SMALL = "mobilenetv3_small_100"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file as torch.save writes one, of MobileNetV3 Small."""
    path = tmp_path / "brought.pth"
    torch.save({"state_dict": classifier_state(find_backbone(SMALL))}, path)
    return path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """A hub with one file, whatever it is asked for."""
    content = save(classifier_state(find_backbone(SMALL)))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            self.wfile.write(content[start:])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nobody reads it."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that leaves is part of a test."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        monkeypatch.setenv("SEGSTUDIO_HUB", f"http://127.0.0.1:{server.server_address[1]}")
        yield content
        server.shutdown()
        thread.join()


def test_backbones_are_listed_with_what_they_cost(call: Call) -> None:
    answer = call("backbones")
    assert answer.code == 0
    for backbone in BACKBONES.values():
        assert backbone.name in answer.out
    assert "80.2 G" in answer.out
    assert "bundled" in answer.out
    told = {item["name"]: item for item in call("backbones", "--json").json["backbones"]}
    assert told["resnet34"]["weights"] == "to download"
    assert "--fetch resnet34" in told["resnet34"]["how"]
    assert told["resnet34"]["file"] is None
    assert told["efficientnet_lite0"]["file"].endswith(".pth")
    assert told["vgg16"]["macs"] == BACKBONES["vgg16"].macs
    assert told["vgg16"]["smallest"] == 32


def test_a_file_is_imported_listed_exported_and_imported_again(call: Call, file: Path, tmp_path: Path) -> None:
    answer = call("weights", "import", file, "--backbone", SMALL)
    assert answer.code == 0, answer.err
    assert "tensors of MobileNetV3 Small fit" in answer.out
    listed = call("weights", "list", "--json").json
    assert [(item["name"], item["source"]) for item in listed["weights"]] == [(SMALL, "brought.pth")]
    assert SMALL in call("weights", "list").out
    stick = tmp_path / "stick"
    assert call("weights", "export", stick).code == 0
    (weights_folder() / f"{SMALL}.safetensors").unlink()
    assert "There are none" in call("weights", "list").out
    assert f"{SMALL} taken in: all" in call("weights", "import", stick).out
    assert [item["name"] for item in call("weights", "list", "--json").json["weights"]] == [SMALL]


def test_a_part_of_a_folder_that_is_refused_is_told(call: Call, file: Path, tmp_path: Path) -> None:
    call("weights", "import", file, "--backbone", SMALL)
    stick = tmp_path / "stick"
    assert call("weights", "export", stick, SMALL, "efficientnet_lite0").code == 0
    (stick / f"{SMALL}.safetensors").write_bytes(b"other")
    answer = call("weights", "import", stick, "--json")
    assert answer.code == 1
    assert {item["name"]: item["done"] for item in answer.json["weights"]} == {SMALL: False, "efficientnet_lite0": True}
    assert f"{SMALL} was refused" in answer.err
    assert "checksum" in answer.err


def test_what_cannot_be_imported_is_one_line(call: Call, file: Path, tmp_path: Path) -> None:
    call("weights", "import", file).assert_refused("--backbone is missing", code=2)
    call("weights", "import", tmp_path, "--backbone", SMALL).assert_refused("weights.json", code=2)
    call("weights", "import", tmp_path).assert_refused("holds no weights.json")
    call("weights", "import", file, "--backbone", "resnet34").assert_refused(str(file), "ResNet-34", "missing: conv1")
    call("weights", "import", tmp_path / "gone.pth", "--backbone", SMALL).assert_refused("gone.pth", "missing")
    call("weights", "export", tmp_path / "stick").assert_refused("no weights to export", code=2)
    assert call("weights", "list", "--json").json["weights"] == []


@pytest.mark.usefixtures("hub")
def test_weights_are_fetched_when_asked(call: Call) -> None:
    answer = call("backbones", "--fetch", SMALL, "--json")
    assert answer.code == 0, answer.err
    told = {item["name"]: item for item in answer.json["backbones"]}
    assert told[SMALL]["weights"] == "on disk"
    assert Path(told[SMALL]["file"]).is_file()
    assert "Fetching the weights of MobileNetV3 Small" in answer.err


def test_ctrl_c_keeps_the_part_and_the_next_fetch_goes_on(
    call: Call, hub: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segstudio.cli import output

    real = output.Output._line_by_line

    def interrupting(self: output.Output, title: str, total: float) -> output.Update:
        real(self, title, total)
        return lambda done, remark: os.kill(os.getpid(), signal.SIGINT)  # noqa: ARG005

    monkeypatch.setattr(output.Output, "_line_by_line", interrupting)
    answer = call("backbones", "--fetch", SMALL)
    assert answer.code == 130
    assert answer.out == ""
    (part,) = weights_folder().glob("*.part")
    assert 0 < part.stat().st_size < len(hub)
    assert not list(weights_folder().glob("*.safetensors"))
    monkeypatch.setattr(output.Output, "_line_by_line", real)
    assert call("backbones", "--fetch", SMALL).code == 0
    assert [path.name for path in weights_folder().iterdir()] == [f"{SMALL}.safetensors"]


@pytest.mark.parametrize("arguments", [("weights", "--help"), ("weights", "import", "--help")])
def test_weights_explain_themselves(call: Call, arguments: tuple[str, ...]) -> None:
    answer = call(*arguments)
    assert answer.code == 0
    assert "segstudio weights" in answer.out.split("Examples:")[1]
