from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from greenai_core.errors import BadInput
from greenai_core.record import Record
from greenai_core.settings import ROOT
from greenai_core.store import database, records, schema, underway
from tests import factory

pytestmark = pytest.mark.usefixtures("any_store")


@pytest.mark.sqlite_only
def test_every_field_of_a_record_is_a_column_of_its_kind() -> None:
    assert list(schema.RUN_COLUMNS) == list(Record.model_fields)
    kinds = {"seed": "int", "macs": "int", "accuracy": "float", "run_id": "text", "energy_train_kind": "text"}
    kinds |= {"schema_version": "int", "status": "text"}
    structures = {"recipe": "json", "comparability": "json", "notes": "json", "confusion": "json"}
    assert {name: schema.RUN_COLUMNS[name] for name in kinds | structures} == kinds | structures


@pytest.mark.sqlite_only
def test_store_is_created_with_its_folder_and_in_wal_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENAI_DATABASE_URL", f"sqlite:///{tmp_path / 'a' / 'b' / 'store.db'}")
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.execute(sa.select(schema.meta.c.value)).scalars().all() == [str(database.VERSION)]


def test_store_that_lacks_columns_gets_them_and_keeps_its_records() -> None:
    old = factory.record(run_id="old")
    records.save(old)
    with database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE run DROP COLUMN energy_spent_kind")
        connection.exec_driver_sql("ALTER TABLE unfinished DROP COLUMN kept_at")
        # An unfinished record of another host, from before marks had a time.
        connection.exec_driver_sql("INSERT INTO unfinished (run_id, host, pid, born) VALUES ('far', 'another', 1, 0.0)")
    for _ in range(2):
        database._engines.clear()
        assert records.load("old") == old.model_copy(update={"energy_spent_kind": None})
    with database.reading() as connection:
        assert underway.unfinished_ids(connection) == ([], ["far"])
    new = factory.record(run_id="new", kind="measured")
    records.save(new)
    assert records.load("new") == new and new.energy_spent_kind == "measured"
    kinds = records.table("own").set_index("run_id")["energy_spent_kind"]
    assert kinds["new"] == "measured" and pd.isna(kinds["old"])


def test_store_of_a_newer_schema_is_refused_and_left_as_it_is() -> None:
    database.engine()
    with database.writing() as connection:
        connection.execute(schema.meta.update().values(value="99"))
    database._engines.clear()
    with pytest.raises(BadInput, match=r": written by a newer version .*schema 99, .*GREENAI_DATABASE_URL"):
        records.table()


@pytest.mark.parametrize("theirs", ["CREATE TABLE log (at text)", "CREATE TABLE meta (name text, value text)"])
def test_tables_of_another_program_are_left_alone(theirs: str) -> None:
    engine = database.engine()
    schema.metadata.drop_all(engine)
    with database.writing() as connection:
        connection.exec_driver_sql(theirs)
    database._engines.clear()
    with pytest.raises(BadInput, match=r": holds tables of another program \((log|meta)\); point GREENAI_DATABASE_URL"):
        records.table()
    assert len(sa.inspect(engine).get_table_names()) == 1


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("not a url", "GREENAI_DATABASE_URL"),
        ("nosuchserver://localhost/x", "GREENAI_DATABASE_URL"),
        ("sqlite:////proc/nowhere/x.db", "/proc/nowhere"),
    ],
)
def test_unusable_url_is_one_sentence(url: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENAI_DATABASE_URL", url)
    with pytest.raises(BadInput, match=sentence):
        records.table()


@pytest.mark.sqlite_only
def test_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "greenai.db").write_bytes(b"this is not a database " * 100)
    with pytest.raises(BadInput, match=r"greenai\.db: cannot be used as a store \(file is not a database\)"):
        records.table()
    assert (tmp_path / "greenai.db").read_bytes().startswith(b"this is not")


@pytest.mark.sqlite_only
def test_removed_file_means_a_new_store(tmp_path: Path) -> None:
    records.save(factory.record())
    for file in tmp_path.glob("greenai.db*"):
        file.unlink()
    assert len(records.table("own")) == 0
    records.save(factory.record())
    assert len(records.table("own")) == 1


def test_failed_transaction_leaves_nothing() -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        records.insert(connection, factory.record())
        raise ZeroDivisionError
    assert len(records.table("own")) == 0


@pytest.mark.sqlite_only
def test_full_disk_is_one_sentence_and_nothing_is_half_written() -> None:
    engine = database.engine()
    records.save(factory.record())

    @sa.event.listens_for(engine, "checkout")
    def _no_room(connection: sqlite3.Connection, *_: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    engine.dispose()
    more = [factory.record(factory.spec(seed=seed)) for seed in range(1, 60)]
    with (
        pytest.raises(BadInput, match=r"greenai\.db: the disk is full.*Nothing was stored"),
        database.writing() as connection,
    ):
        records.insert(connection, *more)
    assert len(records.table("own")) == 1
    database._engines.clear()


OPEN_AND_SAVE = """
import os
from greenai_core.store import records
from tests import factory

records.save(factory.record(run_id=str(os.getpid())))
"""


def test_two_processes_may_create_the_store_at_once() -> None:
    both = [subprocess.Popen([sys.executable, "-c", OPEN_AND_SAVE], cwd=ROOT) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert len(records.table("own")) == 2


def test_text_that_a_database_refuses_is_replaced_and_nan_is_unknown() -> None:
    odd = factory.record(run_id="a\0b", energy_train_kind=None, notes={"macs": "\0 \ud800"}, accuracy=float("nan"))
    records.save(odd)
    for run_id in ("a\0b", "a\N{REPLACEMENT CHARACTER}b"):
        assert records.load(run_id).accuracy is None
    with database.writing() as connection:
        lines = ["\0", "\ud800", "ünïcode → \N{CHEESE WEDGE}"]
        rows = [{"job_id": "x", "attempt": 1, "at": 0.0, "line": line} for line in lines]
        connection.execute(schema.log.insert(), rows)
        stored = connection.execute(sa.select(schema.log.c.line).order_by(schema.log.c.seq)).scalars().all()
    assert stored == ["\N{REPLACEMENT CHARACTER}", "?", lines[2]]
