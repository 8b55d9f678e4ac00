"""A queue that is a benchmark's own: its store, its processes, and the runs it is given."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

import psutil

from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.jobs.queue import Job
from greenai_core.jobs.states import LIVE
from greenai_core.spec import Spec, check
from greenai_core.store.database import engine

LOCAL = Access.local()

LOOK_S = 0.01
"""How often the store is asked for what is waited for."""

SECOND_CLICK_S = 0.2
"""A person's next click does not meet the end of the job before."""

LEAVES_WITHIN_S = 10.0

IDLE_EXIT_S = 30
"""A supervisor ends by itself so long after the last job, should the benchmark not get to end it."""


@contextmanager
def own_queue(url: str | None = None) -> Iterator[Path]:
    """Let this process use a store of its own; whatever process it starts meanwhile is ended before the store goes.

    Args:
        url: of the database; None: a SQLite file. A database that is given stays as it is left.

    Yields:
        A folder, which goes as well.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {
            "GREENAI_DATABASE_URL": url or f"sqlite:///{folder / 'greenai.db'}",
            "GREENAI_ARTIFACTS": str(folder / "artifacts"),
            "GREENAI_IDLE_EXIT_S": str(IDLE_EXIT_S),
            "GREENAI_EXECUTOR": "local",
            "GREENAI_HOST_ID": "benchmark",  # whose slots nobody else's runs take
        }
        before = processes()
        with mock.patch.dict(os.environ, settings):
            try:
                yield folder
            finally:
                _end([process for process in processes() if process not in before])
                engine().dispose()


def processes() -> list[psutil.Process]:
    """Return every process that this one, or one of them, has started."""
    return psutil.Process().children(recursive=True)


def a_run(seed: int, epochs: int = 1) -> Spec:
    """Return a small run on the embedded digits."""
    return check(
        {
            "dataset": {"name": "digits"},
            "model": {"name": "mnist_cnn"},
            "recipe": [{"name": "train", "epochs": epochs}],
            "seed": seed,
            "measurement": {"profile": "none"},
        }
    )


def submit(spec: Spec) -> str:
    """Queue a run; returns the job's id."""
    (submitted,) = queue.submit([spec], access=LOCAL)
    return str(submitted.id)


def launch(seed: int) -> float:
    """Submit a run and return the seconds to its first training step; waits for its end."""
    clicked = time.time()
    job = wait_for_end(submit(a_run(seed)))
    if job.state != "succeeded" or job.first_step_at is None:
        raise SystemExit(f"the job {job.state}: {job.error}")
    return job.first_step_at - clicked


def warm_launches(count: int, first_seed: int) -> Iterator[float]:
    """Launch so many runs, each a person's pause after the end of the one before."""
    for seed in range(first_seed, first_seed + count):
        time.sleep(SECOND_CLICK_S)
        yield launch(seed)


def wait_for_end(id: str) -> Job:
    """Return the job as it is when it has ended."""
    while (job := queue.job(id)).state in LIVE:
        time.sleep(LOOK_S)
    return job


def _end(processes: list[psutil.Process]) -> None:
    """End processes; returns when they are gone."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, deaf = psutil.wait_procs(processes, LEAVES_WITHIN_S)
    for process in deaf:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(deaf, LEAVES_WITHIN_S)
