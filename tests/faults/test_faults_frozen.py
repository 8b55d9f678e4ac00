"""SIGSTOP for longer than the lease, then SIGCONT: the old attempt writes nothing."""

from __future__ import annotations

import os

import pytest
import sqlalchemy as sa

from greenai_core.jobs import queue, supervisor
from greenai_core.store import schema
from greenai_core.store.database import reading
from tests.faults import injected
from tests.faults.invariants import assert_whole
from tests.faults.rig import SUPERVISOR, WORKER, Rig, gone, stop
from tests.jobs.fake_worker import a_spec

pytestmark = pytest.mark.faults

LEASE_S = 8.0
"""Many times as long as a beat takes to come, also on a machine that is busy."""


@pytest.fixture(autouse=True)
def lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(injected.LEASE_S, str(LEASE_S))


def _everything_about_jobs() -> list[list[tuple[object, ...]]]:
    tables = (schema.job, schema.attempt, schema.slot, schema.progress, schema.log)
    with reading() as connection:
        return [sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr) for table in tables]


def test_supervisor_gives_up_a_frozen_worker_and_kills_it(rig: Rig) -> None:
    rig.hold("epoch-5")
    (only,) = rig.submit(a_spec(epochs=8))
    rig.held("epoch-5")
    worker = rig.one(WORKER)
    worker.suspend()  # wherever it is, in the middle of a transaction too
    rig.release("epoch-5")
    rig.see_through()
    assert gone(worker)
    first, second = queue.attempts(only)
    assert (first.outcome, second.outcome) == ("lost", "succeeded")
    assert "no sign of life" in (first.reason or "")
    assert_whole()


def test_another_host_takes_over_from_a_frozen_one(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    here, other = os.environ["GREENAI_HOST_ID"], f"other-host-{os.getpid()}"
    rig.hold("epoch-5")
    (only,) = rig.submit(a_spec(epochs=8))
    rig.held("epoch-5")
    frozen = [rig.one(WORKER, here), rig.one(SUPERVISOR, here)]
    stop(*frozen)
    rig.release("epoch-5")
    with monkeypatch.context() as there:
        there.setenv("GREENAI_HOST_ID", other)
        rig.see_through(supervisor.ensure_supervisor)
    assert [(row.outcome, row.host) for row in queue.attempts(only)] == [("lost", here), ("succeeded", other)]
    before = _everything_about_jobs()
    for process in frozen:
        process.resume()
    rig.until(lambda: gone(frozen[0]), "an end of the attempt that was given up")
    ids = rig.submit(a_spec(1))  # whoever thawed goes on with what there is now
    rig.see_through()
    after = _everything_about_jobs()
    assert [[row for row in table if ids[0] not in row] for table in after] == before
    assert_whole()
