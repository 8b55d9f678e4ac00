"""The states of a job, and every way from one to another.

    blocked -> queued -> dispatched -> running -> succeeded | failed | cancelled
    blocked -> skipped | cancelled
    queued -> cancelled
    dispatched | running -> queued | failed | cancelled, where the attempt was lost

Each step is one guarded UPDATE of one row: it says which state, and which attempt, it starts from, and does nothing
where that no longer holds. An attempt carries a token. Once the job is given to somebody else the old token fits no
row, so that an attempt which was thought dead and is not can write nothing.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from greenai_core.record import Record
from greenai_core.store import records
from greenai_core.store.database import writing
from greenai_core.store.schema import job, log, progress

State = Literal["blocked", "queued", "dispatched", "running", "succeeded", "failed", "cancelled", "skipped"]
Verdict = Literal["go on", "cancel", "fenced"]

WAITING: tuple[State, ...] = ("blocked", "queued")
HELD: tuple[State, ...] = ("dispatched", "running")
LIVE: tuple[State, ...] = (*WAITING, *HELD)

MAX_ATTEMPTS = 3
"""So often a job is begun, if its worker dies each time."""

LEASE_S = 30.0
"""An attempt that gave no sign of life for so long is lost; the lease starts at its first beat."""

CANCEL_GRACE_S = 3.0
"""How long an attempt may take to end by itself before its process is killed."""

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
    """Take the job that has waited longest, or None."""
    now = time.time()
    with writing() as connection:
        first = sa.select(job.c.id, job.c.attempts, job.c.spec).where(job.c.state == "queued", job.c.not_before <= now)
        row = connection.execute(first.order_by(job.c.seq).limit(1)).first()
        if row is None:
            return None
        ticket = Ticket(row.id, uuid.uuid4().hex, row.attempts + 1, json.loads(row.spec))
        taken = connection.execute(
            job.update()
            .where(job.c.id == row.id, job.c.state == "queued", job.c.attempts == row.attempts)
            .values(
                state="dispatched",
                token=ticket.token,
                attempts=ticket.attempt,
                owner=owner,
                host=host,
                dispatched_at=now,
                fraction=0.0,
                **dict.fromkeys(_OF_AN_ATTEMPT),
            )
        )
        return ticket if taken.rowcount == 1 else None


def begin(ticket: Ticket) -> Verdict:
    """Say for the first time that the attempt lives: the job is running and its lease starts."""
    now = time.time()
    with writing() as connection:
        started = connection.execute(
            job.update()
            .where(job.c.id == ticket.id, job.c.token == ticket.token, job.c.state == "dispatched")
            .values(state="running", started_at=now, beat_at=now)
        )
        return _verdict(connection, ticket, started.rowcount)


def beat(ticket: Ticket, news: News) -> Verdict:
    """Say that the attempt still lives, and what is new."""
    with writing() as connection:
        beaten = connection.execute(
            job.update()
            .where(job.c.id == ticket.id, job.c.token == ticket.token, job.c.state == "running")
            .values(beat_at=time.time(), **news.columns)
        )
        if beaten.rowcount == 1:
            _tell(connection, ticket, news)
        return _verdict(connection, ticket, beaten.rowcount)


def finish(
    ticket: Ticket,
    state: Literal["succeeded", "failed", "cancelled"],
    news: News,
    *,
    record: Record | None = None,
    error: str | None = None,
) -> bool:
    """End the job, and store its record with it: both happen or neither. False: the attempt had been given up.

    A job that did not succeed may leave a record as well, of what was measured until then; it does not name that one.
    """
    done = {"fraction": 1.0, "run_id": record.run_id} if record and state == "succeeded" else {}
    with writing() as connection:
        ended = connection.execute(
            job.update()
            .where(job.c.id == ticket.id, job.c.token == ticket.token, job.c.state == "running")
            .values({**news.columns, **done, "state": state, "error": error, "ended_at": time.time(), "token": None})
        )
        if ended.rowcount != 1:
            return False
        if record is not None:
            records.insert(connection, record)
        _tell(connection, ticket, news)
        return True


def lose(job_id: str, token: str, reason: str) -> State | None:
    """Give up an attempt whose process is gone; the job is queued again, unless it was cancelled or had its chances.

    What the attempt measured until then stays, as a record of its own.

    Returns:
        The job's new state; None if the attempt had ended already.
    """
    now = time.time()
    with writing() as connection:
        mine = (job.c.id == job_id, job.c.token == token, job.c.state.in_(HELD))
        row = connection.execute(sa.select(job.c.attempts, job.c.cancel_asked_at).where(*mine)).first()
        if row is None:
            return None
        state: State = "queued"
        if row.cancel_asked_at is not None:
            state = "cancelled"
        elif row.attempts >= MAX_ATTEMPTS:
            state = "failed"
        ended = {} if state == "queued" else {"ended_at": now}
        pause_s = 0.5 * 2 ** (row.attempts - 1)
        error = None if state == "cancelled" else f"attempt {row.attempts} was lost: {reason}"
        connection.execute(
            job.update()
            .where(*mine)
            .values(state=state, token=None, owner=None, host=None, error=error, not_before=now + pause_s, **ended)
        )
        line = f"attempt {row.attempts} was lost: {reason}; the job is {state}"
        connection.execute(log.insert().values(job_id=job_id, attempt=row.attempts, at=now, line=line))
        records.settle(connection)
        return state


def ask_to_stop(connection: sa.Connection, job_id: str) -> None:
    """Cancel a job that waits; ask the attempt of one that is held to end."""
    now = time.time()
    connection.execute(
        job.update().where(job.c.id == job_id, job.c.state.in_(WAITING)).values(state="cancelled", ended_at=now)
    )
    connection.execute(
        job.update()
        .where(job.c.id == job_id, job.c.state.in_(HELD), job.c.cancel_asked_at.is_(None))
        .values(cancel_asked_at=now)
    )


def _verdict(connection: sa.Connection, ticket: Ticket, changed: int) -> Verdict:
    if changed != 1:
        return "fenced"
    asked = connection.execute(sa.select(job.c.cancel_asked_at).where(job.c.id == ticket.id)).scalar()
    return "go on" if asked is None else "cancel"


def _tell(connection: sa.Connection, ticket: Ticket, news: News) -> None:
    which = {"job_id": ticket.id, "attempt": ticket.attempt}
    _insert(connection, progress, ({**which, **epoch} for epoch in news.epochs))
    _insert(connection, log, ({**which, "at": at, "line": line} for at, line in news.lines))


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    found = list(rows)
    if found:
        connection.execute(table.insert(), found)
