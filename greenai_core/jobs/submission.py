"""What a submission becomes: which of its specs are answered, which live already, and the jobs that are new."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from greenai_core.jobs import dependencies
from greenai_core.jobs.dependencies import Planned
from greenai_core.jobs.states import LIVE, MAX_ATTEMPTS, State
from greenai_core.spec import Measurement, Spec
from greenai_core.store import answers, schema
from greenai_core.store.answers import Answer, measures_as_much
from greenai_core.store.clock import now
from greenai_core.store.database import writing
from greenai_core.store.schema import dependency


@dataclass(frozen=True)
class Submitted:
    """What became of one submitted spec; `id` is None where a stored record answers it, whose `run_id` is given."""

    id: str | None
    state: State
    spec_id: str
    run_id: str | None


def put(specs: Sequence[Spec], *, again: bool, budget_j: float | None) -> list[Submitted]:
    """Queue specs in one transaction, see `greenai_core.jobs.queue.submit`."""
    # Looked up before the transaction: whoever writes meanwhile need not wait for so many questions.
    stored = [None] * len(specs) if again else answers.find(specs)
    planned = dependencies.plan([spec for spec, answer in zip(specs, stored, strict=True) if answer is None])
    shared = answers.find([run.spec for run in planned if not run.asked])
    known = [*shared, *(None for _ in planned[len(shared) :])]
    sweep_id = uuid.uuid4().hex[:12] if len(planned) > 1 or budget_j is not None else None
    with writing() as connection:
        queued, new = _queue_all(connection, list(zip(planned, known, strict=True)), sweep_id, again=again)
        if sweep_id is not None and new:
            connection.execute(schema.sweep.insert().values(id=sweep_id, submitted_at=now(), budget_j=budget_j))
    waiting = iter(queued[len(shared) :])
    return [
        next(waiting) if answer is None else Submitted(None, "succeeded", spec.spec_id, answer.run_id)
        for spec, answer in zip(specs, stored, strict=True)
    ]


def _queue_all(
    connection: sa.Connection, planned: Sequence[tuple[Planned, Answer | None]], sweep_id: str | None, *, again: bool
) -> tuple[list[Submitted], int]:
    """Queue what is planned, except what a record answers, or a job that lives (unless `again` is asked for).

    Returns:
        What became of each, and how many jobs are new.
    """
    seq = connection.execute(sa.select(sa.func.coalesce(sa.func.max(schema.job.c.seq), 0))).scalar_one()
    results: list[Submitted] = []
    new: dict[str, Planned] = {}
    for number, (run, answer) in enumerate(planned, start=1):
        if answer is not None:
            results.append(Submitted(None, "succeeded", run.spec.spec_id, answer.run_id))
            continue
        alive = None if again and run.asked else _live(connection, run.spec)
        results.append(alive or _queue(connection, run.spec, seq + number, sweep_id))
        if alive is None:
            new[str(results[-1].id)] = run
    blocked = _connect(connection, {id: [results[need].id for need in run.needs] for id, run in new.items()})
    return [replace(result, state="blocked") if result.id in blocked else result for result in results], len(new)


def _live(connection: sa.Connection, spec: Spec) -> Submitted | None:
    live = sa.select(schema.job.c.id, schema.job.c.state, schema.job.c.spec).where(
        schema.job.c.spec_id == spec.spec_id, schema.job.c.state.in_(LIVE), schema.job.c.cancel_asked_at.is_(None)
    )
    for row in connection.execute(live):
        if measures_as_much(Measurement(**json.loads(row.spec)["measurement"]), spec.measurement):
            return Submitted(row.id, row.state, spec.spec_id, None)
    return None


def _queue(connection: sa.Connection, spec: Spec, seq: int, sweep_id: str | None) -> Submitted:
    id = uuid.uuid4().hex[:12]
    connection.execute(
        schema.job.insert().values(
            id=id,
            seq=seq,
            spec_id=spec.spec_id,
            spec=schema.to_json(spec.model_dump(mode="json")),
            state="queued",
            submitted_at=now(),
            sweep_id=sweep_id,
            max_attempts=MAX_ATTEMPTS,
        )
    )
    return Submitted(id, "queued", spec.spec_id, None)


def _connect(connection: sa.Connection, needs: Mapping[str, Sequence[str | None]]) -> set[str]:
    """Let new jobs wait for others, where those are not answered; returns the ones that wait."""
    rows = [{"job_id": id, "needs": need} for id, every in needs.items() for need in every if need is not None]
    if rows:
        connection.execute(dependency.insert(), rows)
    blocked = {id for id, every in needs.items() if any(every)}
    connection.execute(schema.job.update().where(schema.job.c.id.in_(blocked)).values(state="blocked"))
    return blocked
