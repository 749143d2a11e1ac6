"""Rows as a dask DataFrame: `sample`.

    import synthtab.dask
    rows = synthtab.dask.sample("people.synthtab", 100_000_000)
    rows.to_parquet("people/")

This needs dask: ``pip install 'synthtab[dask]'``.
"""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from synthtab.core.errors import ConfigError, MissingExtraError
from synthtab.sampling.language import Where
from synthtab.sampling.parts import spans
from synthtab.synthesizer import Synthesizer

if TYPE_CHECKING:
    import dask.dataframe

# Rows of a partition, where nothing else is asked for.
PARTITION_ROWS = 262_144

# A worker has many threads, and one of them shall load the model for all.
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
    """The rows of `Synthesizer.sample`, row for row, made when they are computed.

    They are the same whatever the partitions and the scheduler.

    Args:
        model: Fitted; or its file, which every worker must find there and then loads
            once. A model itself travels to the workers as the content of its file.
        n: How many rows.
        npartitions: Parts, about equally large; None for parts of about 262,144 rows.
            There are fewer where they would be smaller than what is made at once: 4,096
            rows, 65,536 with conditions or constraints.
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
    # A bool is an int to Python.
    if npartitions is not None and (isinstance(npartitions, bool) or npartitions < 1):
        raise ConfigError(
            f"npartitions must be a whole number of 1 or more, not {npartitions!r}"
        )

    request: dict[str, Any] = dict(where=where, seed=seed, passes=passes)
    source = model if isinstance(model, Synthesizer) else os.path.abspath(model)
    synthesizer = _model(source)
    # A first block is made now: it has the columns and dtypes that dask wants to know,
    # and every error in the request comes up here instead of in a worker.
    first_block = next(synthesizer.sample_blocks(n, **request))
    requests = synthesizer.requests
    grain = requests.grain(requests.predicates(where))
    count = npartitions or max(1, round(n / PARTITION_ROWS))
    parts = spans(n, grain, count)

    # "pure" would hash the whole model to name the task, and "traverse" look for tasks
    # inside of it.
    shared_source = delayed(source, pure=False, traverse=False)
    make_part = delayed(_part, pure=False, traverse=False)
    partitions = [
        make_part(shared_source, start, rows, request) for start, rows in parts
    ]
    # The index at which each partition begins, and the last one.
    divisions = (*(start for start, _ in parts), n - 1)
    return dask.dataframe.from_delayed(
        partitions,
        meta=first_block.head(0),
        divisions=divisions,
        prefix="synthtab",
        verify_meta=False,
    )


def _part(
    source: Synthesizer | str, start: int, rows: int, request: dict[str, Any]
) -> pd.DataFrame:
    """One partition; its rows are numbered as in the whole."""
    part = _model(source).sample(
        rows, first=start, frame="pandas", verbose=False, **request
    )
    return part.set_axis(pd.RangeIndex(start, start + rows))


def _model(source: Synthesizer | str) -> Synthesizer:
    """A fitted model; a file is loaded once by each process."""
    if isinstance(source, Synthesizer):
        return source
    # With its time, so that a file that was fitted again is loaded again.
    changed = os.stat(source).st_mtime_ns if os.path.exists(source) else 0
    with _loading:
        return _load(source, changed)


@lru_cache(maxsize=2)
def _load(path: str, changed: int) -> Synthesizer:
    return Synthesizer.load(path)
