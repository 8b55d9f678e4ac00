"""Jobs that wait for others, sweeps with a budget, and what people set for the whole queue."""

from __future__ import annotations

import pytest

from greenai_core.errors import BadInput, ReadOnly
from greenai_core.jobs import budget, control, queue, states
from greenai_core.jobs.access import Access
from greenai_core.jobs.control import Control
from greenai_core.jobs.look import Job
from greenai_core.jobs.states import MAX_ATTEMPTS, News, Ticket
from greenai_core.spec import Spec
from greenai_core.store import database, records, schema
from tests import factory
from tests.jobs.test_dependencies import TRAIN, prune, spec

pytestmark = pytest.mark.usefixtures("any_store")

LOCAL = Access.local()


@pytest.fixture(autouse=True)
def nobody_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)


def submit_pair(**options: float) -> tuple[str, str, str]:
    """Submit two runs that share their first stage; returns the ids of the shared one and of the two."""
    first, second = queue.submit([spec(TRAIN, prune(s)) for s in (0.6, 0.8)], access=LOCAL, **options)
    (shared,) = queue.job(str(first.id)).needs
    assert queue.job(str(second.id)).needs == (shared,)
    return shared, str(first.id), str(second.id)


def states_of(*ids: str) -> list[str]:
    return [queue.job(id).state for id in ids]


def no_pause() -> None:
    with database.writing() as connection:
        connection.execute(schema.job.update().values(not_before=0.0))


def work_on(id: str, slot: int = 0) -> Ticket:
    no_pause()
    ticket = states.claim("owner", "host")
    assert ticket is not None and ticket.id == id
    assert states.begin(ticket, "host", slot) == "go on"
    return ticket


def succeed(id: str, energy_spent_j: float = 3.0) -> None:
    ticket = work_on(id)
    record = factory.record(spec(TRAIN), run_id=ticket.token, energy_spent_j=energy_spent_j)
    assert states.finish(ticket, "succeeded", News({}), record=record)


def fail(id: str) -> None:
    assert states.finish(work_on(id), "failed", News({}), error="the loss is not a number.")


def test_dependants_wait_and_then_run() -> None:
    shared, *two = submit_pair()
    assert states_of(shared, *two) == ["queued", "blocked", "blocked"]
    succeed(shared)
    assert states_of(*two) == ["queued", "queued"]
    succeed(two[0])
    succeed(two[1])
    assert states_of(shared, *two) == ["succeeded"] * 3


def test_dependants_of_a_failure_are_skipped_with_the_reason_and_run_when_it_is_tried_again() -> None:
    shared, *two = submit_pair()
    fail(shared)
    assert states_of(*two) == ["skipped", "skipped"]
    assert queue.job(two[0]).error == "mnist_cnn on digits: train 3, seed 0, which it builds on, has failed"
    assert queue.retry(shared, LOCAL).state == "queued"
    assert states_of(*two) == ["blocked", "blocked"]
    assert queue.job(two[0]).error is None
    succeed(shared)
    assert states_of(*two) == ["queued", "queued"]


def test_trying_a_skipped_job_again_tries_what_it_needs() -> None:
    shared, first, second = submit_pair()
    queue.cancel(shared, LOCAL)
    assert (queue.job(first).state, queue.job(first).error) == (
        "skipped",
        "mnist_cnn on digits: train 3, seed 0, which it builds on, was cancelled",
    )
    queue.retry(first, LOCAL)
    assert states_of(shared, first, second) == ["queued", "blocked", "blocked"]


def test_who_cancelled_a_dependant_does_not_get_it_back() -> None:
    shared, first, second = submit_pair()
    queue.cancel(first, LOCAL)
    fail(shared)
    queue.retry_failed(LOCAL)
    assert states_of(shared, first, second) == ["queued", "cancelled", "blocked"]


def test_shared_run_that_is_answered_is_not_run() -> None:
    records.save(factory.record(spec(TRAIN)))
    results = queue.submit([spec(TRAIN, prune(s)) for s in (0.6, 0.8)], access=LOCAL)
    assert [result.state for result in results] == ["queued", "queued"]
    assert len(queue.jobs()) == 2


def test_shared_run_that_lives_already_is_waited_for() -> None:
    (alone,) = queue.submit([spec(TRAIN)], access=LOCAL)
    shared, *_ = submit_pair()
    assert shared == alone.id
    assert len(queue.jobs()) == 3


def test_lost_for_good_skips_the_dependants() -> None:
    shared, *two = submit_pair()
    for _ in range(MAX_ATTEMPTS):
        states.lose(shared, work_on(shared).token, "killed")
    assert states_of(shared, *two) == ["failed", "skipped", "skipped"]
    attempts = queue.attempts(shared)
    assert [(one.attempt, one.host, one.outcome, one.reason) for one in attempts] == [
        (number, "host", "lost", "killed") for number in range(1, MAX_ATTEMPTS + 1)
    ]


def test_a_slot_is_one_attempts_until_it_ends() -> None:
    for seed in (1, 2):
        queue.submit([spec(TRAIN, seed=seed)], access=LOCAL)
    first, second = states.claim("owner", "host"), states.claim("owner", "host")
    assert first and second
    assert states.begin(first, "host", 0) == "go on"
    assert states.begin(second, "host", 0) == "wait"
    assert states.begin(second, "host", None) == "wait"
    assert queue.job(second.id).state == "dispatched"
    states.finish(first, "failed", News({}), error="why")
    assert states.begin(second, "host", 0) == "go on"
    states.lose(second.id, second.token, "killed")
    with database.reading() as connection:
        assert connection.execute(schema.slot.select()).all() == []


def test_cancelled_while_it_waits_for_a_slot() -> None:
    (result,) = queue.submit([spec(TRAIN)], access=LOCAL)
    ticket = states.claim("owner", "host")
    assert ticket is not None and states.begin(ticket, "host", None) == "wait"
    queue.cancel(str(result.id), LOCAL)
    assert states.begin(ticket, "host", None) == "cancel"
    assert states.finish(ticket, "cancelled", News({}))


def test_paused_queue_begins_nothing() -> None:
    queue.submit([spec(TRAIN)], access=LOCAL)
    control.pause(LOCAL)
    assert control.control() == Control(paused=True, concurrency=1)
    assert states.claim("owner", "host") is None
    control.resume(LOCAL)
    assert states.claim("owner", "host") is not None


def test_concurrency_is_checked() -> None:
    control.set_concurrency(3, LOCAL)
    assert control.control() == Control(paused=False, concurrency=3)
    with pytest.raises(BadInput, match="concurrency: 0"):
        control.set_concurrency(0, LOCAL)
    with pytest.raises(ReadOnly):
        control.pause(Access.of_dashboard("0.0.0.0", None))


def test_put_first_goes_first_with_what_it_needs() -> None:
    early = [str(queue.submit([spec(TRAIN, seed=seed)], access=LOCAL)[0].id) for seed in (7, 8)]
    shared, first, second = submit_pair()
    queue.prioritise(second, LOCAL)
    assert [job.id for job in queue.live()] == [shared, second, *early, first]
    succeed(shared)
    succeed(second)
    with pytest.raises(BadInput, match="only one that waits"):
        queue.prioritise(second, LOCAL)


def test_budget_cancels_the_rest_and_says_so() -> None:
    shared, first, second = submit_pair(budget_j=10.0)
    succeed(shared, energy_spent_j=4.0)
    budget.enforce()
    assert states_of(first, second) == ["queued", "queued"]
    states.lose(first, _told(work_on(first), 5.0).token, "killed")  # what is lost is spent as well
    (sweep,) = queue.sweeps()
    assert (sweep.budget_j, sweep.spent_j, sweep.jobs) == (10.0, 9.0, {"succeeded": 1, "queued": 2})
    no_pause()
    ticket = _told(work_on(first), 1.5)
    budget.enforce()
    assert queue.job(second).state == "cancelled"
    assert queue.job(second).error == "the sweep's budget of 10.0 J is spent (10.5 J)"
    assert states.beat(ticket, News({})) == "cancel"
    states.finish(ticket, "cancelled", News({}))
    assert queue.job(first).error == queue.job(second).error


def _told(ticket: Ticket, energy_j: float) -> Ticket:
    assert states.beat(ticket, News({"energy_j": energy_j})) == "go on"
    return ticket


def test_a_sweep_that_lives_already_is_no_second_one() -> None:
    _, first, second = submit_pair(budget_j=10.0)
    again = queue.submit([spec(TRAIN, prune(s)) for s in (0.6, 0.8)], access=LOCAL)
    assert [result.id for result in again] == [first, second]
    assert [sum(sweep.jobs.values()) for sweep in queue.sweeps()] == [3]


def test_budget_must_be_positive() -> None:
    with pytest.raises(BadInput, match="budget_j: 0 is not a positive"):
        queue.submit([spec(TRAIN)], access=LOCAL, budget_j=0.0)


def test_cancelling_all_and_a_sweep() -> None:
    alone = str(queue.submit([spec(TRAIN, seed=9)], access=LOCAL)[0].id)
    ids = submit_pair()
    (sweep,) = queue.sweeps()
    assert queue.cancel_sweep(sweep.id, LOCAL) == 3
    assert states_of(alone, *ids) == ["queued", "cancelled", "cancelled", "cancelled"]
    assert queue.cancel_all(LOCAL) == 1
    assert queue.counts() == {"cancelled": 4}


def test_failed_jobs_of_one_sweep_are_tried_again() -> None:
    alone = str(queue.submit([spec(TRAIN, seed=9)], access=LOCAL)[0].id)
    fail(alone)
    shared, *two = submit_pair()
    fail(shared)
    (sweep,) = queue.sweeps()
    assert queue.retry_sweep(sweep.id, LOCAL) == 1
    assert states_of(alone, shared, *two) == ["failed", "queued", "blocked", "blocked"]


def test_looking_page_by_page() -> None:
    specs: list[Spec] = [spec(TRAIN, seed=seed) for seed in range(5)]
    ids = [str(result.id) for result in queue.submit(specs, access=LOCAL)]
    for id in ids[:4]:
        queue.cancel(id, LOCAL)

    def names(jobs: list[Job]) -> list[str]:
        return [job.id for job in jobs]

    assert names(queue.ended(2)) == [ids[3], ids[2]]
    assert names(queue.ended(2, skip=2)) == [ids[1], ids[0]]
    assert names(queue.live()) == names(queue.live(1)) == [ids[4]]
    assert queue.live(0) == []
    assert queue.counts() == {"cancelled": 4, "queued": 1}
