"""A whole table <=> codes and offsets: where pandas ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import ConfigError
from synthtab.core.layout import Cross, Encoded, Layout
from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.data.columns import KINDS, ColumnEncoder, Settings
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.enforce import Enforced
from synthtab.data.relations.crosses import MOST_CELLS, MOST_ROWS, find_crosses
from synthtab.data.relations.links import Linked, complete_whole
from synthtab.data.relations.search import bases, find
from synthtab.data.tables import typed

CONTINUOUS = ("cdf", "mixture")


class TableEncoder:
    """The encoding of a table: one `ColumnEncoder` per column, and the `Layout` of their blocks. What constraints make
    from other columns has none.
    """

    def __init__(
        self,
        schema: Schema,
        columns: tuple[ColumnEncoder | Linked, ...],
        target: str | None = None,
        enforced: Enforced | None = None,
        rare: int = 0,
        crosses: tuple[Cross, ...] = (),
    ) -> None:
        self.schema = schema
        self.enforced = enforced or Enforced(schema)
        self.inner = self.enforced.inner
        self.columns = columns
        self.rare = rare
        self.layout = Layout(
            tuple(b for c in columns for b in c.blocks), target, crosses
        )

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        schema: Schema,
        streams: Streams,
        *,
        whole: pd.DataFrame | Mapping[str, pd.Series] | None = None,
        continuous: str = "cdf",
        max_modes: int = 10,
        links: bool = True,
        crosses: bool = False,
        rare: int = 0,
        target: str | None = None,
    ) -> TableEncoder:
        """Learn the encoding.

        Args:
            frame: The table in the schema's dtypes, see `synthtab.data.tables.typed`.
            schema: What its columns are.
            streams: Randomness; uses the streams "encoder.fit".
            whole: The table that ``frame`` is a part of, in the same dtypes: keys and the
                like, which must not come back, are looked up there; a dict may hold these
                columns alone.
            continuous: What the continuous part of a numeric column becomes: "cdf" for one mode,
                "mixture" for the components of a variational Gaussian mixture.
            max_modes: Most components of a mixture.
            links: Whether cells that follow from another cell of their row get a code that says so.
            crosses: Whether combinations of columns are looked for, see `synthtab.data.relations.crosses`.
            rare: Values that fewer rows have are not stored, see `synthtab.data.columns.disclosure`.
            target: A column that models will predict from the others, see `Layout.last`.

        Raises:
            SchemaError: The schema disagrees with the table, or nothing of a column may be stored.
            ConfigError: An option cannot work.
        """
        if continuous not in CONTINUOUS:
            raise ConfigError(
                f"continuous is {continuous!r}; use one of {', '.join(CONTINUOUS)}"
            )
        if max_modes < 1:
            raise ConfigError(f"max_modes is {max_modes}; it must be 1 or more")
        if rare > len(frame):
            raise ConfigError(
                f"rare is {rare}, more than the {len(frame)} rows to learn: nothing could be stored"
            )
        schema.check(frame)
        if isinstance(whole, pd.DataFrame):
            schema.check(whole)
        settings = Settings(continuous, max_modes, rare)
        enforced = Enforced.fit(frame, schema, target, max(1, rare))
        frame, inner = enforced.hide(frame), enforced.inner
        linked = find(frame, inner, streams.numpy("encoder.links")) if links else {}
        divided = bases(frame, inner, linked) if links else {}
        columns: list[ColumnEncoder | Linked] = []
        for i, column in enumerate(inner.columns):
            kind, cells = KINDS[column.kind], frame[column.name]
            if column.name in linked or column.name in divided:
                rng, own = streams.numpy("encoder.fit", i), linked.get(column.name, ())
                columns.append(
                    Linked.fit(
                        frame,
                        column,
                        own,
                        divided.get(column.name, ""),
                        inner,
                        rng,
                        settings,
                    )
                )
                continue
            if kind.invented and whole is not None:
                cells = whole[column.name]
            columns.append(
                kind.fit(cells, column, streams.numpy("encoder.fit", i), settings)
            )
        encoder = cls(schema, tuple(columns), target, enforced, rare)
        if not crosses:
            return encoder
        most = min(MOST_ROWS, MOST_CELLS // max(1, len(columns)))
        some = frame.iloc[
            np.sort(streams.numpy("encoder.crosses").permutation(len(frame))[:most])
        ]
        return cls(
            schema,
            tuple(columns),
            target,
            enforced,
            rare,
            find_crosses(encoder._encoded(some, streams), rare),
        )

    def encode(self, frame: pd.DataFrame, streams: Streams, piece: int = 0) -> Encoded:
        """Table in the schema's dtypes => codes and offsets.

        A value drawn within its step comes from the stream "encoder.encode", which each
        ``piece`` of a larger table has for itself.
        """
        self.schema.check(frame)
        return self._encoded(self.enforced.hide(frame), streams, piece)

    def empty(
        self, rows: int, array: Callable[[str, tuple[int, int], Any], Any] | None = None
    ) -> Encoded:
        """Room for so many rows; ``array`` makes it, given a name, a shape and a dtype."""
        array = array or (lambda _, shape, dtype: np.zeros(shape, dtype))
        codes = array("codes", (rows, len(self.layout.blocks)), self._code_type)
        return Encoded(
            codes,
            array("offsets", (rows, len(self.layout.continuous)), np.float32),
            self.layout,
        )

    def _encoded(
        self, frame: pd.DataFrame, streams: Streams, piece: int = 0
    ) -> Encoded:
        found = self.empty(len(frame))
        for i, (encoder, b, o) in enumerate(self._parts()):
            if encoder.blocks:
                rng = streams.numpy("encoder.encode", i, *([piece] if piece else []))
                found.codes[:, b], found.offsets[:, o] = encoder.encode_in(
                    frame, self.inner, rng
                )
        return found

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int = 0,
    ) -> pd.DataFrame:
        """Codes and offsets => table with the schema's names, order and dtypes.

        Args:
            codes: ``[rows, blocks]``.
            offsets: ``[rows, continuous blocks]``.
            rng: For columns that are invented rather than decoded.
            start: Number of the first row; identifiers go on from it.
        """
        assert codes.shape[1] == len(self.layout.blocks), (
            f"codes of another table, report this: {codes.shape}"
        )
        assert offsets.shape[1] == len(self.layout.continuous), (
            f"offsets of another table: {offsets.shape}"
        )
        done: dict[str, pd.Series] = {}
        parts: dict[tuple[str, ...], list[Any]] = {}
        waiting = self._parts()
        while waiting:  # parents first
            ready = [
                part for part in waiting if all(name in done for name in part[0].needs)
            ]
            assert ready, (
                f"links in a circle, report this: {[e.column.name for e, *_ in waiting]}"
            )
            for encoder, b, o in ready:
                cells = encoder.decode_in(
                    codes[:, b], offsets[:, o], rng, start, done, self.inner
                )
                if not isinstance(encoder, Linked) or not encoder.whole:
                    done[encoder.column.name] = cells
                    continue
                mine = parts.setdefault(encoder.whole, [])
                mine.append((encoder, codes[:, b], cells))
                if len(mine) == len(encoder.whole):
                    done |= complete_whole(mine)
            waiting = [part for part in waiting if part not in ready]
        return self.enforced.restore(pd.DataFrame(done, columns=list(self.inner.names)))

    def renumbered(self, rows: pd.DataFrame, start: int) -> pd.DataFrame:
        """Decoded rows of which some were left out, with identifiers as if none had been."""
        rng = np.random.default_rng(start)
        for encoder in self.columns:
            if isinstance(encoder, ColumnEncoder) and encoder.invented:
                codes, offsets = encoder.encode(rows[encoder.column.name], rng)
                rows[encoder.column.name] = encoder.decode(codes, offsets, rng, start)
        return rows

    def encode_partial(
        self, frame: pd.DataFrame, streams: Streams
    ) -> tuple[Encoded, Mask, pd.DataFrame]:
        """Rows of which some cells are known, the others missing => codes and offsets, which of them are known
        ``[rows, blocks]``, and the known cells in the schema's dtypes, or such as hold missing ones, too.

        A category that the encoding does not know counts as unknown there.
        """
        relaxed = self.schema.nullable
        absent = {
            n: pd.Series(np.full(len(frame), None), index=frame.index)
            for n in self.schema.names
        }
        cells = typed(
            frame.assign(**{n: a for n, a in absent.items() if n not in frame.columns}),
            relaxed,
        )
        inner, known = (
            self._partial(cells),
            np.zeros((len(frame), len(self.layout.blocks)), dtype=bool),
        )
        for encoder, b, _ in self._parts():
            own = inner[encoder.column.name]
            kind = encoder.inner if isinstance(encoder, Linked) else encoder
            known[:, b] = (own.notna().to_numpy(dtype=bool) & kind.knows(own))[:, None]
        return self._encoded(inner, streams), known, cells

    def _partial(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Partial rows of the whole table => of the one that is learnt. What constraints make from other columns counts
        as known where all that they are about is known.
        """
        involved = sorted(
            {name for step in self.enforced.steps for name in step.form.columns}
        )
        if not self.enforced.made:
            return cells
        whole = cells[involved].notna().all(axis=1)
        hidden = (
            self.enforced.hide(typed(cells[whole], self.schema))
            if whole.any()
            else None
        )
        found = {}
        for column in self.inner.nullable.columns:
            if column.name not in self.enforced.made:
                found[column.name] = cells[column.name]
            elif hidden is None:
                found[column.name] = pd.Series(
                    np.full(len(cells), None), index=cells.index, dtype=object
                )
            else:
                found[column.name] = (
                    hidden[column.name].astype(object).reindex(cells.index)
                )
        return typed(pd.DataFrame(found, index=cells.index), self.inner.nullable)

    def values(
        self, column: str, codes: npt.NDArray[np.integer[Any]]
    ) -> list[Any] | None:
        """The distinct cells that codes ``[n, blocks of the column]`` stand for; None where they follow from others."""
        encoder = next(c for c in self.columns if c.column.name == column)
        if isinstance(encoder, Linked):
            return None
        offsets = np.full(
            (len(codes), sum(b.modes > 0 for b in encoder.blocks)),
            0.5,
            dtype=np.float32,
        )
        return (
            encoder.decode(codes, offsets, np.random.default_rng(0), 0)
            .drop_duplicates()
            .tolist()
        )

    def _parts(self) -> list[tuple[ColumnEncoder | Linked, slice, slice]]:
        """Each column with its share of the codes and of the offsets."""
        parts, b, o = [], 0, 0
        for encoder in self.columns:
            blocks, continuous = (
                len(encoder.blocks),
                sum(block.modes > 0 for block in encoder.blocks),
            )
            parts.append((encoder, slice(b, b + blocks), slice(o, o + continuous)))
            b, o = b + blocks, o + continuous
        return parts

    @property
    def links(self) -> list[str]:
        """What some cells follow from, in words: "paid = bill"."""
        linked = [c for c in self.columns if isinstance(c, Linked)]
        counts = [f"{c.column.name} * {c.base} is whole" for c in linked if c.base]
        return [
            f"{c.column.name} = {' or '.join(map(str, c.links))}"
            for c in linked
            if c.links
        ] + counts

    @property
    def crosses(self) -> list[str]:
        """Columns whose combinations count as categories, in words."""
        blocks = self.layout.blocks
        named = [
            (", ".join(blocks[b].column for b in cross.blocks), cross.cells)
            for cross in self.layout.crosses
        ]
        return [f"{names}: {len(cells):,} combinations" for names, cells in named]

    @property
    def withheld(self) -> str:
        """What too few rows have and is not stored, in words."""
        if not self.rare:
            return "nothing else: rare categories and single numbers, the least and greatest too, are stored (rare=0)"
        parts = [
            f"{text} of {c.column.name!r}" for c in self.columns if (text := c.withheld)
        ]
        rare = f"categories with fewer than {self.rare} rows: {', '.join(parts) if parts else 'there are none'}"
        return f"{rare}; numbers and dates that fewer rows have, extremes included: means of {self.rare} or more instead"

    @property
    def _code_type(self) -> np.dtype[Any]:
        return np.min_scalar_type(max(int(self.layout.sizes.max(initial=1)) - 1, 0))

    @property
    def bytes(self) -> int:
        """Size of one encoded row."""
        return len(self.layout.blocks) * self._code_type.itemsize + 4 * len(
            self.layout.continuous
        )

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`: no row of the table."""
        columns = [c.state() for c in self.columns]
        state = {
            "format": 1,
            "schema": self.schema.to_json(),
            "columns": columns,
            "target": self.layout.last,
        }
        if self.layout.crosses:
            state["crosses"] = [asdict(cross) for cross in self.layout.crosses]
        return {
            **state,
            "rare": self.rare,
            **({"constraints": self.enforced.state()} if self.enforced.steps else {}),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> TableEncoder:
        """The inverse of `state`."""
        schema = Schema.from_json(state["schema"])
        enforced = Enforced.from_state(schema, state.get("constraints", []))
        pairs = zip(enforced.inner.columns, state["columns"], strict=True)
        columns = tuple(
            (Linked if "links" in s else KINDS[c.kind]).from_state(c, s)
            for c, s in pairs
        )
        crosses = tuple(
            Cross(**{key: tuple(value) for key, value in c.items()})
            for c in state.get("crosses", ())
        )
        return cls(
            schema, columns, state["target"], enforced, state.get("rare", 0), crosses
        )
