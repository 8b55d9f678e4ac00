"""The tables of the store.

The columns of `run` are those of `Record`, so that a field is declared once, and those that follow from it
(`greenai_core.store.derived`): numbers and texts are columns of their own, everything structured is JSON text. Times of
the job tables are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import sqlalchemy as sa
from pydantic import BaseModel

from greenai_core.record import Record
from greenai_core.store.derived import STORED

ColumnKind = Literal["int", "float", "text", "json"]
_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite numbers rows of this type only by itself
_SQL_TYPES = {"int": sa.BigInteger, "float": sa.Double, "text": sa.Text, "json": sa.Text}


def column_kinds(model: type[BaseModel]) -> dict[str, ColumnKind]:
    """Return how each field of a frozen type is stored: as a number, as text, or as JSON text."""
    return {name: _kind(field.annotation) for name, field in model.model_fields.items()}


def _kind(annotation: Any) -> ColumnKind:
    origin = get_origin(annotation)
    if origin is Literal:
        kinds = {_kind(type(value)) for value in get_args(annotation)}
    elif origin in (Union, UnionType):
        kinds = {_kind(part) for part in get_args(annotation) if part is not NoneType}
    else:
        simple: dict[Any, ColumnKind] = {int: "int", float: "float", str: "text"}
        return simple.get(annotation, "json")
    return kinds.pop() if len(kinds) == 1 else "json"


RUN_COLUMNS: dict[str, ColumnKind] = column_kinds(Record)

metadata = sa.MetaData()

meta = sa.Table("meta", metadata, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text))


def _of_a_run() -> Iterator[sa.Column[Any]]:
    # What is asked for often comes first: what lies behind long texts takes several times as long to read.
    for name, kind in sorted({**RUN_COLUMNS, **STORED}.items(), key=lambda column: column[1] == "json"):
        yield sa.Column(name, _SQL_TYPES[kind], primary_key=name == "run_id")


run = sa.Table("run", metadata, *_of_a_run(), sa.Index("run_by_spec", "spec_id"))

deleted_run = sa.Table(
    "deleted_run",
    metadata,
    sa.Column("deletion", sa.Text, nullable=False, comment="equal for runs that were deleted together"),
    sa.Column("deleted_at", sa.Double, nullable=False),
    *_of_a_run(),
    sa.Index("deleted_run_by_deletion", "deletion", "deleted_at"),
)

run_tag = sa.Table(
    "run_tag",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True, comment="of this store or of the bank"),
    sa.Column("tag", sa.Text, primary_key=True),
)

run_note = sa.Table(
    "run_note",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True, comment="of this store or of the bank"),
    sa.Column("text", sa.Text, nullable=False),
)

saved_view = sa.Table(
    "saved_view",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("query", sa.Text, nullable=False, comment="of the link: what the controls are set to"),
)

unfinished = sa.Table(
    "unfinished",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False, comment="of the process that makes the record"),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("born", sa.Double, nullable=False, comment="when that process began: numbers are given out again"),
    sa.Column("kept_at", sa.Double, comment="when the record was kept last"),
)

job = sa.Table(
    "job",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False, comment="order of submission"),
    sa.Column("spec_id", sa.Text, nullable=False, index=True),
    sa.Column("spec", sa.Text, nullable=False, comment="JSON"),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("not_before", sa.Double, nullable=False, default=0.0, comment="a lost attempt is repeated after a pause"),
    sa.Column("token", sa.Text, comment="fences the attempt: whoever does not hold it may not write"),
    sa.Column("owner", sa.Text, comment="the supervisor that holds the job"),
    sa.Column("host", sa.Text, comment="of the owner"),
    sa.Column("beat_at", sa.Double, comment="last sign of life of the attempt"),
    sa.Column("cancel_asked_at", sa.Double),
    sa.Column("submitted_at", sa.Double, nullable=False),
    sa.Column("dispatched_at", sa.Double),
    sa.Column("started_at", sa.Double, comment="first beat of the attempt"),
    sa.Column("first_step_at", sa.Double, comment="first report from inside an epoch"),
    sa.Column("ended_at", sa.Double),
    sa.Column("stage", sa.Text),
    sa.Column("stage_index", sa.Integer),
    sa.Column("fraction", sa.Double, comment="of the whole run, in [0, 1]"),
    sa.Column("message", sa.Text),
    sa.Column("epoch", sa.Integer),
    sa.Column("epochs", sa.Integer),
    sa.Column("loss", sa.Double),
    sa.Column("accuracy_val", sa.Double),
    sa.Column("energy_j", sa.Double),
    sa.Column("error", sa.Text, comment="one sentence"),
    sa.Column("run_id", sa.Text),
    sa.Column("sweep_id", sa.Text),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0", comment="the highest goes first"),
    sa.Column("max_attempts", sa.Integer, nullable=False, server_default="3", comment="lost ones are repeated until"),
)

dependency = sa.Table(
    "dependency",
    metadata,
    sa.Column("job_id", sa.Text, primary_key=True),
    sa.Column("needs", sa.Text, primary_key=True, index=True, comment="the job that must succeed first"),
)

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("job_id", sa.Text, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("token", sa.Text, nullable=False, unique=True),
    sa.Column("host", sa.Text, comment="where it runs, once it has begun"),
    sa.Column("pid", sa.BigInteger, comment="of its process there"),
    sa.Column("born", sa.Double, comment="when that process began: numbers are given out again"),
    sa.Column("outcome", sa.Text, comment="succeeded, failed, cancelled or lost; NULL: not over"),
    sa.Column("reason", sa.Text, comment="one sentence"),
    sa.Column("dispatched_at", sa.Double, nullable=False),
    sa.Column("started_at", sa.Double),
    sa.Column("ended_at", sa.Double),
    sa.Column("energy_j", sa.Double, comment="all that it spent, as far as it told"),
)

slot = sa.Table(
    "slot",
    metadata,
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, comment="from 0; as many as run at once"),
    sa.Column("job_id", sa.Text, nullable=False),
    sa.Column("token", sa.Text, nullable=False, unique=True),
)

sweep = sa.Table(
    "sweep",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("submitted_at", sa.Double, nullable=False),
    sa.Column("budget_j", sa.Double, comment="when so much is spent the rest is cancelled"),
)

checkpoint = sa.Table(
    "checkpoint",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.Double, nullable=False),
)

progress = sa.Table(
    "progress",
    metadata,
    sa.Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("stage", sa.Text),
    sa.Column("stage_index", sa.Integer),
    sa.Column("epoch", sa.Integer),
    sa.Column("loss", sa.Double),
    sa.Column("accuracy_val", sa.Double),
    sa.Column("lr", sa.Double),
    sa.Column("energy_j", sa.Double),
    sa.Index("progress_by_job", "job_id", "attempt"),
)

log = sa.Table(
    "log",
    metadata,
    sa.Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.Text, nullable=False, index=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("line", sa.Text, nullable=False),
)

heartbeat = sa.Table(
    "heartbeat",
    metadata,
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("at", sa.Double, nullable=False, comment="when a dashboard on this host last said that it is open"),
)


def to_json(value: Any) -> str:
    """Write a JSON value as it is stored: compact, and without NaN or infinity, which JSON does not have."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
