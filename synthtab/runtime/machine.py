"""What this machine offers: memory, cores, and independent work side by side.

    memory   bytes that this process can still have
    cores    how many it may use
    each     the results of independent work, a piece on each core
    ahead    the same as an iterator, perhaps endless

scikit-learn's trees share one fit between all cores and wait for each other after every
node, which on a busy machine takes many times as long as the work. Whole fits have
nothing to wait for, and their results do not depend on the number of cores.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from operator import length_hint
from pathlib import Path
from typing import Any, Generic, TypeVar

from threadpoolctl import threadpool_limits

# --------------------------------------------------------------------------------------
# Memory

# Where /proc and /sys are; another folder in tests.
ROOT = Path("/")
# The files of a control group: its limit, what is in use, and the name in memory.stat
# of caches that can be dropped. Of cgroup v2, and of v1.
GROUP_FILES = ("memory.max", "memory.current", "inactive_file")
GROUP_FILES_V1 = (
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_inactive_file",
)
# Units of memory, and their names.
UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"))


def memory() -> int | None:
    """Bytes that this process can still have; None where that cannot be told.

    On Linux the least of two: what the kernel calls available (``MemAvailable``: free,
    or caches that it can drop), and what the limits of the control groups that the
    process is in leave (cgroup v2 and v1; a container's limit is one). Elsewhere what
    the machine has in all.
    """
    limits = [_available(), *_left_by_groups()]
    sizes = [size for size in limits if size is not None]
    if not sizes:
        return _physical()
    return max(0, min(sizes))


def amount(size: float | None) -> str:
    """Bytes: ``850 MB``, ``1.2 GB``."""
    if size is None:
        return "an unknown amount"
    for unit, name in UNITS:
        # From here on, three digits round to 1 of the unit.
        if size >= 0.995 * unit:
            return f"{size / unit:.3g} {name}"
    return f"{round(size / 1e3)} kB"


def _available() -> int | None:
    """What the kernel calls available, in bytes."""
    for line in _lines(ROOT / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _left_by_groups() -> list[int | None]:
    """What each of the control groups leaves, from the process's own up to the root."""
    result: list[int | None] = []
    # A line is "number:controllers:path"; cgroup v2 has number 0 and no controllers.
    for line in _lines(ROOT / "proc/self/cgroup"):
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            top = ROOT / "sys/fs/cgroup"
            files = GROUP_FILES
        elif "memory" in controllers.split(","):
            top = ROOT / "sys/fs/cgroup/memory"
            files = GROUP_FILES_V1
        else:
            continue
        # In a container the path may be that of the host: then only the top exists.
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder == top or top in folder.parents:
                result.append(_left(folder, *files))
    return result


def _left(folder: Path, limit: str, used: str, caches: str) -> int | None:
    """A group's limit, less what is in use; caches of files can be dropped."""
    limit_text = next(iter(_lines(folder / limit)), "")
    used_text = next(iter(_lines(folder / used)), "")
    # A group without a limit says "max".
    if not limit_text.isdigit() or not used_text.isdigit():
        return None
    left = int(limit_text) - int(used_text)
    for line in _lines(folder / "memory.stat"):
        name, _, size = line.partition(" ")
        if name == caches:
            left += int(size)
    return left


def _physical() -> int | None:
    """What the machine has in all."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _lines(path: Path) -> list[str]:
    """The lines of a file; none where there is no such file."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


# --------------------------------------------------------------------------------------
# Cores


def cores() -> int:
    """Those that this process may use; OMP_NUM_THREADS bounds their number."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return min(allowed, int(asked))
    return allowed


# --------------------------------------------------------------------------------------
# Work side by side

Item = TypeVar("Item")
Result = TypeVar("Result")

# How many to ask for where nobody knows how many it takes.
ENDLESS = 10**15
# Most threads of `ahead`. Of more, each would mostly wait for Python's lock, and memory
# grows with them.
THREADS = 4
# What an iterator gives at its end.
_END = object()
# Threads at work besides those that called `each`.
_helpers = 0
_helpers_lock = threading.Lock()


def ahead(
    compute: Callable[[Item], Result],
    items: Iterable[Item],
    hurry: bool = True,
) -> Iterator[Result]:
    """``map(compute, items)``, with several items being computed at a time.

    As many as there are cores, each on one of them; at most `THREADS`.

    Args:
        compute: Must not depend on what was computed before.
        items: May be endless.
        hurry: Whether to begin more than the first one before anybody asks for the
            second.
    """
    threads = min(cores(), THREADS)
    # One more, so that no thread waits for the caller.
    many = threads + 1
    with ThreadPoolExecutor(threads, "synthtab", _use_one_core) as pool:
        running: deque[Future[Result]] = deque()
        most = many if hurry else 1
        try:
            for item in items:
                running.append(pool.submit(compute, item))
                if len(running) >= most:
                    yield running.popleft().result()
                    most = many
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _use_one_core() -> None:
    """Let numerical libraries use no further core for this thread."""
    threadpool_limits(1, user_api="openmp")


def each(compute: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """``[compute(item) for item in items]``, with a piece of work on each core.

    Items are taken one at a time, in order, never by two threads at once. Work may
    nest: metrics run side by side, and the folds of one metric do too. All calls share
    the cores: whoever calls works itself, and helpers join it only while a core is
    free.
    """
    return _Work(compute, items).results()


class _Work(Generic[Item, Result]):
    """The items of one call of `each` and what has become of them."""

    def __init__(
        self,
        compute: Callable[[Item], Result],
        items: Iterable[Item],
    ) -> None:
        self._compute = compute
        self._items = iter(items)
        # Whoever has it takes the next item.
        self._turn = threading.Lock()
        self._items_taken = 0
        # By the number of the item.
        self._results: dict[int, Result] = {}
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def results(self) -> list[Result]:
        """Compute all; then raise the first error, if there was one."""
        self._take_items()
        # A helper may have started another one before it ended.
        while self._threads:
            self._threads.pop().join()
        if self._errors:
            raise self._errors[0]
        return [self._results[number] for number in range(self._items_taken)]

    def _take_items(self) -> None:
        """Compute items until there are none."""
        try:
            # For this thread only.
            with threadpool_limits(1, user_api="openmp"):
                while (numbered := self._next()) is not None:
                    self._start_helper()
                    number, item = numbered
                    self._results[number] = self._compute(item)
        except BaseException as error:
            # The one that called raises it, when nobody works any more.
            self._errors.append(error)

    def _next(self) -> tuple[int, Item] | None:
        """The next item and its number; None if there is none, or after an error."""
        with self._turn:
            item: Any = _END if self._errors else next(self._items, _END)
            if item is _END:
                return None
            self._items_taken += 1
            return self._items_taken - 1, item

    def _start_helper(self) -> None:
        """One more thread, if there is an item for it and a core."""
        global _helpers
        if length_hint(self._items, 1) == 0:
            return
        with _helpers_lock:
            if _helpers + 1 >= cores():
                return
            _helpers += 1
        thread = threading.Thread(target=self._help, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _help(self) -> None:
        global _helpers
        try:
            self._take_items()
        finally:
            with _helpers_lock:
                _helpers -= 1
