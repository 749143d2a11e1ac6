"""Numbers of different columns in one unit, so that they can be added up.

The unit of a column is its standard deviation in some table, mostly the real one, and 0
is its mean there. An age of 38 in a table of ages 28 and 48 becomes 0.0, and 58 becomes
2.0. Distances (`neighbours`) and design matrices (`design`) start from this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthtab.evaluation.cells import Floats
from synthtab.evaluation.views import Tables


@dataclass(frozen=True)
class Scale:
    """Where each column of numbers has its 0, and how long its unit is.

    Attributes:
        mean: Of each column ``[columns]``.
        deviation: Standard deviation of each column; 1 where a column does not vary.
    """

    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, numbers: Floats, gaps_count: bool = False) -> Scale:
        """The scale on which these numbers have mean 0 and standard deviation 1.

        Args:
            numbers: ``[rows, columns]``, NaN where missing.
            gaps_count: Whether a missing number counts as one that equals the mean,
                which is what a linear model is shown in its place. The unit of a
                column with many gaps is then shorter.
        """
        there = ~np.isnan(numbers)
        # A column without any number has the mean 0.
        counts = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, numbers, 0.0).sum(axis=0) / counts
        if gaps_count:
            deviation = np.where(there, numbers, mean).std(axis=0)
        else:
            squares = np.where(there, numbers - mean, 0.0) ** 2
            deviation = np.sqrt(squares.sum(axis=0) / counts)
        return cls(mean, np.where(deviation > 0, deviation, 1.0))

    def standardise(self, numbers: Floats) -> Floats:
        """In these units ``[rows, columns]``; a missing number is 0, the mean."""
        filled = np.where(np.isnan(numbers), self.mean, numbers)
        standardised: Floats = (filled - self.mean) / self.deviation
        return standardised


def real_scale(tables: Tables) -> Scale:
    """The scale of the real table, which all distances use."""
    return tables.once("scale", lambda: Scale.of(tables.real.numbers))
