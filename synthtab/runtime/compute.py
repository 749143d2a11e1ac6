"""How torch computes on this machine: the device, the precision, the threads, the processes.

The device, the precision of matrix products and the number of threads that share a step
are settings that change the speed and not the result. Which is fastest depends on the
machine, and on what else runs on it, so each is tried rather than assumed.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from threadpoolctl import ThreadpoolController, threadpool_limits
from torch import Tensor
from torch.nn import functional as F

from synthtab.core.config import DEVICES, check_choice
from synthtab.core.errors import ConfigError, argument
from synthtab.runtime import machine

# --------------------------------------------------------------------------------------
# The device


def pick(name: str) -> torch.device:
    """Find a device by name.

    Args:
        name: "cpu", "cuda", "mps", or "auto" for a GPU where there is one.

    Raises:
        ConfigError: There is no such device here.
    """
    check_choice("device", name, DEVICES)
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return torch.device("cuda" if available["cuda"] else "cpu")
    if not available[name]:
        raise ConfigError(
            f"device {name!r} is not available here: use {argument('device', 'cpu')}, or "
            "install a torch built for it"
        )
    return torch.device(name)


def memory_left(device: torch.device) -> int | None:
    """Bytes that this process can still have on a device; None where that is not known.

    On a GPU these are the bytes that are free there, or that torch holds for reuse. On
    any other device they are what the machine has left.
    """
    if device.type != "cuda":
        return machine.memory()
    free, _ = torch.cuda.mem_get_info(device)
    reusable = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free + reusable)


# --------------------------------------------------------------------------------------
# The precision of matrix products

# (rows, inputs, outputs) of the product by which the two precisions are compared.
TRIAL_PRODUCT = (512, 256, 256)
# How often each precision is tried; the fastest trial of each counts.
TRIAL_PRODUCTS = 9

# torch's setting of the precision is global: nested and concurrent users count
# themselves in and out, and the last one restores the setting that the first one found.
_precision_lock = threading.Lock()
_precision_users = 0
_precision_before = "highest"


@contextmanager
def fast_products() -> Iterator[None]:
    """In here matrix products take bfloat16 operands, with float32 sums."""
    global _precision_before, _precision_users
    with _precision_lock:
        if not _precision_users:
            _precision_before = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision("medium")
        _precision_users += 1
    try:
        yield
    finally:
        with _precision_lock:
            _precision_users -= 1
            if not _precision_users:
                torch.set_float32_matmul_precision(_precision_before)


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear`, within `fast_products` of bfloat16 operands.

    Where a device is slow at them, their values are multiplied in float32: the result
    is the same. Otherwise the rows of a seed would depend on the processor.

    The bias is added in float32 in either case.
    """
    inside_fast_products = torch.get_float32_matmul_precision() == "medium"
    if not inside_fast_products:
        return F.linear(x, weight, bias)
    x, weight = x.bfloat16(), weight.bfloat16()
    if _bfloat16_is_faster(x.device.type):
        out = F.linear(x, weight).float()
    else:
        out = F.linear(x.float(), weight.float()).bfloat16().float()
    return out if bias is None else out.add_(bias)


@functools.cache
def _bfloat16_is_faster(device: str) -> bool:
    """Whether products of bfloat16 operands are faster on a device.

    Processors that have the instructions still differ: an EPYC takes a quarter of the
    time for them, a Xeon without tiles (AMX) nearly twice as long (docs/lab.md). So
    both are tried, in turn, lest another process slow one of them down.
    """
    if device != "cpu":
        return device == "cuda" and torch.cuda.is_bf16_supported()
    if not getattr(torch.cpu, "_is_avx512_bf16_supported", bool)():
        return False
    rows, inputs, outputs = TRIAL_PRODUCT
    x = torch.ones(rows, inputs)
    weight = torch.ones(outputs, inputs)
    fastest_single = float("inf")
    fastest_half = float("inf")
    with torch.inference_mode():
        for _ in range(TRIAL_PRODUCTS):
            fastest_single = min(fastest_single, product_seconds(x, weight))
            half = product_seconds(x.bfloat16(), weight.bfloat16())
            fastest_half = min(fastest_half, half)
    return fastest_half < fastest_single


def product_seconds(x: Tensor, weight: Tensor) -> float:
    """Seconds that one product takes."""
    start = time.perf_counter()
    F.linear(x, weight)
    return time.perf_counter() - start


# --------------------------------------------------------------------------------------
# The number of threads that share a step
#
# A step is hundreds of operations of a fraction of a millisecond, after each of which
# the threads of OpenMP wait for one another. They spin meanwhile: on an idle machine
# two cores are nearly twice as fast as one, but beside another job that wants the
# cores, many times slower. Threads that sleep instead (OMP_WAIT_POLICY=PASSIVE) are no
# faster than one (docs/lab.md). So it is tried, again every few seconds.

# Seconds for which a trial holds.
TRIAL_HOLDS = 5.0
# (rows, width) of the layer by which numbers of threads are compared.
TRIAL_LAYER = (512, 256)
# How often the layer is run. Fewer would not show a busy machine: for a moment, two
# threads have it to themselves.
TRIAL_LAYERS = 48
# More threads must be so many times as fast.
GAIN_OF_THREADS = 1.1
# Fewest rows of a step that is shared. Sums over fewer may depend on the number of
# threads in the last digit, and what is learnt must not depend on how busy the machine
# was.
FEWEST_SHARED_ROWS = 384

_threads_lock = threading.Lock()
# Most threads -> when that was tried, and how many of them were fastest.
_best_threads: dict[int, tuple[float, int]] = {}


@contextmanager
def shared(device: torch.device, rows: int) -> Iterator[None]:
    """In here torch computes steps of so many rows on as many cores as are faster.

    Never on more than outside.
    """
    most = torch.get_num_threads() if device.type == "cpu" else 1
    if most == 1:
        yield
        return
    threads = best(most) if rows >= FEWEST_SHARED_ROWS else 1
    # Not torch.set_num_threads: threads that start later would take its number for
    # their own, limited or not.
    with _controller().limit(limits=threads, user_api="openmp"):
        yield


@contextmanager
def shared_trees() -> Iterator[None]:
    """`shared` for scikit-learn's trees, whose threads wait after each node."""
    with threadpool_limits(best(torch.get_num_threads()), user_api="openmp"):
        yield


def best(most: int) -> int:
    """The fastest of 1, 2, 4, ... and ``most`` threads, as tried of late."""
    with _threads_lock:
        tried_at, threads = _best_threads.get(most, (-TRIAL_HOLDS, 1))
        if most > 1 and time.monotonic() - tried_at >= TRIAL_HOLDS:
            threads = _fastest_threads(most)
            _best_threads[most] = time.monotonic(), threads
        return threads


def _fastest_threads(most: int) -> int:
    """Start with one thread, and double for as long as that gains."""
    threads = 1
    fastest = layer_seconds(1)
    while threads < most:
        more = min(2 * threads, most)
        seconds = layer_seconds(more, enough=fastest)
        if seconds * GAIN_OF_THREADS > fastest:
            break
        threads = more
        fastest = seconds
    return threads


def layer_seconds(threads: int, enough: float = float("inf")) -> float:
    """Seconds that the layer takes on so many threads; stops soon after ``enough``."""
    rows, width = TRIAL_LAYER
    x = torch.ones(rows, width)
    weight = torch.ones(width, width)
    passed = 0.0
    with (
        torch.inference_mode(),
        _controller().limit(limits=threads, user_api="openmp"),
    ):
        F.silu(F.linear(x, weight))  # starts the threads, which is not what is measured
        start = time.perf_counter()
        for _ in range(TRIAL_LAYERS):
            F.silu(F.linear(x, weight))
            passed = time.perf_counter() - start
            if passed > enough:
                break
    return passed


def forget_trials() -> None:
    """Try everything anew when it is next needed."""
    with _threads_lock:
        _best_threads.clear()
    _bfloat16_is_faster.cache_clear()


@functools.cache
def _controller() -> ThreadpoolController:
    """Of the libraries that torch has loaded: to find them takes longer than a step."""
    return ThreadpoolController()


# --------------------------------------------------------------------------------------
# The processes that train together


class World:
    """This process and the others that train with it; here, there are no others.

    Attributes:
        rank: Number of this process; number 0 tells the observer and finishes the
            model.
        size: How many there are.
    """

    rank = 0
    size = 1

    def time(self) -> float:
        """Seconds on the clock of the first process: the same in all of them.

        That is the time when they last met.
        """
        return time.monotonic()

    def meet(self) -> None:
        """Wait for all.

        Raises:
            KeyboardInterrupt: In all of them, if any was interrupted within
                `listening`.
        """

    @contextmanager
    def listening(self) -> Iterator[None]:
        """In here Ctrl-C waits until all `meet`."""
        yield

    def place(self, device: torch.device) -> torch.device:
        """A device for this process, where several share a machine."""
        return device

    def average(self, tensors: Iterable[Tensor | None]) -> None:
        """Replace tensors by their means over all processes, in place."""

    def copy(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by those of the first process, in place."""

    def from_first(self, compute: Callable[[], Iterable[float]]) -> list[float]:
        """Numbers that the first process computes while the others wait.

        At most `synthtab.runtime.distributed.MOST_NUMBERS`.
        """
        return list(compute())

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Means over all processes; NaN if any is."""
        return dict(values)

    def bytes_from_first(self, make: Callable[[], bytes]) -> bytes:
        """What the first process makes while the others wait."""
        return make()

    def require_same(self, text: str) -> None:
        """Check that all processes say the same of their table and options.

        Raises:
            ConfigError: In all of them, if it differs.
        """

    def leave(self) -> None:
        """Wait until all are done.

        So none ends, and takes the others with it, before the model is saved.
        """


# A process by itself.
ALONE = World()
