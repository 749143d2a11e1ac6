"""Files are written whole or not at all, and messages name what was meant."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    file = tmp_path / "there" / "rows.csv"
    file.write_text("old")
    link = tmp_path / "rows.csv"
    link.symlink_to(file)
    write_text(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "secret.csv"
    path.write_text("old")
    path.chmod(0o600)
    write_text(path, "new")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_named_pipe_is_written_into_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read_text)
        write_text(pipe, "whole")
        assert read.result(timeout=30) == "whole"
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_nothing_reaches_a_pipe_after_an_error(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write_half() -> None:
        with replacing(pipe) as scratch:
            scratch.write_text("half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write_half()
    assert pipe.is_fifo()


def test_scratch_files_of_killed_runs_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    leftover = tmp_path / f".m.synthtab.{ended.pid}.tmp"
    of_a_run = tmp_path / f".m.synthtab.{os.getppid()}.tmp"
    leftover.write_text("half")
    of_a_run.write_text("half")
    write_text(tmp_path / "m.synthtab", "whole")
    assert not leftover.exists()
    assert of_a_run.exists()


def test_a_command_writes_into_a_pipe(call, people_csv: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "schema.json"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read_text)
        assert call("schema", str(people_csv), "-o", str(pipe)).status == 0
        assert '"columns"' in read.result(timeout=30)
    assert pipe.is_fifo()
