"""`SyntheticSampler`: rebalance a training set inside an imbalanced-learn pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_target_type
from scipy.sparse import issparse
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import column_or_1d

from synthtab.core.errors import DataError
from synthtab.data.columns import infer
from synthtab.sampling.one_class import ByClass
from synthtab.synthesizer import Synthesizer


class SyntheticSampler(BaseOverSampler):  # type: ignore[misc]
    """Add synthetic rows to the rarer classes.

    A `Synthesizer` learns the rows together with their class and draws new rows given the class. Columns may hold
    numbers, words, booleans, dates and missing cells; a DataFrame comes back with its columns and dtypes, the given
    rows first. In a pipeline of imbalanced-learn only the training part of every fold is learnt and enlarged.

    Args:
        sampling_strategy: Which classes get how many rows, as in imbalanced-learn: "auto" (all but the largest, until
            they have as many as it), "minority", "all", a float (two classes: rarer to larger), a dict class -> number
            of rows afterwards, or a function of y.
        preset: See `Synthesizer`, as of all that follow.
        time: Most time to train.
        epochs: Passes over the rows, instead.
        seed: Same seed, same rows.
        device: "auto", "cpu", "cuda" or "mps".
        options: Any field of `TrainConfig`, such as ``{"width": 128}``.

    Attributes:
        model_: The fitted `Synthesizer`, after `fit_resample`; None if no class needed a row.
        sampling_strategy_: Class -> number of rows that were added.
        n_features_in_: Number of columns.
        feature_names_in_: Their names, if all are text.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseOverSampler._parameter_constraints,
        "preset": [str],
        "time": [str, Real, None],
        "epochs": [Integral, None],
        "seed": [Integral],
        "device": [str],
        "options": [Mapping, None],
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        preset: str = "quick",
        time: float | str | None = None,
        epochs: int | None = None,
        seed: int = 0,
        device: str = "auto",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.preset = preset
        self.time = time
        self.epochs = epochs
        self.seed = seed
        self.device = device
        self.options = options

    def _check_X_y(
        self, X: Any, y: Any, accept_sparse: Any = None
    ) -> tuple[Any, Any, bool]:
        y, one_of_many = check_target_type(y, indicate_one_vs_all=True)
        if not isinstance(X, pd.DataFrame):
            if issparse(X):
                raise DataError(
                    "SyntheticSampler takes no sparse matrix: give it a DataFrame or a dense array"
                )
            X = np.asarray(
                X
            )  # missing cells are welcome, so that scikit-learn's own check will not do
            if X.ndim != 2:
                raise DataError(f"X must have two dimensions, not {X.ndim}")
        y = column_or_1d(y)
        check_consistent_length(X, y)
        self.n_features_in_ = X.shape[1]
        if hasattr(self, "feature_names_in_"):
            delattr(self, "feature_names_in_")
        if isinstance(X, pd.DataFrame) and all(
            isinstance(name, str) for name in X.columns
        ):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return X, y, one_of_many

    def _fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        wanted = {
            label: int(count)
            for label, count in self.sampling_strategy_.items()
            if count > 0
        }
        self.model_ = None
        if not wanted:
            return X.copy(), y.copy()
        table = pd.DataFrame(X).reset_index(drop=True)
        thin = {
            name: t.subtype
            for name, t in table.dtypes.items()
            if isinstance(t, pd.SparseDtype)
        }
        given, table = table.columns, table.astype(thin)
        table.columns = [
            str(name)
            for name in (
                given if len({*map(str, given)}) == len(given) else range(len(given))
            )
        ]
        target = "class"
        while target in table.columns:
            target += "_"
        classes, codes = np.unique(y, return_inverse=True)
        table[target] = np.array(
            [f"class {c}" for c in range(len(classes))], dtype=object
        )[codes]
        # Rare classes are what this is for, and the model goes no further than this call.
        options: dict[str, Any] = dict(
            dict(time=self.time, epochs=self.epochs, rare=0), **(self.options or {})
        )
        model = Synthesizer(
            self.preset,
            target=target,
            seed=int(self.seed),
            device=self.device,
            **options,
        )
        schema = infer(table, {target: "category"}, text=False, rare=model.config.rare)
        self.model_ = model.fit(table, schema)
        source, parts = ByClass(model, target), []
        added: list[Any] = []
        for label, count in wanted.items():
            word = f"class {int(np.flatnonzero(classes == label)[0])}"
            parts.append(
                source.sample_class(word, count, start=len(added)).drop(columns=target)
            )
            added += [label] * count
        rows = pd.concat([table.drop(columns=target), *parts], ignore_index=True)
        labels = np.concatenate([y, np.array(added, dtype=y.dtype)])
        if isinstance(X, pd.DataFrame):
            return rows.set_axis(given, axis=1).astype(X.dtypes.to_dict()), labels
        return rows.to_numpy(dtype=X.dtype), labels

    def _more_tags(self) -> dict[str, Any]:
        """Of imbalanced-learn before 0.13."""
        return {"X_types": ["2darray", "string", "dataframe"], "allow_nan": True}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags
