"""`synthtab augment`: real and synthetic rows in one file; do these help?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthtab.core.errors import ConfigError, DataError, hint
from synthtab.core.files import write_text

from .keep import keeping
from .options import (
    Device,
    Output,
    Person,
    Quiet,
    Rare,
    SafeCells,
    Seed,
    check_fit,
    check_model,
    check_output,
    check_schema,
    check_table,
    check_table_output,
    without_none,
)
from .render import note, progress, read_table, say

if TYPE_CHECKING:
    import pandas as pd

    from synthtab import Schema, Synthesizer
    from synthtab.augment import Study
    from synthtab.augment.by_class import ByClass

# The study learns from at most so many added rows, or four times as many as there are real
# ones: hundreds of models for millions of rows would take hours.
MOST_STUDIED = 20_000
MOST_RATIO = 4.0
# Share of the table that the generator does not learn, so that the verdict can be
# tested on it.
TEST_SHARE = 0.2


def augment(
    data: Annotated[str, typer.Argument(help="Table to enlarge.", show_default=False)],
    target: Annotated[
        str, typer.Option(help="Column that a model is to predict.", show_default=False)
    ],
    output: Output = "-",
    n: Annotated[
        int | None,
        typer.Option(
            "--rows",
            "-n",
            help="Rows to add. [default: as many as there are; with --teach four "
            "times as many]",
            metavar="N",
        ),
    ] = None,
    balance: Annotated[
        bool,
        typer.Option(
            "--balance", help="Add rows until every class has as many as the largest."
        ),
    ] = False,
    teach: Annotated[
        str | None,
        typer.Option(
            help="Let models of the real rows say the target of the added ones; "
            "a column of this name says how much a row weighs.",
            metavar="NAME",
        ),
    ] = None,
    mark: Annotated[
        str | None,
        typer.Option(
            help="Add a column of this name: real or synthetic.", metavar="NAME"
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            help="Take this model instead of fitting one.",
            metavar="FILE",
        ),
    ] = None,
    holdout: Annotated[
        str | None,
        typer.Option(
            help="Real rows that were not learnt, for the verdict. "
            "[default: a fifth of DATA]",
            metavar="FILE",
        ),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(help="Column kinds, see synthtab schema.", metavar="FILE"),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="How much to compute.", metavar="quick|default|best|ctgan"),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--time", help="Most time to fit: 90s, 5m, 1h30m.", metavar="TIME"
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the table, instead.", metavar="N")
    ] = None,
    verdict: Annotated[
        bool,
        typer.Option(
            "--verdict/--no-verdict",
            help="Find out whether such rows help models.",
            show_default=False,
        ),
    ] = True,
    repeats: Annotated[
        int | None, typer.Option(help="Of the comparison; more are surer.", metavar="K")
    ] = None,
    json: Annotated[
        str | None,
        typer.Option(help="Write the comparison there; - is stdout.", metavar="FILE"),
    ] = None,
    safe_cells: SafeCells = False,
    rare: Rare = None,
    person: Person = None,
    device: Device = None,
    seed: Seed = None,
    quiet: Quiet = False,
) -> None:
    """Add synthetic rows to a table, and say whether they help a model.

    The verdict is about as many rows as are added, for each real one. It comes from a
    fifth of the rows that the generator does not learn.

    Example: synthtab augment people.csv --target income --balance -o more.csv
    """
    fitting = dict(preset=preset, time=time, epochs=epochs, rare=rare, person=person)
    _check(n, balance, teach, model, fitting, output, json, verdict)
    if output != "-":
        check_table_output(output, data, model, holdout, schema)
    if json not in (None, "-"):
        check_output(Path(str(json)), data, model, holdout, schema)
    check_table(data, holdout)
    check_model(model)
    check_schema(schema)
    check_fit(preset, time, epochs, device, seed, rare=rare)

    # Imported here, as in every command: `--help` must not wait for pandas and torch.
    from synthtab import Synthesizer
    from synthtab.augment.by_class import ByClass
    from synthtab.data import tables

    # What is to be learnt, and by which schema.
    cells = read_table(data, quiet)
    synthesizer = Synthesizer.load(model, device=device or "auto") if model else None
    declared = _schema_of(cells, schema, synthesizer, rare, person)
    table = tables.typed(cells, declared)
    _check_columns(declared.names, target, mark, teach)
    n = _rows_to_add(table, n, teach)
    if table[target].nunique() < 2:
        raise DataError(f"the target {target!r} has one value, or none: name another")
    # Which of it is learnt, and what the verdict is tested on.
    learnt = table
    test = tables.read(holdout, schema=declared) if holdout else None
    if verdict and test is None and synthesizer is None:
        learnt, test = _split(table, declared, target, balance, seed or 0)
    try:
        with progress(quiet) as observe:
            if synthesizer is None:
                options = without_none(**fitting, seed=seed, device=device)
                synthesizer = Synthesizer(target=target, **options)
                synthesizer.fit(learnt, declared, observe)
            source = ByClass(synthesizer, target)
            comparison = None
            if verdict and test is not None:
                from synthtab.augment import study

                comparison = study(
                    learnt,
                    source,
                    target,
                    test,
                    schema=declared,
                    **_asked(table, target, n, balance, quiet),
                    taught=teach is not None,
                    observe=observe,
                    **without_none(repeats=repeats, seed=seed),
                )
        added = _added(source, table, target, n, balance, seed)
        count = sum(map(len, added))
        real = table if teach is None else table.assign(**{teach: 1.0})
        added = _taught(learnt, added, target, declared, teach, seed)
        pieces = _marked(real, added, mark)
        with keeping(None if model else synthesizer, data):
            written = _with_further(declared, teach, mark)
            tables.write(pieces, output, written, safe_cells=safe_cells)
    except KeyboardInterrupt:
        lost = "" if output == "-" else f": {output} was not written"
        note(f"interrupted{lost}")
        raise typer.Exit(130) from None
    if comparison is not None:
        _deliver(comparison, json, output, quiet)
    if quiet:
        return
    # A model that was given has learnt an unknown part of the table.
    if verdict and comparison is None:
        note(
            "no verdict: the model may have learnt these rows; "
            "name others with --holdout"
        )
    if output != "-":
        note(f"{len(table):,} real and {count:,} synthetic rows in {output}")
        _note_weights(teach, count, sum(map(len, added)))


def _check(
    n: int | None,
    balance: bool,
    teach: str | None,
    model: Path | None,
    fitting: dict[str, Any],
    output: str,
    json: str | None,
    verdict: bool,
) -> None:
    """Refuse options that do not go together, before the long work starts."""
    if n is not None and n <= 0:
        raise ConfigError(f"-n must be at least 1, not {n}")
    if n is not None and balance:
        raise ConfigError(
            "-n and --balance exclude each other: --balance decides how many rows"
        )
    if teach is not None and balance:
        raise ConfigError(
            "--teach and --balance exclude each other: a teacher says how probable "
            "each class is"
        )
    if model is not None and without_none(**fitting):
        raise ConfigError(
            "--model is fitted already: leave out --preset, --time, --epochs, "
            "--rare-below and --person"
        )
    if output == "-" and json == "-":
        raise ConfigError(
            "the table and --json cannot both go to stdout: name a file for one"
        )
    if json is not None and not verdict:
        raise ConfigError("--json writes the comparison, which --no-verdict leaves out")


def _schema_of(
    cells: pd.DataFrame,
    path: Path | None,
    synthesizer: Synthesizer | None,
    rare: int | None,
    person: str | None,
) -> Schema:
    """The schema of the model, of a file, or else inferred, in this order."""
    from synthtab import Schema, infer
    from synthtab.core.config import configure

    if synthesizer is not None:
        return synthesizer.schema_
    if path is not None:
        declared = Schema.load(path)
        return declared if person is None else replace(declared, person=person)
    return infer(cells, rare=configure(rare=rare).rare, person=person)


def _check_columns(
    names: tuple[str, ...], target: str, mark: str | None, teach: str | None
) -> None:
    if target not in names:
        near = hint(target, names, "the columns are")
        raise ConfigError(f"the target {target!r} is not a column{near}")
    taken = names
    for option, name in (("--mark", mark), ("--teach", teach)):
        if name is None:
            continue
        if name in taken or not name.strip():
            raise ConfigError(
                f"{option} {name!r} cannot be: choose a name that no column has, one "
                "for each option"
            )
        taken = (*taken, name)


def _split(
    table: pd.DataFrame, declared: Schema, target: str, balance: bool, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the generator learns, and what the verdict is tested on.

    A fifth of every class: by luck, a rare one could have no row in either. Where rows
    are about people, all rows of a person are on one side instead. Both parts keep the
    order of the rows, which may mean something.
    """
    import numpy as np

    from synthtab.augment.splits import parted
    from synthtab.augment.target import MAX_CLASSES
    from synthtab.core.randomness import Streams
    from synthtab.data.columns import KINDS
    from synthtab.evaluation import cells

    rng = Streams(seed).numpy("augment")
    if declared.person is not None:
        # A missing cell is nobody, its code -1.
        people = cells.plain(table[declared.person]).factorize()[0] + 1
        rows_of = np.bincount(people)
        order = rng.permutation(len(rows_of))
        chosen = order[np.cumsum(rows_of[order]) <= TEST_SHARE * len(table)]
        if not len(chosen):
            raise ConfigError(
                f"{declared.person!r} names too few people for a verdict: name other "
                "rows with --holdout, or leave it out with --no-verdict"
            )
        is_tested = np.isin(people, chosen)
        return table[~is_tested], table[is_tested]
    distinct = table[target].nunique()
    numeric = KINDS[declared[target].kind].numeric
    are_classes = not numeric or distinct <= 2 or (balance and distinct <= MAX_CLASSES)
    classes = np.zeros(len(table))
    if are_classes:
        # A missing cell is a class of its own, its code -1.
        classes = cells.plain(table[target]).factorize()[0]
    tested, learnt = parted(classes, TEST_SHARE, rng)
    return table.iloc[learnt], table.iloc[tested]


def _rows_to_add(table: pd.DataFrame, n: int | None, teach: str | None) -> int:
    """As many as were asked for; else as many as there are, or the ratio of taught rows."""
    from synthtab.augment.teacher import RATIO

    if n is not None:
        return n
    return len(table) if teach is None else round(RATIO * len(table))


def _asked(
    table: pd.DataFrame, target: str, n: int, balance: bool, quiet: bool
) -> dict[str, Any]:
    """What the verdict is about: what the table will get."""
    from synthtab.augment.target import MAX_CLASSES

    # Numbers of few values are classes where they are to be balanced. More values
    # than that are studied as numbers, which have no balance.
    if balance and table[target].nunique() <= MAX_CLASSES:
        return {"ratio": "balanced", "task": "classification"}
    asked = n / len(table)
    most = max(MOST_RATIO, MOST_STUDIED / len(table))
    if asked > most and not quiet:
        note(
            f"the verdict is about {most:.3g} synthetic rows a real one: it would take "
            f"too long about {asked:.3g}"
        )
    return {"ratio": min(asked, most)}


def _added(
    source: ByClass,
    table: pd.DataFrame,
    target: str,
    n: int,
    balance: bool,
    seed: int | None,
) -> list[pd.DataFrame]:
    """The synthetic rows, in one piece or, to balance, one for each class."""
    if not balance:
        return [source.sample(n, seed=seed)]
    counts = table[target].value_counts()
    # A pandas categorical also counts categories that no row has.
    counts = counts[counts > 0]
    # With hardly two rows a value this is a number or a name, and "as many as the
    # largest" would mean one row of each.
    if len(counts) > len(table) / 2:
        raise ConfigError(
            f"--balance needs a target with classes: {target!r} has {len(counts):,} "
            "different values"
        )
    largest = counts.max()
    parts: list[pd.DataFrame] = []
    rows = 0
    # In the order of their names: the same rows whatever the order of the table.
    for value, count in sorted(counts.items(), key=lambda item: str(item[0])):
        lacking = int(largest - count)
        if not lacking:
            continue
        # Identifiers go on where those of the class before ended.
        parts.append(source.sample_class(value, lacking, seed=seed, start=rows))
        rows += len(parts[-1])
    return parts


def _taught(
    real: pd.DataFrame,
    added: list[pd.DataFrame],
    target: str,
    declared: Schema,
    weight: str | None,
    seed: int | None,
) -> list[pd.DataFrame]:
    """The synthetic rows with the target that models of the real rows expect.

    As they are without a name for the column of weights.
    """
    if weight is None:
        return added
    from synthtab.augment import teach

    pieces = []
    for rows in added:
        taught = teach(
            real, rows, target, schema=declared, weight=weight, seed=seed or 0
        )
        # As many digits as anybody needs, in a file that people read.
        pieces.append(taught.assign(**{weight: taught[weight].round(4)}))
    return pieces


def _note_weights(weight: str | None, added: int, lines: int) -> None:
    """Say what the column of weights is for."""
    if weight is None:
        return
    if lines > added:
        note(
            "each added row stands there once for every likely class: "
            f"{lines:,} lines in all"
        )
    note(f"give models the column {weight!r} as sample_weight, not as a feature")


def _marked(
    real: pd.DataFrame, synthetic: Iterable[pd.DataFrame], mark: str | None
) -> Iterator[pd.DataFrame]:
    """Real rows, then synthetic ones, with the column that says which is which."""
    for origin, pieces in (("real", [real]), ("synthetic", synthetic)):
        for piece in pieces:
            yield piece if mark is None else piece.assign(**{mark: origin})


def _with_further(schema: Schema, weight: str | None, mark: str | None) -> Schema:
    """The schema with the columns of `_taught` and `_marked`."""
    from synthtab import Column, Schema

    columns = list(schema.columns)
    if weight is not None:
        columns.append(Column(weight, "float", "float64"))
    if mark is not None:
        columns.append(Column(mark, "category", "str"))
    return schema if len(columns) == len(schema) else Schema(tuple(columns))


def _deliver(comparison: Study, json: str | None, output: str, quiet: bool) -> None:
    """The verdict on the terminal and, if asked for, as JSON."""
    if json == "-":
        typer.echo(comparison.to_json())
        return
    if json is not None:
        write_text(json, comparison.to_json() + "\n", DataError)
    # Where the table goes to stdout the words must not: they would be read as rows.
    table_on_stdout = output == "-"
    if not (quiet and table_on_stdout):
        say(str(comparison), err=table_on_stdout)
