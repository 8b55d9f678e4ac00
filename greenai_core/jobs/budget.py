"""Energy budgets of sweeps."""

from __future__ import annotations

import sqlalchemy as sa

from greenai_core import units
from greenai_core.jobs.look import spent_j
from greenai_core.jobs.states import LIVE, ask_to_stop
from greenai_core.store.database import reading, writing
from greenai_core.store.schema import job, sweep


def enforce() -> None:
    """Cancel what is left of each sweep that has spent its budget; the jobs say why."""
    going_on = sa.select(job.c.sweep_id).where(job.c.state.in_(LIVE), job.c.cancel_asked_at.is_(None))
    with reading() as connection:
        limited = sa.select(sweep.c.id, sweep.c.budget_j).where(sweep.c.budget_j.is_not(None), sweep.c.id.in_(going_on))
        budgets = connection.execute(limited).all()
        spent = spent_j(connection) if budgets else {}
    for id, budget_j in budgets:
        if spent.get(id, 0.0) >= budget_j:
            why = f"the sweep's budget of {units.ENERGY.text(budget_j)} is spent ({units.ENERGY.text(spent[id])})"
            with writing() as connection:
                ask_to_stop(connection, job.c.sweep_id == id, why)
