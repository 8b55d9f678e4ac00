from __future__ import annotations

from itertools import product

import moocore
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from greenai_core.analysis import pareto, ranks
from greenai_core.analysis.figures import FIGURES, figure
from greenai_core.errors import BadInput
from greenai_core.store import records
from tests import factory

TWO = (figure("accuracy_val"), figure("size_bytes"))
coarse = st.integers(-3, 3).map(float)  # few values, so that ties and equal rows are common


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, list[bool]]:
    columns, rows = draw(st.integers(1, 4)), draw(st.integers(0, 16))
    values = draw(arrays(float, (rows, columns), elements=coarse))
    return values, draw(st.lists(st.booleans(), min_size=columns, max_size=columns))


def peeled(values: np.ndarray, maximize: list[bool]) -> list[int]:
    """The definition: take the front away, and again, until nothing is left."""
    signed = values * np.where(maximize, -1.0, 1.0)
    found, left, number = np.full(len(values), -1), set(range(len(values))), 0
    while left:
        front = {
            row
            for row in left
            if not any((signed[o] <= signed[row]).all() and (signed[o] < signed[row]).any() for o in left)
        }
        found[list(front)] = number
        left, number = left - front, number + 1
    return found.tolist()


@given(problems())
def test_ranks_are_successive_fronts(problem: tuple[np.ndarray, list[bool]]) -> None:
    values, maximize = problem
    found = ranks.ranks(values, maximize)
    assert found.tolist() == peeled(values, maximize)
    assert ((found == 0) == pareto.front_mask(values, maximize)).all()


@pytest.mark.parametrize("maximize", list(product([True, False], repeat=3)))
def test_every_direction_is_the_other_one_of_the_negative(maximize: tuple[bool, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 8, (300, 3)).astype(float)
    smaller_is_better = values * np.where(maximize, -1.0, 1.0)
    assert (ranks.ranks(values, maximize) == ranks.ranks(smaller_is_better, [False] * 3)).all()
    assert (pareto.front_mask(values, maximize) == pareto.front_mask(smaller_is_better, [False] * 3)).all()
    corner = np.where(maximize, 0.0, 8.0)
    volume = ranks.hypervolume(values, maximize, list(corner))
    assert volume == pytest.approx(ranks.hypervolume(smaller_is_better, [False] * 3, list(np.abs(corner) * 1.0)))


def test_objectives_that_order_runs_alike_are_ranked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run would be a front of its own, for which moocore takes quadratic time in three objectives only."""
    columns = []
    sort = moocore.pareto_rank
    monkeypatch.setattr(moocore, "pareto_rank", lambda points: columns.append(points.shape[1]) or sort(points))
    once = np.random.default_rng(0).permutation(300).astype(float)
    assert (ranks.ranks(np.column_stack([once, 3 * once + 1, np.sqrt(once)]), [False] * 3) == once).all()
    ranks.ranks(np.column_stack([once, -once, np.sqrt(once)]), [False, True, True])
    assert columns == [1, 2]


def test_ties_of_a_column_are_not_forgotten() -> None:
    assert ranks.ranks(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), [False, False]).tolist() == [0, 1, 2]


def test_too_many_runs_to_rank_are_refused() -> None:
    with pytest.raises(BadInput, match=r"100,001 runs are too many to rank; filter them down to 100,000"):
        ranks.ranks(np.zeros((100_001, 2)), [True, False])
    assert len(ranks.ranks(np.zeros((100_000, 2)), [True, False])) == 100_000


@pytest.mark.parametrize("unknown", [(0, 0), (3, 1), (4, 2)])
def test_an_unknown_value_is_refused_everywhere(unknown: tuple[int, int]) -> None:
    values = np.ones((5, 3))
    values[unknown] = np.nan
    for refused in (
        lambda: pareto.front_mask(values, [True, False, False]),
        lambda: ranks.ranks(values, [True, False, False]),
        lambda: ranks.hypervolume(values, [True, False, False], [0.0, 2.0, 2.0]),
        lambda: ranks.normalised(values, [*TWO, figure("latency_ms")]),
    ):
        with pytest.raises(ValueError, match="NaN"):
            refused()
    with pytest.raises(ValueError, match="NaN"):
        ranks.hypervolume(np.ones((1, 1)), [True], [np.nan])


def test_one_sense_per_column() -> None:
    with pytest.raises(ValueError, match=r"\(n, 1\)"):
        ranks.ranks(np.zeros((2, 2)), [True])
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        ranks.hypervolume(np.zeros((2, 2)), [True, False], [1.0])


@given(arrays(int, st.tuples(st.integers(0, 6), st.integers(1, 3)), elements=st.integers(0, 4)))
def test_hypervolume_is_the_number_of_dominated_cells(corners: np.ndarray) -> None:
    """Of a grid of unit cells up to (4, ..., 4): a cell counts where some row is at or below its lower corner."""
    columns = corners.shape[1]
    cells = np.array(list(product(range(4), repeat=columns)))
    expected = sum(any((row <= cell).all() for row in corners) for cell in cells)
    assert ranks.hypervolume(corners, [False] * columns, [4.0] * columns) == pytest.approx(expected)


def test_costs_are_normalised_by_their_logarithm_and_shares_linearly() -> None:
    values = np.array([[0.9, 1e3], [0.8, 1e4], [0.5, 1e5]])
    expected = [[0, 0], [0.25, 0.5], [1, 1]]
    assert ranks.normalised(values, TWO) == pytest.approx(np.array(expected))
    throughput = np.array([[1e2], [1e4], [1e3]])
    assert ranks.normalised(throughput, [figure("throughput")]) == pytest.approx(np.array([[1.0], [0.0], [0.5]]))


def test_a_column_with_a_zero_stays_linear_and_an_equal_one_loses_nothing() -> None:
    values = np.array([[0.9, 0.0], [0.9, 2.0], [0.9, 8.0]])
    assert ranks.normalised(values, TWO) == pytest.approx(np.array([[0, 0], [0, 0.25], [0, 1]]))
    assert ranks.normalised(np.zeros((0, 2)), TWO).shape == (0, 2)


def test_an_infinite_value_has_no_place_in_the_box() -> None:
    with pytest.raises(ValueError, match="infinite"):
        ranks.normalised(np.array([[0.9, np.inf], [0.8, 1.0]]), TWO)


@given(arrays(float, (12, 3), elements=st.floats(1e-6, 1e6)), st.sampled_from([1e-9, 1024.0, 3.6e6]))
def test_the_unit_of_a_cost_changes_nothing(values: np.ndarray, unit: float) -> None:
    wanted = [figure("size_bytes"), figure("energy_train_j"), figure("throughput")]
    losses = ranks.normalised(values, wanted)
    spread = values.max(axis=0) / values.min(axis=0) > 1 + 1e-6  # else rounding is all there is
    assert ((losses >= 0) & (losses <= 1)).all()
    assert ranks.normalised(values * unit, wanted)[:, spread] == pytest.approx(losses[:, spread], abs=1e-6)


def front_of(rows: list[tuple[float, float]]) -> pareto.Front:
    table = pd.DataFrame(rows, columns=["accuracy_val", "size_bytes"])
    return pareto.Front({}, ("accuracy_val", "size_bytes"), table, pareto.front_mask(table.to_numpy(), [True, False]))


def test_the_dominated_share_is_the_area_below_the_steps() -> None:
    front = front_of([(0.9, 1e5), (0.8, 1e4), (0.5, 1e3), (0.5, 1e5)])
    assert ranks.dominated_share(front) == pytest.approx(0.75 * 0.5)
    perfect = front_of([(0.9, 1e3), (0.5, 1e5)])
    assert ranks.dominated_share(perfect) == pytest.approx(1.0)


def test_a_flat_box_has_no_share() -> None:
    assert ranks.dominated_share(front_of([(0.9, 1e3)])) is None
    assert ranks.dominated_share(front_of([(0.9, 1e3), (0.9, 1e4)])) is None


def test_a_better_run_within_the_box_raises_the_share() -> None:
    rows = [(0.9, 1e5), (0.5, 1e3), (0.5, 1e5)]
    before, after = ranks.dominated_share(front_of(rows)), ranks.dominated_share(front_of([*rows, (0.89, 2e3)]))
    assert before == pytest.approx(0.0)  # both ends lie on the edge of the box
    assert after is not None and after > 0.8


def test_the_share_of_stored_runs_lies_between_none_and_all() -> None:
    for record in factory.records(1):
        records.save(record)
    for cost in ("size_bytes", "energy_per_sample_j", "throughput"):
        (front,) = pareto.fronts(records.table(), ["accuracy_val", cost])
        share = ranks.dominated_share(front)
        assert share is not None and 0 < share < 1


def test_every_figure_but_a_share_can_be_drawn_on_a_logarithmic_axis() -> None:
    """A figure that may be zero or negative would stay linear, without anybody having decided so."""
    for record in factory.records(1):
        records.save(record)
    table = records.table()
    known = [name for name in FIGURES if table[name].notna().any()]
    assert (table[known].fillna(1.0) > 0).all(axis=None)
