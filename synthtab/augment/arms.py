"""What a model may learn from beside the real rows alone: added rows, weights, and the usual remedies.

An arm is one function and a line in `arms`; it turns the real rows into what the model learns from, or raises `Skip`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from synthtab.augment.learners import Sample
from synthtab.evaluation.cells import Floats, Integers
from synthtab.evaluation.metric import Skip
from synthtab.evaluation.views import Tables, View

Kind = Literal["real", "synthetic", "baseline"]
REAL = "real rows alone"
BALANCED = "synthetic, balanced"
NEIGHBOURS = 5
# Some synthetic rows may lack a target; with fewer than this share of what a ratio asks
# for, it is left out.
ENOUGH = 0.9

_INSTALL = "needs imbalanced-learn: pip install 'synthtab[augment]'"


@dataclass(frozen=True)
class Material:
    """What one repeat offers.

    Attributes:
        real: The real rows.
        synthetic: Synthetic rows, drawn as they come.
        balancing: Real rows' tables again, with synthetic rows of the rarer classes; None for a number to predict, and
            where there are none.
        classes: How many; 0 for a number to predict.
    """

    real: Sample
    synthetic: Sample
    balancing: tuple[Sample, Sample] | None
    classes: int


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        name: What it is called.
        kind: "real", "synthetic" or "baseline".
        build: What the model learns from.
        ratio: Synthetic rows for each real one, where that is fixed.
    """

    name: str
    kind: Kind
    build: Callable[[Material, np.random.Generator], Sample]
    ratio: float | None = None


def arms(ratios: tuple[float, ...], classes: int) -> tuple[Arm, ...]:
    """All arms; the remedies for rare classes where there are classes."""
    found = [Arm(REAL, "real", lambda material, rng: material.real)]
    found += [
        Arm(name_of(ratio), "synthetic", _adding(ratio), ratio) for ratio in ratios
    ]
    if classes:
        found += [
            Arm(BALANCED, "synthetic", balanced),
            Arm("duplicates, balanced", "baseline", duplicated),
            Arm("class weights", "baseline", weighted),
            Arm("SMOTENC", "baseline", smote),
        ]
    return tuple(found)


def name_of(ratio: float) -> str:
    """``synthetic x0.5``."""
    return f"synthetic x{ratio:.3g}"


def _adding(ratio: float) -> Callable[[Material, np.random.Generator], Sample]:
    def add(material: Material, rng: np.random.Generator) -> Sample:
        count = round(ratio * len(material.real))
        if len(material.synthetic) < ENOUGH * count:
            raise Skip(
                f"{len(material.synthetic)} synthetic rows have a target, {count} are needed"
            )
        return material.real.plus(
            material.synthetic.take(
                np.sort(rng.permutation(len(material.synthetic))[:count])
            )
        )

    return add


def balanced(material: Material, rng: np.random.Generator) -> Sample:
    """Synthetic rows of every class until it has as many as the largest, as far as there are such rows."""
    if material.balancing is None:
        raise Skip("no synthetic rows of the rarer classes")
    real, rows = material.balancing
    return real.plus(rows)


def duplicated(material: Material, rng: np.random.Generator) -> Sample:
    """Random real rows of every class again until it has as many as the largest."""
    y = material.real.y.astype(np.int64)
    counts = np.bincount(y, minlength=material.classes)
    extra = [
        rng.choice(np.flatnonzero(y == c), counts.max() - n, replace=True)
        for c, n in enumerate(counts)
        if n
    ]
    return material.real.plus(material.real.take(np.concatenate(extra)))


def weighted(material: Material, rng: np.random.Generator) -> Sample:
    """All classes with one weight in sum."""
    y = material.real.y.astype(np.int64)
    counts = np.bincount(y, minlength=material.classes)
    weight = len(y) / ((counts > 0).sum() * counts[y])
    return Sample(material.real.tables, material.real.view, material.real.y, weight)


def smote(material: Material, rng: np.random.Generator) -> Sample:
    """SMOTENC (Chawla et al. 2002) by imbalanced-learn: rows between a rare row and one of its five neighbours.

    Missing numbers are its neighbours at the median, "missing" is a category; the added rows have no missing number.
    """
    try:
        from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
    except ModuleNotFoundError:
        raise Skip(_INSTALL) from None
    real, tables = material.real, material.real.tables
    y = real.y.astype(np.int64)
    counts = np.bincount(y, minlength=material.classes)
    rare = int(counts[counts > 0].min())
    if rare < 2:
        raise Skip("a class has one row: it has no neighbour")
    numeric = [j for j, name in enumerate(tables.numeric) if name != tables.target]
    nominal = [j for j, name in enumerate(tables.categorical) if name != tables.target]
    x = np.column_stack(
        [
            _filled(real.view.numbers[:, numeric]),
            real.view.codes[:, nominal].astype(np.float64),
        ]
    )
    options = dict(
        random_state=int(rng.integers(2**31)), k_neighbors=min(NEIGHBOURS, rare - 1)
    )
    if not nominal:
        method = SMOTE(**options)
    elif not numeric:
        method = SMOTEN(**options)
    else:
        method = SMOTENC(
            categorical_features=list(range(len(numeric), x.shape[1])), **options
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made, labels = method.fit_resample(x, y)
    made, labels = np.asarray(made)[len(x) :], np.asarray(labels)[len(x) :]
    return real.plus(
        Sample(tables, _view(tables, made, numeric, nominal), labels.astype(np.float64))
    )


def _filled(numbers: Floats) -> Floats:
    middle = [
        float(np.median(c[~np.isnan(c)])) if not np.isnan(c).all() else 0.0
        for c in numbers.T
    ]
    filled: Floats = np.where(
        np.isnan(numbers), np.array(middle).reshape(1, -1), numbers
    )
    return filled


def _view(tables: Tables, made: Floats, numeric: list[int], nominal: list[int]) -> View:
    """Rows of numbers and codes without the target => a view; models do not look at the target's column."""
    numbers = np.full((len(made), len(tables.numeric)), np.nan)
    codes: Integers = np.zeros((len(made), len(tables.categorical)), dtype=np.int32)
    numbers[:, numeric] = made[:, : len(numeric)]
    codes[:, nominal] = np.rint(made[:, len(numeric) :]).astype(np.int32)
    return View(numbers, codes)
