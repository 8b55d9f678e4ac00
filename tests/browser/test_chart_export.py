"""A chart taken away: the camera's picture in the format that was chosen, and a page that opens without a network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Dashboard
from tools.dashboard import settle

pytestmark = pytest.mark.slow


def taken(page: Page, button: Locator) -> Path:
    with page.expect_download() as download:
        button.click()
    return Path(download.value.path()).rename(Path(download.value.path()).with_name(download.value.suggested_filename))


def test_the_chart_comes_as_png_as_svg_and_as_a_page_of_its_own(filled: Dashboard, page: Page) -> None:
    page.goto(f"{filled.url}/explore")
    chart = page.locator(".st-key-chart")
    expect(chart.locator(".nsewdrag")).to_be_visible()
    settle(page)
    chart.hover()
    png = taken(page, chart.locator("[data-title^='Download plot']"))
    assert png.suffix == ".png" and png.read_bytes().startswith(b"\x89PNG") and png.stat().st_size > 20_000
    export = page.locator(".st-key-export")
    export.get_by_role("button", name="Download chart").click()
    page.get_by_role("radio", name="SVG").click()
    settle(page)
    html = taken(page, page.get_by_role("button", name="Download HTML"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Download HTML")).to_be_hidden()
    expect(chart.locator(".nsewdrag")).to_be_visible()
    chart.hover()
    svg = taken(page, chart.locator("[data-title^='Download plot']")).read_text("utf-8")
    assert svg.startswith("<svg") and "Validation accuracy (%)" in svg
    assert len(re.findall('class="point plotly-customdata"', svg)) == 11
    alone = page.context.new_page()
    alone.set_content(html.read_text("utf-8"))
    expect(alone.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    assert alone.evaluate("document.querySelector('.js-plotly-plot')._fullData.length") > 5
