"""Imports go down only, heavy things stay away from where they are not needed, no dial is dead."""

from __future__ import annotations

import ast
import dataclasses
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FrameType

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "synthtab"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Who may import whom: a package imports those before it, and itself.
PACKAGES = ("core", "runtime", "data", "private", "model", "sampling")
# What stands beside the packages may import all of them.
BESIDE = {
    "evaluation": {"core", "runtime", "data"},
    "augment": {"core", "runtime", "data", "evaluation", "synthesizer", "sampling"},
}
# Modules that must never load torch, and modules that must never load pandas.
WITHOUT_TORCH = ("core", "data", "evaluation", "augment", "datasets", "constraints")
WITHOUT_PANDAS = ("core", "runtime", "model")
# Files beside the packages.
MOST_FILES = 9
GLOBAL_OR_UNSAFE = {
    "np.random.seed",
    "np.random.rand",
    "np.random.randn",
    "np.random.choice",
    "np.random.permutation",
    "torch.manual_seed",
    "torch.save",
    "torch.load",
    "pickle.load",
    "pickle.dump",
}


def short(path: Path) -> str:
    """A file's name in the tests' output."""
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(path: Path) -> list[ast.AST]:
    """All nodes of a file's syntax tree."""
    return list(ast.walk(tree_of(path)))


def part(name: str) -> str:
    """The package, or the file beside the packages, that a module of synthtab belongs to."""
    return name.split(".")[1] if "." in name else name


def module(path: Path) -> str:
    """The dotted name of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path, at_runtime: bool = False) -> frozenset[str]:
    """Full names of the modules that a file imports; ``at_runtime`` leaves out imports for types alone."""
    tree = tree_of(path)
    skipped: set[ast.AST] = set()
    if at_runtime:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                skipped |= set(ast.walk(node))
    found = set()
    for node in set(ast.walk(tree)) - skipped:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: import absolutely"
            base = node.module or ""
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                found.add(whole if whole in NAMES else base)
    return frozenset(found)


NAMES = {module(path) for path in MODULES}


def ours(path: Path, at_runtime: bool = False) -> set[str]:
    """The modules of synthtab that a file imports."""
    return {name for name in imports(path, at_runtime) if name.startswith("synthtab.")}


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_imports_between_packages_go_one_way(path: Path) -> None:
    me = part(module(path))
    for name in ours(path):
        other = part(name)
        if me in PACKAGES:
            allowed = set(PACKAGES[: PACKAGES.index(me) + 1])
            assert other in allowed, f"{path.name} of {me} must not import {name}"
        if me in BESIDE:
            assert other in BESIDE[me] | {me}, (
                f"{path.name} of {me} must not import {name}"
            )


def test_no_import_cycle() -> None:
    """Neither between packages nor inside one; the file of a package counts by itself."""
    edges = {
        (module(p), name)
        for p in MODULES
        if p != PACKAGE / "__init__.py"
        for name in ours(p, at_runtime=True)
    }
    edges = {(a, b) for a, b in edges if a != b}
    while edges:
        importers = {a for a, _ in edges}
        without = {(a, b) for a, b in edges if b in importers}
        if without == edges:
            break
        edges = without
    assert not edges, f"cycle among {sorted(edges)}"


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_pandas_and_torch_do_not_meet(path: Path) -> None:
    heavy = {name.split(".")[0] for name in imports(path, at_runtime=True)}
    me = part(module(path))
    if me in WITHOUT_TORCH:
        assert not heavy & {"torch", "safetensors"}
    if me in WITHOUT_PANDAS:
        assert "pandas" not in heavy


def test_an_installed_copy_has_every_package() -> None:
    """An editable install has them all, whatever the list says."""
    (line,) = re.findall(
        r"^packages = (.*)$", (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    listed = set(ast.literal_eval(line)) - {"synthtab_cli", "synthtab_datasets"}
    folders = {path.parent for path in PACKAGE.rglob("__init__.py")}
    assert listed == {".".join(f.relative_to(ROOT).parts) for f in folders}


def test_few_files_beside_the_packages() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_FILES


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_no_global_randomness_and_no_pickle(path: Path) -> None:
    called = {
        ast.unparse(node.func) for node in nodes(path) if isinstance(node, ast.Call)
    }
    assert not called & GLOBAL_OR_UNSAFE
    assert not imports(path) & {"random", "pickle"}


def _without(code: str, *modules: str) -> None:
    check = f"import sys\n{code}\nbad = set({modules!r}) & set(sys.modules); sys.exit(str(bad) if bad else 0)"
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_package_is_light() -> None:
    _without(
        "import synthtab; assert synthtab.__version__",
        "torch",
        "pandas",
        "sklearn",
        "scipy",
    )


def test_help_is_light() -> None:
    code = "from synthtab_cli.main import main; assert main(['fit', '--help']) == 0 and main(['--help']) == 0"
    _without(code, "torch", "pandas", "sklearn", "scipy", "numpy")


# A mistyped command line, and what the answer to it names.
MISTYPED = {
    "fit no.csv": "no.csv does not exist",
    "fit .": "is a folder",
    "fit t.csv --preset fast": "preset must be one of quick, default",
    "fit t.csv --time 5x": "'5x' is not a duration",
    "fit t.csv --epochs 0": "epochs must be at least 1",
    "fit t.csv --rows 0": "--rows must be at least 1",
    "fit t.csv --batch 0": "batch must be at least 1",
    "fit t.csv --holdout 2": "holdout must be a share",
    "fit t.csv --rare-below -1": "rare must not be negative",
    "fit t.csv --device tpu": "device must be one of auto, cpu",
    "fit t.csv --seed -1": "seed must be a whole number",
    "fit t.csv --schema no.json": "no.json",
    "fit t.csv --constraints lost": "can only be found",
    "fit t.csv -o t.csv": "refusing to overwrite",
    "fit t.csv -o no/m.synthtab": "there is no folder no",
    "fit t.csv --nope": "--nope",
    "fti t.csv": "fti",
    "sample -n 5 -m no.synthtab": "no model file no.synthtab",
    "sample -n 5 -m .": "is a folder",
    "sample -n -1 -m t.csv": "-n must be 0 or more",
    "sample -n 5 -m t.csv --given no.csv": "no.csv does not exist",
    "sample -n 5 -m t.csv --device tpu": "device must be one of",
    "schema no.csv": "no.csv does not exist",
    "inspect no.synthtab": "no model file",
    "impute no.csv": "no.csv does not exist",
    "impute t.csv --preset fast": "preset must be one of",
    "augment no.csv --target x": "no.csv does not exist",
    "augment t.csv --target x --time soon": "'soon' is not a duration",
    "evaluate no.csv t.csv": "no.csv does not exist",
    "evaluate t.csv no.csv": "no.csv does not exist",
    "evaluate t.csv t.csv -m no.synthtab": "no model file",
    "compare t.csv no.csv": "no.csv does not exist",
}


def test_mistyped_commands_are_answered_before_anything_heavy_is_imported(
    tmp_path: Path,
) -> None:
    """What takes seconds to import is not waited for to hear of a wrong name."""
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    code = f"""
import contextlib, io, os
os.chdir({str(tmp_path)!r})
from synthtab_cli.main import main
for typed, expected in {MISTYPED!r}.items():
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        status = main(typed.split())
    assert status == 2, (typed, status)
    assert expected in said.getvalue(), (typed, said.getvalue())
"""
    _without(code, "torch", "pandas", "sklearn", "scipy", "numpy", "pyarrow", "rich")


@pytest.mark.slow
def test_a_missing_file_is_answered_at_once() -> None:
    """0.3 s on a core that has nothing else to do; with torch it would be 3 s and more."""
    times = []
    for _ in range(5):
        before = os.times()
        subprocess.run(
            [sys.executable, "-m", "synthtab_cli.main", "fit", "no.csv"],
            capture_output=True,
            check=False,
        )
        after = os.times()
        # Of the processor, not of the clock: other work may go on beside.
        times.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
    assert min(times) < 1.0


def test_help_is_fast() -> None:
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "synthtab_cli.main", "--help"],
            capture_output=True,
            check=True,
        )
        best = min(best, time.perf_counter() - start)
    assert best < 1.0


@pytest.mark.long
def test_evaluation_needs_no_torch() -> None:
    _without(
        "import synthtab.evaluation, synthtab.data.tables, synthtab.data.columns",
        "torch",
    )


@pytest.mark.long
def test_sampling_without_conditions_loads_nothing_of_them() -> None:
    file = str(ROOT / "tests/files/penguins-format-2.synthtab")
    _without(
        f"from synthtab import Synthesizer; Synthesizer.load({file!r}).sample(5)",
        "synthtab.sampling.language",
        "synthtab.sampling.predicate",
    )


@pytest.mark.long
def test_two_files_of_augment_alone_use_the_model() -> None:
    """A study takes anybody's rows."""
    for path in (PACKAGE / "augment").glob("*.py"):
        if path.name not in ("sampler.py", "by_class.py"):
            assert not {part(name) for name in ours(path)} & {
                "synthesizer",
                "sampling",
                "model",
            }
    _without("import synthtab.augment", "torch", "imblearn")


def test_every_public_name_resolves() -> None:
    import synthtab

    for name in synthtab.__all__:
        assert getattr(synthtab, name) is not None
    assert set(synthtab.__all__) <= set(dir(synthtab))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = synthtab.nonsense


def fields_read_of_a_config(tree: ast.AST) -> set[str]:
    """``width`` of ``config.width``, ``self.config.width`` and ``model.config_.width``."""
    read = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        owner = node.value
        name = getattr(owner, "attr", getattr(owner, "id", ""))
        if name in ("config", "config_"):
            read.add(node.attr)
    return read


def test_every_dial_is_read() -> None:
    """Of a config: an attribute of the same name of something else does not count."""
    from synthtab.core.config import TrainConfig

    read = set()
    for path in MODULES:
        # What only checks a dial does not heed it.
        if path.name != "config.py":
            read |= fields_read_of_a_config(tree_of(path))
    dials = {field.name for field in dataclasses.fields(TrainConfig)}
    dead = dials - read
    assert not dead, f"fields of TrainConfig that nothing reads: {sorted(dead)}"

    other = fields_read_of_a_config(ast.parse("self.plan.width + config.depth"))
    assert other == {"depth"}


def test_datasets_is_not_a_package() -> None:
    assert not list((ROOT / "datasets").rglob("__init__.py"))


def files_run_by(call: Callable[[], object]) -> set[str]:
    """The files of the library of which a call runs any function, in any thread."""
    found: set[str] = set()
    ours = f"{PACKAGE}{os.sep}"

    # Called at every call of any function: nothing here may take long.
    def look(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        # The body of a module runs when it is imported, whoever needs it.
        if code.co_filename.startswith(ours) and code.co_name != "<module>":
            found.add(code.co_filename)

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return {Path(name).relative_to(PACKAGE).as_posix() for name in found}


@pytest.mark.long
@pytest.mark.parametrize(("options", "most"), [({}, 40), ({"epochs": 2}, 43)])
def test_a_reader_of_one_fit_opens_few_files(
    options: dict[str, int], most: int
) -> None:
    """Who follows one call through the code must not get lost in it.

    400 rows are learnt by forests, or with epochs by networks.
    """
    from synthtab import Synthesizer, datasets

    table = datasets.load("flights").head(400)
    model = Synthesizer("quick", **options)
    by_fit = files_run_by(lambda: model.fit(table))
    by_sample = files_run_by(lambda: model.sample(100))
    assert len(by_fit) <= most, sorted(by_fit)
    assert len(by_sample) <= 25, sorted(by_sample)
    # The trace sees what it should.
    assert {"synthesizer.py", "model/trainer.py"} <= by_fit
    assert {"synthesizer.py", "sampling/sampler.py"} <= by_sample
