from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from greenai_core.errors import BadInput, RunFailed
from greenai_core.jobs import attempt, queue, states
from greenai_core.jobs.access import Access
from greenai_core.jobs.states import News, Ticket, Verdict
from greenai_core.progress import Progress, Reporter
from greenai_core.record import Record
from greenai_core.spec import Spec
from greenai_core.store import artifacts, records
from greenai_core.unfinished import Keep
from tests import factory
from tests.jobs.fake_worker import a_spec

pytestmark = pytest.mark.usefixtures("any_store")


@pytest.fixture
def ticket(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Ticket]:
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)

    def one() -> Ticket:
        queue.submit([a_spec()], access=Access.local(), again=True)
        claimed = states.claim("owner", "host")
        assert claimed is not None
        return claimed

    return one


def at(epoch: int, *, done: bool = False, loss: float | None = None) -> Progress:
    return Progress(
        stage="train", stage_index=0, fraction=epoch / 10, epoch=epoch, epochs=10, epoch_done=done, loss=loss
    )


def quick(spec: Spec, report: Reporter, keep: Keep) -> Record:
    report(at(1, loss=0.5))
    report(at(1, done=True))
    return factory.record(spec, run_id=str(time.perf_counter_ns()))


def test_no_beat_after_the_end(ticket: Callable[[], Ticket], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "BEAT_S", 0.0005)  # a beat after the end would take this process down
    for _ in range(20):
        attempt.run(ticket(), quick)
    assert [job.state for job in queue.jobs()] == ["succeeded"] * 20
    assert not [thread for thread in threading.enumerate() if isinstance(thread, attempt.Pulse)]
    assert len(records.every("own")) == 20


def test_what_was_said_last_is_kept(ticket: Callable[[], Ticket]) -> None:
    given = ticket()
    attempt.run(given, quick)
    job = queue.job(given.id)
    assert (job.stage, job.epoch, job.loss, job.fraction) == ("train", 1, 0.5, 1.0)
    assert job.first_step_at is not None and job.started_at is not None and job.first_step_at >= job.started_at
    assert queue.log_tail(given.id) == ["stage 1: train", "train: epoch 1 of 10"]
    assert [row["epoch"] for row in queue.curve(given.id)] == [1]


@pytest.mark.parametrize(
    ("problem", "error", "traced"),
    [
        (BadInput("dataset.path: there is no such folder."), "dataset.path: there is no such folder.", False),
        (RunFailed("the loss is not a number."), "the loss is not a number.", True),
        (KeyError("weight"), "KeyError: 'weight'", True),
    ],
)
def test_failure_is_one_sentence_and_the_log_has_the_rest(
    problem: Exception, error: str, traced: bool, ticket: Callable[[], Ticket]
) -> None:
    def fail(spec: Spec, report: Reporter, keep: Keep) -> Record:
        raise problem

    given = ticket()
    attempt.run(given, fail)
    job = queue.job(given.id)
    assert (job.state, job.error, job.run_id) == ("failed", error, None)
    assert any("Traceback" in line for line in queue.log_tail(given.id)) is traced
    assert records.every("own") == ()


def test_cancelling_before_it_begins_runs_nothing(ticket: Callable[[], Ticket]) -> None:
    given = ticket()
    queue.cancel(given.id, Access.local())
    ran = []
    attempt.run(given, lambda spec, report, keep: ran.append(spec))  # type: ignore[arg-type, return-value]
    assert (queue.job(given.id).state, ran) == ("cancelled", [])


def test_attempt_that_was_given_up_before_it_begins_runs_nothing(ticket: Callable[[], Ticket]) -> None:
    given = ticket()
    states.lose(given.id, given.token, "slow")
    ran = []
    attempt.run(given, lambda spec, report, keep: ran.append(spec))  # type: ignore[arg-type, return-value]
    assert (queue.job(given.id).state, ran) == ("queued", [])


def with_model(spec: Spec, report: Reporter, keep: Keep) -> Record:
    artifacts.write("models/m.onnx", b"weights")
    return factory.record(spec, provenance={"model_uri": "models/m.onnx"})


def test_model_of_a_run_that_was_given_up_is_removed(ticket: Callable[[], Ticket]) -> None:
    attempt.run(ticket(), with_model)
    assert artifacts.exists("models/m.onnx")
    given = ticket()

    def lost_at_the_end(spec: Spec, report: Reporter, keep: Keep) -> Record:
        record = with_model(spec, report, keep)
        states.lose(given.id, given.token, "frozen")
        return record

    attempt.run(given, lost_at_the_end)
    assert queue.job(given.id).state == "queued"
    assert not artifacts.exists("models/m.onnx")


def test_where_nobody_knows_whether_the_end_is_stored_nothing_is_taken_back(
    ticket: Callable[[], Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = states.finish

    def answer_gets_lost(*args: Any, **options: Any) -> bool:
        store(*args, **options)
        raise BadInput("the store is away.")

    def kept_and_made(spec: Spec, report: Reporter, keep: Keep) -> Record:
        record = with_model(spec, report, keep)
        keep(record.model_copy(update={"status": "aborted"}))
        return record

    monkeypatch.setattr(attempt, "finish", answer_gets_lost)
    monkeypatch.setattr(attempt, "PATIENCE_S", 0.1)
    given = ticket()
    with pytest.raises(BadInput, match="the store is away"):
        attempt.run(given, kept_and_made)
    assert queue.job(given.id).state == "succeeded"
    assert [record.status for record in records.every("own")] == ["succeeded"]
    assert artifacts.exists("models/m.onnx")


def test_end_of_a_run_is_stored_when_there_is_room_again(
    ticket: Callable[[], Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, refused = records.insert, []

    def full_at_first(connection: sa.Connection, *added: Record) -> None:
        if len(refused) < 2:
            refused.append(added)
            raise BadInput("greenai.db: the disk is full.")
        store(connection, *added)

    monkeypatch.setattr(records, "insert", full_at_first)
    monkeypatch.setattr(attempt, "BEAT_S", 0.01)
    given = ticket()
    attempt.run(given, quick)
    assert queue.job(given.id).state == "succeeded"
    assert len(records.every("own")) == 1


def test_record_of_a_run_that_failed_is_shown_though_the_store_was_slow(
    ticket: Callable[[], Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()
    store = records.keep_unfinished

    def slow(record: Record) -> None:
        begun.set()
        time.sleep(0.3)
        store(record)

    def fail(spec: Spec, report: Reporter, keep: Keep) -> Record:
        keep(factory.record(spec, run_id="this", status="aborted"))
        assert begun.wait(60)
        keep(factory.record(spec, run_id="this", status="failed"))
        raise RunFailed("the loss is not a number.")

    monkeypatch.setattr(records, "keep_unfinished", slow)
    attempt.run(ticket(), fail)
    assert "keeper" not in [thread.name for thread in threading.enumerate()]
    assert [(record.run_id, record.status) for record in records.every("own")] == [("this", "failed")]


def test_beat_that_cannot_be_stored_is_told_with_the_next(
    ticket: Callable[[], Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "BEAT_S", 0.01)
    refused = threading.Event()

    def full(given: Ticket, news: News) -> Verdict:
        if not refused.is_set() and news.epochs:
            refused.set()
            raise BadInput("greenai.db: the disk is full.")
        return states.beat(given, news)

    def run(spec: Spec, report: Reporter, keep: Keep) -> Record:
        report(at(1, done=True))
        assert refused.wait(30)
        return factory.record(spec)

    monkeypatch.setattr(attempt, "beat", full)
    given = ticket()
    attempt.run(given, run)
    assert [row["epoch"] for row in queue.curve(given.id)] == [1]
    assert "warning: no beat: greenai.db: the disk is full." in queue.log_tail(given.id)


def test_logs_of_the_run_are_the_jobs_and_those_of_others_only_if_they_warn(ticket: Callable[[], Ticket]) -> None:
    def chatty(spec: Spec, report: Reporter, keep: Keep) -> Record:
        logging.getLogger("someone.else").warning("careful")
        logging.getLogger("someone.else").info("never mind")
        return factory.record(spec)

    given = ticket()
    attempt.run(given, chatty)
    assert queue.log_tail(given.id) == ["warning: careful"]
    logging.getLogger("someone.else").warning("afterwards")
    assert queue.log_tail(given.id) == ["warning: careful"]
