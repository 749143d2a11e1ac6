"""`fit --config`: options from a file, as `--dry-run` prints it; and completion."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import command, people

from synthtab_cli.config_file import read, toml

pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "t.csv").write_text(people(60))
    return tmp_path


def plan(said) -> list[str]:
    """The lines of a dry run that do not depend on the machine's state."""
    assert said.status == 0, said.err
    return [line for line in said.out.splitlines() if "at hand" not in line]


@pytest.mark.long
def test_a_dry_run_is_a_config_of_the_same_fit(call, here):
    given = ("--preset", "quick", "--epochs", "7", "--rare-below", "3", "--seed", "5")
    first = call("fit", "t.csv", *given, "--constraint", "age >= 18", "--dry-run", "-q")
    (here / "fit.toml").write_text(first.out)
    said = call("fit", "t.csv", "--config", "fit.toml", "--dry-run")
    assert plan(said) == plan(first)
    assert "options of fit.toml: preset, seed, output" in said.err
    kept = read(here / "fit.toml")
    assert kept["constraint"] == ["age >= 18"]
    assert (kept["preset"], kept["epochs"], kept["rare"]) == ("quick", 7, 3)


def test_a_comment_of_the_plan_can_be_set(call, here):
    first = call("fit", "t.csv", "--epochs", "1", "--dry-run", "-q")
    assert "# width = 256" in first.out
    (here / "fit.toml").write_text(first.out.replace("# width = 256", "width = 32"))
    said = call("fit", "t.csv", "--config", "fit.toml", "--dry-run", "-q")
    assert "\nwidth = 32\n" in said.out
    sizes = [one for one in plan(said) if one.startswith("# parameters")]
    assert sizes and not set(sizes) & set(plan(first))


def test_the_command_line_wins(call, here):
    (here / "fit.toml").write_text('seed = 3\nrare-below = 9\ntarget = "job"\n')
    arguments = ("--config", "fit.toml", "--seed", "4", "--epochs", "1", "--dry-run")
    said = call("fit", "t.csv", *arguments, "-q")
    lines = said.out.splitlines()
    assert {"seed = 4", "rare = 9", 'target = "job"'} <= set(lines)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sede = 1", "fit.toml: there is no option 'sede': did you mean 'seed'?"),
        ("widht = 3", "did you mean 'width'?"),
        ("dry-run = true", "there is no option 'dry-run'"),
        ("seed = 1.5", "--seed"),
        ("width = 0", "width must be at least 1, not 0"),
        ('preset = "quik"', "preset must be one of quick"),
        ("epochs = [1]", "'epochs' must be one value"),
        ("[seed]\nx = 1", "'seed' must be one value, not a table"),
        ("seed", "fit.toml is not TOML"),
    ],
)
def test_what_a_file_says_is_checked(call, here, text, complaint):
    (here / "fit.toml").write_text(text + "\n")
    said = call("fit", "t.csv", "--config", "fit.toml", "-q")
    assert said.status == 2 and said.err.count("\n") == 1
    assert complaint in said.err
    assert not (here / "t.synthtab").exists()


def test_a_file_that_is_missing_is_named(call, here):
    said = call("fit", "t.csv", "--config", "absent.toml")
    assert said.status == 2 and "cannot read the config absent.toml" in said.err


def test_any_text_comes_back(tmp_path):
    texts = {"a": 'x = "1"\\n', "b": "\n\t\x7f\u20ac", "c": ["\N{GRINNING FACE}", "'"]}
    numbers = {"d": 1e-6, "e": -3, "f": True}
    (tmp_path / "t.toml").write_text(toml(texts | numbers), encoding="utf-8")
    assert read(tmp_path / "t.toml") == texts | numbers


@pytest.mark.long
def test_a_shell_completes_commands_and_options():
    asked = dict(COMP_WORDS="synthtab fit --ep", COMP_CWORD="2")
    done = subprocess.run(
        command(),
        env={**os.environ, **asked, "_SYNTHTAB_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert sorted(done.stdout.split()) == ["--epochs", "--epsilon"], done.stderr
