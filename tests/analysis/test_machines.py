"""Where figures come from, by the keys that stand for machines."""

from __future__ import annotations

import pytest

from greenai_core.analysis import machines
from greenai_core.analysis.explore import Filters, View
from greenai_core.energy.machine import environment
from greenai_core.record import Record
from greenai_core.store import records
from tests import factory


def stored(*found: Record) -> None:
    for record in found:
        records.save(record)


def view(cost: str) -> View:
    found = factory.view(Filters("digits", cost=cost))
    assert found is not None
    return found


def test_a_run_that_was_timed_elsewhere_has_two_machines() -> None:
    made, timed = factory.record(factory.spec(), host="first"), factory.record(factory.spec(), host="second")
    assert made.comparability is not None and timed.comparability is not None
    keys = made.comparability.model_copy(update={"inference": timed.comparability.inference})
    stored(made.model_copy(update={"measurements": (*made.measurements, *timed.measurements), "comparability": keys}))
    runs = records.table()
    assert machines.processors(runs) == ["Processor of first", "Processor of second"]
    assert machines.processors(runs, ["training_key"]) == ["Processor of first"]
    assert machines.measured_on(runs, ["latency_ms", "size_bytes"]) == "Processor of second"
    assert machines.measured_on(runs, ["energy_train_j"]) == "Processor of first"


def test_figures_that_are_unknown_come_from_nowhere() -> None:
    stored(factory.record(factory.spec(), host="first"), factory.record(factory.spec(seed=1), host="second"))
    runs = records.table()
    runs["latency_ms"] = float("nan")
    assert machines.measured_on(runs, ["latency_ms", "params"]) == ""


@pytest.mark.parametrize(
    ("cost", "expected"),
    [("Size", False), ("Latency", True), ("Training energy", True), ("Lifetime energy", True), ("Carbon", True)],
)
def test_another_machine_matters_only_where_figures_depend_on_it(cost: str, expected: bool) -> None:
    stored(*(factory.on_grid(record, 360.0) for record in factory.records(1, host="elsewhere")))
    found = view(cost)
    assert machines.elsewhere(found.front.keys, found.front.table) == expected


@pytest.mark.parametrize("cost", ["Latency", "Training energy", "Lifetime energy"])
def test_this_machine_is_not_another_one(cost: str) -> None:
    stored(*factory.records(1))
    found = view(cost)
    assert not machines.elsewhere(found.front.keys, found.front.table)


def test_a_machine_with_the_same_processor_compares() -> None:
    facts = {**environment(), "machine_id": "another"}
    stored(factory.record(factory.spec(), host="twin", environment=facts))
    found = view("Training energy")
    assert not machines.elsewhere(found.front.keys, found.front.table)


def test_a_record_that_is_gone_is_of_an_unknown_processor() -> None:
    stored(factory.record(factory.spec(), host="gone-by-now"))
    runs = records.table().assign(run_id="no such run")
    assert machines.processors(runs) == ["unknown processor"]


def test_two_generations_that_are_called_alike_are_told_apart() -> None:
    named = [
        machines._processor({"cpu_model": "EPYC", "processor_family": f"AMD family {family}"}) for family in (1, 2)
    ]
    assert named == ["EPYC (family 1)", "EPYC (family 2)"]
