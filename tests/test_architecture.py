"""Imports go down only, heavy things stay away from where they are not needed, no dial is dead."""

from __future__ import annotations

import ast
import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "synthtab"
MODULES = sorted(PACKAGE.rglob("*.py"))

RANKS = {
    "errors": 0, "randomness": 0, "layout": 0, "progress": 0, "parallel": 0, "machine": 0,
    "schema": 1, "config": 1, "devices": 1, "distributed": 1, "grammar": 1,
    "tables": 2, "columns": 2, "links": 2, "linking": 2, "crosses": 2, "constraints": 2, "agreement": 2,
    "encoder": 2, "holdout": 2, "where": 2, "restrict": 2, "sources": 2, "ingest": 2,
    "networks": 3, "embedding": 3, "products": 3, "threads": 3, "conditions": 3, "losses": 3, "trees": 3,
    "densities": 3, "limits": 3,
    "trainer": 4, "watch": 4, "sampler": 4, "quality": 4, "artefact": 4, "refinement": 4, "grouping": 4, "costs": 4,
    "synthesizer": 5, "conditional": 5, "requests": 5, "finishing": 5, "parts": 5, "facts": 5,
}  # fmt: skip
BESIDE = {"evaluation": {"errors", "randomness", "progress", "parallel", "schema", "columns", "tables"},
          "augment": {"errors", "randomness", "progress", "parallel", "schema", "columns", "evaluation",
                      "synthesizer", "conditional"},
          "dask": {"errors", "grammar", "parts", "synthesizer", "where"},
          "datasets": {"errors", "schema", "tables"}}  # fmt: skip
DATA_SIDE = {
    "tables",
    "columns",
    "links",
    "linking",
    "crosses",
    "constraints",
    "agreement",
    "encoder",
    "holdout",
    "grammar",
    "where",
    "restrict",
    "sources",
    "ingest",
    "machine",
    "datasets",
    "evaluation",
    "augment",
}
MODEL_SIDE = {
    "networks",
    "embedding",
    "products",
    "conditions",
    "losses",
    "trainer",
    "watch",
    "sampler",
    "quality",
    "trees",
    "refinement",
    "densities",
    "grouping",
    "limits",
    "devices",
    "distributed",
    "costs",
}
LIMIT = 400
GLOBAL_OR_UNSAFE = {
    "np.random.seed", "np.random.rand", "np.random.randn", "np.random.choice", "np.random.permutation",
    "torch.manual_seed", "torch.save", "torch.load", "pickle.load", "pickle.dump",
}  # fmt: skip


def short(path: Path) -> str:
    """A file's name in the tests' output."""
    return str(path.relative_to(ROOT))


def nodes(path: Path) -> list[ast.AST]:
    """All nodes of a file's syntax tree."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def part(path: Path) -> str:
    """The top-level module or subpackage of synthtab that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Full names of the modules that a file imports."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: import absolutely"
            module = node.module or ""
            found |= {f"synthtab.{alias.name}" for alias in node.names} if module == "synthtab" else {module}
    return found


def inside(names: set[str]) -> set[str]:
    """Of imported names, the parts of synthtab."""
    return {n.split(".")[1] for n in names if n.startswith("synthtab.")}


@pytest.mark.parametrize("path", [p for p in MODULES if p != PACKAGE / "__init__.py"], ids=short)
def test_imports_go_down_only(path: Path) -> None:
    me = part(path)
    for other in inside(imports(path)):
        if me in BESIDE:
            assert other in BESIDE[me] | {me}, f"{path.name} must not import {other}"
        else:
            assert me in RANKS, f"give {me} a rank"
            assert other in RANKS, f"{path.name} must not import {other}"
            assert RANKS[other] <= RANKS[me], f"{path.name} (rank {RANKS[me]}) imports {other} (rank {RANKS[other]})"


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_pandas_and_torch_do_not_meet(path: Path) -> None:
    heavy = {name.split(".")[0] for name in imports(path)} & {"torch", "pandas", "safetensors"}
    if part(path) in DATA_SIDE:
        assert not heavy & {"torch", "safetensors"}
    if part(path) in MODEL_SIDE:
        assert "pandas" not in heavy


def test_no_import_cycle() -> None:
    graph = {str(p.relative_to(PACKAGE)): inside(imports(p)) for p in MODULES if p != PACKAGE / "__init__.py"}
    edges = {(part(PACKAGE / a), b) for a, targets in graph.items() for b in targets if part(PACKAGE / a) != b}
    while leaves := {a for a, _ in edges} | {b for _, b in edges}:
        removable = leaves - {a for a, _ in edges}
        if not removable:
            break
        edges = {(a, b) for a, b in edges if b not in removable}
    assert not edges, f"cycle among {sorted(edges)}"


@pytest.mark.parametrize("path", [*MODULES, *sorted((ROOT / "cli").glob("*.py"))], ids=short)
def test_files_stay_small(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= LIMIT


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_no_global_randomness_and_no_pickle(path: Path) -> None:
    called = {ast.unparse(node.func) for node in nodes(path) if isinstance(node, ast.Call)}
    assert not called & GLOBAL_OR_UNSAFE
    assert not imports(path) & {"random", "pickle"}


def _without(code: str, *modules: str) -> None:
    check = f"import sys; {code}; bad = set({modules!r}) & set(sys.modules); sys.exit(str(bad) if bad else 0)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_is_light() -> None:
    _without("import synthtab; assert synthtab.__version__", "torch", "pandas", "sklearn", "scipy")


def test_help_is_light() -> None:
    code = "from synthtab_cli.main import main; assert main(['fit', '--help']) == 0 and main(['--help']) == 0"
    _without(code, "torch", "pandas", "sklearn", "scipy", "numpy")


def test_help_is_fast() -> None:
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "synthtab_cli.main", "--help"], capture_output=True, check=True)
        best = min(best, time.perf_counter() - start)
    assert best < 1.0


def test_evaluation_needs_no_torch() -> None:
    _without("import synthtab.evaluation, synthtab.tables, synthtab.columns", "torch")


def test_only_the_sampler_of_augment_uses_the_model() -> None:
    for path in (PACKAGE / "augment").glob("*.py"):
        if path.name != "sampler.py":
            assert not inside(imports(path)) & {"synthesizer", "conditional"}
    _without("import synthtab.augment", "torch", "imblearn")


def test_every_public_name_resolves() -> None:
    import synthtab

    for name in synthtab.__all__:
        assert getattr(synthtab, name) is not None
    assert set(synthtab.__all__) <= set(dir(synthtab))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = synthtab.nonsense


def test_every_dial_is_read() -> None:
    from synthtab.config import TrainConfig

    read = set()
    for path in MODULES:
        if path.name != "config.py":
            read |= {n.attr for n in nodes(path) if isinstance(n, ast.Attribute)}
    dead = {f.name for f in dataclasses.fields(TrainConfig)} - read
    assert not dead, f"fields of TrainConfig that nothing reads: {sorted(dead)}"


def test_datasets_is_not_a_package() -> None:
    assert not list((ROOT / "datasets").rglob("__init__.py"))
