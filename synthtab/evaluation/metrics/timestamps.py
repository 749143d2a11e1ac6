"""Do timestamps come at the hours, on the weekdays and at the intervals of real ones?

The distribution of the instants themselves hardly changes if all of them move by a few
hours; nobody would miss that rows come at three in the morning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import ks_2samp

from synthtab.core.randomness import Streams
from synthtab.data.columns.dates import MONDAY, PER_DAY
from synthtab.evaluation import chance
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.floors import total_variation_floor
from synthtab.evaluation.metric import (
    MIN_ROWS,
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.metrics.fidelity import largest_first
from synthtab.evaluation.report.findings import Evidence, Verdict, quote, sentences
from synthtab.evaluation.views import Tables

Levels = npt.NDArray[np.int64]

# Percent of the rows that are at another hour, or on another day, to be worth a word.
WORTH = 5.0
# Share of the rows at hours and on days when no real row is.
NEVER_WORTH = 0.01
# Largest difference of two distributions of gaps to be worth a word, in percent.
GAPS_WORTH = 15.0
WEEKDAYS = (
    "Mondays",
    "Tuesdays",
    "Wednesdays",
    "Thursdays",
    "Fridays",
    "Saturdays",
    "Sundays",
)
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True)
class Part:
    """A part of a timestamp.

    Attributes:
        rule: Name of the rule about it.
        size: Number of its levels.
        levels: ``(numbers, numbers of a day) -> levels``.
        called: What a level is called.
        lap: Days until it comes again.
    """

    rule: str
    size: int
    levels: Callable[[Floats, int], Levels]
    called: Callable[[int], str]
    lap: float


def _weekday(values: Floats, per_day: int) -> Levels:
    """0 is Monday."""
    return (np.floor(values / per_day).astype(np.int64) + MONDAY) % 7


def _hour(values: Floats, per_day: int) -> Levels:
    return np.floor(np.mod(values, per_day) * 24 / per_day).astype(np.int64)


def _minute(values: Floats, per_day: int) -> Levels:
    return np.floor(np.mod(values, per_day) * 1440 / per_day).astype(np.int64) % 60


def _second(values: Floats, per_day: int) -> Levels:
    return np.floor(np.mod(values, per_day) * 86_400 / per_day).astype(np.int64) % 60


def _dates(values: Floats, per_day: int) -> npt.NDArray[np.datetime64]:
    return np.floor(values / per_day).astype("datetime64[D]")


def _day(values: Floats, per_day: int) -> Levels:
    """0 is the first of the month."""
    days = _dates(values, per_day)
    return (days - days.astype("datetime64[M]")).astype(np.int64)


def _month(values: Floats, per_day: int) -> Levels:
    """0 is January."""
    return _dates(values, per_day).astype("datetime64[M]").astype(np.int64) % 12


WEEKDAY = Part("weekday", 7, _weekday, lambda level: f"on {WEEKDAYS[level]}", 7.0)
HOUR = Part(
    "time of day", 24, _hour, lambda level: f"from {level}:00 to {level}:59", 1.0
)
MONTH = Part("month", 12, _month, lambda level: f"in {MONTHS[level]}", 365.25)
PARTS = (
    WEEKDAY,
    HOUR,
    Part("minute", 60, _minute, lambda level: f"at minute {level} of the hour", 1 / 24),
    Part(
        "second",
        60,
        _second,
        lambda level: f"at second {level} of the minute",
        1 / 1440,
    ),
    Part("day of the month", 31, _day, lambda level: f"on day {level + 1}", 30.4),
    MONTH,
)


def timestamp_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over dates and parts of the total variation ½ Σ |p - p'|, times 100.

    The parts are the weekday, hour, minute, second, day of the month and month, where
    they differ in either table. From 0, which is best, to 100. The floor is that of a bootstrap of the
    real rows, in closed form. The detail names those that are off by more than chance,
    and dates whose gaps are.
    """
    errors: dict[str, float] = {}
    floors: list[float] = []
    faults: list[dict[str, Any]] = []
    columns = dated(tables)
    limit = chance.limit((len(PARTS) + 1) * len(columns))
    for j, name, per_day in columns:
        real = known(tables.real.numbers[:, j])
        synthetic = known(tables.synthetic.numbers[:, j])
        if min(len(real), len(synthetic)) < MIN_ROWS:
            continue
        for part in PARTS:
            counts = np.bincount(part.levels(real, per_day), minlength=part.size)
            others = np.bincount(part.levels(synthetic, per_day), minlength=part.size)
            if ((counts + others) > 0).sum() < 2:
                continue
            p, q = counts / len(real), others / len(synthetic)
            error = 50 * float(np.abs(p - q).sum())
            errors[f"{name}, {part.rule}"] = error
            floors.append(100 * total_variation_floor(p, len(synthetic)))
            luck = chance.unlike_shares(others, counts)
            if part is HOUR and error <= WORTH:
                # A little later everywhere: no hour says it, all of them do.
                hours = ks_2samp(
                    np.mod(real, per_day), np.mod(synthetic, per_day), method="asymp"
                )
                error, luck = 100 * float(hours.statistic), float(hours.pvalue)
            worst = int(np.argmax(np.abs(p - q)))
            never = counts == 0
            if not (error > WORTH and luck < limit) and q[never].sum() > NEVER_WORTH:
                # Some rows come when no real one does.
                error = 100 * float(q[never].sum())
                luck = chance.only_here(others, counts, len(synthetic), len(real))
                worst = int(np.argmax(np.where(never, q, -1.0)))
                if luck >= limit:
                    continue
            elif error <= WORTH or luck >= limit:
                continue
            fault = {"level": part.called(worst), "error": error}
            shares = {"real": float(p[worst]), "synthetic": float(q[worst])}
            faults.append({"column": name, "rule": part.rule, **fault, **shares})
        faults += _gaps(name, real, synthetic, limit, streams)
    if not errors:
        raise Skip("no column is dates")
    return Outcome(
        float(np.mean(list(errors.values()))),
        Reference(float(np.mean(floors)), PERFECT_SAMPLER),
        n=len(tables.synthetic),
        detail={"columns": largest_first(errors), "faults": faults},
    )


def dated(tables: Tables) -> list[tuple[int, str, int]]:
    """Position, name and numbers of a day of each column of dates."""
    found = []
    for j, name in enumerate(tables.numeric):
        column = tables.columns.get(name)
        if column is not None and column.kind == "datetime":
            per_day = PER_DAY.get(column.options.get("unit", "s"))
            if per_day is not None:
                found.append((j, name, per_day))
    return found


def _gaps(
    name: str, real: Floats, synthetic: Floats, limit: float, streams: Streams
) -> list[dict[str, Any]]:
    """Whether instants follow each other at other intervals, of as many rows."""
    size = min(len(real), len(synthetic))
    rng = streams.numpy("gaps")
    one, other = (
        np.diff(np.sort(rng.permutation(values)[:size])) for values in (real, synthetic)
    )
    found = ks_2samp(one, other, method="asymp")
    if 100 * found.statistic <= GAPS_WORTH or found.pvalue >= limit:
        return []
    repeated = {
        "real": float((one == 0).mean()),
        "synthetic": float((other == 0).mean()),
    }
    error = 100 * float(found.statistic)
    return [{"column": name, "rule": "gaps", "error": error, **repeated}]


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Timestamps at other hours, on other weekdays, or at other intervals.

    Evidence: the shares of the weekdays and hours in both tables, and the gaps between
    instants in their order.
    """
    score = evidence.get("timestamp_error")
    if score is None:
        return
    for kind, about, many in (
        ("weekday", _about_part, "columns have other weekdays"),
        ("time of day", _about_part, "columns have other times of day"),
        ("minute", _about_part, "columns have other minutes"),
        ("second", _about_part, "columns have other seconds"),
        ("day of the month", _about_part, "columns have other days of the month"),
        ("month", _about_part, "columns have other months"),
        ("gaps", _about_gaps, "columns have other gaps between their instants"),
    ):
        faults = [f for f in score.detail.get("faults", []) if f["rule"] == kind]
        # The hour that is off takes the minutes with it.
        name = "time of day" if kind in ("minute", "second") else kind
        level = "fair" if kind == "gaps" else "bad"
        yield from sentences(faults, name, about, many, level=level)


CALLED = {
    "weekday": "weekdays",
    "day of the month": "days of the month",
    "month": "months",
}


def _about_part(fault: Mapping[str, Any]) -> str:
    return (
        f"The {CALLED.get(fault['rule'], 'times')} of "
        f"{quote(fault['column'])} are not the real ones: "
        f"{100 * fault['synthetic']:.1f} % are {fault['level']}, "
        f"of the real ones {100 * fault['real']:.1f} %"
    )


def _about_gaps(fault: Mapping[str, Any]) -> str:
    return (
        f"The gaps between instants of {quote(fault['column'])} are not the real ones, "
        f"{fault['error']:.0f} % off: {100 * fault['synthetic']:.1f} % follow one that "
        f"is equal, of the real ones {100 * fault['real']:.1f} %"
    )


TIMESTAMPS = Metric(
    "timestamp_error",
    "Hours and weekdays",
    "how far weekdays and times of day are from the real ones; 0 = the same",
    "fidelity",
    "lower",
    timestamp_error,
    (0.0, 100.0),
    "%",
    like="shape_error",
    rule=rule,
)
