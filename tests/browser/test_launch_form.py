"""What only a browser shows of the form: widgets that are not on the screen keep what they hold."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from greenai_core.examples import first_experiment
from tests.browser.conftest import Dashboard
from tools.dashboard import settle


def test_settings_behind_a_click_keep_their_values(filled: Dashboard, page: Page) -> None:
    default = first_experiment().recipe[0]
    page.goto(f"{filled.url}/launch")
    epochs = page.get_by_role("spinbutton", name="Epochs").first
    epochs.fill("4")
    epochs.press("Enter")
    settle(page)
    more = page.get_by_role("button", name="More").first
    more.click()
    rate = page.get_by_role("spinbutton", name="Peak learning rate")
    expect(rate).to_have_value(f"{default.lr:g}")
    expect(page.get_by_role("spinbutton", name="Batch size")).to_have_value(str(default.batch_size))
    rate.fill("0.005")
    rate.press("Enter")
    settle(page)
    page.keyboard.press("Escape")
    page.get_by_role("slider", name="Sparsity").press("ArrowLeft")
    settle(page)
    more.click()
    expect(rate).to_have_value("0.005")
    page.keyboard.press("Escape")
    page.get_by_text("The exact spec, as JSON").click()
    expect(page.get_by_test_id("stCode")).to_contain_text(re.compile(r'"epochs": 4,\s+"lr": 0.005', re.DOTALL))


def test_the_form_is_still_filled_in_after_a_look_at_another_page(filled: Dashboard, page: Page) -> None:
    page.goto(f"{filled.url}/launch")
    slider = page.get_by_role("slider", name="Sparsity")
    for _ in range(5):
        slider.press("ArrowLeft")
    expect(slider).to_have_value("0.75")
    settle(page)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Explore").click()
    expect(page.get_by_role("heading", name="Accuracy against cost")).to_be_visible()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Launch").click()
    expect(page.get_by_role("heading", name="Launch a run")).to_be_visible()
    expect(page.get_by_text("Sparsity (%)")).to_have_count(0)
    expect(slider).to_have_value("0.75", timeout=60_000)
