"""What a data scientist looks at first has a verdict of its own, which names the column.

Each fault is planted in fresh rows; the report of its one cheap metric must name it, and
that of the fresh rows must not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from synthtab.evaluation import Verdict, evaluate

ROWS = 800
Fault = Callable[[pd.DataFrame, pd.DataFrame, np.random.Generator], None]


def table(seed: int, rows: int = ROWS) -> pd.DataFrame:
    """Orders: keys, a constant, an instant in office hours, prices, words."""
    rng = np.random.default_rng(seed)
    days = pd.bdate_range("2023-01-02", "2023-12-29")
    minutes = pd.to_timedelta(rng.integers(9 * 60, 17 * 60, rows), "min")
    price = rng.gamma(3.0, 20.0, rows).round(2)
    left, right = rng.choice(["a", "b"], rows), rng.choice(["c", "d"], rows)
    agree = (left == "a") == (right == "c")
    letters = rng.choice(list("abcdefghij"), (rows, 9))
    return pd.DataFrame(
        {
            "email": [f"{''.join(w[:4])}.{''.join(w[4:])}@mail.org" for w in letters],
            "country": "CH",
            "seen": days[rng.integers(0, len(days), rows)] + minutes,
            "price": price,
            "total": (price * rng.uniform(1.0, 1.3, rows)).round(2),
            "weight": rng.normal(70.0, 10.0, rows).round(1),
            "carrier": rng.choice(["UA", "DL", "AA"], rows),
            "left": left,
            "right": right,
            "parity": np.where(agree, "even", "odd"),
        }
    ).assign(**_more(rng, rows, price))


def _more(
    rng: np.random.Generator, rows: int, price: npt.NDArray[np.float64]
) -> dict[str, object]:
    """A town and its code, a sum, a class that prices follow, and two tied lengths."""
    town = rng.choice(["Aarau", "Basel", "Chur", "Davos", "Engelberg", "Flims"], rows)
    tax = rng.integers(1, 40, rows)
    length = rng.normal(100.0, 10.0, rows).round(1)
    return {
        "town": town,
        "zip": pd.Series(town).str[0].map("Z{}".format),
        "tax": tax,
        "owed": price + tax,
        "class": np.where(price > 80, "dear", rng.choice(["cheap", "fair"], rows)),
        "length": length,
        "width": (length + rng.normal(0.0, 5.0, rows)).round(1),
    }


REAL, FRESH, HOLDOUT = table(0), table(1), table(2)


def too_high(frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["weight"] = (frame["weight"] * 1.1).round(1)


def too_narrow(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    middle = frame["weight"].mean()
    frame["weight"] = (middle + (frame["weight"] - middle) / 1.4).round(1)


def without_its_top(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    cut = real["price"].quantile(0.95)
    kept = frame.loc[frame["price"] < cut, "price"].to_numpy()
    frame["price"] = np.where(
        frame["price"] < cut, frame["price"], rng.choice(kept, len(frame))
    )


def negative(frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> None:
    frame.loc[:9, "price"] *= -1


def far_beyond(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame.loc[:9, "weight"] = 400.0


def out_of_order(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame.loc[:39, ["price", "total"]] = (
        frame.copy().loc[:39, ["total", "price"]].to_numpy()
    )


def turned(frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> None:
    ranks = frame["total"].rank(method="first").astype(int)
    frame["total"] = np.sort(frame["total"])[::-1][ranks - 1]


def repeated(frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> None:
    for name in frame.columns.difference(["email"]):
        frame.loc[: ROWS // 5 - 1, name] = frame.loc[ROWS // 2, name]


def with_a_unit(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame["price"] = frame["price"].map("{:.2f} EUR".format)


def another_constant(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame["country"] = "XX"


def no_constant(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame["country"] = None


def keys_copied(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame["email"] = real["email"]


def keys_in_capitals(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame["email"] = real["email"].str.upper() + " "


def keys_equal(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame["email"] = "x@example.org"


def keys_missing(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame["email"] = None


def keys_of_digits(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame["email"] = [f"{i:07d}" for i in range(ROWS)]


def keys_longer(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame["email"] = frame["email"].str.replace("@", "abc@")


def at_any_hour(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    minutes = pd.to_timedelta(rng.integers(0, 1440, ROWS), "min")
    frame["seen"] = frame["seen"].dt.normalize() + minutes


def on_any_day(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame["seen"] += pd.to_timedelta(rng.integers(0, 7, ROWS), "D")


def in_clusters(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    kept = frame["seen"].to_numpy()[: ROWS // 4]
    frame["seen"] = np.repeat(kept, 4)


def without_parity(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame["parity"] = rng.permutation(frame["parity"].to_numpy())


def in_small_letters(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame.loc[:79, "carrier"] = frame.loc[:79, "carrier"].str.lower()


def richest_copied(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    top = real.nlargest(15, "price").reset_index(drop=True)
    for name in frame:
        frame.loc[:14, name] = top[name]
    frame.loc[:14, "price"] *= 1.001


def missing_where_never(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame.loc[:19, "weight"] = np.nan


def twice_as_often(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    others = frame.index[frame["town"] != "Chur"]
    frame.loc[rng.choice(others, ROWS // 6, replace=False), "town"] = "Chur"


def rounded(frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["price"] = frame["price"].round(0)


def less_tied(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    part = frame.index[: ROWS // 3]
    frame.loc[part, "width"] = rng.permutation(frame.loc[part, "width"].to_numpy())


def without_a_group(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    long = (frame["town"] == "Basel") & (frame["length"] > 100)
    frame.loc[long, "length"] = (200 - frame.loc[long, "length"]).round(1)


def town_of_another_code(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame.loc[:39, "zip"] = rng.permutation(frame["zip"].to_numpy())[:40]


def turned_in_a_group(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    group = frame["town"] == "Davos"
    frame.loc[group, "width"] = (200 - frame.loc[group, "width"]).round(1)


def wrong_sum(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame.loc[:39, "owed"] += 7.0


def misspelt(frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> None:
    frame.loc[:39, "town"] = frame.loc[:39, "town"].str[:-1]


def nearly_copied(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    for name in frame:
        frame.loc[:79, name] = real.loc[:79, name]
    for name in ("price", "total", "weight", "owed", "length", "width"):
        frame.loc[:79, name] *= 1.0001


def copied_but_one_cell(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    for name in frame.columns.difference(["weight"]):
        frame.loc[:39, name] = real.loc[:39, name]


def one_key(frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["email"] = [f"{i}{text}" for i, text in enumerate(frame["email"])]
    real["email"] = [f"{i + ROWS}{text}" for i, text in enumerate(real["email"])]
    frame.loc[5, "email"] = real.loc[0, "email"].upper().replace(".", "")


def first_of_the_month(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame["seen"] -= pd.to_timedelta(frame["seen"].dt.day - 1, "D")


def one_weight(
    frame: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator
) -> None:
    frame["weight"] = real["weight"].median()


PLANTED: dict[Fault, tuple[str, str, str]] = {
    # fault: (metric, rule, what the sentence says)
    too_high: ("level_error", "level", "Column 'weight' is too high, by 8.9 %"),
    too_narrow: ("level_error", "spread", "Column 'weight' is too narrow"),
    without_its_top: (
        "level_error",
        "tails",
        "Column 'price' has too few of its greatest",
    ),
    negative: ("impossible_values", "impossible", "1.2 % of 'price' are negative"),
    far_beyond: (
        "impossible_values",
        "impossible",
        "of 'weight' lie above the greatest",
    ),
    out_of_order: (
        "impossible_rows",
        "impossible rows",
        "'price' above 'total' (5.0 %",
    ),
    turned: (
        "rank_correlation_error",
        "sign",
        "The tie of ('price', 'total') is turned around",
    ),
    repeated: ("repeated_rows", "repeats", "of the rows repeat another of them"),
    with_a_unit: (
        "unreadable_cells",
        "unreadable",
        "100 % of the cells of 'price' are not numbers, such as '",
    ),
    another_constant: ("left_out_error", "constant", "such as 'XX'"),
    no_constant: ("left_out_error", "constant", "such as missing"),
    keys_copied: ("copied_text", "copied text", "100 % of the cells of 'email'"),
    keys_in_capitals: (
        "copied_text",
        "copied text",
        "but for capitals, spaces and marks",
    ),
    keys_equal: ("left_out_error", "keys", "All cells of 'email' are equal"),
    keys_missing: (
        "left_out_error",
        "keys",
        "100 % of the cells of 'email' are missing",
    ),
    keys_of_digits: (
        "left_out_error",
        "form of text",
        "'9', where 'a.a@a.a' is usual",
    ),
    keys_longer: (
        "left_out_error",
        "form of text",
        "half of them over 22 characters, of the real ones over 19",
    ),
    at_any_hour: ("timestamp_error", "time of day", "The times of 'seen'"),
    on_any_day: ("timestamp_error", "weekday", "The weekdays of 'seen'"),
    in_clusters: ("timestamp_error", "gaps", "The gaps between instants of 'seen'"),
    without_parity: (
        "interaction_error",
        "triple",
        "Three columns together ('left', 'parity', 'right')",
    ),
    in_small_letters: ("other_spellings", "case", "10.0 % of 'carrier' are written"),
    richest_copied: (
        "copied_extremes",
        "extremes",
        "15 training rows with the greatest 'price', 15 come back",
    ),
    twice_as_often: ("share_error", "share", "Column 'town' has 'Chur' too often"),
    rounded: ("share_error", "rounded", "Numbers of 'price' are rounder"),
    less_tied: (
        "rank_correlation_error",
        "weaker",
        "('length', 'width') are tied less closely",
    ),
    without_a_group: ("group_error", "group", "Where 'town' is 'Basel', 'length' is"),
    town_of_another_code: (
        "group_error",
        "combination",
        "% of the rows ('town', 'zip') have cells that no real row has",
    ),
    turned_in_a_group: (
        "group_error",
        "within",
        "Where 'town' is 'Davos', ('length', 'width') have the rank correlation -0.9",
    ),
    wrong_sum: (
        "impossible_rows",
        "impossible rows",
        "'owed = tax + price' does not hold (5.0 %)",
    ),
    misspelt: ("other_spellings", "case", "% of 'town' are written otherwise"),
    nearly_copied: ("close_copies", "near copies", "ten times nearer than any"),
    copied_but_one_cell: (
        "close_copies",
        "near copies",
        "of the rows equal a training row but for one cell",
    ),
    one_key: ("copied_text", "copied text", "1 cell of 'email' is that of a training"),
    first_of_the_month: (
        "timestamp_error",
        "day of the month",
        "The days of the month of 'seen' are not the real ones: 100.0 % are on day 1",
    ),
    one_weight: ("level_error", "spread", "Column 'weight' is too narrow"),
    missing_where_never: (
        "missing_error",
        "missing",
        "2.5 % of the cells of 'weight' are missing, no real one is",
    ),
}


def alarms(
    frame: pd.DataFrame, metric: str, real: pd.DataFrame = REAL
) -> list[Verdict]:
    found = evaluate(real, frame, holdout=HOLDOUT, metrics=[metric]).verdicts
    return [verdict for verdict in found if verdict.level in ("bad", "fair")]


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.__name__)
def test_a_fault_is_named_with_its_column(fault: Fault) -> None:
    metric, rule, says = PLANTED[fault]
    frame, real = FRESH.copy(), REAL.copy()
    fault(frame, real, np.random.default_rng(7))
    found = [v for v in alarms(frame, metric, real) if v.rule == rule]
    assert any(says in v.text for v in found), found


@pytest.mark.parametrize(
    "metric", sorted({metric for metric, _, _ in PLANTED.values()})
)
def test_fresh_rows_have_none(metric: str) -> None:
    for seed in range(3, 6):
        assert not alarms(table(seed), metric)


def test_single_precision_is_no_fault() -> None:
    frame = FRESH.astype({"price": "float32", "total": "float32", "weight": "float32"})
    for metric in ("level_error", "off_grid", "impossible_values", "unreadable_cells"):
        assert not alarms(frame, metric)


def test_what_another_rule_names_is_not_called_good() -> None:
    """Copied keys: no word of "no copy". A turned sign: none of "no pair broken"."""
    frame = FRESH.copy()
    keys_copied(frame, REAL, np.random.default_rng(7))
    both = ["exact_copies", "copied_text"]
    found = evaluate(REAL, frame, holdout=HOLDOUT, metrics=both).verdicts
    assert [v.rule for v in found] == ["copied text"]
    frame = FRESH.copy()
    turned(frame, REAL, np.random.default_rng(7))
    both = ["association_error", "rank_correlation_error"]
    found = evaluate(REAL, frame, metrics=both).verdicts
    assert "good" not in {v.level for v in found}, found


def test_too_few_missing_cells_to_be_sure_of_are_unknown() -> None:
    frame = FRESH.copy()
    frame.loc[:1, "weight"] = np.nan
    (found,) = evaluate(REAL, frame, metrics=["missing_error"]).verdicts
    assert (found.level, found.columns) == ("unknown", ("weight",))


def test_keys_that_count_are_not_copied_by_counting() -> None:
    """Row numbers from 1 on are equal in any two tables."""
    real, other = (frame.drop(columns="email") for frame in (REAL, FRESH))
    for frame in (real, other):
        frame["order_id"] = np.arange(1, ROWS + 1)
    metrics = ["copied_text", "left_out_error"]
    found = evaluate(real, other, metrics=metrics).verdicts
    assert not [v for v in found if v.level in ("bad", "fair")], found


def test_no_value_of_few_rows_is_shown() -> None:
    """A cell that cannot be read, and that few rows have, is shown by its form."""
    frame = FRESH.copy()
    frame["price"] = [f"{i}.{i:03d} EUR" for i in range(100, 100 + ROWS)]
    (found,) = alarms(frame, "unreadable_cells")
    assert "'999.999 EUR'" in found.text


def test_missing_cells_do_not_dilute_a_shift() -> None:
    """Of 97 % missing cells, those that are there are off, and Shape is shown twice."""
    rng = np.random.default_rng(0)
    frames = []
    for shift in (0.0, 2.0):
        x = np.where(rng.random(2_000) < 0.97, np.nan, rng.normal(shift, 1.0, 2_000))
        frames.append(pd.DataFrame({"x": x, "y": rng.normal(size=2_000)}))
    metrics = ["shape_error", "shape_of_present"]
    report = evaluate(*frames, metrics=metrics)
    assert report.score("shape_error").value < 5
    assert report.score("shape_of_present").value > 25
    found = [v for v in report.verdicts if v.rule == "shape"]
    assert [v.level for v in found] == ["bad"]
    assert "of the cells that are there" in found[0].text
    assert "Shape error, missing dropped" in str(report)
    # Where nothing dilutes, one of the two is enough.
    same = evaluate(frames[0], frames[0], metrics=metrics)
    assert "  Shape error, missing dropped" not in str(same)
