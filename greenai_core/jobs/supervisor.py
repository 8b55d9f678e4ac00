"""The process that sees to the jobs: one per store and host, detached, outliving the dashboard.

It holds a file lock, which the system frees however it ends. It leaves by itself when there has been neither a job nor
an open dashboard for a while.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from greenai_core.errors import BadInput
from greenai_core.jobs.dispatcher import Dispatcher
from greenai_core.jobs.executors._base import Executor
from greenai_core.jobs.executors.local import LocalExecutor, StartWorker
from greenai_core.jobs.warm import WORKER, WarmProcess, environment
from greenai_core.jobs.watch import Watch
from greenai_core.settings import settings
from greenai_core.spec import digest
from greenai_core.store.clock import now
from greenai_core.store.database import file_of, reading, writing
from greenai_core.store.schema import heartbeat

TICK_S = 0.05
"""How soon a change of the store is noticed; noticing costs one pragma."""

STARTING_S = 3.0
"""A supervisor that was started so recently and is alive may not have come to lock its file."""


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
        connection.execute(heartbeat.insert().values(host=host, at=now()))
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
            wake = threading.Event()
            _work(_executor(start_worker, wake), watch, wake, linger_s)
        finally:
            lock.release(force=True)  # however often it was taken
        # Whoever submitted while this one was about to leave found the lock taken and relies on it.
        if watch.look().nothing:
            return


def _executor(start_worker: StartWorker, wake: threading.Event) -> Executor:
    if settings().executor == "ray":
        from greenai_core.jobs.executors.ray import on_ray

        return on_ray(wake)
    return LocalExecutor(start_worker, wake)


def _work(executor: Executor, watch: Watch, wake: threading.Event, linger_s: float) -> None:
    """Dispatch until there has been nothing to do for `linger_s` seconds."""
    dispatcher = Dispatcher(executor, watch, settings().host_id)
    needed_at = time.monotonic()
    try:
        dispatcher.take_over()
        while not dispatcher.idle or time.monotonic() - needed_at < linger_s:
            wake.wait(TICK_S)
            wake.clear()
            if dispatcher.step():
                needed_at = max(needed_at, _needed_at(idle=dispatcher.idle))
    finally:
        dispatcher.close()


def _needed_at(*, idle: bool) -> float:
    """Return when somebody needed a supervisor last, by the monotonic clock."""
    now_s = time.monotonic()
    if not idle:
        return now_s
    said = sa.select(now() - heartbeat.c.at).where(heartbeat.c.host == settings().host_id)
    try:
        with reading() as connection:
            age_s = connection.execute(said).scalar()
    except BadInput:  # the store cannot be read: nobody knows
        return now_s
    return -math.inf if age_s is None else now_s - max(0.0, age_s)


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
