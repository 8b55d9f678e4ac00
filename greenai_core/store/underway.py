"""Which stored records belong to runs that go on, and which to runs whose process is gone.

An unfinished record is marked with the process that makes it. While that process lives the record is not shown: it
says nothing yet. Once the process is gone nobody need write anything for the record to be seen.
"""

from __future__ import annotations

from collections.abc import Iterable

import psutil
import sqlalchemy as sa

from greenai_core.settings import settings
from greenai_core.store.clock import now
from greenai_core.store.schema import unfinished

CLOCK_S = 5.0
"""Two processes may differ by so much in when a third one was born: the time of boot is read from a clock."""

SILENT_S = 3600.0
"""A process of another host that kept nothing for so long is gone, or its host goes by another name now."""


def mark(connection: sa.Connection, run_id: str) -> bool:
    """Note that this process makes a record, and has just kept it; returns whether that had been noted before.

    To be said each time: when a clock is set, the time of birth of a process changes with it.
    """
    me = psutil.Process()
    known = unmark(connection, [run_id])
    made_by = {"host": settings().host_id, "pid": me.pid, "born": me.create_time()}
    connection.execute(unfinished.insert().values(run_id=run_id, **made_by, kept_at=now()))
    return known > 0


def unmark(connection: sa.Connection, run_ids: Iterable[str]) -> int:
    """Note that nobody makes these records any more; returns of how many somebody did."""
    return connection.execute(unfinished.delete().where(unfinished.c.run_id.in_(list(run_ids)))).rowcount


def unfinished_ids(connection: sa.Connection) -> tuple[list[str], list[str]]:
    """Return the marked records whose process lives, and those whose process is gone, each sorted.

    Of other hosts' processes nothing is known here but when they kept their record last.
    """
    going_on: list[str] = []
    gone: list[str] = []
    silent_s = (now() - sa.func.coalesce(unfinished.c.kept_at, 0.0)).label("silent_s")
    rows = connection.execute(sa.select(unfinished, silent_s).order_by(unfinished.c.run_id)).all()
    here = settings().host_id if rows else ""
    for row in rows:
        alive = process_of(row.pid, row.born) is not None if row.host == here else row.silent_s < SILENT_S
        (going_on if alive else gone).append(row.run_id)
    return going_on, gone


def process_of(pid: int, born: float) -> psutil.Process | None:
    """Return the process of this number that was born then; None: it is gone, or the number is somebody else's."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - born) < CLOCK_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:  # somebody is there, and will not say who
        return process
