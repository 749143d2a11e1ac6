"""Invented values that look like values: names, addresses, companies, by Faker.

For identifiers whose schema names a ``provider`` and perhaps a ``locale``. Row number
``i`` always gets the same value, however rows are produced; another release of Faker may
give others. An e-mail address is that of the name in its row. Addresses and sites end in
domains that are nobody's (RFC 2606).

None is a value of the table, though none of these is stored: the hash of a text, modulo m,
is its class, and only values of a few *free* classes are made, in which no text of the
table lies. There are so many classes that about a tenth of them is free, and of more
free ones no more than that are kept. So the file tells of nine texts in ten nothing, and
of the tenth that it is not in the table.
"""

from __future__ import annotations

import importlib.util
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.core.errors import DataError, MissingExtraError, SchemaError, hint
from synthtab.data.columns.base import Texts
from synthtab.data.columns.repeats import Repeats

LOCALE = "en_US"
# What a locale looks like: no other name goes to Faker.
LOCALES = re.compile(r"[a-z]{2,3}_[A-Z]{2}")
# Share of the classes that is free, and the fewest classes.
FREE = 0.1
FEWEST_CLASSES = 10
# Single values that are tried for a free class: by chance, one row in a million needs
# more. Where all values that there are may be the table's, as those of cities, two are
# joined.
MOST_TRIES = 130
MOST_JOINED = 10_000
# Nobody has these (RFC 2606).
DOMAINS = ("example.com", "example.org", "example.net")
RESERVED = re.compile(r"(?i)(\.example|\bexample\.(com|org|net))\b")
# Letters that are written as others in addresses; accents are dropped from the rest.
SPELT = str.maketrans(
    {"ß": "ss", "ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "æ": "ae", "ł": "l"}
)

Integers = npt.NDArray[np.int64]


def _name(fake: Any) -> str:
    """First and last names, without titles."""
    words = [word for word in fake.name().split() if "." not in word]
    return " ".join(words)


# Provider -> what makes a value. E-mail addresses and sites are made of a name.
PROVIDERS: dict[str, Callable[[Any], str]] = {
    "name": _name,
    "email": _name,
    "url": _name,
    "street_address": lambda fake: fake.street_address(),
    "city": lambda fake: fake.city(),
    "company": lambda fake: fake.company(),
    "phone_number": lambda fake: fake.phone_number(),
    "iban": lambda fake: fake.iban(),
}


@cache
def _faker(locale: str) -> Any:
    """Faker for a locale.

    Raises:
        MissingExtraError: Faker is not installed.
        SchemaError: There is no such locale.
    """
    if importlib.util.find_spec("faker") is None:
        raise MissingExtraError(
            "a provider in the schema needs Faker: pip install 'synthtab[values]'"
        )
    from faker import Faker
    from faker.config import AVAILABLE_LOCALES

    if not LOCALES.fullmatch(locale) or locale not in AVAILABLE_LOCALES:
        language = [one for one in AVAILABLE_LOCALES if one[:3] == locale[:3]]
        near = hint("", sorted(language or AVAILABLE_LOCALES), "there are", 6)
        raise SchemaError(f"Faker has no locale {locale!r}{near}")
    # One that nobody else uses or seeds.
    return Faker(locale)


def _hash(text: str) -> int:
    """Of a text, however its letters are written and spaced."""
    bare = " ".join(text.casefold().split())
    return int.from_bytes(blake2b(bare.encode(), digest_size=8).digest(), "big")


@dataclass(frozen=True)
class Fakes:
    """Values of one provider.

    Attributes:
        provider: A key of `PROVIDERS`.
        locale: Of Faker, such as "de_DE".
        seed: Other seeds give other values.
        classes: Number of classes of texts; 0 where no text of the table could be made.
        free: Those in which values are made.
        names: Whose e-mail addresses these are, if a column has their names.
        repeats: How often these names repeat, where the addresses do not.
    """

    provider: str
    locale: str
    seed: int
    classes: int = 0
    free: frozenset[int] = field(default_factory=frozenset)
    names: Fakes | None = None
    repeats: Repeats | None = None

    def __post_init__(self) -> None:
        if self.provider not in PROVIDERS:
            near = hint(self.provider, list(PROVIDERS), "there are")
            raise SchemaError(f"there is no provider {self.provider!r}{near}")

    @classmethod
    def fit(
        cls, texts: Texts, provider: str, locale: str, rng: np.random.Generator
    ) -> Fakes:
        """Choose the classes of the values.

        Args:
            texts: The distinct texts of the table.
            provider: What to make.
            locale: For whom.
            rng: Draws the seed, and which classes are kept.

        Raises:
            MissingExtraError: Faker is not installed.
            SchemaError: There is no such provider or locale.
        """
        made = cls(provider, locale, int(rng.integers(2**31)))
        _faker(locale)
        if provider in ("email", "url"):
            texts = np.array([t for t in texts if RESERVED.search(t)], dtype=object)
        if not len(texts):
            return made
        hashes = np.array([_hash(text) for text in texts], dtype=np.uint64)
        # Of m classes, m exp(-n / m) have none of n texts.
        classes = max(FEWEST_CLASSES, round(len(texts) / -np.log(FREE)))
        free = _free(hashes, classes)
        while not len(free):
            classes += 1
            free = _free(hashes, classes)
        kept = rng.permutation(free)[: max(1, int(FREE * classes))]
        return replace(made, classes=classes, free=frozenset(kept.tolist()))

    def following(self, names: Fakes, repeats: Repeats | None) -> Fakes:
        """These addresses, as those of the people whose names another column has."""
        return replace(self, names=names, repeats=repeats)

    def make(self, rows: Integers) -> Texts:
        """The values of these rows."""
        made: dict[int, str] = {}
        people = rows
        if self.repeats is not None:
            people = self.repeats.keys_of(rows)
        for row, person in zip(rows.tolist(), people.tolist(), strict=True):
            if row not in made:
                made[row] = self._value(row, person)
        return np.array([made[row] for row in rows.tolist()], dtype=object)

    def _value(self, row: int, person: int) -> str:
        if self.provider not in ("email", "url"):
            return self._first_free(lambda turn: self._drawn(row, turn))
        name = (self.names or self)._whose(person)
        return self._first_free(lambda turn: self._address(name, row, turn))

    def _whose(self, person: int) -> str:
        """The name that a column of names has for a person."""
        if self.provider == "name":
            return self._first_free(lambda turn: self._drawn(person, turn))
        return self._drawn(person, 0)

    def _first_free(self, value: Callable[[int], str]) -> str:
        """The first value of a free class."""
        for turn in range(MOST_JOINED):
            text = value(turn)
            if turn >= MOST_TRIES:
                text = f"{text}-{value(turn - MOST_TRIES)}"
            if not self.classes or _hash(text) % self.classes in self.free:
                return text
        raise DataError(
            f"the provider {self.provider!r} ({self.locale}) makes too few values that the "
            "table does not have: leave it out"
        )

    def _drawn(self, row: int, turn: int) -> str:
        """What Faker makes of a row, in so many-th place."""
        fake = _faker(self.locale)
        fake.seed_instance(_hash(f"{self.seed} {row} {turn}"))
        return " ".join(PROVIDERS[self.provider](fake).split())

    def _address(self, name: str, row: int, turn: int) -> str:
        """The e-mail address or the site of somebody; the row makes it another's."""
        words = [_spelt(word) for word in name.split()]
        words = [word for word in words if word] or ["mail"]
        number = str(row + 1) + (f"-{turn}" if turn else "")
        if self.provider == "url":
            return f"https://www.{words[-1]}{number}.example"
        local = ".".join(dict.fromkeys((words[0], words[-1])))
        domain = DOMAINS[_hash(f"{self.seed} {row}") % len(DOMAINS)]
        return f"{local}{number}@{domain}"

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        state: dict[str, Any] = {
            "provider": self.provider,
            "locale": self.locale,
            "seed": self.seed,
            "classes": self.classes,
            "free": sorted(self.free),
        }
        if self.names is not None:
            state["names"] = self.names.state()
        if self.repeats is not None:
            state["names repeat"] = self.repeats.state()
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Fakes:
        """The inverse of `state`."""
        names = repeats = None
        if "names" in state:
            names = cls.from_state(state["names"])
        if "names repeat" in state:
            repeats = Repeats.from_state(state["names repeat"])
        return cls(
            state["provider"],
            state["locale"],
            int(state["seed"]),
            int(state["classes"]),
            frozenset(map(int, state["free"])),
            names,
            repeats,
        )


def _free(hashes: npt.NDArray[np.uint64], classes: int) -> Integers:
    """The classes in which no text lies."""
    taken = np.bincount((hashes % np.uint64(classes)).astype(np.int64))
    taken = np.pad(taken, (0, classes - len(taken)))
    return np.flatnonzero(taken == 0)


def _spelt(word: str) -> str:
    """A word as it can stand in an address."""
    plain = unicodedata.normalize("NFKD", word.lower().translate(SPELT))
    return re.sub(r"[^a-z]", "", plain)
