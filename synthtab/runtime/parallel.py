"""Independent work side by side, each piece on one core.

scikit-learn's trees share one fit between all cores and wait for each other after every node, which
on a busy machine takes many times as long as the work. Whole fits have nothing to wait for, and
their results do not depend on the number of cores.

Work may nest: metrics run side by side, and the folds of one metric do too. All calls share the
cores: whoever calls works itself, and helpers join it only while a core is free.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from operator import length_hint
from typing import Any, Generic, TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")

# Asked for where nobody knows how many it takes.
ENDLESS = 10**15
_END = object()
_helpers = 0  # threads at work besides those that called `each`
_count = threading.Lock()


def each(compute: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """``[compute(item) for item in items]``; OMP_NUM_THREADS bounds the number of cores.

    Items are taken one at a time, in order, never by two threads at once.
    """
    return _Work(compute, items).results()


# Of more, each would mostly wait for Python's lock, and memory grows with them.
THREADS = 4


def ahead(
    compute: Callable[[Item], Result], items: Iterable[Item], hurry: bool = True
) -> Iterator[Result]:
    """``map(compute, items)``, with as many items being computed at a time as there are cores, each on one of them;
    at most `THREADS`.

    Args:
        compute: Must not depend on what was computed before; its results do not depend on the number of cores.
        items: May be endless.
        hurry: Whether to begin more than the first one before anybody asks for the second.
    """
    threads = min(cores(), THREADS)
    with ThreadPoolExecutor(threads, "synthtab", _single) as pool:
        begun: deque[Future[Result]] = deque()
        most = threads + 1 if hurry else 1
        try:
            for item in items:
                begun.append(pool.submit(compute, item))
                if len(begun) >= most:
                    yield begun.popleft().result()
                    most = threads + 1
            while begun:
                yield begun.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _single() -> None:
    """Let numerical libraries use no further core for this thread."""
    threadpool_limits(1, user_api="openmp")


class _Work(Generic[Item, Result]):
    """The items of one call of `each` and what has become of them."""

    def __init__(
        self, compute: Callable[[Item], Result], items: Iterable[Item]
    ) -> None:
        self._compute = compute
        self._items = iter(items)
        self._turn = threading.Lock()
        self._taken = 0
        self._done: dict[int, Result] = {}
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def results(self) -> list[Result]:
        self._go_on()
        while self._threads:  # a helper may have called for another before it ended
            self._threads.pop().join()
        if self._errors:
            raise self._errors[0]
        return [self._done[i] for i in range(self._taken)]

    def _go_on(self) -> None:
        """Take items until there are none."""
        try:
            with threadpool_limits(1, user_api="openmp"):  # of this thread only
                while (taken := self._next()) is not None:
                    self._call_for_help()
                    position, item = taken
                    self._done[position] = self._compute(item)
        except BaseException as error:
            self._errors.append(
                error
            )  # whoever called raises it, when nobody works any more

    def _next(self) -> tuple[int, Item] | None:
        with self._turn:
            item: Any = _END if self._errors else next(self._items, _END)
            if item is _END:
                return None
            self._taken += 1
            return self._taken - 1, item

    def _call_for_help(self) -> None:
        """One more thread, if there is an item for it and a core."""
        global _helpers
        if length_hint(self._items, 1) == 0:
            return
        with _count:
            if _helpers + 1 >= cores():
                return
            _helpers += 1
        thread = threading.Thread(target=self._help, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _help(self) -> None:
        global _helpers
        try:
            self._go_on()
        finally:
            with _count:
                _helpers -= 1


def cores() -> int:
    """Those that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    allowed = (
        len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1
    )
    return min(allowed, int(asked)) if asked.isdecimal() and int(asked) else allowed
