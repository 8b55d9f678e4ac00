"""How the Explore page bears very many records: from the request to the chart, and from a slider to the changed chart.

Headless Chromium drives every page in one run, in turn, each in a browser with a profile of its own that knows the page
(as people have one), and on a server that has shown it. Drawn means: plotly holds the new data, has laid it out, and
two frames have gone by. Records are those of the shipped bank, varied (`benchmarks._many`): of six, five are seeds of
one recipe and one is a recipe of its own.

- Ours at 1,000 and 100,000 records: what the store's size costs.
- The page that one writes first (`benchmarks._plain`), which reads the store and sends all 100,000 points and rows
  whenever something changes; and the same page where the rows are kept once they are read.
- optuna-dashboard with the values of 10,000 records as trials with two objectives, beside ours with those records.

The fronts alone, in process, are the matter of `benchmarks.fronts`.

    pip install -r requirements-benchmarks.txt
    python -m benchmarks.explore [--quick] [--format table|json]
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import BrowserContext, Page, ViewportSize

from benchmarks import _many
from benchmarks._report import arguments, emit
from greenai_core.settings import ROOT
from tools import dashboard

SIZE: ViewportSize = {"width": 1280, "height": 900}
PATIENCE_MS = 120_000
VISITS_BEFORE = 3
"""From then on a browser keeps what it has compiled of a page's scripts."""
WARM_UP_S = 20
"""Processes for jobs and previews are starting meanwhile, and take the processor."""
LINGER_S = 45
"""A supervisor ends so long after its dashboard: later than dashboards say that they are open, every 30 s, else each of
them would start a new one while pages are timed."""

MOVED = 3
"""Loads after which the slider is moved: moves of one window differ by half, whatever the store holds, and five of them
would not tell 1.0 from 1.3."""

PLAIN = {"plain": "benchmarks/_plain_page.py", "plain, cached": "benchmarks/_plain_page_cached.py"}

LEAST = 90
"""Percent at which the slider stands at first: most points lie above, and every step takes some away."""

DRAWN = """
([chart, least]) => {
  const drawn = Array.from(document.querySelectorAll(chart)).filter(plot =>
    plot.data && plot.data !== window.before && plot._fullData && plot.calcdata
    && plot.calcdata.length === plot._fullData.length
    && plot._fullData.reduce((sum, trace) => sum + (trace.x ? trace.x.length : 0), 0) >= least);
  window.frames_since = drawn.length ? (window.frames_since || 0) + 1 : 0;
  return window.frames_since > 2;
}
"""
"""Whether some chart holds other data than `window.before`, so many points at least, and has been laid out."""

REMEMBER = "chart => { window.before = document.querySelector(chart).data; window.frames_since = 0; }"
CHART, ANY_CHART = ".st-key-chart .js-plotly-plot", ".js-plotly-plot"


@dataclass(frozen=True)
class Subject:
    """A page to be timed: its name, the records it shows, its address, its chart, and the points of that at least."""

    name: str
    records: int
    address: str
    points: int
    chart: str = CHART


def load(context: BrowserContext, subject: Subject) -> tuple[float, Page]:
    """Open the page in a window of its own; returns the seconds until its chart is drawn, and the window."""
    page = context.new_page()
    started = time.perf_counter()
    page.goto(subject.address, wait_until="commit")
    page.wait_for_function(DRAWN, arg=[subject.chart, subject.points], timeout=PATIENCE_MS, polling="raf")
    return time.perf_counter() - started, page


def updates(page: Page, count: int) -> list[float]:
    """Move the slider by one step so often; returns the seconds until each changed chart is drawn."""
    dashboard.settle(page)
    page.get_by_role("slider", name="Least accuracy").focus()
    found = []
    for _ in range(count):
        page.wait_for_timeout(1000)
        page.evaluate(REMEMBER, CHART)
        started = time.perf_counter()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(DRAWN, arg=[CHART, 1], timeout=PATIENCE_MS, polling="raf")
        found.append(time.perf_counter() - started)
        dashboard.settle(page)
    return found


def timed(contexts: list[BrowserContext], subjects: list[Subject], count: int) -> list[dict[str, Any]]:
    """Load every page so often, in turn, and move its slider, where it has ours, so often after each of `MOVED` loads.

    Visits before that are left out.
    """
    loads: list[list[float]] = [[] for _ in subjects]
    moves: list[list[float]] = [[] for _ in subjects]
    for visit in range(VISITS_BEFORE + count):
        for taken, moved, context, subject in zip(loads, moves, contexts, subjects, strict=True):
            seconds, page = load(context, subject)
            taken.append(seconds)
            if "least=" in subject.address and visit >= VISITS_BEFORE + count - MOVED:
                moved.extend(updates(page, count))
            page.close()
    return [
        {
            "page": subject.name,
            "records": subject.records,
            "load_s": statistics.median(taken[VISITS_BEFORE:]),
            "update_s": statistics.median(moved) if moved else None,
            "loads_s": [round(seconds, 2) for seconds in taken[VISITS_BEFORE:]],
            "updates_s": [round(seconds, 2) for seconds in moved],
        }
        for taken, moved, subject in zip(loads, moves, subjects, strict=True)
    ]


@contextmanager
def store(records: int) -> Iterator[tuple[dict[str, str], Path]]:
    """Fill a store; yields the settings that name it, and its folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = dashboard.own_store(folder) | {"GREENAI_IDLE_EXIT_S": str(LINGER_S)}
        before = dict(os.environ)
        os.environ |= settings | {"GREENAI_BANK": str(ROOT / "results" / "bank")}
        sys.stderr.write(f"storing {records:,} records\n")
        _many.fill(records)
        os.environ.clear()
        os.environ |= before
        yield settings, folder


def trials(settings: Mapping[str, str], folder: Path) -> str:
    """Store the records of a store as optuna's trials with two objectives; returns the URL of their database."""
    optuna: Any = import_module("optuna")
    sys.stderr.write("storing them as trials\n")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with sa.create_engine(settings["GREENAI_DATABASE_URL"]).connect() as connection:
        rows = connection.execute(sa.text("SELECT accuracy_val, size_bytes, sparsity, seed FROM run")).all()
    url = f"sqlite:///{folder / 'trials.db'}"
    storage = optuna.storages.RDBStorage(url)

    @sa.event.listens_for(storage.engine, "connect")
    def fast(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    storage.engine.dispose()
    study = optuna.create_study(storage=storage, study_name="runs", directions=["maximize", "minimize"])
    spans = {
        "sparsity": optuna.distributions.FloatDistribution(0, 1),
        "seed": optuna.distributions.IntDistribution(0, 9),
    }
    study.add_trials(
        optuna.trial.create_trial(values=[accuracy, size], params={"sparsity": part, "seed": seed}, distributions=spans)
        for accuracy, size, part, seed in rows
    )
    storage.engine.dispose()
    return url


def main() -> None:
    """Run the benchmark and print it."""
    options = arguments(__doc__)
    few, some, many = (300, 600, 2_000) if options.quick else (1_000, 10_000, 100_000)
    if find_spec("optuna_dashboard") is None:
        raise SystemExit("optuna-dashboard is missing: pip install -r requirements-benchmarks.txt")
    with ExitStack() as folders:
        stores = {count: folders.enter_context(store(count)) for count in (few, some, many)}
        rows = shown(stores, few, some, many, 2 if options.quick else 5)
        time.sleep(LINGER_S + 5)  # the folders can go when the supervisors, which end idle, are gone
    emit(options, rows, ratios=ratios(rows, few, some, many))


Stores = Mapping[int, tuple[dict[str, str], Path]]


def shown(stores: Stores, few: int, some: int, many: int, count: int) -> list[dict[str, Any]]:
    """Serve every page and time it so often."""
    with ExitStack() as stack:
        subjects = []
        for records, (settings, folder) in stores.items():
            url = stack.enter_context(dashboard.serving(settings, folder / "log"))
            subjects.append(Subject("ours", records, f"{url}/explore?least={LEAST}", 1))
        settings, folder = stores[many]
        for name, script in PLAIN.items():
            url = stack.enter_context(dashboard.serving(settings, folder / f"{name}.log", script))
            subjects.append(Subject(name, many, f"{url}/?least={LEAST}", many // 10))
        settings, folder = stores[some]
        other = [str(Path(sys.executable).with_name("optuna-dashboard")), trials(settings, folder), "--port"]
        url = stack.enter_context(dashboard.answering(other, "/dashboard", {}, folder / "optuna.log"))
        subjects.append(Subject("optuna-dashboard", some, f"{url}/dashboard/studies/1", some, ANY_CHART))
        profiles = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        contexts = stack.enter_context(dashboard.visitors(profiles, len(subjects), SIZE))
        time.sleep(WARM_UP_S)
        return timed(contexts, subjects, count)


def ratios(rows: list[dict[str, Any]], few: int, some: int, many: int) -> dict[str, float]:
    """Return what is claimed of the timed pages."""
    at = {(row["page"], row["records"]): row for row in rows}
    ours = at["ours", many]

    def ratio(above: Mapping[str, Any], below: Mapping[str, Any], what: str) -> float:
        return float(above[what] / below[what])

    cached = at["plain, cached", many]
    return {
        f"load, {many:,} / {few:,} records (claim: at most 1.3)": ratio(ours, at["ours", few], "load_s"),
        f"update, {many:,} / {few:,} records (claim: at most 1.3)": ratio(ours, at["ours", few], "update_s"),
        f"load, plain page / ours at {many:,} (claim: at least 4)": ratio(at["plain", many], ours, "load_s"),
        f"update, plain page / ours at {many:,} (claim: at least 10)": ratio(at["plain", many], ours, "update_s"),
        f"load, plain page that keeps the rows / ours at {many:,}": ratio(cached, ours, "load_s"),
        f"update, plain page that keeps the rows / ours at {many:,}": ratio(cached, ours, "update_s"),
        f"load, optuna-dashboard / ours at {some:,} (claim: at least 3)": ratio(
            at["optuna-dashboard", some], at["ours", some], "load_s"
        ),
    }


if __name__ == "__main__":
    main()
