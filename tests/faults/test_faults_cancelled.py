"""Cancelled in every state that a job can be in, and in between."""

from __future__ import annotations

import threading

import pytest

from greenai_core.errors import BadInput
from greenai_core.jobs import queue
from greenai_core.jobs.queue import Job
from tests.faults.invariants import assert_whole
from tests.faults.rig import LOCAL, WORKER, Rig, gone
from tests.faults.specs import a_sweep, shared_by
from tests.jobs.fake_worker import a_spec

pytestmark = pytest.mark.faults


def _end(rig: Rig, id: str) -> Job:
    rig.see_through()
    assert_whole()
    return queue.job(id)


def test_blocked_and_queued(rig: Rig) -> None:
    rig.hold("epoch-1")
    first, second, third = rig.submit(*a_sweep(3))
    (queued,) = rig.submit(a_spec(1))
    rig.held("epoch-1")
    assert [queue.job(id).state for id in (first, queued)] == ["blocked", "queued"]
    for id in (first, queued):
        assert queue.cancel(id, LOCAL).state == "cancelled"
    rig.release("epoch-1")
    assert _end(rig, first).state == queue.job(queued).state == "cancelled"
    assert [queue.job(id).state for id in (second, third)] == ["succeeded", "succeeded"]
    assert queue.job(shared_by(first)).state == "succeeded"
    assert queue.attempts(first) == queue.attempts(queued) == []


@pytest.mark.parametrize("patient", [True, False])
def test_dispatched(rig: Rig, patient: bool) -> None:
    rig.hold("begin.call")
    (only,) = rig.submit(a_spec())
    rig.held("begin.call")
    assert queue.job(only).state == "dispatched"
    queue.cancel(only, LOCAL)
    if patient:  # else its process does not come to hear of it, and is killed
        rig.release("begin.call")
    job = _end(rig, only)
    assert (job.state, job.run_id, queue.attempts(only)[0].energy_j or 0.0) == ("cancelled", None, 0.0)
    assert queue.attempts(only)[0].outcome in (("cancelled", "lost") if patient else ("lost",))


def test_running_and_deaf(rig: Rig) -> None:
    rig.hold("epoch-9")
    (polite,) = rig.submit(a_spec(epochs=12))
    rig.held("epoch-9")
    worker = rig.one(WORKER)
    rig.cancel(polite)
    rig.release("epoch-9")
    rig.state(polite, "cancelled")
    rig.hold("epoch-2")
    (deaf,) = rig.submit(a_spec(1))
    rig.held("epoch-2")
    at_work = rig.one(WORKER)
    queue.cancel(deaf, LOCAL)
    rig.state(deaf, "cancelled")
    assert gone(at_work) and (gone(worker) or at_work == worker)
    assert queue.attempts(deaf)[0].outcome == "lost"
    assert len(queue.curve(polite)) <= 9
    _end(rig, polite)


def test_before_its_end_is_stored(rig: Rig) -> None:
    rig.hold("finish.call")
    (only,) = rig.submit(a_spec())
    rig.held("finish.call")
    queue.cancel(only, LOCAL)
    job = _end(rig, only)  # it says that it stops, and does not: its process is killed
    assert (job.state, job.run_id, queue.attempts(only)[0].outcome) == ("cancelled", None, "lost")


def test_while_its_end_is_stored(rig: Rig) -> None:
    rig.hold("finish.before")
    (only,) = rig.submit(a_spec())
    rig.held("finish.before")
    answers: list[str] = []

    def cancel() -> None:
        try:
            answers.append(queue.cancel(only, LOCAL).state)
        except BadInput as error:
            answers.append(str(error))

    asking = threading.Thread(target=cancel)
    asking.start()
    asking.join(0.5)
    rig.release("finish.before")
    asking.join()
    job = _end(rig, only)
    assert (job.state, job.attempts, len(answers)) == ("succeeded", 1, 1)
    assert "succeeded" in answers[0]  # who comes too late is told so
