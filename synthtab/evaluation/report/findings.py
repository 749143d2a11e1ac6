"""What a verdict is, what its rules look at, and the words that they share.

A rule is a function ``(Evidence) -> verdicts``. It asks the `Evidence` for the scores
that it needs, and yields a `Verdict` for each fault that it sees. `sentences` turns a
list of faults of one kind into verdicts; `graded` and `surely` decide what is worth a
word and what may be chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from synthtab.evaluation.metric import FAMILIES, FamilyName, Interval, Metric, Score
from synthtab.evaluation.report.text import TOO_LONG, shorten

Level = Literal["bad", "fair", "unknown", "good"]
LEVELS: tuple[Level, ...] = ("bad", "fair", "unknown", "good")

# Families of verdicts about people, who come first.
ABOUT_PEOPLE: frozenset[FamilyName] = frozenset(
    family.name for family in FAMILIES if family.about_people
)
# So many faults of one kind get a sentence each; more of them share one.
OWN_SENTENCE = 3
# Columns that such a shared sentence names.
NAMES_SHOWN = 8
# Intervals are made this much wider than 95 %: one report has some thirty rules, and
# none of them may speak by luck.
SURE = 1.5


@dataclass(frozen=True)
class Verdict:
    """One sentence about the rows.

    Attributes:
        level: "bad", "fair", "good", or "unknown" where something needed was not given.
        text: The sentence, with the figures that it rests on.
        rule: Name of the rule.
        columns: The columns that it names.
        figures: The same figures as data.
        own: Column -> the sentence about it alone; empty where several columns are
            meant together, such as those of a pair.
        family: What it is about, as the family of a score.
    """

    level: Level
    text: str
    rule: str
    columns: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    family: FamilyName = "fidelity"


class Evidence:
    """What rules look at: the scores that exist, and how many rows they rest on.

    Attributes:
        rows: Number of "real", "synthetic" and "holdout" rows; 1 where it is not known.
        noise: Scale of chance: .02 for two tables of 5,000 rows. The shares of rows
            with some property differ by at most half of it, at one standard deviation.
        metrics: The metrics of the scores, in the order of the registry.
    """

    def __init__(
        self,
        scores: Sequence[Score],
        rows: Mapping[str, int],
        metrics: Sequence[Metric] = (),
    ) -> None:
        self.metrics = tuple(metrics)
        self._scores = {score.name: score for score in scores}
        self.rows = {
            name: max(int(rows.get(name, 1)), 1)
            for name in ("real", "synthetic", "holdout")
        }
        self.noise = math.sqrt(1 / self.rows["real"] + 1 / self.rows["synthetic"])

    def get(self, name: str) -> Score | None:
        """The score of this name; None if it was not computed."""
        score = self._scores.get(name)
        return score if score is not None and score.ok else None

    def speaks(self, *names: str) -> bool:
        """Whether the own rule of any of these scores says that something is wrong.

        What another rule calls good must not contradict it.
        """
        return any(
            verdict.level in ("bad", "fair")
            for metric in self.metrics
            if metric.name in names and metric.rule is not None
            for verdict in metric.rule(self)
        )

    def skipped(self, name: str) -> str | None:
        """Why the score was asked for and could not be computed; None if it was."""
        score = self._scores.get(name)
        if score is None or score.ok:
            return None
        return score.status.removeprefix("skipped: ")


def surely(
    score: Score, interval: Interval | None = None, *, times: float = SURE
) -> Interval:
    """Between what the value of a score surely lies.

    That is its interval, or the one that is given, made ``times`` as wide. A score
    without an interval is taken as exact.
    """
    return widened(score.value, interval or score.interval, times)


def widened(value: float, interval: Interval | None, times: float = SURE) -> Interval:
    """The interval of a value, made ``times`` as wide; without one, the value alone."""
    low, high = interval or (value, value)
    # Each side by itself: the interval of a share near 0 or 1 is not symmetric.
    return value - times * (value - low), value + times * (high - value)


def beyond_floors(score: Score, evidence: Evidence) -> list[tuple[str, float]]:
    """Columns with their errors in percent, where these are more than chance.

    A perfect sampler's error is known from a few draws only. Half of it more is
    allowed, three standard deviations of a share besides, and 1 % in any case.
    """
    floors = score.detail.get("floors", {})
    beyond = []
    for name, error in score.detail.get("columns", {}).items():
        allowed = 1.5 * floors.get(name, 0.0) + 150 * evidence.noise
        if error > max(1.0, allowed):
            beyond.append((name, error))
    return beyond


def named_columns(evidence: Evidence) -> set[str]:
    """Columns whose distribution as a whole is said to be off."""
    named: set[str] = set()
    level = evidence.get("level_error")
    if level is not None:
        named |= set(level.detail.get("faults", {}))
    shape = evidence.get("shape_error")
    if shape is not None:
        named |= {name for name, _ in beyond_floors(shape, evidence)}
    return named


def graded(value: float, good: float, fair: float) -> Level:
    """The level of a figure that is better the lower it is."""
    if value <= good:
        return "good"
    if value <= fair:
        return "fair"
    return "bad"


def sentences(
    faults: Sequence[Mapping[str, Any]],
    rule: str,
    about_one: Callable[[Any], str],
    about_many: str,
    *,
    level: str = "bad",
    total: int | None = None,
) -> Iterator[Verdict]:
    """A verdict for each fault, or one for all of them where they are many.

    Args:
        faults: One dict each, with its "column" or "columns", the worst first.
        rule: Name of the rule.
        about_one: The sentence about a fault.
        about_many: The sentence about many, to stand between their number and their
            names.
        level: Level of the verdicts.
        total: How many there are, if ``faults`` are only the worst.
    """
    assert level in LEVELS
    if len(faults) <= OWN_SENTENCE:
        for fault in faults:
            text = about_one(fault)
            of_one = {str(fault["column"]): text} if "column" in fault else {}
            yield Verdict(level, text, rule, _columns_of(fault), dict(fault), of_one)
        return
    count = len(faults) if total is None else max(total, len(faults))
    names = [name for fault in faults for name in _columns_of(fault)]
    shown = [_label(fault) for fault in faults[:NAMES_SHOWN]]
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    own: dict[str, str] = {}
    for fault in faults:
        # Of several faults of one column, the worst comes first.
        if "column" in fault and str(fault["column"]) not in own:
            own[str(fault["column"])] = about_one(fault)
    yield Verdict(
        level,
        f"{count} {about_many}: {', '.join(shown)}{more}",
        rule,
        tuple(dict.fromkeys(names)),
        {"number": count, "worst": list(faults[:NAMES_SHOWN])},
        own,
    )


def quote(name: object, limit: int = 40) -> str:
    """A name in quotes, on one line, at most ``limit`` characters; see `shorten`."""
    return shorten(repr(str(name)), limit)


def listing(names: Sequence[str]) -> str:
    """Names as in a sentence: ``'a', 'b' and 'c'``."""
    return joined([quote(name) for name in names])


def joined(parts: Sequence[str], word: str = "and") -> str:
    """Parts as in a sentence: ``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def share(value: float) -> str:
    """A share in percent: ``5.1 %``. A small one has more digits: ``0.042 %``."""
    percent = 100 * value
    if percent in (0.0, 100.0):
        return f"{percent:.0f} %"
    if percent >= TOO_LONG:
        return f"{percent:.3g} %"
    if percent >= 0.1:
        return f"{percent:.1f} %"
    return f"{percent:.2g} %"


def both(fault: Mapping[str, Any]) -> str:
    """The columns of a pair: ``'a', 'b'``."""
    return ", ".join(quote(name) for name in fault["columns"])


def _columns_of(fault: Mapping[str, Any]) -> tuple[str, ...]:
    if "column" in fault:
        return (str(fault["column"]),)
    return tuple(str(name) for name in fault["columns"])


def _label(fault: Mapping[str, Any]) -> str:
    """What a shared sentence calls a fault."""
    if "category" in fault:
        return f"{quote(fault['category'], 24)} of {quote(fault['column'], 24)}"
    if "column" in fault:
        return quote(fault["column"])
    return f"({both(fault)})"
