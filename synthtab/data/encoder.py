"""A whole table <=> codes and offsets: where pandas ends and the networks begin.

Three steps lead from a table to its codes, and the same three lead back:

    `tables.typed`    cells of any form => cells in the dtypes of the schema; once a fit
    `Enforced.hide`   all columns => those that constraints do not make from others
    `ColumnEncoder`   column by column => codes and offsets, side by side

A column of numbers in which some cells follow from other columns is encoded by `Linked`
instead, one that is measured from others by `Measured`. Decoding therefore has an order:
a column comes after those that it needs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import ConfigError
from synthtab.core.layout import Cross, Encoded, Layout, Rule
from synthtab.core.randomness import Streams
from synthtab.core.schema import Column, Schema
from synthtab.data.columns import KINDS, ColumnEncoder, Settings, typed
from synthtab.data.columns.base import Mask
from synthtab.data.columns.datetime import spans_years
from synthtab.data.columns.disclosure import number_people
from synthtab.data.columns.identifier import with_names
from synthtab.data.columns.numeric import NumberEncoder
from synthtab.data.constraints.enforce import Enforced
from synthtab.data.constraints.equation import Equation
from synthtab.data.relations.calendars import (
    Assembled,
    Calendars,
    PartOf,
    find_calendars,
    parts_of_spread,
    with_dates,
)
from synthtab.data.relations.crosses import MOST_CELLS, MOST_ROWS, find_crosses
from synthtab.data.relations.implied import Sum, fill, known_sums
from synthtab.data.relations.keys import Key, check_keys, find_keys
from synthtab.data.relations.links import Link, Linked, complete_whole, numbers
from synthtab.data.relations.measured import Measured, Relation
from synthtab.data.relations.rules import (
    Line,
    check_rules,
    described,
    discrete,
    find_rules,
)
from synthtab.data.relations.rules import sample_size as rows_of_rules
from synthtab.data.relations.search import bases, find, find_distances
from synthtab.data.relations.seasons import find_seasons
from synthtab.data.relations.thresholds import threshold_rules

CONTINUOUS = ("cdf", "mixture")
# Share of the cells of a further table that may lie outside the range of the first one.
OUTSIDE = 0.02
# Rows by which a state from a file is tried out.
TRIED_ROWS = 32

Ints = npt.NDArray[np.int64]
# Makes an array, given what it is for ("codes" or "offsets"), its shape and its dtype.
NewArray = Callable[[str, tuple[int, int], Any], Any]
# All of a table, or those of its columns of which every cell is asked for.
Whole = pd.DataFrame | Mapping[str, pd.Series]
# What encodes a column, by itself or with others.
AnyEncoder = ColumnEncoder | Linked | Measured | PartOf | Assembled


@dataclass(frozen=True, eq=False)
class _Share:
    """A column's share of the arrays of codes and of offsets."""

    encoder: AnyEncoder
    blocks: slice
    offsets: slice

    @property
    def name(self) -> str:
        return self.encoder.column.name


class TableEncoder:
    """The encoding of a table: an encoder a column, and the `Layout` of their blocks.

    Args:
        schema: What the columns of the table are.
        columns: The encoders of ``inner.columns``, in their order.
        target: A column that models will predict from the others, see `Layout.last`.
        enforced: The constraints; none if not given. Columns that they make from others
            are not encoded.
        rare: Values that fewer rows have are not stored.
        crosses: Combinations of columns that count as categories.
        rules: Columns whose codes do not all go together.
        keys: Columns whose cells together occur once, see
            `synthtab.data.relations.keys`.

    Attributes:
        inner: The schema of the table that is encoded: without what constraints make,
            and with the dates that are spread over columns.
        assembled: The encoders of these.
        layout: Which part of the codes and offsets means what.
    """

    def __init__(
        self,
        schema: Schema,
        columns: tuple[AnyEncoder, ...],
        target: str | None = None,
        enforced: Enforced | None = None,
        rare: int = 0,
        crosses: tuple[Cross, ...] = (),
        rules: tuple[Rule, ...] = (),
        keys: tuple[Key, ...] = (),
    ) -> None:
        self.schema = schema
        self.keys = keys
        self.enforced = enforced or Enforced(schema)
        # What constraints make from other columns is not learnt.
        self.inner = schema.with_constraints(())
        if self.enforced.steps:
            self.inner = self.enforced.inner
        self.columns = columns
        self.rare = rare
        # Dates that are spread over columns are no columns of the table.
        spread = [c.spread if isinstance(c, Measured) else c for c in columns]
        self.assembled = tuple(c for c in spread if isinstance(c, Assembled))
        dates = [date.column for date in self.assembled]
        self.inner = Schema((*self.inner.columns, *dates))
        blocks = tuple(block for encoder in columns for block in encoder.blocks)
        self.layout = Layout(blocks, target, crosses, rules)

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        schema: Schema,
        streams: Streams,
        *,
        whole: Whole | None = None,
        continuous: str = "cdf",
        max_modes: int = 10,
        links: bool = True,
        crosses: bool = False,
        rare: int = 0,
        target: str | None = None,
        whole_people: Ints | None = None,
    ) -> TableEncoder:
        """Learn the encoding.

        Args:
            frame: The table in the schema's dtypes, see `synthtab.data.tables.typed`.
            schema: What its columns are.
            streams: Randomness; uses the streams "encoder.fit", "encoder.links",
                "encoder.crosses", "encoder.rules" and "encoder.keys".
            whole: The table that ``frame`` is a part of, in the same dtypes. Keys and
                the like must not come back, so all of them are looked up there; a dict
                may hold these columns alone.
            continuous: What the continuous part of a numeric column becomes: "cdf" for
                one mode, "mixture" for the components of a variational Gaussian
                mixture.
            max_modes: Most components of a mixture.
            links: Whether cells that follow from another cell of their row get a code
                that says so, and rules are looked for, see
                `synthtab.data.relations.rules`.
            crosses: Whether to look for combinations of columns that matter, see
                `synthtab.data.relations.crosses`.
            rare: Values that fewer rows have are not stored, see
                `synthtab.data.columns.disclosure`.
            target: A column that models will predict from the others, see
                `Layout.last`.
            whole_people: Whom each row of ``whole`` is about, if the schema names a
                person's column and ``whole`` has one cell a row.

        Raises:
            SchemaError: The schema disagrees with the table, or nothing of a column may
                be stored.
            ConfigError: An option cannot work.
        """
        _check_options(continuous, max_modes, rare, len(frame))
        schema.check(frame)
        if isinstance(whole, pd.DataFrame):
            schema.check(whole)
        people = None
        if schema.person is not None:
            # From here on, a row's label is its number.
            frame = frame.reset_index(drop=True)
            people = number_people(frame[schema.person])
            whole_people = people if whole is None else whole_people
        settings = Settings(continuous, max_modes, rare, people)
        of_whole = replace(settings, people=whole_people)
        enforced = None
        learnt = frame
        inner = schema.with_constraints(())
        if schema.enforced:
            # Even where rare values may be stored, a combination is looked up in a row.
            least_rows = max(1, rare)
            enforced = Enforced.fit(frame, schema, target, least_rows, people)
            learnt = enforced.hide(frame)
            inner = enforced.inner
        columns = _fit_columns(
            learnt, inner, whole, streams, settings, of_whole, links, target
        )
        encoder = cls(schema, columns, target, enforced, rare)

        # The searches see codes, so they need an encoder first. Samples of rows will do.
        def sampled(stream: str, most_rows: int) -> tuple[Encoded, Ints | None]:
            order = streams.numpy(stream).permutation(len(learnt))
            chosen = np.sort(order[:most_rows])
            encoded = encoder._encode_inner(learnt.iloc[chosen], streams)
            return encoded, None if people is None else people[chosen]

        found_crosses: tuple[Cross, ...] = ()
        rules: tuple[Rule, ...] = ()
        if crosses:
            most_rows = min(MOST_ROWS, MOST_CELLS // max(1, len(columns)))
            rows, about = sampled("encoder.crosses", most_rows)
            found_crosses = find_crosses(rows, rare, about)
        if links:
            rows, about = sampled("encoder.rules", rows_of_rules(len(columns)))
            lines = encoder._lines()
            rules = find_rules(rows, rare, about, lines)
            rules += threshold_rules(rows, about, lines)
        keys: tuple[Key, ...] = ()
        if links:
            dates = [date.parts for date in encoder.assembled]
            keys = find_keys(frame, schema, dates, streams.numpy("encoder.keys"))
        return cls(schema, columns, target, enforced, rare, found_crosses, rules, keys)

    def going_on(
        self,
        frame: pd.DataFrame,
        streams: Streams,
        whole: Whole,
        whole_people: Ints | None = None,
    ) -> TableEncoder:
        """The encoding with which a model goes on to further rows: the same layout.

        Args:
            frame: The rows, in the schema's dtypes.
            streams: Randomness; uses the streams "encoder.fit".
            whole: As for `fit`.
            whole_people: As for `fit`.
        """
        settings = Settings(rare=self.rare, people=whole_people)
        columns: list[AnyEncoder] = []
        for i, encoder in enumerate(self.columns):
            if isinstance(encoder, ColumnEncoder) and encoder.invented:
                name = encoder.column.name
                cells = whole[name].reset_index(drop=True)
                of_column = replace(settings, sample=frame[name])
                rng = streams.numpy("encoder.fit", i)
                encoder = encoder.going_on(cells, rng, of_column)
            columns.append(encoder)
        further = copy.copy(self)
        further.columns = with_names(columns)
        return further

    def strangers(self, frame: pd.DataFrame) -> dict[str, int]:
        """Column -> how many of its cells the encoding does not know.

        Categories, and numbers and dates below the least one or above the greatest.
        """
        found = {}
        for encoder in self.columns:
            name = encoder.column.name
            if name not in self.schema or name not in frame:
                continue
            count = _beyond(frame[name], encoder.column)
            if isinstance(encoder, ColumnEncoder) and encoder.blocks:
                count += int((~encoder.knows(frame[name])).sum())
            if count:
                found[name] = count
        return found

    def encode(self, frame: pd.DataFrame, streams: Streams, piece: int = 0) -> Encoded:
        """Table => codes and offsets.

        Args:
            frame: The table in the schema's dtypes.
            streams: Randomness for values that stand for a range of numbers; uses the
                streams "encoder.encode".
            piece: Number of this piece of a larger table; each has streams of its own.
        """
        self.schema.check(frame)
        if self.enforced.steps:
            frame = self.enforced.hide(frame)
        return self._encode_inner(frame, streams, piece)

    def empty(self, rows: int, new_array: NewArray | None = None) -> Encoded:
        """Room for so many rows; ``new_array`` makes it, in memory if not given."""

        def zeros(_: str, shape: tuple[int, int], dtype: Any) -> Any:
            return np.zeros(shape, dtype)

        make = new_array or zeros
        codes_shape = (rows, len(self.layout.blocks))
        offsets_shape = (rows, len(self.layout.continuous))
        return Encoded(
            codes=make("codes", codes_shape, self._code_type),
            offsets=make("offsets", offsets_shape, np.float32),
            layout=self.layout,
        )

    def _encode_inner(
        self, inner: pd.DataFrame, streams: Streams, piece: int = 0
    ) -> Encoded:
        """`encode` for typed cells of the columns of ``inner``."""
        inner = with_dates(inner, self.assembled, self.inner)
        encoded = self.empty(len(inner))
        for i, share in enumerate(self._shares()):
            if not share.encoder.blocks:
                continue
            # The first piece has the streams of a whole table: one that makes a single
            # piece gets the same codes, read in pieces or at once.
            indices = (i, piece) if piece else (i,)
            rng = streams.numpy("encoder.encode", *indices)
            codes, offsets = share.encoder.encode_in(inner, self.inner, rng)
            encoded.codes[:, share.blocks] = codes
            encoded.offsets[:, share.offsets] = offsets
        return encoded

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int = 0,
        given: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Codes and offsets => table with the schema's names, order and dtypes.

        Args:
            codes: ``[rows, blocks]``.
            offsets: ``[rows, continuous blocks]``.
            rng: For columns that are invented rather than decoded.
            start: Number of the first row; identifiers go on from it.
            given: Cells of these rows that are known, missing where they are not. They
                come back as they are, and what follows from others follows from them.
        """
        assert codes.shape[1] == len(self.layout.blocks), (
            f"codes of another table, report this: {codes.shape}"
        )
        assert offsets.shape[1] == len(self.layout.continuous), (
            f"offsets of another table: {offsets.shape}"
        )
        decoded = self._decoded(self._shares(), codes, offsets, rng, start, given)
        drawn = list(self.inner.names)[: len(self.columns) - len(self.assembled)]
        inner = pd.DataFrame(decoded, columns=drawn)
        if self.enforced.steps:
            inner = self.enforced.restore(inner)
        return inner if given is None else overlaid(inner, given)

    def _decoded(
        self,
        shares: Iterable[_Share],
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int = 0,
        given: pd.DataFrame | None = None,
    ) -> dict[str, pd.Series]:
        """The cells of some columns, with which come all that these follow from."""
        decoded: dict[str, pd.Series] = {}
        # The columns of a whole (shares that sum to 100, say) -> those decoded so far.
        wholes: dict[tuple[str, ...], list[Any]] = {}
        waiting = list(shares)
        while waiting:
            ready = [
                share
                for share in waiting
                if all(name in decoded for name in share.encoder.needs)
            ]
            assert ready, (
                f"links in a circle, report this: {[share.name for share in waiting]}"
            )
            for share in ready:
                waiting.remove(share)
                encoder = share.encoder
                own_codes = codes[:, share.blocks]
                own_offsets = offsets[:, share.offsets]
                cells = encoder.decode_in(
                    own_codes, own_offsets, rng, start, decoded, self.inner
                )
                if isinstance(encoder, Assembled):
                    decoded |= encoder.mended(decoded, self.inner)
                if not isinstance(encoder, Linked) or not encoder.whole:
                    if given is not None and share.name in given:
                        cells = _with_known(cells, given[share.name])
                    decoded[share.name] = cells
                    continue
                # What one part of a whole is, all other parts say: it waits for them.
                parts = wholes.setdefault(encoder.whole, [])
                parts.append((encoder, own_codes, cells))
                if len(parts) == len(encoder.whole):
                    decoded |= complete_whole(parts)
        return decoded

    @cached_property
    def followers(self) -> tuple[str, ...]:
        """Columns of numbers of which some cells follow from others of their rows.

        What such a cell is, its code alone does not tell.
        """
        names = []
        for encoder in self.columns:
            linked = isinstance(encoder, Linked) and (encoder.links or encoder.base)
            measured = isinstance(encoder, Measured) and encoder.spread is None
            if linked or measured:
                names.append(encoder.column.name)
        return tuple(names)

    def numbers_of_followers(self, encoded: Encoded) -> npt.NDArray[np.float64]:
        """``[rows, F]``: the numbers of `followers`, NaN where missing."""
        by_name = {share.name: share for share in self._shares()}
        wanted: dict[str, _Share] = {}
        ahead = list(self.followers)
        while ahead:
            name = ahead.pop()
            if name in wanted:
                continue
            share = wanted[name] = by_name[name]
            ahead += share.encoder.needs
            if isinstance(share.encoder, Linked):
                ahead += share.encoder.whole
        # None of them is invented: nothing is drawn.
        rng = np.random.default_rng(0)
        in_order = [share for name, share in by_name.items() if name in wanted]
        cells = self._decoded(in_order, encoded.codes, encoded.offsets, rng)
        columns = np.full((len(encoded), len(self.followers)), np.nan)
        for place, name in enumerate(self.followers):
            values, missing = numbers(cells, self.inner[name])
            columns[~missing, place] = values[~missing]
        return columns

    def try_out(self) -> None:
        """Decode a few rows with codes from first to last, to see that it can be done.

        Raises:
            Exception: Any, where the state came from a forged file.
        """
        place = np.arange(TRIED_ROWS)
        codes = np.zeros((TRIED_ROWS, len(self.layout.blocks)), dtype=np.int64)
        for j, block in enumerate(self.layout.blocks):
            codes[:, j] = place * block.size // TRIED_ROWS
        # Each code at several offsets.
        ends = np.linspace(0, 1, TRIED_ROWS, dtype=np.float32)
        offsets = np.tile(ends[:, None], (1, len(self.layout.continuous)))
        rng = np.random.default_rng(0)
        self.decode(codes.astype(self._code_type), offsets, rng)

    def renumbered(self, rows: pd.DataFrame, start: int) -> pd.DataFrame:
        """Decoded rows, with identifiers that count from ``start``.

        Where rows were left out after decoding, this closes the gaps.
        """
        rng = np.random.default_rng(start)
        for encoder in self.columns:
            if isinstance(encoder, ColumnEncoder) and encoder.invented:
                name = encoder.column.name
                codes, offsets = encoder.encode(rows[name], rng)
                rows[name] = encoder.decode(codes, offsets, rng, start)
        return rows

    @cached_property
    def sums(self) -> tuple[Sum, ...]:
        """The sums that hold in every row: links, and constraints that are kept."""
        found = [
            (encoder.column.name, encoder.links[number])
            for encoder in self.columns
            if isinstance(encoder, Linked)
            for number in encoder.always
        ]
        for step in self.enforced.steps:
            form = step.form
            if isinstance(form, Equation) and not form.within:
                link = Link(form.columns[1:], form.equals, form.constant)
                found.append((form.columns[0], link))
        return known_sums(found, self.schema)

    def encode_partial(
        self, frame: pd.DataFrame, streams: Streams, none_missing: bool = False
    ) -> tuple[Encoded, Mask, pd.DataFrame]:
        """Encode rows of which some cells are known; missing ones are unknown.

        A category that the encoding does not know counts as unknown, too.

        Args:
            frame: Some or all columns of the table.
            streams: Randomness; uses the streams "encoder.encode".
            none_missing: Whether no unknown cell stands for a missing one.

        Returns:
            Codes and offsets; which of the codes are known, ``[rows, blocks]``; and the
            cells, in the schema's dtypes or, where cells are missing, the nearest that
            have missing cells.
        """
        # Columns that were not given are missing in every row.
        columns = {}
        for name in self.schema.names:
            if name not in frame.columns:
                columns[name] = pd.Series(np.full(len(frame), None), index=frame.index)
        cells = typed(frame.assign(**columns), self.schema.nullable)
        cells = fill(cells, self.sums, self.schema, none_missing)
        inner = with_dates(self._hide_partial(cells), self.assembled, self.inner)
        for encoder in self.columns:
            if isinstance(encoder, Measured):
                origin = encoder.origin_of(inner, self.inner)
                arrays = {name: cells.array for name, cells in origin.items()}
                inner = inner.assign(**arrays)
        known = np.zeros((len(frame), len(self.layout.blocks)), dtype=bool)
        for share in self._shares():
            encoder = share.encoder
            if isinstance(encoder, Measured | PartOf | Assembled):
                known[:, share.blocks] = encoder.knows(inner)[:, None]
                continue
            # Whether a number is known does not depend on what it follows from.
            of_kind = encoder.inner if isinstance(encoder, Linked) else encoder
            column = inner[share.name]
            present = column.notna().to_numpy(dtype=bool)
            # One value a row, for all blocks of the column.
            known[:, share.blocks] = (present & of_kind.knows(column))[:, None]
        return self._encode_inner(inner, streams), known, cells

    def _hide_partial(self, cells: pd.DataFrame) -> pd.DataFrame:
        """`Enforced.hide` for rows with unknown cells.

        What stands for hidden columns is known where all columns are that its
        constraints are about; elsewhere it is missing.
        """
        if not self.enforced.made:
            return cells
        involved = {name for step in self.enforced.steps for name in step.form.columns}
        all_known = cells[sorted(involved)].notna().all(axis=1)
        hidden = None
        if all_known.any():
            hidden = self.enforced.hide(typed(cells[all_known], self.schema.nullable))
        inner = {}
        schema = self.enforced.inner.nullable
        for column in schema.columns:
            name = column.name
            if name not in self.enforced.made:
                inner[name] = cells[name]
            elif hidden is None:
                inner[name] = pd.Series(
                    np.full(len(cells), None), index=cells.index, dtype=object
                )
            else:
                # As objects: an integer column would become one of floats.
                inner[name] = hidden[name].astype(object).reindex(cells.index)
        return typed(pd.DataFrame(inner, index=cells.index), schema)

    def values(
        self, column: str, codes: npt.NDArray[np.integer[Any]]
    ) -> list[Any] | None:
        """The distinct cells that codes ``[n, blocks of the column]`` stand for.

        None for a column that may follow from others: its codes alone do not tell.
        """
        encoder = next(c for c in self.columns if c.column.name == column)
        if not isinstance(encoder, ColumnEncoder):
            return None
        # In the middle of every mode.
        continuous = sum(block.modes > 0 for block in encoder.blocks)
        offsets = np.full((len(codes), continuous), 0.5, dtype=np.float32)
        cells = encoder.decode(codes, offsets, np.random.default_rng(0), 0)
        distinct: list[Any] = cells.drop_duplicates().tolist()
        return distinct

    def _shares(self) -> list[_Share]:
        """Each column with its part of the codes and of the offsets."""
        shares = []
        block = 0
        offset = 0
        for encoder in self.columns:
            next_block = block + len(encoder.blocks)
            next_offset = offset + sum(b.modes > 0 for b in encoder.blocks)
            shares.append(
                _Share(encoder, slice(block, next_block), slice(offset, next_offset))
            )
            block = next_block
            offset = next_offset
        return shares

    def _lines(self) -> list[Line]:
        """The columns of numbers of one block with modes."""
        lines = []
        for share in self._shares():
            encoder = share.encoder
            links = 0
            if isinstance(encoder, Linked):
                links = len(encoder.links)
                encoder = encoder.inner
            blocks = share.encoder.blocks
            if not isinstance(encoder, NumberEncoder) or len(blocks) != 1:
                continue
            own = encoder.codec.size + links
            if blocks[0].modes and blocks[0].size == own:
                lines.append(Line(share.blocks.start, encoder.codec, links))
        return lines

    @property
    def links(self) -> list[str]:
        """What some cells follow from, in words: "paid = bill"."""
        linked = [c for c in self.columns if isinstance(c, Linked)]
        equal = [
            f"{c.column.name} = {' or '.join(map(str, c.links))}"
            for c in linked
            if c.links
        ]
        whole = [f"{c.column.name} * {c.base} is whole" for c in linked if c.base]
        others = Measured | PartOf | Assembled
        measured = [str(c) for c in self.columns if isinstance(c, others)]
        return equal + whole + measured

    @property
    def crosses(self) -> list[str]:
        """Columns whose combinations count as categories, in words."""
        texts = []
        for cross in self.layout.crosses:
            names = ", ".join(self.layout.blocks[b].column for b in cross.blocks)
            texts.append(f"{names}: {len(cross.cells):,} combinations")
        return texts

    @property
    def rules(self) -> list[str]:
        """Columns whose cells do not all go together, in words."""
        return [described(rule, self.layout) for rule in self.layout.rules]

    @property
    def withheld(self) -> str:
        """What is not stored because too few rows have it, in words."""
        if not self.rare:
            return (
                "nothing else: rare categories and single numbers, the least and "
                "greatest too, are stored (rare=0)"
            )
        parts = []
        for encoder in self.columns:
            if text := encoder.withheld:
                parts.append(f"{text} of {encoder.column.name!r}")
        listed = ", ".join(parts) or "there are none"
        return (
            f"categories with fewer than {self.rare} rows: {listed}; numbers and dates "
            f"that fewer rows have, extremes included: means of {self.rare} or more "
            "instead"
        )

    @property
    def _code_type(self) -> np.dtype[Any]:
        """The smallest dtype that holds every code."""
        most_codes = int(self.layout.sizes.max(initial=1))
        return np.min_scalar_type(max(most_codes - 1, 0))

    @property
    def bytes(self) -> int:
        """Size of one encoded row."""
        codes = len(self.layout.blocks) * self._code_type.itemsize
        offsets = len(self.layout.continuous) * np.dtype(np.float32).itemsize
        return codes + offsets

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`: no row of the table."""
        state = {
            "format": 1,
            "schema": self.schema.to_json(),
            "columns": [encoder.state() for encoder in self.columns],
            "target": self.layout.last,
        }
        if self.layout.crosses:
            state["crosses"] = [cross.state() for cross in self.layout.crosses]
        if self.layout.rules:
            state["rules"] = [rule.state() for rule in self.layout.rules]
        if self.keys:
            state["keys"] = [list(key) for key in self.keys]
        state["rare"] = self.rare
        if self.enforced.steps:
            state["constraints"] = self.enforced.state()
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> TableEncoder:
        """The inverse of `state`."""
        schema = Schema.from_json(state["schema"])
        enforced = Enforced.from_state(schema, state.get("constraints", []))
        columns: list[AnyEncoder] = []
        remaining = iter(enforced.inner.columns)
        for part in state["columns"]:
            if "assembled" in part:
                columns.append(Assembled.from_state(part))
                continue
            if part.get("spread"):
                date = Assembled.from_state(part["spread"])
                columns.append(Measured.from_state(date.column, part))
                continue
            column = next(remaining)
            if "links" in part:
                columns.append(Linked.from_state(column, part))
            elif "measured" in part:
                columns.append(Measured.from_state(column, part))
            elif "part_of" in part:
                columns.append(PartOf.from_state(column, part))
            else:
                columns.append(KINDS[column.kind].from_state(column, part))
        crosses = tuple(Cross.from_state(c) for c in state.get("crosses", ()))
        # Models of before this option stored all values.
        rare = state.get("rare", 0)
        rules = tuple(Rule.from_state(r) for r in state.get("rules", ()))
        target = state["target"]
        keys = tuple(tuple(map(str, key)) for key in state.get("keys", ()))
        check_keys(keys, schema.names)
        encoder = cls(
            schema, tuple(columns), target, enforced, rare, crosses, rules, keys
        )
        check_rules(encoder.layout)
        return encoder


def _beyond(cells: pd.Series, column: Column) -> int:
    """How many numbers or dates lie outside the range that a column was learnt in."""
    kind: Any = KINDS[column.kind]
    if not issubclass(kind, NumberEncoder):
        return 0
    least, greatest = kind.bounds(column)
    if least is None or greatest is None:
        return 0
    known, _ = kind.numbers(cells, column)
    is_beyond = (known < least) | (known > greatest)
    count = int(is_beyond.sum())
    # The ends are means of a few outer cells: some of any other rows lie beyond.
    return count if count > OUTSIDE * len(cells) else 0


def _check_options(continuous: str, max_modes: int, rare: int, rows: int) -> None:
    if continuous not in CONTINUOUS:
        raise ConfigError(
            f"continuous is {continuous!r}; use one of {', '.join(CONTINUOUS)}"
        )
    if max_modes < 1:
        raise ConfigError(f"max_modes is {max_modes}; it must be 1 or more")
    if rare > rows:
        raise ConfigError(
            f"rare is {rare}, more than the {rows} rows to learn: "
            "nothing could be stored"
        )


def _fit_columns(
    table: pd.DataFrame,
    schema: Schema,
    whole: Whole | None,
    streams: Streams,
    settings: Settings,
    of_whole: Settings,
    with_links: bool,
    target: str | None,
) -> tuple[AnyEncoder, ...]:
    """Learn the encoder of every column of a typed table."""
    calendars = Calendars()
    links: dict[str, tuple[Link, ...]] = {}
    base_of: dict[str, str] = {}
    distances: dict[str, Relation] = {}
    if with_links:
        rng = streams.numpy("encoder.calendars")
        calendars = find_calendars(table, schema, target, settings.rare, rng)
        table = with_dates(table, calendars.assembled, schema)
        drawn = calendars.drawn(schema)
        # A base is sought only where the links have left one: so they come first.
        links = find(table, drawn, streams.numpy("encoder.links"))
        base_of = bases(table, drawn, links)
        rng = streams.numpy("encoder.distances")
        distances, links = find_distances(table, drawn, links, base_of, target, rng)
        calendars, distances, links = _with_measured_dates(
            table, schema, calendars, distances, links, target, settings.rare
        )

    if any(spans_years(column) for column in schema.columns):
        rng = streams.numpy("encoder.seasons")
        seasonal = find_seasons(table, schema, rng)
        settings = replace(settings, seasonal=seasonal)
    if with_links:
        names = discrete(table, schema, settings.rare, settings.people)
        settings = replace(settings, discrete=names)

    columns: list[AnyEncoder] = []
    inner = Schema((*schema.columns, *(date.column for date in calendars.assembled)))
    part_of = {part.column.name: part for part in calendars.parts}
    for i, column in enumerate(schema.columns):
        name = column.name
        rng = streams.numpy("encoder.fit", i)
        if name in part_of:
            columns.append(part_of[name])
        elif name in distances:
            columns.append(
                Measured.fit(table, column, distances[name], inner, rng, settings)
            )
        elif name in links or name in base_of:
            own_links = links.get(name, ())
            base = base_of.get(name, "")
            columns.append(
                Linked.fit(table, column, own_links, base, inner, rng, settings)
            )
        else:
            kind = KINDS[column.kind]
            own_settings = settings
            cells = table[name]
            # Of the larger table where no cell of that may come back.
            if whole is not None and kind.invented:
                cells = whole[name].reset_index(drop=True)
                own_settings = replace(of_whole, sample=table[name])
            columns.append(kind.fit(cells, column, rng, own_settings))
    for i, date in enumerate(calendars.assembled, start=len(columns)):
        relation = distances.get(date.column.name)
        if relation is None:
            columns.append(date)
            continue
        rng = streams.numpy("encoder.fit", i)
        columns.append(
            Measured.fit(table, date.column, relation, inner, rng, settings, date)
        )
    return with_names(columns)


def _with_measured_dates(
    table: pd.DataFrame,
    schema: Schema,
    calendars: Calendars,
    distances: dict[str, Relation],
    links: dict[str, tuple[Link, ...]],
    target: str | None,
    rare: int,
) -> tuple[Calendars, dict[str, Relation], dict[str, tuple[Link, ...]]]:
    """Where a spread date is measured from another one, its columns follow from it.

    Nothing else is said of these columns then: links and distances that name them are
    left out, and so is the distance of a date whose columns do not follow.
    """
    parts = list(calendars.parts)
    followers: set[str] = set()
    distances = dict(distances)
    for date in calendars.assembled:
        if date.column.name not in distances:
            continue
        own = None
        if target not in date.parts:
            own = parts_of_spread(date, table, schema, rare)
        if own is None:
            del distances[date.column.name]
            continue
        parts += own
        followers.update(date.parts)

    def is_free(name: str, needs: Iterable[str]) -> bool:
        return name not in followers and followers.isdisjoint(needs)

    free_distances = {
        name: relation
        for name, relation in distances.items()
        if is_free(name, relation.columns)
    }
    free_links = {
        name: own
        for name, own in links.items()
        if is_free(name, (parent for link in own for parent in link.parents))
    }
    return Calendars(calendars.assembled, tuple(parts)), free_distances, free_links


# --------------------------------------------------------------------------------------
# Rows over rows


def overlaid(drawn: pd.DataFrame, given: pd.DataFrame) -> pd.DataFrame:
    """Drawn rows with the given cells in their places."""
    columns = {name: _with_known(drawn[name], given[name]) for name in drawn.columns}
    return pd.DataFrame(columns)


def _with_known(drawn: pd.Series, given: pd.Series) -> pd.Series:
    """Drawn cells with those that are known in their places."""
    known = given.reset_index(drop=True)
    is_known = known.notna().to_numpy(dtype=bool)
    if not is_known.any():
        return drawn
    # The given cells' dtype allows for missing ones: drawn cells may be missing.
    cells = drawn.astype(known.dtype).mask(is_known, known)
    return cells if cells.isna().any() else cells.astype(drawn.dtype)
