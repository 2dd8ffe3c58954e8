"""Downloads from a server of the test's own that breaks off, resumes, changes its file and lies."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from safetensors.torch import save

from segstudio.errors import Cancelled, ProjectError, UsageError, WeightsError
from segstudio.learn.backbones import hub, weights
from segstudio.learn.backbones.hub import download, hub_address
from segstudio.learn.backbones.registry import find_backbone, weights_state
from segstudio.learn.backbones.weights import fetch_weights, load_encoder_weights
from tests.learn.files import classifier_state, empty_like

FILE = bytes(range(256)) * 4096  # 1 MiB


class Hub(ThreadingHTTPServer):
    """Serves one file as Hugging Face does: a redirect that tells its checksum, then the bytes.

    Attributes:
        content: the file; tests change it.
        cuts: for each answer to come, after how many bytes it breaks off.
        codes: for each request to come, an error to answer instead.
        ranges: whether parts are served.
        etag: of the storage; None for the checksum.
        linked: checksum told with the redirect; None for the true one, empty for none.
        asked: the Range of each request for the bytes.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = FILE
        self.cuts: list[int] = []
        self.codes: list[int] = []
        self.ranges = True
        self.etag: str | None = None
        self.linked: str | None = None
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        if self.server.codes:
            self.send_error(self.server.codes.pop(0))
            return
        digest = hashlib.sha256(self.server.content).hexdigest()
        if "/resolve/" in self.path:
            self.send_response(302)
            linked = digest if self.server.linked is None else self.server.linked
            if linked:
                self.send_header("X-Linked-Etag", f'"{linked}"')
            self.send_header("Location", "/storage?signed")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._send(f'"{digest}"' if self.server.etag is None else self.server.etag)

    def _send(self, etag: str) -> None:
        content, wanted = self.server.content, self.headers.get("Range", "")
        self.server.asked.append(wanted)
        start = 0
        if wanted and self.server.ranges and self.headers.get("If-Range") == etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if self.server.cuts:
            self.wfile.write(body[: self.server.cuts.pop(0)])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The tests read nothing of it."""


@contextmanager
def serving() -> Iterator[Hub]:
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(hub, "_WAITS", (0.01, 0.01))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as running:
        monkeypatch.setenv("SEGSTUDIO_HUB", running.address)
        yield running


def url() -> str:
    return hub_address("timm/some.weights", "model.safetensors")


@pytest.mark.usefixtures("server")
def test_a_file_comes_whole_with_progress(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = download(url(), tmp_path / "deep" / "file", progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == FILE
    assert seen[-1] == (len(FILE), len(FILE))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert sorted(file.name for file in path.parent.iterdir()) == ["file"]


def test_a_broken_connection_is_gone_on_with(server: Hub, tmp_path: Path) -> None:
    server.cuts = [300_000, 200_000]
    assert download(url(), tmp_path / "file").read_bytes() == FILE
    assert server.asked == ["", "bytes=300000-", "bytes=500000-"]


def test_a_server_without_ranges_begins_again(server: Hub, tmp_path: Path) -> None:
    server.cuts, server.ranges = [300_000], False
    assert download(url(), tmp_path / "file").read_bytes() == FILE


def test_a_file_that_changed_between_tries_begins_again(server: Hub, tmp_path: Path) -> None:
    server.cuts = [300_000]
    cancel = threading.Event()

    def stop(done: int, _: int | None) -> None:
        if done >= 200_000:
            cancel.set()

    with pytest.raises(Cancelled):
        download(url(), tmp_path / "file", progress=stop, cancel=cancel)
    server.content, server.cuts = FILE[::-1], []
    assert download(url(), tmp_path / "file").read_bytes() == FILE[::-1]


def test_a_storage_that_keeps_its_tag_for_a_changed_file_is_noticed(server: Hub, tmp_path: Path) -> None:
    server.cuts, server.etag = [300_000], '"always the same"'

    def change(done: int, _: int | None) -> None:
        if done >= 300_000:
            server.content = FILE[::-1]

    assert download(url(), tmp_path / "file", progress=change).read_bytes() == FILE[::-1]


def test_without_a_strong_tag_nothing_is_gone_on_with(server: Hub, tmp_path: Path) -> None:
    server.cuts, server.etag = [300_000], 'W/"weak"'
    assert download(url(), tmp_path / "file").read_bytes() == FILE
    assert server.asked == ["", ""]


def test_cancelling_keeps_what_came(server: Hub, tmp_path: Path) -> None:
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        download(url(), tmp_path / "file", progress=lambda *_: cancel.set(), cancel=cancel)
    assert not (tmp_path / "file").exists()
    size = (tmp_path / "file.part").stat().st_size
    assert 0 < size < len(FILE)
    assert download(url(), tmp_path / "file").read_bytes() == FILE
    assert server.asked == ["", f"bytes={size}-"]


def test_a_part_that_is_the_whole_file_is_only_checked(server: Hub, tmp_path: Path) -> None:
    cancel = threading.Event()

    def at_the_end(done: int, total: int | None) -> None:
        if done == total:
            cancel.set()

    with pytest.raises(Cancelled):
        download(url(), tmp_path / "file", progress=at_the_end, cancel=cancel)
    assert download(url(), tmp_path / "file").read_bytes() == FILE
    assert server.asked == ["", f"bytes={len(FILE)}-"]


@pytest.mark.parametrize("known", ["0" * 64, "deadbeef"])
@pytest.mark.usefixtures("server")
def test_a_wrong_checksum_leaves_nothing(tmp_path: Path, known: str) -> None:
    with pytest.raises(WeightsError, match="wrong checksum"):
        download(url(), tmp_path / "file", sha256=known)
    assert not list(tmp_path.iterdir())


def test_the_checksum_that_the_hub_tells_is_checked(server: Hub, tmp_path: Path) -> None:
    server.linked = "0" * 64
    with pytest.raises(WeightsError, match="wrong checksum"):
        download(url(), tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_the_beginning_of_a_checksum_is_enough(server: Hub, tmp_path: Path) -> None:
    server.linked, server.etag = "", '"no checksum"'
    beginning = hashlib.sha256(FILE).hexdigest()[:8].upper()
    assert download(url(), tmp_path / "file", sha256=beginning).is_file()


@pytest.mark.parametrize(("code", "said"), [(404, "is not there"), (401, "login"), (403, "refused by the server")])
def test_an_answer_that_will_not_change_is_told_at_once(server: Hub, tmp_path: Path, code: int, said: str) -> None:
    server.codes = [code]
    with pytest.raises(WeightsError, match=said) as caught:
        download(url(), tmp_path / "file")
    assert url() in str(caught.value)
    assert "\n" not in str(caught.value)
    assert server.asked == []


def test_a_busy_server_is_asked_again(server: Hub, tmp_path: Path) -> None:
    server.codes = [503, 429]
    assert download(url(), tmp_path / "file").read_bytes() == FILE


def test_a_server_that_never_gives_anything_is_given_up(server: Hub, tmp_path: Path) -> None:
    server.codes = [503] * 9
    with pytest.raises(WeightsError, match=r"could not be downloaded \(the server answers 503\)"):
        download(url(), tmp_path / "file")


def test_a_connection_that_stands_still_is_broken(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(WeightsError, match="timed out"):
        download(f"http://127.0.0.1:{silent.getsockname()[1]}/x", tmp_path / "file")
    assert server.asked == []


@pytest.mark.usefixtures("server")
def test_no_network_is_one_line_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(WeightsError, match=r"could not be downloaded.*Connect to a network"):
        download(f"http://127.0.0.1:{port}/x", tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_other_schemes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no address"):
        download("file:///etc/passwd", tmp_path / "file")


@pytest.mark.usefixtures("server")
def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ProjectError, match=r"lies under a file|cannot be written"):
        download(url(), tmp_path / "file" / "below" / "x")


def test_weights_are_fetched_checked_and_found(server: Hub, tmp_path: Path) -> None:
    resnet = find_backbone("resnet18")
    state = classifier_state(resnet)
    server.content = save(state)
    server.cuts = [5_000_000]
    path = fetch_weights(resnet, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name] == ["resnet18.safetensors"]
    assert weights_state(resnet, tmp_path) == "on disk"
    encoder = empty_like(resnet)
    load_encoder_weights(encoder, resnet, folder=tmp_path)
    assert encoder.state_dict()["layer4.1.conv2.weight"].equal(state["layer4.1.conv2.weight"])
    server.codes = [500] * 9
    assert fetch_weights(resnet, tmp_path) == path


def test_a_file_of_another_network_is_not_kept(server: Hub, tmp_path: Path) -> None:
    server.content = save({"conv1.weight": classifier_state(find_backbone("resnet18"))["conv1.weight"]})
    with pytest.raises(WeightsError, match="1 of the 180 tensors of ResNet-34 fit"):
        fetch_weights(find_backbone("resnet34"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise ProjectError("cannot be written, the disk is full", path=tmp_path / "resnet18.safetensors")

    server.content = save(classifier_state(find_backbone("resnet18")))
    monkeypatch.setattr(weights, "write_bytes", full)
    with pytest.raises(ProjectError, match="the disk is full"):
        fetch_weights(find_backbone("resnet18"), tmp_path)
    assert not list(tmp_path.iterdir())
