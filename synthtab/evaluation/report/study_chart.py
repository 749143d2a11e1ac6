"""The chart of an augmentation study in the page of a report.

The study comes as plain data, as `synthtab augment --json` writes it: evaluation knows
nothing of the models that made it, and the data may be anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from synthtab.core.errors import DataError, call

_ANSWERS = {
    "helps": "Synthetic rows help",
    "no evidence": "No evidence that synthetic rows help",
    "hurts": "Synthetic rows hurt",
    "cannot say": "Whether synthetic rows help cannot be said",
}
_MEASURES = {
    "brier_skill": "Brier skill",
    "auc": "AUC",
    "average_precision": "Average precision",
    "balanced_accuracy": "Balanced accuracy",
    "r2": "R²",
}
# Share of an axis that stays free at either end.
AXIS_MARGIN = 0.08

Data = dict[str, Any]


def charts(study: Mapping[str, Any]) -> list[Data]:
    """One chart for each size of training table and each kind of model.

    Args:
        study: What `Study.to_dict` gives, or its JSON.

    Returns:
        The chart of the verdict's model first. Dicts of "heading", "measure",
        "answer", "sentence" (only of the verdict's model), "main" (whether it is
        that) and "rows": the arms, the real rows alone first, each with its place on the axis in
        percent.

    Raises:
        DataError: It is something else.
    """
    try:
        found = []
        for verdict in study["verdicts"]:
            found += _charts_of_size(study, verdict)
        if not found:
            raise ValueError
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        # Whatever is wrong with it: it is no study.
        raise DataError(
            f"no augmentation study: write one with {call('Study.to_json')}"
        ) from None
    return found


def _charts_of_size(study: Mapping[str, Any], verdict: Mapping[str, Any]) -> list[Data]:
    """One chart for each kind of model, that of the verdict first."""
    measure = _MEASURES.get(str(study["metric"]), str(study["metric"]))
    compared = [
        c
        for c in study["comparisons"]
        if c["size"] == verdict["size"] and c["metric"] == study["metric"]
    ]
    names = list(dict.fromkeys(str(c["learner"]) for c in compared))
    if verdict["learner"] not in names:
        raise ValueError
    names.remove(verdict["learner"])
    found = []
    for learner in (verdict["learner"], *names):
        main = learner == verdict["learner"]
        arms = [c for c in compared if c["learner"] == learner]
        sentence = _sentence(verdict, measure) if main else None
        real_rows = int(arms[0]["real_rows"])
        rows = _rows(arms)
        if rows:
            found.append(
                {
                    "heading": f"{learner}, learning from {real_rows:,} real rows",
                    "measure": measure,
                    "answer": verdict["answer"],
                    "sentence": sentence,
                    "main": main,
                    "rows": rows,
                }
            )
    return found


def _sentence(verdict: Mapping[str, Any], measure: str) -> str:
    """The verdict in words, with the figures that it rests on."""
    text = f"{_ANSWERS[verdict['answer']]}."
    why = verdict["why"]
    # Studies of version 0.1 are about the arm that did best.
    asked = verdict.get("asked")
    named = (
        f"With {asked['arm']}"
        if asked
        else f"The best of them, {verdict['best']['arm']}"
    )
    asked = asked or verdict["best"]
    remedy = verdict["baseline"]
    if why:
        return f"{text} {str(why)[:1].upper()}{str(why)[1:]}."
    low, high = asked["interval"]
    text += f" {named}: {measure} {asked['difference']:+.4f}"
    if low is not None and high is not None:
        text += f" ({low:+.4f} to {high:+.4f})"
    text += "."
    if remedy is not None and remedy["difference"] is not None:
        text += f" The best usual remedy, {remedy['arm']}: {remedy['difference']:+.4f}."
    return text


def _rows(arms: list[Mapping[str, Any]]) -> list[Data]:
    """The arms on one axis, the real rows alone first.

    An interval is that of the difference from real rows alone, drawn around the score.
    """
    arms = [arm for arm in arms if arm["score"] is not None]
    arms.sort(key=lambda arm: arm["kind"] != "real")
    # Without the real rows alone there is nothing to compare with.
    if not arms or arms[0]["kind"] != "real":
        return []
    real = float(arms[0]["score"])
    spans = [_span(arm) for arm in arms]
    ends = [float(arm["score"]) for arm in arms]
    # The axis holds all scores and all ends of their intervals.
    for span in spans:
        if span is not None:
            ends += [real + end for end in span]
    margin = AXIS_MARGIN * (max(ends) - min(ends)) or 0.01
    low = min(ends) - margin
    high = max(ends) + margin
    if not math.isfinite(high - low):
        raise ValueError

    def place(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    rows = []
    for arm, span in zip(arms, spans, strict=True):
        row: Data = {
            "label": str(arm["arm"]),
            "kind": str(arm["kind"]),
            "text": f"{arm['score']:.3f}",
            "difference": "",
            "interval": None,
            "sure": False,
            "at": place(arm["score"]),
            "span": None,
        }
        if arm["kind"] != "real":
            row["difference"] = f"{arm['score'] - real:+.4f}"
        if span is not None:
            row["interval"] = [f"{end:+.4f}" for end in span]
            row["sure"] = span[0] > 0 or span[1] < 0
            row["span"] = [place(real + end) for end in span]
        rows.append(row)
    return rows


def _span(arm: Mapping[str, Any]) -> tuple[float, float] | None:
    """The interval of an arm's difference; none of the real rows themselves."""
    ends = (arm["low"], arm["high"])
    if arm["kind"] == "real" or None in ends:
        return None
    return ends
