"""Conditions on cells => the codes and offsets that meet them.

What a code decodes to is asked of the column's own encoder, so that a new kind of column needs nothing here. Within a
mode values ascend with the offset: the ends of a range are found by bisection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import hint
from synthtab.core.layout import Block, Restriction
from synthtab.data.columns import ColumnEncoder
from synthtab.data.columns.numeric import NumberEncoder
from synthtab.data.columns.quantiles import UNIT
from synthtab.data.constraints.combination import Combination
from synthtab.data.constraints.determines import Determines
from synthtab.data.constraints.one_hot import OneHot
from synthtab.data.constraints.table import Table
from synthtab.data.encoder import TableEncoder
from synthtab.data.relations.links import Linked
from synthtab.sampling.predicate import Test

# The largest offset.
LAST = 1 - 1 / UNIT
# Codes of a column that are asked at most.
MOST_CODES = 4_000_000
# Forms of constraints that make columns from one column alone.
ALONE = (Combination, Determines, OneHot)

Pieces = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]


def restrictions(
    encoder: TableEncoder, tests: Sequence[Test], links: bool = True
) -> list[Restriction]:
    """What the codes and offsets of the conditions' columns may be; nothing of a column that always meets them.

    Cells that are as other cells of their row say (links) may or may not meet a condition: that shows once a row is
    decoded; without ``links``, they do not occur among the restricted cells.

    Raises:
        ConditionError: No cell of the column meets a condition, or not all of them together.
    """
    found, first, made = [], 0, encoder.enforced.made
    by_column: dict[str, list[Test]] = {}
    for test in tests:
        by_column.setdefault(test.column.name, []).append(test)
    for part in encoder.columns:
        name, blocks = part.column.name, tuple(range(first, first + len(part.blocks)))
        mine = [] if name in made else by_column.get(name, [])
        first += len(blocks)
        restored = _restored(encoder, part, by_column)
        if not mine and not restored:
            continue
        codes, low, high = _pieces(part, mine, links) if mine else _everything(part)
        if not len(codes):
            raise mine[-1].error(_known(part, mine))
        for cells, test in restored:
            met = test.holds(cells)[
                np.ravel_multi_index(tuple(codes.T), [b.size for b in part.blocks])
            ]
            codes, low, high = codes[met], low[met], high[met]
            if not len(codes):
                raise test.error(
                    f"no value of {name!r}, which {test.column.name!r} follows from, gives such a one"
                )
        if blocks:
            found.append(Restriction(blocks, codes, low, high))
    return found


def _restored(
    encoder: TableEncoder,
    part: ColumnEncoder | Linked,
    tests: Mapping[str, Sequence[Test]],
) -> list[tuple[pd.Series, Test]]:
    """For tests of columns that a constraint makes from this column alone: what each of its codes makes of them."""
    if (
        isinstance(part, Linked)
        or not part.blocks
        or any(block.modes for block in part.blocks)
    ):
        return []
    name, found = part.column.name, []
    for step in encoder.enforced.steps:
        asked = [test for column in step.writes for test in tests.get(column, ())]
        sources = {c.name for c in step.remains or ()} or set(step.form.columns) - set(
            step.writes
        )
        if (
            asked
            and sources == {name}
            and step.remains is not None
            and isinstance(step.form, ALONE)
        ):
            codes = _all_codes(part.blocks)
            cells = pd.DataFrame(
                {name: _decoded(part, codes, np.full(len(codes), 0.5))}
            )
            made = step.form.restore(Table(cells, encoder.schema), step.learnt, True)
            found += [
                (made[test.column.name], test)
                for test in asked
                if test.column.name in made
            ]
    return found


def _everything(part: ColumnEncoder | Linked) -> Pieces:
    codes = _all_codes(part.blocks)
    return codes, np.zeros(len(codes)), np.ones(len(codes))


def few_values(encoder: TableEncoder, tests: Sequence[Test]) -> list[Test]:
    """The tests that ask for a few numbers of a column: the nearest ones that offsets give may be others."""
    found = []
    for part in encoder.columns:
        mine = [t for t in tests if t.column.name == part.column.name]
        if len(mine) != 1 or not mine[0].numeric or not mine[0].condition.few:
            continue
        if part.column.name not in encoder.enforced.made:
            found += mine
    return found


def present(encoder: TableEncoder) -> list[Restriction]:
    """That no cell is missing."""
    found, first = [], 0
    for part in encoder.columns:
        blocks = tuple(range(first, first + len(part.blocks)))
        first += len(blocks)
        if (
            part.column.missing
            and blocks
            and part.column.name not in encoder.enforced.made
        ):
            codes, low, high = _pieces(part, None)
            if len(codes):
                found.append(Restriction(blocks, codes, low, high))
    return found


def _pieces(
    part: ColumnEncoder | Linked, tests: Sequence[Test] | None, links: bool = True
) -> Pieces:
    """Codes ``[n, blocks]``, least offset and end ``[n]``; without tests, of all cells that are not missing."""
    if isinstance(part, Linked):
        return _linked(part, tests, links)
    codes = _all_codes(part.blocks)
    if (
        tests is not None
        and len(part.blocks) > 1
        and any(block.modes for block in part.blocks)
    ):
        assert isinstance(part, NumberEncoder), (
            f"only numbers have modes, report this: {part.column.kind}"
        )
        return _of_parts(part, codes, tests)
    cells = _decoded(part, codes, np.full(len(codes), 0.5))
    block = part.blocks[0] if len(part.blocks) == 1 else None
    mode = codes[:, 0] >= block.atoms if block else np.zeros(len(codes), dtype=bool)
    met = ~cells.isna().to_numpy(dtype=bool)
    if tests is not None:
        met = np.all([test.holds(cells) for test in tests], axis=0)
    if tests is None or not mode.any():
        kept = codes[met | mode]
        return kept, np.zeros(len(kept)), np.ones(len(kept))
    assert isinstance(part, NumberEncoder), (
        f"only numbers have modes, report this: {part.column.kind}"
    )
    atoms, modes = codes[met & ~mode], codes[mode, 0].tolist()
    parts = [(atoms, np.zeros(len(atoms)), np.ones(len(atoms)))]
    parts += [_of_mode(part, code, tests) for code in modes]
    reached = part.numbers(
        pd.concat(
            [_decoded(part, c, low) for c, low, _ in parts if len(c)] or [cells[:0]]
        ),
        part.column,
    )
    parts += _nearest(part, modes, tests, reached[0])
    codes, low, high = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return codes, low, high


def _all_codes(blocks: Sequence[Block]) -> npt.NDArray[np.int64]:
    """Every combination of the codes of some blocks, ``[n, blocks]``."""
    sizes = [block.size for block in blocks]
    assert np.prod(sizes, dtype=np.float64) <= MOST_CODES, (
        f"too many codes, report this: {sizes}"
    )
    return (
        np.stack(np.unravel_index(np.arange(int(np.prod(sizes))), sizes), axis=1)
        if sizes
        else np.zeros((1, 0), int)
    )


def _decoded(
    part: ColumnEncoder,
    codes: npt.NDArray[np.int64],
    first: npt.NDArray[np.float64],
    others: float | None = None,
) -> pd.Series:
    """Cells of codes ``[n, blocks]``, with an offset ``[n]`` for the first block, and one for the others; None for the
    same.
    """
    spots = (
        np.stack([first.astype(np.float32)] * len(part.blocks), axis=1)
        if part.blocks
        else np.zeros((len(codes), 0))
    )
    if others is not None:
        spots[:, 1:] = others
    continuous = [i for i, block in enumerate(part.blocks) if block.modes]
    return part.decode(
        codes, spots[:, continuous].astype(np.float32), np.random.default_rng(0), 0
    )


def _of_parts(
    part: NumberEncoder, codes: npt.NDArray[np.int64], tests: Sequence[Test]
) -> Pieces:
    """Of a column of several blocks (a date and its time of day), some with modes: what may meet all tests. The range
    of offsets of the first block is where some code of the others does; that they fit together shows once decoded.
    """
    ends = [_decoded(part, codes, np.full(len(codes), at)) for at in (0.0, LAST)]
    missing = ends[0].isna().to_numpy(dtype=bool)
    if any(test.condition.missing for test in tests):
        met = missing & all(test.condition.missing for test in tests)
        return codes[met], np.zeros(int(met.sum())), np.ones(int(met.sum()))
    lows, highs = _intervals(tests)
    codes, (bottom, top) = (
        codes[~missing],
        (part.numbers(cells, part.column)[0] for cells in ends),
    )
    mode = codes[:, 0] >= part.blocks[0].atoms
    reach = ((bottom[:, None] <= highs) & (top[:, None] >= lows)).any(axis=1) & ~mode
    found = [(codes[reach], np.zeros(int(reach.sum())), np.ones(int(reach.sum())))]
    for code in np.unique(codes[mode, 0]):
        mine = np.flatnonzero(codes[:, 0] == code)
        earliest, latest = (
            codes[mine[bottom[mine].argmin()]],
            codes[mine[top[mine].argmax()]],
        )
        starts = _first_at_least(part, latest, lows, others=LAST) / UNIT
        stops = _first_at_least(part, earliest, highs, above=True, others=0.0) / UNIT
        for low, high in zip(starts, stops, strict=True):
            if low < high:
                found.append(
                    (codes[mine], np.full(len(mine), low), np.full(len(mine), high))
                )
    chosen, low_ends, high_ends = (
        np.concatenate(arrays) for arrays in zip(*found, strict=True)
    )
    return chosen, low_ends, high_ends


def _intervals(tests: Sequence[Test]) -> tuple[Any, Any]:
    """Lows and highs of the numbers that meet all tests."""
    lows, highs = tests[0].intervals
    for test in tests[1:]:
        own = list(zip(*test.intervals, strict=True))
        cut = [
            (max(a, c), min(b, d))
            for a, b in zip(lows, highs, strict=True)
            for c, d in own
        ]
        lows, highs = (
            np.array([pair[i] for pair in cut if pair[0] <= pair[1]], dtype=lows.dtype)
            for i in (0, 1)
        )
    return lows, highs


def _of_mode(part: NumberEncoder, code: int, tests: Sequence[Test]) -> Pieces:
    """The pieces of a mode that meet all tests: those of the first, cut by the others."""
    lows, highs = _intervals(tests)
    if any(test.condition.missing for test in tests):
        lows, highs = lows[:0], highs[:0]
    low = _first_at_least(part, np.array([code]), lows)
    high = _first_at_least(part, np.array([code]), highs, above=True)
    some = low < high
    return np.full((int(some.sum()), 1), code), low[some] / UNIT, high[some] / UNIT


def _first_at_least(
    part: NumberEncoder,
    codes: npt.NDArray[np.int64],
    bounds: Any,
    above: bool = False,
    others: float | None = None,
) -> npt.NDArray[np.int64]:
    """The first position in a mode, given the codes ``[blocks]``, whose value is at least, or above, each bound."""
    low, high = (
        np.zeros(len(bounds), dtype=np.int64),
        np.full(len(bounds), UNIT, dtype=np.int64),
    )
    while (low < high).any():
        middle = (low + high) // 2
        values = _values(part, codes, np.minimum(middle, UNIT - 1), others)
        reached = (values > bounds) if above else (values >= bounds)
        high, low = (
            np.where(reached, middle, high),
            np.where(reached | (low >= high), low, middle + 1),
        )
    return low


def _values(
    part: NumberEncoder,
    codes: npt.NDArray[np.int64],
    positions: npt.NDArray[np.int64],
    others: float | None = None,
) -> Any:
    cells = _decoded(
        part, np.repeat(codes[None], len(positions), axis=0), positions / UNIT, others
    )
    return part.numbers(cells, part.column)[0]


def _nearest(
    part: NumberEncoder, modes: Sequence[int], tests: Sequence[Test], reached: Any
) -> list[Pieces]:
    """For values of a column without steps, which no offset gives exactly: the offsets nearest to them."""
    if len(tests) > 1 or not tests[0].condition.few:
        return []
    points, found = np.setdiff1d(tests[0].intervals[0], reached), []
    points = points[part.codec.rounded(points) == points]
    for code in modes:
        ends = _values(part, np.array([code]), np.array([0, UNIT - 1]))
        mine = points[(ends[0] <= points) & (points <= ends[1])]
        at = np.minimum(_first_at_least(part, np.array([code]), mine), UNIT - 1)
        found.append((np.full((len(at), 1), code), at / UNIT, (at + 1) / UNIT))
        points = np.setdiff1d(points, mine)
    return found


def _linked(part: Linked, tests: Sequence[Test] | None, links: bool) -> Pieces:
    """Of the numbers that follow from no other cell, and each link: what it gives is not known here, so that a link is
    left out where a few values are wanted, which it would hardly ever give.
    """
    codes, low, high = _pieces(part.inner, tests)
    if (
        tests
        and not len(codes)
        and len(tests) == 1
        and tests[0].condition.few
        and _in_bounds(part, tests[0])
    ):
        codes, low, high = _pieces(
            part.inner, None
        )  # a value that only links give: any cell, then made that value
    if not codes.shape[1]:  # one value at most beside the links
        codes = np.zeros((len(codes), 1), dtype=np.int64)
    codes = np.where(codes >= part.first_link, codes + len(part.links), codes)
    if not part.blocks:
        return np.zeros((1, 0), dtype=np.int64), np.zeros(1), np.ones(1)
    few = tests is not None and any(
        t.condition.missing or t.condition.few for t in tests
    )
    if len(codes) and (few or not links):
        return codes, low, high
    some = np.arange(part.first_link, part.first_link + len(part.links))[:, None]
    return (
        np.concatenate([codes, some]),
        np.concatenate([low, np.zeros(len(some))]),
        np.concatenate([high, np.ones(len(some))]),
    )


def _in_bounds(part: Linked, test: Test) -> bool:
    """Whether some of the few values lie between the column's bounds."""
    least, most = part.inner.bounds(part.column)
    values = test.intervals[0]
    return bool(
        (
            (values >= (-np.inf if least is None else least))
            & (values <= (np.inf if most is None else most))
        ).any()
    )


def _known(part: ColumnEncoder | Linked, tests: Sequence[Test]) -> str:
    """Why no cell meets the tests: what the column does hold."""
    if len(tests) > 1 and all(len(_pieces(part, [test])[0]) for test in tests):
        return f"no value meets it and {str(tests[0].condition)!r} at once"
    name, condition = repr(part.column.name), tests[-1].condition
    if condition.missing:
        return f"no cell of {name} was missing in the table that was learnt"
    inner = part.inner if isinstance(part, Linked) else part
    codes = _all_codes(inner.blocks)
    if tests[-1].numeric:
        ends = [
            _decoded(inner, codes, np.full(len(codes), at)).dropna()
            for at in (0.0, 1.0)
        ]
        cells = pd.concat(ends, ignore_index=True)
        assert tests[-1].numeric
        values = tests[-1].numeric.numbers(cells, part.column)[0]
        if not len(values):
            return f"all cells of {name} that the model knows are missing"
        texts = tests[-1].numeric.text(
            cells.iloc[[int(values.argmin()), int(values.argmax())]], part.column
        )
        return f"the model knows no such value of {name}: they lie between {texts[0]} and {texts[1]}"
    words = [
        str(t)
        for t in type(inner).text(
            _decoded(inner, codes, np.full(len(codes), 0.5)).dropna(), part.column
        )
    ]
    wanted = condition.values[0] if condition.values else ""
    near = hint(wanted, words, "it knows")
    withheld = inner.withheld
    stored = (
        f" ({withheld} not stored: fit with --rare-below 0, or rare=0, to ask for those)"
        if withheld
        else ""
    )
    return f"the model knows no such value of {name}{near}{stored}"
