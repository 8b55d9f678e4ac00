"""Take the pictures of the README: the pages of a running dashboard, on the store that the settings name.

    python -m tools.screenshots [--folder docs/images]

Run something first, or the pictures show the shipped bank alone. The Jobs picture is taken while a job runs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize

from tools import dashboard

Theme = Literal["light", "dark"]
SIZE: ViewportSize = {"width": 1280, "height": 1220}
SCALE = 1.5
SETTLED_S = 2.0
"""Charts move into place after the page is there."""

PICTURES: dict[str, tuple[str, Theme]] = {
    "explore": ("explore?cost=Size", "light"),
    "explore-dark": ("explore?cost=Inference+energy", "dark"),
    "launch": ("launch", "light"),
    "overview": ("", "light"),
    "results": ("results?show=Published", "light"),
}
"""What is opened, and in which theme, by the name of the picture."""


def take(browser: Browser, url: str, folder: Path) -> None:
    """Take every picture."""
    for name, (path, theme) in PICTURES.items():
        page = _window(browser, theme)
        page.goto(f"{url}/{path}")
        _finished(page)
        page.screenshot(path=folder / f"{name}.png")
        page.context.close()
    page = _window(browser, "light")
    page.goto(url)
    page.get_by_role("button", name="Run your first experiment").click()
    page.get_by_test_id("stMetric").filter(has_text="Validation accuracy").filter(has_text="%").wait_for(timeout=60_000)
    page.screenshot(path=folder / "jobs.png")
    page.get_by_text("succeeded").first.wait_for(timeout=120_000)
    page.context.close()


def _window(browser: Browser, theme: Theme) -> Page:
    context = browser.new_context(viewport=SIZE, color_scheme=theme, device_scale_factor=SCALE)
    return context.new_page()


def _finished(page: Page) -> None:
    dashboard.settle(page)
    page.locator("[data-testid=stSkeleton]").first.wait_for(state="detached", timeout=60_000)
    dashboard.settle(page)
    time.sleep(SETTLED_S)


def main() -> None:
    """Read the folder and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=dashboard.ROOT / "docs" / "images", help="where the pictures go")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        log = Path(temporary) / "log"
        with dashboard.serving({}, log) as url, dashboard.chromium() as browser:
            take(browser, url, folder)


if __name__ == "__main__":
    main()
