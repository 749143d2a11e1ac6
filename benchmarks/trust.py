"""Can the verdicts of a report be trusted? Faults are planted in real rows, and counted.

    python benchmarks/trust.py                     # flights, penguins, anes96: 5 seeds
    python benchmarks/trust.py --tables flights --seeds 1 --faults "sign of a tie"
    python benchmarks/trust.py --data ../shared/data --out trust.jsonl

Of a table, up to 1,500 rows are the training table, as many others stand for the synthetic
rows, and the rest are the holdout. Both are real, so that a report of the two should raise
no alarm (`real against real`). Then a fault is planted in the rows that stand for the
synthetic ones, one at a time, and the report should name it: in a sentence that is not
good, by a rule that is about faults of this kind, with the column where one is at fault.

Three counts for each fault:

    named       a rule of its kind names it
    seen        only another rule says that something is wrong
    called good no sentence says that anything is wrong, or a sentence calls good what the
                fault contradicts
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# Rows of the training table, and of those that stand for synthetic ones.
ROWS = 1_500
# A share of the rows, and a factor, that faults use where nothing else is said.
FEW = 0.05
RAISE = 1.1

# Of the scores without a rule of their own, those that tell of columns, pairs and copies.
QUICK = (
    "shape_error",
    "association_error",
    "missing_error",
    "missing_patterns",
    "off_grid",
    "heap_error",
    "category_coverage",
    "range_coverage",
    "exact_copies",
)

Frame = pd.DataFrame
Random = np.random.Generator
# What a fault gives: the rows with the fault, and the columns that are at fault.
Planted = tuple[Frame, tuple[str, ...]]


@dataclass(frozen=True)
class Fault:
    """A way to spoil rows.

    Attributes:
        name: Of the fault.
        plant: ``(rows, training rows, randomness) -> Planted``, or None where the table has
            no column that could have it.
        rules: Rules of the verdicts that are about faults of this kind.
        denied_by: Rules that must not call such rows good.
    """

    name: str
    plant: Callable[[Frame, Frame, Random], Planted | None]
    rules: tuple[str, ...]
    denied_by: tuple[str, ...] = ()


# -- what a column is


def numbers(frame: Frame, distinct: int = 30) -> list[str]:
    """Columns of numbers with so many distinct values at least; no times as 517."""
    names = frame.select_dtypes("number").columns
    amounts = [name for name in names if not _are_times(frame[name])]
    return [name for name in amounts if frame[name].nunique() >= distinct]


def _are_times(values: pd.Series) -> bool:
    """Whether the numbers are times of day, hours and minutes."""
    there = values.dropna()
    in_a_day = there.between(0, 2400) & (there % 100 < 60)
    return bool(in_a_day.all()) and there.max() > 2000


def words(frame: Frame, most: int = 60) -> list[str]:
    """Columns of few words."""
    others = frame.select_dtypes(exclude="number").columns
    return [name for name in others if 2 <= frame[name].nunique() <= most]


def tied(frame: Frame, least: float = 0.6) -> tuple[str, str] | None:
    """Two columns of numbers with a strong rank correlation."""
    names = numbers(frame)
    best: tuple[float, str, str] | None = None
    ranks = frame[names].corr("spearman").abs() if names else pd.DataFrame()
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            value = float(ranks.loc[a, b])
            if value >= least and (best is None or value > best[0]):
                best = (value, a, b)
    return None if best is None else (best[1], best[2])


def ordered(frame: Frame) -> tuple[str, str] | None:
    """Two columns of numbers of which the first is never the greater one."""
    names = numbers(frame)
    for a in names:
        for b in names:
            both = frame[[a, b]].dropna()
            if a == b or len(both) < len(frame) / 2:
                continue
            gap = both[b] - both[a]
            # Of one unit: the gap is no larger than the numbers.
            alike = gap.abs().median() < both[b].abs().median()
            if (gap >= 0).all() and gap.nunique() > 5 and alike:
                return a, b
    return None


# -- faults


def level(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """All numbers of a column ten percent too high."""
    names = [name for name in numbers(rows) if (train[name].dropna() > 0).all()]
    if not names:
        return None
    name = names[0]
    return rows.assign(**{name: _rounded(rows[name] * RAISE, train[name])}), (name,)


def spread(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """The deviation of a column a third too small, around the same mean."""
    names = numbers(rows)
    if not names:
        return None
    name = names[-1]
    centre = rows[name].mean()
    narrowed = centre + (rows[name] - centre) / 1.5
    return rows.assign(**{name: _rounded(narrowed, train[name])}), (name,)


def top_cut(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """The greatest two percent of a column are missing from the rows."""
    names = numbers(rows)
    if not names:
        return None
    name = names[0]
    cut = train[name].quantile(0.98)
    kept = rows[~(rows[name] >= cut)]
    return kept.sample(len(rows), replace=len(kept) < len(rows), random_state=0), (
        name,
    )


def negative(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """One percent of the numbers negative, where none is."""
    names = [name for name in numbers(rows) if (train[name].dropna() >= 0).all()]
    if not names:
        return None
    name = names[0]
    return _changed(rows, name, 0.01, rng, lambda cells: -cells.abs() - 1), (name,)


def beyond(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """One percent of the numbers at three times the greatest one."""
    names = [name for name in numbers(rows) if train[name].max() > 0]
    if not names:
        return None
    name = names[0]
    far = 3 * train[name].max()
    return _changed(rows, name, 0.01, rng, lambda cells: 0 * cells.fillna(0) + far), (
        name,
    )


def blank(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Two percent of the cells missing, in a column where none is."""
    names = [name for name in rows if train[name].notna().all()]
    if not names:
        return None
    name = names[0]
    return rows.assign(**{name: rows[name].mask(rng.random(len(rows)) < 0.02)}), (name,)


def out_of_order(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Two columns in the wrong order in five percent of the rows, where never."""
    pair = ordered(train)
    if pair is None:
        return None
    a, b = pair
    chosen = rng.random(len(rows)) < FEW
    swapped = rows.copy()
    swapped.loc[chosen, [a, b]] = rows.loc[chosen, [b, a]].to_numpy()
    return swapped, (a, b)


def sign(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A correlation turned around, each column distributed as it was."""
    pair = tied(train)
    if pair is None:
        return None
    name = pair[0]
    there = rows[name].notna()
    ranks = rows.loc[there, name].rank(method="first").astype(int).to_numpy()
    ascending = np.sort(rows.loc[there, name].to_numpy())
    turned = rows.copy()
    turned.loc[there, name] = ascending[len(ascending) - ranks]
    return turned, pair


def shuffled(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A column that follows no other any more."""
    pair = tied(train)
    if pair is None:
        return None
    name = pair[0]
    return rows.assign(**{name: rng.permutation(rows[name].to_numpy())}), (name,)


def repeats(share: float) -> Callable[[Frame, Frame, Random], Planted]:
    """That share of the rows repeats another of the rows."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted:
        count = round(share * len(rows))
        first = rows.iloc[: len(rows) - count]
        again = first.iloc[rng.integers(0, len(first), count)]
        return pd.concat([first, again], ignore_index=True), ()

    return plant


def copied(share: float) -> Callable[[Frame, Frame, Random], Planted]:
    """That share of the rows are rows of the training table."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted:
        count = round(share * len(rows))
        own = rows.iloc[count:]
        return pd.concat(
            [train.sample(count, random_state=0), own], ignore_index=True
        ), ()

    return plant


def rich_copied(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """The fifteen greatest of a column come back, a thousandth larger."""
    names = [name for name in numbers(rows, 200) if train[name].max() > 0]
    if not names:
        return None
    name = names[0]
    top = train.nlargest(15, name)
    top = top.assign(**{name: top[name] * 1.001})
    return pd.concat([rows.iloc[15:], top], ignore_index=True), (name,)


def new_category(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Five percent of a column's cells are a word that it never has."""
    names = words(rows)
    if not names:
        return None
    name = names[0]
    return _changed(rows, name, FEW, rng, lambda cells: "Zzz"), (name,)


def other_case(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A tenth of a column's words in capitals."""
    names = [
        name
        for name in words(rows)
        if (train[name].dropna().map(str.upper) != train[name].dropna()).all()
    ]
    if not names:
        return None
    name = names[0]
    return _changed(rows, name, 0.1, rng, lambda cells: cells.str.upper()), (name,)


def lost_category(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A word that five percent of the training rows have never comes."""
    for name in words(rows):
        shares = train[name].value_counts(normalize=True)
        rare = shares[(shares > 0.04) & (shares < 0.3)]
        if len(rare):
            word = rare.index[-1]
            kept = rows[rows[name] != word]
            return kept.sample(len(rows), replace=True, random_state=0), (name,)
    return None


def blurred(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Whole numbers with decimals."""
    names = [name for name in numbers(rows) if _are_whole(train[name])]
    if not names:
        return None
    name = names[0]
    return rows.assign(**{name: rows[name] + rng.normal(0, 0.2, len(rows)).round(2)}), (
        name,
    )


def unreadable(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Numbers with a unit, as text."""
    names = numbers(rows)
    if not names:
        return None
    name = names[0]
    return rows.assign(**{name: rows[name].map("{:.2f} EUR".format)}), (name,)


def constant(rows: Frame, train: Frame, rng: Random) -> Planted:
    """A column that is one word in the training table, and another in the rows."""
    train["country"] = "CH"
    return rows.assign(country="XX"), ("country",)


def constant_missing(rows: Frame, train: Frame, rng: Random) -> Planted:
    """A column that is one word in the training table, and missing in the rows."""
    train["country"] = "CH"
    return rows.assign(country=pd.Series([None] * len(rows), dtype=object)), (
        "country",
    )


def keys(
    fill: Callable[[Frame, Random], Any],
) -> Callable[[Frame, Frame, Random], Planted]:
    """A column of e-mail addresses, all different; those of the rows as ``fill`` says."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted:
        train["email"] = _addresses(len(train), np.random.default_rng(1))
        return rows.assign(
            email=fill(rows.assign(email=train["email"].to_numpy()[: len(rows)]), rng)
        ), ("email",)

    return plant


def _addresses(count: int, rng: Random) -> list[str]:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    names = ["".join(rng.choice(letters, 9)) for _ in range(count)]
    return [f"{name[:4]}.{name[4:]}{i}@example.org" for i, name in enumerate(names)]


def hours(rows: Frame, train: Frame, rng: Random) -> Planted:
    """Timestamps of office hours at any hour."""
    train["seen"] = _stamps(len(train), np.random.default_rng(2))
    planted = _stamps(len(rows), np.random.default_rng(3))
    moved = planted.dt.normalize() + pd.to_timedelta(
        rng.integers(0, 24 * 60, len(rows)), "min"
    )
    return rows.assign(seen=moved.dt.strftime("%Y-%m-%d %H:%M:%S")), ("seen",)


def weekdays(rows: Frame, train: Frame, rng: Random) -> Planted:
    """Timestamps of working days on any day."""
    train["seen"] = _stamps(len(train), np.random.default_rng(2))
    planted = _stamps(len(rows), np.random.default_rng(3))
    moved = planted + pd.to_timedelta(rng.integers(0, 7, len(rows)), "D")
    return rows.assign(seen=moved.dt.strftime("%Y-%m-%d %H:%M:%S")), ("seen",)


def _stamps(count: int, rng: Random) -> pd.Series:
    """Instants of two years, from nine to five on working days."""
    days = pd.bdate_range("2022-01-03", "2023-12-29")
    day = days[rng.integers(0, len(days), count)]
    return pd.Series(day + pd.to_timedelta(rng.integers(9 * 60, 17 * 60, count), "min"))


def three_way(rows: Frame, train: Frame, rng: Random) -> Planted:
    """A column that is one of two others' parity, drawn at random in the rows."""
    for frame, seed in ((train, 4), (rows, 5)):
        own = np.random.default_rng(seed)
        frame["left"] = own.choice(["a", "b"], len(frame))
        frame["right"] = own.choice(["c", "d"], len(frame))
        same = (frame["left"] == "a") == (frame["right"] == "c")
        frame["both"] = np.where(same, "even", "odd")
    return rows.assign(both=rng.permutation(rows["both"].to_numpy())), (
        "both",
        "left",
        "right",
    )


def single_precision(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Numbers in single precision: no fault."""
    names = list(rows.select_dtypes("float").columns)
    if not names:
        return None
    return rows.assign(**{name: rows[name].astype("float32") for name in names}), ()


def nothing(rows: Frame, train: Frame, rng: Random) -> Planted:
    """Real rows: no fault."""
    return rows, ()


def _rounded(values: pd.Series, like: pd.Series) -> pd.Series:
    """Whole numbers where those of the column are whole."""
    return values.round() if _are_whole(like) else values


def _are_whole(values: pd.Series) -> bool:
    there = values.dropna()
    return bool((there == there.round()).all())


def _changed(
    rows: Frame,
    name: str,
    share: float,
    rng: Random,
    change: Callable[[pd.Series], Any],
) -> Frame:
    """The rows, some cells of a column changed."""
    chosen = rng.random(len(rows)) < share
    changed = rows.copy()
    changed[name] = changed[name].mask(chosen, change(changed[name]))
    return changed


NO_FAULTS = (
    Fault("real against real", nothing, ()),
    Fault("single precision", single_precision, ()),
)

FAULTS = (
    Fault("ten percent too high", level, ("level", "shape"), ("shape", "level")),
    Fault("too narrow", spread, ("spread", "shape", "range"), ("shape", "spread")),
    Fault(
        "greatest two percent missing",
        top_cut,
        ("range", "level", "shape", "tails"),
        ("tails",),
    ),
    Fault("negative numbers", negative, ("impossible",), ("impossible",)),
    Fault("beyond the greatest", beyond, ("impossible",), ("impossible",)),
    Fault("missing where never", blank, ("missing", "impossible"), ("missing",)),
    Fault("order of columns", out_of_order, ("order",), ("order",)),
    Fault(
        "sign of a tie",
        sign,
        ("sign", "pair", "detached"),
        ("ties", "sign", "detached"),
    ),
    Fault("shuffled column", shuffled, ("detached", "pair"), ("ties", "detached")),
    Fault("a fifth repeated", repeats(0.2), ("repeats",), ("repeats",)),
    Fault("every row twice", repeats(0.5), ("repeats",), ("repeats",)),
    Fault("five percent copied", copied(0.05), ("copies", "near copies"), ("copies",)),
    Fault("all copied", copied(1.0), ("copies",), ("copies", "nearer", "attacks")),
    Fault(
        "the richest copied",
        rich_copied,
        ("near copies", "extremes"),
        ("near copies", "extremes"),
    ),
    Fault("a new category", new_category, ("invented category",), ("absent category",)),
    Fault(
        "another case", other_case, ("invented category", "case"), ("absent category",)
    ),
    Fault("a lost category", lost_category, ("absent category",), ("absent category",)),
    Fault("decimals", blurred, ("decimals",), ("decimals",)),
    Fault("unreadable numbers", unreadable, ("unreadable",), ("unreadable", "missing")),
    Fault("another constant", constant, ("constant",), ("constant",)),
    Fault("no constant", constant_missing, ("constant", "missing"), ("constant",)),
    Fault(
        "keys copied",
        keys(lambda rows, rng: rows["email"]),
        ("copied text",),
        ("copied text", "copies"),
    ),
    Fault(
        "keys copied in capitals",
        keys(lambda rows, rng: rows["email"].str.upper() + " "),
        ("copied text",),
        ("copied text", "copies"),
    ),
    Fault(
        "keys all equal", keys(lambda rows, rng: "x@example.org"), ("keys",), ("keys",)
    ),
    Fault("keys missing", keys(lambda rows, rng: None), ("keys", "missing"), ("keys",)),
    Fault(
        "keys of another form",
        keys(lambda rows, rng: [f"{i:07d}" for i in range(len(rows))]),
        ("form of text",),
        ("form of text",),
    ),
    Fault("any hour", hours, ("time of day",), ("time of day",)),
    Fault("any weekday", weekdays, ("weekday",), ("weekday",)),
    Fault("tie of three columns", three_way, ("triple",), ("triple", "detached")),
)


# -- tables


def tables(data: Path | None) -> dict[str, Callable[[], Frame]]:
    """Name -> the rows of a table."""
    found: dict[str, Callable[[], Frame]] = {}
    for name in ("flights", "penguins", "anes96"):
        path = ROOT / "datasets" / name / f"{name}.csv"
        found[name] = lambda path=path: pd.read_csv(path)
    if data is not None:
        for path in sorted(data.glob("*/train.csv")):
            found[path.parent.name] = lambda path=path: pd.read_csv(path)
        for path in sorted((data / "messy").glob("*")):
            read = pd.read_parquet if path.suffix == ".parquet" else pd.read_csv
            found[path.stem] = lambda path=path, read=read: read(path)
    return found


def parts(table: Frame, seed: int) -> tuple[Frame, Frame, Frame | None]:
    """Training rows, rows that stand for synthetic ones, and a holdout if rows are left."""
    order = np.random.default_rng(seed).permutation(len(table))
    size = min(ROWS, len(table) // 3)
    train, rows, rest = np.split(order, [size, 2 * size])
    holdout = table.iloc[rest[:ROWS]].reset_index(drop=True)
    return (
        table.iloc[train].reset_index(drop=True),
        table.iloc[rows].reset_index(drop=True),
        holdout if len(holdout) >= 20 else None,
    )


# -- counting


def judge(
    name: str,
    data: Path | None,
    fault_name: str,
    seed: int,
    quick: bool = False,
) -> dict[str, Any] | None:
    """What the report says of one table with one fault; None where it cannot have it."""
    from synthtab import evaluate
    from synthtab.evaluation import METRICS

    metrics = None
    if quick:
        metrics = [m.name for m in METRICS if m.rule is not None or m.name in QUICK]
    fault = next(f for f in (*NO_FAULTS, *FAULTS) if f.name == fault_name)
    train, rows, holdout = parts(tables(data)[name](), seed)
    both = pd.concat(
        [train, rows, *([] if holdout is None else [holdout])], ignore_index=True
    )
    # Integers that become floats in one part alone are no fault that was planted.
    train = both.iloc[: len(train)].copy()
    rows = both.iloc[len(train) : len(train) + len(rows)].reset_index(drop=True).copy()
    planted = fault.plant(rows, train, np.random.default_rng(seed + 100))
    if planted is None:
        return None
    spoilt, columns = planted
    if holdout is not None:
        for column in train.columns.difference(holdout.columns):
            # A column that the fault brought: the holdout has it as the training table.
            holdout[column] = _like(train[column], len(holdout))
    began = time.perf_counter()
    report = evaluate(train, spoilt, holdout=holdout, seed=seed, metrics=metrics)
    alarms = [v for v in report.verdicts if v.level in ("bad", "fair")]
    goods = [v for v in report.verdicts if v.level == "good"]
    named = [
        v
        for v in alarms
        if v.rule in fault.rules
        and (not columns or not v.columns or set(columns) & set(v.columns))
    ]
    return {
        "table": name,
        "fault": fault_name,
        "seed": seed,
        "named": bool(named),
        "alarms": [f"{v.level}: {v.text}" for v in alarms],
        "bad": sum(v.level == "bad" for v in alarms),
        "contradicted": [v.text for v in goods if v.rule in fault.denied_by],
        "seconds": round(time.perf_counter() - began, 1),
    }


def _like(column: pd.Series, count: int) -> Any:
    """Cells for the holdout: as those of the training table, keys new ones."""
    if column.name == "email":
        return _addresses(count, np.random.default_rng(9))
    return column.sample(count, replace=True, random_state=0).to_numpy()


def summary(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The counts as lines."""
    for fault in NO_FAULTS:
        own = [r for r in results if r["fault"] == fault.name]
        if own:
            alarmed = sum(bool(r["alarms"]) for r in own)
            bad = sum(bool(r["bad"]) for r in own)
            yield f"{fault.name:<32} {alarmed} of {len(own)} reports with an alarm, {bad} with a bad one"
    totals = [0, 0, 0, 0]
    for planted in FAULTS:
        own = [r for r in results if r["fault"] == planted.name]
        if not own:
            continue
        named = sum(r["named"] for r in own)
        seen = sum(not r["named"] and bool(r["alarms"]) for r in own)
        good = len(own) - named - seen
        denied = sum(bool(r["contradicted"]) for r in own)
        counts = (len(own), named, seen, denied)
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        yield (
            f"{planted.name:<32} named {named:3d} of {len(own):3d}   seen {seen:3d}   "
            f"no word {good:3d}   called good {denied:3d}"
        )
    if totals[0]:
        yield (
            f"{'all faults':<32} named {totals[1]} of {totals[0]} "
            f"({totals[1] / totals[0]:.0%}), seen otherwise {totals[2]}, called good {totals[3]}"
        )
        seconds = statistics.median(r["seconds"] for r in results)
        yield f"{'seconds of a report, median':<32} {seconds:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a folder with more tables")
    parser.add_argument("--tables", nargs="+", help="only these")
    parser.add_argument("--faults", nargs="+", help="only these; their names")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="without detectors, models and attacks"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, help="a line of JSON for each report")
    args = parser.parse_args()
    names = args.tables or list(tables(args.data))
    faults = args.faults or [fault.name for fault in (*NO_FAULTS, *FAULTS)]
    jobs = [
        (n, args.data, f, s, args.quick)
        for s in range(args.seeds)
        for f in faults
        for n in names
    ]
    with ProcessPoolExecutor(args.jobs) as pool:
        found = list(pool.map(judge, *zip(*jobs, strict=True)))
    results = [result for result in found if result is not None]
    if args.out:
        args.out.write_text("".join(json.dumps(r) + "\n" for r in results))
    for line in summary(results):
        print(line)


if __name__ == "__main__":
    main()
