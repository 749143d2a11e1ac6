"""Bounds on scores, for a pipeline that must stop where rows are not good enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthtab.core.errors import ConfigError, hint
from synthtab.evaluation.metric import Metric

if TYPE_CHECKING:
    from synthtab.evaluation.report.report import Report


@dataclass(frozen=True)
class Bound:
    """The worst figure of a metric that passes.

    Attributes:
        name: Name of the metric.
        limit: A minimum where higher is better, a maximum where lower is better, and
            the largest distance from the reference where that is the ideal.
    """

    name: str
    limit: float

    def failure(self, report: Report) -> str | None:
        """One line on why the report fails; None if it passes.

        A score that could not be computed fails.
        """
        score = report.score(self.name)
        bound = f"{self.name}={self.limit:g}"
        if not score.ok:
            return f"{bound}: {score.status}"
        if score.better == "higher":
            if score.value >= self.limit:
                return None
            return f"{bound}: {score.value:.4g} is below it"
        if score.better == "lower":
            if score.value <= self.limit:
                return None
            return f"{bound}: {score.value:.4g} is above it"
        ideal = 0.0 if score.reference is None else score.reference.value
        distance = abs(score.value - ideal)
        if distance <= self.limit:
            return None
        return f"{bound}: {score.value:.4g} is {distance:.4g} from the ideal {ideal:g}"


def parse_bounds(text: str, metrics: Sequence[Metric]) -> tuple[Bound, ...]:
    """``"detection_score=0.8,shape_error=2"`` => bounds.

    Args:
        text: Pairs of a name and a number.
        metrics: The metrics that there are.

    Raises:
        ConfigError: The text is malformed, names no metric, or names one twice.
    """
    bounds: dict[str, Bound] = {}
    names = [metric.name for metric in metrics]
    for part in text.split(","):
        name, equals, figure = (piece.strip() for piece in part.partition("="))
        if not equals or not name or not figure:
            raise ConfigError(
                f"bound {part.strip()!r} must be NAME=NUMBER, such as detection_score=0.8,shape_error=2"
            )
        if name not in names:
            near = hint(name, names, "there are", most=len(names))
            raise ConfigError(f"there is no metric {name!r}{near}")
        if name in bounds:
            raise ConfigError(f"metric {name!r} has two bounds; give one")
        bounds[name] = Bound(name, _number(name, figure))
    return tuple(bounds.values())


def _number(name: str, figure: str) -> float:
    try:
        limit = float(figure)
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise ConfigError(f"the bound of {name!r} must be a number, not {figure!r}")
    return limit
