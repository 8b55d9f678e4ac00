"""Which state of the runs the store holds: a value that changes with every change that a page has to show."""

from __future__ import annotations

import uuid

import sqlalchemy as sa

from greenai_core.store.schema import meta

_NAME = "runs_version"


def current(connection: sa.Connection) -> str | None:
    """Return the value; None before the first change."""
    return connection.execute(sa.select(meta.c.value).where(meta.c.name == _NAME)).scalar()


def changed(connection: sa.Connection) -> None:
    """Note in an open transaction that runs, or what people wrote about them, are others now."""
    connection.execute(meta.delete().where(meta.c.name == _NAME))
    connection.execute(meta.insert().values(name=_NAME, value=uuid.uuid4().hex))
