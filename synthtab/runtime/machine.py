"""How much memory this machine has left, and sizes as people say them."""

from __future__ import annotations

import os
from pathlib import Path

# Where /proc and /sys are; another folder in tests.
ROOT = Path("/")


def memory() -> int | None:
    """Bytes that this process can still have; None where that cannot be told.

    On Linux the least of what the kernel calls available (``MemAvailable``: free, or caches that it can drop) and of
    what the limits of the control groups that the process is in leave (cgroup v2 and v1; a container's limit is one);
    elsewhere what the machine has in all.
    """
    known = [size for size in (_available(), *_left_by_groups()) if size is not None]
    return max(0, min(known)) if known else _physical()


def amount(size: float | None) -> str:
    """Bytes: ``850 MB``, ``1.2 GB``."""
    if size is None:
        return "an unknown amount"
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if size >= 0.995 * unit:
            return f"{size / unit:.3g} {name}"
    return f"{round(size / 1e3)} kB"


def _available() -> int | None:
    for line in _lines(ROOT / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _left_by_groups() -> list[int | None]:
    """What each of the control groups leaves, from the process's own up to the root of all that are seen."""
    found: list[int | None] = []
    for line in _lines(ROOT / "proc/self/cgroup"):
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            top, names = (
                ROOT / "sys/fs/cgroup",
                ("memory.max", "memory.current", "inactive_file"),
            )
        elif "memory" in controllers.split(","):
            top = ROOT / "sys/fs/cgroup/memory"
            names = (
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file",
            )
        else:
            continue
        group = top / path.lstrip(
            "/"
        )  # in a container the path may be that of the host: then only the top exists
        found += [
            _left(folder, *names)
            for folder in (group, *group.parents)
            if folder == top or top in folder.parents
        ]
    return found


def _left(folder: Path, limit: str, used: str, caches: str) -> int | None:
    """A group's limit, less what is in use; caches of files can be dropped."""
    most, now = (next(iter(_lines(folder / name)), "") for name in (limit, used))
    if not (most.isdigit() and now.isdigit()):
        return None
    droppable = [
        line.split()[1]
        for line in _lines(folder / "memory.stat")
        if line.startswith(f"{caches} ")
    ]
    return int(most) - int(now) + sum(map(int, droppable))


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
