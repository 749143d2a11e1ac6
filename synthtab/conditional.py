"""Rows of one class from a model that learnt a table: for rebalancing. Beside `Synthesizer`, whose parts it uses."""

from __future__ import annotations

from typing import Any

import pandas as pd

from synthtab import sampler
from synthtab.errors import ConditionError, DataError
from synthtab.progress import silent
from synthtab.randomness import Streams
from synthtab.synthesizer import Synthesizer
from synthtab.where import conditions

RARE = 0.1
"""Share below which a class is drawn by itself. From more frequent ones, rows of the class are kept of all that are
made: slower, and nearer to the real rows of the class (6,000 rows of Adult: a detector's AUC .56 and .59, for .59 and
.62).
"""
TRIES = 25
"""Rows made for each one wanted, of which only those of the class are kept, before giving up."""


class ByClass:
    """A fitted model that can be asked for rows of a class.

    Of a frequent class, rows are made as usual and those of the class are kept. A rare class (less than `RARE`) is
    given to the generator, which completes the other cells, so that it costs no more than a frequent one. The trees
    then choose, among rows of that class, as they do among all; the one-way frequencies, which are those of all
    classes together, are not raked. A generator that cannot complete rows is asked until enough are of the class.

    Args:
        model: A fitted model.
        column: The column that holds the class.

    Raises:
        DataError: The model has no such column.
    """

    def __init__(self, model: Synthesizer, column: str) -> None:
        if column not in model.schema.names:
            raise DataError(f"the model has no column {column!r}: it has {', '.join(model.schema.names[:12])}")
        self.model, self.column = model, column
        self._some: pd.Series | None = None

    def sample(self, n: int, *, seed: int | None = None) -> pd.DataFrame:
        """Rows as the model draws them."""
        return self.model.sample(n, seed=seed)

    def sample_class(self, value: Any, n: int, *, seed: int | None = None, start: int = 0) -> pd.DataFrame:
        """``n`` rows whose class is ``value``.

        Args:
            value: A cell of the column.
            n: How many rows.
            seed: Other seeds give other rows; None takes the seed of the fit.
            start: Number of the first row, from which invented identifiers go on.

        Raises:
            DataError: The model makes too few such rows.
        """
        seed = self.model.seed if seed is None else seed
        streams = Streams(Streams(seed).integer(f"class {value}"))
        rows = self._completed(value, n, streams, start) if self._share(value) < RARE else None
        rows = self._kept(value, n, streams, start) if rows is None else rows
        if len(rows) < n:
            raise DataError(
                f"the model made {len(rows)} of {n} rows whose {self.column} is {value}: "
                "train longer, or ask for fewer of this class"
            )
        return rows

    def _share(self, value: Any) -> float:
        """Of the rows as they come."""
        if self._some is None:
            self._some = self.model.sample(sampler.BLOCK)[self.column]
        return float(self._is(self._some, value).mean())

    def _is(self, cells: pd.Series, value: Any) -> Any:
        return (cells == value).fillna(False).to_numpy(dtype=bool)

    def _completed(self, value: Any, n: int, streams: Streams, start: int) -> pd.DataFrame | None:
        """Drawn given the class; None if this model cannot."""
        requests = self.model.requests
        if not requests.completes:
            return None
        try:
            tests = conditions({self.column: value}, self.model.schema)
            return pd.concat(requests.within(tests, n, streams, silent, start), ignore_index=True)
        except ConditionError:
            return None

    def _kept(self, value: Any, n: int, streams: Streams, start: int) -> pd.DataFrame:
        """Those of the class among all that are made, until there are enough or too many were made."""
        parts, found = [], 0
        most = max(TRIES * n, TRIES * sampler.BLOCK)
        for block in self.model.sample_blocks(most, seed=streams.integer("keep")):
            parts.append(block[self._is(block[self.column], value)])
            found += len(parts[-1])
            if found >= n:
                break
        rows, rng = pd.concat(parts, ignore_index=True).head(n), streams.numpy("decode")
        self.model.requests.encoder.renumber(rows, rng, start)
        return rows
