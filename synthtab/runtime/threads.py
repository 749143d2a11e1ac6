"""How many cores share a step: as many as are faster, now.

A step is hundreds of operations of a fraction of a millisecond, after each of which the threads of OpenMP wait for one
another. They spin meanwhile: on an idle machine two cores are nearly twice as fast as one, but beside another job that
wants the cores, many times slower; threads that sleep instead (OMP_WAIT_POLICY=PASSIVE) are no faster than one
(docs/lab.md). So it is tried, again every few seconds.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import ThreadpoolController, threadpool_limits
from torch.nn import functional as F

# Seconds for which a trial holds.
EVERY = 5.0
# Of the layer that is tried, and how often it is run: for a moment, two threads have a
# busy machine to themselves.
ROWS, WIDTH, TIMES = 512, 256, 48
# More threads must be so many times as fast.
GAIN = 1.1
# Rows of a step that is shared. Sums over fewer may depend on the number of threads in
# the last digit, and what is learnt must not depend on how busy the machine was.
FEWEST = 384

_turn = threading.Lock()
_known: dict[
    int, tuple[float, int]
] = {}  # most threads -> when it was tried, and how many were best


@contextmanager
def shared(device: torch.device, rows: int) -> Iterator[None]:
    """In here torch computes steps of so many rows on as many cores as are faster, at most as many as otherwise."""
    most = torch.get_num_threads() if device.type == "cpu" else 1
    if most == 1:
        yield
        return
    # not torch.set_num_threads: threads that start later would take its number for their own, limited or not
    with _controller().limit(
        limits=best(most) if rows >= FEWEST else 1, user_api="openmp"
    ):
        yield


@contextmanager
def shared_trees() -> Iterator[None]:
    """The same for scikit-learn's trees, whose threads wait for one another after every node."""
    with threadpool_limits(best(torch.get_num_threads()), user_api="openmp"):
        yield


def best(most: int) -> int:
    """The fastest of 1, 2, 4, ... and ``most`` threads, as tried in the last `EVERY` seconds."""
    with _turn:
        when, count = _known.get(most, (-EVERY, 1))
        if most > 1 and time.monotonic() - when >= EVERY:
            count = _tried(most)
            _known[most] = time.monotonic(), count
        return count


def _tried(most: int) -> int:
    """From one thread on, twice as many as long as they gain."""
    found, fastest = 1, _seconds(1)
    while found < most:
        count = min(2 * found, most)
        seconds = _seconds(count, fastest)
        if seconds * GAIN > fastest:
            break
        found, fastest = count, seconds
    return found


def _seconds(threads: int, enough: float = float("inf")) -> float:
    """What the layer takes; not much more than ``enough``."""
    x, weight = torch.ones(ROWS, WIDTH), torch.ones(WIDTH, WIDTH)
    with torch.inference_mode(), _controller().limit(limits=threads, user_api="openmp"):
        F.silu(F.linear(x, weight))  # threads start
        start, passed = time.perf_counter(), 0.0
        for _ in range(TIMES):
            F.silu(F.linear(x, weight))
            passed = time.perf_counter() - start
            if passed > enough:
                break
    return passed


@functools.cache
def _controller() -> ThreadpoolController:
    """Of the libraries that torch has loaded: to find them takes longer than a step."""
    return ThreadpoolController()
