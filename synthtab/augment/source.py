"""Synthetic rows from whatever makes them: a table of them, or an object with ``sample``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from synthtab.augment.task import Task
from synthtab.core.errors import DataError
from synthtab.core.randomness import Streams

# Times that a generator without `sample_class` is asked again, before a class stays
# short of rows.
ROUNDS = 10


def drawn_rows(source: Any, count: int, streams: Streams) -> pd.DataFrame:
    """Rows as they come; all that are given."""
    return (
        source
        if isinstance(source, pd.DataFrame)
        else _drawn(source.sample, (count,), streams.integer("rows"))
    )


def _drawn(
    method: Callable[..., pd.DataFrame], arguments: tuple[Any, ...], seed: int
) -> pd.DataFrame:
    """New rows in every repeat, from a generator that takes a seed."""
    takes = "seed" in inspect.signature(method).parameters
    return method(*arguments, seed=seed) if takes else method(*arguments)


def balancing_rows(
    source: Any, rows: pd.DataFrame, train: pd.DataFrame, task: Task, streams: Streams
) -> pd.DataFrame | None:
    """For every class, as many synthetic rows as it has fewer than the largest, or as many as there are."""
    counts = pd.Series(task.words(train)).value_counts()
    wanted = {
        word: int(counts.max() - counts.get(word, 0))
        for word in task.classes
        if word in counts
    }
    parts = []
    if hasattr(source, "sample_class"):
        for word, cell in zip(task.classes, task.cell, strict=True):
            if wanted.get(word):
                seed = streams.integer(f"class {word}")
                with suppress(
                    DataError
                ):  # too rare for the generator: as far as there are such rows
                    parts.append(
                        _drawn(source.sample_class, (cell, wanted[word]), seed)
                    )
    else:
        found = dict.fromkeys(wanted, 0)
        for batch in _batches(source, rows, wanted, found, streams):
            words, rng = task.words(batch), streams.numpy("balance", len(parts))
            for word in wanted:
                there = rng.permutation(np.flatnonzero(words == word))[
                    : wanted[word] - found[word]
                ]
                found[word] += len(there)
                parts.append(batch.iloc[np.sort(there)])
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else None


def _batches(
    source: Any,
    rows: pd.DataFrame,
    wanted: dict[str, int],
    found: dict[str, int],
    streams: Streams,
) -> Iterator[pd.DataFrame]:
    """The rows there are and, from a generator, more until there are enough, or for `ROUNDS`."""
    yield rows
    if isinstance(source, pd.DataFrame):
        return
    for number in range(ROUNDS):
        if all(found[word] >= count for word, count in wanted.items()):
            return
        yield _drawn(
            source.sample,
            (max(len(rows), sum(wanted.values())),),
            streams.integer("more", number),
        )
