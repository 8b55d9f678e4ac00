from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenai_core.analysis import pareto
from greenai_core.analysis.advice import obstacle, sentence
from greenai_core.analysis.choice import Limits, knee, recommend
from greenai_core.analysis.figures import figure
from greenai_core.errors import BadInput
from greenai_core.store import records
from tests import factory

KB = 1024
COLUMNS = ["accuracy_val", "size_bytes", "latency_ms", "throughput", "energy_per_sample_j"]
KEYS = ["quality_key", "training_key", "inference_key", "energy_inference_kind"]


def table_of(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Comparable runs with the given figures; what a row does not state is the same for all."""
    stated = {
        "status": "succeeded",
        "origin": "own",
        "dataset": "digits",
        "quality_key": "digits",
        "training_key": "here",
        "inference_key": "here",
        "energy_inference_kind": "estimated",
        "accuracy": math.nan,
        **dict.fromkeys(COLUMNS, 1.0),
    }
    return pd.DataFrame([{**stated, "run_id": f"run-{place:02}", **row} for place, row in enumerate(rows)])


def front_of(
    rows: Sequence[Mapping[str, object]], objectives: tuple[str, ...] = ("accuracy_val", "size_bytes")
) -> pareto.Front:
    return pareto.fronts(table_of(rows), objectives)[0]


def sized(*pairs: tuple[float, float]) -> pareto.Front:
    """A front over validation accuracy and file size."""
    return front_of([{"accuracy_val": accuracy, "size_bytes": size} for accuracy, size in pairs])


BENT = ((0.90, 1 * KB), (0.96, 4 * KB), (0.97, 64 * KB), (0.975, 256 * KB), (0.50, 512 * KB))


def test_the_knee_is_taken_and_the_sentence_says_what_it_gives_up() -> None:
    found = recommend(sized(*BENT))
    assert found is not None
    assert (found.run_id, found.feasible, found.unjudged) == ("run-01", 5, 0)
    assert found.depth == pytest.approx((1 - 0.2 - 0.25) / math.sqrt(2))
    assert [extreme.run_id for extreme in found.extremes] == ["run-03", "run-00"]
    assert sentence(found) == (
        "Of 5 recipes, this one is the last before accuracy gets expensive: validation accuracy 96.00 %, "
        "file size 4.00 KB; it has 1.5 points less than the highest validation accuracy (97.50 %, with 64 times the "
        "file size) and 4.0 times the lowest file size (1.00 KB, with 6.0 points less validation accuracy)."
    )


@pytest.mark.parametrize(
    ("limits", "expected", "feasible"),
    [
        ({"accuracy_val": 0.965}, "run-03", 2),  # two points have no knee: the more accurate one
        ({"size_bytes": 1.5 * KB}, "run-00", 1),
        ({"size_bytes": 4 * KB}, "run-01", 2),  # a bound that is met exactly is kept
        ({"accuracy_val": 0.96, "size_bytes": 100 * KB}, "run-02", 2),
        ({"accuracy_val": None, "size_bytes": None}, "run-01", 5),
    ],
)
def test_limits_move_the_pick(limits: dict[str, float | None], expected: str, feasible: int) -> None:
    found = recommend(sized(*BENT), Limits.of(limits))
    assert found is not None
    assert (found.run_id, found.feasible) == (expected, feasible)


def test_one_run_within_the_limits_gives_up_nothing() -> None:
    found = recommend(sized(*BENT), Limits.of({"size_bytes": 2 * KB}))
    assert found is not None
    assert sentence(found) == (
        "The only recipe within the limits is the one to take: validation accuracy 90.00 %, file size 1.00 KB."
    )


def test_a_run_that_beats_all_is_the_best_in_everything() -> None:
    found = recommend(sized((0.9, 10 * KB), (0.95, 1 * KB)))
    assert found is not None
    assert sentence(found).startswith(
        "Of 2 recipes, this one is the best in every objective: validation accuracy 95.00 %"
    )


@pytest.mark.parametrize(
    "pairs",
    [
        ((0.9, 1e3), (0.8, 1e2)),
        ((0.9, 1e4), (0.8, 1e3), (0.7, 1e2)),  # straight
        ((0.9, 1e4), (0.72, 1e3), (0.7, 1e2)),  # bulges away
    ],
)
def test_without_a_knee_the_most_accurate_is_taken(pairs: tuple[tuple[float, float], ...]) -> None:
    found = recommend(sized(*pairs))
    assert found is not None
    assert (found.run_id, found.depth) == ("run-00", 0.0)
    assert "has the highest validation accuracy, since no other is a clearly better bargain" in sentence(found)


EVEN = np.full(3, 1 / 3)


def test_the_knee_of_three_objectives_loses_least_in_sum() -> None:
    losses = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0], [0.3, 0.3, 0.3], [0.2, 0.2, 0.6]])
    chosen, depth = knee(losses, EVEN)
    assert chosen == 3
    assert depth == pytest.approx(1.1 / math.sqrt(3))


def test_ties_go_to_the_first_objective_then_to_the_first_run() -> None:
    two = np.array([0.5, 0.5])
    assert knee(np.array([[0, 1], [0.3, 0.2], [0.2, 0.3], [0.2, 0.3], [1, 0]]), two)[0] == 2
    assert knee(np.array([[0.5, 0.2, 0.3], [0.3, 0.4, 0.3], [0.3, 0.3, 0.4]]), EVEN)[0] == 2
    assert knee(np.array([[0.0, 0.0]]), two) == (0, pytest.approx(1 / math.sqrt(2)))
    assert knee(np.array([[0.0], [0.0]]), np.ones(1)) == (0, 0.0)


def test_a_cost_that_rises_with_another_does_not_move_the_pick() -> None:
    """Size and energy of the same models say the same twice; summed alike, the cheapest run would win by that."""
    rows = [
        {"accuracy_val": accuracy, "accuracy": accuracy, "size_bytes": size, "energy_per_sample_j": size * 1e-9}
        for accuracy, size in ((0.98, 64 * KB), (0.95, 8 * KB), (0.60, 1 * KB))
    ]
    for objectives in (
        ("accuracy_val", "size_bytes"),
        ("accuracy_val", "size_bytes", "energy_per_sample_j"),
        ("energy_per_sample_j", "accuracy", "size_bytes"),
    ):
        found = recommend(front_of(rows, objectives))
        assert found is not None
        assert found.run_id == "run-01"
        assert found.objectives[0].column == "accuracy_val"


def test_the_order_of_the_table_decides_nothing() -> None:
    front = sized(*BENT, (0.96, 4 * KB), (0.96, 4 * KB))
    for seed in range(5):
        mixed = front.table.sample(frac=1, random_state=seed)
        found = recommend(pareto.fronts(mixed, front.objectives)[0])
        assert found is not None and found.run_id == "run-01"


bounds = st.one_of(st.none(), st.integers(0, 6).map(float))


@given(
    st.lists(st.tuples(*[st.integers(1, 6)] * 4), min_size=1, max_size=25),
    st.lists(st.sampled_from(COLUMNS), min_size=2, max_size=3, unique=True),
    st.fixed_dictionaries(dict.fromkeys(COLUMNS[:4], bounds)),
)
def test_the_pick_keeps_every_limit_and_no_feasible_run_beats_it(
    values: list[tuple[int, ...]], objectives: list[str], wanted: dict[str, float | None]
) -> None:
    rows = [
        {**dict(zip(COLUMNS, map(float, row), strict=False)), "energy_per_sample_j": row[0] * 2.0} for row in values
    ]
    front, limits = front_of(rows, tuple(objectives)), Limits.of(wanted)

    def keeps(row: dict[str, float]) -> bool:
        return all(row[c] >= b if figure(c).maximize else row[c] <= b for c, b in limits.bounds)

    feasible = [row for row in rows if keeps(row)]
    found = recommend(front, limits)
    assert (found is not None) == bool(feasible)
    if found is None:
        told = obstacle(front, limits)
        assert told.startswith("No recipe keeps ") and told.endswith(".")
        return
    picked = rows[int(found.run_id.removeprefix("run-"))]
    assert keeps(picked) and found.feasible == len(feasible) and found.unjudged == 0
    assert found.values == tuple(picked[objective.column] for objective in found.objectives)
    sense = {name: -1.0 if figure(name).maximize else 1.0 for name in objectives}
    for other in feasible:
        better = [sense[name] * other[name] < sense[name] * picked[name] for name in objectives]
        worse = [sense[name] * other[name] > sense[name] * picked[name] for name in objectives]
        assert not any(better) or any(worse)
    for extreme in found.extremes:
        values = [row[extreme.figure.column] for row in feasible]
        assert extreme.value == (max(values) if extreme.figure.maximize else min(values))
    assert sentence(found).endswith(".") and "nan" not in sentence(found)


def test_choices_are_made_on_validation_whatever_is_drawn() -> None:
    rows = [
        {"accuracy_val": 0.98, "accuracy": 0.90, "f1_macro": 0.90},
        {"accuracy_val": 0.90, "accuracy": 0.99, "f1_macro": 0.99},
    ]
    for drawn in ("accuracy", "f1_macro"):
        found = recommend(front_of(rows, (drawn, "size_bytes")))
        assert found is not None
        assert (found.run_id, found.accuracy) == ("run-00", 0.90)
        assert [objective.column for objective in found.objectives] == ["accuracy_val", "size_bytes"]


def test_a_limit_on_the_test_split_is_refused() -> None:
    for column in ("accuracy", "f1_macro"):
        with pytest.raises(BadInput, match=f"limit on {column}.*test split; limit accuracy_val instead"):
            Limits.of({column: 0.9})


def test_a_limit_must_be_a_number_on_a_figure() -> None:
    with pytest.raises(BadInput, match="limit on size_bytes is not a number"):
        Limits.of({"size_bytes": math.nan})
    with pytest.raises(BadInput, match="unknown objective 'speed'"):
        Limits.of({"speed": 1.0})


def test_runs_of_another_machine_are_not_held_against_a_limit() -> None:
    """The fast machine's latency says nothing about this one: its run must not be the pick, nor excuse another."""
    rows = [
        {"accuracy_val": 0.95, "latency_ms": 4.0},
        {"accuracy_val": 0.93, "latency_ms": 2.0},
        {"accuracy_val": 0.99, "latency_ms": 0.1, "inference_key": "elsewhere", "origin": "bank"},
        {"accuracy_val": 0.98, "latency_ms": math.nan},
    ]
    front = front_of(rows)
    assert len(front.table) == 4
    found = recommend(front, Limits.of({"latency_ms": 3.0}))
    assert found is not None
    assert (found.run_id, found.feasible, found.unjudged) == ("run-01", 1, 2)
    assert "The only recipe within the limits (2 more cannot be judged)" in sentence(found)
    assert obstacle(front, Limits.of({"latency_ms": 1.0})) == (
        "No recipe keeps latency at most 1.00 ms (the lowest latency is 2.00 ms)."
    )


def test_estimated_joules_are_not_held_against_a_limit_on_measured_ones() -> None:
    rows = [
        {"accuracy_val": 0.95, "energy_per_sample_j": 2e-3, "energy_inference_kind": "measured"},
        {"accuracy_val": 0.94, "energy_per_sample_j": 1e-3, "energy_inference_kind": "measured"},
        {"accuracy_val": 0.99, "energy_per_sample_j": 1e-6, "energy_inference_kind": "estimated"},
    ]
    found = recommend(front_of(rows), Limits.of({"energy_per_sample_j": 1.5e-3}))
    assert found is not None
    assert (found.run_id, found.unjudged) == ("run-01", 1)


def test_several_limits_hold_under_the_same_conditions() -> None:
    rows = [
        {"latency_ms": 1.0, "throughput": 1.0, "inference_key": "a"},
        {"latency_ms": 9.0, "throughput": 9.0, "inference_key": "a"},
        {"latency_ms": 1.0, "throughput": 9.0, "inference_key": "b"},
    ]
    limits = Limits.of({"latency_ms": 2.0, "throughput": 5.0})
    assert recommend(front_of(rows), limits) is None


def test_an_obstacle_names_the_limit_that_excludes_all() -> None:
    assert obstacle(sized(*BENT), Limits.of({"size_bytes": 0.5 * KB, "accuracy_val": 0.9})) == (
        "No recipe keeps file size at most 512 B (the lowest file size is 1.00 KB)."
    )
    assert obstacle(sized(*BENT), Limits.of({"size_bytes": 0.5 * KB, "accuracy_val": 0.99})) == (
        "No recipe keeps file size at most 512 B (the lowest file size is 1.00 KB) or validation accuracy at least "
        "99.00 % (the highest validation accuracy is 97.50 %)."
    )


def test_an_obstacle_of_several_limits_tells_what_each_alone_would_give() -> None:
    limits = Limits.of({"accuracy_val": 0.97, "size_bytes": 40 * KB})
    assert recommend(sized(*BENT), limits) is None
    assert obstacle(sized(*BENT), limits) == (
        "No recipe keeps validation accuracy at least 97.00 % and file size at most 40.0 KB together; with the other "
        "limit kept, the highest validation accuracy is 96.00 % and the lowest file size is 64.0 KB."
    )


def test_where_giving_up_one_limit_is_not_enough_that_is_said() -> None:
    rows = [
        {"accuracy_val": 0.9, "size_bytes": 9.0, "latency_ms": 9.0},
        {"accuracy_val": 0.1, "size_bytes": 1.0, "latency_ms": 9.0},
        {"accuracy_val": 0.1, "size_bytes": 9.0, "latency_ms": 1.0},
    ]
    limits = Limits.of({"accuracy_val": 0.8, "size_bytes": 2.0, "latency_ms": 2.0})
    assert obstacle(front_of(rows), limits).endswith("together, nor all but one.")


def test_where_nothing_is_known_that_is_said() -> None:
    front = front_of([{"latency_ms": math.nan}, {"latency_ms": math.nan}])
    limits = Limits.of({"latency_ms": 1.0})
    assert recommend(front, limits) is None
    assert obstacle(front, limits) == ("No recipe can be judged: latency is unknown of each.")


def test_the_sentence_writes_small_differences_in_per_cent_and_energies_with_their_kind() -> None:
    rows = [
        {"accuracy_val": 0.98, "energy_per_sample_j": 4.2e-5, "throughput": 500.0},
        {"accuracy_val": 0.97, "energy_per_sample_j": 4e-5, "throughput": 520.0},
        {"accuracy_val": 0.60, "energy_per_sample_j": 1e-5, "throughput": 2000.0},
    ]
    found = recommend(front_of(rows, ("accuracy_val", "energy_per_sample_j", "throughput")))
    assert found is not None
    written = sentence(found)
    assert "inference energy 40.0 µJ per prediction ○ estimated" in written
    assert "4.0 times the lowest inference energy (10.0 µJ, with 37 points less validation accuracy" in written
    assert "and 3.8 times the throughput)" in written
    assert "26 % of the highest throughput (2.00 k/s" in written
    near = recommend(front_of(rows[:2], ("accuracy_val", "energy_per_sample_j")))
    assert near is not None
    assert "5.0 % more than the lowest inference energy (40.0 µJ, with 1.0 points less" in sentence(near)


def test_a_zero_has_no_ratio_and_is_written_as_a_difference() -> None:
    found = recommend(sized((0.9, 3 * KB), (0.85, 0.0)))
    assert found is not None
    assert "3.00 KB more than the lowest file size (0 B, with 5.0 points less validation accuracy)" in sentence(found)


def test_runs_of_a_store_are_recommended_on_every_axis() -> None:
    for record in factory.records(2):
        records.save(record)
    table = records.table()
    for objectives in (["accuracy_val", "size_bytes"], ["accuracy", "energy_train_j"], ["macs", "latency_ms"]):
        (front,) = pareto.fronts(table, objectives)
        found = recommend(front)
        assert found is not None
        assert found.feasible == len(front.table)
        assert found.run_id in set(front.table["run_id"])
