from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from greenai_core.store import clock, database, schema

pytestmark = pytest.mark.usefixtures("any_store")


def asked(connection: sa.Connection) -> float:
    return connection.execute(sa.select(clock.now())).scalar_one()


def test_it_shows_the_time_and_goes_on_within_a_transaction() -> None:
    before = time.time()
    with database.writing() as connection:
        first = asked(connection)
        time.sleep(0.05)
        second = asked(connection)
    after = time.time()
    assert isinstance(first, float)
    assert before - 0.01 <= first < second <= after + 0.01  # SQLite tells milliseconds


def test_it_can_be_written_and_compared() -> None:
    table = schema.heartbeat
    with database.writing() as connection:
        for host, at in (("past", clock.now() - 60), ("future", clock.now() + 60)):
            connection.execute(table.insert().values(host=host, at=at))
        hosts = connection.execute(sa.select(table.c.host).where(table.c.at < clock.now())).scalars().all()
        assert hosts == ["past"]
        connection.execute(table.update().where(table.c.at > clock.now()).values(at=clock.now()))
        assert connection.execute(sa.select(sa.func.max(table.c.at) <= clock.now())).scalar_one()
