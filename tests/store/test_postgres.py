"""What is different where the store is a server: connections, other writers, and a keeper who is somebody else."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from greenai_core.errors import BadInput
from greenai_core.store import database, postgresql, records, schema
from tests import factory
from tests.postgres import Server

WRITERS = 6


def together(*actions: Callable[[], object]) -> list[object]:
    """Do all of it at the same time, as far as the machine goes."""
    ready = threading.Barrier(len(actions))

    def one(action: Callable[[], object]) -> object:
        ready.wait(60)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(one, actions))


def counted() -> int:
    with database.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(schema.run)).scalar_one()


@pytest.mark.usefixtures("any_store")
def test_who_writes_is_alone_from_the_first_look_on() -> None:
    with database.writing() as connection:
        connection.execute(schema.heartbeat.insert().values(host="turns", at=0.0))

    def next_turn() -> None:
        with database.writing() as connection:
            seen = connection.execute(sa.select(schema.heartbeat.c.at)).scalar_one()
            connection.execute(schema.heartbeat.update().values(at=seen + 1))

    together(*[lambda: [next_turn() for _ in range(5)]] * WRITERS)
    with database.reading() as connection:
        assert connection.execute(sa.select(schema.heartbeat.c.at)).scalar_one() == 5.0 * WRITERS


@pytest.mark.usefixtures("any_store")
def test_records_are_saved_by_many_at_once() -> None:
    same = factory.record(run_id="same")
    saved = [factory.record(run_id=str(number)) for number in range(WRITERS)]
    aborted = factory.record(run_id="same", status="aborted", comparability=None)
    together(
        *(lambda record=record: records.save(record) for record in saved),
        *[lambda: records.save(same), lambda: records.keep_unfinished(aborted)] * 2,
    )
    assert counted() == WRITERS + 1
    assert records.load("same") == same


@pytest.mark.usefixtures("postgres_store")
def test_a_reader_waits_for_no_writer_and_sees_what_is_committed() -> None:
    records.save(factory.record(run_id="first"))
    with database.writing() as connection:
        records.insert(connection, factory.record(run_id="second"))
        assert counted() == 1
    assert counted() == 2


@pytest.mark.usefixtures("postgres_store")
def test_a_writer_that_waits_for_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.1)
    with database.writing(), pytest.raises(BadInput, match=r"cannot be used as a store \(.*lock timeout\)"):
        records.save(factory.record())
    records.save(factory.record())


@pytest.mark.usefixtures("postgres_store")
def test_a_frozen_writer_holds_nobody_up() -> None:
    with pytest.raises(BadInput, match="cannot be used as a store"), database.writing() as frozen:
        records.insert(frozen, factory.record(run_id="frozen"))
        limit = frozen.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar_one()
        assert limit == f"{postgresql.SILENT_S:g}s" and postgresql.SILENT_S < database.BUSY_S
        frozen.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 200")
        records.save(factory.record(run_id="other"))  # waits for its turn until the server gives up on the first one
        records.insert(frozen, factory.record(run_id="thawed"))
    assert [record.run_id for record in records.every("own")] == ["other"]


def test_a_server_that_is_restarted_is_found_again(postgres_store: str, postgres_server: Server) -> None:
    records.save(factory.record(run_id="before"))
    with (
        pytest.raises(BadInput, match=r"^GREENAI_DATABASE_URL \(.*\): cannot be used"),
        database.writing() as connection,
    ):
        records.insert(connection, factory.record(run_id="half"))
        postgres_server.stop()
        records.insert(connection, factory.record(run_id="done"))
    for act in (records.table, lambda: records.save(factory.record(run_id="down"))):
        with pytest.raises(BadInput, match=r"^GREENAI_DATABASE_URL \(.*\): cannot be used"):
            act()
    postgres_server.start()
    records.save(factory.record(run_id="after"))
    assert {record.run_id for record in records.every("own")} == {"before", "after"}


def test_a_connection_that_is_cut_is_replaced(postgres_store: str, postgres_server: Server) -> None:
    database.engine()
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state IS NOT NULL"
    postgres_server.execute(cut)
    records.save(factory.record())
    with pytest.raises(BadInput, match="cannot be used as a store"), database.writing() as connection:
        records.insert(connection, factory.record(run_id="half"))
        postgres_server.execute(cut)
    assert counted() == 1


def test_tables_that_are_removed_are_one_sentence(postgres_store: str) -> None:
    with database.writing() as connection:
        schema.run.drop(connection)
    with pytest.raises(BadInput, match=r'cannot be used as a store \(relation "run" does not exist\)'):
        records.load("x")


def test_a_full_disk_of_the_server_is_one_sentence(postgres_store: str) -> None:
    full = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
    with pytest.raises(BadInput, match="the disk is full; free some space"), database.writing() as connection:
        records.insert(connection, factory.record())
        connection.exec_driver_sql(full)
    assert counted() == 0


def test_a_mistake_of_the_program_keeps_its_traceback(postgres_store: str) -> None:
    with pytest.raises(sa.exc.IntegrityError), database.writing() as connection:
        connection.execute(schema.heartbeat.insert().values(host=None, at=0.0))


def test_who_may_not_write_is_told(
    postgres_store: str, postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.save(factory.record())
    name = re.search("test_[0-9]+", postgres_store)
    assert name is not None
    postgres_server.execute(
        "DROP ROLE IF EXISTS visitor",
        "CREATE ROLE visitor LOGIN",
        f"GRANT USAGE ON SCHEMA {name[0]} TO visitor",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {name[0]} TO visitor",
    )
    monkeypatch.setenv("GREENAI_DATABASE_URL", postgres_store.replace("greenai@", "visitor@"))
    assert len(records.table("own")) == 1
    with pytest.raises(BadInput, match=r"visitor@.*: cannot be used as a store \(permission denied"):
        records.save(factory.record())


@pytest.mark.parametrize("of_the_url", ["visitor:hush@127.0.0.1:1/x", "127.0.0.1:1/x?user=visitor&password=hush"])
def test_a_server_that_is_not_there_is_one_sentence_without_the_password(
    of_the_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("GREENAI_DATABASE_URL", f"postgresql://{of_the_url}")
    with pytest.raises(
        BadInput, match=r"^GREENAI_DATABASE_URL \(postgresql://.*127\.0\.0\.1:1.*Connection refused"
    ) as e:
        records.table()
    assert "hush" not in str(e.value) and "\n" not in str(e.value)


def test_a_password_in_what_is_no_url_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in (
        "postgresql://visitor:hush@host:hush/x",
        "postgresql:visitor:hush@host",
        "oracle://visitor:hush@host/x",
    ):
        monkeypatch.setenv("GREENAI_DATABASE_URL", url)
        with pytest.raises(BadInput, match=r"^GREENAI_DATABASE_URL: .*postgresql://USER:PASSWORD@HOST/DATABASE") as e:
            records.table()
        assert "hush" not in str(e.value)


def test_without_a_driver_it_is_said_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setenv("GREENAI_DATABASE_URL", "postgresql://visitor:hush@host/x")
    with pytest.raises(BadInput, match=r"`pip install -r requirements-cluster\.txt`"):
        records.table()


def test_a_database_that_does_not_take_every_text_is_refused(
    postgres_store: str, postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres_server.execute("CREATE DATABASE western ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    monkeypatch.setenv("GREENAI_DATABASE_URL", postgres_store.replace("@/postgres", "@/western"))
    with pytest.raises(BadInput, match="encoding is LATIN1; create it with UTF8"):
        records.table()
