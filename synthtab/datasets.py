"""Real tables to try things on: a few ship with the package, others are on OpenML.

The shipped ones lie in ``datasets/`` of the repository, each with its schema and a
PROVENANCE.md (source, licence, checksum). The others are downloaded once by
scikit-learn's OpenML client, which caches them and verifies their checksum.
"""

from __future__ import annotations

import importlib.resources
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sklearn.datasets import fetch_openml

from synthtab.core.errors import DataError, hint
from synthtab.core.schema import Schema
from synthtab.data import tables

if TYPE_CHECKING:
    import pandas as pd

# The tables in ``datasets/``.
SHIPPED = ("penguins", "flights", "anes96")


@dataclass(frozen=True)
class Remote:
    """A table on openml.org: its number there, and the shape that it must have."""

    data_id: int
    rows: int
    columns: int


OPENML = {
    "adult": Remote(1590, 48_842, 15),
    "bank-marketing": Remote(1461, 45_211, 17),
    "covertype": Remote(1596, 581_012, 55),
    "credit-g": Remote(31, 1_000, 21),
    "diamonds": Remote(42225, 53_940, 10),
    "titanic": Remote(40945, 1_309, 14),
}


def names() -> tuple[str, ...]:
    """Every name that `load` takes; the shipped tables come first."""
    return (*SHIPPED, *OPENML)


def path(name: str) -> Path:
    """The CSV of a shipped table; its schema lies beside it as ``<name>.schema.json``.

    Raises:
        DataError: No such table ships with the package.
    """
    if name not in SHIPPED:
        raise DataError(
            f"no table {name!r} ships with synthtab; it has {', '.join(SHIPPED)}"
        )
    return _folder() / name / f"{name}.csv"


def load(name: str, *, data_home: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """A table by name, typed.

    Args:
        name: One of `names`.
        data_home: Where downloads are cached; scikit-learn's own folder if not given.

    Raises:
        DataError: The name is unknown, or the table can neither be found in the cache
            nor downloaded.
    """
    # The name of a shipped table is its own, whatever OpenML may have under it.
    if name in SHIPPED:
        source = path(name)
        schema = Schema.load(source.with_name(f"{name}.schema.json"))
        return tables.typed(tables.read(source), schema)
    if name in OPENML:
        return _download(name, OPENML[name], data_home)
    raise DataError(f"no table named {name!r}{hint(name, names(), 'there are')}")


def _folder() -> Path:
    """Where the shipped tables lie.

    In a checkout, beside the package; else, they are installed as data.
    """
    # Any folder may be called "datasets": this file says that it is ours.
    checkout = Path(__file__).resolve().parent.parent / "datasets"
    if (checkout / SHIPPED[0] / "PROVENANCE.md").is_file():
        return checkout
    return Path(
        str(importlib.resources.files("synthtab_datasets").joinpath(SHIPPED[0]))
    ).parent


def _download(
    name: str, remote: Remote, data_home: str | os.PathLike[str] | None
) -> pd.DataFrame:
    # scikit-learn asks the network only for what its cache has not.
    home = None if data_home is None else os.fspath(data_home)
    try:
        frame: pd.DataFrame = fetch_openml(
            data_id=remote.data_id, data_home=home, as_frame=True
        ).frame
    except (OSError, ValueError) as error:
        reason = " ".join(str(getattr(error, "reason", error)).split())
        raise DataError(
            f"cannot download {name!r} from openml.org ({reason}): go online once, "
            "or pass the data_home of a machine that has it"
        ) from error
    if frame.shape != (remote.rows, remote.columns):
        raise DataError(
            f"{name!r} from openml.org is {frame.shape[0]} x {frame.shape[1]} "
            f"instead of {remote.rows} x {remote.columns}: delete the cached copy "
            "and try again"
        )
    return frame
