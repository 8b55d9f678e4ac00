"""One technique of each family is put into a recipe in the form, launched, and ends as a record."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from greenai_core import forms, registry
from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.store import records
from tests.browser.conftest import Dashboard, choose
from tools.dashboard import settle

CHOSEN = (
    "magnitude_pruning",
    "l2_channel_pruning",
    "l1_regularisation",
    "static_quantization",
    "kmeans_codebook",
    "svd_factorization",
    "distill",
    "train",
)
LONG_S = 600.0


def launch_with(page: Page, url: str, technique: str) -> None:
    """Add a stage to the recipe that the form begins with, and launch it."""
    described = forms.described("techniques", technique)
    page.goto(f"{url}/launch")
    expect(page.get_by_text("Rests on: ")).to_be_visible(timeout=60_000)
    settle(page)
    box = page.get_by_role("combobox", name="Add a stage").last
    choose(box, described.title, f"{described.title} ({described.family})")
    settle(page)
    page.get_by_role("button", name="Add", exact=True).last.click()
    expect(page.get_by_text(f"4. {described.title}", exact=True)).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Rests on: ")).to_be_visible(timeout=60_000)
    settle(page)
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.get_by_role("link", name="Watch it on the Jobs page")).to_be_visible(timeout=60_000)


@pytest.mark.slow
def test_one_of_each_family_is_launched_from_the_form(
    start: Callable[[], Dashboard], page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    families = {forms.described("techniques", name).family for name in registry.names("techniques")}
    assert {forms.described("techniques", name).family for name in CHOSEN} == families
    dashboard = start()
    for technique in CHOSEN:
        launch_with(page, dashboard.url, technique)
    for name, value in dashboard.settings.items():
        monkeypatch.setenv(name, value)
    deadline = time.monotonic() + LONG_S
    while queue.live():
        assert time.monotonic() < deadline, "the runs did not end"
        time.sleep(0.5)
    ended = {job.spec_id: (job.state, job.error) for job in queue.jobs()}
    assert set(ended.values()) == {("succeeded", None)}
    last = {record.recipe[-1]["name"] for record in records.every("own")}
    assert set(CHOSEN) <= last
    page.goto(f"{dashboard.url}/explore")
    expect(page.get_by_role("heading", name="Accuracy against cost")).to_be_visible()
    queue.cancel_all(Access.local())
