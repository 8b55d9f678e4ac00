"""A store of a hundred thousand runs: few points are drawn and the whole front is, sliders move, nothing is hidden."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from benchmarks import _many
from greenai_core.charts.trade_off import MOST_DOMINATED
from greenai_core.settings import ROOT
from tests.browser.conftest import Dashboard
from tools.dashboard import settle

pytestmark = pytest.mark.slow

RUNS = 100_000

DRAWN = """
() => document.querySelector('.st-key-chart .js-plotly-plot')._fullData
  .filter(trace => trace.customdata).reduce((sum, trace) => sum + trace.x.length, 0)
"""
"""The number of points that carry a run."""


def test_a_hundred_thousand_runs_are_thinned_in_words_and_sliders_move(
    start: Callable[[], Dashboard], page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    dashboard = start()
    for name, value in {**dashboard.settings, "GREENAI_BANK": str(ROOT / "results" / "bank")}.items():
        monkeypatch.setenv(name, value)
    _many.fill(RUNS)
    page.goto(f"{dashboard.url}/explore")
    told = page.get_by_text(re.compile(r"[\d,]+ points of [\d,]+ runs, [\d,]+ of them your own"))
    expect(told).to_contain_text(f"{RUNS:,} of them your own", timeout=120_000)
    expect(page.get_by_text(re.compile(r"^[\d,]+ of [\d,]+ shown points; the whole front is"))).to_be_visible()
    front = page.get_by_test_id("stMetric").filter(has_text="On the front")
    on_front = int(re.search(r"(\d+) of ", front.inner_text()).group(1))  # type: ignore[union-attr]
    assert on_front < page.evaluate(DRAWN) <= on_front + MOST_DOMINATED
    before = told.inner_text()
    page.get_by_role("slider", name="Least accuracy").press("End")
    expect(page.get_by_text("No run matches")).to_be_visible()
    page.get_by_role("slider", name="Least accuracy").press("Home")
    expect(told).to_have_text(before)
    settle(page)
    advice = page.locator(".st-key-recommended")
    picked = advice.get_by_role("paragraph").last.inner_text()
    expect(advice).to_contain_text(picked)
    advice.get_by_role("slider", name="File size at most").press("ArrowRight")
    expect(advice).not_to_contain_text(picked)
