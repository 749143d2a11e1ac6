"""Linkability and attribute inference: what do the synthetic rows add to what an attacker knows?

Both are attacks on single people (arXiv 2211.10459, sections 4.2 and 4.3): on rows of the training
table and, as the control, on as many rows of the holdout. The distance is that of
`synthtab.evaluation.neighbours`; of equally near synthetic rows one is taken by chance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip, simultaneous
from synthtab.evaluation.neighbours import (
    CELLS,
    OTHER,
    Indices,
    code_pairs,
    neighbours,
    scale,
)
from synthtab.evaluation.privacy.risk import Rate, Risk, pooled
from synthtab.evaluation.views import Tables, View

TARGETS = 1_000
MIN_TARGETS = 200
SEARCHED = 50_000
WORK = 1_200_000_000
MIN_ROWS = 20
SPLITS = 4
LINKED = 5
TOLERANCE = 0.05
WORST = 5
FARTHEST = 1e15  # in single precision its square still is a number
IDEAL = Reference(0.0, "ideal: as on holdout rows")

Hits = npt.NDArray[np.bool_]


def linkability(tables: Tables, streams: Streams) -> Outcome:
    """Risk that two halves of a person's row are put together through the synthetic rows.

    The columns are cut into two halves by chance, four times, each time for a quarter of the targets. An
    attacker who has both halves of many rows, without knowing which belong together, looks for the five
    nearest synthetic rows of either half. If one of them is the same, the halves are linked. The naive
    attacker takes five synthetic rows by chance.
    """
    width = len(tables.names)
    if width < 2:
        raise Skip("a single column")
    targets, synthetic, rng = _cast(tables, streams, "linkability", TARGETS)
    successes = []
    for view in targets:
        hits = [
            _linked(
                tables, view.take(slice(split, None, SPLITS)), synthetic, streams, split
            )
            for split in range(SPLITS)
        ]
        successes.append(Rate(float(np.concatenate(hits).sum()), len(view)))
    size, count = len(synthetic), len(targets[0])
    drawn = rng.integers(size, size=(2, count, LINKED))
    risk = Risk(
        successes[0], successes[1], Rate(float(_meet(drawn[0], drawn[1]).sum()), count)
    )
    return Outcome(
        risk.value,
        IDEAL,
        risk.interval(),
        count,
        risk.plain() | {"synthetic rows searched": size},
    )


def attribute_inference(tables: Tables, streams: Streams) -> Outcome:
    """Risk that a cell of a person's row is inferred from the others, over every column as the secret.

    The attacker knows all cells but the secret, and takes the secret of the synthetic row that is nearest
    in them. A category or a missing cell must be met exactly, a number to within 5 % of the range between
    the 5 % and the 95 % quantile of its column (not 5 % of the value, as in the paper: that says nothing of
    dates or of numbers about 0). The naive attacker takes the secret of a synthetic row by chance. Rates are
    over all secrets; their intervals allow for attacks on one target hanging together. ``worst`` has the
    secrets whose risk is surest (by its interval's lower end, for all secrets at once).
    """
    width = len(tables.names)
    if width < 2:
        raise Skip("a single column")
    searched = min(len(tables.synthetic), SEARCHED)
    affordable = max(MIN_TARGETS, WORK // (2 * searched * width))
    targets, synthetic, rng = _cast(
        tables, streams, "attribute inference", min(TARGETS, affordable)
    )
    tolerance = _tolerance(tables.real)
    hits = [_inferred(tables, view, synthetic, tolerance) for view in targets]
    guessed = rng.integers(len(synthetic), size=(len(targets[0]), width))
    hits.append(_right(targets[0], synthetic, guessed, tolerance))
    rates = [
        [Rate(float(column.sum()), len(found)) for column in found.T] for found in hits
    ]
    secrets = {
        name: Risk(*column)
        for name, column in zip(tables.names, zip(*rates, strict=True), strict=True)
    }
    risk, z = (
        Risk(pooled(hits[0]), pooled(hits[1]), pooled(hits[2])),
        simultaneous(width),
    )
    order = sorted(
        secrets,
        key=lambda name: (
            -secrets[name].interval(z)[0],
            -secrets[name].unclipped,
            name,
        ),
    )
    return Outcome(
        risk.value,
        IDEAL,
        risk.interval(),
        len(targets[0]),
        risk.plain()
        | {
            "worst": {name: secrets[name].plain(z) for name in order[:WORST]},
            "synthetic rows searched": searched,
        },
    )


def _cast(
    tables: Tables, streams: Streams, attack: str, count: int
) -> tuple[tuple[View, View], View, np.random.Generator]:
    """Targets of both tables, in random order, the synthetic rows, in random order, and a source of chance."""
    assert tables.holdout is not None
    count = min(len(tables.real), len(tables.holdout), count)
    if min(count, len(tables.synthetic)) < MIN_ROWS:
        raise Skip("too few rows for an attack")
    rng = streams.numpy(attack)
    train, control = (
        view.take(rng.permutation(len(view))[:count])
        for view in (tables.real, tables.holdout)
    )
    return (
        (train, control),
        tables.synthetic.take(rng.permutation(len(tables.synthetic))[:SEARCHED]),
        rng,
    )


def _linked(
    tables: Tables, targets: View, synthetic: View, streams: Streams, split: int
) -> Hits:
    """Of which targets both halves have a near synthetic row in common."""
    rng = streams.numpy("column halves", split)
    order = rng.permutation(len(tables.names))
    found = []
    for half in (order[: len(order) // 2], order[len(order) // 2 :]):
        shuffled = rng.permutation(
            len(synthetic)
        )  # else equally near rows would be the same for both halves
        near = neighbours(
            scale(tables),
            targets,
            synthetic.take(shuffled),
            LINKED,
            sorted(half.tolist()),
        )[1]
        found.append(shuffled[near])
    return _meet(*found)


def _meet(a: Indices, b: Indices) -> Hits:
    """In which rows the two have an entry in common."""
    meet: Hits = (a[:, :, None] == b[:, None, :]).any(axis=(1, 2))
    return meet


def _inferred(
    tables: Tables, targets: View, synthetic: View, tolerance: Floats
) -> Hits:
    """Which cells of the targets equal those of the synthetic row that is nearest in all other columns.

    Distances without a column are sums of those before it and those after it: a difference from the sum
    over all would carry a trace of the secret in its rounding, and decide between equally near rows by it.
    """
    units, width = scale(tables), len(tables.names)
    a, b = (
        np.clip(units.numbers(view), -FARTHEST, FARTHEST).astype(np.float32).T.copy()
        for view in (targets, synthetic)
    )
    codes = [
        code_pairs(units.codes(targets), units.codes(synthetic), [j])
        for j in range(width)
    ]

    def part(j: int, rows: slice) -> npt.NDArray[np.float32]:
        """Squared distances in one column."""
        squared = np.zeros(
            (len(targets.numbers[rows]), len(synthetic)), dtype=np.float32
        )
        if j < len(a):
            np.subtract(a[j, rows, None], b[j], out=squared)
            np.multiply(squared, squared, out=squared)
        for code_a, code_b in codes[j]:
            squared += np.float32(OTHER) * (code_a[rows, None] != code_b)
        return squared

    nearest = np.empty((len(targets), width), dtype=np.int64)
    for start in range(0, len(targets), step := max(1, CELLS // len(synthetic))):
        rows = slice(start, start + step)
        parts = [part(j, rows) for j in range(width)]
        after = [np.zeros_like(parts[0])]
        for j in range(width - 1, 0, -1):
            after.append(after[-1] + parts[j])
        before = np.zeros_like(parts[0])
        for j in range(width):
            nearest[rows, j] = (before + after[width - 1 - j]).argmin(axis=1)
            before += parts[j]
    return _right(targets, synthetic, nearest, tolerance)


def _right(targets: View, synthetic: View, rows: Indices, tolerance: Floats) -> Hits:
    """Whether the cells of the synthetic rows, one per target and column, are those of the targets."""
    width = targets.numbers.shape[1]
    true, guessed = (
        targets.numbers,
        np.take_along_axis(synthetic.numbers, rows[:, :width], axis=0),
    )
    close = np.abs(true - guessed) <= tolerance
    close |= np.isnan(true) & np.isnan(guessed)
    return np.concatenate(
        [
            close,
            targets.codes
            == np.take_along_axis(synthetic.codes, rows[:, width:], axis=0),
        ],
        axis=1,
    )


def _tolerance(real: View) -> Floats:
    """By how much a guessed number may be wrong."""
    return np.array(
        [
            TOLERANCE
            * float(np.subtract(*np.quantile(column[~np.isnan(column)], [0.95, 0.05])))
            for column in real.numbers.T
        ]
    )


LINKABILITY = Metric(
    "linkability",
    "Linkability",
    "risk that halves of a training row are put together; 0 = as on holdout",
    "privacy",
    "lower",
    linkability,
    needs=("holdout",),
    cost="medium",
    unknown="link parts of a record",
)
INFERENCE = Metric(
    "attribute_inference",
    "Attribute inference",
    "risk that a cell is inferred from the others; 0 = as on holdout",
    "privacy",
    "lower",
    attribute_inference,
    needs=("holdout",),
    cost="high",
    unknown="give away hidden cells",
)
