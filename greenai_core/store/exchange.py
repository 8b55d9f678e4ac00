"""Records as files: out of one store, into another."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import sqlalchemy as sa
from pydantic import ValidationError

from greenai_core.errors import BadInput
from greenai_core.record import Record
from greenai_core.spec import check, sentence
from greenai_core.store import bank, records
from greenai_core.store.database import writing
from greenai_core.store.rows import decoded, frame, from_row, plain
from greenai_core.store.schema import RUN_COLUMNS, run

Format = Literal["json", "csv", "parquet"]

_NOT_FIELDS = frozenset(Record.model_computed_fields) | {"origin"}
"""Keys of an exported record that follow from others."""


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
    content = encode(format or _format_of(path), origin)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BadInput(f"{path}: cannot be written ({error.strerror}).") from None


def import_file(path: Path) -> tuple[int, int]:
    """Store the records of an exported file, all of them or, if one is refused, none.

    Returns:
        How many were stored, and how many were known already and left as they are. One that succeeded is stored also
        where its run is known as unfinished.

    Raises:
        BadInput: the file cannot be read, is of a newer version, or a record in it lacks or misstates a field.
    """
    found, shipped = list(_checked(path, _read(path))), bank.run_ids()
    with writing() as connection:
        stored = connection.execute(sa.select(run.c.run_id, run.c.status)).all()
        succeeded = {row.run_id for row in stored if row.status == "succeeded"} | shipped
        known = {row.run_id for row in stored} | succeeded
        new = {
            record.run_id: record
            for record in found
            if record.run_id not in (succeeded if record.status == "succeeded" else known)
        }
        records.insert(connection, *new.values())
    return len(new), len(found) - len(new)


def _format_of(path: Path) -> Format:
    suffix = path.suffix.lower().removeprefix(".")
    for format in get_args(Format):
        if suffix == format:
            return format
    raise BadInput(f"{path}: the name must end in .json, .csv or .parquet.")


def _read(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file as JSON forms, unchecked."""
    import pandas as pd

    format = _format_of(path)
    try:
        if format == "json":
            return _objects(path, json.loads(path.read_text("utf-8")))
        if format == "csv":
            csv.field_size_limit(2**27)  # the stages of a long run are more than the default 128 KB
            with path.open(newline="", encoding="utf-8") as file:
                return [decoded(_numbers(row)) for row in csv.DictReader(file)]
        return [decoded(plain(row)) for row in pd.read_parquet(path).to_dict("records")]
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error}).") from None
    except BadInput:
        raise
    except (ValueError, RecursionError, csv.Error) as error:  # what json, utf-8 and pyarrow refuse are ValueErrors
        reason = str(error).partition("\n")[0]
        raise BadInput(f"{path}: does not hold records in {format} ({reason}).") from None


def _objects(path: Path, document: Any) -> list[dict[str, Any]]:
    rows = document.get("records") if isinstance(document, dict) else document
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadInput(f'{path}: expected {{"records": [...]}} with one object per record.')
    return [{name: value for name, value in row.items() if name not in _NOT_FIELDS} for row in rows]


def _numbers(row: Mapping[str, str]) -> dict[str, Any]:
    convert = {"int": int, "float": float, "text": str, "json": str}
    known = {name: kind for name, kind in RUN_COLUMNS.items() if row.get(name) is not None}
    return {name: convert[kind](row[name]) if row[name] else None for name, kind in known.items()}


def _checked(path: Path, forms: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
    newest = Record.model_fields["schema_version"].default
    for number, form in enumerate(forms, start=1):
        found = form.get("schema_version")
        if isinstance(found, int) and found > newest:
            raise BadInput(
                f"{path}: record {number} was written by a newer version (schema {found}, this one knows {newest}); "
                "update the Green AI Explorer. Nothing was imported."
            )
        try:
            record = Record.model_validate(form)
        except ValidationError as error:
            raise BadInput(f"{path}: record {number}: {sentence(error)}. Nothing was imported.") from None
        try:
            check(record.spec)
        except BadInput as error:
            raise BadInput(f"{path}: record {number} ({record.run_id}): spec: {error}. Nothing was imported.") from None
        yield record
