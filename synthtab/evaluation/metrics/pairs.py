"""Are the columns related as they should be, whatever the form of the relation?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.floors import sample_interval
from synthtab.evaluation.levels import coarse, some_combinations
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip
from synthtab.evaluation.metrics.fidelity import PERFECT
from synthtab.evaluation.views import Tables

BINS = 10
DRAWS = 5
MAX_PAIRS = 5_000
MIN_PAIRS = 100
CELLS = 1_000_000_000  # of both tables, read once per pair
WORST = 20


@dataclass(frozen=True)
class Pair:
    """Two columns and how they depend on each other.

    Attributes:
        columns: Their names.
        real: Normalised mutual information in the real table, from 0 to 1.
        synthetic: The same in the synthetic one.
        floor: What |real - synthetic| is for a perfect sampler.
        broken: Total variation between what the tables have beyond independence, p(x, y) - p(x) p(y), in percent.
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
    """Every pair of columns that vary in the real table, or a random part of a great many.

    Numbers are in 10 quantile bins of the real table and columns keep their 10 commonest categories
    (see levels.py). A perfect sampler is here two samples, of both tables' sizes, from the real
    two-way table: a sample has a little more mutual information than its source, and so do both
    tables. What the real one owes to that is taken off first (Miller 1955).
    """
    return tables.once(
        f"associations {streams.seed}", lambda: tuple(_associations(tables, streams))
    )


def worst_pairs(tables: Tables, streams: Streams, limit: int) -> dict[str, float]:
    """The pairs whose dependence is broken: the furthest above a perfect sampler's figure, and twice it at least."""
    broken = [
        pair
        for pair in associations(tables, streams)
        if pair.broken > 2 * pair.broken_floor
    ]
    broken.sort(key=lambda pair: (pair.broken_floor - pair.broken, pair.columns))
    return {pair.name: pair.broken for pair in broken[:limit]}


def mutual_information_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over pairs of |NMI real - NMI synthetic|, in percentage points.

    NMI(X, Y) = 2 I(X; Y) / (H(X) + H(Y)) of the columns in levels, missing cells being one; 0 where
    both are constant. Of more than 5,000 pairs (or of fewer in vast tables) a random part is looked
    at, and the interval is the error of that.
    """
    pairs = associations(tables, streams)
    if not pairs:
        raise Skip("no pair of columns varies")
    worst = sorted(pairs, key=lambda pair: (-pair.error, pair.columns))[:WORST]
    errors = [pair.error for pair in pairs]
    columns = len(tables.names)
    total = columns * (columns - 1) // 2
    interval = sample_interval(errors, total) if total > _limit(tables) else None
    return Outcome(
        float(np.mean(errors)),
        Reference(100 * float(np.mean([pair.floor for pair in pairs])), PERFECT),
        None if interval is None else (max(interval[0], 0.0), min(interval[1], 100.0)),
        n=len(tables.synthetic),
        detail={
            "pairs": {pair.name: pair.error for pair in worst},
            "real": {pair.name: pair.real for pair in worst},
            "synthetic": {pair.name: pair.synthetic for pair in worst},
            "number of pairs": len(pairs),
        },
    )


def _limit(tables: Tables) -> int:
    return int(
        np.clip(
            CELLS // (len(tables.real) + len(tables.synthetic)), MIN_PAIRS, MAX_PAIRS
        )
    )


def _associations(tables: Tables, streams: Streams) -> list[Pair]:
    levels, rng = coarse(tables, BINS), streams.numpy("pairs floor")
    rows, size = len(tables.real), len(tables.synthetic)
    found = []
    for i, j in some_combinations(
        len(tables.names), 2, _limit(tables), streams.numpy("pairs")
    ):
        p, q = levels.joint((i, j))
        if (p.sum(axis=1) > 0).sum() < 2 or (p.sum(axis=0) > 0).sum() < 2:
            continue
        source = _without_chance(p, rows).ravel()
        draws = [
            rng.multinomial(m, source, size=DRAWS).reshape(DRAWS, *p.shape) / m
            for m in (rows, size)
        ]
        again = [normalised_information(draw) for draw in draws]
        found.append(
            Pair(
                (tables.names[i], tables.names[j]),
                float(normalised_information(p)),
                float(normalised_information(q)),
                float(np.abs(again[0] - again[1]).mean()),
                100 * float(_total_variation(_dependence(p), _dependence(q))),
                100
                * float(
                    _total_variation(
                        _dependence(draws[0]), _dependence(draws[1])
                    ).mean()
                ),
            )
        )
    return found


def _without_chance(p: Floats, rows: int) -> Floats:
    """The two-way table moved towards independence until its mutual information has lost the part due to sampling.

    That part is (a - 1)(b - 1) / 2n for n rows and a x b levels; information goes as the square of the dependence.
    """
    x, y = p.sum(axis=1), p.sum(axis=0)
    information = _entropy(x) + _entropy(y) - _entropy(p.ravel())
    chance = ((x > 0).sum() - 1) * ((y > 0).sum() - 1) / (2 * rows)
    kept = np.sqrt(max(1.0 - chance / information, 0.0)) if information > 0 else 0.0
    source: Floats = np.outer(x, y) + kept * _dependence(p)
    return source / source.sum()


def normalised_information(p: Floats) -> Floats:
    """NMI of two-way tables of shares (the last two axes), with the mean of the entropies below."""
    x, y, joint = (
        _entropy(p.sum(axis=-1)),
        _entropy(p.sum(axis=-2)),
        _entropy(p.reshape(*p.shape[:-2], -1)),
    )
    together = x + y
    found: Floats = np.where(
        together > 0,
        2 * (together - joint) / np.where(together > 0, together, 1.0),
        0.0,
    )
    return np.clip(found, 0.0, 1.0)


def _entropy(p: Floats) -> Floats:
    entropy: Floats = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1)
    return entropy


def _dependence(p: Floats) -> Floats:
    """What a table has beyond independent columns of its own shares."""
    return p - p.sum(axis=-1, keepdims=True) * p.sum(axis=-2, keepdims=True)


def _total_variation(p: Floats, q: Floats) -> Floats:
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
