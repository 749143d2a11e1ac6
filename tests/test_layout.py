"""Positions: every slot belongs to exactly one code of one block, whatever the mix of sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.core.layout import CURVE_POINTS, Block, Layout
from tests.model_tables import LAYOUT, table

blocks = st.lists(
    st.tuples(st.integers(0, 150), st.integers(0, 4)).filter(
        lambda s: s[0] + s[1] >= 2
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(blocks)
def test_slots_are_a_partition(sizes: list[tuple[int, int]]) -> None:
    layout = Layout(
        tuple(
            Block(f"c{i}", atoms=a, modes=m, values=(), curves=())
            for i, (a, m) in enumerate(sizes)
        )
    )
    slots = [
        int(layout.starts[b]) + c
        for b, k in enumerate(layout.blocks)
        for c in range(k.size)
    ]
    assert len(set(slots)) == len(slots) == int(layout.used.sum())
    assert layout.used[slots].all()
    assert [layout.slot_block[s] for s in slots] == [
        b for b, k in enumerate(layout.blocks) for _ in range(k.size)
    ]
    assert layout.width <= len(slots) / 0.7 + 1, "padding wastes over 30 %"
    expected = [
        int(layout.starts[b]) + k.atoms + m
        for b, k in enumerate(layout.blocks)
        for m in range(k.modes)
    ]
    assert list(layout.mode_slots) == expected
    assert [layout.continuous[o] for o in layout.mode_offsets] == [
        layout.slot_block[s] for s in expected
    ]


def test_groups_cover_the_flat_vector() -> None:
    stops = [g.slice.stop for g in LAYOUT.groups]
    assert [g.start for g in LAYOUT.groups] == [0, *stops[:-1]]
    assert stops[-1] == LAYOUT.width
    assert sorted(b for g in LAYOUT.groups for b in g.blocks) == list(
        range(len(LAYOUT.blocks))
    )


def test_columns_map_to_their_blocks() -> None:
    layout = Layout(
        (Block("a", "digit 0", 4), Block("a", "digit 1", 4), Block("b", atoms=2))
    )
    assert layout.columns == {"a": (0, 1), "b": (2,)}


@pytest.mark.parametrize(
    "bad",
    [
        dict(atoms=1),
        dict(atoms=0),
        dict(atoms=2, values=(1.0,)),
        dict(modes=1, atoms=1, values=(0.0,)),
    ],
)
def test_impossible_blocks_are_refused(bad: dict) -> None:
    with pytest.raises(AssertionError, match="report this"):
        Block("x", **bad)


def test_take_keeps_rows_together() -> None:
    whole = table()
    part = whole.take(np.array([5, 3]))
    assert len(part) == 2
    np.testing.assert_array_equal(part.codes[1], whole.codes[3])
    np.testing.assert_array_equal(part.offsets[0], whole.offsets[5])
    assert CURVE_POINTS == 33


def test_units_are_columns_or_their_parts_by_names_of_their_own() -> None:
    layout = Layout(
        (
            Block("a", "digit 0", 4),
            Block("a", "digit 1", 4),
            Block("a digit 0", atoms=2),
            Block("b", atoms=2),
        )
    )
    assert layout.units == {
        "a digit 0'": (0,),
        "a digit 1": (1,),
        "a digit 0": (2,),
        "b": (3,),
    }
    assert sorted(b for blocks in layout.units.values() for b in blocks) == list(
        range(4)
    )
