"""Rows of one class from a model that learnt a table: for rebalancing. Beside `Synthesizer`, whose parts it uses."""

from __future__ import annotations

from typing import Any

import pandas as pd

from synthtab import sampler
from synthtab.columns.identifier import IdentifierEncoder
from synthtab.errors import DataError
from synthtab.randomness import Streams
from synthtab.refinement import Refinement
from synthtab.synthesizer import Synthesizer

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
            rare, advice = self.model.config.rare, "train longer, or ask for fewer of this class"
            if rare and not len(rows):
                advice = (
                    f"it stores no class with fewer than {rare} rows: fit with rare=0 (--rare-below 0), or leave it out"
                )
            raise DataError(f"the model made {len(rows)} of {n} rows whose {self.column} is {value}: {advice}")
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
        model, encoder, generator = self.model, self.model._encoder, self.model._generator
        given = encoder.cell(self.column, value) if encoder is not None else None
        if encoder is None or generator is None or generator.completing is None or not given:
            return None
        # A model whose rows come in one pass has trees that know such rows only: here, cells come one by one.
        many = model.report["passes"] > 1
        passes = model.report["passes"] if many else len(encoder.layout.units)
        grown = model._refinement
        trees = Refinement(grown.forests, None, grown.pool) if many and grown and grown.forests else None
        blocks = sampler.generate(generator, n, model._plans(passes), streams, model.device, trees, given)
        parts, number = [], start
        for i, block in enumerate(blocks):
            parts.append(encoder.decode(block.codes, block.offsets, streams.numpy("decode", i), number))
            number += len(block)
        return pd.concat(parts, ignore_index=True)

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
        for encoder in self.model._encoder.columns if self.model._encoder else ():
            if isinstance(encoder, IdentifierEncoder):  # numbered anew, as if no row had been left out
                codes, offsets = encoder.encode(rows[encoder.column.name], rng)
                rows[encoder.column.name] = encoder.decode(codes, offsets, rng, start)
        return rows
