"""What a person does on the Explore page: set limits, draw a box, take the runs away, ask about a model's life."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from greenai_core.analysis.explore import Filters
from tests import factory
from tests.browser.conftest import Dashboard
from tools.dashboard import settle

PIXELS = """
() => {
  const drawn = document.querySelector('.st-key-chart .js-plotly-plot'), axis = drawn._fullLayout.xaxis;
  return drawn._fullData.filter(trace => trace.customdata && trace.visible === true).flatMap(trace =>
    Array.from(trace.x, (x, place) => [trace.customdata[place], axis._offset + axis.d2p(x)]));
}
"""
"""Every point's handle, and how far right of the chart's edge it stands."""


def test_a_limit_moves_the_recommended_recipe_and_its_sentence(filled: Dashboard, page: Page) -> None:
    page.goto(f"{filled.url}/explore")
    advice = page.locator(".st-key-recommended")
    expect(advice).to_contain_text(re.compile(r"Of \d+ recipes, this one is"))
    size = advice.get_by_role("slider", name="File size at most")
    size.press("ArrowRight")
    settle(page)
    expect(advice).to_contain_text("No recipe keeps file size at most 1.00 KB")
    for _ in range(8):
        size.press("ArrowRight")
        settle(page)
    expect(advice).to_contain_text("within the limits")
    expect(advice).to_contain_text(re.compile(r"file size \d+ KB"))
    expect(page).to_have_url(re.compile("size_bytes_limit=500"))
    again = page.context.new_page()
    again.goto(page.url)
    expect(again.locator(".st-key-recommended")).to_contain_text("within the limits")


def test_the_table_and_the_csv_of_a_box_hold_exactly_its_points_and_their_runs(
    filled: Dashboard, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.goto(f"{filled.url}/explore")
    chart = page.locator(".st-key-chart .js-plotly-plot")
    expect(chart.locator(".nsewdrag")).to_be_visible()
    settle(page)
    chart.scroll_into_view_if_needed()
    edge, area = chart.bounding_box(), chart.locator(".nsewdrag").bounding_box()
    assert edge is not None and area is not None
    middle = area["x"] + area["width"] / 2
    chosen = [run for run, right in page.evaluate(PIXELS) if edge["x"] + right < middle]
    page.mouse.move(area["x"] + 2, area["y"] + 2)
    page.mouse.down()
    page.mouse.move(middle, area["y"] + area["height"] - 2, steps=8)
    page.mouse.up()
    expect(page.get_by_role("heading", name="Selected points")).to_be_visible()
    for name, value in filled.settings.items():
        monkeypatch.setenv(name, value)
    found = factory.view(Filters("digits"))
    assert found is not None
    points = found.front.table[found.front.table["run_id"].isin(chosen)].sort_values("accuracy_val", ascending=False)
    cells = zip(points["technique"], points["network"], points["sparsity"], points["seeds"], strict=True)
    rows = [
        "TechniqueModelSparsitySeeds",
        *(f"{one}{model}{sparsity:g}{seeds}" for one, model, sparsity, seeds in cells),
    ]
    table = page.get_by_test_id("stDataFrame").first.locator("[role=row]")  # as a screen reader is given it
    expect(table).to_have_text([re.compile(f"^{re.escape(row)}") for row in rows])
    with page.expect_download() as download:
        page.locator(".st-key-csv").get_by_role("button").click()
    expected = set(found.runs_of(chosen)["run_id"])
    assert 0 < len(expected) < len(found.runs)
    assert set(pd.read_csv(download.value.path())["run_id"]) == expected


def test_the_answer_about_a_models_life_moves_with_its_predictions(filled: Dashboard, page: Page) -> None:
    page.goto(f"{filled.url}/explore")
    life = page.get_by_role("slider", name=re.compile("Predictions served"))
    expect(page.get_by_text(re.compile("^For 1 million predictions"))).to_be_visible()
    life.press("ArrowRight")
    expect(page.get_by_text(re.compile("^For 2 million predictions"))).to_be_visible()
    expect(page).to_have_url(re.compile("predictions=2"))
