"""How far two runs differ, and the 95 % interval of that difference, from what is known of how each of them errs.

Shares such as accuracies differ by points, everything else by a ratio. Three sources tell how sure that is, the first
that applies is taken:

- both recipes have several seeds: the difference of the means over the seeds, or of their logarithms for a ratio;
- accuracies of two runs on the same images. The interval takes the images of the two runs for independent samples; they
  are the same ones, on which the runs mostly agree, so that it is rather too wide. It says nothing of other seeds;
- energies that were read several times, from the intervals of the two means.

`greenai_core.analysis.intervals` has the methods and their sources.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from greenai_core import units
from greenai_core.analysis import grids
from greenai_core.analysis.figures import FIGURES, GRID, Figure
from greenai_core.analysis.intervals import Floats, combined, newcombe, welch
from greenai_core.analysis.replicates import READINGS, points
from greenai_core.record import Record

Interval = tuple[float, float]
Basis = Literal["seeds", "images", "readings"]

BASES: dict[Basis, str] = {
    "seeds": "Where seeds are named, the means over the stored seeds of both recipes are compared, not the two runs "
    "alone (Welch's interval). Runs of one seed may share stages, which makes it rather too wide.",
    "images": "Accuracies without seeds are of these two models alone (Newcombe's score interval). Both saw the same "
    "images, so that it is rather too wide than too narrow.",
    "readings": "Energies without seeds are ratios of two means of repeated readings, whose intervals are combined.",
}
"""What the intervals of each source mean, for people."""


@dataclass(frozen=True)
class Difference:
    """By how much the other of two runs differs from the first.

    Attributes:
        value: of shares in [0, 1] the other less the first; of all else the other over the first, less 1. NaN where the
            first is 0.
        interval: ends of the 95 % interval of `value`; None: unknown.
        basis: what the interval rests on; None: there is none.
        seeds: of the first and the other recipe, where `basis` is "seeds".
        points: whether `value` is a difference of shares.
    """

    value: float
    points: bool
    interval: Interval | None = None
    basis: Basis | None = None
    seeds: tuple[int, int] | None = None

    @property
    def undecided(self) -> bool:
        """Whether the interval includes 0: there is no difference that these runs can tell."""
        return self.interval is not None and self.interval[0] <= 0 <= self.interval[1]

    @property
    def text(self) -> str:
        """Write it: ``-1.20 points (-1.85 to -0.55)``, ``-81 % (-83 to -79 %); 5 + 5 seeds``."""
        shown = f"{self.value * 100:+.2f} points" if self.points else units.change(1 + self.value, 1)
        if math.isnan(self.value):
            shown = units.UNKNOWN
        if self.interval is None:
            return shown
        ends = " to ".join(f"{end * 100:+.2f}" if self.points else _percent(end) for end in self.interval)
        seeds = f"; {self.seeds[0]} + {self.seeds[1]} seeds" if self.seeds else ""
        apart = ", not told apart" if self.undecided else ""
        return f"{shown} ({ends}{'' if self.points else ' %'}){apart}{seeds}"


def of_runs(figure: Figure, first: Record, other: Record) -> Difference:
    """Return how two single runs differ in a figure that both have and that compares."""
    values = np.array([getattr(first, figure.column), getattr(other, figure.column)], dtype=float)
    if figure.quantity is units.FRACTION:
        return _of_shares(figure, values, (first, other))
    return _of_readings(figure, values, (first, other))


def over_seeds(runs: pd.DataFrame, first: Record, other: Record) -> dict[str, Difference]:
    """Return how the recipes of two runs differ on average over their seeds, by the figure's name.

    Only replicates that were made and measured as `first` was are counted, a seed once.

    Args:
        runs: as of `greenai_core.store.records.table`, the two runs among them.
        first: a run.
        other: one whose figures are told against it.

    Returns:
        The figures in which both recipes have two seeds or more, and some spread; nothing for two runs of one recipe.
    """
    runs = runs.assign(**{GRID: grids.per_kwh(runs)})
    rows = [runs[runs["run_id"] == record.run_id] for record in (first, other)]
    keys = [row["replicate_key"].iloc[0] for row in rows if len(row)]
    if len(set(keys)) < 2:
        return {}
    replicates = runs[runs["replicate_key"].isin(keys) & (runs["status"] == "succeeded")]
    by_rows: dict[bytes, list[Figure]] = {}
    for figure in FIGURES.values():
        by_rows.setdefault(_alike(replicates, figure, rows[0]).tobytes(), []).append(figure)
    found: dict[str, Difference] = {}
    for alike, figures in by_rows.items():
        counted = replicates[np.frombuffer(alike, dtype=bool)]
        if set(counted["replicate_key"]) == set(keys):
            means = points(counted, [figure.column for figure in figures]).set_index("replicate_key").loc[keys]
            found |= dict(_of_means(means, figures))
    return found


def _of_means(means: pd.DataFrame, figures: Sequence[Figure]) -> Iterator[tuple[str, Difference]]:
    """Yield each figure in which the two rows of `means` have seeds that tell how they vary."""
    for figure in figures:
        name, share = figure.column, figure.quantity is units.FRACTION
        mean, sd, seeds = (means[column].to_numpy(float) for column in (name, f"{name}_sd", f"{name}_seeds"))
        if (seeds < 2).any() or not (share or (mean > 0).all()):
            continue
        errors = sd / np.sqrt(seeds)
        value = mean[1] - mean[0] if share else mean[1] / mean[0] - 1
        ends = welch(mean, errors, seeds) if share else np.expm1(welch(np.log(mean), errors / mean, seeds))
        if np.isfinite(ends).all():
            counted = (int(seeds[0]), int(seeds[1]))
            yield name, Difference(float(value), share, (float(ends[0]), float(ends[1])), "seeds", counted)


def _of_shares(figure: Figure, values: Floats, runs: tuple[Record, Record]) -> Difference:
    """Return a difference of shares, with an interval where they are of so many images that are known."""
    images = np.array([_images(figure.column, run) for run in runs], dtype=float)
    told = Difference(float(values[1] - values[0]), True)
    if np.isnan(images).any():
        return told
    low, high = newcombe(np.rint(values * images), images)
    return Difference(told.value, True, (float(low), float(high)), "images")


def _images(column: str, run: Record) -> float:
    """Return of how many images an accuracy is; NaN where that is unknown, and for what is no share of images."""
    if column == "accuracy" and run.confusion:
        return float(sum(map(sum, run.confusion)))
    split = {"accuracy": "test", "accuracy_val": "val"}.get(column, "")
    return float(run.provenance.get("images", {}).get(split) or math.nan)


def _of_readings(figure: Figure, values: Floats, runs: tuple[Record, Record]) -> Difference:
    """Return a ratio, with an interval where both values are means of repeated readings."""
    first, other = values
    if first == 0:
        return Difference(0.0 if other == 0 else math.nan, False)
    told = Difference(float(other / first - 1), False)
    halves = np.array([_half(figure.column, run) for run in runs], dtype=float)
    if np.isnan(halves).any() or (values <= 0).any():
        return told
    low, high = combined(values, halves)
    return Difference(told.value, False, (float(low), float(high)), "readings")


def _half(column: str, run: Record) -> float:
    """Return the half-width of the 95 % interval of a run's mean reading; NaN where it is unknown."""
    if column not in READINGS or not run.measurements:
        return math.nan
    half = getattr(run.measurements[-1], READINGS[column])
    return math.nan if half is None else float(half)


def _alike(replicates: pd.DataFrame, figure: Figure, run: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which replicates agree with a run, a table of one row, in what makes a figure comparable, (n,)."""
    conditions = list(figure.conditions)
    return np.asarray((replicates[conditions] == run[conditions].iloc[0]).all(axis=1), dtype=bool)


def _percent(share: float) -> str:
    return f"{share * 100:+.1f}" if abs(share) < 0.1 else f"{share * 100:+.0f}"
