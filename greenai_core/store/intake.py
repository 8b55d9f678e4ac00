"""What of many checked records is new to this store: found by reading alone, then stored in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from greenai_core.store import bank, database, remarks, revision, underway
from greenai_core.store.batches import batches
from greenai_core.store.remarks import Remarks
from greenai_core.store.rows import from_row
from greenai_core.store.schema import RUN_COLUMNS, run

Row = Mapping[str, Any]
"""A record as the columns of the table `run`."""

Told = Callable[[int], None]
"""Told how many records are done."""


class Entry(NamedTuple):
    """A record as a row, and what is said about its run."""

    row: Row
    written: Remarks


class Compared(NamedTuple):
    """How many records are new, and how many of the others are not what is known of their runs.

    `example` names the run of one of these and a field.
    """

    new: int
    differing: int
    example: str


def compare(entries: Iterable[Entry], keep: Callable[[Entry], object], told: Told) -> Compared:
    """Compare each record with what is known of its run, here or in the bank; others may write meanwhile.

    Args:
        entries: each run once.
        keep: called with each record that is new.
        told: told now and then.
    """
    new = differing = done = 0
    example = ""
    shipped = _shipped()
    for batch in batches(entries):
        with database.reading() as connection:
            known = shipped | _own(connection, batch, run)
        for entry in batch:
            run_id = entry.row["run_id"]
            if _is_new(entry.row, known.get(run_id)):
                keep(entry)
                new += 1
            elif field := _difference(entry.row, known[run_id]):
                differing += 1
                example = example or f"{run_id} ({field})"
        done += len(batch)
        told(done)
    return Compared(new, differing, example)


def store(entries: Iterable[Entry], told: Told) -> int:
    """Store new records with what is said about their runs, all or none; returns how many still were new."""
    shipped = _shipped()
    stored = done = 0
    with database.writing() as connection:
        for batch in batches(entries):
            known = shipped | _own(connection, batch, run.c.run_id, run.c.status)  # somebody may have stored one since
            put = [entry for entry in batch if _is_new(entry.row, known.get(entry.row["run_id"]))]
            if put:
                _put(connection, put)
            stored += len(put)
            done += len(batch)
            told(done)
        if stored:
            revision.changed(connection)
    return stored


def _shipped() -> dict[str, Row]:
    return {row["run_id"]: row for row in bank.rows()}


def _own(connection: sa.Connection, batch: Sequence[Entry], *columns: Any) -> dict[str, Row]:
    """Return these columns, `run_id` among them, of those runs that this store holds."""
    wanted = sa.select(*columns).where(run.c.run_id.in_([entry.row["run_id"] for entry in batch]))
    return {row.run_id: row._asdict() for row in connection.execute(wanted)}


def _is_new(row: Row, known: Row | None) -> bool:
    """Tell whether a row is to be stored beside what is known of its run: what succeeded completes what did not."""
    return known is None or (row["status"] == "succeeded" and known["status"] != "succeeded")


def _difference(row: Row, known: Row) -> str | None:
    """Return the first field in which two rows differ as records; None where none does.

    The texts of structures may differ where the records do not: an older program wrote fewer fields.
    """
    kept = database.storable({name: row[name] for name in RUN_COLUMNS})
    if all(kept[name] == known.get(name) for name in RUN_COLUMNS):
        return None
    one, other = from_row(kept), from_row(known)
    return next((name for name in RUN_COLUMNS if getattr(one, name) != getattr(other, name)), None)


def _put(connection: sa.Connection, entries: Sequence[Entry]) -> None:
    run_ids = [entry.row["run_id"] for entry in entries]
    connection.execute(run.delete().where(run.c.run_id.in_(run_ids)))
    connection.execute(run.insert(), [entry.row for entry in entries])
    underway.unmark(connection, run_ids)
    remarks.take_in(connection, {entry.row["run_id"]: entry.written for entry in entries})
