"""What holds after every fault, once all jobs have ended."""

from __future__ import annotations

from itertools import pairwise

import sqlalchemy as sa

from greenai_core.jobs.states import LIVE
from greenai_core.store import schema
from greenai_core.store.database import reading
from tests.faults import ledger


def assert_whole() -> None:
    """Compare the store with the ledger.

    Joules: a run that ended its job itself has told all that it spent. One that was lost may have spent more since it
    kept its record last, and that is all that may be missing; no run is told of twice.
    """
    with reading() as connection:
        jobs = connection.execute(sa.select(schema.job)).all()
        attempts = connection.execute(sa.select(schema.attempt)).all()
        slots = connection.execute(sa.select(schema.slot)).all()
        columns = [schema.run.c[name] for name in ("run_id", "spec_id", "status", "energy_spent_j")]
        records = {row.run_id: row for row in connection.execute(sa.select(*columns))}
    states = {job.id: job.state for job in jobs}
    assert not [job for job in jobs if job.state in LIVE], states
    assert not [job.id for job in jobs if job.token is not None]
    assert slots == []
    assert not [row for row in attempts if row.outcome is None or row.ended_at is None]

    succeeded = {job.run_id: job for job in jobs if job.state == "succeeded"}
    assert len(succeeded) == list(states.values()).count("succeeded")
    stored = {run_id for run_id, record in records.items() if record.status == "succeeded"}
    assert stored == set(succeeded)
    assert all(records[run_id].spec_id == job.spec_id for run_id, job in succeeded.items())
    for job in jobs:
        outcomes = [row.outcome for row in attempts if row.job_id == job.id]
        assert len(outcomes) == job.attempts
        assert outcomes.count("succeeded") == (job.state == "succeeded"), (job.id, job.state, outcomes)

    runs = ledger.runs()
    assert records.keys() <= runs.keys()
    outcome = {row.token: row for row in attempts}
    for run in runs.values():
        told_j = records[run.id].energy_spent_j if run.id in records else 0.0
        ended = outcome[run.token]
        if ended.outcome == "lost":
            assert run.kept_j <= told_j <= run.spent_j, (run, told_j)
            assert (ended.energy_j or 0.0) <= run.spent_j, (run, ended)
        else:
            assert told_j == run.spent_j == (ended.energy_j or 0.0), (run, told_j, ended)
    lost = [run for run in runs.values() if outcome[run.token].outcome == "lost"]
    spent_j, told_j = sum(run.spent_j for run in runs.values()), sum(row.energy_spent_j for row in records.values())
    may_lack_j = sum(run.spent_j - run.kept_j for run in lost)
    print(f"{len(jobs)} jobs, {len(attempts)} attempts, {len(lost)} lost runs; {spent_j:g} J spent, {told_j:g} J told,")
    print(f"of which {may_lack_j:g} J may be missing: spent after the record was kept last by a run that was lost")
    assert spent_j - may_lack_j <= told_j <= spent_j

    for host in {run.host for run in runs.values()}:
        there = sorted((run for run in runs.values() if run.host == host), key=lambda run: run.began)
        for before, after in pairwise(there):
            assert before.seen <= after.began, f"two at once on {host}: {before}, {after}"
