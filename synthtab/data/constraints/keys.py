"""Which combinations of cells occurred before: hashes of very many rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthtab.data.columns.base import Mask

Hashes = npt.NDArray[np.uint64]


class Keys:
    """A growing set of hashes, in 8 bytes each.

    Attributes:
        runs: Sorted arrays, each larger than the next one, so that there are only about
            log2(all / added at once) of them.
    """

    def __init__(self) -> None:
        self.runs: list[Hashes] = []

    def known(self, keys: Hashes) -> Mask:
        """``[keys]``: which are in the set."""
        found = np.zeros(len(keys), dtype=bool)
        for run in self.runs:
            place = np.searchsorted(run, keys)
            # A key beyond the last one would have its place behind the end.
            place = np.minimum(place, len(run) - 1)
            found |= run[place] == keys
        return found

    def add(self, keys: Hashes) -> None:
        """Put keys into the set.

        Runs that are not larger than the new one are merged with it, as a binary counter
        carries. So each key is moved only about log2(all / added at once) times.
        """
        run = np.sort(keys)
        while self.runs:
            smallest = self.runs[-1]
            if len(smallest) > len(run):
                break
            self.runs.pop()
            both = np.concatenate([smallest, run])
            # The stable sort merges two sorted runs in linear time.
            run = np.sort(both, kind="stable")
        if len(run):
            self.runs.append(run)
