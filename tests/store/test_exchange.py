from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from greenai_core.errors import BadInput
from greenai_core.jobs.access import Access
from greenai_core.record import Record
from greenai_core.store import answers, exchange, records
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
    assert exchange.import_file(path) == (0, len(awkward))
    records.delete(list(awkward), Access.local())
    assert exchange.import_file(path) == (len(awkward), 0)
    assert stored() == awkward


@pytest.mark.parametrize("format", FORMATS)
def test_empty_store_round_trips(format: str, tmp_path: Path) -> None:
    exchange.export(tmp_path / f"out.{format}")
    assert exchange.import_file(tmp_path / f"out.{format}") == (0, 0)


def test_known_records_are_skipped_and_left_as_they_are(tmp_path: Path) -> None:
    records.save(factory.record(run_id="a"))
    records.save(factory.record(run_id="b"))
    exchange.export(tmp_path / "out.json")
    records.delete(["b"], Access.local())
    records.save(factory.record(run_id="a", latency_ms=1.0))
    assert exchange.import_file(tmp_path / "out.json") == (1, 1)
    assert stored()["a"].latency_ms == 1.0


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
    assert exchange.import_file(tmp_path / "out.json") == (1, 0)
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
