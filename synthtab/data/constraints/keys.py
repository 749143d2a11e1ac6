"""Which combinations of cells occurred before: hashes of very many rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthtab.data.columns.base import Mask


class Keys:
    """A growing set of hashes, in 8 bytes each.

    Attributes:
        runs: Sorted arrays, each larger than the next one, so that there are only about
            log2(all / added at once) of them.
    """

    def __init__(self) -> None:
        self.runs: list[npt.NDArray[np.uint64]] = []

    def known(self, keys: npt.NDArray[np.uint64]) -> Mask:
        """``[keys]``: which are in the set."""
        found = np.zeros(len(keys), dtype=bool)
        for run in self.runs:
            place = np.searchsorted(run, keys)
            # A key beyond the last one would have its place behind the end.
            found |= run[place.clip(max=len(run) - 1)] == keys
        return found

    def add(self, keys: npt.NDArray[np.uint64]) -> None:
        """Put keys into the set.

        Runs that are not larger than the new one are merged with it, as a binary counter
        carries. So each key is moved only about log2(all / added at once) times.
        """
        run = np.sort(keys)
        while self.runs and len(self.runs[-1]) <= len(run):
            both = np.concatenate([self.runs.pop(), run])
            # The stable sort merges two sorted runs in linear time.
            run = np.sort(both, kind="stable")
        if len(run):
            self.runs.append(run)
