"""The whole of queue, supervisor and worker processes, with runs that take no torch."""

from __future__ import annotations

import math
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import sqlalchemy as sa
from filelock import FileLock

from greenai_core.jobs import __main__ as jobs_main
from greenai_core.jobs import queue, states, supervisor
from greenai_core.jobs.access import Access
from greenai_core.jobs.queue import Job
from greenai_core.jobs.states import LIVE
from greenai_core.jobs.warm import environment
from greenai_core.settings import settings
from greenai_core.spec import Spec
from greenai_core.store import database, records, schema
from tests import factory
from tests.jobs.fake_worker import CANNOT, DEADLY, DEADLY_ONCE, DEAF, DEFECT, MODULE, a_spec
from tests.jobs.waiting import until

LOCAL = Access.local()
LONG = 200

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a supervisor process of our own; all of them are ended, and with them their workers."""
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)
    started: list[subprocess.Popen[bytes]] = []

    def one(
        linger_s: float = math.inf, wait_for_lock: bool = False, host: str | None = None
    ) -> subprocess.Popen[bytes]:
        program = (
            # Whoever is started in the background by a shell without job control is deaf to Ctrl-C.
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
            "from math import inf; from greenai_core.jobs.supervisor import WarmProcess, supervise;"
            f"supervise(linger_s={linger_s}, wait_for_lock={wait_for_lock}, "
            f"start_worker=lambda: WarmProcess('{MODULE}'))"
        )
        elsewhere = {} if host is None else {"GREENAI_HOST_ID": host}
        started.append(subprocess.Popen([sys.executable, "-c", program], env={**environment(), **elsewhere}))
        return started[-1]

    yield one
    for process in started:
        process.kill()
        process.wait()


def submit(*specs: Spec) -> list[str]:
    return [str(result.id) for result in queue.submit(specs, access=LOCAL)]


def ended(ids: Sequence[str]) -> list[Job]:
    until(lambda: all(queue.job(id).state not in LIVE for id in ids))
    return [queue.job(id) for id in ids]


def running(id: str) -> None:
    until(lambda: queue.job(id).state == "running")


def kept(count: int = 1) -> None:
    """Wait until so many unfinished records were kept, shown or not."""

    def rows() -> int:
        with database.reading() as connection:
            chosen = sa.select(sa.func.count()).where(schema.run.c.status == "aborted")
            return int(connection.execute(chosen).scalar_one())

    until(lambda: rows() >= count)


def worker_of(process: subprocess.Popen[bytes]) -> psutil.Process:
    until(lambda: psutil.Process(process.pid).children())
    (child,) = psutil.Process(process.pid).children()
    return child


def freeze(worker: psutil.Process) -> None:
    """Stop a worker between two of its writes: one that is stopped while it writes keeps everybody out of SQLite."""

    def idle() -> bool:
        worker.send_signal(signal.SIGSTOP)
        until(lambda: worker.status() == psutil.STATUS_STOPPED)
        store = sqlite3.connect(str(sa.make_url(settings().database_url).database), timeout=0.2, isolation_level=None)
        with closing(store):
            try:
                store.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                worker.send_signal(signal.SIGCONT)
                return False
        return True

    until(idle)


def assert_results_equal_successes() -> None:
    done = [job.run_id for job in queue.jobs() if job.state == "succeeded"]
    assert stored("succeeded") == sorted(map(str, done))


def stored(status: str) -> list[str]:
    """The runs that are shown with this status."""
    table = records.table("own")
    return sorted(table.loc[table["status"] == status, "run_id"])


def test_each_run_ends_as_it_deserves_and_the_queue_goes_on(start: Start) -> None:
    ids = submit(*(a_spec(seed) for seed in (CANNOT, DEFECT, DEADLY, DEADLY_ONCE, 1)))
    assert start(linger_s=0).wait(60) == 0
    cannot, defect, deadly, once, fine = (queue.job(id) for id in ids)
    assert (cannot.state, cannot.error, cannot.attempts) == ("failed", "the loss is not a number; lower lr.", 1)
    assert (defect.state, defect.error, defect.attempts) == ("failed", "ZeroDivisionError: a defect", 1)
    assert any("Traceback" in line for line in queue.log_tail(defect.id))
    assert (deadly.state, deadly.attempts) == ("failed", 3)
    assert len(stored("aborted")) == 3 + 1  # each attempt that died leaves what it measured until then
    assert deadly.error == "attempt 3 was lost: the worker ended with exit code -9"
    assert (once.state, once.attempts, once.error) == ("succeeded", 2, None)
    log = queue.log_tail(once.id)
    assert log.count(f"info: seed {DEADLY_ONCE}") == 2  # the lost attempt's log is kept
    assert "attempt 1 was lost: the worker ended with exit code -9; the job is queued" in log
    assert (fine.state, fine.attempts, fine.fraction) == ("succeeded", 1, 1.0)
    assert (fine.accuracy_val, fine.energy_j) == (0.52, 3.0)
    assert [(row["epoch"], row["loss"]) for row in queue.curve(fine.id)] == [(1, 1.0), (2, 0.5)]
    assert "train: epoch 2 of 2, loss 0.5000, validation accuracy 0.5200" in queue.log_tail(fine.id)
    times = [fine.submitted_at, fine.dispatched_at, fine.started_at, fine.first_step_at, fine.ended_at]
    assert times == sorted(times, key=lambda at: at or 0.0)
    assert_results_equal_successes()


def test_killed_worker_means_one_more_attempt_and_one_result(start: Start) -> None:
    (id,) = submit(a_spec(epochs=60))
    process = start()
    running(id)
    kept()
    assert stored("aborted") == []  # the run goes on
    worker_of(process).kill()
    (job,) = ended([id])
    assert (job.state, job.attempts) == ("succeeded", 2)
    assert len(stored("aborted")) == 1 and stored("succeeded") == [job.run_id]
    assert len(queue.curve(id)) == 60
    assert_results_equal_successes()


def test_killed_supervisor_takes_its_worker_along_and_the_next_one_takes_over(start: Start) -> None:
    ids = submit(a_spec(epochs=60), a_spec(seed=1))
    process = start()
    running(ids[0])
    worker = worker_of(process)
    process.kill()
    process.wait()
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    assert queue.job(ids[0]).state == "running"  # nobody is left to say otherwise
    start()
    first, second = ended(ids)
    assert (first.state, first.attempts, second.state, second.attempts) == ("succeeded", 2, "succeeded", 1)
    assert "its supervisor ended" in " ".join(queue.log_tail(ids[0], lines=1000))
    assert_results_equal_successes()


def test_frozen_supervisor_and_worker_write_nothing_when_they_thaw(start: Start) -> None:
    (id,) = submit(a_spec(epochs=60))
    process = start()
    running(id)
    kept()
    worker = worker_of(process)
    freeze(worker)
    process.kill()
    process.wait()
    with database.reading() as connection:
        token = connection.execute(sa.select(schema.job.c.token)).scalar_one()
    assert states.lose(id, token, "frozen") == "queued"
    start(linger_s=0, host="another-host")
    (job,) = ended([id])
    worker.send_signal(signal.SIGCONT)
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    assert queue.job(id) == job
    assert len(stored("aborted")) == 1
    assert_results_equal_successes()


def test_frozen_worker_of_a_killed_supervisor_is_killed_by_the_next_one(start: Start) -> None:
    (id,) = submit(a_spec(epochs=60))
    process = start()
    running(id)
    worker = worker_of(process)
    freeze(worker)
    process.kill()
    process.wait()
    start(linger_s=0)  # else the frozen one would hold the machine's slot until it thaws
    (job,) = ended([id])
    assert (job.state, job.attempts) == ("succeeded", 2)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert_results_equal_successes()


def test_cancel_queued_running_and_deaf(start: Start) -> None:
    polite, waiting, deaf, last = submit(a_spec(epochs=LONG), a_spec(1), a_spec(DEAF), a_spec(2))
    process = start()
    running(polite)
    kept()
    worker = worker_of(process)
    queue.cancel(waiting, LOCAL)
    assert queue.job(waiting).state == "cancelled"
    queue.cancel(polite, LOCAL)
    assert ended([polite])[0].state == "cancelled"
    running(deaf)
    assert worker_of(process) == worker  # who stops when asked keeps the worker warm
    queue.cancel(deaf, LOCAL)
    assert [job.state for job in ended([deaf, last])] == ["cancelled", "succeeded"]
    assert worker_of(process) != worker
    assert len(queue.curve(polite)) < LONG
    assert len(stored("aborted")) == 1
    assert_results_equal_successes()


def test_two_supervisors_at_once_are_one(start: Start) -> None:
    ids = submit(a_spec(epochs=50))
    processes = [start(linger_s=0) for _ in range(3)]
    job = ended(ids)[0]
    assert [process.wait(30) for process in processes] == [0, 0, 0]
    assert (job.state, job.attempts) == ("succeeded", 1)


def test_who_works_in_the_foreground_follows_and_takes_over(start: Start) -> None:
    ids = submit(a_spec(epochs=60), a_spec(1))
    first = start()
    running(ids[0])
    second = start(linger_s=0, wait_for_lock=True)
    first.kill()
    assert second.wait(60) == 0
    assert [queue.job(id).state for id in ids] == ["succeeded", "succeeded"]


def test_interrupted_supervisor_gives_its_job_back(start: Start) -> None:
    (id,) = submit(a_spec(epochs=LONG))
    process = start()
    running(id)
    process.send_signal(signal.SIGINT)
    process.wait(30)
    job = queue.job(id)
    assert (job.state, job.error) == ("queued", "attempt 1 was lost: the supervisor was stopped")


def test_nothing_to_do_until_idle_starts_no_worker(start: Start) -> None:
    assert start(linger_s=0, wait_for_lock=True).wait(30) == 0


def test_submitting_from_many_processes_starts_one_supervisor_that_leaves_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENAI_IDLE_EXIT_S", "3")
    program = "from greenai_core.jobs.supervisor import ensure_supervisor as e; e(); e(); input()"
    askers = [
        subprocess.Popen([sys.executable, "-c", program], env=environment(), stdin=subprocess.PIPE) for _ in range(2)
    ]
    log = next(iter_until(lambda: list(tmp_path.glob("*.supervisor.log"))))
    until(lambda: "supervisor" in log.read_text())
    for asker in askers:  # a detached supervisor does not need whoever started it
        asker.kill()
        asker.wait()
    until(lambda: not _locked(tmp_path))
    assert log.read_text().count("supervisor ") == 1
    assert list(tmp_path.glob("*.supervisor.lock"))


def test_asking_again_while_it_starts_starts_no_second_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[SimpleNamespace] = []

    def popen(command: list[str], **options: object) -> SimpleNamespace:
        started.append(SimpleNamespace(lock_file=command[-1], poll=lambda: None))
        return started[-1]

    monkeypatch.setattr(supervisor, "_started", [])
    monkeypatch.setattr(supervisor.subprocess, "Popen", popen)
    monkeypatch.setattr(supervisor, "STARTING_S", math.inf)
    supervisor.ensure_supervisor()
    supervisor.ensure_supervisor()
    assert len(started) == 1
    monkeypatch.setenv("GREENAI_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    supervisor.ensure_supervisor()
    assert len({one.lock_file for one in started}) == len(started) == 2
    started[-1].poll = lambda: 0  # it ended: nothing is starting any more
    supervisor.ensure_supervisor()
    assert len(started) == 3
    monkeypatch.setattr(supervisor, "STARTING_S", 0.0)  # it lives, and did not come to lock its file
    supervisor.ensure_supervisor()
    assert len(started) == 4


def test_whoever_cannot_have_the_lock_starts_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lock"
    monkeypatch.setattr(sys, "argv", ["jobs", str(file)])
    monkeypatch.setattr(jobs_main, "WarmProcess", lambda module: pytest.fail("a worker was started"))
    with FileLock(file):
        jobs_main.main()


def test_a_new_supervisor_shows_what_a_run_left_that_is_gone() -> None:
    records.keep_unfinished(factory.record(run_id="left", status="aborted"))
    with database.writing() as connection:
        connection.execute(schema.unfinished.update().values(born=0.0))
    worker = SimpleNamespace(pid=0, close=lambda: None)
    supervisor.supervise(linger_s=0.01, wait_for_lock=False, start_worker=lambda: worker)  # type: ignore[arg-type, return-value]
    with database.reading() as connection:
        assert connection.execute(sa.select(schema.unfinished)).all() == []


def iter_until(found: Callable[[], list[Path]]) -> Iterator[Path]:
    until(found)
    yield from found()


def _locked(folder: Path) -> bool:
    probe = "import sys; from greenai_core.jobs.supervisor import _lock; _lock().acquire(timeout=0)"
    command = [sys.executable, "-c", probe]
    return subprocess.run(command, env=environment(), stderr=subprocess.DEVNULL, check=False).returncode != 0


def test_open_dashboard_keeps_the_supervisor(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "ensure_supervisor", lambda: None)
    process = start(linger_s=1.5)
    stop = threading.Event()

    def dashboard() -> None:
        while not stop.wait(0.2):
            supervisor.keep_alive()

    thread = threading.Thread(target=dashboard)
    thread.start()
    until(lambda: psutil.Process(process.pid).children())
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(4)
    stop.set()
    thread.join()
    assert process.wait(30) == 0


def test_removed_store_is_followed_by_the_new_one(start: Start, tmp_path: Path) -> None:
    process = start()
    ended(submit(a_spec()))
    for file in tmp_path.glob("greenai.db*"):
        if "supervisor" not in file.name:
            file.unlink()
    assert ended(submit(a_spec(1)))[0].state == "succeeded"
    assert process.poll() is None
