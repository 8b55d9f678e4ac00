"""Records as files: out of one store, into another."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NamedTuple

from greenai_core import wording
from greenai_core.errors import BadInput
from greenai_core.progress import Progress, Reporter, silent
from greenai_core.record import Record
from greenai_core.store import intake, reading, records, remarks
from greenai_core.store.admission import admitted, no_number
from greenai_core.store.intake import Entry
from greenai_core.store.reading import Format, format_of
from greenai_core.store.remarks import Remarks
from greenai_core.store.rows import frame, from_row, to_row

if TYPE_CHECKING:
    from greenai_core.jobs.access import Access

TOLD_EVERY_S = 2.0
"""An import says how far it is so often, and nothing if it is over by then."""

_CHECKED = 0.75
_COMPARED = 0.85
"""The shares of an import's time after which all records are checked, and compared; then they are stored."""


class Imported(NamedTuple):
    """What came of an import: how many records were stored, and how many were left, since they were known already.

    Of the latter, `differing` are others in the file than here; `example` names the run of one, and a field.
    """

    stored: int
    known: int
    differing: int = 0
    example: str = ""


def encode(format: Format, origin: records.Origin = "all") -> bytes:
    """Write every record, newest first: as ``{"records": [...]}``, or as one row each with structures as JSON text.

    Beside each stand the tags and the note of its run: in JSON a list and a text (null: none), else two columns.
    """
    found = records.rows(origin)
    if format == "json":
        written = remarks.every()
        forms = [_form(row, where, written.get(row["run_id"], remarks.NOTHING)) for where, row in found]
        return (json.dumps({"records": forms}, indent=2) + "\n").encode()
    table = remarks.beside(frame([row for _, row in found]))
    if format == "csv":
        return bytes(table.to_csv(index=False, lineterminator="\r\n").encode())
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _form(row: Mapping[Any, Any], origin: str, written: Remarks) -> dict[str, Any]:
    said = {"tags": list(written.tags), "note": written.note or None}
    return {**from_row(row).model_dump(mode="json"), "origin": origin, **said}


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
    also where its run is known as unfinished. Tags and notes come along with what is stored, where nothing is written
    about the run here. Neither memory nor the time for which the store is locked grows with the checking: what was
    checked is kept aside, and what is new of it is stored at the end in one transaction.

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
        with _aside() as checked, _aside() as new:
            try:
                count, unique = _checked(name, file, checked, told)
            except BadInput as error:
                raise BadInput(f"{error} Nothing was imported.") from None
            compared = intake.compare(
                _read(checked), partial(_write, new), told.part(_CHECKED, _COMPARED, unique, "compared")
            )
            stored = 0
            if compared.new:
                stored = intake.store(_read(new), told.part(_COMPARED, 1.0, compared.new, "stored"))
    except OSError as error:
        raise BadInput(
            f"{tempfile.gettempdir()}: cannot hold what was checked ({error.strerror}); set TMPDIR to a folder with "
            "more room. Nothing was imported."
        ) from None
    return Imported(stored, count - stored, compared.differing, compared.example)


def _aside() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="ascii", newline="\n")


def _checked(name: str, file: BinaryIO, aside: IO[str], told: _Told) -> tuple[int, int]:
    """Write each record that is admitted, once; returns how many records there are, and how many runs."""
    seen: dict[str, tuple[int, bytes]] = {}
    number = 0
    table = format_of(name) != "json"
    for found in reading.found(name, file):
        number = found.number
        record = admitted(name, number, found.form, table=table)
        line = _line(_entry(f"{name}: record {number}", record, found.form))
        content = hashlib.sha256(line.encode()).digest()
        first, known = seen.setdefault(record.run_id, (number, content))
        if known != content:
            raise BadInput(
                f"{name}: records {first} and {number} are both of run {record.run_id} and differ; keep one of them."
            )
        if first == number:
            aside.write(line)
        told(_CHECKED * found.read, f"{wording.number(number, 'record')} checked")
    return number, len(seen)


def _entry(place: str, record: Record, form: Mapping[str, Any]) -> Entry:
    try:
        written = remarks.stated(form)
    except BadInput as error:
        raise BadInput(f"{place}: {error}") from None
    try:
        return Entry(to_row(record), written)
    except ValueError:  # JSON has neither NaN nor infinity
        raise BadInput(f"{place}: {no_number(record)}") from None
    except TypeError:
        raise BadInput(f"{place}: recipe: gives a number as a text; write it without quotes.") from None


def _line(entry: Entry) -> str:
    return json.dumps([entry.row, *entry.written]) + "\n"


def _write(aside: IO[str], entry: Entry) -> None:
    aside.write(_line(entry))


def _read(aside: IO[str]) -> Iterator[Entry]:
    """Yield what was kept aside, from its beginning."""
    aside.seek(0)
    for line in aside:
        row, tags, note = json.loads(line)
        yield Entry(row, Remarks(tuple(tags), note))


class _Told:
    """Tells how far an import is, now and then."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter, self._at = reporter, time.monotonic()

    def __call__(self, fraction: float, message: str) -> None:
        if time.monotonic() - self._at >= TOLD_EVERY_S:
            self._reporter(Progress(stage="import", stage_index=0, fraction=fraction, message=message))
            self._at = time.monotonic()

    def part(self, begin: float, end: float, count: int, verb: str) -> intake.Told:
        """Return what tells how many of `count` records are done in one part of an import."""
        said = wording.number(count, "record")
        return lambda done: self(begin + (end - begin) * done / count, f"{done:,} of {said} {verb}")
