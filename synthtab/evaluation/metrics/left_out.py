"""Columns that no model learns from: are keys unique, texts of the real form, constants
constant?

Identifiers, free text and constants are left out of all other metrics. What is wrong
with them everybody sees who opens the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.metric import (
    MIN_ROWS,
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.metrics.fidelity import largest_first
from synthtab.evaluation.report.findings import (
    Evidence,
    Verdict,
    quote,
    sentences,
    share,
)
from synthtab.evaluation.views import LeftOut, Tables, Texts

# Shares of the cells that are worth a word: that are another constant, repeat or are
# missing; and that have a form or a length that real ones do not have.
CELLS_WORTH = 0.01
FORM_WORTH = 0.05
LENGTH_WORTH = 0.15
# A form that fewer rows have is not shown, and neither is a value.
SHOWN_FROM = 5
# Repeats, missing cells, new forms, lengths, one length.
TESTS = 5
# Two numbers that differ by less are the same, in single precision too.
SAME = 1e-6

Fault = dict[str, Any]


def left_out_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over columns left out of the share of cells that are not like real ones.

    Times 100. Of constants, the cells with another value. Of keys and texts, the
    greatest of: cells that repeat another one, cells that are missing, and cells of a
    form that no real one has, each beyond its share in the real table. A form is that
    of the text with letters and digits for any. From 0, which is best, to 100.
    """
    if not tables.bare:
        raise Skip("no column is left out")
    shares: dict[str, float] = {}
    faults: list[Fault] = []
    limit = chance.limit(TESTS * len(tables.bare))
    for name, column in tables.bare.items():
        if min(len(column.real), len(column.synthetic)) < 2:
            continue
        if len(set(_there(column.real))) <= 1:
            part, found = _constant(column, limit)
        else:
            part, found = _texts(column, limit, streams.numpy(f"left out, {name}"))
        shares[name] = 100 * part
        faults += [{"column": name, **fault} for fault in found]
    if not shares:
        raise Skip("a table has fewer than two rows")
    return Outcome(
        float(np.mean(list(shares.values()))),
        Reference(0.0, PERFECT_SAMPLER),
        n=len(tables.synthetic),
        detail={"columns": largest_first(shares), "faults": faults},
    )


def _there(texts: Texts) -> list[str]:
    """The texts that are not missing."""
    return [text for text in texts if text is not None]


def _constant(column: LeftOut, limit: float) -> tuple[float, list[Fault]]:
    """A column with one value: cells with another one, or without any."""
    real = set(column.real)
    counts = pd.Series(column.synthetic, dtype=object).value_counts(dropna=False)
    new: dict[str | None, int] = {}
    for cell, count in counts.items():
        text = None if pd.isna(cell) else str(cell)
        if not any(_is_same(text, other) for other in real):
            new[text] = int(count)
    rows = sum(new.values())
    part = rows / len(column.synthetic)
    if part <= CELLS_WORTH:
        return part, []
    if chance.all_beyond(rows, len(column.synthetic), len(column.real)) >= limit:
        return part, []
    commonest = max(new.items(), key=lambda two: (two[1], str(two[0])))[0]
    shown = None if new[commonest] < SHOWN_FROM else commonest
    fault = {"kind": "constant", "share": part, "missing": None in new}
    value = next((text for text in real if text is not None), None)
    return part, [{**fault, "value": shown, "real": value}]


def _is_same(text: str | None, other: str | None) -> bool:
    """Whether two cells are equal, also as numbers."""
    if text is None or other is None or text == other:
        return text == other
    try:
        return bool(np.isclose(float(text), float(other), rtol=SAME, atol=0.0))
    except ValueError:
        return False


def _texts(
    column: LeftOut, limit: float, rng: np.random.Generator
) -> tuple[float, list[Fault]]:
    """Keys and texts: repeats, missing cells, form."""
    # Of more rows more are equal: as many of either table are looked at.
    size = min(len(column.real), len(column.synthetic))
    real, synthetic = (
        _there(_some(texts, size, rng)) for texts in (column.real, column.synthetic)
    )
    missing = size - len(synthetic), size, size - len(real), size
    repeated = (
        len(synthetic) - len(set(synthetic)),
        max(len(synthetic), 1),
        len(real) - len(set(real)),
        max(len(real), 1),
    )
    parts = [0.0]
    faults: list[Fault] = []
    for kind, counts in (("missing", missing), ("repeated", repeated)):
        count, rows, beside, rows_beside = counts
        excess = count / rows - beside / rows_beside
        parts.append(excess)
        if excess > CELLS_WORTH and chance.more(*counts) < limit:
            fault = {"share": count / rows, "real": beside / rows_beside}
            all_equal = kind == "repeated" and len(set(synthetic)) == 1
            faults.append({"kind": kind, "all equal": all_equal, **fault})
    if min(len(real), len(synthetic)) >= MIN_ROWS:
        part, of_form = _form(real, synthetic, limit)
        parts.append(part)
        # Cells that are all equal have one form, which is not what is wrong.
        if not any(fault.get("all equal") for fault in faults):
            faults += of_form
    return max(parts), faults


def _some(texts: Texts, size: int, rng: np.random.Generator) -> Texts:
    """So many of the texts; their order in the table decides nothing."""
    if len(texts) == size:
        return texts
    # Sorted first, missing ones at the end.
    ordered = sorted(texts, key=lambda text: (text is None, text or ""))
    some: Texts = np.array(ordered, dtype=object)[rng.permutation(len(texts))[:size]]
    return some


def _form(
    real: list[str], synthetic: list[str], limit: float
) -> tuple[float, list[Fault]]:
    """Texts of a form that no real one has, or of other lengths."""
    of_real = pd.Series([form(text) for text in real]).value_counts()
    # Keys that count grow longer; with zeros in front they do not.
    padded = any(text.startswith("0") and len(text) > 1 for text in real)
    counted = of_real.get("9", 0) > len(real) / 2 and not padded
    of_synthetic = pd.Series([form(text) for text in synthetic]).value_counts()
    new = of_synthetic[~of_synthetic.index.isin(of_real.index)]
    count = int(new.sum())
    part = count / len(synthetic)
    # As many fresh texts have a new form as real ones have a form by themselves (Good
    # 1953).
    alone = int((of_real == 1).sum())
    excess = part - alone / len(real)
    found = chance.more(count, len(synthetic), alone, len(real))
    if excess > FORM_WORTH and found < limit:
        common = new[new >= SHOWN_FROM]
        fault: Fault = {"kind": "form", "share": part, "real": alone / len(real)}
        if len(common) and of_real.iloc[0] >= SHOWN_FROM:
            fault["forms"] = [str(_first(common)), str(_first(of_real))]
        return excess, [fault]
    lengths = ks_2samp(
        [len(text) for text in real], [len(text) for text in synthetic], method="asymp"
    )
    if not counted and lengths.statistic > LENGTH_WORTH and lengths.pvalue < limit:
        lengths_of = [float(np.median([len(t) for t in s])) for s in (real, synthetic)]
        return max(excess, 0.0), [{"kind": "length", "lengths": lengths_of}]
    sizes = {len(text) for text in real}
    if len(sizes) == 1:
        others = sum(len(text) not in sizes for text in synthetic)
        by_luck = chance.all_beyond(others, len(synthetic), len(real))
        if others > FORM_WORTH * len(synthetic) and by_luck < limit and not counted:
            fault = {"lengths": sorted(sizes), "share": others / len(synthetic)}
            return max(excess, 0.0), [{"kind": "size", **fault}]
    return max(excess, 0.0), []


def _first(counts: pd.Series) -> object:
    """The commonest; of equally common ones the first in the alphabet."""
    return min(counts[counts == counts.max()].index)


def form(text: str) -> str:
    """What a text looks like: ``Jo.Doe17@example.org`` is ``Aa.Aa9@a.a``."""
    return re.sub(r"[^\W\d_]+", _form_of_word, re.sub(r"\d+", "9", text))


def _form_of_word(match: re.Match[str]) -> str:
    word = match[0]
    if word.isupper():
        return "A"
    return "Aa" if word[0].isupper() else "a"


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Keys that repeat or are missing, texts of another form, constants that changed.

    Evidence: the shares of such cells, beside those of the real table.
    """
    score = evidence.get("left_out_error")
    if score is None:
        return
    for kinds, name, about, many in (
        (("constant",), "constant", _about_constant, "constants have another value"),
        (
            ("missing", "repeated"),
            "keys",
            _about_keys,
            "columns of keys or texts are missing or repeat",
        ),
        (
            ("form", "length", "size"),
            "form of text",
            _about_form,
            "columns of keys or texts look otherwise",
        ),
    ):
        faults = [f for f in score.detail.get("faults", []) if f["kind"] in kinds]
        yield from sentences(faults, name, about, many)


def _about_constant(fault: Mapping[str, Any]) -> str:
    name = quote(fault["column"])
    real = "missing" if fault["real"] is None else quote(fault["real"], 24)
    if fault["value"] is not None:
        other = quote(fault["value"], 24)
    else:
        other = "missing" if fault["missing"] else "something else"
    return (
        f"Column {name} is {real} in every real row; "
        f"{share(fault['share'])} of the rows have another value, such as {other}"
    )


def _about_keys(fault: Mapping[str, Any]) -> str:
    name = quote(fault["column"])
    if fault["all equal"]:
        return f"All cells of {name} are equal; of the real ones {share(fault['real'])} repeat"
    verb = "are missing" if fault["kind"] == "missing" else "repeat another one"
    return (
        f"{share(fault['share'])} of the cells of {name} {verb}; "
        f"of the real ones {share(fault['real'])}"
    )


def _about_form(fault: Mapping[str, Any]) -> str:
    name = quote(fault["column"])
    if fault["kind"] == "size":
        return (
            f"{share(fault['share'])} of the cells of {name} have more or fewer than "
            f"{fault['lengths'][0]} characters, which every real one has"
        )
    if fault["kind"] == "length":
        real, other = fault["lengths"]
        return (
            f"The texts of {name} have other lengths: half of them over {other:g} "
            f"characters, of the real ones over {real:g}"
        )
    text = f"{share(fault['share'])} of the cells of {name} have a form that no real one has"
    if "forms" in fault:
        new, usual = (quote(one, 30) for one in fault["forms"])
        text += f": {new}, where {usual} is usual"
    return text


LEFT_OUT = Metric(
    "left_out_error",
    "Keys, texts and constants",
    "share of cells that repeat, are missing or look otherwise; 0 = none",
    "fidelity",
    "lower",
    left_out_error,
    (0.0, 100.0),
    "%",
    rule=rule,
)
