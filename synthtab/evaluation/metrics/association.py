"""Which columns are tied to which, and which of these ties did the synthetic rows lose?

The strength of a tie is the bias-corrected V of Cramér (Bergsma 2013) on a coarse two-way table: 0 =
independent, 1 = one column says all about the other. Rows in which a cell of the pair is missing do
not count; that a cell is missing is an item of its own, so that missing cells can be tied, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats, Integers
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip
from synthtab.evaluation.views import Tables, View

MAX_ROWS = 20_000
COST = 3e10  # multiplications for one table: fewer rows are read where there are very many columns
BINS = 8
LEVELS = 11
RARE = 0.01
RARE_ROWS = 20
DRAWS = 5
LISTED = 20
CLEAR = 0.1  # a weaker tie is not worth a word
SURE = 4.0  # standard errors

Matrix = npt.NDArray[np.float64]


def association_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over all pairs of |V - V'|, times 100; V is Cramér's, bias-corrected (Bergsma 2013).

    A number is cut at its real octiles, with repeated values by themselves; categories under 1 %
    are one. The detail names the columns that follow no other any more, and the pairs that broke.
    """
    ties = of(tables, streams)
    known = ties.known
    if not known.any():
        raise Skip("no two columns vary")
    difference = 100 * np.abs(ties.real - ties.synthetic)
    # Two halves of the real rows differ by chance alone; a bootstrap would repeat rows, which looks like a tie.
    half = len(ties.rows) // 2
    scale = math.sqrt(
        (1 / len(tables.real) + 1 / len(tables.synthetic)) * max(half, 1) / 2
    )
    floors = []
    for draw in range(DRAWS):
        order = streams.numpy("association floor", draw).permutation(len(ties.rows))
        one, other = (
            ties.coding.strengths(ties.coding.counts(ties.rows.take(rows)))[0]
            for rows in (order[:half], order[half:])
        )
        floors.append(
            min(float(100 * np.abs(one - other)[known].mean()) * scale, 100.0)
        )
    detached, broken = ties.lost()
    return Outcome(
        float(difference[known].mean()),
        Reference(float(np.mean(floors)), "a perfect sampler"),
        n=int(known.sum()) // 2,
        detail={
            "detached": detached,
            "broken": broken[:LISTED],
            "number broken": len(broken),
            "invented": ties.invented()[:LISTED],
        },
    )


def of(tables: Tables, streams: Streams) -> Ties:
    """The ties of both tables, computed once."""
    return tables.once(f"ties {streams.seed}", lambda: Ties(tables, streams))


class Ties:
    """Strengths in both tables.

    Attributes:
        real: ``[items, items]``; first the columns in the order of `Tables.names`, then the missing cells.
        synthetic: The same of the synthetic table.
        noise: Standard error of a difference under independence.
        known: Which pairs can be compared: two different columns that vary.
    """

    def __init__(self, tables: Tables, streams: Streams) -> None:
        self.coding = Coding(tables)
        limit = int(min(MAX_ROWS, max(COST / max(self.coding.width, 1) ** 2, 1_000)))
        self.rows = tables.real.some(limit, streams.numpy("association, real"))
        other = tables.synthetic.some(limit, streams.numpy("association, synthetic"))
        self.real, rows, levels = self.coding.strengths(self.coding.counts(self.rows))
        self.synthetic, others, _ = self.coding.strengths(self.coding.counts(other))
        self.noise = np.sqrt(1 / np.maximum(rows, 1) + 1 / np.maximum(others, 1))
        owner = np.array(self.coding.owners)
        self.known = (owner[:, None] != owner) & (np.minimum(levels, levels.T) > 1)

    def lost(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Items that follow none of the others any more, and pairs that broke between other items.

        An item that lost a tie shows it in every pair; the one that lost most is named first and
        its pairs are then no longer held against its partners.
        """
        open_pairs = self.known & (self.real > 3 * self.noise)
        detached = []
        while True:
            strength, kept = (
                (m * open_pairs).sum(axis=1) for m in (self.real, self.synthetic)
            )
            loss, partners = strength - kept, open_pairs.sum(axis=1)
            chance = SURE * np.sqrt((self.noise**2 * open_pairs).sum(axis=1))
            clear = (self.real * open_pairs).max(axis=1, initial=0.0) > CLEAR
            # Of two columns that only had each other nobody can say which went astray: that is a broken pair.
            enough = partners >= np.where(self.coding.missing, 1, 2)
            gone = (loss > chance) & (kept < 0.5 * strength) & clear & enough
            if not gone.any():
                break
            worst = int(np.argmax(np.where(gone, loss, -1.0)))
            best = [
                j
                for j in np.argsort(-self.real[worst], kind="stable")
                if open_pairs[worst, j]
            ][:5]
            ties = [
                {
                    "column": self._name(j),
                    "real": float(self.real[worst, j]),
                    "synthetic": float(self.synthetic[worst, j]),
                }
                for j in best
            ]
            detached.append(
                {
                    "column": self.coding.owners[worst],
                    "missing": bool(self.coding.missing[worst]),
                    "ties": ties,
                }
            )
            open_pairs[worst] = open_pairs[:, worst] = False
        fall = self.real - self.synthetic
        broken = open_pairs & (fall > self._clear) & (self.synthetic < 0.6 * self.real)
        return detached, list(self._pairs(broken, fall))

    def invented(self) -> list[dict[str, Any]]:
        """Pairs that are tied in the synthetic table alone, or much more closely."""
        rise = self.synthetic - self.real
        return list(
            self._pairs(
                self.known & (rise > self._clear) & (self.real < 0.6 * self.synthetic),
                rise,
            )
        )

    @cached_property
    def _clear(self) -> Matrix:
        return np.maximum(CLEAR, SURE * self.noise)

    def _pairs(
        self, which: npt.NDArray[np.bool_], size: Matrix
    ) -> Iterator[dict[str, Any]]:
        """The marked pairs, largest first."""
        i, j = np.nonzero(np.triu(which))
        for k in np.argsort(-size[i, j], kind="stable"):
            a, b = int(i[k]), int(j[k])
            yield {
                "columns": [self._name(a), self._name(b)],
                "real": float(self.real[a, b]),
                "synthetic": float(self.synthetic[a, b]),
            }

    def _name(self, item: int) -> str:
        owner = self.coding.owners[item]
        return f"missing {owner}" if self.coding.missing[item] else owner


@dataclass(frozen=True)
class _Item:
    """One column as few levels, or the missing cells of one."""

    owner: str
    missing: bool
    numeric: bool
    position: int
    size: int
    table: Any  # edges of a number, level of each code of a category
    absent: int = 0  # the code of a missing category

    def levels(self, view: View) -> Integers:
        """Levels of a table's rows; -1 where the cell is missing."""
        values = (view.numbers if self.numeric else view.codes)[:, self.position]
        gone = np.isnan(values) if self.numeric else values == self.absent
        if self.missing:
            return gone.astype(np.int32)
        found = (
            np.searchsorted(self.table, values, side="right")
            if self.numeric
            else self.table[values]
        )
        return np.where(gone, -1, found).astype(np.int32)


class Coding:
    """How the real table's columns become few levels each; the synthetic table's become the same."""

    def __init__(self, tables: Tables) -> None:
        items = [
            *(
                _number(tables.real.numbers[:, j], name, j)
                for j, name in enumerate(tables.numeric)
            ),
            *(
                _category(tables.real.codes[:, j], name, j, size)
                for j, (name, size) in enumerate(
                    zip(tables.categorical, tables.sizes, strict=True)
                )
            ),
        ]
        for item in tuple(items):
            gone = int((item.levels(tables.real) < 0).sum())
            if min(gone, len(tables.real) - gone) >= RARE_ROWS:
                items.append(replace(item, missing=True, size=2))
        self._items = items
        self.owners = tuple(item.owner for item in items)
        self.missing = np.array([item.missing for item in items], dtype=bool)
        self._starts = np.cumsum([0, *(item.size for item in items)])[:-1]
        self.width = int(sum(item.size for item in items))

    def counts(self, view: View) -> Matrix:
        """All two-way tables in one matrix, ``[levels, levels]``; whole numbers, thus the same on every machine."""
        ones = np.zeros((len(view), self.width), dtype=np.float32)
        for start, item in zip(self._starts, self._items, strict=True):
            levels = item.levels(view)
            there = np.flatnonzero(levels >= 0)
            ones[there, start + levels[there]] = 1.0
        return (ones.T @ ones).astype(np.float64)

    def strengths(self, counts: Matrix) -> tuple[Matrix, Matrix, Matrix]:
        """V, the rows in which both items are there, and the number of levels of the first, for every pair."""

        def blocks(matrix: Matrix, axis: int) -> Matrix:
            return np.add.reduceat(matrix, self._starts, axis=axis)

        sums = blocks(
            counts, 1
        )  # of a level, over the rows in which the other item is there
        rows = blocks(sums, 0)
        levels = blocks((sums > 0).astype(np.float64), 0)
        sizes = [item.size for item in self._items]
        margins = np.repeat(sums, sizes, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.where(counts > 0, counts**2 / (margins * margins.T), 0.0)
            n = np.maximum(rows, 2) - 1
            phi = np.maximum(
                blocks(blocks(shares, 1), 0) - 1 - (levels - 1) * (levels.T - 1) / n,
                0.0,
            )
            corrected = levels - (levels - 1) ** 2 / n
            strengths = np.sqrt(phi / (np.minimum(corrected, corrected.T) - 1))
        strengths = np.where(
            (np.minimum(levels, levels.T) > 1) & np.isfinite(strengths), strengths, 0.0
        )
        return (
            np.minimum((strengths + strengths.T) / 2, 1.0),
            rows,
            levels,
        )  # equal but for rounding


def _number(values: Floats, name: str, position: int) -> _Item:
    """Octiles; a value that fills more than one of them is a level by itself."""
    there = values[~np.isnan(values)]
    distinct, counts = np.unique(there, return_counts=True)
    if len(distinct) <= BINS and counts.min(initial=len(there)) >= _few(len(there)):
        edges = distinct[1:]
    else:
        cuts = np.quantile(there, np.linspace(0, 1, BINS + 1)[1:-1], method="lower")
        found, repeats = np.unique(cuts, return_counts=True)
        edges = np.union1d(found, np.nextafter(found[repeats > 1], np.inf))
    return _Item(name, False, True, position, len(edges) + 1, edges)


def _category(codes: Integers, name: str, position: int, size: int) -> _Item:
    """The commonest categories; all others are one level."""
    counts = np.bincount(codes, minlength=size)[:-1]
    order = np.argsort(-counts, kind="stable")[:LEVELS]
    kept = order[counts[order] >= _few(int(counts.sum()))]
    table = np.full(size, len(kept), dtype=np.int32)
    table[kept] = np.arange(len(kept))
    return _Item(name, False, False, position, len(kept) + 1, table, size - 1)


def _few(rows: int) -> float:
    return max(RARE * rows, min(RARE_ROWS, rows / 10))


ASSOCIATION = Metric(
    "association_error",
    "Association error",
    "how far the ties between columns are from the real ones; 0 = as strong",
    "fidelity",
    "lower",
    association_error,
    (0.0, 100.0),
    "%",
    cost="medium",
)
