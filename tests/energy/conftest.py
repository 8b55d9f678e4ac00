"""Pieces of work of known size, for tests that a meter cannot pass by guessing."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

LAUNCH = """
import subprocess, sys
quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
print(subprocess.Popen([sys.executable, "-c", "while True: pass"], **quiet).pid)
"""


@pytest.fixture
def size() -> int:
    """A size of work that no constant can be tuned to."""
    return random.SystemRandom().randint(20, 40)


@pytest.fixture
def burn() -> Iterator[Callable[[], None]]:
    """Return a function that starts a busy process outside our process tree: its parent is gone."""
    started: list[psutil.Process] = []

    def start() -> None:
        launched = subprocess.run([sys.executable, "-c", LAUNCH], check=True, capture_output=True, text=True)
        started.append(psutil.Process(int(launched.stdout)))

    yield start
    for process in started:
        process.kill()
