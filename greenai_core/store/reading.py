"""The records in a file, one after the other and unchecked: a file may be larger than memory."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, TextIO, get_args

from greenai_core.errors import BadInput
from greenai_core.store.json_stream import CHUNK, LONGEST, NotANumber, Values, decoded, no_numbers
from greenai_core.store.schema import RUN_COLUMNS

Format = Literal["json", "csv", "parquet"]

ROWS = 64
"""So many rows of a Parquet file are decoded at a time."""


@dataclass(frozen=True)
class Found:
    """A record of a file: its number from 1 on, its JSON form, and how much of the file was read by then, in [0, 1]."""

    number: int
    form: dict[str, Any]
    read: float


def format_of(name: str) -> Format:
    """Return the format that a file's name says.

    Raises:
        BadInput: it says none that is known.
    """
    for format in get_args(Format):
        if name.lower().endswith(f".{format}"):
            return format
    raise BadInput(f"{name}: the name must end in .json, .csv or .parquet.")


def found(name: str, file: BinaryIO) -> Iterator[Found]:
    """Yield the records of an open file; what is unknown is None.

    JSON is ``{"records": [...]}``, a list of records, or a single one. CSV and Parquet have a row per record, with
    structures as JSON text; in Parquet NaN is unknown as well, since data frames have no other word for it.

    Raises:
        BadInput: the file is not of the format that its name says; the sentence names the place.
    """
    read = {"json": _of_json, "csv": _of_csv, "parquet": _of_parquet}[format_of(name)]
    try:
        yield from read(name, file)
    except BadInput:
        raise
    except OSError as error:
        raise BadInput(f"{name}: cannot be read ({error.strerror or error}).") from None
    except (ValueError, RecursionError, csv.Error) as error:
        raise _broken(name, str(error).partition("\n")[0]) from None


def _broken(name: str, reason: str) -> BadInput:
    return BadInput(f"{name}: does not hold records in {format_of(name)} ({reason.rstrip('.')}).")


def _of_json(name: str, file: BinaryIO) -> Iterator[Found]:
    size = _size(file)
    with _text(file) as text:
        values = Values(text)
        for number, form in enumerate(_forms(name, values), start=1):
            for problem in no_numbers(form) if values.with_constants else ():
                raise BadInput(f"{name}: record {number}: {problem}")
            yield Found(number, form, file.tell() / size)


def _of_csv(name: str, file: BinaryIO) -> Iterator[Found]:
    csv.field_size_limit(LONGEST)
    size = _size(file)
    with _text(file) as text:
        rows = csv.reader(text)
        columns = _once(name, next(rows, []))
        for number, row in enumerate(filter(None, rows), start=1):
            if len(row) != len(columns):
                raise BadInput(
                    f"{name}: record {number} has {len(row)} cells where the first line names {len(columns)} columns; "
                    "the file is cut off there, or a quote is missing."
                )
            cells = {column: _cell(column, cell) for column, cell in zip(columns, row, strict=True)}
            yield Found(number, _decoded(name, number, cells), file.tell() / size)


def _of_parquet(name: str, file: BinaryIO) -> Iterator[Found]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(file, buffer_size=CHUNK)  # else each column of a row group is read as a whole
        _once(name, opened.schema_arrow.names)
        number = 0
        for group in range(opened.num_row_groups):  # all at once, what was read of earlier ones is kept
            for batch in opened.iter_batches(batch_size=ROWS, row_groups=[group]):
                for row in batch.to_pylist():
                    number += 1
                    cells = {column: None if _is_nan(cell) else cell for column, cell in row.items()}
                    yield Found(number, _decoded(name, number, cells), number / opened.metadata.num_rows)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from None


def _decoded(name: str, number: int, cells: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON form of a row: what is text and ought to be a structure is decoded."""
    for column, cell in cells.items():
        if RUN_COLUMNS.get(column) == "json" and isinstance(cell, str):
            try:
                cells[column] = decoded(cell)
            except NotANumber:
                raise BadInput(f"{name}: record {number}: {next(no_numbers(json.loads(cell), column))}") from None
            except (ValueError, RecursionError) as error:
                raise BadInput(f"{name}: record {number}: {column}: is not JSON ({error}).") from None
    return cells


def _cell(column: str, text: str) -> Any:
    """Return the number that a cell of CSV holds, where its column has numbers and it does; an empty one is unknown."""
    number = {"int": int, "float": float}.get(RUN_COLUMNS.get(column, ""))
    try:
        return (number(text) if number else text) if text else None
    except ValueError:
        return text  # which is refused as that of any other field


def _once(name: str, columns: Sequence[str]) -> Sequence[str]:
    """Return the names of a table's columns, if there are some and none stands there twice."""
    if not any(columns):
        raise BadInput(f"{name}: is empty: the first line ought to name the columns.")
    if "" in columns:
        raise BadInput(f"{name}: has a column without a name; leave it out (of pandas: with index=False).")
    if len(columns) == 1 and re.search(r"[;\t]", columns[0]):
        raise BadInput(f"{name}: its columns are not separated by commas; save it as CSV with commas, or as Parquet.")
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise BadInput(f"{name}: has the column {twice[0]} twice; remove one of them.")
    return columns


def _is_nan(cell: Any) -> bool:
    return isinstance(cell, float) and math.isnan(cell)


def _size(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return max(size, 1)


@contextmanager
def _text(file: BinaryIO) -> Iterator[TextIO]:
    """Read a file as text; spreadsheets begin theirs with a byte order mark. The file stays open."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield text
    finally:
        text.detach()


def _forms(name: str, values: Values) -> Iterator[dict[str, Any]]:
    if values.sign() == "[":
        yield from _listed(name, values)
    elif values.sign() == "{":
        yield from _within(name, values)
    else:
        values.value()
        raise _shapeless(name)
    if values.sign():
        raise values.broken("there is more after its end")


def _within(name: str, values: Values) -> Iterator[dict[str, Any]]:
    """Yield the records under the key "records" of an object, or the object itself if it is a record."""
    values.take("{")
    listed = False
    others: dict[str, Any] = {}
    end = values.take("}") if values.sign() == "}" else ","
    while end == ",":
        if values.sign() != '"':
            raise values.broken("expecting a name")
        key = values.value()
        values.take(":")
        if key == "records":
            listed = True
            yield from _listed(name, values)
        elif listed:
            values.value()
        elif values.position > LONGEST:
            raise _shapeless(name)
        else:
            others[key] = values.value()
        end = values.take(",}")
    if "run_id" in others and not listed:
        yield others
    elif not listed:
        raise _shapeless(name)


def _listed(name: str, values: Values) -> Iterator[dict[str, Any]]:
    if values.sign() not in ("[", ""):
        raise _shapeless(name)
    values.take("[")
    end = values.take("]") if values.sign() == "]" else ","
    while end == ",":
        form = values.value()
        if not isinstance(form, dict):
            raise _shapeless(name)
        yield form
        end = values.take(",]")


def _shapeless(name: str) -> BadInput:
    return BadInput(f'{name}: expected {{"records": [...]}} with one object per record.')
