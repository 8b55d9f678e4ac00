"""The Ray executor against a cluster that is made up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from greenai_core.errors import BadInput
from greenai_core.jobs.executors import node, ray
from greenai_core.jobs.executors._cluster import Seen, _problem
from greenai_core.jobs.executors.ray import RayExecutor
from greenai_core.jobs.states import Ticket
from greenai_core.settings import settings
from tests.jobs.waiting import until

FIRST, SECOND = (Ticket(f"job {n}", f"token {n}", 1, {}) for n in range(2))


class FakeCluster:
    """Keeps what it is told. It is down, held (it never answers), deaf (its answer is lost) or blind (to its nodes)."""

    def __init__(self, slots: int) -> None:
        self.seen: dict[str, Seen] = {}
        self.room, self.down, self.asked = slots, False, 0
        self.deaf = self.blind = False
        self.held = threading.Event()
        self.stopped: list[str] = []

    def attempts(self) -> dict[str, Seen]:
        if self.held.is_set():
            time.sleep(60)
        self.asked += 1
        if self.down:
            raise ConnectionError("nobody there\nat all")
        return dict(self.seen)

    def slots(self) -> int:
        if self.blind:
            raise RuntimeError("no list of nodes")
        return self.room

    def submit(self, token: str, job_id: str) -> None:
        if token in self.seen:
            raise RuntimeError("already exists")
        self.seen[token] = Seen("pending")
        if self.deaf:
            raise ConnectionError("the answer was lost")

    def stop(self, token: str) -> None:
        self.stopped.append(token)


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster(slots=2)


@pytest.fixture
def executor(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[RayExecutor]:
    monkeypatch.setattr(ray, "LOOK_S", 0.01)
    monkeypatch.setattr(ray, "CLOSE_S", 0.1)
    one = RayExecutor(threading.Event(), lambda: cluster)
    yield one
    one.close()


def over(executor: RayExecutor, count: int = 1) -> list[tuple[Ticket, str | None]]:
    found: list[tuple[Ticket, str | None]] = []

    def enough() -> bool:
        found.extend(executor.ended())
        return len(found) >= count

    until(enough)
    return found


def asked_again(cluster: FakeCluster) -> None:
    """Wait for a round that began after this was called."""
    before = cluster.asked
    until(lambda: cluster.asked >= before + 2)


def test_no_more_is_submitted_than_there_are_slots(executor: RayExecutor, cluster: FakeCluster) -> None:
    until(lambda: executor.free == 2)
    executor.start(FIRST)
    assert executor.free == 1
    until(lambda: "token 0" in cluster.seen)
    asked_again(cluster)
    assert executor.free == 1


def test_what_others_run_there_takes_slots_too(executor: RayExecutor, cluster: FakeCluster) -> None:
    cluster.seen = {"a": Seen("running"), "b": Seen("over", "it was stopped")}
    until(lambda: executor.free == 1)


def test_an_attempt_is_over_when_ray_says_so_and_why_if_it_did_not_end_by_itself(
    executor: RayExecutor, cluster: FakeCluster
) -> None:
    executor.start(FIRST)
    executor.start(SECOND)
    until(lambda: len(cluster.seen) == 2)
    cluster.seen |= {"token 0": Seen("over"), "token 1": Seen("over", "its process ended with exit code 137")}
    assert {ticket.id: problem for ticket, problem in over(executor, 2)} == {
        "job 0": None,
        "job 1": "its process ended with exit code 137",
    }
    assert executor.free == 2


def test_while_the_head_is_away_nothing_is_free_and_nothing_is_lost(
    executor: RayExecutor, cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    executor.start(FIRST)
    until(lambda: "token 0" in cluster.seen)
    asked_again(cluster)
    cluster.down = True
    until(lambda: executor.free == 0)
    asked_again(cluster)
    assert executor.ended() == []
    cluster.down = False
    until(lambda: executor.free == 1)
    assert executor.ended() == []
    assert [record.getMessage() for record in caplog.records] == ["Ray: nobody there", "Ray: answers again"]


def test_what_fails_with_one_attempt_does_not_hide_the_end_of_another(
    executor: RayExecutor, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(token: str, job_id: str) -> None:
        raise RuntimeError("no")

    executor.start(FIRST)
    until(lambda: "token 0" in cluster.seen)
    monkeypatch.setattr(cluster, "submit", refuse)
    cluster.blind = True
    executor.start(SECOND)
    until(lambda: executor.free == 0)
    cluster.seen["token 0"] = Seen("over")
    assert over(executor) == [(FIRST, None)]


def test_a_head_that_was_started_anew_has_lost_its_attempts(executor: RayExecutor, cluster: FakeCluster) -> None:
    executor.start(FIRST)
    until(lambda: "token 0" in cluster.seen)
    asked_again(cluster)
    cluster.seen.clear()
    assert over(executor) == [
        (FIRST, "Ray does not know it: the head was started anew, or it never got there"),
    ]
    assert not cluster.seen


def test_a_submission_whose_answer_was_lost_is_not_made_twice(executor: RayExecutor, cluster: FakeCluster) -> None:
    cluster.deaf = True
    executor.start(FIRST)
    until(lambda: "token 0" in cluster.seen)
    asked_again(cluster)
    until(lambda: executor.free == 1)
    assert executor.ended() == []


def test_what_is_killed_is_over_when_ray_says_so(executor: RayExecutor, cluster: FakeCluster) -> None:
    executor.start(FIRST)
    until(lambda: "token 0" in cluster.seen)
    cluster.seen["token 0"] = Seen("running")
    executor.kill(FIRST)
    executor.kill(FIRST)
    until(lambda: cluster.stopped)
    asked_again(cluster)
    assert cluster.stopped == ["token 0"]
    assert executor.ended() == []
    assert executor.free == 1
    cluster.seen["token 0"] = Seen("over", "it was stopped")
    assert over(executor) == [(FIRST, "it was stopped")]


def test_what_is_killed_while_it_waits_is_over_at_once(executor: RayExecutor, cluster: FakeCluster) -> None:
    executor.start(FIRST)
    until(lambda: "token 0" in cluster.seen)
    executor.kill(FIRST)
    executor.kill(SECOND)
    assert over(executor) == [(FIRST, "it was stopped before it began")]
    assert cluster.stopped == ["token 0"]


def test_what_an_earlier_dispatcher_started_is_taken_over(executor: RayExecutor, cluster: FakeCluster) -> None:
    cluster.seen["token 0"] = Seen("running")
    assert executor.take_over([FIRST, SECOND]) == []
    ((lost, _),) = over(executor)
    assert lost == SECOND
    assert executor.free == 1
    assert executor.close() == []
    assert cluster.stopped == []


def test_a_head_that_does_not_answer_holds_nobody_up(executor: RayExecutor, cluster: FakeCluster) -> None:
    until(lambda: executor.free == 2)
    cluster.held.set()
    executor.start(FIRST)
    executor.kill(SECOND)
    assert executor.ended() == []
    assert executor.close() == [FIRST]


@pytest.mark.parametrize(
    ("exit_code", "message", "problem"),
    [
        (
            137,
            "Job entrypoint command failed with exit code 137, last logs:\nline",
            "its process ended with exit code 137",
        ),
        (
            1,
            "Job entrypoint command failed with exit code 1, last logs:\npython: No module named greenai_core\n",
            "its process ended with exit code 1: python: No module named greenai_core",
        ),
        (
            None,
            "Job supervisor actor died: The actor died unexpectedly.\n\tpid: 1",
            "its node or its supervisor there is gone (Job supervisor actor died: The actor died unexpectedly)",
        ),
        (None, "", "its node or its supervisor there is gone (Ray gives no reason)"),
    ],
)
def test_why_an_attempt_was_lost_is_one_sentence(exit_code: int | None, message: str, problem: str) -> None:
    assert _problem(exit_code, message) == problem


def test_a_cluster_needs_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENAI_EXECUTOR", "ray")
    with pytest.raises(BadInput, match=r"GREENAI_EXECUTOR: .* SQLite file; set GREENAI_DATABASE_URL"):
        settings()
    monkeypatch.setenv("GREENAI_DATABASE_URL", "postgresql://server/store")
    assert settings().executor == "ray"


def test_a_node_refuses_a_file() -> None:
    with pytest.raises(BadInput, match="GREENAI_DATABASE_URL: this node names a file"):
        node.find("token")


def test_a_node_finds_its_attempt_by_the_token(postgres_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from greenai_core.jobs import queue, states
    from greenai_core.jobs.access import Access
    from tests import factory

    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)
    queue.submit([factory.spec()], access=Access.local())
    ticket = states.claim("owner", "host")
    assert ticket is not None
    assert node.find(ticket.token) == ticket
    states.lose(ticket.id, ticket.token, "it was lost")
    assert node.find(ticket.token) is None
