"""What a verdict is, what its rules look at, and the words that they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from synthtab.evaluation.metric import Interval, Score

Level = Literal["bad", "fair", "unknown", "good"]
LEVELS: tuple[Level, ...] = ("bad", "fair", "unknown", "good")

EACH = 3  # so many findings of one rule get a sentence each, more share one
NAMED = 8
SURE = 1.5  # times a 95 % interval: one report has some thirty rules, and none of them may speak by luck


@dataclass(frozen=True)
class Verdict:
    """One sentence.

    Attributes:
        level: "bad", "fair", "good", or "unknown" where something needed was not given.
        text: The sentence, with the figures that it rests on.
        rule: Name of the rule.
        columns: The columns that it names.
        figures: The same figures as data.
    """

    level: Level
    text: str
    rule: str
    columns: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)


class Findings:
    """What rules look at: the scores that exist, and how many rows they rest on."""

    def __init__(self, scores: Sequence[Score], rows: Mapping[str, int]) -> None:
        self._scores = {score.name: score for score in scores}
        self.rows = {
            name: max(int(rows.get(name, 1)), 1)
            for name in ("real", "synthetic", "holdout")
        }
        self.noise = math.sqrt(1 / self.rows["real"] + 1 / self.rows["synthetic"])

    def get(self, name: str) -> Score | None:
        """The score, if it was computed."""
        score = self._scores.get(name)
        return score if score is not None and score.ok else None

    def skipped(self, name: str) -> str | None:
        """Why the score was asked for and could not be computed."""
        score = self._scores.get(name)
        return (
            None
            if score is None or score.ok
            else score.status.removeprefix("skipped: ")
        )


def surely(
    score: Score, interval: Interval | None = None, *, times: float = SURE
) -> Interval:
    """Between what the value surely lies: its interval (or another one), widened; the value itself without one."""
    low, high = interval or score.interval or (score.value, score.value)
    return score.value - times * (score.value - low), score.value + times * (
        high - score.value
    )


def several(
    found: Sequence[Mapping[str, Any]],
    rule: str,
    one: Callable[[Any], str],
    many: str,
    *,
    level: str = "bad",
    total: int | None = None,
) -> Iterator[Verdict]:
    """A sentence for each finding, or one for all of them where they are many."""
    assert level in LEVELS
    if len(found) <= EACH:
        for item in found:
            yield Verdict(level, one(item), rule, _columns(item), dict(item))
        return
    count = len(found) if total is None else max(total, len(found))
    names = tuple(dict.fromkeys(name for item in found for name in _columns(item)))
    kept = [_label(item) for item in found[:NAMED]]
    rest = f" and {count - len(kept)} more" if count > len(kept) else ""
    yield Verdict(
        level,
        f"{count} {many}: {', '.join(kept)}{rest}",
        rule,
        names,
        {"number": count, "worst": list(found[:NAMED])},
    )


def quote(name: object, limit: int = 40) -> str:
    """A name in quotes, on one line, not too long."""
    text = repr(str(name))
    return text if len(text) <= limit else text[: limit - 4] + "..." + text[0]


def listing(names: Sequence[str]) -> str:
    """'a', 'b' and 'c'."""
    quoted = [quote(name) for name in names]
    return (
        quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
    )


def share(value: float) -> str:
    """A share in percent; a small one with more digits."""
    percent = 100 * value
    return (
        f"{percent:.0f} %"
        if percent in (0.0, 100.0)
        else f"{percent:.1f} %"
        if percent >= 0.1
        else f"{percent:.2g} %"
    )


def _columns(item: Mapping[str, Any]) -> tuple[str, ...]:
    if "column" in item:
        return (str(item["column"]),)
    return tuple(str(name) for name in item["columns"])


def _label(item: Mapping[str, Any]) -> str:
    if "category" in item:
        return f"{quote(item['category'], 24)} of {quote(item['column'], 24)}"
    return quote(item["column"]) if "column" in item else f"({both(item)})"


def both(item: Mapping[str, Any]) -> str:
    """The columns of a pair."""
    return ", ".join(quote(name) for name in item["columns"])
