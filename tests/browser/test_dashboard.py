"""What a person does, from the first visit to a point of their own."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Dashboard
from tools.dashboard import settle

PAGES = {
    "": "Smaller networks, and what they cost",
    "explore": "Accuracy against cost",
    "results": "Results",
    "launch": "Launch a run",
    "jobs": "Jobs",
}
LINKS = ("Overview", "Explore", "Results", "Launch", "Jobs")


@pytest.mark.parametrize("path", PAGES)
def test_a_cold_deep_link_shows_the_page_in_its_frame(start: Callable[[], Dashboard], page: Page, path: str) -> None:
    page.goto(f"{start().url}/{path}")  # the first request that this server gets
    expect(page.get_by_role("heading", name=PAGES[path], exact=True)).to_be_visible(timeout=60_000)
    for name in LINKS:
        expect(page.get_by_test_id("stSidebarNav").get_by_role("link", name=name)).to_be_visible()
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    expect(page.get_by_text("Page not found")).to_have_count(0)


def test_a_deep_link_looks_for_its_server_in_one_place(filled: Dashboard, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.goto(f"{filled.url}/explore")
    expect(page.get_by_role("heading", name=PAGES["explore"], exact=True)).to_be_visible()
    root = filled.url.removeprefix("http:")
    server = {url for url in asked if "/_stcore/" in url}
    assert f"ws:{root}/_stcore/stream" in server
    assert all(url.startswith((f"http:{root}/_stcore/", f"ws:{root}/_stcore/")) for url in server), server
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Results").click()
    expect(page.get_by_role("heading", name=PAGES["results"], exact=True)).to_be_visible()
    assert page.url == f"{filled.url}/results"


@pytest.mark.slow
def test_the_first_experiment_runs_in_sight_and_becomes_a_point(start: Callable[[], Dashboard], page: Page) -> None:
    dashboard = start()
    page.goto(dashboard.url)
    page.get_by_role("button", name="Run your first experiment").click()
    expect(
        page.get_by_text("mnist_cnn on digits: train 3 > l1_channel_pruning 0.8 > fine_tune 2, seed 0")
    ).to_be_visible(timeout=60_000)
    expect(page.get_by_text(re.compile(r"^\d of \d$"))).to_be_visible(timeout=120_000)  # epoch
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.reload()  # a refresh loses nothing
    expect(page.get_by_role("button", name="Run again")).to_be_visible(timeout=180_000)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Explore").click()
    expect(page.get_by_role("heading", name="Accuracy against cost")).to_be_visible()
    page.get_by_text("Bank", exact=True).click()
    expect(page.get_by_text("1 run, 1 of them your own; 1 on the front.")).to_be_visible(timeout=60_000)
    expect(page.locator(".js-plotly-plot .point")).not_to_have_count(0)


@pytest.mark.slow
def test_the_sparsity_slider_moves_the_numbers(filled: Dashboard, page: Page) -> None:
    page.goto(f"{filled.url}/launch")
    parameters = page.get_by_test_id("stMetric").filter(has_text="Parameters").first
    expect(parameters).to_contain_text("241,936", timeout=120_000)
    slider = page.get_by_role("slider", name="Sparsity")
    slider.focus()
    for _ in range(20):
        slider.press("ArrowLeft")
    expect(parameters).to_contain_text("483,848", timeout=60_000)
    expect(parameters).to_contain_text("-60 %")


CONTROLS = """
() => {
  const told = {};
  const tell = (element, value) => {
    const key = element.closest('[class*="st-key-"]').className.match(/st-key-([a-z0-9_]+)/)[1];
    (told[key] ??= []).push(value);
  };
  const each = (selector, value) => document.querySelectorAll(selector).forEach(one => tell(one, value(one)));
  each('input[type=range]', one => one.getAttribute('aria-valuetext'));
  each('[role=radio][aria-checked=true]', one => one.innerText);
  each('[role=switch]', one => one.checked);
  each('[data-testid=stSelectbox] input', one => one.value);
  each('[data-testid=stMultiSelect] .react-aria-ComboBox [data-tag]', one => one.getAttribute('aria-label'));
  return told;
}
"""
"""What every control of the page is set to, by its name in the link."""

CHOSEN = {
    "dataset": ["digits"],
    "model": ["mnist_cnn"],
    "technique": ["l1_channel_pruning", "magnitude_pruning"],
    "sparsity": ["20", "90"],
    "least": ["50"],
    "bank": [False],
    "cost": ["Throughput"],
    "split": ["Test"],
    "by": ["technique"],
    "group": ["Processor of elsewhere, 6 runs, 6 your own"],
    "accuracy_limit": ["80.0"],
    "size_bytes_limit": ["500 KB"],
    "energy_per_sample_j_limit": ["1.00 J"],
    "latency_ms_limit": ["1.00 s"],
    "closer": ["A third objective"],
    "third": ["Lifetime energy"],
    "drawn_as": ["Parallel coordinates"],
    "predictions": ["2 million"],
}
"""None of them is what the page shows by itself, but for the one data set there is."""


def controls(page: Page) -> dict[str, list[object]]:
    """Return what every control is set to, those behind the filter button included."""
    page.get_by_role("button", name="Filters").click()
    expect(page.get_by_test_id("stMultiSelect").locator("[data-tag]")).to_have_count(3)
    found: dict[str, list[object]] = page.evaluate(CONTROLS)
    return found


@pytest.mark.slow
def test_a_link_restores_every_control_in_a_browser_that_knows_nothing(
    filled: Dashboard, browser: Browser, page: Page
) -> None:
    words = {"bank": ["false"], "cost": ["Latency"], "group": ["absent"]}
    query = [(name, word) for name, values in CHOSEN.items() for word in words.get(name, values)]
    page.goto(f"{filled.url}/explore?{urlencode(query)}")
    expect(page.locator(".st-key-chart .xtitle")).to_have_text(re.compile("Latency"))
    settle(page)
    page.locator(".st-key-cost").get_by_role("radio", name="Throughput").click()
    expect(page.locator(".st-key-chart .xtitle").first).to_have_text(re.compile("Throughput"))
    settle(page)  # until then the chart before stands there as well
    page.get_by_role("combobox", name="Measured on").click()
    page.get_by_role("option", name="Processor of elsewhere").click()
    expect(page).to_have_url(re.compile("group=(?!absent)"))
    settle(page)
    expect(page.locator(".js-plotly-plot").nth(1)).to_be_visible()
    assert controls(page) == CHOSEN
    drawn = page.locator(".st-key-chart .legendtext").all_text_contents()
    fresh = browser.new_context(viewport={"width": 1280, "height": 900})
    again = fresh.new_page()
    again.goto(page.url)
    expect(again.locator(".st-key-chart .xtitle")).to_have_text(re.compile("Throughput"))
    expect(again.locator(".js-plotly-plot").nth(1)).to_be_visible()
    settle(again)
    assert controls(again) == CHOSEN
    expect(again.locator(".st-key-chart .legendtext")).to_have_text(drawn)
    fresh.close()


def test_a_box_drawn_in_the_chart_fills_the_table(filled: Dashboard, page: Page) -> None:
    page.goto(f"{filled.url}/explore")
    chart = page.locator(".js-plotly-plot .nsewdrag").first
    expect(chart).to_be_visible(timeout=60_000)
    expect(page.get_by_role("heading", name="Points on the front")).to_be_visible()
    settle(page)  # what comes later moves the chart
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2, steps=8)
    page.mouse.up()
    expect(page.get_by_role("heading", name="Selected points")).to_be_visible(timeout=60_000)


def test_runs_are_compared_and_deleted_after_asking(filled: Dashboard, page: Page) -> None:
    page.goto(f"{filled.url}/results?model=mlp_student")
    expect(page.get_by_text(re.compile(r"^6 of 33 runs"))).to_be_visible(timeout=60_000)
    table = page.get_by_test_id("stDataFrame").first
    for row in (1, 2):
        table.click(position={"x": 17, "y": 35 * row + 18})
        settle(page)
    expect(page.get_by_role("heading", name="2 runs compared")).to_be_visible(timeout=60_000)
    page.get_by_role("tab", name="Cost of each stage").click()
    expect(page.locator(".js-plotly-plot .xtitle").first).to_have_text(re.compile("Training energy"))
    page.get_by_role("button", name="Delete 2 runs").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    expect(page.get_by_text(re.compile(r"^6 of 33 runs"))).to_be_visible()
    page.get_by_role("button", name="Delete 2 runs").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text(re.compile(r"^4 of 31 runs"))).to_be_visible(timeout=60_000)
