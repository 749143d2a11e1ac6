"""Columns that say more together than one by one: the days of a calendar, the shops of a chain and their goods.

A network adds up what each category says, and is slow to learn what only their combination does. So combinations that
matter get an embedding of their own (the cross-product features of Cheng et al., arXiv 1606.07792). They are found
here: crosses of columns whose cell means, every row left out of its own, explain most of what main effects leave of
the others. What they do not explain, such as the hours of a day, is `Cross.apart`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.core.layout import Cross, Encoded

# Most rows and cells that are asked.
LOOK, LOOK_CELLS = 20_000, 800_000
# Most columns whose combinations are tried, those of words before those of numbers; and
# most in one.
COLUMNS, TOGETHER = 8, 3
# Mean number of rows of a combination.
LEAST = 8
# A cross has so many times more combinations than its columns have categories.
FINER = 1.5
# Least gain of a cross, in columns explained; how many crosses there are at most, and
# combinations of one.
ENOUGH, MOST, ROOM = 0.5, 4, 16_384
# Least correlation of a block with the means of its combinations, for it to be told by
# them.
TOLD = 0.02
# Rows as which the mean of all counts in the mean of a combination.
PRIOR = 4.0
# Most blocks that are explained, evenly spread, and categories of each; and times that
# main effects are fitted in turn.
EXPLAINED, COMMONEST, SWEEPS = 32, 4, 3

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def combined(rows: Encoded, rare: int = 0) -> tuple[Cross, ...]:
    """Crosses that matter; not of the column that is drawn last, since nothing is drawn after it.

    Args:
        rows: Training rows.
        rare: Combinations that fewer of them have do not count.
    """
    blocks, last = rows.layout.blocks, rows.layout.last
    able = [
        i
        for i, b in enumerate(blocks)
        if not b.modes and b.size > 2 and b.column != last
    ]
    able = sorted(sorted(able, key=lambda i: blocks[i].numeric)[:COLUMNS])
    tried = dict(_cells(rows, able))
    if not tried:
        return ()
    values, owner = _explained(rows)
    for _ in range(SWEEPS):
        for i in able:
            values = values - _means(values, rows.codes[:, i].astype(np.int64)) * (
                owner != i
            )
    found: list[Cross] = []
    while tried and len(found) < MOST:
        gains = {
            cross: _gain(values, owner, cross, cell) for cross, cell in tried.items()
        }
        best = max(gains, key=gains.__getitem__)
        if gains[best] < ENOUGH:
            break
        cell = tried.pop(best)
        apart = _apart(values, owner, best, cell)
        values = values - _means(values, cell) * ~np.isin(owner, best)
        distinct, counts = np.unique(cell, return_counts=True)
        if (counts >= rare).any():
            found.append(Cross(best, tuple(distinct[counts >= rare].tolist()), apart))
    return tuple(found)


def _cells(
    rows: Encoded, able: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], Ints]]:
    """Combinations of columns that are finer than each and have rows enough; and which one each row has."""
    counts = {i: len(np.unique(rows.codes[:, i])) for i in able}
    for together in range(2, TOGETHER + 1):
        for blocks in combinations(able, together):
            cross = Cross(blocks)
            if np.prod(rows.layout.sizes[list(blocks)]) <= ROOM:
                cell = cross.of(rows.codes, rows.layout)
                some = len(np.unique(cell))
                if FINER * max(counts[i] for i in blocks) < some <= len(rows) / LEAST:
                    yield blocks, cell


def _explained(rows: Encoded) -> tuple[Floats, Ints]:
    """What is to be explained, of variance 1 per block ``[rows, n]``: offsets, and the commonest categories; and of
    which block each is.
    """
    columns: list[npt.NDArray[Any]] = []
    owner: list[int] = []
    place = 0
    blocks = rows.layout.blocks
    chosen = set(
        np.linspace(0, len(blocks) - 1, min(EXPLAINED, len(blocks)))
        .astype(int)
        .tolist()
    )
    for i, block in enumerate(blocks):
        place += block.modes > 0
        if i not in chosen:
            continue
        if block.modes:
            columns.append(rows.offsets[:, place - 1])
        else:
            common = np.argsort(-np.bincount(rows.codes[:, i]))[
                : min(COMMONEST, block.size - 1)
            ]
            columns += [rows.codes[:, i] == c for c in common]
        owner += [i] * (len(columns) - len(owner))
    values = np.stack(columns, axis=1).astype(np.float32)
    values -= values.mean(axis=0)
    shares = np.bincount(owner)[owner]
    return values / np.maximum(values.std(axis=0) * np.sqrt(shares), 1e-6).astype(
        np.float32
    ), np.array(owner)


def _gain(values: Floats, owner: Ints, cross: tuple[int, ...], cell: Ints) -> float:
    """How many of the other columns the means of the cells explain, each between 0 and 1."""
    left = values - _means(values, cell)
    gains = ((values**2).sum(axis=0) - (left**2).sum(axis=0)) / len(values)
    return float(gains[~np.isin(owner, cross)].clip(min=0).sum())


def _apart(
    values: Floats, owner: Ints, cross: tuple[int, ...], cell: Ints
) -> tuple[int, ...]:
    """The other blocks whose values do not go with the means of the cells."""
    means = _means(values, cell)
    together, own, other = (
        np.bincount(owner, (x * y).sum(axis=0))
        for x, y in ((values, means), (values, values), (means, means))
    )
    told = together > TOLD * np.sqrt(own * other)
    return tuple(i for i in np.unique(owner).tolist() if not told[i] and i not in cross)


def _means(values: Floats, cell: Ints) -> Floats:
    """For every row the mean of the others of its cell, drawn towards 0."""
    order = np.argsort(cell, kind="stable")
    first = np.flatnonzero(np.diff(cell[order], prepend=-1))
    sums, counts = (
        np.add.reduceat(values[order], first, axis=0),
        np.diff(first, append=len(cell)),
    )
    place = np.empty(len(cell), dtype=np.int64)
    place[order] = np.repeat(np.arange(len(first)), counts)
    divisor = (counts[place] - 1 + PRIOR).astype(np.float32)
    return np.asarray((sums[place] - values) / divisor[:, None])
