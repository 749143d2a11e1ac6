"""Independent fits side by side, each on one core.

scikit-learn's trees share one fit between all cores and wait for each other after every node, which
on a busy machine takes many times as long as the work. Whole fits have nothing to wait for, and
their results do not depend on the number of cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(compute: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """``[compute(item) for item in items]``; OMP_NUM_THREADS bounds the number of cores."""

    def alone(item: Item) -> Result:
        with threadpool_limits(1, user_api="openmp"):  # of this thread only
            return compute(item)

    queue = list(items)
    cores = min(_cores(), len(queue))
    if cores < 2:
        return [alone(item) for item in queue]
    with ThreadPoolExecutor(cores) as pool:
        return list(pool.map(alone, queue))


def _cores() -> int:
    """Those that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, int(asked)) if asked.isdecimal() and int(asked) else allowed
