"""Break-even agrees with the closed form, and its interval holds the truth as often as it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenai_core.analysis.break_even import ONE_SEED, BreakEven, Costs, break_even, count

DENSE = Costs(train_j=560.0, per_sample_j=7.5e-4)
energies = st.builds(
    lambda train, sample: Costs(train_j=train, per_sample_j=sample),
    st.sampled_from([1.0, 2.0, 5.0, 640.0]),
    st.sampled_from([1e-6, 2e-6, 5e-4, 7.5e-4]),
)


def cost(train: float, sample: float, train_se: float = 0.0, sample_se: float = 0.0) -> Costs:
    return Costs(train_j=train, per_sample_j=sample, train_se_j=train_se, per_sample_se_j=sample_se)


@pytest.mark.parametrize(
    ("train", "sample", "verdict", "predictions", "words"),
    [
        (640.0, 3.5e-4, "from", 200_000.0, "pays back from 200,000 predictions on"),
        (560.0, 3.5e-4, "always", 0.0, "pays from the first prediction on"),
        (500.0, 3.5e-4, "always", 0.0, "pays from the first prediction on"),
        (500.0, 7.5e-4, "always", 0.0, "pays from the first prediction on"),
        (500.0, 8.5e-4, "until", 600_000.0, "pays only up to 600,000 predictions"),
        (640.0, 7.5e-4, "never", None, "never pays back"),
        (640.0, 8.5e-4, "never", None, "never pays back"),
        (560.0, 8.5e-4, "never", None, "never pays back"),
        (560.0, 7.5e-4, "never", None, "never pays back"),
    ],
)
def test_the_closed_form(train: float, sample: float, verdict: str, predictions: float | None, words: str) -> None:
    found = break_even(Costs(train_j=train, per_sample_j=sample), DENSE)
    assert found.verdict == verdict
    assert found.predictions == (None if predictions is None else pytest.approx(predictions))
    assert found.text == words


@given(energies, energies)
def test_the_verdict_is_what_the_lifetimes_say(made: Costs, baseline: Costs) -> None:
    found = break_even(made, baseline)
    at = found.predictions
    assert at is None or at >= 0
    for served in (0.0, 1.0, 1e3, 1e6, 1e9, *([] if not at else [at * 0.99, at * 1.01])):
        if served == at or (found.verdict == "always" and served == 0):
            continue
        cheaper = made.at(served) < baseline.at(served)
        expected = {"from": served > (at or 0), "always": True, "until": served < (at or 0), "never": False}
        assert cheaper == expected[found.verdict], served


def test_without_spread_the_interval_is_the_break_even_itself() -> None:
    sure = cost(560.0, 7.5e-4)
    assert break_even(cost(640.0, 3.5e-4), sure).interval == pytest.approx((200_000.0, 200_000.0))
    assert break_even(cost(500.0, 3.5e-4), sure).interval == (0.0, 0.0)
    assert break_even(cost(640.0, 8.5e-4), sure).interval == (math.inf, math.inf)


def test_the_interval_holds_every_number_at_which_the_lifetimes_do_not_differ_significantly() -> None:
    draw = np.random.default_rng(0)
    served = np.concatenate([[0.0], np.logspace(-3, 5, 3000)])
    verdicts = set()
    for _ in range(300):
        made, baseline = (
            Costs(
                train_j=draw.normal(0, 10),
                per_sample_j=draw.normal(0, 1),
                train_se_j=abs(draw.normal(0, 3)),
                per_sample_se_j=abs(draw.normal(0, 0.3)),
            )
            for _ in range(2)
        )
        variance = sum(
            (one.train_se_j or 0) ** 2 + (served * (one.per_sample_se_j or 0)) ** 2 for one in (made, baseline)
        )
        undecided = np.abs(made.at(served) - baseline.at(served)) <= 1.959964 * np.sqrt(variance)
        found = break_even(made, baseline)
        verdicts.add(found.verdict)
        low, high = found.interval or (math.nan, math.nan)
        if found.verdict == "never":
            assert high == math.inf
            assert undecided.any() == (low < 1e5)
            assert not undecided.any() or served[undecided][0] == pytest.approx(low, rel=0.01, abs=1e-3)
        elif undecided.any():
            assert served[undecided][0] == pytest.approx(low, rel=0.01, abs=1e-3)
            last = served[undecided][-1]
            assert high > 9e4 if last == served[-1] else last == pytest.approx(high, rel=0.01, abs=1e-3)
        else:
            assert (low, high) == (0.0, 0.0) or low > 9e4
    assert verdicts == {"from", "always", "until", "never"}


def test_the_degrees_of_freedom_are_those_of_what_is_unsure_at_the_break_even() -> None:
    student = 4.302653 * 1e-5  # 97.5 % of Student's t with 2 degrees of freedom
    made = Costs(train_j=640.0, per_sample_j=3.5e-4, train_se_j=0.0, per_sample_se_j=1e-5, df=2)
    expected = (80 / (4e-4 + student), 80 / (4e-4 - student))
    assert break_even(made, cost(560.0, 7.5e-4)).interval == pytest.approx(expected)


def measured(
    draw: np.random.Generator, train: float, sample: float, runs: int, spread: tuple[float, float, float]
) -> list[Costs]:
    """What 4,000 people find with `runs` runs each; spread: of both energies, relative, and their correlation."""
    of_train, of_sample, correlation = spread
    noise = draw.standard_normal((2, 4000, runs))
    noise[1] = correlation * noise[0] + math.sqrt(1 - correlation**2) * noise[1]
    values = np.array([train * (1 + of_train * noise[0]), sample * (1 + of_sample * noise[1])])
    means = values.mean(axis=2)
    apart = values - means[:, :, None]
    squares = (apart**2).sum(axis=2) / (runs * (runs - 1))
    both = apart.prod(axis=0).sum(axis=1) / (runs * (runs - 1))
    return [
        Costs(
            train_j=means[0, i],
            per_sample_j=means[1, i],
            train_se_j=math.sqrt(squares[0, i]),
            per_sample_se_j=math.sqrt(squares[1, i]),
            covariance_j2=both[i],
            df=runs - 1,
        )
        for i in range(4000)
    ]


@pytest.mark.parametrize(
    ("sample", "runs", "spread"),
    [
        (1.5e-4, (3, 3), (0.03, 0.03, 0.0)),
        (3.5e-4, (5, 5), (0.05, 0.05, 0.0)),
        (7.0e-4, (5, 5), (0.05, 0.05, 0.0)),  # the saving is as small as its spread: often there is no upper end
        (3.5e-4, (5, 3), (0.05, 0.03, 0.8)),
        (3.5e-4, (10, 5), (0.10, 0.05, -0.5)),
    ],
)
def test_the_interval_covers_as_often_as_it_says(
    sample: float, runs: tuple[int, int], spread: tuple[float, float, float]
) -> None:
    draw = np.random.default_rng(1)
    compressed = measured(draw, 640.0, sample, runs[0], spread)
    dense = measured(draw, DENSE.train_j, DENSE.per_sample_j, runs[1], (0.05, 0.02, 0.0))
    truth = (640.0 - DENSE.train_j) / (DENSE.per_sample_j - sample)
    found = [break_even(made, baseline).interval for made, baseline in zip(compressed, dense, strict=True)]
    covered = sum(low <= truth <= high for low, high in filter(None, found)) / len(found)
    assert 0.93 <= covered <= 0.97


def test_where_nothing_is_saved_the_upper_end_is_infinite() -> None:
    draw = np.random.default_rng(2)
    compressed = measured(draw, 640.0, DENSE.per_sample_j, 5, (0.05, 0.05, 0.0))
    dense = measured(draw, DENSE.train_j, DENSE.per_sample_j, 5, (0.05, 0.05, 0.0))
    found = [break_even(made, baseline) for made, baseline in zip(compressed, dense, strict=True)]
    endless = sum(one.interval is not None and one.interval[1] == math.inf for one in found) / len(found)
    assert 0.96 <= endless <= 0.99  # all but those whose saving seems significant, 2.5 % by chance


def test_a_saving_that_is_not_significant_may_never_pay_back() -> None:
    baseline = cost(560.0, 7.5e-4, 1.0, 1e-5)
    unsure, sure = (
        break_even(cost(640.0, 7.4e-4, 1.0, 1e-5), baseline),
        break_even(cost(640.0, 5e-4, 1.0, 1e-5), baseline),
    )
    assert unsure.interval is not None
    assert unsure.interval[1] == math.inf
    assert unsure.sure.endswith("or more: may never pay back")
    assert sure.interval is not None
    assert sure.interval[0] < 320_000 < sure.interval[1] < 400_000
    assert sure.sure == f"{count(sure.interval[0])} to {count(sure.interval[1])}"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (BreakEven("until", 5.0, (2.0, math.inf)), "2 or more: may never cease to pay"),
        (BreakEven("always", 0.0, (0.0, 0.0)), "at any number"),
        (BreakEven("always", 0.0, (0.0, 2e6)), "sure from 2 million on"),
        (BreakEven("always", 0.0, (2e6, math.inf)), "sure up to 2 million"),
        (BreakEven("always", 0.0, (0.0, math.inf)), "not sure at any number"),
        (BreakEven("never", None, (math.inf, math.inf)), "at any number"),
        (BreakEven("never", None, (2e6, math.inf)), "sure up to 2 million"),
        (BreakEven("never", None, None, ONE_SEED), ONE_SEED),
    ],
)
def test_how_sure_it_is_in_words(found: BreakEven, words: str) -> None:
    assert found.sure == words


def test_with_one_seed_the_interval_is_unknown_and_the_reason_is_said() -> None:
    found = break_even(Costs(train_j=640.0, per_sample_j=3.5e-4), cost(560.0, 7.5e-4, 1.0, 1e-5))
    assert (found.interval, found.reason, found.sure) == (None, ONE_SEED, ONE_SEED)
    assert found.predictions == pytest.approx(200_000)


@pytest.mark.parametrize("energies", [(math.nan, 1.0), (1.0, math.nan), (math.inf, 1.0)])
def test_an_unknown_energy_is_not_compared(energies: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="unknown energy"):
        Costs(train_j=energies[0], per_sample_j=energies[1])


@pytest.mark.parametrize(
    ("predictions", "text"),
    [
        (0, "0"),
        (0.2, "1"),
        (1, "1"),
        (999, "999"),
        (87_234, "87,200"),
        (999_900, "1 million"),
        (1.254e6, "1.25 million"),
        (2e7, "20 million"),
        (5e9, "5 billion"),
        (1e12, "1 trillion"),
    ],
)
def test_numbers_of_predictions_are_words(predictions: float, text: str) -> None:
    assert count(predictions) == text
