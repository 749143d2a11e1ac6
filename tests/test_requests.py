"""Rows under conditions, partial rows, shares of classes, imputation: exact whatever the training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from synthtab import Synthesizer
from synthtab.core.errors import ConditionError, ConfigError, DataError, SynthtabError
from synthtab.core.layout import Block, Layout, Region
from synthtab.data.columns import infer
from synthtab.model.layers import COMPONENTS, Mixtures
from synthtab.sampling.limits import Limits
from synthtab.sampling.predicate import predicates
from synthtab.sampling.region import present_regions, regions
from synthtab.sampling.sampler import OrderSampler

TINY: dict[str, Any] = dict(
    seed=3,
    device="cpu",
    width=32,
    noise=16,
    batch=64,
    checks=2,
    epochs=3,
    rounds=0,
    rare=0,
)


def table(rows: int = 600) -> pd.DataFrame:
    """Every kind that can be asked for; the first, second and last column, and values below 0.5 %, among them."""
    rng = np.random.default_rng(0)
    size = rng.normal(50, 10, rows).round(2)
    words = np.array([f"w{i:03}" for i in range(300)])
    frame = pd.DataFrame(
        {
            "kind": rng.choice(["a", "b", "c"], rows, p=[0.6, 0.397, 0.003]),
            "size": size,
            "count": rng.poisson(3, rows),
            "word": words[np.minimum(rng.geometric(0.02, rows) - 1, 299)],
            "day": pd.to_datetime("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 1000, rows), unit="D"),
            "flag": rng.random(rows) < 0.3,
            "smooth": rng.normal(size=rows),
            "twice": np.where(rng.random(rows) < 0.98, 2 * size.round(2), 0.0),
            "key": [f"K{i:06}" for i in range(rows)],
            "last": rng.choice(["yes", "no"], rows),
        }
    )
    frame.loc[rng.random(rows) < 0.1, "size"] = np.nan
    frame.loc[rng.random(rows) < 0.05, "last"] = None
    frame.loc[[5, 6], "kind"] = "c"
    return frame


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    """Trained for a moment."""
    frame = table()
    # Texts of one shape with few rows each look like keys: this table's are to be learnt.
    schema = infer(frame, {"word": "category"})
    return Synthesizer(target="last", **TINY).fit(frame, schema=schema)


def holds(model: Synthesizer, where: Any, rows: pd.DataFrame) -> bool:
    """Whether every row meets the conditions."""
    return all(
        t.holds(rows[t.column.name]).all() for t in predicates(where, model.schema_)
    )


WHERE = [
    "kind = c",
    "kind != a",
    "size in 40..50",
    "size is missing",
    "size is not missing",
    "size = 50.25",
    "size < 35 and size > 30",
    "size not in 20..80",
    "count in (0, 7)",
    "count >= 6",
    "word = w000",
    "word in (w001, w017, w120)",
    "word not in (w000, w001)",
    "day in 2020-02-01..2020-02-29",
    "day = 2020-03-03",
    "flag = True",
    "smooth = 0.123456",
    "smooth in -0.1..0.1",
    "smooth in (0.25, -0.5, 1.125)",
    "twice in 80..120",
    "twice in 90..110 and size in 44..56",
    "last = yes",
    "last is missing",
    "kind = b and size > 50 and word in (w000, w002) and last = no",
    "key is not missing",
]


@pytest.mark.long
@pytest.mark.parametrize("where", WHERE)
def test_every_row_meets_the_conditions(model: Synthesizer, where: str) -> None:
    rows = model.sample(300, where=where)
    assert len(rows) == 300 and holds(model, where, rows)
    assert list(rows.columns) == list(model.schema_.names)
    assert {n: str(t) for n, t in rows.dtypes.items()} == {
        n: str(t) for n, t in model.sample(5).dtypes.items()
    }
    assert rows["key"].is_unique
    pd.testing.assert_frame_equal(model.sample(40, where=where), rows.head(40))


@pytest.mark.long
def test_columns_that_follow_others_for_a_part_are_left_alone() -> None:
    """A linked column that is smooth where it does not follow, beside a condition on another one."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=500)
    half = np.where(rng.random(500) < 0.5, size, rng.normal(size=500))
    frame = pd.DataFrame(
        {"size": size, "half": half, "kind": rng.choice(["a", "b"], 500)}
    )
    model = Synthesizer(**TINY).fit(frame)
    assert model.requests.encoder.links
    rows = model.sample(200, where="kind = a and half in (0.5, -1)")
    assert set(rows["half"]) == {0.5, -1.0} and (rows["kind"] == "a").all()
    assert (model.sample(200, where="kind = b")["kind"] == "b").all()


@pytest.mark.long
def test_other_columns_still_vary(model: Synthesizer) -> None:
    rows = model.sample(1000, where={"kind": "c", "size": (45, 55)})
    assert (
        rows["size"].nunique() > 100
        and rows["word"].nunique() > 20
        and rows["flag"].nunique() == 2
    )


def test_one_value_of_a_column_without_steps_is_that_value(model: Synthesizer) -> None:
    assert (
        model.sample(50, where={"smooth": 0.123456789})["smooth"] == 0.123456789
    ).all()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("kind = d", "the model knows no such value of 'kind': it knows a, b, c"),
        ("word = w00", "did you mean 'w"),
        ("size > 1000", "no such value of 'size': they lie between"),
        ("count = 2 and count = 3", "no value meets it and 'count = 2' at once"),
        ("flag is missing", "no cell of 'flag' was missing"),
        ("day < 1990-01-01", "they lie between 2020-0"),
        ("size in 40..50 and size is missing", "at once"),
    ],
)
def test_what_no_row_can_meet_is_an_error_that_names_it(
    model: Synthesizer, where: str, message: str
) -> None:
    with pytest.raises(ConditionError) as error:
        model.sample(10, where=where)
    assert message in str(error.value) and str(error.value).startswith("condition '")


@pytest.mark.long
def test_draws_follow_the_conditional_distribution(model: Synthesizer) -> None:
    """Against the rows that happen to meet the conditions, of many that are drawn column by column in that order."""
    requests = model.requests
    networks, layout, random = (
        requests.networks,
        requests.encoder.layout,
        torch.Generator().manual_seed(0),
    )
    assert networks is not None
    asked = predicates(
        {"kind": ["a", "c"], "count": (2, 4), "size": (40.0, 60.0)}, model.schema_
    )
    limits = regions(requests.encoder, asked)
    order = [layout.columns[p.column.name] for p in asked]
    order += [blocks for blocks in layout.columns.values() if blocks not in order]
    plan = tuple((b,) for blocks in order for b in blocks)
    free = OrderSampler(networks, plan).invent(120_000, random)
    codes, offsets = free.codes.numpy(), free.offsets.numpy()
    many = requests.encoder.decode(codes, offsets, np.random.default_rng(0))
    real = many[np.all([p.holds(many[p.column.name]) for p in asked], axis=0)]
    held = OrderSampler(networks, plan, limits).invent(20_000, random)
    rows = requests.encoder.decode(
        held.codes.numpy(), held.offsets.numpy(), np.random.default_rng(0)
    )
    assert len(real) > 8000 and len(rows) == 20_000
    rows, real = (t.assign(size=(t["size"] // 2).astype(int)) for t in (rows, real))
    for name in ("kind", "count", "size", "flag", "last", "word"):
        found, wanted = (
            t[name].astype(str).value_counts(normalize=True) for t in (rows, real)
        )
        off = found.sub(wanted, fill_value=0).abs().sum() / 2
        # total variation of two samples: sqrt(2 / pi) sum of deviations / 2 at most; partial rows go on twice at most
        margin = 0.4 * np.sqrt(len(wanted) * (2 / len(rows) + 1 / len(real)))
        assert off < 2 * margin, (name, off, margin)


@pytest.mark.long
def test_importance_weights_undo_the_order_of_the_draws(model: Synthesizer) -> None:
    """Rows drawn with a column first are, weighed, as those that meet the condition in the usual order."""
    requests, random = model.requests, torch.Generator().manual_seed(1)
    networks, layout = requests.networks, requests.encoder.layout
    assert networks is not None
    (predicate,) = predicates("last = no", model.schema_)
    limits = regions(requests.encoder, [predicate])
    names = ["size", "kind", "flag", "last", "count"]
    names += [n for n in layout.columns if n not in names]
    plan = tuple((b,) for n in names for b in layout.columns[n])
    free = OrderSampler(networks, plan).invent(60_000, random)
    held = OrderSampler(networks, plan, limits).invent(60_000, random)
    assert held.log_weights is not None and float(held.log_weights.std()) > 0.02
    weights = (held.log_weights - held.log_weights.mean()).exp()
    met = (free.codes[:, limits[0].blocks[0]] == int(limits[0].codes[0, 0])).double()
    for name in names[:5]:
        (block,) = layout.columns[name]
        size = layout.blocks[block].size
        wanted = (
            torch.zeros(size).double().index_add_(0, free.codes[:, block], met)
            / met.sum()
        )
        found = (
            torch.zeros(size)
            .double()
            .index_add_(0, held.codes[:, block], weights.double())
            / weights.sum()
        )
        margin = (
            0.4 * (size * (1 / len(held.codes) + 1 / float(met.sum()))) ** 0.5
        )  # mean total variation
        assert float((found - wanted).abs().sum()) / 2 < 2 * margin, name


@pytest.mark.long
def test_a_model_that_cannot_complete_rows_leaves_others_out() -> None:
    model = Synthesizer("ctgan", **{**TINY, "batch": 60}).fit(table())
    assert (
        model.requests.networks is not None
        and model.requests.networks.completer is None
    )
    rows = model.sample(50, where="flag = True and size > 40")
    assert (
        len(rows) == 50
        and holds(model, "flag = True and size > 40", rows)
        and rows["key"].is_unique
    )
    with pytest.raises(ConditionError, match="cannot complete rows"):
        model.sample(given=pd.DataFrame({"flag": [True]}))


def test_partial_rows_keep_their_cells(model: Synthesizer) -> None:
    partial = pd.DataFrame(
        {
            "last": ["yes", None, "no", "yes"],
            "size": [50.25, np.nan, 12345.0, np.nan],
            "kind": ["a", "b", "brand new", None],
            "count": [3, 4, np.nan, np.nan],
        },
        index=[7, 3, 9, 1],
    )
    rows = model.sample(given=partial)
    assert list(rows.index) == [7, 3, 9, 1] and list(rows.columns) == list(
        model.schema_.names
    )
    for name in partial:
        known = partial[name].notna()
        assert (rows.loc[known, name] == partial.loc[known, name]).all()
    assert rows["day"].notna().all() and rows["key"].is_unique
    assert str(rows["count"].dtype) == "int64" and str(rows["flag"].dtype) == "bool"
    more = model.sample(
        1000, given=partial.drop(columns="size"), where="size in 40..50"
    )
    assert (
        len(more) == 1000
        and more["size"].between(40, 50).all()
        and more["size"].nunique() > 20
    )


def test_given_rows_that_break_a_condition_are_named(model: Synthesizer) -> None:
    with pytest.raises(ConditionError, match="given row 2 breaks it"):
        model.sample(given=pd.DataFrame({"kind": ["a", "b"]}), where="kind = a")
    with pytest.raises(DataError, match="'colour'"):
        model.sample(given=pd.DataFrame({"colour": ["red"]}))
    with pytest.raises(ConfigError, match="where and seed only"):
        model.sample(given=pd.DataFrame({"kind": ["a"]}), balance="last")


@pytest.mark.long
def test_shares_of_classes_are_exact(model: Synthesizer) -> None:
    rows = model.sample(5001, balance="kind")
    assert (
        sorted(rows["kind"].value_counts()) == [1667, 1667, 1667]
        and rows["key"].is_unique
    )
    assert rows.head(30)["kind"].value_counts().between(8, 12).all()
    pd.testing.assert_frame_equal(model.sample(100, balance="kind"), rows.head(100))
    rows = model.sample(400, weights={"last": {"yes": 3, "no": 1}}, where="size > 45")
    assert abs((rows["last"] == "yes").sum() - 300) <= 1 and (rows["size"] > 45).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"balance": "smooth"}, "balance needs a column of categories"),
        ({"balance": "colour"}, "no column 'colour'"),
        ({"weights": {"last": {"yes": -1}}}, "weights of 'last'"),
        ({"weights": {"last": {"maybe": 1}}}, "'maybe' is not 'yes' or 'no'"),
        ({"weights": {"last": {"yes": 1}}, "balance": "kind"}, "of one column"),
        ({"where": "flag = True", "passes": 2}, "passes cannot be chosen"),
    ],
)
def test_shares_that_cannot_be_are_errors(
    model: Synthesizer, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SynthtabError, match=message):
        model.sample(10, **options)


def test_imputed_tables_keep_every_known_cell_and_lack_none(model: Synthesizer) -> None:
    whole = table().head(200)
    rng = np.random.default_rng(1)
    holes = whole.mask(rng.random(whole.shape) < 0.3)
    filled = model.impute(holes)
    assert not filled.isna().any().any()
    for name in whole:
        known = holes[name].notna()
        assert (filled.loc[known, name] == holes.loc[known, name]).all(), name
    first, second = model.impute(holes, draws=2)
    assert not first.equals(second) and first.equals(model.impute(holes, draws=1)[0])
    pd.testing.assert_frame_equal(first, filled)


def test_only_the_named_columns_are_imputed(model: Synthesizer) -> None:
    whole = table().head(100)
    first, second = whole.columns[:2]
    holes = whole.assign(**{first: whole[first].mask(whole.index % 2 == 0)})
    holes[second] = whole[second].mask(whole.index % 3 == 0)
    filled = model.impute(holes, columns=[first])
    pd.testing.assert_series_equal(filled[first], model.impute(holes)[first])
    pd.testing.assert_series_equal(filled[second], holes[second])
    with pytest.raises(SynthtabError, match=f"did you mean '{first}'"):
        model.impute(holes, columns=[f"{first}x"])


def test_a_region_is_what_its_condition_means(model: Synthesizer) -> None:
    """Every piece decodes to cells that meet the condition; what is just outside does not."""
    encoder = model.requests.encoder
    for where in (
        "size in 40..50",
        "count >= 6",
        "day in 2020-02-01..2020-02-29",
        "smooth < 0",
    ):
        (predicate,) = predicates(where, model.schema_)
        (found,) = regions(encoder, [predicate])
        part = next(
            c for c in encoder.columns if c.column.name == predicate.column.name
        )
        for code, low, high in zip(found.codes, found.low, found.high, strict=True):
            inside = np.linspace(low, high, 50, endpoint=False).astype(np.float32)[
                :, None
            ]
            cells = part.decode(
                np.repeat(code[None], 50, 0),
                inside[:, : sum(b.modes for b in part.blocks)],
                np.random.default_rng(0),
                0,
            )
            assert predicate.holds(cells).all(), where
    assert {r.blocks[0] for r in present_regions(encoder)} <= set(
        range(len(encoder.layout.blocks))
    )


@pytest.mark.long
def test_draws_within_a_range_of_a_mixture() -> None:
    """Masses and draws against a large unrestricted sample of the same mixture."""
    random = torch.Generator().manual_seed(0)
    parameters = torch.randn(1, 3 * COMPONENTS, generator=random)
    mixtures = Mixtures.of(parameters.expand(200_000, -1), 1)
    everywhere = mixtures.draw(random)[:, 0].clamp(
        max=1 - 2**-24
    )  # a probit of 6 is 1 in float32
    for low, high in ((0.2, 0.4), (0.0, 0.05), (0.9, 1.0), (0.5, 0.5001)):
        mode = torch.zeros(1, dtype=torch.int64)
        ends = (
            torch.tensor([low], dtype=torch.float64),
            torch.tensor([high], dtype=torch.float64),
        )
        mass = float(mixtures.log_mass(*ends, mode)[0].exp())
        inside = (everywhere >= low) & (everywhere < high)
        assert (
            abs(float(inside.float().mean()) - mass)
            < 4 * (mass / 200_000) ** 0.5 + 1e-6
        )
        rows = 20_000
        few = Mixtures.of(parameters.expand(rows, -1), 1)
        drawn = few.draw_within(
            ends[0].expand(rows), ends[1].expand(rows), mode.expand(rows), random
        )
        assert drawn.min() >= low and drawn.max() < high
        if inside.sum() > 5000:
            quantiles = torch.linspace(0.1, 0.9, 9)
            gap = (
                (drawn.quantile(quantiles) - everywhere[inside].quantile(quantiles))
                .abs()
                .max()
            )
            assert (
                float(gap)
                < 0.02 * (high - low) + 3 * (high - low) / float(inside.sum()) ** 0.5
            )


def test_far_from_every_component_draws_stay_in_the_range() -> None:
    narrow = torch.zeros(100, 3 * COMPONENTS)
    narrow[:, COMPONENTS : 2 * COMPONENTS], narrow[:, 2 * COMPONENTS :] = 4.0, -6.0
    mixtures, random = Mixtures.of(narrow, 1), torch.Generator().manual_seed(0)
    low, high = (torch.full((100,), x, dtype=torch.float64) for x in (0.1, 0.2))
    drawn = mixtures.draw_within(low, high, torch.zeros(100, dtype=torch.int64), random)
    assert bool(((drawn >= 0.1) & (drawn < 0.2)).all()) and bool(
        mixtures.log_mass(low[:1], high[:1], torch.zeros(1, dtype=torch.int64))
        .isfinite()
        .all()
    )


def test_digits_follow_each_other() -> None:
    """A column of two digits gives only the pairs that are allowed, in proportion to what the network says."""
    layout = Layout((Block("x", "digit 0", 3), Block("x", "digit 1", 4)))
    pairs = np.array([[0, 1], [0, 3], [2, 0]])
    region = Region((0, 1), pairs, np.zeros(3), np.ones(3))
    first, second = (Limits(region, i, layout, torch.device("cpu")) for i in (0, 1))
    random, rows = torch.Generator().manual_seed(0), 4000
    none, start = torch.zeros(rows, 0), torch.zeros(rows, dtype=torch.int64)
    one, _, prefix, weight = first.draw(torch.zeros(rows, 3), none, start, random)
    two, _, _, following = second.draw(torch.zeros(rows, 4), none, prefix, random)
    assert {tuple(p) for p in torch.stack([one, two], 1).tolist()} == {
        tuple(p) for p in pairs.tolist()
    }
    assert torch.allclose(
        weight.exp(), torch.full((rows,), 2 / 3, dtype=torch.float64), atol=1e-6
    )
    assert torch.allclose(
        following.exp(), torch.where(one == 0, 0.5, 0.25).double(), atol=1e-6
    )
