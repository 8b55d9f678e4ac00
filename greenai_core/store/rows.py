"""A record as one row of a table, and back: numbers and texts as they are, structures as JSON text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from greenai_core.record import Record, utc
from greenai_core.store.derived import following
from greenai_core.store.schema import RUN_COLUMNS, to_json

if TYPE_CHECKING:
    import pandas as pd

FLAT = tuple(name for name, kind in RUN_COLUMNS.items() if kind != "json")
"""Columns that hold a number or a text."""


def to_row(record: Record) -> dict[str, Any]:
    """Return one value per column of the table `run`.

    Raises:
        BadInput: the record says no time at which it was made.
    """
    values = record.model_dump(mode="json", include=set(RUN_COLUMNS))
    values["created_at"] = utc(record.created_at)
    row = {name: to_json(values[name]) if kind == "json" else values[name] for name, kind in RUN_COLUMNS.items()}
    return {**row, **following(row)}


def from_row(row: Mapping[Any, Any]) -> Record:
    """Return the record of a row."""
    return Record.model_validate(decoded(row))


def decoded(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the JSON form of a row's record; a column that is not there is left to the field's default."""
    return {
        name: json.loads(row[name]) if kind == "json" and row[name] is not None else row[name]
        for name, kind in RUN_COLUMNS.items()
        if name in row
    }


def plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Undo what a data frame does to a row: NaN back to None, numbers back to int and float, no other columns."""
    import pandas as pd

    values: dict[str, Any] = {}
    for name, kind in RUN_COLUMNS.items():
        value: Any = row.get(name)
        missing = value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
        if not missing:
            values[name] = int(value) if kind == "int" else float(value) if kind == "float" else value
        elif kind != "json" and name in row:
            values[name] = None
    return values


def frame(rows: Sequence[Mapping[Any, Any]]) -> pd.DataFrame:
    """Return a data frame of rows whose types do not depend on which values happen to be known."""
    import pandas as pd

    types: dict[str, Any] = {"int": "Int64", "float": "float64", "text": "string", "json": "string"}
    columns = {name: [row.get(name) for row in rows] for name in RUN_COLUMNS}
    return pd.DataFrame(columns, dtype=object).astype({name: types[kind] for name, kind in RUN_COLUMNS.items()})
