"""The bin: deleted runs, which can be restored for a day and are gone for good then, their models with them.

A deleted run is moved to a table of its own. Whoever reads records reads the table `run`, so that nobody need know of
the bin to leave it out: no answer, front, export or prediction sees a deleted run, and its spec can be run again. Only
what removes files asks the bin (`greenai_core.store.disk`): what can be restored needs its model.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from greenai_core.errors import BadInput
from greenai_core.record import Record
from greenai_core.store import artifacts, bank, remarks, revision, underway
from greenai_core.store.batches import batches
from greenai_core.store.clock import now
from greenai_core.store.database import reading, writing
from greenai_core.store.rows import from_row
from greenai_core.store.schema import deleted_run, run, unfinished

if TYPE_CHECKING:
    from greenai_core.jobs.access import Access

KEPT_S = 86400.0
"""A deletion can be undone for so long."""

logger = logging.getLogger(__name__)

_AGE_S = now() - deleted_run.c.deleted_at
_COLUMNS = [column.name for column in run.columns]


@dataclass(frozen=True)
class Deletion:
    """Runs that were deleted together so many seconds ago, and can be restored."""

    id: str
    runs: int
    ago_s: float


def put_in(connection: sa.Connection, run_ids: Sequence[str]) -> str:
    """Move own records to the bin in an open transaction; returns the id of the deletion.

    Raises:
        BadInput: one of them is not a record of this store.
    """
    deletion = uuid.uuid4().hex
    for batch in batches(dict.fromkeys(run_ids)):
        chosen = run.c.run_id.in_(batch)
        known = _stored(connection, batch)
        for run_id in batch:
            if run_id not in known:
                raise BadInput(f"{run_id!r} is not a record of this store; nothing was deleted.")
        # It may be there: a record that was deleted can be imported, and deleted again.
        connection.execute(deleted_run.delete().where(deleted_run.c.run_id.in_(batch)))
        moved = sa.select(sa.literal(deletion), now(), *run.columns).where(chosen)
        connection.execute(deleted_run.insert().from_select(["deletion", "deleted_at", *_COLUMNS], moved))
        connection.execute(run.delete().where(chosen))
        underway.unmark(connection, batch)
    revision.changed(connection)
    return deletion


def waiting() -> tuple[Deletion, ...]:
    """Return what can be restored, the latest deletion first."""
    ago_s, runs = sa.func.min(_AGE_S).label("ago_s"), sa.func.count().label("runs")
    grouped = sa.select(deleted_run.c.deletion, runs, ago_s).group_by(deleted_run.c.deletion).order_by(ago_s)
    with reading() as connection:
        return tuple(Deletion(row.deletion, row.runs, row.ago_s) for row in connection.execute(grouped))


def binned() -> tuple[Record, ...]:
    """Return the records that can be restored."""
    with reading() as connection:
        return tuple(from_row(row) for row in connection.execute(sa.select(deleted_run)).mappings())


def restore(deletion: str, access: Access) -> int:
    """Put the runs of a deletion back where they were, with models, tags and notes; returns how many.

    Where a run is stored again meanwhile, say imported, that record stays, unless only the deleted one succeeded.

    Raises:
        ReadOnly: this caller may not.
        BadInput: they were restored already, or are gone for good.
    """
    access.require()
    chosen = deleted_run.c.deletion == deletion
    moved = sa.select(*(deleted_run.c[name] for name in _COLUMNS)).where(
        chosen, deleted_run.c.run_id.not_in(sa.select(run.c.run_id))
    )
    better = sa.select(deleted_run.c.run_id).where(chosen, deleted_run.c.status == "succeeded")
    with writing() as connection:
        connection.execute(run.delete().where(run.c.status != "succeeded", run.c.run_id.in_(better)))
        connection.execute(unfinished.delete().where(unfinished.c.run_id.in_(better)))
        connection.execute(run.insert().from_select(_COLUMNS, moved))
        restored = connection.execute(deleted_run.delete().where(chosen)).rowcount
        if not restored:
            raise BadInput("These runs were restored already, or the bin was emptied.")
        revision.changed(connection)
    return restored


def empty(access: Access) -> int:
    """Remove every deleted run for good, and its model; returns how many.

    Raises:
        ReadOnly: this caller may not.
        BadInput: the store cannot be written; nothing is removed.
    """
    access.require()
    return _remove(sa.true())


def expire() -> None:
    """Remove for good what was deleted more than a day ago; whoever looks at the bin or adds to it asks for it."""
    try:
        if any(deletion.ago_s > KEPT_S for deletion in waiting()):
            _remove(_AGE_S > KEPT_S)
    except BadInput as error:
        logger.warning("what was deleted more than a day ago stays for now: %s", error)


def _remove(chosen: sa.ColumnElement[bool]) -> int:
    with writing() as connection:
        gone = connection.execute(sa.select(deleted_run.c.run_id, deleted_run.c.provenance).where(chosen)).all()
        run_ids = [row.run_id for row in gone]
        stored_again = _stored(connection, run_ids)
        for batch in batches(run_ids):
            connection.execute(deleted_run.delete().where(deleted_run.c.run_id.in_(batch)))
        remarks.forget(connection, set(run_ids) - stored_again - bank.run_ids())
    for row in gone:  # after the commit: a record must never name a model that is gone
        if row.run_id not in stored_again:
            _remove_model(row.run_id, json.loads(row.provenance).get("model_uri"))
    return len(gone)


def _stored(connection: sa.Connection, run_ids: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for batch in batches(run_ids):
        found.update(connection.execute(sa.select(run.c.run_id).where(run.c.run_id.in_(batch))).scalars())
    return found


def _remove_model(run_id: str, name: str | None) -> None:
    """Remove a file that is this run's alone; any other is left to `disk.clear`, which knows what all records name."""
    if name is None or not name.startswith(f"models/{run_id}."):
        return
    try:
        artifacts.delete(name)
    except (BadInput, OSError) as error:
        logger.warning("%s stays until unreferenced files are cleared: %s", name, error)
