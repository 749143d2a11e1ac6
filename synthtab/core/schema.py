"""What each column of a table is: declared once, readable and editable as JSON.

A `Schema` is inferred (`synthtab.data.columns.infer`) or read from a file; every other part of the
program asks it. It holds no cell of the table beyond bounds, category lists of pandas categoricals
and the value of a constant column, and of these none that too few rows have
(`synthtab.data.columns.disclosure`). It also lists the constraints between columns
(`synthtab.data.constraints`): those offered, and those that every row shall hold.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthtab.core.errors import SchemaError
from synthtab.core.files import write_text
from synthtab.core.json_schema import fault, shown
from synthtab.core.notebook import block, escaped, folded, sentence, table
from synthtab.core.shown import shown as as_shown

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
# Characters of a name, and of the reason of a kind, that a notebook shows.
MOST_OF_NAME = 40
MOST_OF_WHY = 80

# The kinds of columns and the forms of constraints that a schema may name: name => class. The
# packages that define them fill these in when they are imported, for `core` imports none of
# them. The order is that of the messages that list the names.
KINDS: dict[str, Any] = {}
FORMS: dict[str, Any] = {}


def known_kinds() -> dict[str, Any]:
    """`KINDS`, filled in."""
    importlib.import_module("synthtab.data.columns")
    return KINDS


def known_forms() -> dict[str, Any]:
    """`FORMS`, filled in."""
    importlib.import_module("synthtab.data.constraints")
    return FORMS


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Its header.
        kind: Name of a kind of `synthtab.data.columns.KINDS`. A time of day is a "clock"
            if it is written as one number (517 is 5:17), and a "datetime" whose format
            has no date if it is text.
        dtype: The pandas dtype that sampled rows have, as ``str(dtype)``.
        options: What the kind needs to know: decimals, minimum, maximum, format, categories, ...
        missing: Whether cells may be missing.
        why: One sentence on why inference chose this kind.
        note: One line on what a user would not expect of how the column is read, which
            `fit` says; "" for nothing.
    """

    name: str
    kind: str
    dtype: str
    options: Mapping[str, Any] = field(default_factory=dict)
    missing: bool = False
    why: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        kinds = known_kinds()
        if self.kind not in kinds:
            raise SchemaError(
                f"column {self.name!r}: unknown kind {self.kind!r}; "
                f"use one of {', '.join(kinds)}"
            )

    def to_json(self) -> dict[str, Any]:
        """Plain data for `from_json`."""
        return {
            "name": self.name,
            "kind": self.kind,
            "dtype": self.dtype,
            "missing": self.missing,
            "why": self.why,
            "note": self.note,
            "options": dict(self.options),
        }

    @classmethod
    def from_json(cls, data: Any) -> Column:
        """The inverse of `to_json`; all but "name", "kind" and "dtype" may be left out."""
        if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
            raise SchemaError('every column of a schema needs a "name"')
        name = data["name"]
        unknown = sorted(set(data) - {f.name for f in dataclasses.fields(cls)})
        if unknown:
            raise SchemaError(f"column {name!r}: unknown schema entry {unknown[0]!r}")
        for key, types in {
            "kind": str,
            "dtype": str,
            "options": Mapping,
            "missing": bool,
            "why": str,
            "note": str,
        }.items():
            if key in data and not isinstance(data[key], types):
                raise SchemaError(
                    f"column {name!r}: {key!r} has the value {shown(data[key])}, which is of the wrong type"
                )
        for key in ("kind", "dtype"):
            if key not in data:
                raise SchemaError(f"column {name!r}: the schema lacks its {key!r}")
        column = cls(
            name,
            data["kind"],
            data["dtype"],
            dict(data.get("options", {})),
            data.get("missing", False),
            data.get("why", ""),
            data.get("note", ""),
        )
        # What a file says may be anything; what inference says is known to be right.
        known_kinds()[column.kind].check(column)
        return column


@dataclass(frozen=True)
class Constraint:
    """What holds between cells of a row, or between rows.

    Attributes:
        form: Name of a form of `synthtab.data.constraints.FORMS`, which says what it
            means.
        columns: The columns that it is about.
        options: What the form needs to know besides.
        enforce: Whether every sampled row must hold it; if not, it is only offered.
        support: Share of the rows that it applies to in which it holds, where it was
            found in a table.
        rows: Number of these rows.
        says: The constraint in words; for people only.
    """

    form: str
    columns: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    enforce: bool = False
    support: float | None = None
    rows: int | None = None
    says: str = ""

    def __post_init__(self) -> None:
        # The package that defines the forms registers them when it is imported.
        forms = known_forms()
        if self.form not in forms:
            raise SchemaError(
                f"unknown constraint {self.form!r}; use one of {', '.join(forms)}"
            )

    @property
    def certain(self) -> bool:
        """Whether it holds in every row of the table in which it was found."""
        return self.support == 1.0

    def to_json(self) -> dict[str, Any]:
        """Plain data for `from_json`.

        Raises:
            SchemaError: It is a Python function, which no file can hold.
        """
        # All else that options hold is plain data.
        if any(callable(value) for value in self.options.values()):
            raise SchemaError(
                f"the constraint {self.says or self.form} is a Python function "
                "and cannot be stored in a file: "
                "leave it out of the schema, or write it in another form"
            )
        return {
            "form": self.form,
            "columns": list(self.columns),
            "enforce": self.enforce,
            "says": self.says,
            "support": self.support,
            "rows": self.rows,
            "options": dict(self.options),
        }

    @classmethod
    def from_json(cls, data: Any) -> Constraint:
        """The inverse of `to_json`; all but "form" and "columns" may be left out."""
        if not isinstance(data, Mapping) or not isinstance(data.get("form"), str):
            raise SchemaError('every constraint of a schema needs a "form"')
        what = f"constraint {shown(data.get('says') or data['form'])}"
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise SchemaError(f"{what}: unknown schema entry {unknown[0]!r}")
        columns = data.get("columns")
        if not isinstance(columns, list) or not _all_texts(columns):
            raise SchemaError(f'{what}: "columns" must be a list of names')
        for key, types in _CONSTRAINT_TYPES.items():
            if key not in data:
                continue
            given = data[key]
            # For Python a boolean is an integer; for a reader of JSON it is not.
            is_stray_boolean = isinstance(given, bool) and types is not bool
            if not isinstance(given, types) or is_stray_boolean:
                raise SchemaError(
                    f"{what}: {key!r} has the value {shown(given)}, "
                    "which is of the wrong type"
                )
        # A copy: what the caller does to `data` later does not concern it.
        entries = dict(data)
        entries["columns"] = tuple(columns)
        entries["options"] = dict(data.get("options", {}))
        constraint = cls(**entries)
        rules = known_forms()[constraint.form].schema_options
        for option, value in constraint.options.items():
            if found := fault(value, rules.get(option, {})):
                raise SchemaError(f"{what}: the option {option!r} {found}")
        return constraint


def _all_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


_CONSTRAINT_TYPES: dict[str, Any] = {
    "options": Mapping,
    "enforce": bool,
    "support": (float, int, type(None)),
    "rows": (int, type(None)),
    "says": str,
}


@dataclass(frozen=True)
class Schema:
    """All columns, in the order of the table, and the constraints between them.

    Attributes:
        columns: In the order of the table.
        constraints: Those offered, and those enforced.
        person: The column that says whom each row is about, if one does: then what few
            people have is not stored, whatever the number of their rows.
    """

    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...] = ()
    person: str | None = None

    def __post_init__(self) -> None:
        if not self.columns:
            raise SchemaError("a schema needs at least one column")
        seen: set[str] = set()
        for column in self.columns:
            if column.name in seen:
                raise SchemaError(
                    f"the schema has two columns named {column.name!r}; rename one"
                )
            seen.add(column.name)
        if self.person is not None and self.person not in seen:
            raise SchemaError(
                f'"person" of the schema is {self.person!r}, which is no column of it; '
                f"the columns are {_listing(self.names)}"
            )
        # That a constraint's form can be about them, the form itself checks.
        for constraint in self.constraints:
            lacking = [name for name in constraint.columns if name not in seen]
            if lacking:
                what = constraint.says or constraint.form
                raise SchemaError(
                    f"constraint {what!r}: the schema has no column {_listing(lacking)}"
                )

    @property
    def enforced(self) -> tuple[Constraint, ...]:
        """The constraints that every sampled row must hold."""
        return tuple(entry for entry in self.constraints if entry.enforce)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each column that is read in a way that one may not expect."""
        noted = (column for column in self.columns if column.note)
        return tuple(f"column {column.name!r}: {column.note}" for column in noted)

    def __len__(self) -> int:
        return len(self.columns)

    def __repr__(self) -> str:
        """One line: how many columns of which kind, and how many constraints."""
        return f"<Schema: {self._counts()}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: a line for each column, and the constraints."""
        rows = []
        for column in self.columns:
            why = "; ".join(filter(None, (column.why, column.note)))
            missing = "yes" if column.missing else ""
            # One line a column.
            name = escaped(column.name, MOST_OF_NAME)
            row = (name, column.kind, column.dtype, missing, escaped(why, MOST_OF_WHY))
            rows.append(row)
        parts = [table(rows, ("column", "kind", "dtype", "missing", "why"))]
        if self.constraints:
            rules = [
                ("enforced" if one.enforce else "offered", one.says or one.form)
                for one in self.constraints
            ]
            parts.append(folded("Constraints", table(rules)))
        if self.person is not None:
            parts.append(sentence(f"Rows are about people: {self.person!r}", soft=True))
        return block(f"Schema: {self._counts()}", *parts)

    def __str__(self) -> str:
        """A line for each column: its name, kind, dtype, and why it is of the kind."""
        width = max(len(name) for name in self.names)
        lines = [repr(self)]
        for column in self.columns:
            head = f"  {column.name:<{width}}  {column.kind:<10}  {column.dtype:<10}"
            lines.append(f"{head}  {column.why}".rstrip())
        return as_shown("\n".join(lines))

    def _counts(self) -> str:
        """``3 columns (2 category, 1 float), 1 of 2 constraints enforced``."""
        kinds = Counter(column.kind for column in self.columns).most_common()
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds)
        plural = "s" * (len(self.columns) > 1)
        text = f"{len(self.columns)} column{plural} ({listed})"
        if self.constraints:
            enforced = f"{len(self.enforced)} of {len(self.constraints)}"
            text += f", {enforced} constraints enforced"
        return text

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Column:
        if name in self._by_name:
            return self._by_name[name]
        raise SchemaError(
            f"the schema has no column {name!r}; it has {_listing(self.names)}"
        )

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    def replace(self, column: Column) -> Schema:
        """A schema in which the column of the same name is this one.

        Raises:
            SchemaError: There is none.
        """
        columns = list(self.columns)
        place = columns.index(self[column.name])
        columns[place] = column
        return dataclasses.replace(self, columns=tuple(columns))

    def with_constraints(self, constraints: Iterable[Constraint]) -> Schema:
        """A schema with these constraints in place of its own."""
        return dataclasses.replace(self, constraints=tuple(constraints))

    def enforcing(self, constraints: Iterable[Constraint]) -> Schema:
        """A schema that enforces these constraints as well.

        One that it offers already is not listed twice.
        """
        listed = {_identity(entry): entry for entry in self.constraints}
        for entry in constraints:
            listed[_identity(entry)] = dataclasses.replace(entry, enforce=True)
        return self.with_constraints(listed.values())

    def with_kind(self, name: str, kind: str) -> Schema:
        """A schema in which the column is of another kind; its dtype and options stay."""
        return self.replace(
            dataclasses.replace(self[name], kind=kind, why="set by hand")
        )

    @property
    def nullable(self) -> Schema:
        """A schema whose dtypes hold missing cells, also where this one's do not.

        int64 becomes Int64, and bool boolean.
        """
        columns = []
        for column in self.columns:
            dtype = nullable_dtype(column.dtype)
            columns.append(dataclasses.replace(column, dtype=dtype, missing=True))
        return dataclasses.replace(self, columns=tuple(columns))

    def check(self, frame: pd.DataFrame) -> None:
        """Compare the table's column names with the schema's; their order does not matter.

        Raises:
            SchemaError: Naming every column that is missing, unexpected or there twice.
        """
        # In the order of the table, how often each name is there.
        given = Counter(str(name) for name in frame.columns)
        known = set(self.names)
        lacking = [name for name in self.names if name not in given]
        unknown = [name for name in given if name not in known]
        repeated = [name for name, count in given.items() if count > 1]
        problems = []
        if lacking:
            problems.append(f"the table lacks {_listing(lacking)}")
        if unknown:
            problems.append(f"the schema does not know {_listing(unknown)}")
        if repeated:
            problems.append(f"the table has more than one {_listing(repeated)}")
        if problems:
            raise SchemaError(f"table and schema disagree: {'; '.join(problems)}")

    def to_json(self) -> dict[str, Any]:
        """Plain data for `from_json`."""
        data: dict[str, Any] = {
            "format": FORMAT,
            "columns": [column.to_json() for column in self.columns],
        }
        if self.person is not None:
            data["person"] = self.person
        # Most schemas have none, and their files do not mention them.
        if self.constraints:
            data["constraints"] = [entry.to_json() for entry in self.constraints]
        return data

    @classmethod
    def from_json(cls, data: Any) -> Schema:
        """The inverse of `to_json`."""
        if not isinstance(data, Mapping) or not isinstance(data.get("columns"), list):
            raise SchemaError(
                'not a schema: expected an object with "format" and a list of "columns"'
            )
        version = data.get("format")
        if version != FORMAT:
            raise SchemaError(
                f"the schema has format {shown(version)}; "
                f"this version of synthtab reads format {FORMAT}"
            )
        listed = data.get("constraints", [])
        if not isinstance(listed, list):
            raise SchemaError('"constraints" of a schema must be a list')
        columns = tuple(Column.from_json(entry) for entry in data["columns"])
        constraints = tuple(Constraint.from_json(entry) for entry in listed)
        person = data.get("person")
        if not isinstance(person, str | None):
            raise SchemaError('"person" of a schema must be the name of a column')
        return cls(columns, constraints, person)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the schema as indented JSON.

        An existing file is replaced only once all is written.
        """
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"
        write_text(path, text, SchemaError, f"the schema {path}")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Schema:
        """Read a schema that `save` wrote, perhaps edited by hand since."""
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise SchemaError(
                f"cannot read the schema {path}: {error.strerror or error}"
            ) from error
        except UnicodeDecodeError as error:
            raise SchemaError(
                f"the schema {path} is not a text file in UTF-8"
            ) from error
        except json.JSONDecodeError as error:
            raise SchemaError(
                f"the schema {path} is not valid JSON: line {error.lineno}, {error.msg}"
            ) from error
        # Nested too deeply, or a number of thousands of digits.
        except (RecursionError, ValueError) as error:
            raise SchemaError(f"the schema {path} is no schema: {error}") from error
        try:
            return cls.from_json(data)
        # What is wrong in a file is said with its name.
        except SchemaError as error:
            raise SchemaError(f"{path}: {error}") from error


def _identity(constraint: Constraint) -> tuple[str, tuple[str, ...], str]:
    """What two constraints share that say the same."""
    # The options may hold lists, which are not hashable, and functions.
    return constraint.form, constraint.columns, repr(constraint.options)


def nullable_dtype(dtype: str) -> str:
    """A dtype like this one that has missing cells."""
    if dtype == "bool":
        return "boolean"
    # pandas spells NumPy's int64 and uint8 with capitals where they are nullable.
    whole = re.fullmatch(r"(u?)int(\d+)", dtype)
    if whole:
        return f"{whole[1].upper()}Int{whole[2]}"
    return dtype


def _listing(names: Any, limit: int = 8) -> str:
    """``'a', 'b' and 3 more``."""
    quoted = [repr(name) for name in names]
    listed = ", ".join(quoted[:limit])
    if len(quoted) > limit:
        listed += f" and {len(quoted) - limit} more"
    return listed
