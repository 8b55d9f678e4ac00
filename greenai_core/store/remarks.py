"""What people write about runs: tags, and one note per run.

Both belong to a run_id, own or of the bank, and never to its record, which stays frozen. They stand beside the records
in tables and files, an import takes them in with runs that are new here, and they outlive a deletion until it cannot be
undone any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from greenai_core.errors import BadInput
from greenai_core.settings import settings
from greenai_core.spec import digest
from greenai_core.store import bank, revision
from greenai_core.store.batches import batches
from greenai_core.store.database import reading, writing
from greenai_core.store.schema import run, run_note, run_tag

if TYPE_CHECKING:
    import pandas as pd

    from greenai_core.jobs.access import Access

COLUMNS = ("tags", "note")
"""What stands beside a record in tables and files."""

SEPARATOR = ", "
"""Stands between the tags of a run where they are one text; no tag holds a comma."""

TAG_LENGTH = 30
"""So many characters a tag may have."""

TAGS = 20
"""So many tags a run may have."""

NOTE_LENGTH = 2000
"""So many characters a note may have."""


class Remarks(NamedTuple):
    """What is written about one run."""

    tags: tuple[str, ...] = ()
    note: str = ""


NOTHING = Remarks()


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


def every() -> dict[str, Remarks]:
    """Return what is written about each run of which anything is."""
    tagged = {run_id: parted(text) for run_id, text in tags().items()}
    with reading() as connection:
        noted = {row.run_id: row.text for row in connection.execute(sa.select(run_note.c.run_id, run_note.c.text))}
    return {run_id: Remarks(tagged.get(run_id, ()), noted.get(run_id, "")) for run_id in tagged.keys() | noted.keys()}


def beside(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a table of runs with the columns `tags`, as `joined` writes them, and `note`; "" where there is none."""
    import pandas as pd

    written = every()
    found = [written.get(run_id, NOTHING) for run_id in runs["run_id"]]
    texts = {"tags": [joined(remarks.tags) for remarks in found], "note": [remarks.note for remarks in found]}
    return runs.assign(**{name: pd.Series(column, index=runs.index, dtype=str) for name, column in texts.items()})


def version() -> str:
    """Return a value that changes whenever `beside` would return something else for the same runs."""
    with reading() as connection:
        return digest([settings().database_url, revision.current(connection, "remarks")])


def tag(run_ids: Sequence[str], add: Iterable[str], remove: Iterable[str], access: Access) -> None:
    """Give these tags to every one of the runs and take those away; all others stay.

    Raises:
        ReadOnly: this caller may not.
        BadInput: a tag is too long, a run would have too many, or there is no such run; nothing is changed.
    """
    access.require()
    try:
        added = _cleaned(add)
    except BadInput as error:
        raise BadInput(f"{error} Nothing was changed.") from None
    gone = [*added, *remove]
    with writing() as connection:
        _require(connection, run_ids)
        for batch in batches(dict.fromkeys(run_ids)):
            connection.execute(run_tag.delete().where(run_tag.c.run_id.in_(batch), run_tag.c.tag.in_(gone)))
            if added:
                new = [{"run_id": run_id, "tag": name} for run_id in batch for name in added]
                connection.execute(run_tag.insert(), new)
                _require_few(connection, batch)
        revision.changed(connection, "remarks")


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
    try:
        kept = _trimmed(text)
    except BadInput as error:
        raise BadInput(f"{error} Nothing was saved.") from None
    with writing() as connection:
        _require(connection, [run_id])
        connection.execute(run_note.delete().where(run_note.c.run_id == run_id))
        if kept:
            connection.execute(run_note.insert().values(run_id=run_id, text=kept))
        revision.changed(connection, "remarks")


def stated(form: Mapping[str, Any]) -> Remarks:
    """Return what a file says about a run, beside its record in JSON form: tags as a list or as `joined` writes them.

    Raises:
        BadInput: it cannot be kept; the sentence names the field.
    """
    given, note = form.get("tags") or (), form.get("note") or ""
    listed = given.split(",") if isinstance(given, str) else given
    if not isinstance(listed, list | tuple) or not all(isinstance(name, str) for name in listed):
        raise BadInput("tags: are no texts; write them as one text with commas, or as a list of texts.")
    if not isinstance(note, str):
        raise BadInput("note: is no text.")
    tags = _cleaned(listed)
    if len(tags) > TAGS:
        raise BadInput(f"tags: are {len(tags)}, and a run has {TAGS} at most; leave some out.")
    return Remarks(tuple(tags), _trimmed(note))


def take_in(connection: sa.Connection, written: Mapping[str, Remarks]) -> None:
    """Keep what a file says about runs in an open transaction; what is written about a run here already stays alone."""
    said = [run_id for run_id, remarks in written.items() if any(remarks)]
    known = {
        run_id
        for batch in batches(said)
        for table in (run_tag, run_note)
        for run_id in connection.execute(sa.select(table.c.run_id).where(table.c.run_id.in_(batch))).scalars()
    }
    new = {run_id: written[run_id] for run_id in said if run_id not in known}
    tags = [{"run_id": run_id, "tag": name} for run_id, remarks in new.items() for name in remarks.tags]
    notes = [{"run_id": run_id, "text": remarks.note} for run_id, remarks in new.items() if remarks.note]
    for table, rows in ((run_tag, tags), (run_note, notes)):
        if rows:
            connection.execute(table.insert(), rows)
    if new:
        revision.changed(connection, "remarks")


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
                "what takes more is a note."
            )
        if not name.isprintable():
            raise BadInput(f"tag {name!r}: has a character that cannot be shown; leave it out.")
    return list(dict.fromkeys(filter(None, names)))


def _trimmed(note: str) -> str:
    """Return a note as it is kept."""
    kept = note.strip()
    if len(kept) > NOTE_LENGTH:
        raise BadInput(f"note: has {len(kept):,} characters, {NOTE_LENGTH:,} at most are kept; shorten it.")
    return kept


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
