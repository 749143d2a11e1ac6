"""Rows as a dask DataFrame: `sample`.

import synthtab.dask
rows = synthtab.dask.sample("people.synthtab", 100_000_000)     # needs dask: pip install 'synthtab[dask]'
rows.to_parquet("people/")
"""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from synthtab.core.errors import ConfigError, MissingExtraError
from synthtab.sampling.parts import spans
from synthtab.synthesizer import Synthesizer

if TYPE_CHECKING:
    import dask.dataframe

    from synthtab.sampling.language import Where

# Rows of a partition, where nothing else is asked for.
ROWS = 262_144

_loading = threading.Lock()


def sample(
    model: Synthesizer | str | os.PathLike[str],
    n: int,
    npartitions: int | None = None,
    *,
    where: Where | None = None,
    seed: int | None = None,
    passes: int | None = None,
) -> dask.dataframe.DataFrame:
    """The rows of `Synthesizer.sample`, row for row, made when they are computed, whatever the partitions and the
    scheduler.

    Args:
        model: Fitted; or its file, which every worker must find there and then loads once. A model itself travels to
            the workers as the content of its file.
        n: How many rows.
        npartitions: Parts, about equally large; fewer where they would be smaller than what is made at once: 4,096
            rows, 65,536 with conditions or constraints. None for parts of about 262,144 rows.
        where: Conditions that every row meets.
        seed: As in `Synthesizer.sample`.
        passes: As in `Synthesizer.sample`.

    Raises:
        MissingExtraError: dask is not installed.
        ConfigError: The rows cannot be made in parts: a key is enforced.
        ConditionError: No row can meet the conditions.
    """
    try:
        import dask.dataframe
        from dask.delayed import delayed
    except ImportError:
        raise MissingExtraError(
            "synthtab.dask needs dask: pip install 'synthtab[dask]'"
        ) from None
    if npartitions is not None and (isinstance(npartitions, bool) or npartitions < 1):
        raise ConfigError(
            f"npartitions must be a whole number of 1 or more, not {npartitions!r}"
        )
    asked: dict[str, Any] = dict(where=where, seed=seed, passes=passes)
    source = model if isinstance(model, Synthesizer) else os.path.abspath(model)
    here = _model(source)
    meta = next(here.sample_blocks(n, **asked)).head(
        0
    )  # and every error in what is asked, now
    parts = spans(
        n,
        here.requests.grain(here.requests.predicates(where)),
        npartitions or max(1, round(n / ROWS)),
    )
    shipped, make = (delayed(x, pure=False, traverse=False) for x in (source, _part))
    made = [make(shipped, first, rows, asked) for first, rows in parts]
    divisions = (*(first for first, _ in parts), n - 1)
    return dask.dataframe.from_delayed(
        made, meta=meta, divisions=divisions, prefix="synthtab", verify_meta=False
    )


def _part(
    source: Synthesizer | str, first: int, rows: int, asked: dict[str, Any]
) -> pd.DataFrame:
    """One partition; its rows are numbered as in the whole."""
    found = _model(source).sample(rows, first=first, **asked)
    return found.set_axis(pd.RangeIndex(first, first + rows))


def _model(source: Synthesizer | str) -> Synthesizer:
    """A fitted model; a file is loaded once by each process."""
    if isinstance(source, Synthesizer):
        return source
    with _loading:
        return _loaded(
            source, os.stat(source).st_mtime_ns if os.path.exists(source) else 0
        )


@lru_cache(maxsize=2)
def _loaded(path: str, changed: int) -> Synthesizer:
    return Synthesizer.load(path)
