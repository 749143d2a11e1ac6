"""No two rows have the same cells: a key of one column, or of several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.schema import Constraint
from synthtab.data.columns import KINDS
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.base import Form, Look, known_options, listed, needs
from synthtab.data.constraints.lookup import Lookup, identify
from synthtab.data.constraints.table import Table

# Columns, those of most distinct cells, of which two or three may be a key.
CANDIDATES = 12
# Rows that shuffled columns must repeat, at least.
CHANCE = 20
OFFERS = 3


class Keys:
    """A growing set of hashes, in 8 bytes each: sorted runs, of which a smaller one never precedes a larger."""

    def __init__(self) -> None:
        self.runs: list[npt.NDArray[np.uint64]] = []

    def known(self, keys: npt.NDArray[np.uint64]) -> Mask:
        """``[keys]``: which are in the set."""
        found = np.zeros(len(keys), dtype=bool)
        for run in self.runs:
            found |= run[np.searchsorted(run, keys).clip(max=len(run) - 1)] == keys
        return found

    def add(self, keys: npt.NDArray[np.uint64]) -> None:
        """Put keys into the set; in all, each is moved only about log2(all / added at once) times."""
        run = np.sort(keys)
        while self.runs and len(self.runs[-1]) <= len(run):
            run = np.sort(np.concatenate([self.runs.pop(), run]), kind="stable")
        if len(run):
            self.runs.append(run)


@dataclass(frozen=True)
class Unique(Form):
    """The columns' cells together occur once; rows with a missing cell among them aside."""

    form: ClassVar[str] = "unique"
    about: ClassVar[str] = "No two rows have the same cells."

    columns: tuple[str, ...]

    @classmethod
    def of(cls, constraint: Constraint) -> Unique:
        needs(constraint, 1)
        known_options(constraint)
        return cls(constraint.columns)

    def options(self) -> dict[str, Any]:
        return {}

    def __str__(self) -> str:
        return f"unique({listed(self.columns)})"

    def holds(self, table: Table, learnt: Lookup | None = None) -> Mask:
        """The first row of several with the same cells holds it."""
        keys = identify(np.column_stack([table.codes(n)[0] for n in self.columns]))
        return np.asarray(
            ~pd.Series(keys).duplicated().to_numpy() | ~self.applies(table)
        )

    def keys(self, table: Table) -> npt.NDArray[np.uint64]:
        """``[rows]``: a hash of the cells, by which rows of other tables can be compared."""
        cells = table.frame[list(self.columns)]
        return pd.util.hash_pandas_object(cells, index=False).to_numpy(dtype=np.uint64)

    @classmethod
    def find(cls, look: Look) -> Iterable[Form]:
        """Of columns none of which is a key by itself, two or three that are one."""
        some, full = look.some, look.full
        counts = {
            c.name: len(some.codes(c.name)[1])
            for c in some.schema.columns
            if KINDS[c.kind].discrete
        }
        own = {n for n, k in counts.items() if k > 0.99 * len(some)}
        ranked = sorted(
            (n for n, k in counts.items() if k >= 2 and n not in own),
            key=lambda n: -counts[n],
        )
        names = [c for c in some.schema.names if c in ranked[:CANDIDATES]]
        keys: list[tuple[str, ...]] = []
        for size in (2, 3):
            for group in combinations(names, size):
                if len(keys) == OFFERS or any(set(key) <= set(group) for key in keys):
                    continue
                if (
                    np.prod([float(counts[n]) for n in group]) < len(some)
                    or not cls(group).holds(some).all()
                ):
                    continue
                chance = cls(group).holds(
                    full.shuffled(
                        look.rng, keep=[n for n in full.schema.names if n not in group]
                    )
                )
                if (~chance).sum() >= CHANCE and cls(group).holds(full).all():
                    keys.append(group)
        return [cls(key) for key in keys]
