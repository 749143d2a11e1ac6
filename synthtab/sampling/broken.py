"""Rows that were asked for and that no row of the table is like.

Rules of the layout (`synthtab.core.layout.Rule`) say which codes go together. A user may
ask for what does not: `--where "island = Dream and species = Gentoo"`. Such rows are made,
since she asked for them, but not in silence.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from synthtab.core.layout import Encoded, Layout, Rule

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
        self._allowed = [rule.allowed(layout) for rule in layout.rules]
        self._column = {b: i for i, b in enumerate(layout.continuous.tolist())}
        self._rows = 0
        self._counts = np.zeros(len(layout.rules), dtype=np.int64)

    def count(self, rows: Encoded, wanted: Mask | None = None) -> None:
        """Count some rows; only those of ``wanted`` ``[rows]``."""
        if wanted is not None:
            rows = rows.take(np.flatnonzero(wanted))
        self._rows += len(rows.codes)
        for number, rule in enumerate(self._layout.rules):
            codes = tuple(
                self._codes(rule, place, rows) for place in range(len(rule.blocks))
            )
            self._counts[number] += (~self._allowed[number][codes]).sum()

    def _codes(self, rule: Rule, place: int, rows: Encoded) -> npt.NDArray[np.int64]:
        """``[rows]``: the codes of a rule, pieces of modes among them."""
        block = rule.blocks[place]
        codes = rows.codes[:, block].astype(np.int64)
        cuts = rule.cuts_of(place)
        if not cuts:
            return codes
        ends = np.sort(np.append(np.arange(1, self._layout.blocks[block].size), cuts))
        offsets = rows.offsets[:, self._column[block]].astype(np.float64)
        within = np.minimum(offsets, np.nextafter(np.float32(1), np.float32(0)))
        return np.searchsorted(ends, codes + within, side="right")

    def told(self) -> Iterator[str]:
        """A line for each group of columns that the rows contradict."""
        most: dict[tuple[str, ...], int] = {}
        for rule, count in zip(self._layout.rules, self._counts.tolist(), strict=True):
            if count > (rule.free + SHARE_OF_NOTE) * self._rows:
                columns = (self._layout.blocks[block].column for block in rule.blocks)
                names = tuple(dict.fromkeys(columns))
                most[names] = max(count, most.get(names, 0))
        for names, count in most.items():
            listed = f"{', '.join(names[:-1])} and {names[-1]}"
            yield (
                f"as asked, {count / self._rows:.1%} of the rows have a combination of "
                f"{listed} that no row of the table has"
            )
