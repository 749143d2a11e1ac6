"""Do keys, names and addresses of the training table come back?

Columns of such text are left out of all comparisons of rows: a generator may write
everybody's e-mail beside invented cells, and no distance would know.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scipy.stats import poisson

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip
from synthtab.evaluation.metrics.fidelity import largest_first
from synthtab.evaluation.metrics.spelling import bare_text
from synthtab.evaluation.report.findings import (
    Evidence,
    Verdict,
    quote,
    sentences,
    share,
)
from synthtab.evaluation.views import LeftOut, Tables, Texts

# So many of the texts, or so many texts, must be copies to be worth a word.
WORTH = 0.005
WORTH_ROWS = 5
# Numbers of which so many of the possible ones are taken are counted, and equal by that.
COUNTED = 0.5
# Of texts made up at random, so many times more may be equal.
GUESS = 3.0
# Of so many real texts without an equal pair, an equal pair is no chance.
FEWEST_KEYS = 100


def copied_text(tables: Tables, streams: Streams) -> Outcome:
    """Share of identifying texts that are a training row's, the largest of any column.

    Equal but for case and space. Columns of keys, names and free text are looked at.
    From 0, which is best, to 1. Beside it: the same share of the holdout's texts or,
    without a holdout, of the real texts that occur more than once.
    """
    shares: dict[str, float] = {}
    beside: dict[str, float] = {}
    faults: list[dict[str, Any]] = []
    columns = {name: c for name, c in tables.bare.items() if _identifies(c)}
    for name, column in columns.items():
        real = _bare(column.real)
        synthetic = _bare(column.synthetic)
        if not synthetic:
            continue
        known = set(real)
        copies = [text for text in synthetic if text in known]
        count, rows = _by_chance(tables, column, real)
        shares[name] = len(copies) / len(synthetic)
        beside[name] = count / rows
        if not copies:
            continue
        by_luck = max(
            float(chance.more(len(copies), len(synthetic), count, rows)),
            _by_guess(len(copies), synthetic, real),
        )
        many = _is_worth_a_word(len(copies), len(synthetic), beside[name])
        if many and by_luck < chance.limit(len(columns)):
            exact = set(column.real) - {None}
            same = sum(text in exact for text in column.synthetic if text is not None)
            fault = {"share": shares[name], "real": beside[name]}
            faults.append({"column": name, "exact": same / len(synthetic), **fault})
        elif _is_no_coincidence(copies, synthetic, real, count):
            fault = {"share": shares[name], "real": 0.0, "rows": len(copies)}
            faults.append({"column": name, "exact": shares[name], **fault})
    if not shares:
        raise Skip("no column of keys or texts")
    worst = max(shares, key=lambda name: (shares[name], name))
    label = "real texts, repeated" if tables.holdout is None else "holdout rows"
    return Outcome(
        shares[worst],
        Reference(beside[worst], label),
        n=len(tables.synthetic),
        detail={"columns": largest_first(shares), "faults": faults},
    )


def _identifies(column: LeftOut) -> bool:
    """Whether the texts differ from row to row, and are not just numbers in turn."""
    real = _bare(column.real)
    distinct = set(real)
    if len(distinct) <= 1:
        return False
    if not all(text.isdecimal() for text in distinct):
        return True
    numbers = [int(text) for text in distinct]
    return len(numbers) < COUNTED * (max(numbers) - min(numbers) + 1)


def _bare(texts: Texts) -> list[str]:
    """The texts that are there, without case, spaces and marks."""
    return [_letters(text) for text in texts if text is not None]


def _letters(text: str) -> str:
    """Letters and digits alone, in small letters; a text that has none as it is."""
    return re.sub(r"[\W_]", "", text).casefold() or bare_text(text)


def _by_chance(tables: Tables, column: LeftOut, real: Sequence[str]) -> tuple[int, int]:
    """Texts that were not learnt and equal a real one, and of how many."""
    if column.holdout is not None and tables.holdout is not None:
        # Rows of the holdout that were learnt are no longer in its view.
        rows = tables.holdout.positions
        others = _bare(column.holdout if rows is None else column.holdout[rows])
        known = set(real)
        return sum(text in known for text in others), max(len(others), 1)
    counts = Counter(real)
    return sum(count for count in counts.values() if count > 1), max(len(real), 1)


def _by_guess(copies: int, synthetic: Sequence[str], real: Sequence[str]) -> float:
    """How often so many texts of the real patterns, drawn at random, are real ones.

    There are a thousand numbers of three digits: a table may have most of them.
    """
    taken = Counter(_pattern(text) for text in set(real))
    expected = 0.0
    for text in synthetic:
        pattern = _pattern(text)
        expected += min(taken[pattern] / _possible(pattern), 1.0)
    return float(poisson.sf(copies - 1, GUESS * expected))


def _is_no_coincidence(
    copies: Sequence[str], synthetic: Sequence[str], real: Sequence[str], count: int
) -> bool:
    """Whether even one text that comes back tells of a person.

    Of addresses and codes of which no two real rows have the same, and which nobody
    would guess. People's names may be equal, and a house, whose key is a number, may be
    sold twice.
    """
    if count or len(set(real)) < len(real) or len(real) < FEWEST_KEYS:
        return False
    are_keys = all(
        re.search(r"[0-9]", text) and re.search(r"[^\W\d_]", text) for text in copies
    )
    return are_keys and _by_guess(len(copies), synthetic, real) < chance.limit(1)


def _pattern(text: str) -> str:
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", text))


def _possible(pattern: str) -> float:
    """How many texts have the pattern."""
    return math.pow(10, min(pattern.count("9"), 50)) * math.pow(
        26, min(pattern.count("a"), 50)
    )


def _is_worth_a_word(copies: int, rows: int, beside: float) -> bool:
    excess = copies - beside * rows
    return excess >= min(WORTH * rows, WORTH_ROWS) and copies > 1


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Columns of keys, names or texts that are those of training rows.

    Evidence: the share of such texts, beside that of texts that were not learnt.
    """
    score = evidence.get("copied_text")
    if score is None:
        return

    def about_column(fault: Mapping[str, Any]) -> str:
        if "rows" in fault:
            cells = "cells" if fault["rows"] > 1 else "cell"
            have = (
                "are those of training rows"
                if fault["rows"] > 1
                else "is that of a training row"
            )
            return (
                f"{fault['rows']} {cells} of {quote(fault['column'])} {have}, and no two "
                "real rows have the same"
            )
        changed = fault["share"] - fault["exact"]
        how = ""
        if changed > fault["exact"]:
            how = " but for capitals, spaces and marks"
        return (
            f"{share(fault['share'])} of the cells of {quote(fault['column'])} are those "
            f"of training rows{how}; {share(fault['real'])} is chance"
        )

    yield from sentences(
        score.detail.get("faults", []),
        "copied text",
        about_column,
        "columns of keys or texts have those of training rows",
    )


COPIED_TEXT = Metric(
    "copied_text",
    "Copied keys and texts",
    "share of keys, names or texts that are a training row's",
    "copying",
    "lower",
    copied_text,
    rule=rule,
)
