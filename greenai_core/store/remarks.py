"""What people write about runs: tags, and one note per run.

Both belong to a run_id, own or of the bank, and never to its record, which stays frozen: they are neither exported nor
imported, and they outlive a deletion until it cannot be undone any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from greenai_core.errors import BadInput
from greenai_core.store import bank, revision
from greenai_core.store.batches import batches
from greenai_core.store.database import reading, writing
from greenai_core.store.schema import run, run_note, run_tag

if TYPE_CHECKING:
    from greenai_core.jobs.access import Access

SEPARATOR = ", "
"""Stands between the tags of a run where they are one text; no tag holds a comma."""

TAG_LENGTH = 30
"""So many characters a tag may have."""

TAGS = 20
"""So many tags a run may have."""

NOTE_LENGTH = 2000
"""So many characters a note may have."""


def joined(tags: Iterable[str]) -> str:
    """Write the tags of a run as one text, in alphabetical order; without any, nothing."""
    return SEPARATOR.join(sorted(tags))


def parted(text: str) -> tuple[str, ...]:
    """Return the tags that `joined` wrote."""
    return tuple(filter(None, text.split(SEPARATOR)))


def tags() -> dict[str, str]:
    """Return the tags of every run that has any, as `joined` writes them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    with reading() as connection:
        for row in connection.execute(sa.select(run_tag.c.run_id, run_tag.c.tag)):
            found[row.run_id].append(row.tag)
    return {run_id: joined(names) for run_id, names in found.items()}


def tag(run_ids: Sequence[str], add: Iterable[str], remove: Iterable[str], access: Access) -> None:
    """Give these tags to every one of the runs and take those away; all others stay.

    Raises:
        ReadOnly: this caller may not.
        BadInput: a tag is too long, a run would have too many, or there is no such run; nothing is changed.
    """
    access.require()
    added = _cleaned(add)
    gone = [*added, *remove]
    with writing() as connection:
        _require(connection, run_ids)
        for batch in batches(dict.fromkeys(run_ids)):
            connection.execute(run_tag.delete().where(run_tag.c.run_id.in_(batch), run_tag.c.tag.in_(gone)))
            if added:
                new = [{"run_id": run_id, "tag": name} for run_id in batch for name in added]
                connection.execute(run_tag.insert(), new)
                _require_few(connection, batch)
        revision.changed(connection)


def note(run_id: str) -> str:
    """Return the note of a run; without one, nothing."""
    with reading() as connection:
        found = connection.execute(sa.select(run_note.c.text).where(run_note.c.run_id == run_id)).scalar()
    return found or ""


def write_note(run_id: str, text: str, access: Access) -> None:
    """Keep a note of a run in place of the one it had; an empty one removes it.

    Raises:
        ReadOnly: this caller may not.
        BadInput: it is too long, or there is no such run; the note stays as it was.
    """
    access.require()
    kept = text.strip()
    if len(kept) > NOTE_LENGTH:
        raise BadInput(
            f"note: has {len(kept):,} characters, {NOTE_LENGTH:,} at most are kept; shorten it. Nothing was saved."
        )
    with writing() as connection:
        _require(connection, [run_id])
        connection.execute(run_note.delete().where(run_note.c.run_id == run_id))
        if kept:
            connection.execute(run_note.insert().values(run_id=run_id, text=kept))
        revision.changed(connection)


def forget(connection: sa.Connection, run_ids: Iterable[str]) -> None:
    """Remove what was written about runs that are gone for good."""
    for batch in batches(run_ids):
        for table in (run_tag, run_note):
            connection.execute(table.delete().where(table.c.run_id.in_(batch)))


def _cleaned(tags: Iterable[str]) -> list[str]:
    """Return tags as they are kept: blanks once, each tag once; a comma parts two of them."""
    names = [" ".join(name.split()) for text in tags for name in text.split(",")]
    for name in names:
        if len(name) > TAG_LENGTH:
            raise BadInput(
                f"tag {name[:TAG_LENGTH] + '…'!r}: has {len(name):,} characters, {TAG_LENGTH} at most are kept; "
                "what takes more is a note. Nothing was changed."
            )
        if not name.isprintable():
            raise BadInput(f"tag {name!r}: has a character that cannot be shown. Nothing was changed.")
    return list(dict.fromkeys(filter(None, names)))


def _require(connection: sa.Connection, run_ids: Sequence[str]) -> None:
    unknown = dict.fromkeys(run_ids)
    for batch in batches(run_ids):
        for run_id in connection.execute(sa.select(run.c.run_id).where(run.c.run_id.in_(batch))).scalars():
            unknown.pop(run_id, None)
    missing = sorted(unknown.keys() - bank.run_ids()) if unknown else []
    if missing:
        raise BadInput(f"there is no record {missing[0]!r}: it may have been deleted. Nothing was changed.")


def _require_few(connection: sa.Connection, run_ids: Sequence[str]) -> None:
    chosen = sa.select(run_tag.c.run_id).where(run_tag.c.run_id.in_(run_ids))
    full = connection.execute(chosen.group_by(run_tag.c.run_id).having(sa.func.count() > TAGS)).scalar()
    if full is not None:
        raise BadInput(f"{full}: a run has {TAGS} tags at most; take some away first. Nothing was changed.")
