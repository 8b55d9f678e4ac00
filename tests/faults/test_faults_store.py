"""The store is away, full, or tells another time, in the middle of a job."""

from __future__ import annotations

import time

import pytest

from greenai_core.jobs import queue
from tests import postgres
from tests.faults import injected, ledger
from tests.faults.invariants import assert_whole
from tests.faults.rig import Rig
from tests.jobs.fake_worker import a_spec

pytestmark = pytest.mark.faults


def _refused(step: str) -> int:
    return len([line for line in ledger.lines("refused") if line["step"] == step])


def test_server_is_restarted_and_away_for_a_while(
    postgres_store: str, postgres_server: postgres.Server, bare_rig: Rig
) -> None:
    rig = bare_rig
    rig.hold("epoch-5")
    first, second = rig.submit(a_spec(epochs=20), a_spec(1))
    rig.held("epoch-5")
    postgres_server.restart()
    rig.release("epoch-5")
    rig.hold("finish.call")
    rig.held("finish.call")
    postgres_server.stop()
    rig.release("finish.call")
    rig.until(lambda: _refused("finish"), "an end that cannot be stored")
    time.sleep(1)
    postgres_server.start()
    rig.see_through()
    assert (queue.job(first).state, queue.job(first).attempts) == ("succeeded", 1)
    assert queue.job(second).state == "succeeded"
    assert_whole()


@pytest.mark.sqlite_only
def test_disk_is_full_for_a_while(rig: Rig) -> None:
    rig.hold("epoch-5")
    first, second = rig.submit(a_spec(epochs=200), a_spec(1))
    rig.held("epoch-5")
    (rig.folder / "full").touch()
    rig.release("epoch-5")
    rig.hold("epoch-200")
    rig.until(lambda: _refused("beat") >= 3, "signs of life that cannot be stored")
    rig.held("epoch-200")
    rig.release("epoch-200")
    rig.until(lambda: _refused("finish"), "an end that cannot be stored")
    (rig.folder / "full").unlink()
    rig.see_through()
    assert all("the disk is full" in line["why"] for line in ledger.lines("refused"))
    assert (queue.job(first).state, queue.job(first).attempts) == ("succeeded", 1)
    assert len(queue.curve(first)) == 200  # nothing that could not be told at once is lost
    assert queue.job(second).state == "succeeded"
    assert_whole()


@pytest.mark.sqlite_only
def test_disk_is_full_for_longer_than_the_lease(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(injected.LEASE_S, "6")
    rig.hold("epoch-5")
    (only,) = rig.submit(a_spec(epochs=200))
    rig.held("epoch-5")
    (rig.folder / "full").touch()
    rig.release("epoch-5")
    rig.hold("epoch-200")
    rig.until(lambda: queue.attempts(only)[0].outcome or _refused("lose"), "an attempt that is given up")
    (rig.folder / "full").unlink()
    rig.release("epoch-200")
    rig.see_through()
    assert queue.job(only).state == "succeeded"
    assert_whole()


def test_clock_jumps_forward_and_back(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(injected.CLOCK, "yes")
    rig.jump(0)
    rig.hold("epoch-3")
    rig.hold("epoch-9")
    first, second = rig.submit(a_spec(epochs=12), a_spec(1))
    rig.held("epoch-3")
    rig.jump(3600)
    rig.release("epoch-3")
    rig.held("epoch-9")
    time.sleep(2)  # several beats, and looks at them
    rig.jump(0)
    time.sleep(2)
    rig.release("epoch-9")
    rig.see_through()
    assert [(queue.job(id).state, queue.job(id).attempts) for id in (first, second)] == [("succeeded", 1)] * 2
    assert_whole()


def test_clock_is_set_back_while_a_lost_attempt_waits(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(injected.CLOCK, "yes")
    rig.jump(3600)
    rig.hold("lose.after")
    rig.die_at(["begin.after"])
    (only,) = rig.submit(a_spec())
    rig.held("lose.after")
    rig.jump(0)  # its pause ends in an hour, as it seems
    rig.release("lose.after")
    rig.see_through()
    assert [row.outcome for row in queue.attempts(only)] == ["lost", "succeeded"]
    assert_whole()
