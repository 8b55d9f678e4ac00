"""The process that hands jobs to a worker: one per store and host, detached, outliving the dashboard.

It holds a file lock, which the system frees however it ends. It owns one worker process, which ends when it does. It
leaves by itself when there has been neither a job nor an open dashboard for a while.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from greenai_core.errors import BadInput
from greenai_core.jobs.states import CANCEL_GRACE_S, HELD, LEASE_S, WAITING, Ticket, claim, lose
from greenai_core.jobs.warm import WORKER, WarmProcess, environment
from greenai_core.settings import settings
from greenai_core.spec import digest
from greenai_core.store import records
from greenai_core.store.database import engine, file_of, reading, writing
from greenai_core.store.schema import heartbeat, job

StartWorker = Callable[[], WarmProcess]

TICK_S = 0.05
"""How soon a change of the store is noticed; noticing costs one pragma."""

LOOK_S, IDLE_LOOK_S = 0.5, 5.0
"""How often the jobs are looked at even if nothing changed: leases and pauses run out without anybody writing."""

LOADING_S = 120.0
"""A worker that has not begun a job after so long will not."""

STARTING_S = 3.0
"""A supervisor that was started so recently and is alive may not have come to lock its file."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Started:
    """A supervisor that this process started, for which file, and when by the monotonic clock."""

    process: subprocess.Popen[bytes]
    lock_file: str
    at: float


_started: list[_Started] = []


def ensure_supervisor() -> None:
    """Start a supervisor if none works for this store on this host; returns at once, and costs nothing if one does."""
    lock = _lock()
    now = time.monotonic()
    _started[:] = [one for one in _started if one.process.poll() is None]
    if any(one.lock_file == lock.lock_file and now - one.at < STARTING_S for one in _started):
        return
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return
    lock.release()
    log = _beside_the_store("log")
    detached: dict[str, Any] = (
        {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP
        if sys.platform == "win32"
        else {"start_new_session": True}
    )
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "greenai_core.jobs", lock.lock_file],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(),
            **detached,
        )
    _started.append(_Started(process, lock.lock_file, now))


def keep_alive() -> None:
    """Say that a dashboard is open on this host, and make sure that a supervisor works for it."""
    host = settings().host_id
    with writing() as connection:
        connection.execute(heartbeat.delete().where(heartbeat.c.host == host))
        connection.execute(heartbeat.insert().values(host=host, at=time.time()))
    ensure_supervisor()


def start_worker() -> WarmProcess:
    """Start a process that runs jobs."""
    return WarmProcess(WORKER)


def supervise(
    *, linger_s: float, wait_for_lock: bool, start_worker: StartWorker = start_worker, lock: FileLock | None = None
) -> None:
    """Work on the jobs of the store until there has been nothing to do for `linger_s` seconds.

    Args:
        linger_s: 0 leaves as soon as no job is waiting or running; infinity never leaves.
        wait_for_lock: what to do where another supervisor is at work: follow what it does, and take over if it ends,
            or leave the jobs to it.
        start_worker: starts a worker process.
        lock: the lock of this store and host, if the caller holds it already; it is free when this returns.
    """
    lock, watch = lock or _lock(), Watch()
    while True:
        if linger_s == 0 and watch.look().nothing:
            return
        try:
            # Those who only ask whether there is a supervisor hold the lock for a moment.
            lock.acquire(timeout=0.2 if wait_for_lock else 0.5, poll_interval=0.05)
        except Timeout:
            if not wait_for_lock:
                return
            watch.look()
            continue
        try:
            Supervisor(watch, start_worker).work(linger_s)
        finally:
            lock.release(force=True)  # however often it was taken
        # Whoever submitted while this one was about to leave found the lock taken and relies on it.
        if watch.look().nothing:
            return


@dataclass(frozen=True)
class Sight:
    """What there is to do: the jobs that somebody works on, how many wait, and whether one of those may begin."""

    held: tuple[sa.Row[Any], ...]
    waiting: int
    ready: bool

    @property
    def nothing(self) -> bool:
        """Whether every job has ended."""
        return not self.held and not self.waiting


class Watch:
    """Looks at the jobs that have not ended, and logs every change of state since it last did."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def expect(self, job_id: str) -> None:
        """Log what becomes of a job, even if it has ended by the time of the next look."""
        self._seen[job_id] = "queued"

    def look(self) -> Sight:
        """Return what there is to do."""
        waits = job.c.state.in_(WAITING)
        ready = (job.c.state == "queued") & (job.c.not_before <= time.time())
        with reading() as connection:
            rows = connection.execute(
                sa.select(job).where(job.c.state.in_(HELD) | job.c.id.in_(list(self._seen))).order_by(job.c.seq)
            ).all()
            waiting = connection.execute(sa.select(sa.func.count()).select_from(job).where(waits)).scalar_one()
            first = connection.execute(sa.select(job.c.id).where(ready).limit(1)).first()
        for row in rows:
            if self._seen.get(row.id) != row.state:
                logger.info("job %s %s%s", row.id, row.state, _because(row))
        held = tuple(row for row in rows if row.state in HELD)
        self._seen = {row.id: row.state for row in held}
        return Sight(held, waiting, first is not None)


def _because(row: sa.Row[Any]) -> str:
    if row.state == "succeeded":
        return f": run {row.run_id}"
    return f": {row.error}" if row.error and row.state in ("failed", "queued", "skipped") else ""


class Supervisor:
    """Hands one job after the other to one warm worker, and deals with whatever may happen to either."""

    def __init__(self, watch: Watch, start_worker: StartWorker) -> None:
        self._id = uuid.uuid4().hex
        self._host = settings().host_id
        self._watch = watch
        self._start_worker = start_worker
        self._worker = start_worker()
        self._current: tuple[Ticket, Future[Any]] | None = None
        self._wake = threading.Event()
        self._idle = False
        self._looked_at = self._busy_at = self._awake_since = time.time()
        self._changes = Changes()

    def work(self, linger_s: float) -> None:
        """Work until there has been nothing to do for `linger_s` seconds."""
        logger.info("supervisor %s on %s, worker %d", self._id[:8], self._host, self._worker.pid)
        try:
            self._take_over()
            while not self._idle or time.time() - self._busy_at < linger_s:
                self._wake.wait(TICK_S)
                self._wake.clear()
                self._step()
        finally:
            self._close()

    def _take_over(self) -> None:
        """Give up the attempts of supervisors of this host that are gone: this one holds the lock, so they are."""
        for row in self._watch.look().held:
            if row.host == self._host:
                lose(row.id, row.token, "its supervisor ended")
        with writing() as connection:
            records.settle(connection)

    def _step(self) -> None:
        """Do what there is to do now."""
        now = time.time()
        answered = self._current is not None and self._current[1].done()
        due = now - self._looked_at >= (IDLE_LOOK_S if self._idle and self._changes.told else LOOK_S)
        if not (answered or due or self._changes.seen()):
            return
        if now - self._looked_at > LEASE_S / 2:
            self._awake_since = now  # the machine slept, and the attempt with it: its lease starts anew
        self._looked_at = now
        try:
            self._changes.follow(engine())
            self._settle()
            sight = self._watch.look()
            self._check_attempt(sight, now)
            if self._current is None and sight.ready:
                self._dispatch()
            self._idle = self._current is None and sight.nothing
            self._busy_at = max(self._busy_at, _dashboard_at(self._host) if self._idle else now)
        except BadInput as error:  # the store is full or busy: nothing is lost, it is tried again
            logger.warning("%s", error)
            time.sleep(LOOK_S)

    def _settle(self) -> None:
        """Take note if the worker is done with its job; what it did not end itself is lost."""
        if self._current is None or not self._current[1].done():
            return
        ticket, future = self._current
        problem = future.exception()
        if problem is not None:
            lose(ticket.id, ticket.token, str(problem))
        self._current = None
        if not self._worker.alive:
            self._worker = self._start_worker()

    def _check_attempt(self, sight: Sight, now: float) -> None:
        """Kill the worker if its attempt does not end when asked to, does not begin, or gives no sign of life."""
        for row in sight.held:
            if self._current is None or row.token != self._current[0].token:
                continue
            last, patience_s = (row.dispatched_at, LOADING_S) if row.beat_at is None else (row.beat_at, LEASE_S)
            deaf = row.cancel_asked_at is not None and now - row.cancel_asked_at > CANCEL_GRACE_S
            if deaf or now - max(last, self._awake_since) > patience_s:
                logger.info("job %s: worker %d is killed", row.id, self._worker.pid)
                self._worker.kill()

    def _dispatch(self) -> None:
        ticket = claim(self._id, self._host)
        if ticket is None:
            return
        if not self._worker.alive:
            self._worker = self._start_worker()
        self._watch.expect(ticket.id)
        future = self._worker.ask("attempt", ticket=asdict(ticket))
        self._current = (ticket, future)
        future.add_done_callback(lambda _: self._wake.set())

    def _close(self) -> None:
        self._changes.close()
        if self._current is None:
            self._worker.close()
            return
        ticket, _ = self._current
        self._worker.kill()
        lose(ticket.id, ticket.token, "the supervisor was stopped")


class Changes:
    """Tells whether anybody wrote to a SQLite store since it was last asked; other stores are looked at in turn."""

    def __init__(self) -> None:
        self._engine: sa.Engine | None = None
        self._connection: sa.PoolProxiedConnection | None = None
        self._version = -1

    def follow(self, store: sa.Engine) -> None:
        """Watch this store from now on, if it is another one than before."""
        if store is self._engine:
            return
        self.close()
        self._engine = store
        if store.dialect.name == "sqlite":
            self._connection = store.raw_connection()  # asked twenty times a second: everything else costs more

    @property
    def told(self) -> bool:
        """Whether `seen` can tell at all."""
        return self._connection is not None

    def seen(self) -> bool:
        """Return whether there is something new."""
        if self._connection is None:
            return False
        cursor = self._connection.cursor()
        cursor.execute("PRAGMA data_version")
        (version,) = cursor.fetchone() or (-1,)
        cursor.close()
        changed, self._version = version != self._version, version
        return bool(changed)

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _dashboard_at(host: str) -> float:
    with reading() as connection:
        return connection.execute(sa.select(heartbeat.c.at).where(heartbeat.c.host == host)).scalar() or 0.0


def _lock() -> FileLock:
    return FileLock(_beside_the_store("lock"), thread_local=False)


def _beside_the_store(suffix: str) -> Path:
    """Return a file of this store and host: beside the database, or among the temporary files if that is a server."""
    url, host = settings().database_url, settings().host_id
    database = file_of(url)
    name = f"{database.name if database else 'greenai'}.{digest([url, host])[:8]}.supervisor.{suffix}"
    folder = database.parent if database else Path(tempfile.gettempdir())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name
