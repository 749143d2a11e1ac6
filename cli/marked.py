"""A table that `synthtab augment --mark` wrote: its synthetic rows are what is judged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .options import label
from .render import note

if TYPE_CHECKING:
    import pandas as pd

# What `augment` writes into the column of --mark.
MARKS = ("real", "synthetic")


def without_real(
    rows: pd.DataFrame, real_columns: Iterable[object], table: str, quiet: bool
) -> pd.DataFrame:
    """The rows that are marked as synthetic, without the mark; else all rows.

    A mark is the only column that the real table lacks, and says real or synthetic of
    each row. The real rows are left out: they would be taken for copies of the real
    table's.

    Args:
        rows: Rows to judge.
        real_columns: Names of the columns of the real table.
        table: Where the rows come from, for the line that says what was left out.
        quiet: Whether that line is left out.
    """
    known = {str(name) for name in real_columns}
    besides = [name for name in rows.columns if str(name) not in known]
    if len(besides) != 1:
        return rows
    marks = rows[besides[0]].astype(str)
    is_synthetic = (marks == MARKS[1]).to_numpy()
    if not is_synthetic.any() or not marks.isin(MARKS).all():
        return rows
    if not quiet:
        note(
            f"{label(table)}: column {str(besides[0])!r} marks "
            f"{int(is_synthetic.sum()):,} rows as synthetic: these are judged, "
            f"{int((~is_synthetic).sum()):,} real rows are left out"
        )
    return rows[is_synthetic].drop(columns=besides).reset_index(drop=True)
