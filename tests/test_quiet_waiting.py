"""A process that measures keeps the memory that it frees, instead of getting it anew page by page."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource
for step in range(12):
    if step == 2:  # by then the heap has its size
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [bytearray(25 * 2**20) for _ in range(3)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages(preparation: str) -> int:
    """Return how many pages ten steps, each of which frees what it has allocated, are given by the system."""
    done = subprocess.run([sys.executable, "-c", preparation + STEPS], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries cannot be told")
def test_memory_that_a_step_frees_is_there_for_the_next_one() -> None:
    plain = pages("")
    quiet = pages("from greenai_core.quiet_waiting import wait_quietly\nwait_quietly()\n")
    assert plain > 10_000
    assert quiet < plain / 100
