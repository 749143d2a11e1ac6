"""A sample made in parts, by several processes: row for row what one process makes.

Any rows of a sample can be made without those before them, since each block of rows,
and each segment of rows that depend on one another, has random streams of its own. A
process gets the model once, as its file.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice, pairwise
from typing import Any, Protocol

import pandas as pd
import torch

from synthtab.core.errors import DataError
from synthtab.core.progress import Observer, Progress

# Most rows of a part, unless parts must be larger.
MOST_ROWS = 65_536
# Parts for each process, of which the first ones are ready sooner than all are.
PARTS_PER_PROCESS = 4
# Parts for each process that may be begun before the oldest of them is taken.
AHEAD = 2

# The tables of one part, and what the observer was told while they were made.
Part = tuple[list[pd.DataFrame], list[str]]


class Sampler(Protocol):
    """What makes the rows: `synthtab.Synthesizer`."""

    @property
    def sample_blocks(self) -> Callable[..., Iterator[pd.DataFrame]]:
        """``sample_blocks(n, first=first)``: ``n`` rows from number ``first`` on."""


def spans(
    n: int,
    grain: int,
    parts: int,
    most: int | None = None,
    first: int = 0,
) -> list[tuple[int, int]]:
    """Rows as parts ``(first row, rows)``, about equally large.

    Args:
        n: How many rows.
        grain: Parts begin at multiples of so many rows, but for the first one; thus
            there may be fewer of them.
        parts: How many parts.
        most: No part has more rows, or more than ``grain`` if that is larger; thus
            there may be more of them.
        first: Number of the first row.
    """
    end = first + n
    first_grain = first // grain
    grains = -(-end // grain) - first_grain
    if most is not None:
        most_grains = max(1, most // grain)
        parts = max(parts, -(-grains // most_grains))
    count = min(grains, max(parts, 1))
    # Where each part begins, but for the first one.
    starts = [first_grain + i * grains // count for i in range(1, count)]
    edges = [first, *(start * grain for start in starts), end]
    return [(start, stop - start) for start, stop in pairwise(edges)]


def sampled(
    model: Sampler,
    n: int,
    jobs: int,
    grain: int,
    observe: Observer,
    first: int = 0,
    **asked: Any,
) -> Iterator[pd.DataFrame]:
    """The rows of ``model.sample_blocks(n, first=first, **asked)``, in constant memory.

    They are made by ``jobs`` processes of one thread each.

    Args:
        model: Sent to each process once; pickled as its file.
        n: How many rows.
        jobs: Processes.
        grain: Rows that had better be made at once.
        observe: Called with the progress, and with the messages about the first part.
        first: Number of the first row.
        **asked: Passed on.

    Raises:
        DataError: A process ended early.
    """
    todo = iter(spans(n, grain, PARTS_PER_PROCESS * jobs, MOST_ROWS, first))
    # A fresh interpreter: a forked one may inherit locks that the threads of torch
    # hold.
    pool = ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(model, asked),
    )
    waiting: deque[Future[Part]] = deque()
    done = 0
    try:
        while True:
            # The first task starts the processes.
            with _without_interrupts():
                for first_row, rows in islice(todo, AHEAD * jobs - len(waiting)):
                    waiting.append(pool.submit(_make, first_row, rows))
            if not waiting:
                break
            frames, messages = waiting.popleft().result()
            is_first_part = done == 0
            done += sum(map(len, frames))
            if is_first_part:
                # Those about the others say much the same.
                for message in messages:
                    if done < n:
                        message = f"of the first {done:,} rows: {message}"
                    observe(Progress("sample", done / n, message=message))
            observe(Progress("sample", done / n, rows=done))
            yield from frames
    except BrokenProcessPool:
        raise DataError(
            "a process that made rows ended: it was killed, perhaps for want of memory "
            "(ask for fewer jobs), or this is a script that does not begin its work "
            "below `if __name__ == '__main__':`"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C waits meanwhile.

    For processes that are started in here it waits for ever: it is a matter of the one
    that started them.
    """
    if not hasattr(signal, "pthread_sigmask"):
        # Windows has none; there, `_begin` does what it can.
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# --------------------------------------------------------------------------------------
# In a process that makes parts

# The model, and what is asked of it.
_task: Mapping[str, Any] = {}


def _begin(model: Sampler, asked: Mapping[str, Any]) -> None:
    """Make a process ready, which ends when the one that started it does."""
    global _task
    # Where Ctrl-C was not blocked.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _task = {"model": model, "asked": asked}


def _end_with_parent() -> None:
    """Wait for the process that started this one, and end with it, however it ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "started by nobody, report this"
    parent.join()
    # Not sys.exit, which would end this thread alone.
    os._exit(1)


def _make(first: int, rows: int) -> Part:
    """One part of the sample."""
    messages: list[str] = []

    def listen(progress: Progress) -> None:
        if progress.message:
            messages.append(progress.message)

    asked = _task["asked"]
    blocks = _task["model"].sample_blocks(rows, first=first, observe=listen, **asked)
    return list(blocks), messages
