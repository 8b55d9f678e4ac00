"""What stages cost their run and what the cache spared it: worked out when a record is stored, or asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from greenai_core.jobs.access import Access
from greenai_core.settings import settings
from greenai_core.store import database, exchange, records
from greenai_core.store.outlay import outlay
from greenai_core.store.specs import specs
from tests import factory

pytestmark = pytest.mark.usefixtures("any_store")


def stage(name: str, joules: float | None, **changes: Any) -> dict[str, Any]:
    values = {"name": name, "key": name, "energy_j": joules, "cached": False, "window": {"kind": "measured"}}
    return {**values, "resumed": None, "teacher": [], **changes}


def told(*stages: dict[str, Any]) -> dict[str, list[list[Any]]]:
    found: dict[str, list[list[Any]]] = json.loads(outlay(json.dumps(stages)))
    return found


def test_stages_that_ran_cost_this_run_and_teachers_are_told_apart() -> None:
    found = told(stage("distill", 3.0, teacher=[stage("train", 9.0)]), stage("fine_tune", 2.0))
    assert found == {"ran": [["distill", 3.0], ["teacher: train", 9.0], ["fine_tune", 2.0]], "cached": []}


def test_what_an_earlier_attempt_spent_is_not_this_runs() -> None:
    assert told(stage("train", 9.0, resumed={"epoch": 2, "energy_j": 4.0}))["ran"] == [["train", 5.0]]
    assert told(stage("train", 9.0, resumed={"epoch": 2, "energy_j": None}))["ran"] == [["train", None]]


def test_unknown_is_null_and_never_nothing() -> None:
    found = told(stage("train", None), stage("prune", None, cached=True, window={}))
    assert found == {"ran": [["train", None]], "cached": [["prune", None, None]]}


def test_what_was_taken_from_the_cache_counts_once_per_run() -> None:
    teacher = stage("train", 9.0, key="teacher")
    again = {**teacher, "cached": True}
    both = told(
        stage("distill", 1.0, key="a", cached=True, teacher=[again]),
        stage("distill", 1.0, key="b", cached=True, teacher=[again]),
    )
    assert both["cached"] == [
        ["distill", "measured", 1.0],
        ["teacher: train", "measured", 9.0],
        ["distill", "measured", 1.0],
    ]
    # The run trained the teacher itself and took it again for the second stage: without a cache it had it, too.
    own = told(stage("distill", 1.0, key="a", teacher=[teacher]), stage("distill", 1.0, key="b", teacher=[again]))
    assert own["cached"] == []
    assert own["ran"] == [["distill", 1.0], ["teacher: train", 9.0], ["distill", 1.0]]


def test_a_record_is_stored_with_its_outlay_and_the_table_does_not_carry_it() -> None:
    record = factory.record(factory.spec(model="mlp_student", technique="distill"))
    records.save(record)
    (row,) = records.outlays().to_dict("records")
    ran = [["distill", record.stages[0].energy_j], ["teacher: train", record.stages[0].teacher[0].energy_j]]
    assert row == {"run_id": record.run_id, "outlay": row["outlay"]}
    assert json.loads(row["outlay"]) == {"ran": ran, "cached": []}
    assert "outlay" not in records.table()


def test_a_store_of_an_older_program_is_filled_when_it_is_asked_for() -> None:
    for seed in range(3):
        records.save(factory.record(factory.spec(seed=seed)))
    before, table = records.outlays(), records.table()
    with database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE run DROP COLUMN outlay")
    database._engines.clear()
    records.save(factory.record(factory.spec(seed=9)))  # a newer record beside older ones
    after = records.outlays().set_index("run_id")["outlay"]
    assert len(after) == 4 and after.notna().all()
    assert after[before["run_id"]].tolist() == before["outlay"].tolist()
    assert len(records.table()) == len(table) + 1


def test_records_of_the_bank_that_were_measured_again_were_not_paid_for_here() -> None:
    Path(settings().bank).mkdir()
    shipped, own = factory.record(run_id="shipped"), factory.record(factory.spec(seed=1), run_id="own")
    records.save(shipped)
    exchange.export(settings().bank / "a.parquet", origin="own")
    records.save(own)
    assert records.outlays()["run_id"].tolist() == ["own"]


def test_specs_of_many_records_own_and_shipped() -> None:
    Path(settings().bank).mkdir()
    shipped = factory.record(run_id="shipped")
    records.save(shipped)
    exchange.export(settings().bank / "a.parquet", origin="own")
    records.delete(["shipped"], Access.local())
    own = factory.record(factory.spec(technique="magnitude_pruning", sparsity=0.5), run_id="own")
    records.save(own)
    assert specs(["own", "shipped", "nobody"]) == {"own": own.spec, "shipped": shipped.spec}
    assert specs([]) == {}
