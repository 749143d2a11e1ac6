"""Floats and integers, as pandas numbers or as text."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.schema import Column
from synthtab.data.columns.base import (
    Cells,
    ColumnEncoder,
    Mask,
    Settings,
    Texts,
    as_dtype,
    cell_error,
    distinct_texts,
    finite,
    holds_text,
    is_text,
    natural,
)
from synthtab.data.columns.numbers import NumberCodec, round_decimals
from synthtab.data.columns.quantiles import Floats, Numbers

MOST_DECIMALS = 12
INTEGER = re.compile(r"\s*(0|-?[1-9]\d{0,18})\s*")
FLOAT = re.compile(r"\s*-?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*")
INFINITE = re.compile(r"\s*[+-]?(?i:inf|infinity)\s*")
FLOAT_OR_INFINITE = re.compile(rf"{FLOAT.pattern}|{INFINITE.pattern}")

Self = TypeVar("Self", bound="NumberEncoder")


class NumberEncoder(ColumnEncoder):
    """What all kinds share whose cells are numbers in disguise."""

    def __init__(self, column: Column, codec: NumberCodec) -> None:
        block = codec.block(column.name)
        super().__init__(column, (block,) if block else ())
        self.codec = codec

    @classmethod
    @abstractmethod
    def numbers(cls, series: pd.Series, column: Column) -> tuple[Numbers, Mask]:
        """Text or typed cells => int64 or float64 values of those not missing, and which are."""

    @classmethod
    @abstractmethod
    def render(cls, values: Numbers, column: Column) -> Texts:
        """Values => texts in the format of the column."""

    @classmethod
    def natural(cls, values: Numbers, missing: Mask, column: Column) -> pd.Series:
        """Values => the typed form, for a dtype that is not text."""
        if column.options.get("python") == "decimal":
            return natural(
                _objects(map(Decimal, cls.render(values, column)), len(values)),
                missing,
                column.dtype,
            )
        return natural(values, missing, column.dtype)

    @classmethod
    @abstractmethod
    def decimals(cls, column: Column) -> int | None:
        """To what decoded values are rounded."""

    @classmethod
    def bounds(cls, column: Column) -> tuple[float | int | None, float | int | None]:
        """The least and the greatest value that may come back."""
        return column.options.get("minimum"), column.options.get("maximum")

    @classmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Text or typed cells => the typed form."""
        values, missing = cls.numbers(series, column)
        if not holds_text(column):
            return (
                cls.natural(values, missing, column)
                .set_axis(series.index)
                .rename(column.name)
            )
        if is_text(series) or missing.all():
            return as_dtype(series, column.dtype)
        return (
            cls._as_text(values, missing, column)
            .set_axis(series.index)
            .rename(column.name)
        )

    @classmethod
    def text(cls, series: pd.Series, column: Column) -> Texts:
        """The typed form => the cells of a CSV file."""
        if is_text(series):
            return (
                series.astype(object).where(series.notna(), "").to_numpy(dtype=object)
            )
        values, missing = cls.numbers(series, column)
        cells = np.full(len(missing), column.options.get("missing", ""), dtype=object)
        cells[~missing] = cls.render(values, column)
        return cells

    @classmethod
    def _as_text(cls, values: Numbers, missing: Mask, column: Column) -> pd.Series:
        """Values => the typed form, for a dtype that is text."""
        texts, token = cls.render(values, column), column.options.get("missing")
        if token is None:
            return natural(texts, missing, column.dtype)
        cells = np.full(len(missing), token, dtype=object)
        cells[~missing] = texts
        return natural(cells, np.zeros(len(missing), dtype=bool), column.dtype)

    @classmethod
    def fit(
        cls: type[Self],
        series: pd.Series,
        column: Column,
        rng: np.random.Generator,
        settings: Settings,
    ) -> Self:
        """Learn atoms and modes."""
        return cls.fit_whole(series, column, rng, settings)

    @classmethod
    def fit_whole(
        cls: type[Self],
        series: pd.Series,
        column: Column,
        rng: np.random.Generator,
        settings: Settings,
    ) -> Self:
        """`fit` in one part, for kinds that may have several."""
        values, missing = cls.numbers(series, column)
        return cls(
            column,
            NumberCodec.fit(values, missing, cls.decimals(column), rng, settings),
        )

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes ``[rows, 0 or 1]`` and offsets ``[rows, 0 or 1]``."""
        if not self.blocks:
            return np.zeros((len(series), 0), np.uint8), np.zeros(
                (len(series), 0), np.float32
            )
        codes, offsets = self.codec.encode(*self.numbers(series, self.column), rng)
        return codes[:, None], offsets[:, None][:, : bool(self.blocks[0].modes)]

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
    ) -> pd.Series:
        """Codes and offsets => typed form."""
        flat = codes[:, 0] if codes.shape[1] else np.zeros(len(codes), dtype=np.uint8)
        inner = (
            offsets[:, 0]
            if offsets.shape[1]
            else np.full(len(codes), 0.5, dtype=np.float32)
        )
        values, missing = self.codec.decode(flat, inner)
        return self.series(self.within(values, step=self.codec.step), missing)

    def within(
        self, values: Numbers, low: bool = True, high: bool = True, step: float = 0.0
    ) -> Numbers:
        """Values within the bounds, the lower and the upper one as asked for, and then still multiples of a step."""
        ends: Any = [
            b if wanted else None
            for b, wanted in zip(self.bounds(self.column), (low, high), strict=True)
        ]
        if ends == [None, None]:
            return values
        clipped = np.clip(values, *ends)
        moved = clipped != values
        if not step or not moved.any():
            return clipped
        inward = (
            np.where(
                values < clipped, np.ceil(clipped / step), np.floor(clipped / step)
            )
            * step
        )
        return np.where(moved, self.codec.rounded(inward), clipped).astype(values.dtype)

    def series(self, values: Numbers, missing: Mask) -> pd.Series:
        """Values of the cells that are not missing => typed form."""
        if holds_text(self.column):
            return self._as_text(values, missing, self.column).rename(self.column.name)
        return self.natural(values, missing, self.column).rename(self.column.name)

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return self.codec.state()

    @classmethod
    def from_state(cls: type[Self], column: Column, state: Mapping[str, Any]) -> Self:
        """The inverse of `state`."""
        return cls(column, NumberCodec.from_state(state))


class FloatEncoder(NumberEncoder):
    """Numbers with a fraction.

    Options: ``decimals`` that reproduce every value (null: all that a float has), ``shown`` of them
    in text even where they are zero, ``minimum``, ``maximum``, ``missing`` (the text of a missing
    cell, where it is not the empty one).
    """

    kind: ClassVar[str] = "float"

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Float dtypes, and text of numbers without leading zeros."""
        if cells.is_text:
            if not cells.matches(FLOAT_OR_INFINITE):
                return None
            missing = cells.missing + int(cells.counts[cells.token_mask].sum())
            values = finite(np.array([float(t) for t in cells.words]), cells.name)
            decimals, shown = _decimals_of_texts(cells.words)
        elif _is_float(cells) or (forced and _is_number(cells.series)):
            missing = cells.missing
            values = finite(np.asarray(cells.distinct, dtype=np.float64), cells.name)
            decimals, shown = (
                _decimals_of_floats(values, single=cells.dtype.lower() == "float32"),
                1,
            )
        else:
            return None
        options: dict[str, Any] = {"decimals": decimals, "shown": shown}
        ends = cells.bounds(values)
        if ends:
            if cells.rare and decimals is not None:  # they may be means
                ends = round_decimals(np.array(ends), decimals).tolist()
            options |= {"minimum": ends[0], "maximum": ends[1]}
        why = _why(len(values), "numbers", decimals, options)
        return cells.column(
            cls.kind, "float64", why, options | cells.missing_options(), missing
        )

    @classmethod
    def numbers(cls, series: pd.Series, column: Column) -> tuple[Floats, Mask]:
        """Cells => float64 values."""
        return parse_floats(series, column)

    @classmethod
    def decimals(cls, column: Column) -> int | None:
        """To what decoded values are rounded; a kind set by hand may have left an integer dtype."""
        decimals = (
            0 if "int" in column.dtype.lower() else column.options.get("decimals")
        )
        return None if decimals is None else int(decimals)

    @classmethod
    def render(cls, values: Numbers, column: Column) -> Texts:
        """Values => texts with the column's decimals."""
        decimals, shown = cls.decimals(column), int(column.options.get("shown", 1))
        values = values.astype(np.float64) + 0.0  # no negative zero
        plain = np.abs(values) < 1e15
        if decimals is None:
            texts = _objects(map(repr, values.tolist()), len(values))
            if shown == 0:
                whole = plain & (values == np.rint(values))
                texts[whole] = _objects(
                    map("%.0f".__mod__, values[whole].tolist()), int(whole.sum())
                )
            return texts
        texts = np.empty(len(values), dtype=object)
        needed = np.full(len(values), max(decimals, shown))
        for k in range(max(decimals, shown) - 1, shown - 1, -1):
            needed[round_decimals(values, k) == values] = k
        for k in np.unique(needed):
            rows = plain & (needed == k)
            texts[rows] = _objects(
                map(f"%.{k}f".__mod__, values[rows].tolist()), int(rows.sum())
            )
        texts[~plain] = _objects(
            map(repr, values[~plain].tolist()), int((~plain).sum())
        )
        return texts


class IntegerEncoder(NumberEncoder):
    """Whole numbers within int64. Options: ``minimum``, ``maximum``, ``missing``."""

    kind: ClassVar[str] = "integer"

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Integer dtypes, and text of whole numbers without leading zeros."""
        missing = cells.missing
        if cells.is_text:
            missing += int(cells.counts[cells.token_mask].sum())
            if not (cells.matches(INTEGER) or (forced and cells.matches(FLOAT))):
                return None
            wide = [
                int(float(t)) if "." in t or "e" in t.lower() else int(t)
                for t in cells.words
            ]
        elif _is_integer(cells) or (forced and _is_number(cells.series)):
            wide = [int(v) for v in cells.distinct]
        else:
            return None
        if wide and (min(wide) < -(2**63) or max(wide) >= 2**63):
            return None
        values = np.array(wide, dtype=np.int64)
        ends = cells.bounds(values)
        options: dict[str, Any] = (
            {"minimum": ends[0], "maximum": ends[1]} if ends else {}
        )
        dtype = "Int64" if missing else "int64"
        why = _why(len(values), "whole numbers", None, options)
        return cells.column(
            cls.kind, dtype, why, options | cells.missing_options(), missing
        )

    @classmethod
    def numbers(cls, series: pd.Series, column: Column) -> tuple[Numbers, Mask]:
        """Cells => int64 values."""
        if not is_text(series) and pd.api.types.is_integer_dtype(series.dtype):
            missing = series.isna().to_numpy(dtype=bool)
            return series[~missing].to_numpy(dtype=np.int64), missing
        if is_text(series):
            texts, codes, missing = distinct_texts(series, column)
            try:
                return texts.astype(np.int64)[codes], missing
            except (ValueError, OverflowError):
                pass  # "5.0" is a whole number, too
        floats, missing = parse_floats(series, column, "a whole number")
        whole = (floats == np.rint(floats)) & (np.abs(floats) < 2.0**63)
        if not whole.all():
            raise cell_error(column, floats[~whole][0], "a whole number")
        return floats.astype(np.int64), missing

    @classmethod
    def decimals(cls, column: Column) -> int | None:
        """Whole numbers have none."""
        return 0

    @classmethod
    def render(cls, values: Numbers, column: Column) -> Texts:
        """Values => digits."""
        return _objects(map(str, values.tolist()), len(values))


def parse_floats(
    series: pd.Series, column: Column, wanted: str = "a number"
) -> tuple[Floats, Mask]:
    """Text or numbers => float64 values of those not missing, and which are missing."""
    missing = series.isna().to_numpy(dtype=bool)
    if missing.all():
        return np.zeros(0), missing
    if is_text(series):
        texts, codes, missing = distinct_texts(series, column)
        try:
            values = texts.astype(np.float64)[codes]
        except ValueError:
            culprit = next(t for t in texts if not FLOAT_OR_INFINITE.fullmatch(t))
            raise cell_error(column, culprit, wanted) from None
    else:
        try:
            values = series[~missing].to_numpy(dtype=np.float64)
        except (TypeError, ValueError):
            raise cell_error(column, series[~missing].iloc[0], wanted) from None
    return finite(values, column.name), missing


def refuse_infinite(cells: Cells) -> None:
    """Raise a DataError for a column of numbers some of which, or all, are infinite."""
    if _is_float(cells):
        finite(np.asarray(cells.distinct, dtype=np.float64), cells.name)
    elif cells.matches(FLOAT_OR_INFINITE) and any(map(INFINITE.fullmatch, cells.words)):
        finite(np.array([np.inf]), cells.name)


def _objects(items: Any, count: int) -> Texts:
    return np.fromiter(items, dtype=object, count=count)


def _is_float(cells: Cells) -> bool:
    return pd.api.types.is_float_dtype(cells.series.dtype) or cells.python in (
        "floating",
        "decimal",
    )


def _is_integer(cells: Cells) -> bool:
    return (
        pd.api.types.is_integer_dtype(cells.series.dtype) or cells.python == "integer"
    )


def _is_number(series: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(
        series.dtype
    ) and not pd.api.types.is_complex_dtype(series.dtype)


def _decimals_of_texts(texts: Texts) -> tuple[int | None, int]:
    """How many decimals reproduce all numbers, and how many are shown in every one."""
    fractions = [t.strip().partition(".")[2] for t in texts]
    shown = min(map(len, fractions), default=0)
    if any("e" in t or "E" in t for t in texts):
        return None, min(shown, 1)
    needed = max((len(f.rstrip("0")) for f in fractions), default=0)
    return (needed, shown) if needed <= MOST_DECIMALS else (None, min(shown, 1))


def _decimals_of_floats(values: Floats, single: bool) -> int | None:
    """How many decimals reproduce all numbers; in single precision where the column has it."""
    dtype = np.float32 if single else np.float64
    enough = (
        d
        for d in range(MOST_DECIMALS + 1)
        if all(
            (round_decimals(v, d).astype(dtype) == v.astype(dtype)).all()
            for v in (values[:1000], values)
        )
    )
    return next(enough, None)


def _why(
    count: int, noun: str, decimals: int | None, options: Mapping[str, Any]
) -> str:
    if not count:
        return f"{noun}, all missing"
    fraction = f" with {decimals} decimals" if decimals else ""
    ends = (
        f" from {options['minimum']:.10g} to {options['maximum']:.10g}"
        if "minimum" in options
        else ""
    )
    return f"{count:,} distinct {noun}{fraction}{ends}"
