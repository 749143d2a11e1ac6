"""What a fit tells of itself: a dict, which can draw its training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthtab.core.errors import MissingExtraError, NotFittedError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Figure of a check -> what it is called in the picture. The higher, the better.
CURVES = {
    "likelihood": "mean log-likelihood of hidden cells",
    "score": "score of rows in one pass, of 1",
}


class FitReport(dict[str, Any]):
    """Plain data of a fit, by name: rows, steps, seconds, history, warnings and others."""

    def plot(self) -> Figure:
        """The checks on held-out rows over the seconds of the training.

        A panel for the likelihood of hidden cells, one for the score of drawn rows, and,
        where the tree critic was learnt, one for the score without and with it. What was
        not measured has no panel.

        Returns:
            A figure of matplotlib, which a notebook shows and ``savefig`` writes.

        Raises:
            MissingExtraError: matplotlib is not installed.
            NotFittedError: There was no check: nothing was held out.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise MissingExtraError(
                "matplotlib is not installed: pip install 'synthtab[plot]'"
            ) from None
        history = self.get("history") or []
        names = [
            name
            for name in CURVES
            if any(check.get(name) is not None for check in history)
        ]
        if not names:
            raise NotFittedError("no check on held-out rows was made: nothing to draw")
        refined = self.get("refined") or {}
        panels = len(names) + bool(refined)
        figure = Figure(figsize=(4.2 * panels, 3.2), layout="constrained")
        axes = figure.subplots(1, panels, squeeze=False)[0]
        for axis, name in zip(axes, names, strict=False):
            seen = [check for check in history if check.get(name) is not None]
            axis.plot([c["seconds"] for c in seen], [c[name] for c in seen], marker="o")
            axis.set(title=CURVES[name], xlabel="seconds of training")
        if refined:
            heights = [refined["before"], refined["after"]]
            bars = axes[-1].bar(["as drawn", "chosen by the critic"], heights)
            axes[-1].bar_label(bars, fmt="%.3f")
            axes[-1].set(title="score of rows in many passes, of 1", ylim=(0, 1.08))
        return figure
