"""What people set for the whole queue: whether it goes on, and how many jobs run at once on each host."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from greenai_core.errors import BadInput
from greenai_core.jobs.access import Access
from greenai_core.store.database import reading, writing
from greenai_core.store.schema import meta

MOST_AT_ONCE = 16
"""More jobs at once on one host is a slip of the pen."""

_PAUSED, _CONCURRENCY = "queue_paused", "queue_concurrency"


@dataclass(frozen=True)
class Control:
    """How the queue is set. One job at a time by default: two at once share what a counter of the machine sees."""

    paused: bool = False
    concurrency: int = 1


def control() -> Control:
    """Return how the queue is set."""
    with reading() as connection:
        return read(connection)


def read(connection: sa.Connection) -> Control:
    """Return how the queue is set, in a transaction that is open already."""
    rows = connection.execute(sa.select(meta.c.name, meta.c.value).where(meta.c.name.in_([_PAUSED, _CONCURRENCY])))
    found = {row.name: row.value for row in rows}
    return Control(_PAUSED in found, int(found.get(_CONCURRENCY, 1)))


def pause(access: Access) -> None:
    """Begin no more jobs; those that run go on.

    Raises:
        ReadOnly: this caller may not.
    """
    _put(access, _PAUSED, "yes")


def resume(access: Access) -> None:
    """Begin jobs again.

    Raises:
        ReadOnly: this caller may not.
    """
    _put(access, _PAUSED, None)


def set_concurrency(jobs: int, access: Access) -> None:
    """Let so many jobs run at once on each host.

    Raises:
        ReadOnly: this caller may not.
        BadInput: fewer than one, or more than `MOST_AT_ONCE`.
    """
    if not 1 <= jobs <= MOST_AT_ONCE:
        raise BadInput(f"concurrency: {jobs} jobs at once is not between 1 and {MOST_AT_ONCE}.")
    _put(access, _CONCURRENCY, str(jobs))


def _put(access: Access, name: str, value: str | None) -> None:
    access.require()
    with writing() as connection:
        connection.execute(meta.delete().where(meta.c.name == name))
        if value is not None:
            connection.execute(meta.insert().values(name=name, value=value))
