"""What a person sees: progress and notes on stderr, results as tables on stdout.

Rows may go to stdout, so nothing else that is not asked for may. rich is imported where
it draws: a mistyped command needs none of it, and is answered sooner.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from synthtab.core.errors import DataError
from synthtab.core.files import write_text
from synthtab.core.progress import Observer, Progress, silent
from synthtab.core.shown import shown
from synthtab.data.places import place

if TYPE_CHECKING:
    import pandas as pd
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from synthtab import Comparison, Report, Schema

# Seconds between two plain progress lines of one phase, at least.
LINE_EVERY = 5.0
# Seconds between the last line of a phase and the first one of the next, at least.
PHASE_EVERY = 1.0


def say(text: str = "", err: bool = False) -> None:
    """Text for a person, on stdout or stderr; what is in a table's names is not run."""
    typer.echo(shown(text), err=err)


def note(text: str = "") -> None:
    """A line for the person at the terminal, out of the data's way."""
    say(text, err=True)


def read_table(table: str, quiet: bool = False) -> pd.DataFrame:
    """Read a table, and say what its user may not expect of how it was read."""
    from synthtab.data import tables

    frame = tables.read(table)
    note_reading(frame, table, quiet)
    return frame


def note_reading(frame: pd.DataFrame, table: str, quiet: bool = False) -> None:
    """A line for whatever is unusual about how a table is written."""
    from synthtab.data.tables import notes

    for text in () if quiet else notes(frame):
        note(f"{place(table).shown}: {text}")


def duration(seconds: float) -> str:
    """``8 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {left:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


@contextmanager
def progress(quiet: bool = False) -> Iterator[Observer]:
    """An observer for a long job.

    It draws bars on a terminal, writes plain lines elsewhere, and nothing when quiet.
    """
    if quiet:
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if console.is_terminal:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(24),
            TaskProgressColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
        )
        with Bars(*columns, console=console, transient=True) as bars:
            yield _Bar(bars)
    else:
        lines = _Lines()
        try:
            yield lines
        finally:
            lines.close()


def _detail(p: Progress) -> str:
    """What stands beside a bar: ``2 min 05 s left, score 0.812 (best 0.820)``."""
    parts = []
    if p.rows is not None:
        parts.append(f"{p.rows:,} rows")
    if p.seconds_left is not None:
        parts.append(f"{duration(p.seconds_left)} left")
    if p.score is not None:
        best = "" if p.best is None else f" (best {p.best:.3f})"
        parts.append(f"score {p.score:.3f}{best}")
    return ", ".join(parts)


class _Bar:
    """One bar per phase; a phase that is over makes room for the next."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._phase = ""
        self._task: TaskID | None = None

    def __call__(self, p: Progress) -> None:
        if p.message:
            self._bars.console.print(shown(p.message), markup=False, highlight=False)
        if p.phase != self._phase or self._task is None:
            if self._task is not None:
                self._bars.remove_task(self._task)
            self._phase = p.phase
            self._task = self._bars.add_task(shown(p.phase), total=None, detail="")
        # Without a total the bar only moves to and fro.
        total = None if p.fraction is None else 1.0
        self._bars.update(
            self._task, total=total, completed=p.fraction or 0.0, detail=_detail(p)
        )


class _Lines:
    """A line when a phase begins, then one every tenth of it.

    Lines of one phase are `LINE_EVERY` seconds from each other at least. Short phases pass
    without a line; one that lasts `PHASE_EVERY` seconds has it by then, also if it says
    nothing more.
    """

    def __init__(self) -> None:
        self._phase = ""
        self._time = time.monotonic()
        self._fraction = 0.0
        # Says the name of the current phase, unless it is over by then.
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def __call__(self, p: Progress) -> None:
        with self._lock:
            self._take(p)

    def close(self) -> None:
        """No line any more."""
        with self._lock:
            self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _take(self, p: Progress) -> None:
        if p.message:
            note(p.message)
        now = time.monotonic()
        fraction = p.fraction or 0.0
        is_new_phase = p.phase != self._phase
        if is_new_phase:
            self._stop_timer()
        if is_new_phase and now - self._time < PHASE_EVERY:
            self._phase = p.phase
            self._fraction = fraction
            self._timer = threading.Timer(PHASE_EVERY, self._say_late, (p,))
            self._timer.daemon = True
            self._timer.start()
            return
        has_advanced = is_new_phase or fraction - self._fraction >= 0.1
        pause = PHASE_EVERY if is_new_phase else LINE_EVERY
        if now - self._time < pause or not has_advanced:
            return
        self._stop_timer()
        self._say(p, now, is_new_phase)

    def _say_late(self, p: Progress) -> None:
        """The line of a phase that has turned out to be long."""
        with self._lock:
            if self._timer is threading.current_thread():
                self._timer = None
                self._say(p, time.monotonic(), is_new_phase=True)

    def _say(self, p: Progress, now: float, is_new_phase: bool) -> None:
        fraction = p.fraction or 0.0
        self._phase = p.phase
        self._time = now
        self._fraction = fraction
        facts = []
        if p.fraction is not None and not is_new_phase:
            facts.append(f"{100 * fraction:.0f} %")
        if detail := _detail(p):
            facts.append(detail)
        note(f"{p.phase} {', '.join(facts)}".rstrip())


def print_columns(schema: Schema) -> None:
    """What each column is taken for, and why, as a table on stdout."""
    rows = []
    for column in schema.columns:
        why = "; ".join(filter(None, (column.why, column.note)))
        missing = "yes" if column.missing else ""
        rows.append((column.name, column.kind, missing, why))
    _print_table(("column", "kind", "missing", "why"), rows)


def note_columns(schema: Schema, quiet: bool = False) -> None:
    """A line for each column that is read in a way that a user may not expect."""
    for line in () if quiet else schema.notes:
        note(line)


def print_constraints(schema: Schema) -> None:
    """What holds between columns, and in how many rows, as a table on stdout."""
    if not schema.constraints:
        return
    rows = []
    for constraint in schema.constraints:
        support = f"{share_of(constraint.support)} of {constraint.rows:,} rows"
        rows.append((constraint.says, support))
    _print_table(("constraint (offered, not enforced)", "holds in"), rows)


def _print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Texts in columns below headings, on stdout."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    Console().print(table)


def share_of(support: float | None) -> str:
    """``100 %`` for all, never for less."""
    percent = 100.0 if support is None else 100 * support
    if percent == 100:
        return "100 %"
    # 99.99999 would be rounded to 100.0000.
    return f"{min(percent, 99.9999):.4f} %"


# How the line of a verdict begins -> its style.
_LEVELS = {"  bad ": "bold red", "  fair ": "yellow", "  unknown ": "cyan"}
# How a line begins that continues the one before.
_CONTINUATION = " " * 6


def print_report(report: Report | Comparison, text: str | None = None) -> None:
    """The text of a report on stdout, with emphasis where that can be shown.

    Args:
        report: Knows its headings.
        text: What of it is printed; all by default.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    headings = set(report.headings().values())
    style = ""
    is_verdict = False
    for line in (str(report) if text is None else text).splitlines():
        is_title = line == "Conclusion" or line.startswith("Verdicts:")
        # The verdicts end with the first line that is not indented.
        is_verdict = is_title or (is_verdict and line.startswith("  "))
        continues = line.startswith(_CONTINUATION)
        if is_title or line in headings:
            style = "bold"
        elif is_verdict and not continues:
            style = _style_of_verdict(line)
        elif not is_verdict:
            style = "dim" if continues else ""
        # What is left continues a verdict, and keeps its style.
        console.print(Text(shown(line), style=style), soft_wrap=True)


def _style_of_verdict(line: str) -> str:
    for beginning, style in _LEVELS.items():
        if line.startswith(beginning):
            return style
    return ""


def deliver(
    report: Report | Comparison,
    json: str | None,
    html: Path | None,
    page: Callable[[], str],
    quiet: bool,
    text: str | None = None,
) -> None:
    """A report where it was asked for: on stdout, as text or JSON, and in files.

    ``text`` is what stdout gets of a text; all of it by default.
    """
    if json == "-":
        typer.echo(report.to_json())
    else:
        print_report(report, text)
    if json not in (None, "-"):
        write_text(str(json), report.to_json() + "\n", DataError)
    if html is not None:
        write_text(html, page(), DataError)
    for path in (json, html):
        if path not in (None, "-") and not quiet:
            note(f"report: {path}")


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Headings with text beside each, on stdout."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for heading, text in facts:
        table.add_row(Text(shown(heading), style="bold"), Text(shown(text)))
    Console().print(table)
