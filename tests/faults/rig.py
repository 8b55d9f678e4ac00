"""The processes of one test, the faults that come over them, and what must hold afterwards."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import sqlalchemy as sa

from greenai_core.jobs import queue, supervisor
from greenai_core.jobs.access import Access
from greenai_core.jobs.queue import Job
from greenai_core.jobs.warm import environment
from greenai_core.spec import Spec
from greenai_core.store.database import reading, writing
from tests.faults import ledger

LOCAL = Access.local()
ROOT = Path(__file__).resolve().parents[2]
ON_PATH = Path(__file__).with_name("on_path")

PATIENCE_S = 180.0
"""Nothing that is waited for takes a tenth of this on a quiet machine."""

SUPERVISOR, WORKER, DASHBOARD = "greenai_core.jobs", "tests.faults.worker", "streamlit"
"""What the command of a process says, by which it is known."""


@dataclass
class Rig:
    """The processes that work on a test's store: those whose environment names its folder."""

    folder: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("hold", "held", "deaths", "mute", "fail"):
            (self.folder / name).mkdir(parents=True)

    # Processes

    def processes(self, role: str = "", host: str | None = None) -> list[psutil.Process]:
        """Return the processes of this test that live, those that are stopped included."""
        found = []
        for process in psutil.process_iter():
            try:
                environ, command = process.environ(), process.cmdline()
            except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
                continue
            if environ.get(ledger.FOLDER) != str(self.folder) or gone(process):
                continue
            python = bool(command) and Path(command[0]).name.startswith("python")  # else it is a database server
            if python and (not role or role in command) and host in (None, environ.get("GREENAI_HOST_ID")):
                found.append(process)
        return found

    def one(self, role: str, host: str | None = None) -> psutil.Process:
        """Return the only process of a role, as soon as it is there."""
        self.until(lambda: len(self.processes(role, host)) == 1, f"one process of {role}")
        return self.processes(role, host)[0]

    def kill(self, *roles: str) -> int:
        """Kill every process of some roles at once, and wait until they are gone; returns how many those were."""
        return _kill([process for role in roles for process in self.processes(role)])

    def dashboard(self) -> None:
        """Start a dashboard; returns when it answers, and a supervisor is at work."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        command += ["--server.headless", "true", "--server.fileWatcherType", "none", "--server.address", "127.0.0.1"]
        with (self.folder / "dashboard.log").open("ab") as log:
            self.started.append(
                subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=log, stderr=subprocess.STDOUT)
            )
        self.until(lambda: _listens(port), "a dashboard that answers")
        self.one(WORKER)  # whoever has the lock starts one

    def submitter(self) -> subprocess.Popen[bytes]:
        """Start a process that submits when `go` is there."""
        command = [sys.executable, "-m", "tests.faults.submitter"]
        self.started.append(subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return self.started[-1]

    def close(self) -> None:
        """End every process, also those that another one is just about to start."""
        for process in self.processes(DASHBOARD):  # first who starts others
            _kill([process])
        while _kill(self.processes()):
            pass
        for started in self.started:
            started.wait()

    # Faults

    def hold(self, point: str) -> None:
        """Whoever comes to a point from now on waits there."""
        (self.folder / "hold" / point).touch()

    def held(self, point: str) -> None:
        """Return when somebody waits at a point."""
        self.until((self.folder / "held" / point).exists, f"somebody at {point}")

    def release(self, point: str) -> None:
        (self.folder / "held" / point).unlink(missing_ok=True)
        (self.folder / "hold" / point).unlink()

    def mute(self, point: str) -> None:
        """The next one that comes to a point hears no answer."""
        (self.folder / "mute" / point).touch()

    def die_at(self, points: Sequence[str]) -> None:
        """Whoever comes to the first of these points is killed, then whoever comes to the second, and so on."""
        for number, point in enumerate(points):
            (self.folder / "deaths" / f"{number:04}-{point}").touch()

    def deaths_left(self) -> int:
        return len(list((self.folder / "deaths").iterdir()))

    def jump(self, seconds: float) -> None:
        """Set every clock ahead by so much of what it is by itself."""
        new = self.folder / "ahead.new"
        new.write_text(str(seconds))
        new.replace(self.folder / "ahead")
        with writing() as connection:
            connection.execute(sa.text("CREATE TABLE IF NOT EXISTS faults_clock (seconds DOUBLE PRECISION)"))
            connection.execute(sa.text("DELETE FROM faults_clock"))
            connection.execute(sa.text("INSERT INTO faults_clock VALUES (:seconds)"), {"seconds": seconds})

    # Jobs

    def submit(self, *specs: Spec) -> list[str]:
        return [str(result.id) for result in queue.submit(specs, access=LOCAL)]

    def cancel(self, id: str) -> None:
        """Cancel a job that runs; returns when its attempt has heard of it."""
        before = len(ledger.lines("heard"))
        queue.cancel(id, LOCAL)
        self.until(lambda: len(ledger.lines("heard")) > before, "an attempt that was told to stop")

    def until(self, true: Callable[[], object], what: str) -> None:
        """Wait for something; where it does not come, say how things stand."""
        end = time.monotonic() + PATIENCE_S
        while not true():
            if time.monotonic() > end:
                raise AssertionError(f"there was never {what}\n{self.account()}")
            time.sleep(0.05)

    def state(self, id: str, *states: str) -> None:
        """Return when a job is in one of these states."""
        self.until(lambda: queue.job(id).state in states, f"job {id} {' or '.join(states)}")

    def see_through(self, meanwhile: Callable[[], object] = supervisor.ensure_supervisor) -> list[Job]:
        """Return all jobs when they have ended, newest first; `meanwhile` is done again and again until then."""

        live: list[Job] = queue.live()
        while live:
            before = len(live)

            def fewer(at_most: int = before - 1) -> bool:
                meanwhile()
                time.sleep(0.2)  # it costs a little each time
                return len(queue.live()) <= at_most

            self.until(fewer, "an end of all jobs")
            live = queue.live()
        self.until(lambda: not self._under_way(), "an end of all attempts")
        return queue.jobs()

    def _under_way(self) -> bool:
        """Tell whether a worker that is not frozen has something to do, be it after the end of its job."""
        live = {process.pid for process in self.processes(WORKER) if process.status() != psutil.STATUS_STOPPED}
        handed = {line["token"] for line in ledger.lines("handed") if line["pid"] in live}
        return bool(handed - {line["token"] for line in ledger.lines("returned")})

    def account(self) -> str:
        """Say how things stand, for whoever must find out why a test failed."""
        log = "\n".join(path.read_text(errors="replace")[-6000:] for path in self._logs())
        running = [(process.pid, process.status(), process.cmdline()[1:]) for process in self.processes()]
        live = [(job.id, job.state, job.attempts, job.error) for job in queue.live()[:9]]
        with reading() as connection:
            slots = connection.execute(sa.text("SELECT * FROM slot")).all()
        last = ledger.lines()[-12:]
        return f"processes {running}\nlive jobs {live}\nslots {slots}\nledger {last}\n{log}"

    def _logs(self) -> list[Path]:
        return [*supervisor._beside_the_store("log").parent.glob("*.supervisor.log"), *self.folder.glob("*.log")]


def stop(*processes: psutil.Process) -> None:
    """Freeze processes while none of them writes to the store."""
    with writing():
        for process in processes:
            process.suspend()


def gone(process: psutil.Process) -> bool:
    """Tell whether a process has ended, though nobody may have asked how yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _kill(processes: Sequence[psutil.Process]) -> int:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    while not all(gone(process) for process in processes):
        time.sleep(0.01)
    return len(processes)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
