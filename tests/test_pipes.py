"""What cannot be read twice is read once; what a terminal would run is shown."""

from __future__ import annotations

import errno
import gzip
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
import typer

from synthtab.core.errors import DataError, SynthtabError
from synthtab.core.randomness import Streams
from synthtab.core.shown import shown
from synthtab.data import places, sources, tables
from synthtab.data.sources import open_table
from synthtab_cli import keep
from synthtab_cli.signals import finishing, stopped_like_ctrl_c

NUMBERS = "x\n" + "\n".join(map(str, range(100_000))) + "\n"


def through(pipe: Path, content: bytes, read):
    """What ``read`` makes of a named pipe into which the content is written."""
    if not pipe.exists():
        os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as writer:
        writer.submit(pipe.write_bytes, content)
        return read(pipe)


@pytest.mark.parametrize("most", [places.MEMORY_BYTES, 1000])
def test_a_pipe_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(places, "MEMORY_BYTES", most)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    frame = through(tmp_path / "p", NUMBERS.encode(), tables.read)
    assert frame["x"].tolist() == list(map(str, range(100_000)))
    # A large one was kept in a file meanwhile.
    assert [p.name for p in tmp_path.iterdir()] == ["p"]


def test_a_pipe_can_be_read_in_pieces(tmp_path: Path) -> None:
    source = through(
        tmp_path / "p", NUMBERS.encode(), lambda p: open_table(p, Streams(0), at_once=0)
    )
    assert source.rows == 100_000
    assert sum(len(piece) for _, piece in source.pieces()) == 100_000
    assert sum(len(piece) for _, piece in source.pieces()) == 100_000


def test_the_content_of_a_pipe_says_its_format(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2, 3]})
    for name in ("t.parquet", "t.feather", "t.jsonl", "t.json", "t.xlsx"):
        tables.write(frame, tmp_path / name)
        content = (tmp_path / name).read_bytes()
        assert through(tmp_path / "p", content, tables.read)["n"].tolist() == [1, 2, 3]
    packed = gzip.compress(b"n\n1\n2\n")
    assert through(tmp_path / "p", packed, tables.read)["n"].tolist() == ["1", "2"]
    # A name with a suffix is believed.
    assert len(through(tmp_path / "p.tsv", b"a\tb\n1\t2\n", tables.read).columns) == 2


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_what_has_no_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="binary file"):
        tables.read("/dev/zero")
    with pytest.raises(DataError, match="is empty"):
        tables.read("/dev/null")


def test_standard_input(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n3,4\n" * 30)
    for name in ("-", "/dev/stdin"):
        with open(tmp_path / "t.csv") as file:
            monkeypatch.setattr("sys.stdin", file)
            kept = os.dup(0)
            os.dup2(file.fileno(), 0)
            try:
                said = call("schema", name, "-o", "-")
            finally:
                os.dup2(kept, 0)
                os.close(kept)
        assert said.status == 0 and '"name": "a"' in said.out
    assert "only one table" in call("evaluate", "-", "-").err


def test_a_terminal_is_not_waited_for(call, monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = os.openpty()
    with open(slave) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        said = call("schema", "-")
        assert said.status == 2 and "standard input is a terminal" in said.err
        assert "is a terminal" in call("schema", os.ttyname(slave)).err
    os.close(master)


def test_a_large_file_of_a_format_without_pieces_is_refused(tmp_path: Path) -> None:
    tables.write(pd.DataFrame({"n": range(50)}), tmp_path / "t.jsonl")
    with pytest.raises(DataError, match="convert it to Parquet or CSV"):
        sources.fits(tmp_path / "t.jsonl", 10)


# -- A trained model is kept


class Model:
    """Stands for a Synthesizer: it can only be saved."""

    def __init__(self, full: set[Path], number: int = errno.ENOSPC) -> None:
        self.full, self.number = full, number
        self.signal = 0

    def save(self, path: Path) -> None:
        if self.signal:
            os.kill(os.getpid(), self.signal)
        if Path(path).resolve().parent in self.full or not self.full:
            raise OSError(self.number, os.strerror(self.number))
        Path(path).write_text("model")


def test_a_model_goes_where_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, roomy = tmp_path / "full", tmp_path / "roomy"
    full.mkdir()
    roomy.mkdir()
    monkeypatch.chdir(roomy)
    (roomy / "m.synthtab").write_text("another")
    with pytest.raises(SynthtabError, match=r"No space left.*; the model is in .*m-2"):
        keep.keep_model(Model({full.resolve()}), full / "m.synthtab")
    assert (roomy / "m-2.synthtab").read_text() == "model"
    assert (roomy / "m.synthtab").read_text() == "another"


def test_a_model_waits_for_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    model = Model(set())
    monkeypatch.setattr(keep, "_folders", lambda output: [])
    monkeypatch.setattr(keep.time, "sleep", lambda _: model.full.add(Path("/nowhere")))
    keep.keep_model(model, tmp_path / "m.synthtab")
    assert (tmp_path / "m.synthtab").read_text() == "model"
    assert "kept in memory: make room" in capsys.readouterr().err


def test_no_waiting_for_what_no_room_mends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keep, "_folders", lambda output: [])
    with pytest.raises(SynthtabError, match=r"File too large.*the model is lost"):
        keep.keep_model(Model(set(), errno.EFBIG), tmp_path / "m.synthtab")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_while_saving_still_saves(tmp_path: Path, number: int, capsys) -> None:
    model = Model({Path("/nowhere")})
    model.signal = number
    with pytest.raises(typer.Exit) as left:
        keep.keep_model(model, tmp_path / "m.synthtab")
    assert left.value.exit_code == 130
    assert (tmp_path / "m.synthtab").read_text() == "model"
    assert "interrupted while saving: the model is in" in capsys.readouterr().err


def test_rows_that_cannot_be_written_leave_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(DataError),
        keep.keeping(Model({Path("/nowhere")}), "people.csv"),
    ):
        raise DataError("no room")
    assert (tmp_path / "people.synthtab").read_text() == "model"
    assert "go on with -m people.synthtab" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_do_what_ctrl_c_does(number: int) -> None:
    before = signal.getsignal(number)
    with stopped_like_ctrl_c() as received:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        with finishing() as waiting:
            os.kill(os.getpid(), number)
        assert waiting == received == [number]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_status_says_which_signal(
    call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    monkeypatch.setattr(tables, "read", lambda *_: os.kill(os.getpid(), number))
    said = call("schema", "t.csv")
    assert said.status == 128 + number
    assert said.err == "synthtab: interrupted\n"


# -- Control characters


def test_control_characters_are_shown() -> None:
    assert shown("a\x1b[31m\x07\x9b\u202e\udcffé\n\t") == (
        "a\\x1b[31m\\x07\\x9b\\u202e\\udcffé\n\t"
    )


def test_no_name_or_cell_is_run_by_the_terminal(call, tmp_path: Path) -> None:
    rows = "\n".join(f"{i % 5},\x1b[2J{i % 2}" for i in range(60))
    (tmp_path / "t.csv").write_text(f"a,\x1b[31mred\n{rows}\n")
    for arguments in (
        ("schema", "t.csv"),
        ("schema", "\x1b[31mno.csv"),
        ("fit", "t.csv", "--dry-run", "--target", "\x1b[31m"),
        ("fit", "t.csv", "--preset", "\x1b[31m"),
    ):
        said = call(*arguments)
        assert "\x1b" not in said.out + said.err
        assert "x1b[31m" in said.out + said.err
