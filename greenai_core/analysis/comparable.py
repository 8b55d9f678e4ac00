"""Runs that may be ranked against each other, gathered into points: what a view chooses from.

Gathering takes time where runs are many, and depends on the store alone; what is chosen from it, and the front of that,
is found anew for every position of a slider.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from greenai_core import registry
from greenai_core.analysis import uncertainty
from greenai_core.analysis.figures import figure
from greenai_core.analysis.pareto import Front, front_mask, group_id, groups
from greenai_core.analysis.ranks import MOST_RANKED, ranks
from greenai_core.analysis.replicates import points
from greenai_core.analysis.uncertainty import Spread

ACCURACIES = ("accuracy_val", "accuracy")
TOLD = (*ACCURACIES, "size_bytes", "energy_train_j", "energy_per_sample_j", "latency_ms", "macs", "params")
"""The figures of a point, besides those that it is ranked by."""

DRAWN_POINTS, FEWEST_DRAWS = 4_000_000, 200
"""Probabilities come from so many draws that all of them together draw so many points, but from so many at least."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Comparable:
    """Runs that agree in what makes the objectives comparable, and the points that they are.

    Attributes:
        keys: each column in which they agree, and the value.
        objectives: names of figures.
        every: a row per run, also of those that were left out since.
        rows: which of `every` are the runs of these points, ascending; of very many the table of them alone, `runs`,
            takes longer to cut out than a front to find.
        points: a row per recipe, `greenai_core.analysis.replicates.points` of `runs`, with its `family`.
        of_run: for each of `rows` the row of its point.
        likely: where the means of the points are likely to be, as of
            `greenai_core.analysis.uncertainty.likely`.
    """

    keys: dict[str, str]
    objectives: tuple[str, ...]
    every: pd.DataFrame
    rows: npt.NDArray[np.intp]
    points: pd.DataFrame
    of_run: npt.NDArray[np.intp]
    likely: Spread

    @property
    def id(self) -> str:
        """Six hex digits that name this group in links."""
        return group_id(self.keys)

    @property
    def own(self) -> int:
        """How many of the runs are of this store."""
        return int((self.every["origin"] == "own").to_numpy(bool)[self.rows].sum())

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The runs of these points, a row for each."""
        return self.every if len(self.rows) == len(self.every) else self.every.iloc[self.rows]

    def only(self, chosen: Callable[[pd.DataFrame], Mask]) -> Comparable:
        """Return this with some of its points and their runs.

        What is known about how means err stays: it comes from all points, those that are not looked at included.
        """
        kept = chosen(self.points)
        if kept.all():
            return self
        runs = kept[self.of_run]
        return replace(
            self,
            rows=self.rows[runs],
            points=self.points[kept].reset_index(drop=True),
            of_run=(np.cumsum(kept) - 1)[self.of_run[runs]],
            likely=Spread(*(part[kept] for part in (self.likely.values, self.likely.error, self.likely.degrees))),
        )

    def front(self) -> Front:
        """Return the front of the points' means.

        Its table is `points` with further columns: `rank` (1 is the front, 2 the front without it, and so on; None of
        very many points), `on_front` (probability that nothing beats the point, NaN where no point has two seeds) and
        `tied`.
        """
        maximize = tuple(figure(name).maximize for name in self.objectives)
        values, low, high = (
            self.points[[f"{name}{end}" for name in self.objectives]].to_numpy(float) for end in ("", "_low", "_high")
        )
        likely, draws = self.likely, min(uncertainty.DRAWS, max(FEWEST_DRAWS, DRAWN_POINTS // len(values)))
        certain = self.points.assign(
            rank=ranks(values, maximize) + 1 if len(values) <= MOST_RANKED else None,
            on_front=uncertainty.membership(likely.values, likely.error, likely.degrees, maximize, draws=draws),
            tied=uncertainty.tied(values, low, high, maximize),
        )
        return Front(self.keys, self.objectives, certain, front_mask(values, maximize))


def comparables(table: pd.DataFrame, objectives: Sequence[str], dataset: str | None = None) -> list[Comparable]:
    """Gather the succeeded runs into groups that may be ranked, and each group into points.

    Args:
        table: as of `greenai_core.store.records.table`.
        objectives: names of figures.
        dataset: only runs on this data set.

    Returns:
        The groups in the order of `greenai_core.analysis.pareto.groups`.

    Raises:
        BadInput: an objective is unknown.
    """
    return [_gathered(keys, tuple(objectives), runs) for keys, runs in groups(table, objectives, dataset)]


def told(objectives: Iterable[str]) -> tuple[str, ...]:
    """Return the figures that points tell which are ranked by `objectives`, each once."""
    return tuple(dict.fromkeys([*TOLD, *objectives]))


def technique_family(technique: str) -> str:
    """Return the family of what a point is named after: a technique, or "dense" where it is only trained."""
    return registry.family("techniques", "train" if technique == "dense" else technique)


def _gathered(keys: dict[str, str], objectives: tuple[str, ...], runs: pd.DataFrame) -> Comparable:
    gathered = points(runs, told(objectives))
    gathered["family"] = gathered["technique"].map(technique_family)
    of_run = pd.factorize(runs["replicate_key"])[0]
    likely = uncertainty.likely(gathered, objectives)
    return Comparable(keys, objectives, runs, np.arange(len(runs)), gathered, of_run, likely)
