"""A real dashboard on a store of its own, and a real Chromium that may talk to nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from greenai_core.record import Record
from greenai_core.store import records
from tests import factory
from tools import dashboard

expect.set_options(timeout=30_000)
"""Waiting longer costs nothing where a test passes, and a busy machine is no failure."""

OPENINGS = 4
"""So often a list is opened at most, see `choose`."""

LOCAL = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if dashboard.CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium here: apt-get install chromium"))


def choose(box: Locator, typed: str, option: str) -> None:
    """Choose from a list by typing into it.

    Streamlit closes an open list when the page moves or is drawn anew below it, as one does that is still loading; a
    person opens it again then, and so does this.
    """
    wanted = box.page.get_by_role("option", name=option, exact=True)
    for _ in range(OPENINGS):
        box.click()
        box.press_sequentially(typed)
        try:
            return wanted.click(timeout=5_000)
        except TimeoutError:
            box.press("Escape")
    raise AssertionError(f"{typed!r} offers no {option!r}")


@dataclass(frozen=True)
class Dashboard:
    """A running dashboard: where it answers, and the settings of its store."""

    url: str
    settings: dict[str, str]

    def save(self, *found: Record) -> None:
        """Put records into its store."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.settings.items():
                patch.setenv(name, value)
            for record in found:
                records.save(record)


GONE = "starlette.websockets.WebSocketDisconnected: "
"""A browser that leaves while it is being answered. Streamlit takes this RuntimeError of Starlette for a text frame and
closes the socket once more, which raises it again; no page is at fault, and nobody is there to miss anything."""


def tracebacks(log: str) -> list[str]:
    """Return how each traceback ends that a dashboard has logged, but for those of sockets whose browser had left."""
    lines = iter(log.splitlines())
    ends = [next((end for end in lines if end and not end[0].isspace()), "") for line in lines if "Traceback" in line]
    return [end for end in ends if not end.startswith(GONE)]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Dashboard]]:
    """Start dashboards on empty stores; they end with the module, and none may have logged a traceback."""
    logs: list[Path] = []
    with ExitStack() as running:

        def begin() -> Dashboard:
            folder = tmp_path_factory.mktemp("dashboard")
            logs.append(folder / "log")
            settings = dashboard.own_store(folder)
            return Dashboard(running.enter_context(dashboard.serving(settings, logs[-1])), settings)

        yield begin
    for log in logs:
        assert not tracebacks(log.read_text()), log.read_text()


@pytest.fixture(scope="module")
def filled(start: Callable[[], Dashboard]) -> Dashboard:
    """A dashboard whose store holds runs of two machines."""
    found = start()
    found.save(*factory.records(2), *factory.records(1, host="elsewhere", kind="measured"))
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with dashboard.chromium() as chromium:
        yield chromium


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window without history; fails if a script of the page does, or if anything is fetched from elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []

    def look_at(url: str) -> None:
        if not url.startswith(LOCAL):
            complaints.append(f"fetched {url}")

    context.on("request", lambda request: look_at(request.url))
    context.on("weberror", lambda error: complaints.append(f"page error: {error.error}"))
    window = context.new_page()
    window.on("websocket", lambda socket: look_at(socket.url))
    yield window
    context.close()
    assert not complaints, complaints
