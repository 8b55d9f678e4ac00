"""From the click on Launch to the first training step, cold and on a warm worker.

A store of its own, one supervisor, a small run on the embedded digits. Cold: nothing runs yet, the supervisor and its
worker start and import torch. Warm: the worker that the first job left behind. The clock runs from the call that the
button makes to the first report from inside an epoch, data set and energy meter included.

    python -m benchmarks.launch [--quick] [--format table|json]
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._report import arguments, emit
from greenai_core.spec import check

CLAIMS = {"cold": 4.0, "warm": 0.3}
"""Seconds, at most."""

IDLE_EXIT_S = 5
"""The supervisor of this benchmark ends by itself so long after the last job."""


def launch(seed: int) -> float:
    """Submit a run and return the seconds to its first training step; waits for its end."""
    from greenai_core.jobs import queue
    from greenai_core.jobs.access import Access

    spec = check(
        {
            "dataset": {"name": "digits"},
            "model": {"name": "mnist_cnn"},
            "recipe": [{"name": "train", "epochs": 1}],
            "seed": seed,
            "measurement": {"profile": "none"},
        }
    )
    clicked = time.time()
    (submitted,) = queue.submit([spec], access=Access.local())
    while (job := queue.job(str(submitted.id))).ended_at is None:
        time.sleep(0.05)
    if job.state != "succeeded" or job.first_step_at is None:
        raise SystemExit(f"the job {job.state}: {job.error}")
    return job.first_step_at - clicked


def main() -> None:
    """Run the benchmark and print it."""
    options = arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "GREENAI_DATABASE_URL": f"sqlite:///{Path(folder) / 'greenai.db'}",
            "GREENAI_ARTIFACTS": str(Path(folder) / "artifacts"),
            "GREENAI_IDLE_EXIT_S": str(IDLE_EXIT_S),
        }
        rows: list[dict[str, Any]] = [{"launch": "cold", "seconds": launch(0)}]
        for seed in range(1, 4 if options.quick else 11):
            rows.append({"launch": "warm", "seconds": launch(seed)})
            time.sleep(0.2)  # a person's second click, not one that meets the end of the first job
        time.sleep(2 * IDLE_EXIT_S)  # its folder goes only when the supervisor is gone
    figures = {
        f"{kind}: seconds to the first training step, median (claim: below {most})": statistics.median(
            row["seconds"] for row in rows if row["launch"] == kind
        )
        for kind, most in CLAIMS.items()
    }
    emit(options, rows, figures=figures)


if __name__ == "__main__":
    main()
