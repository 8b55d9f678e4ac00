"""Several dashboards, supervisors and hosts on one store; a sweep whose processes are killed at random."""

from __future__ import annotations

import json
import os
import random
import time

import pytest

from greenai_core.jobs import queue, supervisor
from greenai_core.spec import Spec
from tests.faults import ledger
from tests.faults.invariants import assert_whole
from tests.faults.rig import SUPERVISOR, WORKER, Rig
from tests.jobs.fake_worker import a_spec

pytestmark = pytest.mark.faults


def _submit_at_once(rig: Rig, *all_specs: list[Spec]) -> list[list[str]]:
    """Submit from as many processes, all at the same time; returns the ids that each was told."""
    processes = [rig.submitter() for _ in all_specs]
    for process, specs in zip(processes, all_specs, strict=True):
        assert process.stdin is not None
        process.stdin.write(json.dumps([spec.model_dump(mode="json") for spec in specs]).encode())
        process.stdin.close()
    rig.until(lambda: len(ledger.lines("ready")) == len(processes), "processes that submit")
    (rig.folder / "go").touch()
    answers = []
    for process in processes:
        assert process.stdout is not None
        answers.append(json.loads(process.stdout.read()))
        process.stdout.close()
    return answers


def test_same_specs_submitted_at_once_are_run_once(rig: Rig) -> None:
    specs = [a_spec(seed) for seed in range(4)]
    first, second, third = _submit_at_once(rig, specs, list(reversed(specs)), specs[:1])
    assert first == list(reversed(second)) and first[0] == third[0]
    jobs = rig.see_through(lambda: None)  # whoever submitted started a supervisor
    assert sorted(job.id for job in jobs) == sorted(first)
    assert {(job.state, job.attempts) for job in jobs} == {("succeeded", 1)}
    rig.until(lambda: len(rig.processes(SUPERVISOR)) <= 1, "an end of the supervisors that came too late")
    assert_whole()


def test_two_hosts_and_rival_supervisors_run_one_job_each_at_a_time(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = [os.environ["GREENAI_HOST_ID"], f"other-host-{os.getpid()}"]

    def both() -> None:
        for host in hosts:
            monkeypatch.setenv("GREENAI_HOST_ID", host)
            for _ in range(2):
                supervisor._started.clear()  # as if another process asked
                supervisor.ensure_supervisor()

    rig.hold("epoch-2")
    rig.submit(*(a_spec(seed, epochs=4) for seed in range(12)))
    both()
    for host in hosts:
        rig.one(WORKER, host)
    rig.until(lambda: queue.counts().get("running", 0) == 2, "a job that runs on each host")
    time.sleep(1)  # another one would begin now
    assert queue.counts()["running"] == 2
    rig.release("epoch-2")
    jobs = rig.see_through(both)
    assert {(job.state, job.attempts) for job in jobs} == {("succeeded", 1)}
    assert {run.host for run in ledger.runs().values()} == set(hosts)
    assert_whole()


def test_sweep_whose_processes_are_killed_at_random(rig: Rig, chance: random.Random, scale: float) -> None:
    specs = [a_spec(seed, epochs=1) for seed in range(max(40, round(500 * scale)))]
    rig.submit(*specs)
    next_one = {"at": 0}
    kills = {WORKER: 0, SUPERVISOR: 0}

    def kill_now_and_then() -> None:
        """Kill each time that so many runs more have begun."""
        supervisor.ensure_supervisor()
        if len(ledger.lines("start")) >= next_one["at"] and sum(kills.values()) < 4 + len(specs) // 16:
            role = chance.choice([WORKER, SUPERVISOR])
            time.sleep(chance.uniform(0, 0.2))
            kills[role] += rig.kill(role)
            next_one["at"] = len(ledger.lines("start")) + chance.randrange(1, 12)

    jobs = rig.see_through(kill_now_and_then)
    print(kills)
    assert len(jobs) == len(specs) and sum(kills.values()) >= 3
    assert {job.state for job in jobs} <= {"succeeded", "failed"}
    assert all(job.attempts == 3 for job in jobs if job.state == "failed")
    assert_whole()
