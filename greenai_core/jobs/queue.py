"""The queue as people see it: submit, look, cancel, retry. What a worker does to a job is in `states`."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from greenai_core.errors import BadInput
from greenai_core.jobs.access import Access
from greenai_core.jobs.states import LIVE, State, ask_to_stop
from greenai_core.jobs.supervisor import ensure_supervisor
from greenai_core.spec import Measurement, Spec, check
from greenai_core.store import records, schema
from greenai_core.store.database import reading, writing
from greenai_core.store.schema import log, progress

__all__ = ["Job", "Submitted", "cancel", "curve", "job", "jobs", "log_tail", "retry", "submit"]


@dataclass(frozen=True)
class Submitted:
    """What became of one submitted spec; `id` is None where a stored record answers it, whose `run_id` is given."""

    id: str | None
    state: State
    spec_id: str
    run_id: str | None


@dataclass(frozen=True)
class Job:
    """One job as it is now. Times are seconds since 1970-01-01 UTC; what is not known yet is None.

    `fraction` is of the whole run, in [0, 1]; `error` is one sentence, also about a lost attempt that is repeated;
    `first_step_at` is the first report from inside an epoch of the last attempt.
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
    eta_s: float | None = None


_COLUMNS = [schema.job.c[name] for name in Job.__dataclass_fields__ if name != "eta_s"]


def submit(specs: Sequence[Spec], *, access: Access, again: bool = False) -> list[Submitted]:
    """Queue specs, all of them or none, and make sure that somebody works on them; returns at once.

    A spec that a record of this store answers is not queued, nor is one that a live job will answer (its id is
    returned), unless `again`.

    Raises:
        ReadOnly: this caller may not.
        BadInput: the store cannot be written; nothing is queued.
    """
    access.require()
    results = []
    # Looked up before the transaction: whoever writes meanwhile need not wait for so many questions.
    answers = [None if again else records.answered(spec) for spec in specs]
    with writing() as connection:
        seq = connection.execute(sa.select(sa.func.coalesce(sa.func.max(schema.job.c.seq), 0))).scalar_one()
        for number, (spec, record) in enumerate(zip(specs, answers, strict=True), start=1):
            if record is not None:
                results.append(Submitted(None, "succeeded", spec.spec_id, record.run_id))
                continue
            live = None if again else _live(connection, spec)
            results.append(live or _queue(connection, spec, seq + number))
    if any(result.id for result in results):
        ensure_supervisor()
    return results


def jobs() -> list[Job]:
    """Return every job, newest first."""
    with reading() as connection:
        rows = connection.execute(sa.select(*_COLUMNS).order_by(schema.job.c.seq.desc())).mappings().all()
    return [_job(row) for row in rows]


def job(id: str) -> Job:
    """Return one job.

    Raises:
        BadInput: there is none of that id.
    """
    with reading() as connection:
        row = connection.execute(sa.select(*_COLUMNS).where(schema.job.c.id == id)).mappings().first()
    if row is None:
        raise BadInput(f"there is no job {id!r}; `python -m greenai_core jobs` lists them.")
    return _job(row)


def cancel(id: str, access: Access) -> Job:
    """End a job: at once if it waits; one that runs is asked to end, and its process killed if it does not.

    Returns:
        The job as it is now; one that runs is still running for a moment.

    Raises:
        ReadOnly: this caller may not.
        BadInput: there is no such job, or it has ended otherwise.
    """
    access.require()
    before = job(id)
    if before.state not in LIVE and before.state != "cancelled":
        raise BadInput(f"job {id} cannot be cancelled: it has {before.state} already.")
    with writing() as connection:
        ask_to_stop(connection, id)
    after = job(id)
    if after.state in LIVE:
        ensure_supervisor()
    return after


def retry(id: str, access: Access) -> Submitted:
    """Queue the spec of a job that has ended once more, as a new job.

    Raises:
        ReadOnly: this caller may not.
        BadInput: there is no such job, it has not ended, or its spec is no longer understood.
    """
    access.require()
    old = job(id)
    if old.state in LIVE:
        raise BadInput(f"job {id} is {old.state}; it can be run again when it has ended.")
    return submit([check(old.spec)], access=access, again=True)[0]


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


def _live(connection: sa.Connection, spec: Spec) -> Submitted | None:
    live = sa.select(schema.job.c.id, schema.job.c.state, schema.job.c.spec).where(
        schema.job.c.spec_id == spec.spec_id, schema.job.c.state.in_(LIVE), schema.job.c.cancel_asked_at.is_(None)
    )
    for row in connection.execute(live):
        if records.measures_as_much(Measurement(**json.loads(row.spec)["measurement"]), spec.measurement):
            return Submitted(row.id, row.state, spec.spec_id, None)
    return None


def _queue(connection: sa.Connection, spec: Spec, seq: int) -> Submitted:
    id = uuid.uuid4().hex[:12]
    connection.execute(
        schema.job.insert().values(
            id=id,
            seq=seq,
            spec_id=spec.spec_id,
            spec=schema.to_json(spec.model_dump(mode="json")),
            state="queued",
            submitted_at=time.time(),
        )
    )
    return Submitted(id, "queued", spec.spec_id, None)


def _job(row: sa.RowMapping) -> Job:
    return Job(**{**row, "spec": json.loads(row["spec"])}, eta_s=_eta_s(row))


def _eta_s(row: sa.RowMapping) -> float | None:
    """Return how long the job will still run if it goes on as it did; None while that cannot be told."""
    if row["state"] != "running" or not row["fraction"] or row["started_at"] is None:
        return None
    return float((time.time() - row["started_at"]) * (1 - row["fraction"]) / row["fraction"])
