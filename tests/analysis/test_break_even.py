"""Break-even agrees with the closed form, and its interval holds the truth as often as it says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenai_core.analysis.break_even import ONE_SEED, BreakEven, Costs, break_even, count


def one_seed(train: float, sample: float) -> Costs:
    return Costs(((0, train, sample),))


def costs(trains: Iterable[float], samples: Iterable[float], first: int = 0) -> Costs:
    """Costs of seeds from `first` on."""
    both = zip(trains, samples, strict=True)
    return Costs(tuple((first + place, float(train), float(sample)) for place, (train, sample) in enumerate(both)))


TRAIN_J, PER_SAMPLE_J = 560.0, 7.5e-4
DENSE = one_seed(TRAIN_J, PER_SAMPLE_J)
energies = st.builds(one_seed, st.sampled_from([1.0, 2.0, 5.0, 640.0]), st.sampled_from([1e-6, 2e-6, 5e-4, 7.5e-4]))


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
    found = break_even(one_seed(train, sample), DENSE)
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


@pytest.mark.parametrize("first", [0, 5])
def test_without_spread_the_interval_is_the_break_even_itself(first: int) -> None:
    """The same seeds, compared one by one, or others."""
    sure = costs([TRAIN_J] * 3, [PER_SAMPLE_J] * 3)
    for train, sample, interval in (
        (640.0, 3.5e-4, (200_000.0, 200_000.0)),
        (500.0, 3.5e-4, (0.0, 0.0)),
        (640.0, 8.5e-4, (math.inf, math.inf)),
    ):
        assert break_even(costs([train] * 3, [sample] * 3, first), sure).interval == pytest.approx(interval)


def test_the_interval_holds_every_number_at_which_the_lifetimes_do_not_differ_significantly() -> None:
    draw = np.random.default_rng(0)
    served = np.concatenate([[0.0], np.logspace(-3, 5, 3000)])
    verdicts = set()
    for _ in range(300):
        made, baseline = (
            costs(draw.normal(draw.normal(0, 10), 6, 4), draw.normal(draw.normal(0, 1), 0.6, 4)) for _ in range(2)
        )
        apart = made.of(made.seeds) - baseline.of(baseline.seeds)
        of_life = apart[:, :1] + apart[:, 1:] * served
        half = 3.182446 * of_life.std(axis=0, ddof=1) / 2  # Student's t with 3 degrees of freedom
        undecided = np.abs(of_life.mean(axis=0)) <= half
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
    half = 4.302653 * 2e-5 / math.sqrt(3)  # 97.5 % of Student's t with 2 degrees of freedom, of three predictions
    made = costs([640.0] * 3, [3.3e-4, 3.5e-4, 3.7e-4], first=5)
    expected = (80 / (4e-4 + half), 80 / (4e-4 - half))
    assert break_even(made, costs([TRAIN_J] * 4, [PER_SAMPLE_J] * 4)).interval == pytest.approx(expected)


SHARED, FRESH = "shared", "fresh"
"""Whether a compressed model begins with the training that its baseline is made by, or with one of its own."""


def people(
    stage: str, sample: float, seeds: tuple[int, int], first: int, spread: tuple[float, float]
) -> Iterator[tuple[Costs, Costs]]:
    """What 4,000 people find: costs of a compressed model and of its baseline.

    Args:
        stage: `SHARED` or `FRESH`; further stages take 80 J.
        sample: joules of one prediction of the compressed model.
        seeds: how many the two have.
        first: seed of the compressed model; those of the baseline begin with 0.
        spread: of a training and of all else, relative.
    """
    draw = np.random.default_rng(1)
    trained, rest = spread
    for _ in range(4000):
        count = max(seeds[1], first + seeds[0])
        training = TRAIN_J * (1 + trained * draw.standard_normal((2, count)))
        noise = 1 + rest * draw.standard_normal((3, count))
        begun = training[1 if stage == SHARED else 0, first : first + seeds[0]]
        further, served = 80 * noise[0, : seeds[0]], sample * noise[1, : seeds[0]]
        yield (
            costs(begun + further, served, first),
            costs(training[1, : seeds[1]], PER_SAMPLE_J * noise[2, : seeds[1]]),
        )


@pytest.mark.parametrize("stage", [SHARED, FRESH])
@pytest.mark.parametrize(
    ("sample", "seeds", "first", "spread", "pairs"),
    [
        (1.5e-4, (3, 3), 0, (0.10, 0.03), 3),
        (3.5e-4, (5, 5), 0, (0.05, 0.05), 5),
        (7.0e-4, (5, 5), 0, (0.05, 0.05), 5),  # the saving is as small as its spread: often there is no upper end
        (3.5e-4, (3, 10), 0, (0.10, 0.05), 3),
        (3.5e-4, (5, 5), 2, (0.10, 0.05), 3),
        (3.5e-4, (2, 5), 0, (0.10, 0.05), 2),
    ],
)
def test_the_interval_covers_as_often_as_it_says_whether_stages_are_shared_or_not(
    stage: str, sample: float, seeds: tuple[int, int], first: int, spread: tuple[float, float], pairs: int
) -> None:
    truth = 80 / (PER_SAMPLE_J - sample)
    found = [break_even(*both) for both in people(stage, sample, seeds, first, spread)]
    assert {each.pairs for each in found} == {pairs}
    covered = sum(low <= truth <= high for low, high in (each.interval or (math.nan, math.nan) for each in found))
    assert 0.93 <= covered / len(found) <= 0.97


@pytest.mark.parametrize(("sample", "seeds"), [(1.5e-4, (3, 3)), (3.5e-4, (5, 5)), (3.5e-4, (10, 5))])
def test_without_seeds_in_common_it_covers_as_often_as_it_says_too(sample: float, seeds: tuple[int, int]) -> None:
    truth = 80 / (PER_SAMPLE_J - sample)
    found = [break_even(*both) for both in people(FRESH, sample, seeds, seeds[1], (0.05, 0.03))]
    assert {each.pairs for each in found} == {0}
    covered = sum(low <= truth <= high for low, high in (each.interval or (math.nan, math.nan) for each in found))
    assert 0.93 <= covered / len(found) <= 0.97


def test_what_both_share_makes_nothing_unsure() -> None:
    trainings = [666.7, 722.4, 753.7]
    dense = costs(trainings, [PER_SAMPLE_J] * 3)
    pruned = costs([training + 80 for training in trainings], [3.5e-4] * 3)
    assert break_even(pruned, dense).interval == pytest.approx((200_000.0, 200_000.0))
    assert break_even(dense, pruned).interval == pytest.approx((200_000.0, 200_000.0))


@pytest.mark.parametrize(
    ("made", "baseline", "pairs"),
    [
        ((0, 1, 2), (0, 1, 2), 3),
        ((0, 1, 2, 3), (1, 2, 3, 4, 5), 3),
        ((0, 1, 2, 3), (2, 3, 4, 5), 0),  # of four each, two tell less than all
        ((0, 1), (0, 1, 2, 3), 2),  # nobody knows more than two differences
        ((0, 1), (1, 2), 0),
        ((0,), (0, 1, 2), 1),
        ((5,), (0, 1, 2), 0),
        ((0, 1, 2), (3, 4, 5), 0),
    ],
)
def test_seeds_in_common_are_compared_where_there_are_enough(
    made: tuple[int, ...], baseline: tuple[int, ...], pairs: int
) -> None:
    training = dict(enumerate([666.7, 722.4, 753.7, 700.1, 690.2, 731.4]))
    found = break_even(
        Costs(tuple((seed, training[seed] + 80, 3.5e-4) for seed in made)),
        Costs(tuple((seed, training[seed], PER_SAMPLE_J) for seed in baseline)),
    )
    assert found.pairs == pairs
    assert (found.predictions == pytest.approx(200_000)) == (pairs > 0)
    assert (found.interval is None) == (1 in (len(made), len(baseline)))


def test_where_nothing_is_saved_the_upper_end_is_infinite() -> None:
    found = [break_even(*both) for both in people(SHARED, PER_SAMPLE_J, (5, 5), 0, (0.05, 0.05))]
    endless = sum(one.interval is not None and one.interval[1] == math.inf for one in found) / len(found)
    assert 0.96 <= endless <= 0.99  # all but those whose saving seems significant, 2.5 % by chance


def test_a_saving_that_is_not_significant_may_never_pay_back() -> None:
    spread = np.array([-1.0, 0.0, 1.0])
    baseline = costs(TRAIN_J + spread, PER_SAMPLE_J + 1e-5 * spread)
    unsure, sure = (break_even(costs(640.0 - spread, sample - 1e-5 * spread), baseline) for sample in (7.4e-4, 5e-4))
    assert unsure.interval is not None
    assert unsure.interval[1] == math.inf
    assert unsure.sure.endswith("or more: may never pay back")
    assert sure.interval is not None
    assert sure.interval[0] < 320_000 < sure.interval[1] < 450_000
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
    found = break_even(one_seed(640.0, 3.5e-4), costs([TRAIN_J, 570.0, 580.0], [PER_SAMPLE_J, 7e-4, 8e-4]))
    assert (found.interval, found.reason, found.sure) == (None, ONE_SEED, ONE_SEED)
    assert found.predictions == pytest.approx(200_000)  # against the same seed, not against the mean of all


def test_costs_are_means_over_the_seeds() -> None:
    made = costs([600.0, 640.0, 710.0], [1.1e-4, 1.5e-4, 1.3e-4])
    assert (made.train_j, made.per_sample_j) == (pytest.approx(650.0), pytest.approx(1.3e-4))
    assert made.at(1e6) == pytest.approx(780.0)


@pytest.mark.parametrize("energies", [(math.nan, 1.0), (1.0, math.nan), (math.inf, 1.0)])
def test_an_unknown_energy_is_not_compared(energies: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="unknown energy"):
        one_seed(*energies)


@pytest.mark.parametrize("by_seed", [(), ((0, 1.0, 1.0), (0, 2.0, 2.0))])
def test_every_seed_counts_once(by_seed: tuple[tuple[int, float, float], ...]) -> None:
    with pytest.raises(ValueError, match="each once"):
        Costs(by_seed)


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
