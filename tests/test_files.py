"""Files are written whole or not at all, and messages name what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthtab.core.errors import DataError, hint
from synthtab.core.files import replacing, write_text


def test_a_file_is_replaced_by_the_whole_new_one(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    write_text(path, "é")
    assert path.read_text(encoding="utf-8") == "é"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), ValueError("no"), OSError(28, "full")]
)
def test_after_an_error_the_old_file_stands(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as scratch:
            scratch.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_of_the_disk_becomes_the_class_that_is_given(tmp_path: Path) -> None:
    path = tmp_path / "none" / "rows.csv"
    with pytest.raises(DataError, match=r"cannot write .*rows\.csv: No such file"):
        write_text(path, "new", DataError)
    with pytest.raises(DataError, match="cannot write the table: No such file"):
        write_text(path, "new", DataError, "the table")


def test_a_hint_names_the_nearest_choice_or_lists_them() -> None:
    choices = ("width", "depth")
    assert hint("widht", choices) == ": did you mean 'width'?"
    assert hint("colour", choices) == ""
    assert hint("colour", choices, "there are") == ": there are width, depth"
    assert hint("colour", choices, "there are", most=1) == ": there are width, ..."
