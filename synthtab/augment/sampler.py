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

from synthtab.augment.by_class import ByClass
from synthtab.core.errors import DataError
from synthtab.data.columns import infer
from synthtab.synthesizer import Synthesizer


class SyntheticSampler(BaseOverSampler):  # type: ignore[misc]
    """Add synthetic rows to the rarer classes.

    A `Synthesizer` learns the rows together with their class and draws new rows given
    the class. Columns may hold numbers, words, booleans, dates and missing cells. A
    DataFrame comes back with its columns and dtypes, the given rows first. In a
    pipeline of imbalanced-learn only the training part of every fold is learnt and
    enlarged.

    Args:
        sampling_strategy: Which classes get how many rows, as in imbalanced-learn:
            "auto" (all but the largest, until they have as many as it), "minority",
            "all", a float (two classes: rarer to larger), a dict class -> number of
            rows afterwards, or a function of y.
        preset: How much to compute; this and the following as in `Synthesizer`.
        time: Most time to train.
        epochs: Passes over the rows, instead of a time.
        seed: The same seed gives the same rows.
        device: "auto", "cpu", "cuda" or "mps".
        options: Any other field of `TrainConfig`, such as ``{"width": 128}``.

    Attributes:
        model_: The fitted `Synthesizer`, after `fit_resample`; None if no class needed
            a row.
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
        """Instead of imbalanced-learn's own check, which admits no missing cell."""
        y, one_of_many = check_target_type(y, indicate_one_vs_all=True)
        if not isinstance(X, pd.DataFrame):
            if issparse(X):
                raise DataError(
                    "SyntheticSampler takes no sparse matrix: give it a DataFrame or a dense array"
                )
            X = np.asarray(X)
            if X.ndim != 2:
                raise DataError(f"X must have two dimensions, not {X.ndim}")
        y = column_or_1d(y)
        check_consistent_length(X, y)
        self.n_features_in_ = X.shape[1]
        # An earlier fit may have left the names of other columns.
        if hasattr(self, "feature_names_in_"):
            delattr(self, "feature_names_in_")
        named = isinstance(X, pd.DataFrame) and all(
            isinstance(name, str) for name in X.columns
        )
        if named:
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
        table = _table(X)
        target = _free_name("class", table)
        # Labels may be anything; the model learns them as the words "class 0", "class
        # 1".
        classes, codes = np.unique(y, return_inverse=True)
        words = np.array([f"class {c}" for c in range(len(classes))], dtype=object)
        self.model_ = self._fitted(table.assign(**{target: words[codes]}), target)

        source = ByClass(self.model_, target)
        parts = []
        labels: list[Any] = []
        for label, count in wanted.items():
            word = words[np.flatnonzero(classes == label)[0]]
            # Invented identifiers go on where those of the last class ended.
            rows = source.sample_class(word, count, start=len(labels))
            parts.append(rows.drop(columns=target))
            labels += [label] * count
        enlarged = pd.concat([table, *parts], ignore_index=True)
        all_labels = np.concatenate([y, np.array(labels, dtype=y.dtype)])
        if isinstance(X, pd.DataFrame):
            enlarged = enlarged.set_axis(X.columns, axis=1)
            return enlarged.astype(X.dtypes.to_dict()), all_labels
        return enlarged.to_numpy(dtype=X.dtype), all_labels

    def _fitted(self, table: pd.DataFrame, target: str) -> Synthesizer:
        """A model of the table, the class included."""
        options: dict[str, Any] = {
            "time": self.time,
            "epochs": self.epochs,
            # By default, categories of few rows are not learnt, to protect the people
            # behind them. Rare classes are what this is for, and the model goes no
            # further than this call.
            "rare": 0,
        }
        options |= self.options or {}
        model = Synthesizer(
            self.preset,
            target=target,
            seed=int(self.seed),
            device=self.device,
            **options,
        )
        schema = infer(table, {target: "category"}, text=False, rare=model.config.rare)
        return model.fit(table, schema, verbose=False)

    def _more_tags(self) -> dict[str, Any]:
        """Of imbalanced-learn before 0.13."""
        return {"X_types": ["2darray", "string", "dataframe"], "allow_nan": True}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags


def _table(X: Any) -> pd.DataFrame:
    """The columns as a dense table, rows numbered, every name a text of its own."""
    table = pd.DataFrame(X).reset_index(drop=True)
    dense_types = {
        name: dtype.subtype
        for name, dtype in table.dtypes.items()
        if isinstance(dtype, pd.SparseDtype)
    }
    table = table.astype(dense_types)
    names = [str(name) for name in table.columns]
    # The names 7 and "7" are two columns, but one text.
    if len(set(names)) < len(names):
        names = [str(number) for number in range(len(names))]
    return table.set_axis(names, axis=1)


def _free_name(name: str, table: pd.DataFrame) -> str:
    """The name, lengthened until no column has it."""
    while name in table.columns:
        name += "_"
    return name
