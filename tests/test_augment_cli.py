"""`synthtab augment`, and what happens without imbalanced-learn."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest

FAST = ("--epochs", "1", "--repeats", "2", "--seed", "0")


@pytest.fixture
def here(tmp_path, people_csv, people_model):
    for path in (people_csv, people_model):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.long
def test_a_fifth_of_every_class_is_held_out(call, here):
    """Of 25 rows of a rare class five are, not as many as luck has it: enough to judge."""
    frame = pd.read_csv(here / "people.csv")
    frame["member"] = ["yes"] * 25 + ["no"] * (len(frame) - 25)
    frame.to_csv(here / "members.csv", index=False)
    said = call("augment", "members.csv", "--target", "member", "-o", "more.csv", *FAST)
    assert said.status == 0, said.err
    assert "CANNOT SAY" not in said.out.upper(), said.out
    assert "of class" not in said.out


@pytest.mark.long
def test_real_rows_first_then_as_many_synthetic_ones(call, here):
    said = call(
        "augment",
        "people.csv",
        "--target",
        "remote",
        "-o",
        "more.csv",
        "--json",
        "study.json",
        *FAST,
    )
    assert said.status == 0, said.err
    lines = (here / "more.csv").read_text().splitlines()
    assert lines[:301] == (here / "people.csv").read_text().splitlines()
    assert len(lines) == 601
    assert pd.read_csv(here / "more.csv")["id"].is_unique
    assert said.out.startswith("Do synthetic rows help to predict remote?")
    assert "synthetic x1" in said.out.splitlines()[2]  # what the table got
    assert max(map(len, said.out.splitlines())) <= 80
    assert "300 real and 300 synthetic rows in more.csv" in said.err
    data = json.loads((here / "study.json").read_text())
    assert (
        data["facts"]["real"] + data["facts"]["holdout"] == 300
    )  # the holdout was not learnt
    assert data["verdicts"][0]["answer"] in ("helps", "no evidence", "hurts")
    # What it wrote is what the report draws.
    said = call(
        "evaluate",
        "people.csv",
        "people.csv",
        "--augmentation",
        "study.json",
        "--html",
        "r.html",
        "-q",
    )
    assert (said.status, said.err) == (0, "")
    page = (here / "r.html").read_text()
    assert (
        'id="augmentation"' in page
        and "real rows alone" in page
        and "on real rows" in page
    )


def test_balanced_marked_and_quick(call, here):
    arguments = (
        "--target",
        "job",
        "--balance",
        "--mark",
        "origin",
        "--no-verdict",
        "-m",
        "people.synthtab",
        "-q",
    )
    said = call("augment", "people.csv", *arguments, "-o", "more.csv")
    assert (said.status, said.out, said.err) == (0, "", "")
    rows = pd.read_csv(here / "more.csv")
    assert rows["job"].value_counts().nunique() == 1
    real = pd.read_csv(here / "people.csv")
    assert (rows["origin"] == "real").sum() == 300 and set(rows["origin"]) == {
        "real",
        "synthetic",
    }
    assert rows["id"].is_unique
    pd.testing.assert_frame_equal(rows.head(300).drop(columns="origin"), real)
    again = call("augment", "people.csv", *arguments, "-o", "-")
    assert again.out == (here / "more.csv").read_text()


def test_taught_rows_and_how_much_they_weigh(call, here):
    model = ("-m", "people.synthtab", "--no-verdict")
    arguments = ("--target", "remote", "-n", "50", "--teach", "w", "--mark", "origin")
    said = call("augment", "people.csv", *arguments, *model, "-o", "taught.csv")
    assert said.status == 0, said.err
    assert "give models the column 'w' as sample_weight" in said.err
    rows = pd.read_csv(here / "taught.csv")
    real = pd.read_csv(here / "people.csv")
    pd.testing.assert_frame_equal(rows.head(300).drop(columns=["w", "origin"]), real)
    assert (rows["w"].head(300) == 1).all()
    added = rows[rows["origin"] == "synthetic"]
    assert added["w"].sum() == pytest.approx(50, abs=0.01)
    assert len(added) > 50 and set(added["remote"]) == set(real["remote"].dropna())


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "arm"),
    [
        (("-n", "30"), "x0.1"),
        pytest.param(("--balance",), ", balanced", marks=pytest.mark.slow),
    ],
)
def test_the_verdict_is_about_what_was_asked_for(call, here, options, arm):
    said = call(
        "augment", "people.csv", "--target", "remote", "-o", "m.csv", *options, *FAST
    )
    assert said.status == 0, said.err
    assert f"synthetic{'' if arm[0] == ',' else ' '}{arm}" in said.out.splitlines()[2]


def test_a_model_that_may_have_seen_all_gives_no_verdict(call, here):
    said = call(
        "augment",
        "people.csv",
        "--target",
        "job",
        "-n",
        "10",
        "-m",
        "people.synthtab",
        "-o",
        "more.parquet",
    )
    assert said.status == 0 and said.out == ""
    assert "no verdict: the model may have learnt these rows" in said.err
    assert len(pd.read_parquet(here / "more.parquet")) == 310


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--target", "jbo"), "'jbo' is not a column"),
        (("--target", "job", "-n", "0"), "-n must be at least 1"),
        (("--target", "job", "-n", "5", "--balance"), "exclude each other"),
        (("--target", "job", "--mark", "age"), "choose a name that no column has"),
        (("--target", "job", "--teach", "age"), "--teach 'age' cannot be"),
        (("--target", "job", "--teach", "w", "--mark", "w"), "--teach 'w' cannot be"),
        (("--target", "job", "--teach", "w", "--balance"), "exclude each other"),
        (
            ("--target", "job", "--model", "people.synthtab", "--time", "3s"),
            "fitted already",
        ),
        (("--target", "job", "--json", "-"), "cannot both go to stdout"),
        (
            ("--target", "job", "--json", "a.json", "--no-verdict"),
            "--no-verdict leaves out",
        ),
        (
            ("--target", "pay", "--balance", "--no-verdict", "-m", "people.synthtab"),
            "needs a target with classes",
        ),
        (("--target", "job", "-o", "people.csv"), "refusing to overwrite"),
    ],
)
def test_errors_are_one_line(call, here, arguments, message):
    said = call("augment", "people.csv", *arguments)
    assert said.status == 2
    assert message in said.err and len(said.err.strip().splitlines()) == 1


@pytest.mark.long
def test_without_imbalanced_learn_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['imblearn'] = None\n"
        "import synthtab\n"
        "try:\n    synthtab.augment.SyntheticSampler\n"
        "except synthtab.SynthtabError as error:\n"
        "    assert isinstance(error, ImportError)\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (
        done.stdout
        == "SyntheticSampler needs imbalanced-learn: pip install 'synthtab[augment]'\n"
    ), done.stderr
    assert "torch" not in done.stderr


@pytest.mark.long
def test_people_are_counted_and_all_rows_of_one_are_tested_or_learnt(call, tmp_path):
    numbers = range(400)
    frame = pd.DataFrame(
        {
            "patient": [1000 + i // 8 for i in numbers],
            "ward": ["north" if i % 3 else "south" for i in numbers],
            "note": ["secret" if i < 8 else f"usual {i % 2}" for i in numbers],
            "days": [i % 17 for i in numbers],
        }
    )
    frame.to_csv(tmp_path / "visits.csv", index=False)
    said = call(
        *("augment", "visits.csv", "--target", "ward", "--person", "patient"),
        *("-o", "more.csv", "--json", "study.json", *FAST),
    )
    assert said.status == 0, said.err
    rows = pd.read_csv(tmp_path / "more.csv")
    added = rows.iloc[400:]
    # One person alone has it, in eight rows.
    assert "secret" not in set(added["note"])
    assert not set(added["patient"]) & set(frame["patient"])
    held_out = json.loads((tmp_path / "study.json").read_text())["facts"]["holdout"]
    assert held_out % 8 == 0 and 0 < held_out <= 80
    said = call("impute", "visits.csv", "--person", "nobody")
    assert said.status == 2 and "the person 'nobody' is not a column" in said.err
    said = call(
        "augment",
        "visits.csv",
        "--target",
        "ward",
        "--person",
        "patient",
        "-m",
        "visits.csv",
    )
    assert said.status == 2 and "--rare-below and --person" in said.err


def test_a_marked_table_is_judged_by_its_synthetic_rows(call, here):
    real = pd.read_csv(here / "people.csv", dtype=str)
    made = real.assign(id=[f"P{i}" for i in range(len(real))], age="33")
    made.to_csv(here / "made.csv", index=False)
    parts = [real.assign(source="real"), made.assign(source="synthetic")]
    pd.concat(parts).to_csv(here / "both.csv", index=False)
    one = ("--json", "-", "-q")
    alone = json.loads(call("evaluate", "people.csv", "made.csv", *one).out)
    marked = call("evaluate", "people.csv", "both.csv", *one)
    assert json.loads(marked.out)["scores"] == alone["scores"]
    said = call("evaluate", "people.csv", "both.csv")
    assert "300 rows as synthetic: these are judged, 300 real rows" in said.err
    said = call("compare", "people.csv", "both.csv", "made.csv", "--json", "-", "-q")
    both, other = json.loads(said.out)["reports"].values()
    assert both["scores"] == other["scores"]
    # Any other column that is too many is an error, as before.
    real.assign(source="real").to_csv(here / "odd.csv", index=False)
    said = call("evaluate", "people.csv", "odd.csv")
    assert said.status == 2 and "'source' besides" in said.err
