"""The states of a job, and every way from one to another.

    blocked -> queued -> dispatched -> running -> succeeded | failed | cancelled
    blocked -> skipped | cancelled
    queued -> cancelled
    dispatched | running -> queued | failed | cancelled, where the attempt was lost
    failed | cancelled | skipped -> queued | blocked, where somebody wants it tried again (see `queue.retry`)

Each step is one guarded UPDATE of one row: it says which state, and which attempt, it starts from, and does nothing
where that no longer holds. An attempt carries a token. Once the job is given to somebody else the old token fits no
row, so that an attempt which was thought dead and is not can write nothing. Every time is the database's.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psutil
import sqlalchemy as sa

from greenai_core import wording
from greenai_core.jobs import control
from greenai_core.record import Record
from greenai_core.store import records
from greenai_core.store.clock import now
from greenai_core.store.database import reading, writing
from greenai_core.store.schema import attempt, dependency, job, log, progress, slot

State = Literal["blocked", "queued", "dispatched", "running", "succeeded", "failed", "cancelled", "skipped"]
End = Literal["succeeded", "failed", "cancelled"]
Verdict = Literal["go on", "wait", "cancel", "fenced"]

WAITING: tuple[State, ...] = ("blocked", "queued")
HELD: tuple[State, ...] = ("dispatched", "running")
LIVE: tuple[State, ...] = (*WAITING, *HELD)
UNDONE: tuple[State, ...] = ("failed", "cancelled", "skipped")

MAX_ATTEMPTS = 3
"""So often a job is begun, if its worker dies each time."""

PAUSE_S = 0.5
"""Before a lost attempt is repeated the first time; each further pause is twice as long."""

LONGEST_PAUSE_S = 60.0

_OF_AN_ATTEMPT = (
    "stage",
    "stage_index",
    "message",
    "epoch",
    "epochs",
    "loss",
    "accuracy_val",
    "energy_j",
    "started_at",
    "first_step_at",
    "beat_at",
)


@dataclass(frozen=True)
class Ticket:
    """One attempt at one job, as it is handed to a worker."""

    id: str
    token: str
    attempt: int
    spec: dict[str, Any]


@dataclass(frozen=True)
class News:
    """What an attempt has to tell since it last did: columns of `job`, rows of `progress`, lines of the log."""

    columns: Mapping[str, Any]
    epochs: Sequence[Mapping[str, Any]] = ()
    lines: Sequence[tuple[float, str]] = ()


def claim(owner: str, host: str) -> Ticket | None:
    """Take the job that goes first, or None: the highest priority, then whichever has waited longest."""
    with writing() as connection:
        if control.read(connection).paused:
            return None
        first = sa.select(job.c.id, job.c.attempts, job.c.spec).where(ready())
        row = connection.execute(first.order_by(job.c.priority.desc(), job.c.seq).limit(1)).first()
        if row is None:
            return None
        ticket = Ticket(row.id, uuid.uuid4().hex, row.attempts + 1, json.loads(row.spec))
        taken = connection.execute(
            job.update()
            .where(job.c.id == row.id, job.c.state == "queued", job.c.attempts == row.attempts)
            .values(
                {
                    **dict.fromkeys(_OF_AN_ATTEMPT),
                    "state": "dispatched",
                    "token": ticket.token,
                    "attempts": ticket.attempt,
                    "owner": owner,
                    "host": host,
                    "dispatched_at": now(),
                    "beat_at": now(),
                    "fraction": 0.0,
                }
            )
        )
        if taken.rowcount != 1:
            return None
        connection.execute(
            attempt.insert().values(job_id=ticket.id, attempt=ticket.attempt, token=ticket.token, dispatched_at=now())
        )
        return ticket


def ready() -> sa.ColumnElement[bool]:
    """Return the condition that a job may begin; a pause that seems too long is one that a clock was set back in."""
    paused = (job.c.not_before > now()) & (job.c.not_before <= now() + LONGEST_PAUSE_S)
    return (job.c.state == "queued") & ~paused


def begin(ticket: Ticket, host: str, number: int | None) -> Verdict:
    """Say for the first time that the attempt lives: the job is running, in this slot of this host.

    Args:
        ticket: of the attempt.
        host: where it runs.
        number: of the slot; None: there is none yet.

    Returns:
        "wait" where the slot is taken, or not known yet; the attempt has said that it lives.
    """
    mine = (job.c.id == ticket.id, job.c.token == ticket.token, job.c.state == "dispatched")
    me = psutil.Process()
    with writing() as connection:
        asked = connection.execute(sa.select(job.c.cancel_asked_at).where(*mine)).first()
        if asked is None:
            return "fenced"
        if asked.cancel_asked_at is None and not _take(connection, ticket, host, number):
            connection.execute(job.update().where(*mine).values(beat_at=now(), message="waiting for the machine"))
            return "wait"
        connection.execute(job.update().where(*mine).values(state="running", started_at=now(), beat_at=now()))
        connection.execute(
            attempt.update()
            .where(attempt.c.token == ticket.token)
            .values(started_at=now(), host=host, pid=me.pid, born=me.create_time())
        )
        return "go on" if asked.cancel_asked_at is None else "cancel"


def _take(connection: sa.Connection, ticket: Ticket, host: str, number: int | None) -> bool:
    """Take a slot; False: somebody has it, or had it and is not yet known to be gone."""
    if number is None:
        return False
    try:
        with connection.begin_nested():
            connection.execute(slot.insert().values(host=host, number=number, job_id=ticket.id, token=ticket.token))
    except sa.exc.IntegrityError:
        return False
    return True


def beat(ticket: Ticket, news: News) -> Verdict:
    """Say that the attempt still lives, and what is new."""
    with writing() as connection:
        beaten = connection.execute(
            job.update()
            .where(job.c.id == ticket.id, job.c.token == ticket.token, job.c.state == "running")
            .values({**news.columns, "beat_at": now()})
        )
        if beaten.rowcount != 1:
            return "fenced"
        _tell(connection, ticket, news)
        asked = connection.execute(sa.select(job.c.cancel_asked_at).where(job.c.id == ticket.id)).scalar()
        return "go on" if asked is None else "cancel"


def finish(ticket: Ticket, state: End, news: News, *, record: Record | None = None, error: str | None = None) -> bool:
    """End the job, and store its record with it: both happen or neither. False: the attempt had been given up.

    A job that did not succeed may leave a record as well, of what was measured until then; it does not name that one.
    """
    done = {"fraction": 1.0, "run_id": record.run_id} if record and state == "succeeded" else {}
    why = {} if state == "cancelled" else {"error": error}  # a cancelled one keeps the reason of who cancelled it
    with writing() as connection:
        ended = connection.execute(
            job.update()
            .where(job.c.id == ticket.id, job.c.token == ticket.token, job.c.state == "running")
            .values({**news.columns, **done, **why, "state": state, "ended_at": now(), "token": None})
        )
        if ended.rowcount != 1:  # given up, or ended so by an earlier call whose answer got lost
            outcome = sa.select(attempt.c.outcome).where(attempt.c.token == ticket.token)
            return bool(connection.execute(outcome).scalar() == state)
        if record is not None:
            records.insert(connection, record)
        _tell(connection, ticket, news)
        spent_j = record.energy_spent_j if record else None
        _close(connection, ticket.id, ticket.token, state, error, spent_j)
        release(connection, ticket.id)
        return True


def lose(job_id: str, token: str, reason: str) -> State | None:
    """Give up an attempt whose process is gone; the job is queued again, unless it was cancelled or had its chances.

    What the attempt measured until then stays, as a record of its own.

    Returns:
        The job's new state; None if the attempt had ended already.
    """
    mine = (job.c.id == job_id, job.c.token == token, job.c.state.in_(HELD))
    with reading() as connection:  # asked of every attempt that is over: most have ended by themselves
        if connection.execute(sa.select(job.c.id).where(*mine)).first() is None:
            return None
    with writing() as connection:
        chosen = sa.select(job.c.attempts, job.c.max_attempts, job.c.cancel_asked_at).where(*mine)
        row = connection.execute(chosen).first()
        if row is None:
            return None
        state: State = "queued"
        if row.cancel_asked_at is not None:
            state = "cancelled"
        elif row.attempts >= row.max_attempts:
            state = "failed"
        why = {} if state == "cancelled" else {"error": f"attempt {row.attempts} was lost: {reason}"}
        pause_s = min(LONGEST_PAUSE_S, PAUSE_S * 2 ** (row.attempts - 1))
        free = {"token": None, "owner": None, "host": None, "not_before": now() + pause_s}
        ended = {} if state == "queued" else {"ended_at": now()}
        connection.execute(job.update().where(*mine).values({**free, **ended, **why, "state": state}))
        line = f"attempt {row.attempts} was lost: {reason}; the job is {state}"
        connection.execute(log.insert().values(job_id=job_id, attempt=row.attempts, at=now(), line=line))
        _close(connection, job_id, token, "lost", reason, None)
        records.settle(connection)
        if state != "queued":
            release(connection, job_id)
        return state


def ask_to_stop(connection: sa.Connection, which: sa.ColumnElement[bool], reason: str | None = None) -> int:
    """Cancel jobs that wait, and ask the attempts of those that are held to end.

    Args:
        connection: an open transaction.
        which: condition on the columns of `job`.
        reason: why, in a sentence, if nobody pressed a button.

    Returns:
        How many jobs that concerns.
    """
    held = connection.execute(
        job.update()
        .where(which, job.c.state.in_(HELD), job.c.cancel_asked_at.is_(None))
        .values(cancel_asked_at=now(), error=reason)
    )
    waiting = connection.execute(sa.select(job.c.id).where(which, job.c.state.in_(WAITING)).limit(2)).scalars().all()
    stopped = connection.execute(
        job.update().where(which, job.c.state.in_(WAITING)).values(state="cancelled", ended_at=now(), error=reason)
    )
    if waiting:
        release(connection, waiting[0] if len(waiting) == 1 else None)
    return held.rowcount + stopped.rowcount


def release(connection: sa.Connection, ended: str | None = None) -> None:
    """Queue the jobs that wait for nothing any more, and skip those that wait in vain.

    Args:
        connection: an open transaction.
        ended: the job that they waited for; None: look at every job that waits.
    """
    needed, waiting = job.alias("needed"), job.alias("waiting")
    waits = sa.select(waiting.c.id).where(waiting.c.state == "blocked")
    if ended is not None:
        waits = waits.join(dependency, dependency.c.job_id == waiting.c.id).where(dependency.c.needs == ended)
    if connection.execute(waits.limit(1)).first() is None:
        return
    needs = sa.join(dependency, needed, needed.c.id == dependency.c.needs)
    in_vain = connection.execute(
        sa.select(dependency.c.job_id, needed.c.state, needed.c.spec)
        .select_from(needs)
        .where(dependency.c.job_id.in_(waits), needed.c.state.in_(UNDONE))
    ).all()
    for row in {row.job_id: row for row in in_vain}.values():
        why = f"{wording.run(json.loads(row.spec))}, which it builds on, {_ENDED[row.state]}"
        skipped = connection.execute(
            job.update()
            .where(job.c.id == row.job_id, job.c.state == "blocked")
            .values(state="skipped", error=why, ended_at=now())
        )
        if skipped.rowcount:
            release(connection, row.job_id)
    unmet = sa.select(dependency.c.job_id).select_from(needs).where(needed.c.state != "succeeded")
    connection.execute(
        job.update().where(job.c.state == "blocked", job.c.id.in_(waits), job.c.id.not_in(unmet)).values(state="queued")
    )


_ENDED = {"failed": "has failed", "cancelled": "was cancelled", "skipped": "was skipped"}


def _close(
    connection: sa.Connection, job_id: str, token: str, outcome: str, reason: str | None, spent_j: float | None
) -> None:
    """Give the attempt's slot back and note how it ended; it spent what it told last, unless that is known better."""
    connection.execute(slot.delete().where(slot.c.token == token))
    told = sa.select(job.c.energy_j).where(job.c.id == job_id).scalar_subquery()
    connection.execute(
        attempt.update()
        .where(attempt.c.token == token)
        .values(outcome=outcome, reason=reason, ended_at=now(), energy_j=told if spent_j is None else spent_j)
    )


def _tell(connection: sa.Connection, ticket: Ticket, news: News) -> None:
    which = {"job_id": ticket.id, "attempt": ticket.attempt}
    _insert(connection, progress, ({**which, **epoch} for epoch in news.epochs))
    _insert(connection, log, ({**which, "at": at, "line": line} for at, line in news.lines))


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    found = list(rows)
    if found:
        connection.execute(table.insert(), found)
