"""Keys, names and other text that is (nearly) different in every row, or names somebody.

New ones are invented, none is learnt. `synthtab.data.columns.shapes`, `serials` and
`scattered` say how, and why no cell of the table comes back. They repeat as often as
those of the table, see `synthtab.data.columns.repeats`.

What names people, accounts, devices or orders though it repeats is told by two things.
A name alone shows little, for `number_of_visits`, `zip_code` and `year` are no keys. Nor
do values alone, for salaries are many and repeat, too. So both are looked at: what the
words of the column's name say, and how values lie and how often they repeat. A key that
is not found is learnt like any number; a number that is taken for a key is not learnt at
all. So numbers without a telling name must look very much like keys.
"""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import DataError, SchemaError
from synthtab.core.layout import Block
from synthtab.core.schema import Column
from synthtab.data.columns.base import (
    ERROR_WORDS,
    Cells,
    ColumnEncoder,
    Settings,
    Texts,
    flag,
    is_text_dtype,
    means_missing,
    name_words,
    natural,
    trimmed,
)
from synthtab.data.columns.categorical import CategoryEncoder, category_texts
from synthtab.data.columns.disclosure import first_new_key
from synthtab.data.columns.emails import Emails
from synthtab.data.columns.fakes import LOCALE, PROVIDERS, Fakes
from synthtab.data.columns.grains import KeyGrains
from synthtab.data.columns.numeric import FLOAT, FloatEncoder, IntegerEncoder
from synthtab.data.columns.repeats import Repeats
from synthtab.data.columns.scattered import Scattered
from synthtab.data.columns.serials import Counter, Serials
from synthtab.data.columns.shapes import Shapes, skeleton

# So many cells, or texts, are few.
FEW = 50
# Fewest codes of one shape that are keys.
FEWEST_ALIKE = 10
# Letters of the pattern that is shown.
LONGEST_PATTERN = 80
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# Whole numbers of any length, also as pandas writes them where cells are missing.
WHOLE = re.compile(r"\s*(0|-?[1-9]\d*)(\.0)?\s*")
# Digits that are a number.
DIGITS = re.compile(r"0|[1-9]\d*")
# Keys count if so many of the whole numbers up to the greatest are among them.
DENSE = 0.1

# -- Names


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words in the name of a column that numbers its rows.
ID_WORDS = frozenset(
    {"id", "ids", "key", "uuid", "guid", "index", "idx", "rowid", "rownum", "serial"}
)
ID_NAME = re.compile(
    r"(user|cust|customer|client|order|row|record|account|patient|member|passenger|trans)"
    r"_?(id|no|nr)"
)
# Words in the name of a column that tells who somebody is.
PERSON_WORDS = frozenset(
    {
        "email",
        "mail",
        "phone",
        "mobile",
        "ssn",
        "iban",
        "passport",
        "surname",
        "lastname",
    }
)
# Who or what has keys that lead to a person, as one or as the last word of a name.
PEOPLE = (
    "patient|customer|cust|client|user|member|account|acct|acc|card|device|person|people"
    "|employee|emp|staff|worker|student|pupil|subject|participant|respondent|subscriber"
    "|passenger|guest|visitor|driver|owner|tenant|borrower|debtor|applicant|voter|donor"
    "|beneficiary|insured|policyholder|policy|contract|provider|physician|doctor|nurse"
    "|holder|cardholder|buyer|seller|caller|contact|player|citizen|resident|household"
    "|individual|login|username|handle|badge|vehicle|session|cookie|wallet|profile"
    "|kunde|kunden|konto|versicherten|mitglied|mitglieds|personal|mitarbeiter|geraete"
    "|patienten|paciente|cliente|usuario|empleado|cuenta|compte|utilisateur|adherent"
)
# What such keys are called.
KEYS = (
    "id|nr|nbr|no|num|number|nummer|numero|code|key|ref|reference|uuid|guid|hash|token|pk"
    "|identifier|ident|sk"
)
# Numbers that are given to one person or thing only.
GIVEN = _words(
    """
    imei imsi msisdn iccid mac ssn nhs nhsno mrn cpf dni nif nino sin iban bban
    passport phone mobile tel telephone fax cell handy telefon email mail surname
    lastname vin upi pan matrikel matrikelnummer kundennummer kontonummer
    versichertennummer
    """
)
_KEY_WORD = re.compile(KEYS)
_PERSON_WORD = re.compile(PEOPLE)
_PERSON_KEY = re.compile(rf"({PEOPLE})({KEYS})")
# What has numbers or codes that many rows share: places, classes, things on sale. And
# what is counted or measured.
OTHERS = _words(
    """
    zip zipcode plz post postal postcode area region state province country county
    city town place location airport station port origin destination dest route flight
    line tail store shop branch product prod item sku stock article category cat type
    class group grp status level grade rank department dept division unit warehouse
    supplier vendor industry sector sic naics occupation occ icd diag diagnosis
    procedure drg drug language lang currency color colour tract block district ward
    year month day week date time timestamp ts epoch hour minute second lat lon lng
    latitude longitude house street floor room seat model make brand plan campaign
    channel source version error tax
    """
)
MEASURES = _words(
    """
    count cnt total sum amount amt avg mean median min max rate ratio pct percent
    share size length width height weight age score price cost income salary wage
    revenue sales profit balance value val population pop distance area volume
    duration days hours minutes seconds months years quantity qty points bytes deposit
    payment loan credit debit bill fee budget votes views clicks visits
    """
)

# -- Distributions

# Fewest distinct values of a column of keys; of one whose name does not tell.
FEWEST = 20
FEWEST_UNNAMED = 50
# Most rows of a key on average, by what the name says.
MOST_ROWS_EACH = 20
MOST_ROWS_OF_A_PERSON = 200
# The second commonest key has at most so many rows, or this share of them. The commonest
# one may stand for "nobody".
MOST_OF_ONE = 20
SHARE_OF_ONE = 0.02
# So many whole numbers lie between the 5th and the 95th percentile for each that occurs.
SPARSE = 30
VERY_SPARSE = 1000
# Greatest share of the numbers that end in 0: a tenth unless they were rounded.
ROUNDED = 0.3
# Greatest distance of the distribution of numbers from an even one.
EVEN = 0.15
# Share of the keys that repeat where numbers without a name look like keys.
REPEATED = 0.1
# Digits of Unix times from 1990 to 2050 in seconds, and in finer units.
EPOCH = (0.63e9, 2.53e9)
EPOCH_UNITS = (1.0, 1e3, 1e6, 1e9)
# Digits of dates that are written as one number, from the year on.
DIGITS_OF_DATES = (8, 10, 12, 14)
# A code: a word that has digits, or several joined by marks.
CODE = re.compile(r"\s*(?=[^0-9]*[0-9])[A-Za-z0-9]+([-_./:# ][A-Za-z0-9]+)*\s*")
# A number with a unit of it.
UNIT = re.compile(r"\s*[\d.:/-]+ ?[A-Za-z]*\s*")
# Digits of such a code, and share of the codes whose shape is one of the commonest.
DIGITS_OF_CODE = 3
ALIKE = 0.95
MOST_SHAPES = 3

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
# int64, or Python's integers.
Whole = npt.NDArray[Any]
Maker = Counter | Scattered | Serials | Emails | Fakes | Shapes
# By the entry of their state that no other has.
MAKERS: dict[str, type[Maker]] = {
    "provider": Fakes,
    "scattered": Scattered,
    "first": Counter,
    "serials": Serials,
    "domains": Emails,
    "shapes": Shapes,
}


class IdentifierEncoder(ColumnEncoder):
    """No block, unless some cells are missing: then one that says which.

    Options: ``pattern``, the most frequent shape, for the reader of the schema.

    Args:
        column: The schema's description of the column.
        missing: Whether some training cells were missing.
        maker: What invents cells: `Counter` or `Scattered` for integers, `Serials` for
            text that counts, `Emails` for addresses, `Shapes` for any other; `Fakes`
            where the schema names a provider.
        repeats: How many rows an identifier has; None for one each.
    """

    kind: ClassVar[str] = "identifier"
    turn: ClassVar[int] = 60
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "pattern": {
            "type": "string",
            "description": "What an identifier looks like; for people only.",
        },
        "provider": {
            "enum": [*PROVIDERS],
            "description": "What Faker makes in place of text of the same pattern.",
        },
        "locale": {
            "type": "string",
            "description": "For whom Faker makes it: en_US, de_DE, ...",
        },
    }
    invented: ClassVar[bool] = True
    combinable: ClassVar[bool] = False

    def __init__(
        self,
        column: Column,
        missing: bool,
        maker: Maker,
        repeats: Repeats | None = None,
    ) -> None:
        blocks = (Block(column.name, "", 2),) if missing else ()
        super().__init__(column, blocks)
        self.missing = missing
        self.maker = maker
        self.repeats = repeats

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Text that hardly repeats, and integers that never do if the name is a key's.

        Besides, what looks like a key though it repeats: `why_numbers`, `why_codes`.
        Numbers as text count as integers. What makes text an identifier, see `_why_text`.
        """
        if not cells.count:
            return None
        if _are_whole(cells):
            return cls._accept_whole(cells, forced)
        if not cells.is_text:
            return None
        note = ""
        # Texts that differ by the spaces around them are one.
        bare = cells.trimmed
        why = _why_text(bare, forced)
        if why is None:
            why = _why_codes(bare)
            note = _note("category")
        if why is None:
            return None
        # For the reader alone, so some texts are enough.
        some = bare.distinct[:1000]
        shapes = Shapes.fit(some, np.random.default_rng(0), cells.rare)
        options = {"pattern": shapes.shown()[:LONGEST_PATTERN]}
        why = f"{why}; new ones are invented"
        notes = [text for text in (note, _note_of_words(cells)) if text]
        return cells.column(cls.kind, "str", why, options, note="; ".join(notes))

    @classmethod
    def _accept_whole(cls, cells: Cells, forced: bool) -> Column | None:
        """`accepts` for whole numbers, as such or as text."""
        count = len(cells.words)
        missing = cells.missing_or_token
        unique = count == cells.rows - missing > 2
        named = names_a_key(cells.name) or speaks_of_people(cells.name)
        why = f"{count:,} distinct whole numbers"
        note = ""
        if unique and named:
            why += ", none repeats"
        elif not forced:
            suspicion = _why_numbers(cells)
            if suspicion is None:
                return None
            why += f": {suspicion}"
            note = _note("integer")
        dtype = "Int64" if missing else "int64"
        options: dict[str, Any] = {"pattern": "9"}
        options |= cells.missing_options()
        if (
            cells.is_text
            and cells.matches(FLOAT)
            and any("." in t for t in cells.words)
        ):
            dtype = "float64"
            options |= {"shown": 1, "decimals": 0}
        elif cells.is_text and _whole_numbers(cells).dtype == object:
            # Too large for 64 bits: texts of digits.
            dtype = "str"
        why += "; new ones are invented"
        return cells.column(cls.kind, dtype, why, options, missing, note)

    @classmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Cells => the schema's dtype."""
        return _kind_of_cells(column).typed(series, column)

    @classmethod
    def text(cls, series: pd.Series, column: Column) -> Texts:
        """The typed form => the cells of a CSV file."""
        return _kind_of_cells(column).text(series, column)

    @classmethod
    def fit(
        cls,
        series: pd.Series,
        column: Column,
        rng: np.random.Generator,
        settings: Settings,
    ) -> IdentifierEncoder:
        """Learn the shapes, how often they repeat, and whether cells are missing."""
        missing = series.isna().to_numpy(dtype=bool)
        present = series[~missing]
        keys: npt.NDArray[Any]
        if _is_number(column):
            codes, distinct = pd.factorize(present)
            keys = _integers(distinct, column)
        elif is_text_dtype(column.dtype):
            codes, keys = pd.factorize(trimmed(category_texts(present)))
        else:
            raise SchemaError(
                f"column {column.name!r}: no identifiers of dtype {column.dtype} can be "
                "invented; use kind category, or convert the column to text"
            )
        counts = np.bincount(codes, minlength=len(keys))
        if settings.sample is not None and len(keys) == len(present):
            # Each came once, however often it is in the table.
            counts = settings.sample.value_counts().to_numpy()
        repeats = Repeats.fit(counts, rng, settings.rare)
        people = settings.people_of(present)
        voices = None
        if people is not None:
            # Of those who have a key, somebody speaks for it.
            voices = np.zeros(len(keys), dtype=np.int64)
            voices[codes] = people
        maker: Maker
        if "provider" in column.options:
            maker = _fakes(keys, column, rng)
        else:
            maker = _maker(
                keys, column, rng, settings.rare, repeats is not None, voices
            )
        some_missing = bool(missing.any()) and not missing.all()
        return cls(column, some_missing, maker, repeats)

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes ``[rows, 0 or 1]``: 0 for a cell, 1 for missing."""
        missing = series.isna().to_numpy(dtype=bool)
        codes = np.broadcast_to(missing[:, None], (len(series), len(self.blocks)))
        return codes.astype(np.uint8), np.zeros((len(series), 0), dtype=np.float32)

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
    ) -> pd.Series:
        """New cells for rows ``start``, ``start + 1``, ... in the typed form."""
        missing = np.zeros(len(codes), dtype=bool)
        if self.missing:
            missing = codes[:, 0] == 1
        rows = start + np.arange(len(codes))
        rows = rows[~missing]
        if self.repeats is not None:
            rows = self.repeats.keys_of(rows)
        made = self.maker.make(rows)
        if _is_number(self.column):
            self._check_room(made)
            if not _is_int(self.column):
                made = made.astype(np.float64)
            cells = natural(made, missing, self.column.dtype)
        elif isinstance(self.maker, Counter | Scattered):
            digits = np.array([str(key) for key in made.tolist()], dtype=object)
            cells = natural(digits, missing, self.column.dtype)
        else:
            texts = natural(made, missing, "object")
            cells = CategoryEncoder.typed(texts, self.column)
        return cells.rename(self.column.name)

    def following(self, names: IdentifierEncoder) -> IdentifierEncoder:
        """The same addresses, as those of the names of another column.

        Addresses that repeat do so with the names.
        """
        assert isinstance(self.maker, Fakes), "no addresses, report this"
        assert isinstance(names.maker, Fakes), "no names, report this"
        if self.repeats is None:
            maker = self.maker.following(names.maker, names.repeats)
            return IdentifierEncoder(self.column, self.missing, maker)
        maker = self.maker.following(names.maker, None)
        return IdentifierEncoder(self.column, self.missing, maker, names.repeats)

    def going_on(
        self, series: pd.Series, rng: np.random.Generator, settings: Settings
    ) -> IdentifierEncoder:
        """As `ColumnEncoder.going_on`: keys of these rows do not come back.

        Numbers that follow each other are beyond those of the first table, too. Of others,
        one of the first table may come back by chance.
        """
        further = self.fit(series, self.column, rng, settings)
        maker = further.maker
        if isinstance(maker, Counter) and isinstance(self.maker, Counter):
            maker = max(maker, self.maker, key=lambda counter: counter.first)
        return IdentifierEncoder(self.column, self.missing, maker, further.repeats)

    def _check_room(self, keys: npt.NDArray[Any]) -> None:
        """Raise a `DataError` if a key is too large for the column's dtype."""
        if len(keys) and keys.max() > _room(self.column):
            raise DataError(
                f"column {self.column.name!r}: dtype {self.column.dtype} has no room "
                "for more keys"
            )

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        state = {"missing": self.missing, "maker": self.maker.state()}
        if self.repeats is not None:
            state["repeats"] = self.repeats.state()
        return state

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> IdentifierEncoder:
        """The inverse of `state`."""
        of_maker = state["maker"]
        maker = next(kind for entry, kind in MAKERS.items() if entry in of_maker)
        repeats = None
        # Models of before repeats never repeated a key.
        if "repeats" in state:
            repeats = Repeats.from_state(state["repeats"])
        return cls(column, flag(state, "missing"), maker.from_state(of_maker), repeats)


def with_names(columns: Sequence[Any]) -> tuple[Any, ...]:
    """The encoders, in which e-mail addresses and sites are those of names beside them.

    They follow the nearest column of names before them, or else the first one.
    """
    names = [
        (place, column)
        for place, column in enumerate(columns)
        if _provider(column) == "name"
    ]
    if not names:
        return tuple(columns)
    followed = []
    for place, column in enumerate(columns):
        if _provider(column) in ("email", "url"):
            before = [one for number, one in names if number < place]
            column = column.following(before[-1] if before else names[0][1])
        followed.append(column)
    return tuple(followed)


def _provider(column: object) -> str | None:
    """What Faker makes for a column, if anything."""
    if isinstance(column, IdentifierEncoder) and isinstance(column.maker, Fakes):
        return column.maker.provider
    return None


def _fakes(keys: npt.NDArray[Any], column: Column, rng: np.random.Generator) -> Fakes:
    """What makes the values that the schema asks for.

    Raises:
        SchemaError: The column is none of text, or there is no such provider.
    """
    if _is_number(column):
        raise SchemaError(
            f"column {column.name!r}: a provider makes text, and the dtype is "
            f"{column.dtype}; use dtype str"
        )
    locale = column.options.get("locale", LOCALE)
    try:
        return Fakes.fit(keys, column.options["provider"], locale, rng)
    except SchemaError as error:
        raise SchemaError(f"column {column.name!r}: {error}") from None


def _why_text(cells: Cells, forced: bool) -> str | None:
    """Why text other than numbers is an identifier, in words; None if it is none.

    It is one if the cells hold e-mail addresses; if values occur less than twice on
    average and there are more than 50 cells; if no value repeats and the column's name
    speaks of people, or all are codes of one shape; or if no value is so frequent that
    it may be shown.
    """
    if cells.matches(EMAIL):
        return "e-mail addresses"
    count = cells.count
    present = cells.rows - cells.missing
    why = f"{count:,} distinct texts in {present:,} cells"
    if forced:
        return why
    # Measurements differ from row to row, too.
    if cells.matches(FLOAT):
        return None
    unique = count == present > 2
    # Less than twice on average.
    if count >= present / 2 and present > FEW:
        return why
    if speaks_of_people(cells.name) and (unique or count > FEW):
        return why
    if unique and "name" in name_words(cells.name):
        return why
    if unique and FEWEST_ALIKE <= count <= FEW and _are_codes(cells.distinct):
        return why
    if cells.people.max() < cells.rare:
        return f"{why}, none of them in {cells.rare} rows"
    return None


def _why_codes(cells: Cells) -> str | None:
    """Why text that repeats is an identifier, in words; None if it is none."""
    if cells.matches(FLOAT):
        return None
    counts = cells.counts[~cells.token_mask]
    if not Repetition.of(counts).few_each(MOST_ROWS_OF_A_PERSON):
        return None
    suspicion = why_codes(cells.name, cells.words, counts)
    if suspicion is None:
        return None
    return f"{len(counts):,} distinct texts: {suspicion}"


def _note_of_words(cells: Cells) -> str:
    """That a word such as "unknown" among keys is in no row made; "" if none is so rare."""
    is_stray = [
        people < cells.rare and (means_missing(text) or text.lower() in ERROR_WORDS)
        for text, people in zip(
            map(str.strip, cells.distinct.tolist()), cells.people.tolist(), strict=True
        )
    ]
    strays = np.flatnonzero(is_stray)
    if not len(strays):
        return ""
    shown = ", ".join(repr(text.strip()) for text in cells.distinct[strays[:3]])
    further = f" and {len(strays) - 3} more" if len(strays) > 3 else ""
    row = cells.first_rows[strays[0]]
    is_no_key = "are no keys" if len(strays) > 1 else "is no key"
    return f"{shown}{further} (row {row:,}) {is_no_key}: too few rows to be kept"


def _note(other: str) -> str:
    """What a user would not expect of what is taken for keys; ``other`` is a kind."""
    return (
        "looks like the keys of people, accounts or things: invented, not learnt, with "
        f"as many rows each; to learn it, give a schema in which its kind is {other}"
    )


# --------------------------------------------------------------------------------------
# What names say


class Says(Enum):
    """What a column's name says of its values: whom or what they name, if anything."""

    PERSON = "a person, an account or a device"
    KEY = "a key"
    NOTHING = "nothing"
    OTHER = "something that many rows share, or a measure"


_TOLD = {
    meaning: f"the name tells of {meaning.value}" for meaning in (Says.PERSON, Says.KEY)
}


def says(name: str) -> Says:
    """What the words of a column's name say about its values."""
    words = [word for word in name_words(name) if not word.isdigit()]
    if not words:
        return Says.NOTHING
    last = words[-1]
    is_key = bool(_KEY_WORD.fullmatch(last)) or words[0] == "id" or "id" in words
    # A bill is an amount, a bill_no is none.
    is_measure = bool(MEASURES & set(words)) and not _KEY_WORD.fullmatch(last)
    of_others = is_measure or bool(OTHERS & set(words))
    of_person = any(_PERSON_WORD.fullmatch(word) for word in words)
    if GIVEN & set(words) and not is_measure and len(words) <= 3:
        return Says.PERSON
    glued = "".join(words[-2:])
    if not of_others and (
        _PERSON_KEY.fullmatch(last)
        or _PERSON_KEY.fullmatch(glued)
        or (is_key and of_person)
        or _PERSON_WORD.fullmatch(last)
    ):
        return Says.PERSON
    if of_others:
        return Says.OTHER
    # "num_visits" and "no of rooms" are counts, "ticket_no" is a key.
    if words[0] in ("num", "number", "no", "nr", "n") and len(words) > 1:
        return Says.OTHER
    return Says.KEY if is_key else Says.NOTHING


def names_a_key(name: str) -> bool:
    """Whether a column of this name is expected to number its rows."""
    words = name_words(name)
    if ID_WORDS & set(words) or ID_NAME.fullmatch(name.lower()):
        return True
    # What pandas calls the index of a CSV file.
    return words[:1] == ["unnamed"]


def speaks_of_people(name: str) -> bool:
    """Whether a column of this name tells who somebody is."""
    return bool(PERSON_WORDS & set(name_words(name)))


# --------------------------------------------------------------------------------------
# How values lie and repeat


@dataclass(frozen=True)
class Repetition:
    """How often values repeat.

    Attributes:
        distinct: Number of distinct values.
        rows: Number of cells.
        second: Rows of the second commonest value.
        repeated: Share of the distinct values that repeat.
    """

    distinct: int
    rows: int
    second: int
    repeated: float

    @classmethod
    def of(cls, counts: Counts) -> Repetition:
        """Of the rows of each distinct value."""
        second = int(np.sort(counts)[-2]) if len(counts) > 1 else 0
        repeated = float((counts > 1).mean()) if len(counts) else 0.0
        return cls(len(counts), int(counts.sum()), second, repeated)

    def few_each(self, most: int) -> bool:
        """Whether no more than ``most`` rows have a value on average, and none many."""
        most_of_one = max(MOST_OF_ONE, SHARE_OF_ONE * self.rows)
        return self.rows <= most * self.distinct and self.second <= most_of_one


def why_numbers(name: str, values: Whole, counts: Counts) -> str | None:
    """Why whole numbers are keys, in words; None if they do not look like it.

    Args:
        name: Of the column.
        values: ``[distinct]`` whole numbers: int64, or Python's own where they are larger.
        counts: ``[distinct]``: how many rows have each.
    """
    repeats = Repetition.of(counts)
    if repeats.distinct < FEWEST or not repeats.few_each(MOST_ROWS_OF_A_PERSON):
        return None
    wide = np.sort(values.astype(np.float64))
    meaning = says(name)
    is_told = meaning in _TOLD
    # Parcels and branches have numbers that end in 0, too, but hardly in 00.
    unit = 100 if is_told else 10
    if _are_measured(values, unit) or _are_times(values, wide):
        return None
    if meaning is Says.OTHER:
        return None
    sparsity = _sparsity(wide)
    is_many = repeats.distinct >= FEWEST_UNNAMED
    if meaning is Says.PERSON:
        return _TOLD[meaning] if is_many or sparsity >= SPARSE else None
    if not is_many or not repeats.few_each(MOST_ROWS_EACH):
        return None
    if meaning is Says.KEY:
        return _TOLD[meaning] if sparsity >= SPARSE else None
    return _why_unnamed(wide, sparsity, repeats)


def _why_unnamed(wide: Floats, sparsity: float, repeats: Repetition) -> str | None:
    """`why_numbers` for a name that says nothing.

    Args:
        wide: The values, ascending.
        sparsity: See `_sparsity`.
        repeats: Of the values.
    """
    # What is measured to many digits does not repeat.
    if sparsity < VERY_SPARSE or repeats.repeated < REPEATED:
        return None
    even = np.linspace(wide[0], wide[-1], len(wide))
    distance = float(np.abs(wide - even).max()) / float(wide[-1] - wide[0])
    if distance > EVEN:
        return None
    return "they repeat, and lie evenly and far apart"


def _digits(number: float) -> int:
    return len(str(int(number)))


def _sparsity(wide: Floats) -> float:
    """Whole numbers between the 5th and the 95th percentile for each that occurs."""
    low, high = np.quantile(wide, [0.05, 0.95])
    within = int(((wide >= low) & (wide <= high)).sum())
    return float(high - low + 1) / max(within, 1)


def _are_measured(values: Whole, unit: int) -> bool:
    """Whether numbers are negative, but for one, or rounded to multiples of a unit."""
    if (values < 0).sum() > 1:
        return True
    return bool((values % unit == 0).sum() > ROUNDED * len(values))


def _are_times(values: Whole, wide: Floats) -> bool:
    """Whether numbers could be Unix times, or dates such as 20141013.

    Args:
        values: Any whole numbers.
        wide: The same, ascending.
    """
    least = wide[0]
    greatest = wide[-1]
    for unit in EPOCH_UNITS:
        if EPOCH[0] * unit <= least and greatest <= EPOCH[1] * unit:
            return True
    digits = _digits(greatest)
    if digits not in DIGITS_OF_DATES or _digits(max(least, 0.0)) != digits:
        return False
    years = values // 10 ** (digits - 4)
    months = values // 10 ** (digits - 6) % 100
    days = values // 10 ** (digits - 8) % 100
    are_years = (years >= 1800) & (years <= 2200)
    are_months = (months >= 1) & (months <= 12)
    are_days = (days >= 1) & (days <= 31)
    return bool((are_years & are_months & are_days).all())


def why_codes(name: str, texts: Texts, counts: Counts) -> str | None:
    """Why texts that repeat are keys, in words; None if they do not look like it.

    Args:
        name: Of the column.
        texts: ``[distinct]``.
        counts: ``[distinct]``: how many rows have each.
    """
    repeats = Repetition.of(counts)
    meaning = says(name)
    if repeats.distinct < FEWEST or meaning is Says.OTHER:
        return None
    is_code = np.array([_is_code(text) for text in texts], dtype=bool)
    are_codes = is_code.mean() >= ALIKE
    if meaning is Says.PERSON:
        is_many = repeats.distinct > FEWEST_UNNAMED or are_codes
        most = MOST_ROWS_OF_A_PERSON if are_codes else MOST_ROWS_EACH
        if is_many and repeats.few_each(most):
            return _TOLD[meaning]
        return None
    if not are_codes or repeats.distinct < FEWEST_UNNAMED:
        return None
    if not repeats.few_each(MOST_ROWS_EACH):
        return None
    if meaning is Says.KEY:
        return _TOLD[meaning]
    shapes = Tally(skeleton(text) for text in texts)
    commonest = sum(count for _, count in shapes.most_common(MOST_SHAPES))
    are_units = sum(bool(UNIT.fullmatch(text)) for text in texts) > ALIKE * len(texts)
    if are_units or commonest < ALIKE * len(texts):
        return None
    return "codes of one shape"


def _is_code(text: str) -> bool:
    digits = sum(character.isdigit() for character in text)
    return digits >= DIGITS_OF_CODE and CODE.fullmatch(text) is not None


# --------------------------------------------------------------------------------------
# Whole numbers


def _are_whole(cells: Cells) -> bool:
    """Whether cells are whole numbers: as such, as text, or as floats."""
    if cells.is_text:
        return cells.matches(WHOLE)
    dtype = cells.series.dtype
    if pd.api.types.is_integer_dtype(dtype):
        return True
    if not pd.api.types.is_float_dtype(dtype):
        return False
    # Where cells are missing, pandas has whole numbers as floats.
    values = cells.distinct.astype(np.float64)
    return bool((np.isfinite(values) & (values == np.rint(values))).all())


def _why_numbers(cells: Cells) -> str | None:
    """Why whole numbers are keys, in words; None if they do not look like it."""
    counts = cells.counts[~cells.token_mask]
    # Most columns of numbers are out of the question, and their cells need no look.
    if not Repetition.of(counts).few_each(MOST_ROWS_OF_A_PERSON):
        return None
    return why_numbers(cells.name, _whole_numbers(cells), counts)


def _whole_numbers(cells: Cells) -> npt.NDArray[Any]:
    """What `Cells.words` stand for: int64, or Python's integers if some are larger."""
    words = cells.words
    if cells.is_text:
        words = np.array([w.strip().removesuffix(".0") for w in words], dtype=object)
    return _as_int64([int(word) for word in words])


def _as_int64(numbers: list[int]) -> npt.NDArray[Any]:
    """Whole numbers as int64, or as Python's integers if some are larger."""
    fit = not numbers or (min(numbers) >= -(2**63) and max(numbers) < 2**63)
    return np.array(numbers, dtype=np.int64 if fit else object)


def _integers(distinct: Any, column: Column) -> npt.NDArray[Any]:
    """Typed cells as whole numbers.

    Raises:
        SchemaError: One is not whole.
    """
    cells = np.asarray(distinct, dtype=object).tolist()
    numbers = [int(cell) for cell in cells]
    if numbers != cells:
        raise SchemaError(
            f"column {column.name!r}: no identifiers of dtype {column.dtype} can be "
            "invented; use kind category, or convert the column to text"
        )
    return _as_int64(numbers)


def _is_int(column: Column) -> bool:
    return "int" in column.dtype.lower()


def _room(column: Column) -> int:
    """The greatest number that the column's dtype holds."""
    name = column.dtype.lower().removesuffix("[pyarrow]")
    if name.startswith(("float", "double")):
        return 2**53
    if not name.startswith(("int", "uint")):
        return 2**63 - 1
    return int(np.iinfo(name).max)


def _is_number(column: Column) -> bool:
    """Whether the typed form of identifiers is numbers."""
    name = column.dtype.lower()
    return _is_int(column) or name.startswith(("float", "double"))


def _kind_of_cells(column: Column) -> type[ColumnEncoder]:
    """The kind that reads and writes the cells."""
    if not _is_number(column):
        return CategoryEncoder
    if not _is_int(column):
        return FloatEncoder
    # Those that are not within int64 are read as texts.
    return CategoryEncoder if "uint64" in column.dtype.lower() else IntegerEncoder


def _maker(
    keys: npt.NDArray[Any],
    column: Column,
    rng: np.random.Generator,
    rare: int,
    repeat: bool,
    voices: Counts | None,
) -> Maker:
    """What invents such keys.

    Args:
        keys: ``[distinct]``: texts, or whole numbers as `_as_int64` gives them.
        column: Their column.
        rng: Randomness.
        rare: See `Settings`.
        repeat: Whether they do.
        voices: ``[distinct]``: somebody who has each, where people count.
    """
    if not _is_number(column):
        # The first that suits the texts; shapes suit all.
        if len(keys) and all(map(DIGITS.fullmatch, keys.tolist())):
            numbers = np.array([int(text) for text in keys], dtype=object)
            if numbers.max() >= 2**63:
                counter = Counter(first_new_key(numbers, rare, rng))
                return Scattered.fit(numbers, rng, rare, None) or counter
        return (
            Serials.fit(keys, rng, rare, voices)
            or Emails.fit(keys, rng, rare, voices)
            or Shapes.fit(keys, rng, rare, voices)
        )
    greatest = int(keys.max(initial=0))
    # What numbers rows goes on counting, unless it comes near the end of 64 bits.
    if (repeat or keys.dtype == object) and len(keys) < DENSE * greatest:
        scattered = Scattered.fit(keys, rng, rare, _room(column))
        if scattered is not None:
            return scattered
    # Numbers that lie close to each other count; those in tens go on in tens.
    grains = KeyGrains.find(keys) if keys.dtype != object else None
    return Counter(first_new_key(keys, rare, rng, _room(column)), grains)


def _are_codes(texts: Texts) -> bool:
    """Whether all texts have one shape, with digits beside something else."""
    first = texts[0]
    mixes = any(c.isdigit() for c in first) and not first.isdigit()
    return mixes and len({skeleton(text) for text in texts}) == 1
