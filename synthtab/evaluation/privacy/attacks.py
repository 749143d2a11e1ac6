"""Linkability and attribute inference: what do rows add to what an attacker knows?

Both are attacks on single people (arXiv 2211.10459, sections 4.2 and 4.3): on rows of
the training table and, as the control, on as many rows of the holdout. The distance is
that of `evaluation.neighbours`; of equally near synthetic rows one is taken by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.metric import (
    MIN_ROWS,
    Metric,
    Outcome,
    Reference,
    Skip,
    simultaneous,
)
from synthtab.evaluation.neighbours import (
    BLOCK_CELLS,
    UNLIKE,
    Indices,
    code_pairs,
    neighbours,
    points,
)
from synthtab.evaluation.privacy.risk import Rate, Risk, pooled
from synthtab.evaluation.views import Tables, View

# Rows of either table that are attacked.
TARGETS = 1_000
MIN_TARGETS = 200
# Most synthetic rows that an attacker searches.
SEARCHED_ROWS = 50_000
# Comparisons of two cells that inference may cost: wide tables give fewer targets.
COMPARISONS = 1_200_000_000
# Ways in which the columns are cut into halves.
SPLITS = 4
# Nearest synthetic rows of either half that are looked at.
LINKED = 5
# By how much a guessed number may be wrong, in ranges of the middle 90 % of its column.
TOLERANCE = 0.05
# Secrets in the detail.
WORST = 5
# In single precision its square still is a number.
FARTHEST = 1e15
IDEAL = Reference(0.0, "ideal: as on holdout rows")

# Which attacks succeeded.
Hits = npt.NDArray[np.bool_]
Singles = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Scene:
    """Who is attacked, with what.

    Attributes:
        train: Rows of the training table, in random order.
        control: As many rows of the holdout, in random order.
        synthetic: The synthetic rows that the attacker searches, in random order.
        rng: The random numbers of this attack.
    """

    train: View
    control: View
    synthetic: View
    rng: np.random.Generator


def linkability(tables: Tables, streams: Streams) -> Outcome:
    """Risk that two halves of a person's row are put together through synthetic rows.

    From 0, which is ideal, to 1; see `risk.Risk`. The columns are cut into two halves
    by chance, four times, each time for a quarter of the targets. An attacker who has
    both halves of many rows, without knowing which belong together, looks for the five
    nearest synthetic rows of either half. If one of them is the same, the halves are
    linked. The naive attacker takes five synthetic rows by chance.
    """
    if len(tables.names) < 2:
        raise Skip("a single column")
    scene = _scene(tables, streams, "linkability", TARGETS)
    synthetic = scene.synthetic

    def rate(targets: View) -> Rate:
        hits = []
        for split in range(SPLITS):
            # Every fourth row, as they are in random order.
            quarter = targets.take(slice(split, None, SPLITS))
            hits.append(linked(tables, quarter, synthetic, streams, split))
        return Rate(float(np.concatenate(hits).sum()), len(targets))

    train = rate(scene.train)
    control = rate(scene.control)
    count = len(scene.train)
    guesses = scene.rng.integers(len(synthetic), size=(2, count, LINKED))
    naive = Rate(float(_meet(guesses[0], guesses[1]).sum()), count)
    risk = Risk(train, control, naive)
    return Outcome(
        risk.value,
        IDEAL,
        risk.interval(),
        count,
        {**risk.plain(), "synthetic rows searched": len(synthetic)},
    )


def attribute_inference(tables: Tables, streams: Streams) -> Outcome:
    """Risk that a cell of a person's row is inferred from the others, over all columns.

    From 0, which is ideal, to 1; see `risk.Risk`. The attacker knows all cells but the
    secret, and takes the secret of the synthetic row that is nearest in them. A
    category or a missing cell must be met exactly, a number to within 5 % of the range
    between the 5 % and the 95 % quantile of its column (not 5 % of the value, as in the
    paper: that says nothing of dates or of numbers about 0). The naive attacker takes
    the secret of a synthetic row by chance.

    Rates are over all secrets; their intervals allow for attacks on one target hanging
    together. ``worst`` in the detail has the secrets whose risk is surest (by its
    interval's lower end, for all secrets at once).
    """
    width = len(tables.names)
    if width < 2:
        raise Skip("a single column")
    searched = min(len(tables.synthetic), SEARCHED_ROWS)
    # On training rows and on control rows.
    affordable = max(MIN_TARGETS, COMPARISONS // (2 * searched * width))
    scene = _scene(
        tables, streams, "attribute inference", min(TARGETS, int(affordable))
    )
    targets, synthetic = scene.train, scene.synthetic
    tolerance = tolerances(tables.real)
    train_hits = inferred(tables, targets, synthetic, tolerance)
    control_hits = inferred(tables, scene.control, synthetic, tolerance)
    guesses = scene.rng.integers(len(synthetic), size=(len(targets), width))
    naive_hits = _right(targets, synthetic, guesses, tolerance)

    secrets: dict[str, Risk] = {}
    for j, name in enumerate(tables.names):
        train, control, naive = (
            Rate(float(hits[:, j].sum()), len(hits))
            for hits in (train_hits, control_hits, naive_hits)
        )
        secrets[name] = Risk(train, control, naive)
    z = simultaneous(width)

    def surest(name: str) -> tuple[float, float, str]:
        """Sort key: largest lower end first, then largest risk, then by name."""
        secret = secrets[name]
        return -secret.interval(z)[0], -secret.unclipped, name

    worst = sorted(secrets, key=surest)[:WORST]
    risk = Risk(pooled(train_hits), pooled(control_hits), pooled(naive_hits))
    return Outcome(
        risk.value,
        IDEAL,
        risk.interval(),
        len(targets),
        {
            **risk.plain(),
            "worst": {name: secrets[name].plain(z) for name in worst},
            "synthetic rows searched": searched,
        },
    )


def _scene(tables: Tables, streams: Streams, attack: str, count: int) -> _Scene:
    """At most so many targets of both tables, and what is searched."""
    assert tables.holdout is not None
    count = min(len(tables.real), len(tables.holdout), count)
    if min(count, len(tables.synthetic)) < MIN_ROWS:
        raise Skip("too few rows for an attack")
    rng = streams.numpy(attack)
    train = tables.real.take(rng.permutation(len(tables.real))[:count])
    control = tables.holdout.take(rng.permutation(len(tables.holdout))[:count])
    order = rng.permutation(len(tables.synthetic))
    synthetic = tables.synthetic.take(order[:SEARCHED_ROWS])
    return _Scene(train, control, synthetic, rng)


def linked(
    tables: Tables, targets: View, synthetic: View, streams: Streams, split: int
) -> Hits:
    """Of which targets both halves share a near synthetic row ``[targets]``.

    Args:
        tables: Whose columns are halved.
        targets: Rows that are attacked.
        synthetic: Rows that are searched.
        streams: Where random numbers come from.
        split: Number of the way in which columns are halved.
    """
    rng = streams.numpy("column halves", split)
    order = rng.permutation(len(tables.names))
    middle = len(order) // 2
    near_halves = []
    for half in (order[:middle], order[middle:]):
        # Of equally near rows the first are taken. In one order these would be the same
        # for both halves, and link what only chance links.
        shuffled = rng.permutation(len(synthetic))
        columns = sorted(half.tolist())
        _, near = neighbours(tables, targets, synthetic.take(shuffled), LINKED, columns)
        near_halves.append(shuffled[near])
    return _meet(*near_halves)


def _meet(a: Indices, b: Indices) -> Hits:
    """In which rows the two have an entry in common ``[rows]``."""
    meet: Hits = (a[:, :, None] == b[:, None, :]).any(axis=(1, 2))
    return meet


def inferred(tables: Tables, targets: View, synthetic: View, tolerance: Floats) -> Hits:
    """Which cells are those of the synthetic row that is nearest in all other columns.

    Distances without a column are sums of those before it and those after it: a
    difference from the sum over all would carry a trace of the secret in its rounding,
    and decide between equally near rows by it.

    Returns:
        ``[targets, columns]``.
    """
    width = len(tables.names)
    a, b = points(tables, targets), points(tables, synthetic)

    def columns_of(numbers: Floats) -> Singles:
        """``[columns, rows]``, each column in one piece of memory."""
        clipped = np.clip(numbers, -FARTHEST, FARTHEST)
        return clipped.astype(np.float32).T.copy()

    numbers_a, numbers_b = columns_of(a.numbers), columns_of(b.numbers)
    codes = [code_pairs(a.codes[:, [j]], b.codes[:, [j]]) for j in range(width)]

    def part_of(j: int, rows: slice) -> Singles:
        """Squared distances in one column ``[rows, synthetic rows]``."""
        count = len(targets.numbers[rows])
        squared = np.zeros((count, len(synthetic)), dtype=np.float32)
        # The numbers come first; their codes say whether they are missing.
        if j < len(numbers_a):
            np.subtract(numbers_a[j, rows, None], numbers_b[j], out=squared)
            np.multiply(squared, squared, out=squared)
        for code_a, code_b in codes[j]:
            squared += np.float32(UNLIKE) * (code_a[rows, None] != code_b)
        return squared

    # Some targets at a time, so that the distances stay in the cache.
    nearest = np.empty((len(targets), width), dtype=np.int64)
    step = max(1, BLOCK_CELLS // len(synthetic))
    for start in range(0, len(targets), step):
        rows = slice(start, start + step)
        parts = [part_of(j, rows) for j in range(width)]
        # after[k] is the sum of the last k columns.
        after = [np.zeros_like(parts[0])]
        for j in range(width - 1, 0, -1):
            after.append(after[-1] + parts[j])
        before = np.zeros_like(parts[0])
        for j in range(width):
            without_j = before + after[width - 1 - j]
            nearest[rows, j] = without_j.argmin(axis=1)
            before += parts[j]
    return _right(targets, synthetic, nearest, tolerance)


def _right(targets: View, synthetic: View, rows: Indices, tolerance: Floats) -> Hits:
    """Whether guessed cells are those of the targets ``[targets, columns]``.

    Args:
        targets: Whose cells are guessed.
        synthetic: Whose cells are the guesses.
        rows: For every target and column, from which synthetic row.
        tolerance: By how much a number may be wrong ``[numeric columns]``.
    """
    width = targets.numbers.shape[1]
    numbers = np.take_along_axis(synthetic.numbers, rows[:, :width], axis=0)
    codes = np.take_along_axis(synthetic.codes, rows[:, width:], axis=0)
    close = np.abs(targets.numbers - numbers) <= tolerance
    both_missing = np.isnan(targets.numbers) & np.isnan(numbers)
    return np.concatenate([close | both_missing, targets.codes == codes], axis=1)


def tolerances(real: View) -> Floats:
    """By how much a guessed number may be wrong, for each column of numbers."""
    tolerances = []
    for column in real.numbers.T:
        high, low = np.quantile(known(column), [0.95, 0.05])
        tolerances.append(TOLERANCE * float(high - low))
    return np.array(tolerances)


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
