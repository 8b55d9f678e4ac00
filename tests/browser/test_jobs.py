"""A sweep is followed on the Jobs page; one of its jobs is cancelled there, the process of another one killed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import psutil
import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.spec import Spec, check
from greenai_core.store import schema
from greenai_core.store.database import reading
from tests.browser.conftest import Dashboard

LONG_S = 300.0
"""Six runs of some seconds each, on a machine that may have other things to do."""

T = TypeVar("T")


@pytest.fixture
def dashboard(start: Callable[[], Dashboard], monkeypatch: pytest.MonkeyPatch) -> Iterator[Dashboard]:
    """A dashboard whose store is also that of this process; nothing is left to run at the end."""
    found = start()
    for name, value in found.settings.items():
        monkeypatch.setenv(name, value)
    yield found
    queue.cancel_all(Access.local())
    until(lambda: not queue.live())


def until(found: Callable[[], T]) -> T:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + LONG_S
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)
    return value


def spec(seed: int) -> Spec:
    return check(
        {
            "dataset": {"name": "digits"},
            "model": {"name": "mnist_cnn"},
            "recipe": [{"name": "train", "epochs": 6}],
            "seed": seed,
            "measurement": {"profile": "none"},
        }
    )


def learns(id: str) -> bool:
    job = queue.job(id)
    return job.state == "running" and job.epoch is not None


def kill_worker(id: str) -> bool:
    """Kill the process that makes the first attempt at a job while it learns; False: it does not, nothing is killed."""
    if not learns(id):
        return False
    with reading() as connection:
        chosen = sa.select(schema.attempt.c.pid).where(schema.attempt.c.job_id == id)
        process = psutil.Process(connection.execute(chosen).scalar_one())
    process.suspend()  # or it might end the job, and begin another, before it is killed
    if not learns(id):
        process.resume()
        return False
    process.kill()
    return True


def card(page: Page, id: str) -> Locator:
    return page.locator(f".st-key-job-{id}")


@pytest.mark.slow
def test_a_sweep_is_followed_live_one_job_cancelled_and_another_survives_its_worker(
    dashboard: Dashboard, page: Page
) -> None:
    long_ms = 1000 * LONG_S
    page.set_default_timeout(long_ms)
    page.goto(f"{dashboard.url}/jobs")
    expect(page.get_by_text("No job yet.")).to_be_visible(timeout=long_ms)
    submitted = queue.submit([spec(seed) for seed in range(6)], access=Access.local(), budget_j=100_000)
    first, *others, last = [str(job.id) for job in submitted]

    expect(page.get_by_text("Sweep of 6 jobs").first).to_be_visible(timeout=long_ms)  # nobody reloads the page
    expect(page.get_by_text(re.compile("spent of")).first).to_be_visible(timeout=long_ms)
    expect(card(page, last).get_by_text("queued")).to_be_visible(timeout=long_ms)
    card(page, last).get_by_role("button", name="Cancel").click()
    expect(card(page, last).get_by_text("cancelled by hand")).to_be_visible(timeout=long_ms)
    assert queue.job(last).state == "cancelled"

    expect(page.get_by_text(re.compile(r"^\d of 6$")).first).to_be_visible(timeout=long_ms)  # an epoch

    killed = until(lambda: next((id for id in (first, *others) if kill_worker(id)), None))
    assert killed is not None
    expect(card(page, killed).get_by_text("attempt 1 was lost")).to_be_visible(timeout=long_ms)
    expect(page.get_by_text(re.compile("^6 of 6 done: 5 succeeded, 1 cancelled")).first).to_be_visible(timeout=long_ms)
    assert [attempt.outcome for attempt in queue.attempts(killed)] == ["lost", "succeeded"]

    card(page, killed).get_by_text("Log, 2 attempts").click()
    attempts = card(page, killed).get_by_role("table", name="Attempts at this job")
    expect(attempts.get_by_role("row")).to_have_count(3, timeout=long_ms)
    expect(attempts).to_contain_text("lost", timeout=long_ms)
    expect(page.get_by_text("No job is running.").first).to_be_visible(timeout=long_ms)
