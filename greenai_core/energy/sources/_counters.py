"""What all hardware counters have in common: whether they advance, and by how much they grew."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep

from greenai_core.energy.sources._base import Reading

LOOK_EVERY_S = 0.05
"""Counters are refreshed every millisecond (RAPL) to every tenth of a second (NVML)."""


def advances(read: Callable[[], Reading], within_s: float) -> bool:
    """Tell whether every counter changes within so many seconds; one that cannot be read (NaN) does not.

    Emulated counters of virtual machines can be read and stand still; they would look like a measured 0 J.
    """
    first = read()
    for _ in range(round(within_s / LOOK_EVERY_S)):
        sleep(LOOK_EVERY_S)
        if all(now > was or now < was for was, now in zip(first, read(), strict=True)):
            return True
    return False


def grown(before: Reading, after: Reading) -> float | None:
    """Return by how much the counters grew together; None if one went back or could not be read (NaN)."""
    differences = [last - first for first, last in zip(before, after, strict=True)]
    return sum(differences) if all(difference >= 0 for difference in differences) else None
