"""What runs were asked to do, for questions about many of them at once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from greenai_core.store import bank
from greenai_core.store.batches import batches
from greenai_core.store.database import reading
from greenai_core.store.schema import run


def specs(run_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the spec of each of these records in JSON form, own or of the bank; an id that is unknown is left out."""
    wanted = set(run_ids)
    found: dict[str, str] = {}
    for frame in bank.frames():
        shipped = frame[frame["run_id"].isin(wanted)]
        found |= dict(zip(shipped["run_id"], shipped["spec"], strict=True))
    with reading() as connection:
        for batch in batches(sorted(wanted)):
            rows = connection.execute(sa.select(run.c.run_id, run.c.spec).where(run.c.run_id.in_(batch)))
            found |= {row.run_id: row.spec for row in rows}
    return {run_id: json.loads(text) for run_id, text in found.items()}
