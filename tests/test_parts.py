"""A sample in parts, whoever makes them, is the sample: processes, dask, any first row."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import command

from synthtab import Synthesizer, infer, parse_constraint
from synthtab.core.errors import (
    ConditionError,
    ConfigError,
    DataError,
    MissingExtraError,
)
from synthtab.core.progress import Progress, silent
from synthtab.data.constraints.keys import Keys
from synthtab.sampling.parts import sampled, spans
from synthtab.sampling.requests import SEGMENT
from synthtab.sampling.sampler import BLOCK
from synthtab_cli.render import _Lines

TINY = dict(width=32, noise=16, batch=64, checks=1, epochs=2, rounds=0)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    n = 400
    start = pd.Timestamp("2020-01-01") + pd.to_timedelta(
        draw.integers(0, 900, n), unit="D"
    )
    return pd.DataFrame(
        {
            "id": np.arange(n) + 1000,
            "start": start,
            "size": pd.Categorical(
                draw.choice(["S", "M", "L"], n, p=[0.2, 0.5, 0.3]),
                ["S", "M", "L"],
                ordered=True,
            ),
            "low": draw.integers(0, 50, n),
            "high": draw.integers(40, 99, n),
            "price": np.where(
                draw.random(n) < 0.1, np.nan, np.round(draw.gamma(2, 30, n), 2)
            ),
            "member": draw.random(n) < 0.3,
        }
    )


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> Synthesizer:
    return Synthesizer(seed=3, **TINY).fit(frame)


def enforcing(frame: pd.DataFrame, *texts: str) -> Synthesizer:
    schema = infer(frame)
    return Synthesizer(seed=3, **TINY).fit(
        frame, schema.enforcing(parse_constraint(t, schema) for t in texts)
    )


@pytest.fixture(scope="module")
def ordered(frame: pd.DataFrame) -> Synthesizer:
    """A model whose rows are replaced where ``low < high`` does not hold."""
    return enforcing(
        frame[frame["low"] < frame["high"]].reset_index(drop=True), "low < high"
    )


def part(rows: pd.DataFrame, first: int, n: int) -> pd.DataFrame:
    return rows.iloc[first : first + n].reset_index(drop=True)


@pytest.mark.parametrize("first", [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 7])
def test_any_rows_are_those_of_the_whole(model: Synthesizer, first: int) -> None:
    whole = model.sample(3 * BLOCK)
    for n in (1, BLOCK - 7):
        pd.testing.assert_frame_equal(
            model.sample(n, first=first), part(whole, first, n)
        )
    assert whole["id"].is_unique


@pytest.mark.long
@pytest.mark.parametrize("where", [None, "price > 100 and size = M"])
def test_segments_do_not_need_those_before(
    ordered: Synthesizer, where: str | None
) -> None:
    """Rows are left out here, so that which candidates a row comes from depends on others, of its segment alone."""
    told: list[Progress] = []
    whole = ordered.sample(2 * SEGMENT + 10, where=where, observe=told.append)
    assert any(p.message and "replaced" in p.message for p in told), (
        "some row has to be replaced"
    )
    for first in (SEGMENT - 3, SEGMENT, 2 * SEGMENT + 1):
        pd.testing.assert_frame_equal(
            ordered.sample(6, first=first, where=where), part(whole, first, 6)
        )
    assert (whole["low"] < whole["high"]).all()
    assert whole["id"].is_unique and whole["id"].is_monotonic_increasing
    middle = [
        len(part(whole, i * SEGMENT, SEGMENT).drop(columns="id").drop_duplicates())
        for i in (0, 1)
    ]
    both = len(whole.head(2 * SEGMENT).drop(columns="id").drop_duplicates())
    assert both > 1.02 * max(middle), "a segment is not the one before again"


def test_spans_are_the_rows_once_each_at_multiples_of_the_grain() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        n, grain, parts, first = (
            int(random.integers(1, top)) for top in (5000, 50, 20, 300)
        )
        most = None if random.random() < 0.5 else int(random.integers(1, 300))
        found = spans(n, grain, parts, most, first)
        rows = np.concatenate([np.arange(a, a + b) for a, b in found])
        assert np.array_equal(rows, np.arange(first, first + n))
        assert all(a % grain == 0 for a, _ in found[1:]) and all(
            b > 0 for _, b in found
        )
        if most is None:
            assert len(found) == min(
                parts, (first + n - 1) // grain - first // grain + 1
            )
        else:
            assert all(b <= max(most, grain) for _, b in found)


@pytest.mark.long
def test_processes_make_the_same_rows(ordered: Synthesizer) -> None:
    """Rows that no other depends on: see `TestCommand`."""
    n, told = SEGMENT + 5, []
    pd.testing.assert_frame_equal(
        ordered.sample(n, jobs=2, observe=told.append), ordered.sample(n)
    )
    counts = [p.rows for p in told if p.rows is not None]
    assert counts == [SEGMENT, n]
    assert [
        p.message for p in told if p.message and "of the first 65,536 rows" in p.message
    ]


class Failing:
    """In place of a model."""

    def sample_blocks(
        self, n: int, first: int = 0, **asked: object
    ) -> Iterator[pd.DataFrame]:
        raise ConditionError("no row can meet this")


@pytest.mark.long
def test_an_error_in_a_process_is_the_error() -> None:
    with pytest.raises(ConditionError, match="no row can meet this"):
        list(sampled(Failing(), 10, 2, 1, silent))


@pytest.mark.long
def test_a_process_that_dies_is_named(model: Synthesizer) -> None:
    blocks = model.sample_blocks(60 * BLOCK, jobs=2)
    next(blocks)
    import multiprocessing

    for child in multiprocessing.active_children():
        child.kill()
    with pytest.raises(DataError, match="a process that made rows ended"):
        list(blocks)


@pytest.mark.long
def test_a_sample_that_is_not_read_to_its_end_leaves_no_process(
    model: Synthesizer,
) -> None:
    import multiprocessing

    blocks = model.sample_blocks(60 * BLOCK, jobs=2)
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"first": -1}, "first must be a whole number of 0 or more, not -1"),
        ({"jobs": 0}, "jobs must be a whole number of 1 or more, not 0"),
        ({"jobs": 2.0}, "jobs must be a whole number"),
        ({"first": 5, "balance": "size"}, "leave out first and jobs"),
        ({"jobs": 2, "weights": {"size": {"S": 1.0}}}, "leave out first and jobs"),
    ],
)
def test_what_cannot_be(
    model: Synthesizer, asked: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        model.sample(10, **asked)  # type: ignore[arg-type]


def test_a_key_is_a_matter_of_all_rows(frame: pd.DataFrame) -> None:
    few = frame.drop_duplicates(["low", "high"]).reset_index(drop=True)
    model = enforcing(few, "unique(low, high)")
    assert not model.sample(1000).duplicated(["low", "high"]).any()
    for asked in ({"jobs": 2}, {"first": 1}):
        with pytest.raises(
            ConfigError,
            match=r"unique\(low, high\) compares each row with all before it",
        ):
            model.sample(10, **asked)  # type: ignore[arg-type]


def test_keys_are_a_set() -> None:
    random, keys, seen = np.random.default_rng(0), Keys(), set()
    for size in (5, 100, 1, 0, 3000, 100, 100, 100, 7):
        some = random.integers(0, 4000, size).astype(np.uint64) * np.uint64(2**52 + 1)
        assert keys.known(some).tolist() == [int(k) in seen for k in some]
        fresh = np.unique(some[~keys.known(some)])
        keys.add(fresh)
        seen.update(fresh.tolist())
    assert sum(map(len, keys.runs)) == len(seen) and len(keys.runs) <= 12


def test_a_model_travels_as_its_file(model: Synthesizer) -> None:
    data = pickle.dumps(model)
    assert b"torch" not in data.split(b"PK\x03\x04")[0], (
        "no code of torch's: the file alone"
    )
    for again in (pickle.loads(data), copy.deepcopy(model)):
        pd.testing.assert_frame_equal(again.sample(100), model.sample(100))
        assert (
            again.report_ == model.report_
            and again.config == model.config
            and again.device_ == model.device_
            and again.get_params() == model.get_params()
        )
    assert not pickle.loads(pickle.dumps(Synthesizer("quick", seed=4))).fitted


def test_dask_says_how_to_get_it(
    model: Synthesizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import synthtab.dask

    monkeypatch.setitem(sys.modules, "dask", None)
    monkeypatch.setitem(sys.modules, "dask.dataframe", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'synthtab\[dask\]'"):
        synthtab.dask.sample(model, 10)


class TestDask:
    @pytest.fixture(autouse=True)
    def _dask(self) -> None:
        pytest.importorskip(
            "dask.dataframe", reason="needs dask: pip install 'synthtab[dask]'"
        )

    @pytest.mark.slow
    def test_the_same_rows_whatever_the_partitions_and_the_scheduler(
        self, model: Synthesizer, tmp_path: Path
    ) -> None:
        import synthtab.dask

        path, n = tmp_path / "m.synthtab", 3 * BLOCK + 5
        model.save(path)
        whole = model.sample(n)
        for source in (model, path):
            for npartitions, got in ((1, 1), (2, 2), (4, 4), (50, 4)):
                rows = synthtab.dask.sample(source, n, npartitions)
                assert (
                    rows.npartitions == got
                    and rows.divisions[0] == 0
                    and rows.divisions[-1] == n - 1
                )
                pd.testing.assert_series_equal(rows.dtypes, whole.dtypes)
                for scheduler in ("sync", "threads"):
                    done = rows.compute(scheduler=scheduler, num_workers=4)
                    pd.testing.assert_frame_equal(done, whole, check_index_type="equiv")
        done = rows.compute(scheduler="processes", num_workers=2)
        pd.testing.assert_frame_equal(done, whole, check_index_type="equiv")

    @pytest.mark.long
    def test_conditions_and_constraints(self, ordered: Synthesizer) -> None:
        import synthtab.dask

        asked = dict(where="member = True", seed=8)
        rows = synthtab.dask.sample(ordered, SEGMENT + 10, 2, **asked)
        assert (
            rows.npartitions == 2
            and rows.partitions[1].compute(scheduler="sync").index[0] == SEGMENT
        )
        last = ordered.sample(10, first=SEGMENT, **asked)
        np.testing.assert_array_equal(
            rows.partitions[1].compute(scheduler="sync")["id"], last["id"]
        )
        with pytest.raises(ConditionError, match="weight"):
            synthtab.dask.sample(ordered, 10, where="weight > 3")
        with pytest.raises(ConfigError, match="npartitions must be"):
            synthtab.dask.sample(ordered, 10, 0)

    def test_to_parquet(self, model: Synthesizer, tmp_path: Path) -> None:
        import synthtab.dask

        synthtab.dask.sample(model, 2 * BLOCK, 2).to_parquet(
            tmp_path / "rows", write_index=False
        )
        back = pd.read_parquet(sorted((tmp_path / "rows").glob("*.parquet"))[1])
        np.testing.assert_array_equal(
            back["price"], model.sample(BLOCK, first=BLOCK)["price"]
        )


class TestCommand:
    @pytest.fixture
    def here(self, model: Synthesizer, tmp_path: Path) -> Path:
        model.save(tmp_path / "m.synthtab")
        return tmp_path

    @pytest.mark.long
    def test_jobs_write_the_same_bytes(self, call, here: Path) -> None:
        for jobs in ("1", "2"):
            said = call(
                "sample", "-n", "20000", "--jobs", jobs, "-o", f"{jobs}.parquet", "-q"
            )
            assert said.status == 0, said.err
        assert (here / "1.parquet").read_bytes() == (here / "2.parquet").read_bytes()

    def test_progress_tells_the_rows(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("synthtab_cli.render.PHASE_EVERY", 0.0)
        _Lines()(Progress("sample", 0.5, rows=1_234_567))
        assert capsys.readouterr().err == "sample 1,234,567 rows\n"

    def test_what_cannot_be_is_one_line(self, call, here: Path) -> None:
        for words, says in (
            (["--jobs", "0"], "--jobs must be at least 1"),
            (
                ["--jobs", "2", "--balance", "size"],
                "--jobs goes together with --where only",
            ),
        ):
            said = call("sample", "-n", "5", *words)
            assert (
                said.status == 2
                and says in said.err
                and len(said.err.splitlines()) == 1
            )

    @pytest.mark.slow
    def test_ctrl_c_ends_all_processes(self, here: Path) -> None:
        words = command("sample", "-n", "30000000", "--jobs", "2", "-o", "rows.csv")
        started = subprocess.Popen(
            words, cwd=here, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert started.stderr is not None
        for line in started.stderr:
            if line.startswith("using"):
                break
        time.sleep(
            4
        )  # loading, starting processes, sampling: none of it may answer with a traceback
        os.killpg(started.pid, signal.SIGINT)  # as a terminal does: to all of them
        rest = started.stderr.read()
        assert started.wait(60) == 130 and "Traceback" not in rest, rest
        assert "rows.csv was not written" in rest and [
            p.name for p in here.iterdir()
        ] == ["m.synthtab"]
        for _ in range(100):
            try:
                os.killpg(started.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.1)
        raise AssertionError("a process is left")
