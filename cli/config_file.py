"""Options of a command from a TOML file, as if they stood on the command line.

`fit --config fit.toml` reads what `fit --dry-run` prints. The command line wins over the
file: the file only takes the place of options that are not given.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from synthtab.core.config import TrainConfig
from synthtab.core.errors import ConfigError, MissingExtraError, hint

# Options that mean something on a command line alone.
NOT_IN_A_FILE = ("data", "config", "dry_run", "help")
# Long names of options -> how the program calls them.
SYNONYMS = {"rare_below": "rare"}


def from_file(context: typer.Context, path: Path | None) -> Path | None:
    """The callback of --config: what the file says is the default of each option.

    Fields of `TrainConfig` that no option has are kept for `dials`.

    Raises:
        ConfigError: The file cannot be read, or names what there is not.
    """
    if path is None:
        return None
    options = {
        str(one.name): one.multiple if hasattr(one, "multiple") else False
        for one in context.command.params
        if one.name not in NOT_IN_A_FILE
    }
    known_dials = {field.name for field in fields(TrainConfig)} - set(options)
    defaults: dict[str, Any] = {}
    further: dict[str, Any] = {}
    for written, value in read(path).items():
        name = written.replace("-", "_")
        name = SYNONYMS.get(name, name)
        if name in options:
            defaults[name] = _as_typed(value, options[name], written, path)
        elif name in known_dials:
            further[name] = value
        else:
            near = hint(name, [*options, *sorted(known_dials)])
            raise ConfigError(f"{path}: there is no option {written!r}{near}")
    context.default_map = defaults
    context.obj = further
    return path


def dials(context: typer.Context) -> dict[str, Any]:
    """Fields of `TrainConfig` that the file has set, and no option has."""
    return dict(context.obj or {})


def in_file(context: typer.Context) -> list[str]:
    """Names of all that the file has set."""
    return [*(context.default_map or {}), *(context.obj or {})]


def read(path: Path) -> dict[str, Any]:
    """A TOML file as plain data.

    Raises:
        ConfigError: It cannot be opened, or is not TOML.
        MissingExtraError: This Python cannot read TOML by itself.
    """
    toml_reader = _toml_reader()
    try:
        with open(path, "rb") as file:
            parsed: dict[str, Any] = toml_reader.load(file)
            return parsed
    except OSError as error:
        raise ConfigError(
            f"cannot read the config {path}: {error.strerror or error}"
        ) from error
    except (toml_reader.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _toml_reader() -> Any:
    """Python's own reader of TOML, or, before Python 3.11, the library that became it."""
    for name in ("tomllib", "tomli"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise MissingExtraError(
        "reading a config file on Python 3.10 needs tomli: pip install tomli"
    )


def _as_typed(value: Any, is_list: bool, name: str, path: Path) -> Any:
    """A value as text, as a shell would give it; a list where an option may be repeated.

    The option then checks it as it checks what is typed.
    """
    if isinstance(value, list) and is_list:
        return [_as_typed(one, False, name, path) for one in value]
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, (str, int, float)):
        text = str(value)
    else:
        what = "a table" if isinstance(value, dict) else f"{value!r}"
        raise ConfigError(f"{path}: {name!r} must be one value, not {what}")
    return [text] if is_list else text


def toml(values: Mapping[str, Any]) -> str:
    """Lines of a TOML file: texts, numbers, booleans and lists of texts.

    >>> print(toml({"preset": "quick", "seed": 0}), end="")
    preset = "quick"
    seed = 0
    """
    return "".join(f"{name} = {_written(value)}\n" for name, value in values.items())


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_written, value))}]"
    # Of JSON's escapes, TOML has all that are written here; DEL it wants escaped, too.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
