"""Random damage for tests: schema files, and texts of conditions."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from synthtab.core.errors import SynthtabError

# Most seconds that one case may take on a busy machine.
SECONDS = 5.0


def deep(levels: int = 400) -> Any:
    """Lists within lists."""
    nested: Any = []
    for _ in range(levels):
        nested = [nested]
    return nested


WRONG: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 7, 10**30, -(10**30), 0.5, 1e308, -1e308, 2.0**63,
    "", "x", "0", "-1", "1e400", "nan", "inf", "2020-02-30", "\x00", "%Y-%Q", "%",
    "M", "Q", "datetime64[ns, Mars/Olympus]", "int128", "category", "string[x]",
    "a" * 20_000, [], [None], ["a", "a"], [1, "x", None], {}, {"a": 1}, [[]],
    [{"x": []}], {"minimum": 3}, deep(),
)  # fmt: skip


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every node of JSON data but the root."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield (*path, key)
            yield from places(value, (*path, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield (*path, number)
            yield from places(value, (*path, number))


def damaged(data: Any, r: np.random.Generator) -> Any:
    """A copy in which one or two nodes are replaced, removed, renamed or swapped.

    Most of them are options: the rest is refused for simple reasons.
    """
    result = copy.deepcopy(data)
    for _ in range(1 + int(r.random() < 0.25)):
        paths = list(places(result))
        of_options = [path for path in paths if "options" in path[:-1]]
        if of_options and r.random() < 0.8:
            paths = of_options
        if not paths:
            break
        *above, last = paths[int(r.integers(len(paths)))]
        parent = result
        for key in above:
            parent = parent[key]
        what = r.random()
        wrong = WRONG[int(r.integers(len(WRONG)))]
        if what < 0.7:
            parent[last] = copy.deepcopy(wrong)
        elif what < 0.8:
            del parent[last]
        elif what < 0.9 and isinstance(parent, dict):
            parent[str(wrong)[:50]] = parent.pop(last)
        else:
            other = paths[int(r.integers(len(paths)))]
            value = result
            try:
                for key in other:
                    value = value[key]
            except (KeyError, IndexError, TypeError):
                continue
            parent[last] = copy.deepcopy(value)
    return result


def refused(work: Callable[[], Any]) -> SynthtabError | None:
    """What is wrong, by the work itself; any other error, and slowness, are failures."""
    start = time.perf_counter()
    error = None
    try:
        work()
    except SynthtabError as found:
        error = found
        message = str(found)
        assert message, "an error without a word"
        assert "\n" not in message, message
    assert time.perf_counter() - start < SECONDS, "slow"
    return error
