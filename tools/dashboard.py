"""A real dashboard and a real Chromium, for browser tests, benchmarks and screenshots."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""The system's own browser; None where there is none."""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
STARTS_WITHIN_S = 60.0
IDLE_EXIT_S = 5
"""The supervisor of a store of its own ends so long after the dashboard and the last job."""


@contextmanager
def serving(settings: Mapping[str, str], log: Path, script: str = "app.py") -> Iterator[str]:
    """Run the dashboard with the environment variables `settings` on a free port; yields its address.

    Raises:
        RuntimeError: it did not start; the message holds its log.
    """
    flags = ["--server.headless", "true", "--server.fileWatcherType", "none", "--server.port"]
    command = [sys.executable, "-m", "streamlit", "run", script, *flags]
    with answering(command, "/_stcore/health", settings, log) as url:
        yield url


@contextmanager
def answering(command: Sequence[str], path: str, settings: Mapping[str, str], log: Path) -> Iterator[str]:
    """Run a server with the environment variables `settings`; yields its address once it answers at `path`.

    The port is the last word of its command.

    Raises:
        RuntimeError: it did not start; the message holds its log.
    """
    port = _free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, str(port)], cwd=ROOT, env={**os.environ, **settings}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}{path}", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the system's Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def visitors(folder: Path, count: int, size: ViewportSize) -> Iterator[list[BrowserContext]]:
    """Run so many Chromiums without a window, each with a profile of its own below `folder`, as people have one.

    From the third visit on a profile keeps the scripts of a page as they are compiled; `chromium` forgets everything.
    """
    with sync_playwright() as playwright:
        kept = [
            playwright.chromium.launch_persistent_context(
                folder / f"profile-{number}", executable_path=CHROMIUM, args=list(FLAGS), viewport=size
            )
            for number in range(count)
        ]
        yield kept
        for context in kept:
            context.close()


def settle(page: Page) -> None:
    """Wait until no script of the page is running."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=60_000)


def own_store(folder: Path) -> dict[str, str]:
    """Return settings for a store of its own, in `folder`, beside no bank."""
    return {
        "GREENAI_DATABASE_URL": f"sqlite:///{folder / 'greenai.db'}",
        "GREENAI_ARTIFACTS": str(folder / "artifacts"),
        "GREENAI_DATA_DIR": str(folder / "data"),
        "GREENAI_BANK": str(folder / "bank"),
        "GREENAI_IDLE_EXIT_S": str(IDLE_EXIT_S),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == HTTPStatus.OK:
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")
