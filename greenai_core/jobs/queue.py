"""The queue as people see it: submit, look, cancel, try again. What a worker does to a job is in `states`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from greenai_core.errors import BadInput
from greenai_core.jobs import submission
from greenai_core.jobs.access import Access
from greenai_core.jobs.look import (
    Attempt,
    Job,
    Sweep,
    attempts,
    counts,
    curve,
    ended,
    job,
    jobs,
    live,
    log_tail,
    sweeps,
)
from greenai_core.jobs.states import LIVE, MAX_ATTEMPTS, UNDONE, WAITING, State, ask_to_stop, release
from greenai_core.jobs.submission import Submitted
from greenai_core.jobs.supervisor import ensure_supervisor
from greenai_core.spec import Spec, check
from greenai_core.store import schema
from greenai_core.store.database import reading, writing
from greenai_core.store.schema import dependency

__all__ = [
    "Attempt",
    "Job",
    "Submitted",
    "Sweep",
    "attempts",
    "cancel",
    "cancel_all",
    "cancel_sweep",
    "counts",
    "curve",
    "ended",
    "job",
    "jobs",
    "live",
    "log_tail",
    "prioritise",
    "retry",
    "retry_failed",
    "retry_sweep",
    "submit",
    "sweeps",
]


def submit(
    specs: Sequence[Spec], *, access: Access, again: bool = False, budget_j: float | None = None
) -> list[Submitted]:
    """Queue specs, all of them or none, and make sure that somebody works on them; returns at once.

    A spec that a record of this store answers is not queued, nor is one that a live job will answer (its id is
    returned), unless `again`. What several specs share is queued as a job of its own, which the others wait for (see
    `greenai_core.jobs.dependencies`); it is not in the answer.

    Args:
        specs: what to run; several make a sweep.
        access: of the caller.
        again: run also what is answered.
        budget_j: when the jobs of this submission have spent so many joules, the rest of them is cancelled.

    Raises:
        ReadOnly: this caller may not.
        BadInput: the budget is not positive, or the store cannot be written; nothing is queued.
    """
    access.require()
    if budget_j is not None and not budget_j > 0:
        raise BadInput(f"budget_j: {budget_j:g} is not a positive number of joules.")
    results = submission.put(specs, again=again, budget_j=budget_j)
    if any(result.id for result in results):
        ensure_supervisor()
    return results


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
        ask_to_stop(connection, schema.job.c.id == id)
    after = job(id)
    if after.state in LIVE:
        ensure_supervisor()
    return after


def cancel_all(access: Access) -> int:
    """End every job that has not ended, as `cancel` does; returns how many that concerns.

    Raises:
        ReadOnly: this caller may not.
    """
    return _cancel_where(sa.true(), access)


def cancel_sweep(id: str, access: Access) -> int:
    """End every job of a sweep that has not ended, as `cancel` does; returns how many that concerns.

    Raises:
        ReadOnly: this caller may not.
    """
    return _cancel_where(schema.job.c.sweep_id == id, access)


def retry(id: str, access: Access) -> Submitted:
    """Try a job again that failed, was cancelled or was skipped, as the same job and with as many attempts as before.

    What it needs and has not succeeded is tried again before it; what was skipped because of it waits for it again. A
    job that succeeded is run again as a new one.

    Raises:
        ReadOnly: this caller may not.
        BadInput: there is no such job, it has not ended, or its spec is no longer understood.
    """
    access.require()
    old = job(id)
    if old.state in LIVE:
        raise BadInput(f"job {id} is {old.state}; it can be run again when it has ended.")
    spec = check(old.spec)
    if old.state == "succeeded":
        return submit([spec], access=access, again=True)[0]
    _try_again([id])
    return Submitted(id, job(id).state, spec.spec_id, None)


def retry_failed(access: Access) -> int:
    """Try every job again that failed; returns how many those are.

    Raises:
        ReadOnly: this caller may not.
    """
    return _retry_where(schema.job.c.state == "failed", access)


def retry_sweep(id: str, access: Access) -> int:
    """Try every job of a sweep again that failed; returns how many those are.

    Raises:
        ReadOnly: this caller may not.
    """
    return _retry_where((schema.job.c.state == "failed") & (schema.job.c.sweep_id == id), access)


def prioritise(id: str, access: Access) -> Job:
    """Let a job that waits begin before all others, after what it needs itself.

    Raises:
        ReadOnly: this caller may not.
        BadInput: there is no such job, or it does not wait.
    """
    access.require()
    state = job(id).state
    if state not in WAITING:
        raise BadInput(f"job {id} is {state}; only one that waits can be put first.")
    first = sa.select(sa.func.max(schema.job.c.priority)).where(schema.job.c.state.in_(WAITING)).scalar_subquery()
    with writing() as connection:
        ids = _closure(connection, [id], _needs_of, WAITING)
        connection.execute(schema.job.update().where(schema.job.c.id.in_(ids)).values(priority=first + 1))
    return job(id)


def _cancel_where(which: sa.ColumnElement[bool], access: Access) -> int:
    access.require()
    with writing() as connection:
        concerned = ask_to_stop(connection, which)
    if concerned:
        ensure_supervisor()
    return concerned


def _retry_where(which: sa.ColumnElement[bool], access: Access) -> int:
    access.require()
    with reading() as connection:
        ids = connection.execute(sa.select(schema.job.c.id).where(which)).scalars().all()
    if ids:
        _try_again(ids)
    return len(ids)


Neighbours = Callable[[Sequence[str]], sa.Select[tuple[str]]]


def _needs_of(ids: Sequence[str]) -> sa.Select[tuple[str]]:
    return sa.select(dependency.c.needs).where(dependency.c.job_id.in_(ids))


def _dependants_of(ids: Sequence[str]) -> sa.Select[tuple[str]]:
    return sa.select(dependency.c.job_id).where(dependency.c.needs.in_(ids))


def _closure(
    connection: sa.Connection, ids: Sequence[str], neighbours: Neighbours, states: Sequence[State]
) -> list[str]:
    """Return jobs and all that is reached from them through jobs in some states."""
    reached = dict.fromkeys(ids)
    while ids:
        chosen = sa.select(schema.job.c.id).where(schema.job.c.id.in_(neighbours(ids)), schema.job.c.state.in_(states))
        ids = [id for id in connection.execute(chosen).scalars() if id not in reached]
        reached |= dict.fromkeys(ids)
    return list(reached)


def _try_again(ids: Sequence[str]) -> None:
    with writing() as connection:
        needed = _closure(connection, ids, _needs_of, UNDONE)
        concerned = _closure(connection, needed, _dependants_of, ("skipped",))
        connection.execute(
            schema.job.update()
            .where(schema.job.c.id.in_(concerned), schema.job.c.state.in_(UNDONE))
            .values(
                state="blocked",
                error=None,
                ended_at=None,
                cancel_asked_at=None,
                not_before=0.0,
                max_attempts=schema.job.c.attempts + MAX_ATTEMPTS,
            )
        )
        release(connection)
    ensure_supervisor()
