"""Which run of a front to take within a person's limits; `greenai_core.analysis.advice` says it in words.

Taken is the knee of the feasible front, the point that lies farthest in front of the line through its ends, each
objective normalised to [0, 1] between the best and the worst on that front: Das (1999,
https://doi.org/10.1007/BF01195985); why people mean a knee when they have stated no preference: Branke et al. (2004,
https://doi.org/10.1007/978-3-540-30217-9_73). That is the point of least summed loss, which is defined for any number
of objectives: Chiu, Yen and Juan (2016, https://arxiv.org/abs/1705.01705). Accuracy weighs as much as all costs
together here, since size, energy and latency rise together: summed alike, the same saving would count several times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from greenai_core.analysis.figures import FIGURES, Figure, figure
from greenai_core.analysis.pareto import CHOSEN_BY, Front, front_mask, groups
from greenai_core.analysis.ranks import normalised
from greenai_core.errors import BadInput

ROUNDING = 1e-9
"""Depths of a knee that differ by less are equal: they are sums of a few numbers in [0, 1]."""


@dataclass(frozen=True)
class Limits:
    """What a run must keep: (column, bound) pairs; figures that are maximised must reach theirs, others not exceed it.

    Raises:
        BadInput: a column is no figure or is of the test split, or a bound is not a number.
    """

    bounds: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for column, bound in self.bounds:
            if _chosen_by(figure(column).column) != column:
                raise BadInput(f"a limit on {column} would choose on the test split; limit {CHOSEN_BY} instead")
            if math.isnan(bound):
                raise BadInput(f"the limit on {column} is not a number; leave it out to have none")

    @classmethod
    def of(cls, bounds: Mapping[str, float | None]) -> Limits:
        """Make limits of a bound per column; None is no limit."""
        return cls(tuple((column, bound) for column, bound in bounds.items() if bound is not None))

    def without(self, left_out: str) -> Limits:
        """Return the limits on the other columns."""
        return Limits(tuple((column, bound) for column, bound in self.bounds if column != left_out))

    def kept(self, table: pd.DataFrame) -> np.ndarray:
        """Return which rows of `table` keep every limit, as bools (n,); an unknown value keeps none."""
        kept = np.ones(len(table), dtype=bool)
        for column, bound in self.bounds:
            values = table[column].to_numpy(float)
            kept &= values >= bound if figure(column).maximize else values <= bound
        return kept


@dataclass(frozen=True)
class Extreme:
    """The run of the feasible front that is best in `figure`, with `value`, and its values in all objectives."""

    figure: Figure
    run_id: str
    value: float
    values: tuple[float, ...]

    @property
    def text(self) -> str:
        """The best value with its unit."""
        return self.figure.text(self.value)


@dataclass(frozen=True)
class Recommendation:
    """The run to take, and what it is weighed against.

    Attributes:
        run_id: the run.
        objectives: what was weighed; validation accuracy, first, in the place of figures of the test split.
        values: its value in each objective, in base units.
        kinds: how each of these was obtained, where it is an energy.
        depth: how far it lies in front of the line through the ends, of at most 1 / sqrt(2) with two objectives; 0: the
            front has no knee.
        extremes: per objective, the best that can be had within the limits.
        accuracy: on the test split; only told, None if unknown.
        limits: which limits it keeps.
        feasible: runs that keep them, this one included.
        unjudged: runs that could not be considered, since a figure that is limited or weighed is unknown or was
            measured under other conditions.
    """

    run_id: str
    objectives: tuple[Figure, ...]
    values: tuple[float, ...]
    kinds: tuple[str | None, ...]
    depth: float
    extremes: tuple[Extreme, ...]
    accuracy: float | None
    limits: Limits
    feasible: int
    unjudged: int


def knee(losses: np.ndarray, weights: np.ndarray) -> tuple[int, float]:
    """Return the row of `losses` (n, k) that is the knee of a front, and its depth.

    Depth is the distance in front of the plane of equal weighted loss through the corner at which the heaviest
    objective is best and all others are worst; with two objectives it is the line through the ends of the front. Of
    equally deep rows the one that loses least in the first objective is taken, then in the second, and so on; then the
    first. So a front that is straight, bulges away or has two points has no knee (depth 0), and its best row in the
    first objective is taken, which must be one of the heaviest.

    Args:
        losses: of a front, as of `greenai_core.analysis.ranks.normalised`; at least one row.
        weights: of the objectives (k,), positive, summing to 1.
    """
    depths = (1 - weights.max() - losses @ weights) / np.linalg.norm(weights)
    deepest = np.flatnonzero(depths >= depths.max() - ROUNDING)
    chosen = deepest[np.lexsort(losses[deepest].T[::-1])[0]]
    return int(chosen), float(depths[chosen]) if depths[chosen] > ROUNDING else 0.0


def recommend(front: Front, limits: Limits = Limits()) -> Recommendation | None:
    """Return the knee of the front of those comparable runs that keep `limits`; None where none does.

    The choice is made on validation: objectives of the test split are replaced by validation accuracy, so that on a
    front drawn over the test split the run need not lie on the line. Runs measured under other conditions are never
    held against the same limit: of each figure that the front is not grouped by, only the first comparable group of
    `greenai_core.analysis.pareto.groups` is considered.

    Args:
        front: the comparable runs and what they are ranked by.
        limits: what the run must keep.
    """
    objectives = tuple(map(figure, _weighed(front)))
    judged = judged_by(front, limits)
    feasible = judged[limits.kept(judged)]
    if feasible.empty:
        return None
    columns = [objective.column for objective in objectives]
    mask = front_mask(feasible[columns].to_numpy(float), [objective.maximize for objective in objectives])
    points = feasible[mask].sort_values("run_id", ignore_index=True)  # so that the order of the table decides nothing
    values = points[columns].to_numpy(float)
    losses = normalised(values, objectives)
    chosen, depth = knee(losses, _weights(objectives))
    row = points.iloc[chosen]
    return Recommendation(
        run_id=str(row["run_id"]),
        objectives=objectives,
        values=tuple(values[chosen].tolist()),
        kinds=tuple(str(row[o.kind_column]) if o.kind_column else None for o in objectives),
        depth=depth,
        extremes=tuple(
            _extreme(objective, place, points, values, losses) for place, objective in enumerate(objectives)
        ),
        accuracy=None if pd.isna(row.get("accuracy")) else float(row["accuracy"]),
        limits=limits,
        feasible=len(feasible),
        unjudged=len(front.table) - len(judged),
    )


def _extreme(wanted: Figure, place: int, points: pd.DataFrame, values: np.ndarray, losses: np.ndarray) -> Extreme:
    """Return the row of the front that is best in one objective; of several, the one that loses least in all."""
    best = int(np.lexsort((losses.sum(axis=1), values[:, place] * (-1 if wanted.maximize else 1)))[0])
    return Extreme(wanted, str(points["run_id"].iloc[best]), float(values[best, place]), tuple(values[best].tolist()))


def _chosen_by(column: str) -> str:
    """Return the column that a choice by `column` is made on: figures of quality are of the test split but for one."""
    return CHOSEN_BY if column in FIGURES and FIGURES[column].key == "quality" else column


def _weighed(front: Front) -> list[str]:
    """Return the columns that the choice is made on, each once, accuracy first."""
    return sorted(dict.fromkeys(map(_chosen_by, front.objectives)), key=lambda column: column != CHOSEN_BY)


def _weights(objectives: Sequence[Figure]) -> np.ndarray:
    """Return how much each objective weighs: accuracy as much as all others together; without it, all the same."""
    weights = np.ones(len(objectives))
    if objectives[0].column == CHOSEN_BY and len(objectives) > 1:
        weights[0] = len(objectives) - 1
    return weights / weights.sum()


def beyond(front: Front, limits: Limits) -> list[str]:
    """Return the columns that are weighed or limited and that the front is not grouped by, each once."""
    columns = dict.fromkeys([*_weighed(front), *(column for column, _ in limits.bounds)])
    return [column for column in columns if column not in front.objectives]


def judged_by(front: Front, limits: Limits) -> pd.DataFrame:
    """Return the runs whose weighed and limited figures are known and were obtained under the same conditions."""
    rows = front.table
    for column in beyond(front, limits):
        _, rows = next(iter(groups(rows, [column])), ({}, rows.iloc[:0]))
    return rows
