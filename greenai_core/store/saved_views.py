"""Views of a page that people gave a name: what its controls are set to, as it stands in the page's link.

Kept are the parameters of a link and nothing of where it leads, so that a saved view opens this page and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import sqlalchemy as sa

from greenai_core.errors import BadInput
from greenai_core.store.database import reading, writing
from greenai_core.store.schema import saved_view

if TYPE_CHECKING:
    from greenai_core.jobs.access import Access

NAME_LENGTH = 60
"""So many characters the name of a view may have."""

QUERY_LENGTH = 4000
"""So many characters its parameters may take in a link: servers and browsers refuse much longer ones."""

Parameters = Mapping[str, Sequence[str]]
"""What stands in a link: one or more values under each name."""

_PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,60}")


class Taken(BadInput):
    """There is a view of that name already."""


@dataclass(frozen=True)
class SavedView:
    """A view: its name, and its parameters as they stand in a link, without the question mark."""

    name: str
    query: str


def every() -> tuple[SavedView, ...]:
    """Return all of them by name."""
    with reading() as connection:
        found = connection.execute(sa.select(saved_view.c.name, saved_view.c.query)).all()
    return tuple(
        SavedView(row.name, row.query) for row in sorted(found, key=lambda row: (row.name.casefold(), row.name))
    )


def save(name: str, parameters: Parameters, access: Access) -> SavedView:
    """Keep a view under a new name.

    Raises:
        ReadOnly: this caller may not.
        Taken: there is one of that name.
        BadInput: the name or a parameter cannot be kept.
    """
    access.require()
    view = _checked(name, parameters)
    with writing() as connection:
        if connection.execute(sa.select(saved_view.c.name).where(saved_view.c.name == view.name)).first() is not None:
            raise Taken(f"name: there is a saved view {view.name!r} already; replace it, or choose another name.")
        _put(connection, view)
    return view


def replace(name: str, parameters: Parameters, access: Access) -> SavedView:
    """Keep a view under its name, in place of one that there may be.

    Raises:
        ReadOnly: this caller may not.
        BadInput: the name or a parameter cannot be kept.
    """
    access.require()
    view = _checked(name, parameters)
    with writing() as connection:
        _put(connection, view)
    return view


def delete(name: str, access: Access) -> None:
    """Remove a view, if there is one of that name.

    Raises:
        ReadOnly: this caller may not.
    """
    access.require()
    with writing() as connection:
        connection.execute(saved_view.delete().where(saved_view.c.name == name))


def _put(connection: sa.Connection, view: SavedView) -> None:
    connection.execute(saved_view.delete().where(saved_view.c.name == view.name))
    connection.execute(saved_view.insert().values(name=view.name, query=view.query))


def _checked(name: str, parameters: Parameters) -> SavedView:
    kept = " ".join(name.split())
    if not kept:
        raise BadInput("name: is empty; give the view a name to find it by.")
    if len(kept) > NAME_LENGTH:
        raise BadInput(f"name: has {len(kept):,} characters, {NAME_LENGTH} at most are kept; choose a shorter one.")
    if not kept.isprintable():
        raise BadInput(f"name {kept!r}: has a character that cannot be shown; choose another one.")
    for parameter, values in parameters.items():
        if not _PARAMETER.fullmatch(parameter) or not all(value.isprintable() for value in values):
            raise BadInput(f"parameter {parameter!r}: is none that a page has in its link; the view cannot be saved.")
    query = urlencode({parameter: list(values) for parameter, values in parameters.items()}, doseq=True)
    if len(query) > QUERY_LENGTH:
        raise BadInput(
            f"view: its link takes {len(query):,} characters, {QUERY_LENGTH:,} at most are kept; take out some filters."
        )
    return SavedView(kept, query)
