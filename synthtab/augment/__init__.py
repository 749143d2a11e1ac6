"""Does adding synthetic rows help a model, and adding them: `study`, and a sampler for imbalanced-learn.

    from synthtab.augment import study
    print(study(train, rows, target="income", holdout=test))

    from synthtab.augment import SyntheticSampler       # needs imbalanced-learn
    X, y = SyntheticSampler(time="1m").fit_resample(X, y)

`study` takes any rows, whoever made them, and needs no torch; `SyntheticSampler` fits a `Synthesizer`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from synthtab.augment.experiment import study
from synthtab.augment.intervals import holdout_interval, paired_interval
from synthtab.augment.result import Comparison, Score, Study, Verdict
from synthtab.core.errors import MissingExtraError

if TYPE_CHECKING:
    from synthtab.augment.sampler import SyntheticSampler

__all__ = [
    "Comparison",
    "Score",
    "Study",
    "SyntheticSampler",
    "Verdict",
    "holdout_interval",
    "paired_interval",
    "study",
]


def __getattr__(name: str) -> Any:
    if name != "SyntheticSampler":
        raise AttributeError(f"module 'synthtab.augment' has no attribute {name!r}")
    try:
        importlib.import_module("imblearn")
    except ModuleNotFoundError:
        raise MissingExtraError(
            "SyntheticSampler needs imbalanced-learn: pip install 'synthtab[augment]'"
        ) from None
    return importlib.import_module("synthtab.augment.sampler").SyntheticSampler
