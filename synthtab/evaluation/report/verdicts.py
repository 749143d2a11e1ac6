"""Plain sentences from scores: what is wrong with the rows, by name, and what is not.

A rule is one function and one line in `RULES`, or the `Metric.rule` of a metric. It
reads scores and their details, never the tables, and says nothing where its score is
absent. Its thresholds ask two things: is it more than chance, and is it worth a word.
The rules about single columns and pairs are here; `leaks` has those about copies and
privacy, `wholes` those about whole rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from synthtab.evaluation import chance
from synthtab.evaluation.metric import FamilyName, Metric, Score
from synthtab.evaluation.report.findings import (
    ABOUT_PEOPLE,
    LEVELS,
    OWN_SENTENCE,
    Evidence,
    Level,
    Verdict,
    beyond_floors,
    both,
    joined,
    listing,
    named_columns,
    quote,
    sentences,
    share,
)
from synthtab.evaluation.report.impossible import impossible
from synthtab.evaluation.report.leaks import (
    attacks,
    clinging,
    copies,
    drifting,
    near_copies,
    nearer,
    one_of_too_few,
    surely_found,
    unseen,
)
from synthtab.evaluation.report.wholes import detector, reach, usefulness

# A category is said to be absent, or new, if the chance of such a thing anywhere in the
# table is smaller than this.
RARE_CHANCE = 0.01
# A category of such a share of the rows matters, even where chance may explain it.
CATEGORY_MATTERS = 0.01
# Share of the rows whose rare words one table alone has, to be worth a word.
ALONE_WORTH = 0.005
# Percent of a column's numbers that may have decimals that no real one has.
OFF_GRID = 1.0
# Share of the least range that a perfect sampler reached in some draws: how far a table
# reaches is a matter of a few rows, thus of luck.
RANGE_FAIR = 0.5
# Percent by which a distribution is off: more than this is bad.
SHAPE_BAD = 10.0
# Points by which a share of missing cells must be off to be worth a word.
BLANKS_WORTH = 1.0
# The same where no real cell is missing.
NEVER_MISSING_WORTH = 0.3
# Percent of the rows with another pattern of missing cells to be worth a word.
PATTERNS_WORTH = 2.0
# Ties that are this many times as far off as those of a perfect sampler are worth a
# word.
TIES_FAIR = 2.5
# A tie must be this strong to be worth one's while; where the loss of such a tie would be
# luck, no pair is called good. Tables of 356 rows each tell it.
TIE_MATTERS = 0.3
# In standard errors, as in `association`.
TIE_SURE = 4.0
# Percent of the rows that chance alone moves, of the mean column: beyond it nobody knows
# whether columns are distributed as they should be.
SHAPE_UNKNOWN = 5.0

# Metrics whose own rules are about columns together.
OF_TIES = (
    "rank_correlation_error",
    "interaction_error",
    "group_error",
    "curve_error",
    "stray_rows",
    "impossible_rows",
)

Rule = Callable[[Evidence], Iterator[Verdict]]


def verdicts(
    scores: Sequence[Score],
    rows: Mapping[str, int],
    metrics: Sequence[Metric] = (),
) -> tuple[Verdict, ...]:
    """All verdicts, the bad ones first; within a level those about people, then in the
    order of the rules.

    Args:
        scores: The scores of a report.
        rows: Number of "real", "synthetic" and "holdout" rows.
        metrics: The metrics of these scores: a rule that a metric brings itself is read
            behind those of `RULES`.
    """
    evidence = Evidence(scores, rows, metrics)
    own_rules = [metric.rule for metric in metrics if metric.rule is not None]
    families: dict[Rule, FamilyName] = dict(FAMILY_OF_RULE)
    families |= {m.rule: m.family for m in metrics if m.rule is not None}
    found: list[Verdict] = []
    for rule in (*RULES, *own_rules):
        family = families.get(rule, "fidelity")
        found += [replace(verdict, family=family) for verdict in rule(evidence)]
    found = one_of_too_few(found)

    def rank(verdict: Verdict) -> tuple[int, bool]:
        return LEVELS.index(verdict.level), verdict.family not in ABOUT_PEOPLE

    # The sort is stable.
    return tuple(sorted(found, key=rank))


# --- columns together ----------------------------------------------------------------


def detached(evidence: Evidence) -> Iterator[Verdict]:
    """Columns, or their missing cells, that follow no other column any more.

    Evidence: the ties of the column that are strong in the real table are all lost. A
    column that was shuffled looks like this, although its own distribution is right.
    """
    score = evidence.get("association_error")
    if score is None:
        return
    faults = score.detail.get("detached", [])
    columns = [fault for fault in faults if not fault["missing"]]
    blank_cells = [fault for fault in faults if fault["missing"]]

    def about_column(fault: Mapping[str, Any]) -> str:
        name = quote(fault["column"])
        return (
            f"Column {name} does not follow the others, as if shuffled: "
            f"its tie to {_lost_tie(fault)}"
        )

    def about_blanks(fault: Mapping[str, Any]) -> str:
        name = quote(fault["column"])
        return (
            f"Missing cells of {name} are random, not as in the real table: "
            f"their tie to {_lost_tie(fault)}"
        )

    yield from sentences(
        columns,
        "detached",
        about_column,
        "columns do not follow the others, as if shuffled",
    )
    yield from sentences(
        blank_cells,
        "missing at random",
        about_blanks,
        "columns have missing cells at random, unlike the real table",
    )
    lost = score.detail.get("broken") or score.detail.get("invented")
    if faults or lost or _ties_are_off(evidence):
        return
    if not _few_rows(evidence):
        yield Verdict(
            "good", "Every column follows the others as it should", "detached"
        )


def _ties_are_off(evidence: Evidence) -> bool:
    """Whether anything is said, or kept for another sentence, about columns together."""
    groups = evidence.get("group_error")
    if groups is not None and any(
        groups.detail.get(kind) for kind in ("cells", "pairs", "inside", "within")
    ):
        return True
    return evidence.speaks(*OF_TIES)


def _few_rows(evidence: Evidence) -> bool:
    """Whether the loss of a tie that matters, or of a tenth of a value, would be luck."""
    return TIE_SURE * evidence.noise > TIE_MATTERS


def _lost_tie(fault: Mapping[str, Any]) -> str:
    """The strongest tie that was lost."""
    tie = fault["ties"][0]
    return (
        f"{quote(tie['column'])} fell from {tie['real']:.2f} to {tie['synthetic']:.2f}"
    )


def pairs(evidence: Evidence) -> Iterator[Verdict]:
    """Pairs of columns whose tie broke, pairs that should not be tied, and all
    together.

    Evidence: Cramér's V of the pair in both tables; for all together its mean error
    beside that of a perfect sampler.
    """
    score = evidence.get("association_error")
    if score is None:
        return
    broken = score.detail.get("broken", [])
    invented = score.detail.get("invented", [])

    def about_broken(fault: Mapping[str, Any]) -> str:
        return (
            f"The pair ({both(fault)}) is broken: its tie fell "
            f"from {fault['real']:.2f} to {fault['synthetic']:.2f}"
        )

    def about_invented(fault: Mapping[str, Any]) -> str:
        return (
            f"The pair ({both(fault)}) is tied too closely: "
            f"{fault['synthetic']:.2f}, in the real table {fault['real']:.2f}"
        )

    yield from sentences(
        broken,
        "pair",
        about_broken,
        "pairs of columns are broken",
        total=int(score.detail.get("number broken", len(broken))),
    )
    yield from sentences(
        invented,
        "invented tie",
        about_invented,
        "pairs of columns are tied too closely",
        level="fair",
    )
    if score.reference is None:
        return
    possible = score.reference.value
    figures = {"association_error": score.value, "beside it": possible}
    beside = (
        f"ties differ by {score.value:.2f} % on average "
        f"(a perfect sampler {possible:.2f} %)"
    )
    # Many small errors make no pair broken, but are one fault together.
    if score.value > max(TIES_FAIR * possible, possible + 1.0):
        text = f"The columns together are not as they should be: {beside}"
        yield Verdict("fair", text, "ties", (), figures)
    elif broken or invented or score.detail.get("detached") or _ties_are_off(evidence):
        return
    elif _few_rows(evidence):
        wanted = math.ceil(2 * (TIE_SURE / TIE_MATTERS) ** 2)
        text = (
            f"Whether pairs of columns are broken: there are too few rows to tell from "
            f"chance, {wanted:,} of each table would; {beside}"
        )
        yield Verdict("unknown", text, "ties", (), figures)
    else:
        text = f"No pair of columns is broken: {beside}"
        yield Verdict("good", text, "ties", (), figures)


# --- single columns ------------------------------------------------------------------


def shapes(evidence: Evidence) -> Iterator[Verdict]:
    """Columns whose distribution is off by more than chance.

    Evidence: the shape error of the column beside that of a perfect sampler.
    """
    score = evidence.get("shape_error")
    if score is None:
        return
    floors = score.detail.get("floors", {})
    faults = [
        {"column": name, "error": error, "floor": floors.get(name, 0.0)}
        for name, error in beyond_floors(score, evidence)
    ]
    named = {fault["column"] for fault in faults}
    faults += [fault for fault in _of_present(evidence) if fault["column"] not in named]

    def about_column(fault: Mapping[str, Any]) -> str:
        text = (
            f"Column {quote(fault['column'])} is distributed otherwise: "
            f"{fault['error']:.1f} % off, where chance explains {fault['floor']:.1f} %"
        )
        if "diluted" in fault:
            text += (
                f", of the cells that are there; {fault['diluted']:.1f} % with missing "
                "cells counted"
            )
        return text

    bad = [fault for fault in faults if fault["error"] > SHAPE_BAD]
    fair = [fault for fault in faults if fault["error"] <= SHAPE_BAD]
    many = "columns are distributed otherwise"
    yield from sentences(bad, "shape", about_column, many)
    yield from sentences(fair, "shape", about_column, many, level="fair")
    if not faults and not evidence.speaks(
        "level_error",
        "share_error",
        "impossible_values",
        "timestamp_error",
        "unreadable_cells",
    ):
        found = [evidence.get(name) for name in ("level_error", "share_error")]
        names = [n for s in found if s is not None for n in s.detail.get("unsure", ())]
        unsure = tuple(dict.fromkeys(names))
        if unsure:
            doubt = "distributed as they should be: there are too few rows to tell from chance"
            text = f"Whether {listing(unsure[:OWN_SENTENCE])} are {doubt}"
            own = dict.fromkeys(unsure, f"Whether its cells are {doubt}")
            yield Verdict("unknown", text, "shape", unsure, own=own)
            return
        reference = score.reference
        if reference is not None and reference.value > SHAPE_UNKNOWN:
            text = (
                "Whether every column is distributed as it should be: there are too few "
                f"rows to tell from chance, {score.value:.2f} % off on average (a perfect "
                f"sampler {reference.value:.2f} %)"
            )
            yield Verdict("unknown", text, "shape", (), {"shape_error": score.value})
            return
        text = f"Every column is distributed as it should be: {score.value:.2f} % off on average"
        if score.reference is not None:
            text += f" (a perfect sampler {score.reference.value:.2f} %)"
        yield Verdict("good", text, "shape", (), {"shape_error": score.value})


def _of_present(evidence: Evidence) -> list[dict[str, Any]]:
    """Columns that are off where their cells are there, by more than chance.

    Many missing cells dilute the error of the whole column.
    """
    score = evidence.get("shape_of_present")
    whole = evidence.get("shape_error")
    if score is None or whole is None:
        return []
    faults = []
    for name, rows in score.detail.get("rows", {}).items():
        error, floor = score.detail["columns"][name], score.detail["floors"][name]
        noise = math.sqrt(1 / rows[0] + 1 / rows[1])
        if error > max(1.0, 1.5 * floor + 150 * noise):
            diluted = whole.detail["columns"][name]
            fault = {"column": name, "error": error, "floor": floor}
            faults.append({**fault, "diluted": diluted})
    return faults


def decimals(evidence: Evidence) -> Iterator[Verdict]:
    """Numbers with decimals that no real one has, such as 40.03 hours.

    Evidence: the share of the column's synthetic numbers that lie off the grid on which
    all real ones lie.
    """
    score = evidence.get("off_grid")
    if score is None:
        return
    places = score.detail.get("decimals", {})
    faults = [
        {"column": name, "share": error / 100, "decimals": places.get(name, 0)}
        for name, error in score.detail.get("columns", {}).items()
        if error > OFF_GRID and _is_no_luck(score, name)
    ]

    def about_column(fault: Mapping[str, Any]) -> str:
        return (
            f"The real {quote(fault['column'])} {_grid(fault['decimals'])}; "
            f"{share(fault['share'])} of the synthetic ones are not"
        )

    yield from sentences(
        faults,
        "decimals",
        about_column,
        "columns have decimals that no real value has",
    )
    if not faults and not evidence.speaks(
        "unreadable_cells", "digit_error", "share_error"
    ):
        text = "Numbers are as whole, or have as few decimals, as the real ones"
        yield Verdict("good", text, "decimals")


def _is_no_luck(score: Score, name: str) -> bool:
    """Whether what is off in a column is off by more than luck in any of them."""
    luck = score.detail.get("luck", {})
    return bool(luck.get(name, 0.0) < chance.limit(len(luck)))


def _grid(places: int) -> str:
    """What numbers of so many decimals are; fewer than none are tens, hundreds, ..."""
    if places > 0:
        return f"values are of {places} decimal{'s' if places > 1 else ''} at most"
    if places == 0:
        return "values are whole numbers"
    return f"values are multiples of {10**-places:,}"


def heaps(evidence: Evidence) -> Iterator[Verdict]:
    """Values that many real rows share and few synthetic ones do, or the reverse.

    Evidence: the heap error of the column beside that of a perfect sampler, and the
    value that differs most. Such as 40 hours a week, blurred to 39 and 41.
    """
    score = evidence.get("heap_error")
    if score is None:
        return
    worst = score.detail.get("heaps", {})
    shares = evidence.get("share_error")
    # What is told of one value, by the rule about single values, is not told again.
    told: set[str] = set()
    if shares is not None:
        told = {fault["column"] for fault in shares.detail.get("faults", [])}
        told -= named_columns(evidence)
    unknown = {"value": math.nan, "real": 0.0, "synthetic": 0.0}
    faults = [
        {"column": name, "error": error, **worst.get(name, unknown)}
        for name, error in beyond_floors(score, evidence)
        if _is_no_luck(score, name) and name not in told
    ]

    def about_column(fault: Mapping[str, Any]) -> str:
        return (
            f"Column {quote(fault['column'])} repeats its values otherwise: "
            f"{fault['value']:g} fills {share(fault['real'])} of the real rows, "
            f"{share(fault['synthetic'])} of the synthetic ones"
        )

    yield from sentences(
        faults,
        "heap",
        about_column,
        "columns repeat their values otherwise",
        level="fair",
    )
    unsure = shares is not None and shares.detail.get("unsure")
    if (
        not faults
        and not unsure
        and not evidence.speaks("share_error", "level_error", "digit_error")
    ):
        text = "Values that many rows share occur as often as they should"
        if _few_rows(evidence):
            doubt = "Whether values that many rows share occur as often as they should"
            text = f"{doubt}: there are too few rows to tell from chance"
        yield Verdict("unknown" if _few_rows(evidence) else "good", text, "heap")


def categories(evidence: Evidence) -> Iterator[Verdict]:
    """Categories that never appear although they should, and such as no real row has.

    Evidence: the number of rows that have the category in the one table where it is.
    """
    score = evidence.get("category_coverage")
    if score is None:
        return
    real = evidence.rows["real"]
    synthetic = evidence.rows["synthetic"]
    absent = _as_list(score.detail.get("real rows", {}))
    invented = _as_list(score.detail.get("invented", {}))
    # Of a category that k of n rows have, m fresh rows have none with a probability of
    # about (n / (n + m))^k. Any category could have been the one that has none.
    tried = max(int(score.detail.get("categories", 0)), len(absent), len(invented), 1)
    of_real = real / (real + synthetic)
    of_synthetic = synthetic / (real + synthetic)
    by_luck = {
        **{id(c): of_real ** c["rows"] for c in absent},
        **{id(c): of_synthetic ** c["rows"] for c in invented},
    }
    # Without the others, there are too few rows to tell.
    unsure = [
        c
        for c in absent + invented
        if by_luck[id(c)] < chance.UNSURE or c["rows"] > CATEGORY_MATTERS * synthetic
    ]
    # What is written otherwise is a real word that its own rule names.
    spelt = _spelt_otherwise(evidence)
    each = {}
    for kind, found in (("absent", absent), ("invented", invented)):
        sure = [c for c in found if by_luck[id(c)] * tried < RARE_CHANCE]
        each[kind] = [c for c in sure if c["column"] not in spelt]
    several = {
        kind: [
            fault
            for fault in _several_alone(score, kind, found, evidence)
            if fault["column"] not in spelt | {c["column"] for c in each[kind]}
        ]
        for kind, found in (("absent", absent), ("invented", invented))
    }
    absent, invented = each["absent"], each["invented"]

    def about_absent(fault: Mapping[str, Any]) -> str:
        return (
            f"Category {quote(fault['category'])} of {quote(fault['column'])} "
            f"never appears: {fault['rows']:,} real rows "
            f"({share(fault['rows'] / real)}) have it"
        )

    def about_invented(fault: Mapping[str, Any]) -> str:
        return (
            f"Category {quote(fault['category'])} of {quote(fault['column'])} "
            f"is invented: {fault['rows']:,} rows "
            f"({share(fault['rows'] / synthetic)}) have it, no real row does"
        )

    yield from sentences(
        absent, "absent category", about_absent, "categories never appear"
    )
    yield from sentences(
        invented, "invented category", about_invented, "categories are invented"
    )
    yield from sentences(
        several["absent"],
        "absent category",
        _about_several_absent,
        "columns lack categories",
    )
    yield from sentences(
        several["invented"],
        "invented category",
        _about_several_invented,
        "columns have invented categories",
    )
    if (
        absent
        or invented
        or any(several.values())
        or evidence.speaks("other_spellings")
    ):
        return
    if unsure:
        names = tuple(dict.fromkeys(c["column"] for c in unsure))
        doubt = "are lacking or invented: there are too few rows to tell from chance"
        text = f"Whether categories of {listing(names[:OWN_SENTENCE])} {doubt}"
        own = dict.fromkeys(names, f"Whether categories {doubt}")
        yield Verdict("unknown", text, "absent category", names, own=own)
    else:
        text = "No category is lacking or invented beyond chance"
        yield Verdict("good", text, "absent category")


def _spelt_otherwise(evidence: Evidence) -> set[str]:
    score = evidence.get("other_spellings")
    if score is None:
        return set()
    return {fault["column"] for fault in score.detail.get("faults", [])}


def _several_alone(
    score: Score, kind: str, found: Sequence[Mapping[str, Any]], evidence: Evidence
) -> Iterator[dict[str, Any]]:
    """Columns with rare words that one table alone has, too many together for luck."""
    columns = score.detail.get("alone", {})
    limit = chance.limit(2 * len(columns))
    rows = evidence.rows["synthetic" if kind == "invented" else "real"]
    for name, alone in columns.items():
        part = alone[kind] / rows
        if part <= ALONE_WORTH or alone[f"luck of {kind}"] >= limit:
            continue
        words = [c["category"] for c in found if c["column"] == name]
        yield {"column": name, "share": part, "words": words[:OWN_SENTENCE]}


def _such_as(fault: Mapping[str, Any]) -> str:
    if not fault["words"]:
        return ""
    return f", such as {joined([quote(word, 24) for word in fault['words']])}"


def _about_several_absent(fault: Mapping[str, Any]) -> str:
    return (
        f"Of {quote(fault['column'])}, categories that {share(fault['share'])} of the "
        f"real rows have never appear{_such_as(fault)}"
    )


def _about_several_invented(fault: Mapping[str, Any]) -> str:
    return (
        f"{share(fault['share'])} of the rows have categories of "
        f"{quote(fault['column'])} that no real row has{_such_as(fault)}"
    )


def _as_list(rows_of: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """Column -> category -> rows, as a list, the commonest first."""
    cells = [
        {"column": name, "category": word, "rows": rows}
        for name, words in rows_of.items()
        for word, rows in words.items()
    ]
    return sorted(cells, key=lambda c: (-c["rows"], c["column"], c["category"]))


def ranges(evidence: Evidence) -> Iterator[Verdict]:
    """Numbers that reach over much less of their range than chance explains.

    Evidence: the covered share of the real range, beside the least that a perfect
    sampler covered in some draws.
    """
    score = evidence.get("range_coverage")
    if score is None:
        return
    least = score.detail.get("least", {})
    faults = [
        {"column": name, "covered": covered, "least": least[name]}
        for name, covered in score.detail.get("columns", {}).items()
        if name in least
        and covered < RANGE_FAIR * least[name]
        and _is_no_luck(score, name)
    ]

    def about_column(fault: Mapping[str, Any]) -> str:
        return (
            f"Column {quote(fault['column'])} reaches over "
            f"{share(fault['covered'])} of its real range only"
        )

    yield from sentences(
        faults,
        "range",
        about_column,
        "columns reach over a part of their real range only",
        level="fair",
    )


def blanks(evidence: Evidence) -> Iterator[Verdict]:
    """Columns with too many or too few missing cells.

    Evidence: the difference of their shares in both tables.
    """
    score = evidence.get("missing_error")
    if score is None:
        return
    faults = _wrong_blanks(score, evidence)
    counts = score.detail.get("counts", {})

    def about_column(fault: Mapping[str, Any]) -> str:
        name = quote(fault["column"])
        of_real, of_synthetic = counts.get(fault["column"], (1, 1))
        if of_real == 0:
            part = share(of_synthetic / evidence.rows["synthetic"])
            return f"{part} of the cells of {name} are missing, no real one is"
        return (
            f"The share of missing cells of {name} is {fault['error']:.1f} points off"
        )

    yield from sentences(
        faults,
        "missing",
        about_column,
        "columns have too many or too few missing cells",
    )
    if faults or evidence.speaks("unreadable_cells", "left_out_error"):
        return
    # Too few to be sure of, but not what real rows are like.
    new = [name for name, (real, other) in counts.items() if real == 0 < other]
    if new:
        text = (
            f"Some cells of {listing(new[:OWN_SENTENCE])} are missing, no real one is: "
            "too few to tell from chance"
        )
        alone = "Some cells are missing, no real one is: too few to tell from chance"
        own = dict.fromkeys(new, alone)
        yield Verdict("unknown", text, "missing", tuple(new), own=own)
        return
    unsure = [fault["column"] for fault in _wrong_blanks(score, evidence, sure=False)]
    if unsure:
        doubt = "missing as often as they should be: there are too few rows to tell from chance"
        text = f"Whether cells of {listing(unsure[:OWN_SENTENCE])} are {doubt}"
        own = dict.fromkeys(unsure, f"Whether its cells are {doubt}")
        yield Verdict("unknown", text, "missing", tuple(unsure), own=own)
        return
    yield Verdict("good", "As many cells are missing as should be", "missing")


def _wrong_blanks(
    score: Score, evidence: Evidence, sure: bool = True
) -> list[dict[str, Any]]:
    """Columns whose share of missing cells is off by more than chance, in points.

    Cells that cannot be read are not missing: another rule names them. If not ``sure``,
    those that cannot be told from chance, but are not called good either.
    """
    counts = score.detail.get("counts", {})
    # Only columns with missing cells can be off.
    limit = chance.limit(len(counts))
    if not sure:
        limit = chance.unsure(limit)
    unreadable = evidence.get("unreadable_cells")
    named = set()
    if unreadable is not None:
        named = {fault["column"] for fault in unreadable.detail.get("faults", [])}
    rows, real_rows = evidence.rows["synthetic"], evidence.rows["real"]
    faults = []
    for name, error in score.detail.get("columns", {}).items():
        of_real, of_synthetic = counts.get(name, (0, round(error / 100 * rows)))
        luck = chance.unlike(of_synthetic, rows, of_real, real_rows)
        worth = BLANKS_WORTH if of_real else NEVER_MISSING_WORTH
        if error > worth and luck < limit and name not in named:
            faults.append({"column": name, "error": error})
    return faults


def patterns(evidence: Evidence) -> Iterator[Verdict]:
    """Cells that are not missing together as they should be.

    Evidence: the shares of rows in which the same cells are missing, in both tables.
    Only where each column has as many missing cells as it should: otherwise they cannot
    be together as they should be, and `blanks` names the columns.
    """
    score = evidence.get("missing_patterns")
    if score is None or score.reference is None:
        return
    # One fault, one sentence: wrong shares of single columns make all patterns wrong.
    alone = evidence.get("missing_error")
    if alone is not None and _wrong_blanks(alone, evidence):
        return
    possible = score.reference.value
    surely_off = score.detail.get("luck", 0.0) < chance.limit(1)
    worth = max(PATTERNS_WORTH, 1.5 * possible)
    if score.value <= worth or not surely_off:
        return
    text = "Cells are not missing together as in real rows"
    columns: tuple[str, ...] = ()
    worst = _worst_pattern(score)
    if worst is not None:
        columns = tuple(worst["missing"])
        names = listing(columns[:OWN_SENTENCE])
        if len(columns) > OWN_SENTENCE:
            names += " and others"
        text += (
            f"; {names} in {share(worst['synthetic'])} of the rows, "
            f"in {share(worst['real'])} of the real ones"
        )
    level: Level = "bad" if score.value > SHAPE_BAD else "fair"
    figures = {"missing_patterns": score.value, "beside it": possible}
    yield Verdict(level, text, "missing together", columns, figures)


def _worst_pattern(score: Score) -> Mapping[str, Any] | None:
    """Of the patterns of several columns, the one whose share differs most."""
    of_several = [
        pattern
        for pattern in score.detail.get("patterns", ())
        if len(pattern["missing"]) > 1
    ]
    return max(
        of_several,
        key=lambda pattern: abs(pattern["real"] - pattern["synthetic"]),
        default=None,
    )


# The order in which verdicts of one level are read: what would harm people first, then
# the columns, then whole rows and what they are good for.
RULES: tuple[Rule, ...] = (
    copies,
    near_copies,
    nearer,
    clinging,
    attacks,
    surely_found,
    drifting,
    unseen,
    impossible,
    detached,
    pairs,
    categories,
    shapes,
    decimals,
    heaps,
    blanks,
    patterns,
    ranges,
    reach,
    detector,
    usefulness,
)
# What the rules are about that are not about fidelity.
FAMILY_OF_RULE: Mapping[Rule, FamilyName] = {
    copies: "copying",
    near_copies: "copying",
    nearer: "copying",
    clinging: "copying",
    attacks: "privacy",
    surely_found: "privacy",
    drifting: "privacy",
    unseen: "privacy",
    categories: "coverage",
    ranges: "coverage",
    reach: "coverage",
    detector: "detection",
    usefulness: "utility",
}
