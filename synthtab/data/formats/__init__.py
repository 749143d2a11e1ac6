"""Which name means which format: the only place that knows suffixes.

A format is a file of this package and a line in `FORMATS`. This file imports none of
them, so that a command can refuse a name before pandas is loaded.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import PurePath

from synthtab.core.errors import DataError, MissingExtraError


@dataclass(frozen=True)
class Format:
    """How tables are stored.

    Attributes:
        name: What people call it.
        module: The file of this package that reads and writes it.
        suffixes: What names of such files end in; the first is the usual one.
        is_compressible: Whether such files may be compressed as a whole.
        only_read: Suffixes that are read and never written.
        extra: The extra of this package that it needs, if any.
        library: What this extra installs, as it is imported.
    """

    name: str
    module: str
    suffixes: tuple[str, ...]
    is_compressible: bool = False
    only_read: tuple[str, ...] = ()
    extra: str = ""
    library: str = ""


FORMATS = (
    Format("CSV", "text", (".csv", ".txt", ".dat", ".data"), is_compressible=True),
    Format("TSV", "text", (".tsv", ".tab"), is_compressible=True),
    Format("JSON lines", "json_lines", (".jsonl", ".ndjson"), is_compressible=True),
    Format("JSON", "json_records", (".json",), is_compressible=True),
    Format("Parquet", "parquet", (".parquet", ".pq")),
    Format("Feather", "feather", (".feather", ".arrow", ".ipc")),
    Format(
        "Excel",
        "excel",
        (".xlsx", ".xlsm"),
        only_read=(".xlsm",),
        extra="excel",
        library="openpyxl",
    ),
)
# A table of a database is named by an URL, not by a suffix.
SQLITE = Format("SQLite", "sqlite", ())
# Its extra brings SQLAlchemy, too.
POSTGRESQL = Format("PostgreSQL", "sql", (), extra="postgres", library="psycopg")
TEXT = FORMATS[0]

# Ways to compress a whole file, as suffixes.
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst", ".zip")

# Suffixes of tables that are not read -> what to do.
REFUSED = {
    ".xls": "an old Excel sheet: save it as .xlsx",
    ".xlsb": "a binary Excel sheet: save it as .xlsx",
    ".ods": "an OpenDocument sheet: save it as .xlsx",
    ".numbers": "a sheet of Numbers: export it as .xlsx",
    ".sav": "an SPSS file: pandas.read_spss reads it",
    ".zsav": "an SPSS file: pandas.read_spss reads it",
    ".por": "an SPSS file: export it as .csv",
    ".dta": "a Stata file: pandas.read_stata reads it",
    ".sas7bdat": "a SAS file: pandas.read_sas reads it",
    ".xpt": "a SAS file: pandas.read_sas reads it",
    ".rds": "an R file: write the table with write.csv",
    ".rda": "an R file: write the table with write.csv",
    ".rdata": "an R file: write the table with write.csv",
    ".orc": "an ORC file: pandas.read_orc reads it",
    ".avro": "an Avro file: convert it to .parquet",
    ".h5": "an HDF5 file: pandas.read_hdf reads it",
    ".hdf": "an HDF5 file: pandas.read_hdf reads it",
    ".hdf5": "an HDF5 file: pandas.read_hdf reads it",
    ".pkl": "a pickle, which may run code: write the table as .parquet",
    ".pickle": "a pickle, which may run code: write the table as .parquet",
    ".npy": "an array without column names: write it as .csv",
    ".npz": "arrays without column names: write them as .csv",
    ".mat": "a Matlab file: write the table with writetable as .csv",
    ".arff": "an ARFF file: convert it to .csv",
    ".dbf": "a dBase file: convert it to .csv",
    ".mdb": "an Access database: export the table as .csv",
    ".accdb": "an Access database: export the table as .csv",
    ".db": "a database: name its table, as in sqlite:///FILE?table=NAME",
    ".sqlite": "a database: name its table, as in sqlite:///FILE?table=NAME",
    ".sqlite3": "a database: name its table, as in sqlite:///FILE?table=NAME",
    ".duckdb": "a DuckDB database: copy the table to .parquet",
    ".sql": "SQL: load it into a database, and name that",
    ".xml": "XML: pandas.read_xml reads it",
    ".html": "a web page: pandas.read_html reads it",
    ".htm": "a web page: pandas.read_html reads it",
    ".yaml": "YAML: convert it to .jsonl",
    ".yml": "YAML: convert it to .jsonl",
    ".toml": "TOML: convert it to .jsonl",
    ".pdf": "no table: copy it into a sheet",
    ".doc": "no table: copy it into a sheet",
    ".docx": "no table: copy it into a sheet",
    ".tar": "an archive: unpack it",
    ".tgz": "an archive: unpack it",
    ".7z": "an archive: unpack it",
    ".rar": "an archive: unpack it",
    ".lz4": "compressed in a way that is not read: use .gz or .zst",
    ".br": "compressed in a way that is not read: use .gz or .zst",
    ".z": "compressed in a way that is not read: use .gz or .zst",
    ".lzma": "compressed in a way that is not read: use .xz",
    ".synthtab": "a model, not a table: see synthtab inspect and sample",
}


@dataclass(frozen=True)
class Named:
    """What a file name says.

    Attributes:
        format: How the table is stored.
        suffix: The suffix that says so; "" where none is known.
        compression: One of `COMPRESSIONS`, or "".
        stem: The name without all that.
    """

    format: Format
    suffix: str
    compression: str
    stem: str


def named(name: str) -> Named:
    """What the name of a file says; without a known suffix it is text.

    Raises:
        DataError: It says that the file holds what is not read here.
    """
    path = PurePath(name)
    compression = path.suffix.lower()
    if compression in COMPRESSIONS:
        path = path.with_suffix("")
    else:
        compression = ""
    suffix = path.suffix.lower()
    if suffix in REFUSED:
        raise DataError(f"{name} is {REFUSED[suffix]}; {possible()}")
    for choice in FORMATS:
        if suffix not in choice.suffixes:
            continue
        if compression and not choice.is_compressible:
            raise DataError(
                f"{name}: {choice.name} is not compressed as a whole: name it {path.name}"
            )
        return Named(choice, suffix, compression, path.stem)
    return Named(TEXT, "", compression, path.name)


def named_to_write(name: str) -> Named:
    """What the name of a file to write says.

    Raises:
        DataError: It does not say in which format, or in one that is not written.
    """
    found = named(name)
    if not found.suffix:
        raise DataError(
            f"cannot write {name}: its name does not say in which format; {possible()}"
        )
    if found.suffix in found.format.only_read:
        usual = found.stem + found.format.suffixes[0]
        raise DataError(f"cannot write {name}: name it {usual}")
    return found


def possible() -> str:
    """The names that can be read and written, for messages."""
    usual = [choice.suffixes[0] for choice in FORMATS]
    return f"a table can be {', '.join(usual)}, or CSV compressed as .csv.gz"


def check_extra(choice: Format) -> None:
    """Find out whether the library that a format needs is installed.

    Raises:
        MissingExtraError: It is not.
    """
    if choice.library and importlib.util.find_spec(choice.library) is None:
        raise MissingExtraError(
            f"{choice.name} needs {choice.library}: "
            f"pip install 'synthtab[{choice.extra}]'"
        )
