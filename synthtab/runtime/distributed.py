"""Training by several processes, as ``torchrun`` starts them.

Each process takes its share of every batch; gradients are averaged, so that all have
the same weights after every step (synchronous data-parallel training; Li et al., arXiv
2006.15704). What depends on a clock, on held-out rows or on a person is decided by the
first process, or by all together, at places that all of them pass in the same order.

Without torchrun there is one process, and this file is not imported (`synthesizer.processes`).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor

from synthtab.core.errors import ConfigError
from synthtab.runtime.compute import World

# Time that processes wait for the first one, which alone grows the trees; one that has
# died is noticed at once.
PATIENCE = timedelta(days=1)
# Most numbers that the first process can hand to the others at once.
MOST_NUMBERS = 32


class SharedWorld(World):
    """Processes that exchange tensors.

    Gradients by NCCL between GPUs, all else by Gloo.
    """

    def __init__(self) -> None:
        import torch.distributed

        self.network: Any = torch.distributed
        self.gpus = torch.cuda.device_count()
        every = os.environ["WORLD_SIZE"]
        processes_here = int(os.environ.get("LOCAL_WORLD_SIZE", every))
        # NCCL needs a GPU for each process.
        with_nccl = self.network.is_nccl_available() and self.gpus >= processes_here
        backend = "cpu:gloo,cuda:nccl" if with_nccl else "gloo"
        try:
            self.network.init_process_group(backend, timeout=PATIENCE)
        except (ValueError, RuntimeError) as error:
            raise ConfigError(
                "the processes cannot reach each other "
                f"({str(error).splitlines()[0]}): start them with torchrun"
            ) from None
        self.rank = self.network.get_rank()
        self.size = self.network.get_world_size()
        # The clock of the first process when all last met.
        self.now = 0.0
        # Whether Ctrl-C waits, and whether it was pressed.
        self.waits = False
        self.pressed = False
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._press)
        self.meet()

    def _press(self, number: int, frame: Any) -> None:
        """Ctrl-C.

        torchrun passes it on, so that it comes twice: the second one must not break the
        saving.
        """
        is_first = not self.pressed
        self.pressed = True
        if is_first and not self.waits:
            raise KeyboardInterrupt

    def time(self) -> float:
        return self.now

    def meet(self) -> None:
        # In the sum, the clock is that of the first process alone.
        clock = 0.0 if self.rank else time.monotonic()
        is_interrupted = float(self.waits and self.pressed)
        sums = torch.tensor([clock, is_interrupted], dtype=torch.float64)
        self.network.all_reduce(sums)
        self.now, interrupts = sums.tolist()
        if interrupts:
            self.pressed = True
            raise KeyboardInterrupt

    @contextmanager
    def listening(self) -> Iterator[None]:
        self.waits = True
        try:
            yield
        finally:
            self.waits = False

    def place(self, device: torch.device) -> torch.device:
        if device.type != "cuda":
            return device
        number = int(os.environ.get("LOCAL_RANK", self.rank))
        gpu = torch.device("cuda", number % self.gpus)
        torch.cuda.set_device(gpu)
        return gpu

    def average(self, tensors: Iterable[Tensor | None]) -> None:
        # A parameter that a step does not use has no gradient, in any process.
        present = [tensor for tensor in tensors if tensor is not None]
        flat = _joined(present)
        self.network.all_reduce(flat)
        flat /= self.size
        _write(flat, present)

    def copy(self, tensors: Iterable[Tensor]) -> None:
        floats = [t.detach() for t in tensors if t.is_floating_point()]
        flat = _joined(floats)
        self.network.broadcast(flat, 0)
        _write(flat, floats)

    def from_first(self, compute: Callable[[], Iterable[float]]) -> list[float]:
        # The clock, how many numbers there are, and the numbers.
        message = torch.zeros(2 + MOST_NUMBERS, dtype=torch.float64)
        if self.rank == 0:
            numbers = list(compute())
            parts = [time.monotonic(), len(numbers), *numbers]
            message[: len(parts)] = torch.tensor(parts, dtype=torch.float64)
        self.network.broadcast(message, 0)
        self.now, count, *numbers = message.tolist()
        return numbers[: int(count)]

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        means = torch.tensor(list(values.values()), dtype=torch.float64)
        self.network.all_reduce(means)
        means /= self.size
        return dict(zip(values, means.tolist(), strict=True))

    def bytes_from_first(self, make: Callable[[], bytes]) -> bytes:
        data = torch.zeros(0, dtype=torch.uint8)
        if self.rank == 0:
            data = torch.frombuffer(bytearray(make()), dtype=torch.uint8)
        # The others must know how much to make room for.
        length = torch.tensor([len(data)])
        self.network.broadcast(length, 0)
        if self.rank > 0:
            data = torch.zeros(int(length), dtype=torch.uint8)
        self.network.broadcast(data, 0)
        return data.numpy().tobytes()

    def require_same(self, text: str) -> None:
        # All are equal if the least and the greatest are.
        digest = bytearray(sha256(text.encode()).digest()[:8])
        least = torch.frombuffer(digest, dtype=torch.int64).clone()
        greatest = least.clone()
        self.network.all_reduce(least, self.network.ReduceOp.MIN)
        self.network.all_reduce(greatest, self.network.ReduceOp.MAX)
        if not torch.equal(least, greatest):
            raise ConfigError(
                f"the {self.size} processes do not have the same table and options: "
                "give all of them the same file, the same options and the same versions"
            )

    def leave(self) -> None:
        self.network.barrier()


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    """All numbers of tensors in one: one exchange is faster than many."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def _write(flat: Tensor, tensors: list[Tensor]) -> None:
    """The inverse of `_joined`, in place."""
    parts = flat.split([tensor.numel() for tensor in tensors])
    shaped = [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]
    torch._foreach_copy_(tensors, shaped)
