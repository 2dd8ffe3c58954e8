"""Several processes, on one machine or on many, that do one job: what they exchange, and how they fail together.

Every exchange begins with a meeting: the sum of one short vector of fixed length over all processes, by gloo on the
CPU, whatever the device. A process in trouble goes to one more meeting and says so there. As all meetings look alike it
does not matter which one the others are at; they leave their work at that point, and all agree on what was wrong. So
a process that runs out of memory in the middle of a step, while others wait for it within a norm layer, holds up
nobody. That is also why gradients are added up here, after the backward pass, and not by torch's wrapper
DistributedDataParallel, in which the others would wait until they give up.
"""

import logging
import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, distributed, nn

from segstudio.errors import Cancelled, SegStudioError, TrainingError, UsageError
from segstudio.learn.device import pick_device
from segstudio.learn.group.group import Group, Value
from segstudio.learn.group.launch import Launch
from segstudio.learn.group.synced_norm import sync_norms
from segstudio.learn.training.memory import is_device_lost, is_out_of_memory
from segstudio.learn.training.stepping import NotFiniteError

_log = logging.getLogger(__name__)
# One that has died is noticed at once; this is for one that hangs. Decoding images or writing a model may take minutes.
_PATIENCE = timedelta(minutes=30)
_ROOM = 512  # numbers that fit into a meeting; longer vectors take several
_FAILED, _CLOCK, _HEAD = 0, 1, 2
_CANCELLED, _UNFORESEEN, _EXPECTED, _DEVICE, _MEMORY, _NUMBERS = range(6)  # the first one of them counts

_AGREED = "agreed"  # attribute of an error that all processes are raising

Report = tuple[int, int, object]  # kind, rank, and the error itself or its text


class LostError(TrainingError):
    """Another process is gone, or does not answer any more."""


@contextmanager
def joined(launch: Launch, *, patience: timedelta = _PATIENCE) -> Iterator["Ranks"]:
    """The group of the processes that were started together; they leave it when the block ends.

    Gradients of GPUs are added by NCCL, everything else by gloo. The number of a process on its machine chooses its
    GPU.

    Args:
        launch: the place of this process; torchrun's environment says where the others are.
        patience: after which a process that does not answer is taken for lost.

    Raises:
        LostError: the processes do not find each other.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if launch.local < gpus:
        torch.cuda.set_device(launch.local)
    nccl = gpus > 0 and distributed.is_nccl_available()
    try:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if nccl else "gloo", timeout=patience)
    except (RuntimeError, ValueError) as error:
        _log.warning("%s", error)
        raise LostError("the processes do not find each other", remedy="Start all of them with torchrun") from error
    try:
        yield Ranks(launch)
    finally:
        distributed.destroy_process_group()


class Ranks(Group):
    """The processes of a job; every one of them makes the same calls in the same order. Made by `joined`.

    Args:
        launch: the place of this process.
    """

    def __init__(self, launch: Launch) -> None:
        self.rank, self.size = launch.rank, launch.size
        self._local = launch.local
        self._now = 0.0

    def __deepcopy__(self, _: object) -> "Ranks":
        return self  # a copy of a network belongs to the same processes

    @contextmanager
    def section(self) -> Iterator[None]:
        """See `Group.section`."""
        with self._failing_together():
            yield
            self._meet()

    def once(self, work: Callable[[], Value]) -> Value:
        """See `Group.once`."""
        result: Value | None = None
        data = b""
        if self.first:
            with self._failing_together():
                result = work()
                data = pickle.dumps(result)
        (length,) = self._meet([len(data)]).tolist()
        buffer = _bytes(data, int(length))
        self._talk(lambda: distributed.broadcast(buffer, 0))
        return cast(Value, result if self.first else pickle.loads(buffer.numpy().tobytes()))

    def gather(self, value: Value) -> list[Value]:
        """See `Group.gather`."""
        data = pickle.dumps(value)
        lengths = self._add_all([len(data) if rank == self.rank else 0 for rank in range(self.size)])
        longest = int(max(lengths))
        buffers = [torch.empty(longest, dtype=torch.uint8) for _ in lengths]
        own = _bytes(data, longest)
        self._talk(lambda: distributed.all_gather(buffers, own))
        pairs = zip(buffers, lengths, strict=True)
        return [pickle.loads(buffer.numpy()[: int(length)].tobytes()) for buffer, length in pairs]

    def now(self) -> float:
        """See `Group.now`."""
        if not self._now:
            self._meet()
        return self._now

    def place(self, name: str) -> str:
        """See `Group.place`."""
        kind = self.once(lambda: pick_device(name).type)
        with self.section():
            if kind == "mps":
                raise UsageError("several processes cannot share one MPS device", remedy="Choose the device cpu")
            if kind == "cuda" and ":" in name:
                raise UsageError(f"'{name}' is one device for all processes", remedy="Choose the device cuda")
            if kind == "cuda" and not self._local < torch.cuda.device_count():
                raise UsageError(
                    "there are more processes than GPUs",
                    remedy=f"Start {torch.cuda.device_count()} on a machine, or choose the device cpu",
                )
            pick_device(kind)
        return kind

    def add(self, vector: Tensor) -> Tensor:
        """See `Group.add`."""
        added = self._add_all(vector.detach().double().tolist())
        return torch.tensor(added, dtype=torch.float64).to(vector)

    def add_losses(self, sums: Tensor) -> Tensor:
        """See `Group.add_losses`."""
        return cast(Tensor, _Added.apply(sums, self))

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """See `Group.add_gradients`."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if not gradients:
            return
        together = torch.cat([gradient.reshape(-1) for gradient in gradients])
        self._meet()  # nobody is to wait in what follows for one that has failed
        self._talk(lambda: distributed.all_reduce(together))
        _put_back(together, gradients)

    def spread(self, network: nn.Module) -> None:
        """See `Group.spread`."""
        tensors = list(network.state_dict().values())
        for kind in sorted({tensor.dtype for tensor in tensors}, key=str):
            alike = [tensor for tensor in tensors if tensor.dtype == kind]
            together = torch.cat([tensor.reshape(-1) for tensor in alike])
            self._meet()
            self._talk(partial(distributed.broadcast, together, 0))
            _put_back(together, alike)

    def sync_norms(self, network: nn.Module) -> None:
        """See `Group.sync_norms`."""
        sync_norms(network, self)

    # Meetings

    def _meet(self, values: Iterable[float] = (), *, failed: bool = False) -> Tensor:
        """Sum short vectors over all processes; raises what they agree on when one of them has failed."""
        given = torch.tensor(list(values), dtype=torch.float64)
        frame = torch.zeros(_HEAD + _ROOM, dtype=torch.float64)
        frame[_FAILED] = float(failed)
        frame[_CLOCK] = time.perf_counter() if self.first else 0.0
        frame[_HEAD : _HEAD + len(given)] = given
        self._talk(lambda: distributed.all_reduce(frame))
        self._now = float(frame[_CLOCK])
        if frame[_FAILED] and not failed:
            raise self._agree(None)
        return frame[_HEAD : _HEAD + len(given)]

    def _add_all(self, values: list[float]) -> list[float]:
        added: list[float] = []
        for start in range(0, len(values), _ROOM):
            added += self._meet(values[start : start + _ROOM]).tolist()
        return added

    def _talk(self, exchange: Callable[[], Any]) -> None:
        gone = LostError("another process of this job has ended, or hangs", remedy="See what it said last")
        if self.lost:
            raise gone
        try:
            exchange()
        except RuntimeError as error:
            self.lost = True
            _log.info("%s", error)
            raise gone from error

    # Failures

    @contextmanager
    def _failing_together(self) -> Iterator[None]:
        """Whatever the block raises is told to the others, unless they know it already."""
        try:
            yield
        except LostError:
            raise
        except Exception as error:
            if _AGREED in vars(error):
                raise
            agreed = self._fail(error)
            if agreed is error:
                raise
            raise agreed from error

    def _fail(self, error: Exception) -> BaseException:
        """Tell the others; the error on which all agree."""
        self._meet(failed=True)
        return self._agree(error)

    def _agree(self, error: Exception | None) -> BaseException:
        own = None if error is None else _report(error, self.rank)
        reports = [report for report in self.gather(own) if report is not None]
        kind, rank, what = min(reports, key=lambda report: report[:2])
        mine = error is not None and own is not None and (own[0] == kind != _EXPECTED or rank == self.rank)
        agreed = error if mine and error is not None else _as_told(kind, rank, what)
        # On the error itself: whoever kept the error would keep its traceback, and with it the tensors of a step.
        vars(agreed)[_AGREED] = True
        return agreed


class _Added(torch.autograd.Function):
    """A sum over all processes, of which each then works out the same: its gradient is that of its own part."""

    @staticmethod
    def forward(_ctx: Any, sums: Tensor, group: Ranks) -> Tensor:
        return group.add(sums)

    @staticmethod
    def backward(_ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def _report(error: Exception, rank: int) -> Report:
    text = " ".join(f"{type(error).__name__}: {error}".split())[:500]
    if isinstance(error, Cancelled):
        return _CANCELLED, rank, ""
    if isinstance(error, SegStudioError):
        return _EXPECTED, rank, error
    if isinstance(error, NotFiniteError):
        return _NUMBERS, rank, ""
    if is_out_of_memory(error):
        return _MEMORY, rank, text
    return _DEVICE if is_device_lost(error) else _UNFORESEEN, rank, text


def _as_told(kind: int, rank: int, what: object) -> BaseException:
    """The error of another process as this one raises it."""
    if kind == _CANCELLED:
        return Cancelled()
    if kind == _EXPECTED and isinstance(what, SegStudioError):
        return what
    if kind == _NUMBERS:
        return NotFiniteError()
    if kind == _MEMORY:  # in the words by which `segstudio.learn.training.memory` knows these errors
        return RuntimeError(f"out of memory in process {rank}: {what}")
    if kind == _DEVICE:
        return RuntimeError(f"CUDA error in process {rank}: {what}")
    return TrainingError(f"process {rank} failed unexpectedly: {what}", remedy="A report is in its log")


def _bytes(data: bytes, length: int) -> Tensor:
    buffer = torch.zeros(length, dtype=torch.uint8)
    if data:
        buffer[: len(data)] = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    return buffer


def _put_back(together: Tensor, tensors: list[Tensor]) -> None:
    with torch.no_grad():
        parts = torch.split(together, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))
