"""A PostgreSQL server for tests: Debian's package `postgresql`, in a folder of its own, on a socket that is a file."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.jobs.waiting import until

USER = "greenai"
DATABASE = "postgres"

_QUICK = {
    "listen_addresses": "",
    "fsync": "off",  # what a machine that loses its power leaves behind is not what is tested
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
}


class NoServer(Exception):
    """There can be no server here; says why."""


class Server:
    """A server that is empty at first; a context, after which nothing is left of it."""

    def __init__(self) -> None:
        self._binaries = binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="greenai-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._stores = 0

    def __enter__(self) -> Self:
        try:
            if os.geteuid() == 0:
                shutil.chown(self._folder, _OWNER, _OWNER)
            options = ["--auth=trust", "--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C.UTF-8"]
            made = subprocess.run(
                [*_as_owner(), self._binaries / "initdb", "-D", self._data, "-U", USER, *options],
                capture_output=True,
                text=True,
                cwd="/",
            )
            if made.returncode:
                raise NoServer(f"initdb: {made.stderr.strip()}")
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def empty(self) -> str:
        """Return the URL of an empty store; the one before is removed, whoever still uses it.

        It is a schema of its own, which takes a third of the time of a database of its own.
        """
        self.start()
        self._stores += 1
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
            f"DROP SCHEMA IF EXISTS test_{self._stores - 1} CASCADE",
            f"CREATE SCHEMA test_{self._stores}",
        )
        return f"postgresql://{USER}@/{DATABASE}?host={self._folder}&options=-csearch_path%3Dtest_{self._stores}"

    def execute(self, *statements: str) -> None:
        """Run statements as the owner of the server, each as a transaction of its own."""
        import psycopg

        with psycopg.connect(host=str(self._folder), user=USER, dbname=DATABASE, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def start(self) -> None:
        """Return when it takes connections; one that runs goes on."""
        if self._process is not None:
            return
        settings = [part for name, value in _QUICK.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_as_owner(), self._binaries / "postgres", "-D", self._data, "-k", self._folder, *settings],
                stdout=log,
                stderr=log,
                cwd="/",
            )
        until(self._answers)

    def stop(self) -> None:
        """End it at once, and all connections with it; what was committed is there after the next `start`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise NoServer(f"postgres: {(self._folder / 'log').read_text()}")
        return subprocess.run([self._binaries / "pg_isready", "-q", "-h", self._folder]).returncode == 0


def binaries() -> Path:
    """Return the folder of the newest server that is installed.

    Raises:
        NoServer: there is none, or the driver is not installed.
    """
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise NoServer("psycopg is not installed (pip install -r requirements-cluster.txt)") from None
    of_debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    of_path = [Path(found).resolve().parent for name in ["postgres"] if (found := shutil.which(name))]
    complete = [folder for folder in [*of_path, *of_debian] if (folder / "initdb").exists()]
    if not complete:
        raise NoServer("there is no PostgreSQL server (apt-get install postgresql)")
    if os.geteuid() == 0 and (not shutil.which("setpriv") or _OWNER not in {user.pw_name for user in pwd.getpwall()}):
        raise NoServer(f"a PostgreSQL server does not run as root, and there is no user {_OWNER} or no setpriv")
    return complete[-1]


_OWNER = "postgres"
"""Whom Debian's package creates: a server refuses to run as root."""


def _as_owner() -> list[str]:
    """Return what to put before a command of the server; whatever becomes of the tests, it ends with them."""
    if not shutil.which("setpriv"):
        return []
    owner = [f"--reuid={_OWNER}", f"--regid={_OWNER}", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *owner, "--pdeathsig", "QUIT"]
