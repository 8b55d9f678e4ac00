from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from greenai_core.analysis import tables
from greenai_core.errors import BadInput
from greenai_core.jobs.access import Access
from greenai_core.record import Record
from greenai_core.settings import settings
from greenai_core.store import answers, exchange, records
from greenai_core.store.database import writing
from greenai_core.store.exchange import Imported
from greenai_core.store.schema import run
from tests import factory

pytestmark = pytest.mark.usefixtures("any_store")

FORMATS = ("json", "csv", "parquet")
OF_ANOTHER_PROGRAM = {**factory.spec().model_dump(mode="json"), "model": {"name": "gpt"}}


def stored() -> dict[str, Record]:
    return {record.run_id: record for record in records.every()}


@pytest.fixture
def awkward() -> dict[str, Record]:
    """Records whose round trip is not a matter of course; all are stored."""
    found = [
        factory.record(run_id="plain"),
        factory.record(run_id="unknown", energy_train_j=None, macs=None, confusion=None, comparability=None, stages=()),
        factory.record(run_id="text", notes={"macs": 'quotes ", commas,\nlines and ünïcode'}, energy_spent_kind=None),
        factory.record(run_id="large", macs=2**60, accuracy=1 / 3),
    ]
    for record in found:
        records.save(record)
    return {record.run_id: record for record in found}


@pytest.mark.parametrize("format", FORMATS)
def test_round_trip_loses_nothing(format: str, awkward: dict[str, Record], tmp_path: Path) -> None:
    path = tmp_path / f"out.{format}"
    exchange.export(path)
    assert exchange.import_file(path) == Imported(0, len(awkward))
    records.delete(list(awkward), Access.local())
    assert exchange.import_file(path) == Imported(len(awkward), 0)
    assert stored() == awkward


@pytest.mark.parametrize("format", FORMATS)
def test_empty_store_round_trips(format: str, tmp_path: Path) -> None:
    exchange.export(tmp_path / f"out.{format}")
    assert exchange.import_file(tmp_path / f"out.{format}") == Imported(0, 0)


def test_known_records_are_skipped_and_left_as_they_are(tmp_path: Path) -> None:
    records.save(factory.record(run_id="a"))
    records.save(factory.record(run_id="b"))
    exchange.export(tmp_path / "out.json")
    records.delete(["b"], Access.local())
    records.save(factory.record(run_id="a", latency_ms=1.0))
    assert exchange.import_file(tmp_path / "out.json") == Imported(1, 1, 1, "a (latency_ms)")
    assert stored()["a"].latency_ms == 1.0


def test_known_runs_that_the_file_tells_otherwise_are_counted_and_kept(tmp_path: Path) -> None:
    for run_id in "abcd":
        records.save(factory.record(run_id=run_id))
    exchange.export(tmp_path / "out.json")
    records.delete(["a"], Access.local())
    kept = [factory.record(run_id="b", notes={"macs": "counted"}), factory.record(run_id="c", f1_macro=None)]
    for record in kept:
        records.save(record)
    version = records.version()
    found = exchange.import_file(tmp_path / "out.json")
    assert found[:3] == (1, 3, 2) and found.example in ("b (notes)", "c (f1_macro)")
    assert [stored()[record.run_id] for record in kept] == kept
    assert records.version() != version
    assert exchange.import_file(tmp_path / "out.json")[:3] == (0, 4, 2)


def test_runs_of_the_bank_that_a_file_tells_otherwise_are_counted(tmp_path: Path) -> None:
    records.save(factory.record(run_id="shipped"))
    settings().bank.mkdir()
    exchange.export(settings().bank / "a.parquet", origin="own")
    records.delete(["shipped"], Access.local())
    exchange.export(tmp_path / "same.json")
    assert exchange.import_file(tmp_path / "same.json") == Imported(0, 1)
    form = json.loads((tmp_path / "same.json").read_text())["records"][0]
    (tmp_path / "other.json").write_text(json.dumps({**form, "f1_macro": 0.5}))
    assert exchange.import_file(tmp_path / "other.json") == Imported(0, 1, 1, "shipped (f1_macro)")
    assert records.table("own").empty


def test_a_record_that_an_older_program_stored_with_fewer_fields_is_the_same(tmp_path: Path) -> None:
    records.save(factory.record(run_id="a"))
    exchange.export(tmp_path / "out.json")
    stages = [stage.model_dump(mode="json", exclude={"resumed"}) for stage in records.load("a").stages]
    with writing() as connection:
        connection.execute(run.update().values(stages=json.dumps(stages)))
    assert exchange.import_file(tmp_path / "out.json") == Imported(0, 1)


def test_importing_what_is_known_keeps_nobody_from_writing(tmp_path: Path) -> None:
    records.save(factory.record(run_id="a"))
    exchange.export(tmp_path / "out.json")
    with writing():
        assert exchange.import_file(tmp_path / "out.json") == Imported(0, 1)


TIMES = [
    ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00+00:00"),
    ("2026-01-31T12:00:00", "2026-01-31T12:00:00+00:00"),
    ("2026-01-31", "2026-01-31T00:00:00+00:00"),
    ("2026-W05-6T12:00:00Z", "2026-01-31T12:00:00+00:00"),
    ("2026-01-31x12:00:00", "2026-01-31T12:00:00+00:00"),
    ("2026-01-31T12:00:00,5", "2026-01-31T12:00:00.500000+00:00"),
    ("20260131T120000+0530", "2026-01-31T06:30:00+00:00"),
    ("0001-01-01T00:00:00", "0001-01-01T00:00:00+00:00"),
]


@pytest.mark.parametrize("format", FORMATS)
def test_a_time_is_kept_in_one_form_that_sorts_and_that_tables_read(format: str, tmp_path: Path) -> None:
    forms = [
        {**json.loads(factory.record(run_id=str(place)).model_dump_json()), "created_at": stated}
        for place, (stated, _) in enumerate(TIMES)
    ]
    (tmp_path / "in.json").write_text(json.dumps(forms))
    assert exchange.import_file(tmp_path / "in.json") == Imported(len(TIMES), 0)
    kept = {str(place): form for place, (_, form) in enumerate(TIMES)}
    assert {run_id: record.created_at for run_id, record in stored().items()} == kept
    exchange.export(tmp_path / f"out.{format}")
    records.delete(list(kept), Access.local())
    exchange.import_file(tmp_path / f"out.{format}")
    assert dict(records.table()[["run_id", "created_at"]].to_numpy().tolist()) == kept
    shown, _ = tables.shown(records.table())
    assert shown["created_at"].notna().all() and shown["created_at"].is_monotonic_decreasing


def test_the_newest_is_the_newest_wherever_it_was_measured() -> None:
    for run_id, at in (("evening", "2026-01-01T20:00:00Z"), ("earlier", "2026-01-02T01:00:00+10:00")):
        records.save(factory.record(run_id=run_id, created_at=at))
    order = ["evening", "earlier"]
    assert records.table()["run_id"].tolist() == order
    assert [record.run_id for record in records.every()] == [row["run_id"] for _, row in records.rows()] == order
    newest = answers.record(factory.spec())
    assert newest is not None and newest.run_id == "evening"


def test_times_of_an_older_store_and_of_a_bank_are_put_in_order_and_what_is_none_is_shown(tmp_path: Path) -> None:
    settings().bank.mkdir()
    records.save(factory.record(run_id="shipped"))
    exchange.export(settings().bank / "a.parquet", origin="own")
    shipped = pd.read_parquet(settings().bank / "a.parquet").assign(created_at="2026-02-01T01:00:00+10:00")
    shipped.to_parquet(settings().bank / "a.parquet")
    records.delete(["shipped"], Access.local())
    for run_id, at in (("none", "yesterday"), ("week", "2026-W05-6T12:00:00Z"), ("later", "2026-01-31T16:00:00Z")):
        records.save(factory.record(run_id=run_id))
        with writing() as connection:
            connection.execute(run.update().where(run.c.run_id == run_id).values(created_at=at))
    table = records.table()
    assert table["run_id"].tolist() == ["none", "later", "shipped", "week"]
    assert tables.shown(table)[0]["created_at"].isna().tolist() == [True, False, False, False]
    assert [record.created_at for record in records.every()] == table["created_at"].tolist()


def test_what_is_no_time_is_not_saved() -> None:
    with pytest.raises(BadInput, match="created_at: 'yesterday' is no time in ISO 8601, such as"):
        records.save(factory.record(created_at="yesterday"))
    assert stored() == {}


def spoiled(tmp_path: Path, **changes: Any) -> Path:
    good, bad = (json.loads(factory.record(run_id=name).model_dump_json()) for name in ("good", "bad"))
    for name in [name for name, value in changes.items() if value is ...]:
        del bad[name], changes[name]
    path = tmp_path / "spoiled.json"
    path.write_text(json.dumps({"records": [good, {**bad, **changes}]}))
    return path


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seed": ...}, r"spoiled\.json: record 2: seed: is required and not there"),
        ({"accuracy": "high"}, r"record 2: accuracy: .*'high'"),
        ({"status": "done"}, r"record 2: status: "),
        ({"spec": {}}, r"record 2 \(bad\): spec: dataset: is required"),
        ({"spec": OF_ANOTHER_PROGRAM}, r"record 2 \(bad\): spec: model: unknown model 'gpt'; known: .*Nothing was imp"),
    ],
)
def test_one_bad_record_and_nothing_is_imported(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=sentence):
        exchange.import_file(spoiled(tmp_path, **changes))
    assert stored() == {}


def test_record_of_a_colleague_is_shown_and_answers_nothing(tmp_path: Path) -> None:
    records.save(factory.record(host="colleague"))
    exchange.export(tmp_path / "out.json")
    records.delete(list(stored()), Access.local())
    assert exchange.import_file(tmp_path / "out.json") == Imported(1, 0)
    assert len(records.table("own")) == 1
    assert answers.record(factory.spec()) is None
    own = factory.record(run_id="own")
    records.save(own)
    assert answers.record(factory.spec()) == own


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", b"{", r"a\.json: does not hold records in json"),
        ("a.json", b'{"runs": []}', r'a\.json: expected \{"records"'),
        ("a.json", b"\xff\xfe", r"a\.json: does not hold records"),
        ("a.csv", b"run_id,seed\xff\n", r"a\.csv: does not hold records in csv"),
        ("a.parquet", b"PAR1 and then nothing", r"a\.parquet: does not hold records in parquet"),
        ("a.xlsx", b"", r"a\.xlsx: the name must end in \.json, \.csv or \.parquet"),
    ],
)
def test_file_of_something_else_is_one_sentence(name: str, content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=sentence):
        exchange.import_file(tmp_path / name)


def test_missing_file_and_unwritable_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.json: cannot be read"):
        exchange.import_file(tmp_path / "nowhere.json")
    with pytest.raises(BadInput, match=r"out\.csv: cannot be written"):
        exchange.export(tmp_path / "nowhere" / "out.csv")
