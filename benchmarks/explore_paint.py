"""How long a person waits for the Explore page: from the request to the first paint, and until the points are drawn.

Headless Chromium, the shipped bank, a store without runs of its own. New: a browser that was never here, with nothing
cached. Known: one that was. The first load of the server fills the dashboard's own caches and is left out.

    python -m benchmarks.explore_paint [--quick] [--format table|json]
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ViewportSize

from benchmarks._report import arguments, emit
from greenai_core.settings import ROOT
from tools import dashboard

CLAIM_S = 3.0
SIZE: ViewportSize = {"width": 1280, "height": 900}
WARM_UP_S = 10
"""The process for previews is starting meanwhile, and takes the processor."""


def paint(context: BrowserContext, url: str) -> dict[str, float]:
    """Open the page in a window of its own; returns the seconds to the first contentful paint and the first point."""
    page = context.new_page()
    started = time.perf_counter()
    page.goto(f"{url}/explore", wait_until="commit")
    page.locator(".js-plotly-plot .point").first.wait_for(timeout=60_000)
    drawn_s = time.perf_counter() - started
    first_paint_ms = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    page.close()
    return {"first_paint_s": first_paint_ms / 1000, "drawn_s": drawn_s}


def loads(browser: Browser, url: str, count: int) -> list[dict[str, Any]]:
    """Load the page so many times in new browsers, and as often in one that knows it."""
    known = browser.new_context(viewport=SIZE)
    paint(known, url)
    rows = []
    for _ in range(count):
        new = browser.new_context(viewport=SIZE)
        rows.append({"browser": "new", **paint(new, url)})
        new.close()
        rows.append({"browser": "known", **paint(known, url)})
    return rows


def main() -> None:
    """Run the benchmark and print it."""
    options = arguments(__doc__)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = dashboard.own_store(folder) | {"GREENAI_BANK": str(ROOT / "results" / "bank")}
        os.environ |= settings
        from greenai_core.store import records

        runs = len(records.table())
        if not runs:
            raise SystemExit("results/bank/ holds no records; there is nothing to draw.")
        with dashboard.serving(settings, folder / "log") as url, dashboard.chromium() as browser:
            time.sleep(WARM_UP_S)
            rows = loads(browser, url, 2 if options.quick else 5)
        time.sleep(2 * dashboard.IDLE_EXIT_S)  # its folder goes only when the supervisor, which ends idle, is gone
    figures: dict[str, Any] = {"runs in the store": runs}
    for kind in ("known", "new"):
        own = [row for row in rows if row["browser"] == kind]
        first_paint_s = statistics.median(row["first_paint_s"] for row in own)
        figures[f"{kind} browser: seconds to the first paint, median (claim: below {CLAIM_S:g})"] = first_paint_s
        figures[f"{kind} browser: seconds until the points are drawn, median"] = statistics.median(
            row["drawn_s"] for row in own
        )
    emit(options, rows, figures=figures)


if __name__ == "__main__":
    main()
