from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from greenai_core.analysis import pareto
from greenai_core.analysis.replicates import points
from greenai_core.errors import BadInput
from greenai_core.record import Record
from greenai_core.store import records
from tests import factory

coarse = st.integers(-3, 3).map(float)  # few values, so that ties and equal rows are common
fine = st.floats(-1e6, 1e6, allow_nan=False)


def beaten(values: np.ndarray, maximize: list[bool], row: int) -> bool:
    """The definition: somebody is at least as good everywhere and better somewhere."""
    signed = values * np.where(maximize, -1.0, 1.0)
    return any((other <= signed[row]).all() and (other < signed[row]).any() for other in signed)


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, list[bool]]:
    columns = draw(st.integers(1, 4))
    rows = draw(st.integers(0, 25))
    values = draw(arrays(float, (rows, columns), elements=draw(st.sampled_from([coarse, fine]))))
    return values, draw(st.lists(st.booleans(), min_size=columns, max_size=columns))


@given(problems())
def test_front_mask_is_the_definition(problem: tuple[np.ndarray, list[bool]]) -> None:
    values, maximize = problem
    expected = [not beaten(values, maximize, row) for row in range(len(values))]
    assert pareto.front_mask(values, maximize).tolist() == expected


def test_front_mask_leaves_its_input_alone() -> None:
    values = np.array([[1.0, 2.0], [2.0, 1.0], [0.0, 0.0]])
    before = values.copy()
    pareto.front_mask(values, [True, True])
    assert (values == before).all()


def test_an_unknown_value_cannot_be_ranked() -> None:
    with pytest.raises(ValueError, match="NaN"):
        pareto.front_mask(np.array([[1.0, np.nan]]), [True, False])


def test_one_sense_per_column() -> None:
    with pytest.raises(ValueError, match=r"\(n, 1\)"):
        pareto.front_mask(np.zeros((2, 2)), [True])


def stored(*groups: Iterable[Record]) -> pd.DataFrame:
    for group in groups:
        for record in group:
            records.save(record)
    return records.table()


def told(table: pd.DataFrame) -> pd.DataFrame:
    return points(table, ["accuracy_val", "accuracy", "size_bytes", "energy_per_sample_j"])


def test_runs_of_two_machines_share_the_size_front_and_not_the_energy_front() -> None:
    table = stored(factory.records(1), factory.records(1, host="elsewhere"))
    (size,) = pareto.fronts(table, ["accuracy_val", "size_bytes"])
    assert len(size.table) == len(table)
    energies = pareto.fronts(table, ["accuracy_val", "energy_train_j"])
    assert [len(front.table) for front in energies] == [len(table) / 2] * 2
    assert all(front.table["training_key"].nunique() == 1 for front in energies)


def test_measured_and_estimated_energies_are_never_ranked_together() -> None:
    table = stored(factory.records(1), [factory.record(factory.spec(seed=7), kind="measured")])
    fronts = pareto.fronts(table, ["accuracy_val", "energy_per_sample_j"])
    assert sorted(front.keys["energy_inference_kind"] for front in fronts) == ["estimated", "measured"]


def test_data_sets_are_never_ranked_together() -> None:
    table = stored(factory.records(1), factory.records(1, dataset="fashion_mnist"))
    fronts = pareto.fronts(table, ["accuracy", "params"])
    assert {frozenset(front.table["dataset"]) for front in fronts} == {
        frozenset({"digits"}),
        frozenset({"fashion_mnist"}),
    }
    (only,) = pareto.fronts(table, ["accuracy", "params"], dataset="digits")
    assert set(only.table["dataset"]) == {"digits"}


def test_static_objectives_need_no_key() -> None:
    table = stored(factory.records(1), [factory.record(factory.spec(seed=7), comparability=None)])
    (front,) = pareto.fronts(table, ["params", "macs"])
    assert len(front.table) == len(table)


def test_runs_without_an_objective_or_its_key_are_left_out_and_counted() -> None:
    unknown = factory.record(factory.spec(seed=7), latency_ms=None, notes={"latency_ms": "not measured"})
    keyless = factory.record(factory.spec(seed=8), comparability=None)
    table = stored(factory.records(1), [unknown, keyless])
    (front,) = pareto.fronts(table, ["accuracy_val", "latency_ms"])
    assert len(front.table) == len(table) - 2
    missing = pareto.lacking(table, ["accuracy_val", "latency_ms"])
    assert set(missing["run_id"]) == {unknown.run_id, keyless.run_id}


def test_failed_runs_join_no_front() -> None:
    table = stored([factory.record(status="failed")])
    assert pareto.fronts(table, ["accuracy_val", "size_bytes"]) == []
    assert pareto.lacking(table, ["accuracy_val", "size_bytes"]).empty


def test_an_empty_store_has_no_front() -> None:
    assert pareto.fronts(records.table(), ["accuracy_val", "size_bytes"]) == []
    assert pareto.most_accurate(told(records.table())) is None
    assert pareto.cheapest(told(records.table()), "size_bytes") is None


def test_an_unknown_objective_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match=r"unknown objective 'speed'.*latency_ms"):
        pareto.fronts(records.table(), ["accuracy", "speed"])


@pytest.mark.parametrize("fact", ["energy_spent_j", "wall_s"])
def test_what_depends_on_the_store_is_no_objective(fact: str) -> None:
    with pytest.raises(BadInput, match=fact):
        pareto.fronts(records.table(), ["accuracy_val", fact])


def test_picks_are_chosen_on_validation_and_tell_the_test_accuracy() -> None:
    sure = factory.record(factory.spec(seed=0), accuracy_val=0.98, accuracy=0.90, size_bytes=1000)
    lucky = factory.record(factory.spec(model="mlp_student"), accuracy_val=0.90, accuracy=0.99, size_bytes=10)
    table = told(stored([sure, lucky]))
    for pick in (pareto.most_accurate(table), pareto.cheapest(table, "size_bytes")):
        assert pick is not None
        assert (pick.run_id, pick.accuracy_val, pick.accuracy) == (sure.run_id, 0.98, 0.90)


def test_the_cheapest_is_within_a_point_of_the_best() -> None:
    accuracies = {0.3: 0.98, 0.6: 0.9701, 0.8: 0.9699}
    sizes = {0.3: 1000, 0.6: 500, 0.8: 100}
    table = told(
        stored(
            factory.record(
                factory.spec(technique="l1_channel_pruning", sparsity=sparsity),
                accuracy_val=accuracies[sparsity],
                size_bytes=sizes[sparsity],
            )
            for sparsity in accuracies
        )
    )
    pick = pareto.cheapest(table, "size_bytes")
    assert pick is not None
    assert (pick.value, pick.reference, pick.compared) == (500, 1000, 3)
    assert pareto.most_accurate(table).value == 0.98  # type: ignore[union-attr]


def test_a_pick_is_a_recipe_at_the_mean_of_its_seeds() -> None:
    seeds = [factory.record(factory.spec(seed=seed), accuracy_val=0.9 + seed / 100) for seed in range(3)]
    once = factory.record(factory.spec(model="mlp_student"), accuracy_val=0.909)
    best = pareto.most_accurate(told(stored([*seeds, once])))
    assert best is not None
    assert (best.seeds, best.compared) == (3, 2)
    assert best.value == pytest.approx(0.91)


def test_the_cheapest_in_joules_says_how_they_were_obtained() -> None:
    pick = pareto.cheapest(told(stored(factory.records(1, kind="apportioned"))), "energy_per_sample_j")
    assert pick is not None
    assert pick.kind == "apportioned"


@pytest.mark.parametrize("pick", [pareto.most_accurate, lambda points: pareto.cheapest(points, "size_bytes")])
def test_of_recipes_whose_validation_accuracy_is_unknown_none_is_picked(
    pick: Callable[[pd.DataFrame], pareto.Pick | None],
) -> None:
    unknown = [record.model_copy(update={"accuracy_val": None}) for record in factory.records(1)]
    assert pick(told(stored(unknown))) is None
    known = factory.record(factory.spec(seed=1, technique="l1_channel_pruning", sparsity=0.5))
    found = pick(told(stored([known])))
    assert found is not None and (found.run_id, found.compared) == (known.run_id, 1)


def test_grams_of_two_grids_are_never_ranked_together() -> None:
    found = list(factory.records(2))
    dirty, green = found[: len(found) // 2], found[len(found) // 2 :]
    table = stored(
        (factory.on_grid(record, 500.0) for record in dirty), (factory.on_grid(record, 20.0) for record in green)
    )
    fronts = pareto.fronts(table, ["accuracy_val", "carbon_train_g"])
    assert {front.keys["g_per_kwh"]: set(front.table["run_id"]) for front in fronts} == {
        "500.0": {record.run_id for record in dirty},
        "20.0": {record.run_id for record in green},
    }
    (whole,) = pareto.fronts(table, ["accuracy_val", "energy_train_j"])
    assert len(whole.table) == len(table)


@pytest.mark.parametrize("joules", [0.0, None])
def test_grams_whose_grid_is_unknown_are_in_no_group(joules: float | None) -> None:
    odd = factory.record(factory.spec(seed=7), carbon_train_g=1.0, energy_train_j=joules)
    table = stored([factory.on_grid(record, 360.0) for record in factory.records(1)], [odd])
    (front,) = pareto.fronts(table, ["accuracy_val", "carbon_train_g"])
    assert odd.run_id not in set(front.table["run_id"])
    assert set(pareto.lacking(table, ["accuracy_val", "carbon_train_g"])["run_id"]) == {odd.run_id}


@pytest.mark.parametrize("grid", [707.686, 1306.025, 1000 / 3, 0.001])
def test_runs_on_one_grid_stay_together_whatever_their_joules_are(grid: float) -> None:
    joules = 10.0 ** np.linspace(-6, 9, 40)
    table = stored(
        factory.on_grid(factory.record(factory.spec(seed=seed), energy_train_j=float(each)), grid)
        for seed, each in enumerate(joules)
    )
    (front,) = pareto.fronts(table, ["accuracy_val", "carbon_train_g"])
    assert len(front.table) == len(joules)


def test_own_runs_come_first() -> None:
    table = stored(factory.records(1), factory.records(2, host="elsewhere"))
    table["origin"] = ["bank" if run.startswith("elsewhere") else "own" for run in table["run_id"]]
    first, *_ = pareto.fronts(table, ["accuracy_val", "energy_train_j"])
    assert set(first.table["origin"]) == {"own"}


@pytest.mark.parametrize("objectives", [2, 3])
def test_a_front_does_not_depend_on_the_blocks_it_is_found_in(objectives: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 40, (500, objectives)).astype(float)  # with ties
    maximize = [place % 2 == 0 for place in range(objectives)]
    whole = pareto.front_mask(values, maximize)
    monkeypatch.setattr(pareto, "BLOCK", 7)
    assert (pareto.front_mask(values, maximize) == whole).all() and 0 < whole.sum() < len(values)
