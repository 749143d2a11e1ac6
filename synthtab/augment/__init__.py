"""Does adding synthetic rows help a model? And a sampler that adds them.

    from synthtab.augment import study
    print(study(train, rows, target="income", holdout=test))
    teach(train, rows, target="income")                 # a better target for the rows

    from synthtab.augment import SyntheticSampler       # needs imbalanced-learn
    X, y = SyntheticSampler(time="1m").fit_resample(X, y)

`study` takes any rows, whoever made them, and needs no torch. `SyntheticSampler` fits a
`Synthesizer`, and `by_class.ByClass` asks a fitted one for rows of a class. To read how
a study works, begin with `experiment`.
"""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

from synthtab.augment import verdict as _verdict
from synthtab.augment.enough import Point, RowStudy, study_rows
from synthtab.augment.experiment import study
from synthtab.augment.intervals import holdout_interval, paired_interval, together
from synthtab.augment.result import Study
from synthtab.augment.teacher import teach
from synthtab.augment.verdict import Difference, StudyVerdict, Trial
from synthtab.core.errors import MissingExtraError

if TYPE_CHECKING:
    from synthtab.augment.sampler import SyntheticSampler

__all__ = [
    "Difference",
    "Point",
    "RowStudy",
    "Study",
    "StudyVerdict",
    "SyntheticSampler",
    "Trial",
    "holdout_interval",
    "paired_interval",
    "study",
    "study_rows",
    "teach",
    "together",
]

# Names of version 0.1, which the evaluation has for other things.
_OLD_NAMES = {"Score": "Trial", "Comparison": "Difference", "Verdict": "StudyVerdict"}


def __getattr__(name: str) -> Any:
    if name in _OLD_NAMES:
        new = _OLD_NAMES[name]
        warnings.warn(
            f"synthtab.augment.{name} is now synthtab.augment.{new}",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(_verdict, new)
    if name != "SyntheticSampler":
        raise AttributeError(f"module 'synthtab.augment' has no attribute {name!r}")
    try:
        importlib.import_module("imblearn")
    except ModuleNotFoundError:
        raise MissingExtraError(
            "SyntheticSampler needs imbalanced-learn: pip install 'synthtab[augment]'"
        ) from None
    return importlib.import_module("synthtab.augment.sampler").SyntheticSampler
