"""What is known after each stage of a run, and what is not made up."""

from __future__ import annotations

from itertools import accumulate

import pytest

from greenai_core.analysis.after_stage import beside, cost_after, own_energy, spec_until
from greenai_core.analysis.figures import FIGURES
from greenai_core.analysis.path import Path, path, table, telling
from greenai_core.record import Record
from greenai_core.spec import check
from greenai_core.store import records
from tests import factory

SEED_1 = factory.spec(seed=1)
SIZE, PARAMS, JOULES = FIGURES["size_bytes"], FIGURES["params"], FIGURES["energy_train_j"]


def pruned(**changes: object) -> Record:
    return factory.record(factory.spec(technique="l1_channel_pruning", sparsity=0.8), **changes)  # type: ignore[arg-type]


def saved(*found: Record) -> None:
    for record in found:
        records.save(record)


def known(found: Path) -> list[float | None]:
    return [step.cost for step in found.steps]


def test_weights_and_accuracy_are_told_after_every_stage() -> None:
    record = pruned(accuracy_val=0.91)
    found = path(record, PARAMS, records.table())
    assert [step.name for step in found.steps] == ["1. train", "2. l1_channel_pruning", "3. fine_tune"]
    assert known(found) == [factory.DENSE_PARAMS["mnist_cnn"], factory.pruned_params(0.8), factory.pruned_params(0.8)]
    assert [step.accuracy_val for step in found.steps] == [
        *(stage.accuracy_val for stage in record.stages[:-1]),
        0.91,  # where the run stands in every other chart
    ]
    assert {step.source for step in found.steps} == {"record"} and found.unknown == ()


def test_multiply_accumulates_after_a_stage_are_those_the_next_one_was_given() -> None:
    record = pruned(macs=5)
    stages = tuple(stage.model_copy(update={"macs": 100 - place}) for place, stage in enumerate(record.stages))
    found = path(record.model_copy(update={"stages": stages}), FIGURES["macs"], records.table())
    assert known(found) == [99, 98, 5]


def test_the_joules_so_far_add_up_to_those_of_the_record() -> None:
    for record in (pruned(), factory.record(factory.spec(model="mlp_student", technique="distill"))):
        found = path(record, JOULES, records.table())
        assert known(found) == pytest.approx(list(accumulate(step.energy_j or 0.0 for step in found.steps)))
        assert known(found)[-1] == record.energy_train_j


def test_a_teacher_belongs_to_the_stage_that_it_taught_and_is_paid_for_once() -> None:
    taught = factory.record(factory.spec(model="mlp_student", technique="distill"))
    (stage,) = taught.stages
    twice = (stage, stage.model_copy(update={"key": "again", "name": "again"}))
    first, second = (own_energy(twice, place)[0] for place in (0, 1))
    assert first == pytest.approx((stage.energy_j or 0) + (stage.teacher[0].energy_j or 0))
    assert second == stage.energy_j
    unknown = stage.model_copy(update={"teacher": (stage.teacher[0].model_copy(update={"energy_j": None}),)})
    assert own_energy((unknown,), 0) == (None, None)


def test_joules_of_stages_that_do_not_compare_are_not_added() -> None:
    record = pruned(energy_train_j=None, notes={"energy_train_j": "its stages do not compare"})
    elsewhere = record.stages[1].model_copy(update={"training_key": "elsewhere"})
    mixed = record.model_copy(update={"stages": (record.stages[0], elsewhere, record.stages[2])})
    found = path(mixed, JOULES, records.table())
    assert [step.cost is None for step in found.steps] == [False, True, True]
    assert "do not compare" in found.steps[1].remark and found.steps[2].remark == "its stages do not compare"
    assert all(step.energy_j for step in found.steps)


def test_carbon_follows_the_joules_where_the_grid_is_known() -> None:
    grid = {"g_per_kwh": 360.0, "country": "FRA", "level": "country", "year": 2023, "source": "a test"}
    known_grid = pruned(carbon_intensity=grid, carbon_train_g=1.0)
    found = path(known_grid, FIGURES["carbon_train_g"], records.table())
    joules = path(known_grid, JOULES, records.table())
    assert found.steps[0].cost == pytest.approx((joules.steps[0].cost or 0) / 3.6e6 * 360)
    assert path(pruned(), FIGURES["carbon_train_g"], records.table()).steps[0].cost is None


def test_bytes_are_those_of_the_run_that_ended_there_and_of_no_other() -> None:
    record = pruned()
    saved(
        record,
        factory.record(factory.spec(seed=1), size_bytes=1),
        factory.record(factory.spec(), run_id="aborted", status="aborted", size_bytes=2),
        factory.record(factory.spec(model="mlp_student"), size_bytes=3),
    )
    found = path(record, SIZE, records.table())
    assert known(found) == [None, None, record.size_bytes]
    assert found.unknown == (0, 1) and "no comparable run of this seed ends here" in found.steps[0].remark
    dense = factory.record(factory.spec(), size_bytes=4_802_528)
    saved(dense)
    found = path(record, SIZE, records.table())
    assert known(found) == [4_802_528, None, record.size_bytes]
    assert (found.steps[0].source, found.steps[2].source) == ("another run", "record")
    assert dense.run_id in found.steps[0].remark


@pytest.mark.parametrize(
    ("column", "changes"),
    [
        ("latency_ms", {"host": "elsewhere"}),
        ("energy_per_sample_j", {"kind": "measured"}),
        ("latency_ms", {"latency_ms": None}),
    ],
)
def test_what_was_measured_otherwise_does_not_stand_in(column: str, changes: dict[str, object]) -> None:
    record = pruned()
    saved(factory.record(factory.spec(), run_id="dense", **changes))  # type: ignore[arg-type]
    assert cost_after(record, 0, FIGURES[column], records.table()).value is None
    saved(factory.record(factory.spec(), run_id="dense"))
    assert cost_after(record, 0, FIGURES[column], records.table()).source == "another run"


def test_the_spec_of_a_run_that_ends_earlier_is_a_spec() -> None:
    assert check(spec_until(pruned(), 0)).spec_id == factory.spec().spec_id


def test_a_prediction_fills_only_what_is_unknown() -> None:
    found = path(pruned(size_bytes=7), SIZE, records.table(), {1: 500.0, 2: 600.0})
    assert known(found) == [None, 500.0, 7]
    assert [step.source for step in found.steps] == ["unknown", "predicted", "record"]
    assert list(table(found)["File size"]) == ["unknown", "≈ 500 B", "7.00 B"]


def test_where_one_stage_alone_is_known_another_figure_is_told_instead() -> None:
    record = pruned()
    stored = records.table()
    assert telling(path(record, SIZE, stored), record, stored).cost is PARAMS
    two = path(record, SIZE, stored, {1: 500.0})
    assert telling(two, record, stored) is two
    still = tuple(stage.model_copy(update={"params": 5}) for stage in record.stages)
    quantized = record.model_copy(update={"stages": still, "params": 5})
    assert telling(path(quantized, SIZE, stored), quantized, stored).cost is JOULES
    dense = factory.record()
    assert telling(path(dense, SIZE, stored), dense, stored).cost is SIZE


def test_the_table_tells_what_each_stage_changed() -> None:
    record = pruned(accuracy_val=0.91)
    told = table(path(record, PARAMS, records.table()))
    assert list(told["Stage"]) == ["1. train", "2. l1_channel_pruning", "3. fine_tune"]
    assert list(told["Change"]) == ["", "-80 %", "same"]
    assert told["Change (points)"].iloc[2] == f"{(0.91 - 0.6) * 100:+.2f}"
    assert told["Energy of the stage"].str.endswith("○ estimated").all()
    assert "Training energy so far" in table(path(record, JOULES, records.table()))


def test_grams_of_another_grid_do_not_stand_beside_a_run() -> None:
    record = factory.on_grid(pruned(), 500.0)
    saved(record, factory.on_grid(factory.record(factory.spec()), 20.0), factory.on_grid(factory.record(SEED_1), 500.0))
    found = beside(record, FIGURES["carbon_train_g"], records.table())
    assert set(found["seed"]) == {0, 1} and len(found) == 2


def test_points_stand_beside_a_run_only_where_they_compare() -> None:
    record = pruned()
    unweighed = factory.record(factory.spec(seed=1), size_bytes=None)
    saved(record, factory.record(factory.spec(), host="elsewhere"), unweighed)
    stored = records.table()
    assert len(beside(record, SIZE, stored)) == 2
    assert set(beside(record, JOULES, stored)["run_id"]) == {record.run_id, unweighed.run_id}
