"""Which real rows a study learns from and which it tests on.

`usable_rows` brings a table into an order that depends on its cells alone, so that
neither the order of its rows nor that of its columns changes a study. `split` then
gives each repeat its training and test rows; `halves` cuts the holdout in random
halves, for the interval of `synthtab.augment.intervals.holdout_interval`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from synthtab.augment.target import Target
from synthtab.core.errors import DataError
from synthtab.core.randomness import Streams
from synthtab.evaluation import cells
from synthtab.evaluation.cells import Floats, Integers

# A table needs at least this many rows whose target is known.
MIN_LABELLED = 30
# Share of the real rows that a repeat tests on, where there is no holdout.
TEST_SHARE = 0.2
# Number of random halves of the holdout.
HALVES = 20
# A holdout of which more than this share are rows of the real table is not one.
MAX_REPEATED = 0.5
# A class with fewer rows in the holdout has no figure that one could rely on: half of
# it is what an interval is made of.
MIN_OF_CLASS = 5
# Standard errors from which more added rows in the holdout are no chance.
SURE = 4.0


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with its columns sorted by name and its rows sorted by their hash."""
    frame = frame[sorted(frame.columns, key=str)]
    order = np.argsort(row_hashes(frame), kind="stable")
    return frame.iloc[order].reset_index(drop=True)


def row_hashes(frame: pd.DataFrame) -> Any:
    """One number per row ``[rows]`` that depends on the cells of that row alone."""
    readable = frame.apply(cells.plain)
    return pd.util.hash_pandas_object(readable, index=False).to_numpy()


def usable_rows(
    frame: pd.DataFrame,
    target: Target,
    most: int | None,
    streams: Streams,
    notes: list[str],
    name: str,
) -> pd.DataFrame:
    """The rows whose target is known, in an order that depends on their cells alone.

    Args:
        frame: The table.
        target: What is predicted.
        most: Of a longer table a random part of this many rows is taken; None for all.
        streams: The randomness of the study.
        notes: Gets a sentence if only a part of the rows is taken.
        name: "real" or "holdout", for messages.

    Raises:
        DataError: The table has no such column, or too few rows.
    """
    if target.name not in frame.columns:
        raise DataError(f"the {name} table has no column {target.name!r}")
    known = frame[target.name].notna().to_numpy(dtype=bool)
    frame = in_order(frame[known])
    if len(frame) < MIN_LABELLED:
        raise DataError(
            f"the {name} table has {len(frame)} rows with a target: at least {MIN_LABELLED} are needed"
        )
    if most is not None and len(frame) > most:
        notes.append(f"of {len(frame):,} {name} rows, a random {most:,} are used")
        order = streams.numpy(f"{name} part").permutation(len(frame))
        frame = frame.iloc[np.sort(order[:most])]
    return frame.reset_index(drop=True)


def reason_for_doubt(
    real: pd.DataFrame, holdout: pd.DataFrame | None, fits: bool
) -> str | None:
    """Why the study cannot give a verdict; None if it can.

    Args:
        real: The real rows.
        holdout: The rows to test on, if there are any.
        fits: Whether every repeat fits a generator of its own to its training rows.
    """
    if holdout is None:
        if fits:
            return None
        return "no holdout: the generator may have learnt the very rows that models are tested on"
    if set(real) != set(holdout):
        # The tables do not fit each other: `prepare` says so, naming the columns.
        return None
    known = row_hashes(real)
    repeated = float(np.isin(row_hashes(holdout[list(real.columns)]), known).mean())
    # A table of few columns holds many rows more than once, so that even a true holdout
    # repeats about as many of its rows as the table repeats among themselves.
    _, position, counts = np.unique(known, return_inverse=True, return_counts=True)
    twins = float((counts[position] > 1).mean())
    if repeated > MAX_REPEATED and repeated > 2 * twins:
        return f"{repeated:.0%} of the holdout are rows of the real table: it is not held out"
    return None


def untestable(
    holdout: pd.DataFrame, target: Target, words: Sequence[str], notes: list[str]
) -> str | None:
    """Why the holdout cannot test a model; None if it can.

    Args:
        holdout: The rows to test on.
        target: What is predicted.
        words: What each class may be called.
        notes: Gets a sentence where some of several classes are not tested.
    """
    if not target.classes:
        if holdout[target.name].nunique() > 1:
            return None
        return f"all rows of the holdout have the same {target.name}"
    counts = pd.Series(target.words(holdout)).value_counts()
    rare = []
    for known, word in zip(target.classes, words, strict=True):
        count = int(counts.get(known, 0))
        if count < MIN_OF_CLASS:
            rows = "no row" if not count else f"{count} row{'s' * (count > 1)}"
            rare.append(f"{rows} of class {word}")
    if not rare:
        return None
    told = f"the holdout has {', '.join(rare)}"
    if len(target.classes) - len(rare) < 2 or len(target.classes) == 2:
        return f"{told}: at least {MIN_OF_CLASS} are needed to test a model"
    notes.append(f"{told}: figures hardly tell of it")
    return None


def refuse_tested_rows(
    rows: pd.DataFrame, real: pd.DataFrame, holdout: pd.DataFrame | None
) -> None:
    """Refuse added rows that are rows of the holdout beyond chance.

    A model that learnt the rows that it is tested on seems to gain by any of them.

    Raises:
        DataError: They are.
    """
    if holdout is None or set(rows) != set(holdout) or set(real) != set(holdout):
        # The tables do not fit each other: `prepare` says so, naming the columns.
        return
    names = list(real.columns)
    tested = row_hashes(holdout[names])
    count = int(np.isin(row_hashes(rows[names]), tested).sum())
    # So large a share of the real rows equals a row of the holdout by chance.
    by_chance = float(np.isin(row_hashes(real), tested).mean())
    expected = by_chance * len(rows)
    if count > expected + SURE * np.sqrt(expected + 1):
        raise DataError(
            f"{count:,} of the {len(rows):,} added rows are rows of the holdout, on which "
            "models are tested: add rows that are not"
        )


def split(
    real: pd.DataFrame,
    holdout: pd.DataFrame | None,
    target: Target,
    size: int | None,
    rare: float | None,
    streams: Streams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that a repeat learns from, and those that it tests on.

    Args:
        real: The real rows.
        holdout: Rows to test on; if None, a fifth of the real rows is tested on.
        target: What is predicted. Every class is split in the same proportion.
        size: How many training rows to keep; None for all.
        rare: Share of the training rows to which the rarest class is thinned out; None
            to leave it as it is.
        streams: The randomness of this repeat.
    """
    # One generator for all three steps, in this order.
    rng = streams.numpy("split")
    if holdout is not None:
        train = real
        test = holdout
    else:
        tested, learned = _parted(target, real, TEST_SHARE, rng)
        train = real.iloc[learned]
        test = real.iloc[tested]
    if rare is not None and target.classes:
        train = _thinned_out(train, target, rare, rng)
    if size is not None and size < len(train):
        chosen, _ = _parted(target, train, size / len(train), rng)
        train = train.iloc[chosen]
    return train.reset_index(drop=True), test.reset_index(drop=True)


def _thinned_out(
    train: pd.DataFrame, target: Target, rare: float, rng: np.random.Generator
) -> pd.DataFrame:
    """The table without some rows of the rarest class; at least two of them stay."""
    rows = np.flatnonzero(target.words(train) == target.classes[target.rarest])
    others = len(train) - len(rows)
    # k / (k + others) = rare
    wanted = round(rare / (1 - rare) * others)
    kept = min(len(rows), max(2, wanted))
    dropped = np.sort(rng.permutation(rows)[kept:])
    return train.drop(train.index[dropped])


def _parted(
    target: Target, frame: pd.DataFrame, share: float, rng: np.random.Generator
) -> tuple[Integers, Integers]:
    """`parted` by the classes of the target, if it has any."""
    words = target.words(frame) if target.classes else np.zeros(len(frame))
    return parted(words, share, rng)


def parted(
    classes: Any, share: float, rng: np.random.Generator
) -> tuple[Integers, Integers]:
    """Row numbers of a random part of a table and of all other rows, both sorted.

    The part holds ``share`` of every class. What is left of a row by that is rounded up
    or down at random, so that small classes get their share on average.

    Args:
        classes: The class of each row ``[rows]``.
        share: From 0 to 1.
        rng: Draws the part.
    """
    parts: list[Any] = []
    for word in pd.unique(classes):
        rows = rng.permutation(np.flatnonzero(classes == word))
        count = int(share * len(rows) + rng.random())
        parts.append(rows[:count])
    chosen = np.sort(np.concatenate(parts))
    return chosen, np.setdiff1d(np.arange(len(classes)), chosen)


def halves(y: Floats, by_class: bool, streams: Streams) -> Iterator[Integers]:
    """Row numbers of random halves of the test rows, `HALVES` times.

    The same streams give the same halves, so that all repeats are scored on the same.

    Args:
        y: The target of the test rows ``[rows]``.
        by_class: Whether to take half of every class, rounded up or down at random.
        streams: The randomness of all halves.
    """
    if by_class:
        groups = [np.flatnonzero(y == value) for value in np.unique(y)]
    else:
        groups = [np.arange(len(y))]
    for number in range(HALVES):
        rng = streams.numpy("half", number)
        parts: list[Any] = []
        for rows in groups:
            shuffled = rng.permutation(rows)
            parts.append(shuffled[: int(len(rows) / 2 + rng.random())])
        yield np.sort(np.concatenate(parts))
