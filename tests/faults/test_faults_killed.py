"""kill -9 of a worker, a supervisor, a dashboard, and of all three."""

from __future__ import annotations

import pytest

from greenai_core.jobs import queue, supervisor
from tests.faults.invariants import assert_whole
from tests.faults.rig import DASHBOARD, SUPERVISOR, WORKER, Rig
from tests.jobs.fake_worker import a_spec

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("victim", [WORKER, SUPERVISOR])
def test_killed_process_costs_an_attempt(rig: Rig, victim: str) -> None:
    rig.hold("epoch-5")
    first, _, _ = rig.submit(a_spec(epochs=8), a_spec(1), a_spec(2))
    rig.held("epoch-5")
    assert rig.kill(victim) == 1
    rig.release("epoch-5")
    assert [job.state for job in rig.see_through()] == ["succeeded"] * 3
    assert [row.outcome for row in queue.attempts(first)] == ["lost", "succeeded"]
    assert_whole()


def test_jobs_do_not_need_the_dashboard_that_started_them(rig: Rig) -> None:
    rig.dashboard()
    at_work = rig.one(SUPERVISOR)
    rig.hold("epoch-5")
    first, second = rig.submit(a_spec(epochs=8), a_spec(1))
    rig.held("epoch-5")
    assert rig.kill(DASHBOARD) == 1
    rig.release("epoch-5")
    rig.state(first, "succeeded")
    rig.dashboard()
    assert rig.one(SUPERVISOR) == at_work  # the new dashboard finds it, and starts no other
    rig.see_through(lambda: None)
    assert (queue.job(first).attempts, queue.job(second).state) == (1, "succeeded")
    assert_whole()


def test_all_are_killed_and_a_new_dashboard_goes_on(rig: Rig) -> None:
    rig.dashboard()
    rig.hold("epoch-5")
    first, second = rig.submit(a_spec(epochs=8), a_spec(1))
    rig.held("epoch-5")
    assert rig.kill(DASHBOARD, SUPERVISOR, WORKER) == 3
    assert queue.job(first).state == "running"  # nobody is left to say otherwise
    rig.release("epoch-5")
    rig.dashboard()
    rig.see_through(lambda: None)  # nobody but the dashboard starts a supervisor
    assert [row.outcome for row in queue.attempts(first)] == ["lost", "succeeded"]
    assert "its supervisor ended" in (queue.attempts(first)[0].reason or "")
    assert queue.job(second).state == "succeeded"
    assert_whole()


def test_supervisor_that_is_killed_while_it_takes_over(rig: Rig) -> None:
    rig.hold("epoch-3")
    (only,) = rig.submit(a_spec(epochs=5))
    rig.held("epoch-3")
    rig.die_at(["lose.before", "lose.after"])
    rig.kill(SUPERVISOR)
    rig.release("epoch-3")
    rig.see_through(supervisor.ensure_supervisor)
    assert [row.outcome for row in queue.attempts(only)] == ["lost", "succeeded"]
    assert rig.deaths_left() == 0
    assert_whole()
