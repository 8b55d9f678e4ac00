"""The store on a PostgreSQL server, which any number of hosts may share."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from greenai_core.errors import BadInput

SILENT_S = 10.0
"""A writer that says nothing for so long in the middle of a transaction loses it: its process or host may be frozen."""

_WRITER = int.from_bytes(b"greenai")
"""Name of the lock that the only writer of a database holds."""

_CONNECTION = {
    "client_encoding": "utf8",
    "connect_timeout": "10",
    # A server that is cut off is noticed in half a minute, and not in the two hours that are usual.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
"""Parameters of libpq: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS."""

_ENCODINGS = ("UTF8", "SQL_ASCII")
"""Of a database that takes any text."""

_DISK_FULL = "53100"
_OF_THE_SERVER = ("25006", "25P03", "42501", "42P01")
"""It only reads, it gave up on this connection, it does not let this user in, its tables were removed.

All codes: https://www.postgresql.org/docs/current/errcodes-appendix.html.
"""


def create_engine(url: sa.URL, busy_s: float) -> sa.Engine:
    """Return an engine whose transactions are each the only writer, as those of SQLite are.

    Args:
        url: of the database; parameters of libpq in it win over ours.
        busy_s: how long a writer waits for another one.

    Raises:
        BadInput: the driver is not installed, or, once it connects, the database does not take every text.
    """
    try:
        import psycopg  # noqa: F401
    except ImportError:  # also where libpq is missing
        raise BadInput(
            "GREENAI_DATABASE_URL: the driver for PostgreSQL is not installed; `pip install -r "
            "requirements-cluster.txt` installs it."
        ) from None
    opened = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={name: value for name, value in _CONNECTION.items() if name not in url.query},
        # What a statement sees must not be older than the lock that it waited for.
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_size=2,  # a server takes about a hundred connections, and each attempt is a process
    )
    alone = (
        f"SET LOCAL lock_timeout = {round(busy_s * 1000)}; "
        f"SET LOCAL idle_in_transaction_session_timeout = {round(SILENT_S * 1000)}; "
        f"SELECT pg_advisory_xact_lock({_WRITER})"
    )

    @sa.event.listens_for(opened, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding not in _ENCODINGS:
            raise BadInput(f"GREENAI_DATABASE_URL: the database's encoding is {encoding}; create it with UTF8.")

    @sa.event.listens_for(opened, "begin")
    def _begin(connection: sa.Connection) -> None:
        # Rows that two transactions look up and then write need no further thought if only one of them is under way.
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql(alone)

    return opened


def disk_is_full(error: BaseException) -> bool:
    """Tell whether the server said that there is no room left on its disk."""
    return getattr(error, "sqlstate", None) == _DISK_FULL


def of_the_server(error: sa.exc.DBAPIError) -> bool:
    """Tell whether an error is for the server's keeper to mend, beside those that are `OperationalError`."""
    return getattr(error.orig, "sqlstate", None) in _OF_THE_SERVER
