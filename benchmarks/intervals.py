"""How often a nominal 95 % interval of the joules per sample holds the truth, on noise that was recorded.

Each simulated measurement takes consecutive windows from a recording (`tests.energy.record_noise`), beginning anywhere,
and decides as every measurement does when it has enough; the truth is the mean of the whole recording. Beside it
stands Student's interval, which takes consecutive windows for independent.

    python -m benchmarks.intervals [--quick] [--format table|json]
"""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from benchmarks._report import arguments, emit
from greenai_core.energy.benchmark import EnergyStats, summary, until_known
from greenai_core.energy.window import Window
from greenai_core.timing import PROFILES, Effort
from tests.energy.record_noise import FILE

MEASUREMENTS = 4000


@dataclass(frozen=True)
class Noise:
    """Consecutive windows of equal work: joules per sample of each, and their mean wall seconds."""

    j_per_unit: tuple[float, ...]
    window_s: float

    @property
    def truth(self) -> float:
        """The mean of the whole recording."""
        return statistics.fmean(self.j_per_unit)


def recordings() -> dict[str, Noise]:
    """Return every recording by its name."""
    stored = json.loads(FILE.read_text())
    return {name: Noise(tuple(noise["j_per_unit"]), noise["window_s"]) for name, noise in stored.items()}


def measured(noise: Noise, effort: Effort, begin: int) -> EnergyStats:
    """Return one simulated measurement that begins at this window; a longer window is the mean of as many."""
    length = round(effort.length)
    places = count(begin, length)
    windows_left = iter(range(round(effort.budget / length) - 1, -1, -1))

    def measure() -> Window:
        place = next(places)
        values: dict[str, Any] = dict.fromkeys(Window.__dataclass_fields__)
        values |= {"kind": "estimated", "quality": (), "wall_s": length * noise.window_s}
        return Window(**{**values, "j_per_unit": statistics.fmean(noise.j_per_unit[place : place + length])})

    return summary(until_known(measure, effort.repeats, lambda _: next(windows_left) == 0), [0.0])


def coverage(noise: Noise, effort: Effort, measurements: int) -> dict[str, float]:
    """Return how often our interval and Student's held the truth, and how often the figure was flagged high_cv."""
    chance = random.Random(0)
    held = students = flagged = 0
    for _ in range(measurements):
        stats = measured(noise, effort, chance.randrange(len(noise.j_per_unit) - round(effort.budget)))
        assert stats.j_per_unit is not None and stats.ci95_j is not None  # there are at least two windows
        error = abs(stats.j_per_unit - noise.truth)
        held += error <= stats.ci95_j
        students += error <= _student([window.j_per_unit or 0.0 for window in stats.windows])
        flagged += "high_cv" in stats.quality
    return {
        "held": held / measurements,
        "students_held": students / measurements,
        "flagged_high_cv": flagged / measurements,
    }


def _student(values: list[float]) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(len(values) - 1, 0.975)) * statistics.stdev(values) / len(values) ** 0.5


def pooled(rows: list[Mapping[str, Any]], profile: str) -> float:
    """Return the coverage over all recordings of a machine that nothing else used."""
    return statistics.fmean(
        row["held"] for row in rows if row["profile"] == profile and row["recording"].startswith("quiet")
    )


def main() -> None:
    """Run the simulation and print it."""
    options = arguments(__doc__)
    measurements = MEASUREMENTS // 10 if options.quick else MEASUREMENTS
    rows: list[Mapping[str, Any]] = [
        {"recording": name, "profile": profile, **coverage(noise, effort, measurements)}
        for name, noise in recordings().items()
        for profile, effort in PROFILES.items()
    ]
    figures = {
        f"{profile}: share of intervals on quiet recordings that hold the truth (claim: 0.93 to 0.97)": pooled(
            rows, profile
        )
        for profile in PROFILES
    }
    emit(options, rows, figures=figures)


if __name__ == "__main__":
    main()
