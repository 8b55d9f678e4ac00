"""What there is in the queue: jobs, their attempts, their progress, and the sweeps they belong to."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import sqlalchemy as sa

from greenai_core.errors import BadInput
from greenai_core.jobs.states import HELD, LIVE, WAITING, State
from greenai_core.settings import settings
from greenai_core.store import schema
from greenai_core.store.database import reading
from greenai_core.store.schema import attempt, dependency, log, progress, sweep
from greenai_core.store.underway import process_of


@dataclass(frozen=True)
class Job:
    """One job as it is now. Times are seconds since 1970-01-01 UTC; what is not known yet is None.

    `fraction` is of the whole run, in [0, 1]; `error` is one sentence, also about a lost attempt that is repeated;
    `first_step_at` is the first report from inside an epoch of the last attempt; `needs` are the ids of the jobs that
    must succeed before it may begin; of waiting jobs the one with the highest `priority` goes first, then the oldest.
    """

    id: str
    state: State
    spec_id: str
    spec: dict[str, Any]
    run_id: str | None
    stage: str | None
    stage_index: int | None
    fraction: float | None
    message: str | None
    epoch: int | None
    epochs: int | None
    loss: float | None
    accuracy_val: float | None
    energy_j: float | None
    attempts: int
    error: str | None
    submitted_at: float
    dispatched_at: float | None
    started_at: float | None
    first_step_at: float | None
    ended_at: float | None
    cancel_asked_at: float | None
    sweep_id: str | None
    priority: int
    max_attempts: int
    needs: tuple[str, ...] = ()
    eta_s: float | None = None


@dataclass(frozen=True)
class Attempt:
    """One attempt at a job. `outcome` is succeeded, failed, cancelled or lost, None while it goes on.

    `host` is where it ran, None if it never began; `energy_j` is all that it spent, as far as it told.
    """

    attempt: int
    host: str | None
    outcome: str | None
    reason: str | None
    dispatched_at: float
    started_at: float | None
    ended_at: float | None
    energy_j: float | None


@dataclass(frozen=True)
class Sweep:
    """Jobs that were submitted together: how many there are in each state, and what they have spent.

    When `spent_j` reaches `budget_j` the rest is cancelled; None: there is no budget.
    """

    id: str
    submitted_at: float
    budget_j: float | None
    spent_j: float
    jobs: dict[State, int]


_DERIVED = ("needs", "eta_s")
_COLUMNS = [schema.job.c[name] for name in Job.__dataclass_fields__ if name not in _DERIVED]
_NEWEST = (schema.job.c.seq.desc(),)
_NEXT = (schema.job.c.priority.desc(), schema.job.c.seq)


def jobs() -> list[Job]:
    """Return every job, newest first."""
    return _jobs(sa.select(*_COLUMNS).order_by(*_NEWEST))


def live(waiting: int | None = None) -> list[Job]:
    """Return the jobs that have not ended: those that run, then those that wait, in the order they would begin in.

    Args:
        waiting: so many of those that wait; None: all.
    """
    first = sa.select(schema.job.c.id).where(schema.job.c.state.in_(WAITING)).order_by(*_NEXT).limit(waiting)
    # One statement: a job that begins, or is lost, between two of them would be in neither answer.
    either = schema.job.c.state.in_(HELD) | schema.job.c.id.in_(first.correlate(None))
    return _jobs(sa.select(*_COLUMNS).where(either).order_by(schema.job.c.state.in_(HELD).desc(), *_NEXT))


def ended(count: int, skip: int = 0) -> list[Job]:
    """Return so many of the jobs that have ended, the newest first, after leaving out some."""
    chosen = sa.select(*_COLUMNS).where(schema.job.c.state.not_in(LIVE)).order_by(*_NEWEST)
    return _jobs(chosen.limit(count).offset(skip))


def counts() -> dict[State, int]:
    """Return how many jobs there are in each state that any job is in."""
    chosen = sa.select(schema.job.c.state, sa.func.count()).group_by(schema.job.c.state)
    with reading() as connection:
        return {row.state: row[1] for row in connection.execute(chosen)}


def job(id: str) -> Job:
    """Return one job.

    Raises:
        BadInput: there is none of that id.
    """
    found = _jobs(sa.select(*_COLUMNS).where(schema.job.c.id == id))
    if not found:
        raise BadInput(f"there is no job {id!r}; `python -m greenai_core jobs` lists them.")
    return found[0]


def attempts(id: str) -> list[Attempt]:
    """Return the attempts at a job, in order."""
    columns = [attempt.c[name] for name in Attempt.__dataclass_fields__]
    with reading() as connection:
        rows = connection.execute(sa.select(*columns).where(attempt.c.job_id == id).order_by(attempt.c.attempt))
        return [Attempt(**row) for row in rows.mappings()]


def processes_left() -> list[psutil.Process]:
    """Return the processes on this host that made attempts which have no end, or were lost, and live on."""
    unended = attempt.c.outcome.is_(None) | (attempt.c.outcome == "lost")
    began = sa.select(attempt.c.pid, attempt.c.born).where(unended, attempt.c.pid.is_not(None)).distinct()
    with reading() as connection:
        rows = connection.execute(began.where(attempt.c.host == settings().host_id)).all()
    return [process for row in rows if (process := process_of(row.pid, row.born))]


def sweeps() -> list[Sweep]:
    """Return every sweep, newest first."""
    member = schema.job.c.sweep_id
    by_state = sa.select(member, schema.job.c.state, sa.func.count()).where(member.is_not(None))
    with reading() as connection:
        rows = connection.execute(sa.select(sweep).order_by(sweep.c.submitted_at.desc())).all()
        counted = connection.execute(by_state.group_by(member, schema.job.c.state)).all()
        spent = spent_j(connection)
    states: dict[str, dict[State, int]] = {row.id: {} for row in rows}
    for id, state, count in counted:
        states[id][state] = count
    return [Sweep(row.id, row.submitted_at, row.budget_j, spent.get(row.id, 0.0), states[row.id]) for row in rows]


def spent_j(connection: sa.Connection) -> dict[str, float]:
    """Return the joules that each sweep has spent, lost attempts included; what no source counted is not in it."""
    member = schema.job.c.sweep_id
    over = sa.select(member, attempt.c.energy_j).join(schema.job, schema.job.c.id == attempt.c.job_id)
    over = over.where(member.is_not(None), attempt.c.outcome.is_not(None))
    going_on = sa.select(member, schema.job.c.energy_j).where(member.is_not(None), schema.job.c.state.in_(HELD))
    every = sa.union_all(over, going_on).subquery()
    total = sa.func.coalesce(sa.func.sum(every.c.energy_j), 0.0)
    rows = connection.execute(sa.select(every.c.sweep_id, total).group_by(every.c.sweep_id))
    return {row.sweep_id: row[1] for row in rows}


def curve(id: str) -> list[dict[str, Any]]:
    """Return the epochs of a job's last attempt, in order.

    Each has at, stage, stage_index, epoch, loss, accuracy_val, lr and energy_j (of the run so far).
    """
    hidden = ("seq", "job_id", "attempt")
    columns = [column for column in progress.c if column.name not in hidden]
    last = sa.select(schema.job.c.attempts).where(schema.job.c.id == id).scalar_subquery()
    chosen = sa.select(*columns).where(progress.c.job_id == id, progress.c.attempt == last).order_by(progress.c.seq)
    with reading() as connection:
        return [dict(row) for row in connection.execute(chosen).mappings()]


def log_tail(id: str, lines: int = 50) -> list[str]:
    """Return the last lines of a job's log, oldest first, those of lost attempts included."""
    chosen = sa.select(log.c.line).where(log.c.job_id == id).order_by(log.c.seq.desc()).limit(lines)
    with reading() as connection:
        return list(reversed(connection.execute(chosen).scalars().all()))


def _jobs(chosen: sa.Select[Any]) -> list[Job]:
    with reading() as connection:
        rows = connection.execute(chosen).mappings().all()
        needs = _needs(connection, [row["id"] for row in rows if row["state"] == "blocked"])
    return [
        Job(**{**row, "spec": json.loads(row["spec"])}, needs=needs.get(row["id"], ()), eta_s=_eta_s(row))
        for row in rows
    ]


def _needs(connection: sa.Connection, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what jobs wait for."""
    if not ids:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    chosen = sa.select(dependency).join(schema.job, schema.job.c.id == dependency.c.job_id)
    for row in connection.execute(chosen.where(schema.job.c.state == "blocked").order_by(dependency.c.needs)):
        found[row.job_id] = (*found.get(row.job_id, ()), row.needs)
    return found


def _eta_s(row: sa.RowMapping) -> float | None:
    """Return how long the job will still run if it goes on as it did; None while that cannot be told."""
    if row["state"] != "running" or not row["fraction"] or row["started_at"] is None:
        return None
    return float((time.time() - row["started_at"]) * (1 - row["fraction"]) / row["fraction"])
