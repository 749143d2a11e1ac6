"""Plain sentences from scores: what is wrong with the rows, by name, and what is not.

A rule is one function and one line in `RULES`. It reads scores and their details, never the tables,
and says nothing where its score is absent. Thresholds ask two things: is it more than chance, and
is it worth a word.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from synthtab.evaluation.findings import (
    EACH,
    LEVELS,
    Findings,
    Verdict,
    both,
    listing,
    quote,
    several,
    share,
)
from synthtab.evaluation.leaks import (
    attacks,
    clinging,
    copies,
    near_copies,
    nearer,
    surely_found,
    unseen,
)
from synthtab.evaluation.metric import Score
from synthtab.evaluation.wholes import detector, reach, usefulness

RARE_CHANCE = (
    0.01  # of a category being absent, or new, by chance anywhere in the table
)
OFF_GRID = 1.0
RANGE_FAIR = 0.5  # of the least that a perfect sampler reached in some draws: tails are a matter of luck
SHAPE_BAD = 10.0
TIES_FAIR = 2.5  # times a perfect sampler


Rule = Callable[[Findings], Iterator[Verdict]]


def verdicts(scores: Sequence[Score], rows: Mapping[str, int]) -> tuple[Verdict, ...]:
    """All verdicts, the bad ones first; within a level in the order of `RULES`."""
    found = [verdict for rule in RULES for verdict in rule(Findings(scores, rows))]
    return tuple(sorted(found, key=lambda v: LEVELS.index(v.level)))


# --- columns together ------------------------------------------------------------------------------


def detached(f: Findings) -> Iterator[Verdict]:
    """Columns, and missing cells, that follow no other column any more."""
    score = f.get("association_error")
    if score is None:
        return
    found = score.detail.get("detached", [])
    columns = [item for item in found if not item["missing"]]
    blanks = [item for item in found if item["missing"]]
    yield from several(
        columns,
        "detached",
        lambda c: (
            f"Column {quote(c['column'])} does not follow the others, as if shuffled: its tie to {_best(c)}"
        ),
        "columns do not follow the others, as if shuffled",
    )
    yield from several(
        blanks,
        "missing at random",
        lambda c: (
            f"Missing cells of {quote(c['column'])} are random, not as in the real table: their tie to {_best(c)}"
        ),
        "columns have missing cells at random, unlike the real table",
    )
    if not found:
        yield Verdict(
            "good", "Every column follows the others as it should", "detached"
        )


def pairs(f: Findings) -> Iterator[Verdict]:
    """Pairs of columns whose tie broke, or that should not be tied."""
    score = f.get("association_error")
    if score is None:
        return
    broken, invented = score.detail.get("broken", []), score.detail.get("invented", [])
    yield from several(
        broken,
        "pair",
        lambda p: (
            f"The pair ({both(p)}) is broken: its tie fell from {p['real']:.2f} to {p['synthetic']:.2f}"
        ),
        "pairs of columns are broken",
        total=int(score.detail.get("number broken", len(broken))),
    )
    yield from several(
        invented,
        "invented tie",
        lambda p: (
            f"The pair ({both(p)}) is tied too closely: {p['synthetic']:.2f}, in the real table {p['real']:.2f}"
        ),
        "pairs of columns are tied too closely",
        level="fair",
    )
    if score.reference is None:
        return
    beside = f"ties differ by {score.value:.2f} % on average (a perfect sampler {score.reference.value:.2f} %)"
    figures = {"association_error": score.value, "beside it": score.reference.value}
    if score.value > max(
        TIES_FAIR * score.reference.value, score.reference.value + 1.0
    ):
        yield Verdict(
            "fair",
            f"The columns together are not as they should be: {beside}",
            "ties",
            (),
            figures,
        )
    elif not broken and not invented:
        yield Verdict(
            "good", f"No pair of columns is broken: {beside}", "ties", (), figures
        )


# --- single columns --------------------------------------------------------------------------------


def shapes(f: Findings) -> Iterator[Verdict]:
    """Columns whose distribution is off by more than chance."""
    score = f.get("shape_error")
    if score is None:
        return
    floors = score.detail.get("floors", {})
    off = [
        {"column": name, "error": error, "floor": floors.get(name, 0.0)}
        for name, error in score.detail.get("columns", {}).items()
        if error > max(1.0, 1.5 * floors.get(name, 0.0) + 150 * f.noise)
    ]
    for level in ("bad", "fair"):
        yield from several(
            [c for c in off if (c["error"] > SHAPE_BAD) == (level == "bad")],
            "shape",
            lambda c: (
                f"Column {quote(c['column'])} is distributed otherwise: {c['error']:.1f} % off, "
                f"where chance explains {c['floor']:.1f} %"
            ),
            "columns are distributed otherwise",
            level=level,
        )
    if not off:
        reference = (
            ""
            if score.reference is None
            else f" (a perfect sampler {score.reference.value:.2f} %)"
        )
        text = f"Every column is distributed as it should be: {score.value:.2f} % off on average{reference}"
        yield Verdict("good", text, "shape", (), {"shape_error": score.value})


def decimals(f: Findings) -> Iterator[Verdict]:
    """Numbers with decimals that no real one has."""
    score = f.get("off_grid")
    if score is None:
        return
    grid = score.detail.get("decimals", {})
    off = [
        {"column": name, "share": error / 100, "decimals": grid.get(name, 0)}
        for name, error in score.detail.get("columns", {}).items()
        if error > OFF_GRID
    ]
    yield from several(
        off,
        "decimals",
        lambda c: (
            f"The real {quote(c['column'])} {_grid(c['decimals'])}; {share(c['share'])} of the synthetic ones are not"
        ),
        "columns have decimals that no real value has",
    )
    if not off:
        yield Verdict(
            "good",
            "Numbers are as whole, or have as few decimals, as the real ones",
            "decimals",
        )


def heaps(f: Findings) -> Iterator[Verdict]:
    """Values that many real rows share and few synthetic ones do, or the reverse."""
    score = f.get("heap_error")
    if score is None:
        return
    floors, worst = score.detail.get("floors", {}), score.detail.get("heaps", {})
    off = [
        {
            "column": name,
            "error": error,
            **worst.get(name, {"value": math.nan, "real": 0.0, "synthetic": 0.0}),
        }
        for name, error in score.detail.get("columns", {}).items()
        if error > max(1.0, 1.5 * floors.get(name, 0.0) + 150 * f.noise)
    ]
    yield from several(
        off,
        "heap",
        lambda c: (
            f"Column {quote(c['column'])} repeats its values otherwise: {c['value']:g} fills {share(c['real'])} "
            f"of the real rows, {share(c['synthetic'])} of the synthetic ones"
        ),
        "columns repeat their values otherwise",
        level="fair",
    )
    if not off:
        yield Verdict(
            "good", "Values that many rows share occur as often as they should", "heap"
        )


def categories(f: Findings) -> Iterator[Verdict]:
    """Categories that never appear although they should, and such as no real row has."""
    score = f.get("category_coverage")
    if score is None:
        return
    n, m = f.rows["real"], f.rows["synthetic"]
    absent, invented = (
        _cells(score.detail.get(key, {})) for key in ("real rows", "invented")
    )
    # Of a category with k of n real rows, m fresh rows have none with a probability of about (n / (n + m))^k; and
    # any of them could have been the one that has none.
    tried = max(int(score.detail.get("categories", 0)), len(absent), len(invented), 1)
    absent = [c for c in absent if (n / (n + m)) ** c["rows"] * tried < RARE_CHANCE]
    invented = [c for c in invented if (m / (n + m)) ** c["rows"] * tried < RARE_CHANCE]
    yield from several(
        absent,
        "absent category",
        lambda c: (
            f"Category {quote(c['category'])} of {quote(c['column'])} never appears: "
            f"{c['rows']:,} real rows ({share(c['rows'] / n)}) have it"
        ),
        "categories never appear",
    )
    yield from several(
        invented,
        "invented category",
        lambda c: (
            f"Category {quote(c['category'])} of {quote(c['column'])} is invented: "
            f"{c['rows']:,} rows ({share(c['rows'] / m)}) have it, no real row does"
        ),
        "categories are invented",
    )
    if not absent and not invented:
        yield Verdict(
            "good",
            "No category is lacking or invented beyond chance",
            "absent category",
        )


def ranges(f: Findings) -> Iterator[Verdict]:
    """Numbers that reach over much less of their range than chance explains."""
    score = f.get("range_coverage")
    if score is None:
        return
    least = score.detail.get("least", {})
    short = [
        {"column": name, "covered": covered, "least": least[name]}
        for name, covered in score.detail.get("columns", {}).items()
        if name in least and covered < RANGE_FAIR * least[name]
    ]
    yield from several(
        short,
        "range",
        lambda c: (
            f"Column {quote(c['column'])} reaches over {share(c['covered'])} of its real range only"
        ),
        "columns reach over a part of their real range only",
        level="fair",
    )


def blanks(f: Findings) -> Iterator[Verdict]:
    """Columns with too many or too few missing cells."""
    score = f.get("missing_error")
    if score is None:
        return
    chance = max(1.0, 200 * f.noise)
    off = [
        {"column": n, "error": e}
        for n, e in score.detail.get("columns", {}).items()
        if e > chance
    ]
    yield from several(
        off,
        "missing",
        lambda c: (
            f"The share of missing cells of {quote(c['column'])} is {c['error']:.1f} points off"
        ),
        "columns have too many or too few missing cells",
    )
    if not off:
        yield Verdict("good", "As many cells are missing as should be", "missing")


def patterns(f: Findings) -> Iterator[Verdict]:
    """Cells that are not missing together as they should be, although each column has as many as it should."""
    score, alone = f.get("missing_patterns"), f.get("missing_error")
    if score is None or score.reference is None:
        return
    chance = max(1.0, 200 * f.noise)
    if alone is not None and any(
        error > chance for error in alone.detail.get("columns", {}).values()
    ):
        return  # then they cannot be together as they should be, and `blanks` names the columns
    if score.value <= max(2.0, 1.5 * score.reference.value + 150 * f.noise):
        return
    off = [
        {
            "columns": found["missing"],
            "real": found["real"],
            "synthetic": found["synthetic"],
        }
        for found in score.detail.get("patterns", ())
        if len(found["missing"]) > 1
    ]
    worst = max(off, key=lambda p: abs(p["real"] - p["synthetic"]), default=None)
    because = ""
    if worst is not None:
        names = listing(worst["columns"][:EACH]) + (
            " and others" if len(worst["columns"]) > EACH else ""
        )
        because = f"; {names} in {share(worst['synthetic'])} of the rows, in {share(worst['real'])} of the real ones"
    text = f"Cells are not missing together as in real rows{because}"
    figures = {"missing_patterns": score.value, "beside it": score.reference.value}
    columns = () if worst is None else tuple(worst["columns"])
    yield Verdict(
        "bad" if score.value > SHAPE_BAD else "fair",
        text,
        "missing together",
        columns,
        figures,
    )


RULES: tuple[Rule, ...] = (
    copies,
    near_copies,
    nearer,
    clinging,
    attacks,
    surely_found,
    unseen,
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


def _best(item: Mapping[str, Any]) -> str:
    """The strongest tie that was lost."""
    tie = item["ties"][0]
    return (
        f"{quote(tie['column'])} fell from {tie['real']:.2f} to {tie['synthetic']:.2f}"
    )


def _grid(decimals: int) -> str:
    if decimals > 0:
        return f"values are of {decimals} decimal{'s' if decimals > 1 else ''} at most"
    return (
        "values are whole numbers"
        if decimals == 0
        else f"values are multiples of {10**-decimals:,}"
    )


def _cells(found: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """Column -> category -> rows, as a list, the commonest first."""
    cells = [
        {"column": name, "category": word, "rows": rows}
        for name, words in found.items()
        for word, rows in words.items()
    ]
    return sorted(cells, key=lambda c: (-c["rows"], c["column"], c["category"]))
