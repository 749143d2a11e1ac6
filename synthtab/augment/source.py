"""Synthetic rows from whatever makes them.

A source is a table of rows, or a generator: any object with ``sample(n)``. One that
also has ``sample_class(value, n)`` can be asked for rows of a class; from any other,
rows of a class are picked out of what it gives.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from synthtab.augment.target import Target
from synthtab.core.errors import ConditionError, DataError
from synthtab.core.randomness import Streams
from synthtab.data.frames import to_pandas

# How often a generator without `sample_class` is asked for more rows before a class
# stays short of them.
MORE_BATCHES = 10


def drawn_rows(source: Any, count: int, streams: Streams) -> pd.DataFrame:
    """Rows as they come: ``count`` of a generator, all of a table."""
    if isinstance(source, pd.DataFrame):
        return source
    return _asked(source.sample, (count,), streams.integer("rows"))


def _asked(
    method: Callable[..., pd.DataFrame], arguments: tuple[Any, ...], seed: int
) -> pd.DataFrame:
    """Rows of a generator; one that takes a seed gives other rows in every repeat."""
    if "seed" in inspect.signature(method).parameters:
        return to_pandas(method(*arguments, seed=seed))
    return to_pandas(method(*arguments))


def balancing_rows(
    source: Any,
    rows: pd.DataFrame,
    train: pd.DataFrame,
    target: Target,
    streams: Streams,
) -> pd.DataFrame | None:
    """Synthetic rows that bring every class up to the size of the largest.

    Of a class that the source cannot give enough of, as many rows as it has.

    Args:
        source: A table or a generator.
        rows: Synthetic rows that were drawn already.
        train: The real rows to balance.
        target: The column whose classes are balanced.
        streams: The randomness of this repeat.

    Returns:
        The rows; None if there are none.
    """
    counts = pd.Series(target.words(train)).value_counts()
    # Class -> rows that it lacks. The largest class stands there with 0.
    wanted = {
        word: int(counts.max() - counts[word])
        for word in target.classes
        if word in counts
    }
    if hasattr(source, "sample_class"):
        parts = _rows_asked_for(source, target, wanted, streams)
    else:
        parts = _rows_picked(source, rows, target, wanted, streams)
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else None


def _rows_asked_for(
    source: Any, target: Target, wanted: dict[str, int], streams: Streams
) -> list[pd.DataFrame]:
    """Rows of each class from a generator that can be asked for them."""
    parts = []
    for word, example in zip(target.classes, target.examples, strict=True):
        count = wanted.get(word, 0)
        if count == 0:
            continue
        seed = streams.integer(f"class {word}")
        try:
            parts.append(_asked(source.sample_class, (example, count), seed))
        except (DataError, ConditionError):
            # The class is too rare for the generator. The others are still balanced.
            continue
    return parts


def _rows_picked(
    source: Any,
    rows: pd.DataFrame,
    target: Target,
    wanted: dict[str, int],
    streams: Streams,
) -> list[pd.DataFrame]:
    """Rows of each class, picked at random from batches of rows as they come."""
    parts: list[pd.DataFrame] = []
    picked = dict.fromkeys(wanted, 0)
    for batch in _batches(source, rows, wanted, picked, streams):
        words = target.words(batch)
        # One generator per batch; the number of parts tells the batches apart.
        rng = streams.numpy("balance", len(parts))
        for word in wanted:
            # A class that is complete takes no row, but its permutation is drawn all
            # the same: what one class lacks does not change which rows another one
            # gets.
            candidates = rng.permutation(np.flatnonzero(words == word))
            chosen = candidates[: wanted[word] - picked[word]]
            picked[word] += len(chosen)
            parts.append(batch.iloc[np.sort(chosen)])
    return parts


def _batches(
    source: Any,
    rows: pd.DataFrame,
    wanted: dict[str, int],
    picked: dict[str, int],
    streams: Streams,
) -> Iterator[pd.DataFrame]:
    """The rows that were drawn already, then more of a generator while some are
    lacking.

    ``picked`` is read anew before each batch: the caller fills it.
    """
    yield rows
    if isinstance(source, pd.DataFrame):
        return
    batch_size = max(len(rows), sum(wanted.values()))
    for number in range(MORE_BATCHES):
        if all(picked[word] >= count for word, count in wanted.items()):
            return
        yield _asked(source.sample, (batch_size,), streams.integer("more", number))
