"""How a long job says how far it is.

A job takes an `Observer`, a function, and calls it now and then with a `Progress`. The
command line draws bars with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One observation of a running job.

    Attributes:
        phase: What is going on, in a word or two ("encode", "train", "sample").
        fraction: Share of the phase that is done, in [0, 1]; None where unknown.
        seconds_left: Estimate for the phase; None where unknown.
        score: The newest held-out score in [0, 1], higher is better; None before the
            first.
        best: The best held-out score so far.
        message: Something worth a line of its own (a warning on training health).
        rows: Rows made so far; None where none are made.
    """

    phase: str
    fraction: float | None = None
    seconds_left: float | None = None
    score: float | None = None
    best: float | None = None
    message: str | None = None
    rows: int | None = None


Observer = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """An observer that ignores everything."""
