"""The chart of an augmentation study: what `synthtab augment --json` wrote, arranged for the page of a report.

The study is read as plain data: evaluation knows nothing of the models that made it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from synthtab.core.errors import DataError

_ANSWERS = {
    "helps": "Synthetic rows help",
    "no evidence": "No evidence that synthetic rows help",
    "hurts": "Synthetic rows hurt",
    "cannot say": "Whether synthetic rows help cannot be said",
}
_MEASURES = {
    "auc": "AUC",
    "average_precision": "Average precision",
    "balanced_accuracy": "Balanced accuracy",
    "r2": "R²",
}
MARGIN = 0.08


def charts(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One chart for each size of training table and each kind of model, that of the verdict first.

    Args:
        study: What `Study.to_dict` gives, or its JSON.

    Returns:
        Dicts of "heading", "measure", "sentence" (only of the verdict's model), "main" (whether it is that) and "rows":
        the arms, the real rows alone first, each with its place on the axis in percent.

    Raises:
        DataError: It is something else.
    """
    try:
        measure = _MEASURES.get(str(study["metric"]), str(study["metric"]))
        found = []
        for verdict in study["verdicts"]:
            mine = [
                c
                for c in study["comparisons"]
                if c["size"] == verdict["size"] and c["metric"] == study["metric"]
            ]
            names = list(dict.fromkeys(str(c["learner"]) for c in mine))
            if verdict["learner"] not in names:
                raise ValueError
            for learner in sorted(names, key=lambda name: name != verdict["learner"]):
                main = learner == verdict["learner"]
                arms = [c for c in mine if c["learner"] == learner]
                sentence = _sentence(verdict, measure) if main else None
                heading = (
                    f"{learner}, learning from {int(arms[0]['real_rows']):,} real rows"
                )
                rows = _rows(arms)
                if rows:
                    found.append(
                        {
                            "heading": heading,
                            "measure": measure,
                            "sentence": sentence,
                            "main": main,
                            "rows": rows,
                        }
                    )
        if not found:
            raise ValueError
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise DataError(
            "no augmentation study: write one with synthtab augment --json FILE"
        ) from None
    return found


def _sentence(verdict: Mapping[str, Any], measure: str) -> str:
    """The verdict in words, with the figures that it rests on."""
    best, remedy = verdict["best"], verdict["baseline"]
    text = f"{_ANSWERS[verdict['answer']]}."
    if verdict["why"]:
        return f"{text} {str(verdict['why'])[:1].upper()}{str(verdict['why'])[1:]}."
    low, high = best["interval"]
    text += f" The best of them, {best['arm']}: {measure} {best['difference']:+.4f}"
    if low is not None and high is not None:
        text += f" ({low:+.4f} to {high:+.4f})"
    text += "."
    if remedy is not None and remedy["difference"] is not None:
        text += f" The best usual remedy, {remedy['arm']}: {remedy['difference']:+.4f}."
    return text


def _rows(arms: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The arms on one axis; an interval is that of the difference from real rows alone, drawn around the score."""
    arms = sorted(
        (c for c in arms if c["score"] is not None), key=lambda c: c["kind"] != "real"
    )
    if not arms or arms[0]["kind"] != "real":
        return []
    real = float(arms[0]["score"])
    spans = [
        None
        if c["kind"] == "real" or None in (c["low"], c["high"])
        else (c["low"], c["high"])
        for c in arms
    ]
    ends = [float(c["score"]) for c in arms] + [
        real + end for span in spans if span for end in span
    ]
    margin = MARGIN * (max(ends) - min(ends)) or 0.01
    low, high = min(ends) - margin, max(ends) + margin
    if not math.isfinite(high - low):
        raise ValueError

    def place(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    return [
        {
            "label": str(c["arm"]),
            "kind": str(c["kind"]),
            "text": f"{c['score']:.3f}",
            "difference": "" if c["kind"] == "real" else f"{c['score'] - real:+.4f}",
            "interval": None if span is None else [f"{end:+.4f}" for end in span],
            "sure": span is not None and (span[0] > 0 or span[1] < 0),
            "at": place(c["score"]),
            "span": None if span is None else [place(real + end) for end in span],
        }
        for c, span in zip(arms, spans, strict=True)
    ]
