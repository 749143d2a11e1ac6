"""Are the columns related as they should be, whatever the form of the relation?

Relations are measured on coarse two-way tables (`levels`), by mutual information and by
what such a table has beyond that of independent columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.floors import sample_interval
from synthtab.evaluation.levels import coarse, some_combinations
from synthtab.evaluation.metric import (
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.views import Tables

BINS = 10
# Draws of a perfect sampler for each pair.
FLOOR_DRAWS = 5
# Most pairs that are looked at: 5,000, or fewer in tables of many rows, but at least
# 100. The budget is in cells of both tables, which are read once per pair.
MAX_PAIRS = 5_000
MIN_PAIRS = 100
CELL_BUDGET = 1_000_000_000
# Pairs in the detail.
WORST = 20


@dataclass(frozen=True)
class Pair:
    """Two columns and how they depend on each other.

    Attributes:
        columns: Their names.
        real: Normalised mutual information in the real table, from 0 to 1.
        synthetic: The same in the synthetic one.
        floor: What |real - synthetic| is for a perfect sampler.
        broken: Total variation between what the tables have beyond independence,
            p(x, y) - p(x) p(y), in percent.
        broken_floor: The same for a perfect sampler.
    """

    columns: tuple[str, str]
    real: float
    synthetic: float
    floor: float
    broken: float
    broken_floor: float

    @property
    def name(self) -> str:
        """Both columns."""
        return " + ".join(self.columns)

    @property
    def error(self) -> float:
        """Difference of the mutual information, in percent."""
        return 100 * abs(self.real - self.synthetic)


def associations(tables: Tables, streams: Streams) -> tuple[Pair, ...]:
    """Every pair of columns that vary in the real table, or a random part of many.

    Numbers are in 10 quantile bins of the real table and columns keep their 10
    commonest categories (see `levels`). A perfect sampler is here two samples, of both
    tables' sizes, from the real two-way table: a sample has a little more mutual
    information than its source, and so do both tables. What the real one owes to that
    is taken off first (Miller 1955).
    """
    return tables.once(
        f"associations {streams.seed}", lambda: tuple(_associations(tables, streams))
    )


def worst_pairs(tables: Tables, streams: Streams, limit: int) -> dict[str, float]:
    """The pairs whose dependence is broken, worst first: name => `Pair.broken`.

    Worst is farthest above a perfect sampler's figure; twice that figure is the least.
    """
    broken = []
    for pair in associations(tables, streams):
        if pair.broken > 2 * pair.broken_floor:
            broken.append(pair)
    # The farthest above its floor first, equals by name.
    broken.sort(key=lambda pair: (pair.broken_floor - pair.broken, pair.columns))
    return {pair.name: pair.broken for pair in broken[:limit]}


def mutual_information_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over pairs of columns of |NMI - NMI'|, real and synthetic, times 100.

    NMI(X, Y) = 2 I(X; Y) / (H(X) + H(Y)) of the columns in levels, missing cells being
    one of these; 0 where both are constant. From 0, which is best, to 100. Of more than
    5,000 pairs (or of fewer in vast tables) a random part is looked at, and the
    interval is the error of that.
    """
    pairs = associations(tables, streams)
    if not pairs:
        raise Skip("no pair of columns varies")
    worst = sorted(pairs, key=lambda pair: (-pair.error, pair.columns))[:WORST]
    errors = [pair.error for pair in pairs]
    floors = [pair.floor for pair in pairs]
    columns = len(tables.names)
    total = columns * (columns - 1) // 2
    interval = None
    if total > _pair_limit(tables):
        interval = sample_interval(errors, total)
    if interval is not None:
        # The error is a percentage, whatever the normal distribution says.
        interval = (max(interval[0], 0.0), min(interval[1], 100.0))
    return Outcome(
        float(np.mean(errors)),
        Reference(100 * float(np.mean(floors)), PERFECT_SAMPLER),
        interval,
        n=len(tables.synthetic),
        detail={
            "pairs": {pair.name: pair.error for pair in worst},
            "real": {pair.name: pair.real for pair in worst},
            "synthetic": {pair.name: pair.synthetic for pair in worst},
            "number of pairs": len(pairs),
        },
    )


def _pair_limit(tables: Tables) -> int:
    """How many pairs are looked at, at most."""
    affordable = CELL_BUDGET // (len(tables.real) + len(tables.synthetic))
    return int(np.clip(affordable, MIN_PAIRS, MAX_PAIRS))


def _associations(tables: Tables, streams: Streams) -> list[Pair]:
    levels = coarse(tables, BINS)
    rng = streams.numpy("pairs floor")
    rows, size = len(tables.real), len(tables.synthetic)
    chosen = some_combinations(
        len(tables.names), 2, _pair_limit(tables), streams.numpy("pairs")
    )
    pairs = []
    for i, j in chosen:
        p, q = levels.joint((i, j))
        levels_of_i = (p.sum(axis=1) > 0).sum()
        levels_of_j = (p.sum(axis=0) > 0).sum()
        # A constant depends on nothing.
        if levels_of_i < 2 or levels_of_j < 2:
            continue
        # A perfect sampler's two tables: as many rows as the real one, and as the
        # synthetic one.
        source = _without_chance(p, rows).ravel()
        shape = (FLOOR_DRAWS, *p.shape)
        one = rng.multinomial(rows, source, size=FLOOR_DRAWS).reshape(shape) / rows
        other = rng.multinomial(size, source, size=FLOOR_DRAWS).reshape(shape) / size
        floor = np.abs(normalised_information(one) - normalised_information(other))
        broken = _total_variation(_dependence(p), _dependence(q))
        broken_floor = _total_variation(_dependence(one), _dependence(other))
        pairs.append(
            Pair(
                columns=(tables.names[i], tables.names[j]),
                real=float(normalised_information(p)),
                synthetic=float(normalised_information(q)),
                floor=float(floor.mean()),
                broken=100 * float(broken),
                broken_floor=100 * float(broken_floor.mean()),
            )
        )
    return pairs


def _without_chance(p: Floats, rows: int) -> Floats:
    """The two-way table of which this one could be a sample: nearer to independence.

    Of n rows and a x b levels, (a - 1)(b - 1) / 2n of the mutual information is due to
    sampling. The table is moved towards independence until it has lost that part;
    information goes as the square of the dependence.
    """
    x = p.sum(axis=1)
    y = p.sum(axis=0)
    information = _entropy(x) + _entropy(y) - _entropy(p.ravel())
    degrees_of_freedom = ((x > 0).sum() - 1) * ((y > 0).sum() - 1)
    by_chance = degrees_of_freedom / (2 * rows)
    # Share of the dependence that is left.
    kept = 0.0
    if information > 0:
        kept = np.sqrt(max(1.0 - by_chance / information, 0.0))
    source: Floats = np.outer(x, y) + kept * _dependence(p)
    return source / source.sum()


def normalised_information(p: Floats) -> Floats:
    """NMI = 2 (H(X) + H(Y) - H(X, Y)) / (H(X) + H(Y)) of two-way tables of shares.

    The tables are the last two axes.
    """
    x = _entropy(p.sum(axis=-1))
    y = _entropy(p.sum(axis=-2))
    joint = _entropy(p.reshape(*p.shape[:-2], -1))
    apart = x + y
    # Where both columns are constant, 0 / 1 instead of 0 / 0.
    divisor = np.where(apart > 0, apart, 1.0)
    information: Floats = np.where(apart > 0, 2 * (apart - joint) / divisor, 0.0)
    return np.clip(information, 0.0, 1.0)


def _entropy(p: Floats) -> Floats:
    """H = -Σ p log p over the last axis; 0 log 0 is 0."""
    entropy: Floats = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1)
    return entropy


def _dependence(p: Floats) -> Floats:
    """What a table has beyond independent columns of its own shares."""
    return p - p.sum(axis=-1, keepdims=True) * p.sum(axis=-2, keepdims=True)


def _total_variation(p: Floats, q: Floats) -> Floats:
    """½ Σ |p - q| over the last two axes."""
    distance: Floats = np.abs(p - q).sum(axis=(-2, -1)) / 2
    return distance


MUTUAL_INFORMATION = Metric(
    "mutual_information_error",
    "Mutual information error",
    "whether columns tell as much of each other as real ones do; 0 = yes",
    "fidelity",
    "lower",
    mutual_information_error,
    (0.0, 100.0),
    "%",
    like="association_error",
)
