from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from greenai_core.analysis import differences, intervals
from greenai_core.analysis.differences import Difference
from greenai_core.analysis.figures import FIGURES
from greenai_core.record import Record
from greenai_core.store import records
from tests import factory

STUDIES = 20_000


def held(ends: tuple[np.ndarray, np.ndarray], truth: float) -> float:
    """How often the interval holds the truth."""
    return float(((ends[0] <= truth) & (truth <= ends[1])).mean())


# Newcombe 1998, table II, method 10: hits and trials of the one and of the other, then the interval of one less other.
PRINTED = [
    ((56, 70), (48, 80), (0.0524, 0.3339)),
    ((9, 10), (3, 10), (0.1705, 0.8090)),
    ((6, 7), (2, 7), (0.0582, 0.8062)),
    ((5, 56), (0, 29), (-0.0381, 0.1926)),
    ((0, 10), (0, 20), (-0.1611, 0.2775)),
    ((0, 10), (0, 10), (-0.2775, 0.2775)),
    ((10, 10), (0, 20), (0.6791, 1.0000)),
    ((10, 10), (0, 10), (0.6075, 1.0000)),
]


@pytest.mark.parametrize(("one", "other", "printed"), PRINTED)
def test_the_score_interval_is_the_printed_one(
    one: tuple[int, int], other: tuple[int, int], printed: tuple[float, float]
) -> None:
    hits, images = np.array([other, one], dtype=float).T
    assert intervals.newcombe(hits, images) == pytest.approx(printed, abs=5e-5)


def test_welchs_interval_is_that_of_scipy() -> None:
    generator = np.random.default_rng(0)
    first, other = generator.normal(1, 1, 4), generator.normal(2, 3, 7)
    expected = stats.ttest_ind(other, first, equal_var=False).confidence_interval()
    means, sd, seeds = np.array([[x.mean(), x.std(ddof=1), len(x)] for x in (first, other)]).T
    assert intervals.welch(means, sd / np.sqrt(seeds), seeds) == pytest.approx((expected.low, expected.high))


def test_means_that_never_vary_have_no_interval() -> None:
    assert np.isnan(intervals.welch(np.array([1.0, 2.0]), np.zeros(2), np.array([2.0, 3.0]))).all()


@pytest.mark.parametrize(("images", "shares"), [(360, (0.98, 0.95)), (10_000, (0.91, 0.90)), (1000, (0.99, 0.99))])
def test_the_score_interval_holds_the_true_difference_as_often_as_it_says(
    images: int, shares: tuple[float, float]
) -> None:
    generator = np.random.default_rng(1)
    hits = generator.binomial(images, np.array(shares)[:, None], (2, STUDIES)).astype(float)
    covered = held(intervals.newcombe(hits, np.full(hits.shape, float(images))), shares[1] - shares[0])
    assert 0.93 <= covered <= 0.97


def test_on_the_same_images_it_is_rather_too_wide() -> None:
    """Both models find the same images difficult."""
    generator = np.random.default_rng(2)
    difficulty = generator.beta(0.2, 3.8, (2000, 360))
    hits = np.stack([(generator.random(difficulty.shape) > harder * difficulty).sum(1) for harder in (1.0, 1.2)])
    covered = held(intervals.newcombe(hits.astype(float), np.full(hits.shape, 360.0)), -0.01)
    assert covered >= 0.95


@pytest.mark.parametrize("counts", [(3, 3), (5, 3), (5, 10)])
def test_welchs_interval_over_seeds_holds_the_true_difference(counts: tuple[int, int]) -> None:
    generator = np.random.default_rng(3)
    truth = zip((0.97, 0.96), (0.002, 0.004), counts, strict=True)
    drawn = [generator.normal(mean, sd, (count, STUDIES)) for mean, sd, count in truth]
    means, sds = np.stack([x.mean(axis=0) for x in drawn]), np.stack([x.std(axis=0, ddof=1) for x in drawn])
    seeds = np.repeat(np.array(counts, dtype=float)[:, None], STUDIES, 1)
    assert 0.93 <= held(intervals.welch(means, sds / np.sqrt(seeds), seeds), -0.01) <= 0.97
    ratios = intervals.welch(np.log(means), sds / np.sqrt(seeds) / means, seeds)
    assert 0.93 <= held((np.expm1(ratios[0]), np.expm1(ratios[1])), 0.96 / 0.97 - 1) <= 0.97


@pytest.mark.parametrize("relative", [(0.01, 0.01), (0.02, 0.1)])
def test_the_interval_of_a_ratio_of_readings_holds_the_true_one(relative: tuple[float, float]) -> None:
    generator = np.random.default_rng(4)
    truth, error = np.array([[4e-4], [1e-4]]), np.array(relative)[:, None]
    means = truth * (1 + error * generator.normal(size=(2, STUDIES)))
    assert 0.93 <= held(intervals.combined(means, intervals.NORMAL_95 * error * means), -0.75) <= 0.97


def timed(seed: int, joules: float, half: float | None, **changes: Any) -> Record:
    record = factory.record(factory.spec(seed=seed), energy_per_sample_j=joules, **changes)
    read = record.measurements[0].model_copy(update={"energy_per_sample_ci95_j": half})
    return record.model_copy(update={"measurements": (read,)})


def test_a_ratio_of_energies_has_an_interval_where_both_were_read_several_times() -> None:
    figure = FIGURES["energy_per_sample_j"]
    found = differences.of_runs(figure, timed(0, 4e-4, 4e-6), timed(1, 2e-4, 2e-6))
    assert found.value == pytest.approx(-0.5)
    assert found.interval == pytest.approx((0.5 * math.exp(-(0.02**0.5) / 10) - 1, 0.5 * math.exp(0.02**0.5 / 10) - 1))
    assert (found.basis, found.text, found.undecided) == ("readings", "-50 % (-51 to -49 %)", False)
    once = differences.of_runs(figure, timed(0, 4e-4, None), timed(1, 2e-4, 2e-6))
    assert (once.interval, once.text) == (None, "-50 %")
    unread = differences.of_runs(FIGURES["latency_ms"], timed(0, 4e-4, 4e-6), timed(1, 2e-4, 2e-6))
    assert unread.interval is None


def test_an_interval_that_includes_zero_is_said_so() -> None:
    found = differences.of_runs(FIGURES["energy_per_sample_j"], timed(0, 4e-4, 2e-5), timed(1, 4.1e-4, 2e-5))
    assert found.undecided
    assert found.text == "+2.5 % (-4.4 to +9.9 %), not told apart"


def test_of_nothing_there_is_no_ratio() -> None:
    some, none = factory.record(), factory.record(factory.spec(seed=1), macs=0)
    assert differences.of_runs(FIGURES["macs"], none, some).text == "unknown"
    assert differences.of_runs(FIGURES["macs"], none, none).text == "same"


def stored(**changes: Any) -> list[Record]:
    """Dense and pruned, three seeds each, the first of each seed here; returns the first of both."""
    specs = [
        [factory.spec(technique=technique, sparsity=sparsity, seed=seed) for seed in range(3)]
        for technique, sparsity in (("dense", 0.0), ("l1_channel_pruning", 0.8))
    ]
    kept = [[factory.record(spec, **changes) for spec in recipe] for recipe in specs]
    for record in [record for recipe in kept for record in recipe]:
        records.save(record)
    return [recipe[0] for recipe in kept]


def test_over_the_seeds_means_are_compared() -> None:
    first, other = stored()
    runs = records.table()
    found = differences.over_seeds(runs, first, other)
    own = {key: runs[runs["technique"] == key] for key in ("dense", "l1_channel_pruning")}
    for name, share in (("accuracy_val", True), ("energy_train_j", False)):
        means = [rows[name].mean() for rows in own.values()]
        assert found[name].value == pytest.approx(means[1] - means[0] if share else means[1] / means[0] - 1)
        assert found[name].seeds == (3, 3)
        assert found[name].basis == "seeds"
    assert "params" not in found  # they are the same for every seed
    expected = stats.ttest_ind(*(rows["accuracy_val"] for rows in reversed(own.values())), equal_var=False)
    assert found["accuracy_val"].interval == pytest.approx(tuple(expected.confidence_interval()))


def test_replicates_that_were_measured_elsewhere_do_not_count() -> None:
    first, other = stored()
    alone = differences.over_seeds(records.table(), first, other)
    for seed in range(3, 6):
        records.save(factory.record(factory.spec(seed=seed), host="elsewhere"))
    found = differences.over_seeds(records.table(), first, other)
    assert found["energy_per_sample_j"] == alone["energy_per_sample_j"]
    assert found["accuracy_val"].seeds == (6, 3)


def test_one_seed_or_one_recipe_has_nothing_to_compare_over_seeds() -> None:
    first, other = stored()
    runs = records.table()
    again = records.load(factory.record(factory.spec(seed=1)).run_id)
    assert differences.over_seeds(runs, first, again) == {}
    assert differences.over_seeds(runs[runs["run_id"] != other.run_id], first, other) == {}
    assert differences.over_seeds(runs[runs["run_id"].isin([first.run_id, other.run_id])], first, other) == {}
    assert differences.over_seeds(runs.iloc[:0], first, other) == {}


def test_points_and_percentages_are_written_short() -> None:
    assert Difference(-0.012, True, (-0.0185, -0.0055)).text == "-1.20 points (-1.85 to -0.55)"
    assert Difference(12.0, False, (10.5, 13.0), "seeds", (5, 4)).text == "+1200 % (+1050 to +1300 %); 5 + 4 seeds"
    assert Difference(0.0, False).text == "same"


def test_seeds_on_another_grid_tell_nothing_about_grams() -> None:
    pruned = factory.spec(technique="l1_channel_pruning", sparsity=0.8)
    mine, theirs = (
        [factory.on_grid(factory.record(spec.model_copy(update={"seed": seed})), 500.0) for seed in range(2)]
        for spec in (factory.spec(), pruned)
    )
    greener = factory.on_grid(factory.record(factory.spec(seed=2)), 20.0)
    for record in (*mine, *theirs, greener):
        records.save(record)
    told = differences.over_seeds(records.table(), mine[0], theirs[0])
    assert told["carbon_train_g"].seeds == (2, 2)
    assert told["energy_train_j"].seeds == (3, 2)
