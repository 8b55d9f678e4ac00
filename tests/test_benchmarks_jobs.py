"""That the benchmark of the queue measures what it says, and leaves nothing behind (`benchmarks.jobs`)."""

from __future__ import annotations

import os

import psutil

from benchmarks.jobs import trivial_runs


def test_trivial_jobs_are_timed_and_no_process_is_left() -> None:
    environment, before = dict(os.environ), psutil.Process().children()
    rows = [*trivial_runs(jobs=3, repeats=2, cancels=0)]
    seconds, cpu_ms = rows[0::2], rows[1::2]
    assert [(row["what"], row["unit"]) for row in seconds] == [("3 trivial jobs on SQLite", "s")] * 2
    assert all(row["value"] > 0 for row in rows)
    assert all(row["unit"] == "ms" for row in cpu_ms)
    assert psutil.Process().children() == before
    assert dict(os.environ) == environment
