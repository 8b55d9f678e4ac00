"""A piece of work of known size."""

from __future__ import annotations


def work(size: int) -> int:
    """Keep one core busy; the CPU time is proportional to `size`, some milliseconds each."""
    total = 0
    for _ in range(size):
        total += sum(i * i for i in range(120_000))
    return total
