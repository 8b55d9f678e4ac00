"""Joules of a call that is too short to measure: repeated in several windows, until the mean is known well."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from greenai_core.energy.interval import interval
from greenai_core.energy.window import Window
from greenai_core.record import EnergyKind, least_sure

CI_LIMIT = 0.05
"""Relative half-width of the 95 % interval that is aimed at."""

LOOK_EVERY_S = 0.01
"""How often the clock of a window is looked at; looking costs as much as the smallest calls."""


@dataclass(frozen=True)
class EnergyStats:
    """Joules per unit over several windows.

    Attributes:
        j_per_unit: mean over the windows; None if a window has none.
        kind: how sure the joules are; as sure as the least sure window.
        ci95_j: half-width of the 95 % interval of that mean (`greenai_core.energy.interval`); None for a single window.
        cv: standard deviation over mean.
        repeats: number of windows.
        n_iter: number of calls in all windows.
        latency_median_s: median wall time of one call.
        quality: every flag of the windows, and high_cv if the interval is wider than `CI_LIMIT`, or unknown.
        windows: the windows themselves.
    """

    j_per_unit: float | None
    kind: EnergyKind
    ci95_j: float | None
    cv: float | None
    repeats: int
    n_iter: int
    latency_median_s: float
    quality: tuple[str, ...]
    windows: tuple[Window, ...]


class Countable(Protocol):
    """An open window of the meter."""

    def count(self, n_iter: int, units: float) -> None:
        """Say how often the work was repeated and how many units that made."""
        ...

    @property
    def closed(self) -> Window:
        """The window, once it is closed."""
        ...


def benchmark(
    open_window: Callable[[], AbstractContextManager[Countable]],
    fn: Callable[[], object],
    units_per_call: float,
    *,
    min_cpu_s: float,
    min_wall_s: float,
    repeats: int,
    warmup_s: float,
    max_total_s: float,
) -> EnergyStats:
    """Repeat `fn` in windows; see `greenai_core.energy.meter.EnergyMeter.benchmark`.

    A window ends when it has lasted both `min_cpu_s` CPU-seconds of this process and `min_wall_s` seconds.
    """
    per_look = max(1, int(LOOK_EVERY_S / _warm_up(fn, warmup_s)))
    deadline = time.perf_counter() + max_total_s
    latencies: list[float] = []

    def measure() -> Window:
        with open_window() as opened:
            durations = _fill(fn, per_look, min_cpu_s, min_wall_s, deadline)
            opened.count(len(durations), len(durations) * units_per_call)
        latencies.extend(durations)
        return opened.closed

    windows = until_known(measure, repeats, lambda last: time.perf_counter() + last.wall_s > deadline)
    return summary(windows, latencies)


def until_known(measure: Callable[[], Window], repeats: int, too_late: Callable[[Window], bool]) -> list[Window]:
    """Measure windows until the 95 % interval of their mean is at most `CI_LIMIT` of it.

    Args:
        measure: measures one more window.
        repeats: least number of windows.
        too_late: whether there is no time for another one like the last.
    """
    windows = [measure()]
    while not too_late(windows[-1]) and (len(windows) < repeats or _wide(windows)):
        windows.append(measure())
    return windows


def _warm_up(fn: Callable[[], object], seconds: float) -> float:
    """Call `fn` for so long, at least once; returns the wall seconds of the last call, never 0."""
    start = time.perf_counter()
    while True:
        before = time.perf_counter()
        fn()
        now = time.perf_counter()
        if now - start >= seconds:
            return max(now - before, 1e-9)


def _fill(fn: Callable[[], object], per_look: int, min_cpu_s: float, min_wall_s: float, deadline: float) -> list[float]:
    """Call `fn` until the window is long enough or the deadline has passed; returns each call's wall seconds."""
    durations: list[float] = []
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    while True:
        for _ in range(per_look):
            before = time.perf_counter()
            fn()
            durations.append(time.perf_counter() - before)
        now = time.perf_counter()
        long_enough = time.process_time() - cpu_s >= min_cpu_s and now - wall_s >= min_wall_s
        if long_enough or now >= deadline:
            return durations


def _wide(windows: Sequence[Window]) -> bool:
    half = _half_width(windows)
    return half is None or half > CI_LIMIT * statistics.fmean(_known(windows))


def _half_width(windows: Sequence[Window]) -> float | None:
    return interval(_known(windows), statistics.fmean(window.wall_s for window in windows))


def _known(windows: Sequence[Window]) -> list[float]:
    return [window.j_per_unit for window in windows if window.j_per_unit is not None]


def summary(windows: Sequence[Window], latencies: Sequence[float]) -> EnergyStats:
    """Return what windows say together; `latencies` are the wall seconds of their calls."""
    values = _known(windows)
    complete = len(values) == len(windows)
    mean = statistics.mean(values) if complete else None
    flags = dict.fromkeys(flag for window in windows for flag in window.quality)
    if _wide(windows):
        flags["high_cv"] = None
    return EnergyStats(
        j_per_unit=mean,
        kind=least_sure(window.kind for window in windows) or "estimated",
        ci95_j=_half_width(windows) if complete else None,
        cv=statistics.stdev(values) / mean if mean and len(values) > 1 else None,
        repeats=len(windows),
        n_iter=len(latencies),
        latency_median_s=statistics.median(latencies),
        quality=tuple(flags),
        windows=tuple(windows),
    )
