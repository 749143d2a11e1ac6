"""Rows that were asked for and that no row of the table is like.

Rules of the layout (`synthtab.core.layout.Rule`) say which codes go together. A user may
ask for what does not: `--where "island = Dream and species = Gentoo"`. Such rows are made,
since she asked for them, but not in silence.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from synthtab.core.layout import Encoded, Layout
from synthtab.sampling.rules import Member

# A rule is told if this share more of the rows break it than are free of it.
SHARE_OF_NOTE = 0.002

Mask = npt.NDArray[np.bool_]


class Broken:
    """How many rows break each rule of a layout.

    Args:
        layout: Of the rows.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._rows = 0
        self._counts = np.zeros(len(layout.rules), dtype=np.int64)
        # For each rule, which combinations go together, and how its codes are read.
        self._allowed = [rule.allowed(layout) for rule in layout.rules]
        self._members: list[list[Member]] = []
        device = torch.device("cpu")
        for rule in layout.rules:
            places = range(len(rule.blocks))
            members = [Member.of_rule(rule, i, layout, device) for i in places]
            self._members.append(members)

    def count(self, rows: Encoded, wanted: Mask | None = None) -> None:
        """Count some rows; only those of ``wanted`` ``[rows]``."""
        if wanted is not None:
            rows = rows.take(np.flatnonzero(wanted))
        self._rows += len(rows.codes)
        codes = torch.as_tensor(rows.codes.astype(np.int64))
        offsets = torch.as_tensor(rows.offsets)
        for number, members in enumerate(self._members):
            combination = tuple(one.of(codes, offsets).numpy() for one in members)
            goes_together = self._allowed[number][combination]
            self._counts[number] += (~goes_together).sum()

    def told(self) -> Iterator[str]:
        """A line for each group of columns that the rows contradict."""
        most: dict[tuple[str, ...], int] = {}
        for rule, count in zip(self._layout.rules, self._counts.tolist(), strict=True):
            by_chance = rule.free * self._rows
            if count <= by_chance + SHARE_OF_NOTE * self._rows:
                continue
            columns = [self._layout.blocks[block].column for block in rule.blocks]
            names = tuple(dict.fromkeys(columns))
            most[names] = max(count, most.get(names, 0))
        for names, count in most.items():
            listed = f"{', '.join(names[:-1])} and {names[-1]}"
            share = count / self._rows
            yield (
                f"as asked, {share:.1%} of the rows have a combination of {listed} that "
                "no row of the table has"
            )
