"""Pieces of work of known size, for tests that a meter cannot pass by guessing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.energy.workload import a_size, start_neighbour


@pytest.fixture
def size() -> int:
    """A size of work that no constant can be tuned to."""
    return a_size()


@pytest.fixture
def burn() -> Iterator[Callable[[], None]]:
    """Return a function that starts a busy process outside our process tree."""
    started: list[psutil.Process] = []
    yield lambda: started.append(psutil.Process(start_neighbour()))
    for process in started:
        process.kill()
