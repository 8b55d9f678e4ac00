from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from greenai_core.analysis.thinning import FINEST, count, thin

position = st.one_of(st.integers(0, 4).map(float), st.floats(-1e6, 1e6))


@st.composite
def clouds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    points = draw(st.integers(1, 40))
    x, y = (draw(arrays(float, points, elements=position)) for _ in range(2))
    return x, y, draw(arrays(bool, points)), draw(st.integers(0, 40))


def place(axis: np.ndarray) -> np.ndarray:
    extent = axis.max() - axis.min()
    return np.minimum((axis - axis.min()) / (extent or 1.0) * FINEST, FINEST - 1).astype(int)


def cells(x: np.ndarray, y: np.ndarray, width: int) -> list[tuple[int, int]]:
    return list(zip((place(x) // width).tolist(), (place(y) // width).tolist(), strict=True))


@given(clouds())
def test_all_that_must_be_drawn_is_and_no_more_than_asked_for(
    cloud: tuple[np.ndarray, np.ndarray, np.ndarray, int],
) -> None:
    x, y, keep, most = cloud
    drawn = thin(x, y, keep, most)
    assert set(np.flatnonzero(keep)) <= set(drawn)
    assert len(drawn) == keep.sum() + min(most, (~keep).sum())
    assert (np.diff(drawn) > 0).all()  # ascending, each once
    assert drawn.tolist() == thin(x.copy(), y.copy(), keep.copy(), most).tolist()


@given(clouds())
def test_the_axes_do_not_change(cloud: tuple[np.ndarray, np.ndarray, np.ndarray, int]) -> None:
    x, y, keep, most = cloud
    drawn = thin(x, y, keep, max(most, 4))
    for axis in (x, y):
        assert (axis[drawn].min(), axis[drawn].max()) == (axis.min(), axis.max())


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(20, 300))
def test_every_occupied_cell_keeps_a_point(seed: int, most: int) -> None:
    chance = np.random.default_rng(seed)
    x, y = chance.normal(size=1500), chance.exponential(size=1500) ** 2
    keep = chance.random(1500) < 0.02
    drawn = thin(x, y, keep, most)
    ends = {axis.argmin() for axis in (x, y)} | {axis.argmax() for axis in (x, y)}
    other = np.array([not keep[i] and i not in ends for i in range(len(x))])
    left = most - sum(not keep[end] for end in ends)
    widths = [2**power for power in range(9)]
    for width in widths:
        occupied = {cell for cell, wanted in zip(cells(x, y, width), other, strict=True) if wanted}
        if len(occupied) <= left:
            break
    assert occupied <= {cells(x, y, width)[index] for index in drawn}


def test_a_lonely_point_stays_and_a_crowd_is_thinned() -> None:
    chance = np.random.default_rng(0)
    x, y = chance.normal(0, 1e-3, 20_000), chance.normal(0, 1e-3, 20_000)
    lonely = [5000, 12_345, 19_999]
    x[lonely], y[lonely] = [-1.0, 0.2, 1.0], [0.1, 1.0, -1.0]
    x[7], y[7] = 0.7, 0.4  # at no end of an axis
    drawn = thin(x, y, np.zeros(len(x), dtype=bool))
    assert {7, *lonely} <= set(drawn)
    assert len(drawn) == 2000


def test_denser_cells_show_more_points() -> None:
    chance = np.random.default_rng(0)
    x = np.concatenate([chance.uniform(0, 1, 9000), chance.uniform(1, 2, 300)])
    y = chance.uniform(0, 1, len(x))
    drawn = thin(x, y, np.zeros(len(x), dtype=bool), 1500)
    dense = (x[drawn] < 1).sum()
    assert dense > 1.5 * (len(drawn) - dense) > 0


def test_the_last_points_are_spread_over_the_axis() -> None:
    """Where the budget ends amid a turn, it must not end at the left of the chart."""
    x = np.repeat(np.arange(64.0), 100)
    drawn = thin(x, np.zeros(len(x)), np.zeros(len(x), dtype=bool), 66 + 32)
    assert np.bincount(x[drawn].astype(int), minlength=64)[32:].sum() == pytest.approx(49, abs=2)


def test_where_all_fit_all_are_drawn() -> None:
    x = np.zeros(10)
    assert thin(x, x, np.zeros(10, dtype=bool), 10).tolist() == list(range(10))
    assert thin(x, x, np.ones(10, dtype=bool), 0).tolist() == list(range(10))
    assert thin(np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool)).tolist() == []


def test_points_on_top_of_each_other_are_thinned_too() -> None:
    x = np.full(5000, 3.0)
    assert len(thin(x, x, np.zeros(5000, dtype=bool), 100)) == 100


def test_a_million_points_are_thinned_to_what_was_asked_for() -> None:
    chance = np.random.default_rng(0)
    x, y = chance.normal(size=(2, 1_000_000))
    keep = np.zeros(1_000_000, dtype=bool)
    keep[:77] = True
    assert len(thin(x, y, keep)) == 2077


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_point_without_a_place_is_refused(bad: float) -> None:
    x = np.array([0.0, bad])
    with pytest.raises(ValueError, match="finite position"):
        thin(np.zeros(2), x, np.zeros(2, dtype=bool))
    with pytest.raises(ValueError, match="finite position"):
        thin(x, np.zeros(2), np.zeros(2, dtype=bool))


def test_unlike_lengths_and_negative_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"three arrays"):
        thin(np.zeros(2), np.zeros(3), np.zeros(2, dtype=bool))
    with pytest.raises(ValueError, match="0 or more, got -1"):
        thin(np.zeros(2), np.zeros(2), np.zeros(2, dtype=bool), -1)


def test_what_is_left_out_is_said() -> None:
    assert count(2000, 100_000) == "2,000 of 100,000 shown"
    assert count(50, 50) == ""
