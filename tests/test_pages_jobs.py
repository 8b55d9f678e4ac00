"""The Jobs page, in Streamlit's own harness; jobs are moved by hand, nobody works on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from streamlit import config
from streamlit.testing.v1 import AppTest

from greenai_core import wording
from greenai_core.examples import first_experiment
from greenai_core.jobs import budget, control, queue, states, supervisor
from greenai_core.jobs.access import Access
from greenai_core.jobs.states import News, Ticket
from greenai_core.spec import Spec, check
from greenai_core.store import database
from tests import factory

FRAME = str(Path(__file__).resolve().parents[1] / "pages" / "main.py")
LOCAL = Access.local()
EPOCH = {"at": 0.0, "stage": "train", "stage_index": 0, "epoch": 1, "loss": 0.5, "accuracy_val": 0.9, "lr": 0.001}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started: those have tests of their own, and the browser tests use them."""
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)
    monkeypatch.setattr(supervisor, "ensure_supervisor", lambda: None)


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GREENAI_LAUNCH_TOKEN", "open sesame")
    before = config.get_option("server.address")
    config.set_option("server.address", "0.0.0.0")
    yield
    config.set_option("server.address", before)


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(FRAME, default_timeout=60).run()
    app.query_params.update(query)
    app.switch_page("jobs.py")
    return again(app)


def again(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, app.exception
    return app


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click()
    return again(app)


def words(app: AppTest) -> str:
    kinds = ("title", "subheader", "markdown", "caption", "info", "warning", "error", "metric")
    said = [f"{getattr(item, 'label', '')} {item.value}" for kind in kinds for item in app.get(kind)]
    return "\n".join([*said, *(bar.text for bar in app.get("progress"))])


def keys(app: AppTest) -> list[str]:
    return [str(button.key) for button in app.button]


def submitted(*specs: Spec, budget_j: float | None = None) -> list[str]:
    """Submit specs; returns the ids of what they were asked for."""
    return [str(job.id) for job in queue.submit(specs, access=LOCAL, budget_j=budget_j)]


def seeds(count: int) -> list[Spec]:
    return [factory.spec(seed=seed) for seed in range(count)]


def begun(**columns: Any) -> Ticket:
    """Let the job that goes first begin, and say something."""
    ticket = states.claim("test", "host")
    assert ticket is not None
    assert states.begin(ticket, "test-host", int(ticket.token[:6], 16)) == "go on"
    if columns:
        states.beat(ticket, News(columns))
    return ticket


def fail(ticket: Ticket, error: str = "the disk is full; free some space.") -> None:
    assert states.finish(ticket, "failed", News({}), error=error)


def succeed(ticket: Ticket, **changes: Any) -> None:
    assert states.finish(ticket, "succeeded", News({}), record=factory.record(check(ticket.spec), **changes))


def state(id: str) -> str:
    return queue.job(id).state


def test_without_a_job_the_page_says_how_to_get_one() -> None:
    app = opened()
    assert "No job yet." in words(app)
    assert [link.label for link in app.get("page_link")] == ["Run your first experiment", "Launch a run"]


def test_a_job_that_ends_while_the_page_is_drawn_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    (first, _) = submitted(*seeds(2))
    succeed(begun())
    ticket, live = begun(), queue.live

    def ends_after(limit: int) -> list[queue.Job]:
        found = list(live(limit))
        monkeypatch.setattr(queue, "live", live)
        succeed(ticket, run_id="just-ended")
        return found

    monkeypatch.setattr(queue, "live", ends_after)
    app = opened()
    assert [state(id) for id in (first, ticket.id)] == ["succeeded", "succeeded"]
    assert len(keys(app)) == len(set(keys(app)))


def test_a_job_that_waits_is_one_line_and_can_be_cancelled() -> None:
    (id,) = submitted(first_experiment())
    app = opened()
    assert "mnist_cnn on digits" in words(app) and "1 waiting" in words(app)
    assert not app.metric
    press(app, f"act-{id}")
    assert state(id) == "cancelled"
    assert "cancelled by hand" in words(app)


def test_a_job_that_runs_shows_how_far_it_is() -> None:
    submitted(first_experiment())
    ticket = begun(stage="train", stage_index=0, fraction=0.25, epoch=1, epochs=3, loss=0.5, accuracy_val=0.9)
    assert not opened().get("plotly_chart")
    states.beat(ticket, News({"energy_j": 12.0}, [{**EPOCH, "energy_j": 12.0}]))
    app = opened()
    assert {item.label.split(" :")[0]: item.value for item in app.metric} == {
        "Epoch": "1 of 3",
        "Loss": "0.500",
        "Validation accuracy": "90.00 %",
        "Energy so far": "12.0 J",
    }
    assert "1. train, about" in words(app)
    assert len(app.get("plotly_chart")) == 1


def test_a_job_that_was_asked_to_end_is_stopping_and_is_not_asked_twice() -> None:
    (id,) = submitted(first_experiment())
    begun()
    app = press(opened(), f"act-{id}")
    assert "stopping" in words(app)
    assert app.button(key=f"act-{id}").disabled
    assert state(id) == "running"


def test_the_log_shows_every_attempt_and_is_looked_up_on_a_click(monkeypatch: pytest.MonkeyPatch) -> None:
    (id,) = submitted(first_experiment())
    lost = begun(energy_j=7.0)
    states.lose(id, lost.token, "its process was killed")
    app = opened()
    assert "attempt 1 was lost: its process was killed; attempt 2 of 3" in words(app)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE job SET not_before = 0"))
    begun()
    with monkeypatch.context() as closed:
        closed.setattr(queue, "attempts", lambda id: 1 / 0)
        app = opened()
    app.session_state[f"log-{id}"] = True
    again(app)
    (table,) = [item.value for item in app.table]
    assert list(table["Attempt"]) == ["1", "2"]
    assert list(table["Host"]) == ["test-host", "test-host"]
    assert list(table["Outcome"]) == ["lost", "goes on"]
    assert list(table["Why"]) == ["its process was killed", ""]
    assert [table[name][0] for name in table if name.startswith("Energy")] == ["7.00 J"]
    assert "attempt 1 was lost" in app.code[0].value


def test_jobs_wait_in_the_order_they_begin_in_and_any_can_be_put_first() -> None:
    first, second, third = submitted(*seeds(3))
    app = opened()
    order = [key for key in keys(app) if key.startswith("first-")]
    assert order == [f"first-{id}" for id in (first, second, third)]
    assert app.button(key=f"first-{first}").disabled
    press(app, f"first-{third}")
    assert next(key for key in keys(app) if key.startswith("first-")) == f"first-{third}"
    assert begun().id == third


def test_a_blocked_job_says_in_words_what_it_waits_for() -> None:
    shared = first_experiment()
    submitted(shared, shared.model_copy(update={"recipe": shared.recipe[:2]}))
    (needed,) = [job for job in queue.live() if job.state == "queued"]
    assert f"waits for {wording.run(needed.spec)}" in words(opened())


def test_of_a_long_queue_only_what_begins_next_is_drawn() -> None:
    submitted(*seeds(25))
    app = opened()
    assert len([key for key in keys(app) if key.startswith("act-")]) == 10
    assert "and 15 more waiting" in words(app) and "25 waiting" in words(app)


def test_a_look_at_the_queue_costs_the_same_however_long_it_is() -> None:
    asked: list[str] = []

    def queries() -> int:
        app = opened()
        asked.clear()
        again(app)
        return len(asked)

    submitted(*seeds(12))
    sa.event.listen(database.engine(), "after_cursor_execute", lambda *args: asked.append(args[2]))
    few = queries()
    submitted(*[factory.spec(seed=seed) for seed in range(100, 160)])
    assert queries() == few < 20


def test_the_queue_is_paused_says_so_and_goes_on() -> None:
    submitted(*seeds(2))
    begun()
    app = press(opened(), "pause")
    assert control.control().paused
    assert "The queue is paused" in words(app)
    assert "1 waiting" in words(app) and "The 1 that runs goes on to the end." in words(app)
    press(app, "resume")
    assert not control.control().paused
    assert "paused" not in words(app) and "pause" in keys(app)


def test_how_many_run_at_once_is_set_and_what_others_set_is_shown() -> None:
    submitted(*seeds(2))
    app = opened()
    assert app.number_input(key="at_once").value == 1
    app.number_input(key="at_once").set_value(3)
    again(app)
    assert control.control().concurrency == 3
    control.set_concurrency(5, LOCAL)
    assert again(app).number_input(key="at_once").value == 5
    assert control.control().concurrency == 5


def test_cancelling_all_asks_first() -> None:
    submitted(*seeds(3))
    begun()
    app = opened()
    assert "Cancel 3 jobs? The 1 that runs will be stopped" in words(app)
    assert app.button(key="cancel-all-sure").label == "Cancel 3 jobs"
    press(app, "cancel-all-sure")
    assert queue.counts() == {"running": 1, "cancelled": 2}
    assert queue.live()[0].cancel_asked_at is not None


def test_an_ended_job_says_why_and_can_be_tried_again() -> None:
    (id,) = submitted(first_experiment())
    fail(begun())
    app = opened()
    assert "the disk is full; free some space." in words(app)
    assert app.button(key=f"act-{id}").label == "Try again"
    press(app, f"act-{id}")
    assert [(job.id, job.state) for job in queue.jobs()] == [(id, "queued")]


def test_a_job_that_succeeded_is_run_again_as_a_new_one() -> None:
    (id,) = submitted(first_experiment())
    succeed(begun(accuracy_val=0.9, energy_j=3.0), kind="measured")
    app = opened()
    assert app.button(key=f"act-{id}").label == "Run again"
    assert "measured" in words(app) and "validation accuracy 90.00 %" in words(app)
    press(app, f"act-{id}")
    assert sorted(queue.counts().items()) == [("queued", 1), ("succeeded", 1)]


def test_all_that_failed_is_tried_again_at_once() -> None:
    submitted(*seeds(3))
    app = opened()
    assert "retry-failed" not in keys(app)
    fail(begun())
    fail(begun())
    again(app)
    assert app.button(key="retry-failed").label == "Retry 2 failed"
    press(app, "retry-failed")
    assert queue.counts() == {"queued": 3}


def test_what_was_skipped_says_what_it_was_built_on() -> None:
    shared = first_experiment()
    submitted(shared, shared.model_copy(update={"recipe": shared.recipe[:2]}))
    ticket = begun()
    fail(ticket)
    app = opened()
    assert queue.counts()["skipped"] > 0
    assert f"{wording.run(ticket.spec)}, which it builds on, has failed" in words(app)


def test_a_sweep_is_one_card_with_its_budget() -> None:
    submitted(*seeds(4), budget_j=40.0)
    succeed(begun(), energy_spent_j=12.0)
    begun(energy_j=8.0)
    app = opened()
    assert "Sweep of 4 jobs" in words(app)
    assert "1 of 4 done: 1 succeeded, 1 running, 2 waiting" in words(app)
    bars = {bar.text.split(" ")[0]: bar.value for bar in app.get("progress")}
    assert bars["20.0"] == 50 and "spent of 40.0 J" in words(app)
    (sweep,) = queue.sweeps()
    assert "Cancel the 3 jobs of this sweep that have not ended?" in words(app)
    press(app, f"cancel-{sweep.id}-sure")
    assert queue.counts() == {"succeeded": 1, "running": 1, "cancelled": 2}


def test_a_sweep_whose_budget_is_spent_says_so_with_its_jobs() -> None:
    submitted(*seeds(3), budget_j=10.0)
    succeed(begun(), energy_spent_j=12.0)
    budget.enforce()
    app = opened()
    assert "The budget of 10.0 J is spent: what had not ended was cancelled." in words(app)
    assert words(app).count("the sweep's budget of 10.0 J is spent (12.0 J)") == 2
    assert "3 of 3 done: 1 succeeded, 2 cancelled" in words(app)


def test_a_sweep_without_a_budget_shows_what_it_has_spent() -> None:
    submitted(*seeds(2))
    begun(energy_j=8.0)
    assert "8.00 J" in words(opened()) and "spent, no budget" in words(opened())


def test_what_has_ended_is_shown_page_by_page() -> None:
    submitted(*seeds(13))
    queue.cancel_all(LOCAL)
    newest = [job.id for job in queue.jobs()]
    app = opened()
    assert [key for key in keys(app) if key.startswith("act-")] == [f"act-{id}" for id in newest[:10]]
    app = opened(page="2")
    assert [key for key in keys(app) if key.startswith("act-")] == [f"act-{id}" for id in newest[10:]]


def test_who_may_only_look_sees_everything_and_why_nothing_can_be_pressed(read_only: None) -> None:
    submitted(*seeds(4), budget_j=40.0)
    fail(begun())
    begun(energy_j=8.0)
    app = opened()
    assert "1 of 4 done: 1 failed, 1 running, 2 waiting" in words(app)
    assert len(app.button) > 6
    sure = {key for key in keys(app) if key.endswith("-sure")}
    assert all(button.disabled and "read-only" in button.help for button in app.button if button.key not in sure)
    assert app.number_input(key="at_once").disabled
    assert "This dashboard is read-only" in words(app)
    for key in sure:  # behind a button that is disabled, and refused all the same
        press(app, key)
    assert queue.counts() == {"failed": 1, "running": 1, "queued": 2}
