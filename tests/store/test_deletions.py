"""A deleted run is out of sight at once, comes back whole, and is gone for good after a day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from greenai_core.errors import BadInput, ReadOnly
from greenai_core.jobs.access import Access
from greenai_core.record import Record
from greenai_core.settings import settings
from greenai_core.store import answers, artifacts, batches, deletions, exchange, records, remarks
from greenai_core.store.clock import now
from greenai_core.store.database import writing
from greenai_core.store.deletions import KEPT_S
from greenai_core.store.schema import deleted_run
from tests import factory

LOCAL = Access.local()
VISITOR = Access.of_dashboard("0.0.0.0", None)


def stored(run_id: str = "run", **changes: Any) -> Record:
    """Store a run with a model of its own, a tag and a note."""
    record = factory.record(run_id=run_id, **changes)
    named = {**record.provenance, "model_uri": f"models/{run_id}.onnx"}
    record = record.model_copy(update={"provenance": named})
    artifacts.write(f"models/{run_id}.onnx", b"weights")
    records.save(record)
    remarks.tag([run_id], ["kept"], [], LOCAL)
    remarks.write_note(run_id, "a note", LOCAL)
    return record


def age(seconds: float) -> None:
    """Let everything in the bin have been deleted so long ago."""
    with writing() as connection:
        connection.execute(deleted_run.update().values(deleted_at=now() - seconds))


def shown() -> set[str]:
    return set(records.table()["run_id"])


@pytest.mark.usefixtures("any_store")
def test_a_deleted_run_is_nowhere_and_undoing_it_brings_everything_back(tmp_path: Path) -> None:
    record = stored()
    before, version = records.table(), records.version()
    deletion = records.delete(["run"], LOCAL)
    assert not shown() and not records.every() and not records.rows() and not len(records.outlays())
    assert answers.record(factory.spec()) is None
    assert b"run" not in exchange.encode("csv").split(b"\n", 1)[1]
    with pytest.raises(BadInput, match="there is no record 'run'"):
        records.load("run")
    (waiting,) = deletions.waiting()
    assert (waiting.id, waiting.runs) == (deletion, 1) and 0 <= waiting.ago_s < KEPT_S / 2
    deleted = records.version()
    assert deletions.restore(deletion, LOCAL) == 1
    assert deletions.waiting() == ()
    assert records.load("run") == record and artifacts.read("models/run.onnx") == b"weights"
    assert remarks.tags() == {"run": "kept"} and remarks.note("run") == "a note"
    assert records.table().equals(before)
    assert len({version, deleted, records.version()}) == 3


@pytest.mark.usefixtures("any_store")
def test_what_was_deleted_together_comes_back_together_whatever_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "AT_ONCE", 2)
    for number in range(6):
        records.save(factory.record(run_id=str(number)))
    first = records.delete(["0", "1", "2", "3", "4", "0"], LOCAL)
    second = records.delete(["5"], LOCAL)
    assert [(each.id, each.runs) for each in deletions.waiting()] == [(second, 1), (first, 5)]
    deletions.restore(first, LOCAL)
    assert shown() == {"0", "1", "2", "3", "4"}
    with pytest.raises(BadInput, match="'5' is not a record of this store; nothing was deleted"):
        records.delete(["0", "1", "5"], LOCAL)
    assert len(shown()) == 5
    records.delete(["0", "1", "2"], LOCAL)
    assert deletions.empty(LOCAL) == 4 and deletions.waiting() == ()
    assert shown() == {"3", "4"}


def test_the_same_spec_can_run_again_meanwhile() -> None:
    stored()
    deletion = records.delete(["run"], LOCAL)
    records.save(factory.record(run_id="again"))
    deletions.restore(deletion, LOCAL)
    assert shown() == {"run", "again"}


@pytest.mark.usefixtures("any_store")
def test_a_run_that_was_imported_meanwhile_stays_as_it_is_now() -> None:
    record = stored()
    deletion = records.delete(["run"], LOCAL)
    records.save(record.model_copy(update={"latency_ms": 7.0}))
    assert deletions.restore(deletion, LOCAL) == 1
    assert records.load("run").latency_ms == 7.0 and deletions.waiting() == ()
    records.delete(["run"], LOCAL)
    records.save(record)
    deletions.empty(LOCAL)
    assert artifacts.exists("models/run.onnx") and remarks.note("run") == "a note"


def test_a_run_that_succeeded_takes_the_place_of_its_unfinished_record() -> None:
    record = stored()
    deletion = records.delete(["run"], LOCAL)
    records.keep_unfinished(factory.record(run_id="run", status="aborted"))
    deletions.restore(deletion, LOCAL)
    assert records.every() == (record,)


def test_deleting_again_what_was_stored_again_leaves_one_in_the_bin() -> None:
    record = stored()
    first = records.delete(["run"], LOCAL)
    records.save(record)
    second = records.delete(["run"], LOCAL)
    assert [each.id for each in deletions.waiting()] == [second]
    with pytest.raises(BadInput, match="restored already, or the bin was emptied"):
        deletions.restore(first, LOCAL)


@pytest.mark.usefixtures("any_store")
def test_emptying_the_bin_removes_what_is_the_runs_alone() -> None:
    stored()
    shared = factory.record(run_id="other", provenance={"model_uri": "models/run.onnx"})
    odd = factory.record(run_id="odd", provenance={"model_uri": "models/odd./../../secret"})
    for record in (shared, odd):
        records.save(record)
    deletion = records.delete(["other", "odd"], LOCAL)
    assert deletions.empty(LOCAL) == 2
    assert artifacts.exists("models/run.onnx")
    records.delete(["run"], LOCAL)
    assert deletions.empty(LOCAL) == 1
    assert not artifacts.exists("models/run.onnx")
    assert remarks.tags() == {} and remarks.note("run") == ""
    with pytest.raises(BadInput, match="restored already, or the bin was emptied"):
        deletions.restore(deletion, LOCAL)
    assert deletions.empty(LOCAL) == 0


def test_what_is_written_about_a_run_of_the_bank_outlives_the_own_record() -> None:
    record = stored()
    settings().bank.mkdir()
    exchange.export(settings().bank / "a.parquet", origin="own")
    records.delete(["run"], LOCAL)
    deletions.empty(LOCAL)
    assert records.load("run") == record
    table = remarks.beside(records.table())
    assert table[["origin", "tags", "note"]].to_numpy().tolist() == [["bank", "kept", "a note"]]


@pytest.mark.usefixtures("any_store")
def test_a_deletion_can_be_undone_for_a_day() -> None:
    stored()
    records.delete(["run"], LOCAL)
    age(KEPT_S - 60)
    deletions.expire()
    assert len(deletions.waiting()) == 1 and artifacts.exists("models/run.onnx")
    age(KEPT_S + 60)
    stored("other")
    records.delete(["other"], LOCAL)  # in passing
    assert [each.runs for each in deletions.waiting()] == [1]
    assert [record.run_id for record in deletions.binned()] == ["other"]
    assert not artifacts.exists("models/run.onnx") and artifacts.exists("models/other.onnx")


def test_a_model_that_cannot_be_removed_is_left_to_be_cleared(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(name: str) -> None:
        raise PermissionError(13, "Permission denied")

    stored()
    records.delete(["run"], LOCAL)
    monkeypatch.setattr(artifacts, "delete", refuse)
    assert deletions.empty(LOCAL) == 1
    assert "models/run.onnx stays until unreferenced files are cleared" in caplog.text


def test_a_store_that_cannot_be_written_keeps_the_bin_for_now(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def busy() -> None:
        raise BadInput("the store is busy")

    stored()
    records.delete(["run"], LOCAL)
    age(2 * KEPT_S)
    with monkeypatch.context() as patch:
        patch.setattr(deletions, "writing", busy)
        deletions.expire()
    assert "the store is busy" in caplog.text and len(deletions.waiting()) == 1


def test_who_may_only_look_neither_deletes_nor_restores() -> None:
    stored()
    with pytest.raises(ReadOnly):
        records.delete(["run"], VISITOR)
    deletion = records.delete(["run"], LOCAL)
    with pytest.raises(ReadOnly):
        deletions.restore(deletion, VISITOR)
    with pytest.raises(ReadOnly):
        deletions.empty(VISITOR)
    assert len(deletions.waiting()) == 1
