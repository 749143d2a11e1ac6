"""Observers that log a fit where experiments are compared: TensorBoard, MLflow.

    model.fit(df, observe=TensorBoard("runs/first"))
    model.fit(df, observe=together(MLflow(), print))

Any function of a `Progress` is an observer; these are two that are ready. What they log is
what `Synthesizer.report_["history"]` keeps of each check on held-out rows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from synthtab.core.errors import MissingExtraError
from synthtab.core.progress import Observer, Progress


def together(*observers: Observer) -> Observer:
    """One observer that tells several, in their order."""

    def tell(progress: Progress) -> None:
        for observe in observers:
            observe(progress)

    return tell


class TensorBoard:
    """Logs each check of a fit for ``tensorboard --logdir``.

    Args:
        folder: Where the log is written; one for each fit.

    Raises:
        MissingExtraError: The library is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise _missing("tensorboard") from None
        self.writer: Any = SummaryWriter(os.fspath(folder))

    def __call__(self, progress: Progress) -> None:
        for name, value in _numbers(progress.check).items():
            self.writer.add_scalar(f"held-out/{name}", value, _step(progress))
        if progress.message:
            self.writer.add_text("messages", progress.message)
        # A fit that is stopped must not lose what was seen.
        if progress.check or progress.message:
            self.writer.flush()


class MLflow:
    """Logs each check of a fit to the active run of MLflow, or begins one.

    Raises:
        MissingExtraError: The library is not installed.
    """

    def __init__(self) -> None:
        try:
            import mlflow
        except ImportError:
            raise _missing("mlflow") from None
        self.log: Any = mlflow.log_metrics

    def __call__(self, progress: Progress) -> None:
        if numbers := _numbers(progress.check):
            self.log(numbers, step=_step(progress))


def _numbers(check: Mapping[str, Any] | None) -> dict[str, float]:
    """The figures of a check, but for the step that they are of."""
    figures = {} if check is None else check
    return {
        name: float(value)
        for name, value in figures.items()
        if isinstance(value, int | float) and name != "step"
    }


def _step(progress: Progress) -> int:
    return 0 if progress.check is None else int(progress.check["step"])


def _missing(library: str) -> MissingExtraError:
    return MissingExtraError(
        f"{library} is not installed: pip install 'synthtab[{library}]'"
    )
