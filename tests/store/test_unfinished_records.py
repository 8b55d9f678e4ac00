"""Records of runs that have not ended: kept without being shown, shown once nobody makes them any more."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from greenai_core.analysis import pareto
from greenai_core.analysis.comparable import comparables
from greenai_core.errors import BadInput
from greenai_core.jobs.access import Access
from greenai_core.jobs.warm import environment
from greenai_core.record import Record
from greenai_core.store import answers, database, exchange, records, schema, underway
from greenai_core.store.exchange import Imported
from greenai_core.store.keeper import Keeper
from tests import factory
from tests.jobs.waiting import until

pytestmark = pytest.mark.usefixtures("any_store")

KEEPS = (
    "import sys; from greenai_core.record import Record; from greenai_core.store import records;"
    "records.keep_unfinished(Record.model_validate_json(sys.argv[1])); print('kept', flush=True); sys.stdin.read()"
)


def unfinished(run_id: str = "run", **changes: object) -> Record:
    return factory.record(run_id=run_id, status="aborted", **{"comparability": None, "accuracy_val": None, **changes})


def shown() -> dict[str, str]:
    table = records.table("own")
    assert [record.run_id for record in records.every("own")] == list(table["run_id"])
    return dict(zip(table["run_id"], table["status"], strict=True))


def a_maker(record: Record) -> subprocess.Popen[str]:
    """Start a process that keeps a record and goes on; it has kept it when this returns."""
    text = record.model_dump_json(exclude=set(Record.model_computed_fields))
    maker = subprocess.Popen(
        [sys.executable, "-c", KEEPS, text],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert maker.stdout is not None and maker.stdout.readline() == "kept\n"
    return maker


def test_keeping_changes_neither_the_version_nor_what_is_shown() -> None:
    records.save(factory.record(run_id="other"))
    before = records.version()
    for joules in (1.0, 2.0):
        records.keep_unfinished(unfinished(energy_spent_j=joules))
        assert (records.version(), shown()) == (before, {"other": "succeeded"})
    assert records.load("run").energy_spent_j == 2.0
    assert [record["run_id"] for _, record in records.rows("own")] == ["other"]


def test_a_killed_process_leaves_a_record_that_is_shown_without_anybody_writing() -> None:
    maker = a_maker(unfinished())
    try:
        before = records.version()
        assert shown() == {}
    finally:
        maker.kill()
    maker.wait()
    assert records.version() != before
    assert shown() == {"run": "aborted"}
    after = records.version()
    assert records.version() == after


def test_a_killed_process_is_gone_before_its_parent_takes_notice() -> None:
    maker = a_maker(unfinished())
    assert shown() == {}
    maker.kill()
    until(lambda: len(records.table("own")))  # nobody waits for it: it stays a zombie
    assert shown() == {"run": "aborted"}
    maker.wait()


def test_settling_tells_other_hosts() -> None:
    with database.writing() as connection:
        far = {"run_id": "far", "host": "another", "pid": 1, "born": 0.0, "kept_at": time.time()}
        connection.execute(schema.unfinished.insert().values(far))
    maker = a_maker(unfinished("here"))
    records.keep_unfinished(unfinished("mine"))
    for gone, ids in ((False, {"far", "here", "mine"}), (True, {"far", "mine"})):
        if gone:
            maker.kill()
            maker.wait()
        with database.writing() as connection:
            records.settle(connection)
            assert set(connection.execute(sa.select(schema.unfinished.c.run_id)).scalars()) == ids


def test_a_number_that_was_given_to_another_process_is_not_the_one_that_made_the_record() -> None:
    records.keep_unfinished(unfinished())
    assert shown() == {}
    with database.writing() as connection:
        connection.execute(schema.unfinished.update().values(born=schema.unfinished.c.born - 1000))
    assert shown() == {"run": "aborted"}


def test_another_host_that_is_silent_for_long_is_gone() -> None:
    records.keep_unfinished(unfinished())
    version = records.version()
    for silent_s, seen in ((underway.SILENT_S - 600, {}), (underway.SILENT_S + 600, {"run": "aborted"})):
        with database.writing() as connection:
            there = {"host": "another", "kept_at": time.time() - silent_s}
            connection.execute(schema.unfinished.update().values(there))
        assert shown() == seen
        assert (records.version() == version) == (not seen)


def test_a_run_that_was_taken_for_gone_is_not_shown_once_it_keeps_again() -> None:
    records.keep_unfinished(unfinished())
    with database.writing() as connection:  # as a clock that is set does
        connection.execute(schema.unfinished.update().values(born=schema.unfinished.c.born - 1000))
    assert shown() == {"run": "aborted"}
    records.keep_unfinished(unfinished())
    assert shown() == {}
    with database.writing() as connection:
        connection.execute(schema.unfinished.update().values(born=schema.unfinished.c.born - 1000))
        records.settle(connection)
    assert shown() == {"run": "aborted"}
    before = records.version()
    records.keep_unfinished(unfinished())
    assert shown() == {} and records.version() != before


def test_a_succeeded_record_replaces_an_unfinished_one_and_never_the_other_way_round() -> None:
    records.keep_unfinished(unfinished())
    done = factory.record(run_id="run")
    records.save(done)
    before = records.version()
    records.keep_unfinished(unfinished())
    assert records.load("run") == done
    assert (records.version(), shown()) == (before, {"run": "succeeded"})
    with database.reading() as connection:
        assert underway.unfinished_ids(connection) == ([], [])


def test_what_did_not_succeed_is_in_no_front_and_answers_nothing() -> None:
    done = factory.record(run_id="done")
    records.save(done)
    for status in ("aborted", "failed"):
        # As good as can be, so that it would be on every front and answer its spec.
        best = {"accuracy_val": 1.0, "size_bytes": 1, "created_at": "2027-01-01"}
        records.save(factory.record(run_id=status, status=status, **best))
    (front,) = pareto.fronts(records.table(), ["accuracy_val", "size_bytes"])
    assert list(front.table["run_id"]) == ["done"]
    (group,) = comparables(records.table(), ["accuracy_val"])
    best = pareto.most_accurate(group.points)
    assert best is not None and best.run_id == "done"
    answer = answers.record(factory.spec())
    assert answer is not None and answer.run_id == "done"


def test_files_carry_ended_runs_with_their_status_and_complete_what_was_aborted(tmp_path: Path) -> None:
    done = factory.record(run_id="run")
    records.save(done)
    exchange.export(tmp_path / "done.json")
    records.save(unfinished())
    records.save(unfinished("lost"))
    records.keep_unfinished(unfinished("at work"))
    exchange.export(tmp_path / "ended.json")
    assert exchange.import_file(tmp_path / "ended.json") == Imported(0, 2)
    # It could not be stored when it had succeeded.
    assert exchange.import_file(tmp_path / "done.json") == Imported(1, 0)
    assert shown() == {"run": "succeeded", "lost": "aborted"}
    assert exchange.import_file(tmp_path / "ended.json") == Imported(0, 2, 1, "run (status)")
    records.delete(["run", "lost"], Access.local())
    assert exchange.import_file(tmp_path / "ended.json") == Imported(2, 0)
    assert shown() == {"run": "aborted", "lost": "aborted"}


def test_deleting_takes_the_mark_along() -> None:
    records.keep_unfinished(unfinished())
    records.delete(["run"], Access.local())
    with database.reading() as connection:
        assert underway.unfinished_ids(connection) == ([], [])


def test_store_that_cannot_take_it_is_said_once_and_does_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refused: list[Record] = []
    with caplog.at_level(logging.WARNING), monkeypatch.context() as full:

        def no_room(record: Record) -> None:
            refused.append(record)
            raise BadInput("greenai.db: the disk is full.")

        full.setattr(records, "keep_unfinished", no_room)
        with Keeper() as keeper:
            for joules in (1.0, 2.0):
                keeper(unfinished(energy_spent_j=joules))
                until(lambda: refused and refused[-1].energy_spent_j == joules)  # noqa: B023
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == ["the disk is full."]
    keeper.end()
    assert records.load("run").energy_spent_j == 2.0
    assert shown() == {"run": "aborted"}


def test_a_store_that_is_busy_holds_no_run_up_and_gets_the_newest_record(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, free, stored = threading.Event(), threading.Event(), []

    def busy(record: Record) -> None:
        begun.set()
        assert free.wait(60)
        stored.append(record.energy_spent_j)

    monkeypatch.setattr(records, "keep_unfinished", busy)
    with Keeper() as keeper:
        keeper(unfinished(energy_spent_j=1.0))
        assert begun.wait(60)
        for joules in (2.0, 3.0):
            keeper(unfinished(energy_spent_j=joules))
        assert stored == []  # and the run goes on
        free.set()
        until(lambda: len(stored) == 2)
    assert stored == [1.0, 3.0]


def test_nothing_is_kept_after_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()
    store = records.keep_unfinished

    def slow(record: Record) -> None:
        begun.set()
        time.sleep(0.3)
        store(record)

    monkeypatch.setattr(records, "keep_unfinished", slow)
    with Keeper() as keeper:
        keeper(unfinished(energy_spent_j=1.0))
        assert begun.wait(60)
        keeper(unfinished(energy_spent_j=2.0))
    assert records.load("run").energy_spent_j == 1.0  # what was being stored is, before the context ends
    assert "keeper" not in [thread.name for thread in threading.enumerate()]
    keeper.end()
    assert records.load("run").energy_spent_j == 2.0
    assert shown() == {"run": "aborted"}


def test_store_that_lacks_the_table_gets_it() -> None:
    records.save(factory.record(run_id="old"))
    with database.writing() as connection:
        schema.unfinished.drop(connection)
    database._engines.clear()
    assert shown() == {"old": "succeeded"}
    records.keep_unfinished(unfinished())
