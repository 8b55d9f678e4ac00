"""Which state of the store pages have shown: one value for runs and one for what people wrote about them.

Each changes with every change that a page has to show. They are apart because runs are many and what is worked out of
them takes seconds, and a tag or a note changes none of it.
"""

from __future__ import annotations

import uuid
from typing import Literal

import sqlalchemy as sa

from greenai_core.store.schema import meta

Of = Literal["runs", "remarks"]


def current(connection: sa.Connection, of: Of = "runs") -> str | None:
    """Return the value; None before the first change."""
    return connection.execute(sa.select(meta.c.value).where(meta.c.name == _name(of))).scalar()


def changed(connection: sa.Connection, of: Of = "runs") -> None:
    """Note in an open transaction that the runs, or what people wrote about them, are others now."""
    connection.execute(meta.delete().where(meta.c.name == _name(of)))
    connection.execute(meta.insert().values(name=_name(of), value=uuid.uuid4().hex))


def _name(of: Of) -> str:
    return f"{of}_version"
