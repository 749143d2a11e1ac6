"""Model cards: what they tell of a model and a report, and what they do not."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer
from synthtab.core.errors import DataError


def frame(rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "a|b\n# *c*": rng.normal(size=rows),
            "<script>": rng.choice(["x", "y"], rows),
        }
    )


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    return Synthesizer("quick", seed=0, rounds=0).fit(frame())


def report(**change: Any) -> dict[str, Any]:
    score = {
        "name": "shape_error",
        "title": "Shape error",
        "meaning": "how far columns are off",
        "value": 3.14159265,
        "unit": "%",
        "reference": {"value": 2.5, "label": "a perfect sampler"},
    }
    data = {
        "made": {"version": "9.9", "date": "2026-01-02", "files": {"real": 'a"b.csv'}},
        "tables": {"rows": {"real": 54, "synthetic": 60}},
        "conclusion": {"use": {"level": "good", "text": "Usable for all"}},
        "scores": [score, {**score, "name": "dcr", "title": "DCR", "value": None}],
        "riskiest": [{"row": 3, "cells": {"name": "Jane Secret"}}],
    }
    return data | change


def front(card: str) -> str:
    """What stands between the first two lines of dashes."""
    assert card.startswith("---\n")
    return card.split("---\n")[1]


def test_a_card_says_what_a_reader_must_know(model: Synthesizer) -> None:
    card = model.card("people")
    assert 'license: "unknown"' in front(card) and "model-index" not in front(card)
    for heading in ("learnt from", "not stored", "promised", "Limits", "Licence"):
        assert re.search(rf"^## .*{heading}$", card, re.MULTILINE), heading
    assert "60 rows, 0 of them held out" in card
    assert "None. The model was fitted without differential privacy" in card
    assert "None is given here. `synthtab evaluate`" in card


def test_names_of_columns_are_shown_not_run(model: Synthesizer) -> None:
    card = model.card("people")
    assert "<script>" not in card and "&lt;script&gt;" in card
    rows = [line for line in card.splitlines() if line.startswith("| a")]
    assert len(rows) == 1 and rows[0].startswith(r"| a\|b \# \*c\* | float |")


def test_figures_of_a_report_are_in_both_parts(model: Synthesizer) -> None:
    card = model.card("people", report(), "cc0-1.0")
    yaml = front(card)
    assert 'license: "cc0-1.0"' in yaml and r'name: "a\"b.csv"' in yaml
    assert "value: 3.142" in yaml and "dcr" not in yaml
    assert "| Shape error | 3.142 % | 2.5 (a perfect sampler) |" in card
    assert "good. Usable for all" in card and "2026-01-02" in card
    assert "does not say which model" in card
    # A report may hold real rows; a card never does.
    assert "Secret" not in card


@pytest.mark.parametrize("scores", [None, [{"name": "x"}], 3])
def test_what_is_no_report_is_an_error(model: Synthesizer, scores: Any) -> None:
    with pytest.raises(DataError, match="no report"):
        model.card("people", report(scores=scores))


def test_the_promise_of_epsilon_is_on_the_card(model: Synthesizer) -> None:
    from synthtab.core.card import model_card

    facts = [*model.describe(), ("privacy", "(1, 1e-6)-differential privacy")]
    facts += [("not covered", "the schema"), ("ledger", "9 questions")]
    card = model_card("people", facts, model.schema_)
    promise = card.split("## What is promised")[1].split("## ")[0]
    assert "(1, 1e-6)" in promise and "the schema" in promise
    assert "None." not in promise


def test_the_command_writes_a_card(
    call: Any, tmp_path: Path, model: Synthesizer
) -> None:
    model.save(tmp_path / "m.synthtab")
    frame().to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "r.json").write_text(json.dumps(report()))
    write = ["inspect", "m.synthtab", "--card", "README.md", "--report"]
    said = call(*write, "r.json", "--license", "cc0-1.0")
    assert (said.status, said.out, said.err) == (0, "", "card: README.md\n")
    assert (tmp_path / "README.md").read_text().startswith("---\nlicense")

    foreign = report(made={"model": {"name": "o.synthtab", "digest": "0"}})
    (tmp_path / "other.json").write_text(json.dumps(foreign))
    (tmp_path / "list.json").write_text("[]")
    shutil.copy(tmp_path / "t.csv", tmp_path / "no.json")
    (tmp_path / "README.md").unlink()
    for name, complaint in {
        "other.json": "other.json is about another model, o.synthtab",
        "list.json": "list.json is no report",
        "no.json": "cannot read the report no.json",
        "absent.json": "cannot read the report absent.json: No such file",
    }.items():
        said = call(*write, name)
        assert said.status == 2 and complaint in said.err, said.err
        assert not (tmp_path / "README.md").exists()
    said = call("inspect", "m.synthtab", "--report", "r.json")
    assert said.status == 2 and "name it by --card" in said.err
