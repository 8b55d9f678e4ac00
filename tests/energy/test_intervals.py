"""Whether 95 % intervals hold the truth 95 times of 100, on noise that was recorded (`benchmarks.intervals`)."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from benchmarks.intervals import coverage, measured, recordings
from greenai_core.energy.benchmark import CI_LIMIT
from greenai_core.energy.interval import CORRELATION_S, DRIFT, interval
from greenai_core.timing import PROFILES

NOISE = recordings()
QUIET = [name for name in NOISE if name.startswith("quiet")]


@pytest.mark.parametrize("profile", PROFILES)
def test_nominal_95_percent_intervals_hold_the_truth(profile: str) -> None:
    """Over the recordings of a machine that nothing else used; what a busy one does, `shared_machine` flags."""
    held = [coverage(NOISE[name], PROFILES[profile], 2000)["held"] for name in QUIET]
    assert 0.93 <= statistics.fmean(held) <= 0.97


@pytest.mark.parametrize("name", NOISE)
def test_a_wide_interval_is_flagged_and_no_other(name: str) -> None:
    for begin in range(0, 200, 10):
        stats = measured(NOISE[name], PROFILES["quick"], begin)
        assert stats.ci95_j is not None and stats.j_per_unit is not None
        assert ("high_cv" in stats.quality) == (stats.ci95_j > CI_LIMIT * stats.j_per_unit)


def test_the_recordings_are_noise() -> None:
    """Of the spread that equal windows have; a flat line would prove nothing."""
    assert {"quiet", "quiet, later", "busy"} <= set(NOISE)
    for noise in NOISE.values():
        assert len(noise.j_per_unit) >= 300
        assert len(set(noise.j_per_unit)) > 150
        assert statistics.stdev(noise.j_per_unit) > 0.002 * noise.truth


def test_windows_far_apart_are_independent_and_students_interval_holds() -> None:
    # scipy.stats.t.interval(0.95, 2, loc=0, scale=sem([-1, 0, 1])) is (-2.484, 2.484)
    assert interval([-1.0, 0.0, 1.0], window_s=1e6) == pytest.approx(2.4841, abs=1e-4)
    assert interval([1.0], window_s=1.0) is None


def test_windows_close_together_say_less() -> None:
    widths = [interval([-1.0, 0.0, 1.0], window_s) or 0.0 for window_s in (0.05, 0.3, 1.0, 10.0)]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 3 * widths[-1]


def test_no_number_of_equal_windows_makes_a_drifting_machine_certain() -> None:
    assert interval([2.0] * 50, window_s=1.0) == pytest.approx(1.96 * DRIFT * 2.0)


@pytest.mark.parametrize("window_s", [0.1, 0.3, 2.0])
def test_interval_is_right_for_the_noise_that_it_assumes(window_s: float) -> None:
    """Windows of a simulated Ornstein-Uhlenbeck process of mean 0, sampled finely within each window."""
    chance, steps = random.Random(1), 20
    kept = math.exp(-window_s / steps / CORRELATION_S)
    held, measurements = 0, 1500
    for _ in range(measurements):
        noise, means = chance.gauss(0, 1), []
        for _ in range(8):
            path = []
            for _ in range(steps):
                noise = kept * noise + math.sqrt(1 - kept**2) * chance.gauss(0, 1)
                path.append(noise)
            means.append(statistics.fmean(path))
        half = interval(means, window_s)
        assert half is not None
        held += abs(statistics.fmean(means)) <= half
    assert 0.92 <= held / measurements <= 0.98
