"""Runs on two Ray nodes, and what becomes of them when something of the cluster dies."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.jobs.queue import Attempt, Job
from greenai_core.spec import check
from greenai_core.store import artifacts, records, schema
from greenai_core.store.database import reading
from tests.cluster.conftest import Dispatch
from tests.cluster.nodes import Nodes, alive, until

pytestmark = pytest.mark.cluster

LOCAL = Access.local()
SHORT = ({"name": "train", "epochs": 3},)
LONG = ({"name": "train", "epochs": 200}, *({"name": "fine_tune", "epochs": 200} for _ in range(5)))
"""Takes longer than any test: somebody must end it."""

_seeds = iter(range(1000))


def submit(recipe: Sequence[dict[str, Any]]) -> str:
    spec = check(
        {
            "dataset": {"name": "digits"},
            "model": {"name": "mnist_cnn"},
            "recipe": list(recipe),
            "seed": next(_seeds),
            "measurement": {"profile": "none"},
        }
    )
    (submitted,) = queue.submit([spec], access=LOCAL, again=True)
    assert submitted.id is not None
    return submitted.id


def one_on(nodes: Nodes, role: str) -> tuple[Job, psutil.Process]:
    """A long run on a node, and its process; there is none on the other one."""
    ids = [submit(LONG), submit(LONG)]
    until(lambda: all(queue.job(id).epoch for id in ids))
    (there,) = [id for id in ids if queue.attempts(id)[0].host == nodes.names[role]]
    for id in ids:
        if id != there:
            queue.cancel(id, LOCAL)
            until(lambda id=id: queue.job(id).state == "cancelled")  # type: ignore[misc]
    (process,) = nodes.attempts(role)
    return queue.job(there), process


def again(job: Job) -> list[Attempt]:
    """Wait until a second attempt runs; returns both."""
    until(lambda: queue.job(job.id).state == "running" and queue.job(job.id).attempts == 2 and queue.job(job.id).epoch)
    return queue.attempts(job.id)


def cancel(job: Job) -> None:
    queue.cancel(job.id, LOCAL)
    until(lambda: queue.job(job.id).state == "cancelled")


def written_by(job: Job, attempt: int) -> list[tuple[object, ...]]:
    """All that an attempt has written: its epochs, its lines, and its row."""
    found: list[tuple[object, ...]] = []
    with reading() as connection:
        for table in (schema.progress, schema.log, schema.attempt):
            chosen = sa.select(table).where(table.c.job_id == job.id, table.c.attempt == attempt)
            found += map(tuple, connection.execute(chosen))
    return found


def slots() -> list[str]:
    """The host of every slot that somebody has."""
    with reading() as connection:
        return list(connection.execute(sa.select(schema.slot.c.host)).scalars())


@contextmanager
def sampled() -> Iterator[Counter[str]]:
    """Count, all the while, how many slots of a host are taken; the most that was seen."""
    most: Counter[str] = Counter()
    over = threading.Event()

    def sample() -> None:
        while not over.wait(0.05):
            for host, count in Counter(slots()).items():
                most[host] = max(most[host], count)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def test_runs_train_on_both_nodes_and_never_two_on_one(cluster: Nodes, dispatch: Dispatch) -> None:
    dispatch()
    with sampled() as most:
        ids = [submit(SHORT) for _ in range(4)]
        until(lambda: all(queue.job(id).state == "succeeded" for id in ids))
    made = [(queue.job(id), *queue.attempts(id)) for id in ids]
    assert {attempt.host for _, attempt in made} == set(cluster.names.values()) == set(most)
    assert set(most.values()) == {1}
    for host in cluster.names.values():
        there = sorted((one.started_at or 0, one.ended_at or 0) for _, one in made if one.host == host)
        assert all(end <= start for (_, end), (start, _) in pairwise(there))
    assert slots() == []

    (on_second, *_) = [job for job, attempt in made if attempt.host == cluster.names["second"]]
    assert on_second.run_id is not None
    record = records.load(on_second.run_id)
    assert (record.accuracy_val or 0) > 0.5
    assert len(artifacts.read(record.provenance["model_uri"])) == record.size_bytes


def test_a_node_whose_raylet_is_killed_leaves_an_orphan_that_fences_itself(cluster: Nodes, dispatch: Dispatch) -> None:
    dispatch()
    job, orphan = one_on(cluster, "second")
    cluster.raylet("second").kill()
    first, second = again(job)
    assert (first.outcome, first.host) == ("lost", cluster.names["second"])
    assert "gone" in (first.reason or "")
    assert second.host == cluster.names["head"]
    until(lambda: not alive(orphan))
    assert slots() == [cluster.names["head"]]
    cancel(job)
    cluster.kill("second")
    cluster.start("second")


def test_a_node_that_was_frozen_past_the_lease_writes_nothing(cluster: Nodes, dispatch: Dispatch) -> None:
    dispatch()
    job, ghost = one_on(cluster, "second")
    with cluster.frozen("second"):
        first, second = again(job)
        assert (first.outcome, second.host) == ("lost", cluster.names["head"])
        assert "no sign of life" in (first.reason or "")
        before = written_by(job, 1)
    until(lambda: not alive(ghost))
    assert written_by(job, 1) == before
    assert queue.job(job.id).state == "running"
    assert queue.job(job.id).attempts == 2
    cancel(job)


def test_a_head_that_is_killed_and_started_anew(cluster: Nodes, dispatch: Dispatch) -> None:
    dispatch()
    job, process = one_on(cluster, "second")
    cluster.kill("head")
    time.sleep(2)  # the dispatcher meets nobody
    assert queue.job(job.id).state == "running"
    cluster.start("head")
    first, second = again(job)
    assert (first.outcome, second.host) == ("lost", cluster.names["head"])
    assert "does not know it" in (first.reason or "")
    until(lambda: not alive(process))
    cancel(job)
    cluster.kill("second")
    cluster.start("second")


def test_a_run_goes_on_without_its_dispatcher_and_the_next_one_takes_it_over(
    cluster: Nodes, dispatch: Dispatch
) -> None:
    first = dispatch()
    job, process = one_on(cluster, "second")
    first.kill()
    first.wait()
    epoch = queue.job(job.id).epoch
    until(lambda: queue.job(job.id).epoch != epoch)
    dispatch()
    later = submit(SHORT)
    until(lambda: queue.job(later).state == "succeeded")  # it is at work, and gave the slot that is taken to nobody
    assert [attempt.outcome for attempt in queue.attempts(job.id)] == [None]
    assert alive(process)
    process.kill()
    lost, _ = again(job)
    assert lost.reason == "its process ended with exit code 137"
    cancel(job)


def test_nobody_gets_in_without_the_token_or_from_another_machine(cluster: Nodes) -> None:
    import requests

    for path in ("/api/jobs/", "/api/v0/nodes", "/api/cluster_status"):
        assert requests.get(cluster.address + path, timeout=30).status_code == 401
    job = {"entrypoint": "true", "submission_id": "stranger"}
    assert requests.post(f"{cluster.address}/api/jobs/", json=job, timeout=30).status_code == 401
    known: subprocess.CompletedProcess[str] = cluster.run("status")
    assert known.returncode == 0, known.stderr
    for stranger in ({"RAY_AUTH_TOKEN": "0" * 64}, {"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": ""}):
        assert cluster.run("status", **stranger).returncode != 0

    listening = {
        connection.laddr.ip
        for process in cluster.processes()
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening
    assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
