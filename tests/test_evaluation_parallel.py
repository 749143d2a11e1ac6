"""Side by side or one after the other: the same figures, no more threads than cores,
one observer at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from synthtab.core.progress import Progress
from synthtab.evaluation import METRICS, Skip, evaluate, prepare
from synthtab.runtime import machine


def table(seed: int, rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    frame = pd.DataFrame(
        {
            "x": x,
            "y": x + rng.normal(size=rows),
            "c": np.where(x > 0, "up", "down"),
            "d": rng.choice(["p", "q", "r"], rows),
        }
    )
    frame.loc[rng.random(rows) < 0.1, "y"] = np.nan
    return frame


Cores = Callable[[int], None]


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Cores:
    return lambda count: monkeypatch.setattr(machine, "cores", lambda: count)


def busiest() -> int:
    """How many threads work at the same time at most, in work within work."""
    lock = threading.Lock()
    busy = 0
    most = 0

    def leaf(item: int) -> int:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.005)
        with lock:
            busy -= 1
        return item * item

    def branch(item: int) -> int:
        return sum(machine.each(leaf, range(item)))

    sums = [sum(i * i for i in range(n)) for n in range(8)]
    assert machine.each(branch, iter(range(8))) == sums
    return most


@pytest.mark.parametrize("count", [1, 2, 5])
def test_nested_work_never_has_more_threads_than_cores(
    cores: Cores, count: int
) -> None:
    cores(count)
    threads = threading.active_count()
    # Twice: threads that have ended give their core back.
    for _ in range(2):
        assert min(count, 2) <= busiest() <= count
        assert threading.active_count() == threads


def test_an_error_ends_the_work_and_reaches_the_caller(cores: Cores) -> None:
    cores(3)
    threads = threading.active_count()
    done = []

    def compute(item: int) -> None:
        if item == 4:
            raise ValueError("four")
        time.sleep(0.002)
        done.append(item)

    with pytest.raises(ValueError, match="four"):
        machine.each(compute, range(1000))
    assert len(done) < 20
    # Nobody works on, and the cores are free for others.
    assert threading.active_count() == threads
    assert 2 <= busiest() <= 3


@pytest.mark.long
def test_the_report_does_not_depend_on_the_number_of_cores(cores: Cores) -> None:
    reports = []
    for count in (1, 4):
        cores(count)
        reports.append(
            evaluate(table(0), table(1), holdout=table(2), target="c", seed=3).to_json()
        )
    assert reports[0] == reports[1]


@pytest.mark.long
def test_whoever_watches_is_told_by_one_thread_at_a_time(cores: Cores) -> None:
    cores(4)
    inside, heard = threading.Lock(), []

    def observe(progress: Progress) -> None:
        assert inside.acquire(blocking=False), "two threads at once"
        time.sleep(0.002)
        heard.append(progress)
        inside.release()

    evaluate(table(0), table(1), holdout=table(2), target="c", observe=observe)
    assert sorted(p.phase for p in heard[1:-1]) == sorted(m.title for m in METRICS)
    costs = {m.title: ("low", "medium", "high").index(m.cost) for m in METRICS}
    told = [costs[p.phase] for p in heard[1:-1]]
    assert told == sorted(told, reverse=True), "the costly ones first"
    fractions = [p.fraction for p in heard if p.fraction is not None]
    assert fractions == sorted(fractions)


def test_shared_work_is_done_once_by_whoever_comes_first() -> None:
    tables = prepare(table(0), table(1))
    calls, found = [], []

    def compute() -> object:
        calls.append(1)
        time.sleep(0.02)
        return object()

    threads = [
        threading.Thread(target=lambda: found.append(tables.once("key", compute)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_a_reason_to_skip_is_shared_too() -> None:
    tables, calls = prepare(table(0), table(1)), []

    def compute() -> None:
        calls.append(1)
        raise Skip("no such thing")

    for _ in range(2):
        with pytest.raises(Skip, match="no such thing"):
            tables.once("key", compute)
    assert len(calls) == 1
