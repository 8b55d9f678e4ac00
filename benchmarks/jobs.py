"""What the queue costs: the wait before a run, a job beside its run, the wait until a run is cancelled, the memory.

A store of its own, and the product's queue, supervisor and worker. Where runs train, they train on the embedded digits.
A trivial job is one whose run is over at once: all that is left is what the queue does for a job, from the submission
of all of them to the last one's end. A deaf run never reports, so that its process has to be killed. Times are as
whoever looks at the store sees them. Other work on the machine is in all of them; its load is printed.

    python -m benchmarks.jobs [--quick] [--format table|json] [--url postgresql://...]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks._queue import (
    IDLE_EXIT_S,
    LOCAL,
    LOOK_S,
    a_run,
    launch,
    own_queue,
    processes,
    submit,
    wait_for_end,
    warm_launches,
)
from benchmarks._report import arguments, emit
from benchmarks._trivial_worker import DEAF, MODULE
from greenai_core.errors import BadInput
from greenai_core.jobs import queue
from greenai_core.jobs.attempt import BEAT_S
from greenai_core.jobs.warm import WORKER, environment

WARM_S, COOPERATIVE_S, HARD_S = 0.3, 0.5, 4.0
"""What is claimed, in seconds, at most."""

TRIVIAL_S = 5.0 / 200
"""The same of one trivial job among many."""

_WARM = "warm: submission to the first training step"
_COOPERATIVE = "cancel of a run that trains"
_HARD = "cancel of a deaf run"

LONG = 200
"""Epochs of a run that is not over before it is cancelled."""

Row = dict[str, Any]

_SUPERVISOR = f"""
import logging
from greenai_core.jobs.supervisor import WarmProcess, supervise
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
supervise(linger_s={IDLE_EXIT_S}, wait_for_lock=False, start_worker=lambda: WarmProcess("{MODULE}"))
"""


def real_runs(launches: int, cancels: int) -> Iterator[Row]:
    """Launch and cancel runs that train; between two launches, look at how much memory waits for the next one."""
    with own_queue():
        launch(seed=0)
        for seconds in warm_launches(launches, first_seed=1):
            yield _row(_WARM, "s", seconds)
            yield from _memory()
        for number in range(cancels):
            id = submit(a_run(seed=number, epochs=LONG))
            while queue.job(id).first_step_at is None:
                time.sleep(LOOK_S)
            time.sleep(BEAT_S * (1 + number / cancels))  # every moment between two beats is as likely as another
            yield _row(_COOPERATIVE, "s", _cancel(id))


def trivial_runs(jobs: int, repeats: int, cancels: int, url: str | None = None) -> Iterator[Row]:
    """Run many jobs that are over at once; then cancel some that are never over."""
    with own_queue(url) as folder:
        if queue.counts():
            raise SystemExit("--url: there are jobs in this database; name an empty one.")
        _start_trivial_supervisor(folder / "log")
        wait_for_end(submit(a_run(seed=0)))  # the worker has loaded what it needs
        for repeat in range(repeats):
            cpu_s = _cpu_s()
            yield _row(_trivial(jobs, url), "s", _bulk(range(1 + repeat * jobs, 1 + (repeat + 1) * jobs)))
            yield _row(
                f"CPU time of the queue's processes for each of {_trivial(jobs, url)}",
                "ms",
                1e3 * (_cpu_s() - cpu_s) / jobs,
            )
        for number in range(cancels):
            id = submit(a_run(seed=DEAF + number))
            while queue.job(id).state != "running":
                time.sleep(LOOK_S)
            yield _row(_HARD, "s", _cancel(id))


def _bulk(seeds: Sequence[int]) -> float:
    """Return the seconds that jobs take which are submitted together, from the submission to the last one's end."""
    before = queue.counts().get("succeeded", 0)
    specs = [a_run(seed) for seed in seeds]
    started = time.perf_counter()
    queue.submit(specs, access=LOCAL)
    while (states := queue.counts()).get("succeeded", 0) < before + len(specs):
        if {"failed", "cancelled", "skipped"} & states.keys():
            raise SystemExit(f"not every job has succeeded: {states}")
        time.sleep(LOOK_S)
    return time.perf_counter() - started


def _cpu_s() -> float:
    """Return the CPU-seconds of supervisor and worker, which other work on the machine hardly changes."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes()))


def _cancel(id: str) -> float:
    """Return the seconds until a cancelled job has ended."""
    clicked = time.perf_counter()
    queue.cancel(id, LOCAL)
    job = wait_for_end(id)
    seconds = time.perf_counter() - clicked
    if job.state != "cancelled":
        raise SystemExit(f"the job {job.state}: {job.error}")
    return seconds


def _start_trivial_supervisor(log: Path) -> None:
    """Start the product's supervisor with a worker that trains nothing; `own_queue` ends it."""
    with log.open("wb") as output:
        process = psutil.Popen([sys.executable, "-c", _SUPERVISOR], stdout=output, stderr=output, env=environment())
    while not process.children():  # with a worker it has locked its file, so that no other supervisor is started
        if process.poll() is not None:
            raise SystemExit(f"the supervisor has ended:\n{log.read_text()}")
        time.sleep(LOOK_S)


def _memory() -> Iterator[Row]:
    """Say what the processes of the queue take, while nothing runs."""
    worker_mb = supervisor_mb = 0.0
    for process in processes():
        if WORKER in process.cmdline():
            worker_mb += _megabytes(process)
        else:
            supervisor_mb += _megabytes(process)
    yield _row("memory of the supervisor", "MB", supervisor_mb)
    yield _row("memory of the idle worker", "MB", worker_mb)


def _megabytes(process: psutil.Process) -> float:
    """Return the share of the memory that is the process's own (PSS), or all that it sees where nobody divides it."""
    memory = process.memory_full_info()
    return float(getattr(memory, "pss", memory.rss)) / 1e6


def _row(what: str, unit: str, value: float) -> Row:
    return {"what": what, "unit": unit, "value": value}


def _trivial(jobs: int, url: str | None) -> str:
    store = "SQLite" if url is None else url.partition(":")[0]
    return f"{jobs} trivial jobs on {store}"


def main() -> None:
    """Run the benchmark and print it."""
    options = arguments(__doc__, url="an empty database that the trivial jobs are run on as well; they stay there")
    launches, jobs, repeats, cancels = (3, 40, 1, 2) if options.quick else (9, 200, 3, 6)
    load = psutil.getloadavg()[0]
    try:
        elsewhere = [] if options.url is None else [*trivial_runs(jobs, repeats, 0, options.url)]
    except BadInput as error:
        raise SystemExit(f"--url: {error}") from None
    rows = [*real_runs(launches, cancels), *trivial_runs(jobs, repeats, cancels), *elsewhere]
    claims = {
        _WARM: f", claim: below {WARM_S:g}",
        _COOPERATIVE: f", claim: below {COOPERATIVE_S:g}",
        _HARD: f", claim: below {HARD_S:g}",
        _trivial(jobs, None): f", claim: below {TRIVIAL_S * jobs:g}",
    }
    figures: dict[str, Any] = {}
    for what, unit in dict.fromkeys((row["what"], row["unit"]) for row in rows):
        values = [row["value"] for row in rows if row["what"] == what]
        figures[f"{what} ({unit}, median of {len(values)}{claims.get(what, '')})"] = statistics.median(values)
    figures["load of the machine, before and after"] = f"{load:.1f}, {psutil.getloadavg()[0]:.1f}"
    emit(options, rows, figures=figures)


if __name__ == "__main__":
    main()
