"""How a long job says how far it is.

A job takes an `Observer`, a function, and calls it now and then with a `Progress`. The
command line draws bars with it.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from synthtab.core.errors import SynthtabWarning


@dataclass(frozen=True)
class Progress:
    """One observation of a running job.

    Attributes:
        phase: What is going on, in a word or two ("encode", "train", "sample").
        fraction: Share of the phase that is done, in [0, 1]; None where unknown.
        seconds_left: Estimate for the whole job; None where unknown.
        score: The newest held-out score in [0, 1], higher is better; None before the
            first.
        best: The best held-out score so far.
        message: Something worth a line of its own (a warning on training health).
        rows: Rows made so far; None where none are made.
        check: The figures of a check on held-out rows, once, when it was made: "step",
            "seconds", "score", "likelihood" and others.
    """

    phase: str
    fraction: float | None = None
    seconds_left: float | None = None
    score: float | None = None
    best: float | None = None
    message: str | None = None
    rows: int | None = None
    check: Mapping[str, Any] | None = None


Observer = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """An observer that ignores everything."""


def warning(progress: Progress) -> None:
    """An observer that makes warnings of messages, and ignores all else."""
    if progress.message:
        warnings.warn(progress.message, SynthtabWarning, stacklevel=_depth_of_caller())


def _depth_of_caller() -> int:
    """How far above the function that asks the caller of this package stands.

    Above all of this package: pandas may call a generator of it in between.
    """
    frame = sys._getframe(1)
    depth = 1
    found = 2
    while frame.f_back:
        frame, depth = frame.f_back, depth + 1
        if str(frame.f_globals.get("__name__", "")).startswith("synthtab."):
            found = depth + 1
    return found


def watching(observe: Observer | None, verbose: bool) -> Observer:
    """Who is told of a job: whoever is named, or a bar in a notebook; else messages warn.

    Args:
        observe: An observer; None where nobody is named.
        verbose: Whether there is a bar, or warnings, then.
    """
    if observe is not None:
        return observe
    # A kernel of Jupyter has loaded it; nobody else need do so.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if not verbose:
        return silent
    if not hasattr(shell, "kernel"):
        return warning
    from synthtab.core.bar import Bar

    return Bar()


def done(observe: Observer) -> None:
    """Take the bar away, if there is one."""
    close = getattr(observe, "close", None)
    if close is not None:
        close()


class Clock:
    """The wall clock of a job, which perhaps may take only so long.

    It runs from when it is made.

    Args:
        limit: Most seconds; 0 for no limit.
    """

    def __init__(self, limit: float = 0.0) -> None:
        self.limit = limit
        self.began = time.monotonic()

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self.limit > 0

    def spent(self) -> float:
        """Seconds since it was made, and what was added."""
        return time.monotonic() - self.began

    def add(self, seconds: float) -> None:
        """Count what an earlier part of the job has taken."""
        self.began -= seconds

    def left(self) -> float:
        """Seconds up to the limit, endless without one; negative once it is over."""
        return self.limit - self.spent() if self.limited else float("inf")


class WholeFit:
    """An observer that says how long the whole fit takes, not only its training.

    Args:
        observe: Whom it tells.
        clock: The time of the fit.

    Attributes:
        after_training: Seconds that are expected of what follows the training.
    """

    def __init__(self, observe: Observer, clock: Clock) -> None:
        self.observe = observe
        self.clock = clock
        self.after_training = 0.0
        self._trained_at: float | None = None

    @property
    def watched(self) -> bool:
        """Whether anybody is told anything."""
        return self.observe not in (silent, warning)

    def __call__(self, progress: Progress) -> None:
        left = self._left(progress)
        if self.clock.limited:
            most = max(0.0, self.clock.left())
            left = most if left is None else min(left, most)
        self.observe(replace(progress, seconds_left=left))

    def _left(self, progress: Progress) -> float | None:
        """Seconds, whatever the limit."""
        now = self.clock.spent()
        if progress.phase == "train":
            self._trained_at = now
            if progress.seconds_left is None:
                return None
            return progress.seconds_left + self.after_training
        if self._trained_at is None:
            return None
        left = self.after_training - (now - self._trained_at)
        # What takes longer than expected has no estimate any more.
        return left if left > 0 else None
