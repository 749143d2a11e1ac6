"""Small tables: are rows near their training rows, do they cover fresh ones, do models learn of them?

    python benchmarks/small.py --rows 100 300 1000 --cuts 0 1 --out small.jsonl
    python benchmarks/small.py --tables adult --methods network forest --rows 300
    python benchmarks/small.py --tables wine --methods arf forestflow --rows 100
    python benchmarks/small.py --table small.jsonl

Tables of scikit-learn and of this repository; and where --data (or $SYNTHTAB_DATA, or
../shared/data beside the repository) has them, of the literature. Of each, some random rows
are learnt, and others, as many but at least 1,000 where there are so many, are fresh. The
methods:

    real      the training rows themselves
    cart      each column in turn drawn from a leaf of five or more rows of a tree that is
              grown on the columns before it, the first from its rows, the target last
              (Nowok, Raab and Dibben 2016, doi:10.18637/jss.v074.i11)
    default   `Synthesizer(target=...)`
    forest, network   the same with this completer
    arf       adversarial random forests (Watson et al., arXiv 2205.09435), every default;
              needs `pip install arfpy 'pandas<3' 'numpy<2.4'`
    forestflow   flow matching by boosted trees (Jolicoeur-Martineau et al., arXiv 2309.09968),
              a model for each class, with 20 noisy copies of a row where their default is
              100, which takes five times as long; needs `pip install ForestDiffusion`

Neither of the last two takes missing numbers as they are: these are filled with medians
before.

The scores, of 1,000 rows or as many as were learnt:

    nearer    share of the rows that lie nearer to a training row than to any of as many
              fresh rows (0.5 is ideal); distances are city-block, of ranks and half
              one-hots
    coverage  share of the fresh rows that have a row within the distance of their fifth
              neighbour among the fresh rows (Naeem et al., arXiv 2002.09797)
    utility   ROC area (mean over classes) or R2, of fresh rows, of a random forest and a
              linear model that learn the rows: the mean of the two
    seconds   of the processor, for learning and drawing; set OMP_NUM_THREADS=1
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fidelity import DATA
from scipy.spatial.distance import cdist
from sklearn import datasets as of_sklearn
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from synthtab import Synthesizer, datasets

# Rows of each table between which distances are taken for the coverage.
COVERED_ROWS = 500
LEAST_FRESH_ROWS = 1000
NEIGHBOUR = 5
LEAF_ROWS = 5
COPIES_OF_FLOW = 20
OF_SKLEARN = ("breast_cancer", "diabetes", "wine")
OF_REPOSITORY = {"penguins": "species", "anes96": "vote"}
OF_DATA = (
    "cascade/credit_g",
    "cascade/kc1",
    "cascade/nmes",
    "cascade/phoneme",
    "adult",
    "shoppers",
    "default",
    "beijing",
)


# --------------------------------------------------------------------------------------
# Tables


def read(name: str, data: Path) -> tuple[pd.DataFrame, str] | None:
    """A table and its target; None where it is not at hand."""
    if name in OF_SKLEARN:
        bunch = getattr(of_sklearn, f"load_{name}")(as_frame=True)
        return bunch.frame, "target"
    if name in OF_REPOSITORY:
        return datasets.load(name), OF_REPOSITORY[name]
    folder = data / name
    if not (folder / "meta.json").is_file():
        return None
    target = json.loads((folder / "meta.json").read_text())["target"]
    parts = [pd.read_csv(folder / f"{part}.csv") for part in ("train", "test")]
    return pd.concat(parts, ignore_index=True), target


def cut(
    table: pd.DataFrame, target: str, rows: int, number: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training rows and fresh rows; words that are missing are a word of their own."""
    table = table[table[target].notna()].copy()
    for name in table:
        if not pd.api.types.is_numeric_dtype(table[name]):
            words = table[name].astype(object)
            table[name] = words.where(words.notna(), "nil").astype(str)
    table = table.sample(frac=1, random_state=1000 + number).reset_index(drop=True)
    # Small tables leave enough fresh rows.
    rows = min(rows, len(table) * 6 // 10)
    fresh = table[rows : rows + max(LEAST_FRESH_ROWS, rows)]
    return table[:rows].copy(), fresh.reset_index(drop=True)


def is_number(series: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(series) and series.nunique() > 2


# --------------------------------------------------------------------------------------
# Methods

Method = Callable[[pd.DataFrame, str, int], pd.DataFrame]


def real(train: pd.DataFrame, target: str, seed: int) -> pd.DataFrame:
    return train


def synthesizer(**options: Any) -> Method:
    """This project's generator."""

    def rows(train: pd.DataFrame, target: str, seed: int) -> pd.DataFrame:
        model = Synthesizer(target=target, seed=seed, **options).fit(train)
        return model.sample(how_many(train))

    return rows


def how_many(train: pd.DataFrame) -> int:
    return max(1000, len(train))


def cart(train: pd.DataFrame, target: str, seed: int) -> pd.DataFrame:
    """One column after another, each from the leaves of a tree."""
    random = np.random.default_rng(seed)
    order = [name for name in train if name != target] + [target]
    count = how_many(train)
    first = train[order[0]].to_numpy()[random.integers(len(train), size=count)]
    made = pd.DataFrame({order[0]: first})
    for number, name in enumerate(order[1:], 1):
        before = order[:number]
        given, asked = numbers_of(train[before], train), numbers_of(made, train)
        if pd.api.types.is_numeric_dtype(train[name]):
            wanted = train[name].astype(float)
            tree: Any = DecisionTreeRegressor(
                min_samples_leaf=LEAF_ROWS, random_state=0
            )
            tree.fit(given, wanted.fillna(wanted.median()))
        else:
            tree = DecisionTreeClassifier(min_samples_leaf=LEAF_ROWS, random_state=0)
            tree.fit(given, train[name].astype(str))
        leaf = tree.apply(given)
        by_leaf = np.argsort(leaf, kind="stable")
        wanted_leaf = tree.apply(asked)
        start = np.searchsorted(leaf[by_leaf], wanted_leaf, "left")
        end = np.searchsorted(leaf[by_leaf], wanted_leaf, "right")
        donor = by_leaf[(start + random.random(count) * (end - start)).astype(int)]
        made[name] = train[name].to_numpy()[donor]
    return made[list(train)]


def numbers_of(table: pd.DataFrame, train: pd.DataFrame) -> np.ndarray:
    """Numbers as they are, missing ones far below; words one-hot."""
    parts = []
    for name in table:
        if pd.api.types.is_numeric_dtype(train[name]):
            parts.append(table[name].astype(float).fillna(-1e9).to_numpy()[:, None])
        else:
            parts.append(one_hot(table[name], train[name]))
    return np.concatenate(parts, axis=1)


def one_hot(column: pd.Series, like: pd.Series) -> np.ndarray:
    words = np.asarray(pd.unique(like.astype(str)), dtype=object)
    cells = np.asarray(column.astype(str), dtype=object)
    return (cells[:, None] == words).astype(float)


def arf(train: pd.DataFrame, target: str, seed: int) -> pd.DataFrame:
    """Adversarial random forests, as `pip install arfpy` gives them."""
    from arfpy.arf import arf as forests

    # Its randomness is NumPy's own.
    np.random.seed(seed)  # noqa: NPY002
    filled = without_gaps(train)
    # What is a class is told so, whatever it is written as.
    classes = [name for name in train if not is_number(train[name])]
    as_words = filled.astype(dict.fromkeys(classes, str)).astype(
        dict.fromkeys(classes, object)
    )
    model = forests(as_words, verbose=False)
    model.forde()
    return as_in(train, model.forge(how_many(train)))


def forestflow(train: pd.DataFrame, target: str, seed: int) -> pd.DataFrame:
    """Forest-Flow, as `pip install ForestDiffusion` gives it."""
    from ForestDiffusion import ForestDiffusionModel

    filled = without_gaps(train)
    is_class = not is_number(train[target])
    coded = [name for name in train if is_word(train[name])]
    coded += [target] * (is_class and target not in coded)
    words = {name: pd.factorize(filled[name]) for name in coded}
    numbers = filled.assign(**{name: codes for name, (codes, _) in words.items()})
    inputs = [name for name in train if not (is_class and name == target)]
    sizes = {name: len(found) for name, (_, found) in words.items()}
    model = ForestDiffusionModel(
        numbers[inputs].to_numpy(float),
        label_y=numbers[target].to_numpy(float) if is_class else None,
        duplicate_K=COPIES_OF_FLOW,
        bin_indexes=[i for i, name in enumerate(inputs) if sizes.get(name) == 2],
        cat_indexes=[i for i, name in enumerate(inputs) if sizes.get(name, 0) > 2],
        int_indexes=[
            i
            for i, name in enumerate(inputs)
            if name not in sizes and (numbers[name] % 1 == 0).all()
        ],
        n_jobs=1,
        seed=seed,
    )
    # The label comes last.
    columns = [*inputs, target] if is_class else inputs
    made = pd.DataFrame(model.generate(how_many(train)), columns=columns)
    for name, (_, found) in words.items():
        codes = made[name].to_numpy().round().astype(int)
        made[name] = np.asarray(found, dtype=object)[codes.clip(0, len(found) - 1)]
    return as_in(train, made)


def without_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """Missing numbers at the median; words as Python's own."""
    filled = table.copy()
    for name in table:
        if is_word(table[name]):
            filled[name] = table[name].astype(object)
        else:
            filled[name] = table[name].astype(float).fillna(table[name].median())
    return filled


def is_word(series: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(series)


def as_in(train: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """The columns in their order; numbers that are whole in the table are whole."""
    made = made[list(train)].copy()
    for name in train:
        if is_word(train[name]):
            made[name] = made[name].astype(object).astype(str)
            continue
        made[name] = made[name].astype(float)
        if (train[name].dropna() % 1 == 0).all():
            # As the table writes them: utility compares classes as words.
            made[name] = made[name].round().astype(train[name].dtype)
    return made


METHODS: dict[str, Method] = {
    "real": real,
    "cart": cart,
    "default": synthesizer(),
    "forest": synthesizer(completer="forest"),
    "network": synthesizer(completer="network"),
    "arf": arf,
    "forestflow": forestflow,
}


# --------------------------------------------------------------------------------------
# Scores


def points(*tables: pd.DataFrame) -> list[np.ndarray]:
    """Tables as points: ranks of numbers among the first two, words as half one-hots."""
    both = pd.concat(tables[:2])
    parts: list[list[np.ndarray]] = [[] for _ in tables]
    for name in both:
        if not is_number(both[name]):
            for part, table in zip(parts, tables, strict=True):
                part.append(one_hot(table[name], both[name]) / 2)
            continue
        known = np.sort(both[name].dropna().to_numpy(float))
        for part, table in zip(parts, tables, strict=True):
            cells = table[name].to_numpy(float)
            below = np.searchsorted(known, cells, "left")
            up_to = np.searchsorted(known, cells, "right")
            missing = np.isnan(cells)
            rank = np.where(missing, 0.5, (below + up_to) / 2 / len(known))
            part.append(np.column_stack([rank, missing]))
    return [np.concatenate(part, axis=1) for part in parts]


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(cdist(a, b, "cityblock"))


def nearer(train: np.ndarray, fresh: np.ndarray, made: np.ndarray) -> float:
    """Mean of five draws of as many training rows and fresh rows; ties count half."""
    count = min(len(train), len(fresh))
    random = np.random.default_rng(0)
    shares = []
    for _ in range(5):
        of_train = train[random.permutation(len(train))[:count]]
        of_fresh = fresh[random.permutation(len(fresh))[:count]]
        to_train = distances(made, of_train).min(1)
        to_fresh = distances(made, of_fresh).min(1)
        ties = (to_train == to_fresh).mean() / 2
        shares.append((to_train < to_fresh).mean() + ties)
    return float(np.mean(shares))


def coverage(fresh: np.ndarray, made: np.ndarray) -> float:
    fresh = fresh[:COVERED_ROWS]
    random = np.random.default_rng(0)
    made = made[random.permutation(len(made))[: len(fresh)]]
    radius = np.sort(distances(fresh, fresh), axis=1)[:, NEIGHBOUR]
    return float((distances(fresh, made).min(1) <= radius).mean())


def utility(made: pd.DataFrame, fresh: pd.DataFrame, target: str) -> float:
    both = pd.concat([made, fresh]).drop(columns=target)
    inputs = pd.get_dummies(both).astype(float)
    inputs = inputs.fillna(inputs.median()).fillna(0).to_numpy()
    known = made[target].notna().to_numpy()
    learnt, asked = inputs[: len(made)][known], inputs[len(made) :]
    answers, truth = made[target][known], fresh[target]
    if is_number(truth) and truth.nunique() > 10:
        forest: Any = RandomForestRegressor(100, min_samples_leaf=3, random_state=0)
        linear = make_pipeline(StandardScaler(), Ridge(10.0))
        scores = []
        for model in (forest, linear):
            model.fit(learnt, answers.astype(float))
            scores.append(max(-1.0, r2_score(truth, model.predict(asked))))
        return float(np.mean(scores))
    answers, truth = answers.astype(str), truth.astype(str).to_numpy()
    forest = RandomForestClassifier(200, min_samples_leaf=3, random_state=0)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    scores = []
    for model in (forest, linear):
        shares = model.fit(learnt, answers).predict_proba(asked)
        of_classes = [
            roc_auc_score(truth == label, shares[:, i])
            for i, label in enumerate(model.classes_)
            if 0 < (truth == label).sum() < len(truth)
        ]
        scores.append(np.mean(of_classes))
    return float(np.mean(scores))


# --------------------------------------------------------------------------------------
# The command


def scores(
    train: pd.DataFrame, fresh: pd.DataFrame, target: str, method: str, seed: int
) -> dict[str, float]:
    began = time.process_time()
    made = METHODS[method](train, target, seed)
    seconds = time.process_time() - began
    of_train, of_fresh, of_made = points(train, fresh, made)
    return {
        "nearer": round(nearer(of_train, of_fresh, of_made), 3),
        "coverage": round(coverage(of_fresh, of_made), 3),
        "utility": round(utility(made, fresh, target), 3),
        "seconds": round(seconds, 1),
    }


def print_table(path: Path) -> None:
    """Means of the cuts, as Markdown."""
    lines = pd.read_json(path, lines=True)
    lines = lines.drop_duplicates(["table", "rows", "cut", "method"], keep="last")
    columns = ["nearer", "coverage", "utility", "seconds"]
    of_tables = lines.groupby(["rows", "table", "method"])[columns].mean()
    means = of_tables.groupby(["rows", "method"]).mean().round(3)
    for name, found in (("all", means.reset_index()), ("", of_tables.reset_index())):
        if name:
            found.insert(1, "table", name)
        print("| " + " | ".join(found.columns) + " |")
        print("|---" * 3 + "|---:" * (len(found.columns) - 3) + "|")
        for row in found.itertuples(index=False):
            cells = [f"{x:.3g}" if isinstance(x, float) else str(x) for x in row]
            print("| " + " | ".join(cells) + " |")
        print()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = [*OF_SKLEARN, *OF_REPOSITORY, *OF_DATA]
    parser.add_argument("--tables", nargs="+", default=every)
    parser.add_argument("--rows", nargs="+", type=int, default=[100, 300, 1000])
    parser.add_argument("--cuts", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--methods", nargs="+", default=["real", "cart", "default"])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, help="JSON lines, one for each run")
    parser.add_argument("--table", type=Path, help="print the means of such a file")
    asked = parser.parse_args()
    if asked.table:
        print_table(asked.table)
        return
    for rows in asked.rows:
        for name in asked.tables:
            found = read(name, asked.data)
            if found is None:
                print(f"{name} is not at hand")
                continue
            table, target = found
            for number in asked.cuts:
                train, fresh = cut(table, target, rows, number)
                for method in asked.methods:
                    line = {"table": name, "rows": rows, "cut": number}
                    line |= {"method": method}
                    line |= scores(train, fresh, target, method, number)
                    print(json.dumps(line), flush=True)
                    if asked.out:
                        with asked.out.open("a") as file:
                            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
