"""Bars of the hours and weekdays of timestamps, for the card of their column."""

from __future__ import annotations

from typing import Any

import numpy as np

from synthtab.data.columns.disclosure import people_of_values
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.metrics.timestamps import PARTS, dated
from synthtab.evaluation.naming import may_be_named
from synthtab.evaluation.report import svg
from synthtab.evaluation.views import Tables

# Part of a timestamp -> what stands below its bars.
TICKS = {
    "weekday": ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"),
    "time of day": ("0:00", "6:00", "12:00", "18:00", "24:00"),
}


def pictures(tables: Tables) -> dict[str, list[dict[str, Any]]]:
    """Column of dates -> a picture for each part in which its cells differ."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, part, real, synthetic in shares(tables):
        # Weekdays stand below the middles of their bars, hours between two.
        drawn = {
            "part": part,
            "picture": svg.bars(real.tolist(), synthetic.tolist()),
            "ticks": TICKS[part],
            "between": part != "weekday",
        }
        found.setdefault(name, []).append(drawn)
    return found


def shares(tables: Tables) -> list[tuple[str, str, Floats, Floats]]:
    """Column, part, and the shares of both tables of each level of it.

    A level that too few real rows have to be told counts as one that none has.
    """
    found = []
    people = tables.real.people
    for j, name, per_day in dated(tables):
        is_known = ~np.isnan(tables.real.numbers[:, j])
        real = tables.real.numbers[is_known, j]
        known_people = None if people is None else people[is_known]
        synthetic = known(tables.synthetic.numbers[:, j])
        for part in PARTS:
            if part.rule not in TICKS:
                continue
            levels = part.levels(real, per_day)
            counts = np.bincount(levels, minlength=part.size)
            others = np.bincount(part.levels(synthetic, per_day), minlength=part.size)
            if ((counts + others) > 0).sum() < 2:
                continue
            enough = may_be_named(people_of_values(levels, part.size, known_people))
            told = np.where(enough, counts, 0)
            one: Floats = told / max(len(real), 1)
            other: Floats = others / max(len(synthetic), 1)
            found.append((name, part.rule, one, other))
    return found
