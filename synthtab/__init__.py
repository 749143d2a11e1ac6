"""Learn a mixed-type table, write rows like it, and say how good they are.

    from synthtab import Synthesizer, evaluate
    model = Synthesizer(target="income", seed=0).fit(df)
    rows = model.sample(10_000)
    print(evaluate(df, rows, target="income"))

Names are imported when first used: ``import synthtab`` and ``synthtab --help`` load neither torch nor pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthtab import augment, datasets
    from synthtab.core.config import PRESETS, TrainConfig
    from synthtab.core.errors import SynthtabError, SynthtabWarning
    from synthtab.core.schema import Column, Constraint, Schema
    from synthtab.data.columns import infer
    from synthtab.data.constraints.finding import find_constraints
    from synthtab.data.constraints.text import parse_constraint
    from synthtab.evaluation import Comparison, Report, compare, evaluate
    from synthtab.synthesizer import Synthesizer

__version__ = "0.1.0"

__all__ = [
    "PRESETS",
    "Column",
    "Comparison",
    "Constraint",
    "Report",
    "Schema",
    "Synthesizer",
    "SynthtabError",
    "SynthtabWarning",
    "TrainConfig",
    "__version__",
    "augment",
    "compare",
    "datasets",
    "evaluate",
    "find_constraints",
    "infer",
    "parse_constraint",
]

_HOME = {
    "PRESETS": "synthtab.core.config",
    "Column": "synthtab.core.schema",
    "Comparison": "synthtab.evaluation",
    "Constraint": "synthtab.core.schema",
    "Report": "synthtab.evaluation",
    "Schema": "synthtab.core.schema",
    "Synthesizer": "synthtab.synthesizer",
    "SynthtabError": "synthtab.core.errors",
    "SynthtabWarning": "synthtab.core.errors",
    "TrainConfig": "synthtab.core.config",
    "compare": "synthtab.evaluation",
    "evaluate": "synthtab.evaluation",
    "find_constraints": "synthtab.data.constraints.finding",
    "infer": "synthtab.data.columns",
    "parse_constraint": "synthtab.data.constraints.text",
}


def __getattr__(name: str) -> Any:
    if name in ("augment", "datasets"):
        return importlib.import_module(f"synthtab.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'synthtab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
