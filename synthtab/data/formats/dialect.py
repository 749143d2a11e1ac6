"""How a CSV file is written: what stands between its cells, and where its header is.

All of it is decided from the first lines, by trying: a delimiter is right where lines have
as many cells as the header. What a reader may not expect is said in notes.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from synthtab.core.errors import DataError

# Of those that explain the lines equally well, the first one counts.
DELIMITERS = (",", ";", "\t", "|")
# Taken where none of the others is in the header, and all lines agree.
RARE_DELIMITERS = ("^", "~", "\x1f", "\x01", ":", "!")
QUOTES = ('"', "'")
# Lines that are looked at.
LINES = 200
# What the first cell of pandas' index is called.
INDEX = "its column of row numbers, which has no name, is left out"
# The csv module refuses cells of more than 128 KiB, as a protection that is not needed
# here: what is read is in memory already.
csv.field_size_limit(2**31 - 1)

NUMBER = re.compile(r"\s*[-+]?(\d[\d.,]*|[.,]\d+)([eE][-+]?\d+)?\s*%?\s*")
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[ \t]*(\r\n|\r|\n)', re.IGNORECASE)
FRACTION = re.compile(r"\s*[-+]?\d*[.,]\d+\s*")
WHOLE = re.compile(r"\d+")


@dataclass(frozen=True)
class Dialect:
    """How the rows below the header are written.

    Attributes:
        names: The columns; those that are left out have a blank name.
        delimiter: What stands between cells.
        quote: What stands around cells that hold a delimiter.
        start: Characters before the first row.
        lines: Lines before the first row.
        header_line: The line of the header, from 1.
        index: Whether the first column is a numbering, to be left out.
        trailing: How many columns at the end have neither name nor cells.
        notes: What a user may want to know.
    """

    names: tuple[str, ...]
    delimiter: str
    quote: str
    start: int
    lines: int
    header_line: int
    index: bool = False
    trailing: int = 0
    notes: tuple[str, ...] = ()

    @property
    def kept(self) -> tuple[str, ...]:
        """The columns of the table."""
        end = len(self.names) - self.trailing
        return self.names[int(self.index) : end]


@dataclass(frozen=True)
class _Record:
    """A row of the file: its cells, and where it ends."""

    cells: list[str]
    end: int
    first_line: int
    last_line: int

    @property
    def filled(self) -> int:
        """How many cells are not blank."""
        return sum(1 for cell in self.cells if cell.strip())


@dataclass(frozen=True)
class _Guess:
    """The first rows, read with one delimiter and one quote."""

    delimiter: str
    quote: str
    records: list[_Record] = field(repr=False)
    # Cells of most rows.
    width: int
    # Share of the rows that have so many.
    share: float

    @property
    def fits(self) -> bool:
        """Whether all rows have as many cells as the header, and more than one."""
        return self.width > 1 and self.share == 1

    @property
    def rank(self) -> tuple[bool, bool, float, int, int]:
        """The greater, the better it explains the lines."""
        if self.width <= 1:
            return False, False, 0.0, 0, 0
        in_header = len(self.records[0].cells) == self.width
        # Below a line without a delimiter, which may be a title, all must agree.
        below = [len(record.cells) == self.width for record in self.records[1:]]
        if len(self.records[0].cells) == 1 and not all(below):
            return False, False, 0.0, 0, 0
        # "1,5;2" is two numbers with a semicolon, and one with a comma.
        numbers = sum(is_number(c) for record in self.records[1:] for c in record.cells)
        return self.fits, in_header, self.share, self.width, numbers


def is_number(cell: str) -> bool:
    """Whether a cell is a number, however it is written."""
    return NUMBER.fullmatch(cell) is not None


def find(text: str, has_tabs: bool, is_whole: bool, name: object) -> Dialect:
    """How a file is written, from its beginning.

    Args:
        text: The first lines, without a byte order mark.
        has_tabs: Whether the name says that tabs stand between cells.
        is_whole: Whether that is all of the file.
        name: What messages call it.

    Raises:
        DataError: There is no header, or none that can be used.
    """
    fixed = "\t" if has_tabs else ""
    skipped = 0
    declared = SEPARATOR_LINE.match(text)
    if declared:
        # What Excel writes, and reads, above a header.
        fixed = declared[1]
        skipped = declared.end()
    lines_skipped = int(skipped > 0)

    comments = _comments(text[skipped:])
    below = skipped + (comments[-1] if comments else 0)
    guess = _best(text[below:], fixed, is_whole)
    if comments:
        # The last line that begins with # may be the header.
        last = skipped + (comments[-2] if len(comments) > 1 else 0)
        with_last = _guess(text[last:], guess.delimiter, guess.quote, is_whole)
        if _begins_with_header(with_last, guess):
            comments.pop()
            below = last
            guess = with_last
    notes = []
    if comments:
        which = "line" if len(comments) == 1 else f"{len(comments)} lines"
        notes.append(f"the first {which}, with # at the beginning, left out")
    if not guess.fits and not comments and not fixed:
        joined = _without_returns(text[below:])
        better = _best(joined, fixed, is_whole) if joined else guess
        if better.fits:
            guess = better
            notes.append("a line end within the header became a blank")
    return _from_records(guess, notes, below, lines_skipped + len(comments), name)


def _without_returns(text: str) -> str:
    """The text, its first line without a stray carriage return; "" if it has none.

    A carriage return is a line end, too; but hardly where other lines end otherwise.
    """
    line, feed, rest = text.partition("\n")
    body = line.removesuffix("\r")
    if not feed or "\r" not in body or "\r" in rest.replace("\r\n", ""):
        return ""
    return body.replace("\r", " ") + line[len(body) :] + feed + rest


def _comments(text: str) -> list[int]:
    """Where each of the first lines that begin with # ends."""
    ends = []
    at = 0
    for line in io.StringIO(text, newline=""):
        if not line.startswith("#"):
            break
        at += len(line)
        ends.append(at)
    return ends


def _begins_with_header(with_comment: _Guess, below: _Guess) -> bool:
    """Whether the line that begins with # is the header of what is below."""
    if not below.records:
        return True
    cells = with_comment.records[0].cells
    if len(cells) != below.width:
        return False
    is_sentence = cells[0].startswith(("# ", "##")) or cells[0].strip() == "#"
    return not (is_sentence and _like_header(below.records, 0))


def _best(text: str, fixed: str, is_whole: bool) -> _Guess:
    """The delimiter and the quote that explain the first lines best."""
    if fixed:
        return _guess(text, fixed, QUOTES[0], is_whole)
    guesses = [_guess(text, d, QUOTES[0], is_whole) for d in DELIMITERS]
    best = max(guesses, key=lambda guess: guess.rank)
    if not best.fits or _all_quoted(best, QUOTES[1]):
        others = [_guess(text, d, QUOTES[1], is_whole) for d in DELIMITERS]
        other = max(others, key=lambda guess: guess.rank)
        if other.fits and _has_quotes(text, other.delimiter):
            best = other
    if best.width <= 1:
        rare = [_guess(text, d, QUOTES[0], is_whole) for d in RARE_DELIMITERS]
        fitting = [g for g in rare if g.fits and len(g.records) > 2]
        if fitting:
            return max(fitting, key=lambda guess: guess.width)
        # Where no other line has a delimiter, the header decides.
        widest = max(guesses, key=lambda g: len(g.records[0].cells) if g.records else 0)
        if widest.records and len(widest.records[0].cells) > 1:
            in_header = [g for g in guesses if len(g.records[0].cells) > 1]
            return in_header[0] if "," in in_header[0].delimiter else widest
    return best


def _all_quoted(guess: _Guess, quote: str) -> bool:
    """Whether all cells of the header stand in such quotes."""
    if not guess.records or not guess.records[0].cells:
        return False
    cells = guess.records[0].cells
    return all(len(c) > 1 and c[0] == quote and c[-1] == quote for c in cells)


def _has_quotes(text: str, delimiter: str) -> bool:
    """Whether cells begin and end with a single quote."""
    sides = re.escape(delimiter)
    return (
        re.search(rf"(?:^|{sides})'[^'\n]*'(?={sides}|\r|\n|$)", text, re.M) is not None
    )


def _guess(text: str, delimiter: str, quote: str, is_whole: bool) -> _Guess:
    records = list(_records(text, delimiter, quote))
    # The last one may have been cut.
    if not is_whole and len(records) > 1 and records[-1].end >= len(text):
        records.pop()
    records = [record for record in records if record.cells]
    below = [len(record.cells) for record in records[1:]]
    counts = below or [len(record.cells) for record in records]
    if not counts:
        return _Guess(delimiter, quote, records, 0, 0.0)
    width, _ = Counter(counts).most_common(1)[0]
    agreeing = sum(len(record.cells) == width for record in records)
    return _Guess(delimiter, quote, records, width, agreeing / len(records))


def _records(text: str, delimiter: str, quote: str) -> Iterator[_Record]:
    """The first rows; blank lines have no cells."""
    lines = _Counting(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote)
    first_line = 1
    for number, cells in enumerate(reader):
        if number >= LINES:
            break
        yield _Record(cells, lines.characters, first_line, reader.line_num)
        first_line = reader.line_num + 1


class _Counting:
    """Lines that go by, and how many characters they had."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.characters = 0

    def __iter__(self) -> _Counting:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.characters += len(line)
        return line


def _like_header(records: Sequence[_Record], at: int) -> bool:
    """Whether a row could be a header: distinct words, none a number."""
    cells = [cell.strip() for cell in records[at].cells]
    while cells and not cells[-1]:
        cells.pop()
    is_named = all(cells) and len(set(cells)) == len(cells)
    return bool(cells) and is_named and not any(map(is_number, cells))


def _title_lines(guess: _Guess) -> int:
    """How many rows above the header hold only one text: a title."""
    records = guess.records
    above = 0
    while above < len(records) and _is_title(records[above], guess.width):
        above += 1
    is_title = (
        guess.width > 1
        and 0 < above < len(records) - 1
        and len(records[above].cells) == guess.width
        and records[above].filled > 1
        and _like_header(records, above)
    )
    return above if is_title else 0


def _is_title(record: _Record, width: int) -> bool:
    only_first = record.filled == 1 and bool(record.cells[0].strip())
    is_blank = record.filled == 0
    return (only_first or is_blank) and len(record.cells) in (1, width)


def _from_records(
    guess: _Guess, notes: list[str], offset: int, lines_before: int, name: object
) -> Dialect:
    """The dialect, from the rows that a guess has read."""
    records = guess.records
    if not records:
        raise DataError(f"{name} is empty; expected a header line and rows")
    at = _title_lines(guess)
    if at:
        title = records[0].cells[0].strip()
        line = lines_before + records[at].first_line
        notes.append(f"{title!r} is taken for a title; the header is in line {line}")
    header = records[at]
    cells = header.cells
    rows = [record.cells for record in records[at + 1 :]]
    if len(cells) == 1 and guess.width == 1:
        notes.extend(_spaces(cells[0], rows))
        if guess.delimiter == "\t" and "," in cells[0]:
            notes.append("it has no tabs; if commas stand between cells, name it *.csv")
    if not rows and (fault := _open_quote(cells, lines_before + header.first_line)):
        raise DataError(f"{name}: {fault}")
    names, trailing = _trailing(cells, rows, guess.width)
    index = _is_index(names, rows)
    if index:
        notes.append(INDEX)
    line = lines_before + header.first_line
    _check_names(names, index, trailing, line, name)
    kept = names[int(index) : len(names) - trailing]
    if all(map(is_number, kept)) or any(map(FRACTION.fullmatch, kept)):
        first = ", ".join(kept[:4])
        notes.append(
            f"the header, line {line}, holds numbers ({first}): if it is a row, put a "
            "line with names above it"
        )
    if guess.delimiter not in DELIMITERS:
        notes.append(f"{guess.delimiter!r} is taken for what stands between cells")
    if guess.quote != QUOTES[0]:
        notes.append("cells stand in single quotes, which are no part of them")
    return Dialect(
        names=tuple(names),
        delimiter=guess.delimiter,
        quote=guess.quote,
        start=offset + header.end,
        lines=lines_before + header.last_line,
        header_line=line,
        index=index,
        trailing=trailing,
        notes=tuple(notes),
    )


def _open_quote(cells: list[str], line: int) -> str | None:
    """What is wrong with a header that swallows the whole file."""
    if not any("\n" in cell for cell in cells[-1:]):
        return None
    return f"the quote that opens in line {line} is never closed; close or double it"


def _trailing(
    cells: list[str], rows: list[list[str]], width: int
) -> tuple[list[str], int]:
    """The names, and how many columns at the end have neither name nor cells.

    That is what a delimiter at the end of lines leaves: of all, of the header, or of the
    rows only.
    """
    names = list(cells)
    if rows and len(names) > width > 0 and not any(c.strip() for c in names[width:]):
        names = names[:width]
    if len(names) + 1 == width and all(len(r) < width or not r[-1] for r in rows):
        names.append("")
    trailing = 0
    while trailing < len(names) - 1 and not names[-1 - trailing].strip():
        place = len(names) - 1 - trailing
        if any(len(row) > place and row[place].strip() for row in rows):
            break
        trailing += 1
    # A table of cells without names, not a trailing delimiter.
    if not rows:
        trailing = 0
    return names, trailing


def _is_index(names: list[str], rows: list[list[str]]) -> bool:
    """Whether the first column is a numbering without a name, as pandas writes it."""
    if len(names) < 2 or names[0].strip() or not rows:
        return False
    cells = [row[0] for row in rows if row]
    return len(set(cells)) == len(cells) and all(map(WHOLE.fullmatch, cells))


def _spaces(header: str, rows: list[list[str]]) -> list[str]:
    """A note where blanks seem to stand between cells."""
    width = len(header.split())
    lines = [row[0].split() for row in rows if row]
    if width < 2 or len(lines) < 2 or any(len(line) != width for line in lines):
        return []
    if not any(is_number(cell) for line in lines for cell in line):
        return []
    return [
        "it is read as one column; if blanks stand between cells, put commas there: "
        "sed -E 's/ +/,/g'"
    ]


def _check_names(
    names: list[str], index: bool, trailing: int, line: int, name: object
) -> None:
    """Raise a DataError where columns cannot be told from each other."""
    where = "the first line" if line == 1 else f"line {line}"
    kept = names[int(index) : len(names) - trailing]
    for number, column in enumerate(kept, 1 + int(index)):
        if not column.strip():
            advice = ""
            if number == 1:
                advice = ", or write the table without its index (index=False)"
            raise DataError(
                f"{name}: column {number} of {len(names)} has a blank name; "
                f"give it one in {where}{advice}"
            )
    counts = Counter(kept)
    repeated = sorted(column for column, count in counts.items() if count > 1)
    if repeated:
        advice = f"rename one in {where}"
        if all(map(is_number, kept)):
            advice = f"{where} looks like a row: put a line with names above it"
        raise DataError(f"{name}: two columns are named {repeated[0]!r}; {advice}")


# -- What is wrong with a file that cannot be read


def first_fault(lines: Iterable[str], dialect: Dialect, is_strict: bool) -> str | None:
    """What is wrong with the first row that is: a line of text, or None.

    Args:
        lines: Of the whole file, header included, with their ends.
        dialect: How they are written.
        is_strict: Whether to look only for quotes that swallow lines.
    """
    lines = iter(lines)
    for _ in range(dialect.lines):
        next(lines, None)
    reader = csv.reader(
        lines, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=is_strict
    )
    while True:
        first = dialect.lines + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return None
        except csv.Error as error:
            last = dialect.lines + reader.line_num
            if fault := _quote_fault(str(error), first, last):
                return fault
            continue
        last = dialect.lines + reader.line_num
        if not is_strict and cells and len(cells) != len(dialect.names):
            return _ragged(cells, first, last, dialect)


def _quote_fault(message: str, first: int, last: int) -> str | None:
    if "end of data" in message:
        return (
            f"the quote that opens in line {first} is never closed; close or double it"
        )
    # Within a line it is only a quote in a word, which does no harm.
    if last > first:
        return (
            f"the quote that opens in line {first} closes in line {last}, within a "
            "cell; close it earlier, or double it"
        )
    return None


def _ragged(cells: list[str], first: int, last: int, dialect: Dialect) -> str:
    """The words for a row that has not as many cells as the header."""
    wanted = len(dialect.names)
    if last > first:
        return (
            f"the quote that opens in line {first} swallows the lines to {last}; "
            "close or double it"
        )
    if cells[0].startswith("#"):
        return f"line {first} looks like a comment; take it out"
    said = (
        f"line {first} has {len(cells)} cells where the header has {wanted}; "
        "correct or quote it"
    )
    if first == dialect.lines + 1 and dialect.lines:
        said += f", or take out line {dialect.header_line} if it is no header"
    return said
