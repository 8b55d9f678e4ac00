"""Work of known size, and neighbours that are busy beside it."""

from __future__ import annotations

import random
import subprocess
import sys

QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

LAUNCH = f"""
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "while True: pass"], **{QUIET}).pid)
"""


def work(size: int) -> int:
    """Keep one core busy; the CPU time is proportional to `size`, some milliseconds each."""
    total = 0
    for _ in range(size):
        total += sum(i * i for i in range(120_000))
    return total


def a_size() -> int:
    """Return a size of work that no constant can be tuned to."""
    return random.SystemRandom().randint(15, 30)


def start_neighbour() -> int:
    """Start a busy process outside our process tree, for its parent is gone; returns its id. Who starts it ends it."""
    return int(subprocess.run([sys.executable, "-c", LAUNCH], check=True, capture_output=True, text=True).stdout)
