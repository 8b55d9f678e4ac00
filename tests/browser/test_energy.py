"""What only a browser shows: a badge that opens, and a control behind a tab."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Dashboard
from tools.dashboard import settle


def test_a_badge_opens_on_its_provenance_and_a_run_is_recosted(filled: Dashboard, page: Page) -> None:
    page.goto(f"{filled.url}/results?model=mlp_student")
    expect(page.get_by_text(re.compile(r"^\d+ of \d+ runs"))).to_be_visible(timeout=60_000)
    page.get_by_test_id("stDataFrame").first.click(position={"x": 17, "y": 53})
    badge = page.get_by_role("button", name=re.compile("Training energy.*(measured|estimated)")).first
    badge.click(timeout=60_000)
    provenance = page.get_by_test_id("stPopoverBody")
    expect(provenance.get_by_text("How sure")).to_be_visible()
    expect(provenance.get_by_text(re.compile("cputime|rapl:package")).first).to_be_visible()
    page.keyboard.press("Escape")
    expect(provenance).to_have_count(0)
    page.get_by_role("tab", name="What if ...?").click()
    pue = page.get_by_role("spinbutton", name="PUE")
    pue.fill("1.3")
    pue.press("Enter")
    settle(page)
    expect(page.get_by_text("PUE 1.3: at its wall the data centre takes 1.3 J")).to_be_visible(timeout=60_000)
    page.get_by_text("How was this measured?").click()
    expect(page.get_by_text("Why not power times time?")).to_be_visible(timeout=60_000)
