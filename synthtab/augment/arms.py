"""What models learn from: the real rows alone, with synthetic rows, or a usual remedy.

An arm of the study is one function and one line in `arms`. It turns the `Material` of a
repeat into the rows that a model learns from, or raises `Skip` with the reason why it
cannot. For two classes and the ratios 0.5 and 1 the arms are: real rows alone,
synthetic x0.5, synthetic x1, synthetic x1 taught, synthetic balanced, duplicates x1,
bootstrap x1, duplicates balanced, class weights, SMOTENC. A number to predict has those
without balance.

The bootstrap is the control, for balanced rows the duplicates: as many rows more, and
nothing new in them. Models change with the number of rows alone, since their penalties
and smallest leaves count rows. The control of taught rows is the bootstrap, taught: what
the teacher does without synthetic rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from synthtab.augment.teacher import Taught
from synthtab.evaluation.cells import Floats, Integers
from synthtab.evaluation.learners import Sample
from synthtab.evaluation.metric import Skip
from synthtab.evaluation.views import Tables, View

Kind = Literal["real", "synthetic", "baseline"]
REAL = "real rows alone"
BALANCED = "synthetic, balanced"
BALANCED_DUPLICATES = "duplicates, balanced"
# Neighbours among which SMOTENC chooses, as in its paper.
SMOTE_NEIGHBOURS = 5
# Some synthetic rows may lack a target. A ratio is left out if fewer rows than this
# share of what it asks for have one.
ENOUGH = 0.9

_INSTALL = "needs imbalanced-learn: pip install 'synthtab[augment]'"


@dataclass(frozen=True)
class Material:
    """What the arms of one repeat have to work with.

    Attributes:
        real: The real rows.
        synthetic: Synthetic rows as the source gives them.
        balancing: The real rows and synthetic rows of the rarer classes. The real rows
            stand here a second time since the codes of both come from other tables than
            those of ``real``. None for a number to predict, and where there are no such
            rows.
        classes: How many classes there are; 0 for a number to predict.
    """

    real: Sample
    synthetic: Sample
    balancing: tuple[Sample, Sample] | None
    classes: int

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """The class number of every real row."""
        return self.real.y.astype(np.int64)

    @property
    def class_sizes(self) -> npt.NDArray[np.int64]:
        """Number of real rows of each class ``[classes]``; 0 is possible."""
        return np.bincount(self.labels, minlength=self.classes)


Build = Callable[[Material, np.random.Generator], Sample]


@dataclass(frozen=True)
class Arm:
    """One choice of rows to learn from.

    Attributes:
        name: What it is called in the result.
        kind: "real", "synthetic" or "baseline" (a usual remedy).
        build: ``(material, rng) -> rows to learn from``; may raise `Skip`.
        ratio: Synthetic rows for each real one, where that is fixed.
        taught: Whether a teacher says the target of the added rows.
    """

    name: str
    kind: Kind
    build: Build
    ratio: float | None = None
    taught: bool = False

    @property
    def is_step(self) -> bool:
        """Whether it is one of the ratios that are compared with each other."""
        return self.ratio is not None and not self.taught


def arms(
    ratios: tuple[float, ...], classes: int, copies: float = 1.0, taught: bool = False
) -> tuple[Arm, ...]:
    """All arms of a study; those that balance classes only where there are classes.

    Args:
        ratios: Synthetic rows for each real one.
        classes: How many classes there are; 0 for a number to predict.
        copies: Duplicates, and taught rows, for each real row.
        taught: Whether there is the control of taught rows.
    """
    chosen = [Arm(REAL, "real", alone)]
    for ratio in ratios:
        build = partial(enlarged, ratio=ratio)
        chosen.append(Arm(synthetic_arm(ratio), "synthetic", build, ratio))
    build = partial(enlarged_taught, ratio=copies)
    chosen.append(Arm(taught_arm(copies), "synthetic", build, copies, taught=True))
    if classes:
        chosen.append(Arm(BALANCED, "synthetic", balanced))
    chosen += [
        Arm(f"duplicates x{copies:.3g}", "baseline", partial(copied, ratio=copies)),
        Arm(bootstrap_arm(copies), "baseline", partial(resampled, ratio=copies)),
    ]
    if taught:
        build = partial(resampled_taught, ratio=copies)
        chosen.append(Arm(taught_bootstrap_arm(copies), "baseline", build, taught=True))
    if classes:
        chosen += [
            Arm(BALANCED_DUPLICATES, "baseline", duplicated),
            Arm("class weights", "baseline", weighted),
            Arm("SMOTENC", "baseline", smote),
        ]
    return tuple(chosen)


def synthetic_arm(ratio: float) -> str:
    """Name of the arm of so many synthetic rows for each real one."""
    return f"synthetic x{ratio:.3g}"


def bootstrap_arm(ratio: float) -> str:
    """Name of the arm of so many real rows again, drawn with replacement."""
    return f"bootstrap x{ratio:.3g}"


def taught_arm(ratio: float) -> str:
    """Name of the arm of so many synthetic rows, whose target a teacher says."""
    return f"{synthetic_arm(ratio)}, taught"


def taught_bootstrap_arm(ratio: float) -> str:
    """Name of the arm of so many real rows again, whose target a teacher says."""
    return f"{bootstrap_arm(ratio)}, taught"


def alone(material: Material, rng: np.random.Generator) -> Sample:
    """The real rows."""
    return material.real


def enlarged(material: Material, rng: np.random.Generator, ratio: float) -> Sample:
    """The real rows and ``ratio`` times as many random synthetic rows."""
    return material.real.plus(_some(material, rng, ratio))


def _some(material: Material, rng: np.random.Generator, ratio: float) -> Sample:
    """``ratio`` times as many random synthetic rows as there are real ones."""
    there = len(material.synthetic)
    count = round(ratio * len(material.real))
    if there < ENOUGH * count:
        raise Skip(f"{there} synthetic rows have a target, {count} are needed")
    chosen = rng.permutation(there)[:count]
    return material.synthetic.take(np.sort(chosen))


def enlarged_taught(
    material: Material, rng: np.random.Generator, ratio: float
) -> Sample:
    """The same, with the target that models of the real rows expect of them."""
    return _taught(material, _some(material, rng, ratio), rng)


def _taught(material: Material, added: Sample, rng: np.random.Generator) -> Sample:
    """The real rows, and others with the target that models of the real rows expect."""
    seed = int(rng.integers(2**31))
    said = Taught.of(material.real, added.view, material.classes, seed)
    view = added.view.take(said.row)
    return material.real.plus(Sample(added.tables, view, said.target, said.weight))


def balanced(material: Material, rng: np.random.Generator) -> Sample:
    """Synthetic rows are added to each class until it is as large as the largest.

    Of a class that the source has fewer rows of, those that there are.
    """
    if material.balancing is None:
        raise Skip("no synthetic rows of the rarer classes")
    real, synthetic = material.balancing
    return real.plus(synthetic)


def copied(material: Material, rng: np.random.Generator, ratio: float) -> Sample:
    """Every real row again, ``ratio`` times; of a part of a time, random rows."""
    rows = len(material.real)
    whole, rest = divmod(round(ratio * rows), rows)
    # [whole times, rows], then the rest.
    again = np.append(np.tile(np.arange(rows), whole), rng.permutation(rows)[:rest])
    return material.real.plus(material.real.take(again))


def resampled(material: Material, rng: np.random.Generator, ratio: float) -> Sample:
    """``ratio`` times as many real rows again, drawn with replacement."""
    return material.real.plus(_drawn_again(material, rng, ratio))


def resampled_taught(
    material: Material, rng: np.random.Generator, ratio: float
) -> Sample:
    """The same, with the target that models of the real rows expect of them."""
    return _taught(material, _drawn_again(material, rng, ratio), rng)


def _drawn_again(material: Material, rng: np.random.Generator, ratio: float) -> Sample:
    rows = len(material.real)
    return material.real.take(rng.integers(rows, size=round(ratio * rows)))


def duplicated(material: Material, rng: np.random.Generator) -> Sample:
    """Random rows of each class again, until it is as large as the largest."""
    labels = material.labels
    sizes = material.class_sizes
    repeated = []
    for number, size in enumerate(sizes):
        # A class that the training rows lack cannot be repeated.
        if size:
            rows = np.flatnonzero(labels == number)
            repeated.append(rng.choice(rows, sizes.max() - size, replace=True))
    return material.real.plus(material.real.take(np.concatenate(repeated)))


def weighted(material: Material, rng: np.random.Generator) -> Sample:
    """The real rows with weights, so that all classes weigh the same in sum."""
    labels = material.labels
    sizes = material.class_sizes
    classes_there = (sizes > 0).sum()
    weight = len(labels) / (classes_there * sizes[labels])
    real = material.real
    return Sample(real.tables, real.view, real.y, weight)


def smote(material: Material, rng: np.random.Generator) -> Sample:
    """SMOTENC (Chawla et al. 2002) by imbalanced-learn.

    A new row lies between a row of a rare class and one of its five nearest neighbours.
    Neighbours are found with missing numbers at the median and "missing" as a category;
    the new rows have no missing number.
    """
    try:
        from imblearn import over_sampling
    except ModuleNotFoundError:
        raise Skip(_INSTALL) from None
    sizes = material.class_sizes
    rarest = int(sizes[sizes > 0].min())
    if rarest < 2:
        raise Skip("a class has one row: it has no neighbour")
    real = material.real
    tables = real.tables
    numeric = [j for j, name in enumerate(tables.numeric) if name != tables.target]
    nominal = [j for j, name in enumerate(tables.categorical) if name != tables.target]
    numbers = _without_gaps(real.view.numbers[:, numeric])
    codes = real.view.codes[:, nominal].astype(np.float64)
    rows = np.column_stack([numbers, codes])
    method = _smote_method(
        over_sampling,
        len(numeric),
        len(nominal),
        random_state=int(rng.integers(2**31)),
        k_neighbors=min(SMOTE_NEIGHBOURS, rarest - 1),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        enlarged_rows, labels = method.fit_resample(rows, material.labels)
    # It gives the rows that it was given first.
    new_rows = np.asarray(enlarged_rows)[len(rows) :]
    new_labels = np.asarray(labels)[len(rows) :].astype(np.float64)
    view = _view_of(tables, new_rows, numeric, nominal)
    return real.plus(Sample(tables, view, new_labels))


def _smote_method(
    over_sampling: Any, numeric: int, nominal: int, **options: Any
) -> Any:
    """The variant for so many numeric and, behind them, so many nominal columns."""
    if not nominal:
        return over_sampling.SMOTE(**options)
    if not numeric:
        return over_sampling.SMOTEN(**options)
    places = list(range(numeric, numeric + nominal))
    return over_sampling.SMOTENC(categorical_features=places, **options)


def _without_gaps(numbers: Floats) -> Floats:
    """Numbers ``[rows, columns]``, missing ones at the median of their column."""
    medians = []
    for column in numbers.T:
        known = column[~np.isnan(column)]
        medians.append(float(np.median(known)) if len(known) else 0.0)
    filled: Floats = np.where(
        np.isnan(numbers), np.array(medians).reshape(1, -1), numbers
    )
    return filled


def _view_of(
    tables: Tables, rows: Floats, numeric: list[int], nominal: list[int]
) -> View:
    """A matrix of numbers, then codes, as a view of the tables.

    The column of the target stays empty: models are given the target apart.
    """
    numbers = np.full((len(rows), len(tables.numeric)), np.nan)
    codes: Integers = np.zeros((len(rows), len(tables.categorical)), dtype=np.int32)
    numbers[:, numeric] = rows[:, : len(numeric)]
    codes[:, nominal] = np.rint(rows[:, len(numeric) :]).astype(np.int32)
    return View(numbers, codes)
