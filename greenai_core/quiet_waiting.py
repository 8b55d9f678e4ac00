"""How every process that measures waits and keeps memory; to be said before torch is imported, which this does not.

A thread that waits must sleep, or the time it waits is counted as work (2.5 times the CPU-seconds on a machine that
has other things to do). codecarbon announces itself on standard error unless it is told not to.

Freed memory is kept for the next step. By default glibc gives the end of its heap back to the system as soon as it is
free, and gets it anew page by page. How often depends on what happens to lie there: of one epoch of mnist_cnn in a run
that took 18 of 47 CPU-seconds, in other trainings next to nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

ENVIRONMENT = {"OMP_WAIT_POLICY": "passive", "CODECARBON_LOG_LEVEL": "error"}

KEPT_BYTES = 256 * 2**20
"""Free memory at the end of the heap that a process keeps at most."""
MAPPED_FROM_BYTES = 32 * 2**20
"""Blocks from this size on, the largest that glibc allows, are asked of the system one by one."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def wait_quietly() -> None:
    """Set `ENVIRONMENT` in this process and those that it starts, and let this one keep the memory that it frees."""
    os.environ.update(ENVIRONMENT)
    # TypeError: Windows has no library of the process itself; AttributeError: its C library is not glibc.
    with contextlib.suppress(TypeError, AttributeError):
        tune = ctypes.CDLL(None).mallopt
        tune(_M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)
        tune(_M_TRIM_THRESHOLD, KEPT_BYTES)
