"""What only a browser shows of the form: widgets that are not on the screen keep what they hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from greenai_core.examples import first_experiment
from greenai_core.jobs import queue, sweeps
from greenai_core.jobs.access import Access
from tests.browser.conftest import Dashboard, choose
from tools.dashboard import settle

pytestmark = pytest.mark.slow


def test_settings_behind_a_click_keep_their_values(filled: Dashboard, page: Page) -> None:
    default = first_experiment().recipe[0]
    page.goto(f"{filled.url}/launch")
    epochs = page.get_by_role("spinbutton", name="Epochs")
    expect(epochs).to_have_count(2)  # a browser may draw the second stage's first, for a moment
    epochs.first.fill("4")
    epochs.first.press("Enter")
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


def told(page: Page, runs: int) -> None:
    """Wait until the page has answered for so many runs: a list that is open meanwhile would close."""
    expect(page.get_by_text(f"Launch {runs} runs", exact=True)).to_be_visible(timeout=60_000)
    settle(page)


def vary(page: Page, title: str) -> None:
    """Choose a field to vary, by typing the end of its title."""
    choose(page.get_by_role("combobox", name="Vary a field"), title.partition(". ")[2], title)
    expect(page.get_by_label(title).first).to_be_visible(timeout=60_000)
    settle(page)


def test_a_grid_is_composed_priced_and_launched_with_one_click(
    start: Callable[[], Dashboard], page: Page, tmp_path: Path
) -> None:
    dashboard = start()
    page.goto(f"{dashboard.url}/launch")
    expect(page.get_by_text("Rests on: ")).to_be_visible(timeout=60_000)
    settle(page)
    vary(page, "2. L1 channel pruning: Sparsity")
    values = page.get_by_role("textbox", name="2. L1 channel pruning: Sparsity")
    expect(values).to_have_value("0.8")
    values.fill("0.5-0.9 step 0.4")
    values.press("Enter")
    told(page, 2)
    expect(page.get_by_role("slider", name="Sparsity")).to_be_disabled()
    vary(page, "1. Train: Augmentation")
    choose(page.get_by_role("combobox", name="1. Train: Augmentation"), "shift", "shift")
    told(page, 4)
    page.keyboard.press("Escape")
    budget = page.get_by_role("spinbutton", name="Energy budget for the sweep (J)")
    budget.fill("100000")
    budget.press("Enter")
    expect(page.get_by_text("Price of 4 runs")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("10 stages to run instead of 12")).to_be_visible()
    expect(page.get_by_role("cell", name="1,199,882").first).to_be_visible()
    page.get_by_text("The exact sweep, as JSON").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download sweep").click()
    download.value.save_as(tmp_path / "sweep.json")
    document = json.loads((tmp_path / "sweep.json").read_text())
    assert document["sweep"] == {"recipe.1.sparsity": [0.5, 0.9], "recipe.0.augment": ["none", "shift"]}
    page.get_by_role("button", name="Launch 4 runs").click()
    expect(page.get_by_role("link", name="Watch it on the Jobs page")).to_be_visible()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in dashboard.settings.items():
            patch.setenv(name, value)
        wanted = {spec.spec_id for spec in sweeps.read(document).specs}
        assert wanted <= {job.spec_id for job in queue.jobs()}
        queue.cancel_all(Access.local())  # what was launched is all that is looked at
