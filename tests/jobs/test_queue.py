from __future__ import annotations

import dataclasses
import sqlite3
import time
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from greenai_core.errors import BadInput, ReadOnly
from greenai_core.jobs import queue, states
from greenai_core.jobs.access import Access
from greenai_core.jobs.states import LIVE, MAX_ATTEMPTS, News, Ticket
from greenai_core.spec import Spec
from greenai_core.store import answers, database, records, schema
from tests import factory
from tests.jobs.fake_worker import a_spec

pytestmark = pytest.mark.usefixtures("any_store")

LOCAL = Access.local()
NOTHING = News({})


@pytest.fixture(autouse=True)
def nobody_works(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Start no supervisor; returns how often one would have been made sure of."""
    calls: list[str] = []
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: calls.append("ensured"))
    return calls


def submit_one(spec: Spec | None = None, *, again: bool = False) -> str:
    (result,) = queue.submit([spec or a_spec()], access=LOCAL, again=again)
    assert result.id is not None
    return result.id


def claimed() -> Ticket:
    ticket = states.claim("owner", "host")
    assert ticket is not None
    return ticket


def no_pause() -> None:
    with database.writing() as connection:
        connection.execute(schema.job.update().values(not_before=0.0))


def test_submitting_queues_and_makes_sure_of_a_supervisor(nobody_works: list[str]) -> None:
    results = queue.submit([a_spec(seed=1), a_spec(seed=2)], access=LOCAL)
    assert [result.state for result in results] == ["queued", "queued"]
    assert [job.id for job in queue.jobs()] == [results[1].id, results[0].id]
    assert queue.jobs()[0].spec == a_spec(seed=2).model_dump(mode="json")
    assert nobody_works == ["ensured"]


def test_answered_spec_is_not_queued_unless_again(nobody_works: list[str]) -> None:
    record = factory.record(a_spec())
    records.save(record)
    (result,) = queue.submit([a_spec()], access=LOCAL)
    assert result == queue.Submitted(None, "succeeded", record.spec_id, record.run_id)
    assert queue.jobs() == [] and nobody_works == []
    submit_one(again=True)
    assert len(queue.jobs()) == 1


def test_same_spec_twice_is_one_job_while_it_lives() -> None:
    first = submit_one()
    assert submit_one() == first
    assert submit_one(again=True) != first
    both = queue.submit([a_spec(seed=9), a_spec(seed=9)], access=LOCAL)
    assert both[0].id == both[1].id
    queue.cancel(first, LOCAL)
    assert submit_one() != first


def test_others_may_write_while_specs_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.1)

    def looked_up(specs: Sequence[Spec]) -> list[None]:
        for spec in specs:
            records.save(factory.record(factory.spec(seed=spec.seed)))
        return [None for _ in specs]

    monkeypatch.setattr(answers, "find", looked_up)
    assert len(queue.submit([a_spec(seed=1), a_spec(seed=2)], access=LOCAL)) == 2
    assert len(records.table("own")) == 2


def test_who_may_only_look_changes_nothing() -> None:
    id = submit_one()
    visitor = Access.of_dashboard("0.0.0.0", None)
    for act in (
        lambda: queue.submit([a_spec(seed=1)], access=visitor),
        lambda: queue.cancel(id, visitor),
        lambda: queue.retry(id, visitor),
    ):
        with pytest.raises(ReadOnly):
            act()
    assert [job.state for job in queue.jobs()] == ["queued"]


@pytest.mark.sqlite_only
def test_full_disk_refuses_all_of_a_submission() -> None:
    engine = database.engine()

    @sa.event.listens_for(engine, "checkout")
    def _no_room(connection: sqlite3.Connection, *_: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    engine.dispose()
    with pytest.raises(BadInput, match="the disk is full"):
        queue.submit([a_spec(seed=seed) for seed in range(200)], access=LOCAL)
    assert queue.jobs() == []
    database._engines.clear()


def test_unknown_job_is_bad_input() -> None:
    for act in (queue.job, lambda id: queue.cancel(id, LOCAL), lambda id: queue.retry(id, LOCAL)):
        with pytest.raises(BadInput, match="there is no job 'x'"):
            act("x")


def test_life_of_a_job() -> None:
    id = submit_one()
    ticket = claimed()
    assert (ticket.id, ticket.attempt, queue.job(id).state) == (id, 1, "dispatched")
    assert states.claim("owner", "host") is None
    assert states.begin(ticket, "host", 0) == "go on"
    assert queue.job(id).state == "running"
    epoch = {"at": 1.0, "stage": "train", "stage_index": 0, "epoch": 1, "loss": 0.5, "accuracy_val": 0.9, "lr": 0.1}
    news = News({"stage": "train", "fraction": 0.5, "loss": 0.5}, [{**epoch, "energy_j": 2.0}], [(1.0, "hello")])
    assert states.beat(ticket, news) == "go on"
    running = queue.job(id)
    assert (running.stage, running.fraction, running.loss) == ("train", 0.5, 0.5)
    assert running.eta_s is not None and running.eta_s >= 0
    record = factory.record(a_spec())
    assert states.finish(ticket, "succeeded", NOTHING, record=record)
    done = queue.job(id)
    assert (done.state, done.run_id, done.fraction, done.error) == ("succeeded", record.run_id, 1.0, None)
    assert records.load(record.run_id) == record
    assert queue.curve(id) == [{**epoch, "energy_j": 2.0}]
    assert queue.log_tail(id) == ["hello"]
    times = [done.submitted_at, done.dispatched_at, done.started_at, done.ended_at]
    assert times == sorted(times, key=lambda at: at or 0.0)


def test_oldest_is_first() -> None:
    first, second = submit_one(a_spec(seed=1)), submit_one(a_spec(seed=2))
    assert [claimed().id, claimed().id] == [first, second]


def test_attempt_that_was_given_up_writes_nothing() -> None:
    id = submit_one()
    ghost = claimed()
    states.begin(ghost, "host", 0)
    assert states.lose(id, ghost.token, "frozen") == "queued"
    assert queue.job(id).error == "attempt 1 was lost: frozen"
    no_pause()
    heir = claimed()
    states.begin(heir, "host", 0)
    assert states.beat(ghost, News({"fraction": 0.9}, lines=[(1.0, "boo")])) == "fenced"
    assert not states.finish(ghost, "succeeded", NOTHING, record=factory.record(a_spec(), run_id="ghost"))
    assert states.lose(id, ghost.token, "again") is None
    assert records.table("own").empty
    assert queue.job(id).fraction == 0.0
    assert states.finish(heir, "succeeded", NOTHING, record=factory.record(a_spec(), run_id="heir"))
    assert records.table("own")["run_id"].tolist() == ["heir"]
    assert queue.log_tail(id) == ["attempt 1 was lost: frozen; the job is queued"]


def test_second_attempt_shows_nothing_of_the_first() -> None:
    id = submit_one()
    first = claimed()
    states.begin(first, "host", 0)
    epoch = {"at": 1.0, "stage": "train", "stage_index": 0, "epoch": 1}
    states.beat(first, News({"epoch": 1, "loss": 0.5, "first_step_at": 1.0}, [epoch]))
    states.lose(id, first.token, "killed")
    no_pause()
    claimed()
    job = queue.job(id)
    assert (job.attempts, job.epoch, job.loss, job.first_step_at, job.started_at) == (2, None, None, None, None)
    assert queue.curve(id) == []


def test_lost_attempts_pause_and_end_in_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    id = submit_one()
    clock = time.time()
    monkeypatch.setattr(states, "now", lambda: sa.literal(clock))
    for attempt in range(1, MAX_ATTEMPTS + 1):
        ticket = claimed()
        states.lose(id, ticket.token, "killed")
        assert states.claim("owner", "host") is None
        assert queue.job(id).attempts == attempt
        clock += 0.5 * 2 ** (attempt - 1)
    failed = queue.job(id)
    assert (failed.state, failed.error) == ("failed", f"attempt {MAX_ATTEMPTS} was lost: killed")
    assert len(queue.log_tail(id)) == MAX_ATTEMPTS


def test_cancelling_in_every_state(nobody_works: list[str]) -> None:
    id = submit_one()
    assert queue.cancel(id, LOCAL).state == "cancelled"
    assert queue.cancel(id, LOCAL).state == "cancelled"

    id = submit_one()
    ticket = claimed()
    assert queue.cancel(id, LOCAL).state == "dispatched"
    assert states.begin(ticket, "host", 0) == "cancel"
    assert states.beat(ticket, NOTHING) == "cancel"
    assert states.finish(ticket, "cancelled", NOTHING)
    assert queue.job(id).state == "cancelled"

    id = submit_one()
    ticket = claimed()
    states.begin(ticket, "host", 0)
    nobody_works.clear()
    queue.cancel(id, LOCAL)
    assert nobody_works == ["ensured"]  # if its supervisor died, somebody must still see to it
    assert states.lose(id, ticket.token, "killed") == "cancelled"

    id = submit_one()
    ticket = claimed()
    states.begin(ticket, "host", 0)
    queue.cancel(id, LOCAL)
    states.finish(ticket, "succeeded", NOTHING, record=factory.record(a_spec()))
    assert queue.job(id).state == "succeeded"
    with pytest.raises(BadInput, match=f"job {id} cannot be cancelled: it has succeeded already"):
        queue.cancel(id, LOCAL)


def test_retry_is_the_same_job_with_fresh_attempts() -> None:
    id = submit_one()
    with pytest.raises(BadInput, match=f"job {id} is queued"):
        queue.retry(id, LOCAL)
    queue.cancel(id, LOCAL)
    again = queue.retry(id, LOCAL)
    assert (again.id, again.state, again.spec_id) == (id, "queued", a_spec().spec_id)
    job = queue.job(id)
    assert (job.cancel_asked_at, job.ended_at, job.max_attempts) == (None, None, MAX_ATTEMPTS)
    for _ in range(MAX_ATTEMPTS):
        no_pause()
        states.lose(id, claimed().token, "killed")
    assert queue.job(id).state == "failed"
    assert queue.retry_failed(LOCAL) == 1
    assert (queue.job(id).state, queue.job(id).max_attempts) == ("queued", 2 * MAX_ATTEMPTS)


def test_retry_of_a_success_is_a_new_job() -> None:
    id = submit_one()
    ticket = claimed()
    states.begin(ticket, "host", 0)
    states.finish(ticket, "succeeded", NOTHING, record=factory.record(a_spec()))
    again = queue.retry(id, LOCAL)
    assert again.id not in (None, id) and again.state == "queued"


def test_retry_of_a_spec_that_is_no_longer_understood_says_so() -> None:
    id = submit_one()
    queue.cancel(id, LOCAL)
    with database.writing() as connection:
        connection.execute(schema.job.update().values(spec=schema.job.c.spec.op("||")("")))
        connection.execute(sa.text("UPDATE job SET spec = replace(spec, 'mnist_cnn', 'forgotten')"))
    with pytest.raises(BadInput, match="forgotten"):
        queue.retry(id, LOCAL)


def test_log_tail_keeps_the_order_and_the_last_lines() -> None:
    id = submit_one()
    ticket = claimed()
    states.begin(ticket, "host", 0)
    states.beat(ticket, News({}, lines=[(float(n), str(n)) for n in range(100)]))
    assert queue.log_tail(id, lines=3) == ["97", "98", "99"]


class Queue(RuleBasedStateMachine):
    """Whatever people, workers and supervisors do, in any order: results equal successes, and the end is the end."""

    def __init__(self) -> None:
        super().__init__()
        with database.writing() as connection:
            for table in (schema.job, schema.run, schema.log, schema.attempt, schema.slot):
                connection.execute(table.delete())
        self.tickets: list[Ticket] = []
        self.ended: dict[str, queue.Job] = {}

    @rule(seed=st.integers(0, 3), again=st.booleans())
    def submit(self, seed: int, again: bool) -> None:
        queue.submit([a_spec(seed=seed)], access=LOCAL, again=again)

    @rule()
    def claim(self) -> None:
        no_pause()
        ticket = states.claim("owner", "host")
        if ticket:
            assert all(old.token != ticket.token for old in self.tickets)
            self.tickets.append(ticket)

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        states.begin(data.draw(st.sampled_from(self.tickets)), "host", data.draw(st.integers(0, 3)))

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def beat(self, data: st.DataObject) -> None:
        states.beat(data.draw(st.sampled_from(self.tickets)), News({"fraction": 0.5}))

    @precondition(lambda self: self.tickets)
    @rule(data=st.data(), state=st.sampled_from(["succeeded", "failed", "cancelled"]))
    def finish(self, data: st.DataObject, state: str) -> None:
        ticket = data.draw(st.sampled_from(self.tickets))
        record = factory.record(a_spec(ticket.spec["seed"]), run_id=ticket.token) if state == "succeeded" else None
        states.finish(ticket, state, NOTHING, record=record, error="why" if state == "failed" else None)  # type: ignore[arg-type]

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.tickets))
        states.lose(ticket.id, ticket.token, "killed")

    @precondition(lambda self: bool(queue.jobs()))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(queue.jobs()))
        if job.state in LIVE:
            queue.cancel(job.id, LOCAL)

    @invariant()
    def results_equal_successes(self) -> None:
        done = [job.run_id for job in queue.jobs() if job.state == "succeeded"]
        assert None not in done
        with database.reading() as connection:
            stored = connection.execute(sa.select(schema.run.c.run_id)).scalars().all()
        assert sorted(stored) == sorted(map(str, done))

    @invariant()
    def what_has_ended_does_not_change(self) -> None:
        now = {job.id: job for job in queue.jobs()}
        for id, before in self.ended.items():
            assert dataclasses.replace(now[id], eta_s=None) == before
        self.ended = {id: job for id, job in now.items() if job.state not in LIVE}

    @invariant()
    def only_who_is_held_has_a_token(self) -> None:
        with database.reading() as connection:
            rows = connection.execute(sa.select(schema.job.c.state, schema.job.c.token, schema.job.c.ended_at)).all()
        for row in rows:
            assert (row.token is not None) == (row.state in ("dispatched", "running"))
            assert (row.ended_at is not None) == (row.state not in LIVE)


@pytest.mark.slow_on_postgresql
def test_any_order_of_events() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Queue,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )


def test_time_left_is_unknown_before_anything_is_done() -> None:
    id = submit_one()
    states.begin(claimed(), "host", 0)
    assert queue.job(id).eta_s is None
    assert queue.job(id).submitted_at <= time.time()
