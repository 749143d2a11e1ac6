"""Rows of one class from a model that learnt a table: for rebalancing. Beside `Synthesizer`, whose parts it uses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from synthtab import sampler
from synthtab.errors import DataError
from synthtab.randomness import Streams
from synthtab.refinement import Refinement
from synthtab.synthesizer import Synthesizer

ROUNDS = 25
"""Times that rows are drawn, of which only those of the class are kept, before giving up."""


class ByClass:
    """A fitted model that can be asked for rows of a class.

    A generator that completes rows draws the other cells given the class, so that a rare class costs no more than a
    frequent one. Its trees then choose, among rows of that class, as they do among all; the one-way frequencies, which
    are those of all classes together, are not raked. Any other model is asked for rows until enough are of the class.

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
        rows = self._completed(value, n, streams, start)
        rows = self._waited_for(value, n, streams) if rows is None else rows
        if len(rows) < n:
            raise DataError(
                f"the model made {len(rows)} of {n} rows whose {self.column} is {value}: "
                "train longer, or ask for fewer of this class"
            )
        return rows.head(n).reset_index(drop=True)

    def _completed(self, value: Any, n: int, streams: Streams, start: int) -> pd.DataFrame | None:
        """Drawn given the class; None if this model cannot."""
        model, encoder, generator = self.model, self.model._encoder, self.model._generator
        given = encoder.cell(self.column, value) if encoder is not None else None
        if encoder is None or generator is None or generator.completing is None or not given:
            return None
        # A model whose rows come in one pass has trees that know such rows only: here, cells come one by one.
        many = model.report["passes"] > 1
        passes = model.report["passes"] if many else len(encoder.layout.columns)
        grown = model._refinement
        trees = Refinement(grown.forests, None, grown.pool) if many and grown and grown.forests else None
        parts, found = [], start
        for number, block in enumerate(
            sampler.generate(generator, n, passes, streams, model.device, trees, given),
        ):
            parts.append(encoder.decode(block.codes, block.offsets, streams.numpy("decode", number), found))
            found += len(block)
        return pd.concat(parts, ignore_index=True)

    def _waited_for(self, value: Any, n: int, streams: Streams) -> pd.DataFrame:
        """Drawn until enough are of the class, or for `ROUNDS`."""
        parts, found = [], 0
        for number in range(ROUNDS):
            if found >= n:
                break
            rows = self.model.sample(max(2 * n, sampler.BLOCK), seed=streams.integer("wait", number))
            parts.append(rows[np.asarray((rows[self.column] == value).fillna(False), dtype=bool)])
            found += len(parts[-1])
        return pd.concat(parts, ignore_index=True)
