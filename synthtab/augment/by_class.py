"""Rows of one class from a fitted model, for rebalancing.

`ByClass` is what a study asks for rows that balance the classes: it has the two methods
``sample`` and ``sample_class`` of `synthtab.augment.source`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from synthtab.core.errors import DataError
from synthtab.core.progress import silent
from synthtab.core.randomness import Streams
from synthtab.synthesizer import Synthesizer


class ByClass:
    """A fitted model that can be asked for rows of a class.

    Args:
        model: A fitted model.
        column: The column that holds the class.

    Raises:
        DataError: The model has no such column.
    """

    def __init__(self, model: Synthesizer, column: str) -> None:
        if column not in model.schema_.names:
            raise DataError(
                f"the model has no column {column!r}: it has {', '.join(model.schema_.names[:12])}"
            )
        self.model = model
        self.column = column

    def sample(self, n: int, *, seed: int | None = None) -> pd.DataFrame:
        """Rows as the model draws them."""
        return self.model.sample(n, seed=seed, frame="pandas", verbose=False)

    def sample_class(
        self, value: Any, n: int, *, seed: int | None = None, start: int = 0
    ) -> pd.DataFrame:
        """``n`` rows whose class is ``value``.

        Args:
            value: A cell of the column.
            n: How many rows.
            seed: Other seeds give other rows; None takes the seed of the fit.
            start: Number of the first row, from which invented identifiers go on.

        Raises:
            ConditionError: The model knows no such class, or next to none of its rows
                are of it.
        """
        if seed is None:
            seed = self.model.seed
        # Each class has random numbers of its own: how many rows of one are asked for
        # does not change the rows of another.
        streams = Streams(Streams(seed).integer(f"class {value}"))
        requests = self.model.requests
        predicates = requests.predicates({self.column: value})
        parts = requests.within(predicates, n, streams, silent, start)
        return pd.concat(parts, ignore_index=True)
