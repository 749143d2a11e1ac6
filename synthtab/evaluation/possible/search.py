"""The search for relations in real rows.

Each kind of relation has a function that yields `Found`: the relation, how many rows
break it, and how many would by chance. By chance means always the same: one of its
columns shuffled. Where a relation is learnt from the rows themselves (combinations,
bounds), a row counts as one that breaks it if the relation, learnt without the row,
would call it one.

A relation is one if hardly any row breaks it and many would by chance. All relations
together may call so few real rows impossible (`BUDGET`): the strongest ones come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from synthtab.data.constraints import FORMS, Search
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.metrics.grain import decimals_of
from synthtab.evaluation.possible.fields import (
    PARTS,
    Between,
    Coding,
    Except,
    Field,
    Ints,
    Mask,
    Part,
    Plain,
    Sheet,
    is_whole,
    names,
)
from synthtab.evaluation.possible.plan import Plan, coded, no_such_days
from synthtab.evaluation.possible.relations import (
    Bounds,
    Exists,
    Held,
    Linear,
    NeverTwice,
    Only,
    Order,
    PartOfDate,
    Relation,
    Span,
    Together,
    keys,
    numbers_table,
)
from synthtab.evaluation.report.findings import quote
from synthtab.evaluation.report.text import shorten

# Rows in which relations are looked for; and those of them for what is tried in very
# many combinations.
SEARCH_ROWS = 20_000
FEWER_ROWS = 6_000

# Most of the rows that may break a relation.
EXCEPTIONS = 0.005
# So many rows would break it by chance, and so many times fewer do.
EVIDENCE = 20.0
LIFT = 20.0
# What is learnt from the rows is broken by fewer, and so many times less often.
EXCEPTIONS_LEARNT = 0.002
LIFT_LEARNT = 50.0
# Of all combinations that never occur, so many rows would have one by chance: then each
# of them is impossible, however rare by chance.
NEVER_BY_CHANCE = 0.05
# A code counts as known if it has so many rows; bounds need more.
KNOWN_ROWS = 5
ROWS_OF_BOUNDS = 30
# Rows of a code that a relation may be about alone, and most codes of such a column.
ROWS_OF_ONLY = 50
MOST_ONLY = 30
# An order that holds of one code alone is broken in such a share of all rows, and in so
# many times as many as of the code.
LEAST_ELSEWHERE = 0.02
ELSEWHERE = 10.0
# Bounds lie beyond the outermost value by such a part of its distance to the median,
# unless so many rows share it.
SLACK = 0.25
SHARED = 5
# Distinct values of a number that has bounds; fewer are codes. Most values of a number
# on which they depend; and the least share of all numbers that lie beyond one.
VALUES_OF_BOUNDS = 60
MOST_DEPENDED_ON = 100
BEYOND_BOUND = 0.1
# Most pairs of codes in one table of counts.
MOST_CELLS = 200_000
# All relations together call so few of the real rows impossible, as far as can be
# foreseen; a relation that no row breaks costs so many rows.
BUDGET = 0.01
COST = 0.2
MOST_RELATIONS = 400
# Forms of constraints that are about numbers alone, and most columns among which they
# are looked for.
FORMS_OF_NUMBERS = ("equation", "one_hot")
MOST_ADDED = 50
CHUNK = 128
# Numbers that follow from a weighted sum: rows that have all of them, the share of the
# rows that must have each, its distinct values, most summands.
ROWS_OF_LINES = 50
MOSTLY = 0.9
VALUES_OF_LINES = 8
MOST_SUMMANDS = 6
# Shares of the rows that are fitted again, those that fit best.
FIT_SHARES = (0.95, 0.9, 0.9)
# In deviations of the column: a weight below it is none; how near a sum must be; and
# the slack of rounding with which it says something.
LEAST_WEIGHT = 1e-2
CLOSE_LINES = 1e-6
WORTH_LINES = 0.05
Pair = tuple[Field, Field]


@dataclass(frozen=True)
class Found:
    """A relation that real rows hold.

    Attributes:
        relation: The relation.
        rows: Rows of which it speaks.
        broken: Those that break it.
        by_chance: Those that would by chance.
    """

    relation: Relation
    rows: float
    broken: float
    by_chance: float

    @property
    def cost(self) -> float:
        return self.broken + COST

    @property
    def strength(self) -> float:
        return self.by_chance / self.cost


def _is_one(rows: float, broken: float, by_chance: float) -> bool:
    """Whether so few exceptions among so many by chance make a relation."""
    return (
        by_chance >= EVIDENCE
        and broken <= EXCEPTIONS * rows
        and broken * LIFT <= by_chance
    )


def find(sheet: Sheet, rng: np.random.Generator) -> list[Relation]:
    """The relations of a table, the strongest first.

    Args:
        sheet: Real rows.
        rng: Chooses the rows that are looked at, and what is shuffled.
    """
    part = sheet.some(SEARCH_ROWS, rng)
    plan = Plan.of(part)
    found: list[Found] = []
    with np.errstate(all="ignore"):
        found += _existing(part, plan)
        found += _forms(part, plan, rng)
        # What is a sum of two is told as one.
        told = {frozenset(one.relation.columns) for one in found}
        lines = _lines(part, plan, rng)
        found += [one for one in lines if frozenset(one.relation.columns) not in told]
        found += _spans(part, plan, rng)
        found += _parts(part, plan)
        found += _days_of_year(part, plan, rng)
        found += _orders(part, plan, rng)
        found += _together(part, plan)
        found += _bounds(part, plan)
        found += _keys(part, plan)
    # The sort is stable.
    found.sort(key=lambda one: -one.strength)
    left = BUDGET * len(part)
    relations = []
    for one in found[:MOST_RELATIONS]:
        if one.cost <= left:
            left -= one.cost
            relations.append(one.relation)
    return relations


# -- Dates that exist


def _existing(sheet: Sheet, plan: Plan) -> Iterator[Found]:
    for date in plan.spread:
        broken, by_chance = no_such_days(sheet, date)
        rows = int(date.given(sheet).sum())
        if _is_one(rows, broken, by_chance):
            what = names(date.columns)
            says = f"the date of {what} exists"
            fault = f"a date that does not exist in {what}"
            yield Found(
                Exists(date.columns, says, fault, None, date), rows, broken, by_chance
            )


# -- Orders


def _orders(sheet: Sheet, plan: Plan, rng: np.random.Generator) -> Iterator[Found]:
    """Pairs of fields in one order: in all rows, but for one value, or of one code."""
    pairs = _comparable_pairs(sheet, plan)
    if not pairs:
        return
    held: set[Pair] = set()
    # Pair -> the share of all rows that break it.
    overall: dict[Pair, float] = {}
    for pair, one in _orders_of(sheet, pairs, plan, None, rng, overall):
        held.add(pair)
        yield one
    but_for = [
        (low, high)
        for low, high in _pairs_but_for_a_value(sheet, pairs)
        if (_bare(low), _bare(high)) not in held
    ]
    for pair, one in _orders_of(sheet, but_for, plan, None, rng):
        held.add((_bare(pair[0]), _bare(pair[1])))
        yield one
    some = sheet.some(FEWER_ROWS, rng)
    others = [
        pair for pair in pairs if pair not in held and overall[pair] >= LEAST_ELSEWHERE
    ]
    for only in _conditions(some, plan):
        rows = np.flatnonzero(only.rows(some))
        of_code = Sheet(some.tables, some.view.take(rows))
        apart = [
            (low, high)
            for low, high in others
            if not {*low.columns, *high.columns} & {*only.coding.columns}
        ]
        scale = len(sheet) / len(some)
        for pair, one in _orders_of(of_code, apart, plan, only, rng):
            # What nearly holds of all rows, the code has no part in.
            if one.broken * ELSEWHERE > overall[pair] * one.rows:
                continue
            yield replace(
                one,
                rows=one.rows * scale,
                broken=one.broken * scale,
                by_chance=one.by_chance * scale,
            )


def _bare(field: Field) -> Field:
    return field.inner if isinstance(field, Except) else field


def _comparable_pairs(sheet: Sheet, plan: Plan) -> list[Pair]:
    """All fields with all of their measure, and spans of dates with counts."""
    pairs: list[Pair] = []
    for group in plan.groups.values():
        # What holds between columns of 0 and 1 are rules.
        fields = [field for field in group if _is_varied(sheet, field)]
        for low in fields:
            for high in fields:
                if not {*low.columns} & {*high.columns}:
                    pairs.append((low, high))
    years = _years(sheet, plan)
    for date in plan.dates:
        of_date = Part(date.columns, f"the year of {date.said}", date, "year")
        for year in years:
            if not {*year.columns} & {*date.columns}:
                pairs += [(year, of_date), (of_date, year)]
    for start in plan.dates:
        for end in plan.dates:
            if not {*start.columns} & {*end.columns}:
                for count in plan.counts:
                    pairs.append((_between(start, end, "D"), count))
    return pairs


def _is_varied(sheet: Sheet, field: Field) -> bool:
    """Whether a field has more than two values."""
    there = known(sheet.numbers(field))
    return bool(len(there) and ((there > there.min()) & (there < there.max())).any())


def _years(sheet: Sheet, plan: Plan) -> list[Field]:
    """Numbers that may be years; some of them may be 0."""
    years = []
    parts = {name for date in plan.spread for name in date.columns}
    for field in plan.groups.get("number", []):
        if parts & {*field.columns}:
            continue
        there = known(sheet.numbers(field))
        there = there[there != 0]
        if len(there) and there.min() >= 1500 and there.max() <= 2200:
            years.append(field)
    return years


def _between(start: Field, end: Field, unit: str) -> Between:
    what = {"D": "days", "h": "hours", "m": "minutes"}[unit]
    said = f"the {what} from {start.said} to {end.said}"
    return Between((*start.columns, *end.columns), said, start, end, unit)


def _pairs_but_for_a_value(sheet: Sheet, pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Pairs of which one is looked at without its commonest value, such as 0."""
    without: dict[Field, Except | None] = {}
    for pair in pairs:
        for field in pair:
            if field not in without:
                without[field] = _without_commonest(sheet, field)
    for low, high in pairs:
        fewer_low, fewer_high = without[low], without[high]
        if fewer_low is not None:
            yield fewer_low, high
        if fewer_high is not None:
            yield low, fewer_high


def _without_commonest(sheet: Sheet, field: Field) -> Except | None:
    if not isinstance(field, Plain):
        return None
    values, counts = np.unique(known(sheet.numbers(field)), return_counts=True)
    # A value that means something else lies at an end, as 0 and 9999 do.
    ends = (0, len(values) - 1)
    if (
        len(values) < 3
        or counts.argmax() not in ends
        or counts.max() < 0.05 * len(sheet)
    ):
        return None
    value = float(values[counts.argmax()])
    said = f"{field.said} (other than {value:g})"
    return Except(field.columns, said, field, value)


def _orders_of(
    sheet: Sheet,
    pairs: Sequence[Pair],
    plan: Plan,
    only: Only | None,
    rng: np.random.Generator,
    overall: dict[Pair, float] | None = None,
) -> Iterator[tuple[Pair, Found]]:
    """Pairs of which the first is hardly ever the greater one, though by chance it is.

    Args:
        sheet: The rows.
        pairs: The pairs that are looked at.
        plan: Says which of them are dates.
        only: What the rows have in common.
        rng: For what is shuffled.
        overall: Is filled with the share of the rows in which each pair is broken.
    """
    shuffled = rng.permutation(len(sheet))
    for start in range(0, len(pairs), CHUNK):
        some = pairs[start : start + CHUNK]
        low = np.column_stack([sheet.numbers(pair[0]) for pair in some])
        high = np.column_stack([sheet.numbers(pair[1]) for pair in some])
        gaps = high - low
        broken = (gaps < 0).sum(axis=0)
        rows = (~np.isnan(gaps)).sum(axis=0)
        equal = (gaps == 0).sum(axis=0)
        if overall is not None:
            overall |= zip(some, broken / np.maximum(rows, 1), strict=True)
        likely = np.flatnonzero((broken <= EXCEPTIONS * rows) & (equal < rows))
        for k in likely.tolist():
            by_chance = int((low[shuffled, k] > high[:, k]).sum())
            if _is_one(int(rows[k]), int(broken[k]), by_chance):
                low_field, high_field = some[k]
                relation = _order(low_field, high_field, plan, only)
                counts = int(rows[k]), int(broken[k]), by_chance
                yield some[k], Found(relation, *counts)


def _order(low: Field, high: Field, plan: Plan, only: Only | None) -> Order:
    columns = _columns(low, high, only)
    where = "" if only is None else str(only)
    if low in plan.dates and high in plan.dates:
        says = f"{low.said} is not after {high.said}{where}"
        fault = f"{high.said} before {low.said}{where}"
    else:
        says = f"{low.said} <= {high.said}{where}"
        fault = f"{low.said} above {high.said}{where}"
    return Order(columns, says, fault, only, low, high)


def _columns(*parts: Field | Coding | Only | None) -> tuple[str, ...]:
    """The columns of all of these, each once."""
    columns: list[str] = []
    for part in parts:
        if part is not None:
            columns += part.coding.columns if isinstance(part, Only) else part.columns
    return tuple(dict.fromkeys(columns))


def _conditions(sheet: Sheet, plan: Plan) -> Iterator[Only]:
    """Codes with rows enough for relations of their own."""
    for coding in plan.codings:
        counts = np.bincount(sheet.codes(coding), minlength=coding.size)
        frequent = np.flatnonzero(counts >= ROWS_OF_ONLY)
        # Of a column with one code only, all rows have it.
        few = coding.size - 2 <= MOST_ONLY
        if coding.full and few and len(frequent) >= 2:
            for code in frequent:
                if code != coding.size - 2:
                    yield Only(coding, int(code))


# -- Sums and products of numbers


def _forms(sheet: Sheet, plan: Plan, rng: np.random.Generator) -> Iterator[Found]:
    """Sums, differences, products, times of day, flags: as constraints are found."""
    fields = tuple(plan.groups.get("number", ())[:MOST_ADDED])
    if len(fields) < 2:
        return
    table = numbers_table(sheet, fields)
    fewer = np.sort(rng.permutation(len(table))[:FEWER_ROWS])
    search = Search(table.take(fewer), rng)
    for name in FORMS_OF_NUMBERS:
        for form in FORMS[name].find(search):
            search.found.append(form)
            applies = form.applies(table)
            broken = int((applies & ~form.holds(table)).sum())
            # Flags hold together: each of them is shuffled.
            alone = form.columns if name == "one_hot" else form.columns[:1]
            shuffled = table.shuffled(rng, alone)
            by_chance = int((form.applies(shuffled) & ~form.holds(shuffled)).sum())
            rows = int(applies.sum())
            if _is_one(rows, broken, by_chance):
                own = tuple(f for f in fields if f.columns[0] in form.columns)
                schema = replace(
                    table.schema,
                    columns=tuple(
                        column
                        for column in table.schema.columns
                        if column.name in form.columns
                    ),
                )
                fault = f"{quote(str(form), 72)} does not hold"
                relation = Held(form.columns, str(form), fault, None, form, own, schema)
                yield Found(relation, rows, broken, by_chance)


# -- Numbers that follow from others


def _lines(sheet: Sheet, plan: Plan, rng: np.random.Generator) -> Iterator[Found]:
    """Weighted sums: units that are converted, shares that add up to 100.

    Each number is fitted by those before it that do not follow from others (least squares,
    twice again without the rows that fit worst); what counts next to nothing is left out.
    """
    some = sheet.some(FEWER_ROWS, rng)
    fields, cells = _dense(some, plan)
    if len(fields) < 2 or len(cells) < ROWS_OF_LINES:
        return
    units = np.array([_unit(column) for column in cells.T])
    deviations = cells.std(axis=0)
    scale = len(sheet) / len(some)
    free: list[int] = []
    for j in range(len(fields)):
        line = _line(cells, j, free, units, deviations)
        if line is None:
            free.append(j)
            continue
        which, weights, total, slack = line
        own = tuple(fields[k] for k in which)
        says = _says_line([field.said for field in own], weights, total)
        fault = f"{shorten(says, 72)} does not hold"
        columns = tuple(field.columns[0] for field in own)
        relation = Linear(columns, says, fault, None, own, weights, total, slack)
        broken = float(relation.breaks(some).sum()) * scale
        mixed = cells[:, which].copy()
        mixed[:, -1] = rng.permutation(mixed[:, -1])
        by_chance = float((np.abs(mixed @ weights - total) > slack).sum()) * scale
        if _is_one(len(cells) * scale, broken, by_chance):
            yield Found(relation, len(cells) * scale, broken, by_chance)


def _dense(sheet: Sheet, plan: Plan) -> tuple[list[Field], Floats]:
    """Numbers that are mostly there and vary, and the rows that have all of them."""
    fields = []
    for field in plan.groups.get("number", ())[:MOST_ADDED]:
        values = sheet.numbers(field)
        there = known(values)
        if (
            len(there) > MOSTLY * len(values)
            and len(np.unique(there)) > VALUES_OF_LINES
        ):
            fields.append(field)
    if not fields:
        return [], np.empty((0, 0))
    cells = np.column_stack([sheet.numbers(field) for field in fields])
    return fields, cells[~np.isnan(cells).any(axis=1)]


def _unit(values: Floats) -> float:
    """The last decimal of a column; 0 if it has too many."""
    places = decimals_of(values)
    return 0.0 if places is None else 10.0**-places


def _line(
    cells: Floats, j: int, free: list[int], units: Floats, deviations: Floats
) -> tuple[list[int], Floats, float, float] | None:
    """Columns, weights, total and slack of what a column follows from; None if nothing."""
    which = list(free)
    for _ in range(2):
        if not which:
            return None
        inputs = np.column_stack(
            [cells[:, which] / deviations[which], np.ones(len(cells))]
        )
        kept = np.arange(len(cells))
        for share in FIT_SHARES:
            found = np.linalg.lstsq(inputs[kept], cells[kept, j], rcond=None)[0]
            off = np.abs(inputs @ found - cells[:, j])
            kept = np.argsort(off, kind="stable")[: max(int(share * len(cells)), 2)]
        counts = np.abs(found[:-1]) > LEAST_WEIGHT * deviations[j]
        which = [k for k, counted in zip(which, counts, strict=True) if counted]
    if not which or len(which) > MOST_SUMMANDS:
        return None
    weights = found[:-1][counts] / deviations[which] if counts.all() else None
    if weights is None:
        return None
    total = float(found[-1])
    whole = np.rint(weights)
    if np.allclose(weights, whole, rtol=1e-3, atol=0.0):
        weights = whole
        total = float(np.median(cells[:, j] - cells[:, which] @ weights))
    off = np.abs(cells[:, j] - cells[:, which] @ weights - total)
    # As written, or but for rounding.
    slack = CLOSE_LINES * float(deviations[j])
    if np.mean(off <= slack) < 1 - EXCEPTIONS:
        slack += units[j] / 2 + float(np.abs(weights) @ units[which]) / 2
    holds = np.mean(off <= slack) >= 1 - EXCEPTIONS
    if not holds or slack > WORTH_LINES * deviations[j]:
        return None
    # What it follows from, less the column itself, is the total.
    return [*which, j], np.append(-weights, 1.0), total, slack


def _says_line(said: Sequence[str], weights: Floats, total: float) -> str:
    """``'c' = 2 * 'a' - 'b' + 3``; the last one is what follows from the others."""
    parts = []
    summands = zip(said[:-1], -weights[:-1], strict=True)
    # The sort is stable: what is added comes before what is taken off.
    for name, weight in sorted(summands, key=lambda one: one[1] < 0):
        sign = "-" if weight < 0 else "+"
        times = "" if abs(abs(weight) - 1) < 1e-9 else f"{abs(weight):.4g} * "
        parts.append(f"{sign} {times}{name}")
    if abs(total) > 1e-6 * max(1.0, abs(total)):
        parts.append(f"{'-' if total < 0 else '+'} {abs(total):.6g}")
    return f"{said[-1]} = {' '.join(parts).removeprefix('+ ')}"


# -- Dates that follow from a date and counts


def _spans(sheet: Sheet, plan: Plan, rng: np.random.Generator) -> Iterator[Found]:
    """A date that is another one plus counts, in all rows or in those of one code."""
    some = sheet.some(FEWER_ROWS, rng)
    scale = len(sheet) / len(some)
    sets: list[tuple[Field, ...]] = [()]
    for size in (1, 2, 3):
        sets += combinations(plan.counts, size)
    sums = [np.sum([some.numbers(p) for p in parts], axis=0) for parts in sets[1:]]
    added = np.column_stack([np.zeros(len(some)), *sums])
    conditions = [None, *_conditions(some, plan)]
    for start in plan.dates:
        for end in plan.dates:
            if {*start.columns} & {*end.columns}:
                continue
            both_timed = start in plan.with_time and end in plan.with_time
            for unit in ("D", "h", "m") if both_timed else ("D",):
                span = _between(start, end, unit)
                yield from _span_of(some, span, sets, added, conditions, rng, scale)


def _span_of(
    sheet: Sheet,
    span: Between,
    sets: Sequence[tuple[Field, ...]],
    added: Floats,
    conditions: Sequence[Only | None],
    rng: np.random.Generator,
    scale: float,
) -> Iterator[Found]:
    """Sums of counts that are the span between two dates."""
    gap = sheet.numbers(span)
    holds = np.abs(gap[:, None] - added) <= SPAN_SLACK[span.unit]
    there = ~np.isnan(gap[:, None] + added)
    for only in conditions:
        of_code = np.ones(len(sheet), dtype=bool) if only is None else only.rows(sheet)
        rows = there[of_code].sum(axis=0)
        held = holds[of_code].sum(axis=0)
        good = np.flatnonzero(
            (rows - held <= EXCEPTIONS * rows) & (rows >= ROWS_OF_ONLY)
        )
        if not len(good):
            continue
        # Of several the one that fails least; of these, that of the fewest counts.
        failing = (rows - held)[good] / rows[good]
        sizes = [len(sets[k]) for k in good.tolist()]
        k = int(good[np.lexsort((sizes, failing))[0]])
        # Beside the ends of other rows.
        ends = rng.permutation(sheet.numbers(span.end)[of_code])
        other_gap = span.of(sheet.numbers(span.start)[of_code], ends)
        wrong = np.abs(other_gap - added[of_code, k]) > SPAN_SLACK[span.unit]
        counts = int(rows[k]), int(rows[k] - held[k]), int(wrong.sum())
        if not _is_one(*counts):
            continue
        columns = _columns(span, *sets[k], only)
        where = "" if only is None else str(only)
        plus = "".join(f" + {part.said}" for part in sets[k])
        relation = Span(
            columns,
            f"{span.end.said} = {span.start.said}{plus}{where}",
            f"{span.end.said} is not {span.start.said}{plus}{where}",
            only,
            span,
            sets[k],
            SPAN_SLACK[span.unit],
        )
        yield Found(relation, *(scale * count for count in counts))
        if only is None:
            # It holds of every code, too.
            return


SPAN_SLACK = {"D": 1e-6, "h": 1e-2, "m": 0.5}


# -- Parts of dates


def _parts(sheet: Sheet, plan: Plan) -> Iterator[Found]:
    """Columns that are the year, month, weekday, ... of a date, however written."""
    for date in plan.dates:
        parts = [*PARTS, "hour"] if date in plan.with_time else [*PARTS]
        codings = []
        for part in parts:
            if part != "day of the year":
                field = Part(date.columns, f"the {part} of {date.said}", date, part)
                coding = coded(sheet, field)
                if coding is not None and coding.full:
                    codings.append(coding)
        for target in plan.codings:
            if {*target.columns} & {*date.columns} or not target.full:
                continue
            for coding in codings:
                one = _following(sheet, coding, target)
                if one is not None:
                    yield one
                    break


def _days_of_year(
    sheet: Sheet, plan: Plan, rng: np.random.Generator
) -> Iterator[Found]:
    """Columns that are the day of the year of a date: too many values for codes."""
    for field in plan.groups.get("number", []):
        values = sheet.numbers(field)
        there = known(values)
        if not len(there) or there.max() <= 300 or not is_whole(there, 1, 366).all():
            continue
        for date in plan.dates:
            if {*date.columns} & {*field.columns}:
                continue
            what = f"the day of the year of {date.said}"
            day = Part(date.columns, what, date, "day of the year")
            off = values - sheet.numbers(day)
            by_chance = rng.permutation(values) - sheet.numbers(day)
            counts = (~np.isnan(off)).sum(), (np.abs(off) > 0).sum()
            rows, broken, wrong = (*counts, (np.abs(by_chance) > 0).sum())
            if _is_one(rows, broken, wrong):
                columns = _columns(field, day)
                fault = f"{field.said} is not {what}"
                relation = Span(
                    columns, f"{field.said} = {what}", fault, None, field, (day,), 0.5
                )
                yield Found(relation, float(rows), float(broken), float(wrong))


def _following(sheet: Sheet, coding: Coding, target: Coding) -> Found | None:
    """The target, if it follows from the codes of a part of a date."""
    counts = _counted(sheet, coding, target)
    # Neither other values nor missing ones are of a date.
    counts[-2:] = 0
    counts[:, -2:] = 0
    of_code = counts.sum(axis=1)
    is_known = of_code >= KNOWN_ROWS
    commonest = counts.argmax(axis=1)
    never = np.repeat(is_known[:, None], target.size, axis=1)
    never[np.arange(coding.size), commonest] = False
    never[:, -1:] = False
    broken = int(counts[never].sum())
    by_chance = float(_expected(counts)[never].sum())
    if not _is_one(int(of_code.sum()), broken, by_chance):
        return None
    columns = _columns(target, coding)
    says = f"{target.said} follows from {coding.said}"
    fault = f"{target.said} is not that of {coding.said}"
    relation = PartOfDate(columns, says, fault, None, coding, target, never)
    return Found(relation, int(of_code.sum()), broken, by_chance)


# -- Codes that never occur together


def _counted(sheet: Sheet, first: Coding, second: Coding) -> Ints:
    """``[codes, codes]``: how many rows have which codes."""
    codes = sheet.codes(first) * second.size + sheet.codes(second)
    counts = np.bincount(codes, minlength=first.size * second.size)
    return counts.reshape(first.size, second.size)


def _expected(counts: Ints) -> Floats:
    """How many rows would have which codes by chance."""
    rows = max(int(counts.sum()), 1)
    expected: Floats = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / rows
    return expected


def _together(sheet: Sheet, plan: Plan) -> Iterator[Found]:
    """Combinations of two codes that never occur: rules, codes and their names."""
    for first, second in combinations(plan.codings, 2):
        if {*first.columns} & {*second.columns}:
            continue
        if first.size * second.size <= MOST_CELLS:
            one = _never(sheet, first, second)
            if one is not None:
                yield one


def _never(sheet: Sheet, first: Coding, second: Coding) -> Found | None:
    """The combinations of two columns that are impossible, if there are any."""
    counts = _counted(sheet, first, second)
    rows = len(sheet)
    known_codes = np.outer(
        _known(counts.sum(axis=1), first), _known(counts.sum(axis=0), second)
    )
    expected = _expected(counts) * known_codes
    # By itself: chance would have made many rows of it.
    sure = (expected >= EVIDENCE) & (counts <= EXCEPTIONS * expected)
    # Together: hardly a row is the only one of its combination, thus few are still to
    # come (Good 1953).
    unseen = known_codes & (counts == 0)
    alone = int((known_codes & (counts == 1)).sum())
    by_chance = float(expected[unseen].sum())
    all_unseen = (
        by_chance >= max(NEVER_BY_CHANCE * rows, EVIDENCE)
        and alone <= EXCEPTIONS_LEARNT * rows
        and alone * LIFT_LEARNT <= by_chance
    )
    never = sure | unseen if all_unseen else sure
    if not never.any():
        return None
    # Without its only row, a combination would be one of them.
    lonely = (counts == 1) & ((expected >= EVIDENCE) | (all_unseen & known_codes))
    broken = int(counts[never].sum() + (lonely & ~never).sum())
    by_chance = float(expected[never].sum())
    if broken > EXCEPTIONS_LEARNT * rows or broken * LIFT_LEARNT > by_chance:
        return None
    relation = _never_together(first, second, never, counts, known_codes)
    return Found(relation, rows, broken, by_chance)


def _known(rows_of: Ints, coding: Coding) -> Mask:
    """``[codes]``: which have rows enough to say something of them."""
    is_known = rows_of >= KNOWN_ROWS
    if coding.full:
        is_known[-2] = False
    return is_known


def _never_together(
    first: Coding,
    second: Coding,
    never: Mask,
    counts: Ints,
    known_codes: Mask,
) -> Together:
    columns = _columns(first, second)
    for one, other, by_one, told in (
        (first, second, never, known_codes),
        (second, first, never.T, known_codes.T),
    ):
        # Of each code only one code of the other column remains.
        left = (told & ~by_one).sum(axis=1)[told.any(axis=1)]
        if other.full and len(left) and left.max() == 1:
            says = f"{other.said} follows from {one.said}"
            fault = f"{other.said} is not that of {one.said}"
            return Together(columns, says, fault, None, first, second, never)
    what = f"{first.said} and {second.said}"
    says = f"{what} go together as in real rows"
    if never.sum() == 1:
        i, j = (int(place[0]) for place in np.nonzero(never))
        fault = f"{first.said} {first.words[i]} with {second.said} {second.words[j]}"
        says = f"never {fault}"
    else:
        fault = f"{what} in a combination that never occurs"
    return Together(columns, says, fault, None, first, second, never)


# -- Numbers within bounds that depend on a code


def _bounds(sheet: Sheet, plan: Plan) -> Iterator[Found]:
    """Numbers that lie within bounds of a code: places within their zip code."""
    fields = [field for group in plan.groups.values() for field in group]
    for field in fields:
        values = sheet.numbers(field)
        if len(np.unique(known(values))) <= VALUES_OF_BOUNDS:
            continue
        by_value = np.argsort(values, kind="stable")
        for coding in plan.codings:
            many = coding.field is not None and coding.size - 2 > MOST_DEPENDED_ON
            if not many and not {*coding.columns} & {*field.columns}:
                one = _bounded(sheet, field, coding, values, by_value)
                if one is not None:
                    yield one


def _bounded(
    sheet: Sheet, field: Field, coding: Coding, values: Floats, by_value: Ints
) -> Found | None:
    """The bounds of a number, if they say something."""
    codes = sheet.codes(coding)
    there = ~np.isnan(values)
    if coding.full:
        there &= codes != coding.size - 2
    order = by_value[there[by_value]]
    order = order[np.argsort(codes[order], kind="stable")]
    counts = np.bincount(codes[order], minlength=coding.size)
    wide = np.flatnonzero(counts >= ROWS_OF_BOUNDS)
    if len(wide) < 1 or not len(order):
        return None
    starts = (np.cumsum(counts) - counts)[wide]
    ends = starts + counts[wide] - 1
    cells = values[order]
    everything = np.sort(values[there])
    middle = cells[(starts + ends) // 2]
    least = np.full(coding.size, -np.inf)
    most = np.full(coding.size, np.inf)
    broken = 0.0
    by_chance = 0.0
    for sign, outer, inward, bounds in ((-1, starts, 1, least), (1, ends, -1, most)):
        end = cells[outer]
        bound = _beyond(end, middle, end == cells[outer + inward * (SHARED - 1)])
        second = cells[outer + inward]
        without = _beyond(second, middle, second == cells[outer + inward * SHARED])
        beyond = (
            np.searchsorted(everything, bound, "left")
            if sign < 0
            else len(everything) - np.searchsorted(everything, bound, "right")
        )
        share = beyond / len(everything)
        chance_rows = counts[wide] * share
        says = (chance_rows >= EVIDENCE) & (share >= BEYOND_BOUND)
        bounds[wide[says]] = bound[says]
        by_chance += float(chance_rows[says].sum())
        broken += float((sign * (end - without) > 0)[says].sum())
    rows = int(counts[wide].sum())
    if by_chance < EVIDENCE or broken * LIFT_LEARNT > by_chance:
        return None
    if broken > EXCEPTIONS_LEARNT * rows:
        return None
    relation = Bounds(
        _columns(coding, field),
        f"{field.said} lies within the range of its {coding.said}",
        f"{field.said} outside the range of its {coding.said}",
        None,
        coding,
        field,
        least,
        most,
    )
    return Found(relation, rows, broken, by_chance)


def _beyond(end: Floats, middle: Floats, shared: Mask) -> Floats:
    """A bound a little beyond the outermost value, or at it if rows share it."""
    return np.where(shared, end, end + SLACK * (end - middle))


# -- Keys of two columns


def _keys(sheet: Sheet, plan: Plan) -> Iterator[Found]:
    """Two columns whose cells never repeat together, though each repeats by itself."""
    parts: list[Field | Coding] = [c for c in plan.codings if c.full]
    covered = {c.columns for c in plan.codings if c.full}
    parts += [
        field
        for group in plan.groups.values()
        for field in group
        if field.columns not in covered
    ]
    ids = {id(part): _ids(keys(sheet, part)[:, 0]) for part in parts}
    pairs_of = {key: _equal_pairs(numbers) for key, numbers in ids.items()}
    for first, second in combinations(parts, 2):
        if {*first.columns} & {*second.columns}:
            continue
        one, other = ids[id(first)], ids[id(second)]
        there = (one >= 0) & (other >= 0)
        rows = int(there.sum())
        all_pairs = rows * (rows - 1) / 2
        by_chance = pairs_of[id(first)] * pairs_of[id(second)] / max(all_pairs, 1.0)
        if rows < 0.95 * len(sheet) or by_chance < 2 * EVIDENCE:
            continue
        both = one[there] * (other.max() + 1) + other[there]
        if len(np.unique(both)) < rows:
            continue
        what = f"{first.said} and {second.said}"
        relation = NeverTwice(
            _columns(first, second),
            f"no two rows have the same {what}",
            f"two rows with the same {what}",
            None,
            first,
            second,
            len(sheet.tables.real),
        )
        yield Found(relation, rows, 0, by_chance)


def _ids(cells: Floats) -> npt.NDArray[np.int64]:
    """``[rows]``: a number for each distinct cell, -1 where it is missing."""
    _, ids = np.unique(cells, return_inverse=True)
    return np.where(np.isnan(cells), -1, ids).astype(np.int64)


def _equal_pairs(ids: npt.NDArray[np.int64]) -> float:
    """How many pairs of rows are equal."""
    counts = np.bincount(ids[ids >= 0]).astype(np.float64)
    return float((counts * (counts - 1) / 2).sum())
