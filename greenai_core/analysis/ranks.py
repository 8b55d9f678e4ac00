"""How good a set of runs is as a whole: successive fronts, and the share of the objective space that they dominate.

Both are moocore's (https://multi-objective.github.io/moocore/python/). The hypervolume is that of Zitzler and Thiele
(1998, https://doi.org/10.1007/BFb0056872); why its reference point must be stated, and be the same wherever two values
are compared: Ishibuchi et al. (2018, https://doi.org/10.1162/evco_a_00226).
"""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np

from greenai_core import units
from greenai_core.analysis.figures import Figure, figure
from greenai_core.analysis.pareto import Front
from greenai_core.errors import BadInput

MOST_RANKED = 100_000
"""Rows that are ranked at most: with three objectives the work grows with their number times the number of fronts."""


def ranks(values: np.ndarray, maximize: Sequence[bool]) -> np.ndarray:
    """Return the number of the front of each row of `values` (n, k), as ints (n,).

    Rank 0 is the front, rank 1 the front of what is left without it, and so on: the nondominated sorting of Deb et al.
    (2002, https://doi.org/10.1109/4235.996017). Equal rows have equal ranks.

    Raises:
        BadInput: there are more than `MOST_RANKED` rows.
        ValueError: a value is NaN, or `maximize` does not have one entry per column.
    """
    losses = _losses(values, maximize)
    if len(losses) > MOST_RANKED:
        raise BadInput(f"{len(losses):,} runs are too many to rank; filter them down to {MOST_RANKED:,} or fewer")
    if len(losses) == 0:
        return np.zeros(0, dtype=np.intp)
    return np.asarray(moocore.pareto_rank(_distinct(losses)), dtype=np.intp)


def hypervolume(values: np.ndarray, maximize: Sequence[bool], reference: Sequence[float]) -> float:
    """Return the volume that `values` (n, k) dominate up to `reference` (k,), in the product of the columns' units.

    A row that is not better than the reference in every objective adds nothing; no rows have volume 0.

    Raises:
        ValueError: a value is NaN, or `maximize` or `reference` does not have one entry per column.
    """
    losses = _losses(values, maximize)
    (corner,) = _losses(np.asarray(reference, dtype=float)[None], maximize)
    return float(moocore.hypervolume(losses, ref=corner))


def normalised(values: np.ndarray, figures: Sequence[Figure]) -> np.ndarray:
    """Return what each row of `values` (n, k) loses against the best of them, per objective, in [0, 1].

    0 is the best of these rows and 1 the worst. Shares such as accuracy are measured linearly, everything else by its
    logarithm, so that twice the size weighs the same at 10 KB and at 10 MB; a column that holds a value of zero or
    below has no logarithm and stays linear. A column whose values are all equal loses nothing.

    Raises:
        ValueError: a value is NaN or infinite, or there is not one figure per column.
    """
    losses = _losses(values, [False] * len(figures))
    if not np.isfinite(losses).all():
        raise ValueError("an infinite value has no place between the best and the worst; leave out such rows")
    for place, wanted in enumerate(figures):
        column = losses[:, place]
        if wanted.quantity is not units.FRACTION and (column > 0).all():
            column = np.log10(column)
        losses[:, place] = -column if wanted.maximize else column
    if len(losses) == 0:
        return losses
    best, worst = losses.min(axis=0), losses.max(axis=0)
    return (losses - best) / np.where(worst > best, worst - best, 1.0)


def dominated_share(front: Front) -> float | None:
    """Return which share of the box around the comparable runs its front dominates, in [0, 1].

    The box reaches from the best to the worst value of any comparable run in each objective, on the scales of
    `normalised`; the reference point of the hypervolume is its worst corner. 0.9 means: of all combinations that lie
    between the best and the worst values seen, nine tenths are beaten by some run. The figure belongs to this set of
    runs: a run worse than all others makes the box larger, so shares of two sets do not compare.

    Returns:
        The share; None where all runs agree in an objective, since the box is then flat and has no volume.
    """
    wanted = [figure(name) for name in front.objectives]
    losses = normalised(front.table[list(front.objectives)].to_numpy(float), wanted)
    if len(losses) == 0 or (losses.max(axis=0) == 0).any():
        return None
    return hypervolume(losses[front.mask], [False] * len(wanted), [1.0] * len(wanted))


def _losses(values: np.ndarray, maximize: Sequence[bool]) -> np.ndarray:
    """Return a copy of `values` in which less is better."""
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.shape[1] != len(maximize):
        raise ValueError(f"expected an array (n, {len(maximize)}), got {values.shape}")
    if np.isnan(values).any():
        raise ValueError("an unknown value cannot be ranked; leave out rows with NaN")
    return values * np.where(list(maximize), -1.0, 1.0)


def _distinct(losses: np.ndarray) -> np.ndarray:
    """Drop each column that orders the rows as an earlier one does; it changes no dominance.

    Parameters and multiply-accumulates of one family often do. Three such columns would make every row a front of its
    own, which takes moocore quadratic time; two columns or one never do.
    """
    kept = {np.unique(column, return_inverse=True)[1].tobytes(): column for column in losses.T}
    return np.ascontiguousarray(np.column_stack([*kept.values()]))
