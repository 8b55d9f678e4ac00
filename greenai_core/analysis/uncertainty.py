"""How sure it is that a point is on the front: its probability, by drawing what the true means may be.

A parametric bootstrap (Efron and Tibshirani 1993, chapter 6, https://doi.org/10.1201/9780429246593): every mean is
drawn from Student's distribution around what was found, and the share of draws counts in which nothing beats the point.
Two things are learnt from the other points first, both by empirical Bayes:

- With two or three seeds a point's own spread says little, with one seed nothing. So its variance is moderated by those
  of all points (Smyth 2004, https://doi.org/10.2202/1544-6115.1027): true variances are taken for a sample of a scaled
  inverse chi-squared distribution, whose moments the points tell.
- Points at the front were lucky more often than not (Efron 2011, https://doi.org/10.1198/jasa.2011.tm11181). So means
  are moved towards those of their neighbours, the further the closer those lie in relation to the errors (Efron and
  Morris 1975, https://doi.org/10.1080/01621459.1975.10479864).

Objectives are drawn independently of each other, and so are points, although runs of one seed may share a stage. Where
points lie much closer than their means err, every draw is still noisier than the truth: its front is too good, and
moderate probabilities are too small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from greenai_core import units
from greenai_core.analysis.figures import figure
from greenai_core.analysis.pareto import front_mask
from greenai_core.analysis.replicates import quantile

DRAWS = 1000

NEGLIGIBLE = 1e-3
"""A point whose probability cannot be larger is not drawn; its probability is given as 0."""

RIVALS = 500
"""So many points at most decide which ones are not drawn."""

NEIGHBOURS = 10
"""Points, with itself, that say around what a point may lie; they are found by its ranks in the objectives."""

KNOWN = 1e6
"""Degrees of freedom from which on Student's distribution is drawn as if they were so many."""

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Spread:
    """Means of n points in k objectives and how they err, all of shape (n, k).

    `values` are the means, `error` their standard errors (NaN: nothing is known of them), in the unit of each
    objective; `degrees` the degrees of freedom of each error.
    """

    values: Floats
    error: Floats
    degrees: Floats


def likely(points: pd.DataFrame, objectives: Sequence[str]) -> Spread:
    """Return where the true means of points are likely to be, and how far off that may be; `membership` draws from it.

    Args:
        points: as of `greenai_core.analysis.replicates.points`, comparable and without missing means.
        objectives: names of figures among its columns.

    Raises:
        BadInput: an objective is unknown.
    """
    return towards_neighbours(spread(points, objectives))


def spread(points: pd.DataFrame, objectives: Sequence[str]) -> Spread:
    """Return how the means of points err, each spread moderated by those of all points.

    Spreads are pooled as they are for shares in [0, 1], in relation to the mean for everything else. A figure that is
    comparable anywhere (parameters, MACs, bytes) and that two seeds or more agree in is certain.

    Args:
        points: as of `greenai_core.analysis.replicates.points`, without missing means.
        objectives: names of figures among its columns.

    Returns:
        The spread; `error` is NaN for every point where no point has two seeds.

    Raises:
        BadInput: an objective is unknown.
    """
    values, errors, degrees = [], [], []
    for name in objectives:
        mean, sd, seeds = (points[column].to_numpy(float) for column in (name, f"{name}_sd", f"{name}_seeds"))
        wanted = figure(name)
        scale = np.ones_like(mean) if wanted.quantity is units.FRACTION else np.abs(mean)
        relative = np.divide(sd, scale, out=np.zeros_like(sd), where=scale > 0)
        own, freedom = moderated(relative, seeds)
        certain = (wanted.key is None) & (seeds > 1) & (sd == 0)
        values.append(mean)
        errors.append(np.where(certain, 0.0, own * scale / np.sqrt(seeds)))
        degrees.append(freedom)
    return Spread(*(np.column_stack(columns) for columns in (values, errors, degrees)))


def moderated(sd: Floats, seeds: Floats) -> tuple[Floats, Floats]:
    """Return standard deviations (n,) drawn towards the common one, and their degrees of freedom (n,).

    What the true variances have in common is found by the method of moments instead of from logarithms, since rounded
    accuracies make variances of 0: with d degrees of freedom s^4 d / (d + 2) is unbiased for the square of a variance,
    and that of a scaled inverse chi-squared distribution with c degrees exceeds the square of its mean by 2 / (c - 4).

    Args:
        sd: standard deviation over the seeds of each point; of those with one seed it is ignored.
        seeds: how many each has.

    Returns:
        Both are NaN where no point has two seeds.
    """
    own = np.maximum(seeds - 1, 0)
    total = own.sum()
    if total == 0:
        return np.full(sd.shape, np.nan), np.full(sd.shape, np.nan)
    variance = np.where(own > 0, sd, 0.0) ** 2
    pooled = (own * variance).sum() / total
    if pooled == 0:
        return np.zeros(sd.shape), np.full(sd.shape, total)
    excess = (own * variance**2 * own / (own + 2)).sum() / total / pooled**2 - 1
    common = 4 + 2 / excess if excess > 0 else np.inf
    weight = own / (own + common)
    mixed = weight * variance + (1 - weight) * pooled * (1 - 2 / common)
    return np.sqrt(mixed), np.minimum(own + common, total)  # they cannot know more than all points together


def towards_neighbours(found: Spread) -> Spread:
    """Return the means moved to where they are likely to be, given that each lies among those of its neighbours.

    The true means of neighbours are taken for normally distributed, with the covariance of what was found less what
    errors add to it, but in no direction for closer together than one such error: so that, of equal errors, none moves
    a point more than half way. Errors stay as they are: neighbours are chosen by what was found, so that how close they
    lie does not tell how close the true means do. Certain values stay as well, and so does everything where an error is
    unknown or there are too few points.
    """
    values, error = found.values, found.error
    count, objectives = values.shape
    if count < objectives + 3 or np.isnan(error).any():
        return found
    from scipy.spatial import cKDTree

    ranks = np.column_stack([np.searchsorted(np.sort(column), column) for column in values.T])
    place = cKDTree(ranks).query(ranks, k=min(NEIGHBOURS, count))[1]  # (n, q)
    near, noise = values[place], np.mean(error[place] ** 2, axis=1)
    unit = np.where(noise > 0, np.sqrt(noise), near.std(axis=1))
    unit = np.where(unit > 0, unit, 1.0)
    middle, own, each = near.mean(axis=1), (error / unit) ** 2, np.arange(objectives)
    off = (near - middle[:, None]) / unit[:, None]
    covariance = off.transpose(0, 2, 1) @ off / (place.shape[1] - 1)
    covariance[:, each, each] -= noise / unit**2
    sizes, axes = np.linalg.eigh(covariance)
    covariance = (axes * np.maximum(sizes, 1.0)[:, None]) @ axes.transpose(0, 2, 1)
    covariance[:, each, each] += own
    moves = own * np.linalg.solve(covariance, ((values - middle) / unit)[:, :, None])[:, :, 0]
    return Spread(values - unit * moves, error, found.degrees)


def membership(
    values: Floats, error: Floats, degrees: Floats, maximize: Sequence[bool], *, draws: int = DRAWS, seed: int = 0
) -> Floats:
    """Return the probability of each point to be on the front of the true means, (n,) in [0, 1].

    Args:
        values: means (n, k).
        error: their standard errors (n, k); 0: certain.
        degrees: degrees of freedom of those (n, k), more than 0; inf: the errors are known.
        maximize: for each objective whether more is better.
        draws: how many fronts are drawn; a probability p is found to within sqrt(p (1 - p) / draws).
        seed: of the draws; equal ones give equal probabilities.

    Returns:
        The probabilities; NaN for every point where a standard error is, since each depends on all others.

    Raises:
        ValueError: a mean is NaN, or `maximize` does not have one entry per column.
    """
    if np.isnan(error).any():
        return np.full(len(values), np.nan)
    near = _near(values, error, degrees, maximize)
    parts = (values[near], error[near], np.minimum(degrees[near], KNOWN))
    found = np.zeros(len(values))
    found[near] = _drawn(tuple(part.tobytes() for part in parts), tuple(maximize), draws, seed)
    return found


@lru_cache(maxsize=64)
def _drawn(parts: tuple[bytes, bytes, bytes], maximize: tuple[bool, ...], draws: int, seed: int) -> Floats:
    """Return the share of draws in which each point is on the front; do not change it, it is remembered.

    `parts` are values, errors and degrees. Most positions of a slider leave out none of the points that matter here.
    """
    centre, width, freedom = (np.frombuffer(part).reshape(-1, len(maximize)) for part in parts)
    generator = np.random.default_rng(seed)
    found = np.zeros(len(centre))
    for _ in range(draws):
        found += front_mask(centre + width * generator.standard_t(freedom), maximize)
    return found / draws


def tied(values: Floats, low: Floats, high: Floats, maximize: Sequence[bool]) -> Mask:
    """Return which points are not on the front of the means, but may be for all that their intervals say, (n,).

    The rule: at the favourable ends of all of its intervals at once, no point of the front, at its mean, beats it; in a
    chart, the box of its intervals reaches the front. A point that lacks an interval is not called tied.

    Args:
        values: means (n, k).
        low: lower ends of their intervals (n, k), NaN where there is none.
        high: upper ends.
        maximize: for each objective whether more is better.

    Raises:
        ValueError: a mean is NaN, or `maximize` does not have one entry per column.
    """
    front = front_mask(values, maximize)
    sense = np.where(maximize, -1.0, 1.0)
    best = np.where(maximize, high, low) * sense
    found = ~front & ~np.isnan(best).any(axis=1)
    found[found] = ~_beaten(best[found], values[front] * sense)
    return found


def _near(values: Floats, error: Floats, degrees: Floats, maximize: Sequence[bool]) -> Mask:
    """Return which points may be on the front with more than a `NEGLIGIBLE` probability, (n,).

    Left out are those that a rival beats although they are moved in their favour, and it in its disfavour, so far that
    each of the 2k means is drawn beyond that with a probability of NEGLIGIBLE / 2k. Unless one is, the point is beaten.
    The rivals are the front of the points so moved for the worse, and stay in. So whatever a point that is left out
    beats in a draw is, up to the same probability, beaten by one that is drawn: nothing else changes either.
    """
    sense = np.where(maximize, -1.0, 1.0)
    reach = quantile(degrees, NEGLIGIBLE / (2 * values.shape[1])) * error
    worst = values * sense + reach
    rivals = worst[front_mask(worst, [False] * len(sense))]
    few = rivals[np.linspace(0, len(rivals) - 1, min(len(rivals), RIVALS)).astype(int)]
    return ~_beaten(values * sense - reach, few)


def _beaten(points: Floats, rivals: Floats) -> Mask:
    """Return which points (n, k) are dominated by one of the rivals (m, k), where less is better."""
    left, columns = np.arange(len(points)), np.ascontiguousarray(points.T)
    for rival in rivals[:, :, None]:
        beaten = (columns >= rival).all(axis=0) & (columns > rival).any(axis=0)
        if beaten.any():
            left, columns = left[~beaten], columns[:, ~beaten]
    found = np.ones(len(points), dtype=bool)
    found[left] = False
    return found
