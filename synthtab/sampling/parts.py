"""A sample made in parts, by several processes: row for row what one process makes.

Any rows of a sample can be made without those before them, since each block of rows, and each segment of rows that
depend on one another, has random streams of its own. A process gets the model once, as its file.
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
from itertools import pairwise
from typing import Any, Protocol

import pandas as pd
import torch

from synthtab.core.errors import DataError
from synthtab.core.progress import Observer, Progress

# Rows of a part, at most, where a smaller part can be made as well.
MOST_ROWS = 65_536
# Parts for each process that may be begun before the oldest of them is taken.
AHEAD = 2


class Sampler(Protocol):
    """What makes the rows: `synthtab.Synthesizer`."""

    @property
    def sample_blocks(self) -> Callable[..., Iterator[pd.DataFrame]]:
        """``sample_blocks(n, first=first, ...)``: ``n`` rows from number ``first`` on."""


def spans(
    n: int, grain: int, parts: int, most: int | None = None, first: int = 0
) -> list[tuple[int, int]]:
    """Rows ``first`` to ``first + n`` as so many parts ``(first row, rows)``, about equally large. They begin at
    multiples of ``grain``, but for the first one; thus there may be fewer. None is larger than ``most`` rows, or than
    ``grain`` if that is more; thus there may be more.
    """
    begin, end = first // grain, -(-(first + n) // grain)
    each = max(1, (end - begin) if most is None else most // grain)
    count = min(end - begin, max(parts, -(-(end - begin) // each)))
    edges = [(begin + i * (end - begin) // count) * grain for i in range(count)]
    edges = [first, *edges[1:], first + n]
    return [(a, b - a) for a, b in pairwise(edges)]


def sampled(
    model: Sampler,
    n: int,
    jobs: int,
    grain: int,
    observe: Observer,
    first: int = 0,
    **asked: Any,
) -> Iterator[pd.DataFrame]:
    """The rows of ``model.sample_blocks(n, first=first, **asked)``, made by ``jobs`` processes of one thread each, in
    constant memory.

    Args:
        model: Sent to each process once; pickled as its file.
        n: How many rows.
        jobs: Processes.
        grain: Rows that had better be made at once.
        observe: Told about the progress, and what was said about the first part.
        first: Number of the first row.
        **asked: Passed on.

    Raises:
        DataError: A process ended early.
    """
    todo = iter(spans(n, grain, 4 * jobs, MOST_ROWS, first))
    # A fresh interpreter: a forked one may inherit locks that the threads of torch hold.
    pool = ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(model, asked),
    )
    waiting: deque[Future[tuple[list[pd.DataFrame], list[str]]]] = deque()
    done, told = 0, False
    try:
        while True:
            with _deaf():  # the first one starts the processes
                while (
                    len(waiting) < AHEAD * jobs
                    and (span := next(todo, None)) is not None
                ):
                    waiting.append(pool.submit(_make, *span))
            if not waiting:
                break
            frames, messages = waiting.popleft().result()
            rows = sum(map(len, frames))
            done += rows
            for message in () if told else messages:
                part = (
                    message if done == n else f"of the first {done:,} rows: {message}"
                )
                observe(Progress("sample", done / n, message=part))
            told = True
            observe(Progress("sample", done / n, rows=done))
            yield from frames
    except BrokenProcessPool:
        raise DataError(
            "a process that made rows ended: it was killed, perhaps for want of memory (ask for fewer jobs), or this "
            "is a script that does not begin its work below `if __name__ == '__main__':`"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C waits meanwhile; for processes that are started in here it waits for ever, since it is a matter of the one
    that started them.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# Of a process that makes parts: the model, and what is asked of it.
_mine: Mapping[str, Any] = {}


def _begin(model: Sampler, asked: Mapping[str, Any]) -> None:
    """Make ready a process, which ends when the one that started it does, however that ended."""
    global _mine
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where nothing was blocked
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _mine = {"model": model, "asked": asked}


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "started by nobody, report this"
    parent.join()
    os._exit(1)


def _make(first: int, rows: int) -> tuple[list[pd.DataFrame], list[str]]:
    """One part, and what was said about it."""
    messages: list[str] = []

    def listen(progress: Progress) -> None:
        if progress.message:
            messages.append(progress.message)

    frames = list(
        _mine["model"].sample_blocks(
            rows, first=first, observe=listen, **_mine["asked"]
        )
    )
    return frames, messages
