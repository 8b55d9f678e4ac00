"""How the store is opened, read and written."""

from __future__ import annotations

import errno
import math
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateColumn

from greenai_core.errors import BadInput
from greenai_core.settings import settings
from greenai_core.store import postgresql
from greenai_core.store.schema import meta, metadata

VERSION = 1
"""Raised when an older program could not use the store any more; a store of a newer version is refused.

Tables and columns that are only added do not raise it: they are missing in an older store until it is opened.
"""

BUSY_S = 20.0
"""How long a writer waits for another one."""

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
    except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
        raise BadInput(_why(error, opened.url)) from error
    except sa.exc.DBAPIError as error:
        if not postgresql.of_the_server(error):
            raise
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
    no_room = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return no_room or postgresql.disk_is_full(error)


def _open(url: str) -> sa.Engine:
    parsed = _parsed(url)
    try:
        opened = _create(parsed)
        sa.event.listen(opened, "before_cursor_execute", _storable, retval=True)
        with opened.begin() as connection:
            _prepare(connection, parsed)
    except sa.exc.NoSuchModuleError as error:
        raise BadInput(f"GREENAI_DATABASE_URL: cannot be used ({_first_line(error)}).") from None
    except (sa.exc.DBAPIError, OSError) as error:
        raise BadInput(_why(error, parsed)) from None
    return opened


def _parsed(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # which repeats a part of the URL: it may be one of the password
        raise BadInput("GREENAI_DATABASE_URL: is not a URL such as postgresql://USER:PASSWORD@HOST/DATABASE.") from None


def _create(url: sa.URL) -> sa.Engine:
    backend = url.get_backend_name()
    if backend == "sqlite":
        return _sqlite(url)
    if backend == "postgresql":
        return postgresql.create_engine(url, BUSY_S)
    raise BadInput(
        f"GREENAI_DATABASE_URL: {backend!r} is not a database that can be used; sqlite:///FILE and "
        "postgresql://USER:PASSWORD@HOST/DATABASE are."
    )


def _storable(
    _connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """Make what is stored the same in every database, and nothing that a program prints a reason to refuse it.

    NaN is NULL. What cannot be stored as text (NUL, half of a surrogate pair) is replaced.
    """
    return statement, storable(parameters)


def storable(value: Any) -> Any:
    """Return a value as the store keeps it, or a list or dict of such values."""
    if isinstance(value, dict):
        return {name: storable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(storable, value))
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, str):
        whole = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        return whole if whole.isascii() else whole.encode(errors="replace").decode()
    return value


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
    found = sa.inspect(connection).get_multi_columns()
    known = {name: {column["name"] for column in columns} for (_, name), columns in found.items()}
    known = {name: columns for name, columns in known.items() if name in metadata.tables}
    if known:
        _check_version(connection, url, known)
    metadata.create_all(
        connection, [table for table in metadata.sorted_tables if table.name not in known], checkfirst=False
    )
    for name, columns in known.items():
        _add_columns(connection, metadata.tables[name], columns)
    if meta.name not in known:
        connection.execute(meta.insert().values(name="schema_version", value=str(VERSION)))


def _check_version(connection: sa.Connection, url: sa.URL, known: dict[str, set[str]]) -> None:
    asked = sa.select(meta.c.value).where(meta.c.name == "schema_version")
    found = connection.execute(asked).scalar() if known.get(meta.name, set()) >= set(meta.c.keys()) else None
    if found is None:  # ours are made together: these were made by somebody else
        raise BadInput(
            f"{_place(url)}: holds tables of another program ({', '.join(sorted(known))}); point GREENAI_DATABASE_URL "
            "at a file, database or schema for the Green AI Explorer alone."
        )
    if int(found) > VERSION:
        raise BadInput(
            f"{_place(url)}: written by a newer version of the Green AI Explorer (schema {found}, this one knows "
            f"{VERSION}); update it, or point GREENAI_DATABASE_URL at another file or database."
        )


def _add_columns(connection: sa.Connection, table: sa.Table, known: set[str]) -> None:
    """Add the columns that a table did not have when it was made; they must be nullable or have a default."""
    for column in table.columns:
        if column.name not in known:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}")


def _place(url: sa.URL) -> str:
    if url.get_backend_name() == "sqlite" and url.database:
        return url.database
    shown = url.difference_update_query(["password", "passfile", "sslpassword"])
    return f"GREENAI_DATABASE_URL ({shown.render_as_string(hide_password=True)})"


def _why(error: Exception, url: sa.URL) -> str:
    if disk_is_full(error):
        return f"{_place(url)}: the disk is full; free some space and try again. Nothing was stored."
    return f"{_place(url)}: cannot be used as a store ({_first_line(error)})."


def _first_line(error: Exception) -> str:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    return str(cause).partition("\n")[0]
