"""The one place for randomness: one seed, named independent streams.

A stream depends on the seed, its name and its indices alone, never on what was drawn
elsewhere, so that adding a draw in one place changes nothing in another. Global random
state is never read or written.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Streams:
    """Independent random streams under one seed.

    >>> Streams(7).numpy("rows").integers(10) == Streams(7).numpy("rows").integers(10)
    True
    """

    seed: int

    def _sequence(self, name: str, indices: tuple[int, ...]) -> np.random.SeedSequence:
        # 256 is no byte: it ends the name, so that no name and index give another's
        # entropy.
        entropy = [self.seed, *name.encode(), 256, *indices]
        return np.random.SeedSequence(entropy)

    def numpy(self, name: str, *indices: int) -> np.random.Generator:
        """A NumPy generator for the stream ``name`` (and, say, a block number)."""
        return np.random.default_rng(self._sequence(name, indices))

    def integer(self, name: str, *indices: int) -> int:
        """A 63-bit seed for a library with a generator of its own (torch, scikit-learn)."""
        (state,) = self._sequence(name, indices).generate_state(1, np.uint64)
        # As a Python int first: NumPy 1 shifts no unsigned number by a signed one.
        return int(state) >> 1
