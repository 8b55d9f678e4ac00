"""What a person takes back: runs that were deleted, and a view that was saved."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests import factory
from tests.browser.conftest import Dashboard
from tools.dashboard import settle

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def four(start: Callable[[], Dashboard]) -> Dashboard:
    """A dashboard whose store holds four runs."""
    found = start()
    found.save(
        *(factory.record(factory.spec(model=model, seed=seed)) for model in factory.DENSE_PARAMS for seed in (0, 1))
    )
    return found


def test_deleted_runs_come_back_also_after_a_reload(four: Dashboard, page: Page) -> None:
    page.goto(f"{four.url}/results")
    expect(page.get_by_text(re.compile(r"^4 of 4 runs"))).to_be_visible()
    table = page.get_by_test_id("stDataFrame").first
    for row in (1, 2):
        table.click(position={"x": 17, "y": 35 * row + 18})
        settle(page)
    page.get_by_role("button", name="Delete 2 runs").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text(re.compile(r"^2 of 2 runs"))).to_be_visible()
    page.reload()
    expect(page.get_by_text("2 runs deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text(re.compile(r"^4 of 4 runs"))).to_be_visible()
    expect(page.get_by_text("2 runs deleted.")).to_have_count(0)


def test_a_saved_view_opens_with_the_same_controls(four: Dashboard, page: Page) -> None:
    page.goto(f"{four.url}/explore?model=mlp_student")
    settle(page)
    page.get_by_role("radio", name="Latency").click()
    expect(page).to_have_url(re.compile("cost=Latency"))
    settle(page)
    page.get_by_role("button", name="Saved views").click()
    page.get_by_role("textbox", name="Name of this view").fill("small and fast")
    page.get_by_role("button", name="Save this view").click()
    expect(page.get_by_role("link", name="small and fast")).to_be_visible()
    page.goto(f"{four.url}/explore?cost=MACs&least=10")
    page.get_by_role("button", name="Saved views").click()
    page.get_by_role("link", name="small and fast").click()
    expect(page).to_have_url(re.compile(r"explore\?[^?]*model=mlp_student"))
    expect(page.get_by_role("radio", name="Latency")).to_be_checked()
    expect(page.get_by_text("Only model mlp_student.")).to_be_visible()
    page.get_by_role("button", name="Filters").click()
    expect(page.locator(".st-key-model")).to_contain_text("mlp_student")
    expect(page.get_by_role("slider", name="Least accuracy")).to_have_value("0")
