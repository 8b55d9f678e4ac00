"""The faults that a test asks for, in the processes of the product; files in the test's folder say which.

Every step that commits has three points: ``NAME.call`` before anything is done, ``NAME.before`` in the transaction just
before its commit, ``NAME.after`` just after it. Whoever comes to a point

- waits there while ``hold/POINT`` exists, and says so in ``held/POINT``;
- is killed there if ``deaths`` begins with the point, which is then taken away from it;
- hears no answer (``BadInput`` though it is committed) if there was a file ``mute/POINT``.

``full`` leaves a SQLite store no page more than it has. The clock is ahead by what the table ``faults_clock`` says, and
for Python by what ``ahead`` says.
"""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from greenai_core.errors import BadInput
from greenai_core.jobs import warm
from tests.faults import ledger

WORKER = "tests.faults.worker"
LEASE_S = "GREENAI_FAULTS_LEASE_S"
"""Environment variable: the lease, in seconds."""

CLOCK = "GREENAI_FAULTS_CLOCK"
"""Environment variable: set where the clock may be ahead."""

_MOST_PAGES = 2**30

_under_way = threading.local()


def install(command: Sequence[str]) -> None:
    """Bring the faults into the process that was started with this command."""
    warm.WORKER = WORKER
    sa.event.listen(sa.Engine, "commit", _committing)
    sa.event.listen(sa.pool.Pool, "checkout", _room)
    if os.environ.get(CLOCK):
        _set_clock()
    if "greenai_core.jobs" in command:
        _in_a_supervisor()
    elif WORKER in command:
        _in_a_worker()
    elif "streamlit" in command:
        _in_a_dashboard()


def meet(point: str) -> None:
    """Come to a point: wait, die or hear no answer there, if that was asked for."""
    hold, held = ledger.folder() / "hold" / point, ledger.folder() / "held" / point
    if hold.exists():
        held.touch()
        while hold.exists():
            time.sleep(0.01)
    if _dies_at(point):
        ledger.write("death", point=point)
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
    mute = ledger.folder() / "mute" / point
    if mute.exists():
        mute.unlink()
        raise BadInput("the answer got lost")


def _dies_at(point: str) -> bool:
    deaths = sorted((ledger.folder() / "deaths").iterdir())
    if not deaths or deaths[0].name.partition("-")[2] != point:
        return False
    try:
        deaths[0].unlink()
    except FileNotFoundError:  # somebody else came to it at the same time
        return False
    return True


def watched(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
    """Give a step its points; the ledger says what it refuses to do, and that it was told to stop."""

    @functools.wraps(step)
    def call(*arguments: Any, **named: Any) -> Any:
        meet(f"{name}.call")
        _under_way.name = name
        try:
            result = step(*arguments, **named)
        except BadInput as error:
            ledger.write("refused", step=name, why=str(error))
            raise
        finally:
            _under_way.name = None
        if result == "cancel":
            ledger.write("heard", step=name)
        meet(f"{name}.after")
        return result

    return call


def _committing(_connection: sa.Connection) -> None:
    name = getattr(_under_way, "name", None)
    if name is not None:
        meet(f"{name}.before")


def _in_a_supervisor() -> None:
    from greenai_core.jobs import dispatcher
    from greenai_core.jobs.executors.local import LocalExecutor

    for name in ("claim", "lose"):
        setattr(dispatcher, name, watched(name, getattr(dispatcher, name)))
    start = LocalExecutor.start

    def launch(self: LocalExecutor, ticket: Any) -> None:
        meet("launch.before")
        start(self, ticket)
        meet("launch.after")

    LocalExecutor.start = launch  # type: ignore[method-assign]
    dispatcher.LEASE_S = float(os.environ.get(LEASE_S, dispatcher.LEASE_S))


def _in_a_worker() -> None:
    from greenai_core.jobs import attempt
    from greenai_core.record import Record
    from greenai_core.store import records

    for name in ("begin", "beat", "finish"):
        setattr(attempt, name, watched(name, getattr(attempt, name)))
    keep_unfinished = records.keep_unfinished

    def keep(record: Record) -> None:
        keep_unfinished(record)
        ledger.write("kept", run=record.run_id, joules=record.energy_spent_j)

    records.keep_unfinished = keep


def _in_a_dashboard() -> None:
    from greenai_core.jobs import previews

    previews.warm_up = lambda: None  # they load torch, and are not what is tested


def _room(connection: Any, *_: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        full = (ledger.folder() / "full").exists()
        pages = connection.execute("PRAGMA page_count").fetchone()[0] if full else _MOST_PAGES
        connection.execute(f"PRAGMA max_page_count = {pages}")


def _set_clock() -> None:
    from greenai_core.store.clock import now

    @compiles(now, "sqlite")
    def _sqlite(element: now, compiler: Any, **options: Any) -> str:
        return "((julianday('now') - 2440587.5) * 86400.0 + (SELECT seconds FROM faults_clock))"

    @compiles(now, "postgresql")
    def _postgresql(element: now, compiler: Any, **options: Any) -> str:
        return "(EXTRACT(EPOCH FROM CLOCK_TIMESTAMP())::float8 + (SELECT seconds FROM faults_clock))"

    real, ahead = time.time, ledger.folder() / "ahead"
    time.time = lambda: real() + float(ahead.read_text() or 0)
