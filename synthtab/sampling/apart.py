"""Rows whose keys differ, where those of the table do: one row of a station and a day.

Networks draw each row by itself, so that two may have the same key. The later one is left
out, and the next candidate takes its place. Where next to no candidate has a key that is
free, rows repeat keys from there on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from synthtab.data.columns.base import Mask
from synthtab.data.constraints.keys import Keys
from synthtab.data.relations.keys import Key

# Of so many candidates at least this share must have a free key.
PATIENCE = 256
LEAST_FREE = 0.1


@dataclass
class Apart:
    """Which keys the rows of a stretch have.

    Attributes:
        names: The columns of each key.
        known: The cells that occurred, as hashes.
        used_up: Of a key that is kept no longer, after how many rows.
        rows_out: Rows so far.
    """

    names: Sequence[Key]
    known: list[Keys] = field(default_factory=list)
    used_up: dict[Key, int] = field(default_factory=dict)
    rows_out: int = 0

    def rows(self, frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """The rows of tables, those left out whose key occurred."""
        self.known = [Keys() for _ in self.names]
        # Candidates since it was last asked whether keys are free, and those that were.
        seen = np.zeros(len(self.names))
        free = np.zeros(len(self.names))
        for frame in frames:
            held = [i for i, name in enumerate(self.names) if name not in self.used_up]
            hashes = {i: _hashes(frame, self.names[i]) for i in held}
            fresh = {i: self._fresh(i, *hashes[i]) for i in held}
            good = np.ones(len(frame), dtype=bool)
            for own in fresh.values():
                good &= own
            for i, (own_hashes, there) in hashes.items():
                self.known[i].add(own_hashes[good & there])
            self.rows_out += int(good.sum())
            yield frame if good.all() else frame[good].reset_index(drop=True)
            for i in held:
                seen[i] += len(frame)
                free[i] += fresh[i].sum()
                if seen[i] < PATIENCE:
                    continue
                if free[i] < LEAST_FREE * seen[i]:
                    self.used_up[self.names[i]] = self.rows_out
                seen[i] = free[i] = 0

    def _fresh(self, number: int, hashes: np.ndarray, there: Mask) -> Mask:
        """``[rows]``: which have a key that is new, or none."""
        in_frame = pd.Series(hashes).mask(~there).duplicated().to_numpy()
        return np.asarray(~there | ~(in_frame | self.known[number].known(hashes)))


def _hashes(frame: pd.DataFrame, names: Key) -> tuple[np.ndarray, Mask]:
    """``[rows]``: a hash of the cells, and whether none is missing."""
    cells = frame[list(names)]
    hashes = pd.util.hash_pandas_object(cells, index=False).to_numpy(dtype=np.uint64)
    return hashes, cells.notna().to_numpy(dtype=bool).all(axis=1)
