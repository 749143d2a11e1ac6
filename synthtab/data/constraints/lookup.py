"""The combinations of cells that occur in a table, and rows looked up among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.data.constraints.table import Integers, Table

ROOM = 2**62


@dataclass(frozen=True)
class Lookup:
    """Distinct combinations, the most frequent first.

    Attributes:
        columns: Names.
        texts: Of each column, its distinct cells.
        rows: ``[combinations, columns]`` numbers of these, -1 for a missing cell.
    """

    columns: tuple[str, ...]
    texts: tuple[list[str], ...]
    rows: Integers

    @classmethod
    def learn(cls, table: Table, columns: Sequence[str], least: int = 1) -> Lookup:
        """Those of a table that have so many rows at least; the commonest in any case."""
        codes, texts = zip(*(table.codes(name) for name in columns), strict=True)
        given = np.column_stack(codes)
        _, first, counts = np.unique(
            identify(given), return_index=True, return_counts=True
        )
        order = np.argsort(-counts, kind="stable")
        rows = given[first[order[: max(int((counts >= least).sum()), 1)]]]
        known = []
        for i, words in enumerate(texts):  # only the cells that occur in these
            used = np.unique(rows[rows[:, i] >= 0, i])
            rows[:, i] = np.where(rows[:, i] < 0, -1, np.searchsorted(used, rows[:, i]))
            known.append([words[k] for k in used])
        return cls(tuple(columns), tuple(known), rows)

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return {
            "columns": list(self.columns),
            "texts": list(self.texts),
            "rows": self.rows.tolist(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Lookup:
        """The inverse of `state`."""
        rows = np.array(state["rows"], dtype=np.int64).reshape(
            -1, len(state["columns"])
        )
        return cls(tuple(state["columns"]), tuple(state["texts"]), rows)

    def codes(self, table: Table, columns: Sequence[str]) -> Integers:
        """``[rows, columns]``: a table's cells by number; a number too high for one that is unknown."""
        place = dict(zip(self.columns, self.texts, strict=True))
        return np.column_stack([table.coded(n, place[n]) for n in columns])

    def match(self, given: Integers, columns: Sequence[str]) -> Integers:
        """``[rows]``: the first combination with these cells in these columns; -1 where there is none."""
        known = self.rows[:, [self.columns.index(n) for n in columns]]
        ids = identify(np.concatenate([known, given]))
        distinct, first = np.unique(ids[: len(known)], return_index=True)
        place = np.minimum(
            np.searchsorted(distinct, ids[len(known) :]), len(distinct) - 1
        )
        return np.where(distinct[place] == ids[len(known) :], first[place], -1)

    def partners(self, columns: Sequence[str]) -> Integers:
        """``[combinations]``: how many share a combination's cells in these columns."""
        ids = identify(self.rows[:, [self.columns.index(n) for n in columns]])
        _, inverse, counts = np.unique(ids, return_inverse=True, return_counts=True)
        return counts[inverse]


def identify(codes: npt.NDArray[Any]) -> Integers:
    """``[rows]``: a number that two rows share where all their codes, of -1 or more, are equal."""
    ids, room = np.zeros(len(codes), dtype=np.int64), 1
    for column in codes.T.astype(np.int64):
        size = int(column.max(initial=0)) + 2
        if room * size >= ROOM:
            ids, room = (
                np.unique(ids, return_inverse=True)[1].astype(np.int64),
                len(ids),
            )
        ids, room = ids * size + column + 1, room * size
    return ids
