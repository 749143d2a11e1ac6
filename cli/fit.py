"""`synthtab fit`: a model file from a table."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthtab.core.config import seconds
from synthtab.core.errors import ConfigError, DataError
from synthtab.core.progress import Clock, Progress

from .config_file import dials, from_file, in_file, toml
from .keep import keep_model
from .options import (
    Device,
    Person,
    Quiet,
    Rare,
    Seed,
    as_typed,
    check_fit,
    check_model,
    check_output,
    check_schema,
    check_table,
    default_model,
    without_none,
)
from .render import duration, note, note_columns, note_reading, progress, say

if TYPE_CHECKING:
    import pandas as pd

    from synthtab import Schema, Synthesizer
    from synthtab.data.sources import Source


def fit(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Argument(
            help="Table to learn: CSV, TSV (also .gz, ...), Parquet, Feather, JSON "
            "lines, Excel, sqlite:///FILE?table=NAME, or - for stdin.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Model file. [default: DATA.synthtab here]",
            metavar="FILE",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Column that models will predict: "
            "it is learnt given all others, and drawn last."
        ),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            help="Column kinds from `synthtab schema`, perhaps edited.", metavar="FILE"
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Go on from this model, with further rows of the same columns.",
            metavar="MODEL",
        ),
    ] = None,
    constraints: Annotated[
        str | None,
        typer.Option(
            help="found: enforce what `synthtab schema` finds in all rows.",
            metavar="found",
        ),
    ] = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(
            help="Enforce this too, such as 'end >= start'. Can be repeated.",
            metavar="TEXT",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="How much to compute.", metavar="quick|default|best|ctgan"),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--time", help="Most time for all of it: 90s, 5m, 1h30m.", metavar="TIME"
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the table, instead.", metavar="N")
    ] = None,
    holdout: Annotated[
        float | None,
        typer.Option(
            help="Share of the rows kept aside to choose the model by.", metavar="SHARE"
        ),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            help="Learn only so many rows, drawn at random.",
            metavar="N",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            help="Rows of one training step; fewer take less memory.", metavar="N"
        ),
    ] = None,
    rare: Rare = None,
    person: Person = None,
    epsilon: Annotated[
        float | None,
        typer.Option(
            help="Differential privacy: 1 is usual, less is safer. Needs --schema, which "
            "says what is public.",
            metavar="E",
        ),
    ] = None,
    delta: Annotated[
        float | None,
        typer.Option(
            help="Chance that the promise of --epsilon fails. [default: 1 / (n sqrt n)]",
            metavar="D",
            show_default=False,
        ),
    ] = None,
    device: Device = None,
    seed: Seed = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Options from a TOML file, as --dry-run prints it; "
            "what is given here wins.",
            metavar="FILE",
            callback=from_file,
            is_eager=True,
            show_default=False,
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Keep the state there, every minute: the same command goes on from it.",
            metavar="FOLDER",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print what would run, as a file for --config, and stop."
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Learn a table and write a model file.

    Example: synthtab fit people.csv --target income --time 5m
    """
    clock = Clock(seconds(time) if time else 0.0)
    further = dials(context)
    if config is not None and not quiet:
        note(f"options of {config}: {', '.join(in_file(context)) or 'none'}")
    output = output or default_model(data)
    check_output(output, data, schema, start)
    check_table(data)
    check_schema(schema)
    check_model(start)
    check_fit(
        preset,
        time,
        epochs,
        device,
        seed,
        holdout=holdout,
        rare=rare,
        batch=batch,
        **further,
    )
    _check(rows, constraints, checkpoint)
    _check_start(start, schema, constraints, constraint, dry_run)
    _check_privacy(epsilon, delta, schema, constraints)

    # Imported here, as in every command: `--help` must not wait for pandas and torch.
    from synthtab import Synthesizer
    from synthtab.core.randomness import Streams
    from synthtab.data.sources import glimpse, open_table
    from synthtab.model import resume
    from synthtab.synthesizer import processes

    options = without_none(
        preset=preset,
        target=target,
        person=person,
        seed=seed,
        device=device,
        holdout=holdout,
        time=time,
        epochs=epochs,
        rare=rare,
        batch=batch,
        epsilon=epsilon,
        delta=delta,
    )
    model = Synthesizer(**options, **further)
    old = Synthesizer.load(start, device=device or "auto") if start else None
    world = processes()
    # Of the processes that torchrun started, one speaks and writes.
    is_first = world.rank == 0
    quiet = quiet or not is_first
    try:
        with progress(quiet or dry_run) as observe:
            observe(Progress("read"))
            # A plan needs only the first rows of a file.
            if dry_run:
                source = glimpse(data, rows)
            else:
                source = open_table(data, Streams(model.seed), rows)
            observe(Progress("infer kinds"))
            declared = _schema_of(source, schema, constraint or [], model, old)
            # With epsilon, no message may tell of a cell.
            note_reading(source.sample, data, quiet or epsilon is not None)
            # Of a model to go on from, the notes are about its own table.
            note_columns(declared, quiet or old is not None)
            _note_formulas(source.sample, declared, quiet or epsilon is not None)
            if constraints:
                observe(Progress("find constraints"))
                declared = _with_found_constraints(source, declared)
            if dry_run:
                if is_first:
                    given = without_none(
                        output=str(output),
                        schema=schema and str(schema),
                        constraints=constraints,
                        constraint=constraint,
                        rows=rows,
                        checkpoint=checkpoint and str(checkpoint),
                        **options,
                    )
                    _print_plan(model.plan(source, declared), given | further)
                return
            model.fit(
                source,
                declared,
                observe,
                clock=clock,
                checkpoint=checkpoint,
                start=old,
            )
    except KeyboardInterrupt:
        _interrupted(model, output, checkpoint, is_first)
        if model.fitted:
            world.leave()
        raise typer.Exit(130) from None
    if is_first:
        keep_model(model, output)
        if checkpoint is not None:
            # There is nothing to go on with.
            resume.remove(checkpoint)
    # The other processes wait here until the file is written.
    world.leave()
    if not quiet:
        _summary(model, data, output, clock.spent())


def _interrupted(
    model: Synthesizer, output: Path, checkpoint: Path | None, is_first: bool
) -> None:
    """Ctrl-C keeps what was learnt so far: here, and where the fit can go on."""
    from synthtab.model import resume

    if not model.fitted:
        note("interrupted before there was a model: nothing was written")
    elif is_first:
        keep_model(model, output)
        note(f"interrupted: the best model so far is in {output}")
    if is_first and checkpoint is not None and resume.is_kept(checkpoint):
        note(f"the same command goes on from {checkpoint}")


def _check(rows: int | None, constraints: str | None, checkpoint: Path | None) -> None:
    """Refuse options of this command alone that cannot be, before the long work."""
    if rows is not None and rows < 1:
        raise ConfigError(f"--rows must be at least 1, not {rows}")
    if constraints not in (None, "found"):
        raise ConfigError(
            f"--constraints can only be found, not {constraints!r}; "
            "give one by --constraint"
        )
    if checkpoint is not None and checkpoint.exists() and not checkpoint.is_dir():
        raise ConfigError(f"--checkpoint {checkpoint} is a file: name a folder")


def _check_start(
    start: Path | None,
    schema: Path | None,
    constraints: str | None,
    constraint: list[str] | None,
    dry_run: bool,
) -> None:
    """Refuse what a model to go on from has decided."""
    if start is None:
        return
    if schema or constraints or constraint:
        raise ConfigError(
            "--from goes on with the schema and the constraints of the model: leave out "
            "--schema, --constraints and --constraint"
        )
    if dry_run:
        raise ConfigError("--dry-run plans a fit that begins anew: leave out --from")


def _check_privacy(
    epsilon: float | None,
    delta: float | None,
    schema: Path | None,
    constraints: str | None,
) -> None:
    """Refuse what differential privacy does not allow."""
    if epsilon is None:
        if delta is not None:
            raise ConfigError("--delta goes together with --epsilon only")
        return
    if not 0 < epsilon < math.inf:
        raise ConfigError(f"--epsilon must be more than 0, not {epsilon:g}")
    if delta is not None and not 0 < delta < 1:
        raise ConfigError(f"--delta must be between 0 and 1, not {delta:g}")
    if schema is None:
        raise ConfigError(
            "--epsilon needs --schema, a file that says what is public of the table: "
            "see docs/privacy.md"
        )
    if constraints:
        raise ConfigError(
            "--constraints found looks at the table, which --epsilon does not allow: "
            "name public ones with --constraint"
        )


def _schema_of(
    source: Source,
    path: Path | None,
    constraints: list[str],
    model: Synthesizer,
    old: Synthesizer | None,
) -> Schema:
    """The schema of a model to go on from, of a file, or else inferred, in this order.

    And what --constraint enforces.
    """
    from synthtab import Schema, infer, parse_constraint

    if old is not None:
        return old.schema_
    if path:
        schema = Schema.load(path)
    else:
        rare = model.config.rare
        schema = infer(source.sample, rare=rare, person=model.person)
    return schema.enforcing(parse_constraint(text, schema) for text in constraints)


def _with_found_constraints(source: Source, schema: Schema) -> Schema:
    """The schema, enforcing what holds in all rows as well."""
    from synthtab import find_constraints

    if source.path:
        raise ConfigError(
            f"--constraints found looks at all rows, and {source.path} is too large "
            "for memory: name some with --constraint, or learn fewer rows (--rows)"
        )
    constraints = find_constraints(source.typed(schema).sample, schema)
    return schema.enforcing(c for c in constraints if c.certain)


def _print_plan(plan: dict[str, Any], given: dict[str, Any]) -> None:
    """The plan as a file for --config: facts as comments, then options.

    Args:
        plan: See `Synthesizer.plan`.
        given: What the fit is asked for. All else follows from it: such a line is a
            comment, which counts once the # is taken away.

    Raises:
        DataError: The fit would be refused, for want of memory say. This comes last.
    """
    config = plan.pop("config")
    refusal = plan.pop("refusal")
    for name, value in _facts(plan, config["time"]).items():
        # A bool is an int to Python, but not to a reader.
        text = f"{value:,}" if type(value) is int else value
        say(f"# {name:<20} {text}")
    say()
    kept = {name: plan[name] for name in ("preset", "seed")} | given
    say(toml(kept).rstrip())
    say()
    say("# What follows; take the # away to set it.")
    # 0 stands for "not given" there.
    unset = {name for name in ("time", "epochs") if not config[name]}
    follows = [name for name in config if name not in kept and name not in unset]
    for line in toml({name: config[name] for name in follows}).splitlines():
        say(f"# {line}")
    if refusal:
        raise DataError(refusal)


def _facts(plan: dict[str, Any], limit: float) -> dict[str, Any]:
    """What is counted and expected, by name in print.

    Args:
        plan: See `Synthesizer.plan`.
        limit: Most seconds of the fit; 0 for none.
    """
    from synthtab.runtime.machine import amount

    facts: dict[str, Any] = {}
    for name, value in plan.items():
        # These stand in the refusal, or among the options.
        if name in ("counted", "fix", "preset", "seed"):
            continue
        if name.endswith(("_bytes", "_at_hand")):
            # Of a device that there is not, nothing is said.
            if value is not None:
                facts[_HEADINGS[name]] = amount(value)
        elif name == "rows" and not plan["counted"]:
            facts[name] = f"about {value:,}, from the size of the file"
        elif name == "seconds":
            facts.update(_expected(value, limit))
        elif name == "steps" and value is None:
            facts[name] = "until the time is up"
        else:
            facts[name] = value
    return facts


def _expected(training: float | None, limit: float) -> dict[str, str]:
    """How long it will take."""
    if limit:
        return {"time of the fit": f"at most {duration(limit)}"}
    if training is None:
        return {"training time": "unknown"}
    return {"training time": f"about {duration(training)}"}


# A field of the plan -> its name in print.
_HEADINGS = {
    "table_bytes": "table as read",
    "encoded_bytes": "table encoded",
    "weight_bytes": "weights and copies",
    "step_bytes": "one training step",
    "finish_bytes": "trees and sampling",
    "memory_bytes": "memory expected",
    "device_bytes": "GPU memory expected",
    "memory_at_hand": "memory at hand",
    "device_at_hand": "GPU memory at hand",
}


def _note_formulas(sample: pd.DataFrame, schema: Schema, quiet: bool) -> None:
    """A line where cells are such that a spreadsheet would run them."""
    from synthtab.data.formats.text_rows import count_runs

    counts = {} if quiet else count_runs(sample, schema)
    if not counts:
        return
    names = ", ".join(map(repr, list(counts)[:3]))
    if len(counts) > 3:
        names += ", ..."
    note(
        f"{sum(counts.values()):,} cells of {names} begin with =, +, - or @: a "
        "spreadsheet may run them; write rows with --safe-cells"
    )


def _summary(model: Synthesizer, data: str, output: Path, total: float) -> None:
    """What was learnt, in how many seconds in all, and what to do next."""
    report = model.report_
    best = ""
    if report["best"] is not None:
        best = f", held-out score {report['best']:.3f} (1 is best)"
    # Of --rows: how many there were to draw from.
    drawn = f" drawn of {report['total']:,}" if report.get("total") else ""
    note(
        f"learned {report['rows']:,} rows{drawn} in {duration(total)}, "
        f"of which training {duration(report['seconds'])}{best}"
    )
    for warning in report["warnings"]:
        note(f"warning: {warning}")
    if paid := report.get("privacy"):
        note(f"promise: {paid['promise']}")
    note(f"model: {output}")
    rows_file = f"{output.stem}-synthetic.csv"
    name = as_typed(output)
    rows_file = as_typed(rows_file)
    note(f"next:  synthtab sample -n {report['rows']} -m {name} -o {rows_file}")
    # A model without held-out rows cannot say which rows were not learnt.
    unseen = f" --model {name}" if report["holdout_rows"] else ""
    note(f"then:  synthtab evaluate {as_typed(data)} {rows_file}{unseen}")
