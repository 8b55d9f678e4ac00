"""The tables of the store, and how it is opened, read and written.

The columns of `run` are those of `Record`, so that a field is declared once: numbers and texts are columns of their
own, everything structured is JSON text. Times of the job tables are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import errno
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.schema import CreateColumn

from greenai_core.errors import BadInput
from greenai_core.record import Record
from greenai_core.settings import settings

VERSION = 1
"""Raised when an older program could not use the store any more; a store of a newer version is refused.

Tables and columns that are only added do not raise it: they are missing in an older store until it is opened.
"""

BUSY_S = 20.0
"""How long a writer waits for another one."""

ColumnKind = Literal["int", "float", "text", "json"]
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

run = sa.Table(
    "run",
    metadata,
    *(sa.Column(name, _SQL_TYPES[kind], primary_key=name == "run_id") for name, kind in RUN_COLUMNS.items()),
    sa.Index("run_by_spec", "spec_id"),
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
)

progress = sa.Table(
    "progress",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
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
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
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

_engines: dict[str, tuple[sa.Engine, tuple[int, int] | None]] = {}
_engines_lock = threading.Lock()


def engine() -> sa.Engine:
    """Return the engine of the store that the settings name; its folder and tables exist afterwards.

    Raises:
        BadInput: the URL, the file or the schema cannot be used; the sentence names it.
    """
    url = settings().database_url
    with _engines_lock:
        opened, identity = _engines.get(url, (None, None))
        # Whoever removes the file of a running dashboard means to start anew, not to write into a file without a name.
        if opened is None or identity != _identity(url):
            if opened is not None:
                opened.dispose()
            opened = _open(url)
            _engines[url] = (opened, _identity(url))
        return opened


def _identity(url: str) -> tuple[int, int] | None:
    path = file_of(url)
    try:
        return (path.stat().st_dev, path.stat().st_ino) if path else None
    except FileNotFoundError:
        return None


@contextmanager
def writing() -> Iterator[sa.Connection]:
    """Open a transaction that is the only writer; committed at the end, undone if anything is raised.

    Raises:
        BadInput: the disk is full, the store stays busy or cannot be written; nothing was stored.
    """
    with _explained() as opened, opened.begin() as connection:
        yield connection


@contextmanager
def reading() -> Iterator[sa.Connection]:
    """Open a connection that only reads, and waits for no writer.

    Raises:
        BadInput: the store cannot be read.
    """
    with _explained() as opened, opened.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def _explained() -> Iterator[sa.Engine]:
    opened = engine()
    try:
        yield opened
    except sa.exc.OperationalError as error:
        raise BadInput(_why(error, opened.url)) from error


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite URL, or None for a server."""
    prefix, _, path = url.partition(":///")
    return Path(path.partition("?")[0]) if prefix.startswith("sqlite") and path else None


def disk_is_full(error: BaseException) -> bool:
    """Tell whether an error means that there is no room left on a disk."""
    if isinstance(error, sa.exc.DBAPIError):
        return disk_is_full(error.orig) if error.orig is not None else False
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or "disk is full" in str(error)
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _open(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            opened = _sqlite(parsed)
        else:
            opened = sa.create_engine(parsed, pool_pre_ping=True)
        with opened.begin() as connection:
            _prepare(connection, parsed)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise BadInput(f"GREENAI_DATABASE_URL: cannot be used ({_first_line(error)}).") from None
    except (sa.exc.DBAPIError, OSError) as error:
        raise BadInput(_why(error, sa.make_url(url))) from None
    return opened


def _sqlite(url: sa.URL) -> sa.Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    opened = sa.create_engine(url, connect_args={"timeout": BUSY_S})

    @sa.event.listens_for(opened, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    @sa.event.listens_for(opened, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A reader that becomes a writer half-way may find that somebody else wrote: take the write lock at once.
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return opened


def _prepare(connection: sa.Connection, url: sa.URL) -> None:
    if sa.inspect(connection).has_table("meta"):
        found = int(connection.execute(sa.select(meta.c.value).where(meta.c.name == "schema_version")).scalar_one())
        if found > VERSION:
            raise BadInput(
                f"{_place(url)}: written by a newer version of the Green AI Explorer (schema {found}, this one knows "
                f"{VERSION}); update it, or point GREENAI_DATABASE_URL at another file."
            )
        unfinished.create(connection, checkfirst=True)  # stores of the first days lack it
        for table in (run, unfinished):
            _add_columns(connection, table)
        return
    metadata.create_all(connection)
    connection.execute(meta.insert().values(name="schema_version", value=str(VERSION)))


def _add_columns(connection: sa.Connection, table: sa.Table) -> None:
    """Add the columns that a table did not have when it was made; they must be nullable, and old rows have NULL."""
    there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in there:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}")


def _place(url: sa.URL) -> str:
    is_file = url.get_backend_name() == "sqlite" and url.database
    return str(url.database) if is_file else url.render_as_string(hide_password=True)


def _why(error: Exception, url: sa.URL) -> str:
    if disk_is_full(error):
        return f"{_place(url)}: the disk is full; free some space and try again. Nothing was stored."
    return f"{_place(url)}: cannot be used as a store ({_first_line(error)})."


def _first_line(error: Exception) -> str:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    return str(cause).partition("\n")[0]


def to_json(value: Any) -> str:
    """Write a JSON value as it is stored: compact, and without NaN or infinity, which JSON does not have."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
