"""The combinations of cells that occur in a table, and rows looked up among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.data.columns.disclosure import people_of_values
from synthtab.data.constraints.table import Integers, Table

# Numbers of combinations stay below this, so that they fit into 64 bits.
MOST_NUMBERS = 2**62


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
    def learn(
        cls,
        table: Table,
        columns: Sequence[str],
        least_rows: int = 1,
    ) -> Lookup:
        """The combinations of a table.

        Args:
            table: Its rows.
            columns: Which of its columns.
            least_rows: Combinations that fewer rows (or people, where the table says
                who is who) have are left out, but for the commonest one, which is kept
                in any case.
        """
        all_codes = []
        all_texts = []
        for name in columns:
            codes, texts = table.codes(name)
            all_codes.append(codes)
            all_texts.append(texts)
        cells = np.column_stack(all_codes)
        distinct, first, inverse, counts = np.unique(
            identify(cells),
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        holders = people_of_values(inverse, len(distinct), table.people)
        is_rare = holders < least_rows
        commonest_first = np.lexsort([-counts, is_rare])
        kept = max(int((~is_rare).sum()), 1)
        chosen = commonest_first[:kept]
        rows = cells[first[chosen]]

        # A cell that occurs in none of these must not be stored.
        used_texts = []
        for i, texts in enumerate(all_texts):
            codes = rows[:, i]
            is_missing = codes < 0
            used = np.unique(codes[~is_missing])
            used_texts.append([texts[code] for code in used])
            new_codes = np.searchsorted(used, codes)
            rows[:, i] = np.where(is_missing, -1, new_codes)
        return cls(tuple(columns), tuple(used_texts), rows)

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
        columns = tuple(state["columns"])
        rows = np.array(state["rows"], dtype=np.int64)
        # Without the shape, a table of no rows would have no columns either.
        rows = rows.reshape(-1, len(columns))
        return cls(columns, tuple(state["texts"]), rows)

    def codes(self, table: Table, columns: Sequence[str]) -> Integers:
        """``[rows, columns]``: a table's cells by number.

        A cell that is unknown has a number too high for one that is known.
        """
        codes = []
        for name in columns:
            texts = self.texts[self.columns.index(name)]
            codes.append(table.coded(name, texts))
        return np.column_stack(codes)

    def match(self, given: Integers, columns: Sequence[str]) -> Integers:
        """``[rows]``: the first combination with these cells in these columns, or -1.

        Args:
            given: ``[rows, columns]`` cells, as `codes` numbers them.
            columns: Their names.
        """
        known = self._of(columns)
        # Numbered together: equal cells have equal numbers in both.
        ids = identify(np.concatenate([known, given]))
        known_ids = ids[: len(known)]
        given_ids = ids[len(known) :]
        distinct, first = np.unique(known_ids, return_index=True)
        place = np.searchsorted(distinct, given_ids)
        # An id beyond the last one would have its place behind the end.
        place = np.minimum(place, len(distinct) - 1)
        is_known = distinct[place] == given_ids
        return np.where(is_known, first[place], -1)

    def partners(self, columns: Sequence[str]) -> Integers:
        """``[combinations]``: how many share a combination's cells in these columns."""
        _, inverse, counts = np.unique(
            identify(self._of(columns)),
            return_inverse=True,
            return_counts=True,
        )
        return counts[inverse]

    def _of(self, columns: Sequence[str]) -> Integers:
        """``[combinations, columns]``: the cells of some of the columns."""
        places = [self.columns.index(name) for name in columns]
        return self.rows[:, places]


def identify(codes: npt.NDArray[Any]) -> Integers:
    """``[rows]``: a number that two rows share where all their codes are equal.

    The codes are digits of a number whose places have as many values as each column has.

    Args:
        codes: ``[rows, columns]`` whole numbers of -1 or more.
    """
    ids = np.zeros(len(codes), dtype=np.int64)
    # All ids are below this.
    limit = 1
    for column in codes.T.astype(np.int64):
        # -1 is a code as well, so there is one more than the greatest and 0 give.
        size = int(column.max(initial=0)) + 2
        if limit * size >= MOST_NUMBERS:
            # Number the distinct ids anew: there are at most as many as rows.
            _, ids = np.unique(ids, return_inverse=True)
            limit = len(ids)
        ids = ids * size + column + 1
        limit *= size
    return ids
