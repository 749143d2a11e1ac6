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

import joblib
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(compute: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """``[compute(item) for item in items]``; OMP_NUM_THREADS bounds the number of cores."""

    def alone(item: Item) -> Result:
        with threadpool_limits(1, user_api="openmp"):  # of this thread only
            return compute(item)

    queue = list(items)
    asked = os.environ.get("OMP_NUM_THREADS", "")
    cores = min(joblib.cpu_count(), int(asked) if asked.isdecimal() else 64, len(queue))
    if cores < 2:
        return [alone(item) for item in queue]
    with ThreadPoolExecutor(cores) as pool:
        return list(pool.map(alone, queue))
