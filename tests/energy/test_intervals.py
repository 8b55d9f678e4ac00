"""Whether 95 % intervals hold the truth 95 times of 100, on noise that was recorded (`tests.energy.record_noise`).

Each simulated measurement draws the windows of a profile from the recording, in the order of chance, and decides as
`benchmark` does when it has enough; the truth is the mean of the whole recording. The order of chance is an
assumption: what drifts from one minute to the next moves all windows of a measurement together, and no interval that
is made within seconds can tell. README, "Measuring energy", says so.
"""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Sequence
from typing import Any, cast

import pytest

from greenai_core.energy.benchmark import CI_LIMIT, EnergyStats, summary, t_interval, until_known
from greenai_core.energy.window import Window
from greenai_core.timing import PROFILES, Effort
from tests.energy.record_noise import FILE

NOISE: dict[str, list[float]] = json.loads(FILE.read_text())
MEASUREMENTS = 3000


def window(j_per_unit: float) -> Window:
    values: dict[str, Any] = dict.fromkeys(Window.__dataclass_fields__)
    return Window(**{**values, "kind": "estimated", "quality": (), "j_per_unit": j_per_unit})


def measured(chance: random.Random, noise: Sequence[float], effort: Effort) -> EnergyStats:
    """Return one simulated measurement; a longer window is the mean of as many recorded ones."""
    length = round(effort.length)
    windows_left = iter(range(round(effort.budget / length) - 1, -1, -1))

    def measure() -> Window:
        return window(statistics.fmean(chance.choices(noise, k=length)))

    return summary(until_known(measure, effort.repeats, lambda _: next(windows_left) == 0), [0.0])


@pytest.mark.parametrize("recording", NOISE)
@pytest.mark.parametrize("profile", PROFILES)
def test_nominal_95_percent_intervals_hold_the_truth(recording: str, profile: str) -> None:
    chance, noise = random.Random(0), NOISE[recording]
    truth = statistics.fmean(noise)
    held = 0
    for _ in range(MEASUREMENTS):
        stats = measured(chance, noise, PROFILES[profile])
        assert stats.j_per_unit is not None
        assert stats.ci95_j is not None
        held += abs(stats.j_per_unit - truth) <= stats.ci95_j
        assert ("high_cv" in stats.quality) == (stats.ci95_j > CI_LIMIT * stats.j_per_unit)
    assert 0.93 <= held / MEASUREMENTS <= 0.97


def test_the_recordings_are_noise() -> None:
    """Of the spread that equal windows have; a flat line would prove nothing."""
    for noise in NOISE.values():
        assert len(noise) >= 300
        assert len(set(noise)) > len(noise) / 2
        assert statistics.stdev(noise) > 0.002 * statistics.fmean(noise)


def test_students_interval() -> None:
    assert t_interval([1.0]) is None
    # scipy.stats.t.interval(0.95, 2, loc=2, scale=sem([1, 2, 3])) is (-0.484, 4.484)
    assert cast("float", t_interval([1.0, 2.0, 3.0])) == pytest.approx(2.4841, abs=1e-4)
