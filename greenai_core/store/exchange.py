"""Records as files: out of one store, into another."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NamedTuple

import sqlalchemy as sa

from greenai_core import wording
from greenai_core.errors import BadInput
from greenai_core.progress import Progress, Reporter, silent
from greenai_core.record import Record
from greenai_core.store import bank, reading, records, revision, underway
from greenai_core.store.admission import admitted, no_number
from greenai_core.store.batches import batches
from greenai_core.store.database import writing
from greenai_core.store.reading import Format, format_of
from greenai_core.store.rows import frame, from_row, to_row
from greenai_core.store.schema import RUN_COLUMNS, run

if TYPE_CHECKING:
    from greenai_core.jobs.access import Access

TOLD_EVERY_S = 2.0
"""An import says how far it is so often, and nothing if it is over by then."""

_CHECKING = 0.8
"""The share of an import's time that goes into checking; the rest is storing."""


class Imported(NamedTuple):
    """What came of an import: how many records were stored, and how many were left, since they were known already."""

    stored: int
    known: int


def encode(format: Format, origin: records.Origin = "all") -> bytes:
    """Write every record, newest first: as ``{"records": [...]}``, or as one row each with structures as JSON text."""
    if format == "json":
        found = [{**from_row(row).model_dump(mode="json"), "origin": where} for where, row in records.rows(origin)]
        return (json.dumps({"records": found}, indent=2) + "\n").encode()
    rows = [row for _, row in records.rows(origin)]
    if format == "csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=list(RUN_COLUMNS), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()
    buffer = io.BytesIO()
    frame(rows).to_parquet(buffer, index=False)
    return buffer.getvalue()


def export(path: Path, format: Format | None = None, origin: records.Origin = "all") -> None:
    """Write every record to a file, temporary first and then renamed.

    Args:
        path: its suffix says the format, unless `format` does.
        format: json, csv or parquet.
        origin: own records, those of the bank, or all.

    Raises:
        BadInput: the format is unknown, or the file cannot be written.
    """
    content = encode(format or format_of(str(path)), origin)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BadInput(f"{path}: cannot be written ({error.strerror}).") from None


def import_file(path: Path, reporter: Reporter = silent) -> Imported:
    """Store the records of an exported file, all of them or, if one is refused, none.

    A record is left where its run is known already, as it is if the file holds it twice; one that succeeded is stored
    also where its run is known as unfinished. Neither memory nor the time for which the store is locked grows with
    the checking: what was checked is kept aside, and stored at the end in one transaction.

    Args:
        path: its suffix says the format, see `greenai_core.store.reading.found`.
        reporter: told every two seconds how far the import is.

    Raises:
        BadInput: the file cannot be read, or a record in it is refused (`greenai_core.store.admission`) or stands there
            twice and differs; nothing is stored.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}). Nothing was imported.") from None
    with file:
        return _imported(str(path), file, reporter)


def import_upload(name: str, file: BinaryIO, access: Access) -> Imported:
    """Store the records of a file that a visitor sent; see `import_file`.

    Raises:
        ReadOnly: this caller may not.
        BadInput: as with `import_file`.
    """
    access.require()
    return _imported(name, file, silent)


def _imported(name: str, file: BinaryIO, reporter: Reporter) -> Imported:
    told = _Told(reporter)
    try:
        with tempfile.TemporaryFile("w+", encoding="ascii", newline="\n") as aside:
            try:
                count, unique = _checked(name, file, aside, told)
            except BadInput as error:
                raise BadInput(f"{error} Nothing was imported.") from None
            aside.seek(0)
            stored = _stored(map(json.loads, aside), unique, told)
    except OSError as error:
        raise BadInput(
            f"{tempfile.gettempdir()}: cannot hold what was checked ({error.strerror}); set TMPDIR to a folder with "
            "more room. Nothing was imported."
        ) from None
    return Imported(stored, count - stored)


def _checked(name: str, file: BinaryIO, aside: IO[str], told: _Told) -> tuple[int, int]:
    """Write the row of each record that is admitted, once; returns how many records there are, and how many runs."""
    seen: dict[str, tuple[int, bytes]] = {}
    number = 0
    table = format_of(name) != "json"
    for found in reading.found(name, file):
        number = found.number
        record = admitted(name, number, found.form, table=table)
        line = _line(f"{name}: record {number}", record)
        content = hashlib.sha256(line.encode()).digest()
        first, known = seen.setdefault(record.run_id, (number, content))
        if known != content:
            raise BadInput(
                f"{name}: records {first} and {number} are both of run {record.run_id} and differ; keep one of them."
            )
        if first == number:
            aside.write(f"{line}\n")
        told(_CHECKING * found.read, f"{wording.number(number, 'record')} checked")
    return number, len(seen)


def _line(place: str, record: Record) -> str:
    try:
        return json.dumps(to_row(record))
    except ValueError:  # JSON has neither NaN nor infinity
        raise BadInput(f"{place}: {no_number(record)}") from None
    except TypeError:
        raise BadInput(f"{place}: recipe: gives a number as a text; write it without quotes.") from None


def _stored(rows: Iterator[dict[str, Any]], count: int, told: _Told) -> int:
    """Store those rows that are not known yet, in one transaction; returns how many."""
    shipped = bank.run_ids()
    stored = 0
    with writing() as connection:
        own = {row.run_id: row.status for row in connection.execute(sa.select(run.c.run_id, run.c.status))}
        succeeded = {run_id for run_id, status in own.items() if status == "succeeded"} | shipped
        known = own.keys() | shipped
        done = 0
        for batch in batches(rows):
            new = [row for row in batch if row["run_id"] not in (succeeded if row["status"] == "succeeded" else known)]
            _put(connection, new)
            stored += len(new)
            done += len(batch)
            told(_CHECKING + (1 - _CHECKING) * done / count, f"{done:,} of {wording.number(count, 'record')} stored")
        if stored:
            revision.changed(connection)
    return stored


def _put(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    run_ids = [row["run_id"] for row in rows]
    connection.execute(run.delete().where(run.c.run_id.in_(run_ids)))
    connection.execute(run.insert(), rows)
    underway.unmark(connection, run_ids)


class _Told:
    """Tells how far an import is, now and then."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter, self._at = reporter, time.monotonic()

    def __call__(self, fraction: float, message: str) -> None:
        if time.monotonic() - self._at >= TOLD_EVERY_S:
            self._reporter(Progress(stage="import", stage_index=0, fraction=fraction, message=message))
            self._at = time.monotonic()
