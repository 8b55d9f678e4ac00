from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from greenai_core import registry
from greenai_core.errors import BadInput, ReadOnly
from greenai_core.jobs.access import Access
from greenai_core.record import Comparability
from greenai_core.settings import settings
from greenai_core.spec import Measurement, Spec, check
from greenai_core.store import answers, artifacts, exchange, records
from greenai_core.store.database import reading, writing
from greenai_core.store.derived import DERIVED
from greenai_core.store.schema import run
from tests import factory

pytestmark = pytest.mark.usefixtures("any_store")

EVERY_CORE = 4


@pytest.fixture
def bank() -> Path:
    """The bank of this test, empty."""
    folder = settings().bank
    folder.mkdir()
    return folder


def measured(**measurement: Any) -> Spec:
    return check({**factory.spec().model_dump(mode="json"), "measurement": measurement})


def test_record_comes_back_equal() -> None:
    record = factory.record(notes={"carbon_train_g": 'quotes ", commas,\nand lines'}, environment={"cores_usable": 2})
    records.save(record)
    assert records.load(record.run_id) == record


def test_unknown_record_is_bad_input() -> None:
    with pytest.raises(BadInput, match="there is no record 'nobody'"):
        records.load("nobody")


def test_saving_again_replaces() -> None:
    record = factory.record()
    records.save(record)
    records.save(record.model_copy(update={"latency_ms": 7.0}))
    assert records.load(record.run_id).latency_ms == 7.0
    assert len(records.table()) == 1


def test_table_has_the_flat_keys_and_what_follows_from_them() -> None:
    pruned = factory.record(factory.spec(technique="l1_channel_pruning", sparsity=0.8))
    distilled = factory.record(factory.spec(model="mlp_student", technique="distill"))
    unknown = factory.record(energy_train_j=None, comparability=None, macs=None, notes={"energy_train_j": "lost"})
    for record in (pruned, distilled, unknown):
        records.save(record)
    table = records.table().set_index("run_id")
    assert table.loc[pruned.run_id, ["technique", "techniques", "sparsity", "origin"]].tolist() == [
        "l1_channel_pruning",
        "train > l1_channel_pruning > fine_tune",
        0.8,
        "own",
    ]
    assert pruned.comparability is not None
    assert table.loc[pruned.run_id, "quality_key"] == pruned.comparability.quality
    assert table.loc[pruned.run_id, "inference_key"] == pruned.comparability.inference
    assert table.loc[pruned.run_id, "comparability_key"] == pruned.comparability_key
    assert table.loc[pruned.run_id, "energy_kind"] == "estimated"
    assert table.loc[distilled.run_id, "technique"] == "distill"
    assert table.loc[distilled.run_id, "temperature"] == 4.0
    assert table.loc[unknown.run_id, "technique"] == "dense"
    assert math.isnan(table.loc[unknown.run_id, "temperature"])
    assert math.isnan(table.loc[unknown.run_id, "energy_train_j"])
    assert pd.isna(table.loc[unknown.run_id, "training_key"])
    assert set(pruned.model_dump()) - {"recipe", "spec", "stages", "measurements", "comparability", "environment"} - {
        "provenance", "notes", "confusion", "carbon_intensity",
    } <= {*table.columns, "run_id"}  # fmt: skip


def test_replicates_share_a_key_and_only_they_do() -> None:
    other = factory.spec(technique="magnitude_pruning", sparsity=0.5)
    specs = [factory.spec(seed=0), factory.spec(seed=1), other, measured(profile="quick"), measured(profile="full")]
    for number, spec in enumerate(specs):
        records.save(factory.record(spec, run_id=str(number)))
    keys = records.table().set_index("run_id")["replicate_key"]
    assert keys["0"] == keys["1"] == keys["3"] == keys["4"] != keys["2"]


@pytest.mark.parametrize("origin", ["all", "own", "bank"])
def test_empty_table_has_every_column_with_its_type(origin: records.Origin) -> None:
    table = records.table(origin)
    assert len(table) == 0
    assert {"run_id", "technique", "replicate_key", "origin", "energy_kind"} <= set(table.columns)
    for name in ("accuracy", "macs", "seed", "sparsity", "temperature"):
        assert pd.api.types.is_numeric_dtype(table[name])


def test_version_changes_with_the_table_only(bank: Path) -> None:
    seen = [records.version()]
    assert records.version() == seen[0]
    for change in (
        lambda: records.save(factory.record()),
        lambda: records.save(factory.record(latency_ms=1.0)),
        lambda: records.delete([factory.record().run_id], Access.local()),
        lambda: exchange.export(bank / "shipped.parquet", origin="own"),
    ):
        change()
        assert records.version() not in seen
        seen.append(records.version())
    assert records.version() == seen[-1]


@pytest.mark.parametrize(
    ("stored", "wanted", "answering"),
    [
        ({}, {}, True),
        ({"profile": "none"}, {"profile": "none"}, True),
        ({"profile": "none"}, {"profile": "quick"}, False),
        ({"profile": "quick"}, {"profile": "full"}, False),
        ({"profile": "full"}, {"profile": "quick"}, True),
        ({"profile": "full"}, {"profile": "none"}, True),
        ({"threads": 1}, {}, False),
        ({}, {"threads": 1}, False),
        ({"threads": EVERY_CORE}, {}, True),
        ({}, {"threads": EVERY_CORE}, True),
        ({}, {"device": "cuda"}, False),
        ({"throughput_batch": 64}, {}, False),
        ({"throughput_batch": 64}, {"profile": "none"}, True),
    ],
)
def test_stored_record_answers_what_it_measured(
    stored: dict[str, Any], wanted: dict[str, Any], answering: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in (answers, factory):
        monkeypatch.setattr(user, "cores_usable", lambda: EVERY_CORE)
    assert answers.measures_as_much(Measurement(**stored), Measurement(**wanted)) is answering
    record = factory.record(measured(**stored))
    records.save(record)
    assert answers.record(measured(**wanted)) == (record if answering else None)


def test_record_that_used_every_core_answers_nothing_where_there_are_more(monkeypatch: pytest.MonkeyPatch) -> None:
    record = factory.record()
    records.save(record)
    monkeypatch.setattr(answers, "cores_usable", lambda: record.provenance["threads"] + 1)
    assert answers.record(factory.spec()) is None
    assert answers.record(measured(threads=record.provenance["threads"])) == record


def test_record_of_older_behaviour_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = factory.spec(technique="distill")
    records.save(factory.record(spec))
    assert answers.record(spec) is not None
    monkeypatch.setattr(registry.entry("techniques", "train"), "version", 99)  # the teacher's, two levels down
    assert answers.record(spec) is None
    provenance = {name: value for name, value in factory.record(spec).provenance.items() if name != "versions"}
    records.save(factory.record(spec, provenance=provenance))
    assert answers.record(spec) is None


def test_record_of_another_machine_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    records.save(factory.record())
    monkeypatch.setenv("GREENAI_HOST_ID", "another-host")
    assert answers.record(factory.spec()) is None


def test_files_that_can_change_are_never_answered_for() -> None:
    folder = {"name": "image_folder", "path": "mine"}
    teacher = {"dataset": folder, "model": {"name": "mnist_cnn"}, "recipe": [{"name": "train"}]}
    for change in ({"dataset": folder}, {"recipe": [{"name": "distill", "teacher": teacher}]}):
        spec = check({**factory.spec().model_dump(mode="json"), **change})
        records.save(factory.record(spec))
        assert answers.record(spec) is None


def test_newest_succeeded_record_answers() -> None:
    spec = factory.spec()
    assert answers.record(spec) is None
    for day, status in ((1, "succeeded"), (2, "succeeded"), (3, "failed")):
        records.save(factory.record(spec, run_id=str(day), created_at=f"2026-01-0{day}T00:00:00Z", status=status))
    answer = answers.record(spec)
    assert answer is not None and answer.run_id == "2"
    assert answers.record(factory.spec(seed=1)) is None


def test_delete_is_all_or_nothing_and_asks_for_access() -> None:
    model_uri = "models/some.onnx"
    record = factory.record(provenance={"model_uri": model_uri})
    artifacts.write(model_uri, b"weights")
    records.save(record)
    with pytest.raises(ReadOnly):
        records.delete([record.run_id], Access.of_dashboard("0.0.0.0", None))
    with pytest.raises(BadInput, match="'nobody' is not a record of this store"):
        records.delete([record.run_id, "nobody"], Access.local())
    assert len(records.table()) == 1 and artifacts.exists(model_uri)
    records.delete([record.run_id], Access.local())
    assert len(records.table()) == 0 and artifacts.exists(model_uri)


def test_bank_is_shown_but_answers_nothing_and_own_records_win(bank: Path) -> None:
    shipped = factory.record(run_id="shipped")
    records.save(shipped)
    exchange.export(bank / "a.parquet", origin="own")
    records.delete(["shipped"], Access.local())
    assert records.load("shipped") == shipped
    assert answers.record(factory.spec()) is None
    assert records.table("own").empty
    assert records.table()["origin"].tolist() == records.table("bank")["origin"].tolist() == ["bank"]
    remeasured = shipped.model_copy(update={"latency_ms": 9.0})
    records.save(remeasured)
    table = records.table()
    assert (table["origin"].tolist(), table["latency_ms"].tolist()) == (["own"], [9.0])
    assert records.load("shipped") == remeasured
    assert records.every() == (remeasured,)


def test_bank_of_an_older_version_lacks_only_what_did_not_exist(bank: Path) -> None:
    records.save(factory.record(run_id="old"))
    exchange.export(bank / "a.parquet", origin="own")
    pd.read_parquet(bank / "a.parquet").drop(columns=["f1_macro", "notes"]).to_parquet(bank / "a.parquet")
    records.delete(["old"], Access.local())
    assert records.load("old").f1_macro is None
    assert records.table()["f1_macro"].isna().all()


def test_keys_of_a_record_without_comparability_are_missing() -> None:
    records.save(factory.record(comparability=Comparability(quality="q", training=None, inference=None)))
    row = records.table().iloc[0]
    assert row["quality_key"] == "q"
    assert pd.isna(row["training_key"]) and pd.isna(row["inference_key"])


def test_stored_structures_are_json_text() -> None:
    record = factory.record()
    records.save(record)
    ((_, row),) = records.rows()
    assert json.loads(row["recipe"]) == list(record.recipe)


def test_what_an_older_program_stored_is_derived_when_it_is_asked_for() -> None:
    saved = [factory.record(factory.spec(technique="distill", model="mlp_student")), factory.record()]
    for record in saved:
        records.save(record)
    before = records.table("own")
    with writing() as connection:
        connection.execute(run.update().values(dict.fromkeys(DERIVED)))
    pd.testing.assert_frame_equal(records.table("own"), before)
    with reading() as connection:
        assert None not in connection.execute(sa.select(run.c.replicate_key)).scalars().all()


def test_the_intervals_of_the_newest_measurement_are_in_the_table() -> None:
    record = factory.record()
    first = record.measurements[0]
    again = first.model_copy(update={"energy_per_sample_ci95_j": 0.25, "energy_per_sample_b1_ci95_j": None})
    records.save(record.model_copy(update={"measurements": (first, again)}))
    row = records.table("own").iloc[0]
    assert row["energy_per_sample_ci95_j"] == 0.25 and pd.isna(row["energy_per_sample_b1_ci95_j"])
