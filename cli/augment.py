"""`synthtab augment`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthtab.core.errors import ConfigError

from .options import Device, Quiet, Rare, Seed, check_output, write_text
from .render import note, progress

if TYPE_CHECKING:
    import pandas as pd

    from synthtab.augment.by_class import ByClass

# Share of the table that the generator does not learn, so that the verdict can be
# tested on it.
TEST_SHARE = 0.2


def augment(
    data: Annotated[Path, typer.Argument(help="Table to enlarge.", show_default=False)],
    target: Annotated[
        str, typer.Option(help="Column that a model is to predict.", show_default=False)
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help=".csv, .tsv (also .gz) or .parquet; - is stdout.",
            metavar="FILE",
        ),
    ] = "-",
    n: Annotated[
        int | None,
        typer.Option(
            "--rows",
            "-n",
            help="Rows to add. [default: as many as there are]",
            metavar="N",
        ),
    ] = None,
    balance: Annotated[
        bool,
        typer.Option(
            "--balance", help="Add rows until every class has as many as the largest."
        ),
    ] = False,
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
        Path | None,
        typer.Option(
            help="Real rows that were not learnt, for the verdict. [default: a fifth of DATA]",
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
        typer.Option(help="Most time to train: 90s, 5m, 1h30m.", metavar="TIME"),
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
    rare: Rare = None,
    device: Device = None,
    seed: Seed = None,
    quiet: Quiet = False,
) -> None:
    """Add synthetic rows to a table, and say whether they help a model.

    The verdict comes from a fifth of the rows that the generator does not learn.

    Example: synthtab augment people.csv --target income --balance -o more.csv
    """
    _check(n, balance, model, (preset, time, epochs, rare), output, json, verdict)
    for path in (output, json):
        if path not in (None, "-"):
            check_output(Path(str(path)), data, model, holdout, schema)

    from synthtab import Schema, Synthesizer, infer
    from synthtab.augment.by_class import ByClass
    from synthtab.core.config import configure
    from synthtab.data import tables

    frame = tables.read(data)
    fitted = Synthesizer.load(model, device=device or "auto") if model else None
    told = configure(rare=rare).rare
    declared = (
        fitted.schema_
        if fitted
        else Schema.load(schema)
        if schema
        else infer(frame, rare=told)
    )
    frame = tables.typed(frame, declared)
    _check_table(declared.names, target, mark)
    train, test = frame, tables.read(holdout, schema=declared) if holdout else None
    if verdict and test is None and fitted is None:
        train, test = _split(frame, seed or 0)
    try:
        with progress(quiet) as observe:
            if fitted is None:
                given: dict[str, Any] = dict(
                    preset=preset,
                    seed=seed,
                    device=device,
                    time=time,
                    epochs=epochs,
                    rare=rare,
                )
                fitted = Synthesizer(
                    target=target, **{k: v for k, v in given.items() if v is not None}
                )
                fitted.fit(train, declared, observe)
            source = ByClass(fitted, target)
            found = None
            if verdict and test is not None:
                from synthtab.augment import study

                chosen: dict[str, Any] = {
                    k: v
                    for k, v in dict(repeats=repeats, seed=seed).items()
                    if v is not None
                }
                found = study(
                    train,
                    source,
                    target,
                    test,
                    schema=declared,
                    observe=observe,
                    **chosen,
                )
        added = _added(source, frame, target, n, balance, seed)
        pieces = (
            _marked(piece, mark, name)
            for name, parts in (("real", [frame]), ("synthetic", added))
            for piece in parts
        )
        tables.write(pieces, output, _with_mark(declared, mark))
    except KeyboardInterrupt:
        note(
            "interrupted" if output == "-" else f"interrupted: {output} was not written"
        )
        raise typer.Exit(130) from None
    if found is not None and json is not None:
        typer.echo(found.to_json()) if json == "-" else write_text(
            Path(json), found.to_json() + "\n"
        )
    if found is not None and json != "-" and not (quiet and output == "-"):
        typer.echo(str(found), err=output == "-")
    if quiet:
        return
    if verdict and found is None:
        note(
            "no verdict: the model may have learnt these rows; name others with --holdout"
        )
    if output != "-":
        note(
            f"{len(frame):,} real and {sum(map(len, added)):,} synthetic rows in {output}"
        )


def _check(
    n: int | None,
    balance: bool,
    model: Path | None,
    fitting: tuple[Any, ...],
    output: str,
    json: str | None,
    verdict: bool,
) -> None:
    if n is not None and n <= 0:
        raise ConfigError(f"-n must be at least 1, not {n}")
    if n is not None and balance:
        raise ConfigError(
            "-n and --balance exclude each other: --balance decides how many rows"
        )
    if model is not None and any(option is not None for option in fitting):
        raise ConfigError(
            "--model is fitted already: leave out --preset, --time, --epochs and --rare-below"
        )
    if output == "-" and json == "-":
        raise ConfigError(
            "the table and --json cannot both go to stdout: name a file for one"
        )
    if json is not None and not verdict:
        raise ConfigError("--json writes the comparison, which --no-verdict leaves out")


def _check_table(names: tuple[str, ...], target: str, mark: str | None) -> None:
    if target not in names:
        raise ConfigError(
            f"the target {target!r} is not a column: the columns are {', '.join(names[:12])}"
        )
    if mark is not None and (mark in names or not mark.strip()):
        raise ConfigError(
            f"--mark {mark!r} cannot be: choose a name that no column has"
        )


def _split(frame: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the generator learns, and what the verdict is tested on."""
    import numpy as np

    from synthtab.core.randomness import Streams

    order = Streams(seed).numpy("augment").permutation(len(frame))
    count = int(TEST_SHARE * len(frame))
    return frame.iloc[np.sort(order[count:])], frame.iloc[np.sort(order[:count])]


def _added(
    source: ByClass,
    frame: pd.DataFrame,
    target: str,
    n: int | None,
    balance: bool,
    seed: int | None,
) -> list[pd.DataFrame]:
    if not balance:
        return [source.sample(n or len(frame), seed=seed)]
    counts = frame[target].value_counts()
    counts = counts[counts > 0]
    if len(counts) > len(frame) / 2:
        raise ConfigError(
            f"--balance needs a target with classes: {target!r} has {len(counts):,} different values"
        )
    parts: list[pd.DataFrame] = []
    for value, count in sorted(counts.items(), key=lambda item: str(item[0])):
        if wanted := int(counts.max() - count):
            parts.append(
                source.sample_class(
                    value, wanted, seed=seed, start=sum(map(len, parts))
                )
            )
    return parts


def _marked(piece: pd.DataFrame, mark: str | None, origin: str) -> pd.DataFrame:
    return piece if mark is None else piece.assign(**{mark: origin})


def _with_mark(schema: Any, mark: str | None) -> Any:
    from synthtab import Column, Schema

    return (
        schema
        if mark is None
        else Schema((*schema.columns, Column(mark, "category", "str")))
    )
