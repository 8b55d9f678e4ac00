"""What fronts, ranks and the choice of drawn points take in process, and how that grows with the number of runs.

The runs are simulated: size over four powers of ten, energy in proportion to it give or take a factor of about two, and
an accuracy that saturates with size, with noise. Beside the front stand two filters that compare every run with every
other: one as the definition of dominance reads, a run against the table of all others at a time in numpy, and one that
is tuned as far as numpy allows. All of it works on one thread, and what is told is that thread's processor time: a busy
machine interrupts what takes long and lets pass what does not, which would move ratios of durations. Medians of several
turns that all tasks share; each is done once before it is timed, so that all find the caches warm.

    python -m benchmarks.fronts [--quick] [--format table|json]
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks._report import arguments, emit
from greenai_core.analysis.pareto import front_mask
from greenai_core.analysis.ranks import ranks
from greenai_core.analysis.thinning import thin

SMALL, MIDDLE, LARGE = 10_000, 100_000, 1_000_000
MAXIMIZE = (True, False, False)
FRONT, QUADRATIC, TUNED = "front of {:,}", f"quadratic filter of {SMALL:,}", f"tuned quadratic filter of {SMALL:,}"
RANKS, THINNING = f"ranks of {MIDDLE:,}", f"thinning of {LARGE:,}"
BLOCK = 64
"""Runs that the tuned filter compares with all others at once: their comparisons fit the processor's cache."""


def runs(count: int) -> np.ndarray:
    """Return accuracy, size and energy of so many simulated runs, as floats (count, 3)."""
    chance = np.random.default_rng(0)
    size_bytes = 10 ** chance.uniform(4, 8, count)
    energy_j = 1e-9 * size_bytes * np.exp(chance.normal(0, 0.7, count))
    accuracy = 0.99 - 0.3 * (size_bytes / 1e4) ** -0.4 - np.abs(chance.normal(0, 0.02, count))
    return np.column_stack([accuracy, size_bytes, energy_j])


def quadratic(values: np.ndarray) -> np.ndarray:
    """Return the mask of `front_mask` for `MAXIMIZE` by definition: none is as good everywhere, better once."""
    losses = values * np.where(MAXIMIZE, -1.0, 1.0)
    beaten = [((losses <= row).all(axis=1) & (losses < row).any(axis=1)).any() for row in losses]
    return ~np.array(beaten)


def tuned(values: np.ndarray) -> np.ndarray:
    """Return the same by as many comparisons, each of them fast: equal runs once, by column, in blocks.

    Among runs that all differ, one is beaten exactly where another is as good everywhere; so half the comparisons do.
    """
    losses, place = np.unique(values * np.where(MAXIMIZE, -1.0, 1.0), axis=0, return_inverse=True)
    columns = [np.ascontiguousarray(column) for column in losses.T]
    best = np.empty(len(losses), dtype=bool)
    for start in range(0, len(losses), BLOCK):
        rows = slice(start, start + BLOCK)
        as_good = columns[0] <= columns[0][rows, None]
        for column in columns[1:]:
            as_good &= column <= column[rows, None]
        best[rows] = np.count_nonzero(as_good, axis=1) == 1  # itself
    return best[place.ravel()]


def tasks() -> dict[str, Callable[[], Any]]:
    """Return what is timed, by its name."""
    small, middle, large = runs(SMALL), runs(MIDDLE), runs(LARGE)
    drawn, front = np.log10(large[:, 1]), front_mask(large, MAXIMIZE)
    return {
        FRONT.format(SMALL): lambda: front_mask(small, MAXIMIZE),
        FRONT.format(MIDDLE): lambda: front_mask(middle, MAXIMIZE),
        FRONT.format(LARGE): lambda: front_mask(large, MAXIMIZE),
        QUADRATIC: lambda: quadratic(small),
        TUNED: lambda: tuned(small),
        RANKS: lambda: ranks(middle, MAXIMIZE),
        THINNING: lambda: thin(drawn, large[:, 0], front),
    }


def timed(turns: int) -> dict[str, float]:
    """Return the median milliseconds of processor time of each task."""
    todo = tasks()
    taken: dict[str, list[float]] = {name: [] for name in todo}
    for _ in range(turns):
        for name, task in todo.items():
            task()
            started = time.thread_time()
            task()
            taken[name].append(1000 * (time.thread_time() - started))
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> None:
    """Run the benchmark and print it."""
    options = arguments(__doc__)
    some = runs(2000)
    if not (quadratic(some) == front_mask(some, MAXIMIZE)).all() or not (tuned(some) == quadratic(some)).all():
        raise SystemExit("the ways of finding the front disagree.")
    median_ms = timed(2 if options.quick else 5)
    small, middle, large = (median_ms[FRONT.format(count)] for count in (SMALL, MIDDLE, LARGE))
    ratios = {
        f"{QUADRATIC} / front (claim: at least 100)": median_ms[QUADRATIC] / small,
        f"{TUNED} / front": median_ms[TUNED] / small,
        f"front of {LARGE:,} / front of {SMALL:,} (claim: at most 250)": large / small,
        f"{RANKS} / front": median_ms[RANKS] / middle,
        f"{THINNING} / front": median_ms[THINNING] / large,
    }
    figures = {f"{RANKS}: seconds of processor time (claim: at most 0.5)": median_ms[RANKS] / 1000}
    rows: list[Mapping[str, Any]] = [{"what": name, "median_cpu_ms": value} for name, value in median_ms.items()]
    emit(options, rows, ratios=ratios, figures=figures)


if __name__ == "__main__":
    main()
