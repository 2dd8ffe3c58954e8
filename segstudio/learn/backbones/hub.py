"""Downloads: resumed, checked, cancellable; nothing here is called unless a person asked for it."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segstudio.errors import Cancelled, UsageError, WeightsError
from segstudio.storage.atomic import sync_folder, write_error, write_text

Progress = Callable[[int, int | None], None]  # bytes that are here, bytes of the whole file if known
HUB = "https://huggingface.co"
TIMEOUT = 20.0  # seconds without a byte before a connection counts as broken
_BLOCK = 1 << 17
_WAITS = (0.5, 2.0, 5.0)  # seconds before each new try, while nothing comes
_TRIES = 40  # in all, however often a little comes
_CONNECT = "Connect to a network, or bring the file from another machine"
_AGAIN = "Try again, or bring the file from another machine"
_MAY_PASS = frozenset({408, 425, 429, 500, 502, 503, 504})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class _Version:
    """Which version of which file a part is of: what must be the same to go on with it."""

    url: str = ""
    etag: str = ""
    sha256: str = ""


class _BrokenError(Exception):
    """The connection failed in a way that may pass; the message says how."""


def hub_address(repository: str, file: str) -> str:
    """Where a file of the hub is; the environment variable SEGSTUDIO_HUB names another hub, a mirror for instance."""
    base = os.environ.get("SEGSTUDIO_HUB") or HUB
    return f"{base.rstrip('/')}/{urllib.parse.quote(repository)}/resolve/main/{urllib.parse.quote(file)}"


def download(
    url: str,
    path: Path,
    *,
    sha256: str = "",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Path:
    """Download `url` to `path`, which appears whole and checked, or not at all.

    What has come stays beside it in a file ``.part`` and is gone on with the next time, if the server still has the
    same version. Proxies come from the environment; TLS certificates are verified.

    Args:
        url: http or https.
        path: to be written; its folder is made when missing.
        sha256: hexadecimal, or its beginning, as in torchvision's file names. When empty, what the server says of the
            file counts (the ETag of large files on Hugging Face); when it says nothing, only the length is checked.
        progress: called after every block.
        cancel: when set, the download ends at the next block and keeps its part.

    Returns:
        `path`.

    Raises:
        WeightsError: one line with the reason: no network, not found, refused, broken off, wrong checksum.
        ProjectError: when the disk refuses.
        UsageError: when `url` is of another kind.
        Cancelled: when `cancel` was set.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"'{url}' is no address to download from", remedy="Give one with http or https")
    job = _Download(url, path, sha256.lower(), progress, cancel or threading.Event())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(error, path) from error
    fruitless = 0
    for tried in range(_TRIES):
        before = job.received
        try:
            job.run()
            return job.finish()
        except _BrokenError as error:
            fruitless = 0 if job.received > before else fruitless + 1
            if fruitless > len(_WAITS) or tried == _TRIES - 1:
                raise WeightsError(f"{url} could not be downloaded ({error})", remedy=_AGAIN) from error
            job.wait(_WAITS[max(fruitless - 1, 0)])
    raise AssertionError("unreachable")


class _Download:
    """One file on its way.

    Attributes:
        received: bytes that came, over all tries.
    """

    def __init__(self, url: str, path: Path, sha256: str, progress: Progress | None, cancel: threading.Event) -> None:
        self.received = 0
        self._url = url
        self._path = path
        self._sha256 = sha256
        self._progress = progress
        self._cancel = cancel
        self._part = path.with_name(f"{path.name}.part")
        self._notes = path.with_name(f"{path.name}.part.json")
        self._version = _Version()

    def run(self) -> None:
        """Try once to get the rest of the file."""
        self._check_cancel()
        self._version, offset = self._standing()
        redirects = _Redirects()
        opener = urllib.request.build_opener(redirects)
        headers = {"Accept-Encoding": "identity", "User-Agent": "segstudio"}
        if offset:
            headers |= {"Range": f"bytes={offset}-", "If-Range": self._version.etag}
        opened = self._opened(opener, urllib.request.Request(self._url, headers=headers), offset)
        if opened is None:
            return
        with opened as response:
            fresh = _Version(self._url, _strong(response.headers), _checksum(response.headers, redirects.linked))
            if offset and (response.status != 206 or not self._continues(response.headers, fresh, offset)):
                if response.status == 206:
                    self._forget()
                    raise _BrokenError("the file changed")
                offset = 0
            self._version = fresh
            write_text(self._notes, json.dumps(asdict(fresh)))
            self._receive(response, offset)

    def finish(self) -> Path:
        """Check the file and put it in its place."""
        wanted = self._sha256 or self._version.sha256
        try:
            with self._part.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                os.fsync(file.fileno())
            if wanted and not found.startswith(wanted):
                self._forget()
                raise WeightsError(f"{self._url} came with a wrong checksum and was deleted", remedy=_AGAIN)
            self._part.replace(self._path)
            self._notes.unlink(missing_ok=True)
        except OSError as error:
            raise write_error(error, self._path) from error
        sync_folder(self._path.parent)
        return self._path

    def wait(self, seconds: float) -> None:
        """Pause before the next try, unless cancelled."""
        self._cancel.wait(seconds)
        self._check_cancel()

    def _standing(self) -> tuple[_Version, int]:
        """The version that was begun and how many bytes of it are here; 0 when it cannot be gone on with."""
        try:
            version = _Version(**json.loads(self._notes.read_text(encoding="utf-8")))
            size = self._part.stat().st_size
        except (OSError, ValueError, TypeError):
            return _Version(), 0
        return (version, size) if version.url == self._url and version.etag else (_Version(), 0)

    def _opened(
        self, opener: urllib.request.OpenerDirector, request: urllib.request.Request, offset: int
    ) -> contextlib.closing[Any] | None:
        """The server's answer; None when the part is the whole file already."""
        try:
            return contextlib.closing(opener.open(request, timeout=TIMEOUT))
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # nothing lies beyond what is here: all of it, or another file
                if error.headers.get("Content-Range", "") == f"bytes */{offset}":
                    return None
                self._forget()
                raise _BrokenError("the file changed") from error
            if error.code in _MAY_PASS:
                raise _BrokenError(f"the server answers {error.code}") from error
            raise WeightsError(f"{self._url} {_refusal(error.code)}", remedy=_AGAIN) from error
        except urllib.error.URLError as error:
            self._give_up_on(error)
            raise _BrokenError(str(error.reason)) from error
        except (OSError, http.client.HTTPException) as error:
            raise _BrokenError(str(error) or type(error).__name__) from error

    def _give_up_on(self, error: urllib.error.URLError) -> None:
        """What no second try mends at once is told at once."""
        reason = error.reason
        if isinstance(reason, ssl.SSLCertVerificationError):
            problem = f"{self._url} could not be downloaded, the server's certificate is not trusted"
            raise WeightsError(problem, remedy="Check the clock, the proxy and the address") from error
        offline = isinstance(reason, socket.gaierror | ConnectionRefusedError | str)
        if offline and not self.received:
            raise WeightsError(f"{self._url} could not be downloaded ({reason})", remedy=_CONNECT) from error

    def _continues(self, headers: Mapping[str, str], fresh: _Version, offset: int) -> bool:
        """Whether an answer is the rest of the part that is here."""
        begins = _RANGE.fullmatch(headers.get("Content-Range", ""))
        return begins is not None and int(begins[1]) == offset and fresh == self._version

    def _receive(self, response: http.client.HTTPResponse, offset: int) -> None:
        total = _total(dict(response.headers.items()), offset)
        done = offset
        try:
            with self._part.open("ab" if offset else "wb") as file:
                while block := self._next_block(response):
                    file.write(block)
                    done += len(block)
                    self.received += len(block)
                    if self._progress is not None:
                        self._progress(done, total)
                    self._check_cancel()
        except OSError as error:
            raise write_error(error, self._path) from error
        if total is not None and done < total:
            raise _BrokenError(f"the connection broke off after {done} of {total} bytes")
        if total is not None and done > total:
            self._forget()
            raise _BrokenError("the server sent more than it said")

    @staticmethod
    def _next_block(response: http.client.HTTPResponse) -> bytes:
        try:
            return response.read1(_BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise _BrokenError(str(error) or type(error).__name__) from error

    def _forget(self) -> None:
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)
            self._notes.unlink(missing_ok=True)

    def _check_cancel(self) -> None:
        if self._cancel.is_set():
            raise Cancelled


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, never from https to http, and keeps what the first server said of the file.

    Attributes:
        linked: the ETag of the file itself, which Hugging Face tells before it sends one to its storage.
    """

    def __init__(self) -> None:
        self.linked = ""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        self.linked = self.linked or headers.get("X-Linked-Etag", "")
        if req.type == "https" and urllib.parse.urlsplit(newurl).scheme != "https":
            raise WeightsError(f"{req.full_url} leads to an address that is not encrypted", remedy=_AGAIN)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _strong(headers: Mapping[str, str]) -> str:
    """The ETag if equal tags mean equal bytes; a weak one cannot be gone on with."""
    etag = headers.get("ETag", "")
    return "" if etag.startswith("W/") else etag


def _checksum(headers: Mapping[str, str], linked: str) -> str:
    """SHA-256 of the file as the server tells it, empty when it does not."""
    for tag in (linked, headers.get("X-Linked-Etag", ""), headers.get("ETag", "")):
        bare = tag.removeprefix("W/").strip('"').lower()
        if _SHA256.fullmatch(bare):
            return bare
    return ""


def _total(headers: Mapping[str, str], offset: int) -> int | None:
    ranged = _RANGE.fullmatch(headers.get("Content-Range", ""))
    if ranged is not None:
        return None if ranged[2] == "*" else int(ranged[2])
    length = headers.get("Content-Length", "")
    return offset + int(length) if length.isdecimal() else None


def _refusal(code: int) -> str:
    known = {404: "is not there (404)", 410: "is not there any more (410)", 401: "asks for a login (401)"}
    return known.get(code, f"was refused by the server ({code})")
