from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from greenai_core.analysis import replicates, uncertainty
from greenai_core.analysis.pareto import front_mask
from greenai_core.errors import BadInput
from greenai_core.store import records
from tests import factory

AXES = ("accuracy_val", "energy_train_j")
SENSE = [True, False]

coarse = st.integers(-3, 3).map(float)  # few values, so that ties and equal rows are common


def points(mean: np.ndarray, sd: np.ndarray, seeds: np.ndarray, names: tuple[str, ...] = AXES) -> pd.DataFrame:
    """Means and standard deviations (n, k) over the seeds (n,), as `replicates.points` returns them."""
    columns = {
        "": mean,
        "_sd": np.where(seeds[:, None] > 1, sd, np.nan),
        "_seeds": np.repeat(seeds[:, None], mean.shape[1], 1),
    }
    return pd.DataFrame({f"{name}{end}": of[:, k] for k, name in enumerate(names) for end, of in columns.items()})


def recipes(generator: np.random.Generator, count: int, seeds: tuple[int, ...]) -> tuple[pd.DataFrame, np.ndarray]:
    """Points as a study yields them, and their true means (count, 2).

    Accuracy saturates with the joules of training, most recipes stay below what they could reach, and how much a recipe
    varies from seed to seed differs between recipes (variances are scaled inverse chi-squared with 10 degrees).
    """
    effort = generator.uniform(size=count)
    reached = 0.9 + 0.08 * (1 - np.exp(-4 * effort)) - generator.exponential(0.02, count)
    truth = np.column_stack([reached, np.exp(3 * effort)])
    number = generator.choice(seeds, count)
    free = np.maximum(number - 1, 1)[:, None]
    noise = np.sqrt(10 / generator.chisquare(10, (count, 2))) * np.column_stack(
        [np.full(count, 0.003), 0.04 * truth[:, 1]]
    )
    mean = truth + noise / np.sqrt(number)[:, None] * generator.normal(size=(count, 2))
    return points(mean, noise * np.sqrt(generator.chisquare(free, (count, 2)) / free), number), truth


def beaten(row: np.ndarray, by: np.ndarray, maximize: list[bool]) -> bool:
    signed = np.where(maximize, -1.0, 1.0)
    return any((other * signed <= row * signed).all() and (other * signed < row * signed).any() for other in by)


def outcomes(seeds: tuple[int, ...], size: int, stated: Callable[[pd.DataFrame, int], np.ndarray]) -> np.ndarray:
    """Return, over many studies, what was stated of each point and whether it was on the true front, (2, points)."""
    found = []
    for number in range(4000 // size):
        study, truth = recipes(np.random.default_rng(number), size, seeds)
        found.append([stated(study, number), front_mask(truth, SENSE)])
    return np.concatenate(found, axis=1)


def probabilities(study: pd.DataFrame, seed: int = 0) -> np.ndarray:
    found = uncertainty.likely(study, AXES)
    return uncertainty.membership(found.values, found.error, found.degrees, SENSE, draws=1000, seed=seed)


def probable(study: pd.DataFrame, number: int) -> np.ndarray:
    return probabilities(study, number)


def unmoved(study: pd.DataFrame, number: int) -> np.ndarray:
    found = uncertainty.spread(study, AXES)
    return uncertainty.membership(found.values, found.error, found.degrees, SENSE, draws=200, seed=number)


def unmoderated(study: pd.DataFrame, number: int) -> np.ndarray:
    mean, sd, seeds = (study[[f"{name}{end}" for name in AXES]].to_numpy(float) for end in ("", "_sd", "_seeds"))
    found = uncertainty.towards_neighbours(uncertainty.Spread(mean, sd / np.sqrt(seeds), seeds - 1))
    return uncertainty.membership(found.values, found.error, found.degrees, SENSE, draws=200, seed=number)


def brier(stated: np.ndarray | float, true: np.ndarray) -> float:
    return float(np.mean((stated - true) ** 2))


@given(arrays(float, st.tuples(st.integers(0, 20), st.integers(1, 3)), elements=coarse), st.data())
def test_certain_means_have_a_certain_front(values: np.ndarray, data: st.DataObject) -> None:
    columns = values.shape[1]
    maximize = data.draw(st.lists(st.booleans(), min_size=columns, max_size=columns))
    certain, degrees = np.zeros(values.shape), np.full(values.shape, 2.0)
    found = uncertainty.membership(values, certain, degrees, maximize, draws=3)
    assert found.tolist() == front_mask(values, maximize).astype(float).tolist()


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize("degrees", [1.0, 2.0, 4.0, math.inf])
def test_one_uncertain_mean_follows_students_distribution(degrees: float, maximize: bool) -> None:
    values = np.array([[1.0, 5.0], [1.5, 5.0]])
    error, free = np.array([[0.4, 0.0], [0.0, 0.0]]), np.full((2, 2), degrees)
    found = uncertainty.membership(values, error, free, [maximize, False], draws=6000)
    first = stats.t.sf(0.5 / 0.4, degrees) if maximize else stats.t.cdf(0.5 / 0.4, degrees)
    assert found == pytest.approx([first, 1 - first], abs=0.025)


def test_more_seeds_make_it_surer() -> None:
    """Two recipes half a standard deviation apart, with n seeds each: both have the pooled 2 (n - 1) degrees."""
    generator = np.random.default_rng(0)
    for seeds in (2, 8, 32):
        mean = np.array([[0.900, 1.0], [0.905, 1.0]])
        found = points(mean, np.full((2, 2), [0.01, 0.0]), np.array([seeds, seeds]))
        spread = uncertainty.spread(found, AXES)
        assert spread.error[:, 0] == pytest.approx(0.01 / math.sqrt(seeds))
        first, second = generator.standard_t(2 * (seeds - 1), size=(2, 100_000))
        expected = np.mean(second - first > -0.5 * math.sqrt(seeds))
        assert probabilities(found)[1] == pytest.approx(expected, abs=0.05)


@given(arrays(float, (12, 2), elements=coarse), arrays(float, (12, 2), elements=st.floats(0.01, 2)))
def test_probabilities_are_shares_of_fronts_that_are_never_empty(values: np.ndarray, error: np.ndarray) -> None:
    found = uncertainty.membership(values, error, np.full((12, 2), 3.0), SENSE, draws=20)
    assert ((found >= 0) & (found <= 1)).all()
    assert found.sum() >= 1 - 1e-9
    assert (found == uncertainty.membership(values, error, np.full((12, 2), 3.0), SENSE, draws=20)).all()


@pytest.mark.parametrize("objectives", [2, 3])
def test_leaving_out_what_is_far_changes_nothing(objectives: int) -> None:
    generator = np.random.default_rng(objectives)
    values = generator.normal(size=(80, objectives))
    error = generator.uniform(0.02, 0.12, values.shape) * (generator.uniform(size=values.shape) > 0.2)
    degrees = generator.uniform(4, 30, values.shape)
    maximize, draws = [True, False, False][:objectives], 5000
    found = uncertainty.membership(values, error, degrees, maximize, draws=draws)
    full = np.zeros(len(values))
    for _ in range(draws):
        full += front_mask(values + error * generator.standard_t(degrees), maximize)
    left_out = ~uncertainty._near(values, error, degrees, maximize)
    assert 10 < left_out.sum() < 75
    assert (found[left_out] == 0).all()
    assert (full[left_out] / draws).max() <= uncertainty.NEGLIGIBLE
    assert found == pytest.approx(full / draws, abs=0.04)  # four standard errors of the difference
    assert ((full / draws > 0.05) & (full / draws < 0.95)).sum() >= 3


def test_nothing_is_known_without_a_second_seed() -> None:
    for record in factory.records(1):
        records.save(record)
    spread = uncertainty.spread(replicates.points(records.table(), AXES), AXES)
    assert np.isnan(spread.error).all()
    assert np.isnan(uncertainty.membership(spread.values, spread.error, spread.degrees, SENSE)).all()


def test_stored_replicates_have_probabilities() -> None:
    axes = ("accuracy_val", "size_bytes")
    for record in [*factory.records(2), factory.record(factory.spec(technique="magnitude_pruning", sparsity=0.9))]:
        records.save(record)
    found = replicates.points(records.table(), axes)
    spread = uncertainty.spread(found, axes)
    assert (spread.error[:, 0] > 0).all()  # also of the point with one seed
    assert (spread.error[:, 1] == 0).all()  # bytes are the same for every seed
    likely = uncertainty.membership(spread.values, spread.error, spread.degrees, SENSE, draws=200)
    assert likely[found["size_bytes"].idxmin()] > 0.5
    assert 0 < likely.min() + likely.max() <= 2


def test_spreads_are_pooled_by_kind_of_figure() -> None:
    mean = np.array([[0.9, 100.0, 10.0], [0.5, 1.0, 10.0], [0.8, 10.0, 10.0]])
    sd = np.array([[0.01, 10.0, 0.0], [0.01, 0.1, 1.0], [0.0, 0.0, 0.0]])
    spread = uncertainty.spread(points(mean, sd, np.array([4, 4, 1]), (*AXES, "size_bytes")), (*AXES, "size_bytes"))
    assert spread.error[:, 0] == pytest.approx([0.005, 0.005, 0.01])  # absolute
    assert spread.error[:, 1] == pytest.approx([5.0, 0.05, 1.0])  # in relation to the mean
    assert spread.error[0, 2] == 0  # four seeds of the same size are certain, one is not
    assert spread.error[2, 2] > 0
    assert spread.degrees[:, 0].tolist() == [6.0, 6.0, 6.0]


def test_moderation_finds_what_variances_have_in_common() -> None:
    generator = np.random.default_rng(0)
    seeds = generator.choice([1, 3, 5], 40_000)
    free = np.maximum(seeds - 1, 1)
    true = 4.0 * 12 / generator.chisquare(12, len(seeds))
    sd, degrees = uncertainty.moderated(np.sqrt(true * generator.chisquare(free) / free), seeds.astype(float))
    assert degrees[seeds == 1] == pytest.approx(12, rel=0.2)
    assert sd[seeds == 1] == pytest.approx(2.0, rel=0.03)
    assert degrees[seeds == 5] == pytest.approx(16, rel=0.2)
    assert np.mean((sd**2 - true)[seeds == 5] ** 2) < 0.8 * true.var()
    assert (sd[seeds == 5].min() < 1.8) and (sd[seeds == 5].max() > 4)


def test_moderation_is_careful_with_little() -> None:
    sd, degrees = uncertainty.moderated(np.array([0.2, math.nan]), np.array([2.0, 1.0]))
    assert (sd.tolist(), degrees.tolist()) == ([0.2, 0.2], [1.0, 1.0])  # one pair of seeds is all there is
    sd, degrees = uncertainty.moderated(np.zeros(3), np.array([2.0, 2.0, 1.0]))
    assert sd.tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(uncertainty.moderated(np.full(2, math.nan), np.ones(2))).all()


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("seeds", [(2,), (3,), (1, 3), (1, 2, 3, 5)])
def test_moderated_intervals_hold_the_truth_as_often_as_they_say(seeds: tuple[int, ...], rounded: bool) -> None:
    """Also of points with one seed; and where accuracies are rounded to a validation split of 400 images."""
    generator = np.random.default_rng(len(seeds))
    held = []
    for _ in range(150):
        number = generator.choice(seeds, 40)
        noise = 0.004 * np.sqrt(10 / generator.chisquare(10, 40))
        runs = 0.9 + noise[:, None] * generator.normal(size=(40, 5))
        runs = np.where(np.arange(5) < number[:, None], np.round(runs * 400) / 400 if rounded else runs, np.nan)
        found = points(
            np.nanmean(runs, 1)[:, None], pd.DataFrame(runs).std(axis=1).to_numpy()[:, None], number, AXES[:1]
        )
        spread = uncertainty.spread(found, AXES[:1])
        held.append(np.abs(spread.values - 0.9) <= replicates.quantile(spread.degrees) * spread.error)
    assert 0.93 <= np.mean(held) <= 0.97


@pytest.mark.parametrize(("seeds", "size"), [((3,), 40), ((1, 2, 3, 5), 40), ((2, 3), 30)])
def test_membership_is_calibrated(seeds: tuple[int, ...], size: int) -> None:
    stated, true = outcomes(seeds, size, probable)
    assert brier(stated, true) < 0.35 * brier(true.mean(), true)
    place = np.minimum((stated * 5).astype(int), 4)
    for fifth in range(5):
        mine = place == fifth
        assert mine.sum() > 100
        assert true[mine].mean() == pytest.approx(stated[mine].mean(), abs=0.1)
    for sure in (stated < 0.2, stated >= 0.8):
        assert true[sure].mean() == pytest.approx(stated[sure].mean(), abs=0.02)


def test_moderation_makes_it_better() -> None:
    stated, true = outcomes((2, 3), 100, probable)
    assert brier(stated, true) < 0.8 * brier(outcomes((2, 3), 100, unmoderated)[0], true)


def test_moving_towards_neighbours_makes_it_better() -> None:
    stated, true = outcomes((1, 3), 100, probable)
    plain, _ = outcomes((1, 3), 100, unmoved)
    assert brier(stated, true) < 0.97 * brier(plain, true)
    assert abs(stated.sum() / true.sum() - 1) < 0.7 * abs(plain.sum() / true.sum() - 1)


@pytest.mark.parametrize(("count", "gain"), [(60, 0.95), (3000, 0.99)])
def test_moved_means_err_less(count: int, gain: float) -> None:
    generator = np.random.default_rng(0)
    before, after = [], []
    for _ in range(3000 // count):
        truth = generator.multivariate_normal([0.0, 5.0], [[2.0, 1.0], [1.0, 2.0]], count)
        error = generator.uniform(0.5, 1.5, truth.shape) * [1.0, 0.0]
        found = uncertainty.Spread(truth + error * generator.normal(size=truth.shape), error, np.full(truth.shape, 9.0))
        moved = uncertainty.towards_neighbours(found)
        before.append((found.values - truth)[:, 0] ** 2)
        after.append((moved.values - truth)[:, 0] ** 2)
        assert (moved.values[:, 1] == truth[:, 1]).all()  # what is certain stays exactly as it is
        assert moved.error is error  # how close neighbours lie does not make a mean surer
    assert np.mean(after) < gain * np.mean(before)


def test_no_point_moves_more_than_half_way() -> None:
    """Also where all that differs is error; 8 points have the same neighbours."""
    values = np.random.default_rng(0).normal(size=(8, 2))
    moved = uncertainty.towards_neighbours(uncertainty.Spread(values, np.ones((8, 2)), np.full((8, 2), 9.0))).values
    apart = np.linalg.norm(values - values.mean(axis=0), axis=1)
    share = np.linalg.norm(moved - values, axis=1) / apart
    assert (share <= 0.5 + 1e-9).all()
    assert (share > 0.3).all()


def test_too_few_points_stay_where_they_are() -> None:
    few = uncertainty.Spread(np.eye(4, 2), np.ones((4, 2)), np.ones((4, 2)))
    assert uncertainty.towards_neighbours(few) is few


def test_tied_are_those_whose_box_reaches_the_front() -> None:
    values = np.array([[0.95, 10.0], [0.90, 5.0], [0.94, 11.0], [0.94, 11.0], [0.85, 5.0], [0.94, 11.0], [0.80, 20.0]])
    half = np.array([[0.0, 0.0], [0.0, 0.0], [0.02, 0.0], [0.005, 0.0], [0.05, 0.0], [math.nan, 5.0], [0.1, 8.0]])
    found = uncertainty.tied(values, values - half, values + half, SENSE)
    # Beats all accuracies; does not; equals a point of the front; is not known; is as far in neither.
    assert found.tolist() == [False, False, True, False, True, False, False]


@given(arrays(float, st.tuples(st.integers(0, 15), st.just(2)), elements=coarse), st.data())
def test_tied_is_the_definition(values: np.ndarray, data: st.DataObject) -> None:
    half = data.draw(arrays(float, values.shape, elements=st.sampled_from([0.0, 1.0, 2.0, math.nan])))
    maximize: list[Any] = data.draw(st.tuples(st.booleans(), st.booleans()).map(list))
    front = front_mask(values, maximize)
    best = values + np.where(maximize, half, -half)
    expected = [
        not front[row] and not np.isnan(best[row]).any() and not beaten(best[row], values[front], maximize)
        for row in range(len(values))
    ]
    assert uncertainty.tied(values, values - half, values + half, maximize).tolist() == expected


def test_an_unknown_objective_is_refused_by_name() -> None:
    found = points(np.ones((1, 1)), np.ones((1, 1)), np.array([3]), ("speed",))
    with pytest.raises(BadInput, match="speed"):
        uncertainty.spread(found, ["speed"])


def test_an_unknown_mean_cannot_be_ranked() -> None:
    unknown = np.array([[math.nan, 1.0]])
    with pytest.raises(ValueError, match="NaN"):
        uncertainty.membership(unknown, np.ones((1, 2)), np.ones((1, 2)), SENSE)
