"""The environment of every process that measures; it must be set before torch is imported, and this imports nothing.

A thread that waits must sleep, or the time it waits is counted as work (2.5 times the CPU-seconds on a machine that
has other things to do). codecarbon announces itself on standard error unless it is told not to.
"""

from __future__ import annotations

import os

ENVIRONMENT = {"OMP_WAIT_POLICY": "passive", "CODECARBON_LOG_LEVEL": "error"}


def wait_quietly() -> None:
    """Set `ENVIRONMENT` in this process and those that it starts."""
    os.environ.update(ENVIRONMENT)
