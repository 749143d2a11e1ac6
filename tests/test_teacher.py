"""Added rows whose target models of the real rows say."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from synthtab import infer
from synthtab.augment import study, teach
from synthtab.core.errors import ConfigError, DataError


def table(rows: int, seed: int, wrong: float = 0.0) -> pd.DataFrame:
    """A class and a number that depend on two columns; some classes are wrong."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, rows))
    score = x + (z > 0)
    buys = np.where(score + rng.logistic(0, 0.3, rows) > 0.5, "yes", "no")
    any_class = rng.choice(["no", "yes"], rows)
    return pd.DataFrame(
        {
            "x": x.round(3),
            "z": z.round(3),
            "visits": np.rint(20 + 5 * score + rng.normal(0, 1, rows)).astype(int),
            "buys": np.where(rng.random(rows) < wrong, any_class, buys),
        }
    )


def test_a_row_stands_there_for_every_likely_class_and_weighs_one() -> None:
    real, added = table(200, 0), table(150, 1, wrong=0.5)
    taught = teach(real, added, "buys", weight="w")
    assert list(taught.columns) == [*added.columns, "w"]
    # The rows in their order, their other cells untouched.
    others = ["x", "z", "visits"]
    first = taught.drop_duplicates(others)[others].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, added[others])
    sums = taught.groupby(others)["w"].sum()
    assert len(sums) == 150 and np.allclose(sums, 1)
    assert taught["w"].between(0.01, 1).all()
    assert not taught.duplicated([*others, "buys"]).any()
    # Sure of a row far from where the classes meet, and right.
    sure = taught[(taught["x"] > 1.2) & (taught["z"] > 0)]
    assert (sure["w"] * (sure["buys"] == "yes")).sum() > 0.95 * sure["w"].sum()


def test_the_target_of_the_rows_is_not_looked_at() -> None:
    real, added = table(200, 0), table(80, 1)
    shuffled = added.assign(buys=added["buys"].to_numpy()[::-1])
    pd.testing.assert_frame_equal(
        teach(real, added, "buys"), teach(real, shuffled, "buys")
    )
    # A missing one is said as well, and other words do not matter.
    without = added.assign(buys=None)
    assert teach(real, without, "buys")["buys"].isin(["no", "yes"]).all()


def test_a_number_is_said_once_in_its_dtype() -> None:
    real, added = table(300, 0), table(100, 1)
    taught = teach(real, added.assign(visits=0), "visits")
    assert len(taught) == 100 and (taught["weight"] == 1).all()
    assert taught["visits"].dtype == added["visits"].dtype
    error = (taught["visits"] - added["visits"]).to_numpy()
    assert np.sqrt((error**2).mean()) < 0.5 * added["visits"].std()


def first_of(rows: pd.DataFrame) -> pd.Series:
    """A number that follows from a column, with one decimal."""
    return (3 * rows["x"] + 30).round(1)


DAYS = pd.Timestamp("2024-01-01")


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (lambda x: x, lambda cells: cells),
        # As a file has them: texts in the way of the column.
        (lambda x: x.map("{:.1f} EUR".format), lambda c: c.str[:-4].astype(float)),
        (lambda x: x.map(lambda y: Decimal(f"{y:.1f}")), lambda c: c.astype(float)),
        (
            lambda x: DAYS + pd.to_timedelta(x.round(), "D"),
            lambda c: (c - DAYS) / pd.Timedelta(1, "D"),
        ),
        (
            lambda x: (DAYS + pd.to_timedelta(x.round(), "D")).dt.strftime("%d.%m.%Y"),
            lambda c: (
                (pd.to_datetime(c, format="%d.%m.%Y") - DAYS) / pd.Timedelta(1, "D")
            ),
        ),
    ],
    ids=["float", "euro", "decimal", "date", "text of a date"],
)
def test_a_number_or_a_date_is_said_as_the_table_has_it(
    write: Callable[[pd.Series], pd.Series], read: Callable[[pd.Series], pd.Series]
) -> None:
    real, added = table(300, 0), table(100, 1)
    tables = [rows.assign(y=write(first_of(rows))) for rows in (real, added)]
    said = teach(*tables, "y", schema=infer(tables[0], rare=0))["y"]
    assert said.dtype == tables[1]["y"].dtype
    values = read(said)
    assert np.allclose(values, values.round(1)) and values.nunique() > 10
    assert (values - first_of(added)).abs().mean() < 1


def test_rows_with_wrong_classes_help_once_they_are_taught() -> None:
    real, holdout = table(80, 0), table(1500, 1)
    source = table(400, 2, wrong=1.0)
    asked = dict(target="buys", holdout=holdout, repeats=4, learners=["trees"], seed=0)
    plain = study(real, source, ratio=2, **asked)
    taught = study(real, source, ratio=2, taught=True, **asked)
    assert plain.verdict.answer == "hurts" and plain.verdict.asked.arm == "synthetic x2"
    assert taught.verdict.asked.arm == "synthetic x2, taught"
    assert taught.verdict.asked.difference > 0
    assert taught.verdict.control is not None
    assert "bootstrap x2, taught" in str(taught)
    # And the study about plain rows says what teaching them would do.
    assert "with a target that a teacher says: +" in " ".join(str(plain).split())


def test_what_cannot_be_taught_is_named() -> None:
    real, added = table(80, 0), table(40, 1)
    with pytest.raises(DataError, match="'x' is a column of the table"):
        teach(real, added, "buys", weight="x")
    with pytest.raises(ConfigError, match="leave out taught"):
        study(real, added, "buys", ratio="balanced", taught=True)
