"""Keys of several columns: no two rows have the same station and the same day.

Each column repeats, and chance would have made many rows that agree in all of them; the
table has none. Only the names of the columns are kept. That sampled rows differ in them,
`synthtab.sampling.apart` sees to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.schema import Schema
from synthtab.data.columns import KINDS
from synthtab.data.columns.base import Mask

# Pairs of rows that chance would have made equal, at least, where there is none.
EVIDENCE = 20.0
# Columns, those of most distinct cells, of which two or three may be a key.
CANDIDATES = 10
# Most keys that are kept.
MOST_KEYS = 3
# Rows in which keys are looked for; whether they hold, all rows say.
ROWS = 10_000
# A larger share of distinct cells is a key by itself; so is nearly one.
OWN_KEY = 0.9
# So many rows have all cells of a key.
PRESENT = 0.95

Ints = npt.NDArray[np.int64]
Key = tuple[str, ...]


def find_keys(
    table: pd.DataFrame,
    schema: Schema,
    dates: Sequence[Key],
    rng: np.random.Generator,
) -> tuple[Key, ...]:
    """The keys of two or three columns; of each, no part is a key.

    Columns of decimals and of invented cells are no part of any.

    Args:
        table: Typed cells.
        schema: Its columns.
        dates: Columns that are one date together, and count as one.
        rng: Chooses the rows in which is looked.
    """
    parts = _parts(schema, dates)
    chosen = np.sort(rng.permutation(len(table))[:ROWS])
    sample = table.iloc[chosen]
    ids = {part: _ids(sample, part) for part in parts}
    counts = {part: int(own.max(initial=-1)) + 1 for part, own in ids.items()}
    repeated = [
        part for part in parts if 2 <= counts[part] <= OWN_KEY * (ids[part] >= 0).sum()
    ]
    by_size = sorted(repeated, key=lambda part: -counts[part])[:CANDIDATES]
    candidates = [part for part in parts if part in by_size]
    found: list[tuple[Key, ...]] = []
    for group in _likely(candidates, ids):
        if len(found) == MOST_KEYS:
            break
        has_a_key = any(set(key) <= set(group) for key in found)
        if not has_a_key and _are_unique([_ids(table, part) for part in group]):
            found.append(group)
    return tuple(tuple(name for part in key for name in part) for key in found)


def said(key: Key) -> str:
    """A key in words."""
    return f"{', '.join(key[:-1])} and {key[-1]} occur once together"


def check_keys(keys: Sequence[Key], names: Collection[str]) -> None:
    """See that the keys of a file are about columns of a table.

    Raises:
        ValueError: They are not, as in a forged file.
    """
    for key in keys:
        if len(key) < 2 or not set(key) <= set(names):
            raise ValueError(f"a key of {key}")


def _parts(schema: Schema, dates: Sequence[Key]) -> list[Key]:
    """What a key may consist of: columns, and dates that are spread over several."""
    of_dates = {name for date in dates for name in date}
    parts: list[Key] = []
    for column in schema.columns:
        kind = KINDS[column.kind]
        if kind.discrete and not kind.invented and column.name not in of_dates:
            parts.append((column.name,))
    return parts + [tuple(date) for date in dates]


def _ids(table: pd.DataFrame, part: Key) -> Ints:
    """``[rows]``: a number for each distinct cell; -1 where one is missing."""
    ids = np.zeros(len(table), dtype=np.int64)
    missing = np.zeros(len(table), dtype=bool)
    for name in part:
        codes, distinct = pd.factorize(table[name])
        missing |= codes < 0
        ids = ids * max(len(distinct), 1) + codes
    _, ids = np.unique(ids, return_inverse=True)
    ids[missing] = -1
    # Numbers without gaps.
    _, present = np.unique(ids[~missing], return_inverse=True)
    ids[~missing] = present
    return ids.astype(np.int64)


def _likely(parts: Sequence[Key], ids: dict[Key, Ints]) -> Iterator[tuple[Key, ...]]:
    """Two, then three parts that agree in no two rows, and would by chance."""
    rows = len(next(iter(ids.values()))) if ids else 0
    all_pairs = max(rows * (rows - 1) / 2, 1.0)
    agree = {part: _equal_pairs([ids[part]]) for part in parts}
    of_two: dict[tuple[Key, ...], float] = {}
    for first, second in combinations(parts, 2):
        own = [ids[first], ids[second]]
        of_two[first, second] = _equal_pairs(own)
        by_chance = agree[first] * agree[second] / all_pairs
        if by_chance >= EVIDENCE and not of_two[first, second] and _are_there(own):
            yield first, second
    for group in combinations(parts, 3):
        # However two of them go together, the third one must tell their rows apart.
        by_chance = min(
            of_two[pair] * agree[third] / all_pairs
            for pair in combinations(group, 2)
            for third in group
            if third not in pair
        )
        if by_chance < EVIDENCE:
            continue
        own = [ids[part] for part in group]
        if not _equal_pairs(own) and _are_there(own):
            yield group


def _are_there(ids: Sequence[Ints]) -> bool:
    return bool(_present(ids).mean() >= PRESENT)


def _present(ids: Sequence[Ints]) -> Mask:
    """``[rows]``: where no cell is missing."""
    return np.asarray(np.min(ids, axis=0) >= 0)


def _joined(ids: Sequence[Ints]) -> Ints:
    """A number for the cells of each row in which none is missing."""
    present = _present(ids)
    joined = np.zeros(int(present.sum()), dtype=np.int64)
    for own in ids:
        # Without gaps after each step, so that no product is beyond 64 bits.
        joined = joined * (int(own.max(initial=0)) + 1) + own[present]
        _, joined = np.unique(joined, return_inverse=True)
    return joined


def _equal_pairs(ids: Sequence[Ints]) -> float:
    """How many pairs of rows have the same cells."""
    counts = np.bincount(_joined(ids)).astype(np.float64)
    return float((counts * (counts - 1) / 2).sum())


def _are_unique(ids: Sequence[Ints]) -> bool:
    joined = _joined(ids)
    return int(joined.max(initial=-1)) + 1 == len(joined)
