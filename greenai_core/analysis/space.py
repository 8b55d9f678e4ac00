"""A third objective: what nothing beats on three axes, and which of it is there for the sake of the third alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from greenai_core.analysis.comparable import Mask, comparables
from greenai_core.analysis.explore import COSTS, Filters, Gathered, View, has_place, view
from greenai_core.analysis.figures import Figure, figure
from greenai_core.analysis.pareto import front_mask, lacking
from greenai_core.analysis.thinning import MOST, thin
from greenai_core.wording import number

PLANES = 3
"""Of three axes, so many pairs: each is seen as a plane when the chart is turned."""


@dataclass(frozen=True, eq=False)
class Space:
    """The points of a view whose third figure is known and was obtained alike, ranked by three objectives.

    Attributes:
        flat: the view of two objectives that was given a third.
        deep: its front, rank, probability and ties are of three objectives; its cost is the third.
        on_flat: which points of `deep` are on the front of two among themselves, (n,).
    """

    flat: View
    deep: View
    on_flat: Mask

    @property
    def axes(self) -> tuple[Figure, Figure, Figure]:
        """The first cost, the accuracy and the third objective: the accuracy between what it is paid with."""
        return self.flat.cost, self.flat.accuracy, self.deep.cost

    def kind_of(self, axis: Figure) -> str | None:
        """Return how the energies on an axis were obtained; None where it shows no energy."""
        return self.deep.front.keys.get(axis.kind_column) if axis.kind_column else None

    @property
    def added(self) -> int:
        """How many points are on the front of three and not on that of two."""
        return int((self.deep.front.mask & ~self.on_flat).sum())

    @property
    def sentence(self) -> str:
        """Say how many points are on the front, and how many of them are there because of the third objective."""
        on, compared = int(self.deep.front.mask.sum()), number(len(self.deep.front.table), "point")
        cost, accuracy, third = (axis.title.lower() for axis in self.axes)
        if not self.added:
            added = f"None of them is there only because of {third}"
        else:
            verb = "is" if self.added == 1 else "are"
            added = f"{self.added:,} of them {verb} there only because of {third}"
        return (
            f"{on:,} of {compared} on the front of three objectives. {added}: on {accuracy} and {cost} alone, "
            f"{int(self.on_flat.sum()):,} would be left."
        )


def gather(table: pd.DataFrame, filters: Filters, third: str) -> Gathered:
    """Find everything that could be drawn on the axes of `filters` and a third one.

    As `greenai_core.analysis.explore.gather`, but the runs that lack a figure are left to `space`.

    Args:
        table: as of `greenai_core.store.records.table`.
        filters: filters of the same `source` gather the same.
        third: one of `greenai_core.analysis.explore.COSTS`.
    """
    runs = filters.rows(table)
    objectives = (*filters.objectives, COSTS[third])
    drawable = runs[has_place(runs, *objectives[1:])]
    return Gathered(tuple(comparables(drawable, objectives, filters.dataset)), runs.iloc[:0], runs.iloc[:0])


def space(gathered: Gathered, flat: View, filters: Filters, third: str, group: str | None = None) -> Space | None:
    """Rank the points of a view by a third objective, too; None where none could be.

    Args:
        gathered: as of `gather` for these filters and this objective.
        flat: the view of these filters; only runs of the group that it draws are ranked.
        filters: what to show.
        third: one of `greenai_core.analysis.explore.COSTS`.
        group: id of the group of runs to draw that are comparable in all three; the first one where there is none.
    """
    drawn = flat.front.keys.items()
    groups = tuple(each for each in gathered.groups if drawn <= each.keys.items())
    placed = has_place(flat.runs, COSTS[third])
    left = lacking(flat.runs[placed], [COSTS[third]]), flat.runs[~placed]
    deep = view(Gathered(groups, *left), filters, group)
    if deep is None:
        return None
    table, objectives = deep.front.table, list(flat.front.objectives)
    maximize = [figure(name).maximize for name in objectives]
    on_flat = front_mask(table[objectives].to_numpy(float), maximize)
    return Space(flat, replace(deep, cost=filters.axis(third)), on_flat)


def shown(found: Space) -> npt.NDArray[np.intp]:
    """Return which rows of the points are drawn: all, or the whole front and at most `MOST` others.

    These are chosen by `greenai_core.analysis.thinning.thin`, in equal numbers for each pair of axes: so the cloud
    keeps its shape from each of the sides that it is looked at from.
    """
    front = found.deep.front
    if len(front.table) - int(front.mask.sum()) <= MOST:
        return np.arange(len(front.table))
    places = [_places(front.table[axis.column], axis, found.flat.accuracy) for axis in found.axes]
    drawn = front.mask.copy()
    for x, y in combinations(places, 2):
        drawn[thin(x, y, drawn, MOST // PLANES)] = True
    return np.flatnonzero(drawn)


def _places(values: pd.Series, axis: Figure, accuracy: Figure) -> npt.NDArray[np.float64]:
    """Return where values stand on their axis: costs by their logarithm."""
    drawn = values.to_numpy(float)
    return drawn if axis is accuracy else np.log10(drawn)
